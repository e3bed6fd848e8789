"""The deadline of an operation, in the face of code that does not let itself be cancelled."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from aiooauth1.stores.redis.deadline import Deadline


if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


async def _deaf(times: int) -> None:
    """Drops so many cancellations, as `asyncio.wait_for` of Python 3.11 does at the wrong moment."""
    for _ in range(times):
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            continue
    await asyncio.sleep(10)


@pytest.mark.parametrize("deaf", [0, 1, 3])
async def test_a_block_that_drops_cancellations_is_cancelled_until_it_ends(deaf: int) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError), Deadline(0.05):
        await _deaf(deaf)
    assert time.monotonic() - began < 1
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling(), "what comes after it would be cancelled too"
    await asyncio.sleep(0.1)


async def cancelled_outside() -> None:
    with Deadline(10):
        await asyncio.sleep(10)


async def cancelled_outside_before_the_deadline() -> None:
    with Deadline(0.05):
        await _deaf(2)


async def cancellation_is_dropped() -> None:
    with Deadline(10) as deadline:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(10)
        deadline.check()
        pytest.fail("it went on")


@pytest.mark.parametrize(
    "work", [cancelled_outside, cancelled_outside_before_the_deadline, cancellation_is_dropped]
)
async def test_a_cancellation_from_outside_is_obeyed(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_block_that_ends_in_time_is_left_alone_in_a_cancelled_task_too() -> None:
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


async def test_an_error_of_the_block_is_raised_instead_of_the_timeout() -> None:
    async def fail_on_cancellation() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    with pytest.raises(ZeroDivisionError), Deadline(0.01):
        await fail_on_cancellation()
