"""The way to a Redis: bounds on time and connections, and the few commands that a store is made of."""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from aiooauth1.errors import StoreCorrupt, StoreUnavailable
from aiooauth1.stores.redis_deadline import Deadline
from aiooauth1.stores.redis_trouble import trouble
from aiooauth1.stores.redis_way import Way


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from aiooauth1.stores.redis_way import Client


__all__ = ["NOTHING", "Call", "Link", "Swapped"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

NOTHING = b""  # what stands for no record in a swap: no record is empty

_FIRST_PAUSE = 0.01  # seconds before a command is repeated; each pause is twice the one before it
_LONGEST_PAUSE = 0.25
_SCANNED = 500  # how many keys a Redis looks at in one step
_GONE = b"\0gone:"


class _ForKey(Protocol[_T_co]):
    def __call__(self, call: Call, *, key: bytes) -> Awaitable[_T_co]: ...


class _Script:
    """A Lua script, and the name that a Redis knows it by once it has seen it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


# By script also where GET would do: a Cluster client may send a GET to a replica, which knows less.
_READ = _Script("return redis.call('GET', KEYS[1])")
# Put ARGV[2] in place of ARGV[1], with the rest of ARGV as options of SET. Done again it does no more: the
# new octets are there already, or something newer is, which it leaves alone.
_SWAP = _Script(
    "local held = redis.call('GET', KEYS[1]) or ''\n"
    "if held ~= ARGV[2] then if held ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[2], unpack(ARGV, 3)) end return 1"
)


class Swapped(NamedTuple):
    """How a swap went."""

    done: bool
    lost: bool
    """Whether an earlier answer got lost: if it is not done, it may have been done and then overwritten."""


class Link:
    """A client of redis-py, bounded.

    Args:
        client: The asyncio client, standalone or Cluster.
        timeout: How many seconds an operation may take, all its commands and their repetitions together.
    """

    def __init__(self, client: Client, timeout: float) -> None:
        self._way = Way(client)
        self._timeout = timeout
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def aclose(self, *, client: bool) -> None:
        """Take no more operations, and close the client too if `client`."""
        self._closed = True
        if client:
            await self._way.client.aclose()

    async def within_deadline(self, operation: Callable[[Call], Awaitable[_T]]) -> _T:
        """Run an operation.

        Raises:
            StoreUnavailable: If it was refused, or not done in time.
            StoreCorrupt: If a stored record is not one of ours.
            RuntimeError: If this is not the event loop that the client was first used in.
        """
        self._check()
        deadline = Deadline(self._timeout)
        call = Call(self._way, deadline)
        failure: StoreUnavailable | StoreCorrupt
        try:
            with deadline:
                return await operation(call)
        except TimeoutError:
            why = call.trouble or "no answer came"
            failure = StoreUnavailable(f"Redis did not do it within {self._timeout:g} s: {why}")
        except (StoreUnavailable, StoreCorrupt) as inner:
            failure = type(inner)(str(inner))
        # Raised anew: what went before has records in its frames and commands in its messages.
        raise failure

    async def each(self, keys: Iterable[bytes], operation: _ForKey[_T]) -> list[_T]:
        """Run an operation for each key, all at once, and return what they return.

        Raises:
            StoreUnavailable: As `within_deadline`, if one of them fails.
            StoreCorrupt: Likewise.
        """
        tasks = [self.within_deadline(partial(operation, key=key)) for key in keys]
        outcomes: list[_T] = []
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
            outcomes.append(outcome)
        return outcomes

    async def scan(self, pattern: bytes) -> AsyncIterator[list[bytes]]:
        """Iterate over the keys that match, each once, some at a time.

        Raises:
            StoreUnavailable: If there is no answer in time to a step of it.
        """
        seen: set[bytes] = set()
        for target in await self.within_deadline(Call.primaries):
            cursor = None
            while cursor != 0:
                step = ("SCAN", cursor or 0, "MATCH", pattern, "COUNT", _SCANNED)
                cursor, keys = await self.within_deadline(partial(Call.scan, step=step, target=target))
                fresh = [key for key in dict.fromkeys(keys) if key not in seen]
                seen.update(fresh)
                yield fresh

    def _check(self) -> None:
        if self._closed:
            raise StoreUnavailable("this RedisStore is closed")
        running = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = running
        elif self._loop is not running:
            raise RuntimeError("this RedisStore belongs to another event loop: make one in each")


class Call:
    """The commands of one operation.

    Args:
        way: The way to Redis.
        deadline: The end of the operation.
    """

    def __init__(self, way: Way, deadline: Deadline) -> None:
        self._way = way
        self._deadline = deadline
        self.trouble: str | None = None

    async def read(self, key: bytes) -> bytes | None:
        """Return the record of the key, None if there is none."""
        stored = await self._get(key)
        return None if stored is not None and stored.startswith(_GONE) else stored

    async def read_raw(self, key: bytes) -> bytes:
        """Return what the key holds, were it what stands for a record that is gone; `NOTHING` if nothing."""
        return await self._get(key) or NOTHING

    async def swap(self, key: bytes, old: bytes, new: bytes, *options: str | int) -> Swapped:
        """Put new octets in place of the old; done too where they are there already."""
        value, lost = await self._until_answered(lambda: self._run(_SWAP, key, old, new, *options), key)
        if value not in {0, 1}:
            raise StoreUnavailable("redis-py gave the answer to another question")
        return Swapped(value == 1, lost)

    async def swap_surely(self, key: bytes, old: bytes, new: bytes, *options: str | int) -> bool:
        """Likewise, where one must not do it again if it may have been done and then overwritten."""
        done, lost = await self.swap(key, old, new, *options)
        if lost and not done:
            raise StoreUnavailable("the answer to a write got lost, and another has written there since")
        return done

    async def remove(self, key: bytes, old: bytes) -> bool:
        """Take the record away if it is that; say whether it went.

        What stands for it a moment makes this repeatable, which DEL is not: the one who took it away knows.
        """
        milliseconds = math.ceil(2000 * self._deadline.seconds)  # longer than anybody repeats it
        return await self.swap_surely(key, old, _GONE + os.urandom(16), "PX", milliseconds)

    async def primaries(self) -> list[dict[str, Any]]:
        """Return where to send what is for all primaries: options of a command for each."""
        primaries, _ = await self._until_answered(self._way.primaries)
        return list(primaries)

    async def scan(self, step: tuple[Any, ...], target: dict[str, Any]) -> tuple[int, list[bytes]]:
        """Do one step of a scan; return the next one's cursor, 0 if this was the last, and the keys found."""
        (cursor, keys), _ = await self._until_answered(
            lambda: self._way.client.execute_command(*step, **target)
        )
        # A Cluster client gives a cursor for each node that was asked, which was one.
        return int(next(iter(cursor.values())) if isinstance(cursor, dict) else cursor), keys

    async def _get(self, key: bytes) -> bytes | None:
        value, _ = await self._until_answered(lambda: self._run(_READ, key), key)
        if value is None or isinstance(value, bytes):
            return value
        raise StoreUnavailable("redis-py gave the answer to another question")

    async def _run(self, script: _Script, key: bytes, *args: bytes | str | int) -> Any:
        try:
            return await self._way.client.execute_command("EVALSHA", script.sha, 1, key, *args)
        except Exception as error:
            if trouble(error).code != "NOSCRIPT":
                raise
        # A Redis that started again has forgotten its scripts. From now on it knows this one.
        return await self._way.client.execute_command("EVAL", script.text, 1, key, *args)

    async def _until_answered(
        self, command: Callable[[], Awaitable[Any]], key: bytes | None = None
    ) -> tuple[Any, bool]:
        # The reply, and whether an earlier one got lost. The deadline ends it, if nothing else does.
        pause, lost = _FIRST_PAUSE, False
        while True:
            async with self._way.limit(key):
                try:
                    reply = await command()
                except Exception as error:  # noqa: BLE001 - whatever redis-py lets out when a connection goes
                    problem = trouble(error)
                else:
                    self._deadline.check()
                    return reply, lost
            self._deadline.check()
            if problem.code == "WRONGTYPE":
                raise StoreCorrupt("a stored record is not one of ours: it is not even a string of Redis")
            await self._way.mend(problem.code)
            if not problem.passing:
                raise StoreUnavailable(problem.says)
            self.trouble = problem.says
            lost = lost or problem.maybe_done
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
