"""Subject `stores`: what a token costs in each store, in time and in memory, and what a handshake costs."""

from __future__ import annotations

import asyncio
import random
import time
import tracemalloc
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from aiooauth1 import Consumer, Handshake, MemoryStore, Provider
from benchmarks.harness import back_ends, server
from benchmarks.harness.measure import compare_async, compared, in_flight
from benchmarks.harness.report import Mark, Row, Subject
from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from aiooauth1.stores.protocols import TokenStore
    from benchmarks.harness.back_ends import BackEnds
    from benchmarks.harness.measure import Comparison, Effort


USERS = 40_000
GETS = 2_000  # a sample
HANDSHAKES = 100  # a sample
PAIRS = 15
WIDTH = 50  # at a time
READERS = 1_000  # at once
QUESTIONS = 40.0  # that all these reads together may send
CALLBACK = "https://tweetexpress.example/connected"


def measure(effort: Effort) -> Subject:
    """Measure every row of the subject."""
    in_memory = _bytes_in_memory(effort.of(USERS))
    with server.running() as origin:
        rows, notes = asyncio.run(_measured(origin, in_memory, effort))
    return Subject(
        "stores",
        f"tokens without params of {effort.of(USERS):,} users, {WIDTH} operations at a time; by wall clock",
        tuple(rows),
        ("aiohttp", *back_ends.PACKAGES),
        (
            f"{min(effort.pairs, PAIRS)} pairs. The bytes of a token include its user's name.",
            "A handshake is begin and complete, with both requests.",
            *notes,
        ),
    )


async def _measured(origin: str, in_memory: float, effort: Effort) -> tuple[list[Row], list[str]]:
    rows, notes = [], []
    async with back_ends.running() as found:
        memory = found.stores["MemoryStore"]
        for name, store in found.stores.items():
            # MemoryStore is compared with another MemoryStore: the spread is the noise of the machine.
            against = "another" if store is memory else "MemoryStore"
            other = MemoryStore() if store is memory else memory
            put, get, handshake = await _compared(origin, store, other, effort)
            size = await _bytes_each(name, found, effort, in_memory)
            rows += [
                Row(f"put into {name}", against, put),
                Row(f"get from {name}", against, get),
                Row(f"handshake over {name}", against, handshake),
            ]
            if store is not memory:
                asked = await _questions(store, found.urls.get(name), effort)
                what = "commands to Redis" if name in found.urls else "hops to SQLite's thread"
                rows.append(
                    Row(
                        f"{effort.of(READERS):,} reads at once from {name}: {what}",
                        "what is allowed",
                        compared([(asked, QUESTIONS)] * 2),
                        Mark("at most", 1.0),
                        unit="number",
                    )
                )
                rows.append(Row(f"a token in {name}", against, compared([(size, in_memory)] * 2), unit="B"))
            notes.append(
                f"{name}: {1 / put.first:,.0f} puts, {1 / get.first:,.0f} gets,"
                f" {1 / handshake.first:,.0f} handshakes a second; {size:,.0f} bytes a token."
            )
        return rows, [*notes, *found.notes]


