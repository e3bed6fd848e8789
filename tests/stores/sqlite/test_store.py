"""The store in a SQLite file: the contract, several processes, crashes, locks, and what the file shows."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from patience import PATIENCE
from store_damage import DamageContract

from aiooauth1.credentials import AccessToken
from aiooauth1.errors import StoreCorrupt, TooManyHandshakes
from aiooauth1.stores.codec import encode_token
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.sqlite import SQLiteStore
from aiooauth1.stores.sqlite import store as sql
from aiooauth1.testing.store_contract import BoundedContract, SharedContract, StoreContract


if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class TestSQLiteStore(StoreContract, BoundedContract, SharedContract):
    now = 1000.0
    keys: tuple[str, ...] = ()
    name_key: str | None = None

    def make(self, path: Path, max_pending: int = 100_000) -> SQLiteStore:
        encryption = Encryption(*self.keys, name_key=self.name_key) if self.keys else None
        return SQLiteStore(
            path / "tokens.db",
            encryption=encryption,
            max_pending=max_pending,
            clock=lambda: self.now,
            timeout=PATIENCE,
        )

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SQLiteStore]:
        async with self.make(tmp_path) as store:
            yield store

    @pytest.fixture
    async def bounded(self, tmp_path: Path) -> AsyncIterator[SQLiteStore]:
        async with self.make(tmp_path, max_pending=3) as store:
            yield store

    @pytest.fixture
    async def stores(self, tmp_path: Path) -> AsyncIterator[tuple[SQLiteStore, SQLiteStore]]:
        async with self.make(tmp_path) as one, self.make(tmp_path) as other:
            yield one, other

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds


class ChangedRecords(DamageContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "tokens.db"

    def stored(self) -> dict[tuple[str, int], bytes]:
        with closing(sqlite3.connect(self.path)) as connection:
            access = connection.execute("SELECT rowid, record FROM access").fetchall()
            pending = connection.execute("SELECT rowid, record FROM pending").fetchall()
        return {("access", number): record for number, record in access} | {
            ("pending", number): record for number, record in pending
        }

    def overwrite(self, key: tuple[str, int], value: bytes) -> None:
        table, number = key
        execute(self.path, f"UPDATE {table} SET record = ? WHERE rowid = ?", value, number)  # noqa: S608  ours


class TestEncryptedSQLiteStore(TestSQLiteStore, ChangedRecords):
    keys = (Encryption.generate_key(), Encryption.generate_key())


class TestSQLiteStoreOfHiddenNames(TestSQLiteStore, ChangedRecords):
    keys = (Encryption.generate_key(),)
    name_key = Encryption.generate_key()


SECRETS = ("canary-key-5849", "canary secret/5849+=&é", "canary-value-5849", "canary-user-5849")
TOKEN = AccessToken(SECRETS[0], SECRETS[1], params={"screen_name": SECRETS[2]})


def bytes_in(folder: Path) -> bytes:
    """All that is stored: of an open store the file and its log, of a closed one the file alone."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


def spellings(text: str) -> list[bytes]:
    """How a secret may be written."""
    plain = text.encode()
    base64_texts = [base64.b64encode(plain[cut:])[1:-4] for cut in range(3)]
    return [
        *(plain, quote(text, safe="").encode(), quote_plus(text).encode(), plain.hex().encode()),
        *(json.dumps(text)[1:-1].encode(), text.encode("utf-16-le"), *base64_texts),
        *(part.replace(b"+", b"-").replace(b"/", b"_") for part in base64_texts),
    ]


def execute(path: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql, values)


@pytest.mark.parametrize("is_encrypted", [True, False], ids=["encrypted", "in the clear"])
async def test_secrets_and_names_are_in_the_file_only_without_encryption(
    tmp_path: Path, *, is_encrypted: bool
) -> None:
    encryption = Encryption(Encryption.generate_key(), name_key=Encryption.generate_key())
    path = tmp_path / "tokens.db"
    async with SQLiteStore(path, encryption=encryption if is_encrypted else None, timeout=PATIENCE) as store:
        await store.put_access_token("x", SECRETS[3], TOKEN)
        await store.replace_access_token("x", SECRETS[3], TOKEN.key, TOKEN)
        await store.add_pending("x", SECRETS[0], SECRETS[1].encode(), ttl=60)
        held = await store.get_pending("x", SECRETS[0])
        assert held is not None
        await store.swap_pending("x", SECRETS[0], held, SECRETS[2].encode())
        found = bytes_in(tmp_path)
    for secret in SECRETS:
        assert any(spelling in found for spelling in spellings(secret)) is not is_encrypted


async def test_discarded_tokens_are_not_in_the_file_any_more(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "tokens.db", timeout=PATIENCE) as store:
        users = [f"user {number}" for number in range(300)]
        await store.put_access_tokens("x", dict.fromkeys(users, TOKEN))
        assert SECRETS[1].encode() in bytes_in(tmp_path)
        for user in users:
            assert await store.discard_access_token("x", user) is True
    assert SECRETS[1].encode() not in bytes_in(tmp_path)


