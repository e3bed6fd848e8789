"""Where the signature goes: header, query or body, through redirects and retries, seen from the other end.

What arrives is verified by oauthlib's and Authlib's servers, and by FakeProvider.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web
from judges.authlib_judge import AuthlibJudge
from judges.judge import FORM, Arrival, Judge
from judges.oauthlib_judge import OauthlibJudge
from judges.shapes import FORMS, PARAMS, PATHS, QUERIES, UNSIGNED_BODIES, Shape, typed
from judges.show import consumer_of, provider_of, token_for
from vectors import VECTORS
from wire.leaks import leaks, shown_by
from wire.listener import Listener, ok, reply
from yarl import URL

from aiooauth1 import (
    Consumer,
    Handshake,
    MemoryStore,
    OAuth1Session,
    Provider,
    RedirectRefused,
    Retry,
    SigningError,
)
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT
from aiooauth1.signing.rsa import RSA_SHA1, RSA_SHA256, RSA_SHA512
from aiooauth1.testing import FakeProvider, drop


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

    from aiooauth1.providers import Placement
    from aiooauth1.signing import SignatureMethod
    from aiooauth1.testing import Arrival as Seen


pytestmark = pytest.mark.socket

CALLBACK = "https://consumer.example/connected"
_SIGNED = "consumer_key nonce signature signature_method timestamp token version"
SENT = Counter(f"oauth_{name}" for name in _SIGNED.split())  # what a signed request has, each of it once


def _names(raw: bytes) -> Counter[str]:
    pairs = parse_qsl(raw.decode(), keep_blank_values=True)
    return Counter(name for name, _ in pairs if name.startswith("oauth_"))


def _value(raw: bytes, name: str) -> str:
    return dict(parse_qsl(raw.decode(), keep_blank_values=True))[name]


def _query(seen: Seen) -> bytes:
    return seen.target.partition(b"?")[2]


def _where(seen: Seen) -> dict[str, Counter[str]]:
    """Return the OAuth parameters that arrived, by their place."""
    found = {"query": _names(_query(seen)), "body": Counter[str]()}
    if (seen.header("Content-Type") or b"").startswith(FORM.encode()):
        found["body"] = _names(seen.body)
    header = seen.header("Authorization")
    if header is not None:
        fields = header.decode().removeprefix("OAuth ").split(", ")
        found["header"] = Counter(field.partition("=")[0] for field in fields)
    return {place: names for place, names in found.items() if names}


def _session(fake: FakeProvider, placement: Placement | None, **more: Any) -> OAuth1Session:
    options: dict[str, Any] = {"provider": fake.provider, "placement": placement, **more}
    return OAuth1Session(fake.consumer, fake.issue_access_token("ann"), **options)


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


# Every request, shown to other people's verifiers

PEM: str = VECTORS["rsa_keys"]["test2048"]["private_pem"]
PUBLIC_PEM: str = VECTORS["rsa_keys"]["test2048"]["public_pem"]
METHODS: list[tuple[type[Judge], SignatureMethod]] = [
    *[(OauthlibJudge, method) for method in (HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT)],
    *[(OauthlibJudge, method) for method in (RSA_SHA1(PEM), RSA_SHA256(PEM), RSA_SHA512(PEM))],
    *[(AuthlibJudge, method) for method in (HMAC_SHA1, PLAINTEXT, RSA_SHA1(PEM))],
]
NOTHING = Shape("/posts").by("POST")
EMPTY = {
    "POST with nothing": NOTHING,
    "PUT with nothing": Shape("/posts?a=1").by("PUT"),
    "PATCH with nothing": NOTHING.by("PATCH"),
}
POSTED = {f"form: {name}": shape.by("POST") for name, shape in FORMS.items()}
OTHER_METHODS = {method: FORMS["unicode"].by(method) for method in ("PUT", "PATCH", "DELETE")}
IN_BODY = POSTED | OTHER_METHODS | EMPTY
IN_QUERY = {
    **{f"query: {name}": shape for name, shape in QUERIES.items()},
    **{f"params: {name}": shape for name, shape in PARAMS.items()},
    **{f"path: {name}": shape for name, shape in PATHS.items()},
    **{f"no form: {name}": shape.by("POST") for name, shape in UNSIGNED_BODIES.items()},
    **{f"{method} with nothing": NOTHING.by(method) for method in ("HEAD", "DELETE", "OPTIONS")},
    **IN_BODY,
}
GET = Shape("/posts?a=2&a=1&b=%2B+%20%C3%A9&flag")
FEW = {  # shapes for each signature method
    "GET": ("query", GET),
    "DELETE": ("query", Shape("/posts/%2F").by("DELETE")),
    "JSON": ("query", UNSIGNED_BODIES["JSON"].by("POST")),
    **{
        f"{name} in the {placement}": (placement, shape)
        for placement in ("query", "body")
        for name, shape in {
            "POST": FORMS["names that are in the query too"].by("POST"),
            "PUT": OTHER_METHODS["PUT"],
            "nothing": NOTHING,
        }.items()
    },
}


async def _twice(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """A retry of the user's own, which sends the same request object again."""
    (await handler(request)).release()
    return await handler(request)


