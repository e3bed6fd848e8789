"""A response whose head is bounded: aiohttp bounds how long a field is, and only newer versions how many."""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

from aiohttp import ClientError, ClientResponse, ServerDisconnectedError


if TYPE_CHECKING:
    from aiohttp.connector import Connection


__all__ = ["BoundedHeadResponse", "ResponseHeadTooLong"]

_LONGEST_HEAD = 64 * 1024


class ResponseHeadTooLong(ClientError):
    """The fields of a response, or the interim responses before it, are too long."""


class BoundedHeadResponse(ClientResponse):
    """A `ClientResponse` that closes its connection if the head is longer than 64 KiB."""

    async def start(self, connection: Connection) -> ClientResponse:
        """Read the head.

        Raises:
            ResponseHeadTooLong: If it is longer than 64 KiB.
        """
        transport, reader = connection.transport, connection.protocol
        if transport is None or reader is None:  # it was lost meanwhile, which aiohttp will tell
            return await super().start(connection)
        head = _Head(transport, reader)
        transport.set_protocol(head)
        try:
            await super().start(connection)
        except ServerDisconnectedError:
            if not head.is_too_long:
                raise
        else:
            self.cookies = SimpleCookie()  # not for the jar of a caller's session: they are not this user's
            return self
        finally:
            transport.set_protocol(reader)
        raise ResponseHeadTooLong


class _Head(asyncio.Protocol):
    """Stands before aiohttp's protocol until the head is in, and breaks off one that is too long."""

    __slots__ = ("_reader", "_received", "_transport", "is_too_long")

    def __init__(self, transport: asyncio.Transport, reader: asyncio.Protocol) -> None:
        self._transport = transport
        self._reader = reader
        self._received = 0
        self.is_too_long = False

    def data_received(self, data: bytes) -> None:
        if self._received > _LONGEST_HEAD:  # not with this piece: it may be the body that makes it so long
            self.is_too_long = True
            self._transport.abort()
            return
        self._received += len(data)
        self._reader.data_received(data)

    def eof_received(self) -> bool | None:
        return self._reader.eof_received()

    def pause_writing(self) -> None:
        self._reader.pause_writing()

    def resume_writing(self) -> None:
        self._reader.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._reader.connection_lost(exc)
