"""Where the signature goes: header, query or body, through redirects and retries, seen from the other end.

What arrives is verified by FakeProvider, and by oauthlib's and Authlib's servers.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

import aiohttp
import pytest
from aiohttp import FormData, web
from judges.authlib_judge import AuthlibJudge
from judges.judge import FORM, Judge
from judges.oauthlib_judge import OauthlibJudge
from judges.shapes import FORMS, PARAMS, PATHS, QUERIES, UNSIGNED_BODIES, Shape
from judges.show import consumer_of, provider_of, token_for
from vectors import VECTORS
from wire.leaks import leaks, shown_by
from wire.listener import Arrival, Listener, ok, reply
from yarl import URL

from aiooauth1 import (
    Consumer,
    Handshake,
    MemoryStore,
    OAuth1Session,
    Provider,
    ProviderError,
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
SENT = Counter(  # what a signed request has, each of it once
    (
        "oauth_consumer_key",
        "oauth_nonce",
        "oauth_signature",
        "oauth_signature_method",
        "oauth_timestamp",
        "oauth_token",
        "oauth_version",
    )
)


def _names(octets: bytes) -> Counter[str]:
    pairs = parse_qsl(octets.decode(), keep_blank_values=True)
    return Counter(name for name, _ in pairs if name.startswith("oauth_"))


def _value(octets: bytes, name: str) -> str:
    return dict(parse_qsl(octets.decode(), keep_blank_values=True))[name]


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
    return OAuth1Session(
        fake.consumer, fake.issue_access_token("ann"), provider=fake.provider, placement=placement, **more
    )


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


# Every request


async def _pieces() -> AsyncIterator[bytes]:
    yield b"a=%C3"
    yield b"%A9&b"


def _form_data() -> FormData:
    form = FormData()
    form.add_field("a", "x y")
    form.add_field("a", "é")
    return form


def _multipart() -> FormData:
    form = FormData()
    form.add_field("status", "with a picture & more")
    form.add_field("media", b"\x89PNG\r\n\x1a\n", filename="a b.png", content_type="image/png")
    return form


@dataclass(frozen=True)
class Made:
    """A request as a user makes it.

    Attributes:
        method: The method.
        path: The path, with the query that is typed.
        options: Makes the other arguments, afresh for each call: some can be read only once.
        query: What of the query must stand before ours.
        body: What of the body must; None: the sender chooses it.
    """

    method: str
    path: str = "echo"
    options: Callable[[], dict[str, Any]] = dict
    query: bytes = b""
    body: bytes | None = b""


def _form(value: Any, **more: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"data": value, **more}


TYPED = {"Content-Type": FORM}
ANY = {
    "GET": Made("GET"),
    "GET with a query": Made("GET", "echo?b=2&a=%2B&a=1+1&flag", query=b"b=2&a=%2B&a=1+1&flag"),
    "GET with params": Made("GET", options=lambda: {"params": {"q": "a b"}}, query=b"q=a%20b"),
    "HEAD": Made("HEAD", "echo?a=1", query=b"a=1"),
    "DELETE": Made("DELETE", "echo/%2F?a=1", query=b"a=1"),
    "OPTIONS": Made("OPTIONS"),
    "JSON": Made("POST", options=lambda: {"json": {"a": 1}}, body=b'{"a": 1}'),
    "multipart": Made("POST", "echo?a=1", lambda: {"data": _multipart()}, query=b"a=1", body=None),
    "octets": Made("PUT", options=_form(b"a=1&b=2"), body=b"a=1&b=2"),
    "a stream": Made("POST", options=lambda: {"data": _pieces()}, body=b"a=%C3%A9&b"),
}
FILLED = {
    "POST": Made("POST", options=_form({"a": "é ~", "b": ""}), body=b"a=%C3%A9%20~&b="),
    "pairs": Made("POST", options=_form([("b", "1"), ("a", "2"), ("b", "0")]), body=b"b=1&a=2&b=0"),
    "with a query": Made("POST", "echo?a=1&c=+", _form({"a": "2"}), query=b"a=1&c=+", body=b"a=2"),
    "PUT": Made("PUT", options=_form({"a": "1"}), body=b"a=1"),
    "PATCH": Made("PATCH", options=_form({"a": "1"}), body=b"a=1"),
    "DELETE": Made("DELETE", options=_form({"a": "1"}), body=b"a=1"),
    "octets": Made("POST", options=_form(b"a=1+1&b;c&=d", headers=TYPED), body=b"a=1+1&b;c&=d"),
    "a charset": Made(
        "POST", options=_form(b"a=1", headers={"Content-Type": f"{FORM}; charset=utf-8"}), body=b"a=1"
    ),
    "FormData": Made("POST", options=lambda: {"data": _form_data()}, body=b"a=x%20y&a=%C3%A9"),
    "a generator": Made("POST", options=lambda: {"data": _pieces(), "headers": TYPED}, body=b"a=%C3%A9&b"),
    "a file": Made("POST", options=lambda: {"data": io.BytesIO(b"a=1&b"), "headers": TYPED}, body=b"a=1&b"),
}
EMPTY = {
    "POST with nothing": Made("POST"),
    "PUT with nothing": Made("PUT", "echo?a=1", query=b"a=1"),
    "PATCH with nothing": Made("PATCH"),
    "no pairs": Made("POST", options=_form({})),
    "no bytes": Made("POST", options=_form(b"", headers=TYPED)),
    "DELETE with no pairs": Made("DELETE", options=_form({})),
}
FORMS_MADE = {f"form: {name}": made for name, made in FILLED.items()} | EMPTY
NO_FORMS = ANY | {
    "GET with a form": Made("GET", options=_form({"a": "1"})),
    "HEAD with a form": Made("HEAD", options=_form({"a": "1"})),
    "text": Made("POST", options=_form("a=1")),
    "nearly a form": Made("POST", options=_form(b"a=1", headers={"Content-Type": f"{FORM}x"})),
    "DELETE with nothing": Made("DELETE"),
}


def _each(table: dict[str, Made], *, but: str = "") -> pytest.MarkDecorator:
    kept = {name: made for name, made in table.items() if name not in but.split(", ")}
    return pytest.mark.parametrize("made", kept.values(), ids=kept)


async def _send(session: OAuth1Session, made: Made) -> None:
    async with session.request(made.method, made.path, **made.options()) as response:
        assert response.status == 200, await response.text()


@_each(ANY | FORMS_MADE)
async def test_the_query_takes_the_parameters_of_any_request(fake: FakeProvider, made: Made) -> None:
    async with _session(fake, "query") as session:
        await _send(session, made)
    (seen,) = fake.accepted("echo")
    assert _where(seen) == {"query": SENT}
    assert _query(seen).startswith(made.query + b"&" * bool(made.query) + b"oauth_consumer_key=")
    assert made.body in {None, seen.body}


@_each(FORMS_MADE)
async def test_the_body_takes_the_parameters_of_a_form(fake: FakeProvider, made: Made) -> None:
    async with _session(fake, "body") as session:
        await _send(session, made)
    (seen,) = fake.accepted("echo")
    assert _where(seen) == {"body": SENT}
    assert made.body is not None
    assert seen.body.startswith(made.body + b"&" * bool(made.body) + b"oauth_consumer_key=")
    assert _query(seen) == made.query
    assert (seen.header("Content-Type") or b"").startswith(FORM.encode())
    length = seen.header("Content-Length")
    assert length is None or int(length) == seen.body_length


@_each(NO_FORMS)
async def test_a_body_that_is_no_form_holds_no_signature_and_nothing_is_sent(
    fake: FakeProvider, made: Made
) -> None:
    async with _session(fake, "body") as session:
        with pytest.raises(SigningError, match="place it in the header"):
            await _send(session, made)
    assert len(fake.ledger) == 0


@pytest.mark.parametrize("name", sorted(SENT))
async def test_protocol_parameters_in_a_form_that_is_to_hold_ours_are_refused(
    fake: FakeProvider, name: str
) -> None:
    async with _session(fake, "body") as session:
        with pytest.raises(SigningError, match=name):
            await session.post("echo", data={name: "1"})
    assert len(fake.ledger) == 0


@pytest.mark.parametrize("name", sorted(SENT))
async def test_protocol_parameters_are_taken_out_of_a_url_whose_query_is_to_hold_ours(
    fake: FakeProvider, name: str
) -> None:
    """WordPress copies the query of a request, ours and all, into its links to other pages."""
    async with _session(fake, "query") as session:
        for url in (f"echo?a=1&{name}=x&b", URL(f"{fake.url}echo?{name}=x&a=1&b", encoded=True)):
            async with session.post(url) as response:
                assert response.status == 200
    for seen in fake.accepted("echo"):
        assert _query(seen).startswith(b"a=1&b&oauth_consumer_key=")
        assert _query(seen).count(b"oauth_nonce=") == 1


@pytest.mark.parametrize("placement", ["query", "body"])
@pytest.mark.parametrize(
    "method",
    [HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT],
    ids=lambda method: method.name,
)
async def test_secrets_and_signatures_that_must_be_encoded(
    placement: Placement, method: SignatureMethod
) -> None:
    consumer = Consumer("key&+ %é", "s&c=r%e+t ü")
    async with FakeProvider(consumer=consumer) as fake:
        for _ in range(20):  # a signature in base64 has + / and = by chance
            async with _session(
                fake, placement, signature_method=method, allow_http=True, realm="not sent"
            ) as session:
                await _send(session, FILLED["PUT"])
        assert {_where(seen).keys() == {placement} for seen in fake.accepted("echo")} == {True}


# Session, provider, step


async def test_the_session_s_placement_goes_before_the_provider_s() -> None:
    async with FakeProvider() as fake:
        in_query = replace(fake.provider, placement="query")
        cases: list[tuple[Placement | None, Provider, str]] = [
            (None, fake.provider, "header"),
            (None, in_query, "query"),
            (None, replace(in_query, placement="body"), "body"),
            ("header", in_query, "header"),
            ("body", in_query, "body"),
        ]
        for placement, provider, expected in cases:
            async with OAuth1Session(
                fake.consumer, fake.issue_access_token("ann"), provider=provider, placement=placement
            ) as session:
                await _send(session, FILLED["PUT"])
                view = session.replace(realm="another")
                await _send(view, FILLED["PUT"])
            assert [[*_where(seen)] for seen in fake.accepted("echo")[-2:]] == [[expected]] * 2


async def test_without_a_provider_too(fake: FakeProvider) -> None:
    async with OAuth1Session(fake.consumer, placement="query") as session:
        await _send(session, Made("GET", f"{fake.url}echo"))
    (seen,) = fake.accepted("echo")
    assert _where(seen) == {"query": SENT - Counter(["oauth_token"])}


@pytest.mark.parametrize(
    "params", [{}, {"scope": "read write", "x_auth_access_type": "é"}], ids=["bare", "more"]
)
@pytest.mark.parametrize(
    ("method", "placement"),
    [("POST", "header"), ("POST", "query"), ("POST", "body"), ("GET", "header"), ("GET", "query")],
)
async def test_each_step_has_a_method_and_a_placement_of_its_own(
    method: str, placement: Placement, params: dict[str, str]
) -> None:
    steps = {"request_token": ("POST", "header"), "access_token": ("POST", "header")}
    for step in steps:
        described: Any = {f"{step}_method": method, f"{step}_placement": placement}
        async with FakeProvider(like=Provider("steps", request_params=params, **described)) as fake:
            async with Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake:
                pending = await handshake.begin(CALLBACK, bind="browser")
                await handshake.complete(await fake.approve(pending.url), bind="browser")
            for name, usual in steps.items():
                (seen,) = fake.accepted(name)
                assert (seen.method, [*_where(seen)]) == (
                    (method, [placement]) if name == step else (usual[0], [usual[1]])
                )
                wanted = "&".join(f"{key}={quote(value)}" for key, value in params.items()).encode()
                if name == "request_token" and params:
                    assert (_query(seen) if seen.method == "GET" else seen.body).startswith(wanted)
                elif name == "access_token":
                    assert b"scope" not in seen.target + seen.body


@pytest.mark.parametrize("step", ["request_token", "access_token"])
async def test_a_step_in_the_wrong_place_is_refused_by_a_provider_that_cares(step: str) -> None:
    described: Any = {f"{step}_placement": "query"}
    async with FakeProvider(like=Provider("steps", **described)) as fake:
        described = {f"{step}_placement": "header"}
        wrong = replace(fake.provider, **described)
        async with Handshake(wrong, fake.consumer, store=MemoryStore()) as handshake:

            async def both() -> None:
                pending = await handshake.begin(CALLBACK, bind="browser")
                await handshake.complete(await fake.approve(pending.url), bind="browser")

            with pytest.raises(ProviderError, match="belong in the query"):
                await both()
        assert [seen.endpoint for seen in fake.refused()] == [step]


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
    "location", ["echo/landed", "echo/landed?a=2&b", "echo/landed?{query}", "?{query}&landed"]
)
@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 301), ("GET", 302), ("GET", 307), ("HEAD", 308), ("POST", 303), ("POST", 307)],
)
async def test_a_hop_is_signed_afresh_in_the_query_though_the_provider_copies_ours(
    fake: FakeProvider, method: str, status: int, location: str
) -> None:
    fake.after = _redirect(
        status, location.replace("echo/landed", "/echo/landed").replace("?{query}&", "/echo/landed?{query}&")
    )
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


@pytest.mark.parametrize("status", [307, 308])
@_each(FORMS_MADE, but="form: a generator")  # which can be read once
async def test_a_hop_is_signed_afresh_in_the_body(fake: FakeProvider, status: int, made: Made) -> None:
    fake.after = _redirect(status, "/echo/landed")
    async with _session(fake, "body") as session:
        await _send(session, made)
    first, second = fake.accepted("echo")
    assert fake.refused() == []
    assert _where(first) == _where(second) == {"body": SENT}
    assert first.nonce != second.nonce
    own = [seen.body.partition(b"oauth_consumer_key=")[0] for seen in (first, second)]
    assert own[0] == own[1]


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_redirect_to_a_get_is_refused_where_the_signature_goes_into_the_body(
    fake: FakeProvider, status: int
) -> None:
    fake.after = _redirect(status, "/echo/landed")
    async with _session(fake, "body") as session:
        with pytest.raises(RedirectRefused, match="GET"):
            await session.post("echo", data={"a": "1"})
    assert len(fake.accepted("echo")) == len(fake.ledger) == 1


@pytest.mark.parametrize(
    "location", ["/landed", "/landed?{query}", "/landed?x=1&{query}&oauth_token=t&%6Fauth_nonce=n"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_nothing_of_ours_leaves_in_the_query(
    fake: FakeProvider, method: str, status: int, location: str
) -> None:
    async with Listener() as other:
        fake.after = _redirect(status, other.origin + location)
        async with (
            _session(fake, "query") as session,
            session.request(method, "echo?own=1", allow_redirects=True) as response,
        ):
            assert response.status == 200
            assert "oauth_" not in str(response.url)
    (seen,) = fake.accepted("echo")
    assert _where(seen) == {"query": SENT}
    (arrival,) = other.arrivals
    assert b"oauth_" not in arrival.octets
    assert _leaks(arrival, seen) == []
    own = {"/landed": "", "/landed?{query}": "?own=1"}.get(location, "?x=1&own=1")
    assert arrival.target == f"/landed{own}"


def _leaks(arrival: Arrival, seen: Seen) -> list[str]:
    ours = dict(parse_qsl(_query(seen).decode()) + parse_qsl(seen.body.decode()))
    values = [
        value for name, value in ours.items() if name in {"oauth_nonce", "oauth_signature", "oauth_token"}
    ]
    octets = arrival.octets.decode()
    return [value for value in values if value in octets or quote(value, safe="") in octets]


@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize("placement", ["query", "body"])
async def test_nothing_of_ours_leaves_with_a_post_that_becomes_a_get(
    fake: FakeProvider, status: int, placement: Placement
) -> None:
    async with Listener() as other:
        fake.after = _redirect(status, f"{other.origin}/landed?{{query}}")
        async with (
            _session(fake, placement) as session,
            session.post("echo?own=1", data={"secret": "1"}) as response,
        ):
            assert response.status == 200
    (seen,) = fake.accepted("echo")
    (arrival,) = other.arrivals
    assert (arrival.method, arrival.target, arrival.body) == ("GET", "/landed?own=1", b"")
    assert b"oauth_" not in arrival.octets
    assert _leaks(arrival, seen) == []


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("placement", ["query", "body"])
async def test_a_body_goes_to_no_other_origin(fake: FakeProvider, status: int, placement: Placement) -> None:
    async with Listener() as other:
        fake.after = _redirect(status, f"{other.origin}/landed")
        async with _session(fake, placement) as session:
            with pytest.raises(RedirectRefused):
                await session.post("echo", data={"secret": "1"})
    assert other.arrivals == []
    assert other.connections == 0


async def test_away_and_home_again_stays_unsigned() -> None:
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
    assert [arrival.target for arrival in (*other.arrivals, *home.arrivals[1:])] == [
        "/away?own=1",
        "/landed?own=1",
    ]
    assert b"oauth_signature=" in home.arrivals[0].octets


# Retries


async def _twice(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """A retry of the user's own, which sends the same request object again."""
    response = await handler(request)
    response.release()
    return await handler(request)


