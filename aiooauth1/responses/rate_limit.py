"""Rate limits, under all known names of header fields: pure functions.

This is the only reader of rate-limit fields: retries, `RateLimited.retry_after` and posting all ask it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from aiooauth1.responses.rate_limit_fields import (
    BACKOFF,
    FAMILIES,
    POLICIES,
    SCOPE,
    SCOPES,
    SHOPIFY,
    TOO_MANY,
)
from aiooauth1.responses.retry_after import (
    FIRST_EPOCH,
    FIRST_EPOCH_MS,
    LONGEST_DATE,
    http_date,
    retry_after,
    seconds_until,
)


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aiooauth1.responses.rate_limit_fields import Scope


__all__ = ["RateLimit", "RateLimitWindow", "rate_limit", "rate_limit_of"]


class _WithHeaders(Protocol):
    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class RateLimitWindow:
    """One window of a rate limit. None: the provider does not say.

    Attributes:
        limit: How many requests the window holds.
        remaining: How many are left in this one.
        reset_in: In how many seconds the next window begins, not negative.
        scope: Whose requests count: `user`, `app` or `unknown`.
        window: The length of the window in seconds.
    """

    limit: float | None = None
    remaining: float | None = None
    reset_in: float | None = None
    scope: Scope = "unknown"
    window: float | None = None

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.remaining == 0

    @property
    def wait(self) -> float | None:
        """In how many seconds the next window begins, at the latest: its length, if only that is known."""
        return self.reset_in if self.reset_in is not None else self.window


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The rate limits that a response tells of. None: the provider does not say.

    Of several windows, `limit` to `window` are those of the one that counts: of those with nothing left, the
    one that resets last; else the one with the least left.

    Attributes:
        limit: How many requests the window holds.
        remaining: How many are left in this one.
        reset_in: In how many seconds the next window begins, not negative.
        retry_after: In how many seconds the server wants to be asked again, not negative.
        scope: Whose requests count: `user`, `app` or `unknown`.
        window: The length of the window in seconds.
        windows: Every window that the response tells of.
    """

    limit: float | None = None
    remaining: float | None = None
    reset_in: float | None = None
    retry_after: float | None = None
    scope: Scope = "unknown"
    window: float | None = None
    windows: tuple[RateLimitWindow, ...] = ()

    @property
    def wait(self) -> float | None:
        """In how many seconds to ask again after a refusal: as the server says, else when the window ends."""
        spent = max((one.wait or 0.0 for one in self.windows if one.is_spent), default=0.0)
        # Some servers send `Retry-After: 0` with every response.
        if self.retry_after is not None and (self.retry_after > 0 or not spent):
            return self.retry_after
        if spent:
            return spent
        # Refused although requests are left: it cannot work before the next reset.
        return min((one.reset_in for one in self.windows if one.reset_in is not None), default=None)

    def wait_after(self, status: int) -> float | None:
        """Return in how many seconds to try again after a refusal; None if the server does not say.

        Many servers tell of the window in each response. So the window is the reason for a 429, and for
        another refusal only if it holds nothing more.

        Args:
            status: The status of the refusal.
        """
        is_reason = status in TOO_MANY or (
            status == _UNAVAILABLE
            and (
                any(one.is_spent for one in self.windows)
                or all(one.remaining is None for one in self.windows)
            )
        )
        return self.wait if is_reason else self.retry_after


_UNAVAILABLE = 503


# Reading


def rate_limit(response: _WithHeaders, now: float | None = None) -> RateLimit:
    """Read the rate limits from a response of any status.

    It knows the fields of X (`x-rate-limit-*`, `x-user-limit-24hour-*`, `x-app-limit-24hour-*`), Tumblr
    (`X-Ratelimit-Perhour-*`, `-Perday-*`), Discogs, Trello, Jira, Fitbit, Xero, Etsy, Kong and GitHub's kind
    (`X-RateLimit-*`), the IETF's `RateLimit`, `RateLimit-Policy` and `RateLimit-*`, and `Retry-After`.

    Args:
        response: The response.
        now: Seconds since the epoch by our own clock. It counts only if the response has no Date field.

    Returns:
        What it says. A value that is malformed counts as none.

    >>> from types import SimpleNamespace
    >>> read = rate_limit(SimpleNamespace(headers={"x-rate-limit-remaining": "0", "retry-after": "7"}))
    >>> read.remaining, read.wait
    (0.0, 7.0)
    """
    return rate_limit_of(response.headers.items(), now)


def rate_limit_of(headers: Iterable[tuple[str, str]], now: float | None = None) -> RateLimit:
    """Read what header fields say of rate limits. See `rate_limit`."""
    fields: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()  # noqa: PLW2901  as every look-up below has it
        if name in _LISTS and name in fields:
            fields[name] += f", {value}"
        else:
            fields[name] = value.strip()
    date = http_date(fields.get("date", ""))
    now = now if date is None else date
    pause = retry_after(fields.get("retry-after", ""), now)
    if pause is None:
        pause = next(
            (float(fields[name]) for name in BACKOFF if _NUMBER.fullmatch(fields.get(name, ""))), None
        )
    windows = (
        tuple(_windows(fields, now))
        if any("limit" in name or "-remaining-" in name or "-allotted" in name for name in fields)
        else ()
    )
    if not windows:
        return RateLimit(retry_after=pause)
    counts = _binding(windows)
    return RateLimit(
        counts.limit, counts.remaining, counts.reset_in, pause, counts.scope, counts.window, windows
    )


