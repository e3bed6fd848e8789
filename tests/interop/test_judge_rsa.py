"""oauthlib's and Authlib's servers judge what our session and handshake sign with RSA, over real sockets.

oauthlib verifies RSA through PyJWT, and Authlib RSA-SHA1 alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from judges.authlib_judge import AuthlibJudge
from judges.judge import FORM
from judges.oauthlib_judge import OauthlibJudge
from judges.shapes import FORMS, UNSIGNED_BODIES, Shape
from judges.show import consumer_of, provider_of, show, token_for
from judges.signers import Keys, authorization_by_authlib, authorization_by_oauthlib
from vectors import VECTORS
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
from aiooauth1.signing.rsa import RSA_SHA1, RSA_SHA256, RSA_SHA512, Rsa


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from judges.judge import Judge


pytestmark = pytest.mark.socket

PEM: str = VECTORS["rsa_keys"]["test2048"]["private_pem"]
PUBLIC_PEM: str = VECTORS["rsa_keys"]["test2048"]["public_pem"]
OTHER_PEM: str = VECTORS["rsa_keys"]["wiki1024"]["private_pem"]
SHA1, SHA256, SHA512 = RSA_SHA1(PEM), RSA_SHA256(PEM), RSA_SHA512(PEM)
OTHERS = {made.name: made for made in (RSA_SHA1(OTHER_PEM), RSA_SHA256(OTHER_PEM), RSA_SHA512(OTHER_PEM))}
CALLBACK = "https://consumer.example/connected"

PAIRS: list[tuple[type[Judge], Rsa]] = [
    (OauthlibJudge, SHA1),
    (OauthlibJudge, SHA256),
    (OauthlibJudge, SHA512),
    (AuthlibJudge, SHA1),
]
EACH: dict[str, Any] = {
    "argnames": ("judge", "method"),
    "argvalues": PAIRS,
    "indirect": ["judge"],
    "ids": [f"{judge.__name__}-{method.name}" for judge, method in PAIRS],
}
SHAPES = {
    "GET": Shape("/posts?a=2&a=1&b=%2B+%20%C3%A9&flag"),
    "HEAD": Shape("/posts").by("HEAD"),
    "DELETE": Shape("/posts/%2F").by("DELETE"),
    "form": FORMS["pairs, repeated, in the caller's order"].by("POST"),
    "form beside a query": FORMS["names that are in the query too"].by("PUT"),
    "JSON": UNSIGNED_BODIES["JSON"].by("POST"),
    "multipart": UNSIGNED_BODIES["multipart"].by("POST"),
    "a stream": UNSIGNED_BODIES["a stream"].by("PUT"),
}


@pytest.fixture
async def judge(request: pytest.FixtureRequest) -> AsyncIterator[Judge]:
    async with request.param() as running:
        running.book.rsa_keys[running.consumer_key] = PUBLIC_PEM
        yield running


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(**EACH)
async def test_requests(judge: Judge, method: Rsa, shape: Shape) -> None:
    async with OAuth1Session(
        consumer_of(judge), token_for(judge, "alice"), signature_method=method
    ) as session:
        arrival = await show(session, judge, shape)
    assert arrival.oauth["oauth_signature_method"] == method.name
    assert judge.verdicts[-1].user == "alice"


@pytest.mark.parametrize(**EACH)
async def test_header_query_and_body(judge: Judge, method: Rsa) -> None:
    url, form = f"{judge.origin}/r?a=1&b=%2B", b"a=%20&c"
    async with OAuth1Session(
        consumer_of(judge), token_for(judge, "alice"), signature_method=method
    ) as session:
        in_header, in_query, in_body = [await session.sign("POST", url, form=form) for _ in range(3)]
        for target, body, headers in [
            (url, form, {"Authorization": in_header.header()}),
            (in_query.url(), form, {}),
            (url, in_body.body(), {}),
        ]:
            headers["Content-Type"] = FORM
            async with session.http.post(URL(target, encoded=True), data=body, headers=headers) as response:
                assert response.status == 200, await response.text()
    assert [verdict.user for verdict in judge.verdicts] == ["alice"] * 3


@pytest.mark.parametrize("judge", [OauthlibJudge], indirect=True)
@pytest.mark.parametrize("method", [SHA1, SHA256, SHA512], ids=lambda method: method.name)
async def test_two_legged_and_no_secret_at_all(judge: Judge, method: Rsa) -> None:
    consumer = Consumer(judge.consumer_key, "")
    async with OAuth1Session(consumer, signature_method=method) as session:
        arrival = await show(session, judge, Shape("/two-legged?a=1"))
    assert "oauth_token" not in arrival.oauth


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize(**EACH)
async def test_both_hops_of_a_redirect_at_home_are_signed_afresh(
    judge: Judge, method: Rsa, status: int
) -> None:
    session = OAuth1Session(consumer_of(judge), token_for(judge, "alice"), signature_method=method)
    async with (
        session,
        session.post(f"{judge.origin}/redirect/{status}?to=/landed", data={"a": "ü"}) as response,
    ):
        assert response.status == 200
    assert [verdict.user for verdict in judge.verdicts] == ["alice", "alice"]
    assert len({arrival.oauth["oauth_signature"] for arrival in judge.arrivals}) == 2


@pytest.mark.parametrize("judge", [OauthlibJudge, AuthlibJudge], indirect=True)
async def test_many_at_once_with_a_key_that_takes_long(judge: Judge) -> None:
    key = generate_private_key(65537, 3072)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    judge.book.rsa_keys[judge.consumer_key] = public.decode()
    method = RSA_SHA1(key)
    assert method.takes_long
    async with OAuth1Session(consumer_of(judge), signature_method=method) as session:

        async def post(number: int) -> str:
            token = token_for(judge, f"user {number}")
            async with session.post(f"{judge.origin}/r?n={number}", data={"a": "1"}, token=token) as response:
                assert response.status == 200
                return str((await response.json())["user"])

        users = await asyncio.gather(*map(post, range(30)))
    assert users == [f"user {number}" for number in range(30)]


# The judges refuse, and accept what others signed: that they accept ours means something.


@dataclass(frozen=True)
class Called:
    """A method under another's name."""

    name: str
    method: Rsa

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        return self.method.sign(base_string, consumer_secret, token_secret)


