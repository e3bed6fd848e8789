"""Reposting: many posts by `post_all`, stopped in the middle and resumed from the journal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import ClientError

from aiooauth1 import posting
from aiooauth1.cli.demo.service import as_job, is_answer
from aiooauth1.errors import OAuth1Error
from aiooauth1.posting import SQLiteJournal
from aiooauth1.testing import AuthorizePageError


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from aiooauth1.cli.demo.posts import Post
    from aiooauth1.cli.demo.service import Service
    from aiooauth1.posting import Outcome


__all__ = ["Reposting", "Tally"]

_CONNECTING = 4  # requests: request token, authorize page, its form, access token
_MAX_ERRORS = 10
_NEVER = 1_000_000  # users rejected in a row: the demo reports each of them


@dataclass(slots=True)
class Tally:
    """Counts of the posts so far.

    Attributes:
        sent: Posts that were sent or tried: at the end, the sum of the next three.
        accepted: Posts with the right answer.
        refused: Posts that the provider refused.
        failed: Posts without an answer or with a wrong one, or that could not be sent.
        seconds: The time that they took.
        cpu_seconds: The CPU time that this process used meanwhile.
        errors: The errors, each kind once.
    """

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    errors: set[str] = field(default_factory=set)


class Reposting:
    """Posts in rounds. Between rounds no request is under way and no time is counted.

    Args:
        service: The service that posts. It connects a user before their first post.
        concurrency: The most requests under way at once.
        done: Called after each post.
        journal: The path of the first round's journal, or None.
        restart_after: The number of posts after which the first round is stopped and resumed, or None.

    Attributes:
        tally: Counts of the posts so far.
        resumed: How many posts the journal had when the first round was resumed, or None.
    """

    def __init__(
        self,
        service: Service,
        *,
        concurrency: int,
        done: Callable[[], object],
        journal: Path | None = None,
        restart_after: int | None = None,
    ) -> None:
        self.tally: Tally = Tally()
        self.resumed: int | None = None
        self._service = service
        self._concurrency = concurrency
        self._done = done
        self._journal = journal
        self._restart_after = restart_after
        self._number = 0
        self._counted: set[int] = set()  # in this round: a resumed round counts none twice

    async def round(self, posts: AsyncIterator[Post], most: int) -> dict[int, Post]:
        """Send posts until they end, or until about `most` requests were made."""
        sent: dict[int, Post] = {}
        self._counted.clear()
        coming = self._coming(posts, most, sent)
        journal = None if self._journal is None else SQLiteJournal(self._journal)
        restart_after, self._journal, self._restart_after = self._restart_after, None, None
        began, cpu_began = time.perf_counter(), time.process_time()
        try:
            if restart_after is not None:
                await self._send(coming, sent, journal, restart_after)
                coming = _joined(_jobs(sent), coming)
            await self._send(coming, sent, journal)
        finally:
            self.tally.seconds += time.perf_counter() - began
            self.tally.cpu_seconds += time.process_time() - cpu_began
        return sent

    async def _send(
        self,
        jobs: AsyncIterator[posting.Post],
        sent: Mapping[int, Post],
        journal: SQLiteJournal | None,
        restart_after: int | None = None,
    ) -> None:
        """Send posts, all or until `restart_after` are accepted, and count their outcomes."""
        run = posting.post_all(
            self._service.session,
            jobs,
            journal=journal,
            concurrency=self._concurrency,
            read_ahead=self._concurrency,
            stop_after=_NEVER,
        )
        known = 0
        async for outcome in run:
            known += outcome.status == "skipped"
            self._count(outcome, sent[int(outcome.post.id)])
            if restart_after is not None and self.tally.accepted >= restart_after:
                break
        await run.aclose()
        if known:
            self.resumed = known

    async def _coming(
        self, posts: AsyncIterator[Post], most: int, sent: dict[int, Post]
    ) -> AsyncIterator[posting.Post]:
        """Number the posts and connect their users, as the run reads them."""
        while most > 0 and (post := await anext(posts, None)) is not None:
            most -= 1 if post.user in self._service.users else 1 + _CONNECTING
            self._number += 1
            sent[self._number] = post
            try:
                await self._service.connect(post.user)
            except (OAuth1Error, AuthorizePageError, ClientError, OSError) as error:
                self.tally.sent += 1
                self.tally.failed += 1
                self._add_error(error)
                self._done()
            else:
                yield as_job(post, self._number)

    def _count(self, outcome: Outcome, post: Post) -> None:
        number = int(outcome.post.id)
        if number in self._counted:
            return
        self._counted.add(number)
        tally = self.tally
        tally.sent += 1
        error = outcome.error
        if outcome.status == "done" and not is_answer(outcome.http_status, outcome.body, post):
            error = ValueError("the provider's answer is not the post that was sent")
        if error is None:
            tally.accepted += 1
        else:
            if outcome.status == "refused":
                tally.refused += 1
            else:
                tally.failed += 1
            self._add_error(error)
        self._done()

    def _add_error(self, error: Exception) -> None:
        if len(self.tally.errors) < _MAX_ERRORS:
            self.tally.errors.add(f"{type(error).__name__}: {error}")


def _jobs(sent: Mapping[int, Post]) -> list[posting.Post]:
    return [as_job(post, number) for number, post in sent.items()]


async def _joined(
    first: list[posting.Post], rest: AsyncIterator[posting.Post]
) -> AsyncIterator[posting.Post]:
    for job in first:
        yield job
    async for job in rest:
        yield job
