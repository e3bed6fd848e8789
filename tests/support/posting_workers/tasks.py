"""What `taskiq worker posting_workers.tasks:broker` runs; where and for whom, the environment says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from taskiq_redis import RedisStreamBroker

from aiooauth1 import Consumer, OAuth1Session, Provider
from aiooauth1.posting import Post, RedisJournal
from aiooauth1.posting.taskiq import posting_task
from aiooauth1.stores.redis import RedisStore


if TYPE_CHECKING:
    from taskiq import AsyncBroker


REDIS = os.environ["POSTING_REDIS"]


def session() -> OAuth1Session:
    return OAuth1Session(
        Consumer(os.environ["POSTING_KEY"], os.environ["POSTING_SECRET"]),
        provider=Provider(os.environ["POSTING_PROVIDER"], base_url=os.environ["POSTING_URL"]),
        store=RedisStore.from_url(REDIS),
    )


async def reconcile(session: OAuth1Session, post: Post) -> bool:
    async with session.get("posts", user=post.user) as response:
        return any(post.data == {"status": one["text"]} for one in await response.json())


broker: AsyncBroker = RedisStreamBroker(REDIS, unacknowledged_lock_timeout=2)
journal = RedisJournal(REDIS, "run")
task = posting_task(broker, session=session, journal=journal, reconcile=reconcile)
