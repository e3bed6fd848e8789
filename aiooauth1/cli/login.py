"""`aiooauth1 login`: the handshake from a terminal, with a loopback callback or a PIN."""

from __future__ import annotations

import asyncio
import secrets
import sys
import webbrowser
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from aiooauth1.cli.outcome import DONE, USAGE, CommandError
from aiooauth1.cli.settings import Known, find_provider, known_providers, open_store, read_consumer, remember
from aiooauth1.errors import CallbackError, OAuth1Error, VerifierRejected
from aiooauth1.flows.handshake.handshake import Handshake
from aiooauth1.stores.memory import MemoryStore


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiooauth1.credentials import AccessToken, Consumer
    from aiooauth1.flows.handshake.handshake import PendingHandshake
    from aiooauth1.providers.provider import Provider


__all__ = ["Login", "login"]

_WAIT = 600.0
_PIN_ATTEMPTS = 3
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>aiooauth1</title>"
    "<style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui;max-width:36rem;margin:4rem auto;"
    "padding:0 1rem}}</style><h1>{title}</h1><p>{text}</p>"
)


@dataclass(frozen=True, slots=True)
class Login:
    """The arguments of the command."""

    provider: str
    config: str | None = None
    user: str | None = None
    pin: bool = False
    browser: bool = True
    port: int = 0
    consumer_file: str | None = None
    store: str | None = None


def login(plan: Login) -> int:
    """Sign in, store the token, and print the user's name."""
    provider = find_provider(plan.provider, plan.config)
    if not provider.request_token_url or not provider.authorize_url:
        raise CommandError(
            f"{provider.name} has no sign-in pages: import its token with `aiooauth1 tokens import`", USAGE
        )
    remembered = asyncio.run(_remembered(plan, provider))
    known = Known(provider, read_consumer(provider, plan.consumer_file, remembered))
    # Ctrl-C does not interrupt a prompt inside an event loop, so a PIN is asked for between two loops.
    pending_store = MemoryStore()
    user = _with_pin(plan, known, pending_store) if plan.pin else asyncio.run(_with_callback(plan, known))
    print(f"Signed in at {provider.name} as {user}.")
    return DONE


async def _remembered(plan: Login, provider: Provider) -> Consumer | None:
    async with open_store(plan.store) as store:
        found = (await known_providers(store, plan.config)).get(provider.name)
        return None if found is None else found.consumer


def _name_in(token: AccessToken, plan: Login, provider: Provider) -> str:
    """Return the user name for a token: from --as, else from the provider's fields."""
    if plan.user:
        return plan.user
    fields = (provider.user_name_field, "screen_name", "username", provider.user_id_field, "user_id")
    return next((token.params[field] for field in fields if token.params.get(field)), "default")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show(pending: PendingHandshake, plan: Login) -> None:
    _say(f"Open this page and approve:\n\n  {pending.url}\n")
    if plan.browser:
        with suppress(webbrowser.Error):
            webbrowser.open(pending.url)


# The PIN


def _with_pin(plan: Login, known: Known, pending_store: MemoryStore) -> str:
    bind = secrets.token_urlsafe(32)
    pending = asyncio.run(_begin(plan, known, pending_store, bind))
    _show(pending, plan)
    for left in reversed(range(_PIN_ATTEMPTS)):
        print("PIN that the page shows: ", end="", file=sys.stderr, flush=True)
        pin = sys.stdin.readline().strip()
        if not pin:
            raise CommandError("no PIN was given: nothing was saved; run the command again", USAGE)
        try:
            return asyncio.run(_complete(plan, known, pending_store, (pending.request_token.key, pin, bind)))
        except VerifierRejected:
            if not left or not sys.stdin.isatty():
                raise
            _say("That PIN was refused. Check it and type it again.")
    raise AssertionError("the last attempt returns or raises")


async def _begin(plan: Login, known: Known, pending_store: MemoryStore, bind: str) -> PendingHandshake:
    async with (
        open_store(plan.store) as store,
        Handshake(known.provider, known.consumer, store=pending_store) as handshake,
    ):
        pending = await handshake.begin("oob", bind=bind)
        await remember(store, plan.provider, known)  # the provider has accepted this consumer
        return pending


async def _complete(
    plan: Login, known: Known, pending_store: MemoryStore, answer: tuple[str, str, str]
) -> str:
    request_token, pin, bind = answer
    async with (
        open_store(plan.store) as store,
        Handshake(known.provider, known.consumer, store=pending_store, tokens=store) as handshake,
    ):
        token = await handshake.complete_with_verifier(
            request_token, pin, bind=bind, save_as=lambda token: _name_in(token, plan, known.provider)
        )
    return _name_in(token, plan, known.provider)


# The loopback callback, as RFC 8252 section 7.3 has it for OAuth 2


async def _with_callback(plan: Login, known: Known) -> str:
    bind = secrets.token_urlsafe(32)
    done: asyncio.Future[AccessToken] = asyncio.get_running_loop().create_future()
    async with (
        open_store(plan.store) as store,
        Handshake(known.provider, known.consumer, store=MemoryStore(), tokens=store) as handshake,
    ):

        async def complete(url: str) -> AccessToken:
            return await handshake.complete(
                url, bind=bind, save_as=lambda token: _name_in(token, plan, known.provider)
            )

        async with _listening(plan.port, complete, done) as callback:
            pending = await handshake.begin(callback, bind=bind)
            await remember(store, plan.provider, known)  # the provider has accepted this consumer
            await asyncio.to_thread(_show, pending, plan)
            try:
                async with asyncio.timeout(_WAIT):
                    token = await done
            except TimeoutError:
                raise CommandError(
                    "the request was not approved within 10 minutes: run the command again"
                ) from None
    return _name_in(token, plan, known.provider)


@asynccontextmanager
async def _listening(
    port: int, complete: Callable[[str], Awaitable[AccessToken]], done: asyncio.Future[AccessToken]
) -> AsyncIterator[str]:
    """Listen on loopback for the browser's return, and yield the callback URL."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "GET" or request.rel_url.path != "/callback" or done.done():
            return _page(404, "Nothing here", "Go back to the terminal.")
        try:
            token = await complete(f"http://127.0.0.1{request.raw_path}")
        except CallbackError as error:  # a stray or old callback: the right one may still come
            return _page(400, "Not the expected callback", str(error))
        except OAuth1Error as error:
            done.set_exception(error)
            return _page(403, "Not signed in", f"{error}. Go back to the terminal.")
        done.set_result(token)
        return _page(200, "Signed in", "You may close this page and go back to the terminal.")

    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=2.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            raise CommandError(
                f"port {port} cannot be used ({error.strerror}): pass another --port", USAGE
            ) from None
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
    finally:
        await runner.cleanup()


def _page(status: int, title: str, text: str) -> web.Response:
    headers = {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    page = _PAGE.format(title=escape(title), text=escape(text))
    return web.Response(status=status, text=page, content_type="text/html", headers=headers)
