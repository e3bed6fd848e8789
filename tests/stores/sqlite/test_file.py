"""One SQLite file: processes, crashes, locks, files of others, modes, loops, and the end of it all."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiosqlite
import pytest
from patience import PATIENCE
from store_damage import TOKEN, assert_without_secrets

from aiooauth1.credentials import AccessToken
from aiooauth1.errors import StoreCorrupt, StoreUnavailable
from aiooauth1.stores.sqlite import SQLiteStore
from aiooauth1.stores.sqlite.database import Database
from aiooauth1.stores.sqlite.file import SQLiteFile


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


WORKER = Path(__file__).parents[2] / "support" / "sqlite_worker.py"


class Worker:
    """A process of its own, which does what it is told, a line at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def tell(self, command: str, path: Path) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command} {path}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def worker() -> Iterator[Worker]:
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            here = Worker(process)
            assert here.answer() == "ready"
            yield here
        finally:
            process.kill()


@pytest.fixture
def readable_by_all() -> Iterator[None]:
    """A process whose new files all may read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


@contextmanager
def locked(path: Path, mode: str = "IMMEDIATE") -> Iterator[None]:
    """Another program has the file for writing; with EXCLUSIVE for reading too."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {mode}")
        yield
        other.execute("ROLLBACK")


async def put_when_unlocked(store: SQLiteStore, user: str) -> None:
    """Try until a write succeeds: one that SQLite is still busy with may keep the file for its timeout."""
    while True:
        try:
            await store.put_access_token("x", user, TOKEN)
        except StoreUnavailable:
            continue
        return


async def make(path: Path) -> None:
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", TOKEN)


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def query(path: Path, sql: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(sql).fetchone()
        return row[0] if row else None


def execute(path: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql, values)


def test_four_processes_open_a_new_file_at_once_fifty_times(tmp_path: Path) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(worker()) for _ in range(4)]
        for number in range(50):
            for one in workers:
                one.tell("open_new_file", tmp_path / f"{number}.db")
            assert [one.answer() for one in workers] == ["good"] * 4, f"file {number}"
            assert query(tmp_path / f"{number}.db", "SELECT count(*) FROM access") == 4


async def test_of_four_processes_one_wins_each_swap(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "tokens.db", timeout=PATIENCE) as store:
        for number in range(50):
            await store.add_pending("x", str(number), b"free", ttl=60)
    with ExitStack() as stack:
        workers = [stack.enter_context(worker()) for _ in range(4)]
        for one in workers:
            one.tell("claim", tmp_path / "tokens.db")
        won = [number for one in workers for number in one.answer().split(",") if number]
    assert sorted(won, key=int) == [str(number) for number in range(50)]


