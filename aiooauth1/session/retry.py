"""Whether to send a request again, and when: decisions as pure functions, and the budget that bounds them.

No request that may have been done is sent twice, unless doing it twice is doing it once: by its method, or
because it carries an idempotency key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiooauth1.responses.rate_limit_fields import TOO_MANY
from aiooauth1.transport.request import is_field_name


if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from aiooauth1.responses.problem import Problem


__all__ = [
    "SERVER_ERRORS",
    "Retry",
    "RetryBudget",
    "backoff",
    "is_rate_limit",
    "may_retry_error",
    "may_retry_response",
]

_UNAVAILABLE = 503
SERVER_ERRORS = frozenset({500, 502, 504, _UNAVAILABLE, 520, 521, 522, 523, 524})
"""Statuses of a server in trouble, or of a gateway whose server is; 520 to 524 are Cloudflare's."""

_UNDATED = 2.0  # seconds of the longest first pause after a rate limit without a time
_ORIGINS_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Retry:
    """When a session sends a request again by itself. It has no state, so one value may serve many sessions.

    A request is retried if no byte was sent, if the provider answered 429 (or 420, or 509; or 503 with
    `Retry-After`; or refused for the rate of requests by another status with `Retry-After`), if it rejected
    the nonce or timestamp, and on other server errors if the method is one of `resend`. Pauses count towards
    the request's total timeout: a pause that would outlast it is not made, and the caller gets the reply. A
    session refuses a `max_wait` other than the default that is longer than its total timeout.

    Args:
        attempts: How many times a request is sent at the most, the first time included.
        base: Seconds of the longest pause after the first attempt; it doubles with each. After a 429 that
            does not say when to come again, at least 2.
        cap: Seconds of the longest pause that the provider did not ask for.
        max_wait: Seconds that a provider may ask us to wait. If it asks for more, the caller gets the reply.
            What it asks for is waited for in full, and jitter comes on top.
        resend: The methods of which a request may be sent again when it may have been done.
        idempotency_header: Where the provider looks for a key by which it does a request once only. A call
            with `idempotency_key=` sends it there, and may be sent again whatever its method; a header field
            of your own does not count. None if the provider has no such field.
        budget: How many retries an origin may cost before calls there have earned new ones (five calls earn
            one): when all fails there, retries do not multiply the load. A retry that is answered is
            refunded, and one after a refusal that says when to come again costs nothing.

    Raises:
        TypeError: If a number is of another type, or `resend` is one text instead of several.
        ValueError: If a number is out of its range, or `idempotency_header` is no name of a header field.
    """

    attempts: int = 3
    base: float = 0.5
    cap: float = 20.0
    max_wait: float = 60.0
    resend: frozenset[str] = frozenset({"GET", "HEAD"})
    idempotency_header: str | None = None
    budget: float = 100.0

    def __post_init__(self) -> None:
        for name in ("attempts", "base", "cap", "max_wait", "budget"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int if name == "attempts" else (int, float)):
                raise TypeError(f"{name} must be a number, not {type(value).__name__}")
        if isinstance(self.resend, str):
            raise TypeError(f"resend must be a set of methods: write resend={{{self.resend!r}}}")
        methods = tuple(self.resend) if isinstance(self.resend, Iterable) else (None,)
        if not all(isinstance(method, str) for method in methods):
            raise TypeError("resend must be a set of methods, each a str; give frozenset() for no method")
        header = self.idempotency_header
        if header is not None and not isinstance(header, str):
            raise TypeError(f"idempotency_header must be a str or None, not {type(header).__name__}")
        if header is not None and not is_field_name(header):
            raise ValueError(f"idempotency_header must be the name of a header field, not {header!r}")
        if self.attempts < 1:
            raise ValueError("attempts must be 1 or more: the first one counts")
        for name in ("base", "cap", "max_wait", "budget"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a finite number, not negative")
        object.__setattr__(self, "resend", frozenset(str(method).upper() for method in methods))


def may_retry_error(*, was_sent: bool, method: str, retry: Retry, has_key: bool) -> bool:
    """Say whether a request whose attempt ended in an error may be sent again.

    Args:
        was_sent: Whether the request began to be written.
        method: The request method.
        retry: The rules.
        has_key: Whether the request carries an idempotency key.
    """
    return not was_sent or method in retry.resend or has_key


def may_retry_response(
    problem: Problem, method: str, retry: Retry, *, has_key: bool, wait: float | None
) -> bool:
    """Say whether a request that was refused may be sent again after a pause.

    Refusals that a new nonce or a corrected clock fixes are not decided here.

    Args:
        problem: The refusal.
        method: The request method.
        retry: The rules.
        has_key: Whether the request carries an idempotency key.
        wait: Seconds that the provider asks us to wait, or None if it does not say.
    """
    if wait is not None and not wait <= retry.max_wait:  # written so, it refuses NaN as well
        return False
    if problem.status in TOO_MANY or is_rate_limit(problem, wait):
        return True  # refused before any work
    if problem.status == _UNAVAILABLE and wait is not None:
        return True  # the server says when to come again
    return problem.status in SERVER_ERRORS and (method in retry.resend or has_key)


def is_rate_limit(problem: Problem, wait: float | None) -> bool:
    """Say whether a refusal names the time at which the provider serves us again.

    Such a refusal is no sign of an outage, so a retry after it does not spend the retry budget.
    """
    return wait is not None and (problem.status in TOO_MANY or problem.meaning == "rate_limited")


def backoff(
    attempt: int,
    retry: Retry,
    wait: float | None,
    random: Callable[[], float],
    *,
    is_rate_limited: bool = False,
) -> float:
    """Return how many seconds to pause before the next attempt.

    The pause is drawn from the whole range up to its longest, so that many tasks that failed together do not
    come back together. What a provider asks for is waited for in full, and jitter comes on top, so clients
    that were given the same Retry-After do not all return at once.

    Args:
        attempt: The number of the attempt that failed, from 1.
        retry: The rules.
        wait: Seconds that the provider asks us to wait, or None if it does not say.
        random: Draws from 0 up to 1.
        is_rate_limited: Whether the provider refused for the rate of requests. If it does not say how long
            to wait, we wait for seconds: windows are that long at least.

    Returns:
        At most `base * 2 ** (attempt - 1)`, or `cap` if that is less; with a wait, `max_wait` more.

    >>> backoff(1, Retry(), 60.0, lambda: 0.5)
    60.25
    >>> backoff(1, Retry(), None, lambda: 0.0, is_rate_limited=True)
    1.0
    """
    longest = min(retry.cap, retry.base * 2.0 ** min(attempt - 1, 64))
    if wait is not None:
        return min(retry.max_wait, wait) + random() * longest
    if is_rate_limited:
        longest = min(retry.cap, max(retry.base, _UNDATED) * 2.0 ** min(attempt - 1, 64))
        return longest / 2 + random() * longest / 2
    return random() * longest


class RetryBudget:
    """Bounds the retries to each origin: in an outage, retries must not multiply the load.

    Every call earns a fraction of a retry, up to a reserve, and every retry spends one. So a full outage
    amplifies the load by no more than that fraction once the reserve is spent. A retry that was answered
    is refunded: if most of them help, there is no outage. Of the origins that fail, the last 1,024 are kept.

    Args:
        share: The fraction of a retry that a call earns.
    """

    def __init__(self, share: float = 0.2) -> None:
        self._share = share
        self._spent: dict[Hashable, float] = {}

    def deposit(self, origin: Hashable) -> None:
        """Count a call."""
        if self._spent:
            self.refund(origin, self._share)

    def refund(self, origin: Hashable, retries: float) -> None:
        """Take back retries that were spent on a call and helped it."""
        if (spent := self._spent.get(origin)) is not None:
            if spent <= retries:
                del self._spent[origin]
            else:
                self._spent[origin] = spent - retries

    def withdraw(self, origin: Hashable, reserve: float) -> bool:
        """Take a retry, and say whether there was one.

        Args:
            origin: Where it goes.
            reserve: How many there are to begin with, and at the most.
        """
        spent = self._spent.get(origin, 0.0)
        if spent + 1 > reserve:
            return False
        if origin not in self._spent and len(self._spent) >= _ORIGINS_KEPT:
            del self._spent[next(iter(self._spent))]
        self._spent[origin] = spent + 1
        return True
