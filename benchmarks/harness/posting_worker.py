"""The taskiq workers of the benchmark `posting`, and the program that times them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import TCPConnector
from taskiq_redis import RedisStreamBroker

from aiooauth1 import Consumer, OAuth1Session, Provider
from aiooauth1.posting import RedisJournal
from aiooauth1.posting.taskiq import enqueue, posting_task
from aiooauth1.stores.cached import CachedStore
from aiooauth1.stores.redis import RedisStore
from benchmarks.harness import back_ends
from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET
from benchmarks.subjects.posting import USERS, WIDTH, posts


if TYPE_CHECKING:
    from taskiq import AsyncBroker


_LOOK = 0.02  # seconds


def _session() -> OAuth1Session:
    return OAuth1Session(
        Consumer(CONSUMER_KEY, CONSUMER_SECRET),
        provider=Provider(back_ends.PROVIDER, base_url=f"{os.environ['BENCHMARK_ORIGIN']}/"),
        store=CachedStore(RedisStore.from_url(os.environ["BENCHMARK_REDIS"], timeout=back_ends.TIMEOUT)),
        connector=TCPConnector(limit=WIDTH),
        connector_owner=True,
    )


url = os.environ.get("BENCHMARK_REDIS", "redis://127.0.0.1:6379/0")
run = os.environ.get("BENCHMARK_RUN", "benchmark")
broker: AsyncBroker = RedisStreamBroker(url, queue_name=run, unacknowledged_lock_timeout=10)
task = posting_task(broker, session=_session, journal=RedisJournal(url, run))


async def _timed(workers: int, number: int) -> float:
    """Enqueue posts, and return the seconds from the first post that is done to the last."""
    async with RedisStore.from_url(url, timeout=back_ends.TIMEOUT) as store:
        for user in range(USERS):
            await store.put_access_token(back_ends.PROVIDER, back_ends.user(user), back_ends.token(user))
    await broker.startup()
    await enqueue(task, posts(number))
    command = [sys.executable, "-m", "taskiq", "worker", "benchmarks.harness.posting_worker:broker"]
    options = ["--workers", "1", "--max-async-tasks", str(WIDTH), "--log-level", "ERROR"]
    running = [
        subprocess.Popen([*command, *options], cwd=Path(__file__).parents[2])  # noqa: ASYNC220, S603  our own program
        for _ in range(workers)
    ]
    began = 0.0
    async with RedisJournal(url, run) as journal:
        while (done := (await journal.report()).done) < number:
            began = began or (time.perf_counter() if done else 0.0)
            await asyncio.sleep(_LOOK)
    taken = time.perf_counter() - began
    for process in running:
        process.terminate()
    for process in running:
        process.wait()
    await broker.shutdown()
    return taken


def main(workers: int, number: int) -> None:
    """Print how many seconds that number of workers takes for that number of posts."""
    logging.disable(logging.WARNING)  # it warns that this Redis may evict keys
    print(json.dumps(asyncio.run(_timed(workers, number))))
