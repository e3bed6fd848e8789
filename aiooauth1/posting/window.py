"""One rate-limit window: how many requests are left, and when it resets. Pure: the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple


if TYPE_CHECKING:
    from aiooauth1.responses.rate_limit import RateLimit, RateLimitWindow


__all__ = ["SAME_WINDOW", "ReportedWindows", "Window", "reported_windows", "reset_time"]

SAME_WINDOW = 2.0
"""Seconds by which two reports of one reset may differ."""

_INFINITE = float("inf")


@dataclass(slots=True)
class Window:
    """How many requests are left, and when the window resets.

    Attributes:
        limit: How many requests it holds, or None if that is not known.
        left: How many more may be sent now; infinite if that is not known.
        resets_at: When it resets, or None if that is not known.
        seconds: Its length from its first request on, or None if that is not known.
        in_flight: How many of its requests are under way.
        lowest: The lowest number left that the provider has reported, or None.
        is_new: Whether the clock alone has reset it. Then one request goes first, to learn what is left.
    """

    limit: float | None = None
    left: float = _INFINITE
    resets_at: float | None = None
    seconds: float | None = None
    in_flight: int = 0
    lowest: float | None = None
    is_new: bool = False

    def ready(self, now: float) -> bool:
        """Return whether a request may be sent now."""
        if self.resets_at is not None and now >= self.resets_at:
            self._fill()
        if self.is_new and self.in_flight:
            return False
        return self.left >= 1 or (self.resets_at is None and not self.in_flight)

    def reserve(self, now: float) -> None:
        """Count a request that is about to be sent."""
        if self.seconds is not None and self.resets_at is None:
            self.resets_at = now + self.seconds
        self.left = max(0.0, self.left - 1)
        self.in_flight += 1

    def release(self, refund: float = 0.0) -> None:
        """Count a request as ended without a report; `refund` it if the provider did not count it."""
        self.in_flight = max(0, self.in_flight - 1)
        self.is_new = False
        if refund:
            self.left = min(self.left + refund, _INFINITE if self.limit is None else self.limit)

    def learn(self, told: RateLimitWindow | None, now: float) -> None:
        """Learn what a reply reports of the window, if anything, and count its request as ended."""
        self.release()
        if told is None or told.remaining is None:
            return
        remaining, resets_at = told.remaining, reset_time(told, now)
        if told.limit is not None:
            self.limit = told.limit
        if resets_at is not None:
            if resets_at <= now:
                return
            if self.resets_at is None or abs(resets_at - self.resets_at) <= SAME_WINDOW:
                # Resets are reported in whole seconds: the earliest report of one reset is the most exact.
                self.resets_at = resets_at if self.resets_at is None else min(self.resets_at, resets_at)
            elif resets_at > self.resets_at or self.lowest is None:
                self.resets_at, self.lowest, self.left = resets_at, None, _INFINITE
            else:
                return  # a late reply, about the window before
        if self.lowest is None or remaining < self.lowest:
            # The newest report. Requests under way may or may not be counted in it.
            self.lowest = remaining
            at_least = max(0.0, remaining - self.in_flight)
            self.left = at_least if self.left == _INFINITE else min(max(self.left, at_least), remaining)

    def close_until(self, until: float) -> None:
        """Allow no request until then."""
        self.release()
        self.left = 0.0
        self.resets_at = until

    def _fill(self) -> None:
        self.left = self.limit if self.limit is not None else _INFINITE
        self.resets_at = None
        self.lowest = None
        self.is_new = True


class ReportedWindows(NamedTuple):
    """The windows that a reply reports, by scope: of several in one scope, the one that decides."""

    of_user: RateLimitWindow | None
    of_app: RateLimitWindow | None
    unknown: RateLimitWindow | None

    @property
    def spent(self) -> set[str]:
        """The scopes whose window is reported as spent."""
        named = (("user", self.of_user), ("app", self.of_app))
        return {name for name, window in named if window is not None and window.is_spent}


def reported_windows(limit: RateLimit) -> ReportedWindows:
    """Sort the windows of a reply by scope."""
    of_user, of_app, unknown = (
        _binding([window for window in limit.windows if window.scope == scope])
        for scope in ("user", "app", "unknown")
    )
    if of_app is not None:
        # Some providers report a single window under both names.
        told = of_app.limit, of_app.remaining
        if of_user is not None and (of_user.limit, of_user.remaining) == told:
            of_user = None
        if unknown is not None:
            if of_user is None and (unknown.limit, unknown.remaining) != told:
                of_user = unknown
            unknown = None
    return ReportedWindows(of_user, of_app, unknown)


def _binding(windows: list[RateLimitWindow]) -> RateLimitWindow | None:
    spent = [window for window in windows if window.is_spent]
    if spent:
        return max(spent, key=lambda window: window.wait or 0.0)
    return min(
        windows, key=lambda window: _INFINITE if window.remaining is None else window.remaining, default=None
    )


def reset_time(window: RateLimitWindow, now: float) -> float | None:
    """Return when a window resets, or None if that is not reported."""
    return None if window.reset_in is None else now + window.reset_in
