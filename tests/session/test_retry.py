from __future__ import annotations

import copy
import dataclasses
import pickle
import random
from typing import Any

import pytest

from aiooauth1.responses.problem import Problem
from aiooauth1.responses.retry_after import retry_after
from aiooauth1.session.retry import (
    Retry,
    RetryBudget,
    backoff,
    is_rate_limit,
    may_retry_error,
    may_retry_response,
)


RETRY = Retry()
METHODS = ("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH")
READS = {"GET", "HEAD"}


@pytest.mark.parametrize("has_key", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_an_unsent_request_may_be_retried_and_a_sent_one_if_that_does_no_harm(
    method: str, has_key: bool
) -> None:
    assert may_retry_error(was_sent=False, method=method, retry=RETRY, has_key=has_key)
    is_harmless = has_key or method in READS
    assert may_retry_error(was_sent=True, method=method, retry=RETRY, has_key=has_key) == is_harmless


def test_resend_names_the_methods_that_do_no_harm() -> None:
    retry = Retry(resend=frozenset({"get", "put"}))
    assert retry.resend == {"GET", "PUT"}
    assert may_retry_error(was_sent=True, method="PUT", retry=retry, has_key=False)
    assert not may_retry_error(was_sent=True, method="HEAD", retry=retry, has_key=False)


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
        *((status, None, READS) for status in range(520, 525)),  # Cloudflare's
        (501, None, set()),
        (400, None, set()),
        (401, None, set()),
        (403, None, set()),
        (404, None, set()),
        (409, None, set()),
    ],
)
def test_a_refused_request_may_be_retried_by_the_table(
    status: int, wait: float | None, again: set[str], method: str
) -> None:
    assert may_retry_response(Problem(status), method, RETRY, has_key=False, wait=wait) == (method in again)
    with_key = may_retry_response(Problem(status), method, RETRY, has_key=True, wait=wait)
    assert with_key == (bool(again))


def test_the_backoff_is_drawn_from_a_range_that_doubles_up_to_the_cap() -> None:
    highest = [backoff(attempt, RETRY, None, lambda: 1.0) for attempt in range(1, 10)]
    assert highest == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 20.0]
    assert backoff(10**9, RETRY, None, lambda: 1.0) == 20.0
    assert [backoff(attempt, RETRY, None, lambda: 0.0) for attempt in range(1, 10)] == [0.0] * 9


@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("wait", [0.0, 7.0, 59.9, 60.0])
def test_jitter_is_added_to_the_wait_that_the_provider_asks_for(wait: float, drawn: float) -> None:
    assert backoff(1, RETRY, wait, lambda: drawn) == pytest.approx(wait + drawn * RETRY.base)


@pytest.mark.parametrize("wait", [0.0, 5.0, 59.9, RETRY.max_wait])
def test_the_jitter_of_a_thousand_waits_is_even(wait: float) -> None:
    dice = random.Random(5849)  # noqa: S311  a spread, no secret
    woken = sorted(backoff(1, RETRY, wait, dice.random) for _ in range(1000))
    assert len(set(woken)) == 1000
    assert wait <= woken[0] < woken[-1] <= wait + RETRY.base
    tenths = [sum(int((at - wait) / RETRY.base * 10) == tenth for at in woken) for tenth in range(10)]
    assert all(60 < woken_then < 140 for woken_then in tenths), tenths


HOSTILE = ("-5", "+5", "nan", "inf", "1e9", "9" * 400, "１２", "", "120abc", "60", "61", "0")  # noqa: RUF001  digits of another script are the attack
HOSTILE_DATES = (
    "Thu, 01 Jan 1970 00:01:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "Mon, 21 Sep 2026 14:14:20 +9999",
    "Mon, 99 Sep 2026 99:34:20 GMT",
    "Mon, 21 Sep 2026 14:14:20",
)


@pytest.mark.parametrize("drawn", [0.0, 0.999])
@pytest.mark.parametrize("now", [0.0, 1_790_000_000.0, None])
@pytest.mark.parametrize("value", [*HOSTILE, *HOSTILE_DATES])
def test_the_backoff_is_bounded_whatever_retry_after_says(
    value: str, now: float | None, drawn: float
) -> None:
    wait = retry_after(value, now)
    for attempt in (1, 2, 3):
        if may_retry_response(Problem(429), "POST", RETRY, has_key=False, wait=wait):
            assert (
                0 <= backoff(attempt, RETRY, wait, lambda: drawn) <= RETRY.max_wait + 2 ** (attempt - 1) / 2
            )


