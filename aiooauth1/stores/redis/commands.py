"""The few Redis commands that an operation is made of, each repeated until it is answered."""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from aiooauth1._internal.secrecy import SecretBytes
from aiooauth1.errors import StoreCorrupt, StoreUnavailable
from aiooauth1.stores.redis.client import Lane
from aiooauth1.stores.redis.errors import classify


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiooauth1.stores.redis.client import ClientAdapter
    from aiooauth1.stores.redis.deadline import Deadline


__all__ = ["ABSENT", "Commands", "Swapped"]

ABSENT = b""  # no record, in a swap: no record is empty

_FIRST_PAUSE = 0.01  # seconds before a command is repeated; each pause is twice the one before it
_LONGEST_PAUSE = 0.25
_TOMBSTONE = b"\0gone:"
_WRONG_TYPE = "a stored record is not one of ours: the key holds another Redis type"


class _Script(NamedTuple):
    """A Lua script, and the SHA-1 by which Redis calls it once it has seen it."""

    text: str
    sha: str


def _script(text: str) -> _Script:
    return _Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


# A script even where GET would do: a Cluster client may send a GET to a replica, which may lag behind.
_READ = _script("return redis.call('GET', KEYS[1])")
# Many reads in one round trip. A key that holds another type gives an error in its place.
_READ_MANY = _script(
    "local held = {}\nfor at, key in ipairs(KEYS) do held[at] = redis.pcall('GET', key) end\nreturn held"
)
# Replace ARGV[1] with ARGV[2]; the rest of ARGV are options of SET. Repeating it is harmless: it leaves the
# new bytes, or anything newer, as they are.
_SWAP = _script(
    "local held = redis.call('GET', KEYS[1]) or ''\n"
    "if held ~= ARGV[2] then if held ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[2], unpack(ARGV, 3)) end return 1"
)


class Swapped(NamedTuple):
    """How a swap went."""

    done: bool
    lost: bool
    """Whether an earlier reply was lost: then a swap that was not done may have been done and overwritten."""


