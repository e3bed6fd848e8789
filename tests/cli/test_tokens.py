"""`aiooauth1 tokens import` and `export`."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aiooauth1 import AccessToken
from aiooauth1.cli.outcome import CommandError
from aiooauth1.cli.settings import open_store
from aiooauth1.cli.tokens import export_tokens, import_tokens


if TYPE_CHECKING:
    from desk import Desk


LINE = {"provider": "photos", "user": "ann", "key": "k", "secret": "s"}


async def bring(desk: Desk, *lines: object, provider: str | None = None) -> int:
    path = desk.folder / "tokens.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return await import_tokens(str(path), provider=provider, store_file=None)


async def test_exported_tokens_equal_the_imported_ones(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    full = {**LINE, "user": "zoë \u2028", "params": {"user_id": "7"}, "expires_at": 1.5}
    other = {"oauth_token": "k", "oauth_token_secret": "", "user": "ben"}
    assert await bring(desk, LINE, "", full, other, provider="photos") == 0
    async with open_store(None) as store:
        assert await store.get_access_token("photos", "ben") == AccessToken("k", "")
    target = desk.folder / "out.jsonl"
    options: dict[str, Any] = {"providers": [], "store_file": None}
    assert await export_tokens(str(target), **options) == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    found = {line["user"]: line for line in map(json.loads, target.read_text().splitlines())}
    assert found == {"ann": LINE, full["user"]: full, "ben": {**LINE, "user": "ben", "secret": ""}}
    assert await export_tokens("-", **options) == 0
    assert capsys.readouterr().out == target.read_text()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not an object"),
        ({**LINE, "token": "x"}, "unknown key 'token'"),
        ({"user": "ann", "key": "k", "secret": "s"}, '"provider" is missing'),
        ({**LINE, "key": ""}, '"key" must be a string'),
        ({**LINE, "user": 7}, '"user" must be a string'),
        ({**LINE, "params": {"a": 1}}, '"params" must be'),
        ({**LINE, "expires_at": True}, '"expires_at" must be'),
        ({**LINE, "user": "ben", "secret": "s" * 20_000}, "this cannot be stored: it is longer than"),
        (LINE, "this user of this provider was on an earlier line"),
    ],
)
async def test_one_bad_line_is_named_and_nothing_is_imported(
    line: object, complaint: str, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="1 bad line: nothing was imported"):
        await bring(desk, LINE, line)
    assert capsys.readouterr().err.startswith(f"line 2: {complaint}")
    async with open_store(None) as store:
        assert [user async for user in store.users("photos")] == []


@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGKILL])
async def test_an_import_of_thousands_is_stored_whole_or_not_at_all(
    number: signal.Signals | None, desk: Desk
) -> None:
    lines = [json.dumps({**LINE, "user": f"user {each}"}) for each in range(5000)]
    process = await desk.start("tokens", "import", "-")
    assert process.stdin is not None
    process.stdin.write("\n".join(lines).encode())
    process.stdin.close()
    if number is not None:
        store = Path(desk.store)
        while process.returncode is None and not await asyncio.to_thread(store.exists):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        with suppress(ProcessLookupError):
            process.send_signal(number)
    await asyncio.wait_for(process.wait(), 40)
    async with open_store(None) as opened:
        count = len([user async for user in opened.users("photos")])
    assert count in ({5000} if number is None else {0, 5000})


INTERRUPTED = """
import resource, signal, sys
from aiooauth1.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # it ends the process in the middle of the write
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, 1 << 18))
main()
"""


@pytest.mark.parametrize("killed", [True, False], ids=["a kill", "a full disk"])
async def test_an_earlier_file_is_whole_after_an_export_ended_by(killed: bool, desk: Desk) -> None:
    target = desk.folder / "out" / "tokens.jsonl"
    target.parent.mkdir()
    target.write_text("the earlier export")
    await bring(desk, *({**LINE, "user": f"{number}", "secret": "s" * 10_000} for number in range(50)))
    program = INTERRUPTED if killed else INTERRUPTED.replace("SIG_DFL", "SIG_IGN")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, "tokens", "export", "-o", str(target)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == (-signal.SIGXFSZ if killed else 1), err
    assert target.read_text() == "the earlier export"
    drafts = [path for path in target.parent.iterdir() if path != target]
    assert [stat.S_IMODE(path.stat().st_mode) for path in drafts] == [0o600] * killed
    assert await export_tokens(str(target), providers=[], store_file=None) == 0
    assert len(target.read_text().splitlines()) == 50
