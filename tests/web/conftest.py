"""A stage on each framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from web_services.services import FRAMEWORKS
from web_services.stage import Stage

from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(params=FRAMEWORKS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with FakeProvider() as fake, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        stage = Stage(request.param, fake, http)
        yield stage
        await stage.aclose()
