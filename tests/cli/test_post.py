"""`aiooauth1 post`, run as its users run it."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from posted import USERS, posts
from terminal import PATIENCE

from aiooauth1.posting import SQLiteJournal
from aiooauth1.stores.sqlite import SQLiteStore


if TYPE_CHECKING:
    from desk import Desk

pytestmark = pytest.mark.socket


def words(desk: Desk, *more: str) -> list[str]:
    """Return the command; of an option that is given twice the last one counts."""
    return ["post", "--provider", "photos", "--journal", str(desk.folder / "run.db"), *more]


async def run(desk: Desk, *more: str, given: str = "", **environment: Any) -> tuple[int, str, str]:
    return await desk.run(*words(desk, *more), given=given, **environment)


def lines(count: int) -> str:
    return "".join(post.to_json() + "\n" for post in posts(count))


async def test_a_file_is_posted_once_and_the_same_command_resumes(desk: Desk) -> None:
    await desk.sign_in(*USERS)
    source = desk.folder / "posts.jsonl"
    source.write_text(lines(30))
    status, out, err = await run(desk, "--input", str(source))
    assert (status, err) == (0, "")
    assert "accepted by the provider" in out
    status, out, _ = await run(desk, "--input", str(source), "--json")
    report = json.loads(out)
    assert (status, report["skipped"], report["done"], report["stopped"]) == (0, 30, 0, None)
    assert len(desk.fake.posts) == 30
    source.write_text(lines(30).replace("No. 7", "Number 7"))
    status, _, err = await run(desk, "--input", str(source))
    assert status == 2
    assert "post 8 of the input, '7'" in err


async def test_bad_lines_are_named_and_the_rest_is_posted_to_the_url_of_an_api(desk: Desk) -> None:
    store = str(desk.folder / "tokens.db")
    async with SQLiteStore(store) as tokens:
        for user in USERS:
            name = desk.fake.url.removeprefix("http://").rstrip("/")
            await tokens.put_access_token(name, user, desk.fake.issue_access_token(user))
    given = lines(2) + "{\n\n[]\n" + '{"user": "ann", "data": {"status": "Without an id"}}\n'
    api = ("--provider", desk.fake.url, "--store", store, "--input", "-", "--url", "posts", "--json")
    consumer = {"KEY": desk.fake.consumer.key, "SECRET": desk.fake.consumer.secret}
    variables = {f"AIOOAUTH1_CONSUMER_{name}": value for name, value in consumer.items()}
    status, out, err = await run(desk, *api, given=given, **variables)
    assert status == 2
    assert "line 3: not JSON" in err
    assert "line 5: not an object" in err
    report = json.loads(out)
    assert (report["done"], report["bad_lines"]) == (3, 2)


async def test_the_exit_status_distinguishes_refused_from_unknown(desk: Desk) -> None:
    await desk.sign_in(*USERS)
    status, _, err = await run(desk, "--input", "-", given='{"id": "n", "user": "nobody", "url": "posts"}\n')
    assert status == 1
    assert "UnknownUser" in err
    desk.fake.drop_next("after", endpoint="posts")
    (desk.folder / "run.db").unlink()
    status, _, err = await run(desk, "--input", "-", given=lines(1))
    assert status == 3
    assert "Look for these at the provider; they are not sent again: 0" in err


async def test_an_interrupted_or_killed_run_is_resumed_without_a_duplicate(desk: Desk) -> None:
    await desk.sign_in(*USERS)
    source = desk.folder / "posts.jsonl"
    source.write_text(lines(300))
    desk.fake.slow(0.05)
    for number in (signal.SIGINT, signal.SIGKILL):
        process = await desk.start(*words(desk, "--input", str(source)))
        before = len(desk.fake.posts)
        async with asyncio.timeout(PATIENCE):
            while len(desk.fake.posts) < before + 6:  # noqa: ASYNC110  another process sends them
                await asyncio.sleep(0.02)
        process.send_signal(number)
        await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
        if number == signal.SIGINT:
            assert (await SQLiteJournal(desk.folder / "run.db").report()).in_doubt == ()
    desk.fake.slow(0)
    status, out, _ = await run(desk, "--input", str(source), "--json")
    report: dict[str, Any] = json.loads(out)
    assert status == (3 if report["unknown"] else 0)
    texts = [post.text for post in desk.fake.posts]
    assert len(texts) == len(set(texts))
    missing = {str(number) for number in range(300)} - {text.removeprefix("No. ") for text in texts}
    assert missing <= set(report["unknown_ids"])
    assert len(report["unknown_ids"]) <= 3  # each user's post that was under way


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "nowhere.jsonl"), "nowhere.jsonl: No such file"),
        (("--provider", "nobody"), "not signed in at nobody: run `aiooauth1 login nobody`"),
        (("--store", "nowhere.db"), "nowhere.db: no such file"),
        (("--provider", "https://api.example"), "no consumer key for api.example: set AIOOAUTH1_"),
    ],
    ids=" ".join,
)
async def test_bad_usage_is_one_line_and_status_2(
    desk: Desk, arguments: tuple[str, ...], message: str
) -> None:
    await desk.sign_in("ann")
    status, _, err = await run(desk, "--input", "-", *arguments)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err
