"""`diagnose` names the mistakes of other libraries and proxies from the signature alone.

`OtherLibrary` signs as the many scripts do that are written by hand with urllib and hmac; each mistake is a
change of one of its steps. Real libraries sign as well: where they err, and where a user or proxy errs.
"""

from __future__ import annotations

import hmac
import re
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal
from urllib.parse import quote, quote_plus, unquote

import pytest
from authlib.oauth1 import ClientAuth  # type: ignore[import-untyped]
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA1, SIGNATURE_PLAINTEXT
from oauthlib.oauth1 import Client as OauthlibClient

from aiooauth1 import AccessToken, Consumer, RequestToken
from aiooauth1.errors import SigningError
from aiooauth1.signing import HMAC_SHA256, HMAC_SHA512, PLAINTEXT, SignatureMethod, SigningRules, sign
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


def uri(text: str) -> Change:
    return lambda signer: replace(signer, uri=text)


def of_uri(old: str, new: str) -> Change:
    return lambda signer: replace(signer, uri=signer.uri.replace(old, new))


def step(**changes: object) -> Change:
    return lambda signer: replace(signer, **changes)  # type: ignore[arg-type]


def without(name: str) -> Change:
    return lambda signer: replace(signer, oauth=tuple(pair for pair in signer.oauth if pair[0] != name))


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
    "method_case": step(method="post"),
    "other_method": step(method="GET"),
    "plus_for_space": step(escape=quote_plus),
    "tilde_encoded": quote_with(lambda text: text.replace("~", "%7E")),
    "encoded_twice": quote_with(escaped),
    "characters_left_bare": quote_with(lambda text: text.replace("%27", "'").replace("%21", "!")),
    "query_left_out": step(query=()),
    "form_left_out": step(form=()),
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
    "signature_padding": step(finish=lambda value: value.rstrip("=")),
}  # fmt: skip


def names(signature: str, request: SentRequest | None = None) -> list[str]:
    """Diagnose within two seconds of CPU time."""
    start = time.process_time()
    causes = diagnose(
        request or sent(), consumer=CONSUMER, token=TOKEN, signature=signature, request_token=REQUEST_TOKEN
    )
    assert time.process_time() - start < 2
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
    {"form_left_out", "repeated_names_merged", "latin_1"},
)
PAIRS = [
    pair for pair in combinations(sorted(CHANGES), 2) if not any(alike.issuperset(pair) for alike in ALIKE)
]


def test_pairs_of_mistakes_are_named() -> None:
    """Of 40 pairs, taken evenly from all that can come together, at least 36 are named."""
    chosen = PAIRS[:: len(PAIRS) // 40][:40]
    assert len(chosen) == 40
    missed = []
    for first, second in chosen:
        found = names(CHANGES[second](CHANGES[first](OtherLibrary())).signature())
        if sorted(found) != [first, second]:
            missed.append((first, second, found))
    assert len(missed) <= 4, missed


# Bodies that are no form

MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="status"\r\n\r\nHi there\r\n--B\r\n'
    b'Content-Disposition: form-data; name="media"; filename="a.png"\r\n\r\n\x89PNG\r\n--B--\r\n'
)


def json_request(
    signed_pairs: tuple[tuple[str, str], ...], body: bytes, kind: str
) -> tuple[str, SentRequest]:
    return replace(OtherLibrary(), form=signed_pairs).signature(), sent(kind, body)


@pytest.mark.parametrize(
    ("pairs", "body", "kind", "name"),
    [
        ((("text", "Hi"), ("n", "1")), b'{"text": "Hi", "n": 1}', "application/json", "json_signed"),
        ((('{"text": "Hi"}', ""),), b'{"text": "Hi"}', "application/json", "json_signed"),
        (
            (("status", "Hi there"),),
            MULTIPART,
            'multipart/form-data; boundary="B"',
            "multipart_signed",
        ),
    ],
)
def test_a_body_that_is_no_form_and_was_signed_is_named(
    pairs: tuple[tuple[str, str], ...], body: bytes, kind: str, name: str
) -> None:
    assert names(*json_request(pairs, body, kind)) == [name]


def test_a_body_hash_that_was_sent_and_not_signed_is_named() -> None:
    right = sign(
        "POST",
        "https://api.example.com/",
        consumer=CONSUMER,
        token=TOKEN,
        nonce="n",
        timestamp=1,
        body_hash=b"{}",
    )
    wrong = sign("POST", "https://api.example.com/", consumer=CONSUMER, token=TOKEN, nonce="n", timestamp=1)
    request = SentRequest("POST", "https://api.example.com/", (("Authorization", right.header()),), b"{}")
    assert names(wrong.value, request) == ["body_hash_left_out"]


# Real libraries


def oauthlib_signed(
    url: str,
    method: Literal["GET", "POST"] = "GET",
    *,
    body: dict[str, str] | None = None,
    secret: str = CONSUMER.secret,
    token_secret: str = TOKEN.secret,
    signature_method: str = SIGNATURE_HMAC_SHA1,
) -> tuple[tuple[str, str], ...]:
    """Sign with oauthlib, and return the header fields."""
    client = OauthlibClient(
        CONSUMER.key, secret, TOKEN.key, token_secret, signature_method=signature_method, realm="Photos"
    )
    headers = {"Content-Type": FORM_TYPE} if body else {}
    return tuple(client.sign(url, method, body, headers)[1].items())


