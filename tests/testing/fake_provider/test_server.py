"""The rest of FakeProvider over real sockets: the page, the ledger, the hooks, odd requests, its life."""

from __future__ import annotations

import asyncio
import base64
import gc
import gzip
import hashlib
import hmac
import json
import re
import ssl
from contextlib import asynccontextmanager
from dataclasses import FrozenInstanceError
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest
import trustme
from aiohttp import web
from oauthlib import oauth1
from yarl import URL

from aiooauth1 import AccessToken, Consumer, Provider
from aiooauth1.testing import AuthorizePageError, FakeProvider, approve, deny, drop


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


pytestmark = pytest.mark.socket

Client: Any = oauth1.Client

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@asynccontextmanager
async def _running(**options: Any) -> AsyncIterator[tuple[FakeProvider, aiohttp.ClientSession]]:
    async with FakeProvider(**options) as fake, aiohttp.ClientSession() as http:
        yield fake, http


def _header(
    fake: FakeProvider, method: str, url: str, token: AccessToken | None, **more: Any
) -> dict[str, str]:
    key, secret = (token.key, token.secret) if token else (None, None)
    signed: dict[str, str] = Client(fake.consumer.key, fake.consumer.secret, key, secret, **more).sign(
        url, method
    )[1]
    return signed


async def _pending(
    fake: FakeProvider, http: aiohttp.ClientSession, callback: str = "https://c.example/cb"
) -> str:
    """A new request token's authorize URL."""
    url = fake.provider.request_token_url
    async with http.post(url, headers=_header(fake, "POST", url, None, callback_uri=callback)) as reply:
        assert reply.status == 200
        key = dict(parse_qsl(await reply.text()))["oauth_token"]
    return f"{fake.provider.authorize_url}?oauth_token={key}"


async def _raw(fake: FakeProvider, data: bytes) -> bytes:
    """Send data as they are on a connection of their own; returns all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(fake.url).port)
    try:
        writer.write(data)
        return await reader.read()
    finally:
        writer.close()


# The page


async def test_the_page_is_html_that_a_browser_can_use_and_nothing_in_it_runs() -> None:
    async with _running(consumer=Consumer("<b>&\"'", "s")) as (fake, http):
        async with http.get(await _pending(fake, http)) as reply:
            page = await reply.text()
            assert reply.content_type == "text/html"
            assert reply.charset == "utf-8"
            assert reply.headers["X-Frame-Options"] == "DENY"
            assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
            assert reply.headers["Cache-Control"] == "no-store"
        assert escape("<b>&\"'") in page
        assert "<b>" not in page
        assert "<script" not in page
        assert not re.search(r"<[^>]*\son\w+=", page)
        assert page.count("<form ") == 1
        assert 'method="post"' in page
        assert '<input type="text" name="user"' in page
        assert re.findall(r'<button type="submit" name="answer" value="(\w+)">', page) == ["approve", "deny"]


async def test_what_strangers_put_into_urls_and_forms_is_escaped_or_left_out() -> None:
    async with _running() as (fake, http):
        evil = '"><script>alert(1)</script>'
        async with http.get(fake.provider.authorize_url, params={"oauth_token": evil}) as reply:
            assert reply.status == 400
            assert "<script" not in await reply.text()
        url = await _pending(fake, http, "oob")
        assert len(await approve(url, user=evil)) == 7
        assert fake.accepted("authorize")[-1].user == evil


async def test_an_answer_counts_only_with_the_value_of_its_own_page() -> None:
    async with _running() as (fake, http):
        first, second = await _pending(fake, http), await _pending(fake, http)
        pages = []
        for url in (first, second):
            async with http.get(url) as reply:
                page = await reply.text()
            pages.append(dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)))
        good = {**pages[0], "user": "ann", "answer": "approve"}
        for status, fields in (
            (403, {**good, "page": pages[1]["page"]}),
            (403, {**good, "page": ""}),
            (403, {**good, "page": "0"}),
            (403, {**good, "page": good["page"][:-1]}),
            (400, {**good, "answer": "maybe"}),
            (400, {**good, "oauth_token": "unknown"}),
            (400, {**good, "more": "1"}),
            (400, {name: value for name, value in good.items() if name != "page"}),
            (400, {**good, "user": "  "}),
        ):
            async with http.post(fake.provider.authorize_url, data=fields, allow_redirects=False) as reply:
                assert reply.status == status
                assert "Location" not in reply.headers
        twice = urlencode([*good.items(), ("user", "bob")])
        for body, kind in (
            (twice, FORM),
            (urlencode(good), {"Content-Type": "text/plain"}),
            ("user=%ff", FORM),
        ):
            async with http.post(fake.provider.authorize_url, data=body, headers=kind) as reply:
                assert reply.status == 400
        async with http.post(fake.provider.authorize_url, data=good, allow_redirects=False) as reply:
            assert reply.status == 302
        assert [arrival.why for arrival in fake.refused("authorize")] == (
            ["page_rejected"] * 4
            + ["form_rejected", "token_rejected"]
            + ["form_rejected"] * 2
            + ["user_absent"]
        ) + ["form_rejected"] * 3


async def test_a_page_is_answered_once() -> None:
    async with _running() as (fake, http):
        url = await _pending(fake, http)
        await approve(url, user="ann", http=http)
        assert not http.closed
        for again in (approve, deny):
            with pytest.raises(AuthorizePageError, match="unknown, answered or too old"):
                await again(url, user="mallory")
        for odd in ("?oauth_token=%ff", "?oauth_token=a&oauth_token=b", ""):
            with pytest.raises(AuthorizePageError, match="status 400"):
                await approve(fake.provider.authorize_url + odd)


async def test_a_page_for_a_request_token_that_is_too_old_is_not_shown() -> None:
    now = 1_700_000_000.0
    async with _running(clock=lambda: now, request_token_ttl=60) as (fake, http):
        url = fake.provider.request_token_url
        headers = _header(fake, "POST", url, None, callback_uri="oob", timestamp="1700000000")
        async with http.post(url, headers=headers) as reply:
            key = dict(parse_qsl(await reply.text()))["oauth_token"]
        now += 61
        with pytest.raises(AuthorizePageError, match="too old"):
            await approve(f"{fake.provider.authorize_url}?oauth_token={key}")


# The ledger


async def test_the_ledger_has_what_arrived_byte_for_byte() -> None:
    now = 1_700_000_000.25
    async with _running(clock=lambda: now) as (fake, http):
        token = fake.issue_access_token("ann")
        url = fake.url + "posts?a=%7e&&b=+%20"
        headers = _header(fake, "POST", url, token, timestamp="1700000000", nonce="n0nce")
        async with http.post(
            URL(url, encoded=True), headers={**headers, "x-Odd": "é"}, data=b"\x00\xff"
        ) as reply:
            assert reply.status == 201
        assert len(fake.ledger) == 1
        arrival = fake.ledger[0]
        assert arrival.request_line == b"POST /posts?a=%7e&&b=+%20 HTTP/1.1"
        assert (arrival.method, arrival.target, arrival.path) == ("POST", b"/posts?a=%7e&&b=+%20", "/posts")
        assert (b"x-Odd", "é".encode()) in arrival.headers
        assert arrival.header("X-ODD") == "é".encode()
        assert arrival.header("missing") is None
        assert arrival.body == b"\x00\xff"
        assert (arrival.body_length, arrival.body_sha256) == (2, hashlib.sha256(b"\x00\xff").hexdigest())
        assert (arrival.number, arrival.time, arrival.status) == (1, now, 201)
        assert (arrival.endpoint, arrival.verdict, arrival.why) == ("posts", "accepted", "")
        assert (arrival.consumer_key, arrival.token_key, arrival.user) == (
            fake.consumer.key,
            token.key,
            "ann",
        )
        assert (arrival.nonce, arrival.timestamp, arrival.signature_method) == (
            "n0nce",
            "1700000000",
            "HMAC-SHA1",
        )
        assert arrival.base_string.startswith("POST&http%3A%2F%2F127.0.0.1%3A")
        assert arrival.peer_port > 0
        with pytest.raises(FrozenInstanceError):
            arrival.why = "changed"  # type: ignore[misc]


async def test_an_arrival_shows_no_secret_in_its_repr() -> None:
    async with _running(consumer=Consumer("key", "canary-cs")) as (fake, http):
        token = AccessToken(fake.issue_access_token("ann").key, "canary-ts")
        url = fake.url + "posts"
        plain = _header(fake, "GET", url, token, signature_method="PLAINTEXT")
        for target, headers in ((url, plain), (url + "?oauth_signature=canary", {})):
            async with http.get(target, headers=headers) as reply:
                assert reply.status in {400, 401}
        async with http.post(url, data="oauth_signature=canary", headers=FORM) as reply:
            assert reply.status == 400
        shown = (
            repr(list(fake.ledger))
            + repr(fake.ledger)
            + repr(fake)
            + repr(fake.consumer)
            + repr(fake.summary())
        )
        assert "canary" not in shown
        assert "GET '/posts' on posts, refused (signature_invalid), status 401" in shown


async def test_the_ledger_is_asked_in_several_ways() -> None:
    async with _running(ledger_limit=3) as (fake, http):
        url = fake.url + "echo"
        for method in ("GET", "PUT", "POST"):
            async with http.request(method, url, headers=_header(fake, method, url, None)) as reply:
                assert reply.status == 200
        async with http.get(fake.url + "nowhere") as reply:
            assert reply.status == 404
        assert len(fake.ledger) == 3
        assert [arrival.number for arrival in fake.ledger[-2:]] == [3, 4]
        assert [arrival.method for arrival in fake.accepted("echo")] == ["PUT", "POST"]
        assert [arrival.why for arrival in fake.refused()] == ["not_found"]
        assert fake.accepted("posts") == fake.exchanges == []
        summary = fake.summary()
        assert (summary.accepted, summary.refused, summary.endpoints) == (2, 1, {"echo": 2})
        assert summary.problems == {"not_found": 1}


async def test_a_long_body_is_measured_whole_and_kept_in_part() -> None:
    async with _running(body_limit=1000) as (fake, http):
        url = fake.url + "echo"
        body = bytes(range(256)) * 4000
        async with http.post(url, data=body, headers=_header(fake, "POST", url, None)) as reply:
            told = await reply.json()
        assert (told["body_length"], told["body_sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        assert fake.ledger[-1].body == body[:1000]
        assert fake.ledger[-1].body_length == len(body)
        async with http.post(url, data=b"a" * 1001, headers=FORM) as reply:
            assert reply.status == 413
        assert fake.ledger[-1].why == "body_too_large"


async def test_a_compressed_or_chunked_form_is_verified_by_what_it_says() -> None:
    async with _running() as (fake, http):
        url = fake.url + "posts"
        token = fake.issue_access_token("ann")
        client = Client(fake.consumer.key, fake.consumer.secret, token.key, token.secret)
        _, headers, body = client.sign(url, "POST", "status=a%20b", FORM)
        packed = gzip.compress(body.encode())
        async with http.post(url, headers={**headers, "Content-Encoding": "gzip"}, data=packed) as reply:
            assert reply.status == 201

        async def chunks() -> AsyncIterator[bytes]:
            for octet in body.encode():
                yield bytes([octet])

        _, headers, body = client.sign(url, "POST", "status=c", FORM)
        async with http.post(url, headers=headers, data=chunks()) as reply:
            assert reply.status == 201
        assert [post.text for post in fake.posts] == ["a b", "c"]


# Odd requests


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
async def test_odd_targets_are_verified_as_they_stand(target: bytes) -> None:
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
        answer = await _raw(
            fake,
            b"GET %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\nAuthorization: OAuth %b\r\n\r\n"
            % (target, host, header),
        )
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert fake.ledger[0].target == target
        assert fake.ledger[0].base_string.encode() == base


def _escaped(text: bytes) -> bytes:
    unreserved = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    return b"".join(bytes([octet]) if octet in unreserved else b"%%%02X" % octet for octet in text)


def _decoded(part: bytes) -> tuple[bytes, bytes]:
    def decode(text: bytes) -> bytes:
        return re.sub(
            rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text.replace(b"+", b" ")
        )

    name, _, value = part.partition(b"=")
    return decode(name), decode(value)


async def test_a_client_that_waits_for_the_go_ahead_gets_it() -> None:
    async with _running() as (fake, http):
        url = fake.url + "echo"
        headers = _header(fake, "POST", url, None)
        async with http.post(url, data=b"abc", headers=headers, expect100=True) as reply:
            assert (await reply.json())["body_length"] == 3


async def test_a_body_that_breaks_off_does_no_harm() -> None:
    async with _running() as (fake, http):
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(fake.url).port)
        writer.write(b"POST /posts HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")
        await writer.drain()
        writer.close()
        assert await reader.read() == b""
        broken = b"POST /posts HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
        assert (await _raw(fake, broken)).startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert [arrival.why for arrival in fake.ledger][:1] == ["body_incomplete"]
        assert fake.posts == []
        url = fake.url + "echo"
        async with http.get(url, headers=_header(fake, "GET", url, None)) as reply:
            assert reply.status == 200


# Hooks


async def test_before_answers_in_the_endpoint_s_stead() -> None:
    async with _running() as (fake, http):
        seen: list[str] = []

        async def busy(request: web.BaseRequest) -> web.StreamResponse | None:
            seen.append(request.path)
            return web.Response(status=503, headers={"Retry-After": "1"}) if len(seen) == 1 else None

        fake.before = busy
        assert fake.before is busy
        url = fake.url + "posts"
        token = fake.issue_access_token("ann")
        statuses = []
        for _ in range(2):
            async with http.post(url, data="x", headers=_header(fake, "POST", url, token)) as reply:
                statuses.append(reply.status)
        assert statuses == [503, 201]
        assert seen == ["/posts", "/posts"]
        assert [arrival.verdict for arrival in fake.ledger] == ["intercepted", "accepted"]
        assert [arrival.status for arrival in fake.ledger] == [503, 201]
        assert len(fake.posts) == 1


@pytest.mark.parametrize(("hook", "done"), [("before", 0), ("after", 1)])
async def test_a_connection_is_dropped_before_or_after_the_work(hook: str, done: int) -> None:
    async with _running() as (fake, http):
        setattr(fake, hook, drop)
        url = fake.url + "posts"
        token = fake.issue_access_token("ann")
        with pytest.raises(aiohttp.ClientError):
            await http.post(url, data="x", headers=_header(fake, "POST", url, token))
        assert len(fake.posts) == done
        assert [arrival.verdict for arrival in fake.ledger] == ["accepted" if done else "intercepted"]
        setattr(fake, hook, None)
        async with http.post(url, data="y", headers=_header(fake, "POST", url, token)) as reply:
            assert reply.status == 201


async def test_after_may_replace_the_reply() -> None:
    async with _running() as (fake, http):

        async def spoil(request: web.BaseRequest, reply: web.StreamResponse) -> web.StreamResponse | None:
            assert reply.status == 200
            return web.Response(text="<html>") if request.path == "/oauth/request_token" else None

        fake.after = spoil
        assert fake.after is spoil
        url = fake.provider.request_token_url
        headers = _header(fake, "POST", url, None, callback_uri="oob")
        async with http.post(url, headers=headers) as reply:
            assert await reply.text() == "<html>"
        async with http.get(
            fake.url + "echo", headers=_header(fake, "GET", fake.url + "echo", None)
        ) as reply:
            assert reply.status == 200


# Its life


async def test_it_comes_back_at_the_same_port_and_remembers() -> None:
    fake = FakeProvider(base_path="/v1", name="mine")
    with pytest.raises(RuntimeError, match="no port yet"):
        _ = fake.url
    assert "not started" in repr(fake)
    assert await fake.start() is fake
    with pytest.raises(RuntimeError, match="started already"):
        await fake.start()
    try:
        url, token = fake.url, fake.issue_access_token("ann")
        assert url.endswith("/v1/")
        assert fake.provider.name == "mine"
        assert fake.provider.base_url == url
        await fake.aclose()
        await fake.aclose()
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.ClientConnectorError):
                await http.get(url)
            await fake.start()
            assert fake.url == url
            posts = url + "posts"
            async with http.get(posts, headers=_header(fake, "GET", posts, token)) as reply:
                assert reply.status == 200
            async with http.get(url.replace("/v1/", "/posts")) as reply:
                assert reply.status == 404
            assert (await approve(await _pending(fake, http))).startswith("https://c.example/cb?oauth_token=")
    finally:
        await fake.aclose()


async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open() -> None:
    async with FakeProvider() as fake:
        other = FakeProvider(port=URL(fake.url).port or 0)
        with pytest.raises(OSError, match="address already in use"):
            await other.start()
    await other.start()
    await other.aclose()
    gc.collect()


async def test_two_providers_have_two_names() -> None:
    async with FakeProvider() as one, FakeProvider() as other:
        assert one.provider.name != other.provider.name
        assert one.consumer != other.consumer


async def test_no_url_of_the_provider_that_it_is_like_is_left() -> None:
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


async def test_closing_ends_what_hangs() -> None:
    entered = asyncio.Event()

    async def hang(_: web.BaseRequest) -> None:
        entered.set()
        await asyncio.Event().wait()

    fake = await FakeProvider().start()
    fake.before = hang
    async with aiohttp.ClientSession() as http:
        request = asyncio.create_task(http.get(fake.url + "echo"))
        await entered.wait()
        await fake.aclose()
        with pytest.raises(aiohttp.ClientError):
            await request


@pytest.mark.parametrize("options", [{"denial": "shrug"}, {"base_path": "v1"}, {"base_path": "/v1/"}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        FakeProvider(**options)


async def test_it_speaks_https_too() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with _running(ssl_context=server) as (fake, http):
        url = fake.url + "echo"
        assert url.startswith("https://127.0.0.1:")
        async with http.get(url, headers=_header(fake, "GET", url, None), ssl=client) as reply:
            assert (await reply.json())["target"] == "/echo"
        assert fake.ledger[-1].base_string.startswith("GET&https%3A%2F%2F127.0.0.1%3A")


async def test_the_json_of_a_post_may_be_hostile() -> None:
    async with _running() as (fake, http):
        token = fake.issue_access_token("ann")
        url = fake.url + "posts"
        for body in (b'{"text": ' + b"[" * 100_000, b'{"text": 1}', b"{", b'{"text": "a"', b"\xff\xfe"):
            async with http.post(url, data=body, headers=_header(fake, "POST", url, token)) as reply:
                assert reply.status == 201
        assert fake.posts[1].text == '{"text": 1}'
        assert json.loads(json.dumps([post.text for post in fake.posts]))
