"""Octets that go when their time is up: pending handshakes, as one process holds them. Pure."""

from __future__ import annotations

import math
import struct
from bisect import insort
from collections import deque
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["Expiring", "check_ttl"]

_END = struct.Struct("d")  # when a value goes, by the clock: it stands before the value


def check_ttl(ttl: float) -> None:
    """Refuse a time to live that has no end, or is none.

    Args:
        ttl: Seconds.

    Raises:
        ValueError: If it is not a positive number.
    """
    if not 0 < ttl < math.inf:
        raise ValueError(f"ttl must be a positive number of seconds, not {ttl}")


class Expiring:
    """Values by their keys, each of which goes by itself.

    A flood of them is to take little memory. So there are two objects for each and no more: its key, and its
    value with its end before it.

    Args:
        clock: Seconds from any beginning, never going back.

    >>> now = 0.0
    >>> values = Expiring(lambda: now)
    >>> values.add(b"key", b"value", 60)
    >>> values.get(b"key"), len(values)
    (b'value', 1)
    >>> now = 60.0
    >>> values.get(b"key"), len(values)
    (None, 0)
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[bytes, bytes] = {}
        self._order: deque[bytes] = deque()  # the keys, the first to go first

    def __len__(self) -> int:
        self._forget()
        return len(self._held)

    def get(self, key: bytes) -> bytes | None:
        """Return the value, None if there is none or its time is up."""
        self._forget()
        held = self._held.get(key)
        return None if held is None else held[_END.size :]

    def add(self, key: bytes, value: bytes, ttl: float) -> None:
        """Add a value under a key that has none.

        Args:
            key: The key.
            value: The value.
            ttl: After how many seconds it goes.

        Raises:
            ValueError: If `ttl` is not a positive number.
        """
        check_ttl(ttl)
        end = self._clock() + ttl
        self._held[key] = _END.pack(end) + value
        if not self._order or self._end(self._order[-1]) <= end:  # always so where all live equally long
            self._order.append(key)
        else:
            insort(self._order, key, key=self._end)

    def replace(self, key: bytes, value: bytes) -> None:
        """Put another value in place of one that is there, and has just been looked at; it keeps its time."""
        self._held[key] = self._held[key][: _END.size] + value

    def _end(self, key: bytes) -> float:
        (end,) = _END.unpack_from(self._held[key])
        return float(end)

    def _forget(self) -> None:
        now = self._clock()
        while self._order and self._end(self._order[0]) <= now:
            del self._held[self._order.popleft()]
