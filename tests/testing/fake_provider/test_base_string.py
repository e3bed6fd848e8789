"""The provider's own reading of RFC 5849, on requests as bytes: against the RFC, the vectors and oauthlib.

Nothing here was signed by aiooauth1: whatever the verifier accepts, somebody else has signed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oauthlib import oauth1

from aiooauth1.testing.fake_provider.base_string import (
    PROTOCOL_PARAMETERS,
    SignedRequest,
    base_string_uri,
    read_signed_request,
    received_base_string,
)
from aiooauth1.testing.fake_provider.errors import RefusalError
from aiooauth1.testing.fake_provider.request import (
    ReceivedRequest,
    is_form,
    parse_authorization,
    parse_form,
)
from aiooauth1.testing.fake_provider.signature_methods import VERIFIERS, check_body_hash


Client: Any = oauth1.Client  # its stubs know fewer methods and placements than it does

FORM = b"application/x-www-form-urlencoded"
VECTORS = json.loads((Path(__file__).parents[2] / "data" / "vectors.json").read_text(encoding="utf-8"))
AGREED = [case for case in VECTORS["cases"] if case["consensus"]]

steady = settings(derandomize=True, deadline=None, max_examples=300)


def _header(parameters: dict[str, str]) -> tuple[bytes, bytes]:
    pairs = ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in parameters.items())
    return b"Authorization", f"OAuth {pairs}".encode()


def _problem(received: ReceivedRequest) -> str:
    with pytest.raises(RefusalError) as refusal:
        read_signed_request(received)
    return refusal.value.problem


RFC_EXAMPLE = ReceivedRequest(
    "POST",
    b"/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
    (
        (b"Host", b"example.com"),
        (b"Content-Type", FORM),
        (
            b"Authorization",
            (
                b'OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", '
                b'oauth_token="kkk9d7dh3k39sjv7", '
                b'oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", '
                b'oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D"'
            ),
        ),
    ),
    b"c2&a3=2+q",
)


def test_the_example_of_the_rfc_gives_its_base_string() -> None:
    signed = read_signed_request(RFC_EXAMPLE)
    assert signed.base_string == (
        b"POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c"
        b"%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m"
        b"ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )
    assert signed.place == "header"
    assert signed.parameters["oauth_token"] == "kkk9d7dh3k39sjv7"
    assert "realm" not in signed.parameters


def _received(case: dict[str, Any]) -> ReceivedRequest:
    """The request of a case, as a server would get it."""
    parts = urlsplit(case["url"])
    query = case["url"].partition("#")[0].partition("?")[2]
    target = (parts.path or "/") + (f"?{query}" if query else "")
    parameters = {
        "oauth_consumer_key": case["client_key"],
        "oauth_token": case["token"],
        "oauth_signature_method": case["signature_method"],
        "oauth_signature": case["expected"]["signature"],
        "oauth_timestamp": case["timestamp"],
        "oauth_nonce": case["nonce"],
        "oauth_version": case["version"],
        "oauth_callback": case["callback"],
        "oauth_verifier": case["verifier"],
    }
    headers = [(b"Host", parts.netloc.rpartition("@")[2].encode())]
    body = b""
    if case["body_params"] is not None:
        body = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in case["body_params"]).encode()
        headers.append((b"Content-Type", FORM))
    if case["body_hash"] is not None:
        body = base64.b64decode(case["body_hash"]["body_b64"])
        digest = hashlib.new(case["body_hash"]["alg"], body).digest()
        parameters["oauth_body_hash"] = base64.b64encode(digest).decode()
        headers.append((b"Content-Type", case["body_hash"]["content_type"].encode()))
    headers.append(_header({name: value for name, value in parameters.items() if value is not None}))
    return ReceivedRequest(case["method"], target.encode(), tuple(headers), body, parts.scheme.lower())


# With an `oauth_signature` in the query too they break section 3.5: as requests they are refused.
REFUSED = {"names-signature-in-query", "names-signature-escaped-in-query"}


@pytest.mark.parametrize("case", AGREED, ids=lambda case: str(case["id"]))
def test_a_received_vector_has_the_agreed_base_string(case: dict[str, Any]) -> None:
    received = _received(case)
    if case["id"] in REFUSED:
        assert _problem(received) == "parameter_rejected"
        header = parse_authorization(received.values(b"authorization")[0])
        assert header is not None
        base_string = received_base_string(received, header, parse_form(received.target.partition(b"?")[2]))
    else:
        base_string = read_signed_request(received).base_string
    if case["expected"].get("base_string") is not None:
        assert base_string.decode() == case["expected"]["base_string"]
    if case["signature_method"] in VERIFIERS:
        verify, signature = VERIFIERS[case["signature_method"]], case["expected"]["signature"]
        secrets = case["client_secret"], case["token_secret"] or ""
        assert verify(base_string, signature, *secrets)
        assert not verify(base_string, signature, secrets[0] + "x", secrets[1])
        assert not verify(base_string, signature, secrets[0], secrets[1] + "x")
        assert not verify(base_string, signature + "=", *secrets)


def test_the_vectors_are_all_there() -> None:
    assert sum(case["signature_method"] in VERIFIERS for case in AGREED) == 278


@pytest.mark.parametrize(
    ("scheme", "host", "target", "expected"),
    [
        ("http", b"EXAMPLE.COM:80", b"/r%20v/X?id=123", b"http://example.com/r%20v/X"),
        ("https", b"www.example.net:8080", b"/?q=1", b"https://www.example.net:8080/"),
        ("https", b"h:443", b"/", b"https://h/"),
        ("https", b"h:80", b"/", b"https://h:80/"),
        ("http", b"h:443", b"/", b"http://h:443/"),
        ("http", b"h:", b"/a", b"http://h/a"),
        ("http", b"[2001:DB8::1]", b"/a", b"http://[2001:db8::1]/a"),
        ("http", b"[2001:db8::1]:80", b"/a", b"http://[2001:db8::1]/a"),
        ("http", b"[2001:db8::1]:8080", b"/a", b"http://[2001:db8::1]:8080/a"),
        ("http", b"h", b"/%7e%2F;x=1/../b", b"http://h/%7e%2F;x=1/../b"),
        ("http", b"proxy", b"http://Other.example:80/a?b", b"http://other.example/a"),
        ("http", b"proxy", b"http://other.example", b"http://other.example/"),
        ("http", b"h", b"*", b"http://h*"),
    ],
)
def test_base_string_uri(scheme: str, host: bytes, target: bytes, expected: bytes) -> None:
    assert base_string_uri(scheme, host, target) == expected


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (b"", []),
        (b"&&", []),
        (b"a", [(b"a", b"")]),
        (b"=v", [(b"", b"v")]),
        (b"a=b=c", [(b"a", b"b=c")]),
        (b"a+b=c+d%2B", [(b"a b", b"c d+")]),
        (b"a=1;b=2", [(b"a", b"1;b=2")]),
        (b"%zz=%4&%=%C3", [(b"%zz", b"%4"), (b"%", b"\xc3")]),
        (b"a=2&a=1&a=2", [(b"a", b"2"), (b"a", b"1"), (b"a", b"2")]),
        (b"a%26b=%3d", [(b"a&b", b"=")]),
        (b"\xff=\xfe", [(b"\xff", b"\xfe")]),
    ],
)
def test_a_form_is_read_as_bytes(text: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
    assert parse_form(text) == pairs


@pytest.mark.parametrize(
    ("types", "counts"),
    [
        ([b"application/x-www-form-urlencoded"], True),
        ([b"Application/X-WWW-Form-Urlencoded ; charset=UTF-8"], True),
        ([b"application/x-www-form-urlencoded-more"], False),
        ([b"multipart/form-data; boundary=b"], False),
        ([b"application/json"], False),
        ([], False),
        ([b"application/x-www-form-urlencoded", b"text/plain"], False),
    ],
)
def test_only_a_form_by_its_media_type_is_signed(types: list[bytes], *, counts: bool) -> None:
    headers = ((b"Host", b"h"), *((b"content-TYPE", kind) for kind in types), _header({"oauth_nonce": "n"}))
    received = ReceivedRequest("PUT", b"/", headers, b"in_body=1")
    assert is_form(received) is counts
    assert (b"in_body" in read_signed_request(received).base_string) is counts


HOST = (b"Host", b"h")


@pytest.mark.parametrize(
    "header",
    [
        *[b'OAuth oauth_nonce="a",,oauth_token="b"', b'OAuth oauth_nonce="a",'],
        *[b'OAuth oauth_nonce="a" oauth_token="b"', b"OAuth oauth_nonce=a", b'OAuth oauth_nonce="a+b"'],
        *[b'OAuth oauth_nonce="%zz"', b'OAuth oauth_nonce="a&b"', b'OAuth oauth_nonce="a'],
        *[b'OAuth oauth_nonce="a\\"b"', b'OAuth ="a"', b'OAuth "a"', b'OAuth realm="x" y", oauth_nonce="a"'],
        'OAuth oauth_nonce="é"'.encode(),
    ],
)
def test_a_header_that_breaks_the_grammar_is_refused(header: bytes) -> None:
    assert _problem(ReceivedRequest("GET", b"/", (HOST, (b"Authorization", header)))) == "parameter_rejected"


@pytest.mark.parametrize(
    ("target", "hosts"),
    [(b"/?oauth_token=%ff", [HOST]), (b"/?oauth_nonce=n", []), (b"/?oauth_nonce=n", [HOST] * 2)],
)
def test_bytes_that_are_not_utf_8_and_other_than_one_host_are_refused(
    target: bytes, hosts: list[Any]
) -> None:
    assert _problem(ReceivedRequest("GET", target, tuple(hosts))) == "parameter_rejected"


@pytest.mark.parametrize(
    ("header", "pairs"),
    [
        (b'oauth realm="a \\"quoted\\" one, x=\\"y\\"",oauth_nonce="a"', [(b"oauth_nonce", b"a")]),
        (b'OAUTH \t oauth_nonce="a%20%2b"\t,  x%2Fy=""', [(b"oauth_nonce", b"a +"), (b"x/y", b"")]),
        (b'OAuth realm=""', []),
        (b"OAuth", []),
        (b"OAuth2 abc", None),
        (b"Bearer abc", None),
        (b'Digest oauth_nonce="a"', None),
    ],
)
def test_a_header_is_read_by_the_grammar(header: bytes, pairs: list[tuple[bytes, bytes]] | None) -> None:
    assert parse_authorization(header) == pairs


def test_a_hostile_header_is_parsed_in_linear_time() -> None:
    """Half a megabyte that nearly matches: a pattern that tried twice would not end."""
    for filling in (b"a" * 500_000, b"%41" * 150_000, b'\\"' * 250_000):
        with pytest.raises(RefusalError):
            parse_authorization(b'OAuth realm="' + filling)
        with pytest.raises(RefusalError):
            parse_authorization(b'OAuth oauth_nonce="' + filling)


@pytest.mark.parametrize("name", sorted(PROTOCOL_PARAMETERS))
def test_a_protocol_parameter_in_two_places_or_twice_is_refused(name: bytes) -> None:
    host, form = (b"Host", b"h"), (b"Content-Type", FORM)
    header = (b"Authorization", b'OAuth oauth_nonce="n"')
    twice = (b"Authorization", b'OAuth %b="a", %b="a"' % (name, name))
    pair = name + b"=a"
    for received in (
        ReceivedRequest("POST", b"/?" + pair, (host, header)),
        ReceivedRequest("POST", b"/", (host, header, form), pair),
        ReceivedRequest("POST", b"/?" + pair, (host, form), b"oauth_nonce=n"),
        ReceivedRequest("POST", b"/?" + pair + b"&" + pair, (host,)),
        ReceivedRequest("POST", b"/", (host, form), pair + b"&" + pair),
        ReceivedRequest("POST", b"/", (host, twice)),
        ReceivedRequest("POST", b"/", (host, header, header)),
    ):
        assert _problem(received) == "parameter_rejected"


def test_other_oauth_parameters_belong_to_the_application() -> None:
    received = ReceivedRequest(
        "GET", b"/?oauth_custom=1&oauth_custom=2", ((b"Host", b"h"), _header({"oauth_nonce": "n"}))
    )
    signed = read_signed_request(received)
    assert dict(signed.parameters) == {"oauth_nonce": "n"}
    assert b"oauth_custom%3D1%26oauth_custom%3D2%26oauth_nonce%3Dn" in signed.base_string


def test_a_request_without_protocol_parameters_is_unsigned() -> None:
    received = ReceivedRequest("GET", b"/?a=1", ((b"Authorization", b"Basic YTpi"),))
    assert read_signed_request(received) == SignedRequest("", {}, b"")


def test_the_repr_of_a_signed_request_hides_its_parameters() -> None:
    shown = repr(
        read_signed_request(ReceivedRequest("GET", b"/?oauth_signature=canary%26", ((b"Host", b"h"),)))
    )
    assert "canary" not in shown


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
@steady
def test_any_bytes_are_read_or_refused(target: bytes, header: bytes, body: bytes) -> None:
    headers = ((b"Host", b"h"), (b"Content-Type", FORM), (b"Authorization", b"OAuth " + header))
    try:
        signed = read_signed_request(ReceivedRequest("POST", b"/?" + target, headers, body))
    except RefusalError as refusal:
        assert refusal.status == 400  # noqa: PT017  either outcome is right, no third is
    else:
        assert signed.base_string.startswith(b"POST&http%3A%2F%2Fh%2F&") or not signed.place


# oauthlib as the signer

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# oauthlib takes what looks like an escape in its own parameters for one; its own words are plain here.
words = st.text("abcXYZ019-._~", min_size=1, max_size=12)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
    path=texts,
    query=st.lists(st.tuples(texts, texts), max_size=4),
    form=st.none() | st.lists(st.tuples(texts, texts), min_size=1, max_size=4),
    signature_method=st.sampled_from(sorted(VERIFIERS)),
    placement=st.sampled_from(["AUTH_HEADER", "QUERY"]),
    secrets=st.tuples(words, words),
)
@steady
def test_only_what_oauthlib_signs_is_verified(
    *,
    method: str,
    path: str,
    query: list[tuple[str, str]],
    form: list[tuple[str, str]] | None,
    signature_method: str,
    placement: str,
    secrets: tuple[str, str],
) -> None:
    if method in {"GET", "HEAD"}:
        form = None  # oauthlib refuses it
    joined = [
        "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in pairs)
        for pairs in (query, form or [])
    ]
    client = Client(
        "ck", secrets[0], "tk", secrets[1], signature_method=signature_method, signature_type=placement
    )
    headers = {"Content-Type": FORM.decode()} if form else {}
    url = f"http://h.example:8080/{quote(path)}?{joined[0]}"
    url, headers, body = client.sign(url, method, joined[1] if form else None, headers)
    signed_headers = tuple((name.encode(), value.encode()) for name, value in headers.items())
    received = ReceivedRequest(
        method,
        url.removeprefix("http://h.example:8080").encode(),
        ((b"Host", b"h.example:8080"), *signed_headers),
        (body or "").encode(),
    )
    signed = read_signed_request(received)
    verify = VERIFIERS[signature_method]
    signature = signed.parameters["oauth_signature"]
    assert signed.place == ("query" if placement == "QUERY" else "header")
    assert verify(signed.base_string, signature, *secrets)
    assert not verify(signed.base_string, signature, secrets[1] + "x", secrets[0])
    if signature_method != "PLAINTEXT":
        moved = ReceivedRequest(method, received.target + b"&x", received.headers, received.body)
        assert not verify(read_signed_request(moved).base_string, signature, *secrets)


def test_a_non_ascii_signature_is_wrong() -> None:
    for verify in VERIFIERS.values():
        assert not verify(b"GET&&", "ü", "cs", "ts")


def _with_hash(
    body: bytes, hashed: bytes, method: str = "HMAC-SHA1", kind: bytes = b"application/json"
) -> str | None:
    name = {"HMAC-SHA256": "sha256", "HMAC-SHA512": "sha512"}.get(method, "sha1")
    value = base64.b64encode(hashlib.new(name, hashed).digest()).decode()
    header = _header({"oauth_signature_method": method, "oauth_body_hash": value})
    received = ReceivedRequest("POST", b"/", ((b"Host", b"h"), (b"Content-Type", kind), header), body)
    try:
        check_body_hash(received, read_signed_request(received))
    except RefusalError as refusal:
        return refusal.problem
    return None


@pytest.mark.parametrize("method", sorted(VERIFIERS))
def test_a_body_hash_is_checked_with_the_method_s_own_hash(method: str) -> None:
    assert _with_hash(b"{}", b"{}", method) is None
    assert _with_hash(b"", b"", method) is None
    assert _with_hash(b"{}", b"{ }", method) == "signature_invalid"


def test_a_body_hash_beside_a_form_is_refused() -> None:
    assert _with_hash(b"a=1", b"a=1", kind=FORM) == "parameter_rejected"
