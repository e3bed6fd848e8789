"""The clock that never goes back."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from aiooauth1.transport.clocks import NeverBack


READINGS = st.lists(st.floats(0, 2**40), min_size=1, max_size=50)


@given(READINGS)
def test_it_never_goes_back_and_is_never_behind(readings: list[float]) -> None:
    given_out = iter(readings)
    clock = NeverBack(lambda: next(given_out))
    shown = [clock() for _ in readings]
    assert all(before <= after for before, after in pairwise(shown))
    assert shown == [max(readings[: number + 1]) for number in range(len(readings))]


def test_it_goes_on_as_soon_as_the_clock_has_caught_up() -> None:
    given_out = iter([100.0, 90.0, 99.9, 100.0, 100.1])
    clock = NeverBack(lambda: next(given_out))
    assert [clock() for _ in range(5)] == [100.0, 100.0, 100.0, 100.0, 100.1]


def test_it_hands_on_what_the_clock_is_asked_with() -> None:
    clock = NeverBack({"here": 10.0, "there": 7.0}.__getitem__)
    assert [clock("here"), clock("there"), clock("here")] == [10.0, 10.0, 10.0]


def test_two_of_them_know_nothing_of_each_other() -> None:
    readings = {"one": 100.0, "other": 50.0}
    one, other = NeverBack(lambda: readings["one"]), NeverBack(lambda: readings["other"])
    assert (one(), other()) == (100.0, 50.0)
