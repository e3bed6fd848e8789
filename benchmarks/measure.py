"""Measuring two things alternately, in pairs, so that what the machine does meanwhile meets both."""

from __future__ import annotations

import gc
import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Args:
        name: What it is called.
        pairs: How many pairs of samples.
        seconds: How long a sample takes at least.
    """

    name: str
    pairs: int
    seconds: float


FULL = Effort("full", pairs=21, seconds=0.02)
QUICK = Effort("quick", pairs=3, seconds=0.001)


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
        samples = []
        for number in range(effort.pairs):
            if number % 2:
                later = _sample(second, loops[1])
                samples.append((_sample(first, loops[0]), later))
            else:
                samples.append((_sample(first, loops[0]), _sample(second, loops[1])))
    return Comparison(
        statistics.median(one for one, _ in samples),
        statistics.median(other for _, other in samples),
        tuple(one / other for one, other in samples),
    )


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
