from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from posted import USERS, posts, sent_texts, store_for
from redis.asyncio import Redis

from aiooauth1 import Consumer, OAuth1Session, RateLimited
from aiooauth1.posting import InputChanged, Post, RedisJournal, SQLiteJournal
from aiooauth1.posting.worker import PostingWorker
from aiooauth1.testing import FakeProvider, drop


if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp import web

pytestmark = pytest.mark.socket


class Team:
    """Some workers, and a queue in memory that they share."""

    def __init__(self, fake: FakeProvider, workers: list[PostingWorker], troubles: list[Exception]) -> None:
        self.fake = fake
        self.troubles = troubles  # what reconcile raises
        self.workers = workers
        self.queue: asyncio.Queue[str] = asyncio.Queue()

    @property
    def journal(self) -> RedisJournal:
        return self.workers[0].journal

    async def enqueue(self, given: list[Post]) -> None:
        async for message in self.workers[0].enqueue(given):
            self.queue.put_nowait(message)

    async def work(self, worker: PostingWorker) -> None:
        while True:
            message = await self.queue.get()
            if await worker.deliver(message) == 0.0:
                self.queue.put_nowait(message)

    async def run(self, *, until_waiting: int = 0) -> None:
        """Have all of them work until no more posts than that wait or are on their way."""

        async def put(message: str) -> None:
            self.queue.put_nowait(message)

        tasks = [asyncio.create_task(worker.wake(put)) for worker in self.workers]
        tasks += [asyncio.create_task(self.work(worker)) for worker in self.workers for _ in range(4)]
        try:
            async with asyncio.timeout(40):
                while True:
                    report = await self.journal.report()
                    if report.waiting + report.begun <= until_waiting or await self.workers[0].stopped():
                        return
                    if failed := [task for task in tasks if task.done()]:
                        await failed[0]
                    await asyncio.sleep(0.02)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@asynccontextmanager
async def team(
    redis_url: str, run: str, *, size: int = 2, consumer: Consumer | None = None, reconciles: bool = False
) -> AsyncIterator[Team]:
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(FakeProvider())
        store = await store_for(fake)
        troubles: list[Exception] = []

        async def reconcile(_: OAuth1Session, post: Post) -> bool:
            if troubles:
                raise troubles.pop()
            return any(post.data == {"status": one.text} for one in fake.posts)

        def session() -> OAuth1Session:
            return OAuth1Session(consumer or fake.consumer, provider=fake.provider, store=store)

        workers = []
        for _ in range(size):
            client = await stack.enter_async_context(Redis.from_url(redis_url))
            journal = RedisJournal(client, run)
            workers.append(
                PostingWorker(session, journal, reconcile=reconcile if reconciles else None, stop_after=2)
            )
            stack.push_async_callback(workers[-1].aclose)
        yield Team(fake, workers, troubles)


async def test_workers_send_each_post_once_and_each_user_s_in_order(redis_url: str) -> None:
    async with team(redis_url, "once") as found:
        await found.enqueue(posts(60))
        await found.enqueue(posts(60))  # a second time, as after a crash
        for post in posts(5):
            found.queue.put_nowait(post.to_json())  # and messages that come twice
        await found.run()
        assert (await found.journal.report()).done == 60
        assert sent_texts(found.fake) == {
            user: [f"No. {number}" for number in range(first, 60, 3)] for first, user in enumerate(USERS)
        }


