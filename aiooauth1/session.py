"""The verbs: an aiohttp session that signs each request for a user, and returns aiohttp's own responses."""

from __future__ import annotations

import time
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from aiohttp import BytesPayload, hdrs
from yarl import URL

from aiooauth1.clocks import NeverBack
from aiooauth1.credentials import AccessToken, Consumer
from aiooauth1.errors import SigningError, UnknownUser
from aiooauth1.in_flight import InFlight
from aiooauth1.middleware import Call, Manner
from aiooauth1.nonce import fresh_nonce
from aiooauth1.origins import Origin, refuse_bare_transport
from aiooauth1.pairs import Pairs
from aiooauth1.pool import Pool
from aiooauth1.providers import Provider
from aiooauth1.refusals import raise_for_problem
from aiooauth1.signing.sign import Signature, Signer
from aiooauth1.wire import FORM


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiohttp import ClientResponse, ClientSession

    from aiooauth1.options import CallOptions, ClientSessionOptions
    from aiooauth1.providers import Placement
    from aiooauth1.signing.methods import SignatureMethod
    from aiooauth1.stores.protocols import AccessTokenStore


__all__ = ["OAuth1Session", "raise_for_problem"]

_SIGNERS_KEPT = 1024
_BY_THE_RFC = Provider("RFC 5849")  # what a session without a provider goes by


class _Changes(TypedDict, total=False):
    consumer: Consumer
    token: AccessToken | None
    signature_method: SignatureMethod | None
    realm: str | None


