from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from multidict import CIMultiDict

import aiooauth1
from aiooauth1.errors import RateLimited
from aiooauth1.responses.problem import read_problem
from aiooauth1.responses.rate_limit import RateLimit, rate_limit


NOW = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT


def response(**headers: str) -> SimpleNamespace:
    return SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_xs_fields_are_read_and_its_reset_is_a_time_of_day() -> None:
    read = rate_limit(
        response(x_rate_limit_limit="100", x_rate_limit_remaining="0", x_rate_limit_reset="1790000090"), NOW
    )
    assert (read.limit, read.remaining, read.reset_in, read.retry_after, read.wait) == (100, 0, 90, None, 90)


# Each provider's fields: what they say of the window that counts, and how long to wait after a 429.
FIELDS: dict[str, tuple[dict[str, str], tuple[object, ...]]] = {
    # limit, remaining, reset_in, scope, window, wait
    "X, an app's day is spent": (
        {
            "x-rate-limit-limit": "40000",
            "x-rate-limit-remaining": "39999",
            "x-rate-limit-reset": "1790000900",
            "x-app-limit-24hour-limit": "1667",
            "x-app-limit-24hour-remaining": "0",
            "x-app-limit-24hour-reset": "1790036000",
        },
        (1667, 0, 36_000, "app", 86_400, 36_000),
    ),
    "X, a user's day and the quarter of an hour are spent: the later reset counts": (
        {
            "x-user-limit-24hour-limit": "100",
            "x-user-limit-24hour-remaining": "0",
            "x-user-limit-24hour-reset": "1790050000",
            "x-rate-limit-remaining": "0",
            "x-rate-limit-reset": "1790000090",
        },
        (100, 0, 50_000, "user", 86_400, 50_000),
    ),
    "X, nothing is spent: the least left is shown, and the earliest reset is waited for": (
        {
            "x-rate-limit-remaining": "300",
            "x-rate-limit-reset": "1790000090",
            "x-user-limit-24hour-remaining": "7",
            "x-user-limit-24hour-reset": "1790050000",
        },
        (None, 7, 50_000, "user", 86_400, 90),
    ),
    "X, uploads": (
        {
            "x-mediaratelimit-limit": "415",
            "x-mediaratelimit-remaining": "0",
            "x-mediaratelimit-reset": "1790000007",
        },
        (415, 0, 7, "unknown", None, 7),
    ),
    "Tumblr, the hour is spent": (
        {
            "X-Ratelimit-Perday-Limit": "5000",
            "X-Ratelimit-Perday-Remaining": "4000",
            "X-Ratelimit-Perday-Reset": "86339",
            "X-Ratelimit-Perhour-Limit": "1000",
            "X-Ratelimit-Perhour-Remaining": "0",
            "X-Ratelimit-Perhour-Reset": "1806",
        },
        (1000, 0, 1806, "unknown", 3_600, 1806),
    ),
    "Kong": (
        {"X-RateLimit-Limit-Minute": "10", "X-RateLimit-Remaining-Minute": "0", "RateLimit-Reset": "47"},
        (10, 0, None, "unknown", 60, 60),
    ),
    "IETF draft 6": (
        {
            "RateLimit-Limit": "100",
            "RateLimit-Policy": "100;w=10",
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": "5",
        },
        (100, 0, 5, "unknown", 10, 5),
    ),
    "IETF draft 2": (
        {"RateLimit-Limit": "10, 10;w=1, 50;w=60", "RateLimit-Remaining": "0", "RateLimit-Reset": "1"},
        (10, 0, 1, "unknown", 1, 1),
    ),
    "IETF draft 7": (
        {"RateLimit": "limit=100, remaining=0, reset=50", "RateLimit-Policy": "100;w=60"},
        (100, 0, 50, "unknown", 60, 50),
    ),
    "IETF draft 10, a user's policy among two": (
        {
            "RateLimit": '"burst";r=5;t=3, "per-user, daily";r=0;t=4000;pk=:cHN0:',
            "RateLimit-Policy": '"burst";q=100;w=60,"per-user, daily";q=1000;w=86400;qu="requests"',
        },
        (1000, 0, 4000, "user", 86_400, 4000),
    ),
    "Discogs": (
        {"X-Discogs-Ratelimit": "60", "X-Discogs-Ratelimit-Used": "60", "X-Discogs-Ratelimit-Remaining": "0"},
        (60, 0, None, "app", 60, 60),
    ),
    "GitHub": (
        {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1790003600"},
        (5000, 0, 3600, "unknown", None, 3600),
    ),
    "Reddit's floating point": (
        {"x-ratelimit-remaining": "0.0", "x-ratelimit-used": "600", "x-ratelimit-reset": "42"},
        (None, 0, 42, "unknown", None, 42),
    ),
    "Jira Cloud's ISO 8601": (
        {"X-RateLimit-Limit": "350", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-09-21T14:14Z"},
        (350, 0, 40, "unknown", None, 40),
    ),
    "Jira Data Center": (
        {
            "X-RateLimit-Limit": "10",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Interval-Seconds": "60",
            "X-RateLimit-FillRate": "5",
            "Retry-After": "0",
        },
        (10, 0, None, "unknown", 60, 60),
    ),
    "Yelp's date": (
        {
            "RateLimit-Limit": "500",
            "RateLimit-Remaining": "0",
            "RateLimit-ResetTime": "2026-09-21T14:13:30+00:00",
        },
        (500, 0, 10, "unknown", None, 10),
    ),
    "Trello, a token's": (
        {
            "x-rate-limit-api-token-interval-ms": "10000",
            "x-rate-limit-api-token-max": "100",
            "x-rate-limit-api-token-remaining": "0",
            "x-rate-limit-api-key-interval-ms": "10000",
            "x-rate-limit-api-key-max": "300",
            "x-rate-limit-api-key-remaining": "200",
        },
        (100, 0, None, "user", 10, 10),
    ),
    "Fitbit": (
        {
            "fitbit-rate-limit-limit": "150",
            "fitbit-rate-limit-remaining": "0",
            "fitbit-rate-limit-reset": "2216",
        },
        (150, 0, 2216, "user", 3600, 2216),
    ),
    "Xero": (
        {"X-DayLimit-Remaining": "4900", "X-MinLimit-Remaining": "0", "X-AppMinLimit-Remaining": "9000"},
        (None, 0, None, "user", 60, 60),
    ),
    "Etsy": (
        {
            "X-Limit-Per-Second": "5",
            "X-Remaining-This-Second": "4",
            "X-Limit-Per-Day": "5000",
            "X-Remaining-Today": "0",
        },
        (5000, 0, None, "app", 86_400, 86_400),
    ),
    "BigCommerce's milliseconds": (
        {
            "X-Rate-Limit-Requests-Left": "0",
            "X-Rate-Limit-Requests-Quota": "150",
            "X-Rate-Limit-Time-Reset-Ms": "5500",
            "X-Rate-Limit-Time-Window-Ms": "30000",
        },
        (150, 0, 5.5, "unknown", 30, 5.5),
    ),
    "Discord": (
        {
            "X-RateLimit-Limit": "5",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": "1790000001.25",
            "X-RateLimit-Reset-After": "1.25",
            "X-RateLimit-Scope": "user",
        },
        (5, 0, 1.25, "user", None, 1.25),
    ),
    "Shopify": ({"X-Shopify-Shop-Api-Call-Limit": "39/40"}, (40, 1, None, "unknown", None, None)),
    "Zendesk": (
        {"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "0"},
        (700, 0, None, "unknown", None, None),
    ),
    "Imgur": (
        {
            "X-RateLimit-UserLimit": "500",
            "X-RateLimit-UserRemaining": "0",
            "X-RateLimit-UserReset": "1790000300",
            "X-RateLimit-ClientLimit": "12500",
            "X-RateLimit-ClientRemaining": "12000",
        },
        (500, 0, 300, "user", None, 300),
    ),
    "Imgur's posts": (
        {
            "X-Post-Rate-Limit-Limit": "1250",
            "X-Post-Rate-Limit-Remaining": "0",
            "X-Post-Rate-Limit-Reset": "3600",
        },
        (1250, 0, 3600, "unknown", None, 3600),
    ),
    "Mashery counts upwards": (
        {
            "X-Packagekey-Qps-Allotted": "2",
            "X-Packagekey-Qps-Current": "3",
            "X-Packagekey-Quota-Allotted": "5000",
            "X-Packagekey-Quota-Current": "17",
        },
        (2, 0, None, "app", 1, 1),
    ),
    "Mashery at Egnyte": (
        {"X-Accesstoken-Qps-Allotted": "2", "X-Accesstoken-Qps-Current": "1"},
        (2, 1, None, "user", 1, None),
    ),
    "Shopify's pause": ({"Retry-After": "2.0"}, (None, None, None, "unknown", None, 2)),
    "Zotero's Backoff": ({"Backoff": "30"}, (None, None, None, "unknown", None, 30)),
    "epoch milliseconds": (
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1790000005000"},
        (None, 0, 5, "unknown", None, 5),
    ),
}


@pytest.mark.parametrize("provider", FIELDS)
@pytest.mark.parametrize("has_date", [False, True])
def test_the_fields_of_each_provider_are_read(provider: str, *, has_date: bool) -> None:
    fields, (*window, wait) = FIELDS[provider]
    if has_date:  # then the provider's clock counts, though ours is an hour off
        read = rate_limit(SimpleNamespace(headers={**fields, "Date": http_text(NOW)}), NOW - 3600)
    else:
        read = rate_limit(SimpleNamespace(headers=fields), NOW)
    assert [read.limit, read.remaining, read.reset_in, read.scope, read.window] == window
    assert read.wait_after(429) == wait


def http_text(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def test_an_error_waits_as_the_retry_does() -> None:
    for fields, (*_, wait) in FIELDS.values():
        error = read_problem(429, fields.items(), b"", now=NOW).error()
        assert isinstance(error, RateLimited)
        assert error.retry_after == wait
        refused = read_problem(
            403, fields.items(), b'{"errors": [{"code": 88, "message": "x"}]}', now=NOW
        ).error()
        assert isinstance(refused, RateLimited)
        assert refused.retry_after == wait


@pytest.mark.parametrize("name", ["RateLimit", "RateLimit-Policy", "RateLimit-Limit", "X-RateLimit-Reset"])
@pytest.mark.parametrize("alphabet", ['"', '"a,', ";a=", "a=b,", "\\", " ", "1;w=1,", '"\\"', "-", "2026-"])
def test_a_hostile_field_takes_no_time(name: str, alphabet: str) -> None:
    began = time.process_time()
    rate_limit(SimpleNamespace(headers={name: alphabet * (100_000 // len(alphabet))}), NOW)
    assert time.process_time() - began < 0.1


def test_the_public_function_reads_a_reset_by_our_own_clock() -> None:
    reset = str(int(time.time()) + 600)
    response = make_mocked_response({"x-rate-limit-remaining": "0", "x-rate-limit-reset": reset})
    assert 590 < (aiooauth1.rate_limit(response).reset_in or 0) <= 600
    assert aiooauth1.rate_limit(response, now=float(reset) - 5).reset_in == 5


def make_mocked_response(headers: dict[str, str]) -> Any:
    return SimpleNamespace(headers=CIMultiDict(headers))


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
