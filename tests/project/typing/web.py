"""Applications on each web framework. Never run: mypy reads it, strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from fastapi import FastAPI
from starlette.responses import RedirectResponse, Response

from aiooauth1.web import aiohttp as on_aiohttp
from aiooauth1.web import starlette as on_starlette
from aiooauth1.web.aiohttp import HANDSHAKE, SESSION, STORE


if TYPE_CHECKING:
    from starlette.requests import Request

    from aiooauth1 import AccessToken, Handshake, MemoryStore, OAuth1Session

URL = "https://me.example/oauth/callback"


def user_id(token: AccessToken) -> str:
    return token.params["user_id"]


# aiohttp.web


async def connected(request: web.Request, connected: on_aiohttp.Connected) -> web.Response:
    session: OAuth1Session = request.app[SESSION]
    async with session.post("posts", user=connected.user, data={"status": "Hello"}):
        return web.Response(text=connected.return_to + connected.data["plan"])


def failed(_request: web.Request, error: Exception, return_to: str) -> None:
    assert str(error) + return_to


async def person(request: web.Request) -> str | None:
    return request.cookies.get("sid")


def aiohttp_app(handshake: Handshake, session: OAuth1Session, store: MemoryStore) -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(on_aiohttp.oauth_context(session=session, handshake=handshake, store=store))
    app.add_routes(on_aiohttp.oauth_routes(handshake, callback_url=URL, on_connected=None))
    app.add_routes(
        on_aiohttp.oauth_routes(
            handshake,
            callback_url=URL,
            on_connected=connected,
            on_denied=lambda _request, return_to: web.HTTPFound(return_to),
            on_failed=failed,
            save_as=user_id,
            bind=lambda request: request.cookies["sid"],
            data=lambda request: {"plan": request.query["plan"]},
            person=person,
        )
    )
    handle: Handshake = app[HANDSHAKE]
    tokens = app[STORE]
    assert handle.provider.name
    assert tokens.users("p") is not None
    return app


# Starlette and FastAPI


async def welcomed(request: Request, connected: on_starlette.Connected) -> RedirectResponse:
    state: on_starlette.OAuth1 = request.app.state.oauth1
    assert state.session
    assert connected.token.params
    return RedirectResponse(connected.return_to)


def refused(_request: Request, error: Exception, return_to: str) -> Response:
    return Response(f"{error} {return_to}")


def fastapi_app(handshake: Handshake, session: OAuth1Session, store: MemoryStore) -> FastAPI:
    routes = on_starlette.oauth_routes(
        handshake,
        callback_url=URL,
        on_connected=welcomed,
        on_failed=refused,
        save_as="ann",
        bind=lambda request: request.session["id"],
    )
    lifespan = on_starlette.oauth_context(session=session, handshake=handshake, store=store)
    return FastAPI(lifespan=lifespan, routes=routes)
