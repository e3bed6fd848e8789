"""The three legs of a handshake (RFC 5849 section 2), with each user's state kept in a store between them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from aiooauth1.credentials import AccessToken, RequestToken
from aiooauth1.errors import (
    AuthorizationDenied,
    CallbackError,
    ProviderError,
    TokenRejected,
    TokenResponseError,
)
from aiooauth1.flows.handshake.callback import (
    Callback,
    check_callback_url,
    check_value,
    is_pasted,
    parse_callback,
    typed_verifier,
)
from aiooauth1.flows.handshake.completion import Completer
from aiooauth1.flows.handshake.exchange import user_of
from aiooauth1.flows.handshake.legs import NO_PARAMS, Legs
from aiooauth1.flows.handshake.pending import PendingRecord, validate_bind
from aiooauth1.flows.renewal import SESSION_HANDLE, Renewals, parse_renewal, refused_renewal
from aiooauth1.flows.revocation import check_revocation
from aiooauth1.flows.xauth import password_params
from aiooauth1.stores.codec import MAX_RECORD, dump_record
from aiooauth1.stores.protocols import validate_ttl
from aiooauth1.transport.clock import system_time


if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import BasicAuth, ClientSession

    from aiooauth1.credentials import Consumer
    from aiooauth1.flows.handshake.exchange import SaveAs
    from aiooauth1.providers.provider import Provider
    from aiooauth1.stores.protocols import AccessTokenStore, PendingStore


__all__ = ["Handshake", "PendingHandshake"]

_MOST_DATA = 4096  # bytes, as they are stored
_TO_COME = 1024  # bytes of a record that a claim and a refusal take


@dataclass(frozen=True, slots=True)
class PendingHandshake:
    """A handshake that waits for the user to come back.

    Attributes:
        url: Where to send the user to approve.
        request_token: The request token.
        data: What you gave to `begin`.
    """

    url: str
    request_token: RequestToken
    data: Mapping[str, str]


class Handshake(Legs):
    """Connects users: sends each to the provider, and exchanges the callback for an access token once.

    For any number of callbacks to any number of processes, one exchange runs at a time, and its result is
    kept for the record's remaining life. One object serves all users.

    Args:
        provider: Its endpoints, and how it wants requests signed; its name is the namespace in the store.
        consumer: The service's own credentials.
        store: Where pending handshakes are kept, for all processes that may see the callback.
        tokens: Where access tokens are stored. By default in `store`.
        http: A session of yours to send the requests with; its cookies are not used. By default the handshake
            opens and closes its own.
        ttl: Seconds that a user may take to come back.
        timeout: Seconds that a token request may take altogether.
        clock: Seconds since the epoch, the same in all processes within a few seconds.
        nonce: Returns a new string of letters and digits at each call. By default random nonces of
            `provider.nonce_length`.
        allow_http: Whether endpoints may be plain http on other machines, and PLAINTEXT go over http at all.
        basic_auth: `aiohttp.encode_basic_auth(name, password)` (or a `BasicAuth`) for a gateway before
            the provider (staging sites have one). Only if no token endpoint takes its `oauth_` parameters in
            the header.
        public_only: Whether to connect to public addresses only, for sites that users name. By default
            `provider.public_only`.

    Raises:
        TypeError: If an argument is of another type; the message says what is accepted.
        ValueError: If `ttl` or `timeout` is not a positive number of seconds.
    """

    def __init__(
        self,
        provider: Provider,
        consumer: Consumer,
        *,
        store: PendingStore,
        tokens: AccessTokenStore | None = None,
        http: ClientSession | None = None,
        ttl: float = 600,
        timeout: float = 12,
        clock: Callable[[], float] = system_time,
        nonce: Callable[[], str] | None = None,
        allow_http: bool = False,
        basic_auth: BasicAuth | str | None = None,
        public_only: bool | None = None,
    ) -> None:
        super().__init__(
            provider,
            consumer,
            http=http,
            timeout=timeout,
            clock=clock,
            nonce=nonce,
            allow_http=allow_http,
            basic_auth=basic_auth,
            public_only=public_only,
        )
        if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
            raise TypeError(f"ttl must be a number of seconds, not {type(ttl).__name__}")
        validate_ttl(ttl)
        _check_store("store", store, "add_pending")
        if tokens is not None:
            _check_store("tokens", tokens, "put_access_token")
        self._store = store
        if tokens is None and hasattr(store, "put_access_token"):
            tokens = cast("AccessTokenStore", store)
        self._tokens = tokens
        self._ttl = ttl
        self._renewals: Renewals | None = None
        if tokens is not None:
            self._renewals = Renewals(
                provider.name, store, tokens, self._fetch_renewed_token, timeout=timeout, clock=clock
            )
        self._completer = Completer(
            provider.name,
            store,
            tokens,
            self.fetch_access_token,
            self._affinity,
            timeout=timeout,
            clock=clock,
        )

    @property
    def store(self) -> PendingStore:
        """The store of pending handshakes."""
        return self._store

    async def aclose(self) -> None:
        """Wait for running exchanges and renewals, then close the connections unless they are yours.

        Raises:
            RuntimeError: If they are open in another event loop, which alone can close them.
        """
        self._affinity.check_close()
        await self._completer.drain()
        if self._renewals is not None and self._affinity.is_current():
            await self._renewals.drain()
        await super().aclose()

    async def begin(
        self,
        callback: object,
        *,
        bind: str,
        data: Mapping[str, str] = NO_PARAMS,
        params: Mapping[str, str] = NO_PARAMS,
        authorize_params: Mapping[str, str] = NO_PARAMS,
    ) -> PendingHandshake:
        """Fetch a request token, store it, and return where to send the user.

        Args:
            callback: Where the provider sends the user afterwards: an absolute URL that you configured (a str
                or a URL object), or `oob` if the user types a PIN instead. With None no `oauth_callback` is
                sent, for providers that accept only the registered one.
            bind: What ties the handshake to one browser session or account. Others must not be able to guess
                it: only a call with the same value completes the handshake.
            data: Data of yours that `pending` returns, at most 4 KiB.
            params: More parameters of the request for the request token.
            authorize_params: More parameters of the page where the user approves.

        Raises:
            TypeError: If the callback is of another type.
            ValueError: If an argument is malformed; the message says which.
            TooManyHandshakes: If the store is full of pending handshakes. The provider was not asked.
            StoreUnavailable: If the store did not answer.
            Exception: What `fetch_request_token` raises.
        """
        validate_bind(bind)
        _check_texts("data", data)
        _check_texts("authorize_params", authorize_params)
        if self._provider.sign_authorize_url:
            self._refuse_to_show_the_key()
        callback_url = check_callback_url(callback)
        self._affinity.check()
        slot = getattr(self._store, "pending_slot", nullcontext)
        async with slot():
            request_token = await self.fetch_request_token(callback_url, params=params)
            if self._provider.insecure_oauth_10 and callback_url not in {None, "oob"}:
                authorize_params = {**authorize_params, "oauth_callback": callback_url or ""}
            url = await self._authorization_url(request_token, authorize_params)
            record = PendingRecord(
                provider=self._provider.name,
                request_token=request_token.key,
                secret=request_token.secret,
                params=request_token.params,
                data=data,
                url=url,
                bind_digest="",
                salt=os.urandom(16).hex(),
            )
            record = replace(record, bind_digest=record.digest(bind))
            await self._add(record)
        return PendingHandshake(url, request_token, dict(data))

    async def pending(self, callback: object, *, bind: str) -> PendingHandshake | None:
        """Return the handshake that a callback belongs to, without consuming anything.

        Returns None if the callback belongs to no pending handshake of this provider and binding.

        Args:
            callback: As in `complete`.
            bind: As in `begin`.

        Raises:
            StoreUnavailable: If the store did not answer.
            StoreCorrupt: If the stored record cannot be read.
        """
        try:
            said = self._parse(callback)
            if said.request_token is None:
                return None
            _, record = await self._completer.load(said.request_token, bind)
        except CallbackError:
            return None
        request_token = RequestToken(record.request_token, record.secret, params=record.params)
        return PendingHandshake(record.url, request_token, record.data)

    async def complete(
        self,
        callback: object,
        *,
        bind: str,
        save_as: SaveAs | None = None,
    ) -> AccessToken:
        """Check the callback, and exchange request token and verifier for the access token, once.

        It may be called again with the same callback, after a reload or any error: it returns the same token.

        Args:
            callback: The URL that the browser asked for (a str or any URL object), its query, or the query's
                decoded parameters as a mapping or pairs.
            bind: As in `begin`.
            save_as: Your name for the user to store the token for, or a function that derives it from the
                token. By default the token is not stored.

        Raises:
            AuthorizationDenied: If the user said no.
            CallbackError: If the callback is invalid: start a new handshake.
            ProviderError: If the provider refused the exchange.
            TokenResponseError: If its answer is unusable.
            OutcomeUnknown: If the answer was lost. The same callback can be completed once more.
            StoreUnavailable: If the store did not answer. The same callback can be completed again.
            StoreCorrupt: If the stored record cannot be read.
            RedirectRefused: If the provider answered with a redirect.
            SigningError: If the request cannot be signed rightly.
            aiohttp.ClientError: If nothing was sent. The same callback can be completed again.
            TimeoutError: As aiohttp.ClientError.
        """
        said = self._parse(callback)
        if said.denied:
            if said.request_token is not None:
                await self._completer.deny(said.request_token, bind)
            raise AuthorizationDenied("the user said no at the provider")
        if said.problem is not None:
            raise CallbackError(f"the provider reports in the callback: {said.problem}")
        if said.request_token is None:
            raise CallbackError("the callback names no request token (oauth_token): start a new handshake")
        return await self.complete_with_verifier(
            said.request_token, said.verifier or "", bind=bind, save_as=save_as
        )

    async def complete_with_verifier(
        self,
        request_token_key: str,
        verifier: str,
        *,
        bind: str,
        save_as: SaveAs | None = None,
    ) -> AccessToken:
        """Do the same with a PIN that the user has typed. A mistyped PIN can be corrected.

        Args:
            request_token_key: The key of the request token that `begin` returned.
            verifier: The PIN; or the URL, or its query, to which the provider sent the browser, if the user
                copied that from the address bar.
            bind: As in `begin`.
            save_as: As in `complete`.

        Raises:
            Exception: As `complete`.
        """
        for name, given in (("request_token_key", request_token_key), ("verifier", verifier)):
            if not isinstance(given, str):
                raise TypeError(f"{name} must be a str, not {type(given).__name__}")
        _check_save_as(save_as)
        if is_pasted(verifier):
            said = self._parse(verifier.strip())
            if said.request_token not in {None, request_token_key}:
                raise CallbackError("this URL belongs to another handshake: copy that of the newest one")
            if said.denied:
                await self._completer.deny(request_token_key, bind)
                raise AuthorizationDenied("the user said no at the provider")
            verifier = said.verifier or ""
        verifier = typed_verifier(verifier)
        provider = self._provider
        if not verifier and not (provider.insecure_without_verifier or provider.insecure_oauth_10):
            raise CallbackError(
                "there is no verifier (oauth_verifier): start a new handshake, or type the PIN"
            )
        check_value("oauth_verifier", verifier)
        if save_as is not None and self._tokens is None:
            raise TypeError("save_as needs a store for access tokens: give tokens=")
        return await self._completer.complete(request_token_key, verifier, bind, save_as)

    async def renew(self, user: str) -> AccessToken:
        """Renew a user's access token, and store the result.

        With a `renew_url` the provider renews the same token or issues a new one. Otherwise a token that came
        with an `oauth_session_handle` is exchanged for a new one (OAuth Session extension). Of any number of
        calls in any number of processes one asks the provider. The others get the same token, also those that
        come within ten seconds after it. Pass this method to a session:
        `OAuth1Session(…, renew=handshake.renew)`.

        Args:
            user: Your name for the user.

        Raises:
            TypeError: If the handshake has no store for access tokens.
            ValueError: If neither the provider nor the token can be renewed.
            UnknownUser: If the store holds no token for the user.
            TokenRejected: If the provider refused. The stored token is discarded only if the provider says
                that it is no longer valid.
            ProviderError: If the provider failed, or refused for another reason.
            OutcomeUnknown: If the request was sent and no answer came. The stored token is not changed.
            StoreUnavailable: If the store did not answer.
        """
        self._affinity.check()
        _check_user(user)
        if self._renewals is None:
            raise TypeError("renew needs a store for access tokens: give tokens=")
        return await self._renewals.renew(user)

    async def _fetch_renewed_token(self, token: AccessToken) -> AccessToken:
        provider = self._provider
        handle = token.params.get(SESSION_HANDLE, "")
        if not provider.renew_url and not handle:
            raise ValueError(
                f"the provider {provider.name!r} has no renew_url, and the token has no {SESSION_HANDLE}:"
                " connect the user again"
            )
        try:
            return await self._ask(
                "renew" if provider.renew_url else "access_token",
                token,
                NO_PARAMS,
                lambda body: parse_renewal(body, token, provider, self._clock()),
                extra=((SESSION_HANDLE, handle),) if handle else (),
                may_repeat=True,
            )
        except ProviderError as error:
            refused = refused_renewal(error)
        raise refused

    async def revoke(self, user: str) -> bool:
        """Revoke a user's access token: at the provider if it has an endpoint for that, and out of the store.

        Args:
            user: Your name for the user.

        Returns:
            Whether the store held a token for the user.

        Raises:
            TypeError: If the handshake has no store for access tokens.
            ProviderError: If the provider refused, unless because the token is already invalid. The token
                stays in the store, as after any other error.
            OutcomeUnknown: If the request was sent and no answer came.
            StoreUnavailable: If the store did not answer.
        """
        self._affinity.check()
        _check_user(user)
        if self._tokens is None:
            raise TypeError("revoke needs a store for access tokens: give tokens=")
        name = self._provider.name
        token = await self._tokens.get_access_token(name, user)
        if token is None:
            return False
        if self._provider.revoke_url:
            with suppress(TokenRejected):  # it is already invalid
                await self._ask("revoke", token, NO_PARAMS, check_revocation, may_repeat=True)
        await self._tokens.discard_access_token(name, user, token.key)
        return True

    async def fetch_access_token_by_password(
        self, username: str, password: str, *, save_as: SaveAs | None = None
    ) -> AccessToken:
        """Exchange a user's name and password for an access token (xAuth: Instapaper and others).

        The password is sent in the form of a signed POST. It is not stored and appears in no error.

        Args:
            username: The user's name or e-mail address at the provider.
            password: Their password there.
            save_as: As in `complete`.

        Raises:
            TypeError: If an argument is of another type, or `save_as` is given without a store for it.
            ValueError: If the provider has no such endpoint, or it is not a POST.
            ProviderError: If the provider refused, as for a wrong password.
            TokenResponseError: If its answer is unusable.
            OutcomeUnknown: If the request was sent and no answer came.
            StoreUnavailable: If the store did not answer.
        """
        self._affinity.check()
        _check_save_as(save_as)
        if save_as is not None and self._tokens is None:
            raise TypeError("save_as needs a store for access tokens: give tokens=")
        if self._provider.endpoint("access_token").method != "POST":
            raise ValueError("xAuth needs access_token_method='POST': a password belongs in no URL")
        try:
            token = await self._ask(
                "access_token",
                None,
                password_params(username, password),
                self._access_token,
                may_repeat=True,
            )
        finally:
            del password  # error reports may show local variables
        if save_as is not None:
            await self._save(token, save_as)
        return token

    async def _save(self, token: AccessToken, save_as: SaveAs) -> None:
        user = user_of(save_as, token)
        if self._tokens is not None:
            await self._tokens.put_access_token(self._provider.name, user, token)

    async def _add(self, record: PendingRecord) -> None:
        # Dumped twice: error reports may show local variables, and the record has a secret in it.
        try:
            length = len(record.dump())
        except ValueError:
            length = 0
        if not 0 < length <= MAX_RECORD - _TO_COME:
            raise TokenResponseError("the provider's request token is too long to be stored: reduce data=")
        if not await self._store.add_pending(
            record.provider, record.request_token, record.dump(), ttl=self._ttl
        ):
            raise TokenResponseError(
                "the provider reissued a request token that is still pending: start again"
            )

    def _parse(self, callback: object) -> Callback:
        provider = self._provider
        return parse_callback(
            callback,
            token_name=provider.callback_token_name,
            denied_by_empty_verifier=provider.denied_by_empty_verifier,
            denied_without_verifier=provider.denied_without_verifier,
            denial_params=provider.denial_params,
        )


def _check_user(user: object) -> None:
    if not isinstance(user, str):
        raise TypeError(f"user must be a str, not {type(user).__name__}: write str(user)")


def _check_save_as(save_as: object) -> None:
    if save_as is not None and not isinstance(save_as, str) and not callable(save_as):
        raise TypeError(
            f"save_as must be the user's name, a function of the access token or None, not"
            f" {type(save_as).__name__}"
        )


def _check_store(name: str, store: object, method: str) -> None:
    if isinstance(store, type):
        raise TypeError(f"{name} must be a store, not the class {store.__name__}: write {store.__name__}()")
    if not callable(getattr(store, method, None)):
        raise TypeError(f"{name} must be a store such as MemoryStore(), not {type(store).__name__}")


def _check_texts(what: str, given: Mapping[str, str]) -> None:
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} must be a mapping of str to str, not {type(given).__name__}")
    if not all(isinstance(text, str) for pair in given.items() for text in pair):
        raise ValueError(f"{what} must map str to str")
    if len(dump_record({what: dict(given)})) > _MOST_DATA:
        raise ValueError(f"{what} is longer than {_MOST_DATA} bytes: store it yourself, and pass a reference")