@pytest.mark.parametrize("lines", [1, 20, 61, 107, 333])
async def test_a_killed_process_leaves_a_good_file(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "tokens.db"
    with worker() as one:
        one.tell("write", path)
        stored = [int(one.answer()) for _ in range(lines)]
        one.process.send_signal(signal.SIGKILL)
    assert query(path, "PRAGMA integrity_check") == "ok"
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        for number in stored:
            held = await store.get_access_token("x", f"user {number}")
            assert held == AccessToken(f"key {number}", "s" * 500)
        await store.put_access_token("x", "ann", TOKEN)
        assert await store.get_access_token("x", "ann") == TOKEN


def test_a_full_disk_is_unavailable_and_loses_nothing(tmp_path: Path) -> None:
    with worker() as one:
        one.tell("run_out_of_room", tmp_path / "tokens.db")
        answer, _, then = one.answer().partition("; then ")
    assert answer.startswith("StoreUnavailable: ")
    assert then == "AccessToken(key='k', secret=***)"


def test_a_program_ends_although_a_store_was_not_closed(tmp_path: Path) -> None:
    with worker() as one:
        one.tell("forget_to_close", tmp_path / "tokens.db")
        assert one.answer() == "stored"
        one.process.communicate(timeout=20)
        assert one.process.returncode == 0
    assert query(tmp_path / "tokens.db", "SELECT count(*) FROM access") == 1


@pytest.mark.usefixtures("readable_by_all")
@pytest.mark.parametrize("mode", [None, 0o644, 0o666])
async def test_the_file_and_its_log_are_private_to_their_owner(tmp_path: Path, mode: int | None) -> None:
    path = tmp_path / "tokens.db"
    if mode is not None:
        path.touch(mode)
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", TOKEN)
        assert modes_in(tmp_path) == {"tokens.db": 0o600, "tokens.db-wal": 0o600, "tokens.db-shm": 0o600}


async def test_a_lock_makes_writes_fail_in_time_and_reads_go_on(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "tokens.db", timeout=0.3) as store:
        await store.put_access_token("x", "ann", TOKEN)
        await store.add_pending("x", "token", b"one", ttl=60)
        held = await store.get_pending("x", "token")
        assert held is not None
        with locked(tmp_path / "tokens.db"):
            for write in (
                store.put_access_token("x", "ann", TOKEN),
                store.replace_access_token("x", "ann", TOKEN.key, AccessToken("new", "s")),
                store.discard_access_token("x", "ann"),
                store.discard_access_token("x", "ann", TOKEN.key),
                store.add_pending("x", "another", b"one", ttl=60),
                store.swap_pending("x", "token", held, b"two"),
            ):
                begin = time.monotonic()
                with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.3 s|SQLITE_BUSY"):
                    await write
                assert time.monotonic() - begin < 1.5
            assert await store.get_access_token("x", "ann") == TOKEN
            assert [user async for user in store.users("x")] == ["ann"]
            assert await store.get_pending("x", "token") == held
        await store.put_access_token("x", "ann", AccessToken("new", "s"))


async def test_writes_that_timed_out_are_not_done_and_do_not_delay_the_next(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "tokens.db", timeout=0.5) as store:
        await store.put_access_token("x", "ann", TOKEN)
        with locked(tmp_path / "tokens.db"):
            lost = await asyncio.gather(
                *(store.put_access_token("x", f"user {number}", TOKEN) for number in range(1000)),
                return_exceptions=True,
            )
            assert {type(answer) for answer in lost} == {StoreUnavailable}
        begin = time.monotonic()
        await put_when_unlocked(store, "bob")
        assert time.monotonic() - begin < 1.5
        assert len([user async for user in store.users("x")]) <= 3, "writes were done that had timed out"


async def test_reads_go_on_while_a_write_waits_for_a_lock(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "tokens.db", timeout=20) as store:
        await store.put_access_token("x", "ann", TOKEN)
        with locked(tmp_path / "tokens.db"):
            waiting = asyncio.create_task(store.put_access_token("x", "bob", TOKEN))
            assert await store.get_access_token("x", "ann") == TOKEN
            assert not waiting.done()
        await waiting
        assert await store.get_access_token("x", "bob") == TOKEN


async def test_a_file_that_is_locked_at_first_opens_later(tmp_path: Path) -> None:
    path = tmp_path / "tokens.db"
    async with SQLiteStore(path, timeout=0.3) as store:
        with locked(path, "EXCLUSIVE"), pytest.raises(StoreUnavailable):
            await store.get_access_token("x", "ann")
        await put_when_unlocked(store, "ann")
        assert await store.get_access_token("x", "ann") == TOKEN


def damage(path: Path, change: Callable[[bytes], bytes]) -> None:
    asyncio.run(make(path))
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda path: path.write_bytes(b"a text file, and not a short one" * 100), "SQLITE_NOTADB"),
        (lambda path: execute(path, "CREATE TABLE posts (id)"), "a database of something else"),
        (lambda path: execute(path, "PRAGMA user_version=1"), "a database of something else"),
        (lambda path: damage(path, lambda data: data[:63] + b"\2" + data[64:]), "schema version 2, and this"),
        (lambda path: damage(path, lambda data: data[:5000]), "SQLITE_"),
        (lambda path: damage(path, lambda data: data[:100] + b"\xaa" * 3996 + data[4096:]), "SQLITE_"),
    ],
)
def test_a_file_that_is_not_a_whole_store_is_refused_and_left_as_it_is(
    tmp_path: Path, prepare: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "tokens.db"
    prepare(path)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreCorrupt, match=words) as refused:
            asyncio.run(make(path))
        assert str(path) in str(refused.value)
    assert path.read_bytes() == before


