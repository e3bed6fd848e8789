"""The three legs one by one: fetch a request token, send the user to approve, fetch the access token."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

from aiohttp import ClientSession, DummyCookieJar
from yarl import URL

from aiooauth1._internal.arguments import check_flags, check_functions, kind_of
from aiooauth1._internal.lifecycle import LoopAffinity
from aiooauth1._internal.secrecy import SecretBytes
from aiooauth1.credentials import AccessToken, Consumer, RequestToken
from aiooauth1.errors import (
    NonceRejected,
    OAuth1Error,
    ProviderError,
    SignatureRejected,
    SigningError,
    TimestampRefused,
    TokenResponseError,
)
from aiooauth1.flows.expiry import with_expiry
from aiooauth1.flows.handshake.callback import check_callback_url
from aiooauth1.flows.handshake.refusals import refusal_error, with_meaning
from aiooauth1.flows.token_endpoint import TokenRequest, send_token_request
from aiooauth1.providers.provider import Provider
from aiooauth1.responses.problem import Problem, read_problem, with_hints
from aiooauth1.responses.token import has_token, parse_access_token, parse_request_token
from aiooauth1.signing.methods import PLAINTEXT
from aiooauth1.signing.sign import Signer
from aiooauth1.transport.clock import ProviderClock, server_time, system_time
from aiooauth1.transport.nonce import random_nonce
from aiooauth1.transport.origin import Origin, require_secure_transport
from aiooauth1.transport.params import ParamsEncoder
from aiooauth1.transport.placement import compute_signature
from aiooauth1.transport.public_only import public_connector
from aiooauth1.transport.request import basic_authorization


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import BasicAuth

    from aiooauth1.providers.provider import EndpointName
    from aiooauth1.signing.signature import Prepared


__all__ = ["NO_PARAMS", "Legs"]

_Answer = TypeVar("_Answer")
_SECRET_PARAMS = frozenset({"x_auth_password"})

_UNEXPLAINED = 60.0  # seconds of clock skew that may explain a refusal without a reason
_SAME_TIME = 2.0  # seconds: less may be network delay, not clock skew

NO_PARAMS: Mapping[str, str] = MappingProxyType({})


class _Refused(NamedTuple):
    """A refusal, and the provider's time according to it."""

    error: OAuth1Error
    time: float | None


class _Unsigned(NamedTuple):
    """An unsigned URL, and its signer."""

    signer: Signer
    prepared: Prepared