async def test_a_message_is_sent_without_enqueue_and_a_lost_one_is_repeated(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiooauth1.posting.worker._MESSAGE_TIMEOUT", 100)
    async with team(redis_url, "lost", size=1) as found:
        assert await found.workers[0].deliver(posts(1)[0].to_json()) is None
        assert len(found.fake.posts) == 1
        await found.enqueue(posts(9))
        while not found.queue.empty():
            found.queue.get_nowait()
        await found.run()
        assert len(found.fake.posts) == 9


async def test_a_known_id_with_other_content_is_refused(redis_url: str) -> None:
    async with team(redis_url, "changed", size=1) as found:
        await found.enqueue(posts(2))
        with pytest.raises(InputChanged, match="post '1' was enqueued before with other content"):
            await found.enqueue([Post("1", "ben", "posts", data={"status": "Other"})])


@pytest.mark.parametrize(
    ("limit", "per", "style"),
    [(2, "user", "x"), (6, "app", "x"), (6, "app", "retry-after"), (6, "app", "ietf")],
    ids=["of each user", "of the application", "known by Retry-After alone", "told by IETF's fields"],
)
async def test_posts_wait_in_redis_for_the_reset_of_a_spent_window(
    redis_url: str, limit: int, per: Any, style: Any
) -> None:
    async with team(redis_url, f"window {per} {style}") as found:
        found.fake.rate_limit(limit, 1, per=per, style=style)
        await found.enqueue(posts(12))
        await found.run()
        report = await found.journal.report()
        assert (report.done, report.total) == (12, 12)
        assert len(found.fake.refused("posts")) <= 6


@pytest.mark.parametrize("reconciles", [False, True])
async def test_a_post_that_a_dead_worker_had_begun_is_reconciled_or_unknown(
    redis_url: str, reconciles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiooauth1.posting.worker._LEASE", 300)
    async with team(redis_url, f"dead {reconciles}", reconciles=reconciles) as found:
        dead = found.workers.pop()
        arrived, never = asyncio.Event(), asyncio.Event()

        async def hold(_: web.BaseRequest) -> None:
            arrived.set()
            await never.wait()

        found.fake.before = hold
        await found.enqueue(posts(6))
        sending = asyncio.create_task(dead.deliver(found.queue.get_nowait()))
        await asyncio.wait_for(arrived.wait(), 20)
        sending.cancel()
        await asyncio.wait([sending])
        found.fake.before = None
        await found.run()
        report = await found.journal.report()
        expected = (6, 0) if reconciles else (5, 1)
        assert (report.done, report.unknown) == expected
        assert len(found.fake.posts) == expected[0]
        assert len(report.in_doubt) == expected[1]


async def test_the_lease_of_a_slow_post_is_renewed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiooauth1.posting.worker._RENEWAL", 0.01)
    async with team(redis_url, "slow", size=1) as found, asyncio.timeout(30):
        arrived, go = asyncio.Event(), asyncio.Event()

        async def hold(_: web.BaseRequest) -> None:
            arrived.set()
            await go.wait()

        found.fake.before = hold
        await found.enqueue(posts(1))
        sending = asyncio.create_task(found.workers[0].deliver(found.queue.get_nowait()))
        await arrived.wait()
        client, due = found.journal.runner.client, found.journal.runner.prefix + b"due"
        ends_at = await client.zscore(due, "ann")
        while await client.zscore(due, "ann") <= ends_at:  # noqa: ASYNC110  it is in Redis
            await asyncio.sleep(0.01)
        go.set()
        await sending
        assert (await found.journal.report()).done == 1
        assert not found.workers[0]._held  # noqa: SLF001  a lease that is over is not renewed


async def test_a_lost_answer_is_unknown_without_reconcile(redis_url: str) -> None:
    async with team(redis_url, "answer", size=1) as found:
        found.fake.after = drop
        await found.enqueue(posts(1))
        await found.run()
        report = await found.journal.report()
        assert (report.unknown, report.in_doubt) == (1, ("0",))


async def test_a_refused_consumer_stops_all_workers_until_posts_are_enqueued(redis_url: str) -> None:
    async with team(redis_url, "consumer", consumer=Consumer("nobody", "s")) as found:
        await found.enqueue(posts(9))
        await found.run()
        stopped = await found.workers[1].stopped()
        assert stopped is not None
        assert "refuses the consumer" in stopped
        report = await found.journal.report()
        assert report.waiting == 9
        await found.enqueue([])
        assert await found.workers[1].stopped() is None


async def test_a_reconcile_of_a_worker_that_fails_or_is_limited_is_asked_again(redis_url: str) -> None:
    async with team(redis_url, "asked again", reconciles=True) as found:
        limited = RateLimited("too many", status=429, retry_after=0.01)
        found.troubles += [*[limited] * 4, TimeoutError()]
        found.fake.drop_next("after")
        await found.enqueue(posts(1))
        await found.run()
        assert not found.troubles
        assert (await found.journal.report()).done == len(found.fake.posts) == 1


def test_a_journal_that_workers_cannot_share_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="journal must be a RedisJournal, which workers share"):
        PostingWorker(lambda: OAuth1Session(Consumer("k", "s")), SQLiteJournal(tmp_path / "run.db"))  # type: ignore[arg-type]
