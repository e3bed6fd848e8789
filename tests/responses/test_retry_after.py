from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from aiooauth1.responses.retry_after import http_date, retry_after


if TYPE_CHECKING:
    from collections.abc import Iterator


NOW = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT


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
        ("2.0", 2.0),  # Shopify
        ("1790000060", 60.0),  # Cloud Foundry, Moneybird
        ("1790000060000", 60.0),
        ("1789999940", 0.0),
        ("999999999", 999_999_999.0),
        ("1.", None),
        (".5", None),
        ("1.5.2", None),
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


def test_an_http_date_of_other_than_ascii_is_none() -> None:
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
