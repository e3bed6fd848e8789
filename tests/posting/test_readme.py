"""The programs of the README's chapter on posting run as they stand."""

from __future__ import annotations

import ast
import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from posted import posts
from readme import ROOT, program

from aiooauth1.posting import RedisJournal
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.sqlite import SQLiteStore
from aiooauth1.testing import FakeProviderProcess


if TYPE_CHECKING:
    from pathlib import Path

    from real_redis.server import RedisServer

pytestmark = pytest.mark.socket
USERS = ("ann", "ben", "cleo", "dora")
POSTS = posts(40, USERS)
LINES = "".join(post.to_json() + "\n" for post in POSTS)


def environment(fake: FakeProviderProcess, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "BLOG_URL": fake.url,
        "BLOG_KEY": fake.consumer.key,
        "BLOG_SECRET": fake.consumer.secret,
        "PYTHONPATH": str(ROOT),
        **more,
    }


async def run(arguments: list[str], folder: Path, variables: dict[str, str]) -> tuple[str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0, err
    return out.decode(), err.decode()


@pytest.mark.parametrize("name", ["bot.py", "tasks.py", "saq_tasks.py", "celery_tasks.py"])
def test_no_program_has_more_than_twenty_lines(name: str) -> None:
    lines = program(name).splitlines()[1:]
    assert sum(bool(line.strip()) for line in lines) <= 20
    ast.parse("\n".join(lines))


async def test_the_bot_posts_each_post_once_however_often_it_is_started(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(program("bot.py"), "utf-8")
    (tmp_path / "posts.jsonl").write_text(LINES, "utf-8")
    async with FakeProviderProcess() as fake, SQLiteStore(tmp_path / "tokens.db") as store:
        for user in USERS:
            await store.put_access_token("blog", user, await fake.issue_access_token(user))
        for _ in range(2):
            assert await run(["bot.py"], tmp_path, environment(fake)) == ("", "")
        assert len(await fake.posts()) == len(POSTS)


async def test_the_tasks_survive_a_killed_worker_and_send_no_post_twice(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    (tmp_path / "tasks.py").write_text(program("tasks.py"), "utf-8")
    enqueueing = (
        "import asyncio\nfrom tasks import broker, task\nfrom aiooauth1.posting import Post\n"
        "from aiooauth1.posting.taskiq import enqueue\n"
        "async def main():\n    await broker.startup()\n"
        f"    await enqueue(task, map(Post.from_json, {LINES!r}.splitlines()))\n"
        "    await broker.shutdown()\nasyncio.run(main())\n"
    )
    async with FakeProviderProcess() as fake, RedisJournal(own_redis.url, "monday") as journal:
        variables = environment(fake, REDIS_URL=own_redis.url)
        async with RedisStore.from_url(own_redis.url) as store:
            for user in USERS:
                await store.put_access_token("blog", user, await fake.issue_access_token(user))
        await run(["-c", enqueueing], tmp_path, variables)
        await fake.slow(0.1)
        command = (sys.executable, "-m", "taskiq", "worker", "tasks:broker", "--workers", "1")
        options: dict[str, Any] = {"start_new_session": True, "stderr": asyncio.subprocess.DEVNULL}
        workers = [
            await asyncio.create_subprocess_exec(*command, cwd=tmp_path, env=variables, **options)
            for _ in range(2)
        ]
        try:
            async with asyncio.timeout(50):
                while len(await fake.posts()) < 10:  # noqa: ASYNC110  it is in another process
                    await asyncio.sleep(0.02)
                os.killpg(workers[0].pid, signal.SIGKILL)
                await fake.slow(0)
                while (report := await journal.report()).waiting + report.begun:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            for worker in workers:
                if worker.returncode is None:
                    os.killpg(worker.pid, signal.SIGKILL)
                await worker.wait()
        texts = [post.text for post in await fake.posts()]
        assert len(texts) == len(set(texts))
        missing = {post.id for post in POSTS} - {text.removeprefix("No. ") for text in texts}
        assert missing <= set(report.in_doubt)
        assert len(report.in_doubt) <= len(USERS)
