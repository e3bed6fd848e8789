"""A clock that never goes back, for providers that refuse a timestamp before the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, ParamSpec


if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["NeverBack"]

P = ParamSpec("P")


class NeverBack(Generic[P]):
    """Reads a clock, and stands still while that goes back.

    >>> readings = iter([100.0, 90.0, 101.0])
    >>> clock = NeverBack(lambda: next(readings))
    >>> clock(), clock(), clock()
    (100.0, 100.0, 101.0)
    """

    __slots__ = ("_clock", "_last")

    def __init__(self, clock: Callable[P, float]) -> None:
        self._clock = clock
        self._last = 0.0

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> float:
        """Return the clock's reading, or the last one if that was later."""
        self._last = max(self._last, self._clock(*args, **kwargs))
        return self._last
