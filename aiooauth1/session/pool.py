"""The one aiohttp `ClientSession` that a session and its views share."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, hdrs
from multidict import CIMultiDict

from aiooauth1._internal.lifecycle import Home
from aiooauth1.errors import SigningError
from aiooauth1.session.connection_limiter import Slots
from aiooauth1.session.options import ClientSessionOptions
from aiooauth1.session.retry import Budget
from aiooauth1.session.retry_middleware import Circumstances


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiohttp import ClientMiddlewareType

    from aiooauth1.transport.clock import ProviderClocks


__all__ = ["Pool"]


class Pool:
    """Makes the `ClientSession` on first use, inside the running loop, and closes it once.

    Args:
        options: aiohttp's, and `ssl`.
        clocks: The time at each origin.
        sleep: Waits so many seconds.
        allow_unverified_tls: Whether `ssl=False` is taken.

    Raises:
        TypeError: If an option is unknown, or `ssl` and a connector are both given.
        SigningError: If an option would write Authorization, or turn the check of certificates off.
    """

    shared: Circumstances
    """What all calls share when they are sent: there once `http` has been called."""

    def __init__(
        self,
        options: ClientSessionOptions,
        clocks: ProviderClocks,
        sleep: Callable[[float], Awaitable[object]],
        *,
        allow_unverified_tls: bool,
    ) -> None:
        headers = CIMultiDict[str](options.get("headers") or {})  # kept, since an iterator comes only once
        if "auth" in options or hdrs.AUTHORIZATION in headers:
            raise SigningError(
                "the session's options write Authorization (auth= or headers=): only we do that"
            )
        if unknown := sorted(options.keys() - ClientSessionOptions.__annotations__.keys()):
            raise TypeError(f"OAuth1Session has no option {unknown[0]!r}")
        self._options: dict[str, Any] = {**options, "headers": headers}
        self._ssl = self._options.pop("ssl", True)
        if self._ssl is not True and self._options.get("connector") is not None:
            raise TypeError("give ssl= to the connector that you pass in")
        self._allow_unverified_tls = allow_unverified_tls
        self.refuse_unverified(self._ssl)
        self._clocks = clocks
        self._sleep = sleep
        self._http: ClientSession | None = None
        self._timeout = ClientTimeout()
        self._home = Home("session")

    @property
    def middlewares(self) -> Sequence[ClientMiddlewareType]:
        """The middlewares of all calls that bring none of their own."""
        return tuple(self._options.get("middlewares", ()))

    def http(self) -> ClientSession:
        """Return the `ClientSession`.

        Raises:
            RuntimeError: If the pool is closed, or was first used in another event loop or process.
        """
        self._home.enter()
        if self._http is None:
            options = dict(self._options)
            # A jar that keeps cookies would have one user's requests carry another's.
            if options.get("cookie_jar") is None:  # a jar that is passed in is false as long as it is empty
                options["cookie_jar"] = DummyCookieJar()
            if options.get("connector") is None:
                options["connector"] = TCPConnector(ssl=self._ssl)
            else:
                options.setdefault("connector_owner", False)  # what you pass in, you close
            self._http = ClientSession(**options)
            self._timeout = self._http.timeout
            now = asyncio.get_running_loop().time
            slots = Slots(options["connector"])
            self.shared = Circumstances(self._home, slots, Budget(), self._clocks, self._sleep, now)
        return self._http

    def refuse_unverified(self, verify: object) -> None:
        """Refuse what turns the check of certificates off.

        Args:
            verify: What aiohttp takes as `ssl=`.

        Raises:
            SigningError: If it does.
        """
        is_off = verify is False
        if isinstance(verify, ssl.SSLContext):
            is_off = verify.verify_mode is ssl.CERT_NONE or not verify.check_hostname
        if is_off and not self._allow_unverified_tls:
            raise SigningError(
                "without the check of certificates anybody on the way can read and answer (ssl=): say"
                " allow_unverified_tls=True if you must"
            )

    def timeout(self, given: ClientTimeout | float | None) -> ClientTimeout:
        """Return how long a call may take.

        Args:
            given: What the call brings; None: it goes by the session's.
        """
        if given is None:
            return self._timeout
        return given if isinstance(given, ClientTimeout) else ClientTimeout(total=given)

    async def close(self) -> None:
        """Close the connections; a second time it does nothing."""
        if self._home.leave() and self._http is not None:
            await self._http.close()
