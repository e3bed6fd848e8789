"""The three legs with each judge, and a request for the user whom they connected."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from judges.authlib_judge import AuthlibJudge
from judges.judge import credential
from judges.oauthlib_judge import REALM, OauthlibJudge
from judges.shapes import Shape
from judges.show import consumer_of, provider_of, show
from judges.signers import base_string_by_hand, hmac_sha1_by_hand
from yarl import URL

from aiooauth1 import (
    AuthorizationDenied,
    CallbackError,
    Consumer,
    Handshake,
    MemoryStore,
    OAuth1Session,
    ProviderError,
)
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT, SignatureMethod


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from judges.judge import Arrival, Judge


pytestmark = pytest.mark.socket

CALLBACK = "https://consumer.example/connected?flow=7"
ESCAPED_CALLBACK = "https://consumer.example/connected/%2F?s=a%20b%2541&t=%C3%A9+c"
METHODS: list[tuple[type[Judge], SignatureMethod]] = [
    (OauthlibJudge, HMAC_SHA1),
    (OauthlibJudge, HMAC_SHA256),
    (OauthlibJudge, HMAC_SHA512),
    (OauthlibJudge, PLAINTEXT),
    (AuthlibJudge, HMAC_SHA1),
    (AuthlibJudge, PLAINTEXT),
]


@pytest.fixture(params=[OauthlibJudge, AuthlibJudge])
async def judge(request: pytest.FixtureRequest) -> AsyncIterator[Judge]:
    async with request.param() as running:
        yield running


@pytest.fixture
async def handshake(judge: Judge) -> AsyncIterator[Handshake]:
    async with Handshake(provider_of(judge), consumer_of(judge), store=MemoryStore()) as running:
        yield running


async def visit(url: str | URL, **query: str) -> tuple[str, str]:
    """Do as the user's browser does; return where it is sent, and the page."""
    async with aiohttp.ClientSession() as browser:
        target = URL(url).update_query(query) if query else url
        async with browser.get(target, allow_redirects=False) as response:
            return response.headers.get("Location", ""), await response.text()


def at(judge: Judge, path: str) -> list[Arrival]:
    return [arrival for arrival in judge.arrivals if arrival.path == path]


@pytest.mark.parametrize(
    ("judge", "signature_method"),
    METHODS,
    indirect=["judge"],
    ids=[f"{judge.__name__}-{method.name}" for judge, method in METHODS],
)
async def test_three_legs_and_a_request_for_the_user(judge: Judge, signature_method: SignatureMethod) -> None:
    provider, consumer, store = (
        provider_of(judge, signature_method=signature_method),
        consumer_of(judge),
        MemoryStore(),
    )
    async with Handshake(provider, consumer, store=store, allow_http=True) as handshake:
        pending = await handshake.begin(CALLBACK, bind="browser", data={"next": "/home"})
        callback, _ = await visit(pending.url, user="alice")
        assert callback.startswith(CALLBACK)
        looked = await handshake.pending(callback, bind="browser")
        assert looked is not None
        assert (looked.request_token, looked.data) == (pending.request_token, {"next": "/home"})
        token = await handshake.complete(callback, bind="browser", save_as="alice")
        assert await handshake.complete(callback, bind="browser", save_as="alice") == token
    assert await store.get_access_token(provider.name, "alice") == token
    async with OAuth1Session(consumer, provider=provider, store=store, allow_http=True) as session:
        await show(session, judge, Shape("/r?a=+"), user="alice")
    assert judge.verdicts[0].user == "alice"

    asked = [*at(judge, "/request_token"), *at(judge, "/access_token")]
    assert [(arrival.method, arrival.body) for arrival in asked] == [("POST", b"")] * 2
    assert [arrival.oauth["oauth_signature_method"] for arrival in asked] == [signature_method.name] * 2
    assert len({arrival.oauth["oauth_nonce"] for arrival in asked}) == 2


async def test_the_legs_one_by_one(judge: Judge, handshake: Handshake) -> None:
    request_token = await handshake.fetch_request_token(CALLBACK)
    assert request_token.callback_confirmed
    location, _ = await visit(handshake.authorization_url(request_token, user="alice"))
    token = await handshake.fetch_access_token(request_token, URL(location).query["oauth_verifier"])
    assert judge.book.access_tokens[token.key].user == "alice"
    with pytest.raises(ProviderError):
        await handshake.fetch_access_token(request_token, URL(location).query["oauth_verifier"])


