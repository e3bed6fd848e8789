"""A journal in one SQLite file, with many writes in one commit. Extra: `sqlite`."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from aiooauth1._internal.sqlite import in_daemon_thread, make_private
from aiooauth1.errors import StoreCorrupt, StoreUnavailable
from aiooauth1.posting.journal import Entry, InputChanged, JournalReport, KeptWindow, input_changed


try:
    import aiosqlite
except ImportError:
    raise ImportError(
        "SQLiteJournal needs aiosqlite: pip install 'aiooauth1[sqlite]'", name="aiosqlite"
    ) from None


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiooauth1.posting.journal import Numbered, State
    from aiooauth1.posting.post import Outcome


__all__ = ["SQLiteJournal"]

_APPLICATION_ID = 0x616F6A31  # "aoj1"
_VERSION = 1
_SCHEMA = (
    "CREATE TABLE post (position INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, digest BLOB NOT NULL,"
    " state TEXT NOT NULL, http_status INTEGER, error TEXT NOT NULL, at REAL NOT NULL)"
)
_WINDOWS = (
    "CREATE TABLE IF NOT EXISTS rate_limit_window"
    " (key TEXT PRIMARY KEY, until REAL NOT NULL, value TEXT NOT NULL) WITHOUT ROWID"
)
_PRAGMAS = (
    "PRAGMA locking_mode=EXCLUSIVE",  # one run at a time: two would send each post twice
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a begun post is on disk, also after a power failure
    "PRAGMA fullfsync=ON",
    "PRAGMA trusted_schema=OFF",
)
_BEGIN = (
    "INSERT INTO post VALUES (?, ?, ?, 'begun', NULL, '', ?) ON CONFLICT (position) DO UPDATE"
    " SET state = 'begun', at = excluded.at WHERE id = excluded.id AND digest = excluded.digest"
    " AND state NOT IN ('done', 'refused')"
)
_FINISH = "UPDATE post SET state = ?, http_status = ?, error = ?, at = ? WHERE position = ?"
_SELECT = (
    "SELECT position, id, digest, state, http_status, error, at FROM post"
    " WHERE position BETWEEN ? AND ? OR id IN (%s)"
)
_BATCH_SIZE = 500  # posts in one transaction
_MAX_ERROR = 300


class SQLiteJournal:
    """A journal in one SQLite file, for one run at a time on one machine.

    A run locks the file. The lock ends with its process, however that ends.

    Args:
        path: The file. If it does not exist it is created, readable by its owner only. Its folder must exist
            and not be on a network drive.
        clock: Returns seconds since the epoch.

    Raises:
        ImportError: If aiosqlite is not installed.
        ValueError: If the path is empty or `:memory:`.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.time) -> None:
        if os.fspath(path) in {"", ":memory:"}:
            raise ValueError("path must name a file: a journal in memory would not survive a crash")
        self._path = str(Path(path).absolute())
        self._clock = clock
        self._connection: aiosqlite.Connection | None = None
        self._is_taken = False
        self._extent = 0
        self._begins: deque[tuple[Numbered, asyncio.Future[None]]] = deque()
        self._ends: deque[tuple[tuple[object, ...], asyncio.Future[None]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def open(self) -> int:
        """Lock the journal for one run, and return how many posts of the input earlier runs reached.

        Raises:
            RuntimeError: If a run has opened this object.
            StoreUnavailable: If the file cannot be opened, or another run has locked it.
            StoreCorrupt: If it is not a journal.
        """
        if self._is_taken:
            raise RuntimeError(f"the journal {self._path!r} is in use: one run at a time")
        self._is_taken = True
        try:
            self._connection = await self._connect()
            [(extent,)] = await self._fetch("SELECT coalesce(max(position) + 1, 0) FROM post")
        except BaseException:
            await self.release()
            raise
        self._extent = int(extent)
        return self._extent

    async def look_up(self, posts: Sequence[Numbered]) -> list[Entry | None]:
        """Return the entry of each of some consecutive posts, or None for a post without one.

        Raises:
            InputChanged: If the input had another post at that position, or the same id at another position.
            StoreUnavailable: If the file cannot be read.
        """
        if not posts or posts[0].position >= self._extent:
            return [None] * len(posts)  # none was reached; begin() finds an id that was
        marks = ",".join("?" * len(posts))
        ids = [_id(one) for one in posts]
        rows = await self._fetch(_SELECT % marks, posts[0].position, posts[-1].position, *ids)
        by_position = {row[0]: row for row in rows}
        by_id = {row[1]: row for row in rows}
        found: list[Entry | None] = []
        for one, name in zip(posts, ids, strict=True):
            row = by_position.get(one.position) or by_id.get(name)
            if row is None:
                found.append(None)
                continue
            _check(one, row[0], row[1], row[2])
            found.append(Entry(cast("State", row[3]), row[4], row[5], row[6]))
        return found

    async def begin(self, numbered: Numbered) -> None:
        """Record that a post is about to be sent. It is on disk when this returns.

        Raises:
            InputChanged: If its id belongs to another post.
            StoreUnavailable: If the file cannot be written.
        """
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begins.append((numbered, answer))
        await self._written(answer)

    async def finish(self, numbered: Numbered, outcome: Outcome) -> None:
        """Record how a post ended. It is on disk when this returns.

        Raises:
            StoreUnavailable: If the file cannot be written.
        """
        error = "" if outcome.error is None else f"{type(outcome.error).__name__}: {outcome.error}"
        values = outcome.status, outcome.http_status, error[:_MAX_ERROR], self._clock(), numbered.position
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends.append((values, answer))
        await self._written(answer)

    async def keep_windows(self, windows: Sequence[KeptWindow]) -> None:
        """Store rate-limit windows; each replaces an earlier one of the same key.

        Raises:
            StoreUnavailable: If the file cannot be written.
        """
        try:
            connection = self._open_connection()
            await connection.executemany("INSERT OR REPLACE INTO rate_limit_window VALUES (?, ?, ?)", windows)
            await connection.commit()
        except (sqlite3.Error, ValueError) as error:
            raise self._error(error) from None

    async def kept_windows(self, now: float, most: int) -> list[KeptWindow]:
        """Return the rate-limit windows that have not reset yet, the latest reset first.

        Raises:
            StoreUnavailable: If the file cannot be read.
        """
        await self._fetch("DELETE FROM rate_limit_window WHERE until <= ?", now)
        sql = "SELECT key, until, value FROM rate_limit_window ORDER BY until DESC LIMIT ?"
        return [KeptWindow(*row) for row in await self._fetch(sql, most)]

    async def release(self) -> None:
        """Write what is queued, then unlock the journal at the end of the run."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error, ValueError):
                await connection.close()
        self._is_taken = False

    async def report(self) -> JournalReport:
        """Count the posts by state, and list those in doubt. A file that does not exist counts as empty.

        Raises:
            StoreUnavailable: If the file cannot be read, or a run has locked it.
            StoreCorrupt: If it is not a journal.
        """
        if not self._is_taken:
            if not await asyncio.to_thread(Path(self._path).exists):
                return JournalReport()
            await self.open()
            try:
                return await self.report()
            finally:
                await self.release()
        counts = dict(await self._fetch("SELECT state, count(*) FROM post GROUP BY state"))
        rows = await self._fetch("SELECT id FROM post WHERE state IN ('begun', 'unknown') ORDER BY position")
        return JournalReport(
            **counts, in_doubt=tuple(name.decode("utf-8", "surrogatepass") for (name,) in rows)
        )

    async def aclose(self) -> None:
        """Close the file. Closing it again does nothing."""
        await self.release()

    async def _connect(self) -> aiosqlite.Connection:
        try:
            await asyncio.to_thread(make_private, self._path, "posts")
            # A thread that is no daemon would keep the program from ending if the journal is not closed.
            connection = await in_daemon_thread(lambda: aiosqlite.connect(self._path, timeout=0.5))
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from None
        self._connection = connection
        try:
            for pragma in _PRAGMAS:
                await connection.execute(pragma)
            await connection.execute("BEGIN IMMEDIATE")
            [(application_id,)] = await connection.execute_fetchall("PRAGMA application_id")
            [(version,)] = await connection.execute_fetchall("PRAGMA user_version")
            [(tables,)] = await connection.execute_fetchall("SELECT count(*) FROM sqlite_master")
            if (application_id, version) != (_APPLICATION_ID, _VERSION):
                if application_id or version or tables:
                    raise StoreCorrupt(f"the journal {self._path!r}: it is another application's database")
                await connection.execute(_SCHEMA)
                await connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                await connection.execute(f"PRAGMA user_version={_VERSION}")
            await connection.execute(_WINDOWS)
            await connection.commit()
        except sqlite3.Error as error:
            raise self._error(error) from None
        return connection

    async def _fetch(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return [tuple(row) for row in await self._open_connection().execute_fetchall(sql, values)]
        except (sqlite3.Error, ValueError) as error:
            raise self._error(error) from None

    def _open_connection(self) -> aiosqlite.Connection:
        if self._connection is None:
            raise RuntimeError(f"the journal {self._path!r} is not open: open() it first")
        return self._connection

    async def _written(self, answer: asyncio.Future[None]) -> None:
        if self._writing is None:
            self._open_connection()
            # A task, so that a cancelled caller does not interrupt it.
            self._writing = asyncio.create_task(self._write_all())
        await answer

    async def _write_all(self) -> None:
        try:
            while self._begins or self._ends:
                begins = [self._begins.popleft() for _ in range(min(_BATCH_SIZE, len(self._begins)))]
                ends = [self._ends.popleft() for _ in range(min(_BATCH_SIZE, len(self._ends)))]
                failures = await self._write(begins, ends)
                for number, (_, answer) in enumerate([*begins, *ends]):
                    if answer.done():  # its caller was cancelled
                        continue
                    if (failure := failures.get(number)) is not None:
                        answer.set_exception(failure)
                    else:
                        answer.set_result(None)
        finally:
            self._writing = None

    async def _write(
        self,
        begins: list[tuple[Numbered, asyncio.Future[None]]],
        ends: list[tuple[tuple[object, ...], asyncio.Future[None]]],
    ) -> dict[int, Exception]:
        """Write all of them in one commit; return the failures by index."""
        failures: dict[int, Exception] = {}
        now = self._clock()
        rows = [(one.position, _id(one), one.digest, now) for one, _ in begins]
        try:
            connection = self._open_connection()
            if ends:
                await connection.executemany(_FINISH, [values for values, _ in ends])
            if rows:
                try:
                    cursor = await connection.executemany(_BEGIN, rows)
                    is_whole = cursor.rowcount == len(rows)
                except sqlite3.IntegrityError:  # an id that has another position
                    is_whole = False
                if not is_whole:
                    for number, ((one, _), row) in enumerate(zip(begins, rows, strict=True)):
                        if (failure := await self._begin_alone(connection, one, row)) is not None:
                            failures[number] = failure
            await connection.commit()
        except (sqlite3.Error, ValueError, RuntimeError) as error:
            return dict.fromkeys(range(len(begins) + len(ends)), self._error(error))
        return failures

    async def _begin_alone(
        self, connection: aiosqlite.Connection, one: Numbered, row: tuple[object, ...]
    ) -> Exception | None:
        with suppress(sqlite3.IntegrityError):
            if (await connection.execute(_BEGIN, row)).rowcount == 1:
                return None
        rows = await self._fetch(_SELECT % "?", one.position, one.position, _id(one))
        try:
            for position, name, digest, *_ in rows:
                _check(one, position, name, digest)
        except InputChanged as error:
            return error
        return input_changed(f"post {one.post.id!r} was sent already, so the input has its id twice")

    def _error(self, error: Exception) -> Exception:
        if isinstance(error, RuntimeError):
            return error
        if isinstance(error, OSError):
            return StoreUnavailable(f"the journal {self._path!r} cannot be opened: {error.strerror or error}")
        # SQLite's messages may show contents of the file, so only the error's name is passed on.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return StoreUnavailable(
                f"the journal {self._path!r} is in use by another run: wait until it ends ({name})"
            )
        if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            return StoreCorrupt(f"the journal {self._path!r}: it is damaged, or not a journal ({name})")
        return StoreUnavailable(f"the journal {self._path!r} cannot be read or written ({name})")


def _id(one: Numbered) -> bytes:
    return one.post.id.encode("utf-8", "surrogatepass")


def _check(one: Numbered, position: int, name: bytes, digest: bytes) -> None:
    """Raise InputChanged if a post differs from the journal's record of it."""
    held = name.decode("utf-8", "surrogatepass")
    if held != one.post.id:
        raise input_changed(
            f"post {one.position + 1} of the input is {one.post.id!r}, but was {held!r} before"
        )
    if position != one.position:
        raise input_changed(
            f"post {held!r} is number {one.position + 1} of the input, but was number {position + 1} before"
            " (each post needs an id of its own)"
        )
    if digest != one.digest:
        raise input_changed(
            f"post {one.position + 1} of the input, {held!r}, differs from what the journal began with"
        )
