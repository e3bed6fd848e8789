"""One exchange of a request token for an access token: claim, exchange, save for the user, record.

It runs as a task of its own from before the claim to after the record, since it must not stop between those:
the provider gives an access token once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING

from aiooauth1.credentials import AccessToken, RequestToken
from aiooauth1.errors import (
    AuthorizationDenied,
    OutcomeUnknown,
    ProviderError,
    StoreUnavailable,
    TokenResponseError,
)
from aiooauth1.flows.handshake.pending import PendingRecord
from aiooauth1.flows.handshake.refusals import is_final
from aiooauth1.responses.problem import Problem


if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiooauth1.stores.protocols import AccessTokenStore, Held, PendingStore


__all__ = ["Exchange", "ExchangeSettings", "SaveAs", "user_of"]

SaveAs = str | Callable[[AccessToken], str]
"""The user to store an access token for, or a function that derives the user from the token."""

_LATEST_CLAIM = 8.0  # seconds after which a confirmed claim is not used: others may see its lease expired
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds between attempts to record how it ended
_DENIED = Problem(403, "user_refused", meaning="user_refused")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ExchangeSettings:
    """Settings that all exchanges of a handshake share.

    Attributes:
        store: Where the pending records are.
        tokens: Where access tokens are stored, if anywhere.
        fetch: Sends the request for an access token, once.
        lease: Seconds after which a claim expires.
        timeout: Seconds that `fetch` may take.
        clock: Seconds since the epoch.
        unconfirmed_claims: Claims whose write was not confirmed by the store. No token request was sent for
            them, so this process may claim again at once.
    """

    store: PendingStore
    tokens: AccessTokenStore | None
    fetch: Callable[[RequestToken, str], Awaitable[AccessToken]]
    lease: float
    timeout: float
    clock: Callable[[], float]
    unconfirmed_claims: set[str] = field(default_factory=set)


class Exchange:
    """One running exchange of this process.

    Attributes:
        task: The task that claims, exchanges, saves and records.
        result: The outcome, as soon as it is known: the token, the error, or None if another process claimed
            first. The task may still be at work to record it.
    """

    __slots__ = (
        "_claim_id",
        "_held",
        "_record",
        "_replaced",
        "_save_as",
        "_settings",
        "_verifier",
        "result",
        "task",
    )

    def __init__(
        self,
        settings: ExchangeSettings,
        held: Held,
        record: PendingRecord,
        verifier: str,
        save_as: SaveAs | None,
        *,
        replaced: str | None = None,
    ) -> None:
        self._settings = settings
        self._replaced = replaced  # an unconfirmed claim of our own in the store
        self._claim_id = os.urandom(16).hex()
        self._held = held
        self._record = record
        self._save_as = save_as
        self._verifier = verifier
        self.result: asyncio.Future[AccessToken | None] = asyncio.get_running_loop().create_future()
        # The caller may have been cancelled: asyncio must not warn of an exception that is never retrieved.
        self.result.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.task: asyncio.Task[None] = asyncio.create_task(self.run())

    def is_for(self, verifier: str) -> bool:
        """Say whether it exchanges this verifier, in constant time."""
        return compare_digest(self._verifier.encode(), verifier.encode())

    @property
    def saves(self) -> bool:
        """Whether it stores the token for a user."""
        return self._save_as is not None

    async def run(self) -> None:
        """Claim, exchange, save and record, and set the result."""
        try:
            if (claim := await self._claim()) is None:
                self._publish(None, None)
                return
            held, claimed = claim
            ended, token, failure = await self._exchange(claimed)
            if token is not None and self._save_as is not None:
                ended, failure = await self._save(ended, token, self._save_as)
                if isinstance(failure, StoreUnavailable):
                    self._publish(None, failure)  # recording it may take as long again
            await self._write(held, ended, token, failure)
        except asyncio.CancelledError:
            self.result.cancel()
            raise
        except Exception as error:  # noqa: BLE001  every waiting call gets it
            self._publish(None, error)

    async def _claim(self) -> tuple[Held, PendingRecord] | None:
        loop, settings, record = asyncio.get_running_loop(), self._settings, self._record
        unconfirmed = settings.unconfirmed_claims
        asked = loop.time()
        claimed = record.claimed(self._claim_id, settings.clock() + settings.lease)
        unconfirmed.add(self._claim_id)  # for as long as the store has not answered
        try:
            held = await self._swap(self._held, claimed)
        except StoreUnavailable as error:
            self._publish(None, error)
            await self._release_claim(record)
            return None
        if held is not None and loop.time() - asked > _LATEST_CLAIM:
            await self._swap(held, record)
            unconfirmed.difference_update({self._claim_id, self._replaced})
            raise StoreUnavailable("the store took too long to answer: complete the same callback again")
        unconfirmed.difference_update({self._claim_id, self._replaced})
        return None if held is None else (held, claimed)

    async def _release_claim(self, free: PendingRecord) -> None:
        """Release the claim if it was stored after all: others cannot know that nothing was sent."""
        with suppress(StoreUnavailable):  # then the lease expires
            held = await self._settings.store.get_pending(free.provider, free.request_token)
            if held is not None and PendingRecord.load(held.value).claim == self._claim_id:
                await self._swap(held, free)

    async def _exchange(
        self, claimed: PendingRecord
    ) -> tuple[PendingRecord, AccessToken | None, Exception | None]:
        """Send the request, unless there is a token already. Return record, token and error."""
        token = claimed.outcome
        if not isinstance(token, AccessToken):  # otherwise an earlier exchange could not save it
            request_token = RequestToken(claimed.request_token, claimed.secret, params=claimed.params)
            try:
                token = await self._settings.fetch(request_token, self._verifier)
            except Exception as error:  # noqa: BLE001  the claim must end after any error
                return _after_failure(claimed, self._verifier, error), None, error
        return claimed.completed(token), token, None

    async def _save(
        self, ended: PendingRecord, token: AccessToken, save_as: SaveAs
    ) -> tuple[PendingRecord, Exception | None]:
        """Store the token for its user. After a failure a reload saves it."""
        try:
            user = user_of(save_as, token)
            if self._settings.tokens is not None:
                await self._settings.tokens.put_access_token(ended.provider, user, token)
        except Exception as error:  # noqa: BLE001  a store or a callable of the user's raises what it likes
            return ended, error
        return ended.saved(), None

    async def _write(
        self, held: Held, ended: PendingRecord, token: AccessToken | None, failure: Exception | None
    ) -> None:
        """Record the outcome, with retries. The callers do not wait for a store that does not answer."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.lease - self._settings.timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._swap(held, ended)
            except StoreUnavailable:
                self._publish(token, failure)
                if loop.time() > deadline:
                    return  # the lease expires too
            else:
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._publish(token, failure)

    def _publish(self, token: AccessToken | None, failure: Exception | None) -> None:
        if self.result.done():
            return
        if failure is not None:
            self.result.set_exception(failure)
        else:
            self.result.set_result(token)

    async def _swap(self, held: Held, record: PendingRecord) -> Held | None:
        return await self._settings.store.swap_pending(
            record.provider, record.request_token, held, record.dump()
        )


def user_of(save_as: SaveAs, token: AccessToken) -> str:
    """Return the user to store a token for."""
    user = save_as(token) if callable(save_as) else save_as
    if not isinstance(user, str):
        raise TypeError(f"save_as must be the user's name or return it, a str, not {type(user).__name__}")
    return user


def _after_failure(claimed: PendingRecord, verifier: str, failure: Exception) -> PendingRecord:
    """Return the record without the claim. The attempt counts only if its outcome is unknown."""
    if isinstance(failure, AuthorizationDenied):
        return claimed.refused(verifier, _DENIED)
    if (
        isinstance(failure, ProviderError)
        and isinstance(failure.details, Problem)
        and is_final(failure.details)
    ):
        return claimed.refused(verifier, failure.details)
    # Any other error was raised before the request began to be written.
    return claimed.released(attempt_counts=isinstance(failure, (OutcomeUnknown, TokenResponseError)))
