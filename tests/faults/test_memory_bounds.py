"""How much memory a call may take, whatever is sent."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import FormData
from wire.listener import Listener, reply
from wire.oracle import verified
from wire.people import CONSUMER, TOKEN, signing

from aiooauth1 import ProviderError, raise_for_problem


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


pytestmark = pytest.mark.socket

MIB = 1024 * 1024
SENT = 200 * MIB
PIECE = MIB // 2


class Growth:
    """By how much the memory in use grew at its highest, in bytes."""

    peak = 0


@contextmanager
def growth() -> Iterator[Growth]:
    seen = Growth()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield seen
        seen.peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(SENT // PIECE):
        yield bytes(PIECE)


class Zeros(io.RawIOBase):
    """A file of zeros that takes no memory."""

    def __init__(self) -> None:
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: SENT}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), SENT - self._at)
        buffer[:count] = bytes(count)
        self._at += count
        return count


def upload() -> dict[str, Any]:
    form = FormData()
    form.add_field("status", "with a film")
    form.add_field("media", io.BufferedReader(Zeros()), filename="film", content_type="video/mp4")
    return {"data": form}


BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "a stream": lambda: {"data": pieces()},
    "a file": lambda: {"data": io.BufferedReader(Zeros())},
    "multipart": upload,
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_not_a_form_is_streamed(name: str) -> None:
    async with Listener(keep_bodies=False) as listener, signing() as session:
        with growth() as seen:
            await session.post(listener.origin, **BODIES[name]())
        (arrival,) = listener.arrivals
        assert SENT <= arrival.length < SENT + 1000
        verified(arrival, CONSUMER, TOKEN)
    assert seen.peak < 20 * MIB


async def test_many_calls_leave_nothing_behind() -> None:
    """Neither the calls, nor signers beyond the bounded cache, nor refusals."""
    async with Listener(keep_bodies=False) as listener, signing() as session:
        refusal = reply(
            401, {"Content-Encoding": "gzip"}, gzip.compress(b"oauth_problem=token_revoked&" * 100)
        )

        async def calls(count: int) -> None:
            for number in range(count):
                listener.answer = lambda _: refusal
                async with session.post(listener.origin, data={"n": number}) as response:
                    with pytest.raises(ProviderError):
                        await raise_for_problem(response)
                listener.arrivals.clear()

        await calls(50)
        with growth() as seen:
            await calls(50)
            first, _ = tracemalloc.get_traced_memory()
            await calls(200)
            last, _ = tracemalloc.get_traced_memory()
        assert last - first < 64 * 1024
        assert seen.peak < 4 * MIB
