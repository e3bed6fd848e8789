"""A run of many posts: one task that reads, one that keeps the time, and as many as there may be requests."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import anyio

from aiooauth1.errors import OAuth1Error, OutcomeUnknown, RateLimited, StoreUnavailable
from aiooauth1.posting.attempt import STATUSES, Meaning, Sender, backoff
from aiooauth1.posting.journal import FINAL, InputChanged, Numbered, WindowKeeper
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

_MOST_ATTEMPTS = 3  # of a post that was not sent, or is safe to repeat
_MOST_REFUSALS = 20  # times that a post may meet a spent window
_MOST_WINDOWS = 10_000  # that are taken over from an earlier run
_KEEPING = 0.25  # seconds between two notes of the windows


class Run:
    """What runs: one task that reads, one that keeps the time, and as many as there may be requests."""

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
        # Writing to a journal takes time in which the connection would idle: more posts are prepared.
        self._permits = nullcontext() if journal is None else asyncio.Semaphore(concurrency)
        self._workers = concurrency if journal is None else concurrency + max(4, concurrency // 4)
        self._rejected: dict[str, Numbered] = {}  # the last post of each user who was rejected, in a row
        self._is_reading = True
        self._is_closed = False
        self._failure: BaseException | None = None

    def start(self) -> MemoryObjectReceiveStream[Outcome]:
        """Begin, in a task of its own, and return where outcomes come from."""
        self._outlet, outcomes = anyio.create_memory_object_stream[Outcome](self._concurrency)
        # A task group does not bear it that a generator is left from another task.
        self.task = asyncio.create_task(self())
        return outcomes

    async def __call__(self) -> None:
        """Send all posts, until they end or the run is closed."""
        extent = 0
        async with self._outlet:
            if self._journal is not None:
                extent = await self._journal.open()
            try:
                if isinstance(self._journal, WindowKeeper):
                    now = self._lanes.clock()
                    self._lanes.pace.recall(await self._journal.kept_windows(now, _MOST_WINDOWS), now)
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
                    await self._note_windows(self._journal)
                if self._journal is not None:
                    await self._journal.release()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Begin nothing more."""
        self._is_closed = True
        self._lanes.wake_all()

    async def end(self, drain: float) -> None:
        """End the run, and wait so many seconds for what is on its way."""
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
                task.exception()  # whoever iterates has seen it

    async def ended(self) -> None:
        """Wait for the end, which somebody else brings about."""
        if self.task is not None:
            await asyncio.wait([self.task])

    def waiting_until(self) -> float | None:
        """Return when the next window opens, if nothing goes on."""
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
        """Note what is learned of rate limits, for the run after a crash; until it is cancelled."""
        while isinstance(self._journal, WindowKeeper):
            await asyncio.sleep(_KEEPING)
            await self._note_windows(self._journal)

    async def _note_windows(self, keeper: WindowKeeper) -> None:
        if changes := self._lanes.pace.changes(self._lanes.clock()):
            with suppress(StoreUnavailable):  # if the journal is gone, begin() and finish() say so
                await keeper.keep_windows(changes)

    # Reading

    async def _read(self, extent: int) -> None:
        try:
            if self._journal is None:
                await self._read_all()
            else:
                await self._read_beside(self._journal, extent)
        except Exception as error:  # noqa: BLE001  what the caller's iterable raises, they get
            self._fail(error)
        finally:
            self._is_reading = False
            self._lanes.wake_all()

    async def _read_all(self) -> None:
        position = 0
        async for post in each(self._posts):
            self._add(Numbered(position, checked(post, position), b""), None)
            position += 1
            await self._lanes.room()

    async def _read_beside(self, journal: Journal, extent: int) -> None:
        """Look every post up in the journal, as many at once as there are."""
        position = 0
        async for chunk in chunks(self._posts):
            numbered = [
                Numbered(position + offset, checked(post, position + offset), digest(post))
                for offset, post in enumerate(chunk)
            ]
            position += len(numbered)
            for one, entry in zip(numbered, await journal.look_up(numbered), strict=True):
                if entry is not None and entry.state in FINAL:
                    await self._tell(Outcome(one.post, "skipped", entry.http_status))
                else:
                    self._add(one, entry)
            await self._lanes.room()
        if position < extent:
            raise InputChanged(
                f"the input ends after {position} posts, and the journal began with at least {extent}"
            )

    def _add(self, numbered: Numbered, entry: Entry | None) -> None:
        post = numbered.post
        if post.id in self._lanes.ids:
            raise ValueError(f"post {numbered.position + 1} of the input has the id {post.id!r} of another")
        item = Item(numbered, self._lanes.pace.route(post.method, post.url), entry)
        if item.in_doubt_since is not None:  # not in the future, as after a clock was put back
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
        """Bring the first post of a lane to its end, or have it wait."""
        item = lane.items[0]
        try:
            verdict = await (self._send(item) if item.in_doubt_since is None else self._resolve(item))
            if isinstance(verdict, Outcome):
                if self._journal is not None:
                    await self._journal.finish(item.numbered, verdict)
                if verdict.status == "done":
                    self._rejected.clear()
                else:
                    await self._weigh(item, verdict)
        except (OAuth1Error, RuntimeError, ValueError) as error:
            self._fail(error)  # the journal's or the session's: no post can be sent any more
            return
        if isinstance(verdict, Outcome):
            self._lanes.done(lane)
            await self._tell(verdict)
        else:
            self._lanes.offer_at(verdict, lane)

    async def _send(self, item: Item) -> Outcome | float:
        """Send a post whose request is counted; return what came of it, or when to try again."""
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
                pace.put_back(post.user, item.route)
        item.attempt = attempt
        verdict = self._judge(item, attempt)
        if not isinstance(verdict, Outcome) and item.in_doubt_since is None and self._journal is not None:
            await self._journal.finish(item.numbered, Outcome(post, "failed"))  # so far
        return verdict

    def _learn(self, item: Item, attempt: Attempt) -> None:
        user, pace, now = item.numbered.post.user, self._lanes.pace, self._lanes.clock()
        if attempt.limit is None:
            pace.put_back(user, item.route)
        elif attempt.meaning is Meaning.LIMITED:
            wait = attempt.wait
            if wait is None:
                wait = backoff(item.refusals + 1, random.random())  # noqa: S311  no secret
            pace.refused(user, item.route, attempt.limit, wait, now)
        else:
            pace.accepted(user, item.route, attempt.limit, now)
        self._lanes.wake()

    def _judge(self, item: Item, attempt: Attempt) -> Outcome | float:
        """Return what came of a post by an attempt, or when to go on with it."""
        now = self._lanes.clock()
        if attempt.meaning is Meaning.LIMITED:
            item.refusals += 1
            if item.refusals < _MOST_REFUSALS:
                return now  # the windows know when
        if attempt.meaning in {Meaning.NOT_SENT, Meaning.TRY_AGAIN}:
            item.troubles += 1
            if item.troubles < _MOST_ATTEMPTS:
                return now + backoff(item.troubles, random.random())  # noqa: S311  no secret
        if attempt.meaning is Meaning.IN_DOUBT and self._reconcile is not None:
            item.in_doubt_since = now
            return now + self.settle
        status = STATUSES[attempt.meaning]
        return Outcome(item.numbered.post, status, attempt.status, attempt.body, attempt.error, item.attempts)

    async def _resolve(self, item: Item) -> Outcome | float:
        """Find out whether a post in doubt is at the provider."""
        post, pace, now = item.numbered.post, self._lanes.pace, self._lanes.clock()
        pace.put_back(post.user, item.route)
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
                if item.refusals < _MOST_REFUSALS:
                    wait = refusal.retry_after
                    return now + (backoff(item.refusals, random.random()) if wait is None else wait)  # noqa: S311
                error = refusal
            except Exception as trouble:  # noqa: BLE001  the caller's function: an error is a value
                item.troubles += 1
                if item.troubles < _MOST_ATTEMPTS:
                    return now + backoff(item.troubles, random.random())  # noqa: S311  no secret
                error = trouble
        if is_there is None:
            error = error or OutcomeUnknown("an earlier run sent it, and what came of it is not known")
            return Outcome(post, "unknown", None, b"", error, item.attempts)
        item.in_doubt_since = None
        if is_there:
            return Outcome(post, "done", None, b"", None, item.attempts)
        if self._journal is not None:
            await self._journal.finish(item.numbered, Outcome(post, "failed"))  # so far
        return now

    async def _weigh(self, item: Item, outcome: Outcome) -> None:
        """See whether no post of any user can be sent: then those that showed it are to be sent again."""
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

    async def _tell(self, outcome: Outcome) -> None:
        self.counts[outcome.status] += 1
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # nobody listens any more
            try:
                self._outlet.send_nowait(outcome)
            except anyio.WouldBlock:
                await self._outlet.send(outcome)
