"""One question for all who wait: reads that are asked for at the same time go to the back end together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from aiooauth1.errors import OAuth1Error, StoreUnavailable


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


__all__ = ["ReadBatcher"]

_K = TypeVar("_K")
_V = TypeVar("_V")

_MOST_KEYS = 256  # in one question: a back end answers it in about a millisecond
_MOST_QUESTIONS = 4  # under way at once
_PATIENCE = 0.02  # seconds after which a question that hangs no longer holds back the next one


class ReadBatcher(Generic[_K, _V]):
    """Gather the reads that come while one is under way, and ask for them all at once.

    Every caller has its own deadline and cancellation: who gives up leaves the others waiting. An error of a
    question is raised anew for each who waits for it, an error of one record for its reader alone.

    Args:
        ask: Answers keys, in their order, within `timeout`. An exception among the answers is raised for that
            key's readers.
        timeout: How many seconds a reader waits.
        late: Makes the error of a reader whose time is up, from what is known of why.
        most: How many keys one question takes. 1: every key is a question of its own, all at once, for a back
            end whose keys lie on several nodes, of which one may hang.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[_K]], Awaitable[Sequence[_V | Exception]]],
        *,
        timeout: float,
        late: Callable[[], StoreUnavailable],
        most: int | None = None,
    ) -> None:
        self._ask = ask
        self._timeout = timeout
        self._late = late
        self._most = most or _MOST_KEYS
        self._waiting: dict[_K, list[asyncio.Future[_V]]] = {}
        self._questions: set[asyncio.Task[None]] = set()
        self._is_due = False  # whether a question is about to be asked
        self._is_alone = False  # whether a reader asks for its own key, in its own task
        self._patience: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def read(self, key: _K) -> _V:
        """Return the answer for one key.

        Raises:
            StoreUnavailable: If there is none in time.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # what was begun in a loop that has ended never comes to an end
            self._loop, self._waiting, self._questions = loop, {}, set()
            self._is_due, self._is_alone, self._patience = False, False, None
        if self._most == 1 or not (self._is_due or self._is_alone or self._questions or self._waiting):
            return await self._read_alone(key)
        answer: asyncio.Future[_V] = loop.create_future()
        self._waiting.setdefault(key, []).append(answer)
        if not (self._is_due or self._is_alone or self._questions):
            self._is_due = True
            loop.call_soon(self._start)  # whoever else asks before the loop comes round is taken along
        elif self._patience is None and not self._is_due:
            self._patience = loop.call_later(_PATIENCE, self._hurry)
        timer = loop.call_later(self._timeout, self._expire, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    async def _read_alone(self, key: _K) -> _V:
        """Ask for one key in the reader's own task, which costs least; who comes meanwhile is gathered."""
        self._is_alone = self._most > 1
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
        """End the questions under way. Whoever waits is told that the store did not answer."""
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
        while self._waiting and len(batch) < self._most:
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
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            answers = [error] * len(batch)
        for waiting, answer in zip(batch.values(), answers, strict=True):
            for one in waiting:
                if one.done():
                    continue
                if isinstance(answer, Exception):
                    one.set_exception(_anew(answer))
                else:
                    one.set_result(answer)


def _anew(error: Exception) -> Exception:
    # One exception that many raise would mix up their tracebacks, and those of the question have records.
    return type(error)(*error.args) if isinstance(error, (OAuth1Error, RuntimeError)) else error
