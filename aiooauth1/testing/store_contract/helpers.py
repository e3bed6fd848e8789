"""Helpers of the contracts: hostile names, and cancelled operations."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Coroutine


__all__ = ["HOSTILE_NAMES", "cancelled_after", "hostile_pairs"]

# fmt: off
HOSTILE_NAMES = (
    "", " ", "a", "A", "b", "a ", " a", "ann", "ann@example.org", "0", "x", "None", "null", "true",
    "a:b", "a:", ":b", ":", "::", "a::b", "a\0b", "\0", "a\nb", "a\r\nb", "\n", "\t", "\x7f", "a,b", "a|b",
    "{x}", "{x", "x}", "{}", "*", "?", "a*", "a?", "[a]", "[a-z]", "\\", "\\*", "^", "~", "~a", "%", "%61",
    "a%", "a/b", "../a", "/", ".", "..", "a.b", "a-b", "a_b", "_", "'", '"', "`", "$", "';--", "' OR '1'='1",
    unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë"), "Å", "\u212b", "ﬁ", "fi",
    "ß", "ss", "\u0131", "I", "i", "\u200d", "\ufeff", "\u202e", "😀", "\U0010ffff", "\ud800", "\udc80",
    "\ud83d\ude00", "x" * 64, "x" * 65, "x" * 1_000_000, "x" * 999_999 + "y",
)
# fmt: on
"""Names that stores may confuse: separators, patterns, quotes, look-alikes, a megabyte."""


def hostile_pairs() -> list[tuple[str, str]]:
    """Return pairs of hostile names, and pairs that become equal when joined."""
    names = list(dict.fromkeys(HOSTILE_NAMES))
    others = [*names[1:], names[0]]
    glued = [("a:b", "c"), ("a", "b:c"), ("a", "bc"), ("ab", "c"), ("a\0b", "c"), ("a", "b\0c"), ("{a}", "b")]
    return list(
        dict.fromkeys([("x", name) for name in names] + list(zip(names, others, strict=True)) + glued)
    )


async def cancelled_after(steps: int, operation: Coroutine[object, object, object]) -> None:
    """Start an operation, and cancel it after some turns of the event loop."""
    task = asyncio.ensure_future(operation)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
