"""One SQLite file, shared by tasks and processes: opened on first use, with a deadline for each operation."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiooauth1._internal.lifecycle import LoopAffinity
from aiooauth1._internal.sqlite import in_daemon_thread, make_private
from aiooauth1.errors import StoreCorrupt, StoreUnavailable
from aiooauth1.stores.protocols import check_seconds
from aiooauth1.stores.sqlite.database import Database


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from aiooauth1.stores.sqlite.database import Connection


__all__ = ["SQLiteFile"]

_LONGEST = 1_000_000  # seconds, of which SQLite can count the milliseconds
_PAUSE = 0.01  # seconds between two attempts to open a file that others are opening
_PRAGMAS = (
    "PRAGMA synchronous=FULL",  # a stored token survives a power cut
    "PRAGMA fullfsync=ON",  # on a Mac too, where fsync alone stops at the drive's cache
    "PRAGMA secure_delete=ON",  # deleted records are overwritten
    "PRAGMA temp_store=MEMORY",  # and never written to another file
    "PRAGMA trusted_schema=OFF",  # code in a schema of others does not run
)
# One statement, for a consistent view: another process may be making the schema.
_WHAT_IT_IS = (
    "SELECT (SELECT application_id FROM pragma_application_id),"
    " (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)"
)
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked",
    sqlite3.SQLITE_LOCKED: "another connection keeps it locked",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it may not be written",
    sqlite3.SQLITE_IOERR: "the disk fails",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_AUTH: "it may not be opened",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_INTERRUPT: "it was interrupted",
    sqlite3.SQLITE_PROTOCOL: "SQLite locking protocol error",
    sqlite3.SQLITE_NOLFS: "the file system takes no file of this size",
}


class SQLiteFile:
    """A file of one schema.

    Args:
        path: The path. A file that does not exist is made, readable for its owner only.
        connect: aiosqlite's function of that name.
        application_id: The 32-bit number that marks files of this schema.
        version: The schema's version.
        schema: The statements that make the schema.
        timeout: How many seconds an operation may take.

    Raises:
        TypeError: If the path is not text or a path, or the timeout not a number.
        ValueError: If the path is not one of a file, or the timeout not a number of seconds above 0.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        connect: Callable[..., Awaitable[Connection]],
        *,
        application_id: int,
        version: int,
        schema: Sequence[str],
        timeout: float,
    ) -> None:
        _check_path(path)
        check_seconds("timeout", timeout, below=_LONGEST)
        self._connect = connect
        self._path = str(Path(path).absolute())  # the working directory may be another one by first use
        self._mark = (application_id, version)
        self._schema = schema
        self._timeout = timeout
        self._affinity = LoopAffinity(f"token store {self._path!r}")
        self._opening: asyncio.Task[Database | _Failure] | None = None
        self._database: Database | None = None
        self._inode: tuple[int, int] | None = None  # of the open file
        self._log: tuple[int, int] | None = None  # of its write-ahead log
        self._closing = asyncio.Lock()  # aiosqlite never answers a second close while the first is under way

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[Database]:
        """Yield the open file for one operation, which must end within the timeout.

        Raises:
            StoreUnavailable: If it was not done in time, or SQLite cannot do it now.
            StoreCorrupt: If this is not a file of ours.
            RuntimeError: If it is closed, or open in another event loop or process.
        """
        failure: Exception
        try:
            async with asyncio.timeout(self._timeout):
                yield await self._open_database()
            if self._database is None:
                return
            if _inode(self._path) != self._inode:
                which = "it"
            elif _inode(f"{self._path}-wal") != self._log:
                which = "its log (the file that ends in -wal)"
            else:
                return
            # What was written may have gone to a file that no process opens again.
            failure = self._error(
                _Failure(
                    StoreUnavailable, f"{which} was deleted or replaced meanwhile: what was written is lost"
                )
            )
        except TimeoutError:
            failure = self.late()
        except (sqlite3.Error, ValueError) as error:  # closed connections of aiosqlite raise ValueError
            if self._affinity.is_closed:
                failure = self._affinity.closed_error()
            elif isinstance(error, sqlite3.Error):
                failure = self._error(_failure(error))
            else:
                raise
        # Raised outside the handlers: SQLite's own error may quote the file's content.
        raise failure

    def late(self) -> StoreUnavailable:
        """Return the error of an operation whose time is up."""
        return StoreUnavailable(
            f"the token store {self._path!r}: it did not answer within {self._timeout:g} s"
        )

    def is_current(self) -> bool:
        """Say whether it is open in this event loop and process."""
        return self._affinity.is_current()

    async def aclose(self) -> None:
        """Close the file after the operations under way. Closing it again does nothing.

        In a forked process nothing is closed: the connections are the parent's, as are their threads.
        """
        if not self._affinity.close():
            return
        if self._opening is not None and self._affinity.is_current():
            await asyncio.wait([self._opening])
        async with self._closing:
            if self._database is not None:
                await self._database.aclose()
                self._database = None

    def check(self) -> None:
        """Refuse use after the close, in another event loop or in a forked process.

        Raises:
            RuntimeError: In these cases.
        """
        self._affinity.check()

    async def _open_database(self) -> Database:
        self.check()
        if self._database is not None:
            if (inode := _inode(self._path)) == self._inode:
                return self._database
            # Not opened again: SQLite would apply the old file's log, which is beside it, to the new one.
            what = "deleted" if inode is None else "replaced"
            reason = f"it was {what} while it was open: stop every process that uses it, then put it in place"
            raise self._error(_Failure(StoreUnavailable, reason))
        if self._opening is None:
            # In a task of its own, so that a cancelled caller does not stop it; all callers wait for it.
            self._opening = asyncio.get_running_loop().create_task(self._open())
        opened = await asyncio.shield(self._opening)
        if isinstance(opened, _Failure):
            raise self._error(opened)
        return opened

    async def _open(self) -> Database | _Failure:
        connections: list[Connection] = []
        opened: Database | _Failure = _Failure(
            StoreUnavailable, f"it did not open within {self._timeout:g} s"
        )
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.to_thread(make_private, self._path)
                for _ in range(2):
                    connections.append(await self._connection())
                    while not await self._is_ready(connections[-1]):  # noqa: ASYNC110 - another process has it
                        await asyncio.sleep(_PAUSE)
                reader, writer = connections
                await reader.execute("PRAGMA query_only=ON")
                self._inode, self._log = _inode(self._path), _inode(f"{self._path}-wal")
                self._database = opened = Database(reader, writer)
        except TimeoutError:
            pass
        except OSError as error:
            opened = _Failure(StoreUnavailable, f"it cannot be opened: {error.strerror or error}")
        except sqlite3.Error as error:
            opened = _failure(error)
        except _WrongFileError as error:
            opened = _Failure(StoreCorrupt, str(error))
        finally:
            self._opening = None
            if self._database is None:
                self._affinity.unbind()
                for connection in connections:
                    await connection.close()
        return opened

    async def _connection(self) -> Connection:
        # isolation_level=None: Python begins no transactions.
        connecting = asyncio.ensure_future(
            in_daemon_thread(lambda: self._connect(self._path, timeout=self._timeout, isolation_level=None))
        )
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:  # the time is up, but the thread goes on connecting
            await asyncio.wait([connecting], timeout=self._timeout)
            if connecting.done() and connecting.exception() is None:
                await connecting.result().close()
            raise

    async def _is_ready(self, connection: Connection) -> bool:
        """Set up connection and file; False if another process has the file locked."""
        try:
            for pragma in _PRAGMAS:
                await connection.execute(pragma)
            await self._has_schema(
                connection
            )  # raises for a file of something else, before anything is changed
            # On a new file this fails at once, without waiting, if another process does the same.
            [(mode,)] = await connection.execute_fetchall("PRAGMA journal_mode=WAL")
            if mode != "wal":
                raise _WrongFileError("its file system does not take SQLite's write-ahead log")
            if not await self._has_schema(connection):
                await connection.execute("BEGIN IMMEDIATE")
                if not await self._has_schema(connection):
                    await self._make_schema(connection)
                await connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _LOCKED:
                raise
            if connection.in_transaction:
                await connection.rollback()
            return False
        return True

    async def _make_schema(self, connection: Connection) -> None:
        application_id, version = self._mark
        for statement in (
            *self._schema,
            f"PRAGMA application_id={application_id}",
            f"PRAGMA user_version={version}",
        ):
            await connection.execute(statement)

    async def _has_schema(self, connection: Connection) -> bool:
        [(application_id, version, tables)] = await connection.execute_fetchall(_WHAT_IT_IS)
        if (application_id, version) == self._mark:
            return True
        if application_id == self._mark[0]:
            raise _WrongFileError(
                f"it is of schema version {version}, and this release knows version {self._mark[1]} only"
            )
        if application_id or version or tables:
            raise _WrongFileError("it is a database of something else")
        return False

    def _error(self, failure: _Failure) -> Exception:
        return failure.kind(f"the token store {self._path!r}: {failure.reason}")


