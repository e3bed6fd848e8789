"""OAuth1Middleware signs for a ClientSession of one's own what the session would sign, and nothing else."""

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
from wire.people import CONSUMER, SECRETS, TOKEN, signing
from yarl import URL

from aiooauth1 import OAuth1Middleware, OutcomeUnknown, Provider, SigningError
from aiooauth1.signing import PLAINTEXT, SigningRules


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import ClientResponse


pytestmark = pytest.mark.socket


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener() as running:
        yield running


def clean(responses: tuple[ClientResponse, ...]) -> None:
    """Assert that no response shows the header that it was asked with."""
    for response in responses:
        assert hdrs.AUTHORIZATION not in response.request_info.headers
        assert not leaks(repr(response.request_info) + repr(response), (*SECRETS, "oauth_"))


def middleware_for(*origins: str, **options: Any) -> OAuth1Middleware:
    return OAuth1Middleware(CONSUMER, TOKEN, origins=origins, **options)


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
    async with (
        signing(**fixed) as session,
        ClientSession(middlewares=(middleware_for(listener.origin, **fixed),)) as http,
    ):
        for one in (session, http):
            async with one.request(method, listener.origin + target, **options()) as response:
                clean((response,))
    by_session, by_middleware = listener.arrivals
    assert by_middleware.octets == by_session.octets
    verified(by_middleware, CONSUMER, TOKEN)


async def test_the_middleware_passes_anything_else_on_untouched(listener: Listener) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a=1"

    async with Listener() as other, ClientSession() as bare:
        middleware = middleware_for(listener.origin, "https://api.test")
        async with ClientSession(middlewares=(middleware,)) as http:
            for one in (bare, http):
                await one.post(other.origin, data=pieces(), headers={"Authorization": "Bearer own", **FORM})
                await one.get(f"{other.origin}/r?oauth_nonce=1")
        untouched = [arrival.octets for arrival in other.arrivals]
        assert untouched[2:] == untouched[:2]


async def test_the_middleware_signs_redirects_for_its_origins_alone(listener: Listener) -> None:
    async with Listener() as second, Listener() as third:
        listener.answer = lambda _: reply(302, {"Location": f"{second.origin}/on"})
        second.answer = lambda _: reply(302, {"Location": f"{third.origin}/on"})
        async with ClientSession(middlewares=(middleware_for(listener.origin, second.origin),)) as http:
            await http.get(listener.origin)
        for signed in (*listener.arrivals, *second.arrivals):
            verified(signed, CONSUMER, TOKEN)
        assert (len(second.arrivals), len(third.arrivals)) == (1, 1)
        assert b"oauth" not in third.arrivals[0].octets.lower()


async def test_the_middleware_loses_no_write_in_silence(listener: Listener) -> None:
    listener.answer = lambda _: DROP
    async with ClientSession(middlewares=(middleware_for(listener.origin),)) as http:
        with pytest.raises(OutcomeUnknown):
            await http.delete(listener.origin)
    assert len(listener.arrivals) == 1


async def test_the_middleware_overwrites_nobodys_authorization(listener: Listener) -> None:
    async with ClientSession(middlewares=(middleware_for(listener.origin),)) as http:
        with pytest.raises(SigningError):
            await http.get(listener.origin, headers={"Authorization": "Bearer other"})
    assert listener.connections == 0


async def test_the_middleware_signs_no_websocket(listener: Listener) -> None:
    listener.answer = lambda _: reply(400)
    async with ClientSession(middlewares=(middleware_for(listener.origin),)) as http:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(listener.origin.replace("http", "ws"))
    assert listener.arrivals[0].header("Authorization") is None


@pytest.mark.parametrize(
    ("origins", "options"),
    [
        ("https://api.test", {}),
        (("api.test",), {}),
        (("",), {}),
        (("https://",), {}),
        (("https://[malformed",), {}),
        (("ftp://api.test",), {"allow_http": True}),
        (("https://user@api.test",), {}),
        (("http://api.test",), {}),
        (("http://localhost",), {"signature_method": PLAINTEXT}),
        (("https://api.test",), {"realm": "a\nb"}),
    ],
)
def test_the_middleware_refuses_what_it_must_not_sign_for(origins: Any, options: dict[str, Any]) -> None:
    with pytest.raises(SigningError):
        OAuth1Middleware(CONSUMER, TOKEN, origins=origins, **options)


