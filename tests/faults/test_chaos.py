"""Everything at once: posts, handshakes, faults, cancellations, dead tokens, and a Redis that restarts.

It takes 10 s, or the number of seconds in AIOOAUTH1_CHAOS_SECONDS. Without a redis-server the tokens are in a
SQLite file, and nothing restarts.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
import psutil
import pytest
from chaos.faults import AFTER, BEFORE
from chaos.place import Place, lasting_redis
from chaos.world import PER_SECOND, Seen, World

from aiooauth1 import Handshake, OAuth1Session, Retry
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from real_redis.server import RedisServer


SECONDS = float(os.environ.get("AIOOAUTH1_CHAOS_SECONDS", "10"))
pytestmark = [pytest.mark.socket, pytest.mark.timeout(SECONDS + 90)]

RESTART = 0.4 * SECONDS  # when Redis is killed
STORE_TIMEOUT, TIMEOUT = 2.0, 10.0
MIB = 1 << 20


class Memory(NamedTuple):
    """The number of Python's memory blocks, which shows leaks, and the bytes of the process."""

    blocks: int
    octets: int

    @classmethod
    def now(cls) -> Memory:
        gc.collect()
        return cls(sys.getallocatedblocks(), psutil.Process().memory_info().rss)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer | None]:
    redis = lasting_redis(tmp_path)
    if redis is None:
        yield None
        return
    redis.start()
    yield redis
    redis.kill()


async def test_no_fault_loses_doubles_or_mixes_up_posts_and_tokens_or_leaks(
    server: RedisServer | None, tmp_path: Path
) -> None:
    process = psutil.Process()
    async with FakeProvider(ledger_limit=100, window=3, request_token_ttl=10) as fake:
        descriptors, tasks = process.num_fds(), len(asyncio.all_tasks())
        place = Place.best(server, tmp_path)
        world = World(fake, place, random.Random(5849), SECONDS)  # noqa: S311  faults
        async with place.store as store:
            session = OAuth1Session(
                fake.consumer,
                provider=fake.provider,
                store=store,
                retry=Retry(base=0.01),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
                on_token_rejected=world.on_token_rejected,
            )
            handshake = Handshake(fake.provider, fake.consumer, store=store, timeout=5)
            async with session, handshake:
                ticking = asyncio.create_task(world.measure_lateness())
                await world.begin()
                await world.go_on(session, handshake, RESTART)
                before = Memory.now()
                async with asyncio.TaskGroup() as meanwhile:
                    meanwhile.create_task(place.restart())
                    await world.go_on(session, handshake, SECONDS)
                await world.end()
                ticking.cancel()
            await world.look_after_guests()
        async with asyncio.timeout(60):
            # There is no event for the provider's closing its side of the last connections.
            while len(asyncio.all_tasks()) > tasks or process.num_fds() > descriptors:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        blocks, octets = (now - then for now, then in zip(Memory.now(), before, strict=True))
    confirmed, failed, not_sent, _, done = map(world.posts, Seen)
    posts = world.begun["post"]
    print(  # noqa: T201  shown by pytest -s
        f"{type(store).__name__}: {posts} posts, {len(confirmed)} confirmed, {len(failed)} failed;"
        f" {world.begun['handshake']} handshakes, {len(world.connected)} connected;"
        f" the longest took {world.longest:.2f} s; {blocks} blocks and {octets / MIB:.1f} MiB more."
        f" Redis away for {place.back - place.killed:.2f} s: {len(not_sent)} posts not sent, told so within"
        f" {world.waited:.2f} s, the first good {world.first_good - place.back:.3f} s after it was back."
        f" Timers were {world.late:.2f} s late. {dict(world.outcomes)}"
    )
    assert world.wrong == []
    assert world.met.keys() == BEFORE.keys() | AFTER.keys()
    assert confirmed - done == set()
    assert failed & done == set()
    # Some arrived and were refused or redirected: the store is asked again before each attempt.
    assert not_sent & done == set()
    assert max(world.rejected.values()) == 1
    assert [times for times in world.unavailable if not place.explains(*times)] == []
    # A busy machine makes timers late, which no wait of ours can undercut.
    assert world.longest < 2 * TIMEOUT + world.late
    if server is not None:
        assert not_sent, "Redis was not away for long enough to be noticed"
        assert world.waited < 2 * STORE_TIMEOUT + world.late
        assert world.first_good - place.back < 10 + world.late
    assert blocks < 15_000 + posts / 2  # its closed connections and the guests: a call kept is a hundred
    assert octets < 25 * MIB  # a thousand calls that wait for Redis take half of that
    assert posts >= PER_SECOND["post"] * SECONDS / 20, "this machine is too busy to tell anything"
    assert len(confirmed) > posts / 3
    assert len(world.connected) > world.begun["handshake"] / 10
