"""When a post may go out: the rate-limit windows of users, of the application and of routes.

Pure bookkeeping: the time is an argument. What a window holds is learned from each reply, and from the rules
of a provider's preset. Providers seldom say whose window they mean, so that is learned too: where different
users of a route never see the same number left, or several are refused in a row, they share one window.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit

from aiooauth1.responses.rate_limit import RateLimit


if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["SAYS_NOTHING", "Pace", "Rule", "Window", "route_of"]

SAYS_NOTHING = RateLimit()
"""What a reply without any such field says of rate limits."""

_ROUTES = 64  # beyond that many, requests share one
_USERS_KEPT = 10_000  # whose windows are remembered while none of their posts is waiting
_SHARED_AFTER_REPLIES = 8
_SHARED_AFTER_USERS = 3
_ELSEWHERE = "*"
_INFINITE = float("inf")
_NUMBERED = re.compile(r"[^/]*[0-9][^/]*")


class Rule(Protocol):
    """**Protocol:** a rate limit that a preset names."""

    @property
    def limit(self) -> int:
        """How many requests a window holds."""

    @property
    def window(self) -> float:
        """How many seconds it lasts."""

    @property
    def per(self) -> Literal["user", "app"]:
        """Whose it is."""


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

    def learn(
        self, limit: float | None, remaining: float | None, resets_at: float | None, now: float
    ) -> None:
        """Take in what a reply says of the window; the request counts as ended."""
        self.put_back()
        if remaining is None:
            return
        if limit is not None:
            self.limit = limit
        if resets_at is not None:
            if resets_at <= now:
                return
            if self.resets_at is None or abs(resets_at - self.resets_at) <= _SAME_WINDOW:
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


_SAME_WINDOW = 2.0  # seconds by which two looks at one reset may differ


@dataclass(slots=True)
class Route:
    """The application's window of one route, and the evidence whether there is one."""

    window: Window = field(default_factory=Window)
    is_shared: bool | None = None
    numbers: dict[float, str] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    evidence_until: float | None = None

    def weigh(self, user: str, remaining: float, resets_at: float | None) -> None:
        """See whether users share the window that replies tell of."""
        if self.is_shared is not None:
            return
        if resets_at is not None and (
            self.evidence_until is None or resets_at > self.evidence_until + _SAME_WINDOW
        ):
            self.evidence_until = resets_at
            self.numbers.clear()
            self.users.clear()
        other = self.numbers.setdefault(remaining, user)
        self.users.add(user)
        if other != user:
            self.is_shared = False
        elif len(self.numbers) >= _SHARED_AFTER_REPLIES and len(self.users) >= _SHARED_AFTER_USERS:
            self.is_shared = True
        if self.is_shared is not None:
            self.numbers.clear()
            self.users.clear()