@_each(ANY | FORMS_MADE, but="a stream")
async def test_a_retry_outside_of_the_signer_sends_each_parameter_once_in_the_query(
    fake: FakeProvider, made: Made
) -> None:
    async with _session(fake, "query", middlewares=(_twice,)) as session:
        await _send(session, made)
    first, second = fake.accepted("echo")
    assert _where(first) == _where(second) == {"query": SENT}
    assert first.nonce != second.nonce
    assert _query(first).partition(b"oauth_")[0] == _query(second).partition(b"oauth_")[0]


@_each(FORMS_MADE)
async def test_a_retry_outside_of_the_signer_sends_each_parameter_once_in_the_body(
    fake: FakeProvider, made: Made
) -> None:
    async with _session(fake, "body", middlewares=(_twice,)) as session:
        await _send(session, made)
    first, second = fake.accepted("echo")
    assert _where(first) == _where(second) == {"body": SENT}
    assert first.nonce != second.nonce
    assert first.body.partition(b"oauth_")[0] == second.body.partition(b"oauth_")[0]


EVEN_PUT = Retry(resend=frozenset({"GET", "PUT"}))


@pytest.mark.parametrize(
    ("placement", "method", "options", "retry"),
    [
        ("query", "GET", {}, None),  # aiohttp sends it again by itself
        ("query", "GET", {}, EVEN_PUT),
        ("query", "PUT", {"data": {"a": "1"}}, EVEN_PUT),
        ("body", "PUT", {"data": {"a": "1"}}, EVEN_PUT),
    ],
)
async def test_a_resend_on_a_dropped_connection_is_signed_afresh(
    fake: FakeProvider, placement: Placement, method: str, options: dict[str, Any], retry: Retry | None
) -> None:
    async with _session(fake, placement, retry=retry, sleep=_no_pause) as session:
        async with session.put("echo", data={}) as response:
            await response.read()  # the connection is kept

        async def once(request: web.BaseRequest) -> None:
            fake.before = None
            await drop(request)

        fake.before = once
        async with session.request(method, "echo?own=1", **options) as response:
            assert response.status == 200
    dropped, again = fake.ledger[1:]
    assert (dropped.verdict, again.verdict) == ("intercepted", "accepted")
    assert _where(again) == {placement: SENT}
    assert _value(_query(dropped), "own") == _value(_query(again), "own") == "1"


