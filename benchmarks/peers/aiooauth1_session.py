"""aiooauth1: `OAuth1Session` with its defaults."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import TCPConnector

from aiooauth1 import AccessToken, Consumer, OAuth1Session
from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


DISTRIBUTION = "aiooauth1"
NAME = "aiooauth1"


@asynccontextmanager
async def opened(limit: int) -> AsyncIterator[OAuth1Session]:
    """Open a session for all requests."""
    consumer, token = Consumer(CONSUMER_KEY, CONSUMER_SECRET), AccessToken(TOKEN, TOKEN_SECRET)
    async with (
        TCPConnector(limit=limit) as connector,
        OAuth1Session(consumer, token, connector=connector) as session,
    ):
        yield session


@asynccontextmanager
async def sender(limit: int) -> AsyncIterator[Callable[[str, object], Awaitable[bytes]]]:
    """Post with one session for all requests."""
    async with opened(limit) as session:

        async def post(url: str, body: object) -> bytes:
            async with session.post(url, json=body) as response:
                return await response.read()

        yield post
