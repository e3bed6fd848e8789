"""Completes pending handshakes: one exchange for each request token, for any number of callbacks.

All calls of one process that complete the same handshake share one task, which asks the store, waits for an
exchange elsewhere, and starts one if it may: a hundred calls read the store as often as one does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiooauth1.errors import CallbackError
from aiooauth1.flows.handshake.exchange import Exchange, ExchangeSettings
from aiooauth1.flows.handshake.pending import (
    Busy,
    Claimable,
    Denied,
    Done,
    Exhausted,
    PendingRecord,
    Refused,
    validate_bind,
)
from aiooauth1.flows.handshake.refusals import refusal_error


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiooauth1._internal.lifecycle import LoopAffinity
    from aiooauth1.credentials import AccessToken, RequestToken
    from aiooauth1.errors import OAuth1Error
    from aiooauth1.flows.handshake.exchange import SaveAs
    from aiooauth1.flows.handshake.pending import Status
    from aiooauth1.stores.protocols import AccessTokenStore, Held, PendingStore


__all__ = ["Completer"]

_LEASE_BEYOND_TIMEOUT = 18.0  # seconds for clocks that differ, and for a claim that is late
_STORE_PATIENCE = 3.0  # seconds that waiting for another's exchange takes beyond the exchange
_FIRST_POLL, _LONGEST_POLL = 0.05, 0.5  # seconds between looks at an exchange in another process
_TO_RECORD = 0.05  # seconds that a failed exchange gets to record that, before other calls go on
_MAX_WAITERS = 10_000  # calls of one handshake in one process: browsers reload, and attackers do
_BATCH = 50  # calls answered before other tasks get their turn
_MAX_UNCONFIRMED = 1000


@dataclass(slots=True, eq=False, repr=False)
class _Call:
    """One call that completes a handshake, and where its answer goes."""

    verifier: str
    bind: str
    save_as: SaveAs | None
    give_up_at: float
    answer: asyncio.Future[AccessToken]
    failure: BaseException | None = None
    """How the exchange ended that this call waited for, if it failed for the same verifier."""

    @property
    def saves(self) -> bool:
        return self.save_as is not None

    def resolve(self, result: AccessToken | BaseException) -> None:
        if self.answer.done():  # the caller was cancelled
            return
        if isinstance(result, BaseException):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class Completer:
    """Completes pending handshakes, with at most one exchange running for each.

    Args:
        provider: The provider's name.
        store: Where the pending records are.
        tokens: Where access tokens are stored, if anywhere.
        fetch: Sends the request for an access token, once.
        affinity: The loop and the process in which this object may be used.
        timeout: Seconds that `fetch` may take.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        provider: str,
        store: PendingStore,
        tokens: AccessTokenStore | None,
        fetch: Callable[[RequestToken, str], Awaitable[AccessToken]],
        affinity: LoopAffinity,
        *,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._provider = provider
        self._affinity = affinity
        self._settings = ExchangeSettings(
            store=store,
            tokens=tokens,
            fetch=fetch,
            lease=timeout + _LEASE_BEYOND_TIMEOUT,
            timeout=timeout,
            clock=clock,
        )
        self._flows: dict[str, _Flow] = {}
        self._exchanges: dict[str, Exchange] = {}
        self._is_closing = False

    async def drain(self) -> None:
        """Start no more exchanges, and wait for the running ones as long as they may take."""
        self._is_closing = True
        if self._exchanges and self._affinity.is_current():
            tasks = [exchange.task for exchange in self._exchanges.values()]
            await asyncio.wait(tasks, timeout=self._settings.lease)

    async def load(self, key: str, bind: str) -> tuple[Held, PendingRecord]:
        """Return a record, having checked whose it is, before anything is consumed.

        Raises:
            CallbackError: If there is none, or it is another's.
            StoreUnavailable: If the store did not answer.
            StoreCorrupt: If the record cannot be read.
            ValueError: If `bind` is not a str, or empty.
        """
        self._affinity.check()
        validate_bind(bind)
        held, record = await self.read(key)
        check_owner(record, bind)
        return held, record

    async def read(self, key: str) -> tuple[Held, PendingRecord]:
        """Return a record of this provider, without a check of its binding."""
        held = await self._settings.store.get_pending(self._provider, key)
        if held is None:
            raise CallbackError(
                "the request token is unknown, used or expired, or kept by another process (a MemoryStore is"
                " not shared): start a new handshake"
            )
        record = PendingRecord.load(held.value)
        if (record.provider, record.request_token) != (self._provider, key):
            raise _elsewhere()
        return held, record

    async def complete(self, key: str, verifier: str, bind: str, save_as: SaveAs | None) -> AccessToken:
        """Exchange a request token and its verifier for the access token; later calls get the same token.

        Raises:
            Exception: What `Handshake.complete` raises.
        """
        self._affinity.check()
        validate_bind(bind)
        loop = asyncio.get_running_loop()
        patience = self._settings.timeout + _STORE_PATIENCE
        call = _Call(verifier, bind, save_as, loop.time() + patience, loop.create_future())
        flow = self._flows.get(key)
        if flow is None:
            flow = self._flows[key] = _Flow(self, key, patience)
        elif len(flow.calls) >= _MAX_WAITERS:
            raise CallbackError("too many requests complete this handshake at once: reload in a few seconds")
        flow.calls.append(call)
        if flow.task is None:
            flow.task = asyncio.create_task(flow.run())
        return await call.answer

    def forget(self, key: str) -> None:
        """Drop a handshake whose calls are all answered."""
        self._flows.pop(key, None)

    async def deny(self, key: str, bind: str) -> None:
        """Record that the user said no.

        Raises:
            CallbackError: If the handshake is complete or being completed, or not ours.
        """
        while True:
            held, record = await self.load(key, bind)
            status = self.status(record, "", saves=False)
            if isinstance(status, Denied):
                return
            if isinstance(status, Done):
                raise CallbackError("this handshake is complete, so it cannot be denied any more")
            if isinstance(status, Exhausted):
                raise _exhausted()
            if key in self._exchanges or isinstance(status, Busy):
                raise CallbackError("another request is completing this handshake: it cannot be denied now")
            denied = record.denied()
            store = self._settings.store
            if await store.swap_pending(record.provider, record.request_token, held, denied.dump()):
                return

    def status(self, record: PendingRecord, verifier: str, *, saves: bool) -> Status:
        """Ask a record for its status, as this process may see it."""
        return self._own(record).status(verifier, self._settings.clock(), saves=saves)

    def answer(self, record: PendingRecord, call: _Call) -> AccessToken | OAuth1Error | None:
        """Return the answer to a call, or None as long as the record has none."""
        if not record.is_bound_to(call.bind):
            return _elsewhere()
        match self.status(record, call.verifier, saves=call.saves):
            case Done(token):
                return token
            case Refused(problem):
                return refusal_error(problem)
            case Denied():
                return CallbackError("the user said no in this handshake: start a new one")
            case Exhausted():
                return _exhausted()
            case _:
                return None

    def may_start(self, record: PendingRecord, call: _Call) -> bool:
        """Say whether a call without an answer may start an exchange."""
        return isinstance(self.status(record, call.verifier, saves=call.saves), Claimable)

    def start(self, held: Held, record: PendingRecord, call: _Call) -> Exchange:
        """Start an exchange in its own task, so that cancelling a caller does not cancel it."""
        if self._is_closing:
            raise self._affinity.closed_error()
        unconfirmed = self._settings.unconfirmed_claims
        record, replaced = self._own(record), record.claim
        if len(unconfirmed) >= _MAX_UNCONFIRMED:
            unconfirmed.clear()  # from now on they end when their leases expire
        exchange = Exchange(self._settings, held, record, call.verifier, call.save_as, replaced=replaced)
        key = record.request_token
        self._exchanges[key] = exchange
        exchange.task.add_done_callback(lambda _: self._exchanges.pop(key, None))
        return exchange

    def exchange_of(self, key: str) -> Exchange | None:
        """Return the exchange that runs in this process."""
        return self._exchanges.get(key)

    def _own(self, record: PendingRecord) -> PendingRecord:
        """Release a claim of our own for which nothing was sent, because the store did not answer."""
        if record.claim in self._settings.unconfirmed_claims:
            return record.released(attempt_counts=False)
        return record