async def _no_pause(_: float) -> None:
    pass


# What shows


@pytest.mark.parametrize("method", [HMAC_SHA1, PLAINTEXT], ids=lambda method: method.name)
@pytest.mark.parametrize("placement", ["query", "body"])
async def test_neither_responses_nor_aiohttp_s_errors_show_what_was_signed(
    fake: FakeProvider, placement: Placement, method: SignatureMethod
) -> None:
    token = fake.issue_access_token("ann")
    async with OAuth1Session(
        fake.consumer,
        token,
        placement=placement,
        signature_method=method,
        allow_http=True,
        raise_for_status=True,
    ) as session:
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
    assert (
        leaks("\n".join(shown).replace(fake.ledger[1].target.decode().partition("?")[2], ""), secrets) == []
    )


# The judges

SHAPES = {
    f"{table}: {name}": shape
    for table, shapes in (("query", QUERIES), ("params", PARAMS), ("path", PATHS))
    for name, shape in shapes.items()
}
PEM: str = VECTORS["rsa_keys"]["test2048"]["private_pem"]
PUBLIC_PEM: str = VECTORS["rsa_keys"]["test2048"]["public_pem"]
METHODS: list[tuple[type[Judge], SignatureMethod]] = [
    *[(OauthlibJudge, method) for method in (HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT)],
    *[(OauthlibJudge, method) for method in (RSA_SHA1(PEM), RSA_SHA256(PEM), RSA_SHA512(PEM))],
    *[(AuthlibJudge, method) for method in (HMAC_SHA1, PLAINTEXT, RSA_SHA1(PEM))],
]
GET = Shape("/posts?a=2&a=1&b=%2B+%20%C3%A9&flag")
DELETE = Shape("/posts/%2F").by("DELETE")
JSON = UNSIGNED_BODIES["JSON"].by("POST")
POST = FORMS["names that are in the query too"].by("POST")
PUT = FORMS["unicode"].by("PUT")
NOTHING = Shape("/posts").by("POST")


