"""The rest of FakeProvider over real sockets: the page, the ledger, the hooks, odd requests, its life."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import re
import ssl
from dataclasses import FrozenInstanceError
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp
import pytest
import trustme
from aiohttp import web
from oauthlib_caller import FORM, Caller, running
from yarl import URL

from aiooauth1 import AccessToken, Consumer, Provider
from aiooauth1.testing import AuthorizePageError, FakeProvider, approve, deny


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


pytestmark = pytest.mark.socket


async def _raw(fake: FakeProvider, data: bytes) -> bytes:
    """Send data as they are on a connection of their own; returns all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(fake.url).port)
    try:
        writer.write(data)
        return await reader.read()
    finally:
        writer.close()


async def test_the_authorize_page_is_html_without_scripts() -> None:
    async with running(consumer=Consumer("<b>&\"'", "s")) as caller:
        _, url = await caller.begin()
        reply = await caller.send("GET", url, {})
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Cache-Control"] == "no-store"
    page = reply.body
    assert escape("<b>&\"'") in page
    assert "<b>" not in page
    assert "<script" not in page
    assert not re.search(r"<[^>]*\son\w+=", page)
    assert page.count("<form ") == 1
    assert 'method="post"' in page
    assert '<input type="text" name="user"' in page
    assert re.findall(r'<button type="submit" name="answer" value="(\w+)">', page) == ["approve", "deny"]


async def test_hostile_input_is_escaped_on_pages() -> None:
    async with running() as caller:
        evil = '"><script>alert(1)</script>'
        query = urlencode({"oauth_token": evil})
        reply = await caller.send("GET", f"{caller.fake.provider.authorize_url}?{query}", {})
        assert reply.status == 400
        assert "<script" not in reply.body
        _, url = await caller.begin("oob")
        assert len(await approve(url, user=evil)) == 7
        assert caller.fake.accepted("authorize")[-1].user == evil


async def test_an_answer_needs_the_value_of_its_page() -> None:
    async with running() as caller:
        pages = []
        for _ in range(2):
            _, url = await caller.begin()
            page = (await caller.send("GET", url, {})).body
            pages.append(dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)))
        good = {**pages[0], "user": "ann", "answer": "approve"}
        form = urlencode(good)
        cases: list[tuple[int, str, str]] = [
            *[
                (403, "page_rejected", urlencode({**good, "page": page}))
                for page in (pages[1]["page"], "", "0")
            ],
            (403, "page_rejected", urlencode({**good, "page": good["page"][:-1]})),
            (400, "form_rejected", urlencode({**good, "answer": "maybe"})),
            (400, "token_rejected", urlencode({**good, "oauth_token": "unknown"})),
            (400, "form_rejected", form + "&more=1"),
            (400, "form_rejected", urlencode({name: good[name] for name in good if name != "page"})),
            (400, "user_absent", urlencode({**good, "user": "  "})),
            (400, "form_rejected", form + "&user=bob"),
            (400, "form_rejected", "user=%ff"),
        ]
        for status, why, body in cases:
            reply = await caller.send("POST", caller.fake.provider.authorize_url, FORM, body)
            assert (reply.status, "Location" in reply.headers) == (status, False)
            assert caller.fake.ledger[-1].why == why
        plain = {"Content-Type": "text/plain"}
        assert (await caller.send("POST", caller.fake.provider.authorize_url, plain, form)).status == 400
        assert (await caller.send("POST", caller.fake.provider.authorize_url, FORM, form)).status == 302


async def test_a_page_is_answered_once_and_in_time() -> None:
    now = 1_700_000_000
    async with running(clock=lambda: now, request_token_ttl=60) as caller:
        _, url = await caller.begin(timestamp=str(now))
        _, late = await caller.begin(timestamp=str(now))
        await approve(url, user="ann", http=caller.http)
        assert not caller.http.closed
        for again in (approve, deny):
            with pytest.raises(AuthorizePageError, match="unknown, answered or too old"):
                await again(url, user="mallory")
        for odd in ("?oauth_token=%ff", "?oauth_token=a&oauth_token=b", ""):
            with pytest.raises(AuthorizePageError, match="status 400"):
                await approve(caller.fake.provider.authorize_url + odd)
        now += 61
        with pytest.raises(AuthorizePageError, match="too old"):
            await approve(late)


