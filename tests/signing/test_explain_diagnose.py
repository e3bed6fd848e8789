"""`diagnose` names the mistakes of other libraries and proxies from the signature alone.

`OtherLibrary` signs as the many scripts do that are written by hand with urllib and hmac; each mistake is a
change of one of its steps. Real libraries sign as well: where they err, and where a user or proxy errs.
"""

from __future__ import annotations

import hmac
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from urllib.parse import parse_qsl, quote, quote_plus, unquote

import pytest
from authlib.oauth1 import ClientAuth  # type: ignore[import-untyped]
from oauthlib.oauth1 import Client as OauthlibClient

from aiooauth1 import AccessToken, Consumer, RequestToken
from aiooauth1.errors import SigningError
from aiooauth1.signing import (
    HMAC_SHA256,
    HMAC_SHA512,
    PLAINTEXT,
    Signature,
    SignatureMethod,
    SigningRules,
    sign,
)
from aiooauth1.signing.explain import SentRequest, diagnose, is_right


CONSUMER = Consumer("consumer-key", "consumer se+cret/1")
TOKEN = AccessToken("token-key", "token&secret=2")
REQUEST_TOKEN = RequestToken("request-key", "request secret")
FORM_TYPE = "application/x-www-form-urlencoded"
Texts = list[tuple[str, str]]


def escaped(text: str) -> str:
    return quote(text, safe="~")


