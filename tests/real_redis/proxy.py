"""A TCP proxy before a redis-server that counts the replies and loses, delays or cuts off the n-th."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self

from .resp import is_push, reply_end


if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["Fault", "ReplyProxy"]

Fault = Literal["drop", "reset", "stall"]
"""What becomes of a reply: it never comes, the connection is reset in its stead, or it comes late."""

_READ = 65_536
_LINGER_AND_RESET = struct.pack("ii", 1, 0)


class ReplyProxy:
    """Stands on a port of its own and passes on what it gets, but for the faults that it is told of.

    It counts complete replies over all connections: those to a new connection's greetings too, but no message
    that is out of band.

    Args:
        port: The port of the redis-server behind it.
        delay: How many seconds to hold the reply of that number back, for every reply.
    """

    def __init__(self, port: int, *, delay: Callable[[int], float] = lambda _: 0.0) -> None:
        self._behind = port
        self._delay = delay
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: tuple[Fault, int, float] | None = None
        self.replies = 0
        self.connections = 0
        self.struck = False
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def arm(self, fault: Fault, number: int, *, seconds: float = 3.0) -> None:
        """Let the fault befall a reply: the first from now on is number 0. A stall lasts `seconds`."""
        self._fault = (fault, self.replies + number, seconds)
        self.struck = False

    def disarm(self) -> None:
        self._fault = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.connections += 1
        with suppress(
            OSError, asyncio.CancelledError
        ):  # an end of the test or of either side is this one's end
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self._behind)
        ways = [
            asyncio.create_task(self._forward(reader, to_redis)),
            asyncio.create_task(self._answer(from_redis, writer)),
        ]
        try:
            # Either side's end is the other's too.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_redis.close()

    async def _forward(self, reader: asyncio.StreamReader, to_redis: asyncio.StreamWriter) -> None:
        while data := await reader.read(_READ):
            to_redis.write(data)
            await to_redis.drain()

    async def _answer(self, from_redis: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held = bytearray()
        while data := await from_redis.read(_READ):
            held += data
            while held and (end := reply_end(held)) is not None:
                reply, counts = bytes(held[:end]), not is_push(held)
                del held[:end]
                if counts and not await self._may_pass(writer):
                    continue
                writer.write(reply)
                await writer.drain()

    async def _may_pass(self, writer: asyncio.StreamWriter) -> bool:
        number = self.replies
        self.replies += 1
        if seconds := self._delay(number):
            await asyncio.sleep(seconds)
        if self._fault is None or self._fault[1] != number:
            return True
        fault, _, stall = self._fault
        self._fault = None
        self.struck = True
        match fault:
            case "drop":
                return False
            case "stall":
                await asyncio.sleep(stall)
                return True
            case "reset":
                connection: socket.socket = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_AND_RESET)
                writer.transport.abort()
                raise ConnectionResetError
