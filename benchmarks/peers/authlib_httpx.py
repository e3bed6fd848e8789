"""Authlib's client on httpx, one for all requests."""

from __future__ import annotations

import warnings
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


DISTRIBUTION = "Authlib"
NAME = "Authlib on httpx"

_httpx: Any = import_module("httpx")  # not installed everywhere that types are checked
with warnings.catch_warnings(record=True):  # it warns of httpx's version
    _client: Any = import_module("authlib.integrations.httpx_client")  # it has no types


@asynccontextmanager
async def sender(limit: int) -> AsyncIterator[Callable[[str, object], Awaitable[bytes]]]:
    """Post with one client for all requests."""
    limits = _httpx.Limits(max_connections=limit, max_keepalive_connections=limit)
    async with _client.AsyncOAuth1Client(
        CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET, limits=limits
    ) as client:

        async def post(url: str, body: object) -> bytes:
            response = await client.post(url, json=body)
            content: bytes = response.content
            return content

        yield post
