"""`python -m aiooauth1`: the command line."""

from __future__ import annotations

from aiooauth1.cli import main


if __name__ == "__main__":
    main()
