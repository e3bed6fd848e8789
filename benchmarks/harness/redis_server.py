"""A redis-server of the benchmarks' own, with its persistence off."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator


_STARTS_WITHIN = 10.0  # seconds


def program() -> str | None:
    """Return where `redis-server` is: beside the interpreter, else on PATH, else nowhere."""
    beside = Path(sys.executable).parent / "redis-server"
    return str(beside) if beside.exists() else shutil.which("redis-server")


@contextmanager
def running(server: str) -> Iterator[str]:
    """Run it; its URL is the value.

    Args:
        server: The program.

    Raises:
        TimeoutError: If it does not answer.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with TemporaryDirectory() as folder:
        options = ("--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "")
        process = subprocess.Popen(  # noqa: S603  the program that was found, and options of our own
            [server, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()
            process.wait()


def _wait(port: int) -> None:
    until = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if time.monotonic() > until:
                raise TimeoutError("the redis-server did not start") from None
            time.sleep(0.01)
