from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from aiooauth1.responses.rate_limit import RateLimit, http_date, rate_limit, retry_after


if TYPE_CHECKING:
    from collections.abc import Iterator


NOW = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT


def response(**headers: str) -> SimpleNamespace:
    return SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60.0),
        ("Mon, 21 Sep 2026 14:12:20 GMT", 0.0),
        ("Monday, 21-Sep-26 14:14:20 GMT", 60.0),
        ("Mon Sep 21 14:14:20 2026", 60.0),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("120abc", None),
        ("１２", None),  # noqa: RUF001  digits of another script are the attack
        ("9" * 400, None),
        ("", None),
        ("soon", None),
        ("Mon, 99 Sep 2026 99:34:20 GMT", None),
        ("Mon, 21 Sep 99999999999 14:14:20 GMT", None),
        ("M" * 10_000, None),
    ],
)
def test_a_retry_after_is_digits_or_a_date_or_nothing(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_xs_fields_are_read_and_its_reset_is_a_time_of_day() -> None:
    read = rate_limit(
        response(x_rate_limit_limit="100", x_rate_limit_remaining="0", x_rate_limit_reset="1790000090"), NOW
    )
    assert read == RateLimit(limit=100, remaining=0, reset_in=90.0, retry_after=None)
    assert read.wait == 90.0


def test_discogs_fields_are_read() -> None:
    read = rate_limit(response(X_Discogs_Ratelimit="60", X_Discogs_Ratelimit_Remaining="59"))
    assert (read.limit, read.remaining, read.wait) == (60, 59, None)


def test_a_small_reset_counts_from_now() -> None:
    assert rate_limit(response(X_RateLimit_Reset="30")).reset_in == 30.0


def test_without_a_clock_of_ours_times_count_from_the_responses_date() -> None:
    read = rate_limit(response(Date="Mon, 21 Sep 2026 14:13:20 GMT", x_rate_limit_reset="1790000090"))
    assert read.reset_in == 90.0
    assert rate_limit(response(x_rate_limit_reset="1790000090")).reset_in is None


def test_what_the_server_asks_for_comes_before_the_end_of_the_window() -> None:
    assert rate_limit(response(Retry_After="5", x_rate_limit_reset="1790000090"), NOW).wait == 5.0


@pytest.mark.parametrize("value", ["", "-1", "nan", "1e3", "１", "9" * 400, "0x10"])  # noqa: RUF001  as above
def test_a_malformed_number_is_none(value: str) -> None:
    assert rate_limit(response(x_rate_limit_limit=value, x_rate_limit_reset=value), NOW) == RateLimit()


def test_an_http_date_is_read_and_anything_else_is_none() -> None:
    assert http_date("Mon, 21 Sep 2026 14:13:20 GMT") == NOW
    assert http_date("Ⅿon, 21 Sep 2026 14:13:20 GMT") is None  # noqa: RUF001  a roman numeral


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is hours from GMT."""
    with monkeypatch.context() as machine:
        machine.setenv("TZ", "EST5EDT,M3.2.0,M11.1.0")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the machine's zone cannot be changed here")
@pytest.mark.usefixtures("in_new_york")
@pytest.mark.parametrize(
    "value",
    [
        "Mon, 21 Sep 2026 14:13:20 GMT",
        "Monday, 21-Sep-26 14:13:20 GMT",
        "Mon Sep 21 14:13:20 2026",  # GMT as well: RFC 9110 section 5.6.7
        "Mon, 21 Sep 2026 14:13:20 -0000",
        "Mon, 21 Sep 2026 14:13:20",
    ],
)
def test_a_date_without_a_zone_is_not_in_the_machines_own(value: str) -> None:
    assert time.timezone == 5 * 3600
    assert http_date(value) == NOW
