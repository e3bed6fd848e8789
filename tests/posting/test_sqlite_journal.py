from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aiooauth1 import StoreCorrupt, StoreUnavailable
from aiooauth1.posting import InputChanged, Outcome, Post, SQLiteJournal
from aiooauth1.posting.journal import Numbered
from aiooauth1.posting.post import digest


if TYPE_CHECKING:
    from pathlib import Path


def numbered(position: int, name: str | None = None, text: str = "Hello") -> Numbered:
    post = Post(str(position) if name is None else name, "ann", "posts", data={"status": text})
    return Numbered(position, post, digest(post))


async def begun(journal: SQLiteJournal, *posts: Numbered) -> None:
    await journal.open()
    for one in posts:
        await journal.begin(one)


async def test_a_journal_knows_each_state_again(tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "run.db")
    await begun(journal, *(numbered(position) for position in range(5)))
    for position, status in enumerate(("done", "refused", "failed", "unknown")):
        outcome = Outcome(numbered(position).post, status, 200 + position, b"", ValueError("why"))  # type: ignore[arg-type]
        await journal.finish(numbered(position), outcome)
    await journal.release()
    assert await journal.open() == 5
    entries = await journal.look_up([numbered(position) for position in range(6)])
    assert [None if entry is None else entry.state for entry in entries] == [
        "done",
        "refused",
        "failed",
        "unknown",
        "begun",
        None,
    ]
    assert entries[1] is not None
    assert (entries[1].http_status, entries[1].error) == (201, "ValueError: why")
    report = await journal.report()
    assert [report[state] for state in ("begun", "done", "refused", "failed", "unknown")] == [1, 1, 1, 1, 1]
    assert report.in_doubt == ("3", "4")
    await journal.aclose()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (numbered(1, text="Goodbye"), "post 2 of the input, '1', differs from what the journal began with"),
        (numbered(1, "new"), "post 2 of the input is 'new', and was '1' before"),
        (numbered(3, "1"), "post '1' is number 4 of the input, and was number 2 before"),
    ],
)
async def test_a_changed_input_is_refused_where_it_is_read_and_where_it_is_sent(
    tmp_path: Path, changed: Numbered, message: str
) -> None:
    journal = SQLiteJournal(tmp_path / "run.db")
    await begun(journal, numbered(0), numbered(1), numbered(2))
    with pytest.raises(InputChanged, match=message):
        await journal.begin(changed)
    await journal.begin(numbered(5))
    await journal.release()
    await journal.open()
    with pytest.raises(InputChanged, match=message):
        await journal.look_up([changed])
    await journal.aclose()


async def test_a_post_that_is_done_is_not_begun_again(tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "run.db")
    await begun(journal, numbered(0))
    await journal.finish(numbered(0), Outcome(numbered(0).post, "done"))
    with pytest.raises(InputChanged, match="was sent already"):
        await journal.begin(numbered(0))
    await journal.aclose()


async def test_one_run_at_a_time_has_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    journal = SQLiteJournal(path)
    await journal.open()
    with pytest.raises(RuntimeError, match="in use: one run at a time"):
        await journal.open()
    with pytest.raises(StoreUnavailable, match="in use by another process"):
        await SQLiteJournal(path).open()
    await journal.aclose()
    async with SQLiteJournal(path) as next_one:
        assert await next_one.open() == 0


async def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(StoreCorrupt, match="damaged, or not a journal"):
        await SQLiteJournal(tmp_path / "text").open()
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    with pytest.raises(StoreCorrupt, match="database of something else"):
        await SQLiteJournal(tmp_path / "other.db").open()
    with pytest.raises(StoreUnavailable):
        await SQLiteJournal(tmp_path / "nowhere" / "run.db").open()
    with pytest.raises(ValueError, match="path of a file"):
        SQLiteJournal(":memory:")


async def test_a_journal_is_for_its_owner_only_and_of_an_absent_one_the_report_is_empty(
    tmp_path: Path,
) -> None:
    journal = SQLiteJournal(tmp_path / "run.db")
    assert (await journal.report()).total == 0
    assert not (tmp_path / "run.db").exists()
    await journal.open()
    assert (tmp_path / "run.db").stat().st_mode & 0o077 == 0
    await journal.aclose()


async def test_what_was_begun_is_known_after_kill_9(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys, time\n"
        "from aiooauth1.posting import SQLiteJournal, Post\n"
        "from aiooauth1.posting.journal import Numbered\n"
        "async def main():\n"
        "    journal = SQLiteJournal(sys.argv[1])\n"
        "    await journal.open()\n"
        "    await journal.begin(Numbered(0, Post('0', 'ann', 'posts'), b'x'))\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    path = tmp_path / "run.db"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:  # noqa: ASYNC220, S603
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        os.kill(process.pid, signal.SIGKILL)
    assert (await SQLiteJournal(path).report()).in_doubt == ("0",)
