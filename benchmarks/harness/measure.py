"""Measuring two things alternately, in pairs, so that what the machine does meanwhile meets both."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Args:
        name: What it is called.
        pairs: How many pairs of samples.
        seconds: How long a sample takes at least, where it is as many calls as that takes.
        share: How much of the work is done where a sample is a fixed amount of it: 1.0 is all.
    """

    name: str
    pairs: int
    seconds: float
    share: float

    def of(self, amount: int, least: int = 1) -> int:
        """Return how much of an amount of work is done.

        Args:
            amount: All of it.
            least: The least that makes sense.
        """
        return max(least, round(amount * self.share))


FULL = Effort("full", pairs=21, seconds=0.02, share=1.0)
QUICK = Effort("quick", pairs=3, seconds=0.001, share=0.1)
MINIMAL = Effort("minimal", pairs=2, seconds=0.0, share=0.001)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of measuring two things in pairs.

    Args:
        first: Seconds a call of the first, the median of its samples.
        second: Likewise of the second.
        ratios: First to second, pair by pair.
    """

    first: float
    second: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median ratio of first to second."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles between which the middle half of the ratios lies."""
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high


def compare(first: Callable[[], object], second: Callable[[], object], effort: Effort) -> Comparison:
    """Measure two calls in pairs, in CPU time: other programs on the machine do not count."""
    with _without_garbage_collection():
        loops = _loops(first, effort.seconds), _loops(second, effort.seconds)
        return compared(
            (_sample(first, loops[0]), _sample(second, loops[1]))
            if number % 2 == 0
            else (_sample(second, loops[1]), _sample(first, loops[0]))[::-1]
            for number in range(effort.pairs)
        )


async def compare_async(
    first: Callable[[], Awaitable[float]], second: Callable[[], Awaitable[float]], pairs: int
) -> Comparison:
    """Measure two things in pairs that tell themselves what they cost.

    Args:
        first: Does it once and returns the cost.
        second: Likewise.
        pairs: How many times each.
    """
    costs = []
    for number in range(pairs):
        if number % 2:
            later = await second()
            costs.append((await first(), later))
        else:
            costs.append((await first(), await second()))
    return compared(costs)


def compared(costs: Iterable[tuple[float, float]]) -> Comparison:
    """Return what comes of pairs of costs."""
    pairs = list(costs)
    return Comparison(
        statistics.median(first for first, _ in pairs),
        statistics.median(second for _, second in pairs),
        tuple(first / second for first, second in pairs),
    )


async def in_flight(call: Callable[[int], Awaitable[object]], count: int, width: int) -> None:
    """Make so many calls, with the numbers from 0 up, and so many of them at once."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await call(number)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(width, count)):
            tasks.create_task(work())


def _sample(call: Callable[[], object], loops: int) -> float:
    start = time.process_time()
    for _ in range(loops):
        call()
    return (time.process_time() - start) / loops


def _loops(call: Callable[[], object], seconds: float) -> int:
    """Find how many calls take that long; it warms up what is to be measured as well."""
    loops = 1
    while (taken := _sample(call, loops) * loops) < seconds:
        # The clock is coarse where little time has passed: ten times as many at most.
        loops = max(loops + 1, min(10 * loops, int(loops * 1.1 * seconds / max(taken, 1e-9))))
    return loops


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Collect first and not during the samples: neither side pays for the other's rubbish."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
