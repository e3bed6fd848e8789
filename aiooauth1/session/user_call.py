"""A call for a user: signed with the token that the store holds when there is a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiooauth1.errors import StoreUnavailable, UnknownUser
from aiooauth1.session.signing_request import SignedCall, SigningRequest
from aiooauth1.transport.placement import remove_signature


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiooauth1.credentials import AccessToken, Consumer
    from aiooauth1.session.pool import ConnectionPool
    from aiooauth1.session.signing_request import SigningOptions
    from aiooauth1.session.token_rejection import TokenRejectionHandler
    from aiooauth1.signing.sign import Signer
    from aiooauth1.transport.origin import RequestTarget


__all__ = ["CallUser", "UserCall"]


class CallUser(NamedTuple):
    """Whose call it is, and where their token comes from.

    Attributes:
        consumer: The service's own credentials.
        user: The application's name for the user, or None if the call names no user.
        rejections: What acts on a token that the provider rejects.
        load: Reads the user's token.
        signer: Makes the signer of a token.
        renew: Renews the user's token, or None if tokens are not renewed.
    """

    consumer: Consumer
    user: str | None
    rejections: TokenRejectionHandler
    load: Callable[[str], Awaitable[AccessToken | None]]
    signer: Callable[[AccessToken | None], Signer]
    renew: Callable[[str], Awaitable[AccessToken]] | None = None


class UserCall(SignedCall):
    """Signs the requests of one call, never with a token that was discarded or replaced meanwhile."""

    __slots__ = ("_discards_seen", "_pool", "_token", "_turn", "_who")

    signer: Signer | None

    def __init__(
        self,
        options: SigningOptions,
        target: RequestTarget,
        pool: ConnectionPool,
        who: CallUser,
        token: AccessToken | None,
    ) -> None:
        super().__init__(options, who.signer(token), target)
        self._pool = pool
        self._who = who
        self._token = token
        self._turn = pool.turns.mark() if who.user is not None else 0
        self._discards_seen = who.rejections.discards

    def sign_at_once(self, request: SigningRequest) -> bool:
        """Sign with the token at hand, unless anything else can have run since the store was read."""
        if self._who.user is not None and self._pool.turns.count != self._turn:
            return False
        return SignedCall.sign_at_once(self, request)

    async def sign(self, request: SigningRequest) -> None:
        """Sign with the token that the store holds now, however long that takes.

        Raises:
            UnknownUser: If the store holds none any more.
            StoreUnavailable: If the store did not answer.
            SigningError: If the request cannot be signed rightly.
        """
        user, turns, url = self._who.user, self._pool.turns, request.url
        if user is not None and turns.count != self._turn:
            await self._reload_token(user)
        if SignedCall.sign_at_once(self, request):
            return
        await super().sign(request)
        while user is not None and turns.count != self._turn:
            # A thread computed the signature meanwhile. A token that was discarded then must not go out.
            signed_with = self._token
            await self._reload_token(user)
            if self._token == signed_with:
                return
            await remove_signature(request, self.options.placement)
            request.url = url
            await super().sign(request)

    async def _reload_token(self, user: str) -> None:
        try:
            token = await self._who.load(user)
        except OSError as error:  # which aiohttp would take for trouble with the connection
            failure = f"the token store failed: {type(error).__name__}"
        else:
            self._turn = self._pool.turns.mark()
            if token is None:
                raise UnknownUser(f"user {user!r} has no access token any more: connect the user again")
            if token != self._token:
                self._token, self.signer = token, self._who.signer(token)
                self._discards_seen = self._who.rejections.discards
            return
        raise StoreUnavailable(failure)

    def _key(self) -> str | None:
        user, token = self._who.user, self._token
        return user if user is not None else token.key if token is not None else None
