"""Where a redirect may lead a signed call, judged by every byte that arrives at the listeners."""

from __future__ import annotations

import io
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

import aiohttp
import pytest
from aiohttp import TCPConnector
from wire.certificates import client_tls, server_tls
from wire.listener import Arrival, Listener, Names, ok, reply
from wire.oracle import verified
from wire.people import CONSUMER, TOKEN, provider_at, signing

from aiooauth1 import OAuth1Session, RedirectRefused, Retry
from aiooauth1.session.redirects import Hop, keeps_body, next_hop
from aiooauth1.signing import PLAINTEXT
from aiooauth1.transport.origin import Origin


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


pytestmark = pytest.mark.socket

BODY = b"status=words%20%26%20more"

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
STATUSES = (301, 302, 303, 307, 308)

# How aiohttp rewrites the next hop (RFC 9110 sections 15.4.2 to 15.4.9). A + is a body that goes along: the
# four methods on the right are sent with a form.
NEXT_HOP = {
    #         GET  HEAD POST   PUT   PATCH   DELETE
    301: "    GET  HEAD GET    PUT+  PATCH+  DELETE+",
    302: "    GET  HEAD GET    PUT+  PATCH+  DELETE+",
    303: "    GET  HEAD GET    GET   GET     GET",
    307: "    GET  HEAD POST+  PUT+  PATCH+  DELETE+",
    308: "    GET  HEAD POST+  PUT+  PATCH+  DELETE+",
}

HOPS = ("GET", "HEAD", "POST+", "PUT+", "PATCH+", "DELETE+")
# What becomes of the next hop, by where it leads.
HOME = {hop: f"signed {hop}" for hop in HOPS}  # the same origin
AWAY = {hop: "refused" if "+" in hop else f"bare {hop}" for hop in HOPS}  # another: unsigned, and no body
NEVER = dict.fromkeys(HOPS, "refused")  # from https to http, or with a user name or password


@dataclass(frozen=True, slots=True)
class Target:
    """A Location, what becomes of the hop, and what follows a GET or HEAD that is not refused.

    The three ports are filled in. If it is `secure`, the call begins at the https listener.
    """

    location: str
    outcome: dict[str, str]
    secure: bool = False
    then: dict[str, list[str]] = field(default_factory=dict)


def _back(location: str) -> str:
    return quote(location, safe="{}")


_BARE = {"GET": ["bare GET"], "HEAD": ["bare HEAD"]}
_REFUSED = {"GET": ["refused"], "HEAD": ["refused"]}