async def test_an_error_of_sqlite_in_an_open_file_is_named(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "tokens.db", timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", TOKEN)
        execute(tmp_path / "tokens.db", "DROP TABLE access")
        for operation in (store.get_access_token("x", "ann"), store.put_access_token("x", "ann", TOKEN)):
            with pytest.raises(StoreCorrupt, match="SQLITE_ERROR") as raised:
                await operation
            assert_without_secrets(raised.value)


@pytest.mark.parametrize("place", ["no folder/tokens.db", "folder"])
async def test_a_path_that_cannot_be_opened_is_unavailable_until_it_can(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    async with SQLiteStore(tmp_path / place, timeout=PATIENCE) as store:
        with pytest.raises(StoreUnavailable, match="cannot be opened"):
            await store.get_access_token("x", "ann")
        (tmp_path / "no folder").mkdir()
        (tmp_path / "folder").rmdir()
        assert await store.get_access_token("x", "ann") is None


@pytest.mark.usefixtures("readable_by_all")
async def test_a_new_file_behind_a_link_is_private_to_its_owner(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "tokens.db").symlink_to(tmp_path / "real" / "tokens.db")
    await make(tmp_path / "tokens.db")
    assert modes_in(tmp_path / "real") == {"tokens.db": 0o600}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "MemoryStore"),
        (":memory:", "MemoryStore"),
        ("file:tokens.db?mode=memory", "not a URL"),  # as sqlite3 has it
        ("sqlite:///tokens.db", "not a URL"),  # as SQLAlchemy has it
        ("~/tokens.db", "expanduser"),
        ("tokens\0.db", "NUL"),
    ],
)
def test_a_path_that_is_not_one_of_a_file_is_refused(path: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SQLiteStore(path, timeout=PATIENCE)


async def test_a_relative_path_is_resolved_when_the_store_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with SQLiteStore("tokens.db", timeout=PATIENCE) as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        await store.put_access_token("x", "ann", TOKEN)
    assert (tmp_path / "tokens.db").exists()


async def test_a_store_turns_the_write_ahead_log_on_again(tmp_path: Path) -> None:
    path = tmp_path / "tokens.db"
    await make(path)
    assert query(path, "PRAGMA journal_mode=DELETE") == "delete"
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        assert await store.get_access_token("x", "ann") == TOKEN
        assert query(path, "PRAGMA journal_mode") == "wal"


async def test_a_thousand_first_callers_open_the_file_once(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "tokens.db", timeout=PATIENCE) as store:
        before = threads()
        answers = await asyncio.gather(*(store.get_access_token("x", str(number)) for number in range(1000)))
        assert answers == [None] * 1000
        assert threads() <= before + 3  # two connections, and one thread of the pool


async def test_a_caller_cancelled_while_the_file_opens_leaves_the_others_their_answers(
    tmp_path: Path,
) -> None:
    for steps in range(30):
        async with SQLiteStore(tmp_path / f"{steps}.db", timeout=PATIENCE) as store:
            first = asyncio.create_task(store.put_access_token("x", "ann", TOKEN))
            second = asyncio.create_task(store.put_access_token("x", "bob", TOKEN))
            await turns(steps)
            first.cancel()
            await second
            assert await store.get_access_token("x", "bob") == TOKEN


async def test_closing_while_it_opens_leaves_nothing_open(tmp_path: Path) -> None:
    for steps in range(30):
        store = SQLiteStore(tmp_path / f"{steps}.db", timeout=PATIENCE)
        task = asyncio.create_task(store.put_access_token("x", "ann", TOKEN))
        await turns(steps)
        await store.aclose()
        answer = (await asyncio.gather(task, return_exceptions=True))[0]
        assert answer is None or (isinstance(answer, RuntimeError) and "is closed" in str(answer))
        assert not [name for name in modes_in(tmp_path) if name.endswith("-wal")]


async def test_a_connection_that_comes_after_the_deadline_is_closed(tmp_path: Path) -> None:
    closed = asyncio.Event()

    class Late:
        async def close(self) -> None:
            closed.set()

    async def connect(*_: object, **__: object) -> Any:
        with suppress(StoreUnavailable):
            await asyncio.shield(refused)  # until the operation has failed
        return Late()

    file = SQLiteFile(tmp_path / "tokens.db", connect, application_id=1, version=1, schema=(), timeout=0.2)

    async def operate() -> None:
        async with file.operation():
            pass

    refused = asyncio.ensure_future(operate())
    with pytest.raises(StoreUnavailable):
        await refused
    await asyncio.wait_for(closed.wait(), 30)
    await file.aclose()


async def test_every_connection_asks_for_full_syncs(tmp_path: Path) -> None:
    """On a Mac a plain fsync leaves what was written in the drive's own memory."""
    made: list[aiosqlite.Connection] = []

    def connect(*args: Any, **options: Any) -> aiosqlite.Connection:
        made.append(aiosqlite.connect(*args, **options))
        return made[-1]

    file = SQLiteFile(
        tmp_path / "a.db", connect, application_id=1, version=1, schema=("CREATE TABLE t (x)",), timeout=10
    )
    async with file.operation():
        for connection in made:
            assert [*await connection.execute_fetchall("PRAGMA synchronous")] == [(2,)]  # FULL
            assert [*await connection.execute_fetchall("PRAGMA fullfsync")] == [(1,)]
    await file.aclose()
    assert len(made) == 2


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_store_may_be_closed_by_many_tasks_at_once_of_which_one_is_cancelled(
    tmp_path: Path, *, is_cancelled: bool
) -> None:
    for steps in range(10):
        store = SQLiteStore(tmp_path / f"{steps}.db", timeout=PATIENCE)
        await store.put_access_token("x", "ann", TOKEN)
        closings = [asyncio.create_task(store.aclose()) for _ in range(3)]
        await turns(steps)
        if is_cancelled:
            closings[0].cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(*closings[1:])
            await store.aclose()
            await asyncio.wait(closings)
        assert not [name for name in modes_in(tmp_path) if name.endswith("-wal")]


def test_a_store_made_outside_a_loop_works_in_one_and_refuses_another(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "tokens.db", timeout=PATIENCE)
    asyncio.run(store.put_access_token("x", "ann", TOKEN))
    with pytest.raises(RuntimeError, match="another event loop or process"):
        asyncio.run(store.get_access_token("x", "ann"))
    asyncio.run(store.aclose())  # which may be done in any loop


async def test_no_log_and_no_error_of_a_timeout_shows_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with SQLiteStore(tmp_path / "tokens.db", timeout=0.2) as store:
        await store.put_access_token("x", "secret-user", TOKEN)
        assert await store.get_access_token("x", "secret-user") == TOKEN
        with locked(tmp_path / "tokens.db"):
            for write in (
                store.put_access_token("x", "secret-bob", TOKEN),
                store.replace_access_token("x", "secret-user", TOKEN.key, TOKEN),
            ):
                with pytest.raises(StoreUnavailable) as refused:
                    await write
                assert_without_secrets(refused.value)
    assert "executing" in caplog.text, "the driver logs what it does"
    assert not re.search("acc3ss|secret-", caplog.text)


def test_without_aiosqlite_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['aiosqlite'] = None\n"
        "try: import aiooauth1.stores.sqlite\n"
        "except ImportError as error: print(error, error.name)\n"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == ("SQLiteStore needs aiosqlite: pip install 'aiooauth1[sqlite]' aiosqlite")


# The file under a running process


@pytest.mark.parametrize("what", ["deleted", "replaced"])
async def test_a_file_that_was_deleted_or_replaced_is_unavailable_until_it_is_back(
    tmp_path: Path, what: str
) -> None:
    path, aside, other = tmp_path / "tokens.db", tmp_path / "aside.db", tmp_path / "other.db"
    async with SQLiteStore(other, timeout=PATIENCE) as backup:
        await backup.put_access_token("x", "eve", TOKEN)
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", TOKEN)
        path.rename(aside)
        if what == "replaced":
            other.replace(path)
        for _ in range(2):
            for operation in (store.put_access_token("x", "bob", TOKEN), store.get_access_token("x", "ann")):
                with pytest.raises(
                    StoreUnavailable, match=f"was {what} while it was open: stop every process"
                ):
                    await operation
        aside.replace(path)
        assert await store.get_access_token("x", "ann") == TOKEN
        await store.put_access_token("x", "bob", TOKEN)
        assert await store.get_access_token("x", "bob") == TOKEN


@pytest.mark.parametrize("ending", ["", "-wal"], ids=["file", "log"])
async def test_a_write_fails_if_the_file_or_its_log_is_deleted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    path = tmp_path / "tokens.db"
    write = Database.write

    async def and_gone(database: Database, sql: str, *values: object) -> int:
        changed = await write(database, sql, *values)
        path.with_name(f"tokens.db{ending}").unlink()
        return changed

    async with SQLiteStore(path, timeout=PATIENCE) as store:
        await store.get_access_token("x", "ann")
        monkeypatch.setattr(Database, "write", and_gone)
        with pytest.raises(StoreUnavailable, match="deleted or replaced meanwhile"):
            await store.put_access_token("x", "ann", TOKEN)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
async def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.db"
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", TOKEN)
    os.chown(path, 65534, -1)
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        with pytest.raises(StoreUnavailable, match="user 65534 owns it, who can read the tokens"):
            await store.get_access_token("x", "ann")
    os.chown(path, 0, -1)
    path.chmod(0o644)
    async with SQLiteStore(path, timeout=PATIENCE) as store:
        assert await store.get_access_token("x", "ann") == TOKEN
    assert path.stat().st_mode & 0o077 == 0


async def test_a_thousand_reads_at_once_take_few_hops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hops: list[str] = []
    read = Database.read

    async def counted(database: Database, sql: str, *values: object) -> Any:
        hops.append(sql)
        return await read(database, sql, *values)

    tokens = {f"user {number}": AccessToken(f"k{number}", "s") for number in range(1000)}
    async with SQLiteStore(tmp_path / "tokens.db", timeout=30) as store:
        await store.put_access_tokens("x", tokens)
        monkeypatch.setattr(Database, "read", counted)
        held: list[object] = await asyncio.gather(*(store.get_access_token("x", user) for user in tokens))
        assert held == list(tokens.values())
        assert len(hops) <= 40
        hops.clear()
        held = await asyncio.gather(*(store.get_pending("x", user) for user in tokens))
        assert held == [None] * 1000
        assert len(hops) <= 40
