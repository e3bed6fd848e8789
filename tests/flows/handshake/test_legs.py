"""The three legs one by one: what goes out, what comes back, and what is refused before it goes out."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from handshakes.endpoint import CONSUMER, REQUEST_TOKEN, Endpoint, http
from handshakes.shown import leaks

from aiooauth1 import (
    Handshake,
    MemoryStore,
    Provider,
    ProviderError,
    RequestToken,
    SigningError,
    TimestampRefused,
)
from aiooauth1.flows.handshake.legs import Legs
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, PLAINTEXT, SignatureMethod
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


pytestmark = pytest.mark.socket

ACCESS = b"oauth_token=at&oauth_token_secret=s"
CALLBACK = "https://consumer.example/connected?flow=7&a=b%20c#top"
ASKED = RequestToken("rt & key", "rt-secret")


def query_of(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)


async def all_legs(legs: Legs, fake: FakeProvider) -> str:
    """Go through the three legs; return for whom the access token speaks."""
    asked = await legs.fetch_request_token(CALLBACK, params={"lang": "é +&="})
    back = await fake.approve(legs.authorization_url(asked), user="ann")
    token = await legs.fetch_access_token(asked, dict(query_of(back))["oauth_verifier"], params={"x": "a+b"})
    return token.params["screen_name"]


@pytest.mark.parametrize("signature_method", [HMAC_SHA1, HMAC_SHA256, PLAINTEXT], ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("method", "placement"),
    [("POST", "header"), ("POST", "query"), ("POST", "body"), ("GET", "header"), ("GET", "query")],
)
async def test_each_leg_is_verified_in_every_placement(
    fake: FakeProvider, method: str, placement: Any, signature_method: SignatureMethod
) -> None:
    provider = replace(
        fake.provider,
        request_token_method=method,
        access_token_method=method,
        request_token_placement=placement,
        access_token_placement=placement,
        signature_method=signature_method,
    )
    async with Legs(provider, fake.consumer, allow_http=True) as legs:
        assert await all_legs(legs, fake) == "ann"
    assert fake.refused() == []
    asked = [arrival for arrival in fake.ledger if arrival.endpoint != "authorize"]
    assert [arrival.method for arrival in asked] == [method] * 2
    assert [arrival.header("Authorization") is not None for arrival in asked] == [placement == "header"] * 2
    assert [b"oauth_signature" in arrival.target for arrival in asked] == [placement == "query"] * 2
    assert [b"oauth_signature" in arrival.body for arrival in asked] == [placement == "body"] * 2


class Slow:
    """A method that takes long, as RSA with a large key does, and keeps account of where it was at work."""

    name = HMAC_SHA256.name
    hash_name = HMAC_SHA256.hash_name
    takes_long = True

    def __init__(self) -> None:
        self.threads: list[int] = []

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        self.threads.append(threading.get_ident())
        return HMAC_SHA256.sign(base_string, consumer_secret, token_secret)


async def test_a_slow_signature_method_signs_in_a_thread(fake: FakeProvider) -> None:
    slow = Slow()
    provider = replace(fake.provider, signature_method=slow, sign_authorize_url=True)
    async with Handshake(provider, fake.consumer, store=MemoryStore()) as handshake:
        pending = await handshake.begin("oob", bind="ann's browser")
        assert len(slow.threads) == 2  # the request for the request token, and the URL
        assert threading.get_ident() not in slow.threads
        # The leg alone signs it too, in the thread of its caller.
        asked = dict(query_of(pending.url))
        alone = await asyncio.to_thread(handshake.authorization_url, pending.request_token)
        assert dict(query_of(alone)).keys() == asked.keys() >= {"oauth_signature", "oauth_token"}
        pin = await fake.approve(pending.url, user="ann")
        token = await handshake.complete_with_verifier(pending.request_token.key, pin, bind="ann's browser")
    assert token.params["screen_name"] == "ann"
    assert len(slow.threads) == 4
    assert threading.get_ident() not in slow.threads


async def test_the_caller_s_clock_and_nonce_are_used(fake: FakeProvider) -> None:
    numbers = itertools.count(1)
    now = 1_700_000_000.9
    async with (
        FakeProvider(consumer=fake.consumer, clock=lambda: now) as then,
        Legs(then.provider, fake.consumer, clock=lambda: now, nonce=lambda: f"nonce{next(numbers)}") as legs,
    ):
        assert await all_legs(legs, then) == "ann"
        signed = [arrival for arrival in then.ledger if arrival.nonce]
    assert [(arrival.nonce, arrival.timestamp) for arrival in signed] == [
        ("nonce1", "1700000000"),
        ("nonce2", "1700000000"),
    ]


async def test_a_protocol_parameter_in_params_is_refused() -> None:
    async with Endpoint(http(REQUEST_TOKEN)) as endpoint, Legs(endpoint.provider, CONSUMER) as legs:
        for name in ("oauth_callback", "oauth_consumer_key", "oauth_nonce"):
            with pytest.raises(SigningError, match=name):
                await legs.fetch_request_token(CALLBACK, params={name: "mine"})
        assert endpoint.requests == []


REMOTE = Provider(
    "remote",
    request_token_url="https://provider.example/request_token",
    authorize_url="https://provider.example/authorize",
    access_token_url="https://provider.example/access_token",
)


@pytest.mark.parametrize("query", ["", "?x=%2f"])
def test_the_authorize_url_has_the_token_and_more_params(query: str) -> None:
    url = "https://provider.example/authorize" + query
    more = "oauth_token=rt%20%26%20key&a=%C3%A9%2B%20%26"
    legs = Legs(replace(REMOTE, authorize_url=url), CONSUMER)
    assert legs.authorization_url(ASKED, a="é+ &") == url + ("&" if query else "?") + more


def test_the_authorize_url_is_signed_without_the_token_secret() -> None:
    legs = Legs(REMOTE, CONSUMER, clock=lambda: 7.0, nonce=lambda: "n")
    url = legs.authorization_url(ASKED, signed=True, a="é+ &")
    other = legs.authorization_url(replace(ASKED, secret="other"), signed=True, a="é+ &")
    assert url == other
    query = dict(query_of(url))
    assert query.pop("oauth_signature")
    assert query == {
        "a": "é+ &",
        "oauth_consumer_key": CONSUMER.key,
        "oauth_nonce": "n",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "7",
        "oauth_token": ASKED.key,
        "oauth_version": "1.0",
    }


@pytest.mark.parametrize("signed", [False, True])
def test_no_parameter_replaces_the_request_token(signed: bool) -> None:
    """Where it is filled from outside, the user would approve a stranger's handshake."""
    with pytest.raises((ValueError, SigningError), match="oauth_token"):
        Legs(REMOTE, CONSUMER).authorization_url(ASKED, signed=signed, oauth_token="a stranger's")


