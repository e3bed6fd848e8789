"""Signing takes time in proportion to the request's length, whatever its URL and form hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiooauth1 import Consumer
from aiooauth1.signing import sign


if TYPE_CHECKING:
    from collections.abc import Callable


CONSUMER = Consumer("key", "secret")
SHORT, TIMES = 4_000, 8
# Linear is 1, sorting a little more, quadratic TIMES. The constant absorbs the clock's resolution.
TOLERANCE, CONSTANT_SECONDS = 4, 0.03

URL_PARTS = st.sampled_from(
    [*"aZ09-._~:/?@!$&'()*+,;=%", "%20", "%2B", "%2b", "%41", "%", "a=", "&b", "00:00"]
)
FORM_PARTS = st.one_of(URL_PARTS, st.sampled_from(["\xff", "\0", " ", "[", '"', "#"]))


def least_seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def assert_grows_linearly(call: Callable[[int], object]) -> None:
    few = least_seconds(lambda: call(SHORT))
    many = least_seconds(lambda: call(SHORT * TIMES))
    assert many <= few * TIMES * TOLERANCE + CONSTANT_SECONDS


def repeated(parts: list[str], length: int) -> str:
    unit = "".join(parts)
    return unit * (length // len(unit))


@pytest.mark.parametrize(
    ("place", "parts"), [("query", URL_PARTS), ("form", FORM_PARTS)], ids=["query", "form"]
)
@pytest.mark.timeout(60)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_time_to_sign_grows_linearly_with_the_length_of(
    place: str, parts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    start = data.draw(st.lists(parts, max_size=8))
    unit = data.draw(st.lists(parts, min_size=1, max_size=8))
    end = data.draw(st.lists(parts, max_size=4))

    def call(length: int) -> None:
        text = "".join(start) + repeated(unit, length) + "".join(end)
        query, form = (text, None) if place == "query" else ("", text.encode("latin-1"))
        sign("POST", f"https://a.example/p?{query}", form=form, consumer=CONSUMER, nonce="n", timestamp=1)

    assert_grows_linearly(call)


@pytest.mark.parametrize(
    "query",
    ["page=1&after=2026-11-27T00:00:00Z", "since=" + "a" * 5000 + ":", "a" * 5000 + "+b", "%20" * 3000 + "%"],
)
def test_a_query_that_is_not_in_normal_form_is_signed_at_once(query: str) -> None:
    start = time.process_time()
    for form in (None, query.encode()):
        sign("POST", f"https://a.example/p?{query}", form=form, consumer=CONSUMER, nonce="n", timestamp=1)
    assert time.process_time() - start < 0.5
