"""A store that fails where a test wants it to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiooauth1 import StoreUnavailable


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Container

    from aiooauth1.credentials import AccessToken
    from aiooauth1.stores import Held, TokenStore


__all__ = ["FaultyStore"]


@dataclass(slots=True)
class FaultyStore:
    """A store in front of another.

    Attributes:
        store: The other one.
        fails: The numbers of the operations that fail, counted from 1, or their names.
        answer_lost: Whether what fails was done all the same, and only the answer got lost.
        pauses: How often each operation gives way to other tasks.
        done: The names of the operations that were asked for, in order.
    """

    store: TokenStore
    fails: Container[int | str] = ()
    answer_lost: bool = False
    pauses: int = 0
    done: list[str] = field(default_factory=list)

    async def _do(self, name: str, *args: Any, **options: Any) -> Any:
        self.done.append(name)
        fails = len(self.done) in self.fails or name in self.fails
        for _ in range(self.pauses):
            await asyncio.sleep(0)
        operation: Awaitable[Any] = getattr(self.store, name)(*args, **options)
        if not fails:
            return await operation
        if self.answer_lost:
            await operation
        else:
            operation.close()  # type: ignore[attr-defined]  # it is a coroutine
        raise StoreUnavailable("the store does not answer")

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        await self._do("put_access_token", provider, user, token)

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        held: AccessToken | None = await self._do("get_access_token", provider, user)
        return held

    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        return bool(await self._do("replace_access_token", provider, user, old_key, token))

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        return bool(await self._do("discard_access_token", provider, user, key))

    def users(self, provider: str) -> AsyncIterator[str]:
        return self.store.users(provider)

    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        return bool(await self._do("add_pending", provider, request_token, value, ttl=ttl))

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        held: Held | None = await self._do("get_pending", provider, request_token)
        return held

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        held: Held | None = await self._do("swap_pending", provider, request_token, old, value)
        return held
