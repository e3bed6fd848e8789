"""Let the calls of one token wait in order, once the provider has said that its rate limit is spent.

Without it, every call that waits for the end of a window would come back at that moment. Most would be
refused again, and give up after a few attempts although their turn would have come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Hashable


__all__ = ["RateGates"]


class RateGates:
    """A gate for each rate limit that is spent. One call holds it, the others pass it one after another."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def is_held(self, key: Hashable) -> bool:
        """Say whether a call holds the gate."""
        return key in self._waiting

    async def enter(self, key: Hashable) -> None:
        """Wait for the gate, in order, and hold it."""
        if key not in self._waiting:
            self._waiting[key] = deque()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[key].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(key)  # it was our turn already: the next one's now
            raise

    def leave(self, key: Hashable) -> None:
        """Give the gate to the call that has waited longest; remove it if no call waits."""
        waiting = self._waiting[key]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._waiting[key]
