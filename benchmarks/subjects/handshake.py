"""Subject `handshake`: what a whole handshake costs, compared with its two requests alone."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from aiooauth1 import Consumer, Handshake, MemoryStore, Provider
from benchmarks.harness import server
from benchmarks.harness.measure import compare_async, in_flight
from benchmarks.harness.report import Mark, Row, Subject
from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET
from benchmarks.peers import aiohttp_plain


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from aiohttp import ClientSession

    from benchmarks.harness.measure import Effort


HANDSHAKES = 300  # a sample
WIDTH = 50  # at a time
OVER_BARE = 1.5
BIND = "a browser's session"
CALLBACK = "https://tweetexpress.example/connected"


def measure(effort: Effort) -> Subject:
    """Measure every row of the subject."""
    with server.running() as origin:
        rows = asyncio.run(_measured(origin, effort))
    return Subject(
        "handshake",
        f"begin and complete over MemoryStore, {WIDTH} at a time, compared with its two POSTs unsigned",
        tuple(rows),
        ("aiohttp",),
        (f"{1 / rows[0].comparison.first:,.0f} handshakes a second.",),
    )


def provider_at(origin: str) -> Provider:
    """Return the provider whose token endpoints the server has."""
    return Provider(
        "benchmark",
        request_token_url=f"{origin}{server.REQUEST_TOKEN}",
        authorize_url=f"{origin}/oauth/authorize",
        access_token_url=f"{origin}{server.ACCESS_TOKEN}",
    )


async def _measured(origin: str, effort: Effort) -> list[Row]:
    consumer = Consumer(CONSUMER_KEY, CONSUMER_SECRET)
    rows = []
    for case, clock in (("by wall clock", time.perf_counter), ("CPU", time.process_time)):
        async with (
            Handshake(provider_at(origin), consumer, store=MemoryStore()) as handshake,
            aiohttp_plain.opened(WIDTH) as http,
        ):
            ours = partial(_sample, partial(_connect, handshake, count()), clock, effort)
            bare = partial(_sample, partial(_ask, http, origin), clock, effort)
            await ours()  # opens the connections
            await bare()
            over = await compare_async(ours, bare, effort.pairs)
        rows.append(Row(f"a handshake, {case}", "its requests alone", over, Mark("at most", OVER_BARE)))
    return rows


async def _connect(handshake: Handshake, numbers: Iterator[int], _: int) -> None:
    pending = await handshake.begin(CALLBACK, bind=BIND)
    callback = {"oauth_token": pending.request_token.key, "oauth_verifier": "verifier"}
    await handshake.complete(callback, bind=BIND, save_as=f"user-{next(numbers)}")


async def _ask(http: ClientSession, origin: str, _: int) -> None:
    for path in (server.REQUEST_TOKEN, server.ACCESS_TOKEN):
        async with http.post(origin + path) as response:
            await response.read()


async def _sample(
    call: Callable[[int], Awaitable[None]], clock: Callable[[], float], effort: Effort
) -> float:
    amount = effort.of(HANDSHAKES, WIDTH)
    start = clock()
    await in_flight(call, amount, WIDTH)
    return (clock() - start) / amount
