"""Where something with connections is at home: the event loop and the process in which it was first used."""

from __future__ import annotations

import asyncio
import os


__all__ = ["Home"]


class Home:
    """Refuses what would hang or harm: use after the close, in another event loop, or in a forked process.

    Args:
        what: What has the connections, as its user calls it.
    """

    __slots__ = ("_is_closed", "_what", "_where")

    def __init__(self, what: str) -> None:
        self._what = what
        self._where: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._is_closed = False

    def enter(self) -> None:
        """Settle here at the first use, and see at every other that it is the same place.

        Raises:
            RuntimeError: If it is another one, it is closed, or no event loop runs.
        """
        if self._is_closed:
            raise RuntimeError(f"the {self._what} is closed")
        here = os.getpid(), asyncio.get_running_loop()
        if self._where is None:
            self._where = here
        elif self._where != here:
            raise RuntimeError(
                f"the {self._what} was first used in another event loop or process, where its connections"
                " are: make one for each"
            )

    def is_here(self) -> bool:
        """Say whether this is the place, and not another loop or process that could only wait in vain."""
        return self._where == (os.getpid(), asyncio.get_running_loop())

    def leave(self) -> bool:
        """Close it for good, and say whether its connections may be closed from here.

        A forked process shares them with the other, which goes on using them.
        """
        self._is_closed = True
        return self._where is None or self._where[0] == os.getpid()
