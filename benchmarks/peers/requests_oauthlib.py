"""requests-oauthlib in threads, one for each request in flight."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


DISTRIBUTION = "requests-oauthlib"
NAME = "requests-oauthlib, threads"

_library: Any = import_module("requests_oauthlib")  # not installed everywhere that types are checked


@asynccontextmanager
async def sender(limit: int) -> AsyncIterator[Callable[[str, object], Awaitable[bytes]]]:
    """Post from a pool of threads, each with its own session: requests' sessions are not thread-safe."""
    local = threading.local()
    sessions: list[Any] = []

    def begin() -> None:
        local.session = _library.OAuth1Session(CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET)
        sessions.append(local.session)

    def post_here(url: str, body: object) -> bytes:
        content: bytes = local.session.post(url, json=body).content
        return content

    with ThreadPoolExecutor(limit, initializer=begin) as threads:

        async def post(url: str, body: object) -> bytes:
            return await asyncio.get_running_loop().run_in_executor(threads, post_here, url, body)

        yield post
    for session in sessions:
        session.close()
