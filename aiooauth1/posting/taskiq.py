"""Posting with taskiq: workers on any number of machines. Extra: `taskiq`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiooauth1.posting.worker import PostingWorker


try:
    from taskiq import TaskiqEvents
except ImportError:
    raise ImportError(
        "aiooauth1.posting.taskiq needs taskiq: pip install 'aiooauth1[taskiq]'", name="taskiq"
    ) from None


if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable

    from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask

    from aiooauth1.posting.post import Post
    from aiooauth1.posting.redis_journal import RedisJournal
    from aiooauth1.session.session import OAuth1Session


__all__ = ["enqueue", "posting_task"]


def posting_task(
    broker: AsyncBroker,
    *,
    session: Callable[[], OAuth1Session],
    journal: RedisJournal,
    reconcile: Callable[[OAuth1Session, Post], Awaitable[bool | None]] | None = None,
    stop_after: int = 20,
    name: str = "aiooauth1.post",
) -> AsyncTaskiqDecoratedTask[[str], Coroutine[Any, Any, None]]:
    """Register the task that posts; `taskiq worker module:broker` runs it.

    The broker may deliver a message twice or never: the journal sends each post once, and a lane that nobody
    woke is woken. A post whose window is spent holds no worker: its lane is woken at the reset.

    Args:
        broker: The broker, such as taskiq-redis's `RedisStreamBroker(url, unacknowledged_lock_timeout=10)`;
            by default a worker that is killed can keep that lock for ever, and the others wait for it.
        session: Makes the session, with a provider and a store that all workers share.
        journal: The run's journal, the same for all workers.
        reconcile: As in `post_all`.
        stop_after: As in `post_all`; the run is stopped for all workers, until something is enqueued.
        name: The task's name at the broker.

    Returns:
        The task, which `enqueue` takes.

    Raises:
        TypeError: If the journal is not a RedisJournal.
    """
    worker = PostingWorker(session, journal, reconcile=reconcile, stop_after=stop_after)
    waking: list[asyncio.Task[None]] = []

    async def deliver(message: str) -> None:
        start()
        if await worker.deliver(message) == 0.0:
            await task.kiq(message)  # others have their turn first

    def start(_: object = None) -> None:
        if not waking:
            waking.append(asyncio.create_task(worker.wake(task.kiq)))

    async def stop(_: object) -> None:
        while waking:
            ending = waking.pop()
            ending.cancel()
            await asyncio.wait([ending])
        await worker.aclose()

    task = broker.register_task(deliver, task_name=name)
    task.posting_worker = worker  # type: ignore[attr-defined]  # where enqueue finds it
    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, start)
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, stop)
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, stop)
    return task


async def enqueue(
    task: AsyncTaskiqDecoratedTask[[str], Any], posts: Iterable[Post] | AsyncIterable[Post]
) -> None:
    """Put posts into the queue, from any process; await the broker's `startup()` first.

    A post that was enqueued before is passed over, so that after a crash all may be enqueued again.

    Args:
        task: What `posting_task` returned.
        posts: The posts, of any number.

    Raises:
        InputChanged: If a post's id is known with another content.
        TypeError: If the task is another one, or something is no post.
        StoreUnavailable: If Redis does not answer.
    """
    worker = getattr(task, "posting_worker", None)
    if not isinstance(worker, PostingWorker):
        raise TypeError("enqueue needs a task of posting_task()")
    async for message in worker.enqueue(posts):
        await task.kiq(message)
