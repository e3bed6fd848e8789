"""Scripts of the journal in Redis, and what runs them."""

from __future__ import annotations

import asyncio

import pytest

from aiooauth1.posting.redis_scripts import PUT, Runner


class DropsCancellation:
    """A client that goes on when it is cancelled, as `asyncio.wait_for` of Python 3.11 may."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def evalsha(self, *_: object) -> int:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 1
        raise AssertionError("nobody cancelled it")


async def test_a_task_that_is_cancelled_ends_even_if_the_client_drops_the_cancellation() -> None:
    client = DropsCancellation()
    task = asyncio.create_task(Runner(client, b"prefix:").run(PUT, "id"))
    await client.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
