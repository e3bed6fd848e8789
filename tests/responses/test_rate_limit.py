from __future__ import annotations

import re
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from multidict import CIMultiDict

import aiooauth1
from aiooauth1.errors import RateLimited
from aiooauth1.responses.problem import read_problem
from aiooauth1.responses.rate_limit import RateLimit, rate_limit


if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT


def response(fields: Mapping[str, str]) -> SimpleNamespace:
    return SimpleNamespace(headers=CIMultiDict(fields))


# Each provider's fields: what they say of the window that counts, and how long to wait after a 429.
# The name -> limit, remaining, reset_in, scope, window, wait; then the fields.
TABLE = """
X, an app's day is spent -> 1667 0 36000 app 86400 36000
    x-rate-limit-limit: 40000 | x-rate-limit-remaining: 39999 | x-rate-limit-reset: 1790000900 |
    x-app-limit-24hour-limit: 1667 | x-app-limit-24hour-remaining: 0 | x-app-limit-24hour-reset: 1790036000
X, a user's day and the quarter of an hour are spent: the later reset counts -> 100 0 50000 user 86400 50000
    x-user-limit-24hour-limit: 100 | x-user-limit-24hour-remaining: 0 |
    x-user-limit-24hour-reset: 1790050000 | x-rate-limit-remaining: 0 | x-rate-limit-reset: 1790000090
X, nothing is spent: the least left is shown, and the earliest reset is waited for -> - 7 50000 user 86400 90
    x-rate-limit-remaining: 300 | x-rate-limit-reset: 1790000090 | x-user-limit-24hour-remaining: 7 |
    x-user-limit-24hour-reset: 1790050000
X, uploads -> 415 0 7 unknown - 7
    x-mediaratelimit-limit: 415 | x-mediaratelimit-remaining: 0 | x-mediaratelimit-reset: 1790000007
Tumblr, the hour is spent -> 1000 0 1806 unknown 3600 1806
    X-Ratelimit-Perday-Limit: 5000 | X-Ratelimit-Perday-Remaining: 4000 | X-Ratelimit-Perday-Reset: 86339 |
    X-Ratelimit-Perhour-Limit: 1000 | X-Ratelimit-Perhour-Remaining: 0 | X-Ratelimit-Perhour-Reset: 1806
Kong -> 10 0 - unknown 60 60
    X-RateLimit-Limit-Minute: 10 | X-RateLimit-Remaining-Minute: 0 | RateLimit-Reset: 47
IETF draft 6 -> 100 0 5 unknown 10 5
    RateLimit-Limit: 100 | RateLimit-Policy: 100;w=10 | RateLimit-Remaining: 0 | RateLimit-Reset: 5
IETF draft 2 -> 10 0 1 unknown 1 1
    RateLimit-Limit: 10, 10;w=1, 50;w=60 | RateLimit-Remaining: 0 | RateLimit-Reset: 1
IETF draft 7 -> 100 0 50 unknown 60 50
    RateLimit: limit=100, remaining=0, reset=50 | RateLimit-Policy: 100;w=60
IETF draft 10, a user's policy among two -> 1000 0 4000 user 86400 4000
    RateLimit: "burst";r=5;t=3, "per-user, daily";r=0;t=4000;pk=:cHN0: |
    RateLimit-Policy: "burst";q=100;w=60,"per-user, daily";q=1000;w=86400;qu="requests"
Discogs -> 60 0 - app 60 60
    X-Discogs-Ratelimit: 60 | X-Discogs-Ratelimit-Used: 60 | X-Discogs-Ratelimit-Remaining: 0
GitHub -> 5000 0 3600 unknown - 3600
    X-RateLimit-Limit: 5000 | X-RateLimit-Remaining: 0 | X-RateLimit-Reset: 1790003600
Reddit's floating point -> - 0 42 unknown - 42
    x-ratelimit-remaining: 0.0 | x-ratelimit-used: 600 | x-ratelimit-reset: 42
Jira Cloud's ISO 8601 -> 350 0 40 unknown - 40
    X-RateLimit-Limit: 350 | X-RateLimit-Remaining: 0 | X-RateLimit-Reset: 2026-09-21T14:14Z
Jira Data Center -> 10 0 - unknown 60 60
    X-RateLimit-Limit: 10 | X-RateLimit-Remaining: 0 | X-RateLimit-Interval-Seconds: 60 |
    X-RateLimit-FillRate: 5 | Retry-After: 0
Yelp's date -> 500 0 10 unknown - 10
    RateLimit-Limit: 500 | RateLimit-Remaining: 0 | RateLimit-ResetTime: 2026-09-21T14:13:30+00:00
Trello, a token's -> 100 0 - user 10 10
    x-rate-limit-api-token-interval-ms: 10000 | x-rate-limit-api-token-max: 100 |
    x-rate-limit-api-token-remaining: 0 | x-rate-limit-api-key-interval-ms: 10000 |
    x-rate-limit-api-key-max: 300 | x-rate-limit-api-key-remaining: 200
Fitbit -> 150 0 2216 user 3600 2216
    fitbit-rate-limit-limit: 150 | fitbit-rate-limit-remaining: 0 | fitbit-rate-limit-reset: 2216
Xero -> - 0 - user 60 60
    X-DayLimit-Remaining: 4900 | X-MinLimit-Remaining: 0 | X-AppMinLimit-Remaining: 9000
Etsy -> 5000 0 - app 86400 86400
    X-Limit-Per-Second: 5 | X-Remaining-This-Second: 4 | X-Limit-Per-Day: 5000 | X-Remaining-Today: 0
BigCommerce's milliseconds -> 150 0 5.5 unknown 30 5.5
    X-Rate-Limit-Requests-Left: 0 | X-Rate-Limit-Requests-Quota: 150 | X-Rate-Limit-Time-Reset-Ms: 5500 |
    X-Rate-Limit-Time-Window-Ms: 30000
Discord -> 5 0 1.25 user - 1.25
    X-RateLimit-Limit: 5 | X-RateLimit-Remaining: 0 | X-RateLimit-Reset: 1790000001.25 |
    X-RateLimit-Reset-After: 1.25 | X-RateLimit-Scope: user
Shopify -> 40 1 - unknown - -
    X-Shopify-Shop-Api-Call-Limit: 39/40
Zendesk -> 700 0 - unknown - -
    X-Rate-Limit: 700 | X-Rate-Limit-Remaining: 0
Imgur -> 500 0 300 user - 300
    X-RateLimit-UserLimit: 500 | X-RateLimit-UserRemaining: 0 | X-RateLimit-UserReset: 1790000300 |
    X-RateLimit-ClientLimit: 12500 | X-RateLimit-ClientRemaining: 12000
Imgur's posts -> 1250 0 3600 unknown - 3600
    X-Post-Rate-Limit-Limit: 1250 | X-Post-Rate-Limit-Remaining: 0 | X-Post-Rate-Limit-Reset: 3600
Mashery counts upwards -> 2 0 - app 1 1
    X-Packagekey-Qps-Allotted: 2 | X-Packagekey-Qps-Current: 3 | X-Packagekey-Quota-Allotted: 5000 |
    X-Packagekey-Quota-Current: 17
Mashery at Egnyte -> 2 1 - user 1 -
    X-Accesstoken-Qps-Allotted: 2 | X-Accesstoken-Qps-Current: 1
Shopify's pause -> - - - unknown - 2
    Retry-After: 2.0
Zotero's Backoff -> - - - unknown - 30
    Backoff: 30
epoch milliseconds -> - 0 5 unknown - 5
    X-RateLimit-Remaining: 0 | X-RateLimit-Reset: 1790000005000
"""