@dataclass(frozen=True)
class OtherLibrary:
    """Signs a POST of a form, step by step; what is sent stays the same whatever a step is changed to."""

    method: str = "POST"
    uri: str = "https://api.example.com/v1/a%20b/Posts"
    query: tuple[tuple[str, str], ...] = (
        *((f"tags[{index}]", "x") for index in (10, 0, 2, 1)), ("q", "it's ~ a+b/c"), ("empty", ""),
    )  # fmt: skip
    form: tuple[tuple[str, str], ...] = (("status", "Hello World!"), ("n", "2"), ("n", "1"), ("lang", "é"))
    oauth: tuple[tuple[str, str], ...] = (
        ("oauth_consumer_key", "consumer-key"),
        ("oauth_token", "token-key"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_nonce", "4572616e48616d6d65724c61680000"),
        ("oauth_timestamp", "1318622958"),
        ("oauth_version", "1.0"),
        ("oauth_callback", "https://app.example/cb"),
    )
    escape: Callable[[str], str] = escaped
    escape_again: Callable[[str], str] = escaped
    order: Callable[[Texts], Texts] = sorted
    secrets: tuple[str, str] = (CONSUMER.secret, TOKEN.secret)
    key: Callable[[str, str], str] = lambda consumer, token: f"{escaped(consumer)}&{escaped(token)}"
    digest: str = "sha1"
    finish: Callable[[str], str] = str
    realm: str = field(default="Photos")

    def signature(self) -> str:
        pairs = [(self.escape(n), self.escape(v)) for n, v in (*self.oauth, *self.query, *self.form)]
        joined = "&".join(f"{name}={value}" for name, value in self.order(pairs))
        base_string = "&".join((self.method, self.escape_again(self.uri), self.escape_again(joined)))
        value = hmac.digest(self.key(*self.secrets).encode(), base_string.encode(), self.digest)
        return self.finish(b64encode(value).decode())


def sent(kind: str = FORM_TYPE, body: bytes | None = None) -> SentRequest:
    """Return the request that every `OtherLibrary` sends."""
    right = OtherLibrary()
    query = "&".join(f"{escaped(name)}={escaped(value)}" for name, value in right.query)
    form = "&".join(f"{escaped(name)}={escaped(value)}" for name, value in right.form).encode()
    fields = ", ".join(f'{name}="{escaped(value)}"' for name, value in right.oauth)
    headers = (
        ("Authorization", f'OAuth realm="Photos", {fields}'),
        ("Content-Type", kind),
        ("Host", "API.Example.com"),
    )
    return SentRequest("POST", f"{right.uri}?{query}", headers, form if body is None else body)


Change = Callable[[OtherLibrary], OtherLibrary]


def of_uri(old: str, new: str) -> Change:
    return lambda signer: replace(signer, uri=signer.uri.replace(old, new))


def step(**changes: object) -> Change:
    return lambda signer: replace(signer, **changes)  # type: ignore[arg-type]


def without(name: str) -> Change:
    def left_out(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple(pair for pair in pairs if pair[0] != name)

    return lambda signer: replace(signer, oauth=left_out(signer.oauth), query=left_out(signer.query))


def with_timestamp(text: str) -> Change:
    return lambda signer: replace(
        signer, oauth=tuple((n, text if n == "oauth_timestamp" else v) for n, v in signer.oauth)
    )


def quote_with(escape: Callable[[str], str]) -> Change:
    return lambda signer: replace(signer, escape=lambda text: escape(signer.escape(text)))


def with_secrets(change: Callable[[str, str], tuple[str, str]]) -> Change:
    return lambda signer: replace(signer, secrets=change(*signer.secrets))


def unnumbered(signer: OtherLibrary) -> OtherLibrary:
    return replace(signer, query=tuple((re.sub(r"\[.*", "[]", name), value) for name, value in signer.query))


def naturally(pairs: Texts) -> Texts:
    def key(pair: tuple[str, str]) -> tuple[str, int, tuple[str, str]]:
        array, _, rest = pair[0].partition("%5B")
        return array, int("0" + rest.partition("%")[0]), pair

    return sorted(pairs, key=key)


CHANGES: dict[str, Change] = {
    "no_ampersand": step(key=lambda c, _: escaped(c)),
    "secret_not_encoded": step(key=lambda c, t: f"{c}&{t}"),
    "secret_white_space": with_secrets(lambda c, t: (c + "\n", t)),
    "secret_quotes": with_secrets(lambda c, t: (c, f'"{t}"')),
    "key_for_secret": with_secrets(lambda _, t: (CONSUMER.key, t)),
    "secrets_swapped": with_secrets(lambda c, t: (t, c)),
    "request_token_secret": with_secrets(lambda c, _: (c, REQUEST_TOKEN.secret)),
    "token_secret_left_out": with_secrets(lambda c, _: (c, "")),
    "secret_encoded_twice": with_secrets(lambda c, t: (escaped(c), escaped(t))),
    "scheme": of_uri("https:", "http:"),
    "port": of_uri(".com/", ".com:443/"),
    "trailing_slash": of_uri("Posts", "Posts/"),
    "path_decoded": of_uri("%20", " "),
    "path_encoded_twice": of_uri("%20", "%2520"),
    "path_case": of_uri("Posts", "posts"),
    "host_case": of_uri("api.example", "API.Example"),
    "other_host": of_uri("api.example", "www.api.example"),
    "path_prefix": of_uri("/v1", ""),
    "method_case": step(method="post"),
    "other_method": step(method="GET"),
    "plus_for_space": step(escape=quote_plus),
    "tilde_encoded": quote_with(lambda text: text.replace("~", "%7E")),
    "encoded_twice": quote_with(escaped),
    "characters_left_bare": quote_with(lambda text: text.replace("%27", "'").replace("%21", "!")),
    "query_left_out": step(query=()),
    "form_left_out": step(form=()),
    "parameter_left_out": without("q"),
    "signed_twice": lambda signer: replace(signer, form=signer.form * 2),
    "timestamp_not_as_sent": with_timestamp("1318622959"),
    "protocol_parameter_left_out": without("oauth_nonce"),
    "signature_signed": lambda signer: replace(signer, oauth=(*signer.oauth, ("oauth_signature", ""))),
    "values_changed": lambda signer: replace(signer, form=(("status", "Hello World!\n"), *signer.form[1:])),
    "wrong_hash": step(digest="sha256"),
    "unsorted": step(order=list),
    "natural_order": step(order=naturally),
    "array_names": unnumbered,
    "version_not_as_sent": without("oauth_version"),
    "callback_left_out": without("oauth_callback"),
    "realm_signed": lambda signer: replace(signer, oauth=(*signer.oauth, ("realm", signer.realm))),
    "empty_values_left_out": lambda signer: replace(signer, query=signer.query[:-1]),
    "repeated_names_merged": lambda signer: replace(signer, form=tuple(dict(signer.form).items())),
    "other_order": step(order=lambda pairs: sorted(pairs, key=lambda pair: pair[0])),
    "latin_1": step(escape=lambda text: quote(text, safe="~", encoding="latin-1")),
    "signature_plus": step(finish=lambda value: value.replace("+", " ")),
    "signature_encoded_twice": step(finish=escaped),
    "signature_white_space": step(finish=lambda value: value + "\n"),
    "signature_hex": step(finish=lambda value: b64decode(value).hex()),
    "signature_url_safe": step(finish=lambda value: value.replace("+", "-").replace("/", "_")),
    "signature_quotes": step(finish='"{}"'.format),
    "signature_padding": step(finish=lambda value: value.rstrip("=")),
}  # fmt: skip


def names(signature: str, request: SentRequest | None = None) -> list[str]:
    causes = diagnose(
        request or sent(), consumer=CONSUMER, token=TOKEN, signature=signature, request_token=REQUEST_TOKEN
    )
    return [cause.name for cause in causes]


def test_the_other_library_signs_rightly_without_a_mistake() -> None:
    signature = OtherLibrary().signature()
    assert is_right(sent(), consumer=CONSUMER, token=TOKEN, signature=signature)
    assert names(signature) == []


@pytest.mark.parametrize("name", CHANGES)
def test_a_mistake_is_named_from_the_signature_alone(name: str) -> None:
    signature = CHANGES[name](OtherLibrary()).signature()
    assert not is_right(sent(), consumer=CONSUMER, token=TOKEN, signature=signature)
    assert names(signature) == [name]


# Pairs whose steps exclude each other, or of which one undoes the other.
ALIKE = (
    {"scheme", "port"},
    {"plus_for_space", "latin_1", "characters_left_bare", "encoded_twice", "tilde_encoded"},
    {"unsorted", "natural_order", "other_order", "repeated_names_merged"},
    {name for name in CHANGES if "secret" in name} | {"no_ampersand"},
    {name for name in CHANGES if name.startswith("signature")},
    {"method_case", "other_method"},
    {"array_names", "natural_order", "empty_values_left_out", "query_left_out"},
    {"form_left_out", "repeated_names_merged", "latin_1", "signed_twice", "values_changed"},
    {"query_left_out", "parameter_left_out", "array_names"},
)
PAIRS = [
    pair for pair in combinations(sorted(CHANGES), 2) if not any(alike.issuperset(pair) for alike in ALIKE)
]


def test_at_least_18_of_20_pairs_of_mistakes_are_named() -> None:
    """The pairs are taken evenly from all that can come together."""
    chosen = PAIRS[:: len(PAIRS) // 20][:20]
    assert len(chosen) == 20
    missed = []
    for first, second in chosen:
        found = names(CHANGES[second](CHANGES[first](OtherLibrary())).signature())
        if sorted(found) != [first, second]:
            missed.append((first, second, found))
    assert len(missed) <= 2, missed


# Requests as users and proxies meet them

API = "https://api.example.com/v1/posts"
MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="status"\r\n\r\nHi there\r\n--B\r\n'
    b'Content-Disposition: form-data; name="media"; filename="a.png"\r\n\r\n\x89PNG\r\n--B--\r\n'
)


@dataclass(frozen=True)
class Case:
    """A request that was sent, and what was signed instead, or the signature that was made."""

    causes: str
    url: str = API
    body: bytes = b""
    kind: str = FORM_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    oauth: dict[str, str] = field(default_factory=dict)
    signed: str = API
    """The URL that was signed."""
    signed_form: tuple[tuple[str, str], ...] = ()
    signed_oauth: dict[str, str] = field(default_factory=dict)
    signature: str = ""

    def diagnosed(self) -> list[str]:
        method = "POST" if self.body else "GET"
        protocol = dict(OtherLibrary().oauth[:-1]) | self.oauth
        uri, _, query = self.signed.partition("?")
        signer = replace(
            OtherLibrary(),
            method=method,
            uri=uri,
            query=tuple(parse_qsl(query, keep_blank_values=True)),
            form=self.signed_form,
            oauth=tuple((protocol | self.signed_oauth).items()),
        )
        sent_fields = ", ".join(f'{key}="{escaped(text)}"' for key, text in protocol.items())
        headers = (("Authorization", f"OAuth {sent_fields}"), ("Content-Type", self.kind), *self.headers)
        request = SentRequest(method, self.url, headers, self.body)
        return names(self.signature or signer.signature(), request)


BACKEND = "http://10.0.0.5:8080/v1/posts"
HOST, FORWARDED = ("Host", "10.0.0.5:8080"), ("X-Forwarded-Host", "api.example.com")
# The causes, the URL that was sent, the URL that was signed.
URLS = {
    "the server signs its own port": ("scheme port", API, "http://api.example.com:8080/v1/posts"),
    "port 443 is signed as it was written": ("port", "https://a.example:443/", "https://a.example:443/"),
    "a host is signed as it was written": ("host_case", "https://A.example/", "https://A.example/"),
    "the scheme is signed in capitals": ("host_case", API, API.replace("https", "HTTPS")),
    "a host is signed in Unicode": ("other_host", "https://xn--bcher-kva.example/", "https://bücher.example/"),
    "a proxy merges slashes": ("path_decoded", "https://a.example//v1/posts", "https://a.example/v1/posts"),
    "a browser resolves dots": ("path_decoded", "https://a.example/x/../v1", "https://a.example/v1"),
    "an escaped tilde is signed bare": ("path_decoded", f"{API}/%7Eann", f"{API}/~ann"),
    "params are added to a query, and alone are signed": (
        "parameter_left_out", f"{API}?a=1&b=2&c=3&d=4", f"{API}?c=3&d=4"
    ),
    "the query is in the URL and in params": ("signed_twice", f"{API}?a=1&b=2", f"{API}?a=1&b=2&a=1&b=2"),
    "a dict keeps one value": ("repeated_names_merged", f"{API}?a=1&a=2", f"{API}?a=2"),
    "a URL is taken from HTML": ("html_escaped", f"{API}?a=1&b=2", f"{API}?a=1&amp;b=2"),
    "a fragment is signed": ("query_in_uri", f"{API}#top", f"{API}#top"),
    "a plus is signed as a plus": ("plus_not_decoded", f"{API}?q=a+b", f"{API}?q=a%2Bb"),
    "a query is signed with its escapes": ("encoded_twice", f"{API}?q=a%20b", f"{API}?q=a%2520b"),
    "a proxy decodes escapes": ("encoded_twice", f"{API}?q=100%25", f"{API}?q=100%2525"),
}  # fmt: skip
# The causes, the media type, the body that was sent, the form that was signed.
BODIES = {
    "JSON is signed as a form": (
        "json_signed", "application/json", b'{"text": "Hi", "n": 1}', (("text", "Hi"), ("n", "1"))
    ),
    "JSON is signed as one name": (
        "json_signed", "application/json", b'{"text": "Hi"}', (('{"text": "Hi"}', ""),)
    ),
    "text of a multipart body is signed": (
        "multipart_signed", 'multipart/form-data; boundary="B"', MULTIPART, (("status", "Hi there"),)
    ),
    "a form is sent as text": ("form_type_missing", "text/plain", b"a=1&b=x+y", (("a", "1"), ("b", "x y"))),
    "a form is sent without a type": ("form_type_missing", "", b"a=1", (("a", "1"),)),
    "line breaks are changed": ("values_changed", FORM_TYPE, b"text=a%0D%0Ab", (("text", "a\nb"),)),
    "a value is stripped": ("values_changed", FORM_TYPE, b"text=hi%20", (("text", "hi"),)),
    "True is written as in Python": ("values_changed", FORM_TYPE, b"x=true", (("x", "True"),)),
    "letters are decomposed": ("values_changed", FORM_TYPE, b"x=\xc3\xa9", (("x", "e\u0301"),)),
}  # fmt: skip
# The causes, the parameter, its value as sent, its value as signed.
PROTOCOL = {
    "a verifier is typed with a blank": ("values_changed", "oauth_verifier", "123", "123 "),
    "milliseconds are sent and seconds signed": (
        "timestamp_not_as_sent", "oauth_timestamp", "1318622958123", "1318622958"
    ),
    "seconds are sent and milliseconds signed": (
        "timestamp_not_as_sent", "oauth_timestamp", "1318622958", "1318622958000"
    ),
    "a fraction of a second is sent and not signed": (
        "timestamp_not_as_sent", "oauth_timestamp", "1318622958.5", "1318622958"
    ),
    "an empty token is signed": ("token_not_as_sent", "oauth_token", TOKEN.key, ""),
    "a callback is sent encoded twice": (
        "decoded_twice", "oauth_callback", "https%3A%2F%2Fapp.example%2F%3Fx%3D1", "https://app.example/?x=1"
    ),
}  # fmt: skip
PLAIN = {"oauth_signature_method": "PLAINTEXT"}
KEY = f"{escaped(CONSUMER.secret)}&{escaped(TOKEN.secret)}"
RIGHT = OtherLibrary().signature()
# The causes and the signature that was sent.
SIGNATURES = {
    "PLAINTEXT without encoding": ("secret_not_encoded", f"{CONSUMER.secret}&{TOKEN.secret}"),
    "PLAINTEXT with swapped secrets": ("secrets_swapped", "&".join(KEY.split("&")[::-1])),
    "PLAINTEXT with a line break": ("secret_white_space", KEY + "%0A"),
    "PLAINTEXT without the ampersand": ("no_ampersand", KEY.replace("&", "")),
    "PLAINTEXT without the token's secret": ("token_secret_left_out", KEY.partition("&")[0] + "&"),
    "PLAINTEXT without the consumer's secret": ("consumer_secret_left_out", "&" + KEY.partition("&")[2]),
    "PLAINTEXT in quotes": ("signature_quotes", f'"{KEY}"'),
}
CASES = {
    "the server behind a proxy sees its own address": Case(
        "scheme other_host", BACKEND, headers=(FORWARDED,)
    ),
    "the proxy passes the public host on": Case("scheme other_host", BACKEND, headers=(HOST, FORWARDED)),
    "a prefix that the proxy tells is signed": Case(
        "path_prefix", headers=(("X-Forwarded-Prefix", "/app"),), signed=API.replace("/v1", "/app/v1")
    ),
    **{name: Case(causes, url, signed=signed) for name, (causes, url, signed) in URLS.items()},
    **{
        name: Case(causes, body=body, kind=kind, signed_form=form)
        for name, (causes, kind, body, form) in BODIES.items()
    },
    **{
        name: Case(causes, oauth={key: given}, signed_oauth={key: signed})
        for name, (causes, key, given, signed) in PROTOCOL.items()
    },
    **{
        name: Case(causes, oauth=PLAIN, signature=signature)
        for name, (causes, signature) in SIGNATURES.items()
    },
    "PLAINTEXT is named and HMAC-SHA1 used": Case("wrong_hash", oauth=PLAIN),
    "HMAC-SHA1 is named and PLAINTEXT used": Case("wrong_hash", signature=KEY),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mistake_of_a_user_or_proxy_is_named(case: Case) -> None:
    assert case.diagnosed() == case.causes.split()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b64decode(RIGHT).hex().upper(), "signature_hex"),
        (b64encode(b64decode(RIGHT).hex().encode()).decode(), "signature_hex"),
        (f"{RIGHT[:20]}\n{RIGHT[20:]}", "signature_white_space"),
    ],
)
def test_a_right_signature_in_another_spelling_is_named(written: str, name: str) -> None:
    assert names(written) == [name]


