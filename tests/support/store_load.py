"""What every store does while its records are re-encrypted under readers and writers."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from aiooauth1 import AccessToken
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.encryption import Encryption


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiooauth1.stores import AccessTokenStore
    from aiooauth1.stores.redis import RedisStore
    from aiooauth1.stores.sqlite import SQLiteStore

    RotatingStore = RedisStore | SQLiteStore


__all__ = ["NAMES", "NEW", "OLD", "RotationContract", "StoreLoad", "read_all", "token_of"]

OLD, NEW, NAMES = (Encryption.generate_key() for _ in range(3))


def token_of(user: str, version: int = 0) -> AccessToken:
    return AccessToken(f"key {version} of {user}", f"secret {version} of {user}")


async def read_all(store: AccessTokenStore, users: Sequence[str]) -> list[AccessToken | BaseException | None]:
    """Read the users' tokens, some hundreds at a time."""
    found: list[AccessToken | BaseException | None] = []
    for start in range(0, len(users), 500):
        reads = (store.get_access_token("x", user) for user in users[start : start + 500])
        found += await asyncio.gather(*reads, return_exceptions=True)
    return found


class StoreLoad:
    """A hundred readers and a hundred writers, and which version of each user's token was written last."""

    def __init__(self, store: AccessTokenStore, users: list[str], pause: float) -> None:
        self._store = store
        self._users = users
        self._pause = pause
        self._dice = random.Random(20_260_101)  # noqa: S311  the same pauses each time
        self._goes_on = True
        self._reads = 0
        self._written: dict[str, int] = {}

    def held(self, user: str) -> AccessToken:
        """Return the token that the store must have."""
        return token_of(user, self._written.get(user, 0))

    async def during(self, rotate: Callable[[], Awaitable[int]]) -> int:
        """Read and write while it rotates; return how many records it re-encrypted."""
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(self._read(number * 97))
                group.create_task(self._write(number))
            rotated = await rotate()
            self._goes_on = False
        assert self._reads > 300
        assert sum(self._written.values()) > 300
        assert rotated + len(self._written) >= len(self._users), "records were left out"
        return rotated

    async def _read(self, at: int) -> None:
        while self._goes_on:
            user = self._users[at % len(self._users)]
            held = await self._store.get_access_token("x", user)
            assert held is not None, "a read found nothing"
            assert held.key.endswith(f" of {user}"), "another user's token"
            self._reads += 1
            at += 101
            await self._rest()

    async def _write(self, at: int) -> None:
        while self._goes_on:
            user = self._users[at % len(self._users)]
            version = self._written.get(user, 0) + 1
            if version % 2 == at % 2:
                await self._store.put_access_token("x", user, token_of(user, version))
            else:
                key = token_of(user, version - 1).key
                assert await self._store.replace_access_token("x", user, key, token_of(user, version))
            self._written[user] = version
            at += 100  # each writer has users of its own
            await self._rest()

    async def _rest(self) -> None:
        # Without it the rotation only waits for its turn.
        await asyncio.sleep(self._dice.random() * self._pause)


class RotationContract:
    """Tests of a store that can re-encrypt its records."""

    def opened(self, *keys: str) -> RotatingStore:
        """Open the store with these keys, the first of which encrypts, and with NAMES for its names."""
        raise NotImplementedError

    def break_three_records(self) -> None:
        """Overwrite three of the records."""
        raise NotImplementedError

    async def fill(self, users: Sequence[str]) -> None:
        """Store a token of each user under OLD."""
        async with self.opened(OLD) as store:
            for start in range(0, len(users), 500):
                tokens = {user: token_of(user) for user in users[start : start + 500]}
                await store.put_access_tokens("x", tokens)

    async def test_10000_records_are_rotated_under_100_readers_and_100_writers(self) -> None:
        users = [f"user {number}" for number in range(10_000)]
        progress: list[tuple[int, int]] = []
        await self.fill(users)
        async with self.opened(NEW, OLD) as store, self.opened(NEW, OLD) as rotator:
            load = StoreLoad(store, users, pause=0.2)
            await load.during(lambda: rotator.rotate(lambda done, total: progress.append((done, total))))
        assert progress == sorted(progress)
        assert progress[-1] == (10_000, 10_000)
        async with self.opened(NEW) as store:
            assert await read_all(store, users) == [load.held(user) for user in users], "a write was lost"
            assert {user async for user in store.users("x")} == set(users)
            assert await store.rotate() == 0
        async with self.opened(OLD) as store:
            for user in users[::97]:
                with pytest.raises(StoreCorrupt, match="not one of ours"):
                    await store.get_access_token("x", user)

    async def test_records_that_do_not_decrypt_keep_no_others_from_being_rotated(self) -> None:
        users = [f"user {number}" for number in range(250)]
        await self.fill(users)
        self.break_three_records()
        async with self.opened(NEW, OLD) as store:
            with pytest.raises(StoreCorrupt, match="3 of 250"):
                await store.rotate()
        async with self.opened(NEW) as store:
            held = await read_all(store, users)
        assert sum(isinstance(token, StoreCorrupt) for token in held) == 3
        assert sum(token == token_of(user) for user, token in zip(users, held, strict=True)) == 247
