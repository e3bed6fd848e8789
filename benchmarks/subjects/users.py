"""Subject `users`: one post for each of a thousand users, with their tokens in a store."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from aiooauth1 import Consumer, OAuth1Session, Provider
from benchmarks.harness import back_ends, server
from benchmarks.harness.measure import compare_async, in_flight
from benchmarks.harness.report import Mark, Row, Subject
from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiohttp import BaseConnector

    from aiooauth1.stores.protocols import TokenStore
    from benchmarks.harness.measure import Effort


USERS = 1_000
WIDTH = 100  # at a time
PAIRS = 15
BODY = {"text": "Hello Ladies + Gentlemen, a signed OAuth request!"}
MARKS = {"MemoryStore": 1.05, "SQLiteStore": 1.08, "RedisStore": 1.08, back_ends.ENCRYPTED: 1.10}


def measure(effort: Effort) -> Subject:
    """Measure every row of the subject."""
    with server.running() as origin:
        rows, notes = asyncio.run(_measured(origin, effort))
    return Subject(
        "users",
        f"a post for each of {effort.of(USERS, WIDTH):,} users, {WIDTH} at a time, answered after"
        f" {server.DELAY * 1e3:.0f} ms; by wall clock",
        tuple(rows),
        ("aiohttp", *back_ends.PACKAGES),
        (f"{min(effort.pairs, PAIRS)} pairs. Each sample makes every user's signer again.", *notes),
    )


async def _measured(origin: str, effort: Effort) -> tuple[list[Row], list[str]]:
    users = [back_ends.user(number) for number in range(effort.of(USERS, WIDTH))]
    url = f"{origin}/later"
    rows = []
    async with (
        back_ends.running() as found,
        ClientSession(connector=TCPConnector(limit=WIDTH), cookie_jar=DummyCookieJar()) as http,
    ):
        for name, store in found.stores.items():
            for number, user in enumerate(users):
                await store.put_access_token(back_ends.PROVIDER, user, back_ends.token(number))
            async with TCPConnector(limit=WIDTH) as connector, _session(origin, store, connector) as session:
                signed = partial(_signed, session, url, users)
                unsigned = partial(_unsigned, http, url, users)
                await unsigned()  # opens the connections
                await signed()
                comparison = await compare_async(signed, unsigned, min(effort.pairs, PAIRS))
            rows.append(Row(name, "aiohttp, unsigned", comparison, Mark("at most", MARKS[name])))
        return rows, found.notes


def _session(origin: str, store: TokenStore, connector: BaseConnector) -> OAuth1Session:
    provider = Provider(back_ends.PROVIDER, base_url=f"{origin}/")
    consumer = Consumer(CONSUMER_KEY, CONSUMER_SECRET)
    return OAuth1Session(consumer, provider=provider, store=store, connector=connector)


async def _signed(session: OAuth1Session, url: str, users: Sequence[str]) -> float:
    view = session.replace()  # which has no signer of any user yet

    async def post(number: int) -> None:
        async with view.post(url, json=BODY, user=users[number]) as response:
            await response.read()

    return await _wall(post, len(users))


async def _unsigned(http: ClientSession, url: str, users: Sequence[str]) -> float:
    async def post(_: int) -> None:
        async with http.post(url, json=BODY) as response:
            await response.read()

    return await _wall(post, len(users))


async def _wall(post: Callable[[int], Awaitable[None]], count: int) -> float:
    start = time.perf_counter()
    await in_flight(post, count, WIDTH)
    return time.perf_counter() - start