async def test_the_ledger_has_what_arrived_byte_for_byte() -> None:
    now = 1_700_000_000.25
    async with running(clock=lambda: now) as caller:
        fake, ann = caller.fake, caller.of("ann")
        assert ann.token is not None
        signed = {"timestamp": "1700000000", "nonce": "n0nce"}
        _, headers, _ = ann.sign("POST", "posts?a=%7e&&b=+%20", None, {"x-Odd": "é"}, **signed)
        url = fake.url + "posts?a=%7e&&b=+%20"
        assert (await ann.send("POST", url, headers, b"\x00\xff")).status == 201
        (arrival,) = fake.ledger
        assert arrival.request_line == b"POST /posts?a=%7e&&b=+%20 HTTP/1.1"
        assert (arrival.method, arrival.target, arrival.path) == ("POST", b"/posts?a=%7e&&b=+%20", "/posts")
        assert (b"x-Odd", "é".encode()) in arrival.headers
        assert (arrival.header("X-ODD"), arrival.header("missing")) == ("é".encode(), None)
        assert (arrival.body, arrival.body_length) == (b"\x00\xff", 2)
        assert arrival.body_sha256 == hashlib.sha256(b"\x00\xff").hexdigest()
        assert (arrival.number, arrival.time, arrival.status) == (1, now, 201)
        assert (arrival.endpoint, arrival.verdict, arrival.why) == ("posts", "accepted", "")
        assert (arrival.consumer_key, arrival.token_key) == (fake.consumer.key, ann.token.key)
        assert (arrival.user, arrival.nonce, arrival.timestamp) == ("ann", "n0nce", "1700000000")
        assert arrival.signature_method == "HMAC-SHA1"
        assert arrival.base_string.startswith("POST&http%3A%2F%2F127.0.0.1%3A")
        assert arrival.peer_port > 0
        with pytest.raises(FrozenInstanceError):
            arrival.why = "changed"


async def test_an_arrival_shows_no_secret_in_its_repr() -> None:
    async with running(consumer=Consumer("key", "canary-cs")) as caller:
        fake = caller.fake
        guessing = caller.holding(AccessToken(fake.issue_access_token("ann").key, "canary-ts"))
        assert (await guessing("GET", "posts", signature_method="PLAINTEXT")).status == 401
        assert (await caller.send("GET", fake.url + "posts?oauth_signature=canary", {})).status == 400
        assert (await caller.send("POST", fake.url + "posts", FORM, "oauth_signature=canary")).status == 400
        shown = f"{list(fake.ledger)!r} {fake.ledger!r} {fake!r} {fake.consumer!r} {fake.summary()!r}"
    assert "canary" not in shown
    assert "GET '/posts' on posts, refused (signature_invalid), status 401" in shown


async def test_the_ledger_can_be_filtered_and_summed_up() -> None:
    async with running(ledger_limit=3) as caller:
        fake = caller.fake
        for method in ("GET", "PUT", "POST"):
            assert (await caller(method, "echo")).status == 200
        assert (await caller.send("GET", fake.url + "nowhere", {})).status == 404
        assert len(fake.ledger) == 3
        assert [arrival.number for arrival in fake.ledger[-2:]] == [3, 4]
        assert [arrival.method for arrival in fake.accepted("echo")] == ["PUT", "POST"]
        assert [arrival.why for arrival in fake.refused()] == ["not_found"]
        assert fake.accepted("posts") == fake.exchanges == []
        summary = fake.summary()
        assert (summary.accepted, summary.refused, summary.endpoints) == (2, 1, {"echo": 2})
        assert summary.problems == {"not_found": 1}


