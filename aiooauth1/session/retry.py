"""Whether to send a request again, and when: decisions as pure functions, and the budget that bounds them.

No request that may have been done is sent twice, unless doing it twice is doing it once: by its method, or
because it carries an idempotency key.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from aiooauth1.responses.problem import Problem


__all__ = ["Budget", "Retry", "Sent", "after_error", "after_reply", "pause"]

_TOO_MANY_REQUESTS = 429
_UNAVAILABLE = 503
_SERVER_ERRORS = frozenset({500, 502, 504, _UNAVAILABLE})
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Retry:
    """When a session sends a request again by itself. Without state: share it at will.

    Args:
        attempts: How many times a request is sent at the most, the first time included.
        base: Seconds of the longest pause after the first attempt; it doubles with each.
        cap: Seconds of the longest pause that nobody asked for.
        max_wait: Seconds that a provider may ask us to wait; asked for more, the caller gets its reply. What
            it asks for is waited for in full, and the pause that there is in any case comes on top.
        resend: The methods of which a request may be sent again when it may have been done.
        idempotency_header: Where the provider looks for a key by which it does a request once only; a request
            with such a key may be sent again, whatever its method. None: it has none.

    Raises:
        ValueError: If a number is out of its range.
    """

    attempts: int = 3
    base: float = 0.5
    cap: float = 20.0
    max_wait: float = 60.0
    resend: frozenset[str] = frozenset({"GET", "HEAD"})
    idempotency_header: str | None = None

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts must be 1 or more: the first one counts")
        for name in ("base", "cap", "max_wait"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a number of seconds, not negative")
        object.__setattr__(self, "resend", frozenset(method.upper() for method in self.resend))


class Sent(Enum):
    """How far an attempt got that ended in an error."""

    NOTHING = "no byte of it went out"
    PERHAPS = "it may have been done"


def after_error(sent: Sent, method: str, retry: Retry, *, has_key: bool) -> bool:
    """Say whether a request whose attempt ended in an error may be sent again.

    Args:
        sent: How far the attempt got.
        method: The request method.
        retry: The rules.
        has_key: Whether the request carries an idempotency key.
    """
    return sent is Sent.NOTHING or method in retry.resend or has_key


def after_reply(problem: Problem, method: str, retry: Retry, *, has_key: bool, wait: float | None) -> bool:
    """Say whether a request that was refused may be sent again after a pause.

    Refusals that a new nonce or a corrected clock mends are not decided here.

    Args:
        problem: The refusal.
        method: The request method.
        retry: The rules.
        has_key: Whether the request carries an idempotency key.
        wait: Seconds that the provider asks us to wait; None: it does not say.
    """
    if wait is not None and not wait <= retry.max_wait:  # so written, it refuses what is no number as well
        return False
    if problem.status == _TOO_MANY_REQUESTS:
        return True  # refused before any work
    if problem.status == _UNAVAILABLE and wait is not None:
        return True  # likewise: the server says when to come again
    return problem.status in _SERVER_ERRORS and (method in retry.resend or has_key)


def pause(attempt: int, retry: Retry, wait: float | None, random: Callable[[], float]) -> float:
    """Return how many seconds to wait before the next attempt.

    The pause is drawn from the whole range up to its longest, so that many tasks that failed together do not
    come back together. What a provider asks for is waited for in full, and that pause comes on top: those who
    were all told the same wake as far apart as those who were told nothing, even where it is `max_wait`.

    Args:
        attempt: The number of the attempt that failed, from 1.
        retry: The rules.
        wait: Seconds that the provider asks us to wait; None: it does not say.
        random: Draws from 0 up to 1.

    Returns:
        At most `base * 2 ** (attempt - 1)`, or `cap` if that is less; with a wait, `max_wait` more.

    >>> pause(1, Retry(), 60.0, lambda: 0.5)
    60.25
    """
    longest = min(retry.cap, retry.base * 2.0 ** min(attempt - 1, 64))
    spread = random() * longest
    return spread if wait is None else min(retry.max_wait, wait) + spread


class Budget:
    """Bounds the retries to each origin: when all fails there, retries must not multiply the load.

    Every call earns a fraction of a retry, up to a reserve, and every retry spends one. So a full outage
    amplifies the load by no more than that fraction once the reserve is spent. A retry that was answered
    comes back: where most of them help, there is no outage.

    Args:
        reserve: How many retries there are to begin with, and at the most.
        share: What a call earns.
    """

    def __init__(self, reserve: float = 100.0, share: float = 0.2) -> None:
        self._reserve = reserve
        self._share = share
        self._spent: dict[Hashable, float] = {}

    def earn(self, origin: Hashable) -> None:
        """Count a call."""
        self.give_back(origin, self._share)

    def give_back(self, origin: Hashable, retries: float) -> None:
        """Take back retries that were spent on a call and helped it."""
        if (spent := self._spent.get(origin)) is not None:
            if spent <= retries:
                del self._spent[origin]
            else:
                self._spent[origin] = spent - retries

    def spend(self, origin: Hashable) -> bool:
        """Take a retry, and say whether there was one."""
        spent = self._spent.get(origin, 0.0)
        if spent + 1 > self._reserve:
            return False
        self._spent[origin] = spent + 1
        return True
