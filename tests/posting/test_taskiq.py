from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from posted import posts, sent_texts, store_for
from taskiq import InMemoryBroker

from aiooauth1 import OAuth1Session
from aiooauth1.posting import RedisJournal
from aiooauth1.posting.taskiq import enqueue, posting_task
from aiooauth1.testing import FakeProvider


pytestmark = pytest.mark.socket
SUPPORT = Path(__file__).parents[1] / "support"
USERS = ("ann", "ben", "cleo", "dora")


async def test_a_broker_in_memory_posts_all_and_enqueueing_again_posts_nothing(redis_url: str) -> None:
    async with FakeProvider() as fake:
        store, broker = await store_for(fake, USERS), InMemoryBroker()
        journal = RedisJournal(redis_url, "memory")
        task = posting_task(
            broker,
            session=lambda: OAuth1Session(fake.consumer, provider=fake.provider, store=store),
            journal=journal,
        )
        await broker.startup()
        for _ in range(2):
            await enqueue(task, posts(40, USERS))
        async with asyncio.timeout(30):
            while (await journal.report()).done < 40:  # noqa: ASYNC110  it is in Redis
                await asyncio.sleep(0.02)
        assert sent_texts(fake, USERS) == {
            user: [f"No. {number}" for number in range(first, 40, 4)] for first, user in enumerate(USERS)
        }
        await broker.shutdown()


async def test_enqueue_refuses_another_task() -> None:
    async def other(_: str) -> None: ...

    with pytest.raises(TypeError, match=r"enqueue needs the task that posting_task\(\) returned"):
        await enqueue(InMemoryBroker().register_task(other, "other"), [])