async def _show(judge: Judge, shape: Shape, placement: Placement, **more: Any) -> None:
    """Make the request; see that the judge lets it pass, with the parameters in their place."""
    token = more.pop("token", None) or token_for(judge, "alice")
    async with (
        OAuth1Session(consumer_of(judge), token, placement=placement, **more) as session,
        session.request(shape.method, shape.url(judge.origin), **shape.options()) as response,
    ):
        assert response.status == 200, await response.text()
    (arrival,) = judge.arrivals
    assert judge.verdicts[0].user == "alice"
    own, query, body = shape.target.partition("?")[2], arrival.target.partition("?")[2], arrival.body
    assert (arrival.path, "Authorization" in arrival.headers) == (shape.target.partition("?")[0], False)
    if placement == "query":
        assert query.startswith(f"{own}&oauth_" if own else "oauth_")
        assert shape.body in {None, body}
        assert _names(query.encode()) == SENT
    else:
        assert query == own
        assert shape.body is not None
        assert body.startswith(shape.body + b"&" * bool(shape.body) + b"oauth_")
        assert _names(body) == SENT


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_oauthlib_takes_every_query_and_path(shape: Shape) -> None:
    async with OauthlibJudge() as judge:
        await _show(judge, shape, "query")


@pytest.mark.parametrize("placement", ["query", "body"])
@pytest.mark.parametrize("shape", FORMS.values(), ids=FORMS)
async def test_oauthlib_takes_every_form(shape: Shape, placement: Placement) -> None:
    async with OauthlibJudge() as judge:
        await _show(judge, shape.by("POST"), placement)


