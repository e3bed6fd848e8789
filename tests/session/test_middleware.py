"""OAuth1Middleware signs the requests of any ClientSession to its origins, and no other."""

from __future__ import annotations

import time
import warnings
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import BasicAuth, ClientSession, hdrs
from wire.leaks import leaks
from wire.listener import DROP, Arrival, Listener, reply
from wire.oracle import oauth_parameters, verified
from wire.people import CONSUMER, SECRETS, TOKEN, provider_at, signing

from aiooauth1 import OAuth1Middleware, OutcomeUnknown, Provider, RequestToken, SigningError
from aiooauth1.signing import PLAINTEXT, SigningRules


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import ClientResponse


pytestmark = pytest.mark.socket


def clean(response: ClientResponse) -> None:
    """Assert that a response does not show what its request was signed with."""
    assert hdrs.AUTHORIZATION not in response.request_info.headers
    assert not leaks(repr(response.request_info) + repr(response), (*SECRETS, "oauth_"))


def client_for(*origins: str, **options: Any) -> ClientSession:
    """Return a session of aiohttp's with the middleware for these origins."""
    middleware = OAuth1Middleware(CONSUMER, TOKEN, origins=origins, **options)
    return ClientSession(middlewares=(middleware,))


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SAME: dict[str, tuple[str, str, Callable[[], dict[str, Any]]]] = {
    "a query": ("GET", "/r?a=1&a=%2B&b=%20", dict),
    "HEAD": ("HEAD", "/r", dict),
    "a form": ("POST", "/r?q=1", lambda: {"data": b"a=1&a=%C3%BC+x", "headers": FORM}),
    "a form as a mapping": ("PATCH", "/r", lambda: {"data": {"a": "1"}}),
    "JSON": ("PUT", "/r", lambda: {"json": {"text": "h"}}),
    "nothing": ("DELETE", "/r", dict),
    "another Host": ("GET", "/r", lambda: {"headers": {"Host": "API.Example.com:80"}}),
}


@pytest.mark.parametrize("name", SAME)
async def test_the_middleware_sends_what_the_session_sends(listener: Listener, name: str) -> None:
    method, target, options = SAME[name]
    fixed: dict[str, Any] = {"clock": lambda: 1_700_000_000.5, "nonce": lambda: "nonce" * 5, "realm": "R"}
    async with signing(**fixed) as session, client_for(listener.origin, **fixed) as http:
        for one in (session, http):
            async with one.request(method, listener.origin + target, **options()) as response:
                clean(response)
    by_session, by_middleware = listener.arrivals
    assert by_middleware.octets == by_session.octets
    verified(by_middleware, CONSUMER, TOKEN)


async def test_requests_to_other_origins_are_passed_on_unchanged(listener: Listener) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a=1"

    async with Listener() as other, ClientSession() as bare, client_for(listener.origin) as http:
        for one in (bare, http):
            await one.post(other.origin, data=pieces(), headers={"Authorization": "Bearer own", **FORM})
            await one.get(f"{other.origin}/r?oauth_nonce=1")
        unchanged = [arrival.octets for arrival in other.arrivals]
        assert unchanged[2:] == unchanged[:2]


async def test_redirects_are_signed_for_the_origins_of_the_middleware_alone(listener: Listener) -> None:
    async with Listener() as second, Listener() as third:
        listener.answer = lambda _: reply(302, {"Location": f"{second.origin}/on"})
        second.answer = lambda _: reply(302, {"Location": f"{third.origin}/on"})
        async with client_for(listener.origin, second.origin) as http:
            await http.get(listener.origin)
        for signed in (*listener.arrivals, *second.arrivals):
            verified(signed, CONSUMER, TOKEN)
        assert (len(second.arrivals), len(third.arrivals)) == (1, 1)
        assert b"oauth" not in third.arrivals[0].octets.lower()


async def test_the_middleware_raises_as_the_session_does_and_signs_no_websocket(listener: Listener) -> None:
    async with client_for(listener.origin) as http:
        with pytest.raises(SigningError):
            await http.get(listener.origin, headers={"Authorization": "Bearer other"})
        assert listener.connections == 0
        listener.answer = lambda _: DROP
        with pytest.raises(OutcomeUnknown):
            await http.delete(listener.origin)
        listener.answer = lambda _: reply(400)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(listener.origin.replace("http", "ws"))
    assert [arrival.header("Authorization") is None for arrival in listener.arrivals] == [False, True]


def basic(password: str) -> BasicAuth:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer versions of aiohttp take a header too
        return BasicAuth("ann", password)


