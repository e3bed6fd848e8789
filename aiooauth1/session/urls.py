"""Where a session's calls go, and where they may not."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from yarl import URL

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import parse_url as check_url
from aiooauth1.signing.encoding import utf8
from aiooauth1.transport.origin import Origin, RequestTarget, check_proxy_url, require_secure_transport
from aiooauth1.transport.params import ParamsEncoder
from aiooauth1.transport.placement import without_ours


if TYPE_CHECKING:
    from aiooauth1.providers.provider import Provider
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["TargetResolver"]

_KEPT = 512


class TargetResolver:
    """Turns what a caller gives as URL into where the call goes.

    Args:
        provider: The provider whose origins are signed for, or None for any origin.
        allow_http: Whether plain http to other machines, and PLAINTEXT over http, are allowed.
        strips_query: Whether our own parameters are taken out of the query of a URL: a provider that wants
            them there copies them into its links to other pages.
    """

    __slots__ = ("_allow_http", "_origins", "_permitted", "_provider", "_strips_query", "pairs")

    def __init__(self, provider: Provider | None, *, allow_http: bool, strips_query: bool = False) -> None:
        self._provider = provider
        self._strips_query = strips_query
        if provider is None:
            self._origins: frozenset[Origin] = frozenset()
            self._allow_http = allow_http
            self.pairs: ParamsEncoder = ParamsEncoder()
        else:
            self._origins = frozenset(Origin.of(URL(url)) for url in provider.signed_origins())
            self._allow_http = allow_http or provider.allow_http
            is_sorted = provider.rules.sorted_parameters
            self.pairs = ParamsEncoder(php_arrays=provider.php_arrays, is_sorted=is_sorted)
        # Most calls go to one of few URLs, and whether they may does not change.
        self._permitted = lru_cache(_KEPT)(self._resolve)

    def resolve(self, url: str | URL, params: Any, signature_method: SignatureMethod) -> RequestTarget:
        """Return where a call goes, having checked that it may.

        Args:
            url: Absolute, or relative to the provider's `base_url`.
            params: More parameters of the query, as `ParamsEncoder.encode_query` takes them.
            signature_method: How it will be signed.

        Raises:
            SigningError: If it may not go there.
            TypeError: If `url` is neither text nor URL, or `params` are no parameters.
        """
        target = self._permitted(url) if isinstance(url, (str, URL)) else self._resolve(url)
        require_secure_transport(target.origin, signature_method, allow_http=self._allow_http)
        if params or self.pairs.is_sorted:
            query = self.pairs.encode_query(params, target.url.raw_query_string)
            where = f"{str(target.url).partition('?')[0]}{'?' if query else ''}{query}"
            return RequestTarget(URL(where, encoded=True), target.origin)
        return target

    def check_proxy(self, target: RequestTarget, proxy: Any) -> None:
        """Refuse to send a plain http request to a proxy on another machine, if http is not allowed.

        Raises:
            TypeError: If the proxy is neither text nor URL.
            ValueError: If it is not an http or https URL.
            SigningError: If it is on another machine.
        """
        where = check_proxy_url(proxy)
        if target.origin.scheme != "http" or self._allow_http:
            return
        if not Origin.of(where).is_loopback:
            raise SigningError("plain http through a proxy on another machine: use https, or allow_http=True")

    def _resolve(self, url: str | URL) -> RequestTarget:
        if isinstance(url, str):
            utf8(url)  # what has no UTF-8 form is refused here, since yarl leaves it out in silence
        try:
            where = url if isinstance(url, URL) else URL(url)
        except ValueError as error:
            reason = str(error)
        else:
            where = self._absolute(where)
            target = RequestTarget(where, Origin.of(where))
            self._check(target.origin)
            check_url(str(where))
            return target
        raise SigningError(f"the URL is malformed: {reason}")

    def _absolute(self, where: URL) -> URL:
        if not where.scheme:
            if self._provider is None or not self._provider.base_url:
                raise SigningError("the URL is relative, and the session has no provider with a base_url")
            base = URL(self._provider.base_url)
            joined = base.join(where)
            if not where.raw_host and not joined.raw_path.startswith(base.raw_path):
                warnings.warn(
                    f"{str(where)!r} leaves the path of base_url ({base.raw_path}): it means"
                    f" {joined.raw_path}; write it without the slash at its beginning, or whole",
                    stacklevel=2,
                )
            where = joined
        if where.scheme not in {"http", "https"} or not where.raw_host:
            raise SigningError(
                "the URL is not one of https or http with a host: only such requests are signed"
            )
        if self._strips_query and where.raw_query_string:
            url, _, query = str(where).partition("?")
            kept = without_ours(query.partition("#")[0].encode()).decode()
            where = URL(f"{url}?{kept}" if kept else url, encoded=True)
        if where.raw_user is not None or where.raw_password is not None:
            raise SigningError("the URL holds a user name or password: only the signature says who asks")
        return where.with_fragment(None)

    def _check(self, origin: Origin) -> None:
        provider = self._provider
        if provider is not None and origin not in self._origins:
            raise SigningError(
                f"{origin} is not an origin of the provider {provider.name!r}: name it in Provider.origins,"
                " or use session.http for an unsigned request"
            )
        if provider is not None and not provider.signs_calls:
            raise SigningError(
                f"{provider.name!r} takes no signed calls: its access token is a key, to be sent as it says"
                " with session.http"
            )
