from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from posted import numbered

from aiooauth1 import StoreCorrupt, StoreUnavailable
from aiooauth1.posting import InputChanged, Outcome, SQLiteJournal


if TYPE_CHECKING:
    from pathlib import Path

    from aiooauth1.posting.journal import Numbered


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
    states = ["done", "refused", "failed", "unknown", "begun"]
    assert [entry and entry.state for entry in entries] == [*states, None]
    assert entries[1] is not None
    assert (entries[1].http_status, entries[1].error) == (201, "ValueError: why")
    report = await journal.report()
    assert [report[state] for state in states] == [1] * 5  # type: ignore[index]
    assert report.in_doubt == ("3", "4")
    await journal.aclose()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (numbered(1, text="Goodbye"), "post 2 of the input, '1', differs from what the journal began with"),
        (numbered(1, "new"), "post 2 of the input is 'new', but was '1' before"),
        (numbered(3, "1"), "post '1' is number 4 of the input, but was number 2 before"),
    ],
)
async def test_a_changed_input_is_refused_by_begin_and_look_up(
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


async def test_one_run_at_a_time_locks_a_journal_and_begins_no_post_that_is_done(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    journal = SQLiteJournal(path)
    await begun(journal, numbered(0))
    await journal.finish(numbered(0), Outcome(numbered(0).post, "done"))
    with pytest.raises(InputChanged, match="was sent already"):
        await journal.begin(numbered(0))
    with pytest.raises(RuntimeError, match="in use: one run at a time"):
        await journal.open()
    with pytest.raises(StoreUnavailable, match="in use by another run"):
        await SQLiteJournal(path).open()
    await journal.aclose()
    async with SQLiteJournal(path) as next_one:
        assert await next_one.open() == 1


async def test_a_file_that_is_not_a_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(StoreCorrupt, match="damaged, or not a journal"):
        await SQLiteJournal(tmp_path / "text").open()
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    with pytest.raises(StoreCorrupt, match="another application's database"):
        await SQLiteJournal(tmp_path / "other.db").open()
    with pytest.raises(StoreUnavailable):
        await SQLiteJournal(tmp_path / "nowhere" / "run.db").open()
    with pytest.raises(ValueError, match="path must name a file"):
        SQLiteJournal(":memory:")


async def test_a_journal_is_private_and_an_absent_one_counts_as_empty(tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "run.db")
    assert (await journal.report()).total == 0
    assert not (tmp_path / "run.db").exists()
    await journal.open()
    assert (tmp_path / "run.db").stat().st_mode & 0o077 == 0
    await journal.aclose()
    (tmp_path / "run.db").chmod(0o644)  # as a copy may come back
    await journal.open()
    assert (tmp_path / "run.db").stat().st_mode & 0o077 == 0
    await journal.aclose()


async def test_a_begun_post_is_in_doubt_after_kill_9(tmp_path: Path) -> None:
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
