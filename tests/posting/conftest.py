"""A provider, and a session that may post for its users."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from posted import store_for

from aiooauth1 import OAuth1Session
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as fake:
        yield fake


@pytest.fixture
async def session(fake: FakeProvider) -> AsyncIterator[OAuth1Session]:
    async with OAuth1Session(fake.consumer, provider=fake.provider, store=await store_for(fake)) as session:
        yield session
