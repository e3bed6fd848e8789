"""When a post may be sent: the rate-limit windows of users, of the application and of routes.

Pure bookkeeping: the time is an argument. The size of a window is learned from each reply, and from the rules
of a provider's preset. Providers seldom say whose window they mean, so that is learned too: if different
users of a route never see the same number left, or several are refused in a row, they share one window.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urljoin, urlsplit

from aiooauth1.posting.journal import KeptWindow
from aiooauth1.posting.window import SAME_WINDOW, Window, reported_windows, reset_time
from aiooauth1.responses.rate_limit import RateLimit


if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiooauth1.responses.rate_limit import RateLimitWindow


__all__ = ["NO_LIMITS", "Pace", "Rule", "Window", "route_of"]

NO_LIMITS = RateLimit()
"""The rate limits of a reply that names none."""

_ROUTES = 64  # further routes share one
_NAMES_KEPT = 1_000
_USERS_KEPT = 10_000  # users whose windows are kept while none of their posts waits
_SHARED_AFTER_REPLIES = 8
_SHARED_AFTER_USERS = 3
_OTHER_ROUTES = "*"
_INFINITE = float("inf")
_DIGIT = re.compile(r"[0-9]")


class Rule(Protocol):
    """**Protocol:** a rate limit that a preset names."""

    @property
    def limit(self) -> int:
        """The number of requests in a window."""

    @property
    def window(self) -> float:
        """The window's length in seconds."""

    @property
    def per(self) -> Literal["user", "app", "ip"]:
        """What it counts by."""

    def covers(self, method: str, path: str) -> bool:
        """Return whether it covers a request with this method and path."""


