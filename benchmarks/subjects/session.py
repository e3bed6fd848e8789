"""Subject `session`: what a signed request costs, compared with an unsigned one and with peers."""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmarks.harness import server
from benchmarks.harness.lag import watched
from benchmarks.harness.measure import compare_async, compared, in_flight
from benchmarks.harness.report import Mark, Row, Subject
from benchmarks.harness.requests import Request, check
from benchmarks.peers import aiohttp_plain, aiooauth1_session, load
from benchmarks.peers.header import read_header


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientSession

    from aiooauth1 import OAuth1Session
    from benchmarks.harness.lag import Lags
    from benchmarks.harness.measure import Effort
    from benchmarks.peers import SendingPeer

    Post = Callable[[str, object], Awaitable[bytes]]


WIDTH = 64  # requests in flight
LIMIT = 100  # connections, which is aiohttp's own limit
BODY = {"text": "Hello Ladies + Gentlemen, a signed OAuth request!"}
POSTS = 2_000  # a sample in CPU time
LAG_POSTS = 5_000
LAG_PAIRS = PEER_PAIRS = 15
OVER_LAG = 1.2
TICK = 0.001  # seconds between two measurements
SECONDS = 0.2  # of a sample by wall clock
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "JSON POST": ("POST", {"json": BODY}),
    "form POST": ("POST", {"data": BODY}),
    "GET with a query": ("GET", {"params": {"count": "20", "screen_name": "Ladies + Gentlemen"}}),
}
MARKS = {"JSON POST": 1.20, "form POST": 1.30, "GET with a query": 1.30}
PEERS = {
    "authlib_httpx": (("authlib", "httpx"), 10.0),
    "tweepy_shape": (("oauthlib",), 1.0),
    "requests_oauthlib": (("requests_oauthlib",), 1.0),
    "oauthlib_aiohttp": (("oauthlib",), 1.0),
}


def measure(effort: Effort) -> Subject:
    """Measure every row of the subject.

    Raises:
        ValueError: If one of the compared libraries signs wrongly.
    """
    found = {name: load(name, *modules) for name, (modules, _) in PEERS.items()}
    peers: dict[str, SendingPeer] = {name: peer for name, peer in found.items() if peer is not None}
    with server.running() as origin:
        rows = asyncio.run(_measured(origin, peers, effort))
    return Subject(
        "session",
        f"{WIDTH} calls in flight, at most {LIMIT} connections; with peers a JSON POST, by wall clock",
        tuple(rows),
        ("aiohttp", *(peer.DISTRIBUTION for peer in peers.values()), "httpx", "requests"),
        tuple(f"{name}: its peer is not installed: not compared" for name, peer in found.items() if not peer),
    )


async def _measured(origin: str, peers: dict[str, SendingPeer], effort: Effort) -> list[Row]:
    async with AsyncExitStack() as opened:
        plain = await opened.enter_async_context(aiohttp_plain.opened(LIMIT))
        ours = await opened.enter_async_context(aiooauth1_session.opened(LIMIT))
        for name in CALLS:  # opens the connections
            await _cpu(plain, name, origin, effort)
            await _cpu(ours, name, origin, effort)
        gc.collect()
        gc.freeze()  # so that collections do not look through the modules of the peers
        rows = [await _cpu_row(ours, plain, name, origin, effort) for name in CALLS]
        rows += await _lag_rows(ours, plain, origin, effort)
        rows += await _peer_rows(origin, peers, effort)
        gc.unfreeze()
    return rows


async def _cpu_row(ours: OAuth1Session, plain: ClientSession, name: str, origin: str, effort: Effort) -> Row:
    over = await compare_async(
        lambda: _cpu(ours, name, origin, effort), lambda: _cpu(plain, name, origin, effort), effort.pairs
    )
    return Row(f"CPU, {name}", aiohttp_plain.NAME, over, Mark("at most", MARKS[name]))


async def _lag_rows(ours: OAuth1Session, plain: ClientSession, origin: str, effort: Effort) -> list[Row]:
    """Compare how late the event loop is during many posts."""
    found: list[tuple[Lags, Lags]] = []
    for number in range(min(effort.pairs, LAG_PAIRS)):
        pair = [
            await _lags(each, origin, effort) for each in ((ours, plain) if number % 2 else (plain, ours))
        ]
        found.append((pair[0], pair[1]) if number % 2 else (pair[1], pair[0]))
    about = f"{effort.of(LAG_POSTS, WIDTH):,} posts"
    mark = Mark("at most", OVER_LAG)
    return [
        Row(
            f"lag at the 99th percentile, {about}",
            aiohttp_plain.NAME,
            compared((mine.late, other.late) for mine, other in found),
            mark,
        ),
        Row(
            f"longest lag, {about}",
            aiohttp_plain.NAME,
            compared((mine.longest, other.longest) for mine, other in found),
            mark,
        ),
    ]


async def _peer_rows(origin: str, peers: dict[str, SendingPeer], effort: Effort) -> list[Row]:
    url, rows = f"{origin}/2/tweets", []
    async with aiooauth1_session.sender(LIMIT) as ours:
        await _check(ours, origin, "aiooauth1")
        for name, peer in peers.items():
            async with peer.sender(LIMIT) as theirs:
                await _check(theirs, origin, peer.NAME)
                mine, other = await _posts(ours, url, effort), await _posts(theirs, url, effort)
                comparison = await compare_async(
                    lambda mine=mine: _wall(ours, url, mine),  # type: ignore[misc]
                    lambda theirs=theirs, other=other: _wall(theirs, url, other),  # type: ignore[misc]
                    min(effort.pairs, PEER_PAIRS),
                )
            rows.append(Row("time each", peer.NAME, comparison, Mark("at least", PEERS[name][1])))
    return rows


async def _check(post: Post, origin: str, who: str) -> None:
    """Check two requests: each is signed rightly, with a nonce of its own.

    Raises:
        ValueError: If one is not.
    """
    nonces = set()
    for _ in range(2):
        head = (await post(f"{origin}/echo", BODY)).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
        headers = {name.lower(): value for name, value in fields.items()}
        sent = dict(read_header(headers.get("authorization", "")))
        check(Request(f"{origin}/echo"), sent.items(), who)
        nonces.add(sent["oauth_nonce"])
    if len(nonces) == 1:
        raise ValueError(f"{who} signed twice with one nonce: it is not timed")


async def _posts(post: Post, url: str, effort: Effort) -> int:
    """Return the number of posts in a sample."""
    count = WIDTH
    each = await _wall(post, url, count)
    return max(count, int(effort.share * SECONDS / each))


async def _cpu(session: OAuth1Session | ClientSession, name: str, origin: str, effort: Effort) -> float:
    """Return the CPU seconds that each call takes in this process, so without the server's."""
    method, options = CALLS[name]
    count, url = effort.of(POSTS, WIDTH), f"{origin}/2/tweets"

    async def call(_: int) -> None:
        async with session.request(method, url, **options) as response:
            await response.read()

    start = time.process_time()
    await in_flight(call, count, WIDTH)
    return (time.process_time() - start) / count


async def _lags(session: OAuth1Session | ClientSession, origin: str, effort: Effort) -> Lags:
    async with watched(TICK) as lags:
        await _cpu(session, "JSON POST", origin, replace(effort, share=effort.share * LAG_POSTS / POSTS))
    return lags


async def _wall(post: Post, url: str, count: int) -> float:
    """Return the seconds that each post takes with many in flight."""
    start = time.perf_counter()
    await in_flight(lambda _: post(url, BODY), count, WIDTH)
    return (time.perf_counter() - start) / count
