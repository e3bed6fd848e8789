"""Calls whose rate limit is spent wait in order, and all of them get their turn."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import pytest
from wire.listener import Arrival, Listener, reply
from wire.oracle import oauth_parameters
from wire.people import CONSUMER, provider_at, signing, store_of

from aiooauth1 import AccessToken, OAuth1Session, Retry
from aiooauth1.session.rate_gate import RateGates


async def holds(gates: RateGates, order: list[int], number: int) -> None:
    await gates.enter("key")
    try:
        order.append(number)
        await asyncio.sleep(0)
    finally:
        gates.leave("key")


async def test_a_gate_is_passed_in_the_order_of_arrival_and_then_removed() -> None:
    gates, order = RateGates(), list[int]()
    assert not gates
    await asyncio.gather(*(holds(gates, order, number) for number in range(10)))
    assert order == list(range(10))
    assert not gates
    assert not gates.is_held("key")


async def test_gates_of_different_keys_do_not_wait_for_each_other() -> None:
    gates = RateGates()
    await gates.enter("a")
    await asyncio.wait_for(gates.enter("b"), 1)
    assert gates.is_held("a")
    assert gates.is_held("b")


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_cancelled_call_lets_the_next_one_pass(turns: int) -> None:
    gates, order = RateGates(), list[int]()
    await gates.enter("key")
    waiting = [asyncio.create_task(holds(gates, order, number)) for number in range(3)]
    await asyncio.sleep(0)
    gates.leave("key")
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order[-2:] == [1, 2]
    assert not gates


# The session


class VirtualTime:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    async def sleep(self, seconds: float) -> None:
        wakes = self.now + seconds
        await asyncio.sleep(0.001)  # the others go to sleep as well
        self.now = max(self.now, wakes)


class Windows:
    """Accepts eight posts of each user in a window of four seconds."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._windows: dict[str, tuple[float, int]] = {}
        self.accepted: Counter[bytes] = Counter()
        self.refused = 0

    def __call__(self, arrival: Arrival) -> bytes:
        user, now = oauth_parameters(arrival)["oauth_token"], self._time.now
        began, used = self._windows.get(user, (now, 0))
        if now >= began + 4:
            began, used = now, 0
        if used == 8:
            self.refused += 1
            return reply(429, {"Retry-After": str(int(began + 4 - now) + 1)})
        self._windows[user] = began, used + 1
        self.accepted[arrival.body] += 1
        return reply(201)


@pytest.mark.socket
async def test_posts_beyond_the_rate_limit_each_arrive_once(caplog: pytest.LogCaptureFixture) -> None:
    """The retry budget is for outages, and a few attempts are enough for each of many posts."""
    caplog.set_level(logging.INFO, "aiooauth1")
    time = VirtualTime()
    windows = Windows(time)
    users = [f"user {number}" for number in range(20)]
    store = await store_of(**{user: AccessToken(f"key of {user}", "secret") for user in users})
    began = time.now
    async with Listener(windows) as listener:
        provider = provider_at(listener)
        async with OAuth1Session(CONSUMER, provider=provider, store=store, sleep=time.sleep) as session:
            posts = [
                session.post("posts", user=user, data={"status": f"{user} {number}"})
                for number in range(40)
                for user in users
            ]
            statuses = Counter(response.status for response in await asyncio.gather(*posts))
    assert statuses == {201: 800}
    assert (len(windows.accepted), windows.accepted.total()) == (800, 800)
    assert time.now - began <= 2 * 16  # four windows after the first one
    assert windows.refused < 800 + 20 * 10
    pauses = [one for one in caplog.messages if "the next in" in one]
    assert len(pauses) == windows.refused
    assert not [one for one in caplog.messages if "gave up" in one]


@pytest.mark.socket
async def test_a_dated_rate_limit_does_not_spend_the_retry_budget(listener: Listener) -> None:
    refused: set[str] = set()

    def answer(arrival: Arrival) -> bytes:
        if arrival.target in refused:
            return reply()
        refused.add(arrival.target)
        return reply(429, {"Retry-After": "1"})

    listener.answer = answer
    async with signing(retry=Retry(budget=0), sleep=VirtualTime().sleep) as session:
        posts = (session.post(f"{listener.origin}/{number}") for number in range(300))
        assert {response.status for response in await asyncio.gather(*posts)} == {200}


@pytest.mark.socket
@pytest.mark.parametrize("budget", [0, 3, 7])
async def test_an_outage_spends_the_retry_budget_and_says_so(
    listener: Listener, caplog: pytest.LogCaptureFixture, budget: int
) -> None:
    caplog.set_level(logging.INFO, "aiooauth1")
    listener.answer = lambda _: reply(500)
    async with signing(retry=Retry(attempts=2, budget=budget), sleep=VirtualTime().sleep) as session:
        for _ in range(10):
            assert (await session.get(listener.origin)).status == 500
    earned, retries = 10 // 5, len(listener.arrivals) - 10
    assert budget <= retries <= budget + earned
    spent = [one for one in caplog.records if "the retry budget is spent" in one.getMessage()]
    assert len(spent) == 10 - retries
    assert {one.levelno for one in spent} == {logging.WARNING}
    gave_up = [one for one in caplog.messages if "gave up after 2 attempts (500)" in one]
    assert len(gave_up) == retries
