"""A provider that sends too much, too slowly or without an end takes neither our time nor our memory."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from handshakes.endpoint import Endpoint, http
from hostile_replies.kinds import BOMBS, KINDS, zeros
from wire.people import signing

from aiooauth1 import RequestToken


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


pytestmark = pytest.mark.socket

ROOT = Path(__file__).parents[2]
TOKEN_ERRORS = {"TokenResponseError", "TokenRejected", "OutcomeUnknown"}
REFUSALS = {"ProviderError", "TokenRejected", "OutcomeUnknown"}
MOST = 20  # MiB by which the memory may grow


@pytest.fixture
async def hostile() -> AsyncIterator[Endpoint]:
    """Start what answers by the last segments of the path: `good`, or a status and a kind."""
    endpoint: Endpoint

    async def answer(writer: asyncio.StreamWriter) -> None:
        path = endpoint.requests[-1].split(b" ", 2)[1].decode().strip("/")
        if path == "good":
            token = b"oauth_token=good&oauth_token_secret=s&oauth_callback_confirmed=true"
            writer.write(http(token, X_Is="good"))
        else:
            status, _, kind = path.partition("/")
            await KINDS[kind](int(status), writer)

    async with Endpoint(answer) as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    ("reader", "status", "expected"),
    [
        ("handshake", 200, TOKEN_ERRORS),
        ("handshake", 401, REFUSALS),
        ("session", 401, REFUSALS),
        ("session", 503, REFUSALS),
    ],
)
async def test_a_hostile_reply_is_bounded_in_time_and_memory_and_the_next_request_works(
    hostile: Endpoint, reader: str, status: int, expected: set[str]
) -> None:
    """Each kind in turn, in a process of its own whose memory the system tells."""
    names = [f"{status}/{kind}" for kind in KINDS]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hostile_replies.child", reader, hostile.url, *names),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT / "tests" / "support",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    output, errors = await asyncio.wait_for(process.communicate(), 50)
    assert process.returncode == 0, errors.decode()
    told = [json.loads(line) for line in output.splitlines()]
    assert [one["name"] for one in told] == names
    assert [one for one in told if one["came"] not in expected] == []
    assert [one for one in told if one["took"] > 10] == []  # 0.5 at most on an idle machine
    assert [one for one in told if one["next"] != "good"] == []
    assert [one for one in told if one["grew"] > MOST] == []


@pytest.mark.parametrize("coding", sorted(BOMBS))
async def test_aiohttp_decompresses_every_bomb(coding: str) -> None:
    reply = http(zeros(coding, 2), Content_Encoding=coding)
    async with Endpoint(reply) as endpoint, signing() as session, session.get(endpoint.url) as response:
        start = await response.content.readexactly(50)
    taken = endpoint.requests[0].partition(b"Accept-Encoding: ")[2].partition(b"\r\n")[0].decode().split(", ")
    assert coding in taken  # otherwise a library is missing
    assert start == bytes(50)


async def test_a_head_of_50_kib_in_many_pieces_after_interim_heads_is_read() -> None:
    more = b"".join(b"&p%d=%s" % (number, b"z" * 4000) for number in range(14))
    fields = {f"X-{number}": "y" * 1000 for number in range(50)}

    async def answer(writer: asyncio.StreamWriter) -> None:
        token = http(b"oauth_token=good&oauth_token_secret=s" + more, **fields)
        octets = b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 3 + token
        for start in range(0, len(octets), 5000):
            writer.write(octets[start : start + 5000])
            await writer.drain()
            await asyncio.sleep(0)

    async with Endpoint(answer) as endpoint, endpoint.handshake() as handshake:
        for _ in range(2):
            assert (await handshake.fetch_access_token(RequestToken("rt", "s"), "verifier")).key == "good"
