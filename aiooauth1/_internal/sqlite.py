"""What every SQLite file of this package needs: that its owner alone reads it, and a thread that may end."""

from __future__ import annotations

import errno
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar


if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["in_daemon_thread", "make_private"]

_T = TypeVar("_T")


def make_private(path: str, what: str = "tokens") -> None:
    """Make a file that its owner alone can read, or make an existing one so, and SQLite's companions of it.

    Args:
        path: The file.
        what: What it holds, for the error's message.

    Raises:
        PermissionError: If another user owns it.
    """
    place = Path(path).resolve()  # where a link leads to, which SQLite would make for all to read
    try:
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        # By name: closing any descriptor of an SQLite file drops all locks that this process has on it.
        for companion in (place, *(place.with_name(place.name + ending) for ending in ("-wal", "-shm"))):
            with suppress(FileNotFoundError):  # gone again
                found = companion.stat()
                if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
                    raise PermissionError(
                        errno.EPERM,
                        f"user {found.st_uid} owns it, who can read the {what}: use a file of your own",
                    ) from None
                if stat.S_IMODE(found.st_mode) & 0o077:
                    companion.chmod(0o600)


def in_daemon_thread(make: Callable[[], _T]) -> _T:
    """Call `make` in a daemon thread: a thread that it starts is then a daemon too.

    So a connection that was not closed does not keep the program from ending; SQLite's files survive that.
    """
    made: list[_T] = []
    thread = threading.Thread(target=lambda: made.append(make()), daemon=True)
    thread.start()
    thread.join()
    return made[0]
