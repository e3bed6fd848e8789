"""Changing keys in a SQLite file: nothing fails or is lost, and the old key is then good for nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from patience import PATIENCE
from store_load import StoreLoad, token_of

from aiooauth1.credentials import AccessToken
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.sqlite import SQLiteStore


if TYPE_CHECKING:
    from pathlib import Path


OLD = Encryption.generate_key()
NEW = Encryption.generate_key()
NAMES = Encryption.generate_key()


def opened(path: Path, *keys: str, **options: Any) -> SQLiteStore:
    """A store with these keys, the first of which encrypts, and with NAMES for its names."""
    return SQLiteStore(path, encryption=Encryption(*keys, name_key=NAMES, **options), timeout=60)


async def read_all(store: SQLiteStore, users: list[str]) -> list[AccessToken | BaseException | None]:
    reads = (store.get_access_token("x", user) for user in users)
    return await asyncio.gather(*reads, return_exceptions=True)


def rows(path: Path, sql: str) -> list[tuple[bytes, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def filled(path: Path, encryption: Encryption | None, users: list[str]) -> None:
    async with SQLiteStore(path, encryption=encryption, timeout=PATIENCE) as store:
        await asyncio.gather(*(store.put_access_token("x", user, token_of(user)) for user in users))


async def test_10000_records_are_rotated_under_100_readers_and_100_writers(tmp_path: Path) -> None:
    path, progress = tmp_path / "tokens.db", list[tuple[int, int]]()
    users = [f"user {number}" for number in range(10_000)]
    await filled(path, Encryption(OLD, name_key=NAMES), users)
    async with opened(path, NEW, OLD) as store, opened(path, NEW, OLD) as rotator:
        load = StoreLoad(store, users, pause=0.1)
        await load.during(lambda: rotator.rotate(lambda done, total: progress.append((done, total))))
    assert progress[-1] == (10_000, 10_000)
    assert progress == sorted(progress)
    async with opened(path, NEW) as store:
        assert await read_all(store, users) == [load.held(user) for user in users], "a write was lost"
        assert {user async for user in store.users("x")} == set(users)
        assert await store.rotate() == 0
    async with opened(path, OLD) as store:
        for user in users[:100]:
            with pytest.raises(StoreCorrupt, match="which is not one of ours"):
                await store.get_access_token("x", user)


async def test_a_rotated_file_holds_nothing_that_the_old_key_decrypts(tmp_path: Path) -> None:
    path = tmp_path / "tokens.db"
    await filled(path, Encryption(OLD, name_key=NAMES), [f"user {number}" for number in range(500)])
    before = [value for row in rows(path, "SELECT record, user FROM access") for value in row]
    assert all(value in bytes_in(tmp_path) for value in before)
    async with opened(path, NEW, OLD) as store:
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


async def test_records_that_do_not_decrypt_keep_no_others_from_being_rotated(tmp_path: Path) -> None:
    path = tmp_path / "tokens.db"
    users = [f"user {number}" for number in range(250)]
    await filled(path, Encryption(OLD), users)
    lost = Encryption(Encryption.generate_key())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE access SET record = ? WHERE id = 3", (lost.seal(b"{}", "access", "x", "?"),)
        )
        connection.execute("UPDATE access SET record = 'a text' WHERE id = 120")
    async with SQLiteStore(path, encryption=Encryption(NEW, OLD), timeout=PATIENCE) as store:
        with pytest.raises(StoreCorrupt, match=r"^2 of 250 records could not be re-encrypted: .* with key "):
            await store.rotate()
    async with SQLiteStore(path, encryption=Encryption(NEW), timeout=PATIENCE) as store:
        held = await read_all(store, users)
    assert sum(isinstance(answer, StoreCorrupt) for answer in held) == 2
    assert sum(isinstance(answer, AccessToken) for answer in held) == 248


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
