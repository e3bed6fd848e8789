"""`aiooauth1 post`, run as its users run it, against a provider in another process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from aiooauth1.posting import SQLiteJournal
from aiooauth1.stores.sqlite import SQLiteStore
from aiooauth1.testing import FakeProviderProcess


if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.socket
USERS = ("ann", "ben", "cleo")


@dataclass
class Desk:
    """A provider, a store with its users' tokens, and the command."""

    fake: FakeProviderProcess
    folder: Path

    async def start(self, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
        names = {
            "AIOOAUTH1_CONSUMER_KEY": self.fake.consumer.key,
            "AIOOAUTH1_CONSUMER_SECRET": self.fake.consumer.secret,
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "aiooauth1", "post", "--provider", self.fake.url, "--store", "tokens.db"),
            *("--journal", "run.db", *arguments),
            cwd=self.folder,
            env={**os.environ, **names, **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str, given: str = "", **environment: str) -> tuple[int, str, str]:
        process = await self.start(*arguments, **environment)
        out, err = await asyncio.wait_for(process.communicate(given.encode()), 40)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as found:
        yield found


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncIterator[Desk]:
    async with FakeProviderProcess() as fake:
        async with SQLiteStore(folder / "tokens.db") as store:
            for user in USERS:
                name = urlsplit(fake.url).netloc
                await store.put_access_token(name, user, await fake.issue_access_token(user))
        yield Desk(fake, folder)


def lines(count: int) -> str:
    posts: list[dict[str, Any]] = [
        {"id": str(number), "user": USERS[number % 3], "url": "posts", "data": {"status": f"No. {number}"}}
        for number in range(count)
    ]
    return "".join(json.dumps(post) + "\n" for post in posts)


async def test_a_file_is_posted_once_and_the_same_command_resumes(desk: Desk) -> None:
    (desk.folder / "posts.jsonl").write_text(lines(30))
    status, out, err = await desk.run("--input", "posts.jsonl")
    assert (status, err) == (0, "")
    assert "accepted by the provider" in out
    status, out, _ = await desk.run("--input", "posts.jsonl", "--json")
    assert status == 0
    report = json.loads(out)
    assert (report["skipped"], report["done"], report["stopped"]) == (30, 0, None)
    assert len(await desk.fake.posts()) == 30
    (desk.folder / "posts.jsonl").write_text(lines(30).replace("No. 7", "Number 7"))
    status, _, err = await desk.run("--input", "posts.jsonl")
    assert status == 2
    assert "post 8 of the input, '7'" in err


async def test_bad_lines_are_named_and_the_rest_is_posted(desk: Desk) -> None:
    given = lines(2) + "{\n\n[]\n" + '{"user": "ann", "data": {"status": "Without an id"}}\n'
    status, out, err = await desk.run("--input", "-", "--url", "posts", "--json", given=given)
    assert status == 2
    assert "line 3: not JSON" in err
    assert "line 5: not an object" in err
    report = json.loads(out)
    assert (report["done"], report["bad_lines"]) == (3, 2)


async def test_the_exit_status_tells_refused_from_unknown(desk: Desk) -> None:
    nobody = '{"id": "n", "user": "nobody", "url": "posts"}\n'
    status, _, err = await desk.run("--input", "-", given=nobody)
    assert status == 1
    assert "UnknownUser" in err
    await desk.fake.drop_next("after", endpoint="posts")
    (desk.folder / "run.db").unlink()
    status, _, err = await desk.run("--input", "-", given=lines(1))
    assert status == 3
    assert "Look for these at the provider, they are not sent again: 0" in err


async def test_a_run_that_is_interrupted_or_killed_goes_on_where_it_was(desk: Desk) -> None:
    (desk.folder / "posts.jsonl").write_text(lines(300))
    await desk.fake.slow(0.05)
    for number in (signal.SIGINT, signal.SIGKILL):
        process = await desk.start("--input", "posts.jsonl")
        before = len(await desk.fake.posts())
        async with asyncio.timeout(40):
            while len(await desk.fake.posts()) < before + 6:  # noqa: ASYNC110  it is in another process
                await asyncio.sleep(0.02)
        process.send_signal(number)
        await asyncio.wait_for(process.communicate(), 40)
        assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
        if number == signal.SIGINT:
            assert (await SQLiteJournal(desk.folder / "run.db").report()).in_doubt == ()
    await desk.fake.slow(0)
    status, out, _ = await desk.run("--input", "posts.jsonl", "--json")
    report = json.loads(out)
    assert status == (3 if report["unknown"] else 0)
    texts = [post.text for post in await desk.fake.posts()]
    assert len(texts) == len(set(texts))
    missing = {str(number) for number in range(300)} - {text.removeprefix("No. ") for text in texts}
    assert missing <= set(report["unknown_ids"])
    assert len(report["unknown_ids"]) <= 3  # each user's post that was on its way


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "nowhere.jsonl"), "nowhere.jsonl: No such file"),
        (("--input", "-", "--provider", "nobody"), "provider 'nobody' is unknown"),
        (("--input", "-", "--store", "nowhere.db"), "nowhere.db: no such file"),
    ],
)
async def test_bad_usage_is_one_line_and_status_2(
    desk: Desk, arguments: tuple[str, ...], message: str
) -> None:
    status, _, err = await desk.run(*arguments)
    assert status == 2
    assert message in err
    assert "Traceback" not in err


async def test_without_a_consumer_the_variables_are_named(desk: Desk) -> None:
    status, _, err = await desk.run("--input", "-", AIOOAUTH1_CONSUMER_KEY="")
    assert status == 2
    assert "AIOOAUTH1_CONSUMER_KEY" in err