def _binding(windows: tuple[RateLimitWindow, ...]) -> RateLimitWindow:
    if spent := [one for one in windows if one.is_spent]:
        return max(spent, key=lambda one: one.wait or 0.0)
    return min(windows, key=lambda one: one.remaining if one.remaining is not None else _PLENTY)


_PLENTY = float("inf")
_LISTS = frozenset({"ratelimit", "ratelimit-policy"})


def _windows(fields: Mapping[str, str], now: float | None) -> Iterator[RateLimitWindow]:
    policies = dict(_items(fields.get("ratelimit-policy", "")))
    yield from _ietf(fields.get("ratelimit", ""), policies, now)
    for family in FAMILIES:
        limit, remaining = _first(fields, family.limit), _first(fields, family.remaining)
        used_up = _first(fields, family.used)
        if remaining is None and limit is not None and used_up is not None:
            remaining = max(0.0, limit - used_up)
        reset = next(
            (at for name in family.reset if (at := _reset(fields.get(name, ""), now, name)) is not None), None
        )
        if limit is None and remaining is None and reset is None:
            continue
        scope, window = family.scope, family.window
        if family.window_field:
            window = _length(fields.get(family.window_field, ""), family.window_field)
            scope = SCOPES.get(fields.get(SCOPE, ""), scope) if scope == "unknown" else scope
        elif family.limit == ("ratelimit-limit",):
            window = _policy_window(policies, fields.get("ratelimit-limit", ""))
        yield RateLimitWindow(limit, remaining, reset, scope, window)
    used, slash, limit_text = fields.get(SHOPIFY, "").partition("/")
    if slash and _NUMBER.fullmatch(used) and _NUMBER.fullmatch(limit_text):
        yield RateLimitWindow(float(limit_text), max(0.0, float(limit_text) - float(used)))


def _ietf(
    text: str, policies: Mapping[str, Mapping[str, str]], now: float | None
) -> Iterator[RateLimitWindow]:
    """Read `RateLimit`: `"default";r=50;t=30` since draft 8, `limit=9, remaining=5, reset=3` in draft 7."""
    items = list(_items(text))
    flat = {name: given["="] for name, given in items if "=" in given}
    if "remaining" in flat or "limit" in flat:
        policy = next(iter(policies.values()), {})
        yield RateLimitWindow(
            _number(flat.get("limit", "")),
            _number(flat.get("remaining", "")),
            _reset(flat.get("reset", ""), now),
            window=_number(policy.get("w", "")),
        )
        return
    for name, given in items:
        policy = policies.get(name, {})
        words = re.split(r"[^a-z]", name.lower())
        scope: Scope = next((POLICIES[word] for word in words if word in POLICIES), "unknown")
        remaining = _number(given.get("r", ""))
        if remaining is not None:
            window = _number(policy.get("w", ""))
            yield RateLimitWindow(
                _number(policy.get("q", "")), remaining, _reset(given.get("t", ""), now), scope, window
            )


_LONGEST_LIST = 2048
_ITEM = re.compile(r'(?:"((?:[^"\\]|\\.)*+)"|([^\s,;="]++))(?:\s*+=\s*+"?([^\s,;"]*+)"?)?+', re.ASCII)
_PARAMETER = re.compile(r';\s*+([a-z*][\w*.-]*+)\s*+=\s*+("[^"]*+"|[^\s,;"]*+)', re.ASCII | re.IGNORECASE)


def _items(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the items of a list (RFC 9651 section 3.1), each with its parameters; "=" is its own value."""
    text = text[:_LONGEST_LIST]
    at = 0
    while found := _ITEM.search(text, at):
        given = {} if found[3] is None else {"=": found[3]}
        at = found.end()
        while parameter := _PARAMETER.match(text, at):
            given[parameter[1].lower()] = parameter[2].strip('"')
            at = parameter.end()
        comma = text.find(",", at)
        yield found[1] if found[1] is not None else found[2], given
        if comma < 0:
            return
        at = comma + 1


def _policy_window(policies: Mapping[str, Mapping[str, str]], limit: str) -> float | None:
    """Return the window of `RateLimit-Policy: 100;w=60`, or of draft 2's `RateLimit-Limit: 100, 100;w=60`."""
    named = [*policies.values(), *(given for _, given in _items(limit))]
    return next((length for given in named if (length := _number(given.get("w", ""))) is not None), None)


_NUMBER = re.compile(r"[0-9]{1,15}")  # float() and int() accept far more: signs, nan, other scripts' digits
_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(?=\s*(?:[,;]|\Z))")


def _number(text: str) -> float | None:
    found = _AMOUNT.match(text)
    return float(found[1]) if found else None


def _first(fields: Mapping[str, str], names: tuple[str, ...]) -> float | None:
    return next((number for name in names if (number := _number(fields.get(name, ""))) is not None), None)


def _length(text: str, name: str) -> float | None:
    number = _number(text)
    return number / 1000 if number is not None and name.endswith("-ms") else number


def _reset(text: str, now: float | None, name: str = "") -> float | None:
    """Read in how many seconds a window resets: from seconds, a time since the epoch, or a date."""
    number = _length(text, name)
    if number is None:
        date = http_date(text)
        return seconds_until(now, _iso_date(text) if date is None else date)
    if number >= FIRST_EPOCH_MS:
        number /= 1000
    return seconds_until(now, number) if number >= FIRST_EPOCH else number


def _iso_date(value: str) -> float | None:
    """Read `2026-11-27T12:00Z`, as Jira, Yelp and Mastodon write a reset."""
    if not value.isascii() or len(value) > LONGEST_DATE or value[4:5] != "-":
        return None
    try:
        date = datetime.fromisoformat(value)
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
