"""A journal in Redis: for a run on one machine, and for workers on any number of them. Extra: `redis`."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any, Self, cast

from aiooauth1.errors import StoreUnavailable
from aiooauth1.posting.journal import Entry, JournalReport, KeptWindow, input_changed
from aiooauth1.posting.redis_lease import RunLease
from aiooauth1.posting.redis_scripts import BEGIN, HEAD, PUT, STATES, Runner
from aiooauth1.stores.keys import record_key


if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis, RedisCluster

    from aiooauth1.posting.journal import InputChanged, Numbered, State
    from aiooauth1.posting.post import Outcome


__all__ = ["RedisJournal"]

_BATCH_SIZE = 500  # posts in one round trip
_MAX_ERROR = 200  # bytes
_NOTHING = bytes(8)
_LOST = 3  # BEGIN's result if another run has locked the journal
_BY_LETTER = {letter: state for state, letter in STATES.items()}


class RedisJournal:
    """A journal in a Redis server, or in one node of a Redis Cluster.

    Set `appendonly yes` and `appendfsync always` in Redis. With `everysec`, a Redis that is killed may lose
    its last two seconds, and the posts of that time are sent again. A warning is logged once if Redis has
    other settings. Services that hide their settings cause no warning.

    Args:
        redis: A client of `redis.asyncio`, which you close, or a URL.
        run: The run's name, not empty. Each run has a journal of its own. The keys of the run `monday` are
            `aiooauth1:{posting:monday}:*`; delete them when the journal is not needed any more.
        prefix: The prefix of all keys.

    Raises:
        ImportError: If redis-py is not installed.
        TypeError: If `redis` or `run` has a wrong type.
        ValueError: If the run's name is empty, or the client decodes responses.
    """

    def __init__(self, redis: Redis | RedisCluster | str, run: str, *, prefix: str = "aiooauth1:") -> None:
        if not isinstance(run, str):
            raise TypeError(f"run must be a str, not {type(run).__name__}")
        if not run:
            raise ValueError("run must not be empty: name the run")
        self._owns_client = isinstance(redis, str)
        client: Any = redis
        if isinstance(redis, str):
            from redis.asyncio import Redis as Client  # noqa: PLC0415  loaded only for a URL

            client = Client.from_url(redis)
        if not hasattr(client, "get_encoder"):
            raise TypeError(f"redis must be a client of redis.asyncio or a URL, not {type(redis).__name__}")
        if client.get_encoder().decode_responses:
            raise ValueError("RedisJournal keeps bytes: pass a client without decode_responses=True")
        self.runner: Runner = Runner(client, f"{prefix}{{{record_key('posting', run)}}}:".encode())
        self._lease = RunLease(self.runner)
        self._extent = 0
        self._waiting: deque[tuple[tuple[object, ...], Numbered | None, asyncio.Future[None]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<RedisJournal {self.runner.prefix.decode()}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def open(self) -> int:
        """Lock the journal for one run, and return how many posts of the input earlier runs reached.

        The lock of a killed run expires after 15 seconds: this waits for that.

        Raises:
            RuntimeError: If another run has locked it.
            StoreUnavailable: If Redis does not answer.
        """
        if self._lease.owner:
            raise RuntimeError(f"{self!r} is in use: one run at a time")
        try:
            if not await self._lease.acquire():
                raise RuntimeError(f"{self!r} is in use by another run: wait for its end")  # noqa: TRY301
            await self.runner.warn_if_not_durable()
            length = await self._ask(lambda: self.runner.client.strlen(self.runner.prefix + b"input"))
        except BaseException:
            await self.release()
            raise
        self._extent = length // 8
        return self._extent

    async def look_up(self, posts: Sequence[Numbered]) -> list[Entry | None]:
        """Return the entry of each of some consecutive posts, or None for a post without one.

        Raises:
            InputChanged: If the input had another post at that position, or the same id at another position.
            StoreUnavailable: If Redis does not answer.
        """
        if not posts or posts[0].position >= self._extent:
            return [None] * len(posts)
        client, runner = self.runner.client, self.runner
        first = posts[0].position * 8
        marks = await self._ask(
            lambda: client.getrange(runner.prefix + b"input", first, first + 8 * len(posts) - 1)
        )
        names = [one.post.id.encode("utf-8", "surrogatepass") for one in posts]
        entries = await self._ask(lambda: client.hmget(runner.entries, names))
        found: list[Entry | None] = []
        for number, (one, entry) in enumerate(zip(posts, entries, strict=True)):
            mark = marks[8 * number : 8 * number + 8]
            if entry is None and mark in {b"", _NOTHING}:
                found.append(None)
                continue
            if entry is None or entry[1:17] != one.digest or mark != one.digest[:8]:
                raise _changed(one)
            state = cast("State", _BY_LETTER[chr(entry[0])])
            status = int(entry[30:HEAD]) or None
            found.append(
                Entry(state, status, entry[HEAD:].decode("utf-8", "replace"), int(entry[17:30]) / 1000)
            )
        return found

    async def begin(self, numbered: Numbered) -> None:
        """Record that a post is about to be sent. It is in Redis when this returns.

        Raises:
            InputChanged: If its id belongs to another post.
            RuntimeError: If another run has locked the journal since.
            StoreUnavailable: If Redis does not answer.
        """
        await self._written((_id(numbered), numbered.digest, numbered.position, self._lease.owner), numbered)

    async def finish(self, numbered: Numbered, outcome: Outcome) -> None:
        """Record how a post ended. It is in Redis when this returns.

        Raises:
            StoreUnavailable: If Redis does not answer.
        """
        error = error_text(outcome.error)
        arguments = _id(numbered), STATES[outcome.status], f"{outcome.http_status or 0:03d}", error
        await self._written(arguments, None)

    async def keep_windows(self, windows: Sequence[KeptWindow]) -> None:
        """Store rate-limit windows; each replaces an earlier one of the same key.

        Raises:
            StoreUnavailable: If Redis does not answer.
        """
        fields = {one.key: json.dumps([one.until, one.value]) for one in windows}
        await self._ask(lambda: self.runner.client.hset(self.runner.prefix + b"windows", mapping=fields))

    async def kept_windows(self, now: float, most: int) -> list[KeptWindow]:
        """Return the rate-limit windows that have not reset yet, the latest reset first.

        Raises:
            StoreUnavailable: If Redis does not answer.
        """
        client, key = self.runner.client, self.runner.prefix + b"windows"
        fields = await self._ask(lambda: client.hgetall(key))
        windows = [KeptWindow(name.decode(), *json.loads(field)) for name, field in fields.items()]
        current = sorted((one for one in windows if one.until > now), key=lambda one: -one.until)[:most]
        await self._ask(lambda: client.delete(key))
        if current:
            await self.keep_windows(current)
        return current

    async def release(self) -> None:
        """Unlock the journal at the end of the run."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        await self._lease.release()

    async def report(self) -> JournalReport:
        """Count the posts by state, and list those in doubt.

        Raises:
            StoreUnavailable: If Redis does not answer.
        """
        client, prefix = self.runner.client, self.runner.prefix
        counts = await self._ask(lambda: client.hgetall(prefix + b"counts"))
        doubt = await self._ask(lambda: client.smembers(prefix + b"doubt"))
        numbers = {_BY_LETTER[letter.decode()]: int(count) for letter, count in counts.items()}
        return JournalReport(
            **{state: numbers.get(state, 0) for state in STATES},
            in_doubt=tuple(sorted(name.decode("utf-8", "surrogatepass") for name in doubt)),
        )

    async def aclose(self) -> None:
        """Unlock the journal, and close the client if it was made from a URL."""
        if self._lease.owner:
            await self.release()
        if self._owns_client:
            await self.runner.client.aclose()

    async def _ask(self, command: Any) -> Any:
        return await self.runner.retry(command)

    async def _written(self, arguments: tuple[object, ...], numbered: Numbered | None) -> None:
        if not self._lease.owner:
            raise RuntimeError(f"{self!r} is not open: open() it first")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arguments, numbered, answer))
        if self._writing is None:
            self._writing = asyncio.create_task(
                self._write_all()
            )  # a task, so that a cancelled caller does not interrupt it
        await answer

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_BATCH_SIZE, len(self._waiting)))]
                begins = [one for one in batch if one[1] is not None]
                ends = [one for one in batch if one[1] is None]
                try:
                    if ends:
                        await self.runner.run_all(PUT, [arguments for arguments, _, _ in ends])
                    begun = await self.runner.run_all(BEGIN, [one[0] for one in begins]) if begins else []
                except StoreUnavailable as error:
                    for _, _, answer in batch:
                        if not answer.done():
                            answer.set_exception(StoreUnavailable(str(error)))
                    continue
                for (_, numbered, answer), result in zip(
                    [*ends, *begins], [1] * len(ends) + begun, strict=True
                ):
                    if answer.done():
                        continue
                    if result == 1 or numbered is None:
                        answer.set_result(None)
                    elif result == _LOST:
                        answer.set_exception(
                            RuntimeError(f"{self!r} was taken by another run: one run at a time")
                        )
                    else:
                        answer.set_exception(_changed(numbered))
        finally:
            self._writing = None


def error_text(error: Exception | None) -> bytes:
    """Return an error's type and message, shortened. Messages of errors hold no secrets."""
    if error is None:
        return b""
    return f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:_MAX_ERROR]


def _id(numbered: Numbered) -> bytes:
    return numbered.post.id.encode("utf-8", "surrogatepass")


def _changed(one: Numbered) -> InputChanged:
    return input_changed(
        f"post {one.position + 1} of the input, {one.post.id!r}, differs from the one that the journal began"
        " with, or was sent already"
    )
