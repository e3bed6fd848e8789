"""Subject `memory`: the bytes of a call in flight, of a stored token, and of a pending handshake."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import TYPE_CHECKING

from aiooauth1 import Consumer, Handshake, MemoryStore
from benchmarks.harness import back_ends, server
from benchmarks.harness.measure import compare_async, compared, in_flight
from benchmarks.harness.report import Mark, Row, Subject
from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET
from benchmarks.peers import aiohttp_plain, aiooauth1_session
from benchmarks.subjects.handshake import BIND, CALLBACK, provider_at


if TYPE_CHECKING:
    from aiohttp import ClientSession

    from aiooauth1 import OAuth1Session
    from benchmarks.harness.measure import Effort


CALLS = 10_000
LIMIT = 100  # connections: the other calls wait for one
PAIRS = 3  # sizes hardly differ from one sample to the next
OVER_UNSIGNED = 1.3
TOKENS = 20_000
TOKEN_BYTES = 400.0
HANDSHAKES = 5_000
HANDSHAKE_BYTES = 1_024.0
BODY = {"text": "Hello Ladies + Gentlemen, a signed OAuth request!"}


def measure(effort: Effort) -> Subject:
    """Measure every row of the subject."""
    with server.running() as origin:
        rows = asyncio.run(_measured(origin, effort))
    return Subject(
        "memory",
        "bytes that Python allocates, as tracemalloc counts them",
        tuple(rows),
        ("aiohttp",),
        (
            f"{min(effort.pairs, PAIRS)} pairs.",
            f"Of the calls {LIMIT} have a connection, and the others wait.",
        ),
    )


async def _measured(origin: str, effort: Effort) -> list[Row]:
    calls = effort.of(CALLS, LIMIT)
    async with aiooauth1_session.opened(LIMIT) as ours, aiohttp_plain.opened(LIMIT) as plain:
        for session in (ours, plain):
            await _in_flight(session, origin, LIMIT)  # now everything exists that is made once
        over = await compare_async(
            lambda: _in_flight(ours, origin, calls),
            lambda: _in_flight(plain, origin, calls),
            min(effort.pairs, PAIRS),
        )
    mark = Mark("at most", OVER_UNSIGNED)
    token, handshake = await _token(effort), await _handshake(origin, effort)
    allowed, most = "what is allowed", Mark("at most", 1.0)
    return [
        Row(f"a call of {calls:,} in flight", aiohttp_plain.NAME, over, mark, unit="B"),
        Row("a token in MemoryStore", allowed, compared([(token, TOKEN_BYTES)] * 2), most, unit="B"),
        Row("a pending handshake", allowed, compared([(handshake, HANDSHAKE_BYTES)] * 2), most, unit="B"),
    ]


async def _in_flight(session: OAuth1Session | ClientSession, origin: str, count: int) -> float:
    """Return the bytes of each call while `count` calls are in flight and none is over."""

    async def call() -> None:
        async with session.post(f"{origin}/2/tweets", json=BODY) as response:
            await response.read()

    gc.collect()
    tracemalloc.start()
    tasks = [asyncio.create_task(call()) for _ in range(count)]
    for _ in range(2):  # until each is sent or waits for a connection
        await asyncio.sleep(0)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await asyncio.gather(*tasks)
    return used / count


async def _token(effort: Effort) -> float:
    store, users = MemoryStore(), effort.of(TOKENS)
    tracemalloc.start()
    for number in range(users):
        await store.put_access_token(back_ends.PROVIDER, back_ends.user(number), back_ends.token(number))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / users


async def _handshake(origin: str, effort: Effort) -> float:
    """Return the bytes of a handshake that has begun, once its request is over."""
    amount = effort.of(HANDSHAKES, LIMIT)
    store = MemoryStore()
    consumer = Consumer(CONSUMER_KEY, CONSUMER_SECRET)
    async with Handshake(provider_at(origin), consumer, store=store) as handshake:

        async def begin(_: int) -> None:
            await handshake.begin(CALLBACK, bind=BIND)

        await in_flight(begin, LIMIT, LIMIT)
        gc.collect()
        tracemalloc.start()
        await in_flight(begin, amount, LIMIT)
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return used / amount
