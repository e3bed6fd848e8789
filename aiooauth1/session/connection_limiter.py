"""Places in the connection pool, taken before a request is signed: no signature grows old in a queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary


if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import BaseConnector, ClientResponse

    from aiooauth1.transport.origin import Origin


__all__ = ["Slot", "Slots"]


class Slot:
    """A place in the pool, to be taken; it is given back once, whoever does it first."""

    __slots__ = ("_taken", "_wanted")

    def __init__(self, wanted: Sequence[asyncio.Semaphore]) -> None:
        self._wanted = wanted
        self._taken: list[asyncio.Semaphore] = []

    async def take(self) -> None:
        """Wait for the place and take it."""
        try:
            for semaphore in self._wanted:
                await semaphore.acquire()
                self._taken.append(semaphore)
        except BaseException:
            self.give_back()
            raise

    def give_back(self) -> None:
        """Let the next one have it."""
        while self._taken:
            self._taken.pop().release()

    def give_back_after(self, response: ClientResponse) -> None:
        """Do so when the response gives its connection back."""
        connection = response.connection
        if connection is None:
            self.give_back()
        else:
            connection.add_callback(self.give_back)


class Slots:
    """As many places as the connector has connections, altogether and for each origin.

    Args:
        connector: Whose limits they are; 0 there is no limit.
    """

    def __init__(self, connector: BaseConnector) -> None:
        self._everywhere = (asyncio.Semaphore(connector.limit),) if connector.limit else ()
        self._per_origin = connector.limit_per_host
        # Those of origins to which no call is under way are gone: a session may meet any number of them.
        self._origins: WeakValueDictionary[Origin, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, origin: Origin) -> Slot:
        """Return a place, not taken yet, for a request to an origin."""
        if not self._per_origin:
            return Slot(self._everywhere)
        # The narrower one first: whoever waits for one origin must not hold up the others.
        narrow = self._origins.setdefault(origin, asyncio.Semaphore(self._per_origin))
        return Slot((narrow, *self._everywhere))
