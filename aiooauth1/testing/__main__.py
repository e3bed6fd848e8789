"""`python -m aiooauth1.testing`: a FakeProvider in a process of its own.

Its first line on standard output is JSON: the URL, and a made-up consumer with its secret. It takes commands
on standard input (`protocol.py` says which) and ends when that is closed: it does not outlive who started it.
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
        description="An OAuth 1.0a provider on a loopback port, for tests. It ends when standard input does.",
    )
    parser.add_argument("--port", type=int, default=0, help="the port; 0, the default, takes a free one")
    parser.add_argument("--base-path", default="", help="the path below which it is, such as /v1")
    parser.add_argument("--name", default="", help="the provider's name in token stores")
    parser.add_argument("--like", type=load_provider, help="the provider to be like, as JSON")
    parser.add_argument("--window", type=float, default=300, help="seconds that a timestamp may be off")
    parser.add_argument(
        "--request-token-ttl", type=float, default=600, help="seconds that a request token is good"
    )
    parser.add_argument(
        "--denial",
        choices=sorted(DENIALS),
        default="oauth_problem",
        help="how it tells that the user said no",
    )
    parser.add_argument("--ledger-limit", type=int, help="how many arrivals are kept; all, if not given")
    return parser.parse_args(arguments)


def _read_lines(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[bytes]) -> None:
    """Pass on the lines of standard input, and at its end an empty one.

    In a thread that may be left behind: an event loop cannot wait for a terminal or a pipe on every platform.
    """
    rest = b""
    with contextlib.suppress(RuntimeError):  # the loop has ended before the input has
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
        with contextlib.suppress(NotImplementedError):  # on Windows these end the process as they always do
            loop.add_signal_handler(number, lines.put_nowait, b"")
    async with FakeProvider(**vars(options)) as fake:
        threading.Thread(target=_read_lines, args=(loop, lines), daemon=True).start()
        with contextlib.suppress(BrokenPipeError):  # nobody listens any more
            await asyncio.to_thread(_write, [greeting(fake)])
            while line := await lines.get():
                # In a thread, so that requests are served while the other side reads a long answer.
                await asyncio.to_thread(_write, list(answer(fake, line)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until standard input is closed.

    Args:
        arguments: The command line; None means the process's own.
    """
    asyncio.run(_serve(_options(arguments)))


if __name__ == "__main__":
    main()
