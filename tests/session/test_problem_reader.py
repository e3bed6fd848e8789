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
from wire.people import CONSUMER, TOKEN, signing

from aiooauth1 import (
    Consumer,
    MemoryStore,
    NonceRejected,
    OAuth1Session,
    Provider,
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
LENGTHS = [len(REPORT), 5_000, MOST_READ - 1, MOST_READ, MOST_READ + 1, 300_000, 3_000_000]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener() as running:
        yield running


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


# how a body is sent, so that its length is known or not, and its bytes are its own or not
SENT: dict[str, Callable[[bytes], bytes | AsyncIterator[bytes]]] = {
    "with its length": lambda body: reply(401, body=body),
    "in chunks": chunked,
    "to the end of the connection": lambda body: broken(head(401) + body),
    "by gzip": lambda body: reply(401, {"Content-Encoding": "gzip"}, gzip.compress(body)),
    "by gzip, in chunks": lambda body: chunked(gzip.compress(body), "Content-Encoding: gzip"),
    "by deflate, in chunks": lambda body: chunked(zlib.compress(body), "Content-Encoding: deflate"),
}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
async def test_the_caller_can_read_the_whole_refusal_after_it(
    listener: Listener, session: OAuth1Session, sent: Callable[[bytes], Any], length: int
) -> None:
    body = body_of(length)
    listener.answer = lambda _: sent(body)
    async with session.get(listener.origin) as response:
        for _ in range(2):
            with pytest.raises(TokenRejected) as raised:
                await raise_for_problem(response)
            assert (raised.value.status, raised.value.problem) == (401, "token_revoked")
            assert (raised.value.advice or "").startswith("Connect again")
        assert await response.read() == body
        with pytest.raises(TokenRejected):
            await raise_for_problem(response)
        assert await response.read() == body
    async with session.get(listener.origin) as response:  # the connection was given back
        assert response.status == 401


READERS: dict[str, Callable[[aiohttp.ClientResponse], Any]] = {
    "text": lambda response: response.text("latin-1"),
    "chunks": lambda response: _joined(response.content.iter_chunked(1000)),
    "any": lambda response: _joined(response.content.iter_any()),
    "chunks as sent": lambda response: _joined(response.content.iter_chunks()),
    "exactly": lambda response: response.content.readexactly(300_000),
}


async def _joined(pieces: Any) -> bytes:
    return b"".join([piece if isinstance(piece, bytes) else piece[0] async for piece in pieces])


@pytest.mark.parametrize("name", READERS)
async def test_the_caller_can_read_it_in_every_way(
    listener: Listener, session: OAuth1Session, name: str
) -> None:
    body = body_of(300_000)
    listener.answer = lambda _: chunked(gzip.compress(body), "Content-Encoding: gzip")
    async with session.get(listener.origin) as response:
        with pytest.raises(TokenRejected):
            await raise_for_problem(response)
        read = await READERS[name](response)
        assert (read.encode("latin-1") if isinstance(read, str) else read) == body


@pytest.mark.parametrize("length", [MOST_READ, MOST_READ + 1])
async def test_no_more_than_64_kib_are_waited_for(
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


async def test_what_the_caller_has_begun_to_read_stays_read(
    listener: Listener, session: OAuth1Session
) -> None:
    listener.answer = lambda _: reply(401, body=REPORT)
    async with session.get(listener.origin) as response:
        assert await response.content.readexactly(10) == REPORT[:10]
        with pytest.raises(TokenRejected):
            await raise_for_problem(response)
        assert await response.read() == REPORT[10:]


async def test_a_body_that_is_not_to_be_decompressed_is_left_as_it_is(
    listener: Listener, session: OAuth1Session
) -> None:
    body = gzip.compress(REPORT)
    listener.answer = lambda _: reply(401, {"Content-Encoding": "gzip"}, body)
    async with session.get(listener.origin, auto_decompress=False) as response:
        with pytest.raises(ProviderError) as raised:
            await raise_for_problem(response)
        assert raised.value.problem is None
        assert await response.read() == body


async def test_a_refusal_of_a_head_has_only_its_header(listener: Listener, session: OAuth1Session) -> None:
    field = 'OAuth oauth_problem="token_expired"'
    listener.answer = lambda _: head(401, "Content-Length: 99", f"WWW-Authenticate: {field}")
    async with session.head(listener.origin) as response:
        with pytest.raises(TokenRejected):
            await raise_for_problem(response)
        assert await response.read() == b""


@pytest.mark.parametrize("status", [200, 201, 204, 301, 302, 304, 399])
async def test_what_is_no_refusal_is_left_unread(
    listener: Listener, session: OAuth1Session, status: int
) -> None:
    """Its body never comes, and nobody waits for it."""

    async def answer() -> AsyncIterator[bytes]:
        yield head(status, "Content-Length: 99", 'WWW-Authenticate: OAuth oauth_problem="token_expired"')
        await asyncio.Event().wait()

    listener.answer = lambda _: answer()
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
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_body_that_cannot_be_read(listener: Listener, session: OAuth1Session, name: str) -> None:
    listener.answer = UNREADABLE[name]
    async with session.post(listener.origin) as response:
        with pytest.raises(ProviderError) as raised:
            await raise_for_problem(response)
        assert (raised.value.status, raised.value.problem) == (401, None)
        assert raised.value.__cause__ is None
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    listener.answer = lambda _: reply()
    async with session.get(listener.origin) as response:
        assert response.status == 200


async def test_a_body_that_never_comes_is_given_up_with_the_callers_timeout(
    listener: Listener, session: OAuth1Session
) -> None:
    async def answer() -> AsyncIterator[bytes]:
        yield head(503, "Content-Length: 999") + b"half"
        await asyncio.Event().wait()

    listener.answer = lambda _: answer()
    timeout = aiohttp.ClientTimeout(total=0.5)
    async with session.post(listener.origin, timeout=timeout) as response:
        with pytest.raises(ProviderError) as raised:
            await raise_for_problem(response)
        assert raised.value.status == 503


@pytest.mark.parametrize("how", ["release", "close"])
async def test_a_response_that_is_over_says_by_its_head_what_it_can(
    listener: Listener, session: OAuth1Session, how: str
) -> None:
    listener.answer = lambda _: reply(
        401, {"WWW-Authenticate": "OAuth oauth_problem=nonce_used"}, body_of(300_000)
    )
    response = await session.get(listener.origin)
    getattr(response, how)()
    with pytest.raises(NonceRejected):
        await raise_for_problem(response)


# Which error


MEANINGS: list[tuple[int, str, type[ProviderError]]] = [
    (401, "signature_invalid", SignatureRejected),
    (401, "token_revoked", TokenRejected),
    (401, "token_expired", TokenRejected),
    (401, "token_rejected", TokenRejected),
    (401, "token_used", TokenRejected),
    (401, "timestamp_refused", TimestampRefused),
    (401, "nonce_used", NonceRejected),
    (401, "consumer_key_refused", ProviderError),
    (400, "parameter_absent", ProviderError),
    (429, "", RateLimited),
    (429, "token_revoked", RateLimited),
    (401, "", ProviderError),
    (500, "", ProviderError),
]


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda meaning: f"{meaning[0]} {meaning[1]}")
@pytest.mark.parametrize("where", ["body", "header", "both"])
async def test_each_problem_is_its_error_wherever_it_stands(
    listener: Listener, session: OAuth1Session, where: str, meaning: tuple[int, str, type[ProviderError]]
) -> None:
    status, problem, error = meaning
    fields = {"Retry-After": "7"}
    if problem and where != "body":
        fields["WWW-Authenticate"] = f'OAuth realm="x", oauth_problem="{problem}"'
    body = f"oauth_problem={problem}".encode() if problem and where != "header" else b"no"
    listener.answer = lambda _: reply(status, fields, body)
    with pytest.raises(ProviderError) as raised:
        await session.post(listener.origin, raise_for_status=raise_for_problem)
    assert type(raised.value) is error
    assert (raised.value.status, raised.value.problem) == (status, problem or None)
    if isinstance(raised.value, RateLimited):
        assert raised.value.retry_after == 7


async def test_the_body_of_an_error_is_its_beginning_without_what_it_echoes(
    listener: Listener, session: OAuth1Session
) -> None:
    echo = {"error": "bad\x00 signature", "oauth_signature": "a&b", "status": "words", "more": "x" * 9_999}
    listener.answer = lambda _: reply(400, body=json.dumps(echo).encode())
    with pytest.raises(ProviderError) as raised:
        await session.post(listener.origin, raise_for_status=raise_for_problem)
    assert raised.value.body.startswith(
        '{"error": "bad\\u0000 signature", "oauth_signature": "***", "status": "words"'
    )
    assert len(raised.value.body) == 500


# Refusals with the status of a success


def mediawiki(code: str, info: str) -> bytes:
    body = json.dumps({"error": {"code": code, "info": info}}).encode()
    return reply(200, {"MediaWiki-API-Error": code, "Content-Type": "application/json"}, body)


def provider_of(listener: Listener, **quirks: Any) -> Provider:
    return Provider("home", base_url=f"{listener.origin}/", **quirks)


async def test_a_header_field_that_only_refusals_have_makes_a_success_a_refusal(listener: Listener) -> None:
    listener.answer = lambda _: mediawiki("mwoauth-invalid-authorization", "Invalid signature")
    quirks = provider_of(listener, refusal_header="MediaWiki-API-Error")
    async with OAuth1Session(CONSUMER, TOKEN, provider=quirks) as session:
        async with session.get("api.php") as response:
            assert response.status == 200
            with pytest.raises(ProviderError) as raised:
                await raise_for_problem(response)
            assert (raised.value.status, raised.value.problem) == (200, "mwoauth-invalid-authorization")
            assert (await response.json())["error"]["info"] == "Invalid signature"
        listener.answer = lambda _: reply(200, {"Content-Type": "application/json"}, b'{"error": "none"}')
        async with session.get("api.php") as response:
            await raise_for_problem(response)


async def test_errors_in_successes_are_read_where_the_provider_says_so(listener: Listener) -> None:
    listener.answer = lambda _: reply(
        200, {"Content-Type": "text/plain"}, b"oauth_problem=token_revoked&more=1"
    )
    for quirks, error in (({}, None), ({"errors_in_success": True}, TokenRejected)):
        store = MemoryStore()
        await store.put_access_token("home", "alice", TOKEN)
        provider = provider_of(listener, **quirks)
        async with (
            OAuth1Session(CONSUMER, provider=provider, store=store) as session,
            session.get("posts", user="alice") as response,
        ):
            if error is None:
                await raise_for_problem(response)
            else:
                with pytest.raises(error):
                    await raise_for_problem(response)
            assert (await response.read()).startswith(b"oauth_problem=")
        assert (await store.get_access_token("home", "alice") is None) is (error is not None)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"posts": [1, 2]}'),
        ("text/html", b"oauth_problem=token_revoked"),
        ("image/png", b"oauth_problem=token_revoked"),
        ("text/plain", b"all is well"),
        ("text/plain", b"Invalid access token"),
        ("application/json", b'{"id": 7, "message": "Invalid access token: a post about it"}'),
        ("application/json", b'{"data": [], "post": {"error": {"code": 89}}}'),
    ],
)
async def test_a_success_without_a_known_problem_stays_one(
    listener: Listener, content_type: str, body: bytes
) -> None:
    listener.answer = lambda _: reply(200, {"Content-Type": content_type}, body)
    provider = provider_of(listener, errors_in_success=True)
    async with (
        OAuth1Session(CONSUMER, TOKEN, provider=provider) as session,
        session.get("posts") as response,
    ):
        await raise_for_problem(response)
        assert await response.read() == body