async def _show(judge: Judge, shape: Shape, placement: Placement, **more: Any) -> None:
    """Make the request; see that the judge lets it pass, with the parameters once and in their place."""
    token = more.pop("token", None) or token_for(judge, "alice")
    is_stream = shape.chunked and shape is not POSTED["form: a generator"]
    middlewares = () if is_stream else (_twice,)
    async with (
        OAuth1Session(
            consumer_of(judge), token, placement=placement, middlewares=middlewares, **more
        ) as session,
        session.request(shape.method, shape.url(judge.origin), **shape.options()) as response,
    ):
        assert response.status == 200, await response.text()
    assert [verdict.user for verdict in judge.verdicts] == ["alice"] * (1 + len(middlewares))
    for arrival in judge.arrivals:
        _check_place(arrival, shape, placement)


def _check_place(arrival: Arrival, shape: Shape, placement: Placement) -> None:
    path, _, own = shape.target.partition("?")
    query, body = arrival.target.partition("?")[2], arrival.body
    assert (arrival.path, "Authorization" in arrival.headers) == (path, False)
    if placement == "query":
        assert query.startswith(f"{own}&oauth_" if own else "oauth_")
        assert shape.body in {None, body}
        assert _names(query.encode()) == SENT
        return
    assert query == own
    assert shape.body is not None
    assert body.startswith(shape.body + b"&" * bool(shape.body) + b"oauth_")
    assert _names(body) == SENT
    assert arrival.is_form
    assert int(arrival.headers.get("Content-Length", len(body))) == len(body)


@pytest.mark.parametrize(
    ("placement", "shape"),
    [("query", shape) for shape in IN_QUERY.values()] + [("body", shape) for shape in IN_BODY.values()],
    ids=[f"query, {name}" for name in IN_QUERY] + [f"body, {name}" for name in IN_BODY],
)
async def test_oauthlib_accepts_any_request_with_each_parameter_once_behind_the_callers(
    placement: Placement, shape: Shape
) -> None:
    """Also if a middleware of the user's sends the signed request again."""
    async with OauthlibJudge() as judge:
        await _show(judge, shape, placement)


@pytest.mark.parametrize(("placement", "shape"), FEW.values(), ids=FEW)
@pytest.mark.parametrize(
    ("kind", "method"), METHODS, ids=[f"{kind.__name__}-{method.name}" for kind, method in METHODS]
)
async def test_oauthlib_and_authlib_accept_every_signature_method_that_they_know(
    kind: type[Judge], method: SignatureMethod, placement: Placement, shape: Shape
) -> None:
    async with kind() as judge:
        judge.book.rsa_keys[judge.consumer_key] = PUBLIC_PEM
        await _show(judge, shape, placement, signature_method=method, allow_http=True)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("name", sorted(IN_BODY.keys() - {"form: a generator"}))  # which is read once
async def test_a_hop_is_signed_afresh_in_the_body(status: int, name: str) -> None:
    shape = replace(IN_BODY[name], typed=f"/redirect/{status}?to=/posts", wire="")
    async with OauthlibJudge() as judge:
        token = token_for(judge, "alice")
        async with OAuth1Session(consumer_of(judge), token, placement="body") as session:
            await session.request(shape.method, shape.url(judge.origin), **shape.options())
    assert [verdict.user for verdict in judge.verdicts] == ["alice"] * 2
    for arrival, target in zip(judge.arrivals, (shape.typed, "/posts"), strict=True):
        _check_place(arrival, replace(shape, typed=target), "body")