async def test_a_wrong_key_or_name_key_is_told(tmp_path: Path) -> None:
    key, names, other = (Encryption.generate_key() for _ in range(3))
    path = tmp_path / "tokens.db"
    async with SQLiteStore(path, encryption=Encryption(key, name_key=names), timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", TOKEN)
    async with SQLiteStore(path, encryption=Encryption(key, name_key=other), timeout=PATIENCE) as store:
        assert await store.get_access_token("x", "ann") is None
        with pytest.raises(StoreCorrupt):
            [user async for user in store.users("x")]
    async with SQLiteStore(path, encryption=Encryption(other, name_key=names), timeout=PATIENCE) as store:
        with pytest.raises(StoreCorrupt, match=r"key [0-9a-f]{8}, which is not one of ours"):
            await store.get_access_token("x", "ann")
    async with SQLiteStore(path, encryption=Encryption(key), timeout=PATIENCE) as store:
        await store.put_access_token("x", "bob", TOKEN)
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        with pytest.raises(StoreCorrupt, match="give the store its encryption"):
            await store.get_access_token("x", "bob")


@pytest.mark.parametrize(
    "forged",
    [
        *(b"", pickle.dumps({"key": "k"}), encode_token(TOKEN)[:-1], b"x" * 1_000_000),
        *(None, 5849, 1.5, "a text", encode_token(TOKEN).decode()),
    ],
    ids=lambda forged: repr(forged)[:20],
)
async def test_forged_records_and_names_are_corrupt(tmp_path: Path, forged: object) -> None:
    path = tmp_path / "tokens.db"
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", TOKEN)
        await store.add_pending("x", "token", b"one", ttl=60)
        execute(path, "DROP TABLE access")
        execute(path, "CREATE TABLE access (id INTEGER PRIMARY KEY, provider, name, record, user)")
        execute(path, "INSERT INTO access VALUES (1, 'x', 'ann', ?, ?)", forged, forged)
        if forged is None:
            assert await store.get_access_token("x", "ann") is None
        else:
            with pytest.raises(StoreCorrupt):
                await store.get_access_token("x", "ann")
        with pytest.raises(StoreCorrupt):
            [user async for user in store.users("x")]
        if not isinstance(forged, bytes) and forged is not None:
            execute(path, "UPDATE pending SET record = ?", forged)
            with pytest.raises(StoreCorrupt):
                await store.get_pending("x", "token")


async def test_a_user_s_name_that_was_exchanged_is_corrupt(tmp_path: Path) -> None:
    for encryption in (None, Encryption(Encryption.generate_key(), name_key=Encryption.generate_key())):
        path = tmp_path / f"{encryption is None}.db"
        async with SQLiteStore(path, encryption=encryption, timeout=PATIENCE) as store:
            await store.put_access_token("x", "ann", TOKEN)
            await store.put_access_token("x", "bob", TOKEN)
            execute(path, "UPDATE access SET user = (SELECT user FROM access WHERE id = 2) WHERE id = 1")
            with pytest.raises(StoreCorrupt):
                [user async for user in store.users("x")]


async def test_a_slot_of_a_killed_process_is_free_again_after_a_minute(tmp_path: Path) -> None:
    now = 1000.0
    path = tmp_path / "tokens.db"
    async with SQLiteStore(path, max_pending=1, clock=lambda: now, timeout=PATIENCE) as store:
        async with store.pending_slot():
            pass
        execute(path, "INSERT INTO slot VALUES (x'00', ?)", now + 60)  # what a process leaves that was killed
        with pytest.raises(TooManyHandshakes):
            await store.pending_slot().__aenter__()
        now += 61
        async with store.pending_slot():
            assert await store.add_pending("x", "token", b"one", ttl=60) is True


async def test_the_bound_is_one_for_all_processes(tmp_path: Path) -> None:
    path = tmp_path / "tokens.db"
    async with (
        SQLiteStore(path, max_pending=2, timeout=PATIENCE) as one,
        SQLiteStore(path, max_pending=2, timeout=PATIENCE) as other,
    ):
        async with one.pending_slot(), other.pending_slot():
            for store in (one, other):
                with pytest.raises(TooManyHandshakes):
                    await store.pending_slot().__aenter__()
        await one.add_pending("x", "a", b"one", ttl=60)
        await other.add_pending("x", "b", b"one", ttl=60)
        for store in (one, other):
            with pytest.raises(TooManyHandshakes, match="2 handshakes are pending already"):
                await store.add_pending("x", "c", b"one", ttl=60)


async def test_expired_handshakes_leave_nothing_behind(tmp_path: Path) -> None:
    now = 1000.0
    path = tmp_path / "tokens.db"
    async with SQLiteStore(path, max_pending=5000, clock=lambda: now, timeout=20) as store:
        await asyncio.gather(*(store.add_pending("x", f"{n}", b"one", ttl=600) for n in range(5000)))
        with pytest.raises(TooManyHandshakes):
            await store.pending_slot().__aenter__()
        now += 601
        for number in range(5):
            async with store.pending_slot():
                await store.add_pending("y", f"{number}", b"one", ttl=600)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM pending").fetchone() == (5,)


@pytest.mark.parametrize("query", [sql._GET_MANY, sql._PENDING_MANY], ids=["tokens", "pending"])  # noqa: SLF001  whose plan it is
async def test_reading_many_at_once_looks_each_one_up_by_the_index(tmp_path: Path, query: str) -> None:
    path = tmp_path / "tokens.db"
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", AccessToken("k", "s"))
    with closing(sqlite3.connect(path)) as connection:
        asked = query.format(places="(?, ?), (?, ?)")
        arguments = ["x", "a", "x", "b", 0.0][: asked.count("?")]
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked}", arguments)]
    assert [step for step in plan if step.startswith("SEARCH")], plan
    assert not [step for step in plan if re.match("SCAN (access|pending)", step)], plan
