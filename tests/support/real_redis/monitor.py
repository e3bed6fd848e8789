"""What a redis-server is told, as its MONITOR shows it."""

from __future__ import annotations

import re
import secrets
import socket
from typing import TYPE_CHECKING, Self


if TYPE_CHECKING:
    from .server import RedisServer


__all__ = ["Monitor"]

_COMMAND = re.compile(rb'\+\d+\.\d+ \[\d+ (?P<who>[^\]]+)\] "(?P<name>[^"]+)"')


class Monitor:
    """Listens from the beginning of its `with` block.

    Args:
        server: The redis-server to listen to.
    """

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    def __enter__(self) -> Self:
        self._connection = socket.create_connection(("127.0.0.1", self._server.port), timeout=10)
        self._connection.sendall(b"MONITOR\r\n")
        self._read = self._connection.makefile("rb")
        if self._read.readline() != b"+OK\r\n":
            raise RuntimeError("the redis-server does not let itself be monitored")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._read.close()
        self._connection.close()

    def lines(self) -> list[bytes]:
        """All that was said until now."""
        mark = secrets.token_hex(16)
        with self._server.client() as client:
            client.echo(mark)
        lines: list[bytes] = []
        while mark.encode() not in (line := self._read.readline()):
            lines.append(line)
        return lines

    @staticmethod
    def commands(lines: list[bytes]) -> tuple[set[str], set[str]]:
        """The names of the commands that clients sent, and of those that scripts ran."""
        sent: set[str] = set()
        ran: set[str] = set()
        for line in lines:
            found = _COMMAND.match(line)
            if found is None:
                raise ValueError(f"MONITOR says what it never says: {line[:100]!r}")
            (ran if found["who"] == b"lua" else sent).add(found["name"].decode().upper())
        return sent, ran
