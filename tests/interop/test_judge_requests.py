"""oauthlib's and Authlib's servers judge every kind of request that our session makes, over real sockets."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from judges.authlib_judge import AuthlibJudge
from judges.judge import FORM
from judges.methods import PEM, by_authlib, by_method, by_oauthlib
from judges.oauthlib_judge import REALM, OauthlibJudge
from judges.shapes import FORMS, PARAMS, PATHS, QUERIES, UNSIGNED_BODIES, Shape, typed
from judges.show import Difference, consumer_of, provider_of, show, show_difference, token_for
from yarl import URL

from aiooauth1 import Consumer, MemoryStore, OAuth1Middleware, OAuth1Session, SigningError, raise_for_problem
from aiooauth1.errors import ProviderError
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, PLAINTEXT, SignatureMethod
from aiooauth1.signing.rsa import RSA_SHA256


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from judges.judge import Judge


pytestmark = pytest.mark.socket

WITH_FORM = Shape("/posts?a=2", options=lambda: {"data": {"a": "1", "b": "ü"}}, body=b"a=1&b=%C3%BC")
ERRS = {"query: quotes and a dollar", "query: a parameter named realm"}  # Authlib: known differences below
SHAPES = {
    **{f"query: {name}": shape for name, shape in QUERIES.items()},
    **{f"params: {name}": shape for name, shape in PARAMS.items()},
    **{f"path: {name}": shape for name, shape in PATHS.items()},
    **{f"form: {name}": shape.by("POST") for name, shape in FORMS.items()},
    **{f"body: {name}": shape.by("POST") for name, shape in UNSIGNED_BODIES.items()},
    **{
        f"{method} without a body": Shape("/posts?a=1").by(method) for method in ("HEAD", "OPTIONS", "DELETE")
    },
    **{f"{method} with a form": WITH_FORM.by(method) for method in ("GET", "HEAD", "OPTIONS", "DELETE")},
    **{
        f"{method}, {name}": shape.by(method)
        for method in ("PUT", "PATCH")
        for name, shape in {"a form": WITH_FORM, **UNSIGNED_BODIES}.items()
    },
}


@pytest.fixture
async def session(judge: Judge) -> AsyncIterator[OAuth1Session]:
    async with OAuth1Session(consumer_of(judge), token_for(judge, "alice")) as signing:
        yield signing


@pytest.mark.parametrize(
    ("judge", "name"),
    [
        *((OauthlibJudge, name) for name in SHAPES),
        *((AuthlibJudge, name) for name in SHAPES if name not in ERRS),
    ],
    indirect=["judge"],
)
async def test_a_request_is_accepted_and_arrives_as_it_must(
    judge: Judge, session: OAuth1Session, name: str
) -> None:
    arrival = await show(session, judge, SHAPES[name])
    if arrival.body:
        assert arrival.is_form == ("form" in name and "would do" not in name)
    if arrival.headers.get("Content-Type", "").startswith("multipart/"):
        assert b"with a picture & more" in arrival.body
        assert b"\x89PNG\r\n\x1a\n" in arrival.body
        assert arrival.body.endswith(b"--\r\n")


@by_authlib
async def test_a_form_whose_media_type_is_in_capital_letters_is_accepted(
    judge: Judge, session: OAuth1Session
) -> None:
    options = typed(b"a=1", "Application/X-WWW-Form-URLencoded; Charset=UTF-8")
    await show(session, judge, Shape(method="POST", options=options, body=b"a=1"))


@by_oauthlib
@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("API.Example.com", "http%3A%2F%2Fapi.example.com%2Fr&"),
        ("api.example.com:80", "http%3A%2F%2Fapi.example.com%2Fr&"),
        ("API.Example.com:8080", "http%3A%2F%2Fapi.example.com%3A8080%2Fr&"),
        ("[2001:db8::1]:8080", "http%3A%2F%2F%5B2001%3Adb8%3A%3A1%5D%3A8080%2Fr&"),
    ],
)
async def test_the_host_header_of_the_caller_is_signed(
    judge: Judge, session: OAuth1Session, host: str, base: str
) -> None:
    arrival = await show(session, judge, Shape("/r?a=1"), headers={"Host": host})
    assert arrival.headers["Host"] == host
    assert judge.verdicts[0].base_string.startswith(f"GET&{base}a%3D1%26")


@by_method
async def test_secrets_that_must_be_encoded_are_accepted(
    judge: Judge, signature_method: SignatureMethod
) -> None:
    secret = judge.book.consumers[judge.consumer_key] = 's&c=r%e+t ü"'
    consumer, token = Consumer(judge.consumer_key, secret), token_for(judge, "alice", "%26 ☃/~")
    async with OAuth1Session(consumer, token, signature_method=signature_method, allow_http=True) as session:
        arrival = await show(session, judge, WITH_FORM.by("POST"))
    assert arrival.oauth["oauth_signature_method"] == signature_method.name


@by_oauthlib
@pytest.mark.parametrize(
    "signature_method", [HMAC_SHA1, PLAINTEXT, RSA_SHA256(PEM)], ids=lambda method: method.name
)
async def test_a_two_legged_request_with_an_empty_secret_is_accepted(
    judge: Judge, signature_method: SignatureMethod
) -> None:
    judge.book.consumers[judge.consumer_key] = ""
    consumer = Consumer(judge.consumer_key, "")
    async with OAuth1Session(consumer, signature_method=signature_method, allow_http=True) as session:
        arrival = await show(session, judge, Shape("/two-legged?a=1"))
    assert "oauth_token" not in arrival.oauth


@by_oauthlib
async def test_own_token_token_and_user_side_by_side(judge: Judge) -> None:
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


@by_oauthlib
async def test_a_view_signs_with_its_own_token_method_and_realm(judge: Judge, session: OAuth1Session) -> None:
    other = Consumer(*judge.book.add_consumer())
    bob = token_for(judge, "bob")
    view = session.replace(token=bob, signature_method=HMAC_SHA256, realm=REALM)
    arrival = await show(view, judge, Shape("/r"))
    assert arrival.oauth["oauth_signature_method"] == "HMAC-SHA256"
    assert arrival.headers["Authorization"].startswith('OAuth realm="posts", ')
    await show(session, judge, Shape("/r"))
    await show(session.replace(consumer=other, token=None), judge, Shape("/two-legged"))
    assert [verdict.user for verdict in judge.verdicts] == ["bob", "alice", other.key]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_each_hop_of_a_redirect_is_signed_for_what_it_sends(
    judge: Judge, session: OAuth1Session, status: int, method: str
) -> None:
    url = URL(f"{judge.origin}/redirect/{status}?to=/landed/%252F?a=1%26a=%252B", encoded=True)
    form = {"a": "ü +"} if method == "POST" else None
    async with session.request(method, url, data=form) as response:
        assert response.status == 200
    assert judge.arrivals[1].target == "/landed/%2F?a=1&a=%2B"
    assert [arrival.method for arrival in judge.arrivals] == [method, method if status > 303 else "GET"]
    sent = {"POST": b"a=%C3%BC%20%2B", "GET": b""}
    assert [arrival.body for arrival in judge.arrivals] == [sent[hop.method] for hop in judge.arrivals]
    assert [verdict.refused for verdict in judge.verdicts] == ["", ""]
    assert len({arrival.oauth["oauth_nonce"] for arrival in judge.arrivals}) == 2


@by_oauthlib
async def test_a_relative_redirect_is_signed_too(judge: Judge, session: OAuth1Session) -> None:
    async with session.get(f"{judge.origin}/redirect/302?to=landed") as response:
        assert response.status == 200
    assert judge.arrivals[1].target == "/redirect/landed"


@by_method
async def test_a_signature_is_accepted_in_header_query_and_body(
    judge: Judge, signature_method: SignatureMethod
) -> None:
    url, form = f"{judge.origin}/r?a=1&b=%2B", b"a=%20&c"
    async with OAuth1Session(
        consumer_of(judge), token_for(judge, "alice"), signature_method=signature_method, allow_http=True
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


@by_oauthlib
async def test_the_middleware_signs_in_a_session_of_the_user(judge: Judge) -> None:
    middleware = OAuth1Middleware(consumer_of(judge), token_for(judge, "alice"), origins=[judge.origin])
    async with aiohttp.ClientSession(middlewares=(middleware,)) as http:
        for call in [http.get(f"{judge.origin}/r?a=+"), http.put(f"{judge.origin}/r", data={"a": "x y"})]:
            async with call as response:
                assert response.status == 200, await response.text()
    assert [verdict.user for verdict in judge.verdicts] == ["alice"] * 2


async def test_a_wrong_secret_is_refused_and_the_refusal_returned(judge: Judge) -> None:
    async with (
        OAuth1Session(Consumer(judge.consumer_key, "wrong"), token_for(judge, "alice")) as session,
        session.get(f"{judge.origin}/r") as response,
    ):
        with pytest.raises(ProviderError) as raised:
            await raise_for_problem(response)
        assert raised.value.status == 401
        assert "signature" in (await response.json())["refused"]


# Where a judge errs: it refuses, and a base string by the RFC's letter shows that we signed rightly.

WRONG, INVALID = "wrong: signature", "invalid_signature"
OAUTHLIB_ERRS = {
    "bytes in a query that are not UTF-8: oauthlib reads U+FFFD (RFC 5849 3.6 keeps bytes)": Difference(
        Shape("/r?a=%FF&b=%C3", encoded=True), WRONG, [("a", "%FF"), ("b", "%C3")]
    ),
    "bytes in a form that are not UTF-8: likewise": Difference(
        Shape("/r", method="POST", options=typed(b"a=%FE")), WRONG, [("a", "%FE")]
    ),
    "a form with a byte that is not ASCII: oauthlib takes it for no form": Difference(
        Shape("/r", method="POST", options=typed(b"a=\xc3\xa9")), WRONG, [("a", "%C3%A9")]
    ),
    "a form's media type in capital letters: oauthlib knows lower case alone (RFC 9110 8.3.1)": Difference(
        Shape("/r", method="POST", options=typed(b"a=1", "Application/X-WWW-Form-URLencoded")),
        WRONG,
        [("a", "1")],
    ),
    "a media type with a form's name in a parameter: oauthlib takes it for a form": Difference(
        Shape("/r", method="POST", options=typed(b"a=1", f'text/plain; of="{FORM}"')), WRONG, []
    ),
    "a % without two digits in a query: oauthlib raises": Difference(
        Shape("/r?a=%zz&b=5%", encoded=True), "Invalid hex encoding", [("a", "%25zz"), ("b", "5%25")]
    ),
    "a ; at the end of a path: oauthlib loses it (RFC 5849 3.4.1.2 takes the path whole)": Difference(
        Shape("/r;", encoded=True), WRONG, []
    ),
    "an IPv6 literal: oauthlib rewrites it (RFC 5849 3.4.1.2 takes the Host header)": Difference(
        Shape("/r", options=lambda: {"headers": {"Host": "[2001:0db8:0::1]"}}),
        WRONG,
        [],
        "http://[2001:0db8:0::1]/r",
    ),
    "a parameter of one's own that begins with oauth_: oauthlib takes it for the protocol's": Difference(
        Shape("/r?oauth_hint=1"), "must come from only 1 signature", [("oauth_hint", "1")]
    ),
}
AUTHLIB_ERRS = {
    "a quote or dollar in a query: Authlib raises (RFC 3986 3.4 has them bare)": Difference(
        QUERIES["quotes and a dollar"], "Found invalid characters", [("q", "it%27s%22%24")]
    ),
    "a parameter named realm: Authlib drops it (RFC 5849 3.4.1.3.1 drops the header's alone)": Difference(
        QUERIES["a parameter named realm"], INVALID, [("realm", "posts")]
    ),
    "bytes in a query that are not UTF-8: Authlib reads U+FFFD (RFC 5849 3.6 keeps bytes)": Difference(
        Shape("/r?a=%FF", encoded=True), INVALID, [("a", "%FF")]
    ),
    "a quote in a form: Authlib takes it for no form": Difference(
        Shape("/r", method="POST", options=typed(b"a=it's")), INVALID, [("a", "it%27s")]
    ),
    "a % without two digits in a query: Authlib raises": Difference(
        Shape("/r?a=%zz", encoded=True), "Invalid hex encoding", [("a", "%25zz")]
    ),
    "a ; at the end of a path: Authlib loses it (RFC 5849 3.4.1.2 takes the path whole)": Difference(
        Shape("/r;", encoded=True), INVALID, []
    ),
    "the default port behind an IPv6 literal: Authlib keeps it (RFC 5849 3.4.1.2 drops it)": Difference(
        Shape("/r", options=lambda: {"headers": {"Host": "[2001:db8::1]:80"}}),
        INVALID,
        [],
        "http://[2001:db8::1]/r",
    ),
    "a parameter of one's own that begins with oauth_: Authlib takes it for the protocol's": Difference(
        Shape("/r?oauth_hint=1"), "must come from only 1 signature type", [("oauth_hint", "1")]
    ),
}


@pytest.mark.parametrize(
    ("judge", "difference"),
    [(OauthlibJudge, each) for each in OAUTHLIB_ERRS.values()]
    + [(AuthlibJudge, each) for each in AUTHLIB_ERRS.values()],
    indirect=["judge"],
    ids=[*OAUTHLIB_ERRS, *AUTHLIB_ERRS],
)
async def test_known_difference(judge: Judge, difference: Difference) -> None:
    await show_difference(judge, difference)


@by_authlib
async def test_known_difference_authlib_decodes_a_percent_sign_in_a_consumer_key_twice(judge: Judge) -> None:
    judge.book.consumers["a%41"] = judge.consumer_secret
    judge.consumer_key = "a%41"
    await show_difference(judge, Difference(Shape("/r"), INVALID, []))


@by_oauthlib
async def test_bare_brackets_in_a_query_are_refused_by_us_as_by_oauthlib(
    judge: Judge, session: OAuth1Session
) -> None:
    with pytest.raises(SigningError, match=r"'\['"):
        await session.get(URL(f"{judge.origin}/r?a[]=1", encoded=True))
    assert judge.arrivals == []
