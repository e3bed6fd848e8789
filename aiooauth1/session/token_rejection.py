"""Notice that a user has taken an access token back: forget that very token, and tell the application."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from aiooauth1.errors import TokenRejected, UnknownUser


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiooauth1.credentials import AccessToken
    from aiooauth1.responses.problem import Problem
    from aiooauth1.stores.protocols import AccessTokenStore


__all__ = ["InUse", "Revocation", "TokenRejection"]

_KEPT = 10_000
_FIRST_FAULT = 500  # a server in trouble is no witness

logger = logging.getLogger("aiooauth1")


@dataclass(frozen=True, slots=True)
class TokenRejection:
    """An access token that the provider takes no longer.

    Attributes:
        user: Whose it was, by the application's own name; None: the call named no user.
        token_key: Its key.
        problem: What the provider calls it; None: it gave no name.
        status: The status of the refusal.
    """

    user: str | None
    token_key: str
    problem: str | None
    status: int


class Revocation:
    """Acts on refusals that mean: this token is dead. A refusal whose meaning is unknown kills no token.

    Args:
        provider: The provider's name.
        store: Where the users' tokens are; None: there is no store.
        on_token_rejected: Called once for a token, after it was discarded; None: nobody wants to know. Not
            called where the store did not hold it any more: another process discarded it, which tells of it;
            the application did, which knows; or the user has connected anew, and is connected.
    """

    def __init__(
        self,
        provider: str,
        store: AccessTokenStore | None,
        on_token_rejected: Callable[[TokenRejection], Awaitable[None]] | None,
    ) -> None:
        self._provider = provider
        self._store = store
        self._on_token_rejected = on_token_rejected
        self._acting: set[asyncio.Task[None]] = set()  # the loop holds tasks but weakly
        self._told: OrderedDict[str, bool] = OrderedDict()
        self._discards = 0
        self._discarded: OrderedDict[tuple[str, str], int] = OrderedDict()  # and which discard it was

    def in_use(self, user: str | None, token: AccessToken | None) -> InUse:
        """Return a token as a call uses it that begins now.

        Args:
            user: For whom; None: the call names no user.
            token: The token; None: the call has none.
        """
        return InUse(self, user, token, self._discards)

    def check(self, user: str | None, token: AccessToken | None, since: int) -> None:
        """Raise UnknownUser if a user's token was discarded after so many discards."""
        if since == self._discards or user is None or token is None:
            return
        if self._discarded.get((user, token.key), 0) > since:
            raise UnknownUser(
                f"the access token of {self._provider!r} for user {user!r} was rejected meanwhile: connect"
                " them anew"
            )

    async def notice(self, problem: Problem, in_use: InUse) -> None:
        """Look at a refusal of a call that used a token, or none."""
        if in_use.token is None or problem.status >= _FIRST_FAULT:
            return
        if not isinstance(problem.error(), TokenRejected):
            return
        # A task of its own: were the call cancelled in between, nobody would ever hear of it.
        acting = asyncio.ensure_future(self._act(problem, in_use.user, in_use.token, in_use.since))
        self._acting.add(acting)
        acting.add_done_callback(self._acting.discard)
        await asyncio.shield(acting)

    async def _act(self, problem: Problem, user: str | None, token: AccessToken, since: int) -> None:
        if not await self._is_news(user, token, since):
            return
        rejection = TokenRejection(user, token.key, problem.name, problem.status)
        logger.info(
            "access token rejected",
            extra={
                "provider": self._provider,
                "user": user,
                "problem": problem.name,
                "status": problem.status,
            },
        )
        if self._on_token_rejected is not None:
            try:
                await self._on_token_rejected(rejection)
            except Exception:  # the call itself is answered: what is wrong here is the application's own
                logger.exception("on_token_rejected failed", extra={"provider": self._provider, "user": user})

    async def _is_news(self, user: str | None, token: AccessToken, since: int) -> bool:
        if user is None or self._store is None:
            return self._is_first(token)
        if self._discarded.get((user, token.key), 0) > since:
            return False  # what the user may have been granted since then, this refusal says nothing of
        try:
            # By its key: the user may have connected anew meanwhile. Whoever discards it tells of it.
            is_ours = await self._store.discard_access_token(self._provider, user, token.key)
        except Exception as error:  # noqa: BLE001  the call itself is answered, whatever the store does
            logger.warning(
                "rejected token not discarded",
                extra={"provider": self._provider, "user": user, "error": type(error).__name__},
            )
            # Another call may have discarded it while this one tried, and told of it.
            return self._discarded.get((user, token.key), 0) <= since and self._is_first(token)
        if is_ours or await self._has_none(self._store, user):
            self._remember(user, token)
        return is_ours and not self._told.pop(token.key, False)

    async def _has_none(self, store: AccessTokenStore, user: str) -> bool:
        """Say whether another process has discarded it: then nothing goes out with it from here either."""
        with suppress(Exception):
            return await store.get_access_token(self._provider, user) is None
        return False

    def _remember(self, user: str, token: AccessToken) -> None:
        self._discards += 1
        self._discarded[user, token.key] = self._discards
        self._discarded.move_to_end((user, token.key))
        if len(self._discarded) > _KEPT:
            self._discarded.popitem(last=False)

    def _is_first(self, token: AccessToken) -> bool:
        if token.key in self._told:
            return False
        self._told[token.key] = True
        if len(self._told) > _KEPT:
            self._told.popitem(last=False)
        return True


class InUse(NamedTuple):
    """A token as one call uses it, which may have waited for a connection for long since it began."""

    revocation: Revocation
    user: str | None
    token: AccessToken | None
    since: int

    def check(self) -> None:
        """Look whether there still is something to sign with, before each attempt.

        Raises:
            UnknownUser: If the token was discarded meanwhile.
        """
        self.revocation.check(self.user, self.token, self.since)

    async def notice(self, problem: Problem) -> None:
        """Look at a refusal of the call."""
        await self.revocation.notice(problem, self)
