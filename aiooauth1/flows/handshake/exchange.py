"""One exchange of a request token for an access token: claim, exchange, save for the user, record.

It runs as a task of its own from before the claim to after the record, since it must not stop between those:
the provider gives an access token once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiohttp import ClientError

from aiooauth1.credentials import AccessToken, RequestToken
from aiooauth1.errors import (
    NonceRejected,
    OAuth1Error,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    StoreUnavailable,
    TimestampRefused,
    TokenResponseError,
)
from aiooauth1.flows.handshake.pending import PendingRecord, Refusal
from aiooauth1.responses.problem import problem_of


if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiooauth1.stores.protocols import AccessTokenStore, Held, PendingStore


__all__ = ["Exchange", "SaveAs"]

SaveAs = str | Callable[[AccessToken], str]
"""Whom to store an access token for, or what tells that from the token."""

_LATEST_CLAIM = 8.0  # seconds after which an answered claim is not used: its lease may be over elsewhere
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds between attempts to record how it ended
_REQUEST_TIMEOUT = 408
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exchange:
    """One exchange, and what it needs.

    Attributes:
        store: Where the pending record is.
        tokens: Where the access token goes; None: nowhere.
        fetch: Sends the request, once.
        claim: The id of its claim, which no other has.
        unsent: The ids of claims of which the store did not say whether they hold, so that nothing was sent.
        lease: Seconds after which a claim is nobody's.
        timeout: Seconds that `fetch` may take.
        clock: Seconds since the epoch.
        answer: Where the end of it goes: the token, what went wrong, or None if another claimed first.
    """

    store: PendingStore
    tokens: AccessTokenStore | None
    fetch: Callable[[RequestToken, str], Awaitable[AccessToken]]
    claim: str
    unsent: set[str]
    lease: float
    timeout: float
    clock: Callable[[], float]
    answer: asyncio.Future[AccessToken | None]

    async def run(self, held: Held, record: PendingRecord, verifier: str, save_as: SaveAs | None) -> None:
        """Do it all, and set the answer."""
        try:
            if (claim := await self._claim(held, record)) is None:
                self._tell(None, None)
                return
            ended, token, failure = await self._exchange(claim[1], verifier)
            if token is not None and save_as is not None:
                ended, failure = await self._save(ended, token, save_as)
                if isinstance(failure, StoreUnavailable):
                    self._tell(None, failure)  # to record it may take as long again
            await self._record(claim[0], ended, token, failure)
        except asyncio.CancelledError:
            self.answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001  whoever waits for the answer gets it, whatever it is
            self._tell(None, error)

    async def _claim(self, held: Held, record: PendingRecord) -> tuple[Held, PendingRecord] | None:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        sends = record.outcome is None
        # Each claim counts as sent before it is: who dies cannot count. What we know to be unsent does not.
        tries = record.tries - (sends and record.claim in self.unsent)
        until = self.clock() + self.lease
        claimed = replace(record, claim=self.claim, until=until, tries=tries + sends)
        self.unsent.add(self.claim)  # for as long as the store has not answered
        try:
            now_held = await self._swap(held, claimed)
        except StoreUnavailable as error:
            self._tell(None, error)
            await self._give_back(replace(record, claim=None, until=0.0, tries=tries))
            return None
        if now_held is not None and loop.time() - asked > _LATEST_CLAIM:
            await self._swap(now_held, replace(record, claim=None, until=0.0, tries=tries))
            self.unsent.difference_update({self.claim, record.claim})
            raise StoreUnavailable("the store took too long to answer: complete the same callback again")
        self.unsent.difference_update({self.claim, record.claim})
        return None if now_held is None else (now_held, claimed)

    async def _give_back(self, free: PendingRecord) -> None:
        """End the claim if it holds after all: other processes cannot know that nothing was sent."""
        with suppress(StoreUnavailable):  # then its lease ends it
            held = await self.store.get_pending(free.provider, free.token)
            if held is not None and PendingRecord.load(held.value).claim == self.claim:
                await self._swap(held, free)

    async def _exchange(
        self, claimed: PendingRecord, verifier: str
    ) -> tuple[PendingRecord, AccessToken | None, Exception | None]:
        """Send the request, unless the token is there already; return what to record, and how it ended."""
        token = claimed.outcome
        if not isinstance(token, AccessToken):  # else an earlier exchange brought it, and it was not saved
            request_token = RequestToken(claimed.token, claimed.secret, params=claimed.params)
            try:
                token = await self.fetch(request_token, verifier)
            except Exception as error:  # noqa: BLE001  whatever it is, the claim is to end
                return _freed(claimed, verifier, error), None, error
        ended = replace(claimed, claim=None, until=0.0, secret="", params={}, url="", outcome=token)
        return ended, token, None

    async def _save(
        self, ended: PendingRecord, token: AccessToken, save_as: SaveAs
    ) -> tuple[PendingRecord, Exception | None]:
        """Store the token for its user. If that fails it is recorded as not saved, and a reload saves it."""
        try:
            user = _user(save_as, token)
            if self.tokens is not None:
                await self.tokens.put_access_token(ended.provider, user, token)
        except Exception as error:  # noqa: BLE001  a store or a callable of the user's raises what it likes
            return ended, error
        return replace(ended, saved=True), None

    async def _record(
        self, held: Held, ended: PendingRecord, token: AccessToken | None, failure: Exception | None
    ) -> None:
        """Record how it ended. Whoever asked need not wait for a store without answers: this task does."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.lease - self.timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._swap(held, ended)
            except StoreUnavailable:
                self._tell(token, failure)
                if loop.time() > deadline:
                    return  # the lease ends the claim too
            else:
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._tell(token, failure)

    def _tell(self, token: AccessToken | None, failure: Exception | None) -> None:
        if self.answer.done():
            return
        if failure is not None:
            self.answer.set_exception(failure)
        else:
            self.answer.set_result(token)

    async def _swap(self, held: Held, record: PendingRecord) -> Held | None:
        return await self.store.swap_pending(record.provider, record.token, held, record.dump())


def _user(save_as: SaveAs, token: AccessToken) -> str:
    user = save_as(token) if callable(save_as) else save_as
    if not isinstance(user, str):
        raise TypeError(f"save_as must be the user's name or return it, a str, not {type(user).__name__}")
    return user


def _freed(claimed: PendingRecord, verifier: str, failure: Exception) -> PendingRecord:
    """Return the record without the claim, and with one try more only where we don't know how it ended."""
    freed = replace(claimed, claim=None, until=0.0)
    known = isinstance(failure, (OAuth1Error, ClientError, OSError))
    if known and not isinstance(failure, (OutcomeUnknown, TokenResponseError)):
        freed = replace(freed, tries=claimed.tries - 1)
    if isinstance(failure, ProviderError) and _is_final(failure):
        problem = problem_of(failure)
        refusal = Refusal(
            claimed.digest(verifier), problem.status, problem.name, problem.advice, problem.meaning
        )
        freed = replace(freed, refused=refusal)
    return freed


def _is_final(refusal: ProviderError) -> bool:
    """Say whether the same verifier would be refused again."""
    passing = isinstance(refusal, (NonceRejected, RateLimited, TimestampRefused))
    return refusal.status < _SERVER_ERROR and refusal.status != _REQUEST_TIMEOUT and not passing