def test_a_body_hash_that_was_sent_and_not_signed_is_named() -> None:
    def signed(body: bytes | None) -> Signature:
        return sign("POST", API, consumer=CONSUMER, token=TOKEN, nonce="n", timestamp=1, body_hash=body)

    request = SentRequest("POST", API, (("Authorization", signed(b"{}").header()),), b"{}")
    assert names(signed(None).value, request) == ["body_hash_left_out"]


# What is right


@pytest.mark.parametrize(
    "query", ["", "?a=1&a=2&b=", "?q=a+b", "?q=a%2Bb~%21", "?flag&x=%C3%A9", "?a%5B%5D=1", "?x=%2541"]
)
@pytest.mark.parametrize("body", ["", "s=Hello+World%21&n=2&n=1", "s=a%20b~&e="])
def test_signatures_of_oauthlib_and_authlib_are_right(query: str, body: str) -> None:
    url = "https://API.Example.com:443/p%20x/" + query
    kind = {"Content-Type": FORM_TYPE} if body else {}
    secrets = (CONSUMER.key, CONSUMER.secret, TOKEN.key, TOKEN.secret)
    oauthlib_request = OauthlibClient(*secrets, realm="Photos").sign(url, "POST", body or None, dict(kind))
    authlib_request = ClientAuth(*secrets).sign("POST", url, dict(kind), body)
    in_query = OauthlibClient(*secrets, signature_type="QUERY").sign(url, "POST", body or None, dict(kind))
    for sent_url, headers, _ in (oauthlib_request, authlib_request, in_query):
        request = SentRequest("POST", sent_url, tuple(headers.items()), body.encode())
        assert is_right(request, consumer=CONSUMER, token=TOKEN)
        assert diagnose(request, consumer=CONSUMER, token=TOKEN) == ()


