"""The store in memory keeps the contract of all stores, within its bounds of records and bytes."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aiooauth1 import AccessToken
from aiooauth1.errors import TooManyHandshakes
from aiooauth1.stores import MemoryStore, put_access_tokens
from aiooauth1.stores.memory import ExpiringDict
from aiooauth1.testing.store_contract import BoundedContract, StoreContract


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class TestMemoryStore(StoreContract, BoundedContract):
    now = 1000.0

    @pytest.fixture
    async def store(self) -> AsyncIterator[MemoryStore]:
        async with MemoryStore(clock=lambda: self.now) as store:
            yield store

    @pytest.fixture
    async def bounded(self) -> AsyncIterator[MemoryStore]:
        async with MemoryStore(max_pending=3, clock=lambda: self.now) as store:
            yield store

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds


async def test_pending_records_are_bounded_in_bytes_too() -> None:
    now = 0.0
    store = MemoryStore(max_pending_bytes=30_000, clock=lambda: now)
    assert await store.add_pending("x", "a", b"a" * 12_000, ttl=60)
    assert await store.add_pending("x", "b", b"b" * 12_000, ttl=90)
    with pytest.raises(TooManyHandshakes):
        await store.add_pending("x", "c", b"c" * 12_000, ttl=60)
    held = await store.get_pending("x", "b")
    assert held is not None
    assert await store.swap_pending("x", "b", held, b"done") is not None
    assert await store.add_pending("x", "c", b"c" * 12_000, ttl=60)
    now = 60.0
    assert await store.add_pending("x", "d", b"d" * 29_000, ttl=60)


def test_a_bound_below_1_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        MemoryStore(max_pending=0)
    with pytest.raises(ValueError, match="must be 1 or more"):
        MemoryStore(max_pending_bytes=0)


async def test_many_tokens_are_put_one_by_one_in_a_store_without_bulk_puts() -> None:
    class Own:
        """A store with no more than the protocol asks for."""

        def __init__(self) -> None:
            self.inner = MemoryStore()
            self.put_access_token = self.inner.put_access_token

    tokens = {f"user {number}": AccessToken(f"k{number}", "s") for number in range(250)}
    own = Own()
    await put_access_tokens(own, "x", tokens)  # type: ignore[arg-type]  # not all of the protocol
    assert {user async for user in own.inner.users("x")} == set(tokens)
    assert await own.inner.get_access_token("x", "user 7") == tokens["user 7"]


def test_each_value_expires_by_its_own_ttl() -> None:
    """Against a dict that looks at all of them each time, with times to live of every kind."""
    dice = random.Random(5849)  # noqa: S311 - the same values each time
    now = 0.0
    values = ExpiringDict(lambda: now)
    model: dict[bytes, tuple[float, bytes]] = {}
    for number in range(3000):
        key = b"key %d" % dice.randrange(200)
        value = b"value %d" % number
        if values.get(key) is None:
            ttl = dice.choice([0.5, 60.0, 60.0, 60.0, dice.uniform(0.1, 100)])
            values.add(key, value, ttl)
            model[key] = (now + ttl, value)
        elif number % 3:
            values.replace(key, value)
            model[key] = (model[key][0], value)
        now += dice.choice([0.0, 0.01, dice.random()])
        model = {key: held for key, held in model.items() if held[0] > now}
        assert len(values) == len(model)
        for key, (_, held) in dice.sample(sorted(model.items()), min(5, len(model))):
            assert values.get(key) == held
    now += 1000
    assert len(values) == 0


MEASURE = """
import asyncio, psutil
from aiooauth1 import MemoryStore

now = 0.0

async def main():
    store = MemoryStore(clock=lambda: now)
    record = bytes(390)
    before = psutil.Process().memory_info().rss
    for number in range(100_000):
        name = f"rt-{number:024}"
        async with store.pending_slot():
            assert await store.add_pending("x", name, record + name.encode(), ttl=600)
    print((psutil.Process().memory_info().rss - before) / 2**20)

asyncio.run(main())
"""


def test_100000_abandoned_handshakes_take_60_mib() -> None:
    done = subprocess.run(  # noqa: S603 - our own program, in a fresh process
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, timeout=50
    )
    taken = float(done.stdout)
    assert 390 * 100_000 / 2**20 < taken <= 60, "MiB"
