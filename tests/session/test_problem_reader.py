"""Reading a refusal from a live response: little of it, and nothing of it away from the caller."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import TCPConnector
from wire.listener import Arrival, Listener, broken, reply
from wire.people import CONSUMER, TOKEN, provider_at, signing, store_of

from aiooauth1 import (
    Consumer,
    NonceRejected,
    OAuth1Session,
    ProviderError,
    RateLimited,
    SignatureRejected,
    TimestampRefused,
    TokenRejected,
    raise_for_problem,
)


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


pytestmark = pytest.mark.socket

REPORT = b"oauth_problem=token_revoked&oauth_problem_advice=Connect%20again"
MOST_READ = 64 * 1024
LENGTHS = [len(REPORT), MOST_READ - 1, MOST_READ, MOST_READ + 1, 1_000_000]


@pytest.fixture
async def session() -> AsyncIterator[OAuth1Session]:
    async with TCPConnector(limit=1) as connector, signing(connector=connector) as made:
        yield made


def body_of(length: int) -> bytes:
    """Return a report and then, to the given length, bytes that do not compress well."""
    noise = bytes((number * number >> 7) * 31 % 251 for number in range(length - len(REPORT) - 1))
    return REPORT + b"&" + noise if noise else REPORT


def in_chunks(body: bytes) -> bytes:
    pieces = [body[start : start + 50_000] for start in range(0, len(body), 50_000)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def head(status: int, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Reason", *fields, "", ""]).encode()


def chunked(body: bytes, *fields: str) -> bytes:
    return head(401, "Transfer-Encoding: chunked", *fields) + in_chunks(body)


async def held_back(beginning: bytes) -> AsyncIterator[bytes]:
    """Answer with the beginning, and never with the rest."""
    yield beginning
    await asyncio.Event().wait()


# how a body is sent, so that its length is known or not, and its bytes are its own or not
SENT: dict[str, Callable[[bytes], bytes | AsyncIterator[bytes]]] = {
    "with its length": lambda body: reply(401, body=body),
    "in chunks": chunked,
    "to the end of the connection": lambda body: broken(head(401) + body),
    "by gzip": lambda body: reply(401, {"Content-Encoding": "gzip"}, gzip.compress(body)),
    "by gzip, in chunks": lambda body: chunked(gzip.compress(body), "Content-Encoding: gzip"),
    "by deflate, in chunks": lambda body: chunked(zlib.compress(body), "Content-Encoding: deflate"),
}


READERS: list[Callable[[aiohttp.ClientResponse, int], Any]] = [
    lambda response, _: response.read(),
    lambda response, _: _joined(response.content.iter_chunked(1000)),
    lambda response, _: _joined(response.content.iter_any()),
    lambda response, _: _joined(response.content.iter_chunks()),
    lambda response, length: response.content.readexactly(length),
]


async def _joined(pieces: Any) -> bytes:
    return b"".join([piece if isinstance(piece, bytes) else piece[0] async for piece in pieces])


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
async def test_the_caller_can_read_the_whole_refusal_in_every_way_after_its_problem_was_raised(
    listener: Listener, session: OAuth1Session, sent: Callable[[bytes], Any], length: int
) -> None:
    body = body_of(length)
    listener.answer = lambda _: sent(body)
    for read in READERS:
        async with session.get(listener.origin) as response:
            for _ in range(2):
                with pytest.raises(TokenRejected) as raised:
                    await raise_for_problem(response)
                assert (raised.value.status, raised.value.problem) == (401, "token_revoked")
                assert (raised.value.advice or "").startswith("Connect again")
            assert await read(response, length) == body
    async with session.get(listener.origin) as response:  # the connection was given back
        assert await response.read() == body
        with pytest.raises(TokenRejected):
            await raise_for_problem(response)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_problem_in_the_header_is_raised_though_the_body_is_begun_or_there_is_none(
    listener: Listener, session: OAuth1Session, method: str
) -> None:
    sent = reply(401, {"WWW-Authenticate": 'OAuth oauth_problem="token_expired"'}, REPORT)
    listener.answer = lambda arrival: sent if arrival.method == "GET" else sent[: -len(REPORT)]
    async with session.request(method, listener.origin) as response:
        begun = await response.content.readexactly(10) if method == "GET" else b""
        with pytest.raises(TokenRejected):
            await raise_for_problem(response)
        assert begun + await response.read() == (REPORT if method == "GET" else b"")


@pytest.mark.parametrize("length", [MOST_READ, MOST_READ + 1])
async def test_no_more_than_64_kib_of_a_refusal_are_waited_for(
    listener: Listener, session: OAuth1Session, length: int
) -> None:
    """The provider holds the rest back until the problem has been raised."""
    body, rest, raised = body_of(length), b"x" * 1_000_000, asyncio.Event()

    async def answer() -> AsyncIterator[bytes]:
        yield head(401, f"Content-Length: {len(body) + len(rest)}") + body
        await raised.wait()
        yield rest

    listener.answer = lambda _: answer()
    async with session.get(listener.origin) as response:
        with pytest.raises(TokenRejected):
            await raise_for_problem(response)
        raised.set()
        assert await response.read() == body + rest


async def test_a_compressed_body_is_left_as_it_is_with_auto_decompress_false(
    listener: Listener, session: OAuth1Session
) -> None:
    body = gzip.compress(REPORT)
    listener.answer = lambda _: reply(401, {"Content-Encoding": "gzip"}, body)
    async with session.get(listener.origin, auto_decompress=False) as response:
        with pytest.raises(ProviderError) as raised:
            await raise_for_problem(response)
        assert raised.value.problem is None
        assert await response.read() == body


@pytest.mark.parametrize("status", [200, 201, 204, 301, 302, 304, 399])
async def test_the_body_of_a_response_that_is_not_a_refusal_is_not_waited_for(
    listener: Listener, session: OAuth1Session, status: int
) -> None:
    fields = ("Content-Length: 99", 'WWW-Authenticate: OAuth oauth_problem="token_expired"')
    listener.answer = lambda _: held_back(head(status, *fields))
    async with session.get(listener.origin, allow_redirects=False) as response:
        assert response.status == status
        await raise_for_problem(response)


# A body that cannot be read says nothing, and who reads it sees why.

UNREADABLE: dict[str, Callable[[Arrival], bytes | AsyncIterator[bytes]]] = {
    "breaks off": lambda _: broken(head(401, "Content-Length: 999") + REPORT),
    "breaks off in a chunk": lambda _: broken(head(401, "Transfer-Encoding: chunked") + b"fff\r\n" + REPORT),
    "is no gzip": lambda _: reply(401, {"Content-Encoding": "gzip"}, REPORT),
    "breaks off in its gzip": lambda _: broken(
        head(401, "Content-Length: 999", "Content-Encoding: gzip") + gzip.compress(body_of(5_000))[:99]
    ),
    "never comes": lambda _: held_back(head(401, "Content-Length: 999") + b"half"),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_body_that_cannot_be_read_names_no_problem_and_releases_its_connection(
    listener: Listener, session: OAuth1Session, name: str
) -> None:
    listener.answer = UNREADABLE[name]
    response = await session.post(listener.origin, timeout=aiohttp.ClientTimeout(total=0.5))
    with pytest.raises(ProviderError) as raised:
        await raise_for_problem(response)
    assert (raised.value.status, raised.value.problem) == (401, None)
    assert raised.value.__cause__ is None
    listener.answer = lambda _: reply()
    async with asyncio.timeout(5), session.get(listener.origin) as another:
        assert another.status == 200
    with pytest.raises((aiohttp.ClientPayloadError, TimeoutError)):
        await response.read()


@pytest.mark.parametrize("how", ["release", "close"])
async def test_a_released_response_is_read_by_its_head(
    listener: Listener, session: OAuth1Session, how: str
) -> None:
    listener.answer = lambda _: reply(
        401, {"WWW-Authenticate": "OAuth oauth_problem=nonce_used"}, body_of(300_000)
    )
    response = await session.get(listener.origin)
    getattr(response, how)()
    with pytest.raises(NonceRejected):
        await raise_for_problem(response)


# Refusals with the status of a success


ERRORS_IN_SUCCESS = {"errors_in_success": True}
FIELD = {"refusal_header": "MediaWiki-API-Error"}
NO_GRANT = "No approved grant was found for that authorization token."
# name: the provider's quirks, header fields and body of a 200, and the error that it means
SUCCESSES: dict[str, tuple[dict[str, Any], dict[str, str], Any, type[ProviderError] | None]] = {
    "Flickr": (ERRORS_IN_SUCCESS, {}, {"stat": "fail", "code": 98, "message": "x"}, TokenRejected),
    "a nested message": (
        ERRORS_IN_SUCCESS,
        {},
        {"error": {"code": 9, "message": "Invalid access token: a"}},
        TokenRejected,
    ),
    "a report": (ERRORS_IN_SUCCESS, {"Content-Type": "text/plain"}, REPORT, TokenRejected),
    "a report without the quirk": ({}, {"Content-Type": "text/plain"}, REPORT, None),
    "BrickLink, without a word about the token's end": (
        ERRORS_IN_SUCCESS,
        {},
        {"meta": {"code": 401, "message": "BAD_OAUTH_REQUEST", "description": "TOKEN_IP_MISMATCHED: a"}},
        ProviderError,
    ),
    "MediaWiki's dead token": (
        FIELD,
        {"MediaWiki-API-Error": "mwoauth-invalid-authorization"},
        {"error": {"code": "mwoauth-invalid-authorization", "info": NO_GRANT}},
        TokenRejected,
    ),
    "MediaWiki's lag": (
        FIELD,
        {"MediaWiki-API-Error": "maxlag", "Retry-After": "700"},
        {"error": {"code": "maxlag", "info": "Waiting for a database server: 7 seconds lagged."}},
        RateLimited,
    ),
    "MediaWiki's success": (FIELD, {}, {"error": "none"}, None),
    "an array": (ERRORS_IN_SUCCESS, {}, {"posts": [1, 2]}, None),
    "a page": (ERRORS_IN_SUCCESS, {"Content-Type": "text/html"}, REPORT, None),
    "a picture": (ERRORS_IN_SUCCESS, {"Content-Type": "image/png"}, REPORT, None),
    "a text": (ERRORS_IN_SUCCESS, {"Content-Type": "text/plain"}, b"Invalid access token", None),
    "a post about it": (ERRORS_IN_SUCCESS, {}, {"id": 7, "message": "Invalid access token: a post"}, None),
    "a post with it": (ERRORS_IN_SUCCESS, {}, {"data": [], "post": {"error": {"code": 89}}}, None),
}


@pytest.mark.parametrize("name", SUCCESSES)
async def test_a_200_is_a_typed_error_only_as_the_provider_refuses_with_it(
    listener: Listener, name: str
) -> None:
    quirks, fields, content, error = SUCCESSES[name]
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    listener.answer = lambda _: reply(200, {"Content-Type": "application/json", **fields}, body)
    store, provider = await store_of(alice=TOKEN), provider_at(listener, **quirks)
    async with (
        OAuth1Session(CONSUMER, provider=provider, store=store, retry=None) as session,
        session.post("posts", user="alice", data={"a": "b"}) as response,
    ):
        if error is None:
            await raise_for_problem(response)
        else:
            with pytest.raises(ProviderError) as raised:
                await raise_for_problem(response)
            assert (type(raised.value), raised.value.status) == (error, 200)
        assert await response.read() == body
    assert (await store.get_access_token("home", "alice") is None) is (error is TokenRejected)


# What an error tells of its request


@pytest.mark.parametrize("placement", ["header", "query"])
async def test_an_error_has_its_request_and_its_base_string(listener: Listener, placement: str) -> None:
    listener.answer = lambda _: reply(401, {"X-Request-Id": "r-7"}, b"oauth_problem=signature_invalid")
    provider, store = provider_at(listener, placement=placement), await store_of(alice=TOKEN)
    async with (
        OAuth1Session(CONSUMER, provider=provider, store=store) as session,
        session.post("posts?a=1", user="alice", data={"b": "2"}) as response,
    ):
        with pytest.raises(SignatureRejected) as raised:
            await raise_for_problem(response)
    error = raised.value
    assert (error.method, error.url, error.user) == ("POST", f"{listener.origin}/posts?a=1", "alice")
    assert (error.headers["x-request-id"], error.request_id) == ("r-7", "r-7")
    assert (error.base_string or "").startswith("POST&http%3A%2F%2F127.0.0.1")
    nonce = (error.base_string or "").partition("oauth_nonce%3D")[2].partition("%26")[0]
    assert nonce.encode() in listener.arrivals[-1].octets
    assert "alice" in str(error)


async def test_a_refused_timestamp_has_the_clock_difference_in_seconds(
    listener: Listener, session: OAuth1Session
) -> None:
    date = formatdate(time.time() + 6 * 3600, usegmt=True)
    listener.answer = lambda _: reply(401, {"Date": date}, b"oauth_problem=timestamp_refused")
    async with session.get(listener.origin) as response:
        with pytest.raises(TimestampRefused) as raised:
            await raise_for_problem(response)
    assert raised.value.clock_difference == pytest.approx(6 * 3600, abs=5)


@pytest.mark.parametrize("secret", ["secret\n", " secret", "secret\t", "secret"])
async def test_a_secret_with_white_space_around_it_is_hinted_at(listener: Listener, secret: str) -> None:
    listener.answer = lambda _: reply(401, body=b"oauth_problem=signature_invalid")
    async with OAuth1Session(Consumer("key", secret)) as session, session.get(listener.origin) as response:
        with pytest.raises(SignatureRejected) as raised:
            await raise_for_problem(response)
    hinted = [hint for hint in raised.value.hints if "white space" in hint]
    assert bool(hinted) is (secret != "secret")
    assert "secret\n" not in str(raised.value.hints)


async def test_a_problem_that_another_origin_names_after_a_redirect_is_not_believed(
    listener: Listener, session: OAuth1Session
) -> None:
    async with Listener(lambda _: reply(401, None, REPORT)) as stranger:
        listener.answer = lambda _: reply(302, {"Location": f"{stranger.origin}/"})
        async with session.get(listener.origin) as response:
            with pytest.raises(ProviderError) as raised:
                await raise_for_problem(response)
    assert (type(raised.value), raised.value.status, raised.value.problem) == (ProviderError, 401, None)


async def test_a_refusal_whose_body_is_slow_is_read_for_a_bounded_time(
    listener: Listener, session: OAuth1Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiooauth1.session.problem_reader._LONGEST_READ", 0.1)
    listener.answer = lambda _: held_back(head(401, "Content-Length: 10000") + REPORT + b"&more=")
    async with asyncio.timeout(5), session.get(listener.origin) as response:
        with pytest.raises(TokenRejected):
            await raise_for_problem(response)
        assert (await response.content.readany()).startswith(REPORT)
