"""The server that all requests go to: the minimum of HTTP/1.1, in a process of its own.

The path decides the answer: `/echo` returns the head of the request, `/later` answers after `DELAY`, the two
token endpoints return a token, and all other paths are answered at once with the same few bytes.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator


DELAY = 0.05  # seconds
REQUEST_TOKEN, ACCESS_TOKEN = "/oauth/request_token", "/oauth/access_token"

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")
_numbers = count()


def _answer(body: bytes, kind: bytes = b"application/json") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)


_DONE = _answer(b'{"data":{"id":"1445880548472328192"}}')


class _Connection(asyncio.Protocol):
    """One connection: requests in, answers out."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  a TCP server has no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            size = end + 4 + (int(length.group(1)) if length is not None else 0)
            if len(self._received) < size:
                return
            self._received = self._received[size:]
            self._reply(head)

    def _reply(self, head: bytes) -> None:
        path = head.split(b" ", 2)[1].partition(b"?")[0].decode()
        if path == "/later":
            asyncio.get_running_loop().call_later(DELAY, self._transport.write, _DONE)
        elif path == "/echo":
            self._transport.write(_answer(head, b"text/plain"))
        elif path in {REQUEST_TOKEN, ACCESS_TOKEN}:
            token = b"oauth_token=%d&oauth_token_secret=secret&oauth_callback_confirmed=true" % next(_numbers)
            self._transport.write(_answer(token, b"application/x-www-form-urlencoded"))
        else:
            self._transport.write(_DONE)


@contextmanager
def running() -> Iterator[str]:
    """Run the server in a process of its own, which ends with this one, and yield its origin."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.harness.server"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="ascii",
    ) as process:
        assert process.stdin is not None  # noqa: S101  a pipe was asked for
        assert process.stdout is not None  # noqa: S101  likewise
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)  # the pipe is closed when the parent ends
    await over.wait()


if __name__ == "__main__":
    asyncio.run(_serve())
