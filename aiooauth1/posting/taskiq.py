"""Posting with taskiq workers on any number of machines. Extra: `taskiq`."""

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
    """Register the posting task, which `taskiq worker module:broker` runs.

    The broker may deliver a message twice or never: the journal makes sure that each post is sent once, and
    the workers repeat lost messages. A post whose window is spent occupies no worker until the reset.

    Args:
        broker: The broker, such as taskiq-redis's `RedisStreamBroker(url, unacknowledged_lock_timeout=10)`;
            with its default a killed worker can hold that lock forever, and the others wait for it.
        session: Returns a new session, with a provider and a store that all workers share.
        journal: The run's journal, the same for all workers.
        reconcile: As in `post_all`.
        stop_after: As in `post_all`. The run stops for all workers, until posts are enqueued again.
        name: The task's name at the broker.

    Returns:
        The task, to be passed to `enqueue`.

    Raises:
        TypeError: If the journal is not a RedisJournal.
    """
    worker = PostingWorker(session, journal, reconcile=reconcile, stop_after=stop_after)
    waking: list[asyncio.Task[None]] = []

    async def deliver(message: str) -> None:
        start()
        if await worker.deliver(message) == 0.0:
            await task.kiq(message)  # behind the messages of other users

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
    task.posting_worker = worker  # type: ignore[attr-defined]  # read by enqueue
    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, start)
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, stop)
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, stop)
    return task


async def enqueue(
    task: AsyncTaskiqDecoratedTask[[str], Any], posts: Iterable[Post] | AsyncIterable[Post]
) -> None:
    """Enqueue posts, from any process. Await the broker's `startup()` before.

    Posts that were enqueued before are skipped, so that all may be enqueued again after a crash.

    Args:
        task: The task that `posting_task` returned.
        posts: Any number of posts.

    Raises:
        InputChanged: If a post with the same id and other content was enqueued before.
        TypeError: If the task is not from `posting_task`, or an item is not a Post.
        StoreUnavailable: If Redis does not answer.
    """
    worker = getattr(task, "posting_worker", None)
    if not isinstance(worker, PostingWorker):
        raise TypeError("enqueue needs the task that posting_task() returned")
    async for message in worker.enqueue(posts):
        await task.kiq(message)