def test_the_middleware_shows_no_secret_and_can_stand_in_any_chain() -> None:
    middleware = middleware_for("https://api.test")
    assert not leaks(repr(middleware), SECRETS)
    assert {middleware: 1}[middleware] == 1  # aiohttp 4 keeps chains by their middlewares


@pytest.mark.parametrize("placement", ["header", "query", "body"])
async def test_the_middleware_goes_by_a_providers_placement_rules_and_origins(
    listener: Listener, placement: Any
) -> None:
    provider = Provider(
        "home",
        base_url=f"{listener.origin}/",
        placement=placement,
        rules=SigningRules(send_version=False),
        nonce_length=24,
        user_agent="service/1.0",
    )
    middleware = OAuth1Middleware(CONSUMER, TOKEN, provider=provider)
    async with (
        ClientSession(middlewares=(middleware,)) as http,
        http.post(f"{listener.origin}/r?own=1", data={"a": "1"}) as response,
    ):
        assert not leaks(repr(response.request_info) + repr(response), (*SECRETS, "oauth_"))
    (arrival,) = listener.arrivals
    texts = {
        "header": arrival.header("Authorization") or "",
        "query": arrival.target,
        "body": arrival.body.decode(),
    }
    assert [name for name, text in texts.items() if "oauth_nonce" in text] == [placement]
    assert "oauth_version" not in arrival.octets.decode()
    assert arrival.header("User-Agent") == "service/1.0"


def basic(password: str) -> BasicAuth:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer versions of aiohttp take a header too
        return BasicAuth("ann", password)


async def by_middleware(listener: Listener, target: str, quirks: dict[str, Any], **options: Any) -> Arrival:
    """Send a POST by a middleware for a provider with quirks; return what arrived."""
    provider = Provider("home", base_url=f"{listener.origin}/", **quirks)
    middleware = OAuth1Middleware(CONSUMER, TOKEN, provider=provider, **options)
    async with ClientSession(middlewares=(middleware,)) as http:
        await http.post(listener.origin + target, data=b"z=1&b=2", headers=FORM)
    return listener.arrivals[-1]


@pytest.mark.parametrize("placement", ["query", "body"])
async def test_the_middleware_passes_a_gateway_in_front_of_the_provider(
    listener: Listener, placement: str
) -> None:
    arrival = await by_middleware(listener, "/r", {"placement": placement}, basic_auth=basic("pässword"))
    assert arrival.header("Authorization") == "Basic YW5uOnDkc3N3b3Jk"
    assert b"oauth_signature=" in arrival.octets


async def test_the_middleware_takes_old_parameters_out_of_a_link_that_repeats_them(
    listener: Listener,
) -> None:
    """WooCommerce's Link fields do (woocommerce/wc-api-python#24)."""
    link = "/r?page=2&oauth_consumer_key=k&oauth_nonce=old&oauth_signature=old&oauth_token=t"
    arrival = await by_middleware(listener, link, {"placement": "query"})
    assert arrival.target.startswith("/r?page=2&oauth_")
    assert arrival.target.count("oauth_nonce") == 1
    assert "old" not in arrival.target


async def test_the_middleware_sends_query_and_form_in_the_order_in_which_they_are_signed(
    listener: Listener,
) -> None:
    rules = SigningRules(sorted_parameters=True)
    arrival = await by_middleware(listener, "/r?f%5Bz%5D=1&f%5Ba%5D=2", {"rules": rules})
    assert (arrival.target, arrival.body) == ("/r?f%5Ba%5D=2&f%5Bz%5D=1", b"b=2&z=1")
    verified(arrival, CONSUMER, TOKEN)


async def test_the_timestamps_of_the_middleware_do_not_go_back_where_the_provider_minds(
    listener: Listener,
) -> None:
    times = iter((500.0, 400.0))
    provider = Provider("home", base_url=f"{listener.origin}/", monotonic_timestamps=True)
    middleware = OAuth1Middleware(CONSUMER, TOKEN, provider=provider, clock=lambda: next(times))
    async with ClientSession(middlewares=(middleware,)) as http:
        for _ in range(2):
            await http.get(listener.origin)
    stamps = [oauth_parameters(arrival)["oauth_timestamp"] for arrival in listener.arrivals]
    assert stamps == ["500", "500"]


