"""One request to a token endpoint, and whatever comes back: a token or the right error, within bounds."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aioresponses import aioresponses, core
from handshakes.endpoint import CONSUMER, REQUEST_TOKEN, Endpoint, http
from handshakes.shown import leaks, shown
from yarl import URL

from aiooauth1 import (
    AccessToken,
    Handshake,
    MemoryStore,
    NonceRejected,
    OAuth1Error,
    OutcomeUnknown,
    Provider,
    ProviderError,
    RateLimited,
    RedirectRefused,
    RequestToken,
    SignatureRejected,
    SigningError,
    TimestampRefused,
    TokenRejected,
    TokenResponseError,
)


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from aiooauth1.providers.provider import Placement

    Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


pytestmark = pytest.mark.socket

ACCESS = b"oauth_token=at-key&oauth_token_secret=at-secret-CANARY&user_id=7"
TOKEN = AccessToken("at-key", "at-secret-CANARY", params={"user_id": "7"})
ASKED = RequestToken("rt-key", "rt-secret-CANARY")
VERIFIER = "verifier-1"
SECRETS = ["at-secret-CANARY", "rt-secret-CANARY", "consumer-secret-CANARY"]
EVIL = "https://evil.example/steal"


# Tables of replies, without a socket

FORM = "application/x-www-form-urlencoded"
REMOTE = Provider(
    "remote",
    request_token_url="https://provider.example/request_token",
    authorize_url="https://provider.example/authorize",
    access_token_url="https://provider.example/access_token",
)


@pytest.fixture
def replies(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    # aioresponses makes aiohttp's responses without the writer that they need: its issue 289.
    writer: Any = SimpleNamespace(output_size=0)
    monkeypatch.setattr(core, "ClientResponse", partial(aiohttp.ClientResponse, stream_writer=writer))
    with aioresponses() as mocked:
        yield mocked


async def fetched() -> AccessToken:
    async with Handshake(REMOTE, CONSUMER, store=MemoryStore()) as handshake:
        return await handshake.fetch_access_token(ASKED, VERIFIER)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 299])
@pytest.mark.parametrize("kind", [FORM, "text/html; charset=utf-16", "application/json", "", "?"])
async def test_a_token_needs_no_certain_2xx_or_type(replies: aioresponses, status: int, kind: str) -> None:
    replies.post(REMOTE.access_token_url, status=status, body=ACCESS, content_type=kind)
    assert await fetched() == TOKEN


AT = "https://provider.example"
Row = tuple[int, bytes, dict[str, str], type[Exception], str]
ROWS: list[Row] = [
    # A 2xx without a usable token.
    *[
        (status, body, {}, TokenResponseError, "")
        for status in (200, 204, 205)
        for body in (b"", b"<!DOCTYPE html><p>at-secret-CANARY", ACCESS[:-30], ACCESS * 2)
    ],
    (200, b'{"oauth_token_secret": "at-secret-CANARY"}', {}, TokenResponseError, ""),
    # A 2xx that reports a problem.
    (200, b"oauth_problem=consumer_key_unknown", {}, ProviderError, "consumer_key_unknown"),
    (200, b"\r\noauth_problem=token_used&oauth_token=rt-key", {}, TokenRejected, "token_used"),
    (200, b"Error: in the OAuth protocol: Invalid signature", {}, SignatureRejected, "Invalid signature"),
    (200, b'{"error": "mwoauth", "message": "E010: no such consumer"}', {}, ProviderError, "E010"),
    (
        200,
        b'\xef\xbb\xbf{"error": {"code": "x-1", "message": "Come later"}}',
        {},
        ProviderError,
        "Come later",
    ),
    # A redirect, of which the origin is named and no more.
    *[
        (status, ACCESS, {} if location is None else {"Location": location}, RedirectRefused, str(status))
        for status in (300, 301, 302, 303, 304, 305, 307, 308, 399)
        for location in (EVIL, REMOTE.access_token_url, "", None)
    ],
    (301, b"", {"Location": "https://www.provider.example/?x=CANARY"}, RedirectRefused, "to https://www.*e;"),
    (301, b"", {"Location": "http://provider.example/token"}, RedirectRefused, "to http://provider.example;"),
    (301, b"", {"Location": "//provider.example:8443/"}, RedirectRefused, f"to {AT}:8443;"),
    (301, b"", {"Location": "https://consumer-secret-CANARY.example/"}, RedirectRefused, "redirects to "),
    (301, b"", {"Location": "/oauth/access_token"}, RedirectRefused, f"another path of {AT};"),
    (301, b"", {"Location": "https://["}, RedirectRefused, "an invalid URL"),
    # A refusal.
    *[(status, b"", {}, ProviderError, "") for status in (400, 401, 403, 404, 405, 410, 418, 499)],
    *[(status, ACCESS, {}, ProviderError, "") for status in (400, 401, 500, 502, 503, 504, 599, 600, 999)],
    (429, b"", {"Retry-After": "7"}, RateLimited, ""),
    (401, b"oauth_problem=token_used", {}, TokenRejected, ""),
    (400, b"oauth_problem=nonce_used", {}, NonceRejected, ""),
    (401, b"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=1-2", {}, TimestampRefused, ""),
    (401, b"oauth_problem=signature_invalid", {}, SignatureRejected, ""),
    (401, b"", {"WWW-Authenticate": 'OAuth realm="x", oauth_problem="nonce_used"'}, NonceRejected, ""),
    (401, b"oauth_problem=%FF%00" + b"x" * 100_000, {}, ProviderError, ""),
    (500, b"<html>" * 1000, {}, ProviderError, ""),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1][:20]!r} {row[2]}"[:60])
async def test_a_reply_without_a_token_is_a_typed_error(replies: aioresponses, row: Row) -> None:
    status, body, headers, error, says = row
    replies.post(REMOTE.access_token_url, status=status, body=body, headers=headers)
    with pytest.raises(error, match=says or None) as raised:
        await fetched()
    assert type(raised.value) is error
    assert sum(len(calls) for calls in replies.requests.values()) == 1
    assert leaks(raised.value, [*SECRETS, "CANARY"]) == []
    if isinstance(raised.value, ProviderError):
        assert raised.value.status == status
        assert len(raised.value.body) <= 500
        assert len(str(raised.value)) < 400


async def exchanged(endpoint: Endpoint, *, seconds: float = 5, **quirks: Any) -> AccessToken:
    async with asyncio.timeout(10):
        provider = replace(endpoint.provider, **quirks)
        async with Handshake(
            provider, CONSUMER, store=MemoryStore(), timeout=seconds, allow_http=True
        ) as handshake:
            return await handshake.fetch_access_token(ASKED, VERIFIER)


async def answered(answer: Answer, *, seconds: float = 5) -> AccessToken:
    async with Endpoint(answer) as endpoint:
        return await exchanged(endpoint, seconds=seconds)


def chunked(*chunks: bytes, status: str = "200 OK", **headers: str) -> bytes:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n{fields}\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


def deflated(body: bytes, window: int) -> bytes:
    stream = zlib.compressobj(wbits=window)
    return stream.compress(body) + stream.flush()


def close_after(answer: bytes) -> Answer:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    return write


@pytest.mark.parametrize("size", [65_536, 65_537])
@pytest.mark.parametrize("form", ["length", "chunked", "gzip", "gzip that is long itself"])
async def test_at_most_64_kib_are_read(size: int, form: str) -> None:
    body = ACCESS + b"&x="
    body += b"v" * (size - len(body))
    packed = gzip.compress(ACCESS)
    named = packed[:3] + b"\x08" + packed[4:10] + b"\0" + packed[10:]  # RFC 1952: a file name of any length
    answer = {
        "length": http(body),
        "chunked": chunked(body[:30_000], body[30_000:], b""),
        "gzip": http(gzip.compress(body), Content_Encoding="gzip"),
        "gzip that is long itself": http(
            named[:10] + b"n" * (size - len(named)) + named[10:], Content_Encoding="gzip"
        ),
    }[form]
    if size == 65_536:
        token = await answered(answer)
        assert (token.key, token.secret, dict(token.params)) == (TOKEN.key, TOKEN.secret, {"user_id": "7"})
    else:
        with pytest.raises(TokenResponseError, match="longer than 65536"):
            await answered(answer)


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(chunked(ACCESS, b"&"))
    while True:
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        await writer.drain()


async def drip(
    writer: asyncio.StreamWriter, head: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
) -> None:
    writer.write(head)
    for byte in ACCESS + b"&x=" + bytes(1000):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.2)


async def drip_interim(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def silence(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


def in_bytes(body: bytes, **headers: str) -> bytes:
    return chunked(*[bytes([byte]) for byte in body], b"", **headers)


PACKED = gzip.compress(ACCESS)
CUT = b" 200 OK\r\nContent-Length: 1000\r\n\r\n" + ACCESS
HINTS = b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
REFUSED = "401 No"
ANSWERS: dict[type[OAuth1Error] | None, dict[str, Answer]] = {
    None: {
        "length": http(ACCESS),
        "chunked": chunked(ACCESS, b""),
        "a byte a chunk": in_bytes(ACCESS),
        "until closed": close_after(b"HTTP/1.1 200 OK\r\n\r\n" + ACCESS),
        "HTTP/1.0": close_after(b"HTTP/1.0 200 OK\r\n\r\n" + ACCESS),
        "after 1xx": HINTS + http(ACCESS),
        "identity": http(ACCESS, Content_Encoding="identity"),
        "gzip": http(PACKED, Content_Encoding="gzip"),
        "x-gzip": http(PACKED, Content_Encoding=" X-GZIP "),
        "deflate": http(zlib.compress(ACCESS), Content_Encoding="deflate"),
        "gzip, a byte a chunk": in_bytes(PACKED, Content_Encoding="gzip"),
        "gzip, identity": http(PACKED, Content_Encoding="gzip, identity"),
        "raw deflate, as IIS has it": http(deflated(ACCESS, -15), Content_Encoding="deflate"),
        # Servers that put the charset there: apache/httpcomponents-client#698, sparklemotion/mechanize#138.
        **{name: http(ACCESS, Content_Encoding=name) for name in ("UTF-8", "utf8", "none", "binary")},
    },
    TokenResponseError: {
        "gzip, cut": http(PACKED[:-12], Content_Encoding="gzip"),
        "gzip, cut by one": http(PACKED[:-1], Content_Encoding="gzip"),
        "gzip of another length": http(PACKED[:-4] + b"\0\0\0\0", Content_Encoding="gzip"),
        "gzip with more behind it": http(PACKED + b"x", Content_Encoding="gzip"),
        "two members": http(gzip.compress(ACCESS[:20]) + gzip.compress(ACCESS[20:]), Content_Encoding="gzip"),
        "gzip that is none": http(ACCESS, Content_Encoding="gzip"),
        "gzip of nothing": http(b"", Content_Encoding="gzip"),
        "gzip as deflate": http(PACKED, Content_Encoding="deflate"),
        "gzip without a word": http(PACKED),
        "gzip twice": http(gzip.compress(PACKED), Content_Encoding="gzip, gzip"),
        "br": http(ACCESS, Content_Encoding="br"),
        "zstd": http(ACCESS, Content_Encoding="zstd"),
        "nonsense": http(ACCESS, Content_Encoding="x" * 5000),
        "chunks without end": endless,
    },
    OutcomeUnknown: {
        "no answer": b"",
        "short of its length": close_after(b"HTTP/1.1" + CUT),
        "short of its last chunk": close_after(chunked(ACCESS)),
        "gzip short of its last chunk": close_after(chunked(PACKED, Content_Encoding="gzip")),
        "bad chunk": close_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        "half a head": close_after(b"HTTP/1.1 200 O"),
        "no HTTP": close_after(b"not HTTP at all\r\n\r\n"),
        "a length below 0": close_after(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        "a header of 10 MB": close_after(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000_000),
        "a million headers": close_after(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000_000),
        "slow: a byte at a time": drip,
        "slow: 100 Continue for ever": drip_interim,
        "slow: nothing": silence,
    },
    ProviderError: {
        "refusal, short of its length": close_after(b"HTTP/1.1 401 No" + CUT[7:]),
        "refusal, short of its last chunk": close_after(chunked(ACCESS, status=REFUSED)),
        "refusal in br": http(ACCESS, status=REFUSED, Content_Encoding="br"),
        "refusal, gzip that is none": http(ACCESS, status=REFUSED, Content_Encoding="gzip"),
        "refusal, long": http(b"x" * 1_000_000, status=REFUSED),
        "slow: refusal": partial(drip, head=b"HTTP/1.1 401 No\r\nContent-Length: 1000\r\n\r\n"),
    },
}


@pytest.mark.parametrize(
    ("error", "name"), [(error, name) for error, answers in ANSWERS.items() for name in answers]
)
async def test_only_a_whole_answer_is_a_token(error: type[OAuth1Error] | None, name: str) -> None:
    is_slow = name.startswith("slow")
    async with asyncio.timeout(2 if is_slow else 8):
        call = answered(ANSWERS[error][name], seconds=0.5 if is_slow else 5)
        if error is None:
            assert await call == TOKEN
            return
        with pytest.raises(error) as raised:
            await call
    assert leaks(raised.value, SECRETS) == []
    if error is ProviderError:
        assert vars(raised.value)["status"] == 401
    if error is OutcomeUnknown:
        assert (raised.value.__cause__, raised.value.__context__) == (None, None)
        assert "Authorization" not in shown(raised.value)
        assert ("TimeoutError" in str(raised.value)) == is_slow
        assert vars(raised.value)["url"].endswith("/access_token")


async def test_switching_protocols_is_refused() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    with pytest.raises((RedirectRefused, OutcomeUnknown)):
        await answered(close_after(head))


async def test_the_request_is_sent_once_and_asks_for_no_compression() -> None:
    async with Endpoint(http(ACCESS)) as endpoint:
        await exchanged(endpoint)
    (request,) = endpoint.requests
    assert request.startswith(b"POST /access_token HTTP/1.1\r\n")
    assert b"\r\nAccept-Encoding: identity\r\n" in request
    assert b"\r\nContent-Length: 0\r\n" in request
    assert request.count(b"Authorization: OAuth ") == 1


@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize("params", [{}, {"scope": "a b"}])
@pytest.mark.parametrize("default", [None, "application/json", "application/octet-stream"])
async def test_content_type_is_that_of_the_signed_body(
    placement: Placement, params: dict[str, str], default: str | None
) -> None:
    headers = {} if default is None else {"Content-Type": default}
    async with Endpoint(http(REQUEST_TOKEN)) as endpoint, aiohttp.ClientSession(headers=headers) as session:
        provider = replace(endpoint.provider, request_token_placement=placement)
        async with Handshake(provider, CONSUMER, store=MemoryStore(), http=session) as handshake:
            await handshake.fetch_request_token("oob", params=params)
    (request,) = endpoint.requests
    types = [line for line in request.split(b"\r\n") if line.lower().startswith(b"content-type:")]
    has_form = params or placement == "body"
    assert types == ([b"Content-Type: " + FORM.encode()] if has_form else [])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_on_a_dropped_connection_is_not_repeated(method: str) -> None:
    """By itself aiohttp repeats a GET whose kept-alive connection breaks, and a token is given once."""
    async with Endpoint(http(REQUEST_TOKEN), b"", http(ACCESS)) as endpoint:
        provider = replace(endpoint.provider, access_token_method=method)
        async with Handshake(provider, CONSUMER, store=MemoryStore()) as handshake:
            token = await handshake.fetch_request_token("oob")
            with pytest.raises(OutcomeUnknown) as raised:
                await handshake.fetch_access_token(token, VERIFIER)
    assert [request.split(b" ", 2)[1] for request in endpoint.requests] == [
        b"/request_token",
        b"/access_token",
    ]
    assert leaks(raised.value, SECRETS) == []


@pytest.mark.parametrize("status", ["302 Found", "307 Again"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nothing_is_sent_to_a_redirect_s_target(status: str, method: str) -> None:
    async with (
        Endpoint(http(ACCESS)) as evil,
        Endpoint(http(b"", status=status, Location=evil.url)) as endpoint,
    ):
        with pytest.raises(RedirectRefused) as raised:
            await exchanged(endpoint, access_token_method=method)
        assert (len(endpoint.requests), evil.requests) == (1, [])
        assert evil.url.rstrip("/") in str(raised.value)


async def test_a_timeout_before_a_connection_counts_as_not_sent() -> None:
    taken = asyncio.Event()

    async def take(writer: asyncio.StreamWriter) -> None:
        taken.set()
        await silence(writer)

    connector = aiohttp.TCPConnector(limit=1)
    async with (
        Endpoint(take) as endpoint,
        aiohttp.ClientSession(connector=connector) as session,
        Handshake(endpoint.provider, CONSUMER, store=MemoryStore(), http=session, timeout=0.3) as handshake,
    ):
        taking = asyncio.create_task(session.get(endpoint.url))
        await taken.wait()
        with pytest.raises(TimeoutError) as raised:
            await handshake.fetch_access_token(ASKED, VERIFIER)
        taking.cancel()
    assert not isinstance(raised.value, OAuth1Error)
    assert len(endpoint.requests) == 1


async def test_a_caller_s_session_shares_no_cookies_or_headers() -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    reply = http(ACCESS, Set_Cookie="user=alice")
    async with Endpoint(reply, reply, http(b"oauth_problem=token_used", status=REFUSED)) as endpoint:
        jar.update_cookies({"session": "CANARY"}, URL(endpoint.url))
        async with aiohttp.ClientSession(
            cookie_jar=jar,
            raise_for_status=True,
            headers={"Authorization": "Bearer CANARY", "Accept-Encoding": "br"},
        ) as session:
            async with Handshake(endpoint.provider, CONSUMER, store=MemoryStore(), http=session) as handshake:
                for _ in range(2):
                    assert await handshake.fetch_access_token(ASKED, VERIFIER) == TOKEN
                with pytest.raises(TokenRejected) as raised:
                    await handshake.fetch_access_token(ASKED, VERIFIER)
            assert not session.closed
    assert "oauth_signature" not in shown(raised.value)
    assert [cookie.key for cookie in jar] == ["session"]
    assert len(endpoint.requests) == 3
    for request in endpoint.requests:
        assert b"CANARY" not in request
        assert b"cookie" not in request.lower()
        assert request.count(b"Authorization: OAuth ") == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Transfer-Encoding": "chunked"},
        {"transfer-encoding": "identity"},
        {"Content-Length": "5"},
        {"Content-Encoding": "gzip"},
        {"Connection": "Authorization"},
        {"Upgrade": "h2c"},
        {"Transfer-Encoding ": "chunked"},
    ],
    ids=str,
)
@pytest.mark.parametrize("params", [{}, {"a": "b"}], ids=["no body", "a form"])
async def test_headers_of_a_caller_s_session_that_change_how_the_request_is_read_are_refused(
    headers: dict[str, str], params: dict[str, str]
) -> None:
    async with (
        Endpoint(http(ACCESS)) as endpoint,
        aiohttp.ClientSession(headers=headers) as session,
        Handshake(endpoint.provider, CONSUMER, store=MemoryStore(), http=session) as handshake,
    ):
        with pytest.raises(SigningError):
            await handshake.fetch_access_token(ASKED, VERIFIER, params=params)
    assert not endpoint.requests


async def test_our_own_session_keeps_no_cookies() -> None:
    async with Endpoint(http(ACCESS, Set_Cookie="user=alice")) as endpoint, endpoint.handshake() as handshake:
        for _ in range(2):
            await handshake.fetch_access_token(ASKED, VERIFIER)
    assert all(b"cookie" not in request.lower() for request in endpoint.requests)


class OddError(Exception):
    """What a connector of somebody else's raises."""


