"""The one aiohttp `ClientSession` that a session and its views share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession, DummyCookieJar, hdrs
from multidict import CIMultiDict

from aiooauth1.errors import SigningError
from aiooauth1.options import ClientSessionOptions


if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import ClientMiddlewareType


__all__ = ["Pool"]


class Pool:
    """Makes the `ClientSession` on first use, inside the running loop, and closes it once.

    Raises:
        TypeError: If an option is unknown.
        SigningError: If an option would write Authorization.
    """

    def __init__(self, options: ClientSessionOptions) -> None:
        headers = CIMultiDict[str](options.get("headers") or {})
        if "auth" in options or hdrs.AUTHORIZATION in headers:
            raise SigningError(
                "the session's options write Authorization (auth= or headers=): only we do that"
            )
        if unknown := sorted(options.keys() - ClientSessionOptions.__annotations__.keys()):
            raise TypeError(f"OAuth1Session has no option {unknown[0]!r}")
        self._options: dict[str, Any] = {**options, "headers": headers}
        self._http: ClientSession | None = None
        self._closed = False

    @property
    def middlewares(self) -> Sequence[ClientMiddlewareType]:
        """The middlewares of all calls that bring none of their own."""
        return tuple(self._options.get("middlewares", ()))

    def http(self) -> ClientSession:
        """Return the `ClientSession`.

        Raises:
            RuntimeError: If the pool is closed.
        """
        if self._closed:
            raise RuntimeError("the session is closed")
        if self._http is None:
            # A jar that keeps cookies would have one user's requests carry another's.
            jar = self._options.get("cookie_jar")  # an empty one is false
            jar = DummyCookieJar() if jar is None else jar
            self._http = ClientSession(**{**self._options, "cookie_jar": jar})
        return self._http

    async def close(self) -> None:
        """Close the connections; a second time it does nothing."""
        self._closed = True
        if self._http is not None:
            await self._http.close()
