"""The verbs: an aiohttp session that signs each request for a user, and returns aiohttp's own responses."""

from __future__ import annotations

import asyncio
import time
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from aiohttp import BytesPayload
from multidict import CIMultiDict

from aiooauth1.credentials import AccessToken, Consumer
from aiooauth1.errors import SigningError, UnknownUser
from aiooauth1.session.options import CallOptions
from aiooauth1.session.pool import Pool
from aiooauth1.session.problem_reader import raise_for_problem
from aiooauth1.session.request_context import InFlight
from aiooauth1.session.retry import Retry
from aiooauth1.session.retry_middleware import Again
from aiooauth1.session.signing_middleware import Call, Manner
from aiooauth1.session.token_rejection import Revocation, TokenRejection
from aiooauth1.session.urls import Targets
from aiooauth1.session.verbs import Verbs
from aiooauth1.signing.sign import Signature, Signer
from aiooauth1.transport.clock import ProviderClocks
from aiooauth1.transport.nonce import fresh_nonce
from aiooauth1.transport.request import FORM, finish


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from aiohttp import ClientResponse, ClientSession
    from yarl import URL

    from aiooauth1.providers.provider import Placement, Provider
    from aiooauth1.session.options import ClientSessionOptions
    from aiooauth1.signing.methods import SignatureMethod
    from aiooauth1.stores.protocols import AccessTokenStore


__all__ = ["OAuth1Session", "raise_for_problem"]

_SIGNERS_KEPT = 1024
_OPTIONS = frozenset(CallOptions.__annotations__) | {"auth"}  # which is refused with a better reason


class _Changes(TypedDict, total=False):
    consumer: Consumer
    token: AccessToken | None
    signature_method: SignatureMethod | None
    realm: str | None
    retry: Retry | None


