"""oauthlib and aiohttp put together by hand: one client of each for all requests."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from oauthlib import oauth1

from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


DISTRIBUTION = "oauthlib"
NAME = "oauthlib by hand on aiohttp"


@asynccontextmanager
async def sender(limit: int) -> AsyncIterator[Callable[[str, object], Awaitable[bytes]]]:
    """Post with one session for all requests."""
    client: Any = oauth1.Client(CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET)
    async with ClientSession(connector=TCPConnector(limit=limit), cookie_jar=DummyCookieJar()) as session:

        async def post(url: str, body: object) -> bytes:
            signed_url, headers, _ = client.sign(url, "POST", headers={})
            async with session.post(signed_url, json=body, headers=headers) as response:
                return await response.read()

        yield post
