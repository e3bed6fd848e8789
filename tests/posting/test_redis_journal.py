from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis

from aiooauth1.posting import Post, RedisJournal
from aiooauth1.posting.journal import Numbered
from aiooauth1.posting.post import digest


if TYPE_CHECKING:
    from real_redis.server import RedisServer

pytestmark = pytest.mark.socket
POST = Post("1", "ann", "posts", data={"status": "Hello"})


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        pytest.param(
            ["--appendonly", "yes", "--appendfsync", "always"],
            "",
            id="no warning of one that forgets nothing",
        ),
        pytest.param(
            ["--appendonly", "yes"],
            "has appendonly yes and appendfsync everysec:",
            id="a warning of everysec",
        ),
        pytest.param(
            [], "has appendonly no and appendfsync everysec:", id="a warning of one that keeps no file"
        ),
        pytest.param(["--rename-command", "CONFIG", ""], "", id="no warning of one that does not tell"),
    ],
)
async def test_a_redis_that_may_forget_posts_is_warned_of_once(
    options: list[str], warning: str, own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    own_redis.kill()
    own_redis.start(*options)
    with caplog.at_level(logging.WARNING, "aiooauth1"):
        async with RedisJournal(own_redis.url, "run") as journal:
            for _ in range(2):
                await journal.open()
                await journal.release()
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == bool(warning)
    assert all(warning in message for message in messages)


async def test_a_run_that_lost_the_journal_to_another_one_begins_no_post(redis_url: str) -> None:
    numbered = Numbered(0, POST, digest(POST))
    async with Redis.from_url(redis_url) as client, RedisJournal(redis_url, "lost") as journal:
        await journal.open()
        await client.set(journal.runner.prefix + b"owner", b"the other")
        with pytest.raises(RuntimeError, match="was taken by another run"):
            await journal.begin(numbered)
        await journal.release()
        assert await client.get(journal.runner.prefix + b"owner") == b"the other"
        assert (await journal.report()).total == 0