@pytest.mark.parametrize("method", [HMAC_SHA256, HMAC_SHA512, PLAINTEXT])
@pytest.mark.parametrize(
    "rules",
    [
        SigningRules(),
        SigningRules(natural_order=True),
        SigningRules(decodes_twice=True),
        SigningRules(signed_origin="https://inner.example/base"),
        SigningRules(signed_scheme="http"),
        SigningRules(bare_values=True),
        SigningRules(send_version=False, empty_token=True),
    ],
    ids=str,
)
def test_our_own_signature_is_right_by_the_rules_of_the_provider(
    method: SignatureMethod, rules: SigningRules
) -> None:
    url = "https://api.example.com/p?a%5B10%5D=1&a%5B9%5D=%2541"
    signature = sign(
        "POST",
        url,
        consumer=CONSUMER,
        nonce="n",
        timestamp=1,
        form=[("é", "ü")],
        rules=rules,
        signature_method=method,
    )
    headers = (("Authorization", signature.header()), ("content-type", FORM_TYPE + "; charset=utf-8"))
    request = SentRequest("POST", url, headers, b"%C3%A9=%C3%BC")
    assert is_right(request, consumer=CONSUMER, rules=rules)
    assert diagnose(request, consumer=CONSUMER, rules=rules) == ()