@pytest.mark.parametrize("wrong", ["key", "hash", "registration"])
@pytest.mark.parametrize(**EACH)
async def test_they_refuse_another_key_or_hash(judge: Judge, method: Rsa, wrong: str) -> None:
    signing = Called(method.name, method)
    if wrong == "key":
        signing = Called(method.name, OTHERS[method.name])
    elif wrong == "hash":
        signing = Called(method.name, SHA1 if method == SHA256 else SHA256)
    else:
        del judge.book.rsa_keys[judge.consumer_key]
    session = OAuth1Session(consumer_of(judge), token_for(judge, "alice"), signature_method=signing)
    async with session, session.get(f"{judge.origin}/r") as response:
        assert response.status == 401
    assert "signature" in judge.verdicts[0].refused or wrong == "registration"


@pytest.mark.parametrize(**EACH)
async def test_they_refuse_a_request_altered_on_its_way(judge: Judge, method: Rsa) -> None:
    session = OAuth1Session(consumer_of(judge), token_for(judge, "alice"), signature_method=method)
    async with session:
        signature = await session.sign("GET", f"{judge.origin}/r?a=1")
        headers = {"Authorization": signature.header()}
        async with session.http.get(f"{judge.origin}/r?a=2", headers=headers) as response:
            assert response.status == 401
    assert "signature" in judge.verdicts[0].refused


