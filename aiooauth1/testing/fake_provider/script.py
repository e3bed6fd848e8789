"""The scripted behaviour: denials, failures, dropped connections, delays, clock skew and rate limits."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from aiooauth1.testing.fake_provider.errors import HTTPRefusal


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


__all__ = ["Drop", "Fault", "LimitStyle", "RateLimits", "Script"]

Drop = Literal["before", "after"]
"""When a connection is dropped: before the endpoint's work, or after it."""

LimitStyle = Literal["x", "retry-after", "ietf"]
"""How a provider reports its limits."""

ENDPOINT_NAMES = (
    *("request_token", "authorize", "access_token", "renew", "revoke", "identify"),
    *("posts", "post", "echo", "unknown"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one request: it is answered with `status`, or its connection is dropped."""

    endpoint: str | None
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    drop: Drop | None = None


class Script:
    """The scripted behaviour of a provider. Faults happen in the order in which they were added."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._faults: deque[Fault] = deque()
        self.denials: int = 0
        self.delay: float = 0.0
        self.skew: float = 0.0
        self.limits: RateLimits = RateLimits()

    def now(self) -> float:
        """Return the time by the provider's clock, which includes `skew`."""
        return self._clock() + self.skew

    def add(self, fault: Fault, times: int) -> None:
        """Add a fault for the next `times` requests that it applies to."""
        if fault.endpoint is not None and fault.endpoint not in ENDPOINT_NAMES:
            raise ValueError(f"endpoint must be one of {', '.join(ENDPOINT_NAMES)}, not {fault.endpoint!r}")
        if times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        if fault.drop is None and not 100 < fault.status < 600:  # noqa: PLR2004  100 is not final
            raise ValueError(f"status must be between 101 and 599, not {fault.status}")
        if fault.drop not in {None, *get_args(Drop)}:
            raise ValueError(f'drop_next() takes "before" or "after", not {fault.drop!r}')
        self._faults.extend([fault] * times)

    def take(self, endpoint: str) -> Fault | None:
        """Remove and return the next fault for this endpoint."""
        for fault in self._faults:
            if fault.endpoint in {None, endpoint}:
                self._faults.remove(fault)
                return fault
        return None

    def take_denial(self) -> bool:
        """Return whether the next answer is a denial, and count it."""
        self.denials -= 1 if (denies := self.denials > 0) else 0
        return denies


@dataclass(slots=True)
class _Limit:
    """At most `limit` requests in each `window` seconds, counted for each user or for the whole application.

    A window begins with its first request, as at X.
    """

    limit: int
    window: float
    style: LimitStyle
    spent: dict[tuple[str, ...], tuple[float, int]] = field(default_factory=dict)

    def state(self, key: tuple[str, ...], now: float) -> tuple[int, float]:
        """Return how many requests are left, and when the window ends."""
        began, count = self.spent.get(key, (now, 0))
        if not began <= now < began + self.window:
            began, count = now, 0
        return max(0, self.limit - count), began + self.window

    def spend(self, key: tuple[str, ...], now: float) -> None:
        """Count one request."""
        left, end = self.state(key, now)
        self.spent[key] = (end - self.window, self.limit - left + 1)


class RateLimits:
    """The limits of a provider: one per user and one per application, both at once if both are set."""

    def __init__(self) -> None:
        self._limits: dict[str, _Limit] = {}

    def set(self, per: str, limit: int | None, window: float, style: LimitStyle) -> None:
        """Set or, with None, remove the limit of users or of the application."""
        if per not in {"user", "app"}:
            raise ValueError(f'per must be "user" or "app", not {per!r}')
        if style not in get_args(LimitStyle):
            raise ValueError(f"style must be one of {', '.join(get_args(LimitStyle))}, not {style!r}")
        if limit is not None and (limit < 0 or not 0 < window < math.inf):
            raise ValueError("limit must not be negative, and window a positive number of seconds")
        self._limits.pop(per, None)
        if limit is not None:
            self._limits[per] = _Limit(limit, window, style)

    def spend(self, consumer: str, user: str | None, now: float, headers: dict[str, str]) -> None:
        """Count a request, or refuse it if a limit is reached. Add the limits' fields to `headers`."""
        limits = [
            (per, limit, (consumer,) if per == "app" else (consumer, user or ""))
            for per, limit in self._limits.items()
            if per == "app" or user is not None
        ]
        waits = [end - now for _, limit, key in limits for left, end in [limit.state(key, now)] if not left]
        if not waits:
            for _, limit, key in limits:
                limit.spend(key, now)
        by_style: dict[LimitStyle, list[tuple[str, _Limit, int, float]]] = {}
        for per, limit, key in limits:
            by_style.setdefault(limit.style, []).append((per, limit, *limit.state(key, now)))
        for style, states in by_style.items():
            headers.update(_TELLING[style](states, now, max(waits, default=None)))
        if waits:
            raise HTTPRefusal("rate_limited", "Too Many Requests", 429)


def _as_x(states: list[tuple[str, _Limit, int, float]], _: float, __: float | None) -> dict[str, str]:
    """Report as X does: the user's window in x-rate-limit-*, the application's in x-app-limit-24hour-*."""
    told: dict[str, str] = {}
    for per, limit, left, end in sorted(states):  # "app" before "user", so that the user's comes last
        names = ["x-rate-limit"] + (["x-app-limit-24hour"] if per == "app" else [])
        for name in names:
            told |= {
                f"{name}-limit": str(limit.limit),
                f"{name}-remaining": str(left),
                f"{name}-reset": str(math.ceil(end)),
            }
    return told


def _as_retry_after(_: list[tuple[str, _Limit, int, float]], __: float, wait: float | None) -> dict[str, str]:
    """Report only with a refusal, in Retry-After (RFC 9110 section 10.2.3)."""
    return {} if wait is None else {"Retry-After": str(math.ceil(wait))}


def _as_ietf(states: list[tuple[str, _Limit, int, float]], now: float, _: float | None) -> dict[str, str]:
    """Report by the fields of the IETF's draft: every policy, and what is left of each."""
    return {
        "RateLimit-Policy": ", ".join(
            f'"{per}";q={limit.limit};w={math.ceil(limit.window)}' for per, limit, _, _ in states
        ),
        "RateLimit": ", ".join(f'"{per}";r={left};t={math.ceil(end - now)}' for per, _, left, end in states),
    }


_TELLING: Mapping[
    LimitStyle, Callable[[list[tuple[str, _Limit, int, float]], float, float | None], dict[str, str]]
]
_TELLING = {"x": _as_x, "retry-after": _as_retry_after, "ietf": _as_ietf}