@pytest.mark.parametrize("signature_method", [PLAINTEXT, type("Alike", (type(PLAINTEXT),), {})()])
async def test_plaintext_never_signs_the_authorize_url(signature_method: SignatureMethod) -> None:
    async with Endpoint(http(REQUEST_TOKEN)) as endpoint:
        provider = replace(endpoint.provider, signature_method=signature_method)
        for one in (provider, replace(provider, sign_authorize_url=True)):
            async with Handshake(one, CONSUMER, store=MemoryStore(), allow_http=True) as handshake:
                with pytest.raises(SigningError, match="the consumer secret itself") as raised:
                    handshake.authorization_url(ASKED, signed=True)
                assert leaks(raised.value, [CONSUMER.secret]) == []
                if one.sign_authorize_url:
                    with pytest.raises(SigningError, match="the consumer secret itself"):
                        await handshake.begin(CALLBACK, bind="browser")
                    with pytest.raises(SigningError, match="the consumer secret itself"):
                        handshake.authorization_url(ASKED)
                else:
                    assert CONSUMER.secret not in handshake.authorization_url(ASKED)
        assert endpoint.requests == []


# A provider whose clock is not ours

HOURS = 3600.0


def skewed(seconds: float) -> FakeProvider:
    return FakeProvider(clock=lambda: time.time() + seconds)


@pytest.mark.parametrize("ahead", [6 * HOURS, -6 * HOURS, 600.0])
@pytest.mark.parametrize("signed", [False, True])
async def test_begin_learns_clock_skew_for_the_exchange(ahead: float, signed: bool) -> None:
    async with skewed(ahead) as fake:
        provider = replace(fake.provider, sign_authorize_url=signed)
        async with Handshake(provider, fake.consumer, store=MemoryStore()) as handshake:
            for _ in range(2):
                pending = await handshake.begin("oob", bind="browser")
                pin = await fake.approve(pending.url, user="ann")
                key = pending.request_token.key
                token = await handshake.complete_with_verifier(key, pin, bind="browser")
                assert token.params["screen_name"] == "ann"
        asked = [arrival.endpoint for arrival in fake.ledger if arrival.endpoint != "authorize"]
        # Only the first request of all is repeated.
        assert asked == ["request_token", "request_token", "access_token", "request_token", "access_token"]


def refused(body: bytes, *, hours: float, status: str = "401 No") -> bytes:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    return http(body, status=status, Date=date)


UNEXPLAINED = b"no"
NONCE = b"oauth_problem=nonce_used"
TIMESTAMP = b"oauth_problem=timestamp_refused"
X_32 = b'{"errors": [{"code": 32, "message": "Could not authenticate you."}]}'


