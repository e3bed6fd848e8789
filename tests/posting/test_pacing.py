from __future__ import annotations

from typing import Literal, NamedTuple

import pytest

from aiooauth1.posting.pacing import NO_LIMITS, Pace
from aiooauth1.posting.window import Window
from aiooauth1.responses.rate_limit import RateLimit, RateLimitWindow


class Rule(NamedTuple):
    limit: int
    window: float
    per: Literal["user", "app"]

    def covers(self, method: str, path: str) -> bool:
        return (method, path) == ("POST", "/2/posts")


def pace_and_route() -> tuple[Pace, str]:
    pace = Pace()
    return pace, pace.route("POST", "posts")


def said(remaining: float, reset_in: float, limit: float = 10) -> RateLimit:
    return RateLimit(windows=(RateLimitWindow(limit, remaining, reset_in),))


def send(pace: Pace, user: str, route: str, limit: RateLimit, now: float) -> None:
    assert pace.user_opens(user, route, now) is None
    assert pace.app_ready(route, now)
    pace.reserve(user, route, now)
    pace.accepted(user, route, limit, now)


def test_a_user_whose_window_is_spent_waits_for_its_reset_and_others_do_not() -> None:
    pace, route = pace_and_route()
    send(pace, "ann", route, said(0, 60), 100.0)
    assert pace.user_opens("ann", route, 101.0) == 160.0
    assert pace.user_opens("ben", route, 101.0) is None
    assert pace.user_opens("ann", route, 160.0) is None


def test_the_earliest_of_several_looks_at_one_reset_counts() -> None:
    pace, route = pace_and_route()
    send(pace, "ann", route, said(1, 60), 100.9)  # whole seconds: the reset is at 160.2
    send(pace, "ann", route, said(0, 59), 101.2)
    assert pace.user_opens("ann", route, 102.0) == pytest.approx(160.2)


def test_a_later_run_goes_on_with_the_windows_of_an_earlier_one() -> None:
    rules = (Rule(2, 60.0, "app"), Rule(1, 90.0, "user"))
    first, second = Pace(rules), Pace(rules)
    route, other = first.route("POST", "/2/posts"), first.route("POST", "elsewhere")
    send(first, "ann", route, NO_LIMITS, 100.0)
    send(first, "ben", route, NO_LIMITS, 101.0)
    for number in range(8):
        send(first, f"user {number % 4}", other, said(9 - number, 60), 100.0)
    first.reserve("cleo", other, 102.0)
    first.refused("cleo", other, RateLimit(), 20.0, 102.0)
    kept = first.changes(103.0)
    assert first.changes(103.0) == []
    second.recall(kept, 110.0)
    assert second.route("POST", "/2/posts") == route
    assert not second.app_ready(route, 110.0)
    assert second.app_opens(route) == 160.0
    assert second.user_opens("ann", route, 161.0) == 190.0
    assert second.user_opens("dora", route, 161.0) is None
    second.route("POST", "elsewhere")
    assert not second.app_ready(other, 110.0)  # its users share one window, which that refusal closed
    assert second.app_opens(other) == first.app_opens(other)


@pytest.mark.parametrize(
    ("now", "rule"),
    [
        pytest.param(161.0, Rule(1, 60.0, "user"), id="once it is full again"),
        pytest.param(90.0, Rule(1, 60.0, "user"), id="if the clock was put back since"),
        pytest.param(110.0, Rule(3, 60.0, "user"), id="if the preset has another limit by now"),
    ],
)
def test_a_window_of_an_earlier_run_is_left(now: float, rule: Rule) -> None:
    first, second = Pace([Rule(1, 60.0, "user")]), Pace([rule])
    send(first, "ann", first.route("POST", "/2/posts"), NO_LIMITS, 100.0)
    second.recall(first.changes(100.0), now)
    assert second.user_opens("ann", second.route("POST", "/2/posts"), now) is None


