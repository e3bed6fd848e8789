"""The types that users see. Never run: mypy reads it, strictly.

It holds what no other test does: the types of results, users' own stores and signature methods, and mistakes
that must be type errors. These have a `type: ignore` of their kind, which mypy reports if there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import assert_type

from aiohttp import ClientResponse, ClientSession, ClientTimeout
from yarl import URL

import aiooauth1
from aiooauth1 import (
    AccessToken,
    AccessTokenStore,
    Consumer,
    Handshake,
    MemoryStore,
    OAuth1Error,
    OAuth1Middleware,
    OAuth1Session,
    PendingStore,
    Provider,
    ProviderError,
    RateLimited,
    RequestToken,
    TokenRejected,
    TokenStore,
    raise_for_problem,
)
from aiooauth1.signing import (
    HMAC_SHA1,
    HMAC_SHA256,
    HMAC_SHA512,
    PLAINTEXT,
    Signature,
    SignatureMethod,
    base_string_uri,
    normalize_parameters,
    percent_encode,
    sign,
)
from aiooauth1.stores import Held


consumer = Consumer("key", "secret")
token = AccessToken("key", "secret", params={"user_id": "7"}, expires_at=1.5)
request_token = RequestToken("key", "secret", callback_confirmed=False, params={})
provider = Provider("photos", base_url="https://api.photos.example/", signature_method=HMAC_SHA256)


# Credentials


def credentials() -> None:
    assert_type(consumer.key, str)
    assert_type(token.secret, str)
    assert_type(token.params, Mapping[str, str])
    assert_type(token.expires_at, float | None)
    assert_type(request_token.callback_confirmed, bool)
    held: set[Consumer | RequestToken | AccessToken] = {consumer, token, request_token}
    held.clear()
    Consumer(b"key", "secret")  # type: ignore[arg-type]  # a text
    AccessToken("key", "secret", {"user_id": "7"})  # type: ignore[call-arg]  # params by name
    token.key = "other"  # type: ignore[misc]  # frozen
    token.params["user_id"] = "8"  # type: ignore[index]  # read-only


# The pure core


class Reversed:
    """A signature method of a user's own, with a name that cannot be set."""

    @property
    def name(self) -> str:
        return "X-REVERSED"

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        return base_string[::-1] + consumer_secret + token_secret


def signing() -> None:
    methods: list[SignatureMethod] = [HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT, Reversed()]
    assert_type(methods[0].sign("base", "cs", "ts"), str)
    assert_type(percent_encode("é"), str)
    assert_type(percent_encode(b"\xff"), str)
    assert_type(base_string_uri("https://example.com/"), str)
    assert_type(normalize_parameters([("a", "b")]), str)

    signature = sign("GET", "https://example.com/", consumer=consumer, nonce="n", timestamp=1)
    assert_type(signature, Signature)
    assert_type(signature.value, str)
    assert_type(signature.base_string, str)
    assert_type(signature.parameters, tuple[tuple[str, str], ...])
    assert_type(signature.header(), str)
    assert_type(signature.url(), str)
    assert_type(signature.body(), bytes)
    for form in (b"a=b", [("a", "b")], None, {"a": "b"}.items()):
        sign("POST", "https://h/", consumer=consumer, nonce="n", timestamp=1, form=form)
    extra = (pair for pair in [("a", "b")])
    own = Reversed()
    sign("POST", "https://h/", consumer=consumer, nonce="n", timestamp=1, signature_method=own, extra=extra)
    sign("GET", "https://h/", consumer=consumer, nonce="n")  # type: ignore[call-arg]  # timestamp
    sign("GET", "https://h/", consumer=consumer, nonce="n", timestamp=1, form={"a": "b"})  # type: ignore[dict-item]
    sign("GET", "https://h/", consumer=consumer, nonce="n", timestamp=1, signature_method="PLAINTEXT")
    sign("GET", "https://h/", consumer=consumer, nonce="n", timestamp=1, signature_method=1)  # type: ignore[arg-type]


# Stores


class OwnTokens:
    """A store of a user's own for access tokens alone: all that a session needs."""

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None: ...

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        raise NotImplementedError(provider, user)

    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        raise NotImplementedError(provider, user, old_key, token)

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        raise NotImplementedError(provider, user, key)

    async def users(self, provider: str) -> AsyncIterator[str]:
        yield provider


class OwnPending:
    """A store of a user's own for pending handshakes."""

    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        raise NotImplementedError(provider, request_token, value, ttl)

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        raise NotImplementedError(provider, request_token)

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        raise NotImplementedError(provider, request_token, old, value)


