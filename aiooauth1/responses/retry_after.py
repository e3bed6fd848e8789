"""Reads `Retry-After` and HTTP dates. Pure."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime


__all__ = ["FIRST_EPOCH", "FIRST_EPOCH_MS", "LONGEST_DATE", "http_date", "retry_after", "seconds_until"]

FIRST_EPOCH = 1_000_000_000
"""A smaller number counts seconds from now, a larger one is a time: 2001 in seconds since the epoch."""

FIRST_EPOCH_MS = 1_000_000_000_000
"""The same in milliseconds."""

LONGEST_DATE = 64
"""The most characters of a text that may be a date."""

_SECONDS = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


def retry_after(value: str, now: float | None) -> float | None:
    """Read a Retry-After field (RFC 9110 section 10.2.3): ASCII digits or an HTTP date, else None.

    Shopify writes seconds with a fraction. Some write the time at which to come again as seconds since the
    epoch (cloudfoundry/cloud_controller_ng#2544, openclaw/clawhub#407, Moneybird).

    >>> retry_after("120", now=0.0), retry_after("-5", now=0.0), retry_after("nan", now=0.0)
    (120.0, None, None)
    """
    value = value.strip()
    if _SECONDS.fullmatch(value) is not None:
        seconds = float(value)
        if seconds >= FIRST_EPOCH_MS:
            seconds /= 1000
        return seconds_until(now, seconds) if seconds >= FIRST_EPOCH else seconds
    return seconds_until(now, http_date(value))


def http_date(value: str) -> float | None:
    """Read an HTTP date (RFC 9110 section 5.6.7) as seconds since the epoch; None if it is not one.

    >>> http_date("Thu, 01 Jan 1970 00:01:00 GMT")
    60.0
    """
    if not value.isascii() or not value[:1].isalpha() or len(value) > LONGEST_DATE:
        return None
    try:
        date = parsedate_to_datetime(value)
        # One of the three forms has no zone. It is in GMT too, not in the machine's zone.
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def seconds_until(now: float | None, time: float | None) -> float | None:
    """Return the seconds from now until a time, not negative; None if either is unknown."""
    return max(0.0, time - now) if time is not None and now is not None else None
