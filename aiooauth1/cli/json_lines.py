"""Input with one JSON object a line, from a file, a pipe or a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aiooauth1.cli.outcome import USAGE, CommandError


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


__all__ = ["MAX_LINE", "decode", "open_input", "read_each"]

ItemT = TypeVar("ItemT")

MAX_LINE = 256 * 1024
"""The most bytes of a line: a longer post would be refused, and memory is bounded."""

_CHUNK = 64 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@contextmanager
def open_input(source: str) -> Iterator[int]:
    """Open a path, or standard input for `-`, and yield the file descriptor."""
    if source == "-" and sys.stdin is None:
        raise CommandError("--input -: standard input is closed: give a file", USAGE)
    try:
        # Opened before the event loop runs: opening a named pipe blocks, and Ctrl-C must interrupt that.
        file = sys.stdin.buffer if source == "-" else Path(source).open("rb", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise CommandError(f"--input {source}: {error.strerror}", USAGE) from None
    with file:
        yield file.fileno()


async def read_each(
    descriptor: int, parse: Callable[[bytes, int], ItemT], reject: Callable[[int, str], None]
) -> AsyncIterator[ItemT]:
    """Parse each line when it arrives. Empty lines are skipped.

    Args:
        descriptor: The file descriptor of the input.
        parse: Returns the item of a line with this number, or raises ValueError.
        reject: Called with the number of a bad line and the reason.
    """
    number = 0
    try:
        async for number, raw in _lines(descriptor):
            line = raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw
            try:
                if line.strip():
                    yield parse(line, number)
            except ValueError as error:
                reject(number, str(error))
    except OSError as error:
        reject(number + 1, f"cannot be read, nor what follows: {error.strerror}")


def decode(line: bytes, **options: Any) -> object:
    """Return the JSON value of a line.

    Args:
        line: The line.
        options: Arguments for `json.loads`.

    Raises:
        ValueError: If it is too long or not JSON in UTF-8; the message says why.
    """
    if len(line) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} bytes")
    try:
        return json.loads(line.decode("utf-8"), **options)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deep") from None


async def _lines(descriptor: int) -> AsyncIterator[tuple[int, bytes]]:
    """Yield the lines with their numbers. Of a line that is too long only the beginning is kept."""
    number, rest = 1, b""
    while chunk := await _chunk(descriptor):
        first, *others = chunk.split(b"\n")
        rest += first
        for begun in others:
            yield number, rest
            number, rest = number + 1, begun
        rest = rest[: MAX_LINE + 1]
    if rest:
        yield number, rest


async def _chunk(descriptor: int) -> bytes:
    """Read what is available, in a daemon thread.

    An event loop cannot wait for files and terminals on every system. It joins its executor's threads when it
    closes, so a read in one of those would delay Ctrl-C until the input ends.
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
