"""The cache of access tokens: the contract, one read for many callers, and no token older than its ttl."""

from __future__ import annotations

import asyncio
import gc
import secrets
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import redis
from patience import PATIENCE
from real_redis.aging import age

from aiooauth1 import AccessToken, MemoryStore
from aiooauth1.errors import StoreUnavailable
from aiooauth1.stores.cached import CachedStore
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore
from aiooauth1.testing.store_contract import BoundedContract, SharedContract, StoreContract


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1.stores.protocols import AccessTokenStore


ANN = AccessToken("ann-key", "ann-secret")
BOB = AccessToken("bob-key", "bob-secret")


class TestOnMemory(StoreContract, BoundedContract):
    now = 0.0

    @pytest.fixture
    def store(self) -> CachedStore:
        return CachedStore(MemoryStore(clock=lambda: self.now), clock=lambda: self.now)

    @pytest.fixture
    def bounded(self) -> CachedStore:
        return CachedStore(MemoryStore(max_pending=3, clock=lambda: self.now), clock=lambda: self.now)

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds


class TestOfOneToken(StoreContract):
    """Every second user pushes the first one out."""

    ttl = 0.2

    @pytest.fixture
    def store(self) -> CachedStore:
        return CachedStore(MemoryStore(), size=1)


class TestThatKeepsNothing(SharedContract):
    @pytest.fixture
    def stores(self) -> tuple[CachedStore, CachedStore]:
        memory = MemoryStore()
        return CachedStore(memory, ttl=0), CachedStore(memory, ttl=0)


@pytest.mark.socket
class TestOnRedis(StoreContract):
    @pytest.fixture
    async def store(self, redis_url: str) -> AsyncIterator[CachedStore]:
        encryption = Encryption(Encryption.generate_key(), name_key=Encryption.generate_key())
        self.url, self.prefix = redis_url, f"test-{secrets.token_hex(8)}:"
        async with RedisStore.from_url(
            redis_url, prefix=self.prefix, encryption=encryption, timeout=PATIENCE
        ) as store:
            yield CachedStore(store)

    async def pass_time(self, seconds: float) -> None:
        age([redis.Redis.from_url(self.url)], self.prefix, seconds)


class SlowStore(MemoryStore):
    """A store that answers when the test lets it, and counts reads and writes."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.writes = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.fails = False

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        self.reads += 1
        token = await super().get_access_token(provider, user)  # what it sees; the answer comes later
        await self.answers.wait()
        if self.fails:
            raise StoreUnavailable("Redis did not do it within 2 s")
        return token

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        self.writes += 1
        await self.answers.wait()
        if self.fails:
            raise StoreUnavailable("Redis did not do it within 2 s")
        await super().put_access_token(provider, user, token)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def slow() -> SlowStore:
    return SlowStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cached(slow: SlowStore, clock: Clock) -> CachedStore:
    return CachedStore(slow, ttl=5, clock=clock)


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def reading(store: AccessTokenStore, user: str = "ann") -> asyncio.Task[AccessToken | None]:
    return asyncio.ensure_future(store.get_access_token("x", user))


async def waiting(
    slow: SlowStore, cached: CachedStore, number: int = 1
) -> list[asyncio.Task[AccessToken | None]]:
    """Start so many reads of one user, which wait for the store's answer."""
    slow.answers.clear()
    reads = [reading(cached) for _ in range(number)]
    await turns()
    return reads


# One read for many


@pytest.mark.parametrize("token", [ANN, None])
async def test_a_thousand_reads_at_once_are_one(
    slow: SlowStore, cached: CachedStore, token: AccessToken | None
) -> None:
    if token is not None:
        await slow.put_access_token("x", "ann", token)
    reads = await waiting(slow, cached, 1000)
    slow.answers.set()
    assert await asyncio.gather(*reads) == [token] * 1000
    assert slow.reads == 1
    assert await cached.get_access_token("x", "ann") == token
    assert slow.reads == (1 if token else 2), "that there is no token is not kept"


