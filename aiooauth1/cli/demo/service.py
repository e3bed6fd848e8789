"""TweetExpress: a service that connects users to a provider and posts there for them."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from aiohttp import TCPConnector

from aiooauth1 import posting
from aiooauth1.flows.handshake.handshake import Handshake
from aiooauth1.session.problem_reader import raise_for_problem
from aiooauth1.session.session import OAuth1Session
from aiooauth1.signing.encoding import encode_form
from aiooauth1.signing.sign import Signer
from aiooauth1.stores.memory import MemoryStore


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiooauth1.cli.demo.posts import Post
    from aiooauth1.credentials import AccessToken, Consumer
    from aiooauth1.providers.provider import Provider


__all__ = ["Service", "as_job", "is_answer"]

_CALLBACK = "https://tweetexpress.example/callback"  # never requested: only its query is used
_CREATED = 201


class Service:
    """A service: one session, one store and one handshake for all its users.

    Args:
        provider: The provider.
        consumer: The service's credentials there.
        approve: Approves at the provider's page: takes its URL and the user, returns the callback URL.
        connections: The most open connections.

    Attributes:
        users: The users who are connected, or being connected.
    """

    def __init__(
        self,
        provider: Provider,
        consumer: Consumer,
        approve: Callable[[str, str], Awaitable[str]],
        *,
        connections: int,
    ) -> None:
        self.users: dict[str, asyncio.Task[None]] = {}
        self._provider = provider
        self._consumer = consumer
        self._approve = approve
        self._store = MemoryStore()
        self._handshake = Handshake(provider, consumer, store=self._store)
        self._connector = TCPConnector(limit=connections)
        # No retries: each post is to be one request in the provider's ledger.
        self._session = OAuth1Session(
            consumer, provider=provider, store=self._store, connector=self._connector, retry=None
        )
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for each in (self._handshake, self._connector, self._session):
            await self._open.enter_async_context(each)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._open.aclose()

    @property
    def session(self) -> OAuth1Session:
        """The session, which posts for all users."""
        return self._session

    async def connect(self, user: str) -> None:
        """Connect a user by a handshake, unless that is done or under way."""
        if user not in self.users:
            self.users[user] = asyncio.create_task(self._connect(user))
        await self.users[user]

    async def _connect(self, user: str) -> None:
        bind = secrets.token_urlsafe(32)  # a web application keeps it in the user's browser session
        pending = await self._handshake.begin(_CALLBACK, bind=bind)
        callback = await self._approve(pending.url, user)
        await self._handshake.complete(callback, bind=bind, save_as=user)

    async def post(self, post: Post, number: int) -> None:
        """Post for a user."""
        async with self._session.post("posts", user=post.user, data=_form(post, number)) as response:
            await raise_for_problem(response)
            made = await response.json()
        if response.status != _CREATED or (made.get("user"), made.get("text")) != post:
            raise ValueError("the provider's answer is not the post that was sent")

    async def token_of(self, user: str) -> AccessToken | None:
        """Look up the access token of a user."""
        return await self._store.get_access_token(self._provider.name, user)

    async def signing(self, post: Post, number: int) -> tuple[Signer, str, bytes]:
        """Return what `post` signs, to measure the cost of signing."""
        signer = Signer(
            self._consumer,
            await self.token_of(post.user),
            signature_method=self._provider.signature_method,
            rules=self._provider.rules,
            realm=self._provider.realm,
        )
        return signer, f"{self._provider.base_url}posts", encode_form(_form(post, number).items()).encode()


def _form(post: Post, number: int) -> dict[str, str]:
    return {"status": post.text, "number": str(number)}


def as_job(post: Post, number: int) -> posting.Post:
    """Return a post for `post_all`; its number makes it unique."""
    return posting.Post(str(number), post.user, "posts", data=_form(post, number))


def is_answer(status: int | None, body: bytes, post: Post) -> bool:
    """Return whether a reply is the provider's answer to this post."""
    try:
        made = json.loads(body)
    except ValueError:
        return False
    return status == _CREATED and isinstance(made, dict) and (made.get("user"), made.get("text")) == post
