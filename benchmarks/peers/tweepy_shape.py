"""What tweepy's AsyncClient does: a new client of oauthlib and a new session of aiohttp for each request."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession
from oauthlib import oauth1

from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


DISTRIBUTION = "oauthlib"
NAME = "tweepy's shape"


@asynccontextmanager
async def sender(limit: int) -> AsyncIterator[Callable[[str, object], Awaitable[bytes]]]:  # noqa: ARG001  none
    """Post with a new session, and so a new connection, for each request. The limit has no effect."""

    async def post(url: str, body: object) -> bytes:
        client: Any = oauth1.Client(CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET)
        signed_url, headers, _ = client.sign(url, "POST", headers={"Content-Type": "application/json"})
        async with (
            ClientSession() as session,
            session.post(signed_url, json=body, headers=headers) as response,
        ):
            return await response.read()

    yield post
