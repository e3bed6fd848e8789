"""Callers who give up, as browsers and shutdowns do, at whichever moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Coroutine


__all__ = ["cancelled_after"]


async def cancelled_after(steps: int, operation: Coroutine[object, object, object]) -> None:
    """Begin an operation, and cancel it on its way.

    Args:
        steps: After how many turns of the loop.
        operation: The operation.

    Raises:
        Exception: What it raises, if it was not cancelled.
    """
    task = asyncio.ensure_future(operation)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
