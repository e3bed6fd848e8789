"""The command line: `aiooauth1`, or `python -m aiooauth1`. Extra: `cli`.

- `app`: every command with its options and help
- one module for each command, imported when the command runs
- `settings`: what commands share: providers, consumer, store
- `outcome`: exit statuses, and errors as one line
"""

from __future__ import annotations

import sys


__all__ = ["main"]


def main() -> None:
    """Run the command named by `sys.argv`, and exit.

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