# The call begins at http://localhost:{home}/go, or at https://localhost:{tls}/go; {other} is one more http
# listener. Every name is this machine, so that whatever goes anywhere is seen.
TARGETS = {
    # the same origin
    "same origin": Target("http://localhost:{home}/landed", HOME),
    "a path": Target("/landed", HOME),
    "a relative path": Target("landed?a=1&a=%2B", HOME),
    "a query": Target("?to=", HOME),
    "same origin in capitals": Target("HTTP://LOCALHOST:{home}/landed", HOME),
    "same origin by //host": Target("//localhost:{home}/landed", HOME),
    "same origin by https": Target("https://localhost:{tls}/landed", HOME, secure=True),
    "same origin with an empty user name": Target("http://@localhost:{home}/landed", HOME),
    # another
    "other port": Target("http://localhost:{other}/landed", AWAY),
    "other host": Target("http://other.test:{home}/landed", AWAY),
    "other host in capitals": Target("http://OTHER.TEST:{other}/landed", AWAY),
    "the host's address": Target("http://127.0.0.1:{home}/landed", AWAY),
    "a subdomain": Target("http://sub.localhost:{home}/landed", AWAY),
    "a trailing dot": Target("http://localhost.:{home}/landed", AWAY),
    "//host": Target("//other.test:{other}/landed", AWAY),
    "//host, same port": Target("//other.test:{home}/landed", AWAY),
    "http to https": Target("https://localhost:{tls}/landed", AWAY),
    "other host by https": Target("https://other.test:{tls}/landed", AWAY, secure=True),
    "a host that begins like ours": Target("http://localhost.other.test:{home}/landed", AWAY),
    "a backslash": Target("\\\\other.test:{home}/landed", HOME),  # a path to yarl, and so to what is sent
    # away, and home again: no hop of a call that has left is signed
    "back home": Target(
        "http://other.test:{other}/go?then=302&to=" + _back("http://localhost:{home}/landed"),
        AWAY,
        then=_BARE,
    ),
    "back home by //host": Target(
        "//other.test:{other}/go?then=307&to=" + _back("//localhost:{home}/landed"),
        AWAY,
        then=_BARE,
    ),
    "away, then on": Target(
        "http://other.test:{other}/go?then=308&to=" + _back("http://third.test:{home}/landed"),
        AWAY,
        then=_BARE,
    ),
    "away, then to a password": Target(
        "http://other.test:{other}/go?then=302&to=" + _back("http://u:p@other.test:{other}/landed"),
        AWAY,
        then=_REFUSED,
    ),
    "away by https, then to http": Target(
        "https://other.test:{tls}/go?then=302&to=" + _back("http://other.test:{other}/landed"),
        AWAY,
        then=_REFUSED,
    ),
    # never
    "https to http": Target("http://localhost:{home}/landed", NEVER, secure=True),
    "https to http, other host": Target("http://other.test:{other}/landed", NEVER, secure=True),
    "a user name": Target("http://user@localhost:{home}/landed", NEVER),
    "a password": Target("http://:password@localhost:{home}/landed", NEVER),
    "both empty": Target("http://:@localhost:{home}/landed", NEVER),
    "user name and password, by //host": Target("//user:password@other.test:{other}/landed", NEVER),
    "user name and password, elsewhere": Target("http://user:password@other.test:{other}/landed", NEVER),
    "user name and password, by https": Target(
        "https://user:password@localhost:{tls}/landed", NEVER, secure=True
    ),
    "a user name with a colon": Target("http://us%3Aer:password@localhost:{home}/landed", NEVER),
    "a user name that is not latin-1": Target("http://%E2%98%83@other.test:{other}/landed", NEVER),
}


def redirector(status: int, location: str) -> Callable[[Arrival], bytes]:
    """Answer /go by a redirect, to where its query says or else to `location`; anything else by 200."""

    def answer(arrival: Arrival) -> bytes:
        if arrival.path != "/go":
            return ok(arrival)
        query = parse_qs(arrival.target.partition("?")[2], keep_blank_values=True)
        if query.get("to") == [""]:
            return ok(arrival)
        then, to = query.get("then", [str(status)])[0], query.get("to", [location])[0]
        return reply(int(then), {"Location": to})

    return answer


@dataclass(slots=True)
class World:
    """Three listeners, and a session that takes every name for this machine."""

    home: Listener
    other: Listener
    tls: Listener
    session: OAuth1Session
    nonces: list[tuple[str, str]] = field(default_factory=list)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        return self.home, self.other, self.tls

    def resolve(self, location: str) -> str:
        return location.format(home=self.home.port, other=self.other.port, tls=self.tls.port)

    async def follow(self, status: int, target: Target, method: str, **options: Any) -> list[str]:
        """Make a call that is redirected; return all that arrived anywhere, and how it ended if refused."""
        start = self.tls if target.secure else self.home
        arrived: list[Arrival] = []
        answer = redirector(status, self.resolve(target.location))

        def note(arrival: Arrival) -> bytes:
            arrived.append(arrival)
            return answer(arrival)

        for listener in self.listeners:
            listener.answer = note
        try:
            async with self.session.request(method, f"{start.origin}/go", **options) as response:
                assert response.status == 200
            ended = []
        except RedirectRefused:
            ended = ["refused"]
        return [self.describe(arrival) for arrival in arrived] + ended

    def describe(self, arrival: Arrival) -> str:
        if arrival.header("Authorization") is None:
            return self._bare(arrival)
        oauth = verified(arrival, CONSUMER, TOKEN)
        self.nonces.append((oauth["oauth_nonce"], oauth["oauth_timestamp"]))
        assert arrival.body in {b"", BODY}
        return f"signed {arrival.method}{'+' if arrival.body else ''}"

    @staticmethod
    def _bare(arrival: Arrival) -> str:
        """See that an unsigned arrival has not one byte of ours, nor any that a plain GET would not have."""
        names = [name for name, _ in arrival.headers]
        assert names == ["Host", "Accept", "Accept-Encoding", "User-Agent"]
        assert arrival.octets.endswith(b"\r\n\r\n")
        for ours in (b"oauth", b"key", b"canary", b"words"):
            assert ours not in arrival.octets.lower()
        return f"bare {arrival.method}"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(Listener(host="localhost"))
        other = await stack.enter_async_context(Listener(host="other.test"))
        tls = await stack.enter_async_context(Listener(host="localhost", tls=server_tls()))
        connector = await stack.enter_async_context(TCPConnector(resolver=Names(), ssl=client_tls()))
        clock = count(1_700_000_000)
        made = signing(connector=connector, clock=lambda: next(clock))
        session = await stack.enter_async_context(made)
        yield World(home, other, tls, session)


