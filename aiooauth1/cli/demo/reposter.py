"""Reposting: many posts, so many on their way at a time and no more."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import ClientError

from aiooauth1.errors import OAuth1Error, ProviderError
from aiooauth1.testing import AuthorizePageError


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiooauth1.cli.demo.posts import Post
    from aiooauth1.cli.demo.service import Service


__all__ = ["Reposting", "Tally"]

_CONNECTING = 4  # requests: request token, authorize page, its answer, access token
_MOST_TROUBLES = 10


@dataclass(slots=True)
class Tally:
    """What has come of the posts so far.

    Attributes:
        sent: How many were sent, or tried: when all is over, the sum of the next three.
        accepted: How many the provider has answered as it should.
        refused: How many it has refused.
        failed: How many came to no answer or a wrong one, or could not be sent.
        seconds: How long they took.
        cpu_seconds: How much CPU time this process has used meanwhile.
        troubles: What went wrong, each kind once.
    """

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    troubles: set[str] = field(default_factory=set)


class Reposting:
    """Posts in rounds, between which nothing is on its way and the clocks stand still.

    Args:
        service: What posts; a user who is not connected yet is connected first.
        concurrency: How many posts are on their way at most.
        done: Is called after each post.

    Attributes:
        tally: What has come of them so far.
    """

    def __init__(self, service: Service, *, concurrency: int, done: Callable[[], object]) -> None:
        self.tally = Tally()
        self._service = service
        self._free = asyncio.Semaphore(concurrency)
        self._done = done
        self._number = 0

    async def round(self, posts: AsyncIterator[Post], most: int) -> dict[int, Post]:
        """Send posts until they end, or until about so many requests were made.

        Args:
            posts: Where they come from; it is read no faster than they are sent.
            most: How many requests to make, those that connect users included.

        Returns:
            The posts by their numbers, which go on from round to round; empty if there are no more.
        """
        sent: dict[int, Post] = {}
        began, cpu_began = time.perf_counter(), time.process_time()
        try:
            async with asyncio.TaskGroup() as group:
                while most > 0 and (post := await anext(posts, None)) is not None:
                    await self._free.acquire()
                    most -= 1 if post.user in self._service.users else 1 + _CONNECTING
                    self._number += 1
                    sent[self._number] = post
                    group.create_task(self._send(post, self._number))
        finally:
            self.tally.seconds += time.perf_counter() - began
            self.tally.cpu_seconds += time.process_time() - cpu_began
        return sent

    async def _send(self, post: Post, number: int) -> None:
        tally = self.tally
        tally.sent += 1
        try:
            await self._service.connect(post.user)
            await self._service.post(post, number)
        except (OAuth1Error, AuthorizePageError, ClientError, OSError, ValueError) as error:
            if isinstance(error, ProviderError):
                tally.refused += 1
            else:
                tally.failed += 1
            if len(tally.troubles) < _MOST_TROUBLES:
                tally.troubles.add(f"{type(error).__name__}: {error}")
        else:
            tally.accepted += 1
        finally:
            self._free.release()
            self._done()
