"""Exit statuses of commands, and one line about what went wrong."""

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
"""The modules that the extra `cli` installs."""

_USAGE_ERRORS = frozenset({"SigningError", "UnknownUser"})  # about the user's input: nothing was sent


class CommandError(Exception):
    """Ends a command with a message (what was wrong: what to do) and an exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


def run_command(name: str, work: Callable[[], Coroutine[Any, Any, int] | int], *, debug: bool = False) -> int:
    """Run a command to its end and return its exit status.

    `work` is called here, so that it may import what the command needs. An expected error (a CommandError, or
    an error of aiooauth1, the network or the file system) becomes one line on standard error; with `debug`
    its traceback comes first.
    """
    try:
        result = work()
        if isinstance(result, int):
            return result
        import asyncio  # noqa: PLC0415  `--help` works without it

        return asyncio.run(result)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has gone. Python flushes at exit, which must not fail again.
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
    """Return the line and the status for an expected error, or None for a bug."""
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
    """Return a message on one line, without terminal control characters."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
