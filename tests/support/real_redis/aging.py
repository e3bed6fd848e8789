"""Time that passes for some keys of a Redis without anybody's waiting for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable

    import redis


__all__ = ["age"]


def age(clients: Iterable[redis.Redis], prefix: str, seconds: float) -> None:
    """Take so much off the time that each key has left which has an end; what has none left is gone.

    Args:
        clients: One for each primary.
        prefix: What the keys begin with.
        seconds: How much time is to pass.
    """
    for client in clients:
        with client:
            for key in client.scan_iter(count=1000):
                if key.startswith(prefix.encode()) and (left := client.pttl(key)) >= 0:
                    client.pexpire(key, left - math.ceil(seconds * 1000))
