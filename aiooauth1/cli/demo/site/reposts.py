"""Posts a feed for an account: one post after another, with a pause if the provider asks for one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import ClientError

from aiooauth1.errors import OAuth1Error, RateLimited, TokenRejected, UnknownUser
from aiooauth1.session.problem_reader import raise_for_problem
from aiooauth1.web.accounts import account_name


if TYPE_CHECKING:
    from aiooauth1.cli.demo.site.people import Person
    from aiooauth1.session.session import OAuth1Session


__all__ = ["Reposts", "lines_of"]

_MAX_POSTS = 50
_MAX_POST = 500
_MAX_PAUSE = 60.0  # seconds


class Reposts:
    """Posts feeds in tasks of their own.

    Args:
        session: The session. It posts without retries, so that the site can show each refusal.
    """

    def __init__(self, session: OAuth1Session) -> None:
        self._session = session.replace(retry=None)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, person: Person, account: str, posts: list[str]) -> None:
        """Start posting a feed for an account of a person."""
        task = asyncio.create_task(self._post_all(person, account, posts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Stop posting."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _post_all(self, person: Person, account: str, posts: list[str]) -> None:
        name = person.names.get(account, account)
        for text in posts:
            try:
                number = await self._post(person, account, text)
            except TokenRejected:
                return  # on_token_rejected has added an event
            except UnknownUser:
                person.add_event("failed", name, text, "not posted: this account is not connected any more")
                return
            except (OAuth1Error, ClientError, OSError) as error:
                person.add_event("failed", name, text, f"not posted: {type(error).__name__}")
            else:
                person.add_event("posted", name, text, f"accepted by the provider as post {number}")

    async def _post(self, person: Person, account: str, text: str) -> int:
        while True:
            try:
                user = account_name(person.id, account)
                async with self._session.post("posts", user=user, data={"status": text}) as response:
                    await raise_for_problem(response)
                    return int((await response.json())["id"])
            except RateLimited as refusal:
                seconds = min(refusal.retry_after or 1.0, _MAX_PAUSE)
                person.add_event(
                    "waiting",
                    person.names.get(account, account),
                    text,
                    f"the provider takes no more posts for now (429): sent again in {seconds:.0f} s",
                )
                await asyncio.sleep(seconds)


def lines_of(feed: str) -> list[str]:
    """Return the posts of a feed: its lines that are not empty, each cut to the length of a post."""
    lines = (line.strip() for line in feed.splitlines())
    return [line[:_MAX_POST] for line in lines if line][:_MAX_POSTS]
