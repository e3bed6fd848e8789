"""No failure shows a secret: not in a log, not in a report of an error, not in a repr.

Each failure runs with each signature method and placement, against a provider that repeats all it knows.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import re
import sqlite3
import warnings
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import pytest
from canaries.hostile import BROKEN, REDIRECTS, REFUSALS, telling
from canaries.sinks import SINKS, Sinks
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from handshakes.faulty_store import FaultyStore
from wire.certificates import server_tls
from wire.listener import DROP, Arrival, Listener, Names, ok, reply, silent

from aiooauth1 import (
    AccessToken,
    AuthorizationDenied,
    CallbackError,
    Consumer,
    Handshake,
    MemoryStore,
    OAuth1Session,
    OutcomeUnknown,
    Provider,
    ProviderError,
    RedirectRefused,
    RequestToken,
    Retry,
    SigningError,
    StoreCorrupt,
    StoreUnavailable,
    TokenResponseError,
    TooManyHandshakes,
    UnknownUser,
    raise_for_problem,
)
from aiooauth1.signing import HMAC_SHA1, PLAINTEXT
from aiooauth1.signing.rsa import RSA_SHA1
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.sqlite import SQLiteStore


if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from aiooauth1.providers import Placement
    from aiooauth1.signing.methods import SignatureMethod


pytestmark = pytest.mark.socket

CONSUMER = Consumer("consumer-key", "Consumer/canary+cs=1")
TOKEN = AccessToken("token-key", "Access/canary+ts=2")
REQUEST_TOKEN = RequestToken("request-key", "Request/canary+rs=3")
SECRETS = (CONSUMER.secret, TOKEN.secret, REQUEST_TOKEN.secret)
GIVEN_OUT = "New/canary+ns=4"
VERIFIER = "Verifier-canary-5"
BIND = "Bind-canary-6"
ENCRYPTION_KEYS = (Encryption.generate_key(), Encryption.generate_key())
FORM = {"status": "Hello"}
RESENT = Retry(attempts=2, base=0.01, resend=frozenset({"POST"}))


@cache
def private_key() -> str:
    """Return the consumer's private key, which is worth as much as a secret."""
    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def rsa() -> SignatureMethod:
    return RSA_SHA1(private_key())


@dataclass(frozen=True, slots=True)
class Mode:
    """How requests are signed, and where the signature goes."""

    name: str
    method: Callable[[], SignatureMethod]
    placement: Placement


MODES = [
    Mode(f"{name}, {placement}", method, placement)
    for name, method in (
        ("HMAC-SHA1", lambda: HMAC_SHA1),
        ("PLAINTEXT", lambda: PLAINTEXT),
        ("RSA-SHA1", rsa),
    )
    for placement in ("header", "query", "body")
]


@dataclass(slots=True)
class Stage:
    """What a failure needs: a listener, how to sign, and where to look."""

    listener: Listener
    mode: Mode
    sinks: Sinks
    stack: AsyncExitStack
    seconds: float  # until a timeout
    made: list[Any] = field(default_factory=list)

    async def arrived(self, count: int) -> None:
        """Wait until so many requests have arrived, of which none is answered."""
        while len(self.listener.arrivals) < count:  # noqa: ASYNC110  the listener keeps a list and no event
            await asyncio.sleep(0)

    @property
    def folder(self) -> Path:
        return Path(self.stack.enter_context(TemporaryDirectory()))

    def tell(self, words: Any, secrets: tuple[str, ...] = SECRETS) -> None:
        self.listener.answer = telling(words, secrets)

    @property
    def provider(self) -> Provider:
        origin = self.listener.origin
        is_body = self.mode.placement == "body"
        return Provider(
            "canary",
            request_token_url=f"{origin}/request",
            authorize_url=f"{origin}/authorize",
            access_token_url=f"{origin}/access",
            base_url=f"{origin}/",
            signature_method=self.mode.method(),
            allow_http=True,
            placement=self.mode.placement,
            request_token_placement=self.mode.placement,
            access_token_placement=self.mode.placement,
            request_params={"scope": "all"} if is_body else {},
        )

    def session(self, **options: Any) -> OAuth1Session:
        given = {
            "provider": self.provider,
            "retry": None,
            "timeout": aiohttp.ClientTimeout(total=self.seconds),
            "trace_configs": [self.sinks.trace(with_headers=True)],
            **options,
        }
        session = OAuth1Session(CONSUMER, TOKEN, **given)
        self.stack.push_async_callback(session.close)
        self.made += [session, session._signer(TOKEN)]  # noqa: SLF001  no caller sees it, but a report may
        return session

    def session_of_no_provider(self, **options: Any) -> OAuth1Session:
        method, placement = self.mode.method(), self.mode.placement
        return self.session(provider=None, signature_method=method, placement=placement, **options)

    async def handshake(self, **options: Any) -> Handshake:
        http = await self.stack.enter_async_context(
            aiohttp.ClientSession(
                trace_configs=[self.sinks.trace()], connector=options.pop("connector", None)
            )
        )
        given = {"store": MemoryStore(), "timeout": self.seconds, "http": http, **options}
        provider = given.pop("provider", self.provider)
        handshake = await self.stack.enter_async_context(Handshake(provider, CONSUMER, **given))
        self.made += [handshake, given["store"], provider]
        return handshake

    async def begun(self, **options: Any) -> Handshake:
        """Begin one whose request token has the canary."""
        self.listener.answer = gives_request_token
        handshake = await self.handshake(**options)
        pending = await handshake.begin("https://consumer.example/back", bind=BIND)
        self.made += [pending, pending.request_token]
        return handshake

    async def complete(self, handshake: Handshake, **options: Any) -> AccessToken:
        given = {"bind": BIND, **options}
        callback = given.pop("callback", f"oauth_token=request-key&oauth_verifier={VERIFIER}")
        return await handshake.complete(callback, **given)


