"""Readers and writers of a store, while its records are re-encrypted."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from aiooauth1 import AccessToken


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiooauth1.stores import AccessTokenStore


__all__ = ["StoreLoad", "token_of"]


def token_of(user: str, version: int = 0) -> AccessToken:
    return AccessToken(f"key {version} of {user}", f"secret {version} of {user}")


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
