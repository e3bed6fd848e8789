"""The register of commands: help texts, completion, and each command as a program."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from terminal import PATIENCE
from typer.main import get_command
from typer.testing import CliRunner

from aiooauth1.cli.app import app
from aiooauth1.cli.settings import open_store, signed_in_at


if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web
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


RUNS = [
    # The words, the exit status, and what is shown.
    (["accounts"], 0, r"photos  ann\n"),
    (["accounts", "--json"], 0, r'\[\n  \{\n    "provider": "photos",'),
    (["request", "echo"], 0, r'"user": ?"ann"|"user": "ann"'),
    (["request", "nowhere"], 1, r"aiooauth1 request: ProviderError: .* status 404"),
    (["doctor", "photos"], 0, r"(?s)ok    store: .*ok    consumer key: .*ok    callback: "),
    (["providers", "photos", "--config", "{folder}/providers.toml"], 0, r"base url: http"),
    (["tokens", "export", "-o", "{folder}/tokens.jsonl"], 0, r"^Exported 1 token of 1 provider\.\n$"),
    (["logout"], 0, r"^Signed out ann at photos; the token is revoked\.\n$"),
    (["logout", "nowhere"], 2, r"^aiooauth1 logout: not signed in at nowhere: run `aiooauth1 login nowhere`"),
]


@pytest.mark.socket
@pytest.mark.parametrize("terminal", [False, True], ids=["in pipes", "on a terminal"])
@pytest.mark.parametrize(("words", "status", "shown"), RUNS, ids=[" ".join(words) for words, _, _ in RUNS])
async def test_a_command_says_what_it_did_in_pipes_and_on_a_terminal(
    words: list[str], status: int, shown: str, terminal: bool, desk: Desk
) -> None:
    await desk.sign_in("ann")
    given = [word.format(folder=desk.folder) for word in words]
    secrets = await desk.secrets()
    found, out, err = await desk.run(*given, terminal=terminal)
    text = re.sub(r"\x1b\[[0-9;]*m", "", out + err)
    assert (found, bool(re.search(shown, text))) == (status, True), text
    assert "Traceback" not in text
    assert not [secret for secret in secrets if secret in text]


@pytest.mark.socket
async def test_exported_tokens_go_into_a_pipe_and_never_onto_a_terminal(desk: Desk) -> None:
    await desk.sign_in("ann")
    status, out, err = await desk.run("tokens", "export")
    assert (status, json.loads(out)["user"], err) == (0, "ann", "Exported 1 token of 1 provider.\n")
    status, shown, _ = await desk.run("tokens", "export", terminal=True)
    assert (status, shown.count("\n")) == (2, 1)
    assert "pass -o FILE, or pipe the" in shown


@pytest.mark.socket
@pytest.mark.parametrize(
    "words",
    [
        ["request", "posts", "-d", "status=x"],
        ["logout"],
        ["doctor", "photos"],
        ["tokens", "import", "{folder}/fifo"],
    ],
    ids=" ".join,
)
async def test_ctrl_c_ends_a_command_quietly_and_leaves_the_store_whole(words: list[str], desk: Desk) -> None:
    await desk.sign_in("ann")
    is_busy = asyncio.Event()

    async def hold(_: web.BaseRequest) -> None:
        is_busy.set()
        await asyncio.Event().wait()

    desk.fake.before = hold
    os.mkfifo(desk.folder / "fifo")
    process = await desk.start(*[word.format(folder=desk.folder) for word in words])
    assert process.stderr is not None
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        if words[0] == "tokens":  # it opens the file, and waits for what is written
            fifo = await asyncio.to_thread(os.open, desk.folder / "fifo", os.O_WRONLY)
            stack.callback(os.close, fifo)
        else:
            await is_busy.wait()
        process.send_signal(signal.SIGINT)
        err = await process.stderr.read()
        assert (await process.wait(), err.decode()) == (130, "")
    async with open_store(None) as store:
        assert await signed_in_at(store) == {"photos": ["ann"]}


@pytest.mark.socket
@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["plain", "NO_COLOR"]
)
async def test_json_is_coloured_on_a_terminal_unless_no_color_is_set(
    environment: dict[str, str], coloured: bool, desk: Desk
) -> None:
    await desk.sign_in("ann")
    status, shown, _ = await desk.run("request", "echo", terminal=True, **environment)
    assert status == 0
    assert ('"user": "ann"' in re.sub(r"\x1b\[[0-9;]*m", "", shown), "\x1b[3" in shown) == (True, coloured)


@pytest.mark.socket
async def test_a_pipe_gets_the_body_as_it_came_even_if_colours_are_forced(desk: Desk) -> None:
    await desk.sign_in("ann")
    assert await desk.run("request", "posts", FORCE_COLOR="1") == (0, "[]", "")