@pytest.mark.parametrize(
    ("shape", "placement"),
    [(shape, "query") for shape in (GET, DELETE, JSON, POST, PUT, NOTHING)]
    + [(shape, "body") for shape in (POST, PUT, NOTHING)],
    ids=["GET", "DELETE", "JSON", "POST", "PUT", "nothing", "POST body", "PUT body", "nothing body"],
)
@pytest.mark.parametrize(
    ("kind", "method"), METHODS, ids=[f"{kind.__name__}-{method.name}" for kind, method in METHODS]
)
async def test_every_method_that_the_judges_speak(
    kind: type[Judge], method: SignatureMethod, shape: Shape, placement: Placement
) -> None:
    async with kind() as judge:
        judge.book.rsa_keys[judge.consumer_key] = PUBLIC_PEM
        await _show(judge, shape, placement, signature_method=method, allow_http=True)


@pytest.mark.parametrize("placement", ["query", "body"])
@pytest.mark.parametrize("kind", [OauthlibJudge, AuthlibJudge])
async def test_the_judges_take_a_whole_handshake(kind: type[Judge], placement: Placement) -> None:
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


# Both libraries decode the values of `oauth_` parameters once more than they were encoded, wherever they come
# from; Authlib in the header as well. So what still looks encoded after decoding is refused, though it is
# signed rightly: FakeProvider, which decodes once, takes the same request.
TWICE: list[tuple[type[Judge], Placement]] = [
    (OauthlibJudge, "query"),
    (OauthlibJudge, "body"),
    (AuthlibJudge, "query"),
    (AuthlibJudge, "body"),
    (AuthlibJudge, "header"),
]


