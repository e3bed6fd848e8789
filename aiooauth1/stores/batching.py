"""Concurrent reads go to the back end together, as one question.

No reader gets an answer that is older than a write that has returned.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from aiooauth1.errors import OAuth1Error, StoreUnavailable


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


__all__ = ["FreshReads", "ReadBatcher"]

_K = TypeVar("_K")
_V = TypeVar("_V")
_T = TypeVar("_T")

_MOST_KEYS = 256  # in one question: a back end answers it in about a millisecond
_MOST_QUESTIONS = 4  # under way at once
_PATIENCE = 0.02  # seconds after which a question that hangs no longer holds back the next one


class _Readers:
    """How many tasks are reading a key, and how many writes of it have returned since the first began."""

    __slots__ = ("count", "writes")

    def __init__(self) -> None:
        self.count = 0
        self.writes = 0


class FreshReads(Generic[_K]):
    """Repeats a read whose answer may be older than a write that has returned.

    A read and a write use different connections and tasks, so an old answer may arrive after the write has
    returned: a token that was discarded would be used again.
    """

    __slots__ = ("_readers",)

    def __init__(self) -> None:
        self._readers: dict[_K, _Readers] = {}

    async def read(self, key: _K, ask: Callable[[_K], Awaitable[_T]]) -> _T:
        """Return what `ask` answers for a key; if a write of it returned meanwhile, ask again."""
        readers = self._readers.get(key)
        if readers is None:
            readers = self._readers[key] = _Readers()
        readers.count += 1
        try:
            while True:
                writes = readers.writes
                answer = await ask(key)
                if readers.writes == writes:
                    return answer
        finally:
            readers.count -= 1
            if not readers.count:
                self._readers.pop(key, None)

    def note_write(self, key: _K) -> None:
        """Note that a write of a key is about to return."""
        if (readers := self._readers.get(key)) is not None:
            readers.writes += 1


class ReadBatcher(Generic[_K, _V]):
    """Gather the reads that come while one is under way, and ask for them all at once.

    Every caller has its own deadline and cancellation: a reader that gives up leaves the others waiting. Each
    reader gets a copy of a question's error, and an error of one record goes to its reader alone.

    Args:
        ask: Answers keys, in their order, within `timeout`. An exception among the answers is raised for that
            key's readers.
        timeout: How many seconds a reader waits.
        late: Makes the error of a reader whose time is up, from what is known of why.
        node: Names the node that holds a key. A question has keys of one node only, so that a node that hangs
            delays no other node's reads. None: one node holds all keys.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[_K]], Awaitable[Sequence[_V | Exception]]],
        *,
        timeout: float,
        late: Callable[[], StoreUnavailable],
        node: Callable[[_K], str] | None = None,
    ) -> None:
        self._make = partial(_NodeReads[_K, _V], ask, timeout, late)
        self._node = node
        self._nodes: dict[str, _NodeReads[_K, _V]] = {}
        self._fresh: FreshReads[_K] = FreshReads()

    async def read(self, key: _K) -> _V:
        """Return the answer for one key.

        Raises:
            StoreUnavailable: If there is none in time.
        """
        return await self._fresh.read(key, self._read)

    def note_write(self, key: _K) -> None:
        """Note that a write of a key is about to return: those who are reading it ask again."""
        self._fresh.note_write(key)

    async def aclose(self) -> None:
        """Cancel the questions under way. Their readers get `StoreUnavailable`."""
        for reads in self._nodes.values():
            await reads.aclose()

    def _read(self, key: _K) -> Awaitable[_V]:
        node = "" if self._node is None else self._node(key)
        reads = self._nodes.get(node)
        if reads is None:
            reads = self._nodes[node] = self._make()
        return reads.read(key)


class _NodeReads(Generic[_K, _V]):
    """The reads of one node's keys."""

    def __init__(
        self,
        ask: Callable[[Sequence[_K]], Awaitable[Sequence[_V | Exception]]],
        timeout: float,
        late: Callable[[], StoreUnavailable],
    ) -> None:
        self._ask = ask
        self._timeout = timeout
        self._late = late
        self._waiting: dict[_K, list[asyncio.Future[_V]]] = {}
        self._questions: set[asyncio.Task[None]] = set()
        self._is_due = False  # whether a question is about to be asked
        self._is_alone = False  # whether a reader asks for its own key, in its own task
        self._patience: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def read(self, key: _K) -> _V:
        """Return the answer for one key, which other readers may have asked for as well."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # tasks of a loop that has ended never finish
            self._loop, self._waiting, self._questions = loop, {}, set()
            self._is_due, self._is_alone, self._patience = False, False, None
        if not (self._is_due or self._is_alone or self._questions or self._waiting):
            return await self._read_alone(key)
        answer: asyncio.Future[_V] = loop.create_future()
        self._waiting.setdefault(key, []).append(answer)
        if not (self._is_due or self._is_alone or self._questions):
            self._is_due = True
            loop.call_soon(self._start)  # so that keys of the same loop iteration join
        elif self._patience is None and not self._is_due:
            self._patience = loop.call_later(_PATIENCE, self._hurry)
        timer = loop.call_later(self._timeout, self._expire, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    async def _read_alone(self, key: _K) -> _V:
        """Ask for one key in the reader's own task, which costs least; later readers are gathered."""
        self._is_alone = True
        try:
            (answer,) = await self._ask((key,))
        finally:
            self._is_alone = False
            if self._waiting and not self._is_due and not self._questions:
                self._start()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        """Cancel the questions under way; all readers get `StoreUnavailable`."""
        for question in self._questions:
            question.cancel()
        if self._questions:
            await asyncio.wait(self._questions)
        for answers in self._waiting.values():
            for answer in answers:
                self._expire(answer)
        self._waiting.clear()

    def _start(self) -> None:
        self._is_due = False
        batch: dict[_K, list[asyncio.Future[_V]]] = {}
        while self._waiting and len(batch) < _MOST_KEYS:
            key = next(iter(self._waiting))
            answers = [answer for answer in self._waiting.pop(key) if not answer.done()]
            if answers:
                batch[key] = answers
        if batch:
            question = asyncio.get_running_loop().create_task(self._answer(batch))
            self._questions.add(question)
            question.add_done_callback(self._next)

    def _next(self, question: asyncio.Task[None]) -> None:
        self._questions.discard(question)
        if self._waiting and not self._is_due and not question.cancelled():
            self._start()

    def _hurry(self) -> None:
        self._patience = None
        if self._waiting and len(self._questions) < _MOST_QUESTIONS:
            self._start()

    def _expire(self, answer: asyncio.Future[_V]) -> None:
        if not answer.done():
            answer.set_exception(self._late())

    async def _answer(self, batch: dict[_K, list[asyncio.Future[_V]]]) -> None:
        answers: Sequence[_V | Exception]
        try:
            answers = await self._ask(tuple(batch))
        except asyncio.CancelledError:
            for waiting in batch.values():
                for one in waiting:
                    self._expire(one)
            raise
        except Exception as error:  # noqa: BLE001 - the readers get it
            answers = [error] * len(batch)
        for waiting, answer in zip(batch.values(), answers, strict=True):
            for one in waiting:
                if one.done():
                    continue
                if isinstance(answer, Exception):
                    one.set_exception(_copy(answer))
                else:
                    one.set_result(answer)


def _copy(error: Exception) -> Exception:
    # One exception in many tasks would mix up their tracebacks, and the question's own frames hold records.
    return type(error)(*error.args) if isinstance(error, (OAuth1Error, RuntimeError)) else error
