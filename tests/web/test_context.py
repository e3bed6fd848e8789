from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from starlette.applications import Starlette

from aiooauth1 import Consumer, Handshake, MemoryStore, OAuth1Session, Provider
from aiooauth1.web import aiohttp as on_aiohttp
from aiooauth1.web.starlette import oauth_context


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


PROVIDER = Provider("p", "https://p.example/r", "https://p.example/a", "https://p.example/x")


def parts(closed: list[str]) -> dict[str, Any]:
    """Return a session, a handshake and a store that record when they are closed."""

    class Store(MemoryStore):
        async def aclose(self) -> None:
            closed.append("store")

    class Session(OAuth1Session):
        async def close(self) -> None:
            closed.append("session")
            await super().close()

    class Shake(Handshake):
        async def aclose(self) -> None:
            closed.append("handshake")
            await super().aclose()

    store, consumer = Store(), Consumer("k", "s")
    return {
        "session": Session(consumer, provider=PROVIDER, store=store),
        "handshake": Shake(PROVIDER, consumer, store=store),
        "store": store,
    }


@asynccontextmanager
async def application(kind: str, given: dict[str, Any]) -> AsyncIterator[list[Any]]:
    """Run an application with these parts, and yield those that it offers its handlers."""
    if kind == "aiohttp":
        app = web.Application()
        app.cleanup_ctx.append(on_aiohttp.oauth_context(**given))
        app.cleanup_ctx.append(
            on_aiohttp.oauth_context(handshake=parts([])["handshake"])
        )  # a second provider
        runner = web.AppRunner(app)
        await runner.setup()
        yield [app[on_aiohttp.SESSION], app[on_aiohttp.HANDSHAKE], app[on_aiohttp.STORE]]
        await runner.cleanup()
        return

    @asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[None]:
        async with oauth_context(**given) as app.state.oauth1:
            yield

    asgi = Starlette(lifespan=oauth_context(**given) if kind == "Starlette" else own)
    async with asgi.router.lifespan_context(asgi):
        yield [asgi.state.oauth1.session, asgi.state.oauth1.handshake, asgi.state.oauth1.store]


@pytest.mark.parametrize("kind", ["aiohttp", "Starlette", "Starlette with a lifespan of its own"])
async def test_an_application_offers_its_parts_and_closes_the_handshake_first(kind: str) -> None:
    closed: list[str] = []
    given = parts(closed)
    async with application(kind, given) as offered:
        assert offered == list(given.values())
        assert closed == []
    assert closed == ["handshake", "session", "store"]


async def test_a_store_without_aclose_is_accepted() -> None:
    store: Any = object()
    async with oauth_context(store=store) as oauth1:
        assert (oauth1.store, oauth1.session) == (store, None)