@pytest.mark.parametrize(
    ("quirks", "headers", "body", "kind"),
    [
        (
            {"errors_in_success": True},
            {},
            {"stat": "fail", "code": 98, "message": "x"},
            TokenRejected,
        ),  # Flickr
        (
            {"errors_in_success": True},
            {},
            {"error": {"code": 9, "message": "Invalid access token: a"}},
            TokenRejected,
        ),
        (
            {"errors_in_success": True},  # BrickLink: no word about the token's end
            {},
            {"meta": {"code": 401, "message": "BAD_OAUTH_REQUEST", "description": "TOKEN_IP_MISMATCHED: a"}},
            ProviderError,
        ),
        (
            {"refusal_header": "MediaWiki-API-Error"},
            {"MediaWiki-API-Error": "mwoauth-invalid-authorization"},
            {
                "error": {
                    "code": "mwoauth-invalid-authorization",
                    "info": "No approved grant was found for that authorization token.",
                }
            },
            TokenRejected,
        ),
        (
            {"refusal_header": "MediaWiki-API-Error"},
            {"MediaWiki-API-Error": "maxlag", "Retry-After": "700"},
            {"error": {"code": "maxlag", "info": "Waiting for a database server: 7 seconds lagged."}},
            RateLimited,
        ),
    ],
)
async def test_each_providers_way_to_refuse_with_a_200_is_a_typed_error(
    listener: Listener,
    quirks: dict[str, Any],
    headers: dict[str, str],
    body: object,
    kind: type[ProviderError],
) -> None:
    text = json.dumps(body).encode()
    listener.answer = lambda _: reply(200, {"Content-Type": "application/json", **headers}, text)
    store = MemoryStore()
    await store.put_access_token("home", "alice", TOKEN)
    provider = provider_of(listener, **quirks)
    async with (
        OAuth1Session(CONSUMER, provider=provider, store=store, retry=None) as session,
        session.post("posts", user="alice", data={"a": "b"}) as response,
    ):
        with pytest.raises(ProviderError) as raised:
            await raise_for_problem(response)
    assert type(raised.value) is kind
    assert (await store.get_access_token("home", "alice") is None) is (kind is TokenRejected)