def _inode(path: str) -> tuple[int, int] | None:
    """Return the device and number of the file that has the path now, or None."""
    try:
        found = os.stat(path)  # noqa: PTH116  this is asked three times an operation
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_path(path: object) -> None:
    """Refuse what is not the path of a file, above all what other libraries take for a database.

    Raises:
        TypeError: If it is neither text nor a path.
        ValueError: If it is not the path of a file.
    """
    given = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(given, str):
        raise TypeError(f"the path of a SQLite store must be a str or a Path, not {type(given).__name__}")
    if given in {"", ":memory:"}:
        raise ValueError("a SQLite store needs the path of a file; for tokens in memory there is MemoryStore")
    if given.startswith("file:") or "://" in given:
        raise ValueError("a SQLite store needs the path of a file, not a URL: leave out what is before it")
    if given.startswith("~"):
        raise ValueError("the path of a SQLite store begins with ~: write Path(…).expanduser()")
    if "\0" in given:
        raise ValueError("the path of a SQLite store has a NUL character")


class _WrongFileError(Exception):
    """The file is a database, and not one that works here."""


@dataclass(frozen=True, slots=True)
class _Failure:
    kind: type[Exception]
    reason: str


def _failure(error: sqlite3.Error) -> _Failure:
    # SQLite's own words may show what stands in the file: only its name for the error is passed on.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if (reason := _UNAVAILABLE.get(code & 0xFF)) is not None:
        return _Failure(StoreUnavailable, f"{reason} ({name})")
    return _Failure(StoreCorrupt, f"it is damaged, or not a database of ours ({name})")
