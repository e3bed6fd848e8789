"""OAuth1Session: an aiohttp session that signs each request for a user, and returns aiohttp's responses."""

from __future__ import annotations

import asyncio
import inspect
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Never, NoReturn, Self, TypedDict, Unpack, cast

from aiohttp import BytesPayload, hdrs
from yarl import URL

from aiooauth1._internal.arguments import check_flags, check_functions, kind_of
from aiooauth1.credentials import AccessToken, Consumer
from aiooauth1.errors import SigningError, UnknownUser
from aiooauth1.session.options import CallOptions
from aiooauth1.session.pool import ConnectionPool
from aiooauth1.session.problem_reader import raise_for_problem
from aiooauth1.session.request_context import RequestContextManager
from aiooauth1.session.retry import Retry
from aiooauth1.session.retry_middleware import RetryMiddleware
from aiooauth1.session.signing_request import SigningOptions
from aiooauth1.session.token_rejection import TokenRejection, TokenRejectionHandler
from aiooauth1.session.urls import TargetResolver
from aiooauth1.session.user_call import CallUser
from aiooauth1.signing.methods import HMAC_SHA1, method_of
from aiooauth1.signing.rules import SigningRules
from aiooauth1.signing.sign import Signature, Signer
from aiooauth1.transport.clock import ProviderClock, system_time
from aiooauth1.transport.placement import compute_signature
from aiooauth1.transport.request import FORM, basic_authorization, header_fields


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from aiohttp import BasicAuth, ClientResponse, ClientSession

    from aiooauth1.providers.provider import Placement, Provider
    from aiooauth1.responses.rate_limit import RateLimit
    from aiooauth1.session.options import ClientSessionOptions
    from aiooauth1.signing.methods import SignatureMethod
    from aiooauth1.stores.protocols import AccessTokenStore


__all__ = ["OAuth1Session", "raise_for_problem"]

_RENEWED_BEFORE = 30.0  # seconds before a token expires: a call takes its time
_SIGNERS_KEPT = 1024
# Options of other libraries' calls: what to write instead.
_OTHER_OPTIONS = {
    "files": "give data={name: open file}, or an aiohttp.FormData for file names",
    "content": "give data=",
    "body": "give data=",
    "verify": "give ssl=, an ssl.SSLContext that trusts the authority",
    "verify_ssl": "give ssl=, an ssl.SSLContext that trusts the authority",
    "cert": "give ssl=, an ssl.SSLContext with the certificate loaded",
    "stream": "write `async with session.get(...) as response` and read response.content",
    "follow_redirects": "give allow_redirects=",
    "proxies": "give proxy=",
    "realm": "write session.replace(realm=...).get(...)",
    "signature_method": "write session.replace(signature_method=...).get(...)",
    "callback_uri": "write session.sign(..., callback=...), or use a Handshake",
    "verifier": "write session.sign(..., verifier=...), or use a Handshake",
}
_OPTIONS = frozenset(CallOptions.__annotations__) | {"auth"}  # which is refused with a better reason
_DEFAULT_MAX_WAIT = Retry().max_wait


class _Changes(TypedDict, total=False):
    consumer: Consumer
    token: AccessToken | None
    signature_method: SignatureMethod | str | None
    realm: str | None
    retry: Retry | None