NO_FORMS = {
    **{f"POST: {name}": shape.by("POST") for name, shape in UNSIGNED_BODIES.items() if name != "nothing"},
    **{f"{method} with nothing": NOTHING.by(method) for method in ("GET", "HEAD", "DELETE", "OPTIONS")},
    **{f"{method} with a form": FORMS["a mapping"].by(method) for method in ("GET", "HEAD")},
    "nearly a form": Shape(options=typed(b"a=1", f"{FORM}x")).by("POST"),
}


@pytest.mark.parametrize("shape", NO_FORMS.values(), ids=NO_FORMS)
async def test_a_signature_for_the_body_is_refused_unless_the_body_is_a_form(
    fake: FakeProvider, shape: Shape
) -> None:
    async with _session(fake, "body") as session:
        with pytest.raises(SigningError, match="place it in the header"):
            await session.request(shape.method, "echo", **shape.options())
    assert len(fake.ledger) == 0


@pytest.mark.parametrize("name", sorted(SENT))
async def test_a_form_with_a_protocol_parameter_is_refused_if_the_body_is_to_hold_ours(
    fake: FakeProvider, name: str
) -> None:
    async with _session(fake, "body") as session:
        with pytest.raises(SigningError, match=name):
            await session.post("echo", data={name: "1"})
    assert len(fake.ledger) == 0


@pytest.mark.parametrize("name", sorted(SENT))
async def test_a_protocol_parameter_is_removed_from_a_url_whose_query_is_to_hold_ours(
    fake: FakeProvider, name: str
) -> None:
    """WordPress copies the query of a request, ours and all, into its links to other pages."""
    async with _session(fake, "query") as session:
        for url in (f"echo?a=1&{name}=x&b", URL(f"{fake.url}echo?{name}=x&a=1&b", encoded=True)):
            assert (await session.post(url)).status == 200
    for seen in fake.accepted("echo"):
        assert _query(seen).startswith(b"a=1&b&oauth_consumer_key=")
        assert _query(seen).count(b"oauth_nonce=") == 1


@pytest.mark.parametrize("placement", ["query", "body"])
@pytest.mark.parametrize(
    "method", [HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT], ids=lambda method: method.name
)
async def test_keys_and_signatures_with_reserved_characters_are_encoded(
    placement: Placement, method: SignatureMethod
) -> None:
    async with FakeProvider(consumer=Consumer("key&+ %é", "s&c=r%e+t ü")) as fake:
        async with _session(
            fake, placement, signature_method=method, allow_http=True, realm="not sent"
        ) as session:
            for _ in range(20):  # a signature in base64 has + / and = by chance
                assert (await session.put("echo", data={"a": "1"})).status == 200
        assert {_where(seen).keys() == {placement} for seen in fake.accepted("echo")} == {True}


# Session, provider


async def test_the_placement_of_a_session_takes_precedence_over_its_providers(fake: FakeProvider) -> None:
    in_query = replace(fake.provider, placement="query")
    cases: list[tuple[Placement | None, Provider, str]] = [
        (None, fake.provider, "header"),
        (None, in_query, "query"),
        (None, replace(in_query, placement="body"), "body"),
        ("header", in_query, "header"),
        ("body", in_query, "body"),
    ]
    for placement, provider, expected in cases:
        async with _session(fake, placement, provider=provider) as session:
            for view in (session, session.replace(realm="another")):
                assert (await view.put("echo", data={"a": "1"})).status == 200
        assert [[*_where(seen)] for seen in fake.accepted("echo")[-2:]] == [[expected]] * 2


async def test_a_session_without_provider_or_token_signs_in_the_query(fake: FakeProvider) -> None:
    async with OAuth1Session(fake.consumer, placement="query") as session:
        assert (await session.get(f"{fake.url}echo")).status == 200
    (seen,) = fake.accepted("echo")
    assert _where(seen) == {"query": SENT - Counter(["oauth_token"])}


# Redirects


def _redirect(status: int, location: str) -> Callable[..., Any]:
    """Answer the first request of the echo with a redirect; {query} is the query that it came with."""

    async def after(request: web.BaseRequest, _: web.StreamResponse) -> web.Response | None:
        if "landed" in request.path:
            return None
        target = location.replace("{query}", request.raw_path.partition("?")[2])
        return web.Response(status=status, headers={"Location": target})

    return after