class OAuth1Session:
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
            else into the header.
        clock: Seconds since the epoch.
        nonce: A new text at each call, letters and digits; None: random ones as long as the provider wants.
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
        **client_session_options: Unpack[ClientSessionOptions],
    ) -> None:
        self._pool = Pool(client_session_options)
        self._owns_pool = True
        self._provider = provider
        self._store = store
        self._quirks = quirks = provider or _BY_THE_RFC
        quirks.warn_of_sunset()
        self._allow_http = allow_http or quirks.allow_http
        self._origins = frozenset(Origin.of(URL(url)) for url in quirks.signed_origins())
        self._pairs = Pairs(php_arrays=quirks.php_arrays, is_sorted=quirks.rules.sorted_parameters)
        self._manner = Manner(
            clock=NeverBack(clock) if quirks.monotonic_timestamps else clock,
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
    def http(self) -> ClientSession:
        """The plain `ClientSession` below, which signs nothing; to be used inside the running loop."""
        return self._pool.http()

    def replace(self, **changes: Unpack[_Changes]) -> OAuth1Session:
        """Return a view on the same connections and store that signs otherwise; closing it does nothing.

        Args:
            changes: `consumer=`, `token=`, `signature_method=` or `realm=`, as the constructor takes them.

        Raises:
            TypeError: If it is another name, or a value of another type.
            SigningError: If the realm is malformed.
        """
        if unknown := sorted(changes.keys() - _Changes.__annotations__.keys()):
            raise TypeError(f"replace() has no {unknown[0]!r}")
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _owns_pool=False)
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
            TypeError: If both user and token are given, or user without provider and store.
            SigningError: If the request cannot be signed rightly, or must not go there. Nothing was sent.
            UnknownUser: If the store holds no token for the user. Nothing was sent.
            StoreUnavailable: If the store did not answer. Nothing was sent.
            StoreCorrupt: If the stored token cannot be read. Nothing was sent.
            RedirectRefused: If the provider redirects where we must not follow.
            OutcomeUnknown: If a request that is neither GET nor HEAD went out and no answer came.
        """
        rest: dict[str, Any] = {**options}
        user, token = rest.pop("user", None), rest.pop("token", None)
        self._check_who(user, token)
        return InFlight(self._request(method, url, user, token, rest))

    def get(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed GET: see `request`."""
        return self.request(hdrs.METH_GET, url, **options)

    def post(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed POST: see `request`."""
        return self.request(hdrs.METH_POST, url, **options)

    def put(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed PUT: see `request`."""
        return self.request(hdrs.METH_PUT, url, **options)

    def patch(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed PATCH: see `request`."""
        return self.request(hdrs.METH_PATCH, url, **options)

    def delete(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed DELETE: see `request`."""
        return self.request(hdrs.METH_DELETE, url, **options)

    def head(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed HEAD, which like aiohttp's follows no redirect unless told to: see `request`."""
        options.setdefault("allow_redirects", False)
        return self.request(hdrs.METH_HEAD, url, **options)

    def options(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed OPTIONS: see `request`."""
        return self.request(hdrs.METH_OPTIONS, url, **options)

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
        where = self._locate(url, None)
        signer = self._signer(await self._token_of(user, token))
        prepared = signer.prepare(
            method, str(where), nonce=self._manner.nonce(), timestamp=int(self._manner.clock()), form=form
        )
        return signer.finish(prepared)

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
        where = self._locate(url, options.pop("params", None))
        # The token is loaded here, since an OSError inside a middleware would look like network trouble.
        signer = self._signer(await self._token_of(user, token))
        if (form := self._pairs.form(options.get("data"))) is not None:
            options["data"] = BytesPayload(form, content_type=FORM)
        follows = bool(options.get("allow_redirects", True))
        call = Call(signer, Origin.of(where), self._manner, follows=follows)
        theirs = options.pop("middlewares", None)
        chain = (*(self._pool.middlewares if theirs is None else theirs), call)
        try:
            return await self._pool.http().request(method, where, middlewares=chain, **options)
        finally:
            call.drop()

    def _check_who(self, user: str | None, token: AccessToken | None) -> None:
        if user is not None and token is not None:
            raise TypeError("give user= or token=, not both")
        if user is not None and (self._provider is None or self._store is None):
            raise TypeError("user= needs a session with provider= and store=")
        _checked(token)

    async def _token_of(self, user: str | None, token: AccessToken | None) -> AccessToken | None:
        if user is None or self._provider is None or self._store is None:
            return token or self._token
        held = await self._store.get_access_token(self._provider.name, user)
        if held is None:
            raise UnknownUser(
                f"no access token of {self._provider.name!r} for user {user!r}: connect them first"
            )
        return held

    def _locate(self, url: str | URL, params: Any) -> URL:
        """Return where a call goes, having checked that it may."""
        try:
            where = URL(url) if isinstance(url, str) else url
        except ValueError as error:
            raise SigningError(f"the URL is malformed: {error}") from None
        if not where.scheme:
            if self._provider is None or not self._provider.base_url:
                raise SigningError("the URL is relative, and the session has no provider with a base_url")
            where = URL(self._provider.base_url).join(where)
        if where.scheme not in {"http", "https"} or not where.raw_host:
            raise SigningError(
                "the URL is not one of https or http with a host: only such requests are signed"
            )
        if not self._quirks.signs_calls:
            raise SigningError(
                f"{self._quirks.name!r} takes no signed calls: its access token is a key, to be sent as it"
                " says with session.http"
            )
        if where.raw_user is not None or where.raw_password is not None:
            raise SigningError("the URL holds a user name or password: only the signature says who asks")
        where = where.with_fragment(None)
        if params or self._pairs.is_sorted:
            query = self._pairs.query(params, where.raw_query_string)
            where = URL(f"{str(where).partition('?')[0]}{'?' if query else ''}{query}", encoded=True)
        origin = Origin.of(where)
        if self._provider is not None and origin not in self._origins:
            raise SigningError(
                f"{where.origin()} is no origin of the provider {self._provider.name!r}: name it in"
                " Provider.origins, or use session.http for an unsigned request"
            )
        refuse_bare_transport(origin, self._signature_method, allow_http=self._allow_http)
        return where


def _checked(token: AccessToken | None) -> AccessToken | None:
    if token is not None and not isinstance(token, AccessToken):
        raise TypeError(f"token must be an AccessToken, not {type(token).__name__}")
    return token