async def test_different_users_do_not_wait_for_each_other(slow: SlowStore, cached: CachedStore) -> None:
    for number in range(10):
        await slow.put_access_token("x", f"user {number}", AccessToken(f"key {number}", "s"))
    reads = [reading(cached, f"user {number}") for number in range(10)]
    assert [token and token.key for token in await asyncio.gather(*reads)] == [f"key {n}" for n in range(10)]
    assert slow.reads == 10


@pytest.mark.parametrize("who", [slice(0, 1), slice(5, 6), slice(0, 999)])
async def test_cancelled_readers_leave_the_others_their_answer(
    slow: SlowStore, cached: CachedStore, who: slice
) -> None:
    await slow.put_access_token("x", "ann", ANN)
    reads = await waiting(slow, cached, 1000)
    for read in reads[who]:
        read.cancel()
    await turns()
    slow.answers.set()
    left = [read for read in reads if read not in reads[who]]
    assert await asyncio.gather(*left) == [ANN] * len(left)
    assert all(read.cancelled() for read in reads[who])
    assert slow.reads == 1


async def test_a_read_whose_only_reader_was_cancelled_serves_the_next(
    slow: SlowStore, cached: CachedStore
) -> None:
    await slow.put_access_token("x", "ann", ANN)
    (read,) = await waiting(slow, cached)
    read.cancel()
    await turns()
    slow.answers.set()
    await turns()
    assert await cached.get_access_token("x", "ann") == ANN
    assert slow.reads == 1


# What fails


async def test_a_failed_read_fails_those_who_wait_and_is_not_kept(
    slow: SlowStore, cached: CachedStore
) -> None:
    await slow.put_access_token("x", "ann", ANN)
    slow.fails = True
    reads = await waiting(slow, cached, 100)
    slow.answers.set()
    errors = await asyncio.gather(*reads, return_exceptions=True)
    assert len({id(error) for error in errors}) == 100, "one error in many tasks mixes up their tracebacks"
    for error in errors:
        assert isinstance(error, StoreUnavailable)
        assert str(error) == "Redis did not do it within 2 s"
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert names.count("get_access_token") == 2, "the cache's and the store's, and no other reader's"
    assert slow.reads == 1
    slow.fails = False
    assert await cached.get_access_token("x", "ann") == ANN
    assert slow.reads == 2


class OddError(Exception):
    """An error that cannot be made again from its message, like those of some drivers."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


async def test_an_error_of_another_library_comes_out_as_it_is() -> None:
    class FarStore(MemoryStore):
        async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
            await asyncio.sleep(0)
            raise OddError(f"{provider} has no {user}", code=7)

    cached = CachedStore(FarStore())
    for error in await asyncio.gather(*(reading(cached) for _ in range(3)), return_exceptions=True):
        assert isinstance(error, OddError)
        assert (str(error), error.code) == ("x has no ann", 7)
        frames = traceback.extract_tb(error.__traceback__)
        assert frames[-1].filename == __file__, "where it came from does not show"


async def test_a_failed_read_without_a_reader_is_not_reported(slow: SlowStore, cached: CachedStore) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    slow.fails = True
    (read,) = await waiting(slow, cached)
    read.cancel()
    await turns()
    slow.answers.set()
    await turns()
    gc.collect()
    await turns()
    assert slow.reads == 1
    assert complaints == []


async def test_after_a_failed_put_the_token_is_read_again(slow: SlowStore, cached: CachedStore) -> None:
    await cached.put_access_token("x", "ann", ANN)
    slow.fails = True
    with pytest.raises(StoreUnavailable):
        await cached.put_access_token("x", "ann", BOB)
    with pytest.raises(StoreUnavailable):
        await cached.get_access_token("x", "ann")
    slow.fails = False
    assert await cached.get_access_token("x", "ann") == ANN


async def test_after_a_cancelled_put_the_token_is_read_again(slow: SlowStore, cached: CachedStore) -> None:
    await cached.put_access_token("x", "ann", ANN)
    slow.answers.clear()
    put = asyncio.ensure_future(cached.put_access_token("x", "ann", BOB))
    await turns()
    put.cancel()
    await turns()
    slow.answers.set()
    assert await cached.get_access_token("x", "ann") == ANN
    assert slow.reads == 1


# What is written


async def test_written_tokens_are_known_and_discarded_ones_gone_without_a_read(
    slow: SlowStore, cached: CachedStore
) -> None:
    await cached.put_access_token("x", "ann", ANN)
    assert await cached.get_access_token("x", "ann") == ANN
    assert await cached.replace_access_token("x", "ann", ANN.key, BOB) is True
    assert await cached.get_access_token("x", "ann") == BOB
    assert slow.reads == 0
    assert await cached.discard_access_token("x", "ann", "another key") is False
    assert await cached.get_access_token("x", "ann") == BOB
    assert await cached.discard_access_token("x", "ann", BOB.key) is True
    assert await cached.get_access_token("x", "ann") is None


async def test_a_replacement_that_fails_makes_the_token_read_again(
    slow: SlowStore, cached: CachedStore
) -> None:
    await cached.put_access_token("x", "ann", ANN)
    await slow.put_access_token("x", "ann", BOB)  # by another process
    assert await cached.get_access_token("x", "ann") == ANN, "its time is not up"
    assert await cached.replace_access_token("x", "ann", ANN.key, AccessToken("third", "s")) is False
    assert await cached.get_access_token("x", "ann") == BOB


async def test_a_read_under_way_does_not_bring_the_old_token_back(
    slow: SlowStore, cached: CachedStore
) -> None:
    await slow.put_access_token("x", "ann", ANN)
    (before,) = await waiting(slow, cached)  # it has seen the old token
    put = asyncio.ensure_future(cached.put_access_token("x", "ann", BOB))
    await turns()
    meanwhile = reading(cached)
    await turns()
    slow.answers.set()
    assert {await before, await meanwhile} <= {ANN, BOB}
    await put
    for _ in range(2):
        assert await cached.get_access_token("x", "ann") == BOB
        await turns()


async def test_a_read_is_repeated_if_a_write_returned_meanwhile(cached: CachedStore, slow: SlowStore) -> None:
    await slow.put_access_token("x", "ann", ANN)
    (before,) = await waiting(slow, cached)
    await MemoryStore.put_access_token(slow, "x", "ann", BOB)
    assert await cached.discard_access_token("x", "ann", "another key") is False  # a write
    after = reading(cached)
    await turns()
    slow.answers.set()
    assert [await before, await after, await cached.get_access_token("x", "ann")] == [BOB] * 3


async def test_after_two_puts_at_once_the_token_is_read_again(clock: Clock) -> None:
    class Reordering(SlowStore):
        """Does the first put last, and answers it first."""

        second = asyncio.Event()

        async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
            if token == ANN:
                await self.second.wait()
                await MemoryStore.put_access_token(self, provider, user, token)
            else:
                await MemoryStore.put_access_token(self, provider, user, token)
                self.second.set()
                await turns(20)

    cached = CachedStore(Reordering(), clock=clock)
    await asyncio.gather(cached.put_access_token("x", "ann", ANN), cached.put_access_token("x", "ann", BOB))
    assert await cached.get_access_token("x", "ann") == ANN


# What others write


async def test_writes_of_others_show_after_the_ttl_and_a_first_token_at_once(
    slow: SlowStore, cached: CachedStore, clock: Clock
) -> None:
    assert await cached.get_access_token("x", "ann") is None
    await slow.put_access_token("x", "ann", ANN)
    assert await cached.get_access_token("x", "ann") == ANN
    await slow.put_access_token("x", "ann", BOB)
    clock.now += 4.9
    assert await cached.get_access_token("x", "ann") == ANN
    clock.now += 0.1
    assert await cached.get_access_token("x", "ann") == BOB
    await slow.discard_access_token("x", "ann")
    clock.now += 5
    assert await cached.get_access_token("x", "ann") is None


async def test_the_ttl_of_a_token_begins_with_its_read(
    slow: SlowStore, cached: CachedStore, clock: Clock
) -> None:
    await slow.put_access_token("x", "ann", ANN)
    (read,) = await waiting(slow, cached)
    clock.now += 4
    await MemoryStore.put_access_token(slow, "x", "ann", BOB)
    slow.answers.set()
    assert await read == ANN
    clock.now += 1
    assert await cached.get_access_token("x", "ann") == BOB


async def test_a_read_older_than_the_ttl_is_joined_by_no_reader(
    slow: SlowStore, cached: CachedStore, clock: Clock
) -> None:
    await slow.put_access_token("x", "ann", ANN)
    (first,) = await waiting(slow, cached)
    await MemoryStore.put_access_token(slow, "x", "ann", BOB)
    clock.now += 5
    second = reading(cached)
    await turns()
    assert slow.reads == 2
    slow.answers.set()
    assert [await first, await second, await cached.get_access_token("x", "ann")] == [ANN, BOB, BOB]


# Bounds, ends and what is refused


async def test_a_full_cache_drops_the_user_unused_for_longest(slow: SlowStore, clock: Clock) -> None:
    cached = CachedStore(slow, size=3, clock=clock)
    for user in "abc":
        await cached.put_access_token("x", user, ANN)
    await cached.get_access_token("x", "a")
    await cached.put_access_token("x", "d", ANN)
    for user in "acd":
        await cached.get_access_token("x", user)
    assert slow.reads == 0
    await cached.get_access_token("x", "b")
    assert slow.reads == 1


async def test_thousands_of_users_take_no_more_memory_than_the_size_allows(slow: SlowStore) -> None:
    cached = CachedStore(slow, size=100)
    for number in range(2000):
        await cached.get_access_token("x", f"nobody {number}")
        await cached.put_access_token("x", f"user {number}", ANN)
    held = [value for value in vars(cached).values() if hasattr(value, "__len__") and value is not slow]
    assert sum(len(value) for value in held) == 100


async def test_closing_the_cache_ends_its_reads_and_leaves_the_store_open(slow: SlowStore) -> None:
    async with CachedStore(slow) as cached:
        await cached.put_access_token("x", "ann", ANN)
        slow.answers.clear()
        read = reading(cached, "bob")
        await turns()
    with pytest.raises(StoreUnavailable, match="closed"):
        await read
    slow.answers.set()
    assert await slow.get_access_token("x", "ann") == ANN
    assert await cached.get_access_token("x", "ann") == ANN


async def test_pending_handshakes_go_to_the_store(slow: SlowStore, cached: CachedStore) -> None:
    assert await cached.add_pending("x", "token", b"1", ttl=60)
    held = await slow.get_pending("x", "token")
    assert held is not None
    assert await cached.swap_pending("x", "token", held, b"2") is not None
    assert await cached.get_pending("x", "token") == await slow.get_pending("x", "token")


async def test_a_store_without_bounds_always_has_a_slot(redis_url: str) -> None:
    async with RedisStore.from_url(redis_url, timeout=PATIENCE) as store, CachedStore(store).pending_slot():
        pass


async def test_a_store_of_tokens_alone_keeps_no_handshakes() -> None:
    class TokensOnly:
        """What a session needs, and no more."""

        put_access_token = MemoryStore.put_access_token
        get_access_token = MemoryStore.get_access_token
        replace_access_token = MemoryStore.replace_access_token
        discard_access_token = MemoryStore.discard_access_token
        users = MemoryStore.users

        def __init__(self) -> None:
            self._tokens: dict[str, dict[str, AccessToken]] = {}

    cached = CachedStore(TokensOnly())
    await cached.put_access_token("x", "ann", ANN)
    assert await cached.get_access_token("x", "ann") == ANN
    with pytest.raises(TypeError, match="TokensOnly keeps access tokens only"):
        await cached.add_pending("x", "token", b"1", ttl=60)


@pytest.mark.parametrize(
    ("option", "value"),
    [("size", 0), ("size", -1), ("ttl", -1), ("ttl", float("nan")), ("ttl", float("inf"))],
)
def test_a_size_is_one_or_more_and_a_ttl_a_number_of_seconds(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=option):
        CachedStore(MemoryStore(), **{option: value})


def test_one_cache_serves_one_loop_after_another() -> None:
    cached = CachedStore(MemoryStore())

    async def read_in_vain() -> None:
        task = reading(cached)
        await turns(1)
        task.cancel()

    asyncio.run(read_in_vain())
    assert asyncio.run(cached.get_access_token("x", "ann")) is None
