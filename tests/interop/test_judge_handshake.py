"""The three legs with each judge, and a request for the user whom they connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from judges.judge import credential
from judges.methods import PEM, by_authlib, by_method, by_oauthlib, by_rsa_method
from judges.shapes import Shape
from judges.show import consumer_of, provider_of, show
from judges.signers import base_string_by_hand, hmac_sha1_by_hand
from yarl import URL

from aiooauth1 import (
    CallbackError,
    Consumer,
    Handshake,
    MemoryStore,
    OAuth1Session,
    ProviderError,
    RequestToken,
)
from aiooauth1.signing import HMAC_SHA1
from aiooauth1.signing.rsa import RSA_SHA1


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from judges.judge import Arrival, Judge

    from aiooauth1.signing import SignatureMethod


pytestmark = pytest.mark.socket

CALLBACK = "https://consumer.example/connected?flow=7"
ESCAPED_CALLBACK = "https://consumer.example/connected/%2F?s=a%20b%2541&t=%C3%A9+c"


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


@by_method
async def test_a_handshake_and_a_request_for_its_user_are_accepted(
    judge: Judge, signature_method: SignatureMethod
) -> None:
    provider = provider_of(judge, signature_method=signature_method)
    consumer, store = consumer_of(judge), MemoryStore()
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


@by_oauthlib
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


async def test_a_handshake_with_a_pin_is_accepted(judge: Judge, handshake: Handshake) -> None:
    pending = await handshake.begin("oob", bind="account 7")
    location, page = await visit(pending.url, user="alice")  # oauthlib shows the PIN, Authlib sends to a page
    shown = URL(location or f"?{page}").query
    token = await handshake.complete_with_verifier(
        shown["oauth_token"], shown["oauth_verifier"], bind="account 7"
    )
    assert judge.book.access_tokens[token.key].user == "alice"


@by_oauthlib
async def test_a_mistyped_pin_can_be_corrected(judge: Judge, handshake: Handshake) -> None:
    pending = await handshake.begin("oob", bind="account 7")
    _, page = await visit(pending.url, user="alice")
    key, verifier = pending.request_token.key, URL(f"?{page}").query["oauth_verifier"]
    with pytest.raises(ProviderError):
        await handshake.complete_with_verifier(key, credential(), bind="account 7")
    token = await handshake.complete_with_verifier(key, verifier, bind="account 7")
    assert judge.book.access_tokens[token.key].user == "alice"


async def test_a_wrong_consumer_secret_is_refused(judge: Judge) -> None:
    consumer = Consumer(judge.consumer_key, "wrong")
    async with Handshake(provider_of(judge), consumer, store=MemoryStore()) as handshake:
        with pytest.raises(ProviderError) as raised:
            await handshake.begin(CALLBACK, bind="browser")
    assert raised.value.status == 401
    assert judge.book.request_tokens == {}


async def test_more_parameters_of_the_request_token_are_signed(judge: Judge, handshake: Handshake) -> None:
    params = {"x_auth_access_type": "read", "scope": "a b+ü"}
    pending = await handshake.begin(CALLBACK, bind="browser", params=params)
    assert pending.request_token.key in judge.book.request_tokens
    (arrival,) = judge.arrivals
    sent = arrival.body.decode() or arrival.target.partition("?")[2]
    assert dict(URL(f"?{sent}").query) == params


@by_oauthlib
async def test_a_callback_with_escapes_comes_back_as_it_was(judge: Judge, handshake: Handshake) -> None:
    pending = await handshake.begin(ESCAPED_CALLBACK, bind="browser")
    assert judge.book.request_tokens[pending.request_token.key].callback == ESCAPED_CALLBACK
    callback, _ = await visit(pending.url, user="alice")
    token = await handshake.complete(callback, bind="browser")
    assert judge.book.access_tokens[token.key].user == "alice"


@by_authlib
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


# A request token that an attacker slips in


async def test_a_provider_notices_another_request_token_with_hmac_and_not_with_rsa(judge: Judge) -> None:
    """Why the next test must hold: with RSA the wrong token secret is noticed nowhere."""
    methods: list[tuple[SignatureMethod, bool]] = [(HMAC_SHA1, False), (RSA_SHA1(PEM), True)]
    for method, accepted in methods:
        provider = provider_of(judge, signature_method=method)
        async with Handshake(provider, consumer_of(judge), store=MemoryStore()) as handshake:
            victims = await handshake.fetch_request_token(CALLBACK)
            attackers = await handshake.fetch_request_token(CALLBACK)
            callback = URL((await visit(handshake.authorization_url(attackers), user="mallory"))[0])
            mixed = RequestToken(attackers.key, victims.secret)
            exchange = handshake.fetch_access_token(mixed, callback.query["oauth_verifier"])
            if accepted:
                token = await exchange
                assert judge.book.access_tokens[token.key].user == "mallory"
            else:
                with pytest.raises(ProviderError):
                    await exchange


@by_rsa_method
async def test_a_callback_with_an_attackers_token_is_refused_before_the_provider_is_asked(
    judge: Judge, signature_method: SignatureMethod
) -> None:
    provider = provider_of(judge, signature_method=signature_method)
    async with Handshake(provider, consumer_of(judge), store=MemoryStore()) as handshake:
        victims = await handshake.begin(CALLBACK, bind="victim")
        attackers = await handshake.begin(CALLBACK, bind="attacker")
        elsewhere = await handshake.fetch_request_token(CALLBACK)
        slipped_in = [
            (await visit(attackers.url, user="mallory"))[0],
            (await visit(handshake.authorization_url(elsewhere), user="mallory"))[0],
        ]
        for callback in slipped_in:
            with pytest.raises(CallbackError):
                await handshake.complete(callback, bind="victim")
        assert [arrival.path for arrival in judge.arrivals].count("/access_token") == 0
        token = await handshake.complete((await visit(victims.url, user="alice"))[0], bind="victim")
    assert judge.book.access_tokens[token.key].user == "alice"
