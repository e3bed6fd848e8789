"""OAuth1Middleware: the session's signer as a middleware of people's own ClientSession."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarl import URL

from aiooauth1._internal.arguments import check_flags, check_functions, kind_of
from aiooauth1.credentials import AccessToken, Consumer
from aiooauth1.errors import NonceRejected, SigningError, TimestampRefused
from aiooauth1.session.problem_reader import read_refusal
from aiooauth1.session.retry_middleware import UNEXPLAINED, provider_time
from aiooauth1.session.signing_request import SignedCall, SigningOptions, SigningRequest
from aiooauth1.signing.base_string import parse_url
from aiooauth1.signing.methods import HMAC_SHA1, method_of
from aiooauth1.signing.rules import SigningRules
from aiooauth1.signing.sign import Signer
from aiooauth1.transport.clock import ProviderClock, system_time
from aiooauth1.transport.delivery import SAFE_METHODS, is_network_error, observe, outcome_unknown
from aiooauth1.transport.origin import Origin, RequestTarget, require_secure_transport
from aiooauth1.transport.placement import remove_signature
from aiooauth1.transport.request import basic_authorization, check_fields, sort_query


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiohttp import BasicAuth, ClientHandlerType, ClientRequest, ClientResponse

    from aiooauth1.providers.provider import Provider
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["OAuth1Middleware"]

_REFUSALS = frozenset({400, 401, 403})


class OAuth1Middleware:
    """Signs what a `ClientSession` of your own sends to some origins, and passes anything else on untouched.

    It is a client middleware for aiohttp's `middlewares=`; put it last, so that retries before it sign again.
    A middleware cannot tell a redirect from a call. So this one signs whatever goes to `origins`, and a
    redirect anywhere else is followed unsigned, *body and all*: `OAuth1Session` refuses those. The cookie jar
    is yours: a session that keeps cookies sends those of one user with the requests of another, so give it
    `cookie_jar=aiohttp.DummyCookieJar()` if it serves several.

    It sends nothing again. After a refusal for the timestamp it goes by the provider's clock, so that the
    next request is accepted.

    Args:
        consumer: Whose requests they are.
        token: The user's access token. None: the consumer's own requests (two-legged).
        origins: The origins to sign for, each `https://host` or `https://host:port`. Needed unless there is a
            provider, whose origins they are then by default.
        provider: How to sign: its method, realm, placement and quirks.
        signature_method: How to sign, or the name of an HMAC method or PLAINTEXT. None: as the provider says,
            else HMAC-SHA1.
        realm: The realm of the Authorization header. None: the provider's.
        allow_http: Whether an origin may be plain http other than loopback, or PLAINTEXT go over http.
        basic_auth: `aiohttp.encode_basic_auth(name, password)` (or a `BasicAuth`) for a gateway before
            the provider. It goes to the origins alone, and needs a provider whose `placement` is `query` or
            `body`.
        clock: Seconds since the epoch, until a refusal tells the provider's time.
        nonce: A new text at each call, letters and digits. None: random ones as long as the provider wants.

    Raises:
        TypeError: If an argument is of another type, or `basic_auth` comes without such a placement.
        ValueError: If `basic_auth` has a character that its encoding lacks.
        SigningError: If an origin is malformed, would show the signature to others (http), the realm is
            malformed, or the provider takes no signed calls, or is `public_only`: only a session sees to
            which address it connects.
    """

    __slots__ = ("_clock", "_clocks", "_credentials", "_options", "_origins", "_signer", "_strips_query")

    def __init__(
        self,
        consumer: Consumer,
        token: AccessToken | None = None,
        *,
        origins: Iterable[str] = (),
        provider: Provider | None = None,
        signature_method: SignatureMethod | str | None = None,
        realm: str | None = None,
        allow_http: bool = False,
        basic_auth: BasicAuth | str | None = None,
        clock: Callable[[], float] = system_time,
        nonce: Callable[[], str] | None = None,
    ) -> None:
        if not isinstance(consumer, Consumer):
            raise TypeError(f"consumer must be a Consumer(key, secret), not {kind_of(consumer)}")
        if token is not None and not isinstance(token, AccessToken):
            raise TypeError(f"token must be an AccessToken or None, not {kind_of(token)}")
        if provider is not None and (isinstance(provider, type) or not hasattr(provider, "signed_origins")):
            raise TypeError(f"provider must be a Provider, not {kind_of(provider)}")
        check_flags(allow_http=allow_http)
        check_functions(clock=clock, nonce=nonce)
        if isinstance(origins, str):
            raise SigningError("origins must be several: write (origin,) for one")
        named = tuple(origins) or (provider.signed_origins() if provider is not None else ())
        if not named:
            raise SigningError("there is no origin to sign for: give origins= or a provider")
        self._origins = frozenset(Origin.of(URL(parse_url(origin).origin)) for origin in named)
        default = provider.signature_method if provider is not None else HMAC_SHA1
        method = method_of(signature_method or default)
        is_monotonic = strips = False
        if provider is not None:
            _check_provider(provider)
            is_monotonic, strips = provider.monotonic_timestamps, provider.placement == "query"
            allow_http = allow_http or provider.allow_http
            realm = provider.realm if realm is None else realm
        for origin in self._origins:
            require_secure_transport(origin, method, allow_http=allow_http)
        rules = SigningRules() if provider is None else provider.rules
        self._signer = Signer(consumer, token, signature_method=method, rules=rules, realm=realm)
        self._credentials = (consumer,) if token is None else (consumer, token)
        self._strips_query = strips
        self._clock = clock
        self._clocks = ProviderClock(clock, never_back=is_monotonic)
        self._options = SigningOptions.of(
            provider,
            clock=self._clocks.now,
            nonce=nonce,
            basic_auth=basic_authorization(basic_auth),
        )
        if basic_auth is not None and self._options.placement == "header":
            raise TypeError("basic_auth= needs a provider with placement='query' or 'body'")

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Sign the request if it goes to one of the origins.

        Raises:
            SigningError: If it cannot be signed rightly, or has an Authorization of another's.
            OutcomeUnknown: If it went out, no answer came, and it may have been done.
        """
        origin = Origin.of(request.url)
        if origin not in self._origins:
            return await handler(request)
        signed = observe(request, SigningRequest)
        signed.has_begun = False
        check_fields(signed.headers)
        if self._strips_query:
            # A provider that wants our parameters there copies them into its links to other pages.
            await remove_signature(signed, "query")
        if self._options.is_sorted:
            signed.url = sort_query(signed.url)
        call = SignedCall(self._options, self._signer, RequestTarget(signed.url, origin))
        await call.prepare(signed)
        try:
            response = await handler(signed)
        except Exception as error:
            if not signed.has_begun or signed.method in SAFE_METHODS or not is_network_error(error):
                raise
            what = f"{signed.method} {signed.url.with_query(None)}"
            failure = outcome_unknown(what, error, method=signed.method, url=str(signed.url))
        else:
            if response.status in _REFUSALS:
                await self._learn_clock(origin, response)
            return response
        # Raised outside the handler: aiohttp's error holds the whole request and must not become its context.
        raise failure

    async def _learn_clock(self, origin: Origin, response: ClientResponse) -> None:
        """Go by the provider's clock from now on, if the refusal is for the timestamp or probably is."""
        secrets = [one.secret for one in self._credentials]
        problem = await read_refusal(response, secrets, self._clock())
        theirs = provider_time(problem)
        is_off = theirs is not None and abs(theirs - self._clocks.now(origin)) > UNEXPLAINED
        if problem.error_type is TimestampRefused:
            self._clocks.correct(origin, theirs)
        elif is_off and (problem.may_be_clock_skew or problem.error_type is NonceRejected):
            self._clocks.correct(origin, theirs, is_guess=True)
        elif problem.may_be_clock_skew and self._clocks.is_guessed(origin):
            self._clocks.reset(origin)  # the guess did not help


def _check_provider(provider: Provider) -> None:
    if not provider.signs_calls:
        raise SigningError(
            f"{provider.name!r} takes no signed calls: its access token is a key, to be sent as it says"
        )
    if provider.public_only:
        raise SigningError(
            f"{provider.name!r} is public_only, and a middleware cannot see to which address a request goes:"
            " use OAuth1Session"
        )
    provider.warn_of_sunset()
