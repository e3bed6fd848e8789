"""The faults of the provider, before the work or after it, each as frequent as the others."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from aiooauth1.testing import drop


if TYPE_CHECKING:
    import random
    from collections import Counter


__all__ = ["AFTER", "BEFORE", "SHARE", "faults"]

SHARE = 0.01
"""The share of requests that meet each fault."""

Hook = Callable[..., Awaitable[web.StreamResponse | None]]

_AT_ONCE = {"Retry-After": "0"}
_NOBODY = {"Location": "http://127.0.0.1:9/"}
_GZIP = {"Content-Encoding": "gzip"}
_BOMB = gzip.compress(bytes(1 << 20))


def says(status: int, headers: dict[str, str] | None = None, body: bytes = b"<html>oops</html>") -> Hook:
    async def hook(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers=headers, body=body)

    return hook


async def to_itself(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": request.raw_path})


async def reset(request: web.BaseRequest, _reply: web.StreamResponse | None = None) -> None:
    connected = request.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await drop(request)


def breaks_off(octets: bytes) -> Hook:
    """Send bytes in place of the reply, with its status for %d, and close the connection."""

    async def hook(request: web.BaseRequest, reply: web.StreamResponse) -> None:
        if request.transport is not None:
            request.transport.write(octets % reply.status)
        await drop(request)

    return hook


def with_body(body: bytes) -> Hook:
    async def hook(_request: web.BaseRequest, reply: web.StreamResponse) -> web.StreamResponse:
        return web.Response(status=reply.status, headers=_GZIP, body=body)

    return hook


async def late(_request: web.BaseRequest, _reply: web.StreamResponse) -> None:
    await asyncio.sleep(0.2)


BEFORE: dict[str, Hook] = {
    "closed before the work": drop,
    "reset before the work": reset,
    "429": says(429, _AT_ONCE),
    "500": says(500),
    "500 and a bomb": says(500, _GZIP, _BOMB),
    "502": says(502),
    "503": says(503),
    "503 with Retry-After": says(503, _AT_ONCE),
    "504": says(504),
    "401 nonce_used": says(401, body=b"oauth_problem=nonce_used"),
    "401 timestamp_refused": says(401, body=b"oauth_problem=timestamp_refused"),
    "401 without a reason": says(401),
    "302 to another origin": says(302, _NOBODY),
    "307 to another origin": says(307, _NOBODY),
    "307 to itself": to_itself,
}
AFTER: dict[str, Hook] = {
    "closed after the work": drop,
    "reset after the work": reset,
    "half a head": breaks_off(b"HTTP/1.1 %d Reason\r\nContent-Len"),
    "half a body": breaks_off(b"HTTP/1.1 %d Reason\r\nContent-Length: 1000\r\n\r\noauth_tok"),
    "a bad chunk": breaks_off(b"HTTP/1.1 %d Reason\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "a body that is not gzip": with_body(b"\xff"),
    "a bomb": with_body(_BOMB),
    "late": late,
}


def faults(kinds: dict[str, Hook], dice: random.Random, met: Counter[str]) -> Hook:
    """Make a FakeProvider's hook that lets requests meet faults at random, and counts them in `met`."""
    names = list(kinds)

    async def hook(request: web.BaseRequest, *reply: web.StreamResponse) -> web.StreamResponse | None:
        number = int(dice.random() / SHARE)
        if number >= len(names):
            return None
        met[names[number]] += 1
        return await kinds[names[number]](request, *reply)

    return hook