@pytest.mark.parametrize("judge", [OauthlibJudge, AuthlibJudge], indirect=True)
async def test_they_accept_what_the_other_library_signs(judge: Judge) -> None:
    by = {OauthlibJudge: authorization_by_authlib, AuthlibJudge: authorization_by_oauthlib}[type(judge)]
    token = token_for(judge, "alice")
    keys = Keys(judge.consumer_key, "", token.key, token.secret, method="RSA-SHA1", rsa_key=PEM)
    url, form = f"{judge.origin}/posts?a=1", b"a=2"
    headers = {"Authorization": by(keys, "POST", url, form), "Content-Type": FORM}
    async with aiohttp.ClientSession() as http, http.post(url, data=form, headers=headers) as response:
        assert response.status == 200, await response.text()


# The handshake


async def approved(url: str, user: str) -> str:
    """Do as a user's browser does, and return the callback."""
    async with aiohttp.ClientSession() as browser:
        target = URL(url).update_query(user=user)
        async with browser.get(target, allow_redirects=False) as response:
            return response.headers["Location"]


@pytest.mark.parametrize(**EACH)
async def test_three_legs_and_a_request_for_the_user(judge: Judge, method: Rsa) -> None:
    provider, store = provider_of(judge, signature_method=method), MemoryStore()
    async with Handshake(provider, consumer_of(judge), store=store) as handshake:
        pending = await handshake.begin(CALLBACK, bind="browser")
        callback = await approved(pending.url, "alice")
        token = await handshake.complete(callback, bind="browser", save_as="alice")
    assert await store.get_access_token(provider.name, "alice") == token
    async with OAuth1Session(consumer_of(judge), provider=provider, store=store) as session:
        await show(session, judge, Shape("/r?a=+"), user="alice")
    asked = [arrival for arrival in judge.arrivals if arrival.path != "/authorize"]
    assert [arrival.oauth["oauth_signature_method"] for arrival in asked] == [method.name] * 3


@pytest.mark.parametrize("judge", [OauthlibJudge, AuthlibJudge], indirect=True)
async def test_a_provider_takes_a_slipped_in_request_token_under_rsa_and_not_under_hmac(judge: Judge) -> None:
    """Why the next test must hold: with RSA the wrong token secret is noticed nowhere."""
    for method, accepted in [(HMAC_SHA1, False), (SHA1, True)]:
        provider = provider_of(judge, signature_method=method)
        async with Handshake(provider, consumer_of(judge), store=MemoryStore()) as handshake:
            victims = await handshake.fetch_request_token(CALLBACK)
            attackers = await handshake.fetch_request_token(CALLBACK)
            callback = URL(await approved(handshake.authorization_url(attackers), "mallory"))
            mixed = RequestToken(attackers.key, victims.secret)
            exchange = handshake.fetch_access_token(mixed, callback.query["oauth_verifier"])
            if accepted:
                token = await exchange
                assert judge.book.access_tokens[token.key].user == "mallory"
            else:
                with pytest.raises(ProviderError):
                    await exchange


@pytest.mark.parametrize(**EACH)
async def test_a_callback_with_an_attackers_token_is_refused_before_the_provider_is_asked(
    judge: Judge, method: Rsa
) -> None:
    provider = provider_of(judge, signature_method=method)
    async with Handshake(provider, consumer_of(judge), store=MemoryStore()) as handshake:
        victims = await handshake.begin(CALLBACK, bind="victim")
        attackers = await handshake.begin(CALLBACK, bind="attacker")
        elsewhere = await handshake.fetch_request_token(CALLBACK)
        slipped_in = [
            await approved(attackers.url, "mallory"),
            await approved(handshake.authorization_url(elsewhere), "mallory"),
        ]
        for callback in slipped_in:
            with pytest.raises(CallbackError):
                await handshake.complete(callback, bind="victim")
        assert [arrival.path for arrival in judge.arrivals].count("/access_token") == 0
        token = await handshake.complete(await approved(victims.url, "alice"), bind="victim")
    assert judge.book.access_tokens[token.key].user == "alice"
