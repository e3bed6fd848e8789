"""Exit statuses and error lines of commands."""

from __future__ import annotations

import subprocess
import sys

import aiohttp
import pytest

from aiooauth1.cli.outcome import CommandError, run_command
from aiooauth1.errors import OutcomeUnknown, ProviderError, SigningError, StoreUnavailable, UnknownUser


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (CommandError("no key: give one", 2), 2, "no key: give one"),
        (CommandError("the\nprovider \x1b[2J said no"), 1, "the provider  [2J said no"),
        (SigningError("a realm must be ASCII"), 2, "SigningError: a realm must be ASCII"),
        (UnknownUser("no token of ann"), 2, "UnknownUser: no token of ann"),
        (ProviderError("no", status=400), 1, "ProviderError: no"),
        (StoreUnavailable("locked"), 1, "StoreUnavailable: locked"),
        (OutcomeUnknown("no reply"), 3, "no reply: look at the provider before you try again"),
        (ImportError("SQLiteStore needs aiosqlite"), 1, "SQLiteStore needs aiosqlite"),
        (
            ModuleNotFoundError("No module named 'rich'", name="rich"),
            1,
            "the command line needs rich: pip install 'aiooauth1[cli]'",
        ),
        (TimeoutError(), 1, "no answer in time: try again"),
        (aiohttp.ClientError("refused"), 1, "ClientError: refused"),
        (
            PermissionError(13, "Permission denied", "x"),
            1,
            "PermissionError: [Errno 13] Permission denied: 'x'",
        ),
    ],
)
def test_expected_errors_become_one_line_and_a_status(
    error: Exception, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> int:
        raise error

    assert run_command("login", work) == status
    assert capsys.readouterr().err == f"aiooauth1 login: {line}\n"


def test_debug_shows_the_traceback_before_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise CommandError("no key: give one", 2)

    assert run_command("login", work, debug=True) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert shown.endswith("aiooauth1 login: no key: give one\n")


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    def work() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command("login", work)


def test_the_result_of_the_work_is_the_status() -> None:
    async def work() -> int:
        return 3

    assert run_command("login", work) == 3
    assert run_command("login", lambda: 0) == 0


def test_help_imports_no_command_and_no_aiohttp() -> None:
    code = (
        "import sys\nfrom aiooauth1.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([n for n in sys.modules if n.split('.')[0] in {'aiohttp', 'asyncio', 'rich', 'anyio'}"
        " or n.startswith('aiooauth1.cli.') and n.split('.')[2] not in {'app', 'outcome'}], file=sys.stderr)"
    )
    found = subprocess.run(  # noqa: S603  our own interpreter, our own code
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, timeout=50, check=True
    )
    assert "demo" in found.stdout
    assert found.stderr == "[]\n"
