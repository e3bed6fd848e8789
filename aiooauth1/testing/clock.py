"""A clock for tests that stands still until it is advanced."""

from __future__ import annotations

import asyncio


__all__ = ["FrozenClock"]


class FrozenClock:
    """A clock that stands still. Share it between session, handshake, store and provider.

    Calling it returns the time in seconds since the epoch. `sleep` is for `OAuth1Session(sleep=clock.sleep)`:
    a backoff between two attempts then advances the clock instead of taking time.

    Args:
        now: Its first time, in seconds since the epoch.

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
        """Advance the clock.

        Args:
            seconds: By how many seconds.

        Raises:
            ValueError: If that is negative or not a number.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock does not go back: advance by at least 0 seconds, not {seconds}")
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run, and advance the clock instead of waiting.

        Args:
            seconds: By how many seconds; a negative number counts as 0, as with `asyncio.sleep`.
        """
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)
