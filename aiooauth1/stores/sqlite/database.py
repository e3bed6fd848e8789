"""An open SQLite file, in which every statement is atomic by itself."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from aiooauth1._internal.secrecy import SecretBytes, SecretText


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence


__all__ = ["Connection", "Database"]

_MOST = 200  # statements in one transaction, for which other processes wait


class Connection(Protocol):
    """**Protocol:** what is used of aiosqlite's connection."""

    @property
    def in_transaction(self) -> bool:
        """Whether it is inside a transaction."""

    def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> Awaitable[Any]:
        """Run a statement, and return its cursor."""

    def execute_fetchall(self, sql: str, parameters: Iterable[Any] | None = None) -> Awaitable[Iterable[Any]]:
        """Run a statement, and return all rows."""

    async def rollback(self) -> None:
        """Undo the transaction."""

    async def close(self) -> None:
        """Close it, after the statements under way."""


class _Parameters:
    """The values of one statement. No log shows them, and they are dropped when its caller gives up."""

    __slots__ = ("_values",)

    def __init__(self, values: tuple[object, ...]) -> None:
        self._values: tuple[object, ...] | None = values

    def __repr__(self) -> str:
        return "(…)"  # aiosqlite logs the call, and a value may be a secret

    def __len__(self) -> int:
        return len(self._living())

    def __getitem__(self, index: int) -> object:
        return self._living()[index]

    def __iter__(self) -> Iterator[object]:
        return iter(self._living())

    def drop(self) -> None:
        """Forget the values: no caller waits for the statement, so it must not run if it has not yet.

        While the file is locked, statements without a caller would delay those that have one.
        """
        self._values = None

    def _living(self) -> tuple[object, ...]:
        # SQLite's thread calls this when it binds the values, just before it runs the statement.
        if (values := self._values) is None:
            raise sqlite3.OperationalError("cancelled")
        return values


@dataclass(frozen=True, slots=True)
class _Write:
    """A queued statement, and the future of its caller."""

    run: Callable[[], Awaitable[int]]
    changed: asyncio.Future[int]
    alone: bool = False


class Database:
    """An open file: one connection writes, and one reads, which so never waits for a lock.

    Writes that come while an earlier one is being committed are committed next, in one transaction: with many
    writers a commit costs each of them little.

    Args:
        reader: The connection that reads.
        writer: The connection that writes.
    """

    def __init__(self, reader: Connection, writer: Connection) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: deque[_Write] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement that reads, and return its rows."""
        parameters = _Parameters(values)
        del values  # so that no traceback's locals show them
        try:
            rows = await self._reader.execute_fetchall(sql, parameters)
            return [tuple(map(_hidden, row)) for row in rows]
        finally:
            parameters.drop()

    async def one(self, sql: str, *values: object) -> Any:
        """Run one statement that reads one value, and return it, or None."""
        rows = await self.read(sql, *values)
        return rows[0][0] if rows else None

    async def write(self, sql: str, *values: object) -> int:
        """Run one statement that writes, and return how many rows it changed.

        When it returns, the write is on the disk.
        """
        parameters = _Parameters(values)
        del values
        try:
            return await self._in_turn(lambda: self._changed(sql, parameters))
        finally:
            parameters.drop()

    async def checkpoint(self) -> None:
        """Move the log into the file and empty it, as far as other processes allow."""
        await self._in_turn(self._checkpointed, alone=True)

    async def aclose(self) -> None:
        """Close both connections, after the statements under way."""
        if self._writing is not None and self._writing.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([self._writing])
        for connection in (self._reader, self._writer):
            await connection.close()

    async def _in_turn(self, run: Callable[[], Awaitable[int]], *, alone: bool = False) -> int:
        changed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Write(run, changed, alone))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await changed

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft()]
                while self._waiting and not (batch[0].alone or self._waiting[0].alone or len(batch) == _MOST):
                    batch.append(self._waiting.popleft())
                for write, answer in zip(batch, await self._answers(batch), strict=True):
                    if write.changed.done():  # its caller has given up
                        continue
                    if isinstance(answer, BaseException):
                        write.changed.set_exception(answer)
                    else:
                        write.changed.set_result(answer)
        finally:
            self._writing = None

    async def _answers(self, batch: list[_Write]) -> Sequence[int | BaseException]:
        """Run them, and return how many rows each changed, or the error that its caller gets."""
        try:
            if len(batch) == 1:
                return [await batch[0].run()]
            await self._writer.execute("BEGIN IMMEDIATE")
            try:
                # All are in the queue of SQLite's thread, in this order, before it answers the first.
                *answers, end = await asyncio.gather(
                    *[write.run() for write in batch], self._committed(), return_exceptions=True
                )
            except BaseException:  # the loop ends
                await self._writer.rollback()
                raise
            if isinstance(end, BaseException):
                # The commit failed, such as for a full disk: no caller is told of success.
                await self._writer.rollback()
                reason = next((answer for answer in answers if isinstance(answer, sqlite3.Error)), end)
                return [reason] * len(batch)
        except Exception as error:  # noqa: BLE001 - the callers get it
            return [error] * len(batch)
        return answers

    async def _changed(self, sql: str, parameters: _Parameters) -> int:
        cursor = await self._writer.execute(sql, parameters)
        return int(cursor.rowcount)

    async def _committed(self) -> int:
        await self._writer.execute("COMMIT")
        return 0

    async def _checkpointed(self) -> int:
        await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        return 0


def _hidden(value: Any) -> Any:
    if isinstance(value, bytes):
        return SecretBytes(value)
    # Another program may have written text in place of a record.
    return SecretText(value) if isinstance(value, str) else value