class OddConnector(aiohttp.TCPConnector):
    async def connect(self, *_: Any, **__: Any) -> Any:
        raise OddError("no way")


@pytest.mark.parametrize("way", ["closes", "407", "rubbish", "odd connector", "closed session"])
async def test_an_error_before_writing_counts_as_not_sent(way: str) -> None:
    """A POST through a proxy that gives no connection, a connector with its own errors, a closed session."""
    answers = {"closes": b"", "407": http(b"", status="407 No"), "rubbish": b"rubbish\r\n\r\n"}
    store = MemoryStore()
    async with (
        Endpoint(answers.get(way, b"")) as proxy,
        Endpoint(http(REQUEST_TOKEN), http(ACCESS)) as endpoint,
        Handshake(endpoint.provider, CONSUMER, store=store) as direct,
    ):
        pending = await direct.begin("oob", bind="browser")
        # CONNECT is for https alone.
        secure = replace(endpoint.provider, access_token_url="https://provider.example/access_token")
        connector = OddConnector() if way == "odd connector" else None
        through = None if connector is not None else proxy.url
        session = aiohttp.ClientSession(proxy=through, connector=connector)
        if way == "closed session":
            await session.close()
        async with Handshake(secure, CONSUMER, store=store, http=session) as handshake:
            for _ in range(4):
                with pytest.raises((aiohttp.ClientError, OddError, RuntimeError)) as raised:
                    await handshake.complete_with_verifier(
                        pending.request_token.key, VERIFIER, bind="browser"
                    )
                assert not isinstance(raised.value, OAuth1Error)
        await session.close()
        token = await direct.complete_with_verifier(pending.request_token.key, VERIFIER, bind="browser")
        assert token.key == "at-key"
    assert len(endpoint.requests) == 2


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated")
@pytest.mark.parametrize("placement", ["query", "body"])
async def test_basic_auth_needs_the_signature_outside_the_header(placement: Placement) -> None:
    basic = aiohttp.BasicAuth("gate", "keeper-CANARY")
    async with Endpoint(http(REQUEST_TOKEN), http(b"no", status="401 No")) as endpoint:
        provider = replace(
            endpoint.provider, request_token_placement=placement, access_token_placement=placement
        )
        async with Handshake(provider, CONSUMER, store=MemoryStore(), basic_auth=basic) as handshake:
            token = await handshake.fetch_request_token("oob")
            with pytest.raises(ProviderError) as raised:
                await handshake.fetch_access_token(token, VERIFIER)
        assert leaks(raised.value, ["keeper-CANARY", basic.encode()]) == []
        for request in endpoint.requests:
            assert request.count(b"Authorization: " + basic.encode().encode()) == 1
        with pytest.raises(TypeError, match="placement='query' or 'body'"):
            Handshake(endpoint.provider, CONSUMER, store=MemoryStore(), basic_auth=basic)


async def test_public_only_connects_to_no_private_address() -> None:
    async with Endpoint(http(REQUEST_TOKEN)) as endpoint:
        async with endpoint.handshake(public_only=True) as handshake:
            with pytest.raises(SigningError, match="not a public address"):
                await handshake.fetch_request_token("oob")
        guarded = replace(endpoint.provider, public_only=True)
        async with Handshake(guarded, CONSUMER, store=MemoryStore()) as handshake:
            with pytest.raises(SigningError, match="not a public address"):
                await handshake.fetch_request_token("oob")
        assert endpoint.requests == []
        async with aiohttp.ClientSession() as session:
            with pytest.raises(ValueError, match="leave http= out"):
                endpoint.handshake(public_only=True, http=session)