@pytest.mark.parametrize("wait", [float("nan"), float("inf"), 1e300, 60.001])
def test_a_wait_above_max_wait_is_neither_retried_nor_slept(wait: float) -> None:
    assert not may_retry_response(Problem(429), "GET", RETRY, has_key=True, wait=wait)
    assert RETRY.max_wait <= backoff(1, RETRY, wait, lambda: 0.5) <= RETRY.max_wait + RETRY.base


def test_the_jitter_is_never_longer_than_the_cap() -> None:
    assert backoff(50, RETRY, 60.0, lambda: 1.0) == RETRY.max_wait + RETRY.cap


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"attempts": 0}, ValueError),
        ({"budget": -1.0}, ValueError),
        ({"base": -1.0}, ValueError),
        ({"cap": float("inf")}, ValueError),
        ({"max_wait": float("nan")}, ValueError),
        ({"max_wait": -0.1}, ValueError),
        ({"attempts": "3"}, TypeError),
        ({"attempts": 2.5}, TypeError),
        ({"budget": None}, TypeError),
        ({"resend": "POST"}, TypeError),
        ({"resend": None}, TypeError),
        ({"resend": [5]}, TypeError),
        ({"idempotency_header": 5}, TypeError),
        ({"idempotency_header": ""}, ValueError),
        ({"idempotency_header": "A B"}, ValueError),
        ({"idempotency_header": "A\r\nB"}, ValueError),
    ],
)
def test_malformed_rules_are_refused(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(wrong))):
        Retry(**wrong)


def test_the_rules_are_a_value() -> None:
    assert Retry() == Retry()
    with pytest.raises(dataclasses.FrozenInstanceError):
        RETRY.attempts = 5  # type: ignore[misc]
    retry = Retry(attempts=5, resend=frozenset({"PUT"}), idempotency_header="Idempotency-Key")
    for there in (pickle.loads(pickle.dumps(retry)), copy.deepcopy(retry), dataclasses.replace(retry)):  # noqa: S301  our own bytes
        assert (there, hash(there)) == (retry, hash(retry))


def test_the_backoff_of_an_undated_rate_limit_is_at_least_a_second() -> None:
    for drawn, expected in ((0.0, [1.0, 2.0, 4.0, 8.0, 10.0]), (1.0, [2.0, 4.0, 8.0, 16.0, 20.0])):
        pauses = [backoff(n, RETRY, None, lambda: drawn, is_rate_limited=True) for n in range(1, 6)]  # noqa: B023
        assert pauses == expected


@pytest.mark.parametrize(
    ("status", "wait", "expected"),
    [
        (429, 0.0, True),
        (429, 30.0, True),
        (429, None, False),
        (420, 5.0, True),
        (503, 5.0, False),
        (500, 5.0, False),
        (401, 5.0, False),
    ],
)
def test_a_refusal_with_a_time_is_a_rate_limit(status: int, wait: float | None, *, expected: bool) -> None:
    assert is_rate_limit(Problem(status), wait) is expected


def test_an_outage_is_amplified_by_a_fifth_once_the_reserve_is_spent() -> None:
    budget = RetryBudget()
    first = sum(budget.withdraw("a", RETRY.budget) for _ in range(1000))
    assert first == 100
    retries = 0
    for _ in range(10_000):
        budget.deposit("a")
        retries += budget.withdraw("a", 100) + budget.withdraw("a", 100)
    assert retries == pytest.approx(2_000, abs=1)


def test_each_origin_has_a_budget_of_its_own() -> None:
    budget = RetryBudget()
    assert [budget.withdraw(origin, 1) for origin in "aab"] == [True, False, True]


def test_an_untouched_budget_is_full_and_no_more() -> None:
    budget = RetryBudget(share=1.0)
    for _ in range(2):
        for _ in range(100):
            budget.deposit("a")
        assert [budget.withdraw("a", 2) for _ in range(3)] == [True, True, False]


def test_budgets_of_origins_that_failed_long_ago_are_forgotten() -> None:
    budget = RetryBudget()
    for origin in range(2_000):
        assert budget.withdraw(origin, 1)
    assert [budget.withdraw(origin, 1) for origin in (1_999, 0)] == [False, True]
