"""Finds a provider's endpoints from the address of a site: WordPress with its OAuth1 plugin."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, hdrs
from yarl import URL

from aiooauth1.errors import RedirectRefused, SigningError, TokenResponseError
from aiooauth1.flows.sites import Site, origin_of
from aiooauth1.providers.tenants import wordpress
from aiooauth1.responses.problem import read_problem
from aiooauth1.session.redirects import REDIRECTS
from aiooauth1.transport.public_only import private_address_in, public_connector


if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from aiohttp import ClientResponse

    from aiooauth1.providers.provider import Provider


__all__ = ["discover"]

_MOST_READ = 1 << 20  # bytes: the index of a site with many plugins has some hundred thousand
_MOST_HOPS = 3
_NOT_FOUND = 404
_FIRST_REFUSAL = 400
_SECONDS = 15.0


async def discover(site: str, *, http: ClientSession | None = None, public_only: bool = True) -> Provider:
    """Ask a WordPress site where its OAuth endpoints are, and describe it as a provider.

    The site's REST index (`/wp-json/`) names them, if the OAuth1 plugin is active. All else is as in the
    preset `wordpress(site)`, also its name in stores. Nothing is stored.

    Args:
        site: The site's address, such as `https://example.org/blog`.
        http: A session of yours to send the requests with. By default `discover` opens and closes its own.
        public_only: Whether to connect to public addresses only, since users name the site. It is checked at
            each connection, and the returned provider has it set too. It needs `http=None`.

    Raises:
        TypeError: If the site is not a str.
        ValueError: If it is not an https address (or http on this machine with `public_only=False`), or
            `http=` is given with `public_only=True`.
        SigningError: If the site is not at a public address, and `public_only` is set.
        RedirectRefused: If it redirects to another origin, or more than 3 times.
        ProviderError: If it answers with an error status.
        TokenResponseError: If its index is not JSON, too long, or names no endpoints on its own origin.
        aiohttp.ClientError: If the connection fails.
        TimeoutError: If it does not answer within 15 seconds.
    """
    place = Site.of(site)
    if not public_only or http is None:
        opened: AbstractAsyncContextManager[ClientSession] = (
            nullcontext(http) if http is not None else _session(public_only=public_only)
        )
        async with opened as session:
            index, url = await _index(session, place)
            return _provider(place, index, url, public_only=public_only)
    raise ValueError(
        "public_only=True cannot check the connections of http=: leave http= out, or pass public_only=False"
    )


def _session(*, public_only: bool) -> ClientSession:
    connector = public_connector() if public_only else None
    return ClientSession(cookie_jar=DummyCookieJar(), connector=connector)


async def _index(http: ClientSession, site: Site) -> tuple[dict[str, Any], str]:
    """Return the site's REST index and its URL; sites without pretty permalinks have it elsewhere."""
    for path in ("/wp-json/", "/?rest_route=/"):
        status, headers, body, url = await _get(http, f"{site.base}{path}", site.origin)
        if status < _FIRST_REFUSAL or (status != _NOT_FOUND and path != "/wp-json/"):
            break
    if status >= _FIRST_REFUSAL:
        raise read_problem(status, headers, body[:65_536]).error(method="GET", url=url)
    try:
        index = json.loads(body)
    except (ValueError, RecursionError):
        index = None
    if not isinstance(index, dict):
        raise TokenResponseError(
            f"{site.base}/wp-json/ is not a WordPress index (a JSON object): check the site's address"
        )
    return index, url


async def _get(http: ClientSession, url: str, origin: str) -> tuple[int, list[tuple[str, str]], bytes, str]:
    """Fetch one document, and follow redirects within the origin."""
    for _ in range(_MOST_HOPS + 1):
        try:
            async with http.get(
                URL(url),
                allow_redirects=False,
                raise_for_status=False,
                headers={hdrs.ACCEPT: "application/json"},
                timeout=ClientTimeout(total=_SECONDS),
            ) as response:
                if response.status not in REDIRECTS:
                    return response.status, list(response.headers.items()), await _read(response), url
                target = urljoin(url, response.headers.get(hdrs.LOCATION, ""))
        except OSError as error:
            if (address := private_address_in(error)) is None:
                raise
            private = SigningError(f"{origin} is at {address}, which is not a public address")
        else:
            if origin_of(target) != origin:
                shown = origin_of(target) or "something other than an http URL"
                raise RedirectRefused(f"{origin} redirects to {shown}: if that is the site, pass its address")
            url = target
            continue
        raise private
    raise RedirectRefused(f"{origin} redirects more than {_MOST_HOPS} times: check the site's address")


async def _read(response: ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MOST_READ:
            response.close()
            raise TokenResponseError(f"the site's index is longer than {_MOST_READ} bytes")
    return bytes(body)


def _provider(site: Site, index: dict[str, Any], url: str, *, public_only: bool) -> Provider:
    endpoints = index.get("authentication")
    endpoints = endpoints.get("oauth1") if isinstance(endpoints, dict) else None
    if not isinstance(endpoints, dict):
        raise TokenResponseError(
            f"{site.base} has no OAuth 1.0a endpoints: activate the WP-API OAuth1 plugin there"
        )
    urls = {name: endpoints.get(name) for name in ("request", "authorize", "access")}
    for name, given in urls.items():
        if not isinstance(given, str) or origin_of(given) != site.origin or "#" in given:
            raise TokenResponseError(
                f"the index of {site.base} has no {name} endpoint on the site's own origin"
            )
    return replace(
        wordpress(site.base),
        request_token_url=urls["request"] or "",
        authorize_url=urls["authorize"] or "",
        access_token_url=urls["access"] or "",
        base_url="" if "?" in url else url.rstrip("/") + "/",
        origins=(site.origin,),
        public_only=public_only,
    )
