from __future__ import annotations

from aiooauth1.transport.clock import MAX_SKEW, ProviderClock, server_time


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def clocks(wall: float = 1_000_000.0) -> tuple[ProviderClock, Clock, Clock]:
    ours, monotonic = Clock(wall), Clock(50.0)
    return ProviderClock(ours, monotonic), ours, monotonic


def test_the_acceptable_range_tells_more_than_the_date() -> None:
    assert server_time("1000-2000", "Thu, 01 Jan 1970 00:01:00 GMT") == 1500.0


def test_a_malformed_range_leaves_the_date() -> None:
    date = "Thu, 01 Jan 1970 00:01:00 GMT"
    for acceptable in ("", "2000-1000", "-5-7", "a-b", "1-2-3", "1" * 400 + "-2", "１-２"):  # noqa: RUF001  an attack
        assert server_time(acceptable, date) == 60.0
    assert server_time("", "") is None


def test_until_a_refusal_has_told_another_the_time_is_ours() -> None:
    provider, ours, _ = clocks()
    assert provider.now("a") == 1_000_000.0
    ours.now += 5
    assert provider.now("a") == 1_000_005.0


def test_a_learned_time_holds_for_its_origin_alone() -> None:
    provider, _, _ = clocks()
    assert provider.correct("a", 1_003_600.0)
    assert provider.now("a") == 1_003_600.0
    assert provider.now("b") == 1_000_000.0


def test_a_learned_time_runs_on_by_the_monotonic_clock_whatever_ours_does() -> None:
    provider, ours, monotonic = clocks()
    provider.correct("a", 1_003_600.0)
    monotonic.now += 10
    ours.now -= 7_000  # somebody sets it back
    assert provider.now("a") == 1_003_610.0


def test_a_clock_more_than_a_day_off_is_not_believed() -> None:
    provider, _, _ = clocks()
    for off in (MAX_SKEW + 1, -MAX_SKEW - 1, 10**12):
        assert not provider.correct("a", 1_000_000.0 + off)
    assert not provider.correct("a", None)
    assert provider.now("a") == 1_000_000.0


def test_a_later_refusal_corrects_an_earlier_one() -> None:
    provider, _, _ = clocks()
    provider.correct("a", 1_003_600.0)
    provider.correct("a", 999_000.0)
    assert provider.now("a") == 999_000.0


def test_the_origins_that_are_remembered_are_bounded() -> None:
    provider, _, _ = clocks()
    for number in range(5_000):
        provider.correct(number, 1_000_100.0)
    known = [number for number in range(5_000) if provider.now(number) != 1_000_000.0]
    assert known == list(range(5_000 - 1_024, 5_000))