LARGE = "&".join(f"field{index}=%C3%A9%20~+x" for index in range(5000)).encode()


@pytest.mark.parametrize("body", [None, LARGE], ids=["a small request", "5,000 fields"])
def test_an_unknown_mistake_has_no_causes_and_the_search_ends(body: bytes | None) -> None:
    start = time.process_time()
    assert names("tR3+Ty81lMeYAr/Fid0kMTYa/WM=", sent(body=body)) == []
    assert time.process_time() - start < 4  # two seconds, on a machine half as fast


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("Photos", "caf\udce9"),  # bytes that are not UTF-8, as servers give them
        lambda text: text.replace("Photos", "\ud800"),
        lambda text: text.replace('token-key"', 'token\udce9", \ud800="\ud800"'),
        lambda text: text.replace("1318622958", "²"),
        lambda text: text.replace("1318622958", "9" * 5000),
    ],
)
def test_a_malformed_header_is_diagnosed_without_an_error_of_another_kind(
    change: Callable[[str], str],
) -> None:
    request = sent()
    headers = tuple((name, change(value)) for name, value in request.headers)
    hostile = (*headers, ("X-Forwarded-Host", "\ud800"), ("X-Forwarded-Prefix", "/é"))
    assert names("tR3+Ty81lMeYAr/Fid0kMTYa/WM=", replace(request, headers=hostile)) == []


