"""The store in a SQLite file: the contract, several processes, crashes, locks, and what the file shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.sqlite import SQLiteStore
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
            path / "tokens.db", encryption=encryption, max_pending=max_pending, clock=lambda: self.now
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


class TestEncryptedSQLiteStore(TestSQLiteStore):
    keys = (Encryption.generate_key(), Encryption.generate_key())


class TestSQLiteStoreOfHiddenNames(TestSQLiteStore):
    keys = (Encryption.generate_key(),)
    name_key = Encryption.generate_key()
