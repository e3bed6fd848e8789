"""Places in the connection pool, taken before a request is signed: no signature grows old in a queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from aiohttp import BaseConnector, ClientResponse

    from aiooauth1.origins import Origin


__all__ = ["Slot", "Slots"]


class Slot:
    """A place that was taken; it is given back once, whoever does it first."""

    __slots__ = ("_taken",)

    def __init__(self, taken: list[asyncio.Semaphore]) -> None:
        self._taken = taken

    def give_back(self) -> None:
        """Let the next one have it."""
        while self._taken:
            self._taken.pop().release()

    def give_back_after(self, response: ClientResponse) -> None:
        """Do so when the response gives its connection back."""
        if response.connection is None:
            self.give_back()
        else:
            response.connection.add_callback(self.give_back)


class Slots:
    """As many places as the connector has connections, altogether and for each origin.

    Args:
        connector: Whose limits they are; 0 there is no limit.
    """

    def __init__(self, connector: BaseConnector) -> None:
        self._everywhere = [asyncio.Semaphore(connector.limit)] if connector.limit else []
        self._per_origin = connector.limit_per_host
        self._origins: dict[Origin, asyncio.Semaphore] = {}

    async def take(self, origin: Origin) -> Slot:
        """Wait for a place and take it."""
        taken: list[asyncio.Semaphore] = []
        slot = Slot(taken)
        try:
            for semaphore in self._of(origin):
                await semaphore.acquire()
                taken.append(semaphore)
        except BaseException:
            slot.give_back()
            raise
        return slot

    def _of(self, origin: Origin) -> list[asyncio.Semaphore]:
        if not self._per_origin:
            return self._everywhere
        # The narrower one first: whoever waits for one origin must not hold up the others.
        return [self._origins.setdefault(origin, asyncio.Semaphore(self._per_origin)), *self._everywhere]