def with_type(headers: tuple[tuple[str, str], ...], kind: str) -> tuple[tuple[str, str], ...]:
    return (*(field for field in headers if field[0] != "Content-Type"), ("Content-Type", kind))


API = "https://api.example.com/v1/posts"
JSON_SIGNED_AS_A_FORM = with_type(oauthlib_signed(API, "POST", body={"text": "a b"}), "application/json")
REAL: dict[str, tuple[SentRequest, str]] = {
    "oauthlib signs http, the server behind it redirects to https": (
        SentRequest("GET", API, oauthlib_signed(API.replace("https", "http"))),
        "scheme",
    ),
    "oauthlib signs the URL without the params that requests adds later": (
        SentRequest("GET", API + "?page=2", oauthlib_signed(API)),
        "query_left_out",
    ),
    "oauthlib signs, then a redirect adds a slash": (
        SentRequest("GET", API + "/", oauthlib_signed(API)),
        "trailing_slash",
    ),
    "oauthlib signs a POST, then a 303 makes it a GET": (
        SentRequest("GET", API, oauthlib_signed(API, "POST")),
        "other_method",
    ),
    "oauthlib reads the secret from a file with a line break": (
        SentRequest("GET", API, oauthlib_signed(API, secret=CONSUMER.secret + "\n")),
        "secret_white_space",
    ),
    "oauthlib is given the secrets in the wrong order": (
        SentRequest("GET", API, oauthlib_signed(API, secret=TOKEN.secret, token_secret=CONSUMER.secret)),
        "secrets_swapped",
    ),
    "oauthlib keeps the secret of the request token": (
        SentRequest("GET", API, oauthlib_signed(API, token_secret=REQUEST_TOKEN.secret)),
        "request_token_secret",
    ),
    "oauthlib signs a dict as a form, which goes out as JSON": (
        SentRequest("POST", API, JSON_SIGNED_AS_A_FORM, b'{"text": "a b"}'),
        "json_signed",
    ),
    "oauthlib signs a query, then a proxy decodes its escapes": (
        SentRequest("GET", API + "?q=100%25", oauthlib_signed(API + "?q=100%2525")),
        "encoded_twice",
    ),
    "oauthlib signs PLAINTEXT without the token's secret": (
        SentRequest("GET", API, oauthlib_signed(API, token_secret="", signature_method=SIGNATURE_PLAINTEXT)),
        "token_secret_left_out",
    ),
    "oauthlib signs one of two values, as a dict keeps one": (
        SentRequest("GET", API + "?a=1&a=2", oauthlib_signed(API + "?a=2")),
        "repeated_names_merged",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "name"), REAL.values(), ids=REAL)
def test_what_users_and_proxies_do_to_oauthlib_is_named(request_: SentRequest, name: str) -> None:
    causes = diagnose(request_, consumer=CONSUMER, token=TOKEN, request_token=REQUEST_TOKEN)
    assert [cause.name for cause in causes] == [name]


@pytest.mark.parametrize(
    ("url", "params", "name"),
    [
        ("https://api.example.com/p", {"q": "a b"}, "plus_for_space"),
        ("https://API.Example.com/p", {"q": "ab"}, "host_case"),
        ("https://api.example.com:443/p", {"q": "ab"}, "port"),
    ],
)
def test_aioauth_client_s_own_mistakes_are_named(url: str, params: dict[str, str], name: str) -> None:
    aioauth_client = pytest.importorskip("aioauth_client")
    protocol = dict(OtherLibrary().oauth)
    value = aioauth_client.HmacSha1Signature().sign(
        CONSUMER.secret, "GET", url, oauth_token_secret=TOKEN.secret, **protocol, **params
    )
    fields = ", ".join(f'{key}="{escaped(text)}"' for key, text in protocol.items())
    query = "&".join(f"{key}={escaped(text)}" for key, text in params.items())
    request = SentRequest("GET", f"{url}?{query}", (("Authorization", f"OAuth {fields}"),))
    assert names(value, request) == [name]


# What is right


@pytest.mark.parametrize(
    "query", ["", "?a=1&a=2&b=", "?q=a+b", "?q=a%2Bb~%21", "?flag&x=%C3%A9", "?a%5B%5D=1", "?x=%2541"]
)
@pytest.mark.parametrize("body", ["", "s=Hello+World%21&n=2&n=1", "s=a%20b~&e="])
def test_what_oauthlib_and_authlib_sign_rightly_is_right(query: str, body: str) -> None:
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
def test_what_we_sign_is_right_by_the_provider_s_rules(method: SignatureMethod, rules: SigningRules) -> None:
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


def test_a_signature_that_nothing_known_gives_has_no_causes() -> None:
    assert names("tR3+Ty81lMeYAr/Fid0kMTYa/WM=") == []


def test_a_large_request_is_searched_within_the_time() -> None:
    form = "&".join(f"field{index}=%C3%A9%20~+x" for index in range(5000)).encode()
    assert names("tR3+Ty81lMeYAr/Fid0kMTYa/WM=", sent(FORM_TYPE, form)) == []


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
def test_what_cannot_be_diagnosed_is_refused(headers: tuple[tuple[str, str], ...], told: str) -> None:
    with pytest.raises(SigningError, match=told):
        diagnose(SentRequest("GET", API, headers), consumer=CONSUMER)
    with pytest.raises(SigningError, match="not absolute"):
        diagnose(SentRequest("GET", "/v1", ()), consumer=CONSUMER, signature="x")


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
