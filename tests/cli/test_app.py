"""The register of commands: help texts, completion, and colours on a terminal and in a pipe."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from aiooauth1.cli.app import app


if TYPE_CHECKING:
    from collections.abc import Iterator

    from desk import Desk


def commands() -> Iterator[list[str]]:
    """The words of every command."""
    root = get_command(app)
    for name, command in getattr(root, "commands", {}).items():
        inner = getattr(command, "commands", {})
        yield from ([name, each] for each in inner) if inner else [[name]]


@pytest.mark.parametrize("words", [[], *commands()], ids=" ".join)
def test_help_fits_a_screen_of_80_columns_and_has_an_example(words: list[str]) -> None:
    found = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    assert found.exit_code == 0
    lines = found.output.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.endswith("...") and "]..." not in line]  # none is cut
    assert re.search(r"Examples?( line)?:|Try it", found.output)


def test_the_shell_completes_commands() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "aiooauth1"],
        env={
            **os.environ,
            "_AIOOAUTH1_COMPLETE": "complete_bash",
            "COMP_WORDS": "aiooauth1 log",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert found.stdout.split() == ["login", "logout"]


@pytest.mark.socket
@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["plain", "NO_COLOR"]
)
async def test_json_is_coloured_on_a_terminal_unless_no_color_is_set(
    environment: dict[str, str], coloured: bool, desk: Desk
) -> None:
    await desk.sign_in("ann")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = await desk.start("request", "echo", stdout=theirs, TERM="xterm-256color", **environment)
    os.close(theirs)
    try:
        assert await process.wait() == 0
        shown = os.read(ours, 1 << 16).decode()
    finally:
        os.close(ours)
    assert ('"user": "ann"' in re.sub(r"\x1b\[[0-9;]*m", "", shown), "\x1b[3" in shown) == (True, coloured)


@pytest.mark.socket
async def test_a_pipe_gets_the_body_as_it_came_even_if_colours_are_forced(desk: Desk) -> None:
    await desk.sign_in("ann")
    process = await desk.start("request", "posts", FORCE_COLOR="1")
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"[]", b"")
