"""Concurrent reads are one question to the back end; each reader has its own deadline and error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiooauth1.errors import StoreCorrupt, StoreUnavailable
from aiooauth1.stores.batching import ReadBatcher


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class BackEnd:
    """Answers with the key in capitals, once the test lets it."""

    def __init__(
        self, timeout: float = 5.0, node: Callable[[str], str] | None = None, *, answers: bool = True
    ) -> None:
        self.timeout = timeout
        self.asked: list[tuple[str, ...]] = []
        self.may_answer = asyncio.Event()
        if answers:
            self.may_answer.set()
        self.news = asyncio.Event()
        self.error: Exception | None = None
        self.batcher: ReadBatcher[str, str] = ReadBatcher(
            self.ask, timeout=timeout, late=lambda: StoreUnavailable("too late"), node=node
        )

    async def ask(self, keys: Sequence[str]) -> Sequence[str | Exception]:
        self.asked.append(tuple(keys))
        self.news.set()
        try:
            async with asyncio.timeout(self.timeout):
                await asyncio.sleep(0)  # a back end takes its time
                await self.may_answer.wait()
        except TimeoutError:
            raise StoreUnavailable("too late") from None
        if self.error is not None:
            raise self.error
        return [StoreCorrupt("bad") if key == "bad" else key.upper() for key in keys]

    def read(self, *keys: str) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(self.batcher.read(key)) for key in keys]

    async def until(self, number: int) -> None:
        """Wait until so many questions were asked."""
        async with asyncio.timeout(5):
            while len(self.asked) < number:
                self.news.clear()
                await self.news.wait()


async def test_a_thousand_readers_at_once_ask_five_questions() -> None:
    back_end = BackEnd()
    keys = [f"user {number}" for number in range(1000)]
    answers = await asyncio.gather(*map(back_end.batcher.read, keys))
    assert answers == [key.upper() for key in keys]
    assert [len(asked) for asked in back_end.asked] == [1, 256, 256, 256, 231]


async def test_readers_who_wait_for_one_key_share_its_answer_and_a_later_one_asks_again() -> None:
    back_end = BackEnd()
    answers = await asyncio.gather(*map(back_end.batcher.read, ("bob", "ann", "ann", "ann")))
    assert answers == ["BOB", "ANN", "ANN", "ANN"]
    assert back_end.asked == [("bob",), ("ann",)]
    assert await back_end.batcher.read("ann") == "ANN"
    assert back_end.asked == [("bob",), ("ann",), ("ann",)]


async def test_a_read_that_begins_while_a_question_is_under_way_does_not_get_its_older_answer() -> None:
    back_end = BackEnd(answers=False)
    first = back_end.read("ann")[0]
    await back_end.until(1)
    second = back_end.read("ann")[0]
    await asyncio.sleep(0)
    back_end.may_answer.set()
    assert [await first, await second] == ["ANN", "ANN"]
    assert back_end.asked == [("ann",), ("ann",)]


async def test_a_hanging_question_delays_the_next_one_only_briefly() -> None:
    back_end = BackEnd(answers=False)
    hung = back_end.read("ann")[0]
    await back_end.until(1)
    next_one = back_end.read("bob")[0]
    await back_end.until(2)
    back_end.may_answer.set()
    assert [await hung, await next_one] == ["ANN", "BOB"]


async def test_each_reader_has_a_deadline_of_its_own() -> None:
    back_end = BackEnd(timeout=0.05, answers=False)
    ends = await asyncio.gather(*map(back_end.batcher.read, ("ann", "bob")), return_exceptions=True)
    assert [str(end) for end in ends] == ["too late"] * 2
    assert ends[0] is not ends[1]
    back_end.may_answer.set()
    assert await back_end.batcher.read("ann") == "ANN"
    await back_end.batcher.aclose()


async def test_a_cancelled_reader_leaves_the_others_waiting() -> None:
    back_end = BackEnd(answers=False)
    readers = back_end.read("ann", "ann", "bob")
    await back_end.until(1)
    readers[0].cancel()
    back_end.may_answer.set()
    ends = await asyncio.gather(*readers, return_exceptions=True)
    assert isinstance(ends[0], asyncio.CancelledError)
    assert ends[1:] == ["ANN", "BOB"]


async def test_cancelled_readers_are_not_asked_for() -> None:
    back_end = BackEnd(answers=False)
    readers = back_end.read("ann", "bob", "eve")
    await back_end.until(1)
    await asyncio.sleep(0)
    readers[1].cancel()
    back_end.may_answer.set()
    assert [await readers[0], await readers[2]] == ["ANN", "EVE"]
    assert back_end.asked == [("ann",), ("eve",)]


async def test_an_error_of_a_record_is_its_reader_s_alone_and_one_of_a_question_every_reader_s() -> None:
    back_end = BackEnd()
    ends = await asyncio.gather(*map(back_end.batcher.read, ("ann", "bad")), return_exceptions=True)
    assert ends[0] == "ANN"
    assert isinstance(ends[1], StoreCorrupt)
    back_end.error = StoreUnavailable("no answer")
    ends = await asyncio.gather(*map(back_end.batcher.read, ("ann", "bob")), return_exceptions=True)
    assert [type(end) for end in ends] == [StoreUnavailable] * 2
    assert ends[0] is not ends[1]


async def test_closing_ends_the_reads_that_wait() -> None:
    back_end = BackEnd(answers=False)
    readers = back_end.read("ann", "bob", "eve")
    await back_end.until(2)  # ann's own, and after a moment the next
    readers += back_end.read("mia")
    await asyncio.sleep(0)
    await back_end.batcher.aclose()
    back_end.may_answer.set()
    ends = await asyncio.gather(*readers, return_exceptions=True)
    assert ends[0] == "ANN"
    assert [type(end) for end in ends[1:]] == [StoreUnavailable] * 3


async def test_keys_of_several_nodes_are_gathered_by_node_and_asked_for_at_once() -> None:
    back_end = BackEnd(node=lambda key: key[0], answers=False)
    keys = ("ann", "abe", "amy", "bob", "ben", "bea")
    readers = back_end.read(*keys)
    await back_end.until(4)  # each node's first alone, and after a moment the others
    assert sorted(back_end.asked) == [("abe", "amy"), ("ann",), ("ben", "bea"), ("bob",)]
    back_end.may_answer.set()
    assert await asyncio.gather(*readers) == [key.upper() for key in keys]


def test_a_loop_that_ended_in_the_middle_does_not_stop_the_next() -> None:
    back_end: list[BackEnd] = []

    async def leave() -> None:
        back_end.append(BackEnd(answers=False))
        reader = back_end[0].read("ann")[0]
        await asyncio.sleep(0)
        assert not reader.done()

    async def read() -> str:
        back_end[0].may_answer, back_end[0].news = asyncio.Event(), asyncio.Event()
        back_end[0].may_answer.set()
        async with asyncio.timeout(5):
            return await back_end[0].batcher.read("ann")

    asyncio.run(leave())
    assert asyncio.run(read()) == "ANN"


@pytest.mark.parametrize("node", [None, lambda key: key[-1]], ids=["one node", "ten nodes"])
async def test_many_readers_under_random_cancellation_get_their_own_answer(
    node: Callable[[str], str] | None,
) -> None:
    back_end = BackEnd(node=node)
    readers = [asyncio.create_task(back_end.batcher.read(f"user {number % 50}")) for number in range(500)]
    for number in range(0, 500, 7):
        readers[number].cancel()
        if number % 3 == 0:
            await asyncio.sleep(0)
    ends = await asyncio.gather(*readers, return_exceptions=True)
    for number, end in enumerate(ends):
        assert end == f"USER {number % 50}" or (number % 7 == 0 and isinstance(end, asyncio.CancelledError))


async def test_a_reader_asks_again_if_a_write_of_its_key_returned_meanwhile() -> None:
    back_end = BackEnd(answers=False)
    readers = back_end.read("ann", "ben", "ben")
    await back_end.until(1)
    back_end.may_answer.set()
    await back_end.until(2)
    back_end.batcher.note_write("ben")
    back_end.batcher.note_write("cleo")  # which is not being read
    assert await asyncio.gather(*readers) == ["ANN", "BEN", "BEN"]
    assert back_end.asked == [("ann",), ("ben",), ("ben",)]
