"""Values that go when their time is up: each at its own, whatever the others' is, and in little memory."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from aiooauth1.stores.expiring import Expiring


def test_each_value_goes_at_its_own_end() -> None:
    """Against a dict that looks at all of them each time, with times to live of every kind."""
    dice = random.Random(5849)  # noqa: S311 - the same values each time
    now = 0.0
    values = Expiring(lambda: now)
    model: dict[bytes, tuple[float, bytes]] = {}
    for number in range(3000):
        key = b"key %d" % dice.randrange(200)
        value = b"value %d" % number
        if values.get(key) is None:
            ttl = dice.choice([0.5, 60.0, 60.0, 60.0, dice.uniform(0.1, 100)])
            values.add(key, value, ttl)
            model[key] = (now + ttl, value)
        elif number % 3:
            values.replace(key, value)
            model[key] = (model[key][0], value)
        now += dice.choice([0.0, 0.01, dice.random()])
        model = {key: held for key, held in model.items() if held[0] > now}
        assert len(values) == len(model)
        for key, (_, held) in dice.sample(sorted(model.items()), min(5, len(model))):
            assert values.get(key) == held
    now += 1000
    assert len(values) == 0


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf")])
def test_a_time_to_live_has_an_end(ttl: float) -> None:
    values = Expiring(lambda: 0.0)
    with pytest.raises(ValueError, match="ttl must be a positive number of seconds"):
        values.add(b"key", b"value", ttl)
    assert len(values) == 0


MEASURE = """
import asyncio, psutil
from aiooauth1 import MemoryStore

now = 0.0

async def main():
    store = MemoryStore(clock=lambda: now)
    record = bytes(390)
    before = psutil.Process().memory_info().rss
    for number in range(100_000):
        name = f"rt-{number:024}"
        async with store.pending_slot():
            assert await store.add_pending("x", name, record + name.encode(), ttl=600)
    print((psutil.Process().memory_info().rss - before) / 2**20)

asyncio.run(main())
"""


def test_100000_abandoned_handshakes_take_60_mib() -> None:
    done = subprocess.run(  # noqa: S603 - our own program, in a process whose memory nobody has used before
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, timeout=50
    )
    taken = float(done.stdout)
    assert 390 * 100_000 / 2**20 < taken <= 60, "MiB"
