"""`aiooauth1 demo --serve`: TweetExpress as a web site, and its provider on another port."""

from __future__ import annotations

import asyncio
import secrets
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from aiohttp import web

from aiooauth1.cli.demo.site.app import build_app
from aiooauth1.cli.outcome import DONE, CommandError
from aiooauth1.credentials import Consumer
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


__all__ = ["serve", "serving"]

_HOST = "127.0.0.1"
_SHUTDOWN = 5.0  # seconds for requests under way at the end


@asynccontextmanager
async def serving(port: int = 0) -> AsyncIterator[tuple[str, FakeProvider]]:
    """Run the site and its provider; yield the site's address and the provider.

    Args:
        port: The site's port; 0 takes a free one.

    Raises:
        OSError: If the port cannot be used.
    """
    # Reserved first: the application makes its callback URL from its own address.
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, _HOST, port)
    listening = server.sockets[0].dup()
    server.close()
    origin = f"http://{_HOST}:{listening.getsockname()[1]}"
    async with FakeProvider(name="demo", consumer=Consumer("TweetExpress", secrets.token_hex(16))) as fake:
        runner = web.AppRunner(build_app(fake, origin), access_log=None, shutdown_timeout=_SHUTDOWN)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield origin, fake
        finally:
            await runner.cleanup()
            listening.close()


async def serve(port: int) -> int:
    """Run the site until SIGINT or SIGTERM; return the exit status."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt there
            loop.add_signal_handler(number, stopped.set)
    try:
        async with serving(port) as (origin, fake):
            print(f"TweetExpress:  {origin}/")
            print(f"its provider:  {fake.url}")
            print("Open the first address in a browser. Ctrl-C ends both.", flush=True)
            await stopped.wait()
    except OSError as error:
        raise CommandError(f"port {port} cannot be used ({error.strerror}): pass another --port") from None
    return DONE
