"""aiohttp alone, which signs nothing: the base that signing is compared with."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import ClientSession, DummyCookieJar, TCPConnector


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


DISTRIBUTION = "aiohttp"
NAME = "aiohttp, unsigned"


def opened(limit: int) -> ClientSession:
    """Return a session for all requests, which the caller closes."""
    return ClientSession(connector=TCPConnector(limit=limit), cookie_jar=DummyCookieJar())


@asynccontextmanager
async def sender(limit: int) -> AsyncIterator[Callable[[str, object], Awaitable[bytes]]]:
    """Post with one session for all requests."""
    async with opened(limit) as session:

        async def post(url: str, body: object) -> bytes:
            async with session.post(url, json=body) as response:
                return await response.read()

        yield post
