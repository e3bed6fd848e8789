"""Programs on a terminal of 24 lines and 80 columns."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import termios
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence


__all__ = ["CTRL_C", "PATIENCE", "on_terminal", "plain"]

PATIENCE = 40  # seconds
CTRL_C = signal.SIGINT
Answer: TypeAlias = "str | signal.Signals | Callable[[str], Awaitable[str]]"


async def on_terminal(
    words: Sequence[str],
    environment: Mapping[str, str],
    *steps: tuple[str, Answer],
    meanwhile: Callable[[int], None] = lambda _: None,
) -> tuple[int, str]:
    """Run a program to its end; return its exit status and all that the terminal shows.

    Args:
        words: The program and its arguments.
        environment: Its environment.
        steps: What to do when a text is shown, one after the other: type a line, which a function may make
            from what is shown, or press Ctrl-C.
        meanwhile: Called with the program's process id after its start.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = await asyncio.create_subprocess_exec(
        *words,
        env={"TERM": "xterm-256color", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    raw, waiting = b"", list(steps)
    try:
        meanwhile(process.pid)
        async with asyncio.timeout(PATIENCE):
            with suppress(OSError):  # as Linux ends a terminal that all others have closed
                while piece := await asyncio.to_thread(os.read, ours, 1 << 16):
                    raw += piece
                    shown = raw.decode("utf-8", "replace")
                    while waiting and waiting[0][0] in shown:
                        answer = waiting.pop(0)[1]
                        if isinstance(answer, signal.Signals):
                            process.send_signal(answer)
                        else:
                            line = answer if isinstance(answer, str) else await answer(shown)
                            os.write(ours, f"{line}\n".encode())
            return await process.wait(), raw.decode().replace("\r\n", "\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)


def plain(shown: str) -> str:
    """Return what a terminal shows without its control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
