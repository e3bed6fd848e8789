"""The blog posts to repost: made up, or read from a file with one JSON object a line."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence


__all__ = ["LONGEST_LINE", "Post", "make_posts", "parse_line", "read_lines", "read_posts"]

LONGEST_LINE = 256 * 1024
"""Bytes of the longest line that is read: a provider would refuse a longer post, and memory is bounded."""

_CHUNK = 64 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_KEYS = ("user", "text")


class Post(NamedTuple):
    """A blog post: whose it is, and what it says."""

    user: str
    text: str


async def make_posts(count: int, users: Sequence[str]) -> AsyncIterator[Post]:
    """Make posts up, with the characters in them that are hard to sign."""
    for number in range(count):
        user = users[number % len(users)]
        yield Post(user, f"No. {number + 1} of {user}'s blog: 100 % crème & café = 50/50 + ☕, “déjà vu”?")


async def read_posts(descriptor: int, reject: Callable[[int, str], None]) -> AsyncIterator[Post]:
    """Read posts as they come, a chunk at a time; empty lines are skipped."""
    number = 0
    try:
        async for number, raw in read_lines(descriptor):
            line = raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw
            try:
                if line.strip():
                    yield parse_line(line)
            except ValueError as error:
                reject(number, str(error))
    except OSError as error:
        reject(number + 1, f"cannot be read, nor what follows: {error.strerror}")


def parse_line(line: bytes) -> Post:
    """Read a line.

    >>> parse_line(b'{"user": "ann", "text": "Hello"}')
    Post(user='ann', text='Hello')
    >>> parse_line(b'{"user": "ann"}')
    Traceback (most recent call last):
        ...
    ValueError: "text" is missing
    """
    given = _decode(line)
    if not isinstance(given, dict):
        raise ValueError('not an object with "user" and "text"')  # noqa: TRY004  callers catch one error
    if missing := [key for key in _KEYS if key not in given]:
        raise ValueError(f'"{missing[0]}" is missing')
    if unknown := [key for key in given if key not in _KEYS]:
        raise ValueError(f'unknown key {_shown(unknown[0])}: only "user" and "text" may be there')
    for key in _KEYS:
        _check(key, given[key])
    return Post(given["user"], given["text"])


def _decode(line: bytes) -> object:
    if len(line) > LONGEST_LINE:
        raise ValueError(f"longer than {LONGEST_LINE} bytes")
    try:
        # No number is right here, so none is worth the limit on the digits of an int.
        return json.loads(line.decode("utf-8"), object_pairs_hook=_once_each, parse_int=float)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deep") from None


def _check(key: str, value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f'"{key}" is not a string')  # noqa: TRY004  callers catch one error
    if not value.strip():
        raise ValueError(f'"{key}" is empty')
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f'"{key}" has half a surrogate pair, which is no character') from None
    if key == "user" and value != value.strip():
        raise ValueError('"user" begins or ends with a space')


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"{_shown(twice)} is given twice")
    return found


def _shown(key: str) -> str:
    """A key as it may stand in a message: no control characters, and not too long."""
    return json.dumps(key if len(key) <= 40 else key[:40] + "...")  # noqa: PLR2004  enough to find it


async def read_lines(descriptor: int) -> AsyncIterator[tuple[int, bytes]]:
    """Cut what is read into lines; of one that is too long only as much is kept as shows that."""
    number, rest = 1, b""
    while chunk := await _read(descriptor):
        first, *others = chunk.split(b"\n")
        rest += first
        for begun in others:
            yield number, rest
            number, rest = number + 1, begun
        rest = rest[: LONGEST_LINE + 1]
    if rest:
        yield number, rest


async def _read(descriptor: int) -> bytes:
    """Read what is there, waiting for it in a thread that may be left behind.

    An event loop cannot wait for files and terminals everywhere, and its own threads are waited for at the
    end: Ctrl-C would have to be followed by the end of the input.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes | OSError] = loop.create_future()

    def settle(read: bytes | OSError) -> None:
        if not answer.done():
            answer.set_result(read)

    def read() -> None:
        try:
            found: bytes | OSError = os.read(descriptor, _CHUNK)
        except OSError as error:
            found = error
        with suppress(RuntimeError):  # the loop has ended before the input has
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=read, daemon=True).start()
    found = await answer
    if isinstance(found, OSError):
        raise found
    return found