IN_QUERY = {"placement": "query"}
# name: the arguments, a provider's quirks if it is for one, the error, and what it says
# what it must not sign for
ORIGINS = (
    "api.test",
    "",
    "https://",
    "https://[malformed",
    "ftp://api.test",
    "https://u@api.test",
    "http://api.test",
)
FIT = {"origins": ("https://api.test",)}
UNFIT: list[dict[str, Any]] = [
    *({"origins": (origin,)} for origin in ORIGINS),
    {"origins": "https://api.test"},
    {"origins": ("http://localhost",), "signature_method": PLAINTEXT},
    {**FIT, "realm": "a\nb"},
    {},
]
# what it cannot honour: a provider's quirks, its options, the error, and what it says
DISHONOURED: list[tuple[dict[str, Any], dict[str, Any], type[Exception], str]] = [
    ({"signs_calls": False}, {}, SigningError, "takes no signed calls"),
    ({"public_only": True}, {}, SigningError, "use OAuth1Session"),
    ({}, {"basic_auth": basic("p")}, TypeError, "placement='query' or 'body'"),
    (IN_QUERY, {"basic_auth": "ann:p"}, TypeError, "BasicAuth or None, not str$"),
    (IN_QUERY, {"basic_auth": basic("€")}, ValueError, "latin1 lacks"),
    ({}, {"signature_method": "HMAC-MD5"}, TypeError, "no signature method is called 'HMAC-MD5'"),
]


@pytest.mark.parametrize("options", UNFIT, ids=str)
def test_a_middleware_for_an_insecure_or_malformed_origin_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SigningError):
        OAuth1Middleware(CONSUMER, TOKEN, **options)


@pytest.mark.parametrize(("quirks", "options", "error", "told"), DISHONOURED, ids=str)
def test_a_middleware_for_a_provider_or_option_that_it_cannot_honour_is_refused(
    quirks: dict[str, Any], options: dict[str, Any], error: type[Exception], told: str
) -> None:
    provider = Provider("home", base_url="https://home.example/", **quirks)
    with pytest.raises(error, match=told):
        OAuth1Middleware(CONSUMER, TOKEN, provider=provider, **options)


def test_the_middleware_shows_no_secret_and_is_hashable() -> None:
    middleware = OAuth1Middleware(CONSUMER, TOKEN, origins=("https://api.test",))
    assert not leaks(repr(middleware), SECRETS)
    assert {middleware: 1}[middleware] == 1  # aiohttp 4 keeps chains by their middlewares


OLD = "oauth_consumer_key=k&oauth_nonce=old&oauth_signature=old&oauth_token=t"
IN_BODY = {"placement": "body"}
BASIC = {"basic_auth": basic("pässword")}
RULES = {"rules": SigningRules(send_version=False), "nonce_length": 24, "user_agent": "service/1.0"}
SORTED = {"rules": SigningRules(sorted_parameters=True)}
GATEWAY = b"Authorization: Basic YW5uOnDkc3N3b3Jk"
# name: the provider's quirks, the middleware's options, the target, and what arrives, and what must not
HONOURED: dict[str, tuple[dict[str, Any], dict[str, Any], str, list[bytes], bytes]] = {
    "the header": (
        {},
        {},
        "/r?own=1",
        [b": OAuth oauth_", b"?own=1 ", b"\n\r\nz=1&b=2"],
        b"&oauth",
    ),
    "the query": (IN_QUERY, {}, "/r?own=1", [b"/r?own=1&oauth_", b"\n\r\nz=1&b=2"], b"Authorization"),
    "the body": (IN_BODY, {}, "/r?own=1", [b"?own=1 ", b"\n\r\nz=1&b=2&oauth_"], b"Authorization"),
    "rules, nonce length and user agent": (RULES, {}, "/r", [b"User-Agent: service/1.0"], b"oauth_version"),
    "a gateway, by the query": (IN_QUERY, BASIC, "/r", [GATEWAY, b"/r?oauth_"], b"OAuth"),
    "a gateway, by the body": (IN_BODY, BASIC, "/r", [GATEWAY, b"&oauth_signature="], b"OAuth"),
    # WooCommerce's Link fields repeat them (woocommerce/wc-api-python#24).
    "a link with old parameters": (IN_QUERY, {}, f"/r?page=2&{OLD}", [b"/r?page=2&oauth_"], b"old"),
    "sorted parameters": (SORTED, {}, "/r?f=2&a=1", [b"/r?a=1&f=2 ", b"\n\r\nb=2&z=1"], b"?oauth"),
}


@pytest.mark.parametrize("name", HONOURED)
async def test_the_middleware_honours_what_a_provider_says(listener: Listener, name: str) -> None:
    quirks, options, target, present, absent = HONOURED[name]
    middleware = OAuth1Middleware(CONSUMER, TOKEN, provider=provider_at(listener, **quirks), **options)
    async with (
        ClientSession(middlewares=(middleware,)) as http,
        http.post(listener.origin + target, data=b"z=1&b=2", headers=FORM) as response,
    ):
        clean(response)
    (arrival,) = listener.arrivals
    assert [part for part in present if part not in arrival.octets] == []
    assert absent not in arrival.octets
    assert arrival.octets.count(b"oauth_nonce=") == 1
    if b"Authorization: OAuth" in arrival.octets:
        verified(arrival, CONSUMER, TOKEN)


