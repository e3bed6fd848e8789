"""Act on an access token that the provider rejects: discard that very token, tell the application once."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiooauth1.credentials import AccessToken
    from aiooauth1.responses.problem import Problem
    from aiooauth1.stores.protocols import AccessTokenStore


__all__ = ["TokenRejection", "TokenRejectionHandler"]

_KEPT = 10_000
_MOST_IN_A_ROW = 5
_LONGEST_DRAIN = 5.0

logger: logging.Logger = logging.getLogger("aiooauth1")


@dataclass(frozen=True, slots=True)
class TokenRejection:
    """An access token that the provider does not accept any more.

    Attributes:
        user: Whose it was, by the application's own name, or None if the call named no user.
        token_key: Its key.
        problem: What the provider calls it, or None if it gave no name.
        status: The status of the refusal.
        token: The token itself, so that a handler can put it back. It is left out of comparisons.
    """

    user: str | None
    token_key: str
    problem: str | None
    status: int
    token: AccessToken | None = field(default=None, compare=False, repr=False)


class TokenRejectionHandler:
    """Acts on refusals that mean: this token is dead. A refusal whose meaning is unknown ends no token.

    Attributes:
        rejected_in_a_row: The users whose tokens were rejected since one was accepted. The session clears it
            when a call succeeds.
        discards: How many tokens were discarded.

    Args:
        provider: The provider's name.
        store: Where the users' tokens are, or None if there is no store.
        on_token_rejected: Called once per rejected token, after it was removed from the store. Not called if
            the store no longer held that token: another process has removed it (and calls its own handler),
            the application has, or the user has reconnected.
        discard_rejected: Whether a rejected token is removed from the store at all.
    """

    def __init__(
        self,
        provider: str,
        store: AccessTokenStore | None,
        on_token_rejected: Callable[[TokenRejection], Awaitable[None]] | None,
        *,
        discard_rejected: bool,
    ) -> None:
        self._provider = provider
        self._store = store
        self._on_token_rejected = on_token_rejected
        self._discard_rejected = discard_rejected
        self._acting: set[asyncio.Task[bool]] = set()  # the loop holds tasks but weakly
        self._telling: set[asyncio.Task[None]] = set()
        self._notified: OrderedDict[str, bool] = OrderedDict()
        self._discarded: OrderedDict[tuple[str, str], int] = OrderedDict()  # and which discard it was
        self.rejected_in_a_row: dict[str, None] = {}
        self.discards: int = 0

    async def handle(
        self,
        problem: Problem,
        user: str | None,
        token: AccessToken,
        discards_seen: int,
        *,
        waits: bool,
    ) -> None:
        """Act on a refusal that says that a token is dead.

        Args:
            problem: The refusal.
            user: The user of the call, or None.
            token: The token that the call was signed with.
            discards_seen: How many tokens had been discarded when the token was read.
            waits: Whether to wait until the application was told.
        """
        if user is not None and self._is_suspicious(user):
            return
        # A task of its own: if the call were cancelled in between, the application would not be told.
        acting = asyncio.ensure_future(self._should_notify(user, token, discards_seen))
        self._acting.add(acting)
        telling = asyncio.ensure_future(self._notify_after(acting, problem, user, token))
        self._telling.add(telling)
        acting.add_done_callback(self._acting.discard)
        telling.add_done_callback(self._telling.discard)
        # Not `shield`: the call is answered, even if `drain` cancels the handler.
        await asyncio.wait({telling if waits else acting})

    def _is_suspicious(self, user: str) -> bool:
        """Say whether so many users were rejected in a row that the tokens are hardly the reason."""
        self.rejected_in_a_row[user] = None
        rejected = len(self.rejected_in_a_row)
        if rejected == _MOST_IN_A_ROW:
            logger.warning(
                "%r rejected the tokens of %d users in a row and accepted none: rejected tokens are kept from"
                " now on, until one is accepted; check the consumer key and the environment",
                self._provider,
                rejected,
                extra={"event": "tokens.kept", "provider": self._provider},
            )
        while len(self.rejected_in_a_row) > _KEPT:
            del self.rejected_in_a_row[next(iter(self.rejected_in_a_row))]
        return rejected >= _MOST_IN_A_ROW

    async def drain(self) -> None:
        """Wait for handlers that run, at most 5 s, and cancel what is left: only they tell the application.

        A handler that closes the session itself is not waited for, nor one of an event loop that has ended.
        """
        here, loop = asyncio.current_task(), asyncio.get_running_loop()
        telling = {task for task in self._telling if task is not here and task.get_loop() is loop}
        if not telling:
            return
        _, left = await asyncio.wait(telling, timeout=_LONGEST_DRAIN)
        for task in left:
            logger.warning("on_token_rejected was cancelled, %g s after close()", _LONGEST_DRAIN)
            task.cancel()

    async def notify(self, problem: Problem, user: str, token: AccessToken) -> None:
        """Tell the application of a dead token that something else has discarded."""
        is_news: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        is_news.set_result(self._notify_once(token))
        await self._notify_after(is_news, problem, user, token)

    async def _notify_after(
        self, acting: asyncio.Future[bool], problem: Problem, user: str | None, token: AccessToken
    ) -> None:
        if not await acting:
            return
        logger.info(
            "access token of %r for user %r rejected: %s",
            self._provider,
            user,
            problem.name or problem.status,
            extra={
                "event": "token.rejected",
                "provider": self._provider,
                "user": user,
                "problem": problem.name,
                "status": problem.status,
            },
        )
        if self._on_token_rejected is None:
            return
        rejection = TokenRejection(user, token.key, problem.name, problem.status, token)
        try:
            await self._on_token_rejected(rejection)
        except Exception:  # an error of the application: the call itself has its response
            logger.exception(
                "on_token_rejected failed for user %r",
                user,
                extra={"event": "token.handler_failed", "provider": self._provider, "user": user},
            )

    async def _should_notify(self, user: str | None, token: AccessToken, discards_seen: int) -> bool:
        if user is None or self._store is None or not self._discard_rejected:
            return self._notify_once(token)
        if self._discarded.get((user, token.key), 0) > discards_seen:
            return False  # this refusal says nothing of what the user may have been granted since then
        try:
            # By its key: the user may have reconnected meanwhile. The process that discards it tells of it.
            is_ours = await self._store.discard_access_token(self._provider, user, token.key)
        except Exception as error:  # noqa: BLE001  the call itself is answered, whatever the store does
            logger.warning(
                "rejected token of user %r not discarded: %s",
                user,
                type(error).__name__,
                extra={
                    "event": "token.not_discarded",
                    "provider": self._provider,
                    "user": user,
                    "error": type(error).__name__,
                },
            )
            # Another call may have discarded it while this one tried, and told of it.
            is_discarded = self._discarded.get((user, token.key), 0) > discards_seen
            return not is_discarded and self._notify_once(token)
        if is_ours or await self._is_disconnected(self._store, user):
            self.note_discard(user, token)
        return is_ours and not self._notified.pop(token.key, False)

    async def _is_disconnected(self, store: AccessTokenStore, user: str) -> bool:
        """Say whether the store holds no token for the user: another process has discarded it."""
        with suppress(Exception):
            return await store.get_access_token(self._provider, user) is None
        return False

    def note_discard(self, user: str, token: AccessToken) -> None:
        """Note that a user's token was discarded."""
        self.discards += 1
        self._discarded[user, token.key] = self.discards
        self._discarded.move_to_end((user, token.key))
        if len(self._discarded) > _KEPT:
            self._discarded.popitem(last=False)

    def _notify_once(self, token: AccessToken) -> bool:
        if token.key in self._notified:
            return False
        self._notified[token.key] = True
        if len(self._notified) > _KEPT:
            self._notified.popitem(last=False)
        return True