@pytest.mark.parametrize(
    "location",
    ["/echo/landed", "/echo/landed?a=2&b", "/echo/landed?{query}", "/echo/landed?{query}&landed"],
)
@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 301), ("GET", 302), ("GET", 307), ("HEAD", 308), ("POST", 303), ("POST", 307)],
)
async def test_a_hop_is_signed_afresh_in_the_query_though_the_provider_copies_ours(
    fake: FakeProvider, method: str, status: int, location: str
) -> None:
    fake.after = _redirect(status, location)
    async with _session(fake, "query") as session:
        data = {"form": "1"} if method == "POST" else None
        async with session.request(method, "echo?own=1", allow_redirects=True, data=data) as response:
            assert response.status == 200
            assert "oauth_" not in str(response.url)
    first, second = fake.accepted("echo")
    assert fake.refused() == []
    assert _where(first) == _where(second) == {"query": SENT}
    assert first.nonce != second.nonce
    assert second.method == ("GET" if status == 303 else method)
    if "{query}" in location:
        assert second.target.startswith(b"/echo/landed?own=1&")


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_redirect_to_a_get_is_refused_if_the_signature_goes_into_the_body(
    fake: FakeProvider, status: int
) -> None:
    fake.after = _redirect(status, "/echo/landed")
    async with _session(fake, "body") as session:
        with pytest.raises(RedirectRefused, match="GET"):
            await session.post("echo", data={"a": "1"})
    assert len(fake.accepted("echo")) == len(fake.ledger) == 1


LANDED = {
    "/landed": "",
    "/landed?{query}": "?own=1",
    "/landed?x=1&{query}&oauth_token=t&%6Fauth_nonce=n": "?x=1&own=1",
}
LEAVING = [
    *[("query", method, status) for method in ("GET", "HEAD") for status in (301, 302, 303, 307, 308)],
    *[(placement, "POST", status) for placement in ("query", "body") for status in (301, 302, 303)],
]


@pytest.mark.parametrize("location", LANDED, ids=["bare", "with our query", "with parameters like ours"])
@pytest.mark.parametrize(("placement", "method", "status"), LEAVING)
async def test_a_hop_to_another_origin_has_no_parameter_of_ours_in_query_or_body(
    fake: FakeProvider, placement: Placement, method: str, status: int, location: str
) -> None:
    landed, data = LANDED[location], {"secret": "1"} if method == "POST" else None
    if placement == "body":  # only the query is searched for ours, and they stood in the body
        location = location.partition("&oauth_token")[0]
    async with Listener() as other:
        fake.after = _redirect(status, other.origin + location)
        async with (
            _session(fake, placement) as session,
            session.request(method, "echo?own=1", allow_redirects=True, data=data) as response,
        ):
            assert response.status == 200
            assert "oauth_" not in str(response.url)
    (seen,), (arrival,) = fake.accepted("echo"), other.arrivals
    assert _where(seen) == {placement: SENT}
    assert (arrival.method, arrival.body) == ("GET" if data else method, b"")
    assert arrival.target == f"/landed{landed}"
    ours = dict(parse_qsl((_query(seen) + b"&" + seen.body).decode()))
    secrets = [ours[name] for name in ("oauth_nonce", "oauth_signature", "oauth_token")]
    assert leaks(arrival.octets.decode(), [*secrets, "oauth_"]) == []


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("placement", ["query", "body"])
async def test_a_redirect_of_a_body_to_another_origin_is_refused(
    fake: FakeProvider, status: int, placement: Placement
) -> None:
    async with Listener() as other:
        fake.after = _redirect(status, f"{other.origin}/landed")
        async with _session(fake, placement) as session:
            with pytest.raises(RedirectRefused):
                await session.post("echo", data={"secret": "1"})
    assert other.connections == 0