async def test_an_error_of_a_query_signed_by_the_middleware_shows_no_signature(listener: Listener) -> None:
    listener.answer = lambda arrival: reply(302, {"Location": arrival.target})
    middleware = OAuth1Middleware(CONSUMER, TOKEN, provider=provider_at(listener, **IN_QUERY))
    async with ClientSession(middlewares=(middleware,)) as http:
        with pytest.raises(aiohttp.TooManyRedirects) as raised:
            await http.get(f"{listener.origin}/r?own=1")
    assert "oauth_" not in repr(raised.value) + str(raised.value)
    assert len(listener.arrivals) == 10


async def test_timestamps_do_not_decrease_if_the_provider_minds(listener: Listener) -> None:
    times = iter((500.0, 400.0))
    provider = provider_at(listener, monotonic_timestamps=True)
    middleware = OAuth1Middleware(CONSUMER, TOKEN, provider=provider, clock=lambda: next(times))
    async with ClientSession(middlewares=(middleware,)) as http:
        for _ in range(2):
            await http.get(listener.origin)
    stamps = [oauth_parameters(arrival)["oauth_timestamp"] for arrival in listener.arrivals]
    assert stamps == ["500", "500"]


@pytest.mark.parametrize(
    ("given", "options", "says"),
    [
        (("key", "secret"), {}, "consumer must be a Consumer"),
        ((CONSUMER, "token"), {}, "token must be an AccessToken or None, not str"),
        ((CONSUMER, RequestToken("k", "s")), {}, "token must be an AccessToken or None, not RequestToken"),
        ((CONSUMER,), {"provider": "home"}, "provider must be a Provider, not str"),
        ((CONSUMER,), {"provider": Provider}, "not the class Provider"),
        ((CONSUMER,), {"clock": 5}, "clock must be a function"),
        ((CONSUMER,), {"nonce": "n"}, "nonce must be a function"),
    ],
)
def test_the_middleware_names_arguments_of_another_type(
    given: tuple[Any, ...], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(TypeError, match=says):
        OAuth1Middleware(*given, **{"origins": ("https://a.example",), **options})


async def test_the_cookie_jar_of_the_docstring_keeps_no_cookies(listener: Listener) -> None:
    assert "DummyCookieJar" in (OAuth1Middleware.__doc__ or "")
    listener.answer = lambda _: reply(200, {"Set-Cookie": "a=1"})
    middleware = OAuth1Middleware(CONSUMER, TOKEN, origins=(listener.origin,))
    async with ClientSession(middlewares=(middleware,), cookie_jar=aiohttp.DummyCookieJar()) as http:
        for _ in range(2):
            await http.get(listener.origin)
    assert [one.header("Cookie") for one in listener.arrivals] == [None, None]


@pytest.mark.parametrize(
    "body",
    [
        b"oauth_problem=timestamp_refused",
        b"oauth_problem=nonce_used",  # passport-http-oauth
        b'{"errors": [{"code": 32, "message": "Could not authenticate you."}]}',  # X
        b"",
    ],
)
async def test_a_refused_timestamp_corrects_the_clock_of_the_middleware(
    listener: Listener, body: bytes
) -> None:
    def answer(arrival: Arrival) -> bytes:
        theirs = time.time() + 3600
        if abs(theirs - int(oauth_parameters(arrival)["oauth_timestamp"])) < 300:
            return reply()
        return reply(401, {"Date": formatdate(theirs, usegmt=True)}, body)

    listener.answer = answer
    async with client_for(listener.origin) as http:
        responses = [await http.post(listener.origin, data=b"x") for _ in range(3)]
        assert [response.status for response in responses] == [401, 200, 200]
        assert await responses[0].read() == body


@pytest.mark.parametrize(
    ("body", "is_corrected"),
    [(b"", [False, True, False]), (b"oauth_problem=token_rejected", [False, False, False])],
    ids=["no reason, and refused again", "another reason"],
)
async def test_a_wrong_date_that_was_not_the_reason_is_not_kept(
    listener: Listener, body: bytes, is_corrected: list[bool]
) -> None:
    date = formatdate(time.time() + 3600, usegmt=True)
    listener.answer = lambda _: reply(401, {"Date": date}, body)
    async with client_for(listener.origin) as http:
        for _ in range(3):
            assert (await http.get(listener.origin)).status == 401
    ages = [time.time() - int(oauth_parameters(arrival)["oauth_timestamp"]) for arrival in listener.arrivals]
    assert [age < -1800 for age in ages] == is_corrected
