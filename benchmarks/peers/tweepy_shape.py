"""The shape of tweepy's AsyncClient: for each request a client of oauthlib and a session of aiohttp."""

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
    """Post with a session, and so a connection, for each request: no pool has a limit to keep."""

    async def post(url: str, body: object) -> bytes:
        client: Any = oauth1.Client(CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET)
        signed_url, headers, _ = client.sign(url, "POST", headers={"Content-Type": "application/json"})
        async with (
            ClientSession() as session,
            session.post(signed_url, json=body, headers=headers) as response,
        ):
            return await response.read()

    yield post
