from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from oauthlib_caller import running


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oauthlib_caller import Caller


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    """A consumer of a FakeProvider with the default options."""
    async with running() as caller:
        yield caller
