"""The replies, each a function of the status and of where to write."""

from __future__ import annotations

import asyncio
import sys
import zlib
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import brotli  # type: ignore[import-untyped]  # it has no types


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


__all__ = ["BOMBS", "KINDS", "SLOW", "zeros"]

Writer = asyncio.StreamWriter
_PIECE = b"x" * 0x1000
_ZEROS = bytes(1 << 20)
_TOLD = b"oauth_problem=token_revoked&"


def _head(status: int, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Reason", *fields, "", ""]).encode()


def _by_zlib(window: int, size: int) -> bytes:
    """Compress in a moment: after a full flush the same bytes may come again and again.

    The checksum at the end is that of 2 MiB; of a bomb nobody gets so far.
    """
    stream = zlib.compressobj(9, wbits=window)
    first = stream.compress(_ZEROS) + stream.flush(zlib.Z_FULL_FLUSH)
    again = stream.compress(_ZEROS) + stream.flush(zlib.Z_FULL_FLUSH)
    return first + again * (size - 1) + stream.flush()


def _by_brotli(size: int) -> bytes:
    """Compress to next to nothing, all of which is in one piece off the wire."""
    stream = brotli.Compressor(quality=5)
    return b"".join([stream.process(_ZEROS) for _ in range(size)]) + bytes(stream.finish())


def _by_zstd(size: int) -> bytes:
    stream = zstd.ZstdCompressor(1)
    return b"".join([stream.compress(_ZEROS) for _ in range(size)]) + stream.flush()


_CODINGS: Mapping[str, Callable[[int], bytes]] = MappingProxyType(
    {"gzip": partial(_by_zlib, 31), "deflate": partial(_by_zlib, 15), "br": _by_brotli, "zstd": _by_zstd}
)


@cache
def zeros(coding: str, size: int) -> bytes:
    """Compress so many MiB of zeros."""
    return _CODINGS[coding](size)


async def _bomb(coding: str, size: int, status: int, writer: Writer) -> None:
    body = zeros(coding, size)
    writer.write(_head(status, f"Content-Encoding: {coding}", f"Content-Length: {len(body)}") + body)


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


async def _endless_fields(status: int, writer: Writer) -> None:
    writer.write(f"HTTP/1.1 {status} Reason\r\n".encode())
    while True:
        writer.write(b"a:\r\n" * 1000)
        await writer.drain()


async def _endless_interim(_status: int, writer: Writer) -> None:
    while True:
        writer.write(_head(103) * 1000)
        await writer.drain()


async def _many_parameters(status: int, writer: Writer) -> None:
    body = _TOLD + b"&".join(b"%d=y" % number for number in range(8_000))
    writer.write(_head(status, f"Content-Length: {len(body)}") + body)


async def _deep(status: int, writer: Writer) -> None:
    body = b'{"errors": ' + b"[" * 60_000
    writer.write(_head(status, f"Content-Length: {len(body)}") + body)


KINDS: Mapping[str, Callable[[int, Writer], Awaitable[None]]] = MappingProxyType(
    {
        "gzip": partial(_bomb, "gzip", 1024),
        "deflate": partial(_bomb, "deflate", 1024),
        "br": partial(_bomb, "br", 128),
        "zstd": partial(_bomb, "zstd", 1024),
        "endless": _endless,
        "endless-bytes": _endless_octets,
        "endless-length": _endless_length,
        "drip": _drip,
        "drip-of-a-head": _drip_of_a_head,
        "long-field": _long_field,
        "long-challenge": _long_challenge,
        "many-fields": _many_fields,
        "endless-fields": _endless_fields,
        "endless-interim": _endless_interim,
        "many-parameters": _many_parameters,
        "deep-json": _deep,
    }
)
"""By name, which goes into a URL."""

BOMBS = frozenset(_CODINGS)
"""Those which are compressed, each named for its content coding."""

SLOW: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "handshake": frozenset({"drip", "drip-of-a-head"}),
        "session": frozenset({"drip", "drip-of-a-head", "endless-interim"}),
    }
)
"""Those which nothing ends but a timeout, by who reads them."""
