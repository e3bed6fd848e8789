"""Every record in Redis re-encrypted, while others read and write them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from patience import PATIENCE
from store_load import StoreLoad, token_of

from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.redis.records import RedisRecords


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from real_redis.cluster import ClusterOfThree
    from real_redis.server import RedisServer

    from aiooauth1 import AccessToken


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


USERS = [f"user {number}" for number in range(10_000)]


async def fill(store: RedisStore, users: list[str]) -> None:
    await asyncio.gather(*(store.put_access_token("x", user, token_of(user)) for user in users))


async def read_all(store: RedisStore, users: list[str]) -> list[AccessToken | BaseException | None]:
    reads = (store.get_access_token("x", user) for user in users)
    return await asyncio.gather(*reads, return_exceptions=True)


def fill_at_once(server: RedisServer) -> None:
    """Ten thousand records under the old key, in one go."""
    records = RedisRecords("aiooauth1:", ONLY_OLD)
    with server.client() as client, client.pipeline(transaction=False) as pipeline:
        for user in USERS:
            key = records.access_key("x", user)
            pipeline.set(key, records.seal_token(key, user, token_of(user)))
        pipeline.execute()


async def test_10000_records_are_rotated_under_readers_and_writers(own_redis: RedisServer) -> None:
    progress: list[tuple[int, int]] = []
    async with stores(own_redis.url) as (old, both, new):
        fill_at_once(own_redis)
        load = StoreLoad(both, USERS, pause=0.3)
        rotated = await load.during(lambda: both.rotate(lambda done, total: progress.append((done, total))))
        assert 0 < rotated <= len(USERS)
        assert progress == sorted(progress)
        assert progress[-1] == (len(USERS), len(USERS))
        for start in range(0, len(USERS), 500):
            users = USERS[start : start + 500]
            assert await read_all(new, users) == [load.held(user) for user in users], "a write was lost"
        for user in USERS[::97]:
            with pytest.raises(StoreCorrupt, match="not one of ours"):
                await old.get_access_token("x", user)


async def test_a_handshake_goes_on_after_a_rotation(own_redis: RedisServer) -> None:
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


async def test_records_that_do_not_decrypt_keep_no_others_from_being_rotated(own_redis: RedisServer) -> None:
    async with stores(own_redis.url) as (old, both, new):
        await fill(old, USERS[:50])
        with own_redis.client() as client:
            for key in [*client.scan_iter()][:3]:
                client.set(key, b"broken")
        with pytest.raises(StoreCorrupt, match="3 of 50"):
            await both.rotate()
        held = await read_all(new, USERS[:50])
    assert sum(token == token_of(user) for user, token in zip(USERS, held, strict=False)) == 47
    assert sum(isinstance(token, StoreCorrupt) for token in held) == 3


async def test_rotation_ignores_keys_of_other_prefixes_and_discarded_tokens(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.set("aiooauth1:another thing", "a")
        client.set("another:access:x:ann", "b")
        async with stores(own_redis.url) as (old, both, _):
            await fill(old, USERS[:5])
            await old.discard_access_token("x", "user 0")
            assert await both.rotate() == 4
        assert client.get("aiooauth1:another thing") == b"a"
        assert client.get("another:access:x:ann") == b"b"


async def test_the_records_of_a_cluster_are_rotated_once(redis_cluster: ClusterOfThree) -> None:
    async with stores(redis_cluster.url) as (old, both, new):
        await fill(old, USERS[:200])
        assert await both.rotate() == 200
        assert await both.rotate() == 0
        assert await read_all(new, USERS[:200]) == [token_of(user) for user in USERS[:200]]
        for user in USERS[:200]:
            await new.discard_access_token("x", user)


async def test_a_store_without_encryption_refuses_to_rotate(redis_url: str) -> None:
    async with RedisStore.from_url(redis_url, timeout=PATIENCE) as store:
        with pytest.raises(ValueError, match="encryption"):
            await store.rotate()
