"""A response whose head has a maximum length, including the interim responses that aiohttp does not count."""

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
        if transport is None or reader is None:  # the connection was lost, which aiohttp reports
            return await super().start(connection)
        head = _Head(transport, reader)
        transport.set_protocol(head)
        try:
            await super().start(connection)
        except ServerDisconnectedError:
            if not head.is_too_long:
                raise
        else:
            self.cookies = SimpleCookie()  # a caller's session must not store them: they belong to no user
            return self
        finally:
            transport.set_protocol(reader)
        raise ResponseHeadTooLong


class _Head(asyncio.Protocol):
    """Forwards to aiohttp's protocol until the head is read, and aborts if it is too long."""

    __slots__ = ("_reader", "_received", "_transport", "is_too_long")

    def __init__(self, transport: asyncio.Transport, reader: asyncio.Protocol) -> None:
        self._transport = transport
        self._reader = reader
        self._received = 0
        self.is_too_long = False

    def data_received(self, data: bytes) -> None:
        if self._received > _LONGEST_HEAD:  # not with this piece, which may hold much of the body
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