async def stores() -> None:
    everything: TokenStore = MemoryStore(max_pending=10)
    tokens: AccessTokenStore = everything
    pending: PendingStore = everything
    tokens = OwnTokens()
    pending = OwnPending()
    await tokens.put_access_token("photos", "ann", token)
    assert_type(await tokens.get_access_token("photos", "ann"), AccessToken | None)
    assert_type(await tokens.replace_access_token("photos", "ann", "old", token), bool)
    assert_type(await tokens.discard_access_token("photos", "ann"), bool)
    async for user in tokens.users("photos"):
        assert_type(user, str)
    assert_type(await pending.add_pending("photos", "rt", b"", ttl=600), bool)
    held = await pending.get_pending("photos", "rt")
    assert_type(held, Held | None)
    if held is not None:
        assert_type(held.value, bytes)
        assert_type(held.version, bytes)
        assert_type(await pending.swap_pending("photos", "rt", held, b"new"), Held | None)
    pending = OwnTokens()  # type: ignore[assignment]  # of the other kind
    async with MemoryStore() as store:
        await store.aclose()


# The session


async def session() -> None:
    async with OAuth1Session(consumer, token) as bot:
        response = await bot.post("https://api.example.com/posts", json={"text": "hi"}, headers={"X-A": "b"})
        assert_type(response, ClientResponse)
        async with bot.get(URL("https://api.example.com/posts"), params={"page": "1"}) as page:
            assert_type(page, ClientResponse)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(bot.get("https://api.example.com/"))
            assert_type(task, asyncio.Task[ClientResponse])
        await asyncio.wait_for(bot.put("https://h/", data=b""), 1)
        await bot.patch("https://h/", data=[("a", "b"), ("a", "c")])
        await bot.request("PURGE", "https://h/", user="ann", raise_for_status=raise_for_problem)
        assert_type(await bot.sign("POST", "https://h/", form=[("a", "b")]), Signature)
        assert_type(bot.http, ClientSession)
        assert_type(bot.replace(token=None, realm="r"), OAuth1Session)
        await raise_for_problem(response)

        bot.get("https://h/", jsn={})  # type: ignore[call-arg]  # a typo
        bot.get("https://h/", token=consumer)  # type: ignore[arg-type]  # a consumer is no token
        bot.get("https://h/", token=request_token)  # type: ignore[arg-type]  # nor is a request token one to post with
        bot.replace(tokn=token)  # type: ignore[call-arg]  # a typo

    OAuth1Session(consumer, provider=provider, store=OwnTokens(), clock=lambda: 0.0, nonce=lambda: "n")
    OAuth1Session(consumer, tiemout=ClientTimeout())  # type: ignore[call-arg]  # a typo
    OAuth1Session(consumer, store=OwnPending())  # type: ignore[arg-type]  # of the other kind
    OAuth1Session(token)  # type: ignore[arg-type]  # the consumer comes first


async def middleware(signer: OAuth1Middleware) -> None:
    async with ClientSession(middlewares=(signer,)) as plain:
        await plain.get("https://api.example.com/", middlewares=(signer,))


# The handshake


async def handshake() -> None:
    legs = Handshake(provider, consumer, store=OwnPending(), tokens=OwnTokens())
    begun = await legs.begin("https://me.example/callback", bind="browser", data={"next": "/"})
    assert_type(begun.url, str)
    assert_type(begun.data, Mapping[str, str])
    assert_type(begun.request_token, RequestToken)
    looked = await legs.pending("https://me.example/callback?oauth_token=rt", bind="browser")
    if looked is not None:
        assert_type(looked.url, str)
    for callback in (
        "https://me.example/callback",
        URL("/callback"),
        {"oauth_token": "rt"},
        [("oauth_token", "rt")],
    ):
        assert_type(await legs.complete(callback, bind="browser"), AccessToken)
    by_name: Callable[[AccessToken], str] = lambda granted: granted.params["user_id"]  # noqa: E731  as users write it
    await legs.complete("?oauth_token=rt", bind="browser", save_as=by_name)
    await legs.complete("?oauth_token=rt", bind="browser", save_as="ann")
    assert_type(await legs.complete_with_verifier("rt", "123456", bind="browser", save_as="ann"), AccessToken)
    await legs.begin("oob")  # type: ignore[call-arg]  # whose is it?
    await legs.complete("?oauth_token=rt")  # type: ignore[call-arg]  # likewise


# Errors


async def errors(bot: OAuth1Session) -> None:
    try:
        await bot.get("https://h/", raise_for_status=raise_for_problem)
    except RateLimited as error:
        assert_type(error.retry_after, float | None)
    except TokenRejected as error:
        assert_type(error.status, int)
    except ProviderError as error:
        assert_type(error.problem, str | None)
        assert_type(error.advice, str | None)
        assert_type(error.body, str)
    except OAuth1Error as error:
        assert_type(str(error), str)
    assert_type(aiooauth1.Problem, type[aiooauth1.Problem])