async def test_a_long_body_is_measured_whole_and_kept_in_part() -> None:
    async with running(body_limit=1000) as caller:
        body = bytes(range(256)) * 4000
        told = json.loads((await caller("POST", "echo", body)).body)
        assert (told["body_length"], told["body_sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        arrival = caller.fake.ledger[-1]
        assert (arrival.body, arrival.body_length) == (body[:1000], len(body))
        assert (await caller.send("POST", caller.fake.url + "echo", FORM, b"a" * 1001)).status == 413
        assert caller.fake.ledger[-1].why == "body_too_large"


async def test_a_compressed_or_chunked_form_is_verified_by_what_it_says() -> None:
    async with running() as caller:
        ann = caller.of("ann")
        url, headers, body = ann.sign("POST", "posts", "status=a%20b", FORM)
        packed = gzip.compress((body or "").encode())
        assert (await ann.send("POST", url, {**headers, "Content-Encoding": "gzip"}, packed)).status == 201
        url, headers, body = ann.sign("POST", "posts", "status=c", FORM)

        async def chunks() -> AsyncIterator[bytes]:
            for byte in (body or "").encode():
                yield bytes([byte])

        assert (await ann.send("POST", url, headers, chunks())).status == 201
        assert [post.text for post in caller.fake.posts] == ["a b", "c"]


@pytest.mark.parametrize(
    "target",
    [
        *[b"/echo?a[]=1&a[]=2", b"/echo?a={\"b\"|'c'}^`\\", b"/echo?a=%zz&%&%4", b"/echo?&&a&=b&"],
        *[b"/echo?a=1;b=2", b"/echo?%ff=%C3%28", b"/echo/../posts/%2e%2e//x;y=z"],
        b"/echo?" + b"&".join(b"n%d=v" % number for number in range(10_000)),
        b"http://Other.Example:80/echo?x=1",
    ],
    ids=lambda target: target[:24].decode(),
)
async def test_odd_targets_are_verified_unchanged(target: bytes) -> None:
    """Signed by hand: oauthlib refuses most of these."""
    async with FakeProvider(clock=lambda: 1_700_000_000.0) as fake:
        host = b"Other.Example:80" if target.startswith(b"http:") else b"HOST.example"
        path, _, query = target.removeprefix(b"http://" + host).partition(b"?")
        protocol = {
            b"oauth_consumer_key": fake.consumer.key.encode(),
            b"oauth_nonce": b"n",
            b"oauth_signature_method": b"HMAC-SHA1",
            b"oauth_timestamp": b"1700000000",
        }
        pairs = [_decoded(part) for part in query.split(b"&") if part] + list(protocol.items())
        encoded = sorted((_escaped(name), _escaped(value)) for name, value in pairs)
        uri = b"http://" + host.lower().removesuffix(b":80") + path
        base = b"&".join((b"GET", _escaped(uri), _escaped(b"&".join(b"%b=%b" % pair for pair in encoded))))
        key = _escaped(fake.consumer.secret.encode()) + b"&"
        protocol[b"oauth_signature"] = base64.b64encode(hmac.digest(key, base, "sha1"))
        header = b", ".join(b'%b="%b"' % (name, _escaped(value)) for name, value in protocol.items())
        head = b"GET %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\nAuthorization: OAuth %b\r\n\r\n"
        answer = await _raw(fake, head % (target, host, header))
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert fake.ledger[0].target == target
        assert fake.ledger[0].base_string.encode() == base


def _escaped(text: bytes) -> bytes:
    unreserved = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    return b"".join(bytes([byte]) if byte in unreserved else b"%%%02X" % byte for byte in text)


def _decoded(part: bytes) -> tuple[bytes, bytes]:
    def decode(text: bytes) -> bytes:
        text = text.replace(b"+", b" ")
        return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text)

    name, _, value = part.partition(b"=")
    return decode(name), decode(value)


async def test_expect_100_continue_is_answered() -> None:
    async with running() as caller:
        url, headers, _ = caller.sign("POST", "echo")
        reply = await caller.send("POST", url, headers, b"abc", expect100=True)
        assert json.loads(reply.body)["body_length"] == 3


async def test_an_incomplete_body_is_refused() -> None:
    async with running() as caller:
        fake = caller.fake
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(fake.url).port)
        writer.write(b"POST /posts HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")
        await writer.drain()
        writer.close()
        assert await reader.read() == b""
        broken = b"POST /posts HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
        assert (await _raw(fake, broken)).startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert [arrival.why for arrival in fake.ledger][:1] == ["body_incomplete"]
        assert fake.posts == []
        assert (await caller("GET", "echo")).status == 200


