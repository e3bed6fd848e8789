"""One rate-limit window: how many requests are left until when. Pure: the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple


if TYPE_CHECKING:
    from aiooauth1.responses.rate_limit import RateLimit, RateLimitWindow


__all__ = ["SAME_WINDOW", "Told", "Window", "reset_time", "told_windows"]

SAME_WINDOW = 2.0
"""Seconds by which two looks at one reset may differ."""

_INFINITE = float("inf")


@dataclass(slots=True)
class Window:
    """How many requests are left until when.

    Attributes:
        limit: How many it holds; None: not known.
        left: How many more may go out now; infinite where that is not known.
        resets_at: When it is full again; None: not known.
        seconds: How long it lasts from its first request on; None: not known.
        in_flight: How many of its requests are on their way.
        lowest: The lowest number that the provider said is left of it; None: it did not say.
        is_new: Whether it was filled by the clock alone, so that one request goes first to see.
    """

    limit: float | None = None
    left: float = _INFINITE
    resets_at: float | None = None
    seconds: float | None = None
    in_flight: int = 0
    lowest: float | None = None
    is_new: bool = False

    def ready(self, now: float) -> bool:
        """Say whether a request may go out now."""
        if self.resets_at is not None and now >= self.resets_at:
            self._fill()
        if self.is_new and self.in_flight:
            return False
        return self.left >= 1 or (self.resets_at is None and not self.in_flight)

    def take(self, now: float) -> None:
        """Count a request that goes out."""
        if self.seconds is not None and self.resets_at is None:
            self.resets_at = now + self.seconds
        self.left = max(0.0, self.left - 1)
        self.in_flight += 1

    def put_back(self, refund: float = 0.0) -> None:
        """Count a request that ended without a word on the window; `refund` it where it did not count."""
        self.in_flight = max(0, self.in_flight - 1)
        self.is_new = False
        if refund:
            self.left = min(self.left + refund, _INFINITE if self.limit is None else self.limit)

    def learn(self, told: RateLimitWindow | None, now: float) -> None:
        """Take in what a reply says of the window, None: nothing; the request counts as ended."""
        self.put_back()
        if told is None or told.remaining is None:
            return
        remaining, resets_at = told.remaining, reset_time(told, now)
        if told.limit is not None:
            self.limit = told.limit
        if resets_at is not None:
            if resets_at <= now:
                return
            if self.resets_at is None or abs(resets_at - self.resets_at) <= SAME_WINDOW:
                # Times come in whole seconds: of several looks at one window the earliest is the nearest.
                self.resets_at = resets_at if self.resets_at is None else min(self.resets_at, resets_at)
            elif resets_at > self.resets_at or self.lowest is None:
                self.resets_at, self.lowest, self.left = resets_at, None, _INFINITE
            else:
                return  # of the window before
        if self.lowest is None or remaining < self.lowest:
            # The newest word of the provider: what is on its way may or may not be counted in it.
            self.lowest = remaining
            at_least = max(0.0, remaining - self.in_flight)
            self.left = at_least if self.left == _INFINITE else min(max(self.left, at_least), remaining)

    def shut(self, until: float) -> None:
        """Let nothing out until then."""
        self.put_back()
        self.left = 0.0
        self.resets_at = until

    def _fill(self) -> None:
        self.left = self.limit if self.limit is not None else _INFINITE
        self.resets_at = None
        self.lowest = None
        self.is_new = True


class Told(NamedTuple):
    """What a reply says of windows, by whose they are: of several of one scope, the one that counts."""

    of_user: RateLimitWindow | None
    of_app: RateLimitWindow | None
    unknown: RateLimitWindow | None

    @property
    def spent(self) -> set[str]:
        """Whose window holds nothing more, as far as that is said."""
        named = (("user", self.of_user), ("app", self.of_app))
        return {name for name, window in named if window is not None and window.is_spent}


def told_windows(limit: RateLimit) -> Told:
    """Sort what a reply says of windows by whose they are."""
    of_user, of_app, unknown = (
        _binding([window for window in limit.windows if window.scope == scope])
        for scope in ("user", "app", "unknown")
    )
    if of_app is not None:
        # With one window only, some tell of it by both names.
        told = of_app.limit, of_app.remaining
        if of_user is not None and (of_user.limit, of_user.remaining) == told:
            of_user = None
        if unknown is not None:
            if of_user is None and (unknown.limit, unknown.remaining) != told:
                of_user = unknown
            unknown = None
    return Told(of_user, of_app, unknown)


def _binding(windows: list[RateLimitWindow]) -> RateLimitWindow | None:
    spent = [window for window in windows if window.is_spent]
    if spent:
        return max(spent, key=lambda window: window.wait or 0.0)
    return min(
        windows, key=lambda window: _INFINITE if window.remaining is None else window.remaining, default=None
    )


def reset_time(window: RateLimitWindow, now: float) -> float | None:
    """Return when a window is full again; None: that is not said."""
    return None if window.reset_in is None else now + window.reset_in
