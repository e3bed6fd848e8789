from __future__ import annotations

import dataclasses

import pytest

from aiooauth1.problems import Problem
from aiooauth1.retry import Budget, Retry, Sent, after_error, after_reply, pause


RETRY = Retry()
METHODS = ("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH")
READS = {"GET", "HEAD"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("has_key", [False, True])
def test_what_was_not_sent_is_sent_again(method: str, has_key: bool) -> None:
    assert after_error(Sent.NOTHING, method, RETRY, has_key=has_key)


@pytest.mark.parametrize("method", METHODS)
def test_what_may_have_been_done_is_sent_again_only_where_that_does_no_harm(method: str) -> None:
    assert after_error(Sent.PERHAPS, method, RETRY, has_key=False) == (method in READS)
    assert after_error(Sent.PERHAPS, method, RETRY, has_key=True)


def test_the_application_says_which_methods_do_no_harm() -> None:
    retry = Retry(resend=frozenset({"get", "put"}))
    assert retry.resend == {"GET", "PUT"}
    assert after_error(Sent.PERHAPS, "PUT", retry, has_key=False)
    assert not after_error(Sent.PERHAPS, "HEAD", retry, has_key=False)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("status", "wait", "again"),
    [
        (429, None, set(METHODS)),
        (429, 60.0, set(METHODS)),
        (429, 60.1, set()),
        (503, 5.0, set(METHODS)),
        (503, None, READS),
        (503, 61.0, set()),
        (500, None, READS),
        (502, None, READS),
        (504, None, READS),
        (501, None, set()),
        (400, None, set()),
        (401, None, set()),
        (403, None, set()),
        (404, None, set()),
        (409, None, set()),
    ],
)
def test_a_refusal_is_tried_again_by_the_table(
    status: int, wait: float | None, again: set[str], method: str
) -> None:
    assert after_reply(Problem(status), method, RETRY, has_key=False, wait=wait) == (method in again)
    with_key = after_reply(Problem(status), method, RETRY, has_key=True, wait=wait)
    assert with_key == (bool(again))


def test_pauses_are_drawn_from_the_whole_range_which_doubles_up_to_the_cap() -> None:
    highest = [pause(attempt, RETRY, None, lambda: 1.0) for attempt in range(1, 10)]
    assert highest == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 20.0]
    assert pause(10**9, RETRY, None, lambda: 1.0) == 20.0
    assert [pause(attempt, RETRY, None, lambda: 0.0) for attempt in range(1, 10)] == [0.0] * 9


@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("wait", [0.0, 7.0, 59.9, 60.0])
def test_what_the_provider_asks_for_is_waited_for_and_never_more_than_the_bound(
    wait: float, drawn: float
) -> None:
    assert wait <= pause(1, RETRY, wait, lambda: drawn) <= RETRY.max_wait


def test_a_thousand_that_wait_for_the_same_end_do_not_wake_together() -> None:
    drawn = iter(number / 1000 for number in range(1000))
    assert len({pause(3, RETRY, 5.0, lambda: next(drawn)) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "wrong",
    [{"attempts": 0}, {"base": -1.0}, {"cap": float("inf")}, {"max_wait": float("nan")}, {"max_wait": -0.1}],
)
def test_malformed_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Retry(**wrong)  # type: ignore[arg-type]


def test_the_rules_are_a_value() -> None:
    assert Retry() == Retry()
    with pytest.raises(dataclasses.FrozenInstanceError):
        RETRY.attempts = 5  # type: ignore[misc]


def test_an_outage_is_amplified_by_a_fifth_once_the_reserve_is_spent() -> None:
    budget = Budget()
    first = sum(budget.spend("a") for _ in range(1000))
    assert first == 100
    retries = 0
    for _ in range(10_000):
        budget.earn("a")
        retries += budget.spend("a") + budget.spend("a")
    assert retries == pytest.approx(2_000, abs=1)


def test_each_origin_has_a_budget_of_its_own() -> None:
    budget = Budget(reserve=1)
    assert budget.spend("a")
    assert not budget.spend("a")
    assert budget.spend("b")


def test_a_budget_that_was_not_touched_for_long_is_full_and_no_more() -> None:
    budget = Budget(reserve=2, share=1.0)
    for _ in range(100):
        budget.earn("a")
    assert [budget.spend("a") for _ in range(3)] == [True, True, False]
    for _ in range(100):
        budget.earn("a")
    assert [budget.spend("a") for _ in range(3)] == [True, True, False]