async def _compared(
    origin: str, store: TokenStore, other: TokenStore, effort: Effort
) -> tuple[Comparison, Comparison, Comparison]:
    """Compare puts of all users' tokens, gets, and handshakes."""
    pairs = min(effort.pairs, PAIRS)
    users = effort.of(USERS, pairs)
    put = await compare_async(
        partial(_put, store, count(), users // pairs), partial(_put, other, count(), users // pairs), pairs
    )
    get = await compare_async(
        partial(_get, store, users // pairs * pairs, effort),
        partial(_get, other, users // pairs * pairs, effort),
        pairs,
    )
    async with _handshake(origin, store) as ours, _handshake(origin, other) as theirs:
        handshake = await compare_async(
            partial(_connect, ours, count(), effort), partial(_connect, theirs, count(), effort), pairs
        )
    return put, get, handshake


def _handshake(origin: str, store: TokenStore) -> Handshake:
    provider = Provider(
        back_ends.PROVIDER,
        request_token_url=f"{origin}{server.REQUEST_TOKEN}",
        authorize_url=f"{origin}/oauth/authorize",
        access_token_url=f"{origin}{server.ACCESS_TOKEN}",
    )
    return Handshake(provider, Consumer(CONSUMER_KEY, CONSUMER_SECRET), store=store)


async def _put(store: TokenStore, numbers: Iterator[int], amount: int) -> float:
    async def put(_: int) -> None:
        number = next(numbers)
        await store.put_access_token(back_ends.PROVIDER, back_ends.user(number), back_ends.token(number))

    return await _wall(put, amount)


async def _get(store: TokenStore, users: int, effort: Effort) -> float:
    names = [back_ends.user(number) for number in random.choices(range(users), k=effort.of(GETS))]  # noqa: S311

    async def get(number: int) -> None:
        if await store.get_access_token(back_ends.PROVIDER, names[number]) is None:
            raise LookupError(f"no token for {names[number]}: the sample would time a miss")

    return await _wall(get, len(names))


async def _connect(handshake: Handshake, numbers: Iterator[int], effort: Effort) -> float:
    async def connect(_: int) -> None:
        session, name = "a browser's session", f"connected-{next(numbers)}"
        pending = await handshake.begin(CALLBACK, bind=session)
        callback = {"oauth_token": pending.request_token.key, "oauth_verifier": "verifier"}
        await handshake.complete(callback, bind=session, save_as=name)

    return await _wall(connect, effort.of(HANDSHAKES))


async def _wall(call: Callable[[int], Awaitable[None]], amount: int) -> float:
    start = time.perf_counter()
    await in_flight(call, amount, WIDTH)
    return (time.perf_counter() - start) / amount


async def _questions(store: TokenStore, url: str | None, effort: Effort) -> float:
    """Return how many commands or hops it takes to read many users' tokens at once."""
    users = [back_ends.user(number) for number in range(effort.of(READERS))]
    loop = asyncio.get_running_loop()
    hops = 0
    call_soon_threadsafe = loop.call_soon_threadsafe

    def counted(*arguments: Any, **options: Any) -> asyncio.Handle:
        nonlocal hops
        hops += 1
        return call_soon_threadsafe(*arguments, **options)

    before = _commands(url)
    loop.call_soon_threadsafe = counted  # type: ignore[assignment,method-assign]  # with this the thread answers
    try:
        await asyncio.gather(*(store.get_access_token(back_ends.PROVIDER, user) for user in users))
    finally:
        loop.call_soon_threadsafe = call_soon_threadsafe  # type: ignore[method-assign]
    return float(max(1, hops if url is None else _commands(url) - before))


def _commands(url: str | None) -> int:
    """Return the number of commands that have read records from a Redis, without those inside scripts."""
    if url is None:
        return 0
    import redis  # noqa: PLC0415  an extra

    with redis.Redis.from_url(url) as client:
        stats = client.info("commandstats")
    asked = [stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval", "mget")]
    return sum(asked)


def _bytes_in_memory(users: int) -> float:
    async def fill() -> float:
        store = MemoryStore()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(users):
            await store.put_access_token(back_ends.PROVIDER, back_ends.user(number), back_ends.token(number))
        after, _ = tracemalloc.get_traced_memory()
        return (after - before) / users

    tracemalloc.start()
    try:
        return asyncio.run(fill())
    finally:
        tracemalloc.stop()


async def _bytes_each(name: str, found: BackEnds, effort: Effort, in_memory: float) -> float:
    """Return the bytes of each token in a store that holds the tokens of all users."""
    users = effort.of(USERS)
    if name in found.urls:
        import redis  # noqa: PLC0415  an extra

        with redis.Redis.from_url(found.urls[name]) as client:
            memory = client.info("memory")
        return float(memory["used_memory"] - memory["used_memory_startup"]) / users
    if name == "SQLiteStore" and found.file is not None:
        files = found.file.parent.glob(f"{found.file.name}*")  # with the write-ahead log
        return sum(file.stat().st_size for file in files) / users
    return in_memory
