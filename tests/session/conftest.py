"""A listener, and sessions that sign for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wire.listener import Listener
from wire.people import signing


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1 import OAuth1Session


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """Run a listener that answers 200 until it is told otherwise."""
    async with Listener() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[OAuth1Session]:
    """Open a session that makes one attempt."""
    async with signing() as made:
        yield made
