"""Records in Redis: bound to their keys, refused if they were tampered with, under names of any kind."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest
from patience import PATIENCE
from store_damage import DamageContract

from aiooauth1 import AccessToken
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.protocols import Held
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.redis.records import RedisRecords
from aiooauth1.testing.store_contract import HOSTILE_NAMES


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import redis
    from real_redis.server import RedisServer


ANN = AccessToken("ann-key", "ann-secret-4f1c", params={"user_id": "1"})

KINDS_OF_ENCRYPTION: dict[str, Callable[[], Encryption | None]] = {
    "in the clear": lambda: None,
    "encrypted": lambda: Encryption(Encryption.generate_key()),
    "names hidden": lambda: Encryption(Encryption.generate_key(), name_key=Encryption.generate_key()),
}


@pytest.fixture
def raw(own_redis: RedisServer) -> Iterator[redis.Redis]:
    with own_redis.client() as client:
        yield client


@pytest.fixture(params=KINDS_OF_ENCRYPTION)
def encryption(request: pytest.FixtureRequest) -> Encryption | None:
    return KINDS_OF_ENCRYPTION[request.param]()


@pytest.fixture
async def store(own_redis: RedisServer, encryption: Encryption | None) -> AsyncIterator[RedisStore]:
    async with RedisStore.from_url(own_redis.url, encryption=encryption, timeout=PATIENCE) as store:
        yield store


# Changed records


@pytest.mark.socket
class TestChangedRecords(DamageContract):
    @pytest.fixture(autouse=True)
    def _place(self, raw: redis.Redis) -> None:
        self.raw = raw

    def stored(self) -> dict[bytes, bytes]:
        return {key: get(self.raw, key) for key in self.raw.scan_iter()}

    def overwrite(self, key: bytes, value: bytes) -> None:
        self.raw.set(key, value, keepttl=True)


def get(raw: redis.Redis, key: bytes) -> bytes:
    value = raw.get(key)
    assert isinstance(value, bytes)
    return value


@pytest.mark.socket
async def test_a_swap_compares_and_checks_the_whole_record(store: RedisStore, raw: redis.Redis) -> None:
    await store.add_pending("x", "token", b"1", ttl=600)
    held = await store.get_pending("x", "token")
    assert held is not None
    assert await store.swap_pending("x", "token", Held(b"another", b"another version"), b"2") is None
    (key,) = raw.scan_iter()
    raw.set(key, held.version[:-1] + bytes([held.version[-1] ^ 1]), keepttl=True)
    with pytest.raises(StoreCorrupt):
        await store.swap_pending("x", "token", held, b"2")
    with pytest.raises(StoreCorrupt):
        await store.add_pending("x", "token", b"2", ttl=600)


@pytest.mark.socket
async def test_a_key_of_another_redis_type_is_refused_by_every_operation(
    store: RedisStore, raw: redis.Redis
) -> None:
    await store.put_access_token("x", "ann", ANN)
    (key,) = raw.scan_iter()
    raw.set(key, b"broken")
    with pytest.raises(StoreCorrupt):
        await anext(aiter(store.users("x")))
    raw.delete(key)
    raw.rpush(key, "a list")
    for operation in (
        store.get_access_token("x", "ann"),
        store.put_access_token("x", "ann", ANN),
        store.replace_access_token("x", "ann", ANN.key, ANN),
        store.discard_access_token("x", "ann"),
        anext(aiter(store.users("x"))),
    ):
        with pytest.raises(StoreCorrupt, match="another Redis type"):
            await operation


@pytest.mark.socket
async def test_a_store_in_the_clear_becomes_an_encrypted_one(
    own_redis: RedisServer, raw: redis.Redis
) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as before:
        await before.put_access_token("x", "ann", ANN)
        await before.add_pending("x", "token", b"1", ttl=600)
    key = Encryption.generate_key()
    async with RedisStore.from_url(own_redis.url, encryption=Encryption(key), timeout=PATIENCE) as strict:
        with pytest.raises(StoreCorrupt):
            await strict.get_access_token("x", "ann")
    both = Encryption(key, accept_plain=True)
    async with RedisStore.from_url(own_redis.url, encryption=both, timeout=PATIENCE) as migrating:
        assert await migrating.get_access_token("x", "ann") == ANN
        (place,) = raw.scan_iter(match="*access*")
        raw.set(place, get(raw, place).replace(b"ann-secret", b"ann-sEcret"))
        with pytest.raises(StoreCorrupt):
            await migrating.get_access_token("x", "ann")
        await migrating.put_access_token("x", "ann", ANN)
        assert await migrating.rotate() == 1, "the token was put encrypted, the handshake is left"
    async with RedisStore.from_url(own_redis.url, encryption=Encryption(key), timeout=PATIENCE) as strict:
        assert await strict.get_access_token("x", "ann") == ANN
        held = await strict.get_pending("x", "token")
        assert held is not None
        assert held.value == b"1"


# Names of any kind


def hostile_pairs(number: int) -> list[tuple[str, str]]:
    """Pairs of names, all different, mostly of characters with a meaning in keys and patterns."""
    dice = random.Random(20_260_101)  # noqa: S311 - the same names each time
    pieces = [*"ab:{}*?[]\\^~%/.\0\n\r\"' ", "access", "pending", "é", "e\u0301", "\ud800", "\udc00", "😀"]

    def name() -> str:
        return "".join(dice.choices(pieces, k=dice.randrange(6)))

    short = [text for text in HOSTILE_NAMES if len(text) < 100]
    pairs = dict.fromkeys((one, other) for one in short[:20] for other in HOSTILE_NAMES)
    while len(pairs) < number:
        pairs[name(), name()] = None
    return list(pairs)[:number]


def test_ten_thousand_hostile_names_have_keys_of_their_own(encryption: Encryption | None) -> None:
    records = RedisRecords("aiooauth1:", encryption)
    pairs = hostile_pairs(10_000)
    keys = {records.access_key(*pair) for pair in pairs} | {records.pending_key(*pair) for pair in pairs}
    assert len(keys) == 2 * len(set(pairs)) == 20_000
    for key in keys:
        assert len(key) < 200
        assert re.fullmatch(rb"aiooauth1:[A-Za-z0-9._@+~:-]+", key), "no tag, no pattern, no separator"
    patterns = {provider: records.access_pattern(provider) for provider, _ in pairs}
    assert len(set(patterns.values())) == len(patterns)
    for provider, user in pairs:
        assert records.access_key(provider, user).startswith(patterns[provider].removesuffix(b"*"))


def test_a_prefix_is_escaped_in_patterns() -> None:
    records = RedisRecords("*[a]?\\{x}:", None)
    assert records.access_key("x", "ann") == b"*[a]?\\{x}:access:x:ann"
    assert records.access_pattern("x") == b"\\*\\[a\\]\\?\\\\{x}:access:x:*"
