from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from posted import posts, sent_texts, store_for
from taskiq import InMemoryBroker

from aiooauth1 import OAuth1Session
from aiooauth1.posting import RedisJournal
from aiooauth1.posting.taskiq import enqueue, posting_task
from aiooauth1.stores.redis import RedisStore
from aiooauth1.testing import FakeProvider, FakeProviderProcess


if TYPE_CHECKING:
    from real_redis.server import RedisServer

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


async def test_killed_workers_lose_nothing_and_send_nothing_twice(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeProviderProcess() as fake:
        async with RedisStore.from_url(own_redis.url) as store:
            for user in USERS:
                await store.put_access_token(fake.provider.name, user, await fake.issue_access_token(user))
        for name, value in {
            "POSTING_REDIS": own_redis.url,
            "POSTING_PROVIDER": fake.provider.name,
            "POSTING_URL": fake.url,
            "POSTING_KEY": fake.consumer.key,
            "POSTING_SECRET": fake.consumer.secret,
            "PYTHONPATH": os.pathsep.join([str(SUPPORT.parents[1]), str(SUPPORT)]),
        }.items():
            monkeypatch.setenv(name, value)
        tasks = importlib.import_module("posting_workers.tasks")
        await tasks.broker.startup()
        await enqueue(tasks.task, posts(80, USERS))
        await fake.slow(0.05)
        running = [await _worker(), await _worker()]
        try:
            async with asyncio.timeout(50):
                while len(await fake.posts()) < 10:  # noqa: ASYNC110  in another process
                    await asyncio.sleep(0.02)
                os.killpg(running[0].pid, signal.SIGKILL)
                await fake.slow(0)
                while (await tasks.journal.report()).done < 80:  # noqa: ASYNC110  likewise
                    await asyncio.sleep(0.05)
        finally:
            for process in running:
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        await tasks.broker.shutdown()
        counts = Counter(post.text for post in await fake.posts())
        assert counts == Counter({f"No. {number}": 1 for number in range(80)})


async def _worker() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "taskiq", "worker", "posting_workers.tasks:broker", "--workers", "1"),
        start_new_session=True,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
