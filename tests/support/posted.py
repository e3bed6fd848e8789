"""Posts for some users, and the store of a session that may send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiooauth1 import MemoryStore
from aiooauth1.posting import Post
from aiooauth1.posting.journal import Numbered
from aiooauth1.posting.post import digest


if TYPE_CHECKING:
    from aiooauth1.testing import FakeProvider


__all__ = ["USERS", "numbered", "posts", "sent_texts", "store_for"]

USERS = ("ann", "ben", "cleo")


def posts(count: int, users: tuple[str, ...] = USERS) -> list[Post]:
    """Return posts of these users in turn: No. 0, No. 1 …"""
    return [
        Post(str(number), users[number % len(users)], "posts", data={"status": f"No. {number}"})
        for number in range(count)
    ]


def numbered(position: int, name: str | None = None, text: str = "Hello") -> Numbered:
    """Return a post of ann's with its place in the input."""
    post = Post(str(position) if name is None else name, "ann", "posts", data={"status": text})
    return Numbered(position, post, digest(post))


async def store_for(fake: FakeProvider, users: tuple[str, ...] = USERS) -> MemoryStore:
    """Return a store with an access token of each user."""
    store = MemoryStore()
    for user in users:
        await store.put_access_token(fake.provider.name, user, fake.issue_access_token(user))
    return store


def sent_texts(fake: FakeProvider, users: tuple[str, ...] = USERS) -> dict[str, list[str]]:
    """Return the texts of the posts that arrived, in order, by user."""
    return {user: [post.text for post in fake.posts if post.user == user] for user in users}
