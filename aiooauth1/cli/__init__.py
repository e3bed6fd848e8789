"""The command line: `aiooauth1`, also `python -m aiooauth1`. It needs the extra `cli`."""

from __future__ import annotations

import sys


__all__ = ["main"]

_OF_THE_EXTRA = {"click", "rich", "typer"}


def main() -> None:
    """Run the command that the process's arguments name, and end the process.

    Raises:
        SystemExit: Always. Status 2 is a usage error; else each command's help says what its statuses mean.
    """
    try:
        from aiooauth1.cli.app import app  # noqa: PLC0415  what it imports may be missing
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _OF_THE_EXTRA:
            raise
        sys.exit(f"aiooauth1: the command line needs {missing}: pip install 'aiooauth1[cli]'")
    app(prog_name="aiooauth1")
