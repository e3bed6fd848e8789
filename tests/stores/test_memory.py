"""The store in memory keeps the contract of all stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiooauth1.stores import MemoryStore
from aiooauth1.testing.store_contract import BoundedContract, StoreContract


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class TestMemoryStore(StoreContract, BoundedContract):
    now = 1000.0

    @pytest.fixture
    async def store(self) -> AsyncIterator[MemoryStore]:
        async with MemoryStore(clock=lambda: self.now) as store:
            yield store

    @pytest.fixture
    async def bounded(self) -> AsyncIterator[MemoryStore]:
        async with MemoryStore(max_pending=3, clock=lambda: self.now) as store:
            yield store

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds
