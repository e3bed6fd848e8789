"""The signer of one call: every attempt afresh, nothing lost in silence, nothing left behind.

And the same as a middleware of its own.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import ClientTimeout, Fingerprint, TCPConnector, hdrs
from wire.certificates import client_tls, server_tls
from wire.leaks import leaks, shown_by
from wire.listener import DROP, RESET, Arrival, Listener, Names, broken, ok, reply, silent
from wire.oracle import verified
from wire.people import CONSUMER, SECRETS, TOKEN, headers_of, signing

from aiooauth1 import OAuth1Session, OutcomeUnknown, Retry, SigningError
from aiooauth1.signing import HMAC_SHA256, PLAINTEXT


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse


pytestmark = pytest.mark.socket

READS = ("GET", "HEAD")
WRITES = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener() as running:
        yield running


async def at_once(_seconds: float) -> None:
    """Wait for nothing between attempts."""


@pytest.fixture
async def session() -> AsyncIterator[OAuth1Session]:
    clock = count(1_700_000_000)
    async with signing(clock=lambda: next(clock)) as made:
        yield made


@pytest.fixture(params=[None, Retry()], ids=["retry=None", "retry=Retry()"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[OAuth1Session]:
    """A session that never tries again by itself, and one that does where that is safe."""
    clock = count(1_700_000_000)
    async with signing(clock=lambda: next(clock), retry=request.param, sleep=at_once) as made:
        yield made


def each_signed_afresh(arrivals: list[Arrival]) -> None:
    """Assert that each arrival verifies, with a nonce and a timestamp that no other has."""
    signed = [verified(arrival, CONSUMER, TOKEN) for arrival in arrivals]
    assert len({oauth["oauth_nonce"] for oauth in signed}) == len(arrivals)
    assert [oauth["oauth_timestamp"] for oauth in signed] == [
        str(1_700_000_000 + number) for number in range(len(arrivals))
    ]


# Attempts


@pytest.mark.parametrize("lost", [DROP, RESET], ids=["closed", "reset"])
@pytest.mark.parametrize(
    ("method", "arrivals"),
    [(method, 3) for method in READS] + [(method, 2) for method in WRITES],
)
async def test_a_kept_connection_that_is_dropped(
    listener: Listener, either: OAuth1Session, method: str, arrivals: int, lost: bytes
) -> None:
    """By itself aiohttp sends all of these but POST and PATCH again: a read may, signed afresh; no other."""
    listener.answer = lambda arrival: lost if len(listener.arrivals) == 2 else ok(arrival)
    session = either
    async with session.get(listener.origin) as response:
        await response.read()
    options: dict[str, Any] = {} if method in READS else {"data": {"status": "once only"}}
    if method in READS:
        async with session.request(method, listener.origin, **options) as response:
            assert response.status == 200
    else:
        with pytest.raises(OutcomeUnknown):
            await session.request(method, listener.origin, **options)
    assert [arrival.method for arrival in listener.arrivals] == ["GET", *[method] * (arrivals - 1)]
    assert listener.arrivals[1].connection == 0
    each_signed_afresh(listener.arrivals)


async def test_an_outer_middleware_that_sends_the_same_request_again(
    listener: Listener, session: OAuth1Session
) -> None:
    async def thrice(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        for _ in range(2):
            (await handler(request)).release()
        return await handler(request)

    async with session.post(listener.origin, data={"a": "1"}, middlewares=(thrice,)) as response:
        assert response.status == 200
    assert [arrival.body for arrival in listener.arrivals] == [b"a=1"] * 3
    each_signed_afresh(listener.arrivals)


# A request that went out, and no answer came


PATIENT = ClientTimeout(total=30)
LOST: dict[str, tuple[Callable[[Arrival], bytes | AsyncIterator[bytes]], ClientTimeout]] = {
    "closed": (lambda _: DROP, PATIENT),
    "reset": (lambda _: RESET, PATIENT),
    "half a head": (lambda _: broken(b"HTTP/1.1 200 OK\r\nContent-Le"), PATIENT),
    "no HTTP": (lambda _: broken(b"220 mail.example ESMTP\r\n\r\n"), PATIENT),
    "a head that is too long": (
        lambda _: broken(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99_999 + b"\r\n\r\n"),
        PATIENT,
    ),
    "silence for too long": (silent, ClientTimeout(total=0.3)),
    "silence on the socket": (silent, ClientTimeout(sock_read=0.3)),
}


@pytest.mark.parametrize("name", LOST)
async def test_a_write_whose_answer_is_lost(
    listener: Listener, either: OAuth1Session, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    listener.answer, timeout = LOST[name]
    methods = WRITES if timeout is PATIENT else ("POST", "DELETE")
    for method in methods:
        with pytest.raises(OutcomeUnknown) as raised:
            await either.request(method, listener.origin, data={"a": "1"}, timeout=timeout)
        assert method in str(raised.value)
        assert (raised.value.__cause__, raised.value.__context__) == (None, None)
        assert raised.value.args == (str(raised.value),)
        assert (raised.value.method, raised.value.url) == (method, listener.origin)
        assert not leaks(shown_by(raised.value), (*SECRETS, *headers_of(listener.arrivals), "OAuth oauth_"))
        # At DEBUG the log has the base string, in which the nonce stands.
        assert not leaks(caplog.text, (*SECRETS, *headers_of(listener.arrivals)[1::2], "OAuth oauth_"))
    each_signed_afresh(listener.arrivals)
    assert [arrival.method for arrival in listener.arrivals] == list(methods)


@pytest.mark.parametrize("name", LOST)
async def test_a_read_whose_answer_is_lost_is_aiohttps_own_error(
    listener: Listener, session: OAuth1Session, name: str
) -> None:
    listener.answer, timeout = LOST[name]
    for method in READS:
        with pytest.raises((aiohttp.ClientError, TimeoutError)) as raised:
            await session.request(method, listener.origin, timeout=timeout)
        assert not leaks(shown_by(raised.value), (*SECRETS, *headers_of(listener.arrivals)))
    each_signed_afresh(listener.arrivals)


async def test_plaintext_is_not_shown_either() -> None:
    async with (
        Listener(lambda _: DROP, tls=server_tls(), host="localhost") as tls,
        TCPConnector(ssl=client_tls()) as connector,
        signing(signature_method=PLAINTEXT, connector=connector) as plaintext,
    ):
        with pytest.raises(OutcomeUnknown) as unknown:
            await plaintext.post(tls.origin, data={"a": "1"})
        with pytest.raises(aiohttp.ClientError) as lost:
            await plaintext.get(tls.origin)
        assert verified(tls.arrivals[0], CONSUMER, TOKEN)["oauth_signature_method"] == "PLAINTEXT"
    for error in (unknown.value, lost.value):
        assert not leaks(shown_by(error), (*SECRETS, "OAuth oauth_"))


async def test_an_answer_that_breaks_off_in_its_body_is_an_answer(
    listener: Listener, session: OAuth1Session
) -> None:
    listener.answer = lambda _: broken(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    async with session.post(listener.origin, data={"a": "1"}) as response:
        with pytest.raises(aiohttp.ClientPayloadError) as raised:
            await response.read()
    assert not leaks(shown_by(raised.value), (*SECRETS, *headers_of(listener.arrivals)))


async def test_a_lost_answer_gives_its_connection_back(listener: Listener) -> None:
    async with TCPConnector(limit=1) as connector, signing(connector=connector) as session:
        listener.answer = lambda _: DROP
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                await session.post(listener.origin)
        listener.answer = ok
        async with session.post(listener.origin) as response:
            assert response.status == 200


# A request of which nothing went out


def nobody() -> str:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{bound.getsockname()[1]}/"


# name: of an https listener's origin the URL, the session's connector and the call's options; and the error
UNSENT: dict[str, tuple[Callable[[str], tuple[str, TCPConnector | None, Any]], type[Exception]]] = {
    "a closed port": (lambda _: (nobody(), None, {}), aiohttp.ClientConnectorError),
    "no such host": (
        lambda _: ("https://nowhere.test/", TCPConnector(resolver=Names(fails=True)), {}),
        aiohttp.ClientConnectorDNSError,
    ),
    "an unknown authority": (
        lambda origin: (origin, None, {}),
        aiohttp.ClientConnectorCertificateError,
    ),
    "another host's certificate": (
        lambda origin: (
            origin.replace("localhost", "third.test"),
            TCPConnector(resolver=Names(), ssl=client_tls()),
            {},
        ),
        aiohttp.ClientConnectorCertificateError,
    ),
    "another certificate than was pinned": (
        lambda origin: (origin, TCPConnector(ssl=Fingerprint(bytes(32))), {}),
        aiohttp.ServerFingerprintMismatch,
    ),
    "a proxy's closed port": (
        lambda origin: (origin, None, {"proxy": nobody()}),
        aiohttp.ClientProxyConnectionError,
    ),
}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("name", UNSENT)
async def test_an_error_before_anything_was_sent_is_aiohttps_own(method: str, name: str) -> None:
    make, error = UNSENT[name]
    async with Listener(tls=server_tls(), host="localhost") as tls, AsyncExitStack() as stack:
        url, connector, of_call = make(tls.origin)
        if connector is not None:
            await stack.enter_async_context(connector)
        session = await stack.enter_async_context(signing(connector=connector))
        with pytest.raises(error) as raised:
            await session.request(method, url, **of_call)
        assert not leaks(shown_by(raised.value), SECRETS)
        assert tls.arrivals == []


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (ClientTimeout(connect=0.05), aiohttp.ConnectionTimeoutError),
        (ClientTimeout(total=0.05), TimeoutError),
    ],
    ids=["connect", "total"],
)
async def test_a_write_that_waited_too_long_for_a_connection_was_not_sent(
    listener: Listener,
    timeout: ClientTimeout,  # noqa: ASYNC109  what is tested
    error: type[Exception],
) -> None:
    arrived = asyncio.Event()

    def hold(arrival: Arrival) -> AsyncIterator[bytes]:
        arrived.set()
        return silent(arrival)

    listener.answer = hold
    async with TCPConnector(limit=1) as connector, signing(connector=connector) as session:
        first = asyncio.create_task(session.post(f"{listener.origin}/first"))
        await arrived.wait()
        with pytest.raises(error):
            await session.post(f"{listener.origin}/second", timeout=timeout)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert [arrival.path for arrival in listener.arrivals] == ["/first"]


async def test_a_proxy_that_refuses_has_sent_nothing(listener: Listener, session: OAuth1Session) -> None:
    listener.answer = lambda _: reply(403)
    with pytest.raises(aiohttp.ClientHttpProxyError) as raised:
        await session.post("https://api.test/posts", data={"a": "1"}, proxy=listener.origin)
    assert [(arrival.method, arrival.target) for arrival in listener.arrivals] == [
        ("CONNECT", "api.test:443")
    ]
    assert b"oauth" not in listener.arrivals[0].octets.lower()
    assert not leaks(shown_by(raised.value), SECRETS)


# What is left behind


def clean(responses: tuple[ClientResponse, ...]) -> None:
    """Assert that no response shows the header that it was asked with."""
    for response in responses:
        assert hdrs.AUTHORIZATION not in response.request_info.headers
        assert not leaks(repr(response.request_info) + repr(response), (*SECRETS, "oauth_"))


@pytest.fixture(params=["HMAC-SHA256 over http", "PLAINTEXT over https"])
async def signed_to(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Listener, OAuth1Session]]:
    secure = "PLAINTEXT" in request.param
    method = PLAINTEXT if secure else HMAC_SHA256
    async with (
        Listener(tls=server_tls() if secure else None, host="localhost") as running,
        TCPConnector(ssl=client_tls()) as connector,
        signing(signature_method=method, connector=connector) as session,
    ):
        yield running, session


@pytest.mark.parametrize("status", [200, 204, 304, 401, 404, 503])
async def test_no_response_shows_the_header(signed_to: tuple[Listener, OAuth1Session], status: int) -> None:
    listener, session = signed_to
    listener.answer = lambda _: reply(status)
    async with session.post(listener.origin, data={"a": "1"}) as response:
        clean((response,))
        with pytest.raises(aiohttp.ContentTypeError) as raised:
            await response.json()
    verified(listener.arrivals[0], CONSUMER, TOKEN)
    assert not leaks(shown_by(raised.value), SECRETS)


async def test_no_hop_of_a_history_shows_the_header(signed_to: tuple[Listener, OAuth1Session]) -> None:
    listener, session = signed_to
    listener.answer = lambda arrival: (
        ok(arrival) if len(listener.arrivals) == 4 else reply(302, {"Location": "/on"})
    )
    async with session.get(listener.origin) as response:
        assert len(response.history) == 3
        clean((response, *response.history))
    for arrival in listener.arrivals:
        verified(arrival, CONSUMER, TOKEN)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda _: reply(401), aiohttp.ClientResponseError),
        (lambda _: reply(302, {"Location": "/again"}), aiohttp.TooManyRedirects),
        (lambda _: broken(b"220 mail.example ESMTP\r\n\r\n"), aiohttp.ClientResponseError),
        (lambda _: DROP, aiohttp.ServerDisconnectedError),
    ],
    ids=["raise_for_status", "too many redirects", "no HTTP", "closed"],
)
async def test_no_error_shows_the_header(
    signed_to: tuple[Listener, OAuth1Session],
    answer: Callable[[Arrival], Any],
    error: type[aiohttp.ClientError],
) -> None:
    listener, session = signed_to
    listener.answer = answer
    with pytest.raises(error) as raised:
        await session.get(listener.origin, raise_for_status=True)
    assert not leaks(shown_by(raised.value), (*SECRETS, *headers_of(listener.arrivals), "oauth_"))
    if isinstance(raised.value, aiohttp.ClientResponseError):
        assert raised.value.request_info.url.host == "localhost"
        clean(raised.value.history)


async def test_what_keeps_a_call_after_its_end_keeps_no_signer(
    listener: Listener, session: OAuth1Session
) -> None:
    """A middleware may hold on to the handler and use it when the call is over: that must not go unsigned."""
    kept: list[tuple[ClientRequest, ClientHandlerType]] = []

    async def keeps(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        kept.append((request, handler))
        return await handler(request)

    await session.get(listener.origin, middlewares=(keeps,))
    request, handler = kept[0]
    with pytest.raises(SigningError, match="over"):
        await handler(request)
    assert len(listener.arrivals) == 1