@pytest.mark.parametrize("judge", [OauthlibJudge], indirect=True)
async def test_a_signed_authorize_url_verifies_with_the_consumer_secret_alone(
    judge: Judge, handshake: Handshake
) -> None:
    request_token = await handshake.fetch_request_token(CALLBACK)
    url = handshake.authorization_url(request_token, signed=True, user="alice & bob", perms="write")
    _, page = await visit(URL(url.replace("perms=write", "perms=read"), encoded=True))
    assert page == "the authorize URL is signed, and wrongly"
    url = handshake.authorization_url(request_token, signed=True, user="alice & bob", perms="write")
    location, _ = await visit(URL(url, encoded=True))
    assert location.startswith(CALLBACK)
    assert judge.book.request_tokens[request_token.key].user == "alice & bob"


@pytest.mark.parametrize("judge", [OauthlibJudge], indirect=True)
async def test_what_else_comes_with_a_token_is_kept(judge: Judge, handshake: Handshake) -> None:
    pending = await handshake.begin(CALLBACK, bind="browser")
    callback, _ = await visit(pending.url, user="älice & bob")
    token = await handshake.complete(callback, bind="browser")
    assert token.params["screen_name"] == "älice & bob"
    assert judge.book.access_tokens[token.key].user == "älice & bob"


@pytest.mark.parametrize(
    "form",
    [str, URL, lambda url: URL(url).query, lambda url: list(URL(url).query.items())],
    ids=["text", "URL", "mapping", "pairs"],
)
async def test_a_callback_in_every_form(
    handshake: Handshake, form: Callable[[str], Any], judge: Judge
) -> None:
    pending = await handshake.begin(CALLBACK, bind="browser", authorize_params={"user": "alice"})
    callback, _ = await visit(pending.url)
    token = await handshake.complete(form(callback), bind="browser")
    assert judge.book.access_tokens[token.key].user == "alice"


async def test_the_pin_way(judge: Judge, handshake: Handshake) -> None:
    pending = await handshake.begin("oob", bind="account 7")
    location, page = await visit(pending.url, user="alice")  # oauthlib shows the PIN, Authlib sends to a page
    shown = URL(location or f"?{page}").query
    token = await handshake.complete_with_verifier(
        shown["oauth_token"], shown["oauth_verifier"], bind="account 7"
    )
    assert judge.book.access_tokens[token.key].user == "alice"


@pytest.mark.parametrize("judge", [OauthlibJudge], indirect=True)
async def test_a_mistyped_pin_can_be_corrected(judge: Judge, handshake: Handshake) -> None:
    pending = await handshake.begin("oob", bind="account 7")
    _, page = await visit(pending.url, user="alice")
    key, verifier = pending.request_token.key, URL(f"?{page}").query["oauth_verifier"]
    with pytest.raises(ProviderError):
        await handshake.complete_with_verifier(key, credential(), bind="account 7")
    token = await handshake.complete_with_verifier(key, verifier, bind="account 7")
    assert judge.book.access_tokens[token.key].user == "alice"


@pytest.mark.parametrize("judge", [AuthlibJudge], indirect=True)
async def test_known_difference_authlib_forgets_a_request_token_whose_pin_was_mistyped(
    judge: Judge, handshake: Handshake
) -> None:
    pending = await handshake.begin("oob", bind="account 7")
    location, _ = await visit(pending.url, user="alice")
    key, verifier = pending.request_token.key, URL(location).query["oauth_verifier"]
    for typed in (credential(), verifier):
        with pytest.raises(ProviderError):
            await handshake.complete_with_verifier(key, typed, bind="account 7")
    assert judge.book.access_tokens == {}


@pytest.mark.parametrize("judge", [OauthlibJudge], indirect=True)
async def test_a_denial_that_names_the_request_token_ends_its_handshake(
    judge: Judge, handshake: Handshake
) -> None:
    pending = await handshake.begin(CALLBACK, bind="browser")
    denial, _ = await visit(pending.url, deny="1")
    with pytest.raises(AuthorizationDenied):
        await handshake.complete(denial, bind="browser")
    approval, _ = await visit(pending.url, user="alice")
    with pytest.raises((AuthorizationDenied, CallbackError)):
        await handshake.complete(approval, bind="browser")
    assert at(judge, "/access_token") == []


