"""The session: what goes over the wire, what is refused before, for which user, and for how long."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
import time
import warnings
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest
from aiohttp import BasicAuth, ClientConnectorError, TCPConnector, TraceConfig
from multidict import CIMultiDict
from wire.listener import Arrival, Listener, Names, reply
from wire.oracle import oauth_parameters, verified
from wire.people import CONSUMER, SECRETS, TOKEN, provider_at, signing, store_of
from yarl import URL

from aiooauth1 import (
    AccessToken,
    Consumer,
    Handshake,
    MemoryStore,
    OAuth1Middleware,
    OAuth1Session,
    Provider,
    Retry,
    SigningError,
    StoreUnavailable,
    TokenRejected,
    UnknownUser,
    raise_for_problem,
    rate_limit,
)
from aiooauth1.signing import HMAC_SHA256, HMAC_SHA512, PLAINTEXT, SigningRules


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse


pytestmark = pytest.mark.socket

FORM = "application/x-www-form-urlencoded"


# What goes over the wire


@pytest.mark.parametrize("with_form", [False, True], ids=["without a body", "with a form"])
@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "head", "options"])
async def test_each_verb_sends_its_method_and_a_signed_form(
    listener: Listener, session: OAuth1Session, verb: str, *, with_form: bool
) -> None:
    options: dict[str, Any] = {"data": [("b", "ü +"), ("a", "1"), ("b", "")]} if with_form else {}
    for call in (
        getattr(session, verb)(f"{listener.origin}/r?a=0", **options),
        session.request(verb, f"{listener.origin}/r?a=0", **options),
    ):
        async with call as response:
            assert response.status == 200
    for arrival in listener.arrivals:
        assert (arrival.method, arrival.target) == (verb.upper(), "/r?a=0")
        assert arrival.body == (b"b=%C3%BC%20%2B&a=1&b=" if with_form else b"")
        assert arrival.is_form == with_form
        verified(arrival, CONSUMER, TOKEN)


async def pieces() -> AsyncIterator[bytes]:
    yield b"a=%C3"
    yield b"%BC&b"


def in_the_middle(file: Any) -> Any:
    file.write(b"skip=1&a=1&b=2" if "b" in getattr(file, "mode", "b") else "skip=1&a=1&b=2")
    file.seek(7)
    return file


def typed(data: Any, content_type: str = FORM) -> dict[str, Any]:
    return {"data": data, "headers": {"Content-Type": content_type}}


# The judges in tests/interop are shown the usual targets and bodies; here stand the rest.
TARGETS: dict[str, tuple[str, dict[str, Any], str]] = {
    # the path and query behind the origin, the options, and the target that arrives
    "a text is normalised": ("/%7Ea/ü/b c/../?x=a%3Ab&y[]=1#here", {}, "/~a/%C3%BC/?x=a:b&y%5B%5D=1"),
    "params as text": ("/r", {"params": "b=%20&a"}, "/r?b=%20&a="),
    "params before a fragment": ("/r#here", {"params": {"a": "1"}}, "/r?a=1"),
    "no params": ("/r", {"params": None}, "/r"),
    "params without a path": ("", {"params": {"a": "1"}}, "/?a=1"),
}


@pytest.mark.parametrize(("typed", "options", "target"), TARGETS.values(), ids=TARGETS)
async def test_a_target_is_sent_as_it_is_signed(
    listener: Listener, session: OAuth1Session, typed: str, options: dict[str, Any], target: str
) -> None:
    await session.get(listener.origin + typed, **options)
    assert listener.arrivals[0].target == target
    verified(listener.arrivals[0], CONSUMER, TOKEN)


SIGNED: dict[str, tuple[Callable[[], dict[str, Any]], bytes]] = {
    "a mapping of lists": (lambda: {"data": {"a": ["1", 2], "b": "x y+ü"}}, b"a=1&a=2&b=x%20y%2B%C3%BC"),
    "numbers": (lambda: {"data": {"lat": -1.5, "n": 7}}, b"lat=-1.5&n=7"),
    "a media type in capitals": (lambda: typed(b"a=1", FORM.upper()), b"a=1"),
    "a media type with a parameter": (lambda: typed(b"a=1", f"{FORM} ; charset=UTF-8"), b"a=1"),
    "a mapping with a charset": (lambda: typed({"a": "ü"}, f"{FORM};charset=utf-8"), b"a=%C3%BC"),
    "a generator": (lambda: typed(pieces()), b"a=%C3%BC&b"),
    "a file in memory, from its position": (lambda: typed(in_the_middle(io.BytesIO())), b"a=1&b=2"),
    "a file on disk, from its position": (lambda: typed(in_the_middle(TemporaryFile())), b"a=1&b=2"),  # noqa: SIM115  aiohttp closes it
    "a text file on disk": (lambda: typed(in_the_middle(TemporaryFile("w+"))), b"a=1&b=2"),  # noqa: SIM115
    "in chunks": (lambda: {"data": {"a": "1"}, "chunked": True}, b"a=1"),
}
UNSIGNED: dict[str, tuple[Callable[[], dict[str, Any]], bytes]] = {
    "bytes of no type": (lambda: {"data": b"a=1"}, b"a=1"),
    "a form's bytes under another name": (lambda: typed(b"a=1", f"{FORM}2"), b"a=1"),
    "a form's name in a parameter": (lambda: typed(b"a=1", f"text/plain; of={FORM}"), b"a=1"),
    "a form whose type is left out": (
        lambda: {"data": {"a": "1"}, "skip_auto_headers": ["Content-Type"]},
        b"a=1",
    ),
    "a mapping under another name": (lambda: typed({"a": "1"}, "text/plain"), b"a=1"),
    "a mapping with a file": (lambda: {"data": {"a": "1", "f": io.BytesIO(b"x")}}, b"form-data; name="),
    "a stream with its length": (
        lambda: {"data": pieces(), "headers": {"Content-Length": "10"}},
        b"a=%C3%BC&b",
    ),
}


@pytest.mark.parametrize("name", [*SIGNED, *UNSIGNED])
async def test_a_body_is_sent_whole_and_signed_if_it_is_a_form(
    listener: Listener, session: OAuth1Session, name: str
) -> None:
    options, body = SIGNED.get(name) or UNSIGNED[name]
    await session.post(f"{listener.origin}/r?a=0", **options())
    (arrival,) = listener.arrivals
    assert arrival.is_form is (name in SIGNED)
    assert "oauth_body_hash" not in verified(arrival, CONSUMER, TOKEN)
    if name == "a mapping with a file":
        assert (arrival.header("Content-Type") or "").startswith("multipart/form-data; boundary=")
        assert arrival.body.count(body) == 2
    else:
        assert arrival.body == body


@pytest.mark.parametrize(
    "of_call", [{"compress": "gzip"}, {"headers": {"Content-Encoding": "gzip"}}], ids=str
)
async def test_a_compressed_form_is_refused(
    listener: Listener, session: OAuth1Session, of_call: dict[str, Any]
) -> None:
    with pytest.raises(SigningError):
        await session.post(listener.origin, data={"a": "x y"}, **of_call)
    assert listener.connections == 0


BODIES: dict[str, dict[str, Any]] = {
    "no body": {},
    "bytes": {"data": b"hello"},
    "a form": {"data": {"a": "x y"}},
    "JSON": {"json": {}},
}
# By which the server, or a proxy before it, reads another request than is signed and sent.
MISLEADING: dict[str, list[tuple[str, Any]]] = {
    "a transfer encoding": [("Transfer-Encoding", "chunked")],
    "in lower case": [("transfer-encoding", "Chunked")],
    "one of two": [("Transfer-Encoding", "gzip, chunked")],
    "an old one": [("Transfer-Encoding", "identity")],
    "an empty one": [("Transfer-Encoding", "")],
    "a name with a blank (CVE-2019-16785, waitress)": [("Transfer-Encoding ", "chunked")],
    "a name with a colon": [("X: y", "z")],
    "no name": [("", "x")],
    "a name of other letters": [("X-Übung", "x")],
    "a length below the body's": [("Content-Length", "1")],
    "a length above the body's": [("content-length", "99")],
    "a length that is written otherwise": [("Content-Length", "0099")],
    "two lengths": [("Content-Length", "5"), ("content-length", "3")],
    "two hosts": [("Host", "a.example"), ("host", "b.example")],
    "two content types": [("Content-Type", "text/plain"), ("Content-Type", FORM)],
    "a field that proxies remove": [("Connection", "close, Authorization")],
    "another protocol": [("Connection", "Upgrade"), ("Upgrade", "h2c")],
    "a protocol without Connection": [("Upgrade", "websocket")],
    "a line feed": [("X-A", "b\nX-B: c")],
    "a carriage return": [("X-A", "b\rc")],
    "a NUL": [("X-A", "b\0")],
}


@pytest.mark.parametrize("fields", MISLEADING.values(), ids=MISLEADING)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_header_fields_by_which_a_server_reads_another_request_are_refused(
    listener: Listener, session: OAuth1Session, body: dict[str, Any], fields: list[tuple[str, Any]]
) -> None:
    """Of a call, of a session and by the middleware."""
    headers = CIMultiDict(fields)
    with pytest.raises(SigningError):
        await session.post(listener.origin, headers=headers, **body)
    with pytest.raises(SigningError):
        async with signing(headers=headers) as another:
            await another.post(listener.origin, **body)
    # Of two fields of one name aiohttp sends the last before a middleware sees them.
    if len(headers) == len({name.lower() for name in headers}):
        middleware = OAuth1Middleware(CONSUMER, TOKEN, origins=(listener.origin,))
        async with aiohttp.ClientSession(middlewares=(middleware,)) as http:
            with pytest.raises(SigningError):
                await http.post(listener.origin, headers=headers, **(body or {"data": b"hello"}))
    assert listener.connections == 0


# Of two fields of one name aiohttp sends the last before a middleware sees them.
@pytest.mark.parametrize("value", [5, None, b"x", ["x"]], ids=repr)
async def test_a_header_value_of_another_type_is_named_at_once(session: OAuth1Session, value: Any) -> None:
    with pytest.raises(TypeError, match="the header 'X-A' must be a str"):
        await session.get("https://a.example/", headers={"X-A": value})
    with pytest.raises(TypeError, match="the header 'X-A' must be a str"):
        signing(headers={"X-A": value})


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "5"},
        {"Connection": "close"},
        {"connection": "Keep-Alive"},
        {"TE": "trailers"},
        [("X-A", "1"), ("X-A", "2")],
        {"X-A": "\tü "},
    ],
    ids=str,
)
async def test_other_header_fields_are_sent(listener: Listener, session: OAuth1Session, headers: Any) -> None:
    await session.post(listener.origin, data=b"hello", headers=headers)
    assert listener.arrivals[0].body == b"hello"


async def test_a_stream_is_read_only_once_there_is_a_connection() -> None:
    events: list[str] = []

    async def source() -> AsyncIterator[bytes]:
        events.append("read")
        yield b"a"

    async def connected(*_: object) -> None:
        events.append("connected")

    trace = TraceConfig()
    trace.on_connection_create_end.append(connected)

    def nonce() -> str:
        events.append("signed")
        return "nonce" * 4

    async with Listener() as listener, signing(nonce=nonce, trace_configs=[trace]) as session:
        await session.post(listener.origin, data=source())
        assert events == ["connected", "signed", "read"]
        assert listener.arrivals[0].body == b"a"


@pytest.mark.parametrize("mode", ["rb", "r"])
async def test_a_form_that_can_be_read_only_once_is_refused_and_nothing_sent(
    listener: Listener, session: OAuth1Session, mode: str
) -> None:
    reading, writing = os.pipe()
    with open(reading, mode) as pipe:  # noqa: ASYNC230, PTH123  a pipe has no path
        os.write(writing, b"a=1&b=2")
        os.close(writing)
        with pytest.raises(SigningError, match="only once"):
            await session.post(listener.origin, **typed(pipe))
    assert listener.connections == 0


@pytest.mark.parametrize("host", ["API.Example.com", "api.example.com:80", "API.Example.com:8080"])
async def test_a_host_header_of_the_callers_is_signed(
    listener: Listener, session: OAuth1Session, host: str
) -> None:
    await session.get(f"{listener.origin}/r?a=1", headers={"Host": host})
    assert listener.arrivals[0].host == host
    verified(listener.arrivals[0], CONSUMER, TOKEN)


async def test_a_request_through_a_proxy_is_signed_for_its_url(listener: Listener) -> None:
    async with signing(proxy=listener.origin, allow_http=True) as session:
        await session.post("http://api.test/r?a=1", data={"b": "2"})
    (arrival,) = listener.arrivals
    assert (arrival.target, arrival.host) == ("http://api.test/r?a=1", "api.test")
    verified(arrival, CONSUMER, TOKEN)


# Refused before anything is sent


# name: the session's options, the URL, the call's options ({} is the listener's origin), and the error
class BrokenStore(MemoryStore):
    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        raise StoreUnavailable(f"no answer for {provider} {user}")


def plain(_: Listener) -> dict[str, Any]:
    return {}


def at_home(listener: Listener) -> dict[str, Any]:
    return {"provider": provider_at(listener), "store": MemoryStore()}


# {} is the listener's origin, {host} its host and port
BAD_URLS = """
    http://user@{host} http://:hunter2@{host} http://user:hunter2@{host}
    http://api.test:{port}/ http://localhost.api.test:{port}/ http://127.0.0.1.api.test:{port}/
    http://0.0.0.0:{port}/ posts /posts //{host}/ ftp://{host}/ ws://{host}/ http:///r http://[::1
    http://127.0.0.1:99999/ {}/?oauth_nonce=1
