"""Sign-in at a provider for services on aiohttp.web: two routes and a cleanup context.

```python
app = web.Application()
app.cleanup_ctx.append(oauth_context(session=session, handshake=handshake, store=store))
app.add_routes(
    oauth_routes(
        handshake,
        callback_url="https://tweetexpress.example/oauth/callback",
        on_connected=connected,
        save_as=lambda token: token.params["user_id"],
    )
)
```

and in a page: `<form method="post" action="/oauth/start"><button>Connect</button></form>`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from aiooauth1._internal.arguments import check_flags
from aiooauth1.flows.handshake.handshake import Handshake
from aiooauth1.session.session import OAuth1Session
from aiooauth1.web.accounts import Account, account_name, accounts, disconnect, split_account_name
from aiooauth1.web.connect import BODY_LIMIT, Connect, Connected, Hooks, Incoming, Reply
from aiooauth1.web.context import check_parts, opened
from aiooauth1.web.pages import SAFE_HEADERS


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from aiooauth1.credentials import AccessToken
    from aiooauth1.stores.protocols import TokenStore


__all__ = [
    "HANDSHAKE",
    "SESSION",
    "STORE",
    "Account",
    "Connected",
    "account_name",
    "accounts",
    "disconnect",
    "oauth_context",
    "oauth_routes",
    "split_account_name",
]

SESSION: web.AppKey[OAuth1Session] = web.AppKey("aiooauth1.session", OAuth1Session)
"""The key of an application's session."""

HANDSHAKE: web.AppKey[Handshake] = web.AppKey("aiooauth1.handshake", Handshake)
"""The key of an application's handshake."""

STORE: web.AppKey[TokenStore] = web.AppKey("aiooauth1.store")
"""The key of an application's store."""


def oauth_routes(
    handshake: Handshake,
    *,
    callback_url: str,
    start_path: str = "/oauth/start",
    on_connected: Callable[
        [web.Request, Connected], Awaitable[web.StreamResponse | None] | web.StreamResponse | None
    ]
    | None,
    on_denied: Callable[[web.Request, str], Awaitable[web.StreamResponse | None] | web.StreamResponse | None]
    | None = None,
    on_failed: Callable[
        [web.Request, Exception, str], Awaitable[web.StreamResponse | None] | web.StreamResponse | None
    ]
    | None = None,
    save_as: str | Callable[[AccessToken], str] | None = None,
    bind: Callable[[web.Request], Awaitable[str | None] | str | None] | None = None,
    data: Callable[[web.Request], Awaitable[Mapping[str, str]] | Mapping[str, str]] | None = None,
    person: Callable[[web.Request], Awaitable[str | None] | str | None] | None = None,
    allow_get_start: bool = False,
    prefix: str = "",
) -> list[web.RouteDef]:
    """Make the two routes of a sign-in: the start, and the callback.

    POST on `start_path` begins a handshake and redirects the browser to the provider. GET on the path of
    `callback_url` completes the handshake when the browser returns.

    The start route accepts requests from this site's own pages only, judged by `Sec-Fetch-Site` and `Origin`.
    Its form may have a field `return_to`: a path of this site. The callback exchanges the token once, however
    often it is loaded. HEAD requests and prefetches of it consume nothing. Every reply gets
    `Referrer-Policy: no-referrer` and `Cache-Control: no-store`; your own replies get them too, unless they
    set these fields.

    If people log in to your application this way, give them a new session id in `on_connected`. Otherwise an
    attacker who planted the old id in their browser is logged in as well (session fixation). `on_connected`
    runs again if the same browser loads the same callback again. If your pages send a
    Content-Security-Policy with `form-action`, list the provider's origin in it: browsers apply it to the
    redirect after the form.

    Args:
        handshake: The handshake to run. All processes of the application must share its store.
        callback_url: The URL to which the provider sends browsers back. It is configuration, never taken from
            a request's `Host`. It must be https, or http on loopback (elsewhere only if the handshake has
            `allow_http=True`). Its path is the callback route.
        start_path: The path of the start route.
        on_connected: `(request, connected)`, called after a success. If it is None or returns None, the
            browser is redirected to `return_to`. Each of these hooks may be a plain or a coroutine function.
        on_denied: `(request, return_to)`, called if the user said no. If it is None or returns None, a small
            page says so.
        on_failed: `(request, error, return_to)`, called on any other failure. `error` is an OAuth1Error, or
            an aiohttp or OS error if the provider cannot be reached. If it is None or returns None, a small
            page says what to do.
        save_as: Your name for the user, under which the token is saved, or a function that derives it from
            the token. Use an id that never changes, not a screen name. With `person` it is the account's id
            at the provider. If it is None, the token is saved only if `person` is given.
        bind: `(request)`, returns the application's own session id, which ties a sign-in to one browser. If
            it is None, the route sets a cookie for that, shared by all tabs: `__Host-aiooauth1`, or
            `aiooauth1` over http on loopback. If it returns None or an empty string, the sign-in is refused.
        data: `(request)`, returns strings to keep until the callback: at most 4 KiB, `return_to` included.
        person: `(request)`, returns your id for the person who is logged in to the application. The account
            is connected for that person and saved as `account_name(person, account)`; see `accounts`. Only
            the same person can complete the sign-in. If it returns None or an empty string, the sign-in is
            refused.
        allow_get_start: Whether GET starts a sign-in too, with `return_to` in the query. Links on other sites
            can then start one for users whose browsers do not send `Sec-Fetch-Site`.
        prefix: The path under which the routes are mounted, such as `/auth`: that of a sub-application, a
            `Mount`, or a proxy that removes it. `callback_url` includes it, `start_path` does not.

    Raises:
        ValueError: If `callback_url`, `start_path` or `prefix` cannot be used; the message says why.
        TypeError: If an argument is of another type, or `person` is given without `save_as`, and the provider
            has no `user_id_field`.
    """
    check_flags(allow_get_start=allow_get_start)
    connect: Connect[web.Request, web.StreamResponse] = Connect(
        handshake,
        callback_url=callback_url,
        start_path=start_path,
        prefix=prefix,
        hooks=Hooks(
            on_connected=on_connected,
            on_denied=on_denied,
            on_failed=on_failed,
            save_as=save_as,
            bind=bind,
            person=person,
            data=data,
        ),
        read=_incoming,
        respond=_response,
        harden=_harden,
    )
    start, callback = _handler(connect.start), _handler(connect.callback)
    routes = [web.post(start_path, start), web.get(connect.callback_path, callback, allow_head=True)]
    return [*routes, web.get(start_path, start, allow_head=False)] if allow_get_start else routes