class OAuth1Session(Verbs):
    """Sends signed requests for any number of users at once over one connection pool.

    Each verb returns what aiohttp's returns: await it, enter it with `async with`, or give it to a task. None
    raises for a status; `raise_for_problem` does. A session may be made outside a running loop.

    Args:
        consumer: The service's own credentials.
        token: The access token of calls that name no other; None: those have none (two-legged).
        provider: Where relative URLs lead, which origins are signed for, and how; None: by RFC 5849, for the
            origin of each call. Its `sunset` warns.
        store: Where the tokens of `user=` are.
        signature_method: How to sign; None: as the provider says, else HMAC-SHA1.
        realm: The realm of the Authorization header; None: the provider's.
        allow_http: Whether requests may go to other machines over plain http, and PLAINTEXT over http at all.
        placement: Where the `oauth_` parameters go: `header`, `query` or `body`; None: as the provider says,
            else into the header. Of aiohttp's trace hooks, `on_request_headers_sent` and
            `on_request_chunk_sent` see header and body as they go out, signature and all.
        clock: Seconds since the epoch.
        nonce: A new text at each call, letters and digits; None: random ones as long as the provider wants.
        sleep: Waits so many seconds, between attempts.
        retry: When to send a request again by itself; None: never.
        on_token_rejected: Called once for each access token that the provider takes no longer, after it was
            discarded from the store.
        allow_unverified_tls: Whether `ssl=False`, which lets anybody on the way read and answer, is taken.
        client_session_options: aiohttp's own: `connector=`, `timeout=`, `headers=` … What you pass in, you
            close.

    Raises:
        TypeError: If an option is unknown or an argument of another type.
        SigningError: If an option writes Authorization, or the realm is malformed.
    """

    def __init__(
        self,
        consumer: Consumer,
        token: AccessToken | None = None,
        *,
        provider: Provider | None = None,
        store: AccessTokenStore | None = None,
        signature_method: SignatureMethod | None = None,
        realm: str | None = None,
        allow_http: bool = False,
        placement: Placement | None = None,
        clock: Callable[[], float] = time.time,
        nonce: Callable[[], str] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        retry: Retry | None = Retry(),
        on_token_rejected: Callable[[TokenRejection], Awaitable[None]] | None = None,
        allow_unverified_tls: bool = False,
        **client_session_options: Unpack[ClientSessionOptions],
    ) -> None:
        quirks = provider or _by_the_rfc()
        clocks = ProviderClocks(clock, never_back=quirks.monotonic_timestamps)
        self._pool = Pool(client_session_options, clocks, sleep, allow_unverified_tls=allow_unverified_tls)
        self._owns_pool = True
        self._provider = provider
        self._store = store
        self._retry = retry
        self._quirks = quirks
        quirks.warn_of_sunset()
        self._targets = Targets(provider, allow_http=allow_http)
        self._revocation = Revocation(quirks.name, store, on_token_rejected)
        self._manner = Manner(
            now=clocks.now,
            nonce=nonce or partial(fresh_nonce, quirks.nonce_length),
            placement=placement or quirks.placement,
            body_hash=quirks.rules.body_hash,
            sign_multipart_text=quirks.sign_multipart_text,
            needs_user_agent=quirks.needs_user_agent,
            user_agent=quirks.user_agent,
        )
        self._sign_as(consumer, token, signature_method, realm)

    def _sign_as(
        self,
        consumer: Consumer,
        token: AccessToken | None,
        signature_method: SignatureMethod | None,
        realm: str | None,
    ) -> None:
        if not isinstance(consumer, Consumer):
            raise TypeError(f"consumer must be a Consumer, not {type(consumer).__name__}")
        self._consumer = consumer
        self._token = token
        self._signature_method = signature_method or self._quirks.signature_method
        self._realm = self._quirks.realm if realm is None else realm
        make = partial(
            Signer,
            consumer,
            signature_method=self._signature_method,
            rules=self._quirks.rules,
            realm=self._realm,
        )
        self._signer: Callable[[AccessToken | None], Signer] = lru_cache(_SIGNERS_KEPT)(make)
        self._signer(_checked(token))  # what cannot be signed with shows here, not at the first call

    def __repr__(self) -> str:
        return f"<OAuth1Session of {self._consumer!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; a view closes nothing."""
        if self._owns_pool:
            await self._pool.close()

    @property
    def provider(self) -> Provider | None:
        """The provider; None: the session goes by the RFC alone."""
        return self._provider

    @property
    def http(self) -> ClientSession:
        """The plain `ClientSession` below, which signs nothing; to be used inside the running loop."""
        return self._pool.http()

    def replace(self, **changes: Unpack[_Changes]) -> OAuth1Session:
        """Return a view on the same connections and store that signs otherwise; closing it does nothing.

        Args:
            changes: `consumer=`, `token=`, `signature_method=`, `realm=` or `retry=`, as the constructor has
                them.

        Raises:
            TypeError: If it is another name, or a value of another type.
            SigningError: If the realm is malformed.
        """
        if unknown := sorted(changes.keys() - _Changes.__annotations__.keys()):
            raise TypeError(f"replace() has no {unknown[0]!r}")
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _owns_pool=False, _retry=changes.get("retry", self._retry))
        view._sign_as(
            changes.get("consumer", self._consumer),
            changes.get("token", self._token),
            changes.get("signature_method", self._signature_method),
            changes.get("realm", self._realm),
        )
        return view

    def request(self, method: str, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed request.

        Args:
            method: The request method.
            url: Absolute, or relative to the provider's `base_url`. A text is normalised as aiohttp does; a
                `URL(…, encoded=True)` goes out as it is.
            options: `user=`: sign with the token that the store holds for this user. `token=`: sign with this
                one. All else is aiohttp's own; `params=`, and mappings or pairs in `data=`, are written by
                RFC 5849 section 3.6: a space is `%20`.

        Returns:
            What can be awaited or entered for aiohttp's `ClientResponse`.

        Raises:
            TypeError: If an option is unknown, both user and token are given, or user without provider and
                store.
            SigningError: If the request cannot be signed rightly, or must not go there. Nothing was sent.
            UnknownUser: If the store holds no token for the user, or lost it while the call waited for a
                connection or between attempts. Nothing was done.
            StoreUnavailable: If the store did not answer. Nothing was sent.
            StoreCorrupt: If the stored token cannot be read. Nothing was sent.
            RuntimeError: If the session is closed, or at home in another event loop or process.
            RedirectRefused: If the provider redirects where we must not follow.
            OutcomeUnknown: If a request that is neither GET nor HEAD went out and no answer came.
        """
        if not options.keys() <= _OPTIONS:
            raise TypeError(f"a call has no option {min(options.keys() - _OPTIONS)!r}")
        rest: dict[str, Any] = {**options}
        user, token = rest.pop("user", None), rest.pop("token", None)
        if user is not None or token is not None:
            self._check_who(user, token)
        return InFlight(self._request(method, url, user, token, rest))

    async def sign(
        self,
        method: str,
        url: str | URL,
        *,
        user: str | None = None,
        token: AccessToken | None = None,
        form: bytes | Iterable[tuple[str, str]] | None = None,
    ) -> Signature:
        """Sign a request that something else will send; no I/O but the store's.

        Args:
            method: The request method.
            url: As in `request`.
            user: As in `request`.
            token: As in `request`.
            form: The body, if it is a form: its octets or pairs.

        Raises:
            TypeError: As in `request`.
            SigningError: If the request cannot be signed rightly, or must not go there.
            UnknownUser: If the store holds no token for the user.
            StoreUnavailable: If the store did not answer.
            StoreCorrupt: If the stored token cannot be read.
        """
        self._check_who(user, token)
        target = self._targets.locate(url, None, self._signature_method)
        timestamp = int(self._manner.now(target.origin))
        signer = self._signer(token or self._token if user is None else await self._token_of(user))
        prepared = signer.prepare(
            method, str(target.url), nonce=self._manner.nonce(), timestamp=timestamp, form=form
        )
        return await finish(signer, prepared)

    async def _request(
        self,
        method: str,
        url: str | URL,
        user: str | None,
        token: AccessToken | None,
        options: dict[str, Any],
    ) -> ClientResponse:
        if "auth" in options:
            raise SigningError(
                "auth= and a signature exclude each other: use session.http for unsigned requests"
            )
        target = self._targets.locate(url, options.pop("params", None), self._signature_method)
        # The token is loaded here, since an OSError inside a middleware would look like network trouble.
        used = token or self._token if user is None else await self._token_of(user)
        if "data" in options and (form := self._targets.pairs.form(options["data"])) is not None:
            options["data"] = BytesPayload(form, content_type=FORM)
        retry = options.pop("retry", self._retry)
        has_key = "idempotency_key" in options and _put_key(options, retry)
        pool = self._pool
        http = pool.http()
        if "ssl" in options:
            pool.refuse_unverified(options["ssl"])
        call = Call(self._signer(used), target, self._manner, follows=options.get("allow_redirects", True))
        again = Again(
            pool.shared,
            call,
            retry,
            pool.timeout(options.get("timeout")),
            self._revocation.in_use(user, used),
            credentials=(self._consumer,) if used is None else (self._consumer, used),
            has_key=has_key,
        )
        theirs = options.pop("middlewares", None)
        chain = (*(pool.middlewares if theirs is None else theirs), again)
        try:
            return await http.request(method, target.url, middlewares=chain, **options)
        finally:
            call.drop()

    def _check_who(self, user: str | None, token: AccessToken | None) -> None:
        if user is not None and token is not None:
            raise TypeError("give user= or token=, not both")
        if user is not None:
            self._users()
        _checked(token)

    def _users(self) -> tuple[str, AccessTokenStore]:
        if self._provider is None or self._store is None:
            raise TypeError("user= needs a session with provider= and store=")
        return self._provider.name, self._store

    async def _token_of(self, user: str) -> AccessToken:
        provider, store = self._users()
        held = await store.get_access_token(provider, user)
        if held is None:
            raise UnknownUser(f"no access token of {provider!r} for user {user!r}: connect them first")
        return held


@cache
def _by_the_rfc() -> Provider:
    """Return what a session without a provider goes by."""
    # Here, since that class alone takes an eighth of the import, and who has a provider has loaded it.
    from aiooauth1.providers.provider import Provider  # noqa: PLC0415  when used

    return Provider("RFC 5849")


def _checked(token: AccessToken | None) -> AccessToken | None:
    if token is not None and not isinstance(token, AccessToken):
        raise TypeError(f"token must be an AccessToken, not {type(token).__name__}")
    return token


def _put_key(options: dict[str, Any], retry: Retry | None) -> bool:
    """Write an idempotency key into the header fields, and say whether there is one."""
    key = options.pop("idempotency_key", None)
    if key is None:
        return False
    if retry is None or retry.idempotency_header is None:
        raise TypeError(
            "idempotency_key= needs Retry(idempotency_header=…), the field where the provider looks"
        )
    options["headers"] = CIMultiDict(options.get("headers") or {})
    options["headers"][retry.idempotency_header] = key
    return True
