"""Run each operation on Redis under one deadline, in the event loop that the client belongs to."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from aiooauth1._internal.lifecycle import LoopAffinity
from aiooauth1.errors import StoreCorrupt, StoreUnavailable
from aiooauth1.stores.redis.client import ClientAdapter
from aiooauth1.stores.redis.commands import Commands
from aiooauth1.stores.redis.deadline import Deadline


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from aiooauth1.stores.redis.client import Client


__all__ = ["Executor"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

_SCANNED = 500  # keys that Redis looks at in one step


class _ForKey(Protocol[_T_co]):
    def __call__(self, commands: Commands, *, key: bytes) -> Awaitable[_T_co]: ...


class Executor:
    """A client of redis-py, with a deadline for each operation.

    Args:
        client: The asyncio client, standalone or Cluster.
        timeout: How many seconds an operation may take, all its commands and their repetitions together.
    """

    def __init__(self, client: Client, timeout: float) -> None:
        self._adapter = ClientAdapter(client)
        self._timeout = timeout
        self._affinity = LoopAffinity(f"token store {self._adapter.address!r}")

    async def aclose(self, *, client: bool) -> None:
        """Refuse further operations, and close the client too if `client`.

        In a forked process the client stays open: its connections are the parent's, which goes on using them.

        Raises:
            RuntimeError: If the connections belong to another event loop, which alone can close them.
        """
        is_ours = self._affinity.close()
        if not client or not is_ours:
            return
        if self._affinity.is_bound and not self._affinity.is_current():
            raise RuntimeError("this RedisStore belongs to another event loop: close it there")
        await self._adapter.client.aclose()

    async def run(self, operation: Callable[[Commands], Awaitable[_T]]) -> _T:
        """Run an operation.

        Raises:
            StoreUnavailable: If it was refused, or not done in time.
            StoreCorrupt: If a stored record is not one of ours.
            RuntimeError: If this is not the event loop and process that the client was first used in.
        """
        self.check()
        deadline = Deadline(self._timeout)
        commands = Commands(self._adapter, deadline)
        failure: StoreUnavailable | StoreCorrupt
        try:
            with deadline:
                return await operation(commands)
        except TimeoutError:
            failure = self.late(commands.last_problem)
        except StoreUnavailable as inner:
            failure = StoreUnavailable(f"Redis at {self._adapter.address}: {inner}")
        except StoreCorrupt as inner:
            failure = StoreCorrupt(str(inner))
        # A new error: the first one has records in its frames and commands in its messages.
        raise failure

    async def run_for_keys(self, keys: Iterable[bytes], operation: _ForKey[_T]) -> list[_T]:
        """Run an operation for each key, all at once, and return what they return.

        Raises:
            StoreUnavailable: As `run`, if one of them fails.
            StoreCorrupt: Likewise.
        """
        tasks = [self.run(partial(operation, key=key)) for key in keys]
        outcomes: list[_T] = []
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
            outcomes.append(outcome)
        return outcomes

    async def scan(self, pattern: bytes) -> AsyncIterator[list[bytes]]:
        """Iterate over the keys that match, each once, in batches.

        Raises:
            StoreUnavailable: If a step has no reply in time.
        """
        seen: set[bytes] = set()
        for target in await self.run(Commands.primaries):
            cursor = None
            while cursor != 0:
                step = ("SCAN", cursor or 0, "MATCH", pattern, "COUNT", _SCANNED)
                cursor, keys = await self.run(partial(Commands.scan, step=step, target=target))
                fresh = [key for key in dict.fromkeys(keys) if key not in seen]
                seen.update(fresh)
                yield fresh

    def is_current(self) -> bool:
        """Say whether this is the event loop and process that the client was first used in."""
        return self._affinity.is_current()

    def node(self, key: bytes) -> str:
        """Return the name of the Cluster's node that holds a key; without a Cluster an empty text."""
        return self._adapter.node(key)

    def late(self, why: str | None = None) -> StoreUnavailable:
        """Return the error of an operation that ran out of time."""
        why = why or self._adapter.last_problem or "no answer came"
        return StoreUnavailable(
            f"Redis at {self._adapter.address} did not answer within {self._timeout:g} s: {why}"
        )

    def check(self) -> None:
        """Refuse use after the close, in another event loop or in a forked process.

        Raises:
            RuntimeError: In these cases.
        """
        self._affinity.check()
