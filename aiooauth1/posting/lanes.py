"""The lanes of a run: each user's posts in order, and which user's post is next."""

from __future__ import annotations

import asyncio
from collections import deque
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

import anyio

from aiooauth1.posting.journal import IN_DOUBT


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiooauth1.posting.attempt import Attempt
    from aiooauth1.posting.journal import Entry, Numbered
    from aiooauth1.posting.pacing import Pace


__all__ = ["Item", "Lane", "Lanes"]


class Item:
    """A post that waits to be sent."""

    __slots__ = ("attempt", "attempts", "failures", "in_doubt_since", "numbered", "refusals", "route")

    def __init__(self, numbered: Numbered, route: str, entry: Entry | None) -> None:
        self.numbered: Numbered = numbered
        self.route: str = route
        self.attempts: int = 0
        self.refusals: int = 0  # for a rate limit
        self.failures: int = 0  # failures that are worth another attempt
        self.attempt: Attempt | None = None  # the last one
        self.in_doubt_since: float | None = (
            entry.at if entry is not None and entry.state in IN_DOUBT else None
        )


class Lane:
    """The posts of one user, in order."""

    __slots__ = ("items", "user")

    def __init__(self, user: str) -> None:
        self.user: str = user
        self.items: deque[Item] = deque()


class Lanes:
    """Chooses the next post: lanes that may send now are queued by route, the others by time."""

    def __init__(
        self,
        pace: Pace,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        capacity: int,
    ) -> None:
        self.pace = pace
        self.clock = clock
        self.waiting: int = 0  # posts
        self.ids: set[str] = set()
        self._sleep = sleep
        self._capacity = capacity
        self._has_capacity = anyio.Event()
        self._lanes: dict[str, Lane] = {}
        self._ready: dict[str, deque[Lane]] = {}
        self._order: deque[str] = deque()  # of the routes
        self._later: list[tuple[float, int, Lane | None]] = []
        self._numbers = count()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._timer = anyio.CancelScope()
        self._is_set_for = float("inf")

    def add(self, item: Item) -> None:
        """Put a post at the end of its user's lane."""
        user = item.numbered.post.user
        lane = self._lanes.get(user)
        if lane is None:
            lane = self._lanes[user] = Lane(user)
        lane.items.append(item)
        self.ids.add(item.numbered.post.id)
        self.waiting += 1
        if len(lane.items) == 1:
            self.offer(lane)

    def offer(self, lane: Lane) -> None:
        """Queue the lane: its first post is sent as soon as the limits allow."""
        route = lane.items[0].route
        ready = self._ready.get(route)
        if ready is None:
            ready = self._ready[route] = deque()
            self._order.append(route)
        ready.append(lane)
        self.wake()

    def offer_at(self, time: float, lane: Lane | None) -> None:
        """Queue the lane at that time; without a lane, only wake a worker then."""
        heappush(self._later, (time, next(self._numbers), lane))
        if time < self._is_set_for:
            self._timer.cancel()

    def take(self) -> Lane | None:
        """Return a lane whose first post may be sent now, with its request counted, or None."""
        now = self.clock()
        for _ in range(len(self._order)):
            route = self._order[0]
            self._order.rotate(-1)
            ready = self._ready[route]
            while ready:
                if not self.pace.app_ready(route, now):
                    opens = self.pace.app_opens(route)
                    if opens is not None and not any(
                        time <= opens + 1e-6 and lane is None for time, _, lane in self._later[:1]
                    ):
                        self.offer_at(opens, None)
                    break
                lane = ready.popleft()
                opens = self.pace.user_opens(lane.user, route, now)
                if opens is None:
                    self.pace.reserve(lane.user, route, now)
                    if ready:
                        self.wake()
                    return lane
                self.offer_at(opens, lane)
        return None

    def done(self, lane: Lane) -> None:
        """Remove the lane's first post, which has ended."""
        item = lane.items.popleft()
        self.ids.discard(item.numbered.post.id)
        self.waiting -= 1
        if self.waiting * 4 <= self._capacity * 3 and not self._has_capacity.is_set():
            self._has_capacity.set()
        if lane.items:
            self.offer(lane)
        else:
            del self._lanes[lane.user]

    async def wait_for_capacity(self) -> None:
        """Wait until more posts may be read."""
        if self.waiting >= self._capacity:
            self._has_capacity = anyio.Event()
            await self._has_capacity.wait()

    async def idle(self) -> None:
        """Wait until a lane may be ready."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle.append(waiter)
        await waiter

    def wake(self) -> None:
        """Wake one idle worker."""
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def wake_all(self) -> None:
        """Wake all idle workers."""
        while self._idle:
            self.wake()

    def waits_until(self, workers: int) -> float | None:
        """Return when the first waiting lane may send, if all workers are idle, or None."""
        return self._later[0][0] if self._later and len(self._idle) >= workers else None

    async def keep_time(self) -> None:
        """Queue lanes when their time has come, until cancelled."""
        while True:
            now = self.clock()
            while self._later and self._later[0][0] <= now:
                lane = heappop(self._later)[2]
                if lane is not None:
                    self.offer(lane)
                else:
                    self.wake()
            self._is_set_for = self._later[0][0] if self._later else float("inf")
            with anyio.CancelScope() as self._timer:
                if self._later:
                    await self._sleep(max(0.0, self._is_set_for - now))
                else:
                    await anyio.sleep_forever()