""".split()  # noqa: SIM905  a table
NOT_HOME = "http://localhost:{port}/ http://127.0.0.1:1/ https://{host}/ //localhost:{port}/".split()  # noqa: SIM905
BAD_HOSTS = ("user@api.test", "api.test?", "api.test#", "api.test/v1", "")
BAD_OPTIONS: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "auth=": ({"auth": ("user", "hunter2")}, SigningError),
    "an Authorization": ({"headers": {"Authorization": "Bearer x"}}, SigningError),
    "an authorization": ({"headers": [("authorization", "")]}, SigningError),
    "a protocol parameter in params=": ({"params": {"oauth_token": "x"}}, SigningError),
    "a protocol parameter in the form": ({"data": {"oauth_timestamp": "1"}}, SigningError),
    "plain http through a proxy elsewhere": ({"proxy": "http://proxy.test:3128"}, SigningError),
    **{f"the Host {host!r}": ({"headers": {"Host": host}}, SigningError) for host in BAD_HOSTS},
    "data= that is a path": ({"data": Path("picture.png")}, TypeError),
    "a path in the data": ({"data": {"media": Path("picture.png")}}, TypeError),
    "params= of another type": ({"params": b"a=1"}, TypeError),
    "params= with a flag": ({"params": {"a": True}}, TypeError),
    "data= with None": ({"data": {"a": None}}, TypeError),
    "data= that is not pairs": ({"data": [1, 2]}, TypeError),
    "data= and json=": ({"data": b"a", "json": {}}, ValueError),
    "an unknown option": ({"parms": {"a": "1"}}, TypeError),
}
# name: makes the session's options; the URL, the call's options, and the error
REFUSED: dict[str, tuple[Callable[[Listener], dict[str, Any]], Any, dict[str, Any], type[Exception]]] = {
    **{url: (plain, url, {}, SigningError) for url in (*BAD_URLS, "", "{}/\ud800")},
    **{f"{url}, not the provider's": (at_home, url, {}, SigningError) for url in NOT_HOME},
    **{name: (plain, "{}/?a=1", *bad) for name, bad in BAD_OPTIONS.items()},
    **{
        f"an encoded URL with {url}": (plain, URL(f"http://localhost{url}", encoded=True), {}, SigningError)
        for url in ("/a b", "/r?a[]", "/ü")
    },
    "None": (plain, None, {}, TypeError),
    "bytes": (plain, b"https://api.test/", {}, TypeError),
    "PLAINTEXT over http": (lambda _: {"signature_method": PLAINTEXT}, "{}", {}, SigningError),
    "a path without base_url": (
        lambda listener: {"provider": provider_at(listener, base_url="")},
        "posts",
        {},
        SigningError,
    ),
    "a user who is a number": (at_home, "posts", {"user": 7}, TypeError),
    "a user whom the store does not know": (at_home, "posts", {"user": "alice"}, UnknownUser),
    "a store that does not answer": (
        lambda listener: {**at_home(listener), "store": BrokenStore()},
        "posts",
        {"user": "alice"},
        StoreUnavailable,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_call_that_cannot_be_signed_is_refused_before_anything_is_sent(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in ("OAUTHLIB_INSECURE_TRANSPORT", "AUTHLIB_INSECURE_TRANSPORT", "PYTHONHTTPSVERIFY"):
        monkeypatch.setenv(variable, "1")
    make, url, of_call, error = REFUSED[name]
    host = f"127.0.0.1:{listener.port}"
    if isinstance(url, str):
        url = url.replace("{}", f"http://{host}").replace("{host}", host)
        url = url.replace("{port}", str(listener.port))
    async with signing(connector=TCPConnector(resolver=Names()), **make(listener)) as session:
        for method in ("GET", "POST"):
            with pytest.raises(error) as raised:
                await session.request(method, url, **of_call)
            assert not any(secret in str(raised.value) for secret in (*SECRETS, "hunter2"))
    assert listener.connections == 0


@pytest.mark.parametrize("retry", [None, Retry()], ids=["retry=None", "no idempotency_header"])
async def test_an_idempotency_key_without_its_header_is_refused(
    listener: Listener, retry: Retry | None
) -> None:
    async with signing(retry=retry) as session:
        with pytest.raises(TypeError, match="idempotency_header"):
            await session.post(listener.origin, idempotency_key="key-7")
    assert listener.connections == 0


@pytest.mark.parametrize("method", ["", "GET /", "GET\r\nX: y", "G\u00cbT"])
async def test_an_invalid_http_method_is_refused(
    listener: Listener, session: OAuth1Session, method: str
) -> None:
    with pytest.raises((SigningError, ValueError)):
        await session.request(method, listener.origin)
    assert listener.arrivals == []


FAR = Provider("home", base_url="https://api.test/")


@pytest.mark.parametrize(
    ("options", "of_call"),
    [
        ({"store": MemoryStore(), "provider": FAR}, {"user": "alice", "token": TOKEN}),
        ({}, {"user": "alice", "token": TOKEN}),
        ({}, {"user": "alice"}),
        ({"store": MemoryStore()}, {"user": "alice"}),
        ({"provider": FAR}, {"user": "alice"}),
        ({}, {"token": "token-key"}),
        ({}, {"token": ("key", "secret")}),
    ],
)
async def test_user_and_token_are_checked_before_the_coroutine_is_made(
    options: dict[str, Any], of_call: dict[str, Any]
) -> None:
    async with signing(**options) as session:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # no coroutine is left behind that is never awaited
            with pytest.raises(TypeError):
                session.get("https://api.test/", **of_call)
        with pytest.raises(TypeError):
            await session.sign("GET", "https://api.test/", **of_call)


MISTAKES_OF_CALLS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "requests' files=": ({"files": {"a": b"x"}}, TypeError, "'files': give data={name: open file}"),
    "requests' verify=": ({"verify": False}, TypeError, "'verify': give ssl="),
    "requests' stream=": ({"stream": True}, TypeError, "'stream': write `async with"),
    "httpx' content=": ({"content": b""}, TypeError, "'content': give data="),
    "httpx' follow_redirects=": ({"follow_redirects": True}, TypeError, "give allow_redirects="),
    "oauthlib's realm=": ({"realm": "R"}, TypeError, "'realm': write session.replace"),
    "requests' pair of timeouts": ({"timeout": (3, 5)}, TypeError, "ClientTimeout, not tuple"),
    "a timeout in a text": ({"timeout": "5"}, TypeError, "ClientTimeout, not str"),
    "a timeout below 0": ({"timeout": -1}, ValueError, "0 or more, not -1"),
    "a timeout that is no number": ({"timeout": float("nan")}, ValueError, "0 or more, not nan"),
    "a proxy without a scheme": ({"proxy": "localhost:3128"}, ValueError, "must be a URL such as"),
    "a variable that is not set as proxy": ({"proxy": ""}, ValueError, "must be a URL such as"),
    "SOCKS, which requests takes": ({"proxy": "socks5://localhost:1"}, ValueError, "aiohttp-socks"),
    "headers in a text": ({"headers": "X: y"}, TypeError, "headers must be a mapping or pairs of str, not s"),
    "headers in texts": (
        {"headers": ["X: y"]},
        TypeError,
        "headers must be a mapping or pairs of str, not l",
    ),
    "a number as key": ({"idempotency_key": 5}, TypeError, "idempotency_key must be a str, not int"),
    "an empty key": ({"idempotency_key": ""}, ValueError, "give each post a text of its own"),
    "a key of two lines": ({"idempotency_key": "a\r\nb"}, SigningError, "'K' has a control character"),
    "CONNECT": ({"method": "connect"}, SigningError, "invalid HTTP method: 'CONNECT'"),
}


@pytest.mark.parametrize("name", MISTAKES_OF_CALLS)
async def test_a_mistake_in_a_call_says_what_to_write_before_anything_is_sent(
    listener: Listener, name: str
) -> None:
    options, error, says = MISTAKES_OF_CALLS[name]
    method = options.get("method", "POST")
    async with signing(retry=Retry(idempotency_header="K")) as session:
        with pytest.raises(error, match=says):
            await session.request(
                method, listener.origin, **{key: value for key, value in options.items() if key != "method"}
            )
    assert not any(arrival.octets for arrival in listener.arrivals)


@pytest.mark.parametrize("option", ["allow_http", "allow_unverified_tls", "public_only", "discard_rejected"])
@pytest.mark.parametrize("value", ["false", "no", 0, 1], ids=repr)
def test_a_flag_is_a_flag_since_the_text_false_of_an_environment_variable_is_true(
    option: str, value: Any
) -> None:
    with pytest.raises(TypeError, match=f"{option} must be True or False, not (str|int)"):
        OAuth1Session(CONSUMER, **{option: value})
    if option in {"allow_http", "public_only"}:
        with pytest.raises(TypeError, match=f"{option} must be True or False"):
            Handshake(Provider("home"), CONSUMER, store=MemoryStore(), **{option: value})
    if option == "allow_http":
        with pytest.raises(TypeError, match="allow_http must be True or False"):
            OAuth1Middleware(CONSUMER, origins=("https://a.example",), allow_http=value)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"body": "text"}, TypeError, "body must be bytes, not str"),
        ({"body": {"a": 1}}, TypeError, "body must be bytes, not dict"),
        ({"form": 5}, SigningError, "pairs of str, not a int"),
        ({"callback": 5}, SigningError, "callback must be a str, not int"),
        ({"verifier": b"v"}, SigningError, "verifier must be a str, not bytes"),
    ],
    ids=str,
)
async def test_signing_refuses_values_of_other_types(
    session: OAuth1Session, options: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        await session.sign("POST", "https://a.example/", **options)


async def test_a_call_that_was_not_awaited_is_not_taken_for_a_response(
    session: OAuth1Session, listener: Listener
) -> None:
    call = session.get(listener.origin)
    told = "takes a response, not RequestContextManager: `await` the call first"
    with pytest.raises(TypeError, match=told):
        await raise_for_problem(cast("Any", call))
    with pytest.raises(TypeError, match=told):
        rate_limit(cast("Any", call))
    await call


async def test_numbers_are_sent_beside_a_file(listener: Listener, session: OAuth1Session) -> None:
    await session.post(listener.origin, data={"media": io.BytesIO(b"PNG"), "segment_index": 7})
    assert b'name="segment_index"\r\n\r\n7\r\n' in listener.arrivals[0].body


UNFIT: list[tuple[Any, Any, dict[str, Any], type[Exception]]] = [
    ("key", None, {}, TypeError),
    (TOKEN, None, {}, TypeError),
    (CONSUMER, "token", {}, TypeError),
    (CONSUMER, CONSUMER, {}, TypeError),
    (CONSUMER, None, {"realm": "a\nb"}, SigningError),
    (CONSUMER, None, {"realm": "ü"}, SigningError),
    (Consumer("key", "\ud800"), None, {}, SigningError),
    (CONSUMER, AccessToken("\ud800", ""), {}, SigningError),
]
UNFIT_FOR_A_VIEW: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"provider": None}, TypeError),
    ({"tokn": TOKEN}, TypeError),
    ({"consumer": None}, TypeError),
    ({"token": "key"}, TypeError),
    ({"realm": "ü"}, SigningError),
]


def test_a_session_or_view_that_cannot_sign_is_refused_at_construction() -> None:
    for consumer, token, options, error in UNFIT:
        with pytest.raises(error):
            OAuth1Session(consumer, token, **options)
    for changes, error in UNFIT_FOR_A_VIEW:
        with pytest.raises(error):
            signing().replace(**changes)


async def test_http_is_allowed_to_this_machine_and_with_allow_http(listener: Listener) -> None:
    async with TCPConnector(resolver=Names()) as connector:
        async with signing(connector=connector, connector_owner=False) as session:
            for host in ("127.0.0.1", "localhost", "LOCALHOST"):
                await session.get(f"http://{host}:{listener.port}/")
        async with signing(connector=connector, connector_owner=False, allow_http=True) as session:
            await session.get(f"http://api.test:{listener.port}/")
            await session.replace(signature_method=PLAINTEXT).get(f"http://api.test:{listener.port}/")
    for arrival in listener.arrivals:
        verified(arrival, CONSUMER, TOKEN)
    assert len(listener.arrivals) == 5


# For whom


async def test_the_token_is_the_calls_then_the_users_then_the_sessions(listener: Listener) -> None:
    alice, given = AccessToken("alice-key", "alice"), AccessToken("given-key", "given")
    store = await store_of(alice=alice)
    async with signing(provider=provider_at(listener), store=store) as session:
        await session.get("posts")
        await session.get("posts", token=given)
        await session.get("posts", user="alice")
        await session.get("posts", user=None, token=None)
        await session.replace(token=None).get("posts")
    assert {arrival.target for arrival in listener.arrivals} == {"/posts"}
    for arrival, token in zip(listener.arrivals, (TOKEN, given, alice, TOKEN, None), strict=True):
        verified(arrival, CONSUMER, token)


# Views


async def test_views_share_the_connection_and_sign_with_their_own_options(
    listener: Listener, session: OAuth1Session
) -> None:
    other, bob = Consumer("other-key", "other"), AccessToken("bob-key", "bob")
    view = session.replace(consumer=other, token=bob, signature_method=HMAC_SHA256, realm="R")
    third = view.replace(signature_method=HMAC_SHA512)
    for one in (session, view, third, session):
        async with one.get(listener.origin) as response:
            await response.read()
    assert listener.connections == 1
    first, second, again, last = listener.arrivals
    verified(first, CONSUMER, TOKEN)
    assert verified(second, other, bob)["oauth_signature_method"] == "HMAC-SHA256"
    assert verified(again, other, bob)["oauth_signature_method"] == "HMAC-SHA512"
    assert verified(last, CONSUMER, TOKEN)["oauth_signature_method"] == "HMAC-SHA1"
    assert ("realm" in oauth_parameters(first), "realm" in oauth_parameters(again)) == (False, True)


# Replies


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
async def test_an_error_status_raises_only_with_raise_for_status(
    listener: Listener, session: OAuth1Session, status: int
) -> None:
    listener.answer = lambda _: reply(status, body=b"oauth_problem=token_revoked")
    async with session.post(listener.origin) as response:
        assert (response.status, await response.read()) == (status, b"oauth_problem=token_revoked")
    with pytest.raises(aiohttp.ClientResponseError):
        await session.post(listener.origin, raise_for_status=True)


async def test_raise_for_problem_fits_raise_for_status_of_a_call_and_of_a_session(listener: Listener) -> None:
    refusal = reply(401, body=b"oauth_problem=token_revoked")
    listener.answer = lambda arrival: refusal if arrival.path == "/refused" else reply(body=b"ok")
    async with signing() as session:
        with pytest.raises(TokenRejected):
            await session.get(f"{listener.origin}/refused", raise_for_status=raise_for_problem)
    async with signing(raise_for_status=raise_for_problem) as session:
        with pytest.raises(TokenRejected):
            await session.get(f"{listener.origin}/refused")
        async with session.get(f"{listener.origin}/refused", raise_for_status=False) as response:
            assert response.status == 401
        async with session.get(listener.origin) as response:
            assert await response.text() == "ok"


# Middlewares of the user's


def adds(name: str, seen: list[str]) -> Callable[[ClientRequest, ClientHandlerType], Any]:
    async def middleware(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        seen.append(name)
        assert "Authorization" not in request.headers
        request.url = request.url.update_query({name: "1"})
        request.headers["X-Seen"] = name
        return await handler(request)

    return middleware


async def test_middlewares_run_before_the_signer_and_what_they_change_is_signed(listener: Listener) -> None:
    seen: list[str] = []
    async with signing(middlewares=(adds("session", seen),)) as session:
        await session.get(listener.origin)
        await session.get(listener.origin, middlewares=(adds("first", seen), adds("second", seen)))
        await session.get(listener.origin, middlewares=())
    assert seen == ["session", "first", "second"]
    assert [arrival.target for arrival in listener.arrivals] == ["/?session=1", "/?first=1&second=1", "/"]
    for arrival in listener.arrivals:
        verified(arrival, CONSUMER, TOKEN)


# Beside the verbs


async def test_requests_of_session_http_are_not_signed(listener: Listener, session: OAuth1Session) -> None:
    async with session.http.get(listener.origin) as response:
        assert response.status == 200
    listener.answer = lambda _: reply(400)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await session.http.ws_connect(listener.origin.replace("http", "ws"))
    assert [arrival.header("Authorization") for arrival in listener.arrivals] == [None, None]


async def test_sign_makes_the_header_that_a_call_sends_and_sends_nothing(listener: Listener) -> None:
    fixed: dict[str, Any] = {"clock": lambda: 1_700_000_000.9, "nonce": lambda: "nonce" * 5}
    provider, store = provider_at(listener, realm="Photos"), await store_of(alice=TOKEN)
    async with OAuth1Session(CONSUMER, provider=provider, store=store, **fixed) as session:
        signed = await session.sign("POST", "posts?q=1", user="alice", form=[("a", "ü"), ("b", "")])
        again = await session.sign("post", "posts?q=1", token=TOKEN, form=b"a=%C3%BC&b=")
        assert listener.connections == 0
        await session.post("posts?q=1", user="alice", data=[("a", "ü"), ("b", "")])
    assert listener.arrivals[0].header("Authorization") == signed.header() == again.header()
    assert signed.url().startswith(f"{listener.origin}/posts?q=1&oauth_consumer_key=consumer-key&")
    assert signed.body().startswith(b"a=%C3%BC&b=&oauth_consumer_key=consumer-key&")


async def test_sign_takes_callback_and_verifier_and_draws_a_nonce_each_time(session: OAuth1Session) -> None:
    options: dict[str, Any] = {"callback": "oob", "verifier": "123"}
    signed = [dict((await session.sign("POST", "https://api.test/", **options)).parameters) for _ in "123"]
    assert len({one["oauth_nonce"] for one in signed}) == 3
    assert {(one["oauth_callback"], one["oauth_verifier"]) for one in signed} == {("oob", "123")}


@pytest.mark.parametrize(
    "url", ["http://api.test/", "posts", "https://user@api.test/", "ftp://api.test/", "https://[", "/\ud800"]
)
async def test_sign_refuses_what_a_call_refuses(session: OAuth1Session, url: str) -> None:
    with pytest.raises(SigningError):
        await session.sign("GET", url)


# For how long


MADE_AT_IMPORT = signing()


def test_a_session_can_be_made_before_a_loop_runs() -> None:
    async def ask() -> Arrival:
        async with Listener() as listener, MADE_AT_IMPORT as session:
            await session.get(listener.origin)
            return listener.arrivals[0]

    verified(asyncio.run(ask()), CONSUMER, TOKEN)


def test_a_session_shows_no_secret() -> None:
    assert not any(secret in repr(signing()) + str(vars(signing())) for secret in SECRETS)


@pytest.mark.parametrize("kind", [None, (), "iterator"], ids=repr)
async def test_middlewares_may_be_none_or_come_only_once(listener: Listener, kind: Any) -> None:
    seen = []

    async def note(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        seen.append(request.method)
        return await handler(request)

    given = iter((note,)) if kind == "iterator" else kind
    async with signing(middlewares=given) as session:
        await session.get(listener.origin)
        await session.http.get(listener.origin)
    assert len(seen) == (2 if kind == "iterator" else 0)


def basic(password: str = "password") -> BasicAuth:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer versions of aiohttp take a header too
        return BasicAuth("ann", password)


# What people write by mistake, and what they are told


# the arguments, and what the error says to write
MISTAKES: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    (("ck", "cs", "tk", "ts"), {}, r"OAuth1Session\(Consumer"),
    (("ck", "cs"), {}, r"Consumer\(key, secret\)"),
    (("ck",), {}, r"Consumer\(key, secret\)"),
    ((), {"client_key": "x"}, r"OAuth1Session\(Consumer"),
    ((CONSUMER,), {"client_key": "x"}, r"Consumer\(key"),
    ((CONSUMER,), {"resource_owner_key": "x"}, r"AccessToken\(key"),
    ((CONSUMER,), {"rsa_key": "x"}, "RSA_SHA1"),
    ((CONSUMER,), {"timeout": 5}, "ClientTimeout"),
    ((CONSUMER,), {"trust_env": True}, "proxy="),
    ((CONSUMER,), {"base_url": "https://x/"}, "provider="),
    ((CONSUMER,), {"cookies": {}}, "cookie_jar="),
    ((CONSUMER,), {"signature_method": "HMAC-MD5"}, "HMAC-SHA256"),
    ((CONSUMER,), {"signature_method": 7}, "SignatureM"),
    ((CONSUMER,), {"store": {}}, "MemoryStore"),
    ((CONSUMER,), {"store": MemoryStore}, "MemoryStore"),
    *(
        ((CONSUMER,), {"placement": placement}, "placement must be 'header', 'query' or 'body', not")
        for placement in ("Header", "form", "authorization", 5)
    ),
    ((CONSUMER,), {"proxy": "localhost:3128"}, "must be a URL such as"),
    ((CONSUMER,), {"proxy": "socks5://localhost:1"}, "must be a URL such as"),
    ((CONSUMER,), {"on_token_rejected": lambda _: None}, "async def"),
    ((CONSUMER,), {"on_token_rejected": "name"}, "async def"),
    ((CONSUMER,), {"provider": "x"}, "Provider"),
    ((CONSUMER,), {"retry": 3}, "Retry"),
    ((CONSUMER,), {"provider": Provider}, "the class Provider"),
    ((CONSUMER,), {"clock": 5.0}, "clock must be a function"),
    ((CONSUMER,), {"nonce": "n"}, "nonce must be a function"),
    ((CONSUMER,), {"sleep": 1}, "sleep must be a function"),
    ((CONSUMER,), {"realm": b"x"}, "realm must be a str or None"),
    ((CONSUMER,), {"connector": "x"}, "TCPConnector"),
    ((CONSUMER,), {"middlewares": [5]}, "a function"),
    ((CONSUMER,), {"verify": False}, "give ssl="),  # requests and httpx
    ((CONSUMER,), {"proxies": {}}, "give proxy="),  # requests
    ((CONSUMER,), {"retries": 3}, r"Retry\(attempts"),  # urllib3
    ((CONSUMER,), {"user_agent": "x"}, "User-Agent"),  # tweepy
    ((CONSUMER,), {"callback_uri": "x"}, r"Handshake\.begin"),  # oauthlib
    ((CONSUMER,), {"loop": 1}, "leave it out"),  # older versions of aiohttp
    ((CONSUMER,), {"basic_auth": "ann:password"}, "BasicAuth or None, not str"),
    ((CONSUMER,), {"basic_auth": basic()}, "placement"),
]


def shown(value: object) -> str:
    """Return an id that is the same in each process: without an address in memory."""
    return str(value).partition(" at 0x")[0]


@pytest.mark.parametrize(
    ("arguments", "options", "told"), MISTAKES, ids=lambda one: str(one).partition(" at 0x")[0]
)
def test_a_mistake_at_construction_says_what_to_write(
    arguments: tuple[Any, ...], options: dict[str, Any], told: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        OAuth1Session(*arguments, **options)


async def test_a_forgotten_await_and_a_plain_with_say_what_to_write(session: OAuth1Session) -> None:
    call = session.get("https://api.test/")
    with pytest.raises(AttributeError, match=r"await session\.get"):
        _ = cast("Any", call).status
    with pytest.raises(TypeError, match="async with"):
        cast("Any", call).__enter__()
    with pytest.raises(TypeError, match="async with"):
        cast("Any", session).__enter__()
    with pytest.raises(TypeError, match="url must be a str or URL"):
        session.get(cast("Any", b"https://api.test/"))
    with pytest.raises(TypeError, match="method must be a str"):
        session.request(cast("Any", None), "https://api.test/")


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", HMAC_SHA256, HMAC_SHA512])
async def test_the_signature_method_is_the_sessions_by_name_or_as_an_object(
    listener: Listener, method: Any
) -> None:
    async with signing(signature_method=method, realm="Photos") as session:
        await session.post(listener.origin, data={"a": "1"})
        await session.replace(signature_method="HMAC-SHA1").get(listener.origin)
    first, second = [verified(one, CONSUMER, TOKEN) for one in listener.arrivals]
    expected = (getattr(method, "name", method), "Photos")
    assert (first["oauth_signature_method"], first["realm"]) == expected
    assert second["oauth_signature_method"] == "HMAC-SHA1"


async def test_the_system_clock_is_looked_up_at_each_call(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with signing() as session:
        monkeypatch.setattr(time, "time", lambda: 1_234_567_890.0)
        await session.get(listener.origin)
    assert oauth_parameters(listener.arrivals[0])["oauth_timestamp"] == "1234567890"


async def test_provider_consumer_and_store_of_a_session_are_readable(listener: Listener) -> None:
    provider, store = provider_at(listener), MemoryStore()
    async with OAuth1Session(CONSUMER, provider=provider, store=store) as session:
        assert (session.provider, session.consumer, session.store) == (provider, CONSUMER, store)
        other = Consumer("other", "secret")
        assert session.replace(consumer=other).consumer == other
        with pytest.raises(AttributeError):
            session.consumer = other  # type: ignore[misc]
    assert OAuth1Session(CONSUMER).provider is None


async def test_a_path_outside_of_base_url_warns(listener: Listener) -> None:
    provider = provider_at(listener, base_url=f"{listener.origin}/v1/")
    async with signing(provider=provider) as session:
        with pytest.warns(UserWarning, match="leaves the path of base_url"):
            await session.get("/posts")
        await session.get("posts")
        await session.get(f"{listener.origin}/v2/posts")
    assert [arrival.path for arrival in listener.arrivals] == ["/posts", "/v1/posts", "/v2/posts"]


# HTTP Basic for a gateway in front of the provider


def test_basic_auth_that_its_encoding_lacks_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="give BasicAuth") as raised:
        OAuth1Session(CONSUMER, basic_auth=basic("€uro"))
    assert "uro" not in str(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.parametrize("given", [basic(), basic().encode()], ids=["BasicAuth", "encoded"])
@pytest.mark.parametrize("placement", ["query", "body"])
async def test_basic_auth_goes_to_the_providers_origins_and_no_further(
    listener: Listener, placement: Any, given: BasicAuth | str
) -> None:
    async with Listener() as stranger:
        provider = provider_at(listener, placement=placement)
        async with signing(provider=provider, basic_auth=given) as session:
            async with session.post("posts", data={"a": "1"}) as response:
                assert "Authorization" not in response.request_info.headers
            listener.answer = lambda _: reply(303, {"Location": f"{stranger.origin}/on"})
            assert (await session.post("posts", data={"a": "1"})).status == 200
        expected = basic().encode()
        assert [one.header("Authorization") for one in listener.arrivals] == [expected] * 2
        assert stranger.arrivals[0].header("Authorization") is None
        assert "oauth_" not in stranger.arrivals[0].target


# Signatures for what something else sends


@pytest.mark.parametrize("body", [b"", b"raw body", None])
async def test_sign_hashes_a_body_where_the_provider_wants_it(body: bytes | None) -> None:
    provider = Provider("hashing", base_url="https://api.test/", rules=SigningRules(body_hash=True))
    async with signing(provider=provider) as session:
        signature = await session.sign("POST", "posts", body=body)
        expected = base64.b64encode(hashlib.sha1(body or b"").digest()).decode()  # noqa: S324  RFC
        assert dict(signature.parameters)["oauth_body_hash"] == expected
        form = await session.sign("POST", "posts", form=[("a", "1")])
        assert "oauth_body_hash" not in dict(form.parameters)
        with pytest.raises(TypeError, match="not both"):
            await session.sign("POST", "posts", form=[("a", "1")], body=b"a")


# Rate limits that responses told of


async def test_rate_limits_are_those_of_the_last_response_for_a_user(listener: Listener) -> None:
    provider, store = provider_at(listener), await store_of(alice=TOKEN)
    listener.answer = lambda _: reply(200, {"x-rate-limit-limit": "9", "x-rate-limit-remaining": "4"})
    async with OAuth1Session(CONSUMER, provider=provider, store=store) as session:
        assert session.rate_limits("alice") is None
        await session.get("posts", user="alice")
        limits = session.rate_limits("alice")
        assert limits is not None
        assert (limits.limit, limits.remaining) == (9, 4)
        assert session.rate_limits() is None
        await session.replace(token=TOKEN).get("posts")
        assert session.replace(token=TOKEN).rate_limits() == limits


# Only to public addresses


async def test_public_only_refuses_calls_and_redirects_to_private_addresses(listener: Listener) -> None:
    async with TCPConnector() as connector:
        with pytest.raises(TypeError, match="needs the session's own connector"):
            signing(public_only=True, connector=connector)
    async with signing(public_only=True, retry=Retry()) as guarded:
        with pytest.raises(SigningError, match="not a public address"):
            await guarded.get(listener.origin)
        with pytest.raises(SigningError, match="proxy"):
            await guarded.get(listener.origin, proxy=listener.origin)
        with pytest.raises(ClientConnectorError):
            await guarded.http.get(listener.origin)
    provider = provider_at(listener, public_only=True)
    async with signing(provider=provider) as guarded:
        with pytest.raises(SigningError, match="not a public address"):
            await guarded.post("posts", data={"a": "1"})
    async with signing(provider=provider, public_only=False) as session:
        assert (await session.get("posts")).status == 200
    assert listener.connections == 1


# A connector that several sessions share


@pytest.mark.socket
async def test_no_timestamp_is_old_on_arrival_however_long_calls_wait_for_a_shared_connector() -> None:
    """Eight sessions, one connector: its limit counts, and each signs with the connection in hand."""
    now = [1_790_000_000.0]
    ages: list[int] = []

    async def slow(arrival: Arrival) -> AsyncIterator[bytes]:
        ages.append(int(now[0]) - int(oauth_parameters(arrival)["oauth_timestamp"]))
        now[0] += 0.1  # as long as a reply takes: together more than ten seconds
        await asyncio.sleep(0)
        yield reply()

    async with Listener(slow) as listener, TCPConnector(limit=2) as connector:
        shared: dict[str, Any] = {"connector": connector, "connector_owner": False, "clock": lambda: now[0]}
        sessions = [signing(**shared) for _ in range(8)]
        calls = [session.post(listener.origin) for _ in range(16) for session in sessions]
        began = now[0]
        replies = await asyncio.gather(*calls)
        assert {one.status for one in replies} == {200}
        assert now[0] - began > 10
        assert max(ages) <= 1
        for session in sessions:
            await session.close()