# What an error tells of its request


async def test_an_error_tells_its_request_and_what_was_signed(listener: Listener) -> None:
    listener.answer = lambda _: reply(401, {"X-Request-Id": "r-7"}, b"oauth_problem=signature_invalid")
    store = MemoryStore()
    await store.put_access_token("home", "alice", TOKEN)
    for placement in ("header", "query"):
        provider = provider_of(listener, placement=placement)
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


@pytest.mark.parametrize("secret", ["secret\n", " secret", "secret\t", "secret"])
async def test_a_secret_with_white_space_at_its_end_is_hinted_at(listener: Listener, secret: str) -> None:
    listener.answer = lambda _: reply(401, body=b"oauth_problem=signature_invalid")
    async with OAuth1Session(Consumer("key", secret)) as session, session.get(listener.origin) as response:
        with pytest.raises(SignatureRejected) as raised:
            await raise_for_problem(response)
    hinted = [hint for hint in raised.value.hints if "white space" in hint]
    assert bool(hinted) is (secret != "secret")
    assert "secret\n" not in str(raised.value.hints)


async def test_the_clock_difference_is_told_in_seconds(listener: Listener) -> None:
    date = formatdate(time.time() + 6 * 3600, usegmt=True)
    listener.answer = lambda _: reply(401, {"Date": date}, b"oauth_problem=timestamp_refused")
    async with signing() as session, session.get(listener.origin) as response:
        with pytest.raises(TimestampRefused) as raised:
            await raise_for_problem(response)
    assert raised.value.clock_difference == pytest.approx(6 * 3600, abs=5)


async def test_a_stranger_is_no_witness(listener: Listener) -> None:
    async with Listener(lambda _: reply(401, None, b"oauth_problem=token_revoked")) as stranger:
        listener.answer = lambda _: reply(302, {"Location": f"{stranger.origin}/"})
        async with signing() as session, session.get(listener.origin) as response:
            with pytest.raises(ProviderError) as raised:
                await raise_for_problem(response)
    assert (type(raised.value), raised.value.status, raised.value.problem) == (ProviderError, 401, None)


async def test_a_refusal_that_drips_holds_its_caller_for_a_few_seconds_at_most(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiooauth1.session.problem_reader._LONGEST_READ", 0.1)

    async def drips() -> AsyncIterator[bytes]:
        yield head(401, "Content-Length: 10000") + b"oauth_problem=token_expired&more="
        await asyncio.Event().wait()

    listener.answer = lambda _: drips()
    async with asyncio.timeout(5), signing() as session, session.get(listener.origin) as response:
        assert response.status == 401
        with pytest.raises(TokenRejected):
            await raise_for_problem(response)
        assert (await response.content.readany()).startswith(b"oauth_problem=token_expired")