def oauth_context(
    *,
    session: OAuth1Session | None = None,
    handshake: Handshake | None = None,
    store: TokenStore | None = None,
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Make a cleanup context: `app.cleanup_ctx.append(oauth_context(session=…, handshake=…, store=…))`.

    While the application runs, they are `app[SESSION]`, `app[HANDSHAKE]` and `app[STORE]`. When it ends they
    are closed. The handshake is closed first and waits for exchanges under way, so that a shutdown loses no
    sign-in. With several providers, append one context for each; the keys hold those of the first.

    Args:
        session: The session that signs the application's requests.
        handshake: The handshake that connects its users.
        store: The store of both.

    Raises:
        TypeError: If one of them is something else.
    """
    check_parts(session=session, handshake=handshake, store=store)

    async def context(app: web.Application) -> AsyncIterator[None]:
        async with opened(session, handshake, store):
            if session is not None:
                app.setdefault(SESSION, session)
            if handshake is not None:
                app.setdefault(HANDSHAKE, handshake)
            if store is not None:
                app.setdefault(STORE, store)
            yield

    return context


def _handler(
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except web.HTTPException as raised:  # many applications raise their redirects
            _harden(raised, SAFE_HEADERS)
            raise

    return handler


def _incoming(request: web.Request) -> Incoming:
    async def body() -> bytes:
        if (request.content_length or 0) > BODY_LIMIT:
            raise ValueError(f"it is longer than {BODY_LIMIT} bytes")
        read = await request.read()
        if len(read) > BODY_LIMIT:
            raise ValueError(f"it is longer than {BODY_LIMIT} bytes")
        return read

    return Incoming(
        request.method,
        request.raw_path.partition("?")[2],
        lambda name: request.headers.getall(name, []),
        body,
    )


def _response(reply: Reply) -> web.StreamResponse:
    return web.Response(status=reply.status, headers=reply.headers, body=reply.body or None)


def _harden(response: web.StreamResponse, headers: Mapping[str, str]) -> None:
    if not response.prepared:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
