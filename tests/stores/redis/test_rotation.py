"""Every record in Redis re-encrypted, while others read and write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from patience import PATIENCE
from store_load import NAMES, NEW, OLD, RotationContract, read_all, token_of

from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore


if TYPE_CHECKING:
    from real_redis.cluster import ClusterOfThree
    from real_redis.server import RedisServer


pytestmark = pytest.mark.socket


def opened(url: str, *keys: str) -> RedisStore:
    return RedisStore.from_url(url, encryption=Encryption(*keys, name_key=NAMES), timeout=PATIENCE)


class TestRotation(RotationContract):
    @pytest.fixture(autouse=True)
    def _place(self, own_redis: RedisServer) -> None:
        self.redis = own_redis

    def opened(self, *keys: str) -> RedisStore:
        return opened(self.redis.url, *keys)

    def break_three_records(self) -> None:
        with self.redis.client() as client:
            for key in [*client.scan_iter()][:3]:
                client.set(key, b"broken")


async def test_a_handshake_goes_on_after_a_rotation(own_redis: RedisServer) -> None:
    async with opened(own_redis.url, OLD) as old, opened(own_redis.url, NEW, OLD) as both:
        await old.add_pending("x", "token", b"1", ttl=60)
        held = await both.get_pending("x", "token")
        assert held is not None
        assert await both.rotate() == 1
        assert await both.swap_pending("x", "token", held, b"2") is not None, "it is the same record"
    async with opened(own_redis.url, NEW) as new:
        found = await new.get_pending("x", "token")
    assert found is not None
    assert found.value == b"2"
    with own_redis.client() as client:
        (key,) = client.scan_iter()
        assert 50_000 < client.pttl(key) <= 60_000


async def test_rotation_ignores_keys_of_other_prefixes_and_discarded_tokens(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.set("aiooauth1:another thing", "a")
        client.set("another:access:x:ann", "b")
        async with opened(own_redis.url, OLD) as old, opened(own_redis.url, NEW, OLD) as both:
            await old.put_access_tokens("x", {user: token_of(user) for user in ("ann", "bob", "eve")})
            await old.discard_access_token("x", "bob")
            assert await both.rotate() == 2
        assert client.get("aiooauth1:another thing") == b"a"
        assert client.get("another:access:x:ann") == b"b"


async def test_the_records_of_a_cluster_are_rotated_once(redis_cluster: ClusterOfThree) -> None:
    users = [f"user {number}" for number in range(200)]
    async with opened(redis_cluster.url, OLD) as old, opened(redis_cluster.url, NEW, OLD) as both:
        await old.put_access_tokens("x", {user: token_of(user) for user in users})
        assert await both.rotate() == 200
        assert await both.rotate() == 0
    async with opened(redis_cluster.url, NEW) as new:
        assert await read_all(new, users) == [token_of(user) for user in users]
        for user in users:
            await new.discard_access_token("x", user)


async def test_a_store_without_encryption_refuses_to_rotate(redis_url: str) -> None:
    async with RedisStore.from_url(redis_url, timeout=PATIENCE) as store:
        with pytest.raises(ValueError, match="encryption"):
            await store.rotate()
