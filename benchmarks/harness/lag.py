"""Measures how late an event loop is: how long callbacks delay everything else in the process."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Lags:
    """How late each tick was, in seconds."""

    def __init__(self) -> None:
        self.ticks: list[float] = []

    @property
    def late(self) -> float:
        """The 99th percentile in seconds."""
        return statistics.quantiles(self.ticks, n=100, method="inclusive")[-1]

    @property
    def longest(self) -> float:
        """The longest delay in seconds."""
        return max(self.ticks)


@asynccontextmanager
async def watched(tick: float) -> AsyncIterator[Lags]:
    """Watch the running loop until the block ends. `tick` is the time between two measurements in seconds."""
    lags = Lags()
    watch = asyncio.create_task(_watch(lags.ticks, tick))
    await asyncio.sleep(0)
    try:
        yield lags
        await asyncio.sleep(2 * tick)  # so that the last measurement is made
    finally:
        watch.cancel()


async def _watch(ticks: list[float], tick: float) -> None:
    """Record how late each tick was. A long delay counts for every tick that falls into it."""
    due = time.perf_counter() + tick
    while True:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        now = time.perf_counter()
        while due <= now:
            ticks.append(now - due)
            due += tick
