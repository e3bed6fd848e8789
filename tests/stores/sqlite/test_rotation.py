"""Changing keys in a SQLite file: nothing fails or is lost, and the old key is then good for nothing."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from patience import PATIENCE

from aiooauth1.credentials import AccessToken
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.sqlite import SQLiteStore


if TYPE_CHECKING:
    from pathlib import Path


OLD = Encryption.generate_key()
NEW = Encryption.generate_key()
NAMES = Encryption.generate_key()


def token(user: str, number: int = 0) -> AccessToken:
    return AccessToken(f"key {number} of {user}", "secret")


def rows(path: Path, sql: str) -> list[tuple[bytes, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def octets_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def filled(path: Path, encryption: Encryption | None, users: list[str]) -> None:
    async with SQLiteStore(path, encryption=encryption, timeout=PATIENCE) as store:
        await asyncio.gather(*(store.put_access_token("x", user, token(user)) for user in users))


class Load:
    """Readers and writers who go on for as long as they are told to, and know what they wrote."""

    def __init__(self, store: SQLiteStore, users: list[str]) -> None:
        self.store = store
        self.users = users
        self.written: dict[str, int] = {}
        self.reads = 0
        self.goes_on = True
        self._dice = random.Random(20_260_101)  # noqa: S311 - the same pauses each time

    async def read(self, first: int) -> None:
        at = first
        while self.goes_on:
            user = self.users[at % len(self.users)]
            held = await self.store.get_access_token("x", user)
            assert held is not None, "a read failed"
            assert held.key.endswith(f" of {user}"), "another user's token"
            self.reads += 1
            at += 101
            await self._pause()

    async def write(self, first: int) -> None:
        at = first
        while self.goes_on:
            user = self.users[at % len(self.users)]
            before = self.written.get(user, 0)
            fresh = token(user, before + 1)
            if at % 2:
                await self.store.put_access_token("x", user, fresh)
            else:
                assert await self.store.replace_access_token("x", user, token(user, before).key, fresh)
            self.written[user] = before + 1
            at += 100  # each writer has users of its own
            await self._pause()

    async def _pause(self) -> None:
        # Thousands of operations a second, at all moments. Without it the rotation only waits for its turn.
        await asyncio.sleep(self._dice.random() * 0.1)


async def test_10000_records_are_rotated_under_100_readers_and_100_writers(tmp_path: Path) -> None:
    path = tmp_path / "tokens.db"
    users = [f"user {number}" for number in range(10_000)]
    await filled(path, Encryption(OLD, name_key=NAMES), users)
    both = Encryption(NEW, OLD, name_key=NAMES)
    progress: list[tuple[int, int]] = []

    async with (
        SQLiteStore(path, encryption=both, timeout=60) as store,
        SQLiteStore(path, encryption=both, timeout=60) as rotator,
    ):
        load = Load(store, users)
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(load.read(number * 97))
                group.create_task(load.write(number))
            rewritten = await rotator.rotate(lambda done, total: progress.append((done, total)))
            load.goes_on = False

    assert 0 < rewritten <= 10_000
    assert rewritten + len(load.written) >= 10_000
    assert load.reads > 500
    assert sum(load.written.values()) > 500
    assert progress[-1] == (10_000, 10_000)
    assert progress == sorted(progress)
    async with SQLiteStore(path, encryption=Encryption(NEW, name_key=NAMES), timeout=60) as store:
        held = await asyncio.gather(*(store.get_access_token("x", user) for user in users))
        assert held == [token(user, load.written.get(user, 0)) for user in users], "a write was lost"
        assert {user async for user in store.users("x")} == set(users)
        assert await store.rotate() == 0
    async with SQLiteStore(path, encryption=Encryption(OLD, name_key=NAMES), timeout=PATIENCE) as store:
        for user in users[:100]:
            with pytest.raises(StoreCorrupt, match="which is not one of ours"):
                await store.get_access_token("x", user)


async def test_what_the_old_key_opens_is_not_in_the_file_any_more(tmp_path: Path) -> None:
    """Whoever has the old key, and a copy of the file from after the rotation, has nothing."""
    path = tmp_path / "tokens.db"
    await filled(path, Encryption(OLD, name_key=NAMES), [f"user {number}" for number in range(500)])
    before = [octets for row in rows(path, "SELECT record, user FROM access") for octets in row]
    assert all(octets in octets_of(tmp_path) for octets in before)
    async with SQLiteStore(path, encryption=Encryption(NEW, OLD, name_key=NAMES), timeout=PATIENCE) as store:
        assert await store.rotate() == 500
        found = octets_of(tmp_path)
        assert not [octets for octets in before if octets[17:50] in found]


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
        assert await store.swap_pending("x", "token", held, b"two") is None, (
            "rotated meanwhile: read it again"
        )
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
    assert b"key 0 of user 7" in octets_of(tmp_path)
    async with SQLiteStore(path, encryption=Encryption(NEW, accept_plain=True), timeout=PATIENCE) as store:
        assert await store.get_access_token("x", users[0]) == token(users[0])
        assert await store.rotate() == 300
        assert b"key 0 of user" not in octets_of(tmp_path)
    async with SQLiteStore(path, encryption=Encryption(NEW), timeout=PATIENCE) as store:
        for user in users:
            assert await store.get_access_token("x", user) == token(user)


async def test_a_record_that_does_not_decrypt_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
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
        held = await asyncio.gather(
            *(store.get_access_token("x", user) for user in users), return_exceptions=True
        )
    assert sum(isinstance(answer, StoreCorrupt) for answer in held) == 2
    assert sum(isinstance(answer, AccessToken) for answer in held) == 248


async def test_a_record_that_changes_between_read_and_write_is_seen_again(tmp_path: Path) -> None:
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
            await late.put_access_token("x", "user 199", token("user 199", number))
        await rotation
        assert await rotator.get_access_token("x", "user 199") == token("user 199", number)
        for user in users[:-1]:
            assert await rotator.get_access_token("x", user) == token(user)
    async with SQLiteStore(path, encryption=Encryption(NEW), timeout=PATIENCE) as store:
        for user in users[:-1]:
            assert await store.get_access_token("x", user) == token(user)


async def test_a_store_without_encryption_has_nothing_to_rotate(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "tokens.db", timeout=PATIENCE) as store:
        with pytest.raises(ValueError, match=r"encryption=Encryption\(new_key, old_key\)"):
            await store.rotate()


async def test_an_empty_store_is_rotated(tmp_path: Path) -> None:
    async with SQLiteStore(
        tmp_path / "tokens.db", encryption=Encryption(NEW, OLD), timeout=PATIENCE
    ) as store:
        assert await store.rotate() == 0
