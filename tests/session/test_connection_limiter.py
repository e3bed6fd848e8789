"""Places in the pool: no signature grows old in the queue, and each place is given back."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import ClientTimeout, TCPConnector
from wire.listener import DROP, RESET, Arrival, Listener, broken, ok, reply, silent
from wire.oracle import oauth_parameters, verified
from wire.people import CONSUMER, TOKEN, signing
from yarl import URL

from aiooauth1 import OutcomeUnknown, Retry
from aiooauth1.session.connection_limiter import Slot, Slots
from aiooauth1.transport.origin import Origin


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiooauth1 import OAuth1Session


pytestmark = pytest.mark.socket

OLDEST = 2.0  # seconds, on arrival
HERE, THERE = Origin.of(URL("https://here.test")), Origin.of(URL("https://there.test"))


class Slow:
    """An answer that takes its time, and that knows how old signatures were and how many came at once."""

    def __init__(self, seconds: float) -> None:
        self.oldest = 0.0
        self.most: Counter[str] = Counter()
        self._at_once: Counter[str] = Counter()
        self._seconds = seconds

    async def __call__(self, arrival: Arrival) -> AsyncIterator[bytes]:
        age = time.time() - int(oauth_parameters(arrival)["oauth_timestamp"])  # which has no fraction
        self.oldest = max(self.oldest, age)
        self._at_once[arrival.host] += 1
        self.most[arrival.host] = max(self.most[arrival.host], self._at_once[arrival.host])
        await asyncio.sleep(self._seconds)  # the provider at work
        self._at_once[arrival.host] -= 1
        yield reply(body=b"done")


@pytest.mark.parametrize("limits", [{"limit": 2}, {"limit": 0, "limit_per_host": 2}], ids=["all", "a host"])
async def test_a_signature_is_young_on_arrival_however_long_the_queue(limits: dict[str, Any]) -> None:
    slow = Slow(0.1)
    async with (
        Listener(slow) as listener,
        TCPConnector(**limits) as connector,
        signing(connector=connector) as session,
    ):

        async def call(number: int) -> bytes:
            async with session.get(f"{listener.origin}/{number}") as response:
                return await response.read()

        began = time.monotonic()
        assert set(await asyncio.gather(*map(call, range(60)))) == {b"done"}
        assert time.monotonic() - began > 2.5  # the last one did wait for longer than that
        assert slow.oldest <= OLDEST
        assert max(slow.most.values()) == 2
        for arrival in listener.arrivals:
            verified(arrival, CONSUMER, TOKEN)


async def test_a_queue_for_one_origin_does_not_hold_up_another() -> None:
    slow = Slow(0.2)
    async with (
        Listener(slow) as busy,
        Listener() as idle,
        TCPConnector(limit=3, limit_per_host=2) as connector,
        signing(connector=connector) as session,
    ):
        queue = [asyncio.ensure_future(session.get(f"{busy.origin}/{number}")) for number in range(12)]
        await asyncio.sleep(0)
        async with session.get(idle.origin) as response:
            assert response.status == 200
        assert len(busy.arrivals) <= 4
        for response in await asyncio.gather(*queue):
            assert await response.read() == b"done"
        assert max(slow.most.values()) == 2


# What may become of a call, after which its place must be there for the next one


async def half_a_body(_: Arrival) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    await asyncio.Event().wait()


async def half_a_refusal(_: Arrival) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\nhalf"
    await asyncio.Event().wait()


async def is_read(session: OAuth1Session, url: str) -> None:
    async with session.get(url) as response:
        await response.read()


async def is_left_unread(session: OAuth1Session, url: str) -> None:
    async with session.get(url) as response:
        assert response.status


async def is_released(session: OAuth1Session, url: str) -> None:
    (await session.get(url)).release()


async def is_closed(session: OAuth1Session, url: str) -> None:
    (await session.get(url)).close()


async def fails(session: OAuth1Session, url: str) -> None:
    with pytest.raises((aiohttp.ClientError, OutcomeUnknown)):
        await session.get(url)


async def runs_out_of_time(session: OAuth1Session, url: str) -> None:
    with pytest.raises(TimeoutError):
        await (await session.get(url, timeout=ClientTimeout(total=0.02))).read()


async def is_cancelled(session: OAuth1Session, url: str) -> None:
    call = asyncio.ensure_future(session.get(url))
    await asyncio.sleep(0.02)  # until it has arrived, or is at least under way
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call


async def is_given_up_in_the_queue(session: OAuth1Session, url: str) -> None:
    calls = [asyncio.ensure_future(session.get(url)) for _ in range(6)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    assert all(
        isinstance(one, asyncio.CancelledError)
        for one in await asyncio.gather(*calls, return_exceptions=True)
    )


async def is_posted_unread(session: OAuth1Session, url: str) -> None:
    async with session.post(url, data=b"x" * 300_000) as response:
        assert response.status


BIG = b"x" * 3_000_000
CASES: dict[str, tuple[Any, Callable[[OAuth1Session, str], Awaitable[None]]]] = {
    "read": (ok, is_read),
    "nothing in it": (lambda _: reply(204), is_released),
    "left unread": (lambda _: reply(body=BIG), is_left_unread),
    "released unread": (half_a_body, is_released),
    "closed": (half_a_body, is_closed),
    "a refusal left unread": (lambda _: reply(401, body=BIG), is_left_unread),
    "a refusal that was read": (lambda _: reply(401, body=BIG), is_read),
    "a refusal closed": (lambda _: reply(500, body=BIG), is_closed),
    "dropped": (lambda _: DROP, fails),
    "reset": (lambda _: RESET, fails),
    "no HTTP": (lambda _: broken(b"220 hello\r\n\r\n"), fails),
    "no answer in time": (silent, runs_out_of_time),
    "half a refusal in time": (half_a_refusal, runs_out_of_time),
    "cancelled": (silent, is_cancelled),
    "cancelled in a refusal": (half_a_refusal, is_cancelled),
    "given up in the queue": (silent, is_given_up_in_the_queue),
    "a large body answered early": (lambda _: reply(413), is_posted_unread),
}


@pytest.mark.parametrize("limits", [{"limit": 2}, {"limit": 3, "limit_per_host": 2}], ids=["all", "a host"])
@pytest.mark.parametrize("name", CASES)
async def test_a_place_is_given_back_whatever_becomes_of_the_call(name: str, limits: dict[str, Any]) -> None:
    answer, happens = CASES[name]
    async with (
        Listener(answer) as listener,
        TCPConnector(**limits) as connector,
        signing(connector=connector) as session,
    ):
        async with asyncio.timeout(10):
            for _ in range(3):
                await asyncio.gather(*(happens(session, listener.origin) for _ in range(2)))
            # As many as there are places go through at once, and no more do.
            slow = Slow(0.03)
            listener.answer = slow
            replies = await asyncio.gather(*(session.get(listener.origin) for _ in range(6)))
            assert [await one.read() for one in replies] == [b"done"] * 6
        assert max(slow.most.values()) == 2


async def test_a_hop_to_another_origin_takes_a_place_there() -> None:
    async with (
        Listener() as there,
        Listener(lambda _: reply(302, {"Location": f"{there.origin}/there"})) as here,
        TCPConnector(limit=1) as connector,
        signing(connector=connector) as session,
    ):
        async with asyncio.timeout(5):
            for _ in range(4):
                async with session.get(here.origin) as response:
                    assert (response.status, await response.read()) == (200, b"ok")
    assert (len(here.arrivals), len(there.arrivals)) == (4, 4)


async def test_a_pause_holds_no_place() -> None:
    async with Listener() as listener, TCPConnector(limit=1) as connector:
        meanwhile: list[int] = []

        async def sleep(_: float) -> None:
            async with session.get(f"{listener.origin}/meanwhile") as response:
                meanwhile.append(response.status)

        def answer(arrival: Arrival) -> bytes:
            is_first = sum(arrival.path == "/" for arrival in listener.arrivals) == 1
            return reply(503, {"Retry-After": "1"}) if is_first and arrival.path == "/" else reply()

        listener.answer = answer
        session = signing(connector=connector, sleep=sleep)
        async with asyncio.timeout(5), session, session.get(listener.origin, retry=Retry()) as response:
            assert response.status == 200
        assert meanwhile == [200]


# The places themselves


async def taken(slots: Slots, origin: Origin) -> Slot:
    slot = slots.of(origin)
    await slot.take()
    return slot


async def test_no_limit_is_no_wait() -> None:
    async with TCPConnector(limit=0) as connector:
        slots = Slots(connector)
        async with asyncio.timeout(1):
            for _ in range(1_000):
                await taken(slots, HERE)


async def test_a_place_is_given_back_once() -> None:
    async with TCPConnector(limit=1) as connector:
        slots = Slots(connector)
        first = await taken(slots, HERE)
        for _ in range(3):
            first.give_back()
        await taken(slots, THERE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await taken(slots, HERE)


async def test_who_gives_up_waiting_for_the_second_place_gives_the_first_one_back() -> None:
    async with TCPConnector(limit=1, limit_per_host=1) as connector:
        slots = Slots(connector)
        held = await taken(slots, HERE)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await taken(slots, THERE)
        held.give_back()
        async with asyncio.timeout(1):
            (await taken(slots, THERE)).give_back()
            (await taken(slots, HERE)).give_back()


async def test_origins_that_nobody_calls_any_more_are_not_remembered() -> None:
    async with TCPConnector(limit_per_host=2) as connector:
        slots = Slots(connector)
        held = await taken(slots, HERE)
        for number in range(100):
            (await taken(slots, Origin("https", f"{number}.example.com", 443))).give_back()
        await taken(slots, HERE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await taken(slots, HERE)
        held.give_back()
        gc.collect()
        assert len(slots._origins) <= 1  # noqa: SLF001  they show nowhere else
