"""A process that begins and completes handshakes as it is told to. Run by the tests."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter

from aiooauth1 import Handshake
from aiooauth1.errors import OAuth1Error
from store_handshakes.deadly_store import DeadlyStore
from store_handshakes.job import Call, Job


async def make_all(job: Job) -> dict[str, object]:
    """Make every call so many times, all at once, and tell how often each ended how."""
    began = time.monotonic()
    async with job.where.open() as inner:
        store = DeadlyStore(inner, dies_at=job.dies_at, dies_after=job.dies_after)
        async with Handshake(job.the_provider, job.the_consumer, store=store) as handshake:
            ends = await asyncio.gather(*[_end(handshake, call) for call in job.calls * job.times])
    counted = Counter(ends)
    return {
        "ends": [[user, end, count] for (user, end), count in counted.items()],
        "seconds": time.monotonic() - began,
    }


async def _end(handshake: Handshake, call: Call) -> tuple[str, str]:
    try:
        if call.callback == "renew":
            return call.user, f"token {(await handshake.renew(call.user)).key}"
        if "oauth_token" not in call.callback:
            return call.user, f"begun {(await handshake.begin(call.callback, bind=call.bind)).url}"
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
