"""Sign-in at a provider for services on Starlette and FastAPI: two routes and a lifespan. Extra: `starlette`.

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

from aiooauth1._internal.arguments import check_flags
from aiooauth1.web.accounts import Account, account_name, accounts, disconnect, split_account_name
from aiooauth1.web.connect import BODY_LIMIT, Connect, Connected, Hooks, Incoming, Reply
from aiooauth1.web.context import OAuth1, check_parts, opened
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
    # Starlette adds HEAD to every GET route. The start route must not answer it: it would begin a sign-in.
    start, callback = _endpoint(connect.start), _endpoint(connect.callback)
    starts = Route(start_path, start, methods=["GET", "POST"] if allow_get_start else ["POST"])
    starts.methods = {"GET", "POST"} if allow_get_start else {"POST"}
    return [starts, Route(connect.callback_path, callback, methods=["GET"])]


class _Lifespan:
    """A lifespan when it is called with the application; also an async context manager by itself."""

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

    While the application runs, they are `app.state.oauth1.session`, `.handshake` and `.store`. When it ends
    they are closed. The handshake is closed first and waits for exchanges under way, so that a shutdown loses
    no sign-in. In a lifespan of your own write `async with oauth_context(…) as app.state.oauth1: yield`.

    Args:
        session: The session that signs the application's requests.
        handshake: The handshake that connects its users.
        store: The store of both.

    Raises:
        TypeError: If one of them is something else.
    """
    check_parts(session=session, handshake=handshake, store=store)
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
        length = request.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > BODY_LIMIT:
            raise ValueError(f"it is longer than {BODY_LIMIT} bytes")
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
