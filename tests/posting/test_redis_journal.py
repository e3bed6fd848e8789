from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from posted import numbered
from redis.asyncio import Redis

from aiooauth1.posting import InputChanged, RedisJournal


if TYPE_CHECKING:
    from real_redis.server import RedisServer

pytestmark = pytest.mark.socket


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        (["--appendonly", "yes", "--appendfsync", "always"], ""),
        (["--appendonly", "yes"], "has appendonly yes and appendfsync everysec:"),
        ([], "has appendonly no and appendfsync everysec:"),
        (["--rename-command", "CONFIG", ""], ""),
    ],
    ids=["never if it is durable", "with everysec", "without a file", "never if it hides its settings"],
)
async def test_a_warning_says_once_that_redis_may_lose_posts(
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


async def test_a_run_whose_lock_another_run_has_taken_begins_no_post(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client, RedisJournal(redis_url, "lock lost") as journal:
        await journal.open()
        await client.set(journal.runner.prefix + b"owner", b"the other")
        with pytest.raises(RuntimeError, match="was taken by another run"):
            await journal.begin(numbered(0))
        await journal.release()
        assert await client.get(journal.runner.prefix + b"owner") == b"the other"
        assert (await journal.report()).total == 0


async def test_a_changed_post_is_not_begun(redis_url: str) -> None:
    async with RedisJournal(redis_url, "post changed") as journal, asyncio.timeout(20):
        await journal.open()
        await journal.begin(numbered(0))
        with pytest.raises(InputChanged, match="post 1 of the input, '0', differs"):
            await journal.begin(numbered(0, text="Goodbye"))


@pytest.mark.parametrize(
    ("redis", "run", "error", "message"),
    [
        (7, "run", TypeError, "redis must be a client of redis.asyncio or a URL, not int"),
        ("redis://127.0.0.1", 7, TypeError, "run must be a str, not int"),
        ("redis://127.0.0.1", "", ValueError, "run must not be empty"),
        (Redis(decode_responses=True), "run", ValueError, "without decode_responses=True"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused_at_once(
    redis: Any, run: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        RedisJournal(redis, run)