def gives_request_token(_arrival: Arrival) -> bytes:
    told = f"oauth_token=request-key&oauth_token_secret={REQUEST_TOKEN.secret.replace('+', '%2B')}"
    return reply(body=f"{told}&oauth_callback_confirmed=true".encode())


def gives_access_token(_arrival: Arrival) -> bytes:
    return reply(body=f"oauth_token=new-key&oauth_token_secret={GIVEN_OUT.replace('+', '%2B')}".encode())


Way = Callable[[Stage], Awaitable[object]]
Ways = dict[str, tuple[type[BaseException] | tuple[type[BaseException], ...], Way]]


def way(function: Callable[..., Awaitable[object]]) -> Callable[..., Way]:
    """Let a function that fails be given all but its stage: `f(words)` is a way to fail."""
    return lambda *given, **named: lambda stage: function(stage, *given, **named)


# The ways of a session to fail


@way
async def refused(stage: Stage, words: Any, **options: Any) -> None:
    stage.tell(words, SECRETS[:2])
    response = await stage.session(**options).post(stage.listener.origin, data=FORM)
    stage.sinks.look(response)
    await raise_for_problem(response)


@way
async def asked(stage: Stage, words: Any, method: str = "POST", **options: Any) -> object:
    stage.tell(words, SECRETS[:2])
    data = FORM if method == "POST" else None
    response = await stage.session(**options).request(method, stage.listener.origin, data=data)
    stage.sinks.look(response)
    return await response.read()


@way
async def unsigned(
    stage: Stage, of_call: dict[str, Any] | None = None, path: str = "", **of_session: Any
) -> object:
    """Ask for what cannot be signed."""
    given: dict[str, Any] = {"data": FORM, **(of_call or {})}
    url = given.pop("url", stage.listener.origin + path)
    return await stage.session(**of_session).post(url, **given)


@way
async def of_user(stage: Stage, store: Callable[[Stage], Awaitable[Any]]) -> object:
    made = await store(stage)
    stage.made.append(made)
    return await stage.session(store=made).post("posts", data=FORM, user="ann")


async def refused_connection(stage: Stage) -> object:
    return await stage.session_of_no_provider(allow_http=True).post("http://127.0.0.1:9/", data=FORM)


@way
async def with_connector(stage: Stage, make: Callable[[], aiohttp.TCPConnector], url: str) -> object:
    connector = await stage.stack.enter_async_context(make())
    session = stage.session_of_no_provider(connector=connector)
    return await session.post(url.replace("PORT", str(stage.listener.port)), data=FORM)


async def untrusted(stage: Stage) -> object:
    async with Listener(tls=server_tls()) as listener:
        return await stage.session_of_no_provider().post(listener.origin, data=FORM)


async def cancelled(stage: Stage) -> object:
    stage.listener.answer = silent
    task = asyncio.create_task(stage.session(timeout=None).post(stage.listener.origin, data=FORM))
    await stage.arrived(1)
    task.cancel()
    return await task


