"""The README's text, and the code in it."""

from __future__ import annotations

import re
from pathlib import Path


ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    found = re.findall(r"^```(.*)\n((?:.*\n)*?)```$", TEXT, re.MULTILINE)
    return [block for named, block in found if named.strip() == language]


def program(name: str) -> str:
    """Return the whole program that begins with this file name."""
    (found,) = (block for block in blocks("python") if block.startswith(f"# {name}\n"))
    return found


def snippets() -> list[str]:
    """Return the Python blocks that are not whole programs, in their order."""
    return [block for block in blocks("python") if not re.match(r"# [\w/.-]+\n", block)]
