"""The same service on both frameworks: the sign-in routes, and hooks that remember what they were told."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn
from aiohttp import web
from starlette.applications import Starlette
from starlette.responses import Response

import aiooauth1.web.aiohttp as on_aiohttp
import aiooauth1.web.starlette as on_starlette


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractContextManager

    from aiooauth1 import Handshake
    from aiooauth1.web.connect import Connected


__all__ = ["CALLBACK", "FRAMEWORKS", "Told", "reply", "serve", "serve_asgi"]

FRAMEWORKS = ("aiohttp", "starlette")
CALLBACK = "https://tweetexpress.example/oauth/callback"


@dataclass
class Told:
    """What the hooks of a service were told; a text in `answer` is what they reply."""

    connected: list[Connected] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    failed: list[tuple[Exception, str]] = field(default_factory=list)

    def on_connected(self, _request: Any, connected: Connected) -> None:
        self.connected.append(connected)

    async def on_denied(self, _request: Any, return_to: str) -> None:
        self.denied.append(return_to)

    async def on_failed(self, _request: Any, error: Exception, return_to: str) -> None:
        self.failed.append((error, return_to))

    @property
    def hooks(self) -> dict[str, Any]:
        return {"on_connected": self.on_connected, "on_denied": self.on_denied, "on_failed": self.on_failed}


def reply(framework: str, text: str, status: int = 200) -> Any:
    """A response of an application of that framework."""
    return web.Response(text=text, status=status) if framework == "aiohttp" else Response(text, status)


@asynccontextmanager
async def serve(
    framework: str, *sign_ins: tuple[Handshake, Mapping[str, Any]], **context: Any
) -> AsyncIterator[str]:
    """Serve the routes of some handshakes, each with its options, on a loopback port; yield the URL of it."""
    if framework == "aiohttp":
        app = web.Application()
        app.cleanup_ctx.append(on_aiohttp.oauth_context(**context))
        for handshake, options in sign_ins:
            app.add_routes(on_aiohttp.oauth_routes(handshake, **{"callback_url": CALLBACK, **options}))
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
        return
    routes = [
        route
        for handshake, options in sign_ins
        for route in on_starlette.oauth_routes(handshake, **{"callback_url": CALLBACK, **options})
    ]
    async with serve_asgi(Starlette(routes=routes, lifespan=on_starlette.oauth_context(**context))) as url:
        yield url


class _Server(uvicorn.Server):
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()  # they are the test runner's


@asynccontextmanager
async def serve_asgi(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application by uvicorn in this loop."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=20)
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started and not serving.done():  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving
