"""Re-encrypting all records of a Redis while others read and write them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aiooauth1.errors import StoreCorrupt


if TYPE_CHECKING:
    from collections.abc import Callable

    from aiooauth1.stores.redis.commands import Commands
    from aiooauth1.stores.redis.executor import Executor
    from aiooauth1.stores.redis.records import RedisRecords


__all__ = ["rotate"]

_AT_ONCE = 32  # half of the connections: the others are for the store's users


async def rotate(
    executor: Executor, records: RedisRecords, progress: Callable[[int, int], object] | None
) -> int:
    """Encrypt with the current key every record that is not yet encrypted with it.

    Args:
        executor: Runs the operations on Redis.
        records: How records are encrypted.
        progress: Called with the number of records looked at and of all, after each batch.

    Returns:
        How many records were re-encrypted.

    Raises:
        StoreUnavailable: If there is no answer in time.
        StoreCorrupt: If records do not decrypt. All others are re-encrypted.
    """
    keys = [key for pattern in records.patterns() async for found in executor.scan(pattern) for key in found]
    rotated = corrupt = 0
    for start in range(0, len(keys), _AT_ONCE):
        batch = keys[start : start + _AT_ONCE]
        outcomes = await executor.run_for_keys(batch, partial(_rotate, records))
        rotated += outcomes.count(True)
        corrupt += outcomes.count(None)
        if progress is not None:
            progress(start + len(batch), len(keys))
    if corrupt:
        raise StoreCorrupt(f"{corrupt} of {len(keys)} stored records are not ours or do not decrypt")
    return rotated


async def _rotate(records: RedisRecords, commands: Commands, key: bytes) -> bool | None:
    # None if the record is not ours or does not decrypt: the others are re-encrypted all the same.
    try:
        while (stored := await commands.read(key)) is not None:
            new = records.reseal(key, stored)
            if new is None:
                break
            if (await commands.swap(key, stored, new, "KEEPTTL")).done:
                return True
    except StoreCorrupt:
        return None
    return False
