"""oauthlib's server endpoints judge every kind of request that our session makes, over real sockets."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from judges.judge import FORM
from judges.oauthlib_judge import REALM, OauthlibJudge
from judges.shapes import FORMS, PARAMS, PATHS, QUERIES, UNSIGNED_BODIES, Shape, named, typed
from judges.show import Difference, consumer_of, provider_of, show, show_difference, token_for
from yarl import URL

from aiooauth1 import Consumer, MemoryStore, OAuth1Middleware, OAuth1Session, SigningError, raise_for_problem
from aiooauth1.errors import ProviderError
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT, SignatureMethod


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


pytestmark = pytest.mark.socket

WITH_FORM = Shape("/posts?a=2", options=lambda: {"data": {"a": "1", "b": "ü"}}, body=b"a=1&b=%C3%BC")
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
SIGNATURE_METHODS = [HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT]


@pytest.fixture
async def judge() -> AsyncIterator[OauthlibJudge]:
    async with OauthlibJudge() as running:
        yield running


@pytest.fixture
async def session(judge: OauthlibJudge) -> AsyncIterator[OAuth1Session]:
    async with OAuth1Session(consumer_of(judge), token_for(judge, "alice")) as signing:
        yield signing


@pytest.mark.parametrize(**named(QUERIES))
async def test_queries(judge: OauthlibJudge, session: OAuth1Session, shape: Shape) -> None:
    await show(session, judge, shape)


@pytest.mark.parametrize(**named(PARAMS))
async def test_params(judge: OauthlibJudge, session: OAuth1Session, shape: Shape) -> None:
    await show(session, judge, shape)


@pytest.mark.parametrize(**named(PATHS))
async def test_paths(judge: OauthlibJudge, session: OAuth1Session, shape: Shape) -> None:
    await show(session, judge, shape)


@pytest.mark.parametrize(**named(FORMS))
async def test_forms(judge: OauthlibJudge, session: OAuth1Session, shape: Shape) -> None:
    arrival = await show(session, judge, shape.by("POST"))
    assert arrival.is_form


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [Shape("/posts?a=1"), WITH_FORM], ids=["without a body", "with a form"])
async def test_methods(judge: OauthlibJudge, session: OAuth1Session, shape: Shape, method: str) -> None:
    await show(session, judge, shape.by(method))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(**named(UNSIGNED_BODIES))
async def test_bodies_that_are_no_form_arrive_whole_and_unsigned(
    judge: OauthlibJudge, session: OAuth1Session, shape: Shape, method: str
) -> None:
    arrival = await show(session, judge, shape.by(method))
    assert not arrival.is_form
    if arrival.headers.get("Content-Type", "").startswith("multipart/"):
        assert b"with a picture & more" in arrival.body
        assert b"\x89PNG\r\n\x1a\n" in arrival.body
        assert arrival.body.endswith(b"--\r\n")


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("API.Example.com", "http%3A%2F%2Fapi.example.com%2Fr&"),
        ("api.example.com:80", "http%3A%2F%2Fapi.example.com%2Fr&"),
        ("API.Example.com:8080", "http%3A%2F%2Fapi.example.com%3A8080%2Fr&"),
        ("[2001:db8::1]:8080", "http%3A%2F%2F%5B2001%3Adb8%3A%3A1%5D%3A8080%2Fr&"),
    ],
)
async def test_a_host_header_of_the_callers_is_what_is_signed(
    judge: OauthlibJudge, session: OAuth1Session, host: str, base: str
) -> None:
    arrival = await show(session, judge, Shape("/r?a=1"), headers={"Host": host})
    assert arrival.headers["Host"] == host
    assert judge.verdicts[0].base_string.startswith(f"GET&{base}a%3D1%26")


@pytest.mark.parametrize("shape", [Shape("/r?a=1&a=%2B"), WITH_FORM.by("POST")], ids=["GET", "form"])
@pytest.mark.parametrize("signature_method", SIGNATURE_METHODS, ids=lambda method: method.name)
async def test_signature_methods_with_secrets_that_must_be_encoded(
    judge: OauthlibJudge, shape: Shape, signature_method: SignatureMethod
) -> None:
    judge.book.consumers[judge.consumer_key] = 's&c=r%e+t ü"'
    consumer = Consumer(judge.consumer_key, 's&c=r%e+t ü"')
    token = token_for(judge, "alice", "%26 ☃/~")
    async with OAuth1Session(consumer, token, signature_method=signature_method, allow_http=True) as session:
        arrival = await show(session, judge, shape)
    assert arrival.oauth["oauth_signature_method"] == signature_method.name


@pytest.mark.parametrize("signature_method", SIGNATURE_METHODS, ids=lambda method: method.name)
async def test_two_legged_and_an_empty_secret(
    judge: OauthlibJudge, signature_method: SignatureMethod
) -> None:
    judge.book.consumers[judge.consumer_key] = ""
    async with OAuth1Session(
        Consumer(judge.consumer_key, ""), signature_method=signature_method, allow_http=True
    ) as session:
        arrival = await show(session, judge, Shape("/two-legged?a=1"))
    assert "oauth_token" not in arrival.oauth


async def test_a_realm_is_sent_and_not_signed(judge: OauthlibJudge) -> None:
    async with OAuth1Session(consumer_of(judge), token_for(judge, "alice"), realm=REALM) as session:
        arrival = await show(session, judge, Shape("/r?a=1"))
    assert arrival.headers["Authorization"].startswith('OAuth realm="posts", ')


async def test_own_token_token_and_user_side_by_side(judge: OauthlibJudge) -> None:
    provider, store = provider_of(judge), MemoryStore()
    users = [f"user {number}" for number in range(20)]
    for user in users:
        await store.put_access_token(provider.name, user, token_for(judge, user))
    async with OAuth1Session(
        consumer_of(judge), token_for(judge, "own"), provider=provider, store=store
    ) as session:

        async def who(**options: Any) -> str:
            async with session.post("posts", data={"status": "ü"}, **options) as response:
                return str(json.loads(await response.text())["user"])

        calls = [who(), who(token=token_for(judge, "given")), *(who(user=user) for user in users)]
        assert await asyncio.gather(*calls) == ["own", "given", *users]
    assert {arrival.target for arrival in judge.arrivals} == {"/api/posts"}
    assert len({arrival.oauth["oauth_nonce"] for arrival in judge.arrivals}) == 22


async def test_a_view_signs_with_what_it_replaces(judge: OauthlibJudge, session: OAuth1Session) -> None:
    other = Consumer(*judge.book.add_consumer())
    bob = token_for(judge, "bob")
    view = session.replace(token=bob, signature_method=HMAC_SHA256, realm=REALM)
    arrival = await show(view, judge, Shape("/r"))
    assert arrival.oauth["oauth_signature_method"] == "HMAC-SHA256"
    await show(session, judge, Shape("/r"))
    await show(session.replace(consumer=other, token=None), judge, Shape("/two-legged"))
    assert [verdict.user for verdict in judge.verdicts] == ["bob", "alice", other.key]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["/landed/%2F?a=1&a=%2B", "landed"], ids=["absolute path", "relative"])
async def test_both_hops_of_a_redirect_at_home_are_signed_afresh(
    judge: OauthlibJudge, session: OAuth1Session, status: int, to: str
) -> None:
    url = URL(
        f"{judge.origin}/redirect/{status}?to=" + to.replace("%", "%25").replace("&", "%26"), encoded=True
    )
    async with session.get(url) as response:
        assert response.status == 200
    _verified_hops(judge, ["GET", "GET"])
    assert judge.arrivals[1].target == (to if to.startswith("/") else "/redirect/landed")


@pytest.mark.parametrize(
    ("status", "hops"),
    [
        (301, ["POST", "GET"]),
        (302, ["POST", "GET"]),
        (303, ["POST", "GET"]),
        (307, ["POST", "POST"]),
        (308, ["POST", "POST"]),
    ],
)
async def test_a_redirected_form_is_signed_where_it_is_sent_again(
    judge: OauthlibJudge, session: OAuth1Session, status: int, hops: list[str]
) -> None:
    async with session.post(f"{judge.origin}/redirect/{status}?to=/landed", data={"a": "ü +"}) as response:
        assert response.status == 200
    _verified_hops(judge, hops)
    assert [arrival.body for arrival in judge.arrivals] == [
        b"a=%C3%BC%20%2B" if hop == "POST" else b"" for hop in hops
    ]


def _verified_hops(judge: OauthlibJudge, hops: list[str]) -> None:
    assert [arrival.method for arrival in judge.arrivals] == hops
    assert [verdict.refused for verdict in judge.verdicts] == [""] * len(hops)
    assert len({arrival.oauth["oauth_nonce"] for arrival in judge.arrivals}) == len(hops)


async def test_what_sign_returns_verifies_in_header_query_and_body(
    judge: OauthlibJudge, session: OAuth1Session
) -> None:
    url, form = f"{judge.origin}/r?a=1&b=%2B", b"a=%20&c"
    header = (await session.sign("POST", url, form=form)).header()
    in_query = (await session.sign("POST", url, form=form)).url()
    in_body = (await session.sign("POST", url, form=form)).body()
    for target, body, headers in [
        (url, form, {"Authorization": header}),
        (in_query, form, {}),
        (url, in_body, {}),
    ]:
        headers["Content-Type"] = FORM
        async with session.http.post(URL(target, encoded=True), data=body, headers=headers) as response:
            assert response.status == 200, await response.text()
    assert [verdict.user for verdict in judge.verdicts] == ["alice"] * 3


async def test_the_middleware_signs_in_a_session_of_the_users_own(judge: OauthlibJudge) -> None:
    middleware = OAuth1Middleware(consumer_of(judge), token_for(judge, "alice"), origins=[judge.origin])
    async with aiohttp.ClientSession(middlewares=(middleware,)) as http:
        for call in [http.get(f"{judge.origin}/r?a=+"), http.put(f"{judge.origin}/r", data={"a": "x y"})]:
            async with call as response:
                assert response.status == 200, await response.text()
    assert [verdict.user for verdict in judge.verdicts] == ["alice"] * 2


async def test_a_wrong_secret_is_refused_and_the_refusal_returned(judge: OauthlibJudge) -> None:
    async with (
        OAuth1Session(Consumer(judge.consumer_key, "wrong"), token_for(judge, "alice")) as session,
        session.get(f"{judge.origin}/r") as response,
    ):
        assert response.status == 401
        with pytest.raises(ProviderError) as raised:
            await raise_for_problem(response)
        assert raised.value.status == 401
        assert (await response.json())["refused"] == "wrong: signature"


# Where oauthlib errs: it refuses, and a base string by the RFC's letter shows that we signed rightly.

KNOWN_DIFFERENCES = {
    "bytes in a query that are not UTF-8: oauthlib reads U+FFFD (RFC 5849 3.6 keeps bytes)": Difference(
        Shape("/r?a=%FF&b=%C3", encoded=True), "wrong: signature", [("a", "%FF"), ("b", "%C3")]
    ),
    "bytes in a form that are not UTF-8: likewise": Difference(
        Shape("/r", method="POST", options=typed(b"a=%FE")), "wrong: signature", [("a", "%FE")]
    ),
    "a form with a byte that is not ASCII: oauthlib takes it for no form": Difference(
        Shape("/r", method="POST", options=typed(b"a=\xc3\xa9")), "wrong: signature", [("a", "%C3%A9")]
    ),
    "a form's media type in capital letters: oauthlib knows lower case alone (RFC 9110 8.3.1)": Difference(
        Shape("/r", method="POST", options=typed(b"a=1", "Application/X-WWW-Form-URLencoded")),
        "wrong: signature",
        [("a", "1")],
    ),
    "a media type with a form's name in a parameter: oauthlib takes it for a form": Difference(
        Shape("/r", method="POST", options=typed(b"a=1", f'text/plain; of="{FORM}"')), "wrong: signature", []
    ),
    "a % without two digits in a query: oauthlib raises": Difference(
        Shape("/r?a=%zz&b=5%", encoded=True), "Invalid hex encoding", [("a", "%25zz"), ("b", "5%25")]
    ),
    "a ; at the end of a path: oauthlib loses it (RFC 5849 3.4.1.2 takes the path whole)": Difference(
        Shape("/r;", encoded=True), "wrong: signature", []
    ),
    "an IPv6 literal: oauthlib rewrites it (RFC 5849 3.4.1.2 takes the Host header)": Difference(
        Shape("/r", options=lambda: {"headers": {"Host": "[2001:0db8:0::1]"}}),
        "wrong: signature",
        [],
        "http://[2001:0db8:0::1]/r",
    ),
    "a parameter of one's own that begins with oauth_: oauthlib takes it for the protocol's": Difference(
        Shape("/r?oauth_hint=1"), "must come from only 1 signature", [("oauth_hint", "1")]
    ),
}


@pytest.mark.parametrize("difference", KNOWN_DIFFERENCES.values(), ids=KNOWN_DIFFERENCES)
async def test_known_difference(judge: OauthlibJudge, difference: Difference) -> None:
    await show_difference(judge, difference)


async def test_bare_brackets_in_a_query_are_refused_by_us_as_by_oauthlib(
    judge: OauthlibJudge, session: OAuth1Session
) -> None:
    with pytest.raises(SigningError, match=r"'\['"):
        await session.get(URL(f"{judge.origin}/r?a[]=1", encoded=True))
    assert judge.arrivals == []
