"""How far an event loop is behind: what everything else in the process feels of long callbacks."""

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
        """The 99th percentile."""
        return statistics.quantiles(self.ticks, n=100, method="inclusive")[-1]

    @property
    def longest(self) -> float:
        """The longest."""
        return max(self.ticks)


@asynccontextmanager
async def watched(tick: float) -> AsyncIterator[Lags]:
    """Watch the running loop until the block ends, with a look at the clock every so many seconds."""
    lags = Lags()
    watch = asyncio.create_task(_watch(lags.ticks, tick))
    await asyncio.sleep(0)
    try:
        yield lags
        await asyncio.sleep(2 * tick)  # so that the last look is not missed
    finally:
        watch.cancel()


async def _watch(ticks: list[float], tick: float) -> None:
    """Note how late each tick was; of one long delay every tick that fell into it, not only the first."""
    due = time.perf_counter() + tick
    while True:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        now = time.perf_counter()
        while due <= now:
            ticks.append(now - due)
            due += tick
