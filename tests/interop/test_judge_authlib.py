"""Authlib's ResourceProtector judges what our session sends, over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from judges.authlib_judge import AuthlibJudge
from judges.shapes import FORMS, PARAMS, PATHS, QUERIES, UNSIGNED_BODIES, Shape, named, typed
from judges.show import Difference, consumer_of, show, show_difference, token_for

from aiooauth1 import Consumer, OAuth1Session, raise_for_problem
from aiooauth1.errors import ProviderError
from aiooauth1.signing import HMAC_SHA1, PLAINTEXT, SignatureMethod


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


pytestmark = pytest.mark.socket

ERRS = {"quotes and a dollar", "a parameter named realm"}  # among the known differences below


@pytest.fixture
async def judge() -> AsyncIterator[AuthlibJudge]:
    async with AuthlibJudge() as running:
        yield running


@pytest.fixture
async def session(judge: AuthlibJudge) -> AsyncIterator[OAuth1Session]:
    async with OAuth1Session(consumer_of(judge), token_for(judge, "alice")) as signing:
        yield signing


@pytest.mark.parametrize(**named({name: shape for name, shape in QUERIES.items() if name not in ERRS}))
async def test_queries(judge: AuthlibJudge, session: OAuth1Session, shape: Shape) -> None:
    await show(session, judge, shape)


@pytest.mark.parametrize(**named(PARAMS | PATHS))
async def test_params_and_paths(judge: AuthlibJudge, session: OAuth1Session, shape: Shape) -> None:
    await show(session, judge, shape)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(**named(FORMS | UNSIGNED_BODIES))
async def test_bodies(judge: AuthlibJudge, session: OAuth1Session, shape: Shape, method: str) -> None:
    await show(session, judge, shape.by(method))


async def test_a_form_whose_media_type_is_in_capital_letters(
    judge: AuthlibJudge, session: OAuth1Session
) -> None:
    options = typed(b"a=1", "Application/X-WWW-Form-URLencoded; Charset=UTF-8")
    await show(session, judge, Shape(method="POST", options=options, body=b"a=1"))


@pytest.mark.parametrize("signature_method", [HMAC_SHA1, PLAINTEXT], ids=lambda method: method.name)
async def test_signature_methods_with_secrets_that_must_be_encoded(
    judge: AuthlibJudge, signature_method: SignatureMethod
) -> None:
    secret = judge.book.consumers[judge.consumer_key] = 's&c=r%e+t ü"'
    consumer, token = Consumer(judge.consumer_key, secret), token_for(judge, "alice", "%26 ☃/~")
    async with OAuth1Session(consumer, token, signature_method=signature_method, allow_http=True) as session:
        await show(
            session, judge, Shape("/r?a=1", method="POST", options=lambda: {"data": {"a": "ü"}}, body=None)
        )


@pytest.mark.parametrize("status", [302, 307])
async def test_both_hops_of_a_redirect_at_home_are_signed_afresh(
    judge: AuthlibJudge, session: OAuth1Session, status: int
) -> None:
    async with session.post(f"{judge.origin}/redirect/{status}?to=/landed", data={"a": "1"}) as response:
        assert response.status == 200
    assert [arrival.method for arrival in judge.arrivals] == ["POST", "GET" if status == 302 else "POST"]
    assert [verdict.user for verdict in judge.verdicts] == ["alice", "alice"]
    assert len({arrival.oauth["oauth_nonce"] for arrival in judge.arrivals}) == 2


async def test_a_wrong_secret_is_refused(judge: AuthlibJudge) -> None:
    async with (
        OAuth1Session(Consumer(judge.consumer_key, "wrong"), token_for(judge, "alice")) as session,
        session.get(f"{judge.origin}/r") as response,
    ):
        with pytest.raises(ProviderError):
            await raise_for_problem(response)
    assert judge.verdicts[0].refused == "invalid_signature: "


# Where Authlib errs: it refuses, and a base string by the RFC's letter shows that we signed rightly.

KNOWN_DIFFERENCES = {
    "a quote or dollar in a query: Authlib raises (RFC 3986 3.4 has them bare)": Difference(
        QUERIES["quotes and a dollar"], "Found invalid characters", [("q", "it%27s%22%24")]
    ),
    "a parameter named realm: Authlib drops it (RFC 5849 3.4.1.3.1 drops the header's alone)": Difference(
        QUERIES["a parameter named realm"], "invalid_signature", [("realm", "posts")]
    ),
    "bytes in a query that are not UTF-8: Authlib reads U+FFFD (RFC 5849 3.6 keeps bytes)": Difference(
        Shape("/r?a=%FF", encoded=True), "invalid_signature", [("a", "%FF")]
    ),
    "a quote in a form: Authlib takes it for no form": Difference(
        Shape("/r", method="POST", options=typed(b"a=it's")), "invalid_signature", [("a", "it%27s")]
    ),
    "a % without two digits in a query: Authlib raises": Difference(
        Shape("/r?a=%zz", encoded=True), "Invalid hex encoding", [("a", "%25zz")]
    ),
    "a ; at the end of a path: Authlib loses it (RFC 5849 3.4.1.2 takes the path whole)": Difference(
        Shape("/r;", encoded=True), "invalid_signature", []
    ),
    "the default port behind an IPv6 literal: Authlib keeps it (RFC 5849 3.4.1.2 drops it)": Difference(
        Shape("/r", options=lambda: {"headers": {"Host": "[2001:db8::1]:80"}}),
        "invalid_signature",
        [],
        "http://[2001:db8::1]/r",
    ),
    "a parameter of one's own that begins with oauth_: Authlib takes it for the protocol's": Difference(
        Shape("/r?oauth_hint=1"), "must come from only 1 signature type", [("oauth_hint", "1")]
    ),
}


@pytest.mark.parametrize("difference", KNOWN_DIFFERENCES.values(), ids=KNOWN_DIFFERENCES)
async def test_known_difference(judge: AuthlibJudge, difference: Difference) -> None:
    await show_difference(judge, difference)


async def test_known_difference_authlib_decodes_a_percent_sign_in_a_consumer_key_twice(
    judge: AuthlibJudge,
) -> None:
    judge.book.consumers["a%41"] = judge.consumer_secret
    judge.consumer_key = "a%41"
    await show_difference(judge, Difference(Shape("/r"), "invalid_signature", []))
