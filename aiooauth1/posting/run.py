"""A run of `post_all`: a task that reads posts, one that waits for windows, and workers that send."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import anyio

from aiooauth1.errors import OAuth1Error, OutcomeUnknown, RateLimited, StoreUnavailable
from aiooauth1.posting.attempt import STATUSES, Meaning, Sender, backoff
from aiooauth1.posting.journal import FINAL, Numbered, WindowKeeper, input_changed
from aiooauth1.posting.lanes import Item, Lane, Lanes
from aiooauth1.posting.post import Outcome, Post, digest
from aiooauth1.posting.source import checked, chunks, each


if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from aiooauth1.posting.attempt import Attempt
    from aiooauth1.posting.journal import Entry, Journal
    from aiooauth1.session.session import OAuth1Session


__all__ = ["Run"]

_MAX_ATTEMPTS = 3  # at a post that was not sent, or is safe to repeat
_MAX_REFUSALS = 20  # for a rate limit, of one post
_MAX_WINDOWS = 10_000  # restored from an earlier run
_SAVE_INTERVAL = 0.25  # seconds between two writes of the windows


class Run:
    """One run: a task that reads posts, one that waits for windows, and workers that send."""

    settle: float
    task: asyncio.Task[None] | None = None

    def __init__(
        self,
        session: OAuth1Session,
        posts: Iterable[Post] | AsyncIterable[Post],
        lanes: Lanes,
        journal: Journal | None,
        reconcile: Callable[[OAuth1Session, Post], Awaitable[bool | None]] | None,
        *,
        concurrency: int,
        stop_after: int,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.stopped: str | None = None
        self._outlet: MemoryObjectSendStream[Outcome]
        self._session = session
        self._sender = Sender(session)
        self._posts = posts
        self._lanes = lanes
        self._journal = journal
        self._reconcile = reconcile
        self._concurrency = concurrency
        self._stop_after = stop_after
        # Connections would be idle during writes to the journal, so there are more workers than permits.
        self._permits = nullcontext() if journal is None else asyncio.Semaphore(concurrency)
        self._workers = concurrency if journal is None else concurrency + max(4, concurrency // 4)
        self._rejected: dict[str, Numbered] = {}  # users rejected in a row, and the last post of each
        self._is_reading = True
        self._is_closed = False
        self._failure: BaseException | None = None

    def start(self) -> MemoryObjectReceiveStream[Outcome]:
        """Start the run in a task of its own, and return the stream of outcomes."""
        self._outlet, outcomes = anyio.create_memory_object_stream[Outcome](self._concurrency)
        # A generator may be closed from another task, which a task group inside it would not survive.
        self.task = asyncio.create_task(self())
        return outcomes

    async def __call__(self) -> None:
        """Send all posts, unless the run is closed before."""
        extent = 0
        async with self._outlet:
            if self._journal is not None:
                extent = await self._journal.open()
            try:
                if isinstance(self._journal, WindowKeeper):
                    now = self._lanes.clock()
                    self._lanes.pace.recall(await self._journal.kept_windows(now, _MAX_WINDOWS), now)
                async with anyio.create_task_group() as helpers:
                    helpers.start_soon(self._lanes.keep_time)
                    helpers.start_soon(self._keep_windows)
                    helpers.start_soon(self._read, extent)
                    async with anyio.create_task_group() as workers:
                        for _ in range(self._workers):
                            workers.start_soon(self._work)
                    helpers.cancel_scope.cancel()
            finally:
                if isinstance(self._journal, WindowKeeper):
                    await self._save_windows(self._journal)
                if self._journal is not None:
                    await self._journal.release()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Send nothing more."""
        self._is_closed = True
        self._lanes.wake_all()

    async def end(self, drain: float) -> None:
        """End the run, and wait at most `drain` seconds for requests under way."""
        self.close()
        task = self.task
        if task is None:
            return
        try:
            if not task.done():
                await asyncio.wait([task], timeout=drain)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # retrieved: the iterator has raised it

    async def ended(self) -> None:
        """Wait until the run has ended."""
        if self.task is not None:
            await asyncio.wait([self.task])

    def waiting_until(self) -> float | None:
        """Return when the next window opens, if all posts wait; otherwise None."""
        return self._lanes.waits_until(self._workers)

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        self.close()

    def _stop(self, reason: str) -> None:
        if self.stopped is None:
            self.stopped = reason
        self.close()

    async def _keep_windows(self) -> None:
        """Keep the journal's rate-limit windows current, until cancelled."""
        while isinstance(self._journal, WindowKeeper):
            await asyncio.sleep(_SAVE_INTERVAL)
            await self._save_windows(self._journal)

    async def _save_windows(self, keeper: WindowKeeper) -> None:
        if changes := self._lanes.pace.changes(self._lanes.clock()):
            with suppress(StoreUnavailable):  # begin() and finish() report a lost journal
                await keeper.keep_windows(changes)

    # Reading

    async def _read(self, extent: int) -> None:
        try:
            if self._journal is None:
                await self._read_all()
            else:
                await self._read_beside(self._journal, extent)
        except Exception as error:  # noqa: BLE001  the caller's: passed on
            self._fail(error)
        finally:
            self._is_reading = False
            self._lanes.wake_all()

    async def _read_all(self) -> None:
        position = 0
        async for post in each(self._posts):
            self._add(Numbered(position, checked(post, position), b""), None)
            position += 1
            await self._lanes.wait_for_capacity()

    async def _read_beside(self, journal: Journal, extent: int) -> None:
        """Look every post up in the journal, in chunks, and queue those that are not finished."""
        position = 0
        async for chunk in chunks(self._posts):
            numbered = [
                Numbered(position + offset, checked(post, position + offset), digest(post))
                for offset, post in enumerate(chunk)
            ]
            position += len(numbered)
            for one, entry in zip(numbered, await journal.look_up(numbered), strict=True):
                if entry is not None and entry.state in FINAL:
                    await self._emit(Outcome(one.post, "skipped", entry.http_status))
                else:
                    self._add(one, entry)
            await self._lanes.wait_for_capacity()
        if position < extent:
            raise input_changed(
                f"the input ends after {position} posts, but the journal began with at least {extent}"
            )

    def _add(self, numbered: Numbered, entry: Entry | None) -> None:
        post = numbered.post
        if post.id in self._lanes.ids:
            raise ValueError(
                f"post {numbered.position + 1} of the input has the id {post.id!r} of another: give each"
                " post its own id"
            )
        item = Item(numbered, self._lanes.pace.route(post.method, post.url), entry)
        if item.in_doubt_since is not None:  # it may lie in the future, if the clock was set back
            item.in_doubt_since = min(item.in_doubt_since, self._lanes.clock())
        self._lanes.add(item)

    # Sending

    async def _work(self) -> None:
        lanes = self._lanes
        while not self._is_closed:
            lane = lanes.take()
            if lane is not None:
                await self._serve(lane)
            elif self._is_reading or lanes.waiting:
                await lanes.idle()
            else:
                break
        lanes.wake_all()

    async def _serve(self, lane: Lane) -> None:
        """Send or reconcile the first post of a lane; then emit its outcome, or queue it again."""
        item = lane.items[0]
        try:
            verdict = await (self._send(item) if item.in_doubt_since is None else self._resolve(item))
            if isinstance(verdict, Outcome):
                if self._journal is not None:
                    await self._journal.finish(item.numbered, verdict)
                if verdict.status == "done":
                    self._rejected.clear()
                else:
                    await self._stop_if_app_wide(item, verdict)
        except (OAuth1Error, RuntimeError, ValueError) as error:
            self._fail(error)  # of the journal or the session: no further post can be sent
            return
        if isinstance(verdict, Outcome):
            self._lanes.done(lane)
            await self._emit(verdict)
        else:
            self._lanes.offer_at(verdict, lane)

    async def _send(self, item: Item) -> Outcome | float:
        """Send a post whose request is counted; return its outcome, or the time of the next attempt."""
        post, pace = item.numbered.post, self._lanes.pace
        is_counted = True
        try:
            if self._journal is not None:
                await self._journal.begin(item.numbered)
            async with self._permits:
                attempt = await self._sender.attempt(post)
                item.attempts += 1
                if attempt.meaning is Meaning.RESIGN:
                    attempt = await self._sender.attempt(post, resign=True)
                    item.attempts += 1
            is_counted = False
            self._learn(item, attempt)
        finally:
            if is_counted:
                pace.release(post.user, item.route)
        item.attempt = attempt
        verdict = self._judge(item, attempt)
        if not isinstance(verdict, Outcome) and item.in_doubt_since is None and self._journal is not None:
            await self._journal.finish(item.numbered, Outcome(post, "failed"))  # for now
        return verdict

    def _learn(self, item: Item, attempt: Attempt) -> None:
        user, pace, now = item.numbered.post.user, self._lanes.pace, self._lanes.clock()
        if attempt.limit is None:
            pace.release(user, item.route)
        elif attempt.meaning is Meaning.LIMITED:
            wait = attempt.wait
            if wait is None:
                wait = backoff(item.refusals + 1, random.random())  # noqa: S311  no secret
            pace.refused(user, item.route, attempt.limit, wait, now)
        else:
            pace.accepted(user, item.route, attempt.limit, now)
        self._lanes.wake()

    def _judge(self, item: Item, attempt: Attempt) -> Outcome | float:
        """Return a post's outcome after an attempt, or the time of its next step."""
        now = self._lanes.clock()
        if attempt.meaning is Meaning.LIMITED:
            item.refusals += 1
            if item.refusals < _MAX_REFUSALS:
                return now  # the windows say when
        if attempt.meaning in {Meaning.NOT_SENT, Meaning.TRY_AGAIN}:
            item.failures += 1
            if item.failures < _MAX_ATTEMPTS:
                return now + backoff(item.failures, random.random())  # noqa: S311  no secret
        if attempt.meaning is Meaning.IN_DOUBT and self._reconcile is not None:
            item.in_doubt_since = now
            return now + self.settle
        status = STATUSES[attempt.meaning]
        return Outcome(item.numbered.post, status, attempt.status, attempt.body, attempt.error, item.attempts)

    async def _resolve(self, item: Item) -> Outcome | float:
        """Ask `reconcile` about a post in doubt; return its outcome, or the time of its next step."""
        post, pace, now = item.numbered.post, self._lanes.pace, self._lanes.clock()
        pace.release(post.user, item.route)
        self._lanes.wake()
        is_there, error = None, None if item.attempt is None else item.attempt.error
        if self._reconcile is not None:
            if item.in_doubt_since is not None and now < item.in_doubt_since + self.settle:
                return item.in_doubt_since + self.settle
            try:
                async with self._permits:
                    is_there = await self._reconcile(self._session, post)
            except RateLimited as refusal:
                item.refusals += 1
                if item.refusals < _MAX_REFUSALS:
                    wait = refusal.retry_after
                    return now + (backoff(item.refusals, random.random()) if wait is None else wait)  # noqa: S311
                error = refusal
            except Exception as trouble:  # noqa: BLE001  the caller's function: errors are values
                item.failures += 1
                if item.failures < _MAX_ATTEMPTS:
                    return now + backoff(item.failures, random.random())  # noqa: S311  no secret
                error = trouble
        if is_there is None:
            error = error or OutcomeUnknown(
                "an earlier run sent it and ended before the reply: look for it at the provider"
            )
            return Outcome(post, "unknown", None, b"", error, item.attempts)
        item.in_doubt_since = None
        if is_there:
            return Outcome(post, "done", None, b"", None, item.attempts)
        if self._journal is not None:
            await self._journal.finish(item.numbered, Outcome(post, "failed"))  # for now
        return now

    async def _stop_if_app_wide(self, item: Item, outcome: Outcome) -> None:
        """Stop the run after an app-wide failure. The journal then records the rejected posts as not sent."""
        attempt = item.attempt
        if attempt is None:
            return
        if not (attempt.is_rejection or attempt.consumer_refused):
            if attempt.status is not None and attempt.meaning is not Meaning.LIMITED:
                self._rejected.clear()
            return
        self._rejected[item.numbered.post.user] = item.numbered
        if attempt.consumer_refused:
            self._stop(f"the provider refuses the consumer: {outcome.error}")
        elif len(self._rejected) >= self._stop_after:
            self._stop(f"{len(self._rejected)} users in a row were rejected, the last one: {outcome.error}")
        if self.stopped is not None and self._journal is not None:
            rejected, self._rejected = self._rejected, {}
            for numbered in rejected.values():
                failed = Outcome(numbered.post, "failed", None, b"", outcome.error)
                await self._journal.finish(numbered, failed)

    async def _emit(self, outcome: Outcome) -> None:
        self.counts[outcome.status] += 1
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the loop was left
            try:
                self._outlet.send_nowait(outcome)
            except anyio.WouldBlock:
                await self._outlet.send(outcome)