@pytest.mark.parametrize(("kind", "placement"), TWICE)
async def test_a_known_difference_in_callbacks_that_hold_an_escape(
    kind: type[Judge], placement: Placement
) -> None:
    callback = f"{CALLBACK}?s=a%20b"
    async with kind() as judge, FakeProvider() as fake:
        refusing = provider_of(judge, request_token_placement=placement)
        async with Handshake(refusing, consumer_of(judge), store=MemoryStore()) as handshake:
            with pytest.raises(ProviderError):
                await handshake.begin(callback, bind="browser")
        taking = replace(fake.provider, request_token_placement=placement)
        async with Handshake(taking, fake.consumer, store=MemoryStore()) as handshake:
            pending = await handshake.begin(callback, bind="browser")
            assert (await fake.approve(pending.url)).startswith(f"{callback}&oauth_token=")
        (seen,) = fake.accepted("request_token")
        assert [*_where(seen)] == [placement]


async def test_oauthlib_decodes_once_in_the_header() -> None:
    async with OauthlibJudge() as judge:
        async with Handshake(provider_of(judge), consumer_of(judge), store=MemoryStore()) as handshake:
            pending = await handshake.begin(f"{CALLBACK}?s=a%20b", bind="browser")
        assert judge.book.request_tokens[pending.request_token.key].callback == f"{CALLBACK}?s=a%20b"


@pytest.mark.parametrize("placement", ["query", "body"])
async def test_a_known_difference_in_plaintext_secrets_that_must_be_encoded(placement: Placement) -> None:
    async with OauthlibJudge() as judge:
        token = token_for(judge, "alice", "100%26")
        with pytest.raises(AssertionError, match="wrong: signature"):
            await _show(judge, POST, placement, token=token, signature_method=PLAINTEXT, allow_http=True)
        judge.arrivals.clear()
        judge.verdicts.clear()
        await _show(judge, POST, placement, token=token, signature_method=HMAC_SHA1)
