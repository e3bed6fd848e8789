"""`python -m aiooauth1.testing`: a FakeProvider in a process of its own.

Its first line on standard output is JSON: the URL, and a generated consumer with its secret. It reads
commands from standard input (see `protocol.py`) and ends when that is closed, so it does not outlive its
parent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from aiooauth1.testing.fake_provider.endpoints import DENIALS
from aiooauth1.testing.fake_provider.fake_provider import FakeProvider
from aiooauth1.testing.process.protocol import answer, encode_message, greeting
from aiooauth1.testing.process.provider_json import load_provider


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aiooauth1.testing.process.protocol import Message


__all__ = ["main"]

_CHUNK = 1 << 16


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m aiooauth1.testing",
        description="An OAuth 1.0a provider on a loopback port, for tests; it ends with standard input.",
    )
    parser.add_argument("--port", type=int, default=0, help="the port (default: 0, a free one)")
    parser.add_argument("--base-path", default="", help="the path under which it is served, such as /v1")
    parser.add_argument("--name", default="", help="the provider's name in token stores")
    parser.add_argument("--like", type=load_provider, help="the provider whose quirks it has, as JSON")
    parser.add_argument("--window", type=float, default=300, help="seconds by which a timestamp may differ")
    parser.add_argument(
        "--request-token-ttl", type=float, default=600, help="seconds for which a request token is valid"
    )
    parser.add_argument(
        "--denial",
        choices=sorted(DENIALS),
        default="oauth_problem",
        help="how it reports that the user has denied",
    )
    parser.add_argument("--ledger-limit", type=int, help="how many arrivals are kept (default: all)")
    return parser.parse_args(arguments)


def _read_lines(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[bytes]) -> None:
    """Put the lines of standard input into a queue, and at its end an empty line.

    It runs in a daemon thread: an event loop cannot wait for a terminal or a pipe on every platform.
    """
    rest = b""
    with contextlib.suppress(RuntimeError):  # the loop has ended before the input
        while chunk := os.read(sys.stdin.fileno(), _CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line.strip():
                    loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, b"")


def _write(messages: Iterable[Message]) -> None:
    for message in messages:
        line = encode_message(message)
        while line:
            line = line[os.write(sys.stdout.fileno(), line) :]


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has none: signals end the process
            loop.add_signal_handler(number, lines.put_nowait, b"")
    async with FakeProvider(**vars(options)) as fake:
        threading.Thread(target=_read_lines, args=(loop, lines), daemon=True).start()
        with contextlib.suppress(BrokenPipeError):  # the parent reads no more
            await asyncio.to_thread(_write, [greeting(fake)])
            while line := await lines.get():
                # In a thread, so that requests are served while the parent reads a long answer.
                await asyncio.to_thread(_write, list(answer(fake, line)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until standard input is closed.

    Args:
        arguments: The command line. By default the process's own.
    """
    asyncio.run(_serve(_options(arguments)))


if __name__ == "__main__":
    main()
