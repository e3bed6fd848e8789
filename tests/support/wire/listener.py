"""A server that speaks just enough HTTP to keep each byte that arrives, and to answer as a test wants."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aiohttp.abc import AbstractResolver, ResolveResult


if TYPE_CHECKING:
    import ssl
    from types import TracebackType


__all__ = [
    "DROP",
    "RESET",
    "Answer",
    "Arrival",
    "Listener",
    "Names",
    "Writes",
    "broken",
    "ok",
    "reply",
    "silent",
]

FORM = "application/x-www-form-urlencoded"
_PIECE = 65_536


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came over the wire.

    Attributes:
        connection: Which connection of the listener it came on, from 0.
        scheme: `http` or `https`.
        bytes: All of it, to the last byte.
        body: The body without its transfer coding.
        length: How long the body is, also where a listener keeps no bodies.
    """

    connection: int
    scheme: str
    octets: bytes
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    length: int

    def header(self, name: str) -> str | None:
        """Return a header field's value; it must not be there twice."""
        values = [value for given, value in self.headers if given.lower() == name.lower()]
        assert len(values) < 2, values
        return values[0] if values else None

    @property
    def host(self) -> str:
        host = self.header("Host")
        assert host is not None
        return host

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def is_form(self) -> bool:
        """By the media type alone, in any letter case (RFC 5849 3.4.1.3.1, RFC 9110 8.3.1)."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower() == FORM


Writes = Callable[[asyncio.StreamWriter], Awaitable[None]]
Answer = Callable[[Arrival], "bytes | AsyncIterator[bytes] | Writes"]
"""What goes back for an arrival: bytes, pieces of them, each when its time has come, or what writes them."""

DROP = b"drop"
"""The answer that is none: the connection is closed."""

RESET = b"reset"
"""The answer that is none: the connection is reset."""


def reply(status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """Write a reply whose connection stays open."""
    fields = {"Content-Length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ok(arrival: Arrival) -> bytes:
    """Answer 200 to anything."""
    return reply(body=b"" if arrival.method == "HEAD" else b"ok")


async def silent(_arrival: Arrival) -> AsyncIterator[bytes]:
    """Answer nothing, and keep the connection."""
    await asyncio.Event().wait()
    yield b"never"


async def broken(answer: bytes) -> AsyncIterator[bytes]:
    """Answer with these bytes, and then close the connection."""
    yield answer
    raise ConnectionError


class Listener:
    """A listener on a free loopback port.

    Args:
        answer: What it answers.
        tls: With it the listener speaks https.
        keep_bodies: Whether bodies are kept; else they are counted only.
        host: The name in `origin`.

    Attributes:
        arrivals: The requests that arrived whole, in order.
        connections: How many connections there were.
    """

    def __init__(
        self,
        answer: Answer = ok,
        *,
        tls: ssl.SSLContext | None = None,
        keep_bodies: bool = True,
        host: str = "127.0.0.1",
    ) -> None:
        self.answer = answer
        self.arrivals: list[Arrival] = []
        self.connections = 0
        self.port = 0
        self.host = host
        self._tls = tls
        self._keep_bodies = keep_bodies
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=self._tls, backlog=1024, limit=1 << 21
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def scheme(self) -> str:
        return "https" if self._tls else "http"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer, self.connections))
        self.connections += 1
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Not in the task itself: one that is cancelled before its first step never gets there.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        # A client that goes away in the middle of a request is a thing that clients do.
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                arrival = await self._read(reader, connection)
                self.arrivals.append(arrival)
                answer = self.answer(arrival)
                if answer == DROP:
                    break
                if answer == RESET:
                    connected = writer.get_extra_info("socket")
                    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                if isinstance(answer, bytes):
                    writer.write(answer)
                elif callable(answer):
                    await answer(writer)
                else:
                    async for piece in answer:
                        writer.write(piece)
                        await writer.drain()
                await writer.drain()

    async def _read(self, reader: asyncio.StreamReader, connection: int) -> Arrival:
        octets = bytearray(await reader.readuntil(b"\r\n\r\n"))
        line, *fields = octets.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = line.split(" ")
        headers = [(name, value.strip()) for name, _, value in (field.partition(":") for field in fields)]
        found = {name.lower(): value for name, value in headers}
        if found.get("transfer-encoding") == "chunked":
            body, length = await self._chunks(reader, octets)
        else:
            length = int(found.get("content-length", "0"))
            body = await self._take(reader, length, octets)
        return Arrival(connection, self.scheme, bytes(octets), method, target, tuple(headers), body, length)

    async def _chunks(self, reader: asyncio.StreamReader, octets: bytearray) -> tuple[bytes, int]:
        body, length = b"", 0
        while True:
            size = await reader.readuntil(b"\r\n")
            octets += size
            chunk = await self._take(reader, int(size, 16), octets)
            octets += await reader.readexactly(2)
            if size == b"0\r\n":
                return body, length
            body += chunk
            length += int(size, 16)

    async def _take(self, reader: asyncio.StreamReader, length: int, octets: bytearray) -> bytes:
        if self._keep_bodies:
            taken = await reader.readexactly(length)
            octets += taken
            return taken
        while length:
            length -= len(await reader.readexactly(min(length, _PIECE)))
        return b""


class Names(AbstractResolver):
    """A resolver for which each name is this machine, or none.

    Args:
        fails: Whether no name resolves.
    """

    def __init__(self, *, fails: bool = False) -> None:
        self._fails = fails

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily | int = 0) -> list[Any]:
        if self._fails:
            raise OSError(f"there is no {host}")
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family or 2, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass
