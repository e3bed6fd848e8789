"""The command line: `aiooauth1`, also `python -m aiooauth1`. It needs the extra `cli`.

`app.py` has every command with its options. What a command does is in a module of its own, imported when the
command runs; `outcome.py` has the exit statuses and turns errors into one line.
"""

from __future__ import annotations

import sys


__all__ = ["main"]


def main() -> None:
    """Run the command that the process's arguments name, and end the process.

    Raises:
        SystemExit: Always. 0 done, 1 refused or failed, 2 bad usage or input, 3 outcome unknown, 130 Ctrl-C.
    """
    try:
        from aiooauth1.cli.app import app  # noqa: PLC0415  what it imports may be missing
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        sys.exit("aiooauth1: the command line needs typer: pip install 'aiooauth1[cli]'")
    app(prog_name="aiooauth1")
