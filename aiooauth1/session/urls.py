"""Where a session's calls go, and where they may not."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from yarl import URL

from aiooauth1.errors import SigningError
from aiooauth1.signing.encoding import utf8
from aiooauth1.transport.origin import Origin, Target, refuse_bare_transport
from aiooauth1.transport.params import Pairs


if TYPE_CHECKING:
    from aiooauth1.providers.provider import Provider
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["Targets"]

_KEPT = 512


class Targets:
    """Turns what a caller gives as URL into where the call goes.

    Args:
        provider: Whose origins are signed for; None: any.
        allow_http: Whether plain http to other machines, and PLAINTEXT over http, are allowed.
    """

    __slots__ = ("_allow_http", "_origins", "_permitted_text", "_provider", "pairs")

    def __init__(self, provider: Provider | None, *, allow_http: bool) -> None:
        self._provider = provider
        if provider is None:
            self._origins: frozenset[Origin] = frozenset()
            self._allow_http = allow_http
            self.pairs = Pairs()
        else:
            self._origins = frozenset(Origin.of(URL(url)) for url in provider.signed_origins())
            self._allow_http = allow_http or provider.allow_http
            is_sorted = provider.rules.sorted_parameters
            self.pairs = Pairs(php_arrays=provider.php_arrays, is_sorted=is_sorted)
        # Most calls go to one of few URLs, and whether they may does not change.
        self._permitted_text = lru_cache(_KEPT)(self._permitted)

    def locate(self, url: str | URL, params: Any, signature_method: SignatureMethod) -> Target:
        """Return where a call goes, having checked that it may.

        Args:
            url: Absolute, or relative to the provider's `base_url`.
            params: More parameters of the query, as `Pairs.query` takes them.
            signature_method: How it will be signed.

        Raises:
            SigningError: If it may not go there.
            TypeError: If `url` is neither text nor URL, or `params` are no parameters.
        """
        permitted = self._permitted_text if isinstance(url, str) else self._permitted
        target = permitted(url)
        refuse_bare_transport(target.origin, signature_method, allow_http=self._allow_http)
        if params or self.pairs.is_sorted:
            query = self.pairs.query(params, target.url.raw_query_string)
            where = f"{str(target.url).partition('?')[0]}{'?' if query else ''}{query}"
            return Target(URL(where, encoded=True), target.origin)
        return target

    def _permitted(self, url: str | URL) -> Target:
        if isinstance(url, str):
            utf8(url)  # what has no UTF-8 form is refused here, since yarl leaves it out in silence
        try:
            where = url if isinstance(url, URL) else URL(url)
        except ValueError as error:
            reason = str(error)
        else:
            where = self._absolute(where)
            target = Target(where, Origin.of(where))
            self._check(target.origin)
            return target
        raise SigningError(f"the URL is malformed: {reason}")

    def _absolute(self, where: URL) -> URL:
        if not where.scheme:
            if self._provider is None or not self._provider.base_url:
                raise SigningError("the URL is relative, and the session has no provider with a base_url")
            where = URL(self._provider.base_url).join(where)
        if where.scheme not in {"http", "https"} or not where.raw_host:
            raise SigningError(
                "the URL is not one of https or http with a host: only such requests are signed"
            )
        if where.raw_user is not None or where.raw_password is not None:
            raise SigningError("the URL holds a user name or password: only the signature says who asks")
        return where.with_fragment(None)

    def _check(self, origin: Origin) -> None:
        provider = self._provider
        if provider is not None and origin not in self._origins:
            raise SigningError(
                f"{origin} is no origin of the provider {provider.name!r}: name it in Provider.origins, or"
                " use session.http for an unsigned request"
            )
        if provider is not None and not provider.signs_calls:
            raise SigningError(
                f"{provider.name!r} takes no signed calls: its access token is a key, to be sent as it says"
                " with session.http"
            )
