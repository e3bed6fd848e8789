"""The store of the tokens: in a Redis that is killed for a while, or in a file without a redis-server."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from real_redis.server import RedisServer, program

from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.sqlite import SQLiteStore


if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["AWAY", "Place", "lasting_redis"]

AWAY = 3.0
"""Seconds that Redis is away: longer than a store waits for it."""


def lasting_redis(folder: Path) -> RedisServer | None:
    """Make a Redis that keeps its records over a restart, or return None without a redis-server."""
    if program("redis-server") is None:
        return None
    # The kernel has what a killed program has written: syncs would only take time.
    return RedisServer(folder / "redis", ("--appendonly", "yes", "--appendfsync", "no"))


@dataclass
class Place:
    """A store, and when its Redis was away, by the monotonic clock."""

    store: RedisStore | SQLiteStore
    server: RedisServer | None
    killed: float = math.inf
    back: float = math.inf

    @classmethod
    def best(cls, server: RedisServer | None, folder: Path) -> Place:
        """Return a store in that Redis, or in a file if there is none."""
        if server is None:
            # In a process that is always busy its threads wait long for their turn.
            return cls(SQLiteStore(folder / "tokens.db", timeout=10), None)
        return cls(RedisStore.from_url(server.url), server)

    @property
    def is_away(self) -> bool:
        return self.killed < math.inf and self.back == math.inf

    def explains(self, began: float, ended: float) -> bool:
        """Say whether a job of that time may have met the outage; the store is back soon after its Redis."""
        return ended >= self.killed and began <= self.back + 5

    async def restart(self) -> None:
        """Kill the Redis, and start it again on its port after `AWAY` seconds."""
        if self.server is None:
            return
        self.killed = time.monotonic()
        self.server.kill()
        await asyncio.sleep(AWAY)
        self.back = await asyncio.to_thread(self._started, self.server)

    @staticmethod
    def _started(server: RedisServer) -> float:
        server.start()
        return time.monotonic()
