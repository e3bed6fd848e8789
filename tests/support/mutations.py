"""Damage to bytes, as it happens on the way and as attackers try it."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    import random
    from collections.abc import Sequence


__all__ = ["mutated"]


def mutated(data: bytes, chance: random.Random, pieces: Sequence[bytes] = (b"\0",)) -> bytes:
    """Return the data with a byte changed, a part cut out, repeated or cut off, or a piece put in."""
    at, end = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
    match chance.randrange(6):
        case 0:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 1:
            return data[:at] + data[at + chance.randint(1, 6) :]
        case 2:
            return data[:at] + data[end:]
        case 3:
            return data[:at] + data[at:end] * chance.randrange(2, 40) + data[end:]
        case 4:
            return data[:end]
        case _:
            return data[:at] + chance.choice(pieces) + data[at:]
