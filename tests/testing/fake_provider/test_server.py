"""The rest of FakeProvider over real sockets: the page, the ledger, the hooks, odd requests, its life."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
import ssl
from dataclasses import FrozenInstanceError
from html import escape
from typing import TYPE_CHECKING, Any
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
    assert not re.search(r"<b>|<script|<[^>]*\son\w+=", page)
    assert page.count("<form ") == page.count('<form method="post"') == 1
    assert '<input type="text" name="user"' in page
    assert re.findall(r'<button type="submit" name="answer" value="(\w+)">', page) == ["approve", "deny"]


async def test_hostile_input_is_escaped_on_pages(caller: Caller) -> None:
    evil = '"><script>alert(1)</script>'
    query = urlencode({"oauth_token": evil})
    reply = await caller.send("GET", f"{caller.fake.provider.authorize_url}?{query}", {})
    assert reply.status == 400
    assert "<script" not in reply.body
    _, url = await caller.begin("oob")
    assert len(await approve(url, user=evil)) == 7
    assert caller.fake.accepted("authorize")[-1].user == evil


async def test_an_answer_is_accepted_only_with_the_value_of_its_page(caller: Caller) -> None:
    pages = []
    for _ in range(2):
        _, url = await caller.begin()
        page = (await caller.send("GET", url, {})).body
        pages.append(dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)))
    good = {**pages[0], "user": "ann", "answer": "approve"}
    form = urlencode(good)
    cases: list[tuple[int, str, Any]] = [
        *((403, "page_rejected", good | {"page": page}) for page in (pages[1]["page"], "", "0")),
        (403, "page_rejected", good | {"page": good["page"][:-1]}),
        (400, "form_rejected", good | {"answer": "maybe"}),
        (400, "token_rejected", good | {"oauth_token": "unknown"}),
        (400, "form_rejected", {name: good[name] for name in good if name != "page"}),
        (400, "user_absent", good | {"user": "  "}),
        *((400, "form_rejected", body) for body in (form + "&more=1", form + "&user=bob", "user=%ff")),
    ]
    target = caller.fake.provider.authorize_url
    for status, why, answer in cases:
        body = answer if isinstance(answer, str) else urlencode(answer)
        reply = await caller.send("POST", target, FORM, body)
        assert (reply.status, "Location" in reply.headers) == (status, False)
        assert caller.fake.ledger[-1].why == why
    assert (await caller.send("POST", target, {"Content-Type": "text/plain"}, form)).status == 400
    assert (await caller.send("POST", target, FORM, form)).status == 302


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


async def test_a_compressed_or_chunked_form_is_verified_by_its_content(caller: Caller) -> None:
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


ODD_TARGETS = {
    b"/echo?a[]=1&a[]=2": b"echo&a%255B%255D%3D1%26a%255B%255D%3D2%26",
    b"/echo?a={\"b\"|'c'}^`\\": b"echo&a%3D%257B%2522b%2522%257C%2527c%2527%257D%255E%2560%255C%26",
    b"/echo?a=%zz&%&%4": b"echo&%2525%3D%26%25254%3D%26a%3D%2525zz%26",
    b"/echo?&&a&=b&": b"echo&%3Db%26a%3D%26",
    b"/echo?a=1;b=2": b"echo&a%3D1%253Bb%253D2%26",
    b"/echo?%ff=%C3%28": b"echo&%25FF%3D%25C3%2528%26",
    b"/echo/../posts/%2e%2e//x;y=z": b"echo%2F..%2Fposts%2F%252e%252e%2F%2Fx%3By%3Dz&",
    b"/echo?"
    + b"&".join(b"n=%d" % number for number in range(9999, 0, -1)): b"echo&n%3D1%26n%3D10%26n%3D100%26",
    b"http://Other.Example:80/echo?x=1": b"echo&",
}


@pytest.mark.parametrize("target", ODD_TARGETS, ids=lambda target: target[:24].decode())
async def test_an_odd_target_arrives_and_is_signed_as_it_was_sent(target: bytes) -> None:
    """Sent by hand: clients mend most of these. PLAINTEXT needs no signature over them."""
    async with FakeProvider(consumer=Consumer("key", "s")) as fake:
        host = "Other.Example:80" if target.startswith(b"http:") else "HOST.example"
        header = 'OAuth oauth_consumer_key="key", oauth_signature_method="PLAINTEXT", oauth_signature="s%26"'
        head = f"Host: {host}\r\nConnection: close\r\nAuthorization: {header}\r\n\r\n"
        answer = await _raw(fake, b"GET " + target + b" HTTP/1.1\r\n" + head.encode())
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        (arrival,) = fake.ledger
        assert arrival.target == target
        base = f"GET&http%3A%2F%2F{host.lower().removesuffix(':80')}%2F{ODD_TARGETS[target].decode()}"
        assert arrival.base_string.startswith(base)


async def test_expect_100_continue_is_answered(caller: Caller) -> None:
    url, headers, _ = caller.sign("POST", "echo")
    reply = await caller.send("POST", url, headers, b"abc", expect100=True)
    assert json.loads(reply.body)["body_length"] == 3


async def test_an_incomplete_body_is_refused(caller: Caller) -> None:
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


async def test_before_and_after_may_replace_the_answer(caller: Caller) -> None:
    fake, ann, seen = caller.fake, caller.of("ann"), list[str]()

    async def busy(request: web.BaseRequest) -> web.StreamResponse | None:
        seen.append(request.path)
        return web.Response(status=503, headers={"Retry-After": "1"}) if len(seen) == 1 else None

    async def spoil(_: web.BaseRequest, reply: web.StreamResponse) -> web.StreamResponse | None:
        return web.Response(text="<html>") if reply.status == 200 else None

    fake.before, fake.after = busy, spoil
    assert (fake.before, fake.after) == (busy, spoil)
    assert [(await ann("POST", "posts", "x")).status for _ in range(2)] == [503, 201]
    assert (await ann("GET", "echo")).body == "<html>"
    assert seen == ["/posts", "/posts", "/echo"]
    told = [(arrival.verdict, arrival.status) for arrival in fake.ledger]
    assert told == [("intercepted", 503), ("accepted", 201), ("accepted", 200)]
    assert len(fake.posts) == 1


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


async def test_no_url_of_the_like_provider_remains() -> None:
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


async def test_https_requests_are_verified() -> None:
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