async def test_before_can_answer_instead_of_the_endpoint() -> None:
    async with running() as caller:
        fake, ann, seen = caller.fake, caller.of("ann"), list[str]()

        async def busy(request: web.BaseRequest) -> web.StreamResponse | None:
            seen.append(request.path)
            return web.Response(status=503, headers={"Retry-After": "1"}) if len(seen) == 1 else None

        fake.before = busy
        assert fake.before is busy
        assert [(await ann("POST", "posts", "x")).status for _ in range(2)] == [503, 201]
        assert seen == ["/posts", "/posts"]
        told = [(arrival.verdict, arrival.status) for arrival in fake.ledger]
        assert told == [("intercepted", 503), ("accepted", 201)]
        assert len(fake.posts) == 1


async def test_after_may_replace_the_reply() -> None:
    async with running() as caller:

        async def spoil(request: web.BaseRequest, reply: web.StreamResponse) -> web.StreamResponse | None:
            assert reply.status == 200
            return web.Response(text="<html>") if request.path == "/oauth/request_token" else None

        caller.fake.after = spoil
        assert caller.fake.after is spoil
        assert (await caller("POST", "oauth/request_token", callback_uri="oob")).body == "<html>"
        assert (await caller("GET", "echo")).body != "<html>"


async def test_a_restart_keeps_port_and_state() -> None:
    fake = FakeProvider(base_path="/v1", name="mine")
    with pytest.raises(RuntimeError, match="no port yet"):
        _ = fake.url
    assert "not started" in repr(fake)
    assert await fake.start() is fake
    with pytest.raises(RuntimeError, match="already started"):
        await fake.start()
    try:
        url, token = fake.url, fake.issue_access_token("ann")
        assert url.endswith("/v1/")
        assert (fake.provider.name, fake.provider.base_url) == ("mine", url)
        await fake.aclose()
        await fake.aclose()
        async with aiohttp.ClientSession() as http:
            caller = Caller(http, fake, token)
            with pytest.raises(aiohttp.ClientConnectorError):
                await http.get(url)
            await fake.start()
            assert fake.url == url
            assert (await caller("GET", "posts")).status == 200
            assert (await caller.send("GET", url.replace("/v1/", "/posts"), {})).status == 404
            _, page = await caller.holding(None).begin()
            assert "oauth_verifier=" in await approve(page)
    finally:
        await fake.aclose()


async def test_a_taken_port_is_an_error() -> None:
    async with FakeProvider() as fake:
        other = FakeProvider(port=URL(fake.url).port or 0)
        with pytest.raises(OSError, match="address already in use"):
            await other.start()
    async with other:
        assert (other.provider.name, other.consumer) != (fake.provider.name, fake.consumer)


async def test_no_url_of_the_like_provider_is_left() -> None:
    like = Provider(
        "real",
        base_url="https://real.example/",
        origins=("https://up.real.example",),
        renew_url="https://real.example/renew",
        revoke_url="https://real.example/revoke",
        public_only=True,
    )
    async with FakeProvider(like=like) as fake:
        assert "real.example" not in repr(fake.provider)
        assert not fake.provider.public_only
        assert fake.provider.renew_url == f"{fake.url}oauth/renew"


async def test_closing_ends_hanging_requests() -> None:
    entered = asyncio.Event()

    async def hang(_: web.BaseRequest) -> None:
        entered.set()
        await asyncio.Event().wait()

    async with running() as caller:
        caller.fake.before = hang
        request = asyncio.create_task(caller("GET", "echo"))
        await entered.wait()
        await caller.fake.aclose()
        with pytest.raises(aiohttp.ClientError):
            await request


async def test_it_speaks_https_too() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with running(ssl_context=server) as caller:
        url, headers, _ = caller.sign("GET", "echo")
        assert url.startswith("https://127.0.0.1:")
        assert (await caller.send("GET", url, headers, ssl=client)).status == 200
        assert caller.fake.ledger[-1].base_string.startswith("GET&https%3A%2F%2F127.0.0.1%3A")
