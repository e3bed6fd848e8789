"""An open SQLite file, in which every statement is a transaction of its own."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol


if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Iterator


__all__ = ["Connection", "Database"]


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
        """End the transaction without having done anything."""

    async def close(self) -> None:
        """Close it, after what runs there."""


class _Parameters:
    """The values of one statement, which show in no log, and fall away with the one who waits for it."""

    __slots__ = ("_values",)

    def __init__(self, values: tuple[object, ...]) -> None:
        self._values: tuple[object, ...] | None = values

    def __repr__(self) -> str:
        return "(…)"  # aiosqlite logs the call, and what is bound may be a secret

    def __len__(self) -> int:
        return len(self._living())

    def __getitem__(self, index: int) -> object:
        return self._living()[index]

    def __iter__(self) -> Iterator[object]:
        return iter(self._living())

    def drop(self) -> None:
        """Forget the values: nobody waits for the statement, so it is not to run if it has not yet.

        Behind a lock, the statements of those who gave up would keep those of the living waiting.
        """
        self._values = None

    def _living(self) -> tuple[object, ...]:
        # SQLite's thread comes here when the statement's turn has come, to bind the values.
        if (values := self._values) is None:
            raise sqlite3.OperationalError("nobody waits for this any more")
        return values


@dataclass(frozen=True, slots=True)
class Database:
    """The file as it is open: a connection that writes, and one that reads, and so never waits for a lock."""

    reader: Connection
    writer: Connection

    async def read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement that reads, and return its rows."""
        parameters = _Parameters(values)
        del values  # nor does what is bound show in the locals of a traceback
        try:
            return [tuple(row) for row in await self.reader.execute_fetchall(sql, parameters)]
        finally:
            parameters.drop()

    async def one(self, sql: str, *values: object) -> Any:
        """Run one statement that reads one value, and return that, None if there is none."""
        rows = await self.read(sql, *values)
        return rows[0][0] if rows else None

    async def write(self, sql: str, *values: object) -> int:
        """Run one statement that writes, a transaction of its own, and return how many rows it changed."""
        parameters = _Parameters(values)
        del values
        try:
            cursor = await self.writer.execute(sql, parameters)
            return int(cursor.rowcount)
        finally:
            parameters.drop()

    async def checkpoint(self) -> None:
        """Bring what stands in the log into the file, and empty the log, as far as others let us."""
        await self.writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    async def aclose(self) -> None:
        """Close both connections, after what runs there."""
        for connection in (self.reader, self.writer):
            await connection.close()
