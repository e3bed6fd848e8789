"""How far a provider's clock is from ours: learned from its refusals, and kept for each origin."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


__all__ = ["MAX_SKEW", "ProviderClock", "server_time", "system_time"]

MAX_SKEW = 86_400.0
"""Seconds beyond which a provider's clock is not believed."""

_RANGE = re.compile(r"\s*([0-9]{1,12})\s*-\s*([0-9]{1,12})\s*")
_ORIGINS_KEPT = 1024


def system_time() -> float:
    """Return the system's time; it is looked up at each call, so that tests can freeze it."""
    return time.time()


def server_time(acceptable: str, date: str) -> float | None:
    """Return the server's time as its refusal tells it, in seconds since the epoch, or None.

    Args:
        acceptable: The `oauth_acceptable_timestamps` of the Problem Reporting extension, `first-last`.
        date: The Date field of the response.

    >>> server_time("1000-2000", "Thu, 01 Jan 1970 00:01:00 GMT"), server_time("", "nonsense")
    (1500.0, None)
    """
    if (span := _RANGE.fullmatch(acceptable)) is not None:
        first, last = int(span.group(1)), int(span.group(2))
        if first <= last:
            return (first + last) / 2
    from aiooauth1.responses.retry_after import http_date  # noqa: PLC0415  only refusals need it

    return http_date(date)


class ProviderClock:
    """The time at each origin: ours, until a refusal tells another.

    A learned time runs on by the monotonic clock, so a step of ours does not move it.

    Args:
        clock: Seconds since the epoch, ours.
        monotonic: Seconds from any beginning, never going back.
        never_back: Whether the time at an origin goes back only when a refusal says so.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        never_back: bool = False,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._never_back = never_back
        self._ahead: dict[Hashable, float] = {}  # of the monotonic clock
        self._guessed: set[Hashable] = set()
        self._last: dict[Hashable, float] = {}

    def now(self, origin: Hashable) -> float:
        """Return the time at an origin, in seconds since the epoch."""
        ahead = self._ahead.get(origin) if self._ahead else None
        now = self._clock() if ahead is None else self._monotonic() + ahead
        if self._never_back:
            now = self._last[origin] = max(now, self._last.get(origin, 0.0))
        return now

    def correct(self, origin: Hashable, server: float | None, *, is_guess: bool = False) -> bool:
        """Correct the clock of an origin by the time that a refusal tells; say whether it was believed.

        Args:
            origin: Whose clock it is.
            server: The time, in seconds since the epoch, or None if the refusal tells none.
            is_guess: Whether the refusal did not say that the time was the reason.
        """
        if server is None or abs(server - self._clock()) > MAX_SKEW:
            return False
        if origin not in self._ahead and len(self._ahead) >= _ORIGINS_KEPT:
            self.reset(next(iter(self._ahead)))
        (self._guessed.add if is_guess else self._guessed.discard)(origin)
        self._ahead[origin] = server - self._monotonic()
        self._last.pop(origin, None)
        return True

    def is_guessed(self, origin: Hashable) -> bool:
        """Say whether the time at an origin is a guess."""
        return origin in self._guessed

    def difference(self, origin: Hashable) -> float:
        """Return how many seconds the clock of an origin is ahead of ours, as far as it was learned."""
        ahead = self._ahead.get(origin)
        return 0.0 if ahead is None else self._monotonic() + ahead - self._clock()

    def reset(self, origin: Hashable) -> None:
        """Use our own clock for an origin again."""
        self._ahead.pop(origin, None)
        self._guessed.discard(origin)
        self._last.pop(origin, None)
