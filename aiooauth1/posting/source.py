"""Read posts from an iterable or asynchronous iterable without blocking the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from aiooauth1.posting.post import Post


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable


__all__ = ["checked", "chunks", "each"]

_CHUNK = 256  # posts looked up in a journal at once
_STRIDE = 64  # posts read before other tasks may run


async def each(posts: Iterable[Post] | AsyncIterable[Post]) -> AsyncIterator[Post]:
    """Yield the posts one by one."""
    if isinstance(posts, AsyncIterable):
        async for post in posts:
            yield post
        return
    for number, post in enumerate(posts):
        yield post
        if number % _STRIDE == 0:
            await checkpoint()


async def chunks(posts: Iterable[Post] | AsyncIterable[Post]) -> AsyncIterator[list[Post]]:
    """Yield lists of the posts that are available, without waiting for a list to fill."""
    if not isinstance(posts, AsyncIterable):
        iterator = iter(posts)
        while chunk := list(islice(iterator, _CHUNK)):
            yield chunk
            await checkpoint()
        return
    send, receive = anyio.create_memory_object_stream[Post](_CHUNK)

    async def fetch() -> None:
        async with send:
            async for post in posts:
                await send.send(post)

    fetching = asyncio.create_task(fetch())
    try:
        async with receive:
            async for post in receive:
                chunk = [post]
                with suppress(anyio.WouldBlock, anyio.EndOfStream):
                    while len(chunk) < _CHUNK:
                        chunk.append(receive.receive_nowait())
                yield chunk
        await fetching
    finally:
        fetching.cancel()
        await asyncio.wait([fetching])


def checked(post: object, position: int) -> Post:
    """Return the post, or raise TypeError if it is not a Post."""
    if not isinstance(post, Post):
        raise TypeError(f"posts[{position}] must be a Post, not {type(post).__name__}")
    return post