def test_causes_and_requests_show_no_secret() -> None:
    causes = diagnose(
        sent(),
        consumer=CONSUMER,
        token=TOKEN,
        signature=CHANGES["secret_white_space"](OtherLibrary()).signature(),
    )
    shown = f"{causes!r} {[str(cause) for cause in causes]} {sent()!r}"
    assert not any(
        secret in unquote(shown) for secret in (CONSUMER.secret, TOKEN.secret, "Hello", "1318622958")
    )


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ((), "no oauth_signature"),
        ((("Authorization", 'OAuth oauth_signature_method="RSA-SHA1", oauth_signature="x"'),), "'RSA-SHA1'"),
    ],
)
def test_a_request_that_cannot_be_diagnosed_is_refused(
    headers: tuple[tuple[str, str], ...], told: str
) -> None:
    with pytest.raises(SigningError, match=told):
        diagnose(SentRequest("GET", API, headers), consumer=CONSUMER)
    for method, url, reason in (("GET", "/v1", "not absolute"), ("G\ud800", API, "invalid HTTP method")):
        with pytest.raises(SigningError, match=reason):
            diagnose(SentRequest(method, url, ()), consumer=CONSUMER, signature="x")


def test_the_mistake_of_a_server_is_named_from_the_signature_that_it_expects() -> None:
    """Magento 1 sends the expected signature as `debug_sbs`."""
    ours = sign(
        "POST",
        "https://shop.example/api",
        consumer=CONSUMER,
        token=TOKEN,
        nonce="n",
        timestamp=1,
        form=[("q", "a b")],
    )
    theirs = replace(
        OtherLibrary(),
        uri="http://shop.example/api",
        query=(),
        form=(("q", "a b"),),
        oauth=ours.parameters[:-1],
    )
    causes = diagnose(ours, consumer=CONSUMER, token=TOKEN, signature=theirs.signature())
    assert [cause.name for cause in causes] == ["scheme"]
    assert is_right(ours, consumer=CONSUMER, token=TOKEN)
