"""A process that asks a token endpoint for a reply of each kind, and tells what came of it."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time

from aiohttp import ClientError

from aiooauth1 import Consumer, Handshake, MemoryStore, OAuth1Error, Provider, RequestToken


async def _ask(url: str, *, seconds: float) -> str:
    provider = Provider("hostile", access_token_url=url)
    async with Handshake(
        provider, Consumer("key", "secret"), store=MemoryStore(), timeout=seconds
    ) as handshake:
        try:
            token = await handshake.fetch_access_token(RequestToken("rt", "s"), "verifier")
        except (OAuth1Error, ClientError, TimeoutError) as error:
            return type(error).__name__
    return token.key


async def _main(url: str, names: list[str]) -> None:
    await _ask(f"{url}good", seconds=5)
    for name in names:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        came = await _ask(f"{url}{name}", seconds=1)
        took = time.perf_counter() - began
        grew = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        told = {"name": name, "came": came, "took": took, "grew": grew}
        print(json.dumps({**told, "next": await _ask(f"{url}good", seconds=5)}), flush=True)  # noqa: T201  to its parent


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2:]))