@pytest.mark.parametrize(
    ("lookers", "is_shared"),
    [pytest.param(1, True, id="if no two see the same number"), pytest.param(4, False, id="not if they do")],
)
def test_users_share_one_window(lookers: int, *, is_shared: bool) -> None:
    pace, route = pace_and_route()
    for number in range(10 * lookers):
        send(pace, f"user {number % 4}", route, said(9 - number // lookers, 60), 100.0)
    assert pace.app_ready(route, 101.0) != is_shared
    assert pace.app_opens(route) == (160.0 if is_shared else None)
    assert pace.user_opens("user 1", route, 101.0) == (None if is_shared else 160.0)
    assert pace.user_opens("user 9", route, 101.0) is None
    assert pace.app_ready(route, 160.0)


@pytest.mark.parametrize(
    ("users", "closes_for_all"),
    [
        pytest.param(["ann", "ben", "cleo"], True, id="all if different users are refused in a row"),
        pytest.param(["ann", "ann", "ann"], False, id="one if that one is refused again and again"),
    ],
)
def test_refusals_close_the_route_for(users: list[str], *, closes_for_all: bool) -> None:
    pace, route = pace_and_route()
    for user, now in zip(users, (100.0, 140.0, 180.0), strict=True):
        pace.reserve(user, route, now)
        pace.refused(user, route, NO_LIMITS, 30.0, now)
    assert pace.app_ready(route, 181.0) != closes_for_all
    assert pace.app_opens(route) == (210.0 if closes_for_all else None)
    assert pace.user_opens("ann", route, 181.0) == (None if closes_for_all else 210.0)


def test_after_a_reset_one_request_is_sent_before_the_others() -> None:
    pace, route = pace_and_route()
    for number in range(10):
        send(pace, f"user {number}", route, said(9 - number, 60), 100.0)
    assert pace.app_ready(route, 161.0)
    pace.reserve("user 1", route, 161.0)
    assert not pace.app_ready(route, 161.0)
    pace.accepted("user 1", route, said(9, 60), 161.1)
    for number in range(9):
        assert pace.app_ready(route, 161.2)
        pace.reserve(f"user {number}", route, 161.2)
    assert not pace.app_ready(route, 161.2)  # nine were left


def test_the_rules_of_a_preset_hold_before_any_reply() -> None:
    pace = Pace([Rule(2, 60.0, "user"), Rule(3, 60.0, "app")], "https://api.example/2/")
    other = pace.route("GET", "posts")
    for _ in range(5):
        send(pace, "ann", other, NO_LIMITS, 100.0)
    route = pace.route("POST", "posts")
    send(pace, "ann", route, NO_LIMITS, 100.0)
    send(pace, "ann", route, NO_LIMITS, 101.0)
    assert pace.user_opens("ann", route, 102.0) == 160.0
    send(pace, "ben", route, NO_LIMITS, 103.0)
    assert not pace.app_ready(route, 104.0)
    assert pace.app_opens(route) == 160.0


def test_a_reply_that_arrives_late_does_not_raise_what_is_left() -> None:
    window = Window()
    for _ in range(3):
        window.reserve(100.0)
    window.learn(RateLimitWindow(10, 7, 60), 100.0)  # the third
    left = window.left
    window.learn(RateLimitWindow(10, 9, 60), 100.0)  # the first, overtaken
    assert window.left <= left + 1
    assert window.left <= 7


def test_routes_beyond_a_bound_share_one() -> None:
    pace = Pace()
    names = {pace.route("POST", f"blog/{'x' * number}/post") for number in range(1, 200)}
    assert len(names) <= 65
    assert pace.route("POST", "https://h/2/users/17/likes") == pace.route(
        "POST", "https://h/2/users/18/likes"
    )


def test_windows_that_are_the_application_s_by_name_close_the_route_for_all() -> None:
    pace, route = pace_and_route()
    told = RateLimit(windows=(RateLimitWindow(10, 9, 60.0, "unknown"), RateLimitWindow(100, 0, 600.0, "app")))
    send(pace, "ann", route, told, 100.0)
    assert not pace.app_ready(route, 101.0)
    assert pace.app_opens(route) == 700.0
    assert pace.user_opens("ann", route, 101.0) is None
