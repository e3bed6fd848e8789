"""Subject `session`: what a signed POST costs over an unsigned one, and how many there are in a second."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from benchmarks.harness import server
from benchmarks.harness.measure import compare_async, in_flight
from benchmarks.harness.report import Mark, Row, Subject
from benchmarks.harness.requests import Request, check
from benchmarks.peers import aiohttp_plain, aiooauth1_session, load
from benchmarks.peers.header import read_header


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.harness.measure import Effort
    from benchmarks.peers import SendingPeer

    Post = Callable[[str, object], Awaitable[bytes]]


WIDTH = 64  # requests in flight
LIMIT = 100  # connections, which is aiohttp's own limit
BODY = {"text": "Hello Ladies + Gentlemen, a signed OAuth request!"}
POSTS = 2_000  # a sample of what is compared in CPU time
SECONDS = 0.2  # that a sample of what is compared by the clock takes
OVER_UNSIGNED = 1.30 if sys.version_info >= (3, 13) else 1.20
PEERS = {
    "authlib_httpx": (("authlib", "httpx"), 10.0),
    "tweepy_shape": (("oauthlib",), 1.0),
    "requests_oauthlib": (("requests_oauthlib",), 1.0),
    "oauthlib_aiohttp": (("oauthlib",), 1.0),
}


def measure(effort: Effort) -> Subject:
    """Measure every row of the subject.

    Raises:
        ValueError: If one of those compared signs wrongly.
    """
    found = {name: load(name, *modules) for name, (modules, _) in PEERS.items()}
    peers: dict[str, SendingPeer] = {name: peer for name, peer in found.items() if peer is not None}
    with server.running() as origin:
        rows = asyncio.run(_measured(origin, peers, effort))
    return Subject(
        "session",
        f"a JSON POST, {WIDTH} in flight, at most {LIMIT} connections; each beside peers by wall clock",
        tuple(rows),
        ("aiohttp", *(peer.DISTRIBUTION for peer in peers.values()), "httpx", "requests"),
        tuple(f"{name}: its peer is not installed: not compared" for name, peer in found.items() if not peer),
    )


async def _measured(origin: str, peers: dict[str, SendingPeer], effort: Effort) -> list[Row]:
    url = f"{origin}/2/tweets"
    async with AsyncExitStack() as opened:
        plain = await opened.enter_async_context(aiohttp_plain.sender(LIMIT))
        ours = await opened.enter_async_context(aiooauth1_session.sender(LIMIT))
        await _check(ours, origin, "aiooauth1")
        posts = effort.of(POSTS, WIDTH)
        await in_flight(lambda _: plain(url, BODY), posts, WIDTH)
        await in_flight(lambda _: ours(url, BODY), posts, WIDTH)
        gc.collect()
        gc.freeze()  # the modules of the peers are no rubbish to look through
        over = await compare_async(
            lambda: _cpu(ours, url, posts), lambda: _cpu(plain, url, posts), effort.pairs
        )
        rows = [Row("CPU each", aiohttp_plain.NAME, over, Mark("at most", OVER_UNSIGNED))]
        for name, peer in peers.items():
            async with peer.sender(LIMIT) as theirs:
                await _check(theirs, origin, peer.NAME)
                mine, other = await _posts(ours, url, effort), await _posts(theirs, url, effort)
                comparison = await compare_async(
                    lambda mine=mine: _wall(ours, url, mine),  # type: ignore[misc]
                    lambda theirs=theirs, other=other: _wall(theirs, url, other),  # type: ignore[misc]
                    effort.pairs,
                )
            rows.append(Row("time each", peer.NAME, comparison, Mark("at least", PEERS[name][1])))
        gc.unfreeze()
    return rows


async def _check(post: Post, origin: str, who: str) -> None:
    """See twice that what arrives is signed rightly and anew.

    Raises:
        ValueError: If it is not.
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
    """Return how many posts make a sample."""
    count = WIDTH
    each = await _wall(post, url, count)
    return max(count, int(effort.share * SECONDS / each))


async def _cpu(post: Post, url: str, count: int) -> float:
    """Return the seconds of CPU that each post takes here; those of the server do not count."""
    start = time.process_time()
    await in_flight(lambda _: post(url, BODY), count, WIDTH)
    return (time.process_time() - start) / count


async def _wall(post: Post, url: str, count: int) -> float:
    """Return the seconds that each post takes, many at once."""
    start = time.perf_counter()
    await in_flight(lambda _: post(url, BODY), count, WIDTH)
    return (time.perf_counter() - start) / count
