"""One event loop and one process: where something with connections may be used."""

from __future__ import annotations

import asyncio
import os


__all__ = ["LoopAffinity"]


class LoopAffinity:
    """Refuses use after the close, in another event loop, or in a forked process: it would hang or do harm.

    Args:
        what: What owns the connections, as its user calls it.
    """

    __slots__ = ("_bound_to", "_is_closed", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._bound_to: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._is_closed = False

    def check(self) -> None:
        """Bind to the running loop and process on first use. Later, raise RuntimeError if either differs.

        Raises:
            RuntimeError: If it is another loop or process, it is closed, or no event loop runs.
        """
        if self._is_closed:
            raise self.closed_error()
        here = os.getpid(), asyncio.get_running_loop()
        if self._bound_to is None:
            self._bound_to = here
        elif self._bound_to != here:
            raise RuntimeError(
                f"the {self._what} was first used in another event loop or process, where its connections"
                " are: make one for each"
            )

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    @property
    def is_bound(self) -> bool:
        """Whether there was a first use."""
        return self._bound_to is not None

    def closed_error(self) -> RuntimeError:
        """Return the error of use after the close."""
        return RuntimeError(f"the {self._what} is closed: make another one")

    def unbind(self) -> None:
        """Let any loop and process be the first again, since the connections could not be made."""
        self._bound_to = None

    def is_current(self) -> bool:
        """Say whether this is the loop and process of the first use."""
        return self._bound_to == (os.getpid(), asyncio.get_running_loop())

    def check_close(self) -> None:
        """Refuse the close in another event loop than that of the first use, which still has the connections.

        Raises:
            RuntimeError: If it is another one, and that one is not closed.
        """
        if self._is_closed or self._bound_to is None:
            return
        process, loop = self._bound_to
        if process == os.getpid() and loop is not asyncio.get_running_loop() and not loop.is_closed():
            raise RuntimeError(f"the {self._what} is open in another event loop: close it there")

    def close(self) -> bool:
        """Refuse all later use, and say whether the connections may be closed from here.

        A forked process shares them with its parent, which still uses them.
        """
        self._is_closed = True
        return self._bound_to is None or self._bound_to[0] == os.getpid()