@pytest.mark.parametrize(
    ("quirks", "options", "error", "words"),
    [
        ({"signs_calls": False}, {}, SigningError, "takes no signed calls"),
        ({"public_only": True}, {}, SigningError, "use OAuth1Session"),
        ({}, {"basic_auth": basic("p")}, TypeError, "placement='query' or 'body'"),
        ({"placement": "query"}, {"basic_auth": "ann:p"}, TypeError, "BasicAuth or None, not str$"),
        ({"placement": "query"}, {"basic_auth": basic("€")}, ValueError, "latin1 lacks"),
        ({}, {"signature_method": "HMAC-MD5"}, TypeError, "no signature method is called 'HMAC-MD5'"),
    ],
    ids=str,
)
def test_the_middleware_refuses_a_provider_or_option_that_it_cannot_honour(
    quirks: dict[str, Any], options: dict[str, Any], error: type[Exception], words: str
) -> None:
    provider = Provider("home", base_url="https://home.example/", **quirks)
    with pytest.raises(error, match=words):
        OAuth1Middleware(CONSUMER, TOKEN, provider=provider, **options)


async def test_an_error_of_a_query_signed_by_the_middleware_shows_no_signature(listener: Listener) -> None:
    provider = Provider("home", base_url=f"{listener.origin}/", placement="query")
    listener.answer = lambda arrival: reply(302, {"Location": arrival.target})
    async with ClientSession(middlewares=(OAuth1Middleware(CONSUMER, TOKEN, provider=provider),)) as http:
        with pytest.raises(aiohttp.TooManyRedirects) as raised:
            await http.get(URL(f"{listener.origin}/r?own=1"))
    assert "oauth_" not in repr(raised.value) + str(raised.value)
    assert len(listener.arrivals) == 10


def test_the_middleware_needs_an_origin_to_sign_for() -> None:
    with pytest.raises(SigningError, match="origins= or a provider"):
        OAuth1Middleware(CONSUMER, TOKEN)


async def test_a_session_with_a_cookie_jar_of_its_own_keeps_cookies_as_the_docstring_says(
    listener: Listener,
) -> None:
    assert "DummyCookieJar" in (OAuth1Middleware.__doc__ or "")
    listener.answer = lambda _: reply(200, {"Set-Cookie": "a=1"})
    jar = aiohttp.DummyCookieJar()
    middleware = OAuth1Middleware(CONSUMER, TOKEN, origins=(listener.origin,))
    async with ClientSession(middlewares=(middleware,), cookie_jar=jar) as http:
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
async def test_the_middleware_goes_by_the_clock_of_a_provider_that_refused_its_timestamp(
    listener: Listener, body: bytes
) -> None:
    def answer(arrival: Arrival) -> bytes:
        theirs = time.time() + 3600
        if abs(theirs - int(oauth_parameters(arrival)["oauth_timestamp"])) < 300:
            return reply()
        return reply(401, {"Date": formatdate(theirs, usegmt=True)}, body)

    listener.answer = answer
    async with ClientSession(middlewares=(middleware_for(listener.origin),)) as http:
        responses = [await http.post(listener.origin, data=b"x") for _ in range(3)]
        assert [response.status for response in responses] == [401, 200, 200]
        assert await responses[0].read() == body


async def test_a_refusal_for_another_reason_leaves_the_clock_of_the_middleware(listener: Listener) -> None:
    date = formatdate(time.time() + 3600, usegmt=True)
    listener.answer = lambda _: reply(401, {"Date": date}, b"oauth_problem=token_rejected")
    async with ClientSession(middlewares=(middleware_for(listener.origin),)) as http:
        for _ in range(2):
            assert (await http.get(listener.origin)).status == 401
    ages = [time.time() - int(oauth_parameters(arrival)["oauth_timestamp"]) for arrival in listener.arrivals]
    assert all(abs(age) < 60 for age in ages)


async def test_a_date_of_a_clock_that_was_not_the_reason_is_given_up_again(listener: Listener) -> None:
    date = formatdate(time.time() + 3600, usegmt=True)
    listener.answer = lambda _: reply(401, {"Date": date})
    async with ClientSession(middlewares=(middleware_for(listener.origin),)) as http:
        for _ in range(3):
            assert (await http.get(listener.origin)).status == 401
    ages = [time.time() - int(oauth_parameters(arrival)["oauth_timestamp"]) for arrival in listener.arrivals]
    assert [age < -1800 for age in ages] == [False, True, False]
