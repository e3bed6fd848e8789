"""A program that reads hostile replies, and prints what each led to as a line of JSON.

Each reply is read in a process of its own, forked when all code is loaded: its peak memory is what this reply
took, whatever those before it left behind.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import ClientError, ClientTimeout

from aiooauth1 import (
    AccessToken,
    Consumer,
    Handshake,
    MemoryStore,
    OAuth1Error,
    OAuth1Session,
    Provider,
    RequestToken,
    raise_for_problem,
)
from hostile_replies.kinds import SLOW


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


_CONSUMER = Consumer("key", "secret")


async def _handshake(url: str, name: str, seconds: float) -> dict[str, object]:
    provider = Provider("hostile", request_token_url=f"{url}good", access_token_url=f"{url}{name}")
    async with Handshake(provider, _CONSUMER, store=MemoryStore(), timeout=seconds) as handshake:

        async def good() -> str:
            return (await handshake.fetch_request_token("oob")).key

        async def hostile() -> str:
            return (await handshake.fetch_access_token(RequestToken("rt", "s"), "verifier")).key

        return await _measure(good, hostile)


async def _session(url: str, name: str, seconds: float) -> dict[str, object]:
    timeout = ClientTimeout(total=seconds)
    async with OAuth1Session(_CONSUMER, AccessToken("key", "secret"), timeout=timeout) as session:

        async def ask(path: str) -> str:
            async with session.post(f"{url}{path}", data={"status": "Hello"}) as response:
                await raise_for_problem(response)
                return response.headers["X-Is"]

        return await _measure(partial(ask, "good"), partial(ask, name))


async def _measure(
    good: Callable[[], Awaitable[str]], hostile: Callable[[], Awaitable[str]]
) -> dict[str, object]:
    await good()
    before, began = _most_memory(), time.perf_counter()
    try:
        came = await hostile()
    except (OAuth1Error, ClientError, TimeoutError) as error:
        came = type(error).__name__
    took, grew = time.perf_counter() - began, _most_memory() - before
    return {"came": came, "took": took, "grew": grew, "next": await good()}


def _most_memory() -> float:
    """Return the peak memory of this process in MiB."""
    octets = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * octets / (1 << 20)


def _tell(reader: str, url: str, name: str) -> None:
    # The long timeout ends no reply in time: all but the slow ones must be ended by another bound.
    seconds = 0.5 if name.partition("/")[2] in SLOW[reader] else 10
    told = asyncio.run(_READERS[reader](url, name, seconds))
    print(json.dumps({"name": name, **told}), flush=True)  # noqa: T201  to its parent


def _main(reader: str, url: str, *names: str) -> int:
    asyncio.run(_READERS[reader](url, "good", 10))
    for name in names:
        process = multiprocessing.get_context("fork").Process(target=_tell, args=(reader, url, name))
        process.start()
        process.join()
        if process.exitcode:
            return process.exitcode
    return 0


_READERS = {"handshake": _handshake, "session": _session}


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
