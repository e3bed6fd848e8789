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
from aiooauth1.pending_record import Refusal


if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiooauth1.pending_record import PendingRecord
    from aiooauth1.stores.protocols import AccessTokenStore, Held, PendingStore


__all__ = ["Exchange", "SaveAs"]

SaveAs = str | Callable[[AccessToken], str]
"""Whom to store an access token for, or what tells that from the token."""

_LATEST_CLAIM = 8.0  # seconds after which an answered claim is not used: its lease may be over elsewhere
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds between attempts to record the result
_REQUEST_TIMEOUT = 408
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exchange:
    """How a handshake exchanges.

    Attributes:
        store: Where the pending record is.
        tokens: Where the access token goes; None: nowhere.
        fetch: Sends the request, once.
        claimant: Who claims: the same for all exchanges of one handshake object.
        lease: Seconds after which a claim is nobody's.
        timeout: Seconds that `fetch` may take.
        clock: Seconds since the epoch.
    """

    store: PendingStore
    tokens: AccessTokenStore | None
    fetch: Callable[[RequestToken, str], Awaitable[AccessToken]]
    claimant: str
    lease: float
    timeout: float
    clock: Callable[[], float]

    async def run(
        self,
        held: Held,
        record: PendingRecord,
        verifier: str,
        save_as: SaveAs | None,
        answer: asyncio.Future[AccessToken | None],
    ) -> None:
        """Do it all, and set the answer: the token, what went wrong, or None if another claimed first."""
        try:
            if (claim := await self._claim(held, record)) is None:
                answer.set_result(None)
                return
            token = await self._token(*claim, verifier)
            await self._settle(*claim, token, save_as, answer)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001  whoever waits for the answer gets it, whatever it is
            if not answer.done():
                answer.set_exception(error)

    async def _claim(self, held: Held, record: PendingRecord) -> tuple[Held, PendingRecord] | None:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        # A claim of our own is one whose answer was late: nothing was sent under it.
        sends_one_more = record.outcome is None and record.claim != self.claimant
        until = self.clock() + self.lease
        claimed = replace(record, claim=self.claimant, until=until, tries=record.tries + sends_one_more)
        now_held = await self._swap(held, claimed)
        if now_held is None:
            return None
        if loop.time() - asked > _LATEST_CLAIM:
            await self._swap(now_held, replace(record, claim=None, until=0.0))
            raise StoreUnavailable("the store took too long to answer: complete the same callback again")
        return now_held, claimed

    async def _token(self, held: Held, claimed: PendingRecord, verifier: str) -> AccessToken:
        if isinstance(claimed.outcome, AccessToken):
            return claimed.outcome  # an earlier exchange brought it, and it could not be saved
        request_token = RequestToken(claimed.token, claimed.secret, params=claimed.params)
        try:
            return await self.fetch(request_token, verifier)
        except (OAuth1Error, ClientError, OSError) as error:
            failure = error
        freed = replace(claimed, claim=None, until=0.0)
        if not isinstance(failure, (OutcomeUnknown, TokenResponseError)):
            freed = replace(freed, tries=claimed.tries - 1)  # we know how this one ended
        if isinstance(failure, ProviderError) and _is_final(failure):
            refusal = Refusal(claimed.digest(verifier), failure.status, failure.problem, failure.advice)
            freed = replace(freed, refused=refusal)
        with suppress(
            StoreUnavailable
        ):  # the lease ends the claim too, and what the provider said matters more
            await self._swap(held, freed)
        raise failure

    async def _settle(
        self,
        held: Held,
        claimed: PendingRecord,
        token: AccessToken,
        save_as: SaveAs | None,
        answer: asyncio.Future[AccessToken | None],
    ) -> None:
        """Save the token for its user and record it: from here on there is no other."""
        saved, failure = claimed.saved, None
        if save_as is not None and self.tokens is not None:
            try:
                user = save_as(token) if callable(save_as) else save_as
                await self.tokens.put_access_token(claimed.provider, user, token)
                saved = True
            except Exception as error:  # noqa: BLE001  it is recorded as not saved: a reload saves it
                failure = error

        def tell(failure: Exception | None) -> None:
            if answer.done():
                return
            if failure is not None:
                answer.set_exception(failure)
            else:
                answer.set_result(token)

        done = replace(claimed, claim=None, until=0.0, secret="", params={}, outcome=token, saved=saved)
        deadline = asyncio.get_running_loop().time() + self.lease - self.timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._swap(held, done)
                break
            except StoreUnavailable as error:
                # The caller need not wait for the store to come back; this task does.
                tell(failure or (None if saved else error))
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        tell(failure)

    async def _swap(self, held: Held, record: PendingRecord) -> Held | None:
        return await self.store.swap_pending(record.provider, record.token, held, record.dump())


def _is_final(refusal: ProviderError) -> bool:
    """Say whether the same verifier would be refused again."""
    passing = isinstance(refusal, (NonceRejected, RateLimited, TimestampRefused))
    return refusal.status < _SERVER_ERROR and refusal.status != _REQUEST_TIMEOUT and not passing