@pytest.mark.parametrize("judge", [AuthlibJudge], indirect=True)
async def test_a_denial_without_token_changes_nothing(judge: Judge, handshake: Handshake) -> None:
    pending = await handshake.begin(CALLBACK, bind="browser")
    denial, _ = await visit(pending.url, deny="1")
    assert "oauth_token" not in URL(denial).query
    with pytest.raises(AuthorizationDenied):
        await handshake.complete(denial, bind="browser")
    approval, _ = await visit(pending.url, user="alice")
    token = await handshake.complete(approval, bind="browser")
    assert judge.book.access_tokens[token.key].user == "alice"


async def test_a_stranger_with_the_callback_burns_nothing(judge: Judge, handshake: Handshake) -> None:
    pending = await handshake.begin(CALLBACK, bind="browser")
    callback, _ = await visit(pending.url, user="alice")
    with pytest.raises(CallbackError):
        await handshake.complete(callback, bind="another browser")
    assert at(judge, "/access_token") == []
    token = await handshake.complete(callback, bind="browser")
    assert judge.book.access_tokens[token.key].user == "alice"


async def test_a_wrong_consumer_secret_is_the_providers_refusal(judge: Judge) -> None:
    consumer = Consumer(judge.consumer_key, "wrong")
    async with Handshake(provider_of(judge), consumer, store=MemoryStore()) as handshake:
        with pytest.raises(ProviderError) as raised:
            await handshake.begin(CALLBACK, bind="browser")
    assert raised.value.status == 401
    assert judge.book.request_tokens == {}


async def test_many_users_at_once_each_get_their_own_token(judge: Judge, handshake: Handshake) -> None:
    async def connect(user: str) -> str:
        pending = await handshake.begin(CALLBACK, bind=f"browser of {user}")
        callback, _ = await visit(pending.url, user=user)
        token = await handshake.complete(callback, bind=f"browser of {user}")
        return judge.book.access_tokens[token.key].user

    users = [f"user{number}" for number in range(20)]
    assert await asyncio.gather(*map(connect, users)) == users


@pytest.mark.parametrize("judge", [OauthlibJudge], indirect=True)
async def test_a_realm_goes_along(judge: Judge) -> None:
    provider = provider_of(judge, realm=REALM)
    async with Handshake(provider, consumer_of(judge), store=MemoryStore()) as handshake:
        pending = await handshake.begin(CALLBACK, bind="browser")
        callback, _ = await visit(pending.url, user="alice")
        await handshake.complete(callback, bind="browser")
    headers = [arrival.headers["Authorization"] for arrival in judge.arrivals if arrival.path != "/authorize"]
    assert [header.startswith('OAuth realm="posts", ') for header in headers] == [True, True]


async def test_more_parameters_of_the_request_token_are_signed(judge: Judge, handshake: Handshake) -> None:
    params = {"x_auth_access_type": "read", "scope": "a b+ü"}
    pending = await handshake.begin(CALLBACK, bind="browser", params=params)
    assert pending.request_token.key in judge.book.request_tokens
    (arrival,) = judge.arrivals
    sent = arrival.body.decode() or arrival.target.partition("?")[2]
    assert dict(URL(f"?{sent}").query) == params


@pytest.mark.parametrize("judge", [OauthlibJudge], indirect=True)
async def test_a_callback_with_escapes_comes_back_as_it_was(judge: Judge, handshake: Handshake) -> None:
    pending = await handshake.begin(ESCAPED_CALLBACK, bind="browser")
    assert judge.book.request_tokens[pending.request_token.key].callback == ESCAPED_CALLBACK
    callback, _ = await visit(pending.url, user="alice")
    token = await handshake.complete(callback, bind="browser")
    assert judge.book.access_tokens[token.key].user == "alice"


@pytest.mark.parametrize("judge", [AuthlibJudge], indirect=True)
async def test_known_difference_authlib_decodes_a_callback_with_escapes_twice(
    judge: Judge, handshake: Handshake
) -> None:
    """It refuses the callback; a base string by RFC 5849 section 3.4.1.3.1 shows that we signed rightly."""
    with pytest.raises(ProviderError):
        await handshake.begin(ESCAPED_CALLBACK, bind="browser")
    (arrival,) = judge.arrivals
    assert arrival.oauth["oauth_callback"] == ESCAPED_CALLBACK
    base_string = base_string_by_hand("POST", f"{judge.origin}/request_token", [], arrival.oauth)
    assert arrival.oauth["oauth_signature"] == hmac_sha1_by_hand(base_string, judge.consumer_secret, "")
