"""`post_all`: many posts for many users at once, each user's in order, within the rate limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from aiooauth1._internal.arguments import kind_of
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
    """Send posts for any number of users, and iterate over their outcomes.

    A user's posts are sent in order and one at a time; different users' posts are sent concurrently. A user,
    or the application, whose rate-limit window is spent waits for its reset without a connection. The limits
    come from each reply, and from the provider's `rate_limits`. Errors are values: there is one outcome for
    each post, in the order in which they end. The session's own retries are not used.

    The run ends by itself if the provider refuses the consumer, or rejects `stop_after` different users in a
    row. The remaining posts are not sent, and `stopped` says why. Leaving the loop, or cancelling it, ends
    the run too: requests under way get `drain` seconds to end. After that the journal keeps them as begun.

    Args:
        session: The session, with a provider and a store. Its connector should allow `concurrency`
            connections, or posts wait for one.
        posts: Any number of posts, from an iterable or asynchronous iterable. Each id occurs once.
        journal: Where the run is recorded, so that it can be killed and started again, or None.
        concurrency: The most requests under way at once.
        reconcile: Called for a post in doubt (its reply was lost, or it was begun before a crash) at least
            `settle` seconds after it was sent. Return True if the provider has it, False if not: then it is
            sent again. Return None if that cannot be found out: then its outcome is `unknown`.
        stop_after: How many different users may be rejected in a row.
        read_ahead: The most posts that wait in memory; with a journal up to 255 more.
        settle: How many seconds the provider may still work on a request whose reply was lost.
        drain: How many seconds requests under way may take after the run was left.
        clock: Returns seconds since the epoch. None means the machine's clock at the start, continued
            steadily: setting the machine's clock during the run changes nothing.
        sleep: Waits the given number of seconds.

    Returns:
        An asynchronous iterator over the outcomes. Its `stopped` says why the run ended early, or is None.

    Raises:
        TypeError: If an argument has a wrong type, or the session has no provider or store. While iterating,
            if an item is not a Post.
        ValueError: If a number is out of range. While iterating, if an id occurs twice.
        InputChanged: While iterating, if the posts differ from those that the journal began with.
        StoreUnavailable: While iterating, if the journal cannot be read or written.
        RuntimeError: While iterating, if another run uses the journal.
    """
    _check_plug_ins(posts, journal, reconcile)
    _check_counts(concurrency=concurrency, stop_after=stop_after, read_ahead=read_ahead)
    _check_seconds(settle=settle, drain=drain)
    if isinstance(session, type) or not hasattr(session, "provider"):
        raise TypeError(f"session must be an OAuth1Session, not {kind_of(session)}")
    provider = session.provider
    if provider is None or session.store is None:
        raise TypeError("posts are sent for users: pass provider= and store= to the session")
    pace = Pace(provider.rate_limits, provider.base_url)
    lanes = Lanes(pace, _steady_clock() if clock is None else clock, sleep, read_ahead)
    return Posting(
        Run(session, posts, lanes, journal, reconcile, concurrency=concurrency, stop_after=stop_after),
        settle=settle,
        drain=drain,
    )


class Posting(AsyncIterator[Outcome]):
    """A run of `post_all`. Iterate over it once."""

    def __init__(self, run: Run, *, settle: float, drain: float) -> None:
        run.settle = settle
        self._run = run
        self._drain = drain
        self._outcomes: AsyncGenerator[Outcome, None] | None = None
        self._is_started = False

    @property
    def counts(self) -> Counter[str]:
        """The number of outcomes so far, by status."""
        return self._run.counts

    @property
    def stopped(self) -> str | None:
        """Why the run ended before all posts were sent, or None."""
        return self._run.stopped

    @property
    def waiting_until(self) -> float | None:
        """When the next rate-limit window opens, in seconds since the epoch, if all posts wait, or None."""
        return self._run.waiting_until()

    def __aiter__(self) -> AsyncIterator[Outcome]:  # noqa: PYI034  for the reason below
        # Only the loop holds the generator, so that leaving the loop ends the run.
        return self._iterate()

    async def __anext__(self) -> Outcome:
        if self._outcomes is None:
            self._outcomes = self._iterate()
        return await anext(self._outcomes)

    async def aclose(self) -> None:
        """End the run: requests under way may end, nothing else is sent."""
        self._run.close()
        if self._outcomes is not None:
            await self._outcomes.aclose()
        await self._run.ended()

    async def _iterate(self) -> AsyncGenerator[Outcome, None]:
        if self._is_started:
            raise RuntimeError("this run was iterated over already: call post_all again")
        self._is_started = True
        run = self._run
        outcomes = run.start()
        try:
            async with outcomes:
                with suppress(anyio.EndOfStream):
                    while True:
                        try:  # receive() alone would yield to all other tasks each time
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
