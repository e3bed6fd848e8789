"""The replies, each a function of the status and of where to write."""

from __future__ import annotations

import asyncio
import zlib
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


__all__ = ["KINDS", "SLOW"]

Writer = asyncio.StreamWriter
_PIECE = b"x" * 0x1000
_TOLD = b"oauth_problem=token_revoked&"


def _head(status: int, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Reason", *fields, "", ""]).encode()


@cache
def _bomb(window: int) -> bytes:
    """Compress 1 GiB of zeros, in a moment: after a full flush the same octets may come again and again."""
    stream = zlib.compressobj(9, wbits=window)
    first = stream.compress(bytes(1 << 20)) + stream.flush(zlib.Z_FULL_FLUSH)
    again = stream.compress(bytes(1 << 20)) + stream.flush(zlib.Z_FULL_FLUSH)
    return first + again * 1023


async def _compressed(encoding: str, window: int, status: int, writer: Writer) -> None:
    body = _bomb(window)
    writer.write(_head(status, f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}") + body)


async def _other(encoding: str, status: int, writer: Writer) -> None:
    # Octets in that coding would need a library; whoever has none must not wait for more of them either.
    body = b"\x28\xb5\x2f\xfd" * 250_000
    writer.write(_head(status, f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}") + body)


async def _endless(status: int, writer: Writer) -> None:
    writer.write(_head(status, "Transfer-Encoding: chunked"))
    while True:
        writer.write(b"1000\r\n" + _PIECE + b"\r\n")
        await writer.drain()


async def _endless_octets(status: int, writer: Writer) -> None:
    writer.write(_head(status, "Transfer-Encoding: chunked"))
    while True:
        writer.write(b"1\r\nx\r\n" * 1000)
        await writer.drain()


async def _endless_length(status: int, writer: Writer) -> None:
    writer.write(_head(status, "Content-Length: 99999999999"))
    while True:
        writer.write(_PIECE)
        await writer.drain()


async def _drip(status: int, writer: Writer) -> None:
    writer.write(_head(status, "Content-Length: 100000"))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.2)


async def _drip_of_a_head(status: int, writer: Writer) -> None:
    writer.write(f"HTTP/1.1 {status} Reason\r\nX-Long: ".encode())
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.2)


async def _long_field(status: int, writer: Writer) -> None:
    writer.write(f"HTTP/1.1 {status} Reason\r\nX-Long: ".encode() + b"x" * 10_000_000 + b"\r\n\r\n")


async def _long_challenge(status: int, writer: Writer) -> None:
    line = b'WWW-Authenticate: OAuth oauth_problem="' + b"x" * 7000 + b'"\r\n'
    writer.write(f"HTTP/1.1 {status} Reason\r\nContent-Length: 0\r\n".encode() + line * 100 + b"\r\n")


async def _many_fields(status: int, writer: Writer) -> None:
    fields = b"".join(b"X-%d: y\r\n" % number for number in range(100_000))
    writer.write(f"HTTP/1.1 {status} Reason\r\nContent-Length: 0\r\n".encode() + fields + b"\r\n")


async def _many_parameters(status: int, writer: Writer) -> None:
    body = _TOLD + b"&".join(b"%d=y" % number for number in range(8_000))
    writer.write(_head(status, f"Content-Length: {len(body)}") + body)


async def _deep(status: int, writer: Writer) -> None:
    body = b'{"errors": ' + b"[" * 60_000
    writer.write(_head(status, f"Content-Length: {len(body)}") + body)


KINDS: Mapping[str, Callable[[int, Writer], Awaitable[None]]] = MappingProxyType(
    {
        "gzip": partial(_compressed, "gzip", 31),
        "deflate": partial(_compressed, "deflate", 15),
        "br": partial(_other, "br"),
        "zstd": partial(_other, "zstd"),
        "endless": _endless,
        "endless-octets": _endless_octets,
        "endless-length": _endless_length,
        "drip": _drip,
        "drip-of-a-head": _drip_of_a_head,
        "long-field": _long_field,
        "long-challenge": _long_challenge,
        "many-fields": _many_fields,
        "many-parameters": _many_parameters,
        "deep-json": _deep,
    }
)
"""By name, which goes into a URL."""

SLOW = frozenset({"drip", "drip-of-a-head"})
"""Those which nothing ends but a timeout."""