class Legs:
    """The legs of a handshake with one provider. They keep no state between them: `Handshake` does.

    Args:
        provider: Its endpoints, and how it wants requests signed.
        consumer: The service's own credentials.
        http: A session of yours to send the requests with; its cookies are not used. By default its own.
        timeout: Seconds that a token request may take altogether.
        clock: Seconds since the epoch.
        nonce: Returns a new string of letters and digits at each call. By default random nonces of
            `provider.nonce_length`.
        allow_http: Whether endpoints may be plain http on other machines, and PLAINTEXT go over http at all.
        basic_auth: `aiohttp.encode_basic_auth(name, password)` (or a `BasicAuth`) for a gateway before
            the provider (staging sites have one). Only if no token endpoint takes its `oauth_` parameters in
            the header.
        public_only: Whether to connect to public addresses only, for sites that users name. By default
            `provider.public_only`.
    """

    def __init__(
        self,
        provider: Provider,
        consumer: Consumer,
        *,
        http: ClientSession | None = None,
        timeout: float = 12,
        clock: Callable[[], float] = system_time,
        nonce: Callable[[], str] | None = None,
        allow_http: bool = False,
        basic_auth: BasicAuth | str | None = None,
        public_only: bool | None = None,
    ) -> None:
        if not isinstance(provider, Provider):
            raise TypeError(f"provider must be a Provider, not {kind_of(provider)}")
        provider.warn_of_sunset()
        if not isinstance(consumer, Consumer):
            raise TypeError(f"consumer must be a Consumer(key, secret), not {kind_of(consumer)}")
        if http is not None and not isinstance(http, ClientSession):
            raise TypeError(f"http must be an aiohttp.ClientSession or None, not {kind_of(http)}")
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise TypeError(f"timeout must be a number of seconds, not {kind_of(timeout)}")
        if not 0 < timeout < math.inf:
            raise ValueError("timeout must be more than 0 seconds, and finite")
        check_functions(clock=clock, nonce=nonce)
        check_flags(allow_http=allow_http)
        if public_only is not None:
            check_flags(public_only=public_only)
        self._public_only = provider.public_only if public_only is None else public_only
        if http is not None and self._public_only:
            raise ValueError(
                "public_only=True cannot check the connections of http=: leave http= out, or pass"
                " public_only=False"
            )
        self._provider = provider
        self._consumer = consumer
        self._theirs = http
        self._ours: ClientSession | None = None
        self._affinity = LoopAffinity("handshake")
        self._timeout = timeout
        self._clock = clock
        self._clocks = ProviderClock(clock, never_back=provider.monotonic_timestamps)
        self._pairs = ParamsEncoder(is_sorted=provider.rules.sorted_parameters)
        self._nonce = nonce or partial(random_nonce, provider.nonce_length)
        self._allow_http = allow_http or provider.allow_http
        self._basic_auth = _basic_auth(provider, basic_auth)

    @property
    def provider(self) -> Provider:
        """The provider."""
        return self._provider

    @property
    def consumer(self) -> Consumer:
        """The service's own credentials."""
        return self._consumer

    @property
    def allow_http(self) -> bool:
        """Whether endpoints may be plain http on other machines, by its own argument or by the provider."""
        return self._allow_http

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, unless the session is yours.

        Raises:
            RuntimeError: If they are open in another event loop, which alone can close them.
        """
        self._affinity.check_close()
        if self._affinity.close() and self._ours is not None:
            await self._ours.close()

    async def close(self) -> None:
        """Do the same as `aclose`."""
        await self.aclose()

    async def fetch_request_token(
        self, callback: object, *, params: Mapping[str, str] = NO_PARAMS
    ) -> RequestToken:
        """Fetch a request token from the provider (RFC 5849 section 2.1).

        Args:
            callback: Where the provider sends the user afterwards: an absolute URL (a str or a URL object),
                or `oob` if the user types a PIN instead. With None no `oauth_callback` is sent, for providers
                that accept only the registered one.
            params: More parameters to sign and send: in the form of a POST, the query of a GET.

        Raises:
            TypeError: If the callback is of another type.
            ValueError: If the callback is not absolute, or the provider has no such endpoint.
            SigningError: If the request cannot be signed correctly, or would expose its signature.
            ProviderError: If the provider refused.
            TokenResponseError: If its answer is unusable, or does not confirm the callback.
            RedirectRefused: If it answers with a redirect.
            OutcomeUnknown: If the request was sent and no complete answer came.
            aiohttp.ClientError: If nothing was sent.
            TimeoutError: If nothing was sent in time.
        """
        url = check_callback_url(callback)
        provider = self._provider
        unconfirmed = provider.insecure_unconfirmed_callback or provider.insecure_oauth_10
        return await self._ask(
            "request_token",
            None,
            {**provider.request_params, **params},
            partial(parse_request_token, json=provider.json_token_replies, insecure_unconfirmed=unconfirmed),
            # OAuth 1.0 has the callback on the authorize URL instead.
            callback=None if provider.insecure_oauth_10 else url,
            may_repeat=True,
        )

    def authorization_url(
        self, request_token: RequestToken, /, *, signed: bool = False, **params: str
    ) -> str:
        """Return where to send the user to approve (RFC 5849 section 2.2).

        Args:
            request_token: The request token.
            signed: Whether to sign it with the consumer secret alone, if the provider needs that. A slow
                signature method blocks: in an event loop, call this in a thread then.
            params: More parameters for the provider's page.

        Raises:
            ValueError: If the provider has no such page, or a parameter has the name of one of ours.
            SigningError: If the URL cannot be signed correctly, or its signature would be the secret.
        """
        url = self._prepare_authorization_url(request_token, params, signed=signed)
        return url if isinstance(url, str) else url.signer.finish(url.prepared).url()

    async def _authorization_url(self, request_token: RequestToken, params: Mapping[str, str]) -> str:
        """Return the same URL, signed if the provider needs it, without blocking the event loop."""
        url = self._prepare_authorization_url(request_token, params, signed=False)
        return url if isinstance(url, str) else (await compute_signature(url.signer, url.prepared)).url()

    def _prepare_authorization_url(
        self, request_token: RequestToken, params: Mapping[str, str], *, signed: bool
    ) -> str | _Unsigned:
        _check_request_token(request_token)
        provider = self._provider
        url = self._endpoint("authorize")
        params = {**provider.authorize_params, **params}
        if not (signed or provider.sign_authorize_url):
            ours = {provider.authorize_token_name: request_token.key}
            if provider.authorize_consumer_name:
                ours = {provider.authorize_consumer_name: self._consumer.key, **ours}
            if taken := sorted(params.keys() & ours):
                raise ValueError(f"{taken[0]} of the authorize URL is the handshake's own parameter")
            return self._with_query(url, ours | dict(params))
        self._refuse_to_show_the_key()
        signer = self._signer(RequestToken(request_token.key, ""))
        now = self._clocks.now(Origin.of(URL(url, encoded=True)))
        prepared = signer.prepare(
            "GET", self._with_query(url, params), nonce=self._nonce(), timestamp=int(now)
        )
        return _Unsigned(signer, prepared)

    async def fetch_access_token(
        self, request_token: RequestToken, verifier: str | None, *, params: Mapping[str, str] = NO_PARAMS
    ) -> AccessToken:
        """Exchange a request token and its verifier for an access token (RFC 5849 section 2.3).

        Args:
            request_token: The request token.
            verifier: The verifier of the callback, or the PIN; None for a provider without verifiers.
            params: More parameters to sign and send: in the form of a POST, the query of a GET.

        Raises:
            ValueError: If the provider has no such endpoint.
            SigningError: If the request cannot be signed correctly, or would expose its signature.
            ProviderError: If the provider refused.
            TokenResponseError: If its answer is unusable.
            RedirectRefused: If it answers with a redirect.
            OutcomeUnknown: If the request was sent and no complete answer came. The provider may have issued
                the token.
            aiohttp.ClientError: If nothing was sent.
            TimeoutError: If nothing was sent in time.
        """
        _check_request_token(request_token)
        # An empty verifier is left out: a provider without verifiers would reject the signature.
        return await self._ask(
            "access_token", request_token, params, self._access_token, verifier=verifier or None
        )

    def _access_token(self, body: bytes) -> AccessToken:
        now = self._clock()
        token = parse_access_token(body, now, json=self._provider.json_token_replies)
        return with_expiry(token, self._provider, now)

    async def _ask(
        self,
        name: EndpointName,
        token: RequestToken | AccessToken | None,
        params: Mapping[str, str],
        parse: Callable[[bytes], _Answer],
        *,
        callback: str | None = None,
        verifier: str | None = None,
        extra: tuple[tuple[str, str], ...] = (),
        may_repeat: bool = False,
    ) -> _Answer:
        """Send a token request, and once more with a corrected clock if that is safe."""
        endpoint = self._provider.endpoint(name)
        url = self._endpoint(name)
        form = None
        if params and endpoint.method == "POST":
            form = SecretBytes(self._pairs.encode_query(params).encode())
        else:
            url = self._with_query(url, params)
        origin = Origin.of(URL(url, encoded=True))
        request = TokenRequest(
            method=endpoint.method,
            url=url,
            form=form,
            placement=endpoint.placement,
            user_agent=self._provider.user_agent,
            needs_user_agent=self._provider.needs_user_agent,
            signer=self._signer(token),
            nonce=self._nonce,
            now=partial(self._clocks.now, origin),
            callback=callback,
            verifier=verifier,
            extra=extra,
            basic_auth=self._basic_auth,
            credentials=(self._consumer,) if token is None else (self._consumer, token),
            secrets=tuple(value for key, value in params.items() if key in _SECRET_PARAMS),
        )
        del params, form  # they may hold a password, and error reports may show local variables
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        answer = await self._attempt(request, parse, self._timeout)
        if isinstance(answer, _Refused) and self._learn_clock(origin, answer, may_guess=may_repeat):
            # A 401 means that nothing was done, and a second request token is harmless. Yet an exchange is
            # repeated only for an explicit reason: its verifier may be spent.
            is_explicit = isinstance(answer.error, TimestampRefused)
            left = deadline - loop.time()
            if (is_explicit or may_repeat) and left > 0:
                first, answer = answer, await self._attempt(request, parse, left)
                is_same = isinstance(answer, _Refused) and type(answer.error) is type(first.error)
                if is_same and not is_explicit:
                    self._clocks.reset(origin)  # it did not help, so the Date was wrong
        if isinstance(answer, _Refused):
            raise answer.error
        if isinstance(answer, OAuth1Error):
            raise answer
        return answer

    async def _attempt(
        self, request: TokenRequest, parse: Callable[[bytes], _Answer], seconds: float
    ) -> _Answer | _Refused | TokenResponseError:
        """Send the request once. Return the answer, or an error without its traceback."""
        reply = await send_token_request(self._http(), request, seconds=seconds)
        unusable: TokenResponseError | None = None
        if not reply.is_refusal:
            try:
                return parse(reply.body)
            except TokenResponseError as useless:
                unusable = useless.with_traceback(None)
        secrets = [*(one.secret for one in request.credentials), *request.secrets]
        now = self._clock()
        problem = read_problem(
            reply.status, reply.headers, reply.body, secrets, now=now, at_token_endpoint=True
        )
        # MediaWiki and others report problems with a status of 200.
        says_no = b"oauth_problem" in reply.body or not has_token(reply.body)
        if unusable is not None and not (says_no and (problem.name or problem.advice)):
            return unusable
        acceptable = problem.parameters.get("oauth_acceptable_timestamps", "")
        theirs = server_time(acceptable, "") or problem.server_time
        difference = None if theirs is None else theirs - now
        problem = replace(problem, clock_difference=difference)
        problem = with_hints(problem, self._provider.hints, request.credentials)
        if request.is_exchange:
            return _Refused(refusal_error(with_meaning(problem), request), theirs)
        return _Refused(problem.error(method=request.method, url=request.url), theirs)

    def _learn_clock(self, origin: Origin, refused: _Refused, *, may_guess: bool) -> bool:
        """Correct the clock by a refusal; say whether a retry may then succeed."""
        error, theirs = refused
        off = 0.0 if theirs is None else abs(theirs - self._clocks.now(origin))
        if isinstance(error, TimestampRefused):
            return off > _SAME_TIME and self._clocks.correct(origin, theirs)
        if off <= _UNEXPLAINED:
            return False
        # passport-http-oauth answers so to a bad timestamp: a new nonce cannot have been used.
        if isinstance(error, NonceRejected):
            return self._clocks.correct(origin, theirs)
        if not may_guess or type(error) not in {ProviderError, SignatureRejected}:
            return False
        problem = getattr(error, "details", None)
        if not isinstance(problem, Problem) or not problem.may_be_clock_skew:
            return False
        return self._clocks.correct(origin, theirs)

    def _refuse_to_show_the_key(self) -> None:
        """Refuse to sign a URL for the browser with PLAINTEXT, whose signature is the key itself."""
        if self._provider.signature_method.name == PLAINTEXT.name:
            raise SigningError(
                "a PLAINTEXT signature is the consumer secret itself, which the browser would get in the"
                " authorize URL: use an HMAC or RSA method, or do not sign that URL"
            )

    def _endpoint(self, name: EndpointName) -> str:
        url = self._provider.endpoint(name).url
        if not url:
            raise ValueError(f"the provider {self._provider.name!r} has no {name}_url")
        method = self._provider.signature_method
        require_secure_transport(Origin.of(URL(url, encoded=True)), method, allow_http=self._allow_http)
        return url

    def _with_query(self, url: str, params: Mapping[str, str]) -> str:
        if not params:
            return url
        where, _, query = url.partition("?")
        return f"{where}?{self._pairs.encode_query(params, query)}"

    def _signer(self, token: RequestToken | AccessToken | None) -> Signer:
        provider = self._provider
        return Signer(
            self._consumer,
            token,
            signature_method=provider.signature_method,
            rules=provider.rules,
            realm=provider.realm,
        )

    def _http(self) -> ClientSession:
        self._affinity.check()
        if self._theirs is not None:
            return self._theirs
        if self._ours is None:
            connector = public_connector() if self._public_only else None
            self._ours = ClientSession(cookie_jar=DummyCookieJar(), connector=connector)
        return self._ours


def _basic_auth(provider: Provider, given: BasicAuth | str | None) -> str | None:
    value = basic_authorization(given)
    if value is None:
        return None
    names: tuple[EndpointName, ...] = ("request_token", "access_token")
    for name in names:
        endpoint = provider.endpoint(name)
        if endpoint.url and endpoint.placement == "header":
            raise TypeError(
                f"basic_auth= needs {name}_placement='query' or 'body': the signature takes Authorization"
            )
    return value


def _check_request_token(given: object) -> None:
    if not isinstance(given, RequestToken):
        raise TypeError(f"request_token must be a RequestToken(key, secret), not {kind_of(given)}")
