"""Changing keys in a SQLite file: nothing fails or is lost, and the old key is then good for nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from patience import PATIENCE
from store_load import NAMES, NEW, OLD, RotationContract, read_all, token_of

from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.sqlite import SQLiteStore


if TYPE_CHECKING:
    from pathlib import Path


class TestRotation(RotationContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "tokens.db"

    def opened(self, *keys: str) -> SQLiteStore:
        return SQLiteStore(self.path, encryption=Encryption(*keys, name_key=NAMES), timeout=60)

    def break_three_records(self) -> None:
        lost = Encryption(Encryption.generate_key()).seal(b"{}", "access", "x", "?")
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("UPDATE access SET record = ? WHERE id IN (3, 110)", (lost,))
            connection.execute("UPDATE access SET record = 'a text' WHERE id = 120")


def rows(path: Path, sql: str) -> list[tuple[bytes, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def filled(path: Path, encryption: Encryption | None, users: list[str]) -> None:
    async with SQLiteStore(path, encryption=encryption, timeout=PATIENCE) as store:
        await asyncio.gather(*(store.put_access_token("x", user, token_of(user)) for user in users))


async def test_a_rotated_file_holds_nothing_that_the_old_key_decrypts(tmp_path: Path) -> None:
    path = tmp_path / "tokens.db"
    await filled(path, Encryption(OLD, name_key=NAMES), [f"user {number}" for number in range(500)])
    before = [value for row in rows(path, "SELECT record, user FROM access") for value in row]
    assert all(value in bytes_in(tmp_path) for value in before)
    async with SQLiteStore(path, encryption=Encryption(NEW, OLD, name_key=NAMES), timeout=PATIENCE) as store:
        assert await store.rotate() == 500
        found = bytes_in(tmp_path)
        assert not [value for value in before if value[17:50] in found]


async def test_pending_handshakes_are_rotated_and_go_on(tmp_path: Path) -> None:
    now = 1000.0
    path = tmp_path / "tokens.db"
    async with SQLiteStore(path, encryption=Encryption(OLD), clock=lambda: now, timeout=PATIENCE) as store:
        await store.add_pending("x", "token", b"one", ttl=60)
        held = await store.get_pending("x", "token")
    assert held is not None
    async with SQLiteStore(
        path, encryption=Encryption(NEW, OLD), clock=lambda: now, timeout=PATIENCE
    ) as store:
        assert await store.rotate() == 1
        assert await store.swap_pending("x", "token", held, b"two") is None, "it was rotated: read it again"
        held = await store.get_pending("x", "token")
        assert held is not None
        assert held.value == b"one"
        assert await store.swap_pending("x", "token", held, b"two") is not None
        now += 61
        assert await store.get_pending("x", "token") is None, "a rotation gave the record more time"


async def test_a_store_that_was_in_the_clear_is_encrypted_by_rotation(tmp_path: Path) -> None:
    path = tmp_path / "tokens.db"
    users = [f"user {number}" for number in range(300)]
    await filled(path, None, users)
    async with SQLiteStore(path, encryption=Encryption(NEW), timeout=PATIENCE) as store:
        with pytest.raises(StoreCorrupt, match="not an encrypted one"):
            await store.get_access_token("x", users[0])
    assert b"key 0 of user 7" in bytes_in(tmp_path)
    async with SQLiteStore(path, encryption=Encryption(NEW, accept_plain=True), timeout=PATIENCE) as store:
        assert await store.get_access_token("x", users[0]) == token_of(users[0])
        assert await store.rotate() == 300
        assert b"key 0 of user" not in bytes_in(tmp_path)
    async with SQLiteStore(path, encryption=Encryption(NEW), timeout=PATIENCE) as store:
        assert await read_all(store, users) == [token_of(user) for user in users]


async def test_a_record_that_changes_during_the_rotation_keeps_its_newest_token(tmp_path: Path) -> None:
    """Another process writes with the old key still, at every moment of the rotation."""
    path = tmp_path / "tokens.db"
    users = [f"user {number}" for number in range(200)]
    await filled(path, Encryption(OLD), users)
    async with (
        SQLiteStore(path, encryption=Encryption(NEW, OLD), timeout=PATIENCE) as rotator,
        SQLiteStore(path, encryption=Encryption(OLD, NEW), timeout=PATIENCE) as late,
    ):
        rotation = asyncio.create_task(rotator.rotate())
        number = 0
        while not rotation.done() and number < 50:
            number += 1
            await late.put_access_token("x", "user 199", token_of("user 199", number))
        await rotation
        assert await rotator.get_access_token("x", "user 199") == token_of("user 199", number)
    async with SQLiteStore(path, encryption=Encryption(NEW), timeout=PATIENCE) as store:
        assert await read_all(store, users[:-1]) == [token_of(user) for user in users[:-1]]


async def test_a_store_without_encryption_refuses_to_rotate(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "tokens.db", timeout=PATIENCE) as store:
        with pytest.raises(ValueError, match=r"encryption=Encryption\(new_key, old_key\)"):
            await store.rotate()