class OAuth1Session:
    """Sends signed requests for any number of users at once over one connection pool.

    Each verb returns what aiohttp's returns: await it, enter it with `async with`, or give it to a task. None
    raises for a status; `raise_for_problem` does. A session may be made outside a running loop.

    Args:
        consumer: The service's own credentials.
        token: The access token of calls that name no other. None: those have none (two-legged).
        provider: Where relative URLs lead, which origins are signed for, and how. None: as RFC 5849 has it,
            for the origin of each call. If it has a `sunset`, that warns.
        store: Where the tokens of `user=` are. You close it.
        signature_method: How to sign, or the name of an HMAC method or PLAINTEXT. None: as the provider says,
            else HMAC-SHA1.
        realm: The realm of the Authorization header. None: the provider's.
        allow_http: Whether requests may go to other machines over plain http, and PLAINTEXT over http at all.
        placement: Where the `oauth_` parameters go: `header`, `query` or `body`. None: as the provider says,
            else into the header. aiohttp's trace hooks see neither the header nor the signed query; a body
            that holds the signature is shown to `on_request_chunk_sent` as it goes out.
        basic_auth: `aiohttp.encode_basic_auth(name, password)` (or a `BasicAuth`) for a gateway before
            the provider (staging sites have one). Only with `placement` `query` or `body`, which leave
            Authorization free, and with a provider, to whose origins alone it goes.
        public_only: Whether to connect to public addresses only: for sites that users name. A call or
            redirect to a private address raises SigningError or RedirectRefused before anything is sent.
        clock: Seconds since the epoch.
        nonce: A new text at each call, letters and digits. None: random ones as long as the provider wants.
        sleep: Waits so many seconds, between attempts.
        retry: When to send a request again. None: never, but aiohttp itself repeats a GET or HEAD once, newly
            signed, if a kept connection was dropped before an answer came.
        on_token_rejected: An `async def`, called once for each access token that the provider does not accept
            any more, after it was discarded from the store. `close()` waits five seconds for those that run.
        discard_rejected: Whether a rejected token is discarded from the store. After five different users
            in a row were rejected and none accepted, tokens are kept and a log record says so: then the
            consumer key or the environment is wrong.
        renew: Renews the token of a user, such as `handshake.renew`: called before the token's `expires_at`,
            and once after a refusal that says it has expired. Calls that wait share one renewal.
        allow_unverified_tls: Whether `ssl=False` is accepted, which lets anybody on the way read and answer.
        client_session_options: aiohttp's own: `connector=`, `timeout=`, `headers=` … As with aiohttp, at most
            100 connections are open unless a `connector=` says otherwise, and a `connector=` is closed with
            the session unless `connector_owner=False`.

    Raises:
        TypeError: If an option is unknown or an argument of another type.
        ValueError: If `placement` is not one of the three, or `retry.max_wait` is not the default and longer
            than the total timeout.
        SigningError: If an option writes Authorization, or the realm is malformed.

    >>> from aiooauth1 import AccessToken, Consumer
    >>> OAuth1Session(Consumer("key", "secret"), AccessToken("token", "token-secret"))
    <OAuth1Session of Consumer(key='key', secret=***)>
    """

    def __new__(cls, *given: object, **options: object) -> Self:
        """Say what to write instead of the names that other libraries have for consumer and token."""
        if not given and "consumer" not in options:
            raise TypeError("write OAuth1Session(Consumer(key, secret), AccessToken(key, secret))")
        return super().__new__(cls)

    def __init__(
        self,
        consumer: Consumer,
        token: AccessToken | None = None,
        *others: Never,
        provider: Provider | None = None,
        store: AccessTokenStore | None = None,
        signature_method: SignatureMethod | str | None = None,
        realm: str | None = None,
        allow_http: bool = False,
        placement: Placement | None = None,
        basic_auth: BasicAuth | str | None = None,
        public_only: bool | None = None,
        clock: Callable[[], float] = system_time,
        nonce: Callable[[], str] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        retry: Retry | None = Retry(),
        on_token_rejected: Callable[[TokenRejection], Awaitable[None]] | None = None,
        discard_rejected: bool = True,
        renew: Callable[[str], Awaitable[AccessToken]] | None = None,
        allow_unverified_tls: bool = False,
        **client_session_options: Unpack[ClientSessionOptions],
    ) -> None:
        if others or isinstance(token, str):
            raise TypeError("write OAuth1Session(Consumer(key, secret), AccessToken(key, secret))")
        _check_types(provider, store, on_token_rejected)
        check_flags(
            allow_http=allow_http,
            public_only=bool(public_only) if public_only is None else public_only,
            discard_rejected=discard_rejected,
            allow_unverified_tls=allow_unverified_tls,
        )
        check_functions(clock=clock, nonce=nonce, sleep=sleep, renew=renew)
        if clock is None or sleep is None:
            raise TypeError("clock and sleep must be functions: leave them out for the system's")
        if placement not in {None, "header", "query", "body"}:
            raise ValueError(f"placement must be 'header', 'query' or 'body', not {placement!r}")
        is_monotonic = provider is not None and provider.monotonic_timestamps
        self._clocks = ProviderClock(clock, never_back=is_monotonic)
        self._clock = clock
        if public_only is None:
            public_only = bool(getattr(provider, "public_only", False))
        self._pool = ConnectionPool(
            client_session_options,
            self._clocks,
            clock,
            sleep,
            allow_unverified_tls=allow_unverified_tls,
            public_only=public_only,
        )
        self._owns_pool = True
        self._provider = provider
        self._store = store
        self._renew = renew
        self._set_retry(retry)
        if provider is not None:
            provider.warn_of_sunset()
        self._options = SigningOptions.of(
            provider,
            clock=self._clocks.now,
            nonce=nonce,
            placement=placement,
            basic_auth=basic_authorization(basic_auth),
        )
        if basic_auth is not None and (provider is None or self._options.placement == "header"):
            raise TypeError("basic_auth= needs a provider, and placement='query' or 'body'")
        strips_query = self._options.placement == "query"
        self._targets = TargetResolver(provider, allow_http=allow_http, strips_query=strips_query)
        self._rejections = TokenRejectionHandler(
            "" if provider is None else provider.name,
            store,
            on_token_rejected,
            discard_rejected=discard_rejected,
        )
        self._sign_as(consumer, token, signature_method, realm)

    def _set_retry(self, retry: Retry | None) -> None:
        self._retry = retry
        self._check_retry(retry)

    def _check_retry(self, retry: Retry | None) -> None:
        if retry is not None and not isinstance(retry, Retry):
            raise TypeError(f"retry must be a Retry or None, not {type(retry).__name__}")
        total = self._pool.timeout(None).total
        if retry is not None and total and total < retry.max_wait != _DEFAULT_MAX_WAIT:
            raise ValueError(
                f"max_wait={retry.max_wait:g} s is longer than the total timeout of {total:g} s, in which"
                " pauses count: give timeout=aiohttp.ClientTimeout(total=...)"
            )

    def _sign_as(
        self,
        consumer: Consumer,
        token: AccessToken | None,
        signature_method: SignatureMethod | str | None,
        realm: str | None,
    ) -> None:
        if not isinstance(consumer, Consumer):
            raise TypeError(f"consumer must be a Consumer(key, secret), not {type(consumer).__name__}")
        provider = self._provider
        self._consumer = consumer
        self._token = token
        default = HMAC_SHA1 if provider is None else provider.signature_method
        self._signature_method = method_of(signature_method or default)
        self._realm = provider.realm if realm is None and provider is not None else realm
        make = partial(
            Signer,
            consumer,
            signature_method=self._signature_method,
            rules=SigningRules() if provider is None else provider.rules,
            realm=self._realm,
        )
        signer: Callable[[AccessToken | None], Signer] = lru_cache(_SIGNERS_KEPT)(make)
        own = signer(_checked(token))  # what cannot be signed with shows here, not at the first call
        # Hashing a token takes longer than seeing that it is the same one.
        self._signer: Callable[[AccessToken | None], Signer] = lambda given: (
            own if given is token else signer(given)
        )
        self._no_user = self._who(None)

    def __repr__(self) -> str:
        return f"<OAuth1Session of {self._consumer!r}>"

    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            raise TypeError("use `async with OAuth1Session(...) as session:`, not `with`")

        def __exit__(self, *exc_info: object) -> None:
            pass  # there only so that `with` gets as far as `__enter__`

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. A view closes nothing.

        Calls under way end with an error, also those that read a body or pause before a retry. An
        `on_token_rejected` that runs is waited for, at most five seconds, and then cancelled.

        Raises:
            RuntimeError: If the session is open in another event loop, which alone can close it.
        """
        if self._owns_pool:
            self._pool.check_close()
            await self._rejections.drain()
            await self._pool.close()

    aclose = close

    @property
    def provider(self) -> Provider | None:
        """The provider, or None."""
        return self._provider

    @property
    def consumer(self) -> Consumer:
        """The consumer whose requests are signed."""
        return self._consumer

    @property
    def store(self) -> AccessTokenStore | None:
        """Where the tokens of `user=` are, or None."""
        return self._store

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
            ValueError: If `retry.max_wait` is longer than the total timeout.
            SigningError: If the realm is malformed.
        """
        if unknown := sorted(changes.keys() - _Changes.__annotations__.keys()):
            raise TypeError(f"replace() has no {unknown[0]!r}")
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _owns_pool=False)
        view._set_retry(changes.get("retry", self._retry))
        view._sign_as(
            changes.get("consumer", self._consumer),
            changes.get("token", self._token),
            changes.get("signature_method", self._signature_method),
            changes.get("realm", self._realm),
        )
        return view

    def get(self, url: str | URL, **options: Unpack[CallOptions]) -> RequestContextManager:
        """Send a signed GET: see `request`."""
        return self.request(hdrs.METH_GET, url, **options)

    def post(self, url: str | URL, **options: Unpack[CallOptions]) -> RequestContextManager:
        """Send a signed POST: see `request`."""
        return self.request(hdrs.METH_POST, url, **options)

    def put(self, url: str | URL, **options: Unpack[CallOptions]) -> RequestContextManager:
        """Send a signed PUT: see `request`."""
        return self.request(hdrs.METH_PUT, url, **options)

    def patch(self, url: str | URL, **options: Unpack[CallOptions]) -> RequestContextManager:
        """Send a signed PATCH: see `request`."""
        return self.request(hdrs.METH_PATCH, url, **options)

    def delete(self, url: str | URL, **options: Unpack[CallOptions]) -> RequestContextManager:
        """Send a signed DELETE: see `request`."""
        return self.request(hdrs.METH_DELETE, url, **options)

    def head(self, url: str | URL, **options: Unpack[CallOptions]) -> RequestContextManager:
        """Send a signed HEAD, which like aiohttp's follows no redirect unless told to: see `request`."""
        options.setdefault("allow_redirects", False)
        return self.request(hdrs.METH_HEAD, url, **options)

    def options(self, url: str | URL, **options: Unpack[CallOptions]) -> RequestContextManager:
        """Send a signed OPTIONS: see `request`."""
        return self.request(hdrs.METH_OPTIONS, url, **options)

    def request(self, method: str, url: str | URL, **options: Unpack[CallOptions]) -> RequestContextManager:
        """Send a signed request.

        Args:
            method: The request method.
            url: Absolute, or relative to the provider's `base_url`. A text is normalised as aiohttp does; a
                `URL(…, encoded=True)` goes out as it is. With `placement="query"`, protocol parameters that
                stand in it are taken out: providers copy them into links.
            options: `user=`: sign with the token that the store holds for this user. `token=`: sign with this
                one. `retry=` and `idempotency_key=`: for this call. All else is aiohttp's own; `params=`, and
                mappings, pairs or a `FormData` of texts in `data=`, are written by RFC 5849 section 3.6: a
                space is `%20`.

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
            RuntimeError: If the session is closed, or was first used in another event loop or process.
            RedirectRefused: If the provider redirects where we must not follow.
            OutcomeUnknown: If a request that is neither GET nor HEAD went out and no answer came. If the
                caller's own body failed in mid-request, that error is its `__cause__`.
        """
        if not options.keys() <= _OPTIONS:
            name = min(options.keys() - _OPTIONS)
            hint = _OTHER_OPTIONS.get(name)
            raise TypeError(f"a call has no option {name!r}{f': {hint}' if hint else ''}")
        if not isinstance(method, str) or not isinstance(url, (str, URL)):
            wrong = "method" if not isinstance(method, str) else "url"
            raise TypeError(f"{wrong} must be a str{'' if wrong == 'method' else ' or URL'}")
        rest = cast("dict[str, Any]", options)
        user, token = rest.pop("user", None), rest.pop("token", None)
        if user is not None or token is not None:
            self._check_who(user, token)
        return RequestContextManager(self._request(method, url, user, token, rest))

    async def sign(
        self,
        method: str,
        url: str | URL,
        *,
        user: str | None = None,
        token: AccessToken | None = None,
        form: bytes | Iterable[tuple[str, str]] | None = None,
        body: bytes | None = None,
        callback: str | None = None,
        verifier: str | None = None,
    ) -> Signature:
        """Sign a request that something else will send; no I/O but the store's.

        Args:
            method: The request method.
            url: As in `request`.
            user: As in `request`.
            token: As in `request`.
            form: The body, if it is a form: its bytes or pairs.
            body: The body, if it is something else. It is hashed if the provider's rules say so.
            callback: `oauth_callback`, if the request asks for a request token.
            verifier: `oauth_verifier`, if it asks for an access token.

        Raises:
            TypeError: As in `request`.
            SigningError: If the request cannot be signed rightly, or must not go there.
            UnknownUser: If the store holds no token for the user.
            StoreUnavailable: If the store did not answer.
            StoreCorrupt: If the stored token cannot be read.
        """
        self._check_who(user, token)
        if form is not None and body is not None:
            raise TypeError("give form= or body=, not both")
        if body is not None and not isinstance(body, (bytes, bytearray, memoryview)):
            raise TypeError(f"body must be bytes, not {kind_of(body)}: encode what you send")
        target = self._targets.resolve(url, None, self._signature_method)
        timestamp = int(self._options.clock(target.origin))
        signer = self._signer(token or self._token if user is None else await self._token_of(user))
        hashes = self._options.body_hash and form is None
        prepared = signer.prepare(
            method,
            str(target.url),
            nonce=self._options.nonce(),
            timestamp=timestamp,
            form=form,
            callback=callback,
            verifier=verifier,
            body_hash=bytes(body or b"") if hashes else None,
        )
        return await compute_signature(signer, prepared, self._options.slow_signing_limit)

    async def disconnect(self, user: str) -> bool:
        """Discard the user's access token from the store. No request that begins later is signed with it.

        The provider is not told: `Handshake.revoke` does that.

        Args:
            user: The application's name for the user.

        Returns:
            Whether the store held one.

        Raises:
            TypeError: If the session has no provider or store.
            StoreUnavailable: If the store did not answer.
        """
        self._check_who(user, None)
        provider, store = self._users()
        return await store.discard_access_token(provider, user)

    def rate_limits(self, user: str | None = None) -> RateLimit | None:
        """Return what the last response for a user said of rate limits, without asking anybody.

        Args:
            user: The application's name for the user. None: the session's own token.

        Returns:
            What it said when it came, or None if there was no response lately.
        """
        from aiooauth1.responses.rate_limit import rate_limit_of  # noqa: PLC0415  when used

        key = user if user is not None else self._token.key if self._token is not None else None
        headers = None if key is None else self._pool.last_headers(key)
        return None if headers is None else rate_limit_of(headers.items(), self._clock())

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
        pool, targets = self._pool, self._targets
        target = targets.resolve(url, options.pop("params", None), self._signature_method)
        # The token is loaded here, since an OSError inside a middleware would look like network trouble.
        used = token or self._token if user is None else await self._token_of(user)
        who = self._no_user if user is None else self._who(user)
        if "data" in options:
            form, pairs = targets.pairs.encode_form(options["data"]), targets.pairs
            options["data"] = (
                pairs.parts(options["data"]) if form is None else BytesPayload(form, content_type=FORM)
            )
        retry = self._retry
        if "retry" in options:
            retry = options.pop("retry")
            self._check_retry(retry)
        has_key = "idempotency_key" in options and _put_key(options, retry)
        if options.get("headers"):
            options["headers"] = header_fields(options["headers"])
        http = pool.http()
        if "ssl" in options:
            pool.require_verified_tls(options["ssl"])
        if (proxy := pool.proxy(options)) is not None:
            pool.refuse_unsafe_proxy(options)
            targets.check_proxy(target, proxy)
        call = RetryMiddleware(
            self._options,
            target,
            pool,
            who,
            used,
            retry,
            pool.timeout(options.get("timeout")),
            follows=options.get("allow_redirects", True),
            has_key=has_key,
        )
        theirs = options.pop("middlewares", None)
        chain = (*(pool.middlewares if theirs is None else theirs), call)
        sending = http.request(method, target.url, middlewares=chain, **options)
        del options, theirs, chain, target  # ten thousand calls in flight would keep them
        try:
            return await sending
        finally:
            call.forget_signer()

    def _who(self, user: str | None) -> CallUser:
        return CallUser(self._consumer, user, self._rejections, self._load, self._signer, self._renew)

    def _check_who(self, user: str | None, token: AccessToken | None) -> None:
        if user is not None and token is not None:
            raise TypeError("give user= or token=, not both")
        if user is not None:
            if not isinstance(user, str):
                raise TypeError(f"user must be a str, not {type(user).__name__}: write str(user)")
            self._users()
        _checked(token)

    def _users(self) -> tuple[str, AccessTokenStore]:
        if self._provider is None or self._store is None:
            raise TypeError("user= needs a session with provider= and store=")
        return self._provider.name, self._store

    async def _load(self, user: str) -> AccessToken | None:
        provider, store = self._users()
        return await store.get_access_token(provider, user)

    async def _token_of(self, user: str) -> AccessToken:
        held = await self._load(user)
        if held is None:
            provider, _ = self._users()
            raise UnknownUser(f"no access token of {provider!r} for user {user!r}: connect them first")
        expires_at = held.expires_at
        if self._renew is None or expires_at is None or expires_at - self._clock() > _RENEWED_BEFORE:
            return held
        return await self._renew(user)


def _check_types(provider: object, store: object, on_token_rejected: object) -> None:
    if provider is not None and (isinstance(provider, type) or not hasattr(provider, "signed_origins")):
        raise TypeError(f"provider must be a Provider, not {kind_of(provider)}")
    if store is not None and (isinstance(store, type) or not hasattr(store, "get_access_token")):
        given = f"the class {store.__name__}" if isinstance(store, type) else type(store).__name__
        raise TypeError(f"store must be a token store such as MemoryStore(), not {given}")
    if on_token_rejected is None:
        return
    is_plain = inspect.isfunction(on_token_rejected) or inspect.ismethod(on_token_rejected)
    if not callable(on_token_rejected) or (is_plain and not inspect.iscoroutinefunction(on_token_rejected)):
        raise TypeError("on_token_rejected must be an `async def` that takes a TokenRejection")


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
    if not isinstance(key, str):
        raise TypeError(f"idempotency_key must be a str, not {type(key).__name__}")
    if not key:
        raise ValueError("idempotency_key is empty: give each post a text of its own")
    options["headers"] = header_fields(options.get("headers") or {})
    options["headers"][retry.idempotency_header] = key
    return True
