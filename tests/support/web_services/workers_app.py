"""A FastAPI service for worker processes: `uvicorn --factory web_services.workers_app:app --workers 2`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.routing import Route

from aiooauth1 import Consumer, Handshake, OAuth1Session, Provider
from aiooauth1.stores.redis import RedisStore
from aiooauth1.web.starlette import oauth_context, oauth_routes


if TYPE_CHECKING:
    from starlette.requests import Request

    from aiooauth1.web.starlette import Connected


__all__ = ["app"]


def app() -> FastAPI:
    """Make the application of one worker, as its environment says."""
    url, site = os.environ["PROVIDER_URL"], os.environ["SITE"]
    provider = Provider(
        "workers", f"{url}oauth/request_token", f"{url}oauth/authorize", f"{url}oauth/access_token", url
    )
    consumer = Consumer(os.environ["CONSUMER_KEY"], os.environ["CONSUMER_SECRET"])
    store = RedisStore.from_url(os.environ["REDIS_URL"], prefix=os.environ["PREFIX"])
    session = OAuth1Session(consumer, provider=provider, store=store)
    handshake = Handshake(provider, consumer, store=store)

    async def on_connected(_request: Request, connected: Connected) -> JSONResponse:
        async with session.post("posts", user=connected.user, data={"status": "Hello"}) as response:
            return JSONResponse({"user": connected.user, "posted": response.status, "worker": os.getpid()})

    async def worker(_request: Request) -> JSONResponse:
        return JSONResponse(os.getpid())

    routes = oauth_routes(
        handshake,
        callback_url=f"{site}/oauth/callback",
        on_connected=on_connected,
        save_as=lambda token: token.params["screen_name"],
    )
    routes.append(Route("/worker", worker))
    return FastAPI(lifespan=oauth_context(session=session, handshake=handshake, store=store), routes=routes)
