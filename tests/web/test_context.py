from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from starlette.applications import Starlette

from aiooauth1 import AccessToken, Consumer, Handshake, MemoryStore, OAuth1Session, Provider
from aiooauth1.web import aiohttp as on_aiohttp
from aiooauth1.web.starlette import oauth_context


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


PROVIDER = Provider("p", "https://p.example/r", "https://p.example/a", "https://p.example/x")


class Told(MemoryStore):
    def __init__(self, closed: list[str]) -> None:
        super().__init__()
        self._closed = closed

    async def aclose(self) -> None:
        self._closed.append("store")


def parts(closed: list[str]) -> dict[str, Any]:
    """A session, a handshake and a store that tell when they are closed."""

    class Session(OAuth1Session):
        async def close(self) -> None:
            closed.append("session")
            await super().close()

    class Shake(Handshake):
        async def aclose(self) -> None:
            closed.append("handshake")
            await super().aclose()

    store, consumer = Told(closed), Consumer("k", "s")
    return {
        "session": Session(consumer, provider=PROVIDER, store=store),
        "handshake": Shake(PROVIDER, consumer, store=store),
        "store": store,
    }


async def test_an_aiohttp_application_has_them_and_closes_the_handshake_first() -> None:
    closed: list[str] = []
    given, app = parts(closed), web.Application()
    app.cleanup_ctx.append(on_aiohttp.oauth_context(**given))
    app.cleanup_ctx.append(on_aiohttp.oauth_context(handshake=parts([])["handshake"]))  # a second provider
    runner = web.AppRunner(app)
    await runner.setup()
    assert app[on_aiohttp.SESSION] is given["session"]
    assert app[on_aiohttp.HANDSHAKE] is given["handshake"]
    assert app[on_aiohttp.STORE] is given["store"]
    await runner.cleanup()
    assert closed == ["handshake", "session", "store"]


@pytest.mark.parametrize("is_own", [False, True])
async def test_a_starlette_application_has_them_and_closes_the_handshake_first(*, is_own: bool) -> None:
    closed: list[str] = []
    given = parts(closed)

    @asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[None]:
        async with oauth_context(**given) as app.state.oauth1:
            yield

    app = Starlette(lifespan=own if is_own else oauth_context(**given))
    async with app.router.lifespan_context(app):
        oauth1 = app.state.oauth1
        assert {"session": oauth1.session, "handshake": oauth1.handshake, "store": oauth1.store} == given
        assert closed == []
    assert closed == ["handshake", "session", "store"]


async def test_a_store_without_a_close_of_its_own_will_do() -> None:
    class Bare:
        async def get_access_token(self, _provider: str, _user: str) -> AccessToken | None:
            return None

    store: Any = Bare()
    async with oauth_context(store=store) as oauth1:
        assert (oauth1.store, oauth1.session) == (store, None)
