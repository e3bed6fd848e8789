"""Measures two things alternately, in pairs, so that other load on the machine affects both."""

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
        name: The effort's name.
        pairs: The number of pairs of samples.
        seconds: The shortest time of a sample whose number of calls is free.
        share: The share of the work that is done in a sample of a fixed amount of it: 1.0 is all.
    """

    name: str
    pairs: int
    seconds: float
    share: float

    def of(self, amount: int, least: int = 1) -> int:
        """Return the share of an amount of work, but not less than `least`."""
        return max(least, round(amount * self.share))


FULL = Effort("full", pairs=21, seconds=0.02, share=1.0)
QUICK = Effort("quick", pairs=3, seconds=0.001, share=0.1)
MINIMAL = Effort("minimal", pairs=2, seconds=0.0, share=0.001)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of measuring two things in pairs.

    Args:
        first: The cost of one call of the first, the median of its samples.
        second: The same for the second.
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
        """The lower and the upper quartile of the ratios."""
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high


def compare(first: Callable[[], object], second: Callable[[], object], effort: Effort) -> Comparison:
    """Measure two calls in pairs, in CPU time, which other programs on the machine do not count towards."""
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
    """Measure two functions in pairs, each of which returns the cost of one sample."""
    costs = []
    for number in range(pairs):
        if number % 2:
            later = await second()
            costs.append((await first(), later))
        else:
            costs.append((await first(), await second()))
    return compared(costs)


def compared(costs: Iterable[tuple[float, float]]) -> Comparison:
    """Compare pairs of costs."""
    pairs = list(costs)
    return Comparison(
        statistics.median(first for first, _ in pairs),
        statistics.median(second for _, second in pairs),
        tuple(first / second for first, second in pairs),
    )


async def in_flight(call: Callable[[int], Awaitable[object]], count: int, width: int) -> None:
    """Make `count` calls, numbered from 0, at most `width` of them at once."""
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
    """Find how many calls take that long. This also warms up the measured code."""
    loops = 1
    while (taken := _sample(call, loops) * loops) < seconds:
        # The clock is coarse for short times, so the number grows at most tenfold.
        loops = max(loops + 1, min(10 * loops, int(loops * 1.1 * seconds / max(taken, 1e-9))))
    return loops


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Collect before the samples and not during them: neither side pays for the other's garbage."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
