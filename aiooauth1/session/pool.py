"""The one aiohttp `ClientSession` that a session and its views share, and what its calls share."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from aiohttp import (
    BaseConnector,
    ClientConnectionError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    hdrs,
)

from aiooauth1._internal.arguments import check_functions, kind_of
from aiooauth1._internal.lifecycle import LoopAffinity
from aiooauth1.errors import SigningError
from aiooauth1.session.options import ClientSessionOptions
from aiooauth1.session.rate_gate import RateGates
from aiooauth1.session.retry import RetryBudget
from aiooauth1.session.signing_request import SigningRequest
from aiooauth1.transport.origin import check_proxy_url
from aiooauth1.transport.public_only import public_connector
from aiooauth1.transport.request import header_fields


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp import ClientMiddlewareType, ClientResponse

    from aiooauth1.transport.clock import ProviderClock


__all__ = ["ConnectionPool", "LoopTurns"]

_USERS_KEPT = 1024
_CONSUMER = "write OAuth1Session(Consumer(key, secret))"
_TOKENS = "write OAuth1Session(consumer, AccessToken(key, secret))"
# Options of aiohttp that are left out on purpose, and those of other libraries: what to write instead.
_OTHER_NAMES = {
    "trust_env": "give proxy= to the session or a call (urllib.request.proxy_bypass() knows NO_PROXY)",
    "base_url": "give provider=Provider(name, base_url=...)",
    "cookies": "give cookie_jar= to the session, or cookies= to a call",
    "request_class": "the session has its own, which signs",
    **dict.fromkeys(("client_key", "client_secret", "consumer_key", "consumer_secret"), _CONSUMER),
    **dict.fromkeys(("resource_owner_key", "resource_owner_secret", "oauth_token"), _TOKENS),
    **dict.fromkeys(("access_token", "access_token_secret", "token_secret", "oauth_token_secret"), _TOKENS),
    **dict.fromkeys(("verify", "verify_ssl", "cert"), "give ssl=, an ssl.SSLContext"),
    **dict.fromkeys(("proxies", "http_proxy", "https_proxy"), "give proxy="),
    **dict.fromkeys(("retries", "max_retries", "total_retries"), "give retry=Retry(attempts=...)"),
    **dict.fromkeys(
        ("conn_timeout", "read_timeout", "connect_timeout"), "give timeout=aiohttp.ClientTimeout(...)"
    ),
    **dict.fromkeys(
        ("callback", "callback_uri", "callback_url", "redirect_uri"), "give it to Handshake.begin()"
    ),
    "verifier": "give it to Handshake.complete_with_verifier()",
    "user_agent": "give headers={'User-Agent': ...}",
    "loop": "leave it out: the loop that runs at first use is taken",
    "signature_type": "write placement='header', 'query' or 'body'",
    "rsa_key": "write signature_method=RSA_SHA1(key)",
}


class LoopTurns:
    """Tells whether anything else can have run in the event loop since a moment.

    Without a suspension nothing else runs. `mark` has the loop count one more in its next iteration.
    """

    __slots__ = ("_is_scheduled", "count")

    def __init__(self) -> None:
        self.count: int = 0
        self._is_scheduled = False

    def mark(self) -> int:
        """Return the count, which is another one as soon as anything else has run."""
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._next)
        return self.count

    def _next(self) -> None:
        self._is_scheduled = False
        self.count += 1


class ConnectionPool:
    """Makes the `ClientSession` on first use, inside the running loop, and closes it once.

    Args:
        options: aiohttp's, and `ssl`.
        clocks: The time at each origin.
        clock: Our own time, in seconds since the epoch.
        sleep: Waits so many seconds.
        allow_unverified_tls: Whether `ssl=False` is accepted.
        public_only: Whether connections go to public addresses only.

    Raises:
        TypeError: If an option is unknown, or `ssl` and a connector are both given.
        SigningError: If an option would write Authorization, or turn the check of certificates off.
    """

    def __init__(
        self,
        options: ClientSessionOptions,
        clocks: ProviderClock,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        *,
        allow_unverified_tls: bool,
        public_only: bool,
    ) -> None:
        headers = header_fields(options.get("headers") or {})  # kept, since an iterator comes only once
        if "auth" in options or hdrs.AUTHORIZATION in headers:
            raise SigningError(
                "the session's options write Authorization (auth= or headers=): only we do that"
            )
        for name in sorted(options.keys() - ClientSessionOptions.__annotations__.keys()):
            hint = _OTHER_NAMES.get(name)
            raise TypeError(f"OAuth1Session has no option {name!r}{f': {hint}' if hint else ''}")
        self._options: dict[str, Any] = {**options, "headers": headers}
        connector = options.get("connector")
        if connector is not None and not isinstance(connector, BaseConnector):
            raise TypeError(
                f"connector= must be an aiohttp connector such as TCPConnector(), not {kind_of(connector)}"
            )
        if options.get("proxy") is not None:
            check_proxy_url(options["proxy"])
        self._ssl = self._options.pop("ssl", True)
        if self._ssl is not True and self._options.get("connector") is not None:
            raise TypeError("give ssl= to the connector that you pass in")
        self._allow_unverified_tls = allow_unverified_tls
        self.require_verified_tls(self._ssl)
        self.public_only = public_only
        if public_only and self._options.get("connector") is not None:
            raise TypeError(
                "public_only=True needs the session's own connector: give public_only=False, or no connector="
            )
        self.refuse_unsafe_proxy(self._options)
        self.clocks: ProviderClock = clocks
        self.clock: Callable[[], float] = clock
        self._sleep = sleep
        self._pauses: set[asyncio.Timeout] = set()
        self.budget: RetryBudget = RetryBudget()
        self.gates: RateGates = RateGates()
        self.turns: LoopTurns = LoopTurns()
        self._responses: WeakSet[ClientResponse] = WeakSet()
        self._last_headers: dict[str, Mapping[str, str]] = {}
        # Those of all calls that bring none of their own.
        self.middlewares: Sequence[ClientMiddlewareType] = tuple(self._options.get("middlewares") or ())
        self._options["middlewares"] = self.middlewares
        for one in self.middlewares:
            check_functions(middlewares=one)
        self._http: ClientSession | None = None
        given = self._options.get("timeout")
        if given is not None and not isinstance(given, ClientTimeout):
            raise TypeError(
                f"timeout must be a ClientTimeout, not {type(given).__name__}: ClientTimeout(total=…)"
            )
        self._timeout = given or ClientTimeout(total=300)
        self._affinity = LoopAffinity("session")

    def check_open(self) -> None:
        """Raise RuntimeError if the session is closed, or used in another event loop or process."""
        self._affinity.check()

    def http(self) -> ClientSession:
        """Return the `ClientSession`.

        Raises:
            RuntimeError: If the pool is closed, or was first used in another event loop or process.
        """
        self._affinity.check()
        if self._http is None:
            options = dict(self._options)
            # A jar that keeps cookies would have one user's requests carry another's.
            if options.get("cookie_jar") is None:  # not `or`: an empty jar is false
                options["cookie_jar"] = DummyCookieJar()
            if options.get("connector") is None:
                options["connector_owner"] = True  # nobody else has it
                options["connector"] = (public_connector if self.public_only else TCPConnector)(ssl=self._ssl)
            self._http = ClientSession(**options, request_class=SigningRequest)
            self._timeout = self._http.timeout
        return self._http

    def require_verified_tls(self, verify: object) -> None:
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

    def refuse_unsafe_proxy(self, options: Mapping[str, Any]) -> None:
        """Refuse a proxy where addresses are checked: it connects in our place.

        Raises:
            SigningError: If the options name one.
        """
        if self.public_only and options.get("proxy") is not None:
            raise SigningError("public_only=True cannot check where a proxy connects to: leave proxy= out")

    def proxy(self, options: Mapping[str, Any]) -> object:
        """Return the proxy of a call with these options, or None."""
        return options["proxy"] if options.get("proxy") is not None else self._options.get("proxy")

    def timeout(self, given: ClientTimeout | float | None) -> ClientTimeout:
        """Return how long a call may take.

        Args:
            given: What the call brings, or None if it goes by the session's.

        Raises:
            TypeError: If it is of another type.
            ValueError: If it is negative or not a number.
        """
        if given is None:
            return self._timeout
        if isinstance(given, ClientTimeout):
            return given
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise TypeError(
                f"timeout must be seconds or a ClientTimeout, not {type(given).__name__}: write"
                " aiohttp.ClientTimeout(total=…)"
            )
        if not given >= 0:
            raise ValueError(f"timeout must be a number of seconds, 0 or more, not {given}")
        return ClientTimeout(total=given)

    def note_response(self, user: str | None, response: ClientResponse) -> None:
        """Keep what a response says of rate limits, and the response while its body is on its way."""
        if user is not None:
            kept = self._last_headers
            kept[user] = response.headers
            if len(kept) > _USERS_KEPT:
                del kept[next(iter(kept))]
        if response.connection is not None:
            self._responses.add(response)

    def last_headers(self, user: str) -> Mapping[str, str] | None:
        """Return the header fields of the last response for a user, if it is known."""
        return self._last_headers.get(user)

    async def pause(self, seconds: float) -> None:
        """Wait before a retry.

        Raises:
            RuntimeError: If the pool is closed; if it is closed meanwhile, at that moment.
        """
        try:
            async with asyncio.timeout(None) as end:
                self._pauses.add(end)
                await self._sleep(seconds)
        except TimeoutError:
            if not end.expired():
                raise
        finally:
            self._pauses.discard(end)
        self.check_open()

    def check_close(self) -> None:
        """Raise RuntimeError if the pool is open in another event loop."""
        self._affinity.check_close()

    async def close(self) -> None:
        """Close the connections and end the pauses before retries; a second time it does nothing."""
        if self._affinity.is_current():
            while self._pauses:
                self._pauses.pop().reschedule(0)
        if not self._affinity.close():
            return
        connector = self._options.get("connector")
        owns_connections = connector is None or self._options.get("connector_owner", True)
        if self._http is None:
            if connector is not None and owns_connections:
                await connector.close()
        else:
            await self._http.close()
            if owns_connections:
                for response in self._responses:
                    # aiohttp forgets who reads a body whose connection it closes.
                    if not response.content.at_eof():
                        response.content.set_exception(ClientConnectionError("the session is closed"))
