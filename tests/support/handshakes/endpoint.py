"""A token endpoint on a bare socket, which answers what a test wants to the byte."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from aiooauth1 import Consumer, Handshake, MemoryStore, Provider


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any


CONSUMER = Consumer("consumer-key", "consumer-secret-CANARY")
REQUEST_TOKEN = b"oauth_token=rt&oauth_token_secret=rt-secret-CANARY&oauth_callback_confirmed=true"


def http(body: bytes, *, status: str = "200 OK", **headers: str) -> bytes:
    """Write a response with its length."""
    fields = {"Content-Length": str(len(body)), **{n.replace("_", "-"): v for n, v in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body


class Endpoint:
    """All endpoints of a provider at once.

    Args:
        answers: What to send to each request: bytes, or what writes them; the last one is for all that
            follow. No bytes: the connection is dropped.
        name: The provider's name.

    Attributes:
        requests: What arrived, byte for byte.
    """

    def __init__(
        self, *answers: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]], name: str = "endpoint"
    ) -> None:
        self.requests: list[bytes] = []
        self._answers = answers
        self._name = name
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 21)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        # Not in the task itself: one that is cancelled before its first step never gets there.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that has seen enough breaks off, and that is none of our failures.
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
                self.requests.append(head + await reader.readexactly(int(length or 0)))
                answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
                if not answer:
                    break
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(writer)
                await writer.drain()

    @property
    def url(self) -> str:
        """Where it is."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    @property
    def provider(self) -> Provider:
        """What a consumer knows of it."""
        return Provider(
            name=self._name,
            request_token_url=f"{self.url}request_token",
            authorize_url=f"{self.url}authorize",
            access_token_url=f"{self.url}access_token",
        )

    def handshake(self, **options: Any) -> Handshake:
        """Make a handshake with it."""
        return Handshake(self.provider, CONSUMER, **{"store": MemoryStore(), **options})