def number(text: str) -> float | None:
    return None if text == "-" else float(text)


Expected = tuple[dict[str, str], tuple[object, ...], float | None]


def provider_fields(table: str) -> dict[str, Expected]:
    """Read the table: the fields, the window and the wait by the provider's name."""
    read: dict[str, Expected] = {}
    for entry in re.split(r"\n(?=\S)", table.strip()):
        head, _, fields = entry.partition("\n")
        name, _, results = head.partition(" -> ")
        limit, remaining, reset_in, scope, window, wait = results.split()
        expected = (number(limit), number(remaining), number(reset_in), scope, number(window))
        read[name] = dict(f.strip().split(": ", 1) for f in fields.split("|")), expected, number(wait)
    return read


FIELDS = provider_fields(TABLE)


@pytest.mark.parametrize("provider", FIELDS)
def test_the_fields_of_each_provider_are_read(provider: str) -> None:
    fields, window, wait = FIELDS[provider]
    dated = {**fields, "Date": "Mon, 21 Sep 2026 14:13:20 GMT"}
    # With a Date the provider's clock counts, though ours is an hour off.
    for read in (rate_limit(response(fields), NOW), rate_limit(response(dated), NOW - 3600)):
        assert (read.limit, read.remaining, read.reset_in, read.scope, read.window) == window
        assert read.wait_after(429) == wait
    for status, body in ((429, b""), (403, b'{"errors": [{"code": 88, "message": "x"}]}')):
        error = read_problem(status, fields.items(), body, now=NOW).error()
        assert isinstance(error, RateLimited)
        assert error.retry_after == wait


@pytest.mark.parametrize("name", ["RateLimit", "RateLimit-Policy", "RateLimit-Limit", "X-RateLimit-Reset"])
@pytest.mark.parametrize("alphabet", ['"', '"a,', ";a=", "a=b,", "\\", " ", "1;w=1,", '"\\"', "-", "2026-"])
def test_a_hostile_field_takes_no_time(name: str, alphabet: str) -> None:
    began = time.process_time()
    rate_limit(response({name: alphabet * (100_000 // len(alphabet))}), NOW)
    assert time.process_time() - began < 0.1


def test_the_public_function_reads_a_reset_by_our_own_clock() -> None:
    reset = str(int(time.time()) + 600)
    limited: Any = response({"x-rate-limit-remaining": "0", "x-rate-limit-reset": reset})
    assert 590 < (aiooauth1.rate_limit(limited).reset_in or 0) <= 600
    assert aiooauth1.rate_limit(limited, now=float(reset) - 5).reset_in == 5


def test_without_a_clock_of_ours_a_reset_counts_from_the_responses_date() -> None:
    reset = {"x-rate-limit-reset": "1790000090"}
    assert rate_limit(response({"Date": "Mon, 21 Sep 2026 14:13:20 GMT", **reset})).reset_in == 90.0
    assert rate_limit(response(reset)).reset_in is None
    for seconds in ("30", "999999999"):  # too small for a time of day
        assert rate_limit(response({"X-RateLimit-Reset": seconds})).reset_in == float(seconds)
    assert rate_limit(response({"X-RateLimit-Reset": "1000000000"}), 999_999_990.0).reset_in == 10.0


def test_retry_after_comes_before_the_end_of_the_window() -> None:
    assert rate_limit(response({"Retry-After": "5", "x-rate-limit-reset": "1790000090"}), NOW).wait == 5.0


@pytest.mark.parametrize("value", ["", "-1", "nan", "1e3", "１", "9" * 400, "0x10"])  # noqa: RUF001  digits of another script
def test_a_malformed_number_is_none(value: str) -> None:
    fields = {"x-rate-limit-limit": value, "x-rate-limit-reset": value}
    assert rate_limit(response(fields), NOW) == RateLimit()
