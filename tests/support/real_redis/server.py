"""One redis-server of the tests' own: started, frozen, killed and started again on the same port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis


__all__ = ["RedisServer", "free_port", "program"]

_STARTS_WITHIN = 10.0  # seconds
_PORTS = range(21_000, 31_000)  # so that a Cluster's bus, at port + 10,000, and this stay clear of each other
_BUS = 10_000


def program(name: str) -> Path | None:
    """Where `redis-server` or `redis-cli` is: beside the interpreter, else on PATH, else nowhere."""
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return beside
    found = shutil.which(name)
    return Path(found) if found else None


def free_port() -> int:
    """A port that is free, as is the bus port that goes with it."""
    first = os.getpid() % len(_PORTS)
    for offset in range(len(_PORTS)):
        port = _PORTS[(first + offset * 7) % len(_PORTS)]
        if _is_free(port) and _is_free(port + _BUS):
            return port
    raise RuntimeError("no free port for a redis-server")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class RedisServer:
    """A redis-server in a folder of its own.

    Args:
        folder: Where it keeps its files.
        options: More of its command line, after `--port` and the like.
    """

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        found = program("redis-server")
        if found is None:
            raise RuntimeError("there is no redis-server")
        self._program = found
        self._folder = folder
        self._options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def dump(self) -> Path:
        """The RDB file."""
        return self._folder / "dump.rdb"

    def start(self, *more: str, wait: bool = True) -> None:
        """Start it, on the port that it had before if it had one, and wait until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        fixed = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", "")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (our own program and options)
                [self._program, *fixed, *self._options, *more],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if wait:
            self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + _STARTS_WITHIN
        while not self._answers():
            if time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"the redis-server did not start: see {self._folder / 'log'}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64) == b"+PONG\r\n"
        except OSError:
            return False

    def client(self) -> redis.Redis:
        """A blocking client for the test's own looks, which repeats nothing."""
        import redis  # noqa: PLC0415 - the fixtures are loaded for tests too that know nothing of redis-py
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        return redis.Redis(host="127.0.0.1", port=self.port, retry=Retry(NoBackoff(), 0), socket_timeout=5)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def _signal(self, number: int) -> None:
        if self._process is None:
            raise RuntimeError("the redis-server does not run")
        self._process.send_signal(number)
