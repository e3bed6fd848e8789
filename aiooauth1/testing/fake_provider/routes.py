"""Which function answers which request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from aiohttp import web

from aiooauth1.providers.provider import Provider
from aiooauth1.testing.fake_provider import endpoints, resources
from aiooauth1.testing.fake_provider.errors import HTTPRefusal
from aiooauth1.testing.fake_provider.request_context import ProviderState, RequestContext, nothing


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["ENDPOINTS", "Endpoint", "Route", "find_own_route", "find_route", "provider_at"]

POSTS = "posts"
"""The path of the list of posts; each post is one step below it."""

ECHO = "echo"
"""The path of the echo, which also answers anywhere below it."""

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "request_token": "oauth/request_token",
        "authorize": "oauth/authorize",
        "access_token": "oauth/access_token",
        "renew": "oauth/renew",
        "revoke": "oauth/revoke",
        "identify": "wiki/Special:OAuth/identify",
        "posts": POSTS,
        "echo": ECHO,
    }
)
"""The paths of the endpoints by their names, relative to the provider's URL."""

Endpoint = Callable[[RequestContext, ProviderState], web.Response]


class Route(NamedTuple):
    """An endpoint, and the rest of the path after it.

    Args:
        name: The endpoint's name, as in the ledger.
        methods: The function for each method. If empty, `echo` answers all.
        rest: The rest of the path after the endpoint's own.
    """

    name: str
    methods: Mapping[str, Endpoint]
    rest: bytes = b""

    @property
    def allow(self) -> str:
        """The methods of the endpoint."""
        return ", ".join(self.methods) or "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

    @property
    def signed(self) -> bool:
        """Whether it is for consumers, not for browsers."""
        return self.name != "authorize"

    def endpoint(self, method: str) -> Endpoint:
        """Return the function for a method."""
        if self.name == "unknown":
            raise HTTPRefusal("not_found", "there is nothing here", 404)
        found = self.methods.get(method) if self.methods else resources.echo
        if found is None:
            raise HTTPRefusal("method_not_allowed", f"this takes {self.allow}", 405, allow=self.allow)
        return found


def _options(call: RequestContext, _: ProviderState) -> web.Response:
    return nothing(call.allow)


_UNKNOWN = Route("unknown", {})
_POST_METHODS = dict.fromkeys(("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"), resources.post)
_METHODS: Mapping[str, Mapping[str, Endpoint]] = MappingProxyType(
    {
        "request_token": {
            "GET": endpoints.request_token,
            "POST": endpoints.request_token,
            "OPTIONS": _options,
        },
        "authorize": {
            "GET": endpoints.show_page,
            "HEAD": endpoints.show_page,
            "POST": endpoints.answer,
            "OPTIONS": _options,
        },
        "access_token": {"GET": endpoints.access_token, "POST": endpoints.access_token, "OPTIONS": _options},
        "renew": {"GET": endpoints.renew, "POST": endpoints.renew, "OPTIONS": _options},
        "revoke": {"GET": endpoints.revoke, "POST": endpoints.revoke, "OPTIONS": _options},
        "identify": {"GET": endpoints.identify, "OPTIONS": _options},
        "posts": dict.fromkeys(("GET", "HEAD", "POST", "OPTIONS"), resources.posts),
        "echo": {},
    }
)
_WIKI_TOKEN = "wiki/Special:OAuth/token"  # noqa: S105  a path
_ROUTES: Mapping[bytes, Route] = MappingProxyType(
    {path.encode(): Route(name, _METHODS[name]) for name, path in ENDPOINTS.items()}
    | {_WIKI_TOKEN.encode(): Route("access_token", _METHODS["access_token"])}
)


def find_own_route(like: Provider, target: bytes, *, has_token: bool) -> Route:
    """Find the endpoint at a path of the `like` provider, so that its URLs work unmodified."""
    path = target.partition(b"?")[0]
    # Evernote has one path for both token endpoints: only the exchange comes with a token.
    for name in ("access_token", "request_token") if has_token else ("request_token", "access_token"):
        if _is_at(getattr(like, f"{name}_url"), target):
            return Route(name, _METHODS[name])
    others = {name: like.endpoint(name).url for name in ("authorize", "renew", "revoke")}
    others["identify"] = _identify_url(like.access_token_url)
    for name, url in others.items():
        if _is_at(url, target):
            return Route(name, _METHODS[name])
    base = b"/" + like.base_url.partition("://")[2].partition("/")[2].encode()
    return Route("echo", {}, path.removeprefix(base)) if like.base_url and path.startswith(base) else _UNKNOWN


def _identify_url(access_token_url: str) -> str:
    """Return where a wiki says who a user is; an empty text if it is not a wiki's URL."""
    before, found, after = unquote(access_token_url).partition("Special:OAuth/token")
    return f"{before}Special:OAuth/identify{after}" if found else ""


def _is_at(url: str, target: bytes) -> bool:
    own = ("/" + url.partition("://")[2].partition("/")[2]).encode()
    return bool(url) and (target == own or target.startswith(own + (b"&" if b"?" in own else b"?")))


def find_route(path: bytes) -> Route:
    """Find the endpoint at a path."""
    found = _ROUTES.get(path)
    if found is not None:
        return found
    head, slash, rest = path.partition(b"/")
    if slash and head == POSTS.encode():
        return Route("post", _POST_METHODS, rest)
    if slash and head == ECHO.encode():
        return Route("echo", {}, rest)
    return _UNKNOWN


def provider_at(url: str, name: str, like: Provider | None = None, denial: str = "") -> Provider:
    """Describe a FakeProvider to a consumer.

    Args:
        url: Its URL, which ends in `/`.
        name: The namespace of its tokens in stores.
        like: The provider whose quirks it has, if any.
        denial: How it reports that the user has denied.

    Returns:
        The provider, with all its endpoints.

    >>> provider_at("http://127.0.0.1:8080/", "fake").access_token_url
    'http://127.0.0.1:8080/oauth/access_token'
    """
    like = like or Provider(name, renew_url=url)
    return replace(
        like,
        name=name,
        request_token_url=url + ENDPOINTS["request_token"],
        authorize_url=url + ENDPOINTS["authorize"],
        access_token_url=url
        + (_WIKI_TOKEN if _identify_url(like.access_token_url) else ENDPOINTS["access_token"]),
        revoke_url=url + ENDPOINTS["revoke"],
        renew_url=url + ENDPOINTS["renew"] if like.renew_url else "",
        base_url=url,
        origins=(),
        public_only=False,  # it is on loopback
        denied_by_empty_verifier=like.denied_by_empty_verifier or denial == "empty_verifier",
    )
