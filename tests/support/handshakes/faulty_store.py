"""A store that fails, or kills its process, where a test wants it to."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiooauth1 import StoreUnavailable


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container

    from aiooauth1.stores import TokenStore


def _forward(name: str) -> Any:
    async def call(self: FaultyStore, *args: Any, **options: Any) -> Any:
        return await self._do(name, *args, **options)

    return call


@dataclass(slots=True)
class FaultyStore:
    """A store in front of another.

    Attributes:
        store: The other store.
        fails: The numbers of the operations that fail, counted from 1, or their names.
        answer_lost: Whether an operation that fails is done, and only its answer is lost.
        pauses: How often each operation gives way to other tasks.
        dies_at: The number of the operation at which the process dies; 0 for none.
        dies_after: Whether that operation is done before.
        done: The names of the operations that were asked for, in order.
    """

    store: TokenStore
    fails: Container[int | str] = ()
    answer_lost: bool = False
    pauses: int = 0
    dies_at: int = 0
    dies_after: bool = False
    done: list[str] = field(default_factory=list)

    async def _do(self, name: str, *args: Any, **options: Any) -> Any:
        self.done.append(name)
        is_last = len(self.done) == self.dies_at
        if is_last and not self.dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        fails = len(self.done) in self.fails or name in self.fails
        for _ in range(self.pauses):
            await asyncio.sleep(0)
        if not fails or self.answer_lost:
            answer = await getattr(self.store, name)(*args, **options)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        if fails:
            raise StoreUnavailable("the store does not answer")
        return answer

    put_access_token = _forward("put_access_token")
    get_access_token = _forward("get_access_token")
    replace_access_token = _forward("replace_access_token")
    discard_access_token = _forward("discard_access_token")
    add_pending = _forward("add_pending")
    get_pending = _forward("get_pending")
    swap_pending = _forward("swap_pending")

    def users(self, provider: str) -> AsyncIterator[str]:
        return self.store.users(provider)