def expected(status: int, target: Target, method: str, body: str) -> list[str]:
    first = f"signed {method}{body}"
    hop = NEXT_HOP[status].split()[METHODS.index(method)]
    second = target.outcome[hop]
    return [first, second] + ([] if second == "refused" else target.then.get(hop, []))


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
async def test_a_redirect_is_followed_signed_unsigned_or_refused_by_the_table(
    world: World, target: Target, status: int
) -> None:
    seen, wanted = {}, {}
    for method in METHODS:
        bodied = method not in {"GET", "HEAD"}
        options: dict[str, Any] = {"data": {"status": "words & more"}} if bodied else {}
        seen[method] = await world.follow(status, target, method, allow_redirects=True, **options)
        wanted[method] = expected(status, target, method, "+" if bodied else "")
    assert seen == wanted
    for drawn in zip(*world.nonces, strict=True):  # the nonces, and the timestamps of a clock that is quick
        assert len(set(drawn)) == len(drawn) >= len(METHODS)


# What a method's name alone does not tell: a GET may have a body, and a POST none.


_TEXT = {"Content-Type": "text/plain"}


async def _pieces() -> AsyncIterator[bytes]:
    yield BODY[:9]
    yield BODY[9:]


_FORM = {"data": {"status": "words & more"}}
BODIES: dict[str, tuple[str, dict[str, Any], str]] = {
    # name: method, its body, and what becomes of a redirect to another origin, by each status
    "GET with a form": ("GET", _FORM, "refused  refused  bare GET refused refused"),
    "HEAD with a form": ("HEAD", _FORM, "refused  refused  refused  refused refused"),
    "POST without a body": ("POST", {}, "bare GET bare GET bare GET refused refused"),
    "DELETE without a body": ("DELETE", {}, "refused  refused  bare GET refused refused"),
    "OPTIONS": ("OPTIONS", {}, "refused  refused  bare GET refused refused"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_whether_there_is_a_body_decides_and_not_the_method(world: World, name: str) -> None:
    method, options, wanted = BODIES[name]
    seen = [
        (await world.follow(status, TARGETS["other host"], method, allow_redirects=True, **options))[1:]
        for status in STATUSES
    ]
    assert " ".join(outcome for (outcome,) in seen) == " ".join(wanted.split())


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_stream_is_not_resent_empty(world: World, method: str, status: int) -> None:
    """It was read once; a hop without a body does not need it."""
    seen = await world.follow(status, Target("/landed", HOME), method, data=_pieces(), headers=_TEXT)
    hop = NEXT_HOP[status].split()[METHODS.index(method)]
    assert seen == [f"signed {method}+", "refused" if "+" in hop else "signed GET"]


@pytest.mark.parametrize("status", STATUSES)
async def test_a_file_is_sent_whole_on_each_hop(world: World, tmp_path: Path, status: int) -> None:
    path = tmp_path / "status"
    path.write_bytes(BODY)
    hop = NEXT_HOP[status].split()[METHODS.index("PUT")]
    for headers in (_TEXT, {"Content-Type": "application/x-www-form-urlencoded"}):
        for file in (path.open("rb"), io.BytesIO(BODY)):
            with file:
                seen = await world.follow(status, Target("/landed", HOME), "PUT", data=file, headers=headers)
            assert seen == ["signed PUT+", "signed PUT+" if "+" in hop else "signed GET"]


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_without_a_location_is_returned_though_the_body_was_a_stream(
    world: World, status: int
) -> None:
    world.home.answer = lambda _: reply(status)
    async with world.session.put(f"{world.home.origin}/go", data=_pieces(), headers=_TEXT) as response:
        assert response.status == status


async def test_an_idempotency_key_goes_to_no_other_origin(world: World) -> None:
    world.home.answer = redirector(303, world.resolve("http://other.test:{other}/landed"))
    session = world.session.replace(retry=Retry(idempotency_header="Idempotency-Key"))
    assert (await session.post(f"{world.home.origin}/go", data=BODY, idempotency_key="key-7")).status == 200
    assert world.home.arrivals[-1].header("Idempotency-Key") == "key-7"
    assert world.other.arrivals[-1].header("Idempotency-Key") is None


@pytest.mark.parametrize("verb", ["get", "head"])
async def test_a_redirect_that_is_not_followed_is_returned_as_it_is(world: World, verb: str) -> None:
    location = world.resolve("http://user:password@other.test:{other}/landed")
    world.home.answer = redirector(302, location)
    options = {} if verb == "head" else {"allow_redirects": False}  # a HEAD follows none unless told to
    async with getattr(world.session, verb)(f"{world.home.origin}/go", **options) as response:
        assert (response.status, response.headers["Location"]) == (302, location)
    assert len(world.home.arrivals) == 1
    assert world.other.connections == 0


async def test_a_hop_to_another_of_the_providers_origins_is_not_signed(world: World) -> None:
    other = f"http://other.test:{world.other.port}"
    provider = provider_at(world.home, origins=(other,))
    world.home.answer = redirector(302, f"{other}/landed")
    connector = TCPConnector(resolver=Names())
    async with signing(provider=provider, allow_http=True, connector=connector) as session:
        await session.get("go")
        await session.get(f"{other}/typed")
    assert [world.describe(arrival) for arrival in world.home.arrivals] == ["signed GET"]
    assert [world.describe(arrival) for arrival in world.other.arrivals] == ["bare GET", "signed GET"]


async def test_plaintext_secrets_go_to_no_other_origin(world: World) -> None:
    plaintext = world.session.replace(signature_method=PLAINTEXT)
    world.tls.answer = redirector(302, world.resolve("https://other.test:{tls}/landed"))
    await plaintext.get(f"{world.tls.origin}/go")
    world.tls.answer = redirector(302, world.resolve("http://localhost:{home}/landed"))
    with pytest.raises(RedirectRefused):
        await plaintext.get(f"{world.tls.origin}/go")
    arrived = [world.describe(arrival) for arrival in world.tls.arrivals]
    assert arrived == ["signed GET", "bare GET", "signed GET"]
    assert world.home.connections == 0


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://user:password@localhost:{home}/landed", RedirectRefused),
        ("http://other.test:{other}/landed", RedirectRefused),
        ("http://[malformed/", aiohttp.ClientError),
        ("ftp://other.test/landed", aiohttp.ClientError),
        ("https:///landed", aiohttp.ClientError),
        ("/go", aiohttp.TooManyRedirects),
    ],
)
async def test_a_refused_redirect_releases_its_connection(
    world: World, location: str, error: type[Exception]
) -> None:
    refusal = reply(307, {"Location": world.resolve(location)}, b"moved" * 100_000)
    world.home.answer = lambda arrival: ok(arrival) if arrival.path == "/free" else refusal
    async with signing(connector=TCPConnector(limit=1)) as session:
        origin = f"http://127.0.0.1:{world.home.port}"
        for _ in range(2):
            with pytest.raises(error):
                await session.post(f"{origin}/go", data={"a": "1"})
        assert (await session.get(f"{origin}/free")).status == 200


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("method", METHODS)
def test_keeps_body_is_true_if_aiohttp_resends_the_body(status: int, method: str) -> None:
    hop = NEXT_HOP[status].split()[METHODS.index(method)]
    assert keeps_body(status, method) is (hop.rstrip("+") == method and status != 303)


def test_no_hop_of_a_call_leads_from_https_to_http_even_after_it_has_left() -> None:
    https, http = Origin("https", "api.test", 443), Origin("http", "api.test", 80)
    for has_left in (False, True):
        with pytest.raises(RedirectRefused, match=r"from https to http://api\.test:80"):
            next_hop(https, http, "GET", has_body=False, has_left=has_left)
    assert next_hop(http, https, "GET", has_body=False, has_left=False) is Hop.UNSIGNED