class Pace:
    """The windows of one run.

    Args:
        rules: The limits that the provider's preset names.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._app_rules = tuple(rule for rule in rules if rule.per == "app")
        self._user_rules = tuple(rule for rule in rules if rule.per != "app")
        self._app = tuple(_by_rule(rule) for rule in self._app_rules)
        self._routes: dict[str, Route] = {}
        self._users: OrderedDict[tuple[str, str], tuple[Window, ...]] = OrderedDict()

    def route(self, method: str, url: str) -> str:
        """Return the name of a request's route: requests with one name share a window."""
        name = route_of(method, url)
        if name not in self._routes:
            if len(self._routes) >= _ROUTES:
                name = _ELSEWHERE
            self._routes.setdefault(name, Route())
        return name

    def app_ready(self, route: str, now: float) -> bool:
        """Say whether the application's windows let a request of this route out now."""
        return self._routes[route].window.ready(now) and all(window.ready(now) for window in self._app)

    def app_opens(self, route: str) -> float | None:
        """Return when the application's windows open; None: with the next reply, or they are open."""
        return _opens((self._routes[route].window, *self._app))

    def user_opens(self, user: str, route: str, now: float) -> float | None:
        """Return when the user's windows open; None: they are open."""
        windows = self._windows(user, route)
        if all(window.ready(now) for window in windows):
            return None
        opens = _opens(windows)
        return now if opens is None else opens

    def take(self, user: str, route: str, now: float) -> None:
        """Count a request that goes out."""
        for window in self._all(user, route):
            window.take(now)

    def put_back(self, user: str, route: str) -> None:
        """Count a request that ended without a reply."""
        for window in self._all(user, route):
            window.put_back(refund=1.0)

    def accepted(self, user: str, route: str, limit: RateLimit, now: float) -> None:
        """Take in the reply to a request that was not limited."""
        self._routes[route].refused.clear()
        if limit is SAYS_NOTHING:
            for window in self._all(user, route):
                window.put_back()
        else:
            self._learn(user, route, limit, now)

    def refused(self, user: str, route: str, limit: RateLimit, wait: float, now: float) -> None:
        """Take in a reply that says: too many requests.

        Args:
            user: Whose request it was.
            route: Its route.
            limit: What the reply says.
            wait: In how many seconds to come again.
            now: The time.
        """
        known = self._routes[route]
        known.refused.add(user)
        own = self._windows(user, route)[0]
        has_room = own.lowest is not None and own.lowest >= 1 and limit.remaining != 0
        for window in (*self._windows(user, route)[1:], *self._app):
            window.put_back(refund=1.0)
        until = now + wait
        if known.is_shared or has_room or len(known.refused) >= _SHARED_AFTER_USERS:
            if known.window.resets_at is not None and known.window.left < 1:
                until = min(until, max(known.window.resets_at, now))
            known.window.shut(until)
            own.put_back(refund=1.0)
        else:
            own.shut(until)
            known.window.put_back(refund=1.0)

    def _learn(self, user: str, route: str, limit: RateLimit, now: float) -> None:
        known = self._routes[route]
        own, *by_rule = self._windows(user, route)
        resets_at = None if limit.reset_in is None else now + limit.reset_in
        if limit.remaining is not None and limit.limit is not None:
            by_rule_of = self._rule_of(limit.limit)
            if by_rule_of is not None:
                known.is_shared = by_rule_of == "app"
            else:
                known.weigh(user, limit.remaining, resets_at)
        words = (limit.limit, limit.remaining, resets_at, now)
        silent = (None, None, None, now)
        own.learn(*(silent if known.is_shared else words))
        known.window.learn(*(words if known.is_shared else silent))
        for window in (*by_rule, *self._app):
            window.learn(*(words if window.limit is not None and window.limit == limit.limit else silent))

    def _rule_of(self, limit: float) -> str | None:
        for rule in (*self._app_rules, *self._user_rules):
            if rule.limit == limit:
                return rule.per
        return None

    def _windows(self, user: str, route: str) -> tuple[Window, ...]:
        """The user's windows: what replies tell of this route, then those of the rules."""
        key = user, route
        if (found := self._users.get(key)) is not None:
            return found
        by_rule: tuple[Window, ...] = ()
        if self._user_rules:
            rules_key = user, ""
            if rules_key not in self._users:
                self._users[rules_key] = tuple(_by_rule(rule) for rule in self._user_rules)
            by_rule = self._users[rules_key]
        found = self._users[key] = (Window(), *by_rule)
        while len(self._users) > _USERS_KEPT and not any(
            window.in_flight for window in next(iter(self._users.values()))
        ):
            self._users.popitem(last=False)
        return found

    def _all(self, user: str, route: str) -> tuple[Window, ...]:
        return (*self._windows(user, route), self._routes[route].window, *self._app)


def route_of(method: str, url: str) -> str:
    """Name the route of a request: its method, and its path with each part that holds a digit as one.

    >>> route_of("POST", "https://api.example/2/users/17/likes?x=1")
    'POST /*/users/*/likes'
    """
    return f"{method} {_NUMBERED.sub('*', urlsplit(url).path)}"


def _by_rule(rule: Rule) -> Window:
    return Window(limit=rule.limit, left=rule.limit, seconds=rule.window)


def _opens(windows: Iterable[Window]) -> float | None:
    times = [window.resets_at for window in windows if window.left < 1 and window.resets_at is not None]
    return max(times, default=None)
