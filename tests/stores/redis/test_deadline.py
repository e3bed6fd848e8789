"""The deadline of an operation, in the face of code that does not let itself be cancelled."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from aiooauth1.stores.redis.deadline import Deadline


async def _deaf(times: int) -> None:
    """Drops so many cancellations, as `asyncio.wait_for` of Python 3.11 does at the wrong moment."""
    for _ in range(times):
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            continue
    await asyncio.sleep(10)


async def test_it_does_nothing_in_time() -> None:
    with Deadline(10) as deadline:
        await asyncio.sleep(0)
        deadline.check()


@pytest.mark.parametrize("deaf", [0, 1, 3])
async def test_it_cancels_until_it_is_obeyed(deaf: int) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError), Deadline(0.05):
        await _deaf(deaf)
    assert time.monotonic() - began < 1
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling(), "what comes after it would be cancelled too"
    await asyncio.sleep(0.1)


async def test_who_cancels_from_outside_is_obeyed() -> None:
    async def work() -> None:
        with Deadline(10):
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_cancels_from_outside_comes_before_the_deadline() -> None:
    async def work() -> None:
        with Deadline(0.05):
            await _deaf(2)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_got_lost_is_noticed() -> None:
    async def work() -> None:
        with Deadline(10) as deadline:
            with suppress(asyncio.CancelledError):  # it gets lost here
                await asyncio.sleep(10)
            deadline.check()
            pytest.fail("it went on")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_who_is_being_cancelled_may_still_clean_up() -> None:
    cleaned = False

    async def work() -> None:
        nonlocal cleaned
        try:
            await asyncio.sleep(10)
        finally:
            with Deadline(10) as deadline:
                await asyncio.sleep(0)
                deadline.check()
            cleaned = True

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned


async def test_an_error_of_the_block_stays_what_it_is() -> None:
    async def fail_on_cancellation() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    with pytest.raises(ZeroDivisionError), Deadline(0.01):
        await fail_on_cancellation()
