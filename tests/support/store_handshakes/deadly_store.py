"""A store that counts its operations, and kills its process at the n-th."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from aiooauth1 import AccessToken, Held, TokenStore


__all__ = ["DeadlyStore"]


@dataclass(slots=True)
class DeadlyStore:
    """A store in front of another.

    Attributes:
        store: The other one.
        number: The operation at which the process dies, counted from 1; 0: it lives.
        after: Whether that operation is still done.
        done: The names of the operations that were asked for, in order.
        answered: How many of them were answered.
    """

    store: TokenStore
    number: int = 0
    after: bool = False
    done: list[str] = field(default_factory=list)
    answered: int = 0

    async def _do(self, name: str, operation: Awaitable[Any]) -> Any:
        self.done.append(name)
        if len(self.done) == self.number and not self.after:
            _die()
        answer = await operation
        self.answered += 1
        if len(self.done) == self.number:
            _die()
        return answer

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        await self._do("put_access_token", self.store.put_access_token(provider, user, token))

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        held: AccessToken | None = await self._do(
            "get_access_token", self.store.get_access_token(provider, user)
        )
        return held

    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        operation = self.store.replace_access_token(provider, user, old_key, token)
        return bool(await self._do("replace_access_token", operation))

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        operation = self.store.discard_access_token(provider, user, key)
        return bool(await self._do("discard_access_token", operation))

    def users(self, provider: str) -> AsyncIterator[str]:
        return self.store.users(provider)

    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        operation = self.store.add_pending(provider, request_token, value, ttl=ttl)
        return bool(await self._do("add_pending", operation))

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        held: Held | None = await self._do("get_pending", self.store.get_pending(provider, request_token))
        return held

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        operation = self.store.swap_pending(provider, request_token, old, value)
        held: Held | None = await self._do("swap_pending", operation)
        return held


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process that was killed goes on")
