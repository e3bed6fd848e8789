"""Counts how often a task and the tasks that it starts are resumed, and cancels it before the n-th time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from contextvars import Context


class Steps:
    """One run of a coroutine.

    Args:
        cancel_at: The number of the resumption before which the task is cancelled; 0 for none.

    Attributes:
        taken: The number of resumptions.
    """

    def __init__(self, cancel_at: int = 0) -> None:
        self.taken = 0
        self._cancel_at = cancel_at
        self._task: asyncio.Task[Any] | None = None

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run it as a task."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(_counting)  # type: ignore[arg-type]  # its type cannot be written before 3.13
        context = copy_context()
        context.run(_STEPS.set, self)
        self._task = loop.create_task(coroutine, context=context)
        return self._task

    def step(self) -> None:
        """Count a resumption, and cancel the task if it is the one."""
        self.taken += 1
        if self.taken == self._cancel_at and self._task is not None:
            self._task.cancel()


_STEPS: ContextVar[Steps | None] = ContextVar("steps", default=None)


class _Counted(Coroutine[Any, Any, Any]):
    def __init__(self, coroutine: Coroutine[Any, Any, Any], steps: Steps) -> None:
        self._coroutine = coroutine
        self._steps = steps

    def send(self, value: Any) -> Any:
        self._steps.step()
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        self._steps.step()
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()


def _counting(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any],
    *,
    context: Context | None = None,
    **options: Any,
) -> asyncio.Task[Any]:
    # A task inherits the context of the one that starts it, so all tasks of the run are counted.
    steps = (context if context is not None else copy_context()).get(_STEPS)
    if steps is not None:
        coroutine = _Counted(coroutine, steps)
    return asyncio.Task(coroutine, loop=loop, context=context, **options)
