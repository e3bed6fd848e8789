"""What a response says of rate limits, by whatever names: pure functions of its header fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["RateLimit", "http_date", "rate_limit", "retry_after"]

_NUMBER = re.compile(r"[0-9]{1,15}")  # float() and int() take far more: signs, nan, other scripts' digits
_LONGEST_DATE = 64
_TOO_MANY_REQUESTS = 429
_UNAVAILABLE = 503
_LIMIT = ("x-rate-limit-limit", "x-ratelimit-limit", "x-discogs-ratelimit")
_REMAINING = ("x-rate-limit-remaining", "x-ratelimit-remaining", "x-discogs-ratelimit-remaining")
_RESET = ("x-rate-limit-reset", "x-ratelimit-reset")
_FIRST_EPOCH = 1_000_000_000  # a smaller number counts seconds from now, a larger one is a time


class _WithHeaders(Protocol):
    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What a response says; None: nothing.

    Attributes:
        limit: How many requests a window holds.
        remaining: How many are left in this one.
        reset_in: In how many seconds the next window begins, not negative.
        retry_after: In how many seconds the server wants to be asked again, not negative.
    """

    limit: float | None = None
    remaining: float | None = None
    reset_in: float | None = None
    retry_after: float | None = None

    @property
    def wait(self) -> float | None:
        """In how many seconds to ask again after a refusal: as the server says, else when the window ends."""
        return self.retry_after if self.retry_after is not None else self.reset_in

    def wait_after(self, status: int) -> float | None:
        """Return in how many seconds to ask again after a refusal, as far as the server says.

        Many servers tell of the window in each response: then it is the reason for a 429, and for a 503 only
        when it holds nothing more.

        Args:
            status: The status of the refusal.
        """
        is_reason = status == _TOO_MANY_REQUESTS or (status == _UNAVAILABLE and not self.remaining)
        return self.wait if is_reason else self.retry_after


def rate_limit(response: _WithHeaders, now: float | None = None) -> RateLimit:
    """Read `x-rate-limit-*`, `X-Discogs-Ratelimit-*` and `Retry-After`.

    Args:
        response: A response of any status.
        now: Seconds since the epoch, from which dates count; None: what the response's Date field says.

    Returns:
        What it says. A value that is malformed counts as none.

    >>> from types import SimpleNamespace
    >>> rate_limit(SimpleNamespace(headers={"x-rate-limit-remaining": "0", "retry-after": "7"}))
    RateLimit(limit=None, remaining=0.0, reset_in=None, retry_after=7.0)
    """
    headers = {name.lower(): value.strip() for name, value in response.headers.items()}
    reset = _first(headers, _RESET)
    if now is None:
        now = http_date(headers.get("date", ""))
    return RateLimit(
        limit=_first(headers, _LIMIT),
        remaining=_first(headers, _REMAINING),
        reset_in=_from(now, reset) if reset is not None and reset >= _FIRST_EPOCH else reset,
        retry_after=retry_after(headers.get("retry-after", ""), now),
    )


def retry_after(value: str, now: float | None) -> float | None:
    """Read a Retry-After field (RFC 9110 section 10.2.3): ASCII digits or an HTTP date; None: it is neither.

    >>> retry_after("120", now=0.0), retry_after("-5", now=0.0), retry_after("nan", now=0.0)
    (120.0, None, None)
    """
    value = value.strip()
    if _NUMBER.fullmatch(value):
        return float(value)
    return _from(now, http_date(value))


def http_date(value: str) -> float | None:
    """Read an HTTP date (RFC 9110 section 5.6.7) as seconds since the epoch; None: it is none.

    >>> http_date("Thu, 01 Jan 1970 00:01:00 GMT")
    60.0
    """
    if not value.isascii() or not value[:1].isalpha() or len(value) > _LONGEST_DATE:
        return None
    try:
        date = parsedate_to_datetime(value)
        # One of the three forms names no zone, and is in GMT too: not in whatever the machine is set to.
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _from(now: float | None, time: float | None) -> float | None:
    return max(0.0, time - now) if time is not None and now is not None else None


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> float | None:
    for name in names:
        if _NUMBER.fullmatch(headers.get(name, "")):
            return float(headers[name])
    return None