@way
async def waits_for_a_connection(stage: Stage, *, is_cancelled: bool) -> object:
    """Call while another call holds the only connection, until a timeout or a cancellation."""
    stage.listener.answer = silent
    connector = await stage.stack.enter_async_context(aiohttp.TCPConnector(limit=1))
    session = stage.session(connector=connector, timeout=None)
    holds = asyncio.create_task(session.post(stage.listener.origin, data=FORM))
    await stage.arrived(1)
    patience = None if is_cancelled else aiohttp.ClientTimeout(connect=0.05)
    waits = asyncio.create_task(session.post(stage.listener.origin, data=FORM, timeout=patience))
    if is_cancelled:
        for _ in range(20):
            await asyncio.sleep(0)
        waits.cancel()
    try:
        return await waits
    finally:
        holds.cancel()
        with suppress(asyncio.CancelledError):
            await holds


async def closed(stage: Stage) -> object:
    session = stage.session()
    await session.close()
    return await session.post(stage.listener.origin, data=FORM)


async def callback_fails(stage: Stage) -> object:
    async def tell(_rejection: object) -> None:
        raise LookupError("the application's own")

    store = MemoryStore()
    await store.put_access_token("canary", "ann", TOKEN)
    stage.tell(REFUSALS["token_revoked that tells"])
    session = stage.session(store=store, on_token_rejected=tell)
    response = await session.post(stage.listener.origin, data=FORM, user="ann")
    await raise_for_problem(response)
    return None


