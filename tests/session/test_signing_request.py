"""The signer of one call: a lost write is never silent, and no signature is left behind."""

from __future__ import annotations

import asyncio
import logging
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

from aiooauth1 import OAuth1Session, OutcomeUnknown, SigningError
from aiooauth1.signing import HMAC_SHA256, PLAINTEXT


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
    from wire.listener import Answer


pytestmark = pytest.mark.socket

WRITES = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture
async def session() -> AsyncIterator[OAuth1Session]:
    clock = count(1_700_000_000)
    async with signing(clock=lambda: next(clock)) as made:
        yield made


def each_signed_afresh(arrivals: list[Arrival]) -> None:
    """Assert that each arrival verifies, with a nonce and a timestamp that no other has."""
    signed = [verified(arrival, CONSUMER, TOKEN) for arrival in arrivals]
    assert len({oauth["oauth_nonce"] for oauth in signed}) == len(arrivals)
    assert [oauth["oauth_timestamp"] for oauth in signed] == [
        str(1_700_000_000 + number) for number in range(len(arrivals))
    ]


async def test_a_request_that_an_outer_middleware_sends_again_is_signed_afresh_in_the_header(
    listener: Listener, session: OAuth1Session
) -> None:
    async def thrice(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        for _ in range(2):
            (await handler(request)).release()
        return await handler(request)

    assert (await session.post(listener.origin, data={"a": "1"}, middlewares=(thrice,))).status == 200
    assert [arrival.body for arrival in listener.arrivals] == [b"a=1"] * 3
    each_signed_afresh(listener.arrivals)


# A request that went out, and no answer came


# name: the answer, the timeout, and the methods for which it is tried
PATIENT = ClientTimeout(total=30)
ALL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
READS = {"GET", "HEAD"}
SOME = ("GET", "POST", "DELETE")
LOST: dict[str, tuple[Answer, ClientTimeout, tuple[str, ...]]] = {
    "closed": (lambda _: DROP, PATIENT, ALL),
    "reset": (lambda _: RESET, PATIENT, ALL),
    "half a head": (lambda _: broken(b"HTTP/1.1 200 OK\r\nContent-Le"), PATIENT, ALL),
    "no HTTP": (lambda _: broken(b"220 mail.example ESMTP\r\n\r\n"), PATIENT, ALL),
    "a head that is too long": (
        lambda _: broken(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99_999 + b"\r\n\r\n"),
        PATIENT,
        SOME,
    ),
    "silence until the total timeout": (silent, ClientTimeout(total=0.3), SOME),
    "silence on the socket": (silent, ClientTimeout(sock_read=0.3), SOME),
}


@pytest.mark.parametrize("name", LOST)
async def test_a_lost_answer_is_outcome_unknown_to_a_write_and_aiohttps_error_to_a_read(
    listener: Listener, session: OAuth1Session, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    listener.answer, timeout, methods = LOST[name]
    for method in methods:
        is_read = method in READS
        data = None if is_read else {"a": "1"}
        with pytest.raises((aiohttp.ClientError, TimeoutError) if is_read else OutcomeUnknown) as raised:
            await session.request(method, listener.origin, data=data, timeout=timeout)
        assert not leaks(shown_by(raised.value), (*SECRETS, *headers_of(listener.arrivals), "OAuth oauth_"))
        # At DEBUG the log has the base string, in which the nonce stands.
        assert not leaks(caplog.text, (*SECRETS, *headers_of(listener.arrivals)[1::2], "OAuth oauth_"))
        if isinstance(raised.value, OutcomeUnknown):
            assert method in str(raised.value)
            assert (raised.value.__cause__, raised.value.__context__) == (None, None)
            assert raised.value.args == (str(raised.value),)
            assert (raised.value.method, raised.value.url) == (method, listener.origin)
    each_signed_afresh(listener.arrivals)
    arrived = [arrival.method for arrival in listener.arrivals]  # aiohttp itself resends a read once
    assert [*dict.fromkeys(arrived)] == list(methods)
    assert (
        max(arrived.count(method) for method in methods if method not in READS) == 1
    )  # aiohttp resends reads


async def test_an_answer_that_breaks_off_in_its_body_is_an_answer_and_its_connection_is_released(
    listener: Listener,
) -> None:
    async with signing(connector=TCPConnector(limit=1)) as session:
        listener.answer = lambda _: broken(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        async with session.post(listener.origin, data={"a": "1"}) as response:
            with pytest.raises(aiohttp.ClientPayloadError) as raised:
                await response.read()
        assert not leaks(shown_by(raised.value), (*SECRETS, *headers_of(listener.arrivals)))
        listener.answer = lambda _: DROP
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                await session.post(listener.origin)
        listener.answer = ok
        assert (await session.post(listener.origin)).status == 200


# A request of which nothing was sent

CLOSED = "http://127.0.0.1:1/"
# name: of an https listener's origin the URL, the session's connector and the call's options; and the error
UNSENT: dict[str, tuple[Callable[[str], tuple[str, TCPConnector | None, Any]], type[Exception]]] = {
    "a closed port": (lambda _: (CLOSED, None, {}), aiohttp.ClientConnectorError),
    "no such host": (
        lambda _: ("https://nowhere.test/", TCPConnector(resolver=Names(fails=True)), {}),
        aiohttp.ClientConnectorDNSError,
    ),
    "an unknown authority": (lambda origin: (origin, None, {}), aiohttp.ClientConnectorCertificateError),
    "another certificate than was pinned": (
        lambda origin: (origin, TCPConnector(ssl=Fingerprint(bytes(32))), {}),
        aiohttp.ServerFingerprintMismatch,
    ),
    "a proxy's closed port": (
        lambda origin: (origin, None, {"proxy": CLOSED}),
        aiohttp.ClientProxyConnectionError,
    ),
}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("name", UNSENT)
async def test_an_error_before_anything_was_sent_is_aiohttps_own(method: str, name: str) -> None:
    make, error = UNSENT[name]
    async with Listener(tls=server_tls(), host="localhost") as tls:
        url, connector, of_call = make(tls.origin)
        async with signing(connector=connector) as session:
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
async def test_a_write_that_times_out_before_it_has_a_connection_is_aiohttps_error(
    listener: Listener,
    timeout: ClientTimeout,  # noqa: ASYNC109  what is tested
    error: type[Exception],
) -> None:
    listener.answer = unfinished
    async with (
        signing(connector=TCPConnector(limit=1)) as session,
        session.get(f"{listener.origin}/first"),
    ):
        with pytest.raises(error):
            await session.post(f"{listener.origin}/second", timeout=timeout)
    assert [arrival.path for arrival in listener.arrivals] == ["/first"]


async def unfinished(_: Arrival) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    await asyncio.Event().wait()


async def test_a_proxy_that_refuses_a_tunnel_sees_nothing_of_ours(
    listener: Listener, session: OAuth1Session
) -> None:
    listener.answer = lambda _: reply(403)
    with pytest.raises(aiohttp.ClientHttpProxyError) as raised:
        await session.post("https://api.test/posts", data={"a": "1"}, proxy=listener.origin)
    (arrival,) = listener.arrivals
    assert (arrival.method, arrival.target) == ("CONNECT", "api.test:443")
    assert b"oauth" not in arrival.octets.lower()
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
async def test_no_response_and_no_hop_of_its_history_shows_the_header(
    signed_to: tuple[Listener, OAuth1Session], status: int
) -> None:
    listener, session = signed_to
    listener.answer = lambda arrival: (
        reply(status) if arrival.path == "/on" else reply(303, {"Location": "/on"})
    )
    async with session.post(listener.origin, data={"a": "1"}) as response:
        clean((response, *response.history))
        with pytest.raises(aiohttp.ContentTypeError) as raised:
            await response.json()
    assert not leaks(shown_by(raised.value), SECRETS)  # before an arrival is among the locals that it shows
    assert len(response.history) == 1
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


async def test_a_handler_that_is_used_after_its_call_is_refused(
    listener: Listener, session: OAuth1Session
) -> None:
    """A middleware may keep the handler and use it when the call is over: that must not be sent unsigned."""
    kept: list[tuple[ClientRequest, ClientHandlerType]] = []

    async def keeps(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        kept.append((request, handler))
        return await handler(request)

    await session.get(listener.origin, middlewares=(keeps,))
    request, handler = kept[0]
    with pytest.raises(SigningError, match="over"):
        await handler(request)
    assert len(listener.arrivals) == 1
