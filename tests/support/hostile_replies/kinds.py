"""Hostile replies, each a function that writes one with a given status."""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Awaitable, Callable
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import brotli  # type: ignore[import-untyped]  # it has no types


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["BOMBS", "KINDS", "SLOW", "zeros"]

Writer = asyncio.StreamWriter
Kind = Callable[[int, Writer], Awaitable[None]]
_ZEROS = bytes(1 << 20)


def _by_zlib(window: int, size: int) -> bytes:
    """Compress fast: after a full flush the same compressed bytes may be repeated.

    The checksum at the end is that of 2 MiB: no reader of a bomb gets so far.
    """
    stream = zlib.compressobj(9, wbits=window)
    first = stream.compress(_ZEROS) + stream.flush(zlib.Z_FULL_FLUSH)
    again = stream.compress(_ZEROS) + stream.flush(zlib.Z_FULL_FLUSH)
    return first + again * (size - 1) + stream.flush()


def _by_brotli(size: int) -> bytes:
    """Compress to so little that one read from the socket gets all of it."""
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


def _head(*fields: str) -> bytes:
    """Return the head of a reply, in which STATUS stands for its status."""
    return "\r\n".join(["HTTP/1.1 STATUS Reason", *fields, "", ""]).encode()


def _bomb(coding: str, size: int) -> Kind:
    async def kind(status: int, writer: Writer) -> None:
        body = zeros(coding, size)
        await _once(_head(f"Content-Encoding: {coding}", f"Content-Length: {len(body)}") + body)(
            status, writer
        )

    return kind


def _once(reply: bytes) -> Kind:
    async def kind(status: int, writer: Writer) -> None:
        writer.write(reply.replace(b"STATUS", str(status).encode(), 1))

    return kind


def _with_body(body: bytes) -> Kind:
    return _once(_head(f"Content-Length: {len(body)}") + body)


def _without_end(start: bytes, piece: bytes, pause: float = 0) -> Kind:
    """Send a start, and then one piece after another, with a pause between them."""

    async def kind(status: int, writer: Writer) -> None:
        await _once(start)(status, writer)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return kind


_CHUNKED = _head("Transfer-Encoding: chunked")
_OPEN_HEAD = _head("Content-Length: 0").removesuffix(b"\r\n")
_CHALLENGE = b'WWW-Authenticate: OAuth oauth_problem="' + b"x" * 7000 + b'"\r\n'

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "gzip": _bomb("gzip", 1024),
        "deflate": _bomb("deflate", 1024),
        "br": _bomb("br", 128),
        "zstd": _bomb("zstd", 1024),
        "endless": _without_end(_CHUNKED, b"1000\r\n" + b"x" * 0x1000 + b"\r\n"),
        "endless-bytes": _without_end(_CHUNKED, b"1\r\nx\r\n" * 1000),
        "endless-length": _without_end(_head("Content-Length: 99999999999"), b"x" * 0x1000),
        "drip": _without_end(_head("Content-Length: 100000"), b"x", 0.2),
        "drip-of-a-head": _without_end(_OPEN_HEAD + b"X-Long: ", b"x", 0.2),
        "long-field": _once(_OPEN_HEAD + b"X-Long: " + b"x" * 10_000_000 + b"\r\n\r\n"),
        "long-challenge": _once(_OPEN_HEAD + _CHALLENGE * 100 + b"\r\n"),
        "many-fields": _once(_OPEN_HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(100_000)) + b"\r\n"),
        "endless-fields": _without_end(_OPEN_HEAD, b"a:\r\n" * 1000),
        "endless-interim": _without_end(b"", _head().replace(b"STATUS", b"103") * 1000),
        "many-parameters": _with_body(
            b"oauth_problem=token_revoked&" + b"&".join(b"%d=y" % n for n in range(8_000))
        ),
        "deep-json": _with_body(b'{"errors": ' + b"[" * 60_000),
    }
)
"""The replies by their names, which go into a URL."""

BOMBS = frozenset(_CODINGS)
"""The replies that are compressed, each named for its content coding."""

SLOW: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "handshake": frozenset({"drip", "drip-of-a-head"}),
        "session": frozenset({"drip", "drip-of-a-head", "endless-interim"}),
    }
)
"""The replies that only a timeout ends, by the reader."""