@pytest.mark.parametrize(
    ("first", "asked", "exchanged"),
    [
        (partial(refused, TIMESTAMP, hours=6), 2, 2),
        # A fresh nonce that is "used", by a clock far from ours: passport-http-oauth says so.
        (partial(refused, NONCE, hours=6), 2, 1),
        (partial(refused, UNEXPLAINED, hours=6), 2, 1),
        (partial(refused, UNEXPLAINED, hours=0), 1, 1),
        (partial(refused, NONCE, hours=0), 1, 1),
        (partial(refused, UNEXPLAINED, hours=6, status="403 No"), 1, 1),
        (partial(refused, b"oauth_problem=signature_invalid", hours=6), 1, 1),
        # X and NetSuite say so of a bad timestamp too.
        (partial(refused, X_32, hours=6), 2, 1),
        (partial(refused, b'{"error": {"code": "INVALID_LOGIN_ATTEMPT"}}', hours=-6), 2, 1),
        (partial(refused, X_32, hours=0), 1, 1),
        (partial(refused, TIMESTAMP, hours=48), 1, 1),  # not believed
        (partial(refused, TIMESTAMP, hours=0), 1, 1),  # nothing to correct
    ],
)
async def test_only_clock_skew_is_retried(first: Callable[[], bytes], asked: int, exchanged: int) -> None:
    for leg, times, reply in (("request_token", asked, REQUEST_TOKEN), ("access_token", exchanged, ACCESS)):
        async with Endpoint(first(), http(reply)) as endpoint, Legs(endpoint.provider, CONSUMER) as legs:
            call: Awaitable[object] = (
                legs.fetch_request_token("oob")
                if leg == "request_token"
                else legs.fetch_access_token(ASKED, "v")
            )
            with nullcontext() if times == 2 else pytest.raises(ProviderError):
                await call
            assert (leg, len(endpoint.requests)) == (leg, times)


async def test_a_refused_timestamp_reports_the_clock_difference() -> None:
    now = 1_700_000_000.0
    range_ = f"{now + 100:.0f}-{now + 300:.0f}".encode()
    body = b"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=" + range_
    async with (
        Endpoint(http(body, status="401 No")) as endpoint,
        Legs(endpoint.provider, CONSUMER, clock=lambda: now) as legs,
    ):
        with pytest.raises(TimestampRefused) as raised:
            await legs.fetch_request_token("oob")
        assert len(endpoint.requests) == 2
    assert vars(raised.value)["clock_difference"] == 200.0


async def test_a_wrong_date_is_not_kept() -> None:
    async with (
        Endpoint(
            refused(UNEXPLAINED, hours=6), refused(UNEXPLAINED, hours=6), http(REQUEST_TOKEN)
        ) as endpoint,
        Legs(endpoint.provider, CONSUMER) as legs,
    ):
        with pytest.raises(ProviderError):
            await legs.fetch_request_token("oob")
        await legs.fetch_request_token("oob")
        stamps = [
            int(request.partition(b'oauth_timestamp="')[2].partition(b'"')[0])
            for request in endpoint.requests
        ]
    assert stamps[1] - stamps[0] > 5 * HOURS
    assert abs(stamps[2] - stamps[0]) < 60


async def test_a_missing_endpoint_is_named() -> None:
    async with Legs(Provider("bare"), CONSUMER) as legs:
        with pytest.raises(ValueError, match="'bare' has no request_token_url"):
            await legs.fetch_request_token(CALLBACK)
        with pytest.raises(ValueError, match="'bare' has no authorize_url"):
            legs.authorization_url(ASKED)
        with pytest.raises(ValueError, match="'bare' has no access_token_url"):
            await legs.fetch_access_token(ASKED, "v")


async def test_plain_http_elsewhere_and_plaintext_over_http_are_refused() -> None:
    http_elsewhere = replace(REMOTE, access_token_url="http://provider.example/access_token")
    async with Legs(http_elsewhere, CONSUMER) as legs:
        with pytest.raises(SigningError, match="plain http"):
            await legs.fetch_access_token(ASKED, "v")
    async with Endpoint(http(b"")) as endpoint:
        async with Legs(replace(endpoint.provider, signature_method=PLAINTEXT), CONSUMER) as legs:
            with pytest.raises(SigningError, match="PLAINTEXT over http"):
                await legs.fetch_access_token(ASKED, "v")
        assert endpoint.requests == []


async def test_legs_work_without_a_loop_at_construction(fake: FakeProvider) -> None:
    legs = Legs(fake.provider, fake.consumer)
    asked = await legs.fetch_request_token("oob")
    pin = await fake.approve(legs.authorization_url(asked), user="ann")
    assert (await legs.fetch_access_token(asked, pin)).params["screen_name"] == "ann"
    with pytest.raises(ProviderError):
        await legs.fetch_access_token(asked, pin)
    await legs.aclose()
    await legs.aclose()
    for call in (legs.fetch_request_token("oob"), legs.fetch_access_token(asked, pin)):
        with pytest.raises(RuntimeError, match="closed"):
            await call
