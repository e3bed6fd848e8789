"""A provider that sends too much, too slowly or without an end takes neither our time nor our memory."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from handshakes.endpoint import Endpoint, http
from hostile_replies.kinds import KINDS, SLOW
from wire.people import signing

from aiooauth1 import OAuth1Error, raise_for_problem


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1 import OAuth1Session


pytestmark = pytest.mark.socket

ROOT = Path(__file__).parent.parent
MIB = 1024  # in KiB, as the system tells memory
TOKEN_ERRORS = {"TokenResponseError", "OutcomeUnknown"}
REFUSALS = {"ProviderError", "TokenRejected", "OutcomeUnknown", "RateLimited"}


@pytest.fixture
async def hostile() -> AsyncIterator[Endpoint]:
    """Start what answers by the last segments of the path: `good`, or a status and a kind."""
    endpoint: Endpoint

    async def answer(writer: asyncio.StreamWriter) -> None:
        path = endpoint.requests[-1].split(b" ", 2)[1].decode().strip("/")
        if path == "good":
            writer.write(http(b"oauth_token=good&oauth_token_secret=s"))
        else:
            status, _, kind = path.partition("/")
            await KINDS[kind](int(status), writer)

    async with Endpoint(answer) as endpoint:
        yield endpoint


@pytest.mark.parametrize("status", [200, 401])
async def test_a_token_endpoint_takes_neither_time_nor_memory(hostile: Endpoint, status: int) -> None:
    """Each kind in turn, in a process of its own whose memory the system tells."""
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "hostile_replies.child",
            hostile.url,
            *(f"{status}/{kind}" for kind in KINDS),
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    output, errors = await asyncio.wait_for(process.communicate(), 50)
    assert process.returncode == 0, errors.decode()
    told = [json.loads(line) for line in output.splitlines()]
    assert [one["name"] for one in told] == [f"{status}/{kind}" for kind in KINDS]
    expected = TOKEN_ERRORS if status == 200 else REFUSALS
    assert [one for one in told if one["came"] not in expected] == []
    assert [one for one in told if one["took"] > 2] == []
    assert [one for one in told if one["next"] != "good"] == []
    assert [one for one in told if one["grew"] > most(one["name"]) * MIB] == []


def most(name: str) -> int:
    """Return by how many MiB the memory may grow: 20, where aiohttp can bound the number of header fields."""
    bounds_fields = "max_headers" in inspect.signature(aiohttp.ClientSession).parameters
    return 20 if bounds_fields or not name.endswith("many-fields") else 40


@pytest.mark.parametrize("status", [401, 503])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_refusal_is_read_in_no_time_and_the_next_request_works(
    hostile: Endpoint, kind: str, status: int
) -> None:
    timeout = aiohttp.ClientTimeout(total=0.5 if kind in SLOW else 5)
    async with signing(timeout=timeout) as session:
        began = time.perf_counter()
        came = await outcome(session, f"{hostile.url}{status}/{kind}")
        assert time.perf_counter() - began < 2
        assert came in REFUSALS
        async with session.get(f"{hostile.url}good") as response:
            assert (await response.read()).startswith(b"oauth_token=good")


async def outcome(session: OAuth1Session, url: str) -> str:
    """Post, and say what the provider's answer is as an error."""
    try:
        async with session.post(url, data={"status": "Hello"}) as response:
            await raise_for_problem(response)
    except OAuth1Error as error:
        return type(error).__name__
    return "a response"
