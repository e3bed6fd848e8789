from __future__ import annotations

from dataclasses import dataclass

import pytest

from aiooauth1.transport.clock import MAX_SKEW, ProviderClock, server_time


DATE = "Thu, 01 Jan 1970 00:01:00 GMT"
OURS = 1_000_000.0


@dataclass
class Clock:
    now: float

    def __call__(self) -> float:
        return self.now


def clocks() -> tuple[ProviderClock, Clock, Clock]:
    ours, monotonic = Clock(OURS), Clock(50.0)
    return ProviderClock(ours, monotonic), ours, monotonic


@pytest.mark.parametrize(
    ("acceptable", "date", "expected"),
    [
        ("1000-2000", DATE, 1500.0),
        *((malformed, DATE, 60.0) for malformed in ("", "2000-1000", "-5-7", "a-b", "1-2-3")),
        ("1" * 400 + "-2", DATE, 60.0),
        ("１-２", DATE, 60.0),  # noqa: RUF001  digits of another script are the attack
        ("", "", None),
    ],
)
def test_the_acceptable_range_is_preferred_to_the_date_if_it_is_well_formed(
    acceptable: str, date: str, expected: float | None
) -> None:
    assert server_time(acceptable, date) == expected


def test_a_corrected_time_is_for_its_origin_alone_and_runs_on_by_the_monotonic_clock() -> None:
    provider, ours, monotonic = clocks()
    assert provider.now("a") == OURS
    ours.now += 5
    assert provider.now("a") == OURS + 5
    ours.now = OURS
    assert provider.correct("a", OURS + 3_600)
    assert (provider.now("a"), provider.now("b")) == (OURS + 3_600, OURS)
    monotonic.now += 10
    ours.now -= 7_000  # somebody sets it back
    assert provider.now("a") == OURS + 3_610


def test_a_later_correction_replaces_an_earlier_one() -> None:
    provider, _, _ = clocks()
    for corrected in (OURS + 3_600, OURS - 1_000):
        provider.correct("a", corrected)
        assert provider.now("a") == corrected


@pytest.mark.parametrize("time", [OURS + MAX_SKEW + 1, OURS - MAX_SKEW - 1, 10.0**12, None])
def test_a_clock_more_than_a_day_off_is_not_believed(time: float | None) -> None:
    provider, _, _ = clocks()
    assert not provider.correct("a", time)
    assert provider.now("a") == OURS


def test_only_the_latest_1024_origins_are_remembered() -> None:
    provider, _, _ = clocks()
    for number in range(5_000):
        provider.correct(number, OURS + 100)
    known = [number for number in range(5_000) if provider.now(number) != OURS]
    assert known == list(range(5_000 - 1_024, 5_000))
