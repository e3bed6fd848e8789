"""Every record in Redis re-encrypted, while others read and write them."""

from __future__ import annotations

import asyncio
import itertools
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from patience import PATIENCE

from aiooauth1 import AccessToken
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.redis.records import RedisRecords


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from real_redis.cluster import ClusterOfThree
    from real_redis.server import RedisServer


pytestmark = pytest.mark.socket

OLD, NEW, NAME_KEY = (Encryption.generate_key() for _ in range(3))
ONLY_OLD = Encryption(OLD, name_key=NAME_KEY)
NEW_AND_OLD = Encryption(NEW, OLD, name_key=NAME_KEY)
ONLY_NEW = Encryption(NEW, name_key=NAME_KEY)


@asynccontextmanager
async def stores(url: str) -> AsyncIterator[tuple[RedisStore, RedisStore, RedisStore]]:
    """The same records under the old key, both and the new one."""
    async with (
        RedisStore.from_url(url, encryption=ONLY_OLD, timeout=10) as old,
        RedisStore.from_url(url, encryption=NEW_AND_OLD, timeout=10) as both,
        RedisStore.from_url(url, encryption=ONLY_NEW, timeout=10) as new,
    ):
        yield old, both, new


def token(number: int, version: int = 0) -> AccessToken:
    return AccessToken(f"key {number}.{version}", f"secret {number}.{version}")


async def fill(store: RedisStore, users: int) -> None:
    await asyncio.gather(*(store.put_access_token("x", f"user {n}", token(n)) for n in range(users)))


def fill_at_once(server: RedisServer, users: int) -> None:
    """Thousands of records under the old key, in one go."""
    records = RedisRecords("aiooauth1:", ONLY_OLD)
    with server.client() as client, client.pipeline(transaction=False) as pipeline:
        for number in range(users):
            user = f"user {number}"
            key = records.access_key("x", user)
            pipeline.set(key, records.seal_token(key, user, token(number)))
        pipeline.execute()


class Crowd:
    """Users of a store who read and write until they are told that it is enough."""

    def __init__(self, store: RedisStore, users: int) -> None:
        self._store = store
        self._users = users
        self._dice = random.Random(20_260_101)  # noqa: S311 - the same order each time
        self.enough = False
        self.reads = 0
        self.written: dict[int, int] = {}

    async def read(self) -> None:
        while not self.enough:
            number = self._dice.randrange(self._users)
            held = await self._store.get_access_token("x", f"user {number}")
            assert held is not None, "a read that found nothing"
            assert held.key.startswith(f"key {number}."), "another user's token"
            self.reads += 1
            await asyncio.sleep(self._dice.random() * 0.3)

    async def write(self, number: int) -> None:
        user = f"user {number}"
        for version in itertools.count(1):
            if self.enough:
                return
            # Every other one goes by way of the key, as a renewal does.
            if version % 2:
                await self._store.put_access_token("x", user, token(number, version))
            else:
                held = token(number, version - 1).key
                assert await self._store.replace_access_token("x", user, held, token(number, version))
            self.written[number] = version
            await asyncio.sleep(self._dice.random() * 0.3)


async def test_ten_thousand_records_under_readers_and_writers(own_redis: RedisServer) -> None:
    users = 10_000
    progress: list[tuple[int, int]] = []
    async with stores(own_redis.url) as (old, both, new):
        fill_at_once(own_redis, users)
        crowd = Crowd(both, users)
        async with asyncio.TaskGroup() as group:
            for number in range(0, users, users // 100):
                group.create_task(crowd.read())
                group.create_task(crowd.write(number))
            rotated = await both.rotate(lambda looked_at, of_all: progress.append((looked_at, of_all)))
            crowd.enough = True
        assert users - 100 <= rotated <= users, "those that were written meanwhile were done by that"
        assert crowd.reads > 300
        assert sum(crowd.written.values()) > 300
        assert progress == sorted(progress)
        assert progress[-1] == (users, users)

        for start in range(0, users, 500):
            numbers = range(start, start + 500)
            held = await asyncio.gather(*(new.get_access_token("x", f"user {n}") for n in numbers))
            assert held == [token(n, crowd.written.get(n, 0)) for n in numbers], "a write was lost"
        for number in range(0, users, 97):
            with pytest.raises(StoreCorrupt, match="not one of ours"):
                await old.get_access_token("x", f"user {number}")


async def test_a_handshake_goes_on_across_a_rotation(own_redis: RedisServer) -> None:
    async with stores(own_redis.url) as (old, both, new):
        await old.add_pending("x", "token", b"1", ttl=60)
        held = await both.get_pending("x", "token")
        assert held is not None
        assert await both.rotate() == 1
        assert await both.swap_pending("x", "token", held, b"2") is not None, (
            "it is the same record, re-encrypted"
        )
        found = await new.get_pending("x", "token")
        assert found is not None
        assert found.value == b"2"
        with own_redis.client() as client:
            (key,) = client.scan_iter()
            assert 50_000 < client.pttl(key) <= 60_000


async def test_what_does_not_decrypt_keeps_nothing_else_back(own_redis: RedisServer) -> None:
    async with stores(own_redis.url) as (old, both, new):
        await fill(old, 50)
        with own_redis.client() as client:
            for key in [*client.scan_iter()][:3]:
                client.set(key, b"broken")
        with pytest.raises(StoreCorrupt, match="3 of 50"):
            await both.rotate()
        readable = 0
        for number in range(50):
            try:
                readable += await new.get_access_token("x", f"user {number}") == token(number)
            except StoreCorrupt:
                continue
        assert readable == 47


async def test_it_keeps_to_its_own_records(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.set("aiooauth1:another thing", "a")
        client.set("another:access:x:ann", "b")
        async with stores(own_redis.url) as (old, both, _):
            await fill(old, 5)
            await old.discard_access_token("x", "user 0")
            assert await both.rotate() == 4
        assert client.get("aiooauth1:another thing") == b"a"
        assert client.get("another:access:x:ann") == b"b"


async def test_on_a_cluster(redis_cluster: ClusterOfThree) -> None:
    async with stores(redis_cluster.url) as (old, both, new):
        await fill(old, 200)
        assert await both.rotate() == 200
        assert await both.rotate() == 0, "it is done"
        held = await asyncio.gather(*(new.get_access_token("x", f"user {n}") for n in range(200)))
        assert held == [token(n) for n in range(200)]
        for number in range(200):
            await new.discard_access_token("x", f"user {number}")


async def test_a_store_in_the_clear_has_nothing_to_rotate(redis_url: str) -> None:
    async with RedisStore.from_url(redis_url, timeout=PATIENCE) as store:
        with pytest.raises(ValueError, match="encryption"):
            await store.rotate()