class _Flow:
    """All calls of this process that complete one handshake, and the task that answers them.

    Attributes:
        calls: The calls without an answer, in the order in which they came.
        task: The task.
    """

    __slots__ = ("_completer", "_key", "_patience", "calls", "task")

    def __init__(self, completer: Completer, key: str, patience: float) -> None:
        self._completer = completer
        self._key = key
        self._patience = patience
        self.calls: deque[_Call] = deque()
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer the calls, until there are none."""
        try:
            await self._run()
        except Exception as error:  # noqa: BLE001  every waiting call gets it
            while self.calls:
                self.calls.popleft().resolve(error)
        finally:
            # No await since the last look at the calls: one that comes now starts another task.
            self._completer.forget(self._key)
            for call in self.calls:
                call.answer.cancel()

    async def _run(self) -> None:
        delay = _FIRST_POLL
        while self.calls:
            exchange = self._completer.exchange_of(self._key)
            if exchange is not None and not await self._wait_for(exchange.task):
                continue  # its result is known, and it has yet to be recorded
            came = len(self.calls)
            try:
                held, record = await self._completer.read(self._key)
            except Exception as error:  # noqa: BLE001  a store raises what it likes
                for _ in range(came):
                    self.calls.popleft().resolve(error)
                continue
            starter = await self._answer_from(record)
            if starter is not None:
                delay = _FIRST_POLL
                await self._exchange(held, record, starter)
            elif self.calls:
                await asyncio.sleep(delay)
                delay = min(2 * delay, _LONGEST_POLL)
            self._give_up()

    async def _answer_from(self, record: PendingRecord) -> _Call | None:
        """Answer the calls that a record answers; take out and return one that may start an exchange."""
        starter: _Call | None = None
        async for call in self._each():
            result = self._completer.answer(record, call)
            if result is not None:
                call.resolve(result)
            elif not self._completer.may_start(record, call):
                self.calls.append(call)
            elif call.failure is not None and record.outcome is None:
                call.resolve(call.failure)
            elif starter is None:
                starter = call
            else:
                self.calls.append(call)
        return starter

    async def _exchange(self, held: Held, record: PendingRecord, starter: _Call) -> None:
        """Exchange for one call, and give the result to those that asked for the same."""
        try:
            exchange = self._completer.start(held, record, starter)
        except RuntimeError as error:
            starter.resolve(error)
            return
        while not await self._wait_for(exchange.result):
            pass  # other calls give up; the one that started it waits for the whole exchange
        if exchange.result.cancelled():
            starter.answer.cancel()
            return
        failure = exchange.result.exception()
        result = failure if failure is not None else exchange.result.result()
        if result is None:
            self.calls.appendleft(starter)  # another process was faster
            return
        came = len(self.calls)  # a call that comes after the answer is a reload, and has its own
        starter.resolve(result)
        if failure is not None:
            # The outcome gets a moment to be recorded. Not every waiting call asks a store that fails.
            await asyncio.wait({exchange.task}, timeout=_TO_RECORD)
        async for call in self._each(came):
            if not record.is_bound_to(call.bind):
                self.calls.append(call)
            elif failure is None and (exchange.saves or not call.saves):
                call.resolve(result)
            elif failure is not None and exchange.is_for(call.verifier) and not exchange.task.done():
                call.resolve(failure)
            else:
                call.failure = failure if exchange.is_for(call.verifier) else None
                self.calls.append(call)

    async def _each(self, count: int | None = None) -> AsyncIterator[_Call]:
        """Take out each waiting call once, or the first ones, with a turn for other tasks now and then."""
        for number in range(len(self.calls) if count is None else count):
            if number % _BATCH == _BATCH - 1:
                await asyncio.sleep(0)
            call = self.calls.popleft()
            if not call.answer.done():  # else its caller was cancelled
                yield call

    async def _wait_for(self, what: asyncio.Future[Any]) -> bool:
        """Wait until something is done, or the first call gives up; say whether it is done."""
        now = asyncio.get_running_loop().time()
        give_up_at = self.calls[0].give_up_at if self.calls else now + self._patience
        await asyncio.wait({what}, timeout=max(0.0, give_up_at - now))
        if not what.done():
            self._give_up()
        return what.done()

    def _give_up(self) -> None:
        now = asyncio.get_running_loop().time()
        for call in [call for call in self.calls if call.give_up_at <= now]:
            call.resolve(
                CallbackError("another request is completing this handshake: reload in a few seconds")
            )
        self.calls = deque(call for call in self.calls if not call.answer.done())


def check_owner(record: PendingRecord, bind: str) -> None:
    """Refuse a call from another browser or account, before anything is consumed.

    Raises:
        CallbackError: If it is one.
    """
    if not record.is_bound_to(bind):
        raise _elsewhere()


def _elsewhere() -> CallbackError:
    return CallbackError(
        "the handshake was begun elsewhere (another browser, account or provider): start a new one"
    )


def _exhausted() -> CallbackError:
    return CallbackError("the token exchange got no reply twice: start a new handshake")
