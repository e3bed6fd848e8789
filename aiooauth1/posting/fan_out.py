"""Many posts for many users at once: a user's in order, users side by side, none faster than the limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from aiooauth1.posting.lanes import Lanes
from aiooauth1.posting.pacing import Pace
from aiooauth1.posting.post import Outcome, Post
from aiooauth1.posting.run import Run


if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable, Iterable

    from aiooauth1.posting.journal import Journal
    from aiooauth1.session.session import OAuth1Session


__all__ = ["Posting", "post_all"]


def post_all(
    session: OAuth1Session,
    posts: Iterable[Post] | AsyncIterable[Post],
    *,
    journal: Journal | None = None,
    concurrency: int = 100,
    reconcile: Callable[[OAuth1Session, Post], Awaitable[bool | None]] | None = None,
    stop_after: int = 20,
    read_ahead: int = 10_000,
    settle: float = 2.0,
    drain: float = 5.0,
    clock: Callable[[], float] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Posting:
    """Send posts for any number of users, and iterate over what came of each.

    A user's posts go out in order and one at a time, users side by side. A user, or the application, whose
    rate-limit window is spent waits for its reset without a connection; the limits are learned from each
    reply, and taken from the provider's `rate_limits`. Errors are values: an outcome for each post, in the
    order in which they end. The session's own retries are not used.

    The run ends by itself when the provider refuses the consumer, or rejects `stop_after` different users in
    a row: what is left is untouched, and `stopped` says why. Leaving the loop, or cancelling it,
    ends the run too: what is on its way may end within `drain` seconds, and the journal knows of the rest.

    Args:
        session: The session, with a provider and a store. Its connector must hold as many connections as
            `concurrency`, or posts wait for them.
        posts: The posts, of any number, from an iterable or asynchronous iterable. It is read as far ahead as
            `read_ahead`, and no further. Every id is used once.
        journal: Where the run is kept, so that it can be killed and started again; None: nowhere.
        concurrency: How many requests are on their way at most.
        reconcile: Asked of a post in doubt whether it is at the provider: one whose answer was lost, or that
            was begun before a crash. True: it is there. False: it is not, and is sent again. None: it stays
            unknown. It is not asked sooner than `settle` seconds after the post was sent.
        stop_after: How many different users may be rejected in a row.
        read_ahead: How many posts are kept in memory at most.
        settle: How many seconds a request whose answer was lost may still be at work at the provider.
        drain: How many seconds requests may still take when the run is left.
        clock: Seconds since the epoch; None: the machine's clock as it is now, which runs on steadily when
            that is put forward or back meanwhile.
        sleep: Waits so many seconds.

    Returns:
        What `async for` takes; its `stopped` tells why it ended early, None if it did not.

    Raises:
        TypeError: If an argument is of another type, or the session has no provider or store; while
            iterating: if `posts` holds something else than posts.
        ValueError: If a number is out of its range; while iterating: if an id comes twice.
        InputChanged: While iterating: if the posts are not those that the journal began with.
        StoreUnavailable: While iterating: if the journal cannot be read or written.
        RuntimeError: While iterating: if another run has the journal.
    """
    _check_plug_ins(posts, journal, reconcile)
    _check_counts(concurrency=concurrency, stop_after=stop_after, read_ahead=read_ahead)
    _check_seconds(settle=settle, drain=drain)
    provider = session.provider
    if provider is None or session.store is None:
        raise TypeError("posts are sent for users: give the session provider= and store=")
    pace = Pace(provider.rate_limits, provider.base_url)
    lanes = Lanes(pace, _steady_clock() if clock is None else clock, sleep, read_ahead)
    return Posting(
        Run(session, posts, lanes, journal, reconcile, concurrency=concurrency, stop_after=stop_after),
        settle=settle,
        drain=drain,
    )


class Posting(AsyncIterator[Outcome]):
    """A run of `post_all`, to be iterated over once."""

    def __init__(self, run: Run, *, settle: float, drain: float) -> None:
        run.settle = settle
        self._run = run
        self._drain = drain
        self._outcomes: AsyncGenerator[Outcome, None] | None = None
        self._is_started = False

    @property
    def counts(self) -> Counter[str]:
        """How many outcomes there were so far, by status."""
        return self._run.counts

    @property
    def stopped(self) -> str | None:
        """Why the run ended before all posts were sent; None: it did not."""
        return self._run.stopped

    @property
    def waiting_until(self) -> float | None:
        """When the next rate-limit window opens, if all posts wait for one; None: something goes on."""
        return self._run.waiting_until()

    def __aiter__(self) -> AsyncIterator[Outcome]:  # noqa: PYI034  for the reason below
        # The loop alone holds the generator: leaving the loop ends it, and so the run.
        return self._iterate()

    async def __anext__(self) -> Outcome:
        if self._outcomes is None:
            self._outcomes = self._iterate()
        return await anext(self._outcomes)

    async def aclose(self) -> None:
        """End the run: what is on its way may end, nothing else is sent."""
        self._run.close()
        if self._outcomes is not None:
            await self._outcomes.aclose()
        await self._run.ended()

    async def _iterate(self) -> AsyncGenerator[Outcome, None]:
        if self._is_started:
            raise RuntimeError("a posting run is iterated over once: call post_all again")
        self._is_started = True
        run = self._run
        outcomes = run.start()
        try:
            async with outcomes:
                with suppress(anyio.EndOfStream):
                    while True:
                        try:  # a bare receive() gives way to all others, each time
                            outcome = outcomes.receive_nowait()
                        except anyio.WouldBlock:
                            outcome = await outcomes.receive()
                        yield outcome
            if run.task is not None:
                await asyncio.shield(run.task)
        finally:
            await run.end(self._drain)


def _steady_clock() -> Callable[[], float]:
    ahead = time.time() - time.monotonic()
    return lambda: time.monotonic() + ahead


def _check_plug_ins(posts: object, journal: object, reconcile: object) -> None:
    if not isinstance(posts, AsyncIterable) and not hasattr(posts, "__iter__"):
        raise TypeError(f"posts must be an iterable or asynchronous iterable, not {type(posts).__name__}")
    if journal is not None and not hasattr(journal, "look_up"):
        raise TypeError(f"journal must be a Journal, such as SQLiteJournal, not {type(journal).__name__}")
    if reconcile is not None and not callable(reconcile):
        raise TypeError(f"reconcile must be an asynchronous function, not {type(reconcile).__name__}")


def _check_counts(**counts: object) -> None:
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int):
            raise TypeError(f"{name} must be an int, not {type(count).__name__}")
        if count < 1:
            raise ValueError(f"{name} must be 1 or more, not {count}")


def _check_seconds(**times: object) -> None:
    for name, seconds in times.items():
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise TypeError(f"{name} must be a number of seconds, not {type(seconds).__name__}")
        if not seconds >= 0:
            raise ValueError(f"{name} must be a number of seconds, not {seconds}")