class Commands:
    """The commands of one operation.

    Args:
        adapter: The client.
        deadline: The end of the operation.
    """

    def __init__(self, adapter: ClientAdapter, deadline: Deadline) -> None:
        self._adapter = adapter
        self._deadline = deadline
        self.last_problem: str | None = None

    async def read(self, key: bytes) -> bytes | None:
        """Return the record of the key, or None."""
        return _without_tombstone(await self._get(key))

    async def read_many(self, keys: Sequence[bytes], lane: Lane) -> list[SecretBytes | Exception | None]:
        """Return the record of each key, None where there is none, an error where it is not one of ours."""
        # A script takes keys of one hash slot only, of which a Cluster's node has thousands.
        ask = self._run_for_each if self._adapter.is_cluster and len(keys) > 1 else self._run_read_many
        values, _ = await self._until_answered(partial(ask, keys), keys[0], lane=lane)
        if not isinstance(values, list) or len(values) != len(keys):
            raise StoreUnavailable("redis-py returned a reply of the wrong type")
        return [_answer(value) for value in values]

    async def read_with_tombstone(self, key: bytes) -> bytes:
        """Return the raw value, a tombstone included; `ABSENT` if the key is absent."""
        return await self._get(key) or ABSENT

    async def swap(self, key: bytes, old: bytes, new: bytes, *options: str | int) -> Swapped:
        """Replace the old bytes with the new; done too if the new ones are stored already.

        Args:
            key: The record's key.
            old: The bytes that must be stored; `ABSENT` for none.
            new: The new bytes.
            options: Options of SET, such as the ttl.

        Raises:
            StoreUnavailable: If Redis refuses, or the reply is not one to this command.
        """
        value, lost = await self._until_answered(lambda: self._run(_SWAP, [key], old, new, *options), key)
        if value not in {0, 1}:
            raise StoreUnavailable("redis-py returned a reply of the wrong type")
        return Swapped(value == 1, lost)

    async def swap_or_unknown(self, key: bytes, old: bytes, new: bytes, *options: str | int) -> bool:
        """Swap, but refuse to guess where an earlier attempt may have been done and then overwritten.

        Raises:
            StoreUnavailable: As `swap`; and if it is not known whether it was done.
        """
        done, lost = await self.swap(key, old, new, *options)
        if lost and not done:
            raise StoreUnavailable("the reply to a write was lost, and another process has written since")
        return done

    async def remove(self, key: bytes, old: bytes) -> bool:
        """Delete the record if it is `old`; return whether it was deleted.

        A short-lived tombstone makes this repeatable, which DEL is not: only the caller whose tombstone is
        stored has deleted the record.
        """
        milliseconds = math.ceil(2000 * self._deadline.seconds)  # longer than any caller repeats it
        return await self.swap_or_unknown(key, old, _TOMBSTONE + os.urandom(16), "PX", milliseconds)

    async def primaries(self) -> list[dict[str, Any]]:
        """Return for each primary the options that send a command to it."""
        primaries, _ = await self._until_answered(self._adapter.primaries)
        return list(primaries)

    async def scan(self, step: tuple[Any, ...], target: dict[str, Any]) -> tuple[int, list[bytes]]:
        """Do one step of a scan; return the next one's cursor, 0 if this was the last, and the keys found."""
        (cursor, keys), _ = await self._until_answered(
            lambda: self._adapter.client.execute_command(*step, **target)
        )
        # A Cluster client returns a cursor for each node that was asked: here for one.
        return int(next(iter(cursor.values())) if isinstance(cursor, dict) else cursor), keys

    async def _get(self, key: bytes) -> SecretBytes | None:
        value, _ = await self._until_answered(lambda: self._run(_READ, [key]), key)
        if value is None or isinstance(value, bytes):
            return None if value is None else SecretBytes(value)
        raise StoreUnavailable("redis-py returned a reply of the wrong type")

    async def _run(self, script: _Script, keys: Sequence[bytes], *args: bytes | str | int) -> Any:
        client, given = self._adapter.client, (len(keys), *keys, *args)
        try:
            return await client.execute_command("EVALSHA", script.sha, *given)
        except Exception as error:
            if classify(error).code != "NOSCRIPT":
                raise
        # After a restart Redis has no scripts. EVAL makes it remember this one.
        return await client.execute_command("EVAL", script.text, *given)

    def _run_read_many(self, keys: Sequence[bytes]) -> Awaitable[Any]:
        return self._run(_READ_MANY, keys)

    async def _run_for_each(self, keys: Sequence[bytes]) -> Any:
        """Read keys of one node in one round trip; raise the first error that may soon be over."""
        pipeline = self._adapter.client.pipeline()
        for key in keys:
            pipeline.execute_command("EVAL", _READ.text, 1, key)
        values = await pipeline.execute(raise_on_error=False)
        for value in values:
            if isinstance(value, Exception) and classify(value).transient:
                raise value
        return values

    async def _until_answered(
        self, command: Callable[[], Awaitable[Any]], key: bytes | None = None, lane: Lane = Lane.OTHERS
    ) -> tuple[Any, bool]:
        # Returns the reply, and whether an earlier one was lost. At the latest the deadline ends the loop.
        pause, lost = _FIRST_PAUSE, False
        while True:
            async with self._adapter.permits(key, lane):
                try:
                    reply = await command()
                except Exception as error:  # noqa: BLE001 - redis-py raises many kinds when a connection is lost
                    problem = classify(error)
                else:
                    self._deadline.check()
                    self._adapter.last_problem = None
                    return reply, lost
            self._deadline.check()
            if problem.code == "WRONGTYPE":
                raise StoreCorrupt(_WRONG_TYPE)
            await self._adapter.recover(problem.code)
            if not problem.transient:
                raise StoreUnavailable(problem.message)
            self.last_problem = self._adapter.last_problem = problem.message
            lost = lost or problem.maybe_applied
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _without_tombstone(value: SecretBytes | None) -> SecretBytes | None:
    return None if value is not None and value.startswith(_TOMBSTONE) else value


def _answer(value: object) -> SecretBytes | Exception | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return _without_tombstone(SecretBytes(value))
    if isinstance(value, Exception):
        problem = classify(value)
        return StoreCorrupt(_WRONG_TYPE) if problem.code == "WRONGTYPE" else StoreUnavailable(problem.message)
    return StoreUnavailable("redis-py returned a reply of the wrong type")
