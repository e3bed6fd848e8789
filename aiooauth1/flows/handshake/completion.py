"""The state machine of a handshake that is pending between its legs (RFC 5849 section 2).

```
          begin                claim                 token
(nothing) ─────▶ open ──────────────────▶ claimed ─────────▶ done: the same token again and again
                 │ ▲                        │
                 │ └── refused, nothing sent, answer lost, or the lease is over
                 └───▶ denied
```

Every arrow is one compare-and-set of one record: it holds whatever the store, and over many processes.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from aiooauth1.errors import CallbackError
from aiooauth1.flows.handshake.exchange import Exchange
from aiooauth1.flows.handshake.pending import DENIED, PendingRecord, check_bind
from aiooauth1.flows.handshake.running import Running
from aiooauth1.responses.problem import Problem


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiooauth1._internal.lifecycle import Home
    from aiooauth1.credentials import AccessToken, RequestToken
    from aiooauth1.flows.handshake.exchange import SaveAs
    from aiooauth1.stores.protocols import AccessTokenStore, Held, PendingStore


__all__ = ["Completions"]

_LEASE_BEYOND_TIMEOUT = 18.0  # seconds for clocks that differ, and for a claim that is late
_STORE_PATIENCE = 3.0  # seconds that waiting for another's exchange takes beyond the exchange
_POLL = 0.05, 0.5  # seconds between looks at an exchange in another process: the first, and the longest
_MOST_UNSENT = 1000
_MOST_TRIES = 2  # an exchange whose answer was lost is sent once more, and never a third time


class Completions:
    """Brings pending handshakes to their end, with one exchange under way for each at a time.

    Args:
        provider: The provider's name.
        store: Where the pending records are.
        tokens: Where access tokens go; None: nowhere.
        fetch: Sends the request for an access token, once.
        home: Where all this may happen.
        timeout: Seconds that `fetch` may take.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        provider: str,
        store: PendingStore,
        tokens: AccessTokenStore | None,
        fetch: Callable[[RequestToken, str], Awaitable[AccessToken]],
        home: Home,
        *,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._provider = provider
        self._store = store
        self._tokens = tokens
        self._fetch = fetch
        self._home = home
        self._timeout = timeout
        self._lease = timeout + _LEASE_BEYOND_TIMEOUT
        self._clock = clock
        self._unsent: set[str] = set()  # claims of our own that are taken up again at once: see `Exchange`
        self._running: dict[str, Running] = {}
        self._closing = False

    async def finish(self) -> None:
        """Begin no more exchanges, and wait for those under way, as long as they may take."""
        self._closing = True
        if self._running and self._home.is_here():
            await asyncio.wait([running.task for running in self._running.values()], timeout=self._lease)

    async def find(self, key: str, bind: str) -> tuple[Held, PendingRecord]:
        """Return a record, having checked whose it is, before anything is consumed.

        Args:
            key: The key of the request token.
            bind: What the handshake was begun with.

        Raises:
            CallbackError: If there is none, or it is another's.
            StoreUnavailable: If the store did not answer.
            StoreCorrupt: If the record cannot be read.
            ValueError: If `bind` is not a text, or empty.
        """
        self._home.enter()
        check_bind(bind)
        held = await self._store.get_pending(self._provider, key)
        if held is None:
            raise CallbackError("the request token is unknown, used or expired: begin anew")
        record = PendingRecord.load(held.value)
        ours = (record.provider, record.token) == (self._provider, key)
        if not ours or not record.is_bound_to(bind):
            raise CallbackError("the handshake was begun elsewhere: in another browser, account or provider")
        return held, record

    async def complete(self, key: str, verifier: str, bind: str, save_as: SaveAs | None) -> AccessToken:
        """Swap a request token and its verifier for the access token, once; then return the same again.

        Raises:
            Exception: What `Handshake.complete` raises.
        """
        loop = asyncio.get_running_loop()
        patience = loop.time() + self._timeout + _STORE_PATIENCE
        delay = _POLL[0]
        failed: BaseException | None = None  # how the exchange ended that we have waited for
        while True:
            held, record = await self.find(key, bind)
            if (token := _settled(record, verifier, saves=save_as is not None)) is not None:
                return token
            running = self._running.get(key)
            if running is None and self._is_free(record):
                if failed is not None and record.outcome is None:
                    raise failed
                if (token := await self._start(held, record, verifier, save_as)) is not None:
                    return token
            if loop.time() > patience:
                raise CallbackError("another request is completing this handshake: reload in some seconds")
            if running is None:
                await asyncio.sleep(delay)
                delay = min(2 * delay, _POLL[1])
                continue
            failed = await running.wait(record.digest(verifier), self._timeout) or failed
            if (token := running.token(saves=save_as is not None)) is not None:
                return token

    async def deny(self, key: str, bind: str) -> None:
        """Record that the user said no.

        Raises:
            CallbackError: If the handshake is complete or being completed, or not ours.
        """
        while True:
            held, record = await self.find(key, bind)
            if record.outcome == DENIED:
                return
            if record.outcome is not None:
                raise CallbackError("this handshake is complete: its request token is used")
            if key in self._running or not self._is_free(record):
                raise CallbackError("another request is completing this handshake")
            denied = replace(record, claim=None, until=0.0, secret="", params={}, outcome=DENIED)
            if await self._swap(held, denied) is not None:
                return

    def _is_free(self, record: PendingRecord) -> bool:
        if record.claim in self._unsent:
            return True  # left behind when the store did not answer
        if record.claim is not None and record.until > self._clock():
            return False
        if record.outcome is None and record.tries >= _MOST_TRIES:
            raise CallbackError("the request token was sent for exchange and no answer came: begin anew")
        return True

    async def _start(
        self, held: Held, record: PendingRecord, verifier: str, save_as: SaveAs | None
    ) -> AccessToken | None:
        """Exchange in a task of its own, which no cancel of a caller reaches; None: another was faster."""
        if self._closing:
            raise RuntimeError("the handshake is closed")
        if len(self._unsent) >= _MOST_UNSENT:
            self._unsent.clear()  # from now on their leases end them
        answer: asyncio.Future[AccessToken | None] = asyncio.get_running_loop().create_future()
        # Whoever asked may be gone when the answer comes: then nobody looks at its exception.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        exchange = Exchange(
            store=self._store,
            tokens=self._tokens,
            fetch=self._fetch,
            claim=os.urandom(16).hex(),
            unsent=self._unsent,
            lease=self._lease,
            timeout=self._timeout,
            clock=self._clock,
            answer=answer,
        )
        task = asyncio.create_task(exchange.run(held, record, verifier, save_as))
        self._running[record.token] = Running(
            task, answer, record.digest(verifier), saves=save_as is not None
        )
        task.add_done_callback(lambda _: self._running.pop(record.token, None))
        return await asyncio.shield(answer)

    async def _swap(self, held: Held, record: PendingRecord) -> Held | None:
        return await self._store.swap_pending(record.provider, record.token, held, record.dump())


def _settled(record: PendingRecord, verifier: str, *, saves: bool) -> AccessToken | None:
    """Return the token of a handshake that is done, or raise how it ended otherwise; None: it is open."""
    outcome = record.outcome
    if isinstance(outcome, str):
        raise CallbackError("the user said no in this handshake: begin anew")
    if outcome is None and (refused := record.refused) is not None and record.is_refused(verifier):
        told = Problem(refused.status, refused.problem, refused.advice, meaning=refused.meaning)
        raise told.error()
    return outcome if record.saved or not saves else None
