"""A TCP proxy before a redis-server that counts what goes through and loses, delays or cuts off the n-th."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from .resp import is_push, reply_end


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


__all__ = ["Fault", "ReplyProxy"]

Fault = Literal["drop", "late", "reset", "stall"]
"""What becomes of a reply: it never comes, the connection is reset in its stead, or it stalls. Or of a
command: it comes late, when the one who sent it may be long gone."""

_READ = 65_536
_LINGER_AND_RESET = struct.pack("ii", 1, 0)


class _Armed(NamedTuple):
    fault: Fault
    number: int
    seconds: float
    meanwhile: Callable[[], Awaitable[object]] | None


class ReplyProxy:
    """Stands on a port of its own and passes on what it gets, but for the faults that it is told of.

    It counts complete replies and commands over all connections: a new connection's greetings too, but no
    message that is out of band.

    Args:
        port: The port of the redis-server behind it.
        delay: How many seconds to hold the reply of that number back, for every reply.
    """

    def __init__(self, port: int, *, delay: Callable[[int], float] = lambda _: 0.0) -> None:
        self._behind = port
        self._delay = delay
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: _Armed | None = None
        self.replies = 0
        self.commands = 0
        self.connections = 0
        self.struck = False
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def arm(
        self,
        fault: Fault,
        number: int,
        *,
        seconds: float = 3.0,
        meanwhile: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Let the fault befall a reply (`late`: a command), the first from now on being number 0.

        Args:
            fault: What is to happen.
            number: To which.
            seconds: How long it stalls or is late.
            meanwhile: What to do before it happens.
        """
        since = self.commands if fault == "late" else self.replies
        self._fault = _Armed(fault, since + number, seconds, meanwhile)
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
        with suppress(OSError, asyncio.CancelledError):  # the test's end, or either side's, is its end
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self._behind)
        answering = asyncio.create_task(self._answer(from_redis, writer))
        forwarding = asyncio.create_task(self._forward(reader, to_redis))
        answering.add_done_callback(lambda _: writer.close())  # which ends the forwarding too
        try:
            await forwarding  # to its end, though the client is gone: what it sent may still be on its way
        finally:
            to_redis.close()  # once what was written is sent
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, to_redis: asyncio.StreamWriter) -> None:
        held = bytearray()
        while data := await reader.read(_READ):
            held += data
            while held and (end := reply_end(held)) is not None:  # a command has the form of a reply
                command = bytes(held[:end])
                del held[:end]
                await self._be_late()
                to_redis.write(command)
                await to_redis.drain()

    async def _be_late(self) -> None:
        number = self.commands
        self.commands += 1
        if (armed := await self._strike(number, late=True)) is not None:
            await asyncio.sleep(armed.seconds)

    async def _strike(self, number: int, *, late: bool) -> _Armed | None:
        armed = self._fault
        if armed is None or armed.number != number or late is not (armed.fault == "late"):
            return None
        self._fault = None
        self.struck = True
        if armed.meanwhile is not None:
            await armed.meanwhile()
        return armed

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
        armed = await self._strike(number, late=False)
        if armed is None:
            return True
        match armed.fault:
            case "drop":
                return False
            case "reset":
                connection: socket.socket = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_AND_RESET)
                writer.transport.abort()
                raise ConnectionResetError
            case _:
                await asyncio.sleep(armed.seconds)
                return True