@dataclass(slots=True)
class Route:
    """The application's windows of one route, and the evidence on whether its users share one.

    Attributes:
        by_rule: The windows of the preset's application-wide rules that cover the route.
        user_rules: The preset's rules that cover it for each user.
        app_rules: The rules of `by_rule`.
        window: The window that replies report.
        is_shared: Whether all users share it, or None while that is not known.
        numbers: By number of requests left: the user who saw it first.
        users: Who has seen a number.
        refused: Users refused in a row.
        evidence_until: When the window in which the evidence was gathered resets.
    """

    by_rule: tuple[Window, ...] = ()
    user_rules: tuple[Rule, ...] = ()
    app_rules: tuple[Rule, ...] = ()
    window: Window = field(default_factory=Window)
    is_shared: bool | None = None
    numbers: dict[float, str] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    evidence_until: float | None = None

    def learn_scope(self, user: str, remaining: float, resets_at: float | None) -> None:
        """Learn from one reply whether users share the window."""
        if self.is_shared is not None:
            return
        if resets_at is not None and (
            self.evidence_until is None or resets_at > self.evidence_until + SAME_WINDOW
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
        rules: The limits of the provider's preset.
        base_url: The URL to which relative URLs are joined.
    """

    def __init__(self, rules: Iterable[Rule] = (), base_url: str = "") -> None:
        self._rules = tuple(rules)
        self._base_url = base_url
        self._app = {rule: _by_rule(rule) for rule in self._rules if rule.per != "user"}
        self._kept: dict[str, KeptWindow] = {}  # from an earlier run, until their routes and users occur
        self._touched: set[tuple[str, str]] = set()  # users and routes whose windows have changed
        self._routes: dict[str, Route] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._users: OrderedDict[tuple[str, str | Rule], tuple[Window, ...]] = OrderedDict()

    def route(self, method: str, url: str) -> str:
        """Return the name of a request's route. Requests of one route share a window."""
        if (known := self._names.get((method, url))) is not None:
            return known
        name = self._route(method, url)
        if len(self._names) < _NAMES_KEPT:
            self._names[method, url] = name
        return name

    def _route(self, method: str, url: str) -> str:
        name = route_of(method, url)
        if name not in self._routes:
            if len(self._routes) >= _ROUTES:
                name = _OTHER_ROUTES
            path = urlsplit(urljoin(self._base_url, url)).path
            covering = [rule for rule in self._rules if rule.covers(method, path)]
            app_rules = tuple(rule for rule in covering if rule.per != "user")
            user_rules = tuple(rule for rule in covering if rule.per == "user")
            by_rule = tuple(self._app[rule] for rule in app_rules)
            if name not in self._routes:
                route = self._routes[name] = Route(by_rule, user_rules, app_rules)
                route.is_shared = self._restore(route.window, _key(name)) or None
        return name

    def app_ready(self, route: str, now: float) -> bool:
        """Return whether the application's windows allow a request of this route now."""
        known = self._routes[route]
        if not known.window.ready(now):
            return False
        return not known.by_rule or all(window.ready(now) for window in known.by_rule)

    def app_opens(self, route: str) -> float | None:
        """Return when the application's windows open, or None if they are open or open at the next reply."""
        known = self._routes[route]
        return _opens((known.window, *known.by_rule))

    def user_opens(self, user: str, route: str, now: float) -> float | None:
        """Return when the user's windows open, or None if they are open."""
        windows = self._windows(user, route)
        if windows[0].ready(now) and (len(windows) == 1 or all(window.ready(now) for window in windows)):
            return None
        opens = _opens(windows)
        return now if opens is None else opens

    def reserve(self, user: str, route: str, now: float) -> None:
        """Count a request that is about to be sent."""
        for window in self._all(user, route):
            window.reserve(now)
            if window.resets_at is not None:
                self._touched.add((user, route))

    def release(self, user: str, route: str) -> None:
        """Give back a request that ended without a reply."""
        for window in self._all(user, route):
            window.release(refund=1.0)

    def accepted(self, user: str, route: str, limit: RateLimit, now: float) -> None:
        """Learn from the reply to a request that was not limited.

        Args:
            user: The request's user.
            route: Its route.
            limit: The reply's rate limits.
            now: The time.
        """
        known = self._routes[route]
        self._touched.add((user, route))
        if known.refused:
            known.refused.clear()
        if not limit.windows:
            for window in self._all(user, route):
                window.in_flight -= 1
                window.is_new = False
            return
        told = reported_windows(limit)
        unknown = told.unknown
        if unknown is not None and unknown.remaining is not None and known.is_shared is None:
            if any(rule.limit == unknown.limit for rule in known.app_rules):
                known.is_shared = True
            elif any(rule.limit == unknown.limit for rule in known.user_rules):
                known.is_shared = False
            else:
                known.learn_scope(user, unknown.remaining, reset_time(unknown, now))
        of_user, of_app = told.of_user, told.of_app
        if known.is_shared:
            of_app = of_app or unknown
        else:
            of_user = of_user or unknown
        own, *by_rule = self._windows(user, route)
        own.learn(of_user, now)
        known.window.learn(of_app, now)
        for window in by_rule:
            window.learn(_of_limit(window, limit), now)
        for window in known.by_rule:
            window.learn(_of_limit(window, limit), now)

    def refused(self, user: str, route: str, limit: RateLimit, wait: float, now: float) -> None:
        """Learn from a reply that refuses a request for a rate limit.

        Args:
            user: The request's user.
            route: Its route.
            limit: The reply's rate limits.
            wait: The seconds until the next attempt.
            now: The time.
        """
        known = self._routes[route]
        self._touched.add((user, route))
        known.refused.add(user)
        own, *by_rule = self._windows(user, route)
        for window in (*by_rule, *known.by_rule):
            window.release(refund=1.0)
        told = reported_windows(limit)
        if told.spent:
            is_app, is_user = "app" in told.spent, "user" in told.spent
        else:
            is_app = bool(known.is_shared) or len(known.refused) >= _SHARED_AFTER_USERS
            is_user = not is_app
        until = now + wait
        if is_app:
            if known.window.resets_at is not None and known.window.left < 1:
                known.window.close_until(min(until, max(known.window.resets_at, now)))
            else:
                known.window.close_until(until)
        else:
            known.window.release(refund=1.0)
        if is_user:
            own.close_until(until)
        else:
            own.release(refund=1.0)

    def recall(self, kept: Iterable[KeptWindow], now: float) -> None:
        """Continue with the windows of an earlier run. Call it before any other method.

        Args:
            kept: What `changes` returned in that run.
            now: The time. Windows recorded later than that are ignored: the clock was set back since.
        """
        for one in kept:
            if one.until > now and json.loads(one.value)["at"] <= now + SAME_WINDOW:
                self._kept[one.key] = one
        for rule, window in self._app.items():
            self._restore(window, self._rule_key(rule))

    def changes(self, now: float) -> list[KeptWindow]:
        """Return the windows that changed since the last call, for `recall` in a later run."""
        touched, self._touched = self._touched, set()
        found: dict[str, KeptWindow] = {}

        def keep(key: str, window: Window, *, is_shared: bool = False) -> None:
            if window.resets_at is not None and now < window.resets_at < _INFINITE:
                value = {"left": window.left, "limit": window.limit, "shared": is_shared, "at": now}
                value = {name: None if number == _INFINITE else number for name, number in value.items()}
                found[key] = KeptWindow(key, window.resets_at, json.dumps(value))

        for route in {route for _, route in touched}:
            known = self._routes[route]
            keep(_key(route), known.window, is_shared=bool(known.is_shared))
            for rule in known.app_rules:
                keep(self._rule_key(rule), self._app[rule])
        for user, route in touched:
            if (user, route) in self._users:
                own, *by_rule = self._users[user, route]
                keep(_key(route, user), own)
                for rule, window in zip(self._routes[route].user_rules, by_rule, strict=True):
                    keep(self._rule_key(rule, user), window)
        return list(found.values())

    def _restore(self, window: Window, key: str) -> bool:
        """Restore a window of an earlier run; return whether its users were known to share it."""
        kept = self._kept.pop(key, None)
        if kept is None:
            return False
        value = json.loads(kept.value)
        window.resets_at = kept.until
        window.left = _INFINITE if value["left"] is None else value["left"]
        window.limit = value["limit"]
        return bool(value["shared"])

    def _rule_key(self, rule: Rule, *user: str) -> str:
        return _key(f"rule {self._rules.index(rule)}: {rule.limit} each {rule.window} s", *user)

    def _windows(self, user: str, route: str) -> tuple[Window, ...]:
        """Return the user's windows: the one that replies report for this route, then those of the rules."""
        key = user, route
        if (found := self._users.get(key)) is not None:
            return found
        by_rule: list[Window] = []
        for rule in self._routes[route].user_rules:
            if (user, rule) not in self._users:
                window = _by_rule(rule)
                self._restore(window, self._rule_key(rule, user))
                self._users[user, rule] = (window,)
            by_rule += self._users[user, rule]
        own = Window()
        self._restore(own, _key(route, user))
        found = self._users[key] = (own, *by_rule)
        while len(self._users) > _USERS_KEPT and not any(
            window.in_flight for window in next(iter(self._users.values()))
        ):
            self._users.popitem(last=False)
        return found

    def _all(self, user: str, route: str) -> tuple[Window, ...]:
        known = self._routes[route]
        if known.by_rule:
            return (*self._windows(user, route), known.window, *known.by_rule)
        return (*self._windows(user, route), known.window)


def route_of(method: str, url: str) -> str:
    """Return the route of a request: its method and path, with `*` for each path segment that has a digit.

    >>> route_of("POST", "https://api.example/2/users/17/likes?x=1")
    'POST /*/users/*/likes'
    """
    segments = urlsplit(url).path.split("/")
    path = "/".join("*" if _DIGIT.search(segment) else segment for segment in segments)
    return f"{method} {path}"


def _key(*names: str) -> str:
    return json.dumps(names)


def _of_limit(window: Window, limit: RateLimit) -> RateLimitWindow | None:
    return next((told for told in limit.windows if told.limit == window.limit), None)


def _by_rule(rule: Rule) -> Window:
    return Window(limit=rule.limit, left=rule.limit, seconds=rule.window)


def _opens(windows: Iterable[Window]) -> float | None:
    times = [window.resets_at for window in windows if window.left < 1 and window.resets_at is not None]
    return max(times, default=None)