async def middleware_fails(stage: Stage) -> object:
    async def theirs(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> ClientResponse:
        await handler(request)
        raise LookupError("the application's own")

    stage.listener.answer = ok
    return await stage.session(middlewares=(theirs,)).post(stage.listener.origin, data=FORM)


async def sign_fails(stage: Stage) -> object:
    return await stage.session().sign("POST", stage.listener.origin, form={"oauth_nonce": "1"}.items())


async def unreadable_form(stage: Stage) -> object:
    reading, writing = os.pipe()
    with open(reading, "rb") as pipe:  # noqa: ASYNC230, PTH123  a pipe has no path
        os.close(writing)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await stage.session().post(stage.listener.origin, data=pipe, headers=headers)


async def a_consumer_that_cannot_be_signed_with(stage: Stage) -> object:
    consumer = Consumer("key", f"{CONSUMER.secret}\ud800")
    return OAuth1Session(consumer, signature_method=stage.mode.method(), realm="ü")


@way
async def redirected_in_circles(stage: Stage, path: str = "") -> object:
    """Redirect to what was asked for, its query included if there is one."""
    stage.listener.answer = lambda arrival: reply(302, {"Location": arrival.target if path else "/"})
    return await stage.session(timeout=None).get(stage.listener.origin + path)


@way
async def redirected_to(stage: Stage, location: str) -> object:
    """Redirect a GET; {query} is the query that it came with, {told} the consumer's secret."""

    def answer(arrival: Arrival) -> bytes:
        query = arrival.target.partition("?")[2]
        place = location.replace("{query}", query).replace("{told}", quote(CONSUMER.secret, safe=""))
        return reply(302, {"Location": place})

    stage.listener.answer = answer
    return await stage.session().get(stage.listener.origin + "/?page=1")


class Hanging(Names):
    """A resolver that never answers, as for a host that is cut off."""

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[Any]:
        await asyncio.Event().wait()
        return await super().resolve(host, port, family)


@way
async def unreachable(stage: Stage, **of_session: Any) -> object:
    connector = await stage.stack.enter_async_context(aiohttp.TCPConnector(resolver=Hanging()))
    patience = aiohttp.ClientTimeout(connect=0.05)
    session = stage.session_of_no_provider(connector=connector, timeout=patience, **of_session)
    return await session.post("https://api.test/posts?page=1", data=FORM)


@way
async def through_proxy(stage: Stage, answer: Any, **of_session: Any) -> object:
    """Send through a proxy with this answer to CONNECT."""
    stage.tell(answer, SECRETS[:2]) if callable(answer) else setattr(
        stage.listener, "answer", lambda _: answer
    )
    session = stage.session_of_no_provider(**of_session)
    proxy = stage.listener.origin
    return await session.post("https://api.test/posts?page=1", data=FORM, proxy=proxy)


async def lost_and_then_unreachable(stage: Stage) -> object:
    """The first attempt is sent and lost, and the second is refused a connection."""
    stage.listener.answer = lambda _: DROP

    async def meanwhile(_: float) -> None:
        await stage.listener.__aexit__(None, None, None)

    session = stage.session(retry=RESENT, sleep=meanwhile)
    return await session.post(stage.listener.origin + "/?page=1", data=FORM)


async def fails_in_its_body(stage: Stage) -> object:
    async def body() -> Any:
        yield b"a"
        raise OSError("my file")

    return await stage.session().put(stage.listener.origin + "/?page=1", data=body())


TWICE: dict[str, Any] = {"retry": Retry(attempts=2, base=0)}
LOST = (OutcomeUnknown,)
READ = (aiohttp.ClientError, TimeoutError)

SESSION: Ways = {
    **{f"refused: {name}": (ProviderError, refused(words)) for name, words in REFUSALS.items()},
    **{f"no whole answer: {name}": ((*LOST, *READ), asked(words)) for name, words in BROKEN.items()},
    **{f"redirected {name}": (RedirectRefused, asked(words)) for name, words in REDIRECTS.items()},
    "raise_for_status=True": (aiohttp.ClientResponseError, asked(REFUSALS["401"], raise_for_status=True)),
    "raise_for_problem": (ProviderError, asked(REFUSALS["401"], raise_for_status=raise_for_problem)),
    "the caller's Authorization": (SigningError, unsigned({"headers": {"Authorization": "Bearer x"}})),
    "auth=": (SigningError, unsigned({"auth": ("ann", "password")})),
    "a user name in the URL": (SigningError, unsigned({"url": "http://ann:password@127.0.0.1/"})),
    "another scheme": (SigningError, unsigned({"url": "ftp://127.0.0.1/"})),
    "another origin": (SigningError, unsigned({"url": "https://elsewhere.example/"})),
    "a malformed URL": (SigningError, unsigned({"url": "http://[::1"})),
    "a parameter of ours in the query": (SigningError, unsigned({"params": {"oauth_nonce": "1"}})),
    "a parameter of ours in the form": (SigningError, unsigned({"data": {"oauth_token": "x"}})),
    "a text without UTF-8": (SigningError, unsigned({"data": {"status": "\ud800"}})),
    "a form that is read once": (SigningError, unreadable_form),
    "a realm and a consumer that cannot be encoded": (SigningError, a_consumer_that_cannot_be_signed_with),
    "a clock before the epoch": (SigningError, unsigned(clock=lambda: -5.0)),
    "a nonce of the wrong type": (SigningError, unsigned(nonce=lambda: 7)),
    "a key without a field for it": (TypeError, unsigned({"idempotency_key": "k"})),
    "ssl=False": (SigningError, unsigned({"ssl": False})),
    "user and token": (TypeError, unsigned({"user": "ann", "token": TOKEN})),
    "sign() of what cannot be signed": (SigningError, sign_fails),
    "a closed port": (aiohttp.ClientConnectorError, refused_connection),
    "no such name": (
        aiohttp.ClientConnectorError,
        with_connector(lambda: aiohttp.TCPConnector(resolver=Names(fails=True)), "https://no.test/"),
    ),
    "no TLS there": (
        (aiohttp.ClientConnectorError, TimeoutError),
        with_connector(aiohttp.TCPConnector, "https://127.0.0.1:PORT/"),
    ),
    "an untrusted certificate": (aiohttp.ClientConnectorError, untrusted),
    "cancelled while waiting for the answer": (asyncio.CancelledError, cancelled),
    "no connection free in time": (TimeoutError, waits_for_a_connection(is_cancelled=False)),
    "cancelled while waiting for a connection": (
        asyncio.CancelledError,
        waits_for_a_connection(is_cancelled=True),
    ),
    "closed": (RuntimeError, closed),
    "the callback of a dead token fails": (ProviderError, callback_fails),
    "a middleware of the caller's fails": (LookupError, middleware_fails),
    "sent again in vain": (OutcomeUnknown, asked(BROKEN["dropped"], retry=RESENT)),
    "a host that never answers": (aiohttp.ConnectionTimeoutError, unreachable()),
    "a host that never answers twice": (aiohttp.ConnectionTimeoutError, unreachable(**TWICE)),
    "a proxy that refuses": (aiohttp.ClientHttpProxyError, through_proxy(REFUSALS["403"])),
    "a proxy that wants a password": (aiohttp.ClientHttpProxyError, through_proxy(reply(407), **TWICE)),
    "a proxy that fails": (aiohttp.ClientHttpProxyError, through_proxy(REFUSALS["502"], **TWICE)),
    "a proxy that hangs up": (aiohttp.ClientError, through_proxy(DROP, **TWICE)),
    "a proxy that does not speak HTTP": (
        aiohttp.ClientError,
        through_proxy(b"220 mail.example ESMTP\r\n\r\n", **TWICE),
    ),
    "lost, and then refused a connection": (OutcomeUnknown, lost_and_then_unreachable),
}

READS: Ways = {
    **{f"no whole answer: {name}": (READ, asked(words, "GET")) for name, words in BROKEN.items()},
    "round in circles": (aiohttp.TooManyRedirects, redirected_in_circles()),
    "round in circles that copy the query": (aiohttp.TooManyRedirects, redirected_in_circles("/?page=1")),
    **{
        f"redirected to {location}": (aiohttp.ClientError, redirected_to(location))
        for location in (
            "http://[malformed/?{query}",
            "ftp://elsewhere.test/?{query}",
            "https:///?{query}",
            "http://nowhere.test:9/?{query}",
            "http://[malformed/{told}",
            "ftp://{told}/",
            "https:///{told}",
        )
    },
    "a body that fails": ((*READ, *LOST), fails_in_its_body),
}
"""Ways of a GET, which has no body to sign in."""


# The ways of a handshake to fail


@way
async def begin(stage: Stage, words: Any) -> object:
    stage.tell(words, SECRETS[:1])
    return await (await stage.handshake()).begin("oob", bind=BIND)


@way
async def begin_with(stage: Stage, body: str, **quirks: Any) -> object:
    text = body.replace("SECRET", REQUEST_TOKEN.secret.replace("+", "%2B"))
    stage.listener.answer = lambda _: reply(body=text.encode("latin-1"))
    provider = replace(stage.provider, **quirks)
    return await (await stage.handshake(provider=provider)).begin("oob", bind=BIND)


@way
async def complete(stage: Stage, words: Any) -> object:
    handshake = await stage.begun()
    stage.tell(words, (CONSUMER.secret, REQUEST_TOKEN.secret))
    return await stage.complete(handshake, save_as="ann")


@way
async def complete_with(stage: Stage, body: str) -> object:
    handshake = await stage.begun()
    text = body.replace("SECRET", GIVEN_OUT.replace("+", "%2B"))
    stage.listener.answer = lambda _: reply(body=text.encode("latin-1"))
    return await stage.complete(handshake)


@way
async def called_back(stage: Stage, **options: Any) -> object:
    handshake = await stage.begun()
    stage.listener.answer = gives_access_token
    return await stage.complete(handshake, **options)


@way
async def pin(stage: Stage, words: Any) -> object:
    handshake = await stage.begun()
    stage.tell(words, (CONSUMER.secret, REQUEST_TOKEN.secret))
    return await handshake.complete_with_verifier("request-key", VERIFIER, bind=BIND)


@way
async def store_fails(stage: Stage, *operations: int | str, at: str) -> object:
    store = FaultyStore(MemoryStore())
    if at == "begin":
        store.fails = operations
        return await stage.begun(store=store)
    handshake = await stage.begun(store=store)
    store.fails = operations
    stage.listener.answer = gives_access_token
    return await stage.complete(handshake, save_as="ann")


async def store_full(stage: Stage) -> object:
    store = MemoryStore(max_pending=1)
    await store.add_pending("another", "token", b"{}", ttl=60)
    return await stage.begun(store=store)


async def record_unreadable(stage: Stage) -> object:
    store = MemoryStore()
    handshake = await stage.begun(store=store)
    held = await store.get_pending("canary", "request-key")
    assert held is not None
    stage.made.append(held)
    await store.swap_pending("canary", "request-key", held, held.value[:-1])
    return await stage.complete(handshake)


async def begin_with_an_unknown_host(stage: Stage) -> object:
    connector = aiohttp.TCPConnector(resolver=Names(fails=True))
    provider = replace(stage.provider, request_token_url="https://no.test/")
    return await (await stage.handshake(connector=connector, provider=provider)).begin("oob", bind=BIND)


async def begin_with_a_closed_port(stage: Stage) -> object:
    provider = replace(stage.provider, request_token_url="http://127.0.0.1:9/")
    return await (await stage.handshake(provider=provider)).begin("oob", bind=BIND)


async def begin_cancelled(stage: Stage) -> object:
    stage.listener.answer = silent
    handshake = await stage.handshake(timeout=30)
    task = asyncio.create_task(handshake.begin("oob", bind=BIND))
    await stage.arrived(1)
    task.cancel()
    return await task


async def complete_cancelled(stage: Stage) -> object:
    handshake = await stage.begun()
    stage.listener.answer = silent
    task = asyncio.create_task(stage.complete(handshake))
    await stage.arrived(2)
    task.cancel()
    return await task


GIVEN = f"oauth_verifier={VERIFIER}"
CONFIRMED = "&oauth_callback_confirmed=true"
UNUSABLE = {
    "nothing": "",
    "no token": "oauth_token_secret=SECRET" + CONFIRMED,
    "an empty token": "oauth_token=&oauth_token_secret=SECRET" + CONFIRMED,
    "two secrets": "oauth_token=k&oauth_token_secret=SECRET&oauth_token_secret=SECRET" + CONFIRMED,
    "a control character": "oauth_token=k&oauth_token_secret=SECRET%00" + CONFIRMED,
    "a secret too long": "oauth_token=k&oauth_token_secret=SECRET" + "x" * 3000 + CONFIRMED,
    "too many fields": "oauth_token=k&oauth_token_secret=SECRET" + "&x=SECRET" * 99,
    "bytes that are not UTF-8": "oauth_token=k&oauth_token_secret=SECRET%FF" + CONFIRMED,
    "HTML": "<html>SECRET</html>",
    "JSON": '{"oauth_token": "k", "oauth_token_secret": "SECRET"}',
}

REFUSED = (ProviderError, RedirectRefused, TokenResponseError, OutcomeUnknown)


def of_both_legs(leg: str, refused: Callable[..., Way], told: Callable[..., Way]) -> Ways:
    return {
        **{f"{leg} refused: {name}": (REFUSED, refused(words)) for name, words in REFUSALS.items()},
        **{
            f"{leg} without a whole answer: {name}": (REFUSED, refused(words))
            for name, words in BROKEN.items()
        },
        **{
            f"{leg} redirected {name}": (RedirectRefused, refused(words)) for name, words in REDIRECTS.items()
        },
        **{f"{leg} told {name}": (TokenResponseError, told(text)) for name, text in UNUSABLE.items()},
    }


HANDSHAKE: Ways = {
    **of_both_legs("begin", begin, begin_with),
    **of_both_legs("complete", complete, complete_with),
    "begin not confirmed": (TokenResponseError, begin_with("oauth_token=k&oauth_token_secret=SECRET")),
    "begin told JSON of the wrong type": (
        TokenResponseError,
        begin_with('{"oauth_token": 5, "oauth_token_secret": "SECRET"}', json_token_replies=True),
    ),
    "begin with an unknown host": (aiohttp.ClientConnectorError, begin_with_an_unknown_host),
    "begin with a closed port": (aiohttp.ClientConnectorError, begin_with_a_closed_port),
    "begin cancelled": (asyncio.CancelledError, begin_cancelled),
    "begin with a full store": (TooManyHandshakes, store_full),
    "begin without a store": (StoreUnavailable, store_fails("add_pending", at="begin")),
    "complete cancelled": (asyncio.CancelledError, complete_cancelled),
    "a PIN refused": (REFUSED, pin(REFUSALS["401"])),
    "a PIN without an answer": (OutcomeUnknown, pin(BROKEN["dropped"])),
    "a PIN told nothing": (TokenResponseError, pin(lambda *_: reply())),
    "another browser": (CallbackError, called_back(bind="another")),
    "no binding": (ValueError, called_back(bind="")),
    **{
        f"a callback with {name}": (CallbackError, called_back(callback=query))
        for name, query in {
            "an unknown request token": f"oauth_token=x&{GIVEN}",
            "no verifier": "oauth_token=request-key",
            "a control character in the verifier": f"oauth_token=request-key&{GIVEN}%00",
            "two verifiers": f"oauth_token=request-key&{GIVEN}&{GIVEN}",
            "a problem": "oauth_problem=token_expired",
        }.items()
    },
    "denied": (
        AuthorizationDenied,
        called_back(callback="oauth_token=request-key&oauth_problem=user_refused"),
    ),
    "save_as of the wrong type": (TypeError, called_back(save_as=lambda token: token)),
    "save_as that fails": (KeyError, called_back(save_as=lambda token: token.params["none"])),
    "no store for the record": (StoreUnavailable, store_fails("get_pending", at="complete")),
    "no store for the claim": (StoreUnavailable, store_fails("swap_pending", at="complete")),
    "no store for the token": (StoreUnavailable, store_fails("put_access_token", at="complete")),
    "a record that cannot be read": (StoreCorrupt, record_unreadable),
}


# The ways of a store to fail, and of what is made with a key


async def store_that_fails(_stage: Stage) -> Any:
    return FaultyStore(MemoryStore(), fails=("get_access_token",))


async def empty_store(_stage: Stage) -> Any:
    return MemoryStore()


async def redis_away(stage: Stage) -> Any:
    url = f"redis://:{quote(REDIS_PASSWORD, safe='')}@127.0.0.1:9/0"
    encryption = Encryption(ENCRYPTION_KEYS[0])
    return await stage.stack.enter_async_context(RedisStore.from_url(url, timeout=0.1, encryption=encryption))


def sqlite(*, keys: tuple[str | None, str | None], change: str = "") -> Callable[[Stage], Awaitable[Any]]:
    """Store with one key and read with another, after a change of the record."""

    async def store(stage: Stage) -> Any:
        path = stage.folder / "tokens.db"
        writes, reads = (Encryption(key) if key else None for key in keys)
        async with SQLiteStore(path, encryption=writes) as written:
            await written.put_access_token("canary", "ann", TOKEN)
        if change:
            with closing(sqlite3.connect(path)) as database:
                database.execute(f"UPDATE access SET record = {change}")  # noqa: S608  the test's own words
                database.commit()
        stage.made += [writes, reads]
        return await stage.stack.enter_async_context(SQLiteStore(path, encryption=reads))

    return store


async def not_a_database(stage: Stage) -> Any:
    path = stage.folder / "tokens.db"
    path.write_text(f"{TOKEN.secret} " * 1000)
    return await stage.stack.enter_async_context(SQLiteStore(path))


@way
async def made(_stage: Stage, make: Callable[[], object]) -> object:
    return make()


def pickled(make: Callable[[], object]) -> Way:
    return made(lambda: pickle.dumps(make()))


REDIS_PASSWORD = "Redis/canary+pw=7"
KEY, OTHER_KEY = ENCRYPTION_KEYS

STORES: Ways = {
    "an unknown user": (UnknownUser, of_user(empty_store)),
    "a store that is away": (StoreUnavailable, of_user(store_that_fails)),
    "a Redis that is away": (StoreUnavailable, of_user(redis_away)),
    "another key": (StoreCorrupt, of_user(sqlite(keys=(KEY, OTHER_KEY)))),
    "a key where there was none": (StoreCorrupt, of_user(sqlite(keys=(None, KEY)))),
    "no key where there was one": (StoreCorrupt, of_user(sqlite(keys=(KEY, None)))),
    **{
        f"{name} record": (StoreCorrupt, of_user(sqlite(keys=(key, key), change=f"CAST({change} AS BLOB)")))
        for name, key, change in (
            ("a changed encrypted", KEY, "substr(record, 1, length(record) - 1) || x'00'"),
            ("a cut", None, "substr(record, 1, length(record) - 1)"),
            ("a later version's", None, "replace(record, ':1', ':99')"),
            ("a longer", None, "replace(record, '{', '{\"x\":1,')"),
        )
    },
    "a file that is not a database": ((StoreCorrupt, StoreUnavailable), of_user(not_a_database)),
    "a key that is cut": (ValueError, made(lambda: Encryption(KEY[:-4]))),
    "a key twice": (ValueError, made(lambda: Encryption(KEY, KEY))),
    "a key of the wrong type": (TypeError, made(lambda: Encryption(KEY, KEY.encode()))),  # type: ignore[arg-type]
    "one key for names and records": (ValueError, made(lambda: Encryption(KEY, name_key=KEY))),
    "a private key that is cut": (ValueError, made(lambda: RSA_SHA1(private_key()[:-60]))),
    "a private key without line breaks": (
        ValueError,
        made(lambda: RSA_SHA1(private_key().replace("\n", "\\n"))),
    ),
    "a private key with a password": (ValueError, made(lambda: RSA_SHA1(private_key(), password=KEY))),
    "a secret of the wrong type": (TypeError, made(lambda: Consumer("key", CONSUMER.secret.encode()))),  # type: ignore[arg-type]
    "a pickled consumer": (TypeError, pickled(lambda: CONSUMER)),
    "a pickled token": (TypeError, pickled(lambda: TOKEN)),
    "a pickled request token": (TypeError, pickled(lambda: REQUEST_TOKEN)),
    "a pickled private key": (TypeError, pickled(rsa)),
    "a pickled encryption": (TypeError, pickled(lambda: Encryption(KEY))),
}


# The sweep


TIMES_OUT = re.compile("silent|no TLS there|complete cancelled")


async def sweep(name: str, modes: Sequence[Mode], ways: Ways, *, in_queries: bool = False) -> list[str]:
    """Fail in one way under each of the modes, and return where a secret shows."""
    with Sinks() as sinks:
        async with asyncio.TaskGroup() as group:
            seconds = 1.0 if TIMES_OUT.search(name) else 30.0
            sent = [
                group.create_task(fail(*ways[name], mode, sinks, seconds, in_queries=in_queries))
                for mode in modes
            ]
    secrets = {
        *SECRETS,
        GIVEN_OUT,
        REDIS_PASSWORD,
        KEY[:-4],
        OTHER_KEY[:-4],
        *private_key().splitlines()[1:4],
    }
    hits = sinks.hits(secrets.union(*[task.result() for task in sent]))
    # What the caller has just given us for one callback may stand in the frames that it was given to.
    return hits + sinks.hits({VERIFIER, BIND}, without="locals of our frames")


async def fail(
    expected: type[BaseException] | tuple[type[BaseException], ...],
    way: Way,
    mode: Mode,
    sinks: Sinks,
    seconds: float,
    *,
    in_queries: bool,
) -> set[str]:
    """Fail in one way under one mode, and return the signatures that arrived, which must not show either."""
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(Listener())
        stage = Stage(listener, mode, sinks, stack, seconds, [CONSUMER, TOKEN, REQUEST_TOKEN, rsa()])
        with pytest.raises(expected) as raised:
            await way(stage)
        sinks.look(raised.value, *stage.made)
    return signatures(listener.arrivals, in_queries=in_queries)


def signatures(arrivals: list[Arrival], *, in_queries: bool) -> set[str]:
    """Return the signatures that arrived in headers, and perhaps in queries."""
    texts = [
        text
        for arrival in arrivals
        for text in (
            *(arrival.header("Authorization") or "").replace('"', "").split(", "),
            *(arrival.target.partition("?")[2].split("&") if in_queries else ()),
        )
    ]
    return {text.partition("=")[2] for text in texts if text.startswith("oauth_signature=")}


@pytest.mark.parametrize("name", SESSION)
async def test_no_call_of_a_session_shows_a_secret_when_it_fails(name: str) -> None:
    assert await sweep(name, MODES, SESSION, in_queries=True) == []


@pytest.mark.parametrize("name", READS)
async def test_no_read_of_a_session_shows_a_secret_when_it_fails(name: str) -> None:
    """A GET, which has no body to sign in."""
    modes = [mode for mode in MODES if mode.placement != "body"]
    assert await sweep(name, modes, READS, in_queries=True) == []


@pytest.mark.parametrize("name", HANDSHAKE)
async def test_no_handshake_shows_a_secret_when_it_fails(name: str) -> None:
    assert await sweep(name, MODES, HANDSHAKE) == []


@pytest.mark.parametrize("name", STORES)
async def test_no_store_and_no_key_shows_a_secret_when_it_fails(name: str) -> None:
    assert await sweep(name, MODES[:1], STORES) == []


def test_there_are_enough_ways_and_sinks() -> None:
    assert len(SESSION) + len(READS) + len(HANDSHAKE) + len(STORES) >= 60
    assert len(SINKS) >= 10


async def test_the_sinks_find_what_shows() -> None:
    """A control: with aiohttp alone, a Bearer token shows in the error of its status and in a trace hook."""
    with Sinks() as sinks:
        async with (
            Listener(lambda _: reply(401)) as listener,
            aiohttp.ClientSession(
                trace_configs=[sinks.trace()], headers={"Authorization": TOKEN.secret}
            ) as session,
        ):
            logging.getLogger("anything").debug("%s", TOKEN.secret)
            warnings.warn(TOKEN.secret, stacklevel=1)
            with pytest.raises(aiohttp.ClientResponseError) as raised:
                await session.get(listener.origin, raise_for_status=True)
            sinks.look(raised.value, {"secret": TOKEN.secret})
    found = {hit.partition(" shows ")[0] for hit in sinks.hits({TOKEN.secret})}
    assert found == {
        *("repr", "args", "vars", "request_info, history, headers"),
        *("logs", "warnings", "trace hooks", "objects"),
    }
