"""The blog posts to repost: made up, or read from a file with one JSON object a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from aiooauth1.cli.json_lines import decode


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


__all__ = ["Post", "make_posts", "parse_line"]

_KEYS = ("user", "text")


class Post(NamedTuple):
    """A blog post: its user and its text."""

    user: str
    text: str


async def make_posts(count: int, users: Sequence[str]) -> AsyncIterator[Post]:
    """Yield invented posts that contain characters which are hard to sign."""
    for number in range(count):
        user = users[number % len(users)]
        yield Post(user, f"No. {number + 1} of {user}'s blog: 100 % crème & café = 50/50 + ☕, “déjà vu”?")


def parse_line(line: bytes, _number: int = 0) -> Post:
    """Read a post from a line of JSON.

    >>> parse_line(b'{"user": "ann", "text": "Hello"}')
    Post(user='ann', text='Hello')
    >>> parse_line(b'{"user": "ann"}')
    Traceback (most recent call last):
        ...
    ValueError: "text" is missing
    """
    # Numbers are refused later; as floats they do not meet the limit on the digits of an int.
    given = decode(line, object_pairs_hook=_once_each, parse_int=float)
    if not isinstance(given, dict):
        raise ValueError('not an object with "user" and "text"')  # noqa: TRY004  callers catch one error
    if missing := [key for key in _KEYS if key not in given]:
        raise ValueError(f'"{missing[0]}" is missing')
    if unknown := [key for key in given if key not in _KEYS]:
        raise ValueError(f'unknown key {_shown(unknown[0])}: only "user" and "text" may be there')
    for key in _KEYS:
        _check(key, given[key])
    return Post(given["user"], given["text"])


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
    """Return a key for a message: quoted, without control characters, and cut."""
    return json.dumps(key if len(key) <= 40 else key[:40] + "...")  # noqa: PLR2004  enough to find it
