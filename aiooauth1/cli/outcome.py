"""How a command ends: its exit status, and one line about what went wrong."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


__all__ = ["DONE", "EXTRA", "FAILED", "INTERRUPTED", "UNKNOWN", "USAGE", "CommandError", "run_command"]

DONE = 0
FAILED = 1
"""The provider refused, or something failed."""
USAGE = 2
"""The command line or the input is wrong."""
UNKNOWN = 3
"""A request went out and its outcome is not known."""
INTERRUPTED = 130
"""Ctrl-C: 128 + SIGINT, as shells count."""

EXTRA = frozenset({"aiosqlite", "platformdirs", "rich", "typer"})
"""What the extra `cli` installs."""

_USAGE_ERRORS = frozenset({"SigningError", "UnknownUser"})  # of what the user gave; nothing was sent


class CommandError(Exception):
    """What ends a command: a message that says what was wrong and what to do, and the exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


def run_command(name: str, work: Callable[[], Coroutine[Any, Any, int] | int], *, debug: bool = False) -> int:
    """Run a command to its end and return its exit status.

    `work` is called here, and so may import what the command needs. An expected error (a CommandError, one of
    aiooauth1's, of the network or of the file system) becomes one line on standard error; with `debug` the
    traceback comes before it.
    """
    try:
        result = work()
        if isinstance(result, int):
            return result
        import asyncio  # noqa: PLC0415  `--help` does without

        return asyncio.run(result)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read what is printed has gone. Python flushes at its end and must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except Exception as error:
        described = _described(error)
        if described is None:
            raise
        if debug:
            traceback.print_exc()
        message, status = described
        print(f"aiooauth1 {name}: {_one_line(message)}", file=sys.stderr)
        return status


def _described(error: Exception) -> tuple[str, int] | None:
    """Return the line and the status for an expected error, None for a fault of this program."""
    from aiohttp import ClientError  # noqa: PLC0415  costs more than all of the command line: only when needed

    from aiooauth1.errors import OAuth1Error, OutcomeUnknown  # noqa: PLC0415  likewise

    match error:
        case CommandError():
            described = str(error), error.status
        case OutcomeUnknown():
            described = f"{error}: look at the provider before you try again", UNKNOWN
        case OAuth1Error():
            name = type(error).__name__
            described = f"{name}: {error}", USAGE if name in _USAGE_ERRORS else FAILED
        case ImportError() if error.name in EXTRA:
            described = f"the command line needs {error.name}: pip install 'aiooauth1[cli]'", FAILED
        case ImportError():  # another extra is missing; the message names it
            described = str(error), FAILED
        case TimeoutError():
            described = f"no answer in time: {str(error) or 'try again'}", FAILED
        case ClientError() | OSError():
            described = f"{type(error).__name__}: {error}", FAILED
        case _:
            return None
    return described


def _one_line(text: str) -> str:
    """Put a message on one line, without characters that would act on a terminal."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
