"""Tokens in one SQLite file, for all processes of one machine. Extra: `sqlite`."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from aiooauth1._internal.secrecy import SecretBytes
from aiooauth1.errors import StoreUnavailable, TooManyHandshakes
from aiooauth1.stores.batching import ReadBatcher
from aiooauth1.stores.codec import check_tokens
from aiooauth1.stores.encryption import check_encryption
from aiooauth1.stores.keys import check_key
from aiooauth1.stores.protocols import Held, check_count, validate_ttl
from aiooauth1.stores.sqlite.file import SQLiteFile
from aiooauth1.stores.sqlite.records import SQLiteRecords
from aiooauth1.stores.sqlite.rotation import rotate


try:
    import aiosqlite
except ImportError:
    raise ImportError(
        "SQLiteStore needs aiosqlite: pip install 'aiooauth1[sqlite]'", name="aiosqlite"
    ) from None


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from aiooauth1.credentials import AccessToken
    from aiooauth1.stores.encryption import Encryption
    from aiooauth1.stores.sqlite.database import Database
    from aiooauth1.stores.sqlite.records import Place


__all__ = ["SQLiteStore"]

_SLOT_SECONDS = 60  # how long a dead process keeps its slot; longer than any request for a token takes
_PAGE = 200  # users
_MOST_ROWS = 8000 if sqlite3.sqlite_version_info >= (3, 32) else 200  # of 4 values each, in one statement

_SCHEMA = (
    """
    CREATE TABLE access (
        id INTEGER PRIMARY KEY, provider TEXT NOT NULL, name TEXT NOT NULL,
        record BLOB NOT NULL, user BLOB NOT NULL, UNIQUE (provider, name)
    )
    """,
    """
    CREATE TABLE pending (
        id INTEGER PRIMARY KEY, provider TEXT NOT NULL, name TEXT NOT NULL,
        record BLOB NOT NULL, until REAL NOT NULL, UNIQUE (provider, name)
    )
    """,
    "CREATE INDEX pending_until ON pending (until)",
    "CREATE TABLE slot (id BLOB PRIMARY KEY, until REAL NOT NULL)",
)
_PUT = (
    "INSERT INTO access (provider, name, record, user) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (provider, name) DO UPDATE SET record = excluded.record, user = excluded.user"
)
_GET = "SELECT record FROM access WHERE provider = ? AND name = ?"
# A row of `wanted` finds its record by the index; `(provider, name) IN (VALUES …)` reads the whole table.
_WANTED = "WITH wanted (provider, name) AS (VALUES {places}) SELECT provider, name, record FROM wanted"
_GET_MANY = _WANTED + " CROSS JOIN access USING (provider, name)"
_REPLACE = "UPDATE access SET record = ?, user = ? WHERE provider = ? AND name = ? AND record = ?"
_DISCARD = "DELETE FROM access WHERE provider = ? AND name = ?"
_DISCARD_ONE = "DELETE FROM access WHERE provider = ? AND name = ? AND record = ?"
_USERS = "SELECT name, user FROM access WHERE provider = ? AND name > ? ORDER BY name LIMIT ?"

# Expired rows are left out only where it matters: counting all rows is ten times as fast.
_ADD = (
    "INSERT INTO pending (provider, name, record, until) SELECT ?, ?, ?, ?"
    " WHERE (SELECT count(*) FROM pending) < ? OR (SELECT count(*) FROM pending WHERE until > ?) < ?"
    " ON CONFLICT (provider, name) DO UPDATE SET record = excluded.record, until = excluded.until"
    " WHERE pending.until <= ?"
)
_PENDING = "SELECT record FROM pending WHERE provider = ? AND name = ? AND until > ?"
_PENDING_MANY = _WANTED + " CROSS JOIN pending USING (provider, name) WHERE until > ?"
_SWAP = "UPDATE pending SET record = ? WHERE provider = ? AND name = ? AND until > ? AND record = ?"
_COUNT = "SELECT count(*) FROM pending WHERE until > ?"
_PURGE = "DELETE FROM pending WHERE id IN (SELECT id FROM pending WHERE until <= ? ORDER BY until LIMIT 1000)"
_PURGE_SLOTS = "DELETE FROM slot WHERE until <= ?"
_KEEP_SLOT = (
    "INSERT INTO slot (id, until) SELECT ?, ? WHERE (SELECT count(*) FROM slot) +"
    " (SELECT count(*) FROM pending WHERE until > ?) < ?"
)
_FREE_SLOT = "DELETE FROM slot WHERE id = ?"


class SQLiteStore:
    """A `TokenStore` in one SQLite file, which tasks and processes share.

    The file is opened on first use, belongs to that event loop, and is readable for its owner only: one that
    another user owns is refused. If it is deleted or replaced while it is open, every operation raises
    `StoreUnavailable`: to put a backup back, stop the processes first. Concurrent reads go to SQLite as one
    query. Every operation is one statement, or several of which each is complete in itself: a cancelled
    caller or a killed process leaves nothing half done. What was stored survives a power cut.

    All operations raise `StoreUnavailable` when the file does not answer in time or SQLite cannot go on,
    `StoreCorrupt` when the file or a record in it is not one of ours, and `RuntimeError` when the store is
    closed or belongs to another event loop or process.

    Args:
        path: The file. If it does not exist it is created. Its folder must exist, and not on a network drive.
        encryption: The keys that records are encrypted with. None leaves them readable for all who can read
            the file. Those who can write the file can put an older record of the same user back in its place,
            and it is accepted: encryption hides tokens, and does not date them.
        timeout: How many seconds an operation may take, waiting for other processes included.
        max_pending: How many handshakes may be pending at once, over all processes.
        clock: Seconds since the epoch, the same for all processes.

    Raises:
        ImportError: If aiosqlite is not installed.
        TypeError: If an argument is of another type.
        ValueError: If the path is not one of a file (empty, `:memory:`, a URL, `~`), the timeout not a number
            of seconds above 0, or `max_pending` less than 1.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        encryption: Encryption | None = None,
        timeout: float = 2.0,
        max_pending: int = 100_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_encryption(encryption)
        check_count("max_pending", max_pending)
        # "aoa1" marks this package's files.
        self._file = SQLiteFile(
            path, aiosqlite.connect, application_id=0x616F6131, version=1, schema=_SCHEMA, timeout=timeout
        )
        self._records = SQLiteRecords(encryption)
        # Reads of handshakes are batched apart from reads of tokens, which they must not delay.
        self._tokens = ReadBatcher(self._read_tokens, timeout=timeout, late=self._file.late)
        self._handshakes = ReadBatcher(self._read_handshakes, timeout=timeout, late=self._file.late)
        self._max_pending = max_pending
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the file after the operations under way. Closing it again does nothing."""
        if self._file.is_current():
            await self._tokens.aclose()
            await self._handshakes.aclose()
        await self._file.aclose()

    async def close(self) -> None:
        """Do what `aclose` does."""
        await self.aclose()

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        """Store the user's token, replacing any other.

        Raises:
            TypeError: If the token holds something other than text and numbers.
            ValueError: If the token is larger than a record may be: 16,384 bytes.
        """
        place = self._records.access(provider, user)
        sealed = self._records.seal_token(token, place), self._records.seal_user(user, place)
        async with self._token_write(place) as database:
            await database.write(_PUT, *place[1:], *sealed)

    async def put_access_tokens(self, provider: str, tokens: Mapping[str, AccessToken]) -> None:
        """Store the tokens of many users, each replacing any other: thousands in one transaction.

        Raises:
            TypeError: If a name is not a `str`, or a token holds something other than text and numbers.
            ValueError: If a token is larger than a record may be: 16,384 bytes.
        """
        check_tokens(tokens)
        places = [self._records.access(provider, user) for user in tokens]
        rows = [
            (*place[1:], self._records.seal_token(token, place), self._records.seal_user(user, place))
            for place, (user, token) in zip(places, tokens.items(), strict=True)
        ]
        for start in range(0, len(rows), _MOST_ROWS):
            page = rows[start : start + _MOST_ROWS]
            statement = _PUT.replace(
                "VALUES (?, ?, ?, ?)", f"VALUES {', '.join(['(?, ?, ?, ?)'] * len(page))}"
            )
            async with self._token_write(*places[start : start + _MOST_ROWS]) as database:
                await database.write(statement, *(value for row in page for value in row))

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        """Return the user's token, or None."""
        self._file.check()
        place = self._records.access(provider, user)
        record = await self._tokens.read(place)
        return self._records.open_token(record, place) if record is not None else None

    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        """Replace the user's token if its key is still `old_key`; return whether the new one is stored.

        Raises:
            TypeError: If the token holds something other than text and numbers.
            ValueError: If the token is larger than a record may be: 16,384 bytes.
        """
        check_key(old_key, "old_key")
        place = self._records.access(provider, user)
        fresh = self._records.seal_token(token, place), self._records.seal_user(user, place)
        async with self._token_write(place) as database:
            while (record := await database.one(_GET, *place[1:])) is not None:
                held = self._records.open_token(record, place)
                if held.key != old_key:
                    return held == token
                if await database.write(_REPLACE, *fresh, *place[1:], record):
                    return True
        return False

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        """Delete the user's token, with `key` only if it has that key; return whether it was deleted."""
        if key is not None:
            check_key(key)
        place = self._records.access(provider, user)
        async with self._token_write(place) as database:
            if key is None:
                return await database.write(_DISCARD, *place[1:]) == 1
            while (record := await database.one(_GET, *place[1:])) is not None:
                if self._records.open_token(record, place).key != key:
                    return False
                if await database.write(_DISCARD_ONE, *place[1:], record):
                    return True
        return False

    @asynccontextmanager
    async def _token_write(self, *places: Place) -> AsyncIterator[Database]:
        """Yield the open file to a write of these tokens; concurrent reads of them are repeated."""
        try:
            async with self._file.operation() as database:
                yield database
        finally:
            for place in places:
                self._tokens.note_write(place)

    async def users(self, provider: str) -> AsyncIterator[str]:
        """Iterate over the users who have a token, each once; one added meanwhile may be among them."""
        place, after = self._records.access(provider, ""), ""
        while True:
            async with self._file.operation() as database:
                rows = await database.read(_USERS, place.provider, after, _PAGE)
            for name, user in rows:
                yield self._records.open_user(user, place._replace(name=name))
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    @asynccontextmanager
    async def pending_slot(self) -> AsyncIterator[None]:
        """Reserve a slot, counted over all processes, for a handshake whose request token is being fetched.

        Raises:
            TooManyHandshakes: If there is no place left.
        """
        slot, now = os.urandom(16), self._clock()
        async with self._file.operation() as database:
            await database.write(_PURGE, now)
            await database.write(_PURGE_SLOTS, now)
            if not await database.write(_KEEP_SLOT, slot, now + _SLOT_SECONDS, now, self._max_pending):
                raise self._full()
        try:
            yield
        finally:
            # The caller's work is done whether or not the slot can be freed: it expires by itself.
            with suppress(StoreUnavailable, RuntimeError):
                async with self._file.operation() as database:
                    await database.write(_FREE_SLOT, slot)

    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        """Add a record that expires after `ttl` seconds; False if there is another under that token.

        Raises:
            TooManyHandshakes: If there is no place left.
            ValueError: If `ttl` is not a positive number of seconds.
        """
        validate_ttl(ttl)
        place, value = self._records.pending(provider, request_token), SecretBytes(value)
        now, bound = self._clock(), self._max_pending
        async with self._file.operation() as database:
            await database.write(_PURGE, now)
            while True:
                sealed = self._records.seal(value, place)
                if await database.write(_ADD, *place[1:], sealed, now + ttl, bound, now, bound, now):
                    return True
                if (record := await database.one(_PENDING, *place[1:], now)) is not None:
                    return self._records.open(record, place) == value
                if await database.one(_COUNT, now) >= bound:
                    raise self._full()

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        """Return the record; None if there is none or it has expired."""
        self._file.check()
        place = self._records.pending(provider, request_token)
        record = await self._handshakes.read(place)
        return Held(self._records.open(record, place), record) if record is not None else None

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        """Replace `old` with `value`, keeping the expiry; None if it changed or expired meanwhile."""
        place, value = self._records.pending(provider, request_token), SecretBytes(value)
        now, sealed = self._clock(), self._records.seal(value, place)
        async with self._file.operation() as database:
            if await database.write(_SWAP, sealed, *place[1:], now, old.version):
                return Held(value, sealed)
            record = await database.one(_PENDING, *place[1:], now)
        if record is None or self._records.open(record, place) != value:
            return None
        return Held(value, record)

    async def rotate(self, progress: Callable[[int, int], object] | None = None) -> int:
        """Re-encrypt every record that is not encrypted with the first key, while others use the store.

        A record that is written meanwhile stays as it was written. Other processes must know the first key by
        now, and encrypt with it, or they go on writing records that need the old one.

        Args:
            progress: Called with the number of records looked at and of all, after every hundred or so.

        Returns:
            How many records were re-encrypted.

        Raises:
            StoreCorrupt: If records do not decrypt. All others have been seen to.
            ValueError: If the store has no encryption.
        """
        return await rotate(self._file, self._records, progress)

    async def _read_tokens(self, places: Sequence[Place]) -> list[Any]:
        return await self._read(_GET, _GET_MANY, places)

    async def _read_handshakes(self, places: Sequence[Place]) -> list[Any]:
        return await self._read(_PENDING, _PENDING_MANY, places, self._clock())

    async def _read(self, one: str, many: str, places: Sequence[Place], *more: object) -> list[Any]:
        """Return the record of each place, or None, in one call to SQLite's thread."""
        async with self._file.operation() as database:
            if len(places) == 1:
                return [await database.one(one, *places[0][1:], *more)]
            asked = [*places, *[places[-1]] * ((1 << (len(places) - 1).bit_length()) - len(places))]
            # The number of places is a power of two, so that SQLite caches few statements.
            statement = many.format(places=", ".join(["(?, ?)"] * len(asked)))
            values = [value for place in asked for value in place[1:]]
            rows = await database.read(statement, *values, *more)
        records = {(provider, name): record for provider, name, record in rows}
        return [records.get(place[1:]) for place in places]

    def _full(self) -> TooManyHandshakes:
        return TooManyHandshakes(
            f"{self._max_pending} handshakes are pending already: try again in some minutes"
        )
