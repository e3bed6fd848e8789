"""A program that completes handshakes and renews tokens: a job a line. Run by the tests."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

from handshakes.faulty_store import FaultyStore

from aiooauth1 import Consumer, Handshake
from aiooauth1.errors import OAuth1Error
from aiooauth1.testing.process.provider_json import load_provider
from store_handshakes.job import Call, Job


async def make_all(job: Job) -> list[tuple[str, str, int]]:
    """Make every call the given number of times, all at once, and count how each user's ended."""
    async with job.where.open() as inner:
        store = FaultyStore(inner, dies_at=job.dies_at, dies_after=job.dies_after)
        async with Handshake(load_provider(job.provider), Consumer(*job.consumer), store=store) as handshake:
            ends = await asyncio.gather(*[_end(handshake, call) for call in job.calls * job.times])
    return [(user, end, count) for (user, end), count in Counter(ends).items()]


async def _end(handshake: Handshake, call: Call) -> tuple[str, str]:
    try:
        if call.callback == "renew":
            token = await handshake.renew(call.user)
        else:
            token = await handshake.complete(call.callback, bind=call.bind, save_as=call.user)
    except OAuth1Error as error:
        return call.user, f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001  that there is none of these is the question
        return call.user, f"not ours: {error!r}"
    return call.user, f"token {token.key}"


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201  the tests read it
    for line in sys.stdin.buffer:
        print(json.dumps(asyncio.run(make_all(Job.read(line)))), flush=True)  # noqa: T201  likewise