async def test_a_hop_back_from_another_origin_stays_unsigned_in_the_query() -> None:
    async with Listener() as home, Listener() as other:
        home.answer = lambda arrival: (
            reply(302, {"Location": f"{other.origin}/away?{arrival.target.partition('?')[2]}"})
            if arrival.path == "/go"
            else ok(arrival)
        )
        other.answer = lambda arrival: reply(
            302, {"Location": f"{home.origin}/landed?{arrival.target.partition('?')[2]}&oauth_nonce=1"}
        )
        async with OAuth1Session(Consumer("k", "s"), placement="query") as session:
            await session.get(f"{home.origin}/go?own=1")
    arrived = [arrival.target for arrival in (*other.arrivals, *home.arrivals[1:])]
    assert arrived == ["/away?own=1", "/landed?own=1"]
    assert b"oauth_signature=" in home.arrivals[0].octets


# Retries

EVEN_PUT = Retry(resend=frozenset({"GET", "PUT"}))


@pytest.mark.parametrize(
    ("placement", "method", "retry"),
    [
        ("query", "GET", None),  # aiohttp sends it again by itself
        ("query", "GET", EVEN_PUT),
        ("query", "PUT", EVEN_PUT),
        ("body", "PUT", EVEN_PUT),
    ],
)
async def test_a_resend_on_a_dropped_connection_is_signed_afresh(
    fake: FakeProvider, placement: Placement, method: str, retry: Retry | None
) -> None:
    async def once(request: web.BaseRequest) -> None:
        fake.before = None
        await drop(request)

    async with _session(fake, placement, retry=retry, sleep=_no_pause) as session:
        async with session.put("echo", data={}) as response:
            await response.read()  # the connection is kept
        fake.before = once
        data = {"a": "1"} if method == "PUT" else None
        assert (await session.request(method, "echo?own=1", data=data)).status == 200
    dropped, again = fake.ledger[1:]
    assert (dropped.verdict, again.verdict) == ("intercepted", "accepted")
    assert _where(again) == {placement: SENT}
    assert _value(_query(dropped), "own") == _value(_query(again), "own") == "1"


async def _no_pause(_: float) -> None:
    pass


# What shows


@pytest.mark.parametrize("placement", ["query", "body"])
async def test_neither_responses_nor_aiohttp_s_errors_show_what_was_signed(
    fake: FakeProvider, placement: Placement
) -> None:
    token = fake.issue_access_token("ann")
    options: dict[str, Any] = {"placement": placement, "allow_http": True, "raise_for_status": True}
    async with OAuth1Session(fake.consumer, token, **options) as session:
        async with session.post(f"{fake.url}echo?own=1", data={"a": "1"}) as response:
            assert str(response.url) == str(response.request_info.url) == f"{fake.url}echo?own=1"
        fake.after = _redirect(307, "/echo/landed?{query}")
        async with session.post(f"{fake.url}echo?own=2", data={"a": "1"}) as response:
            shown = [str(hop.request_info) + repr(hop) for hop in (*response.history, response)]
        fake.after = None
        fake.revoke(token.key)
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            await session.post(f"{fake.url}echo?own=1#here", data={"a": "1"})
    shown.append(shown_by(refused.value))
    secrets = [fake.consumer.secret, token.secret]
    for seen in fake.ledger:
        secrets += [seen.nonce or "", _value(_query(seen) + b"&" + seen.body, "oauth_signature")]
    # The Location of the redirect was the provider's own text, and stands in the headers of its reply.
    echoed = fake.ledger[1].target.decode().partition("?")[2]
    assert leaks("\n".join(shown).replace(echoed, ""), secrets) == []


@pytest.mark.parametrize("placement", ["query", "body"])
@pytest.mark.parametrize("kind", [OauthlibJudge, AuthlibJudge])
async def test_oauthlib_and_authlib_accept_a_whole_handshake(kind: type[Judge], placement: Placement) -> None:
    async with kind() as judge:
        provider = provider_of(
            judge, request_token_placement=placement, access_token_placement=placement, placement=placement
        )
        callback = f"{CALLBACK}?a=1"
        async with (
            Handshake(provider, consumer_of(judge), store=MemoryStore()) as handshake,
            aiohttp.ClientSession() as browser,
        ):
            pending = await handshake.begin(callback, bind="browser")
            async with browser.get(f"{pending.url}&user=alice", allow_redirects=False) as response:
                location = response.headers["Location"]
            token = await handshake.complete(location, bind="browser")
        assert all("Authorization" not in arrival.headers for arrival in judge.arrivals)
        async with OAuth1Session(consumer_of(judge), token, provider=provider) as session:
            await session.post("posts", data={"status": "Hello"})
        assert judge.verdicts[0].user == "alice"
