"""TweetExpress as an application on aiohttp.web: sign-in, connected accounts, posting, a live view."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from aiooauth1.cli.demo.site.pages import NOTICES, front_page
from aiooauth1.cli.demo.site.people import People, Person
from aiooauth1.cli.demo.site.reposts import Reposts, lines_of
from aiooauth1.flows.handshake.handshake import Handshake
from aiooauth1.session.session import OAuth1Session
from aiooauth1.stores.memory import MemoryStore
from aiooauth1.web.accounts import account_name, accounts, disconnect, split_account_name
from aiooauth1.web.aiohttp import oauth_context, oauth_routes
from aiooauth1.web.checks import foreign_origin


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.typedefs import Handler

    from aiooauth1.session.token_rejection import TokenRejection
    from aiooauth1.testing import FakeProvider
    from aiooauth1.web.connect import Connected


__all__ = ["build_app"]

_COOKIE = "tweetexpress"
_LIMIT, _WINDOW = 3, 5  # posts, and seconds
_HEARTBEAT = 15.0  # seconds between comments to an idle live view, which show whether it is still open
_HERE = Path(__file__).parent


class _Site:
    """The handlers and their shared state.

    Args:
        fake: The provider.
        origin: The site's address in browsers.
    """

    def __init__(self, fake: FakeProvider, origin: str) -> None:
        self.fake = fake
        self.origin = origin
        self.provider = fake.provider
        self.people = People()
        self.store = MemoryStore()
        self.handshake = Handshake(self.provider, fake.consumer, store=self.store)
        self.session = OAuth1Session(
            fake.consumer, provider=self.provider, store=self.store, on_token_rejected=self.rejected
        )
        self.reposts = Reposts(self.session)
        self.is_limited = False
        self.is_closing = False
        provider_origin = fake.url.rstrip("/")
        self.headers = {
            "Content-Security-Policy": (
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:;"
                # Browsers apply form-action to the redirect after the form as well.
                f" form-action 'self' {provider_origin}; base-uri 'none'; frame-ancestors 'none'"
            ),
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }

    # Sessions

    def person_of(self, request: web.Request) -> Person | None:
        return self.people.find(request.cookies.get(_COOKIE, ""))

    def known(self, request: web.Request) -> Person:
        """Return the request's person, or redirect to the front page, which begins a session."""
        person = self.person_of(request)
        if person is None:
            raise web.HTTPSeeOther("/")
        return person

    def remember(self, response: web.StreamResponse, session: str) -> None:
        response.set_cookie(_COOKIE, session, httponly=True, samesite="Lax", path="/")

    # Sign-in

    async def connected(self, request: web.Request, _connected: Connected) -> web.StreamResponse:
        response = web.Response(status=303, headers={"Location": "/?said=connected"})
        # A new session id after every sign-in makes an id that an attacker planted worthless.
        self.remember(response, self.people.renew(request.cookies.get(_COOKIE, "")))
        return response

    async def rejected(self, rejection: TokenRejection) -> None:
        person_id, account = split_account_name(rejection.user or "")
        if (person := self.people.by_id(person_id)) is not None:
            name = person.names.get(account, account)
            person.add_event(
                "revoked",
                name,
                "",
                f"{name} has revoked TweetExpress's access at the provider ({rejection.problem}). The token"
                " is removed. Connect the account again to continue.",
            )

    # Pages

    async def front(self, request: web.Request) -> web.StreamResponse:
        person = self.person_of(request)
        is_new = person is None
        person = person or Person()
        found = await accounts(self.store, self.provider, person.id)
        person.names.update({one.id: one.params.get("screen_name", one.id) for one in found})
        page = front_page(
            accounts=found,
            events=list(person.events),
            notice=NOTICES.get(request.query.get("said", "")),
            is_limited=self.is_limited,
        )
        response = web.Response(text=page, content_type="text/html", headers={"Cache-Control": "no-store"})
        if is_new:
            self.remember(response, self.people.enter(person))
        return response

    async def disconnect(self, request: web.Request) -> web.StreamResponse:
        person, form = self.known(request), await request.post()
        await disconnect(self.store, self.provider, person.id, str(form.get("account", "")))
        raise web.HTTPSeeOther("/?said=disconnected")

    async def post(self, request: web.Request) -> web.StreamResponse:
        person, form = self.known(request), await request.post()
        posts = lines_of(str(form.get("feed", "")))
        if not posts:
            raise web.HTTPSeeOther("/?said=empty")
        self.reposts.start(person, str(form.get("account", "")), posts)
        raise web.HTTPSeeOther("/?said=posting#arrivals")

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        person, form = self.known(request), await request.post()
        user = account_name(person.id, str(form.get("account", "")))
        token = await self.store.get_access_token(self.provider.name, user)
        if token is None:
            raise web.HTTPSeeOther("/")
        self.fake.revoke(token.key)
        raise web.HTTPSeeOther("/?said=revoked")

    async def limit(self, request: web.Request) -> web.StreamResponse:
        self.is_limited = request.path == "/limit"
        self.fake.rate_limit(_LIMIT if self.is_limited else None, _WINDOW, style="retry-after")
        raise web.HTTPSeeOther("/?said=limited" if self.is_limited else "/?said=unlimited")

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream a person's events, after the last one that the browser has seen."""
        person = self.known(request)
        seen = request.headers.get("Last-Event-ID") or request.query.get("after", "0")
        last = int(seen) if seen.isascii() and seen.isdigit() else 0
        response = web.StreamResponse(
            headers={**self.headers, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        with suppress(ConnectionResetError):  # the browser has gone
            await self._stream(response, person, last)
        return response

    async def _stream(self, response: web.StreamResponse, person: Person, last: int) -> None:
        while not self.is_closing:
            changed = person.changed
            for event in person.events_after(last):
                last = event.number
                await response.write(f"id: {last}\ndata: {json.dumps(asdict(event))}\n\n".encode())
            try:
                async with asyncio.timeout(_HEARTBEAT):
                    await changed.wait()
            except TimeoutError:
                await response.write(b":\n\n")

    # Around the handlers

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Accept forms from this site's own pages only, and redirect to the site's one address."""
        if f"http://{request.host}" != self.origin and request.method in {hdrs.METH_GET, hdrs.METH_HEAD}:
            raise web.HTTPPermanentRedirect(f"{self.origin}/")
        if request.method == hdrs.METH_POST and request.path != "/oauth/start":  # which has its own check
            fields = {
                name: request.headers.getall(name, []) for name in ("Sec-Fetch-Site", "Origin", "Referer")
            }
            site, origin, referer = fields.values()
            if reason := foreign_origin(self.origin, fetch_site=site, origin=origin, referer=referer):
                raise web.HTTPForbidden(text=reason)
        try:
            response = await handler(request)
        except web.HTTPException as raised:
            raised.headers.update(self.headers)
            raise
        if not response.prepared:
            for name, value in self.headers.items():
                response.headers.setdefault(name, value)
        return response

    async def lifetime(self, _app: web.Application) -> AsyncIterator[None]:
        yield
        await self.reposts.aclose()

    async def shutdown(self, _app: web.Application) -> None:
        """End the live views, for which the server would wait."""
        self.is_closing = True
        for person in self.people.all():
            person.wake()


def build_app(fake: FakeProvider, origin: str) -> web.Application:
    """Build the application.

    Args:
        fake: The running provider.
        origin: The site's address in browsers, such as `http://127.0.0.1:8080`.
    """
    site = _Site(fake, origin)
    app = web.Application(middlewares=[site.guard])
    app.cleanup_ctx.append(oauth_context(session=site.session, handshake=site.handshake, store=site.store))
    app.cleanup_ctx.append(site.lifetime)
    app.on_shutdown.append(site.shutdown)

    def person(request: web.Request) -> str | None:
        found = site.person_of(request)
        return None if found is None else found.id

    app.add_routes(
        oauth_routes(
            site.handshake,
            callback_url=f"{origin}/oauth/callback",
            on_connected=site.connected,
            save_as=lambda token: token.params["user_id"],
            person=person,
        )
    )
    app.add_routes(
        [
            web.get("/", site.front),
            web.get("/events", site.events),
            web.post("/posts", site.post),
            web.post("/disconnect", site.disconnect),
            web.post("/revoke", site.revoke),
            web.post("/limit", site.limit),
            web.post("/unlimit", site.limit),
            web.get("/site.css", _file("site.css", "text/css")),
            web.get("/site.js", _file("site.js", "text/javascript")),
        ]
    )
    return app


def _file(name: str, content_type: str) -> Handler:
    body = (_HERE / name).read_bytes()

    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    return handler
