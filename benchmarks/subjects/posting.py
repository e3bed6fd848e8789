"""Subject `posting`: `post_all` compared with a bare loop, its memory, and its time under rate limits."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from aiohttp import TCPConnector

from aiooauth1 import Consumer, MemoryStore, OAuth1Session, Provider
from aiooauth1.posting import Post, SQLiteJournal, post_all
from aiooauth1.testing import FakeProviderProcess
from benchmarks.harness import back_ends, redis_server, server
from benchmarks.harness.measure import Comparison, compare_async
from benchmarks.harness.report import Mark, Row, Subject
from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET


if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiooauth1.posting import Journal
    from benchmarks.harness.measure import Effort


USERS = 500
POSTS = 2_000
WIDTH = 100  # at a time
PAIRS = 5
MANY = 150_000
GROWTH = 50 * 1024 * 1024
LIMIT, WINDOW = 200, 10.0  # the application's, and the seconds
WORKERS = (1, 2, 4)
MARKS = {"no journal": 1.10, "SQLiteJournal": 1.25}

Clock = Callable[[], float]


def measure(effort: Effort) -> Subject:
    """Measure every row of the subject."""
    notes: list[str] = []
    with server.running() as origin:
        rows = asyncio.run(_throughput(origin, effort, notes))
        rows.append(_memory(origin, effort.of(MANY, 1_000)))
    rows.append(asyncio.run(_pace(effort)))
    rows += _workers(effort, notes)
    return Subject(
        "posting",
        f"{effort.of(POSTS, WIDTH):,} posts for {USERS} users, {WIDTH} at a time, compared with a bare loop"
        f" (wall clock with replies after {server.DELAY * 1e3:.0f} ms, and CPU time); peak memory; wall clock"
        " compared with the shortest time that the limits allow, and with one worker",
        tuple(rows),
        ("aiohttp", "anyio", "aiosqlite", "redis", "taskiq", "taskiq-redis"),
        tuple(notes),
    )


def posts(number: int, url: str = "posts") -> Iterator[Post]:
    """Make that many posts, for one user after another."""
    for one in range(number):
        yield Post(str(one), back_ends.user(one % USERS), url, json={"text": "Hello Ladies + Gentlemen"})


async def _throughput(origin: str, effort: Effort, notes: list[str]) -> list[Row]:
    number, pairs = effort.of(POSTS, WIDTH), min(effort.pairs, PAIRS)
    rows = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        session = await _session(origin, stack)
        files = count()
        journals: dict[str, Callable[[], Journal | None]] = {"no journal": lambda: None}
        if find_spec("aiosqlite") is None:
            notes.append("aiosqlite is not installed: SQLiteJournal is not measured")
        else:
            journals["SQLiteJournal"] = lambda: SQLiteJournal(folder / f"{next(files)}.db")
        await _bare(session, number, "later", time.perf_counter)  # opens the connections
        for url, clock, what in (
            ("later", time.perf_counter, ""),
            ("at-once", time.process_time, ", CPU time"),
        ):
            bare = partial(_bare, session, number, url, clock)
            for name, journal in journals.items():

                async def ours(
                    url: str = url, clock: Clock = clock, journal: Callable[[], Journal | None] = journal
                ) -> float:
                    return await _ours(session, number, journal(), url, clock)

                comparison = await compare_async(ours, bare, pairs)
                mark = None if what else Mark("at most", MARKS[name])
                rows.append(Row(f"{name}{what}", f"bare loop{what}", comparison, mark))
    return rows


async def _session(origin: str, stack: AsyncExitStack) -> OAuth1Session:
    provider = Provider(back_ends.PROVIDER, base_url=f"{origin}/")
    store = MemoryStore()
    for number in range(USERS):
        await store.put_access_token(back_ends.PROVIDER, back_ends.user(number), back_ends.token(number))
    connector = await stack.enter_async_context(TCPConnector(limit=WIDTH))
    consumer = Consumer(CONSUMER_KEY, CONSUMER_SECRET)
    session = OAuth1Session(consumer, provider=provider, store=store, connector=connector)
    return await stack.enter_async_context(session)


async def _bare(session: OAuth1Session, number: int, url: str, clock: Clock) -> float:
    """Post as an application would without `post_all`: in no order, without journal and limits."""
    free = asyncio.Semaphore(WIDTH)

    async def send(post: Post) -> None:
        try:
            async with session.post(post.url, json=post.json, user=post.user) as response:
                await response.read()
        finally:
            free.release()

    start = clock()
    async with asyncio.TaskGroup() as tasks:
        for post in posts(number, url):
            await free.acquire()
            tasks.create_task(send(post))
    return (clock() - start) / number


async def _ours(
    session: OAuth1Session, number: int, journal: Journal | None, url: str, clock: Clock
) -> float:
    start = clock()
    done = 0
    async for outcome in post_all(session, posts(number, url), journal=journal, concurrency=WIDTH):
        done += outcome.status == "done"
    if done != number:
        raise RuntimeError(f"{number - done} posts were not done: they are not timed")
    return (clock() - start) / number


def _memory(origin: str, number: int) -> Row:
    """Measure by how much a process grows from its first 1,000 posts to the last."""
    code = "from benchmarks.subjects import posting; import sys; posting.grow(sys.argv[1], int(sys.argv[2]))"
    grown = float(
        subprocess.run(  # noqa: S603  our own program
            [sys.executable, "-c", code, origin, str(number)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    )
    case, against = f"growth, {number:,} posts", "50 MiB"
    return Row(case, against, Comparison(grown, GROWTH, (grown / GROWTH,) * 2), Mark("at most", 1.0), "B")


def grow(origin: str, number: int) -> None:
    """Print by how many bytes this process grew at most after its first 1,000 posts."""
    page = os.sysconf("SC_PAGE_SIZE")

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * page

    async def both() -> None:
        async with AsyncExitStack() as stack:
            session = await _session(origin, stack)
            await _ours(session, 1_000, None, "posts", time.process_time)
            before = most = resident()
            done = 0
            async for _ in post_all(session, posts(number), concurrency=WIDTH):
                done += 1
                if done % 1_000 == 0:
                    most = max(most, resident())
            print(max(1, most - before))

    asyncio.run(both())


async def _pace(effort: Effort) -> Row:
    """Measure how long a run takes, from the first post that the provider accepts to the last."""
    is_full = effort.share == 1.0
    windows = 3 if is_full else 2
    limit = effort.of(LIMIT, 5)
    window = WINDOW if is_full else 1.0
    least = limit * windows  # posts, each for another user as long as there are users
    async with FakeProviderProcess() as fake, AsyncExitStack() as stack:
        await fake.rate_limit(limit, window, per="app")
        store = MemoryStore()
        for number in range(min(USERS, least)):
            user = back_ends.user(number)
            await store.put_access_token(fake.provider.name, user, await fake.issue_access_token(user))
        session = OAuth1Session(fake.consumer, provider=fake.provider, store=store)
        await stack.enter_async_context(session)
        async for _ in post_all(session, posts(least)):
            pass
        times = [arrival.time for arrival in await fake.ledger() if arrival.verdict == "accepted"]
    ideal = window * max(1, -(-len(times) // limit) - 1)
    taken = max(times) - min(times)
    case = f"{len(times)} posts, {limit} each {window:g} s"
    # Providers report resets in whole seconds, which is much of a short window.
    mark = Mark("at most", 1.1) if is_full else None
    return Row(case, "ideal", Comparison(taken, ideal, (taken / ideal,) * 2), mark)


def _workers(effort: Effort, notes: list[str]) -> list[Row]:
    """Measure how long 1, 2 and 4 workers take for the same posts."""
    program = redis_server.program()
    if program is None or find_spec("taskiq_redis") is None:
        notes.append("there is no redis-server or no taskiq-redis: workers are not measured")
        return []
    number = effort.of(POSTS, WIDTH)
    notes.append(
        f"taskiq workers share the {os.cpu_count()} cores with Redis and the provider's server: once the"
        " cores are full, more workers are no faster"
    )
    chosen = WORKERS if effort.share > 0.01 else WORKERS[:1]  # noqa: PLR2004
    with server.running() as origin, redis_server.running(program) as url:
        taken = {workers: _work(origin, url, workers, number) for workers in chosen}
    return [
        Row(
            f"{workers} taskiq workers",
            "1 worker",
            Comparison(taken[workers], taken[1], (taken[workers] / taken[1],) * 2),
        )
        for workers in chosen
    ]


def _work(origin: str, url: str, workers: int, number: int) -> float:
    code = f"from benchmarks.harness import posting_worker; posting_worker.main({workers}, {number})"
    names = {"BENCHMARK_ORIGIN": origin, "BENCHMARK_REDIS": url, "BENCHMARK_RUN": f"{workers} workers"}
    found = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", code],
        env={**os.environ, **names},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(json.loads(found.stdout))
