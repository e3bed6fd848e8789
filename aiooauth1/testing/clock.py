"""A clock for tests: it stands still until it is told to go on."""

from __future__ import annotations

import asyncio


__all__ = ["FrozenClock"]


class FrozenClock:
    """A clock that stands still. Give it to a session, a handshake, a store and a provider, and they agree.

    Calling it returns the time in seconds since the epoch. `sleep` is for `OAuth1Session(sleep=clock.sleep)`:
    a pause between two attempts moves the clock instead of taking time.

    Args:
        now: Where it stands at first, in seconds since the epoch.

    >>> clock = FrozenClock(1_700_000_000.0)
    >>> clock.advance(60)
    >>> clock()
    1700000060.0
    """

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self._now = now

    def __call__(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._now

    def __repr__(self) -> str:
        return f"FrozenClock({self._now})"

    def advance(self, seconds: float) -> None:
        """Move the clock on.

        Args:
            seconds: By how many seconds.

        Raises:
            ValueError: If that is negative or not a number: a clock does not go back.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock does not go back: advance by at least 0 seconds, not {seconds}")
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run, and move the clock on instead of waiting.

        Args:
            seconds: By how many seconds; a negative number counts as 0, as with `asyncio.sleep`.
        """
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)
