"""Both judges, one test each unless a test names one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from judges.authlib_judge import AuthlibJudge
from judges.methods import PUBLIC_PEM
from judges.oauthlib_judge import OauthlibJudge


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from judges.judge import Judge


@pytest.fixture(params=[OauthlibJudge, AuthlibJudge])
async def judge(request: pytest.FixtureRequest) -> AsyncIterator[Judge]:
    async with request.param() as running:
        running.book.rsa_keys[running.consumer_key] = PUBLIC_PEM
        yield running
