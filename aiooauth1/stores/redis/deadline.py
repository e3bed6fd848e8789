"""A deadline that holds even if a cancellation is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self


if TYPE_CHECKING:
    from types import TracebackType


__all__ = ["Deadline"]

_AGAIN = 0.05  # seconds


class Deadline:
    """Ends its block with a `TimeoutError` when the time is up.

    `asyncio.timeout` cancels once. In Python 3.11 `asyncio.wait_for`, through which redis-py sends, drops a
    cancellation that comes just after its result: a loop that repeats commands would then go on for ever.
    This one cancels again until the block ends.

    Args:
        seconds: How long the block may take.

    Raises:
        TimeoutError: If the time was up.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._cancels = 0

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline works inside a task only")
        self._task = task
        self._cancelled_before = task.cancelling()
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_later(self.seconds, self._cancel)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._handle.cancel()
        if not self._cancels:
            return
        for _ in range(self._cancels):
            self._task.uncancel()
        # If others cancelled the task as well, it stays cancelled.
        if kind is asyncio.CancelledError and self._task.cancelling() <= self._cancelled_before:
            raise TimeoutError

    def check(self) -> None:
        """Raise if the task was cancelled, by this deadline or by others, and the cancellation was lost.

        Raises:
            CancelledError: In that case.
        """
        if self._task.cancelling() > self._cancelled_before:
            raise asyncio.CancelledError

    def _cancel(self) -> None:
        self._cancels += 1
        self._task.cancel()
        self._handle = self._loop.call_later(_AGAIN, self._cancel)
