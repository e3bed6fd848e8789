"""What several tests of the flows start from."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from handshakes.stage import Stage, staged
from patience import PATIENCE
from store_handshakes.job import Where

from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiooauth1 import Handshake


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged(FakeProvider()) as ready:
        yield ready


@pytest.fixture
async def handshake(stage: Stage) -> AsyncIterator[Handshake]:
    async with stage.handshake() as running:
        yield running


@pytest.fixture(params=["redis", "sqlite"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """Say where a store is that several processes share."""
    if request.param == "sqlite":
        return Where(str(tmp_path / "tokens.db"), timeout=PATIENCE)
    return Where(request.getfixturevalue("redis_url"), f"{secrets.token_hex(8)}:", timeout=PATIENCE)
