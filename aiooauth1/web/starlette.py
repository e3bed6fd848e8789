"""Sign-in at a provider for services on Starlette and FastAPI: two routes, and a lifespan.

It needs the extra `starlette`.

```python
app = FastAPI(
    lifespan=oauth_context(session=session, handshake=handshake, store=store),
    routes=oauth_routes(
        handshake,
        callback_url="https://tweetexpress.example/oauth/callback",
        on_connected=connected,
        save_as=lambda token: token.params["user_id"],
    ),
)
```

and in a page: `<form method="post" action="/oauth/start"><button>Connect</button></form>`.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from aiooauth1.web.accounts import Account, account_name, accounts, disconnect, split_account_name
from aiooauth1.web.connect import BODY_LIMIT, Connect, Connected, Hooks, Incoming, Reply
from aiooauth1.web.context import OAuth1, opened
from aiooauth1.web.pages import SAFE_HEADERS


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from starlette.requests import Request

    from aiooauth1.credentials import AccessToken
    from aiooauth1.flows.handshake.handshake import Handshake
    from aiooauth1.session.session import OAuth1Session
    from aiooauth1.stores.protocols import TokenStore


__all__ = [
    "Account",
    "Connected",
    "OAuth1",
    "account_name",
    "accounts",
    "disconnect",
    "oauth_context",
    "oauth_routes",
    "split_account_name",
]


def oauth_routes(
    handshake: Handshake,
    *,
    callback_url: str,
    start_path: str = "/oauth/start",
    on_connected: Callable[[Request, Connected], Awaitable[Response | None] | Response | None] | None,
    on_denied: Callable[[Request, str], Awaitable[Response | None] | Response | None] | None = None,
    on_failed: Callable[[Request, Exception, str], Awaitable[Response | None] | Response | None]
    | None = None,
    save_as: str | Callable[[AccessToken], str] | None = None,
    bind: Callable[[Request], Awaitable[str | None] | str | None] | None = None,
    data: Callable[[Request], Awaitable[Mapping[str, str]] | Mapping[str, str]] | None = None,
    person: Callable[[Request], Awaitable[str | None] | str | None] | None = None,
    allow_get_start: bool = False,
    prefix: str = "",
) -> list[BaseRoute]:
    """Make the two routes of a sign-in: the start, and the callback.

    POST on `start_path` sends a browser to the provider, GET on the path of `callback_url` takes it back.

    The start accepts only this site's own pages, by `Sec-Fetch-Site` and `Origin`; its form may have a field
    `return_to`, a path of this site. The callback completes the handshake once, however often it is loaded.
    HEAD and prefetches of it consume nothing. Every reply has `Referrer-Policy: no-referrer` and
    `Cache-Control: no-store`, your own ones unless you set these fields yourself.

    Where somebody signs in to your application this way, give their session a new id in `on_connected`: else
    whoever planted the old one in their browser is signed in too (session fixation). `on_connected` runs
    again if the same browser loads the same callback again. If your pages send a Content-Security-Policy
    with `form-action`, the provider's origin must be in it, since browsers apply it to the redirect after
    the form.

    Args:
        handshake: Connects the users. Its store must be one that all processes of the application share.
        callback_url: Where the provider sends browsers back to. It is configuration, never taken from a
            request's `Host`. It must be https, or http on loopback; its path is that of the callback route.
        start_path: The path of the start route.
        on_connected: `(request, connected)`: what to do with a success. If it is None, or returns None, the
            browser is redirected to `return_to`. Like all of these hooks it may be a coroutine function or
            not.
        on_denied: `(request, return_to)`: the user said no. If it is None, or returns None, a small page
            says so.
        on_failed: `(request, error, return_to)`: everything else; `error` is an OAuth1Error, or an aiohttp
            or OS error if the provider cannot be reached. If it is None, or returns None, a small page says
            what to do.
        save_as: Your name for the user to save the token for, or a function of the token that returns it;
            an id that never changes, not a screen name. With `person`: the account's id at the provider. If
            it is None, the token is not saved, except with `person`.
        bind: `(request)`: the application's own session id, which ties a sign-in to one browser. If it is
            None, a cookie of ours does (`__Host-aiooauth1`, on loopback http `aiooauth1`), the same for
            every tab. If it returns None or an empty text, the sign-in is refused.
        data: `(request)`: texts to keep until the callback, at most 4 KiB with `return_to`.
        person: `(request)`: your id for the person who is signed in to the application, for whom the
            account is connected: see `accounts`. The token is saved as `account_name(person, account)`.
            Only the same person can complete a sign-in. If it returns None or an empty text, the sign-in is
            refused.
        allow_get_start: Whether GET starts a sign-in as well, `return_to` then in the query. Links on other
            sites, opened by browsers that do not say so, can then start one for your users.
        prefix: The path under which the routes are mounted (a sub-application, a `Mount`, a proxy that
            takes a path off), such as `/auth`. `callback_url` has it, `start_path` does not.

    Raises:
        ValueError: If `callback_url`, `start_path` or `prefix` cannot be used. The message says why.
        TypeError: If `person` is given without `save_as`, and the provider names no field for the account's
        id.
    """
    connect: Connect[Request, Response] = Connect(
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
    # Starlette answers HEAD wherever it answers GET: here HEAD is the callback's alone.
    start, callback = _endpoint(connect.start), _endpoint(connect.callback)
    starts = Route(start_path, start, methods=["GET", "POST"] if allow_get_start else ["POST"])
    starts.methods = {"GET", "POST"} if allow_get_start else {"POST"}
    return [starts, Route(connect.callback_path, callback, methods=["GET"])]


class _Lifespan:
    """A lifespan (called with the application) and an async context manager (entered as it is)."""

    def __init__(
        self, session: OAuth1Session | None, handshake: Handshake | None, store: TokenStore | None
    ) -> None:
        self._given = session, handshake, store
        self._entered = AsyncExitStack()

    @asynccontextmanager
    async def __call__(self, app: Any) -> AsyncIterator[None]:
        async with opened(*self._given) as oauth1:
            app.state.oauth1 = oauth1
            yield

    async def __aenter__(self) -> OAuth1:
        return await self._entered.enter_async_context(opened(*self._given))

    async def __aexit__(self, *exc_info: object) -> None:
        await self._entered.aclose()


def oauth_context(
    *,
    session: OAuth1Session | None = None,
    handshake: Handshake | None = None,
    store: TokenStore | None = None,
) -> _Lifespan:
    """Make a lifespan: `FastAPI(lifespan=oauth_context(session=…, handshake=…, store=…))`.

    While the application runs, they are `app.state.oauth1.session`, `.handshake` and `.store`. At its end
    they are closed: the handshake first, which waits for exchanges under way, so that no sign-in is lost in
    a shutdown. In a lifespan of your own write `async with oauth_context(…) as app.state.oauth1: yield`.

    Args:
        session: What signs the application's requests.
        handshake: What connects its users.
        store: Where tokens are kept.
    """
    return _Lifespan(session, handshake, store)


def _endpoint(
    handle: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await handle(request)
        except HTTPException as raised:
            raised.headers = {**SAFE_HEADERS, **(raised.headers or {})}
            raise

    return endpoint


def _incoming(request: Request) -> Incoming:
    async def body() -> bytes:
        read = bytearray()
        async for chunk in request.stream():
            read += chunk
            if len(read) > BODY_LIMIT:
                raise ValueError(f"it is longer than {BODY_LIMIT} bytes")
        return bytes(read)

    query: bytes = request.scope.get("query_string", b"")
    return Incoming(
        request.method,
        query.decode("utf-8", "surrogateescape"),
        request.headers.getlist,
        body,
    )


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers))


def _harden(response: Response, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        response.headers.setdefault(name, value)
