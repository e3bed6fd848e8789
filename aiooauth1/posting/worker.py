"""One of many workers, on any number of machines, which share a journal, lanes and windows in Redis.

It works with any task queue. A message carries a post's JSON and wakes the lane of that post's user. Redis
decides which post is next and whether it may be sent, so lost and repeated messages do no harm.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from aiooauth1.errors import RateLimited, StoreUnavailable
from aiooauth1.posting.attempt import STATUSES, Meaning, Sender, backoff
from aiooauth1.posting.journal import InputChanged
from aiooauth1.posting.pacing import NO_LIMITS, route_of
from aiooauth1.posting.post import Post, digest
from aiooauth1.posting.redis_journal import RedisJournal, error_text
from aiooauth1.posting.redis_scripts import CLAIM, DUE, ENQUEUE, FINISH, RENEW, STATES
from aiooauth1.posting.window import reported_windows


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from aiooauth1.posting.attempt import Attempt
    from aiooauth1.responses.rate_limit import RateLimitWindow
    from aiooauth1.session.session import OAuth1Session


__all__ = ["PostingWorker"]

_LEASE = 6_000  # milliseconds after which the lane of a silent worker is free
_MESSAGE_TIMEOUT = 6_000  # milliseconds after which a message that woke no worker is sent again
_RENEWAL = 2.0  # seconds
_MAX_POLL = 0.25  # seconds between two looks at the lanes that are due
_MIN_POLL = 0.01
_MAX_SENDS = 20  # messages sent concurrently
_IN_A_ROW = 50  # posts of one user sent for one message while no other user waits
_BATCH = 200
_MAX_ATTEMPTS = 3
_MAX_REFUSALS = 20  # for a rate limit, of one post's reconcile

_log = logging.getLogger(__name__)


class PostingWorker:
    """Sends enqueued posts, each once, each user's in order, within the rate limits.

    If a worker dies, another one takes over its lanes after six seconds. Posts that it had begun are in
    doubt: `reconcile` is asked, or they are recorded as unknown.

    Args:
        session: Returns a new session, with a provider and a store that all workers share. Called once, in
            the event loop that posts.
        journal: The run's journal in Redis, the same for all workers.
        reconcile: As in `post_all`.
        stop_after: How many users in a row may be rejected before the run is stopped for all workers.
    """

    def __init__(
        self,
        session: Callable[[], OAuth1Session],
        journal: RedisJournal,
        *,
        reconcile: Callable[[OAuth1Session, Post], Awaitable[bool | None]] | None = None,
        stop_after: int = 20,
    ) -> None:
        if not isinstance(journal, RedisJournal):
            raise TypeError(
                f"journal must be a RedisJournal, which workers share, not {type(journal).__name__}"
            )
        self.journal = journal
        self._make_session = session
        self._session: OAuth1Session | None = None
        self._sender: Sender | None = None
        self._reconcile = reconcile
        self._stop_after = stop_after
        self._held: dict[str, str] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._failures: dict[str, int] = {}  # by post id: failed attempts
        self._rejected: set[str] = set()

    async def enqueue(self, posts: Iterable[Post] | AsyncIterable[Post]) -> AsyncIterable[str]:
        """Add posts to their users' lanes, and yield the messages that wake those lanes.

        Posts that were enqueued before, with the same content, are skipped.

        Args:
            posts: Any number of posts.

        Yields:
            JSON, to be sent through a task queue to `deliver`. Lost messages are repeated by `wake`.

        Raises:
            InputChanged: If a post with the same id and other content was enqueued before.
            TypeError: If an item is not a Post.
            StoreUnavailable: If Redis does not answer.
        """
        await self.journal.runner.warn_if_not_durable()
        await self._ask(self.journal.runner.client.delete, self._key("stopped"))
        batch: list[Post] = []
        async for post in _each(posts):
            if not isinstance(post, Post):
                raise TypeError(f"enqueue takes posts, not {type(post).__name__}")
            batch.append(post)
            if len(batch) == _BATCH:
                for message in await self._add(batch):
                    yield message
                batch = []
        if batch:
            for message in await self._add(batch):
                yield message

    async def deliver(self, message: str | bytes | Mapping[str, Any]) -> float | None:
        """Send the posts of one lane, as many as the limits allow now.

        Args:
            message: A post's JSON, as yielded by `enqueue`, or the parsed object.

        Returns:
            Seconds until the lane has more to send, 0 for at once, or None if it is empty.

        Raises:
            ValueError: If the message is not a post's JSON.
            StoreUnavailable: If Redis does not answer.
        """
        post = Post.from_json(message)
        user, name = _name(post.user), _name(post.id)
        await self.journal.runner.warn_if_not_durable()
        for number in range(_IN_A_ROW):
            lease = secrets.token_hex(8)
            again = "again" if number else ""
            claim = await self.journal.runner.run(CLAIM, user, lease, _LEASE, again, name)
            if claim[0] == b"unknown":  # it was sent without enqueue()
                await self._add([post])
                claim = await self.journal.runner.run(CLAIM, user, lease, _LEASE, again, name)
            if claim[0] == b"none":
                return None
            if claim[0] == b"later":
                return float(claim[1]) / 1000
            self._hold(post.user, lease)
            try:
                await self._process(Post.from_json(claim[2]), lease, in_doubt=claim[0] == b"doubt")
            finally:
                self._held.pop(post.user, None)
        return 0.0

    async def due(self) -> tuple[list[str], float]:
        """Return the messages that wake the lanes that are due, and the seconds until the next look."""
        wait, *found = await self.journal.runner.run(DUE, _BATCH, _MESSAGE_TIMEOUT)
        messages: list[str] = [message.decode() for message in found]
        if len(messages) >= _BATCH:
            return messages, 0.0
        seconds = _MAX_POLL if wait < 0 else min(_MAX_POLL, wait / 1000)
        return messages, max(_MIN_POLL, seconds)

    async def wake(self, send: Callable[[str], Awaitable[object]]) -> None:
        """Wake lanes when they are due, for example after a rate limit or a worker's death, until cancelled.

        Args:
            send: Sends a message through the task queue.
        """
        while True:
            seconds = 1.0
            try:
                messages, seconds = await self.due()
                for start in range(0, len(messages), _MAX_SENDS):
                    await asyncio.gather(*map(send, messages[start : start + _MAX_SENDS]))
                if messages:
                    seconds = _MIN_POLL  # these lanes are due again soon
            except Exception as error:  # noqa: BLE001  the queue's own: unsent messages are due again
                _log.warning("lanes could not be woken: %s", type(error).__name__)
            await asyncio.sleep(seconds)

    async def stopped(self) -> str | None:
        """Return why the run was stopped for all workers, or None. Enqueueing resumes it."""
        reason = await self._ask(self.journal.runner.client.get, self._key("stopped"))
        return None if reason is None else reason.decode()

    async def aclose(self) -> None:
        """Close the session and the journal."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        if self._session is not None:
            await self._session.close()
        await self.journal.aclose()

    async def _add(self, posts: list[Post]) -> list[str]:
        messages = [post.to_json() for post in posts]
        calls = [
            (_name(post.id), _name(post.user), digest(post), self._spec(post), message, _MESSAGE_TIMEOUT)
            for post, message in zip(posts, messages, strict=True)
        ]
        results = await self.journal.runner.run_all(ENQUEUE, calls)
        for post, result in zip(posts, results, strict=True):
            if result < 0:
                raise InputChanged(f"post {post.id!r} was enqueued before with other content: use a new id")
        return [message for message, result in zip(messages, results, strict=True) if result]

    def _spec(self, post: Post) -> str:
        """Return a post's route and the rules that cover it, in the form that the scripts read."""
        provider = self._open().provider
        lines = [route_of(post.method, post.url)]
        path = urlsplit(urljoin("" if provider is None else provider.base_url, post.url)).path
        for number, rule in enumerate(() if provider is None else provider.rate_limits):
            if rule.covers(post.method, path):
                per = "u" if rule.per == "user" else "a"
                lines.append(f"{per}{number} {rule.limit} {int(rule.window * 1000)}")
        return "\n".join(lines)

    async def _process(self, post: Post, lease: str, *, in_doubt: bool) -> None:
        """Send a post, or reconcile one in doubt, and record the result."""
        attempt: Attempt | None = None
        if not in_doubt:
            attempt = await self._attempt(post)
            if attempt.meaning is not Meaning.IN_DOUBT or self._reconcile is None:
                await self._record(post, lease, attempt)
                return
            await asyncio.sleep(2.0)  # the provider may still be working on it
        is_there, error = None, None if attempt is None else attempt.error
        if self._reconcile is not None:
            try:
                is_there = await self._reconcile(self._open(), post)
            except Exception as trouble:  # noqa: BLE001  the caller's function
                if await self._ask_again_later(post, lease, trouble):
                    return
                error = trouble
        self._failures.pop(post.id, None)
        if is_there is None:
            await self._finish(post, lease, STATES["unknown"], error=error)
        elif is_there:
            await self._finish(post, lease, STATES["done"])
        else:
            await self._finish(post, lease, STATES["waiting"])

    async def _ask_again_later(self, post: Post, lease: str, trouble: Exception) -> bool:
        """Keep a post in doubt until a later claim of its lane; return False if it has failed too often."""
        failures = self._failures[post.id] = self._failures.get(post.id, 0) + 1
        is_limited = isinstance(trouble, RateLimited)
        if failures >= (_MAX_REFUSALS if is_limited else _MAX_ATTEMPTS):
            return False
        wait = trouble.retry_after if isinstance(trouble, RateLimited) else None
        if wait is None:
            wait = backoff(failures, random.random())  # noqa: S311  no secret
        await self.journal.runner.run(RENEW, int(wait * 1000), _name(post.user), lease)
        return True

    async def _attempt(self, post: Post) -> Attempt:
        self._open()
        if self._sender is None:
            self._sender = Sender(self._open())
        attempt = await self._sender.attempt(post)
        if attempt.meaning is Meaning.RESIGN:
            attempt = await self._sender.attempt(post, resign=True)
        return attempt

    async def _record(self, post: Post, lease: str, attempt: Attempt) -> None:
        told = reported_windows(attempt.limit or NO_LIMITS)
        limit = None if told.of_app is None else told.of_app.limit
        size = "" if limit is None else int(limit)
        windows = (*_window_arguments(told.of_user or told.unknown), *_window_arguments(told.of_app), size)
        status = attempt.status or 0
        failures = self._failures.get(post.id, 0)
        if attempt.meaning is Meaning.LIMITED:
            wait = attempt.wait if attempt.wait is not None else backoff(failures + 1, random.random())  # noqa: S311
            self._failures[post.id] = failures + 1
            await self._finish(
                post, lease, STATES["waiting"], status, wait=wait, windows=windows, how="limited"
            )
            return
        if attempt.meaning in {Meaning.NOT_SENT, Meaning.TRY_AGAIN} and failures + 1 < _MAX_ATTEMPTS:
            self._failures[post.id] = failures + 1
            wait = backoff(failures + 1, random.random())  # noqa: S311  no secret
            await self._finish(post, lease, STATES["waiting"], status, wait=wait, windows=windows)
            return
        self._failures.pop(post.id, None)
        if await self._stop_if_app_wide(post, attempt):
            await self._finish(post, lease, STATES["waiting"], status, windows=windows)
            return
        state = STATES[STATUSES[attempt.meaning]]
        await self._finish(post, lease, state, status, error=attempt.error, windows=windows, how="taken")

    async def _stop_if_app_wide(self, post: Post, attempt: Attempt) -> bool:
        """Stop the run for all workers if no post of any user can be sent; return whether that is so."""
        reason = ""
        if attempt.consumer_refused:
            reason = f"the provider refuses the consumer: {attempt.error}"
        elif attempt.is_rejection:
            self._rejected.add(post.user)
            if len(self._rejected) >= self._stop_after:
                reason = f"{len(self._rejected)} users in a row were rejected, the last one: {attempt.error}"
        elif attempt.status is not None:
            self._rejected.clear()
        if reason:
            self._rejected.clear()
            _log.error("posting stops: %s", reason)
            await self._ask(self.journal.runner.client.set, self._key("stopped"), reason)
        return bool(reason)

    async def _finish(
        self,
        post: Post,
        lease: str,
        state: str,
        status: int = 0,
        *,
        error: Exception | None = None,
        wait: float = 0.0,
        windows: tuple[str | int, ...] = ("", "", "", "", ""),
        how: str = "",
    ) -> None:
        noted = await self.journal.runner.run(
            FINISH,
            _name(post.user),
            lease,
            _name(post.id),
            state,
            f"{status:03d}",
            error_text(error),
            int(wait * 1000),
            *windows[:-1],
            how,
            windows[-1],
        )
        if not noted:
            _log.warning("post %r took longer than its lease: another worker has taken over", post.id)

    def _open(self) -> OAuth1Session:
        if self._session is None:
            session = self._make_session()
            if session.provider is None or session.store is None:
                raise TypeError("posts are sent for users: pass provider= and store= to the session")
            self._session = session
        return self._session

    def _hold(self, user: str, lease: str) -> None:
        self._held[user] = lease
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        """Renew the leases of lanes whose posts are being sent, until cancelled."""
        while True:
            await asyncio.sleep(_RENEWAL)
            if held := [part for user, lease in self._held.items() for part in (_name(user), lease)]:
                try:
                    await self.journal.runner.run(RENEW, _LEASE, *held)
                except StoreUnavailable as error:
                    _log.warning("leases could not be renewed: %s", error)

    def _key(self, name: str) -> bytes:
        return self.journal.runner.prefix + name.encode()

    async def _ask(self, command: Callable[..., Awaitable[Any]], *arguments: object) -> Any:
        return await self.journal.runner.retry(lambda: command(*arguments))


def _name(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _window_arguments(window: RateLimitWindow | None) -> tuple[str | int, str | int]:
    """Return the requests left in a window and the milliseconds to its reset, as the scripts read them."""
    if window is None or window.remaining is None or window.wait is None:
        return "", ""
    return int(window.remaining), int(window.wait * 1000)


async def _each(posts: Iterable[Post] | AsyncIterable[Post]) -> AsyncIterable[Post]:
    if isinstance(posts, AsyncIterable):
        async for post in posts:
            yield post
    else:
        for post in posts:
            yield post
