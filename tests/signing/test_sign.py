from __future__ import annotations

import base64
import hashlib
import random
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any, cast

import pytest

from aiooauth1 import AccessToken, Consumer, RequestToken
from aiooauth1.errors import SigningError
from aiooauth1.signing import (
    HMAC_SHA1,
    HMAC_SHA256,
    HMAC_SHA512,
    PLAINTEXT,
    Signature,
    Signer,
    SigningRules,
    normalize_parameters,
    percent_encode,
    sign,
)
from aiooauth1.signing.encoding import encode_form


if TYPE_CHECKING:
    from aiooauth1.signing import SignatureMethod


CONSUMER = Consumer("dpf43f3p2l4k3l03", "kd94hf93k423kf44")
TOKEN = AccessToken("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")
PHOTOS = "http://photos.example.net/photos?file=vacation.jpg&size=original"
METHODS: tuple[SignatureMethod, ...] = (HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT)
NAMES = ("consumer_key", "token", "signature_method", "nonce", "timestamp", "version")
PROTOCOL = [f"oauth_{name}" for name in NAMES]


def signed(method: str = "GET", url: str = "http://example.com/r", **options: Any) -> Signature:
    """Sign with credentials, nonce and timestamp that no test is about."""
    fixed = {"consumer": CONSUMER, "token": TOKEN, "nonce": "kllo9940pd9333jh", "timestamp": 1191242096}
    return sign(method, url, **{**fixed, **options})


# The whole, once by hand. The examples of RFC 5849 are among the vectors of `tests/interop`.


def test_the_photos_example_is_signed_and_rendered_as_published() -> None:
    signature = signed(url=PHOTOS)
    assert signature.value == "tR3+Ty81lMeYAr/Fid0kMTYa/WM="  # OAuth Core 1.0a, appendix A.5.2
    assert signature.base_string == (
        "GET&http%3A%2F%2Fphotos.example.net%2Fphotos&file%3Dvacation.jpg%26oauth_consumer_key%3Ddpf43f3p2l4k3l03"
        "%26oauth_nonce%3Dkllo9940pd9333jh%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1191242096"
        "%26oauth_token%3Dnnch734d00sl2jdk%26oauth_version%3D1.0%26size%3Doriginal"
    )
    assert [name for name, _ in signature.parameters] == [*PROTOCOL, "oauth_signature"]
    rendered = {
        "oauth_consumer_key": "dpf43f3p2l4k3l03",
        "oauth_token": "nnch734d00sl2jdk",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_nonce": "kllo9940pd9333jh",
        "oauth_timestamp": "1191242096",
        "oauth_version": "1.0",
        "oauth_signature": "tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D",
    }
    assert signature.header() == "OAuth " + ", ".join(f'{name}="{text}"' for name, text in rendered.items())
    appended = "&".join(f"{name}={text}" for name, text in rendered.items())
    assert signature.url() == f"{PHOTOS}&{appended}"
    assert signature.body() == appended.encode()


# What is signed


def test_the_realm_is_not_signed() -> None:
    plain, with_realm = signed(), signed(realm="Photos")
    assert (with_realm.value, with_realm.parameters) == (plain.value, plain.parameters)
    assert (with_realm.url(), with_realm.body()) == (plain.url(), plain.body())


def test_two_legged_requests_have_no_token_and_an_empty_token_secret() -> None:
    signature = signed(token=None)
    assert "oauth_token" not in dict(signature.parameters)
    assert "oauth_token" not in signature.base_string
    assert signature.value == HMAC_SHA1.sign(signature.base_string, CONSUMER.secret, "")


def test_a_request_token_signs_like_an_access_token_and_an_empty_token_is_sent() -> None:
    assert signed(token=RequestToken(TOKEN.key, TOKEN.secret)).header() == signed().header()
    assert ("oauth_token", "") in signed(token=AccessToken("", "")).parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callback", "https://client.example/cb?state=a%20b&x=y+z"),
        ("callback", "oob"),
        ("verifier", "a/b+c=d %é"),
        ("verifier", ""),
    ],
)
def test_callback_and_verifier_are_encoded_once_in_the_header_and_signed(name: str, value: str) -> None:
    signature = signed("POST", **{name: value})
    encoded = percent_encode(value)
    assert (f"oauth_{name}", value) in signature.parameters
    assert f'oauth_{name}="{encoded}"' in signature.header()
    assert f"oauth_{name}%3D{percent_encode(encoded)}%26" in signature.base_string


@pytest.mark.parametrize("options", [{"version": None}, {"rules": SigningRules(send_version=False)}], ids=str)
def test_without_a_version_none_is_sent_or_signed(options: dict[str, Any]) -> None:
    signature = signed(**options)
    assert "oauth_version" not in f"{signature.parameters} {signature.base_string} {signature.header()}"


def test_extra_parameters_are_signed_and_sent_beside_the_others() -> None:
    extra = [
        ("xoauth_requestor_id", "ann@example.com"),
        ("oauth_session_handle", "s h"),
        ("z", "1"),
        ("z", "0"),
    ]
    signature, own = signed(extra=iter(extra)), signed()
    assert signature.parameters == (*own.parameters[:-1], *extra, ("oauth_signature", signature.value))
    joined = percent_encode(normalize_parameters([*own.parameters[:-1], *extra]))
    assert signature.base_string == f"GET&http%3A%2F%2Fexample.com%2Fr&{joined}"
    sent = 'xoauth_requestor_id="ann%40example.com", oauth_session_handle="s%20h", z="1", z="0"'
    assert sent in signature.header()
    assert "&xoauth_requestor_id=ann%40example.com&oauth_session_handle=s%20h&z=1&z=0&" in signature.url()


@pytest.mark.parametrize("name", [*PROTOCOL, "oauth_signature", "oauth_callback", "oauth_verifier", "realm"])
def test_an_extra_parameter_that_has_an_argument_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(SigningError, match=name) as refusal:
        signed(extra=[(name, "s3cr3t")])
    assert "s3cr3t" not in str(refusal.value)


def test_query_and_form_are_both_signed_with_every_repeated_pair() -> None:
    signature = signed("PUT", "http://example.com/r?a=2&a=1&flag&a=2&=v", form=b"a=1&a&b=%FF&&c=%zz")
    query = [("a", "2"), ("a", "1"), ("flag", ""), ("a", "2"), ("", "v")]
    form = [("a", "1"), ("a", ""), ("c", "%zz")]
    expected = normalize_parameters([*signed().parameters[:-1], *query, *form]).replace("&c=", "&b=%FF&c=")
    assert signature.base_string == f"PUT&http%3A%2F%2Fexample.com%2Fr&{percent_encode(expected)}"


@pytest.mark.parametrize(
    "form",
    [
        {"a": "1"},
        "a=1",
        [("a", 1)],
        [("a", "1", "x")],
        ["ab"],
        [("a", b"1")],
        [("a", None)],
        bytearray(b"a=1"),
    ],
    ids=repr,
)
def test_a_form_or_extra_that_is_neither_bytes_nor_pairs_of_str_is_refused(form: Any) -> None:
    with pytest.raises(SigningError, match="form"):
        signed("POST", form=form)
    if not isinstance(form, bytearray):
        with pytest.raises(SigningError, match="extra"):
            signed(extra=form)


class Text(str):  # a subclass, as a member of a StrEnum or a key of a multidict is
    __slots__ = ()


def test_subclasses_of_str_are_accepted_in_pairs() -> None:
    own = [(Text("a b"), Text("é"))]
    assert signed("POST", form=own).value == signed("POST", form=[("a b", "é")]).value
    assert signed(extra=own).value == signed(extra=[("a b", "é")]).value


# Protocol parameters in query or form


@pytest.mark.parametrize("name", ["oauth_signature", "oauth%5Fsignature", "%6Fauth_signatur%65"])
def test_an_oauth_signature_in_query_or_form_is_left_out_of_the_base_string(name: str) -> None:
    in_query = signed(url=f"http://example.com/r?a=1&{name}=stale")
    assert in_query.base_string == signed(url="http://example.com/r?a=1").base_string
    in_form = signed("POST", form=f"a=1&{name}=stale&b=2".encode())
    assert in_form.base_string == signed("POST", form=b"a=1&b=2").base_string


@pytest.mark.parametrize(
    "name",
    ["oauth_signature_x", "xoauth_signature", "Oauth_Signature", "OAUTH_TOKEN", "oauth_custom", "oauth_"],
)
def test_names_that_only_look_like_protocol_parameters_are_signed(name: str) -> None:
    pair = f"{name}=a+b%2Bc"
    for signature in (signed(url=f"http://example.com/r?{pair}"), signed(form=pair.encode())):
        assert f"{name}%3Da%2520b%252Bc" in signature.base_string


SENT_TWICE = [
    *((name, {}) for name in PROTOCOL),
    ("oauth_callback", {"callback": "oob"}),
    ("oauth_verifier", {"verifier": "v"}),
    ("oauth_body_hash", {"body_hash": b""}),
]


@pytest.mark.parametrize(("name", "options"), SENT_TWICE, ids=[name for name, _ in SENT_TWICE])
@pytest.mark.parametrize("escape", [False, True])
def test_a_protocol_parameter_that_is_sent_must_not_be_in_query_or_form_as_well(
    name: str, options: dict[str, Any], *, escape: bool
) -> None:
    written = name.replace("_", "%5F") if escape else name
    with pytest.raises(SigningError, match=name) as refusal:
        signed(url=f"http://example.com/r?a=1&{written}=s3cr3t", **options)
    assert "query" in str(refusal.value)
    assert "s3cr3t" not in str(refusal.value)
    if "body_hash" not in options:
        with pytest.raises(SigningError, match=name) as refusal:
            signed("POST", form=f"{written}=s3cr3t".encode(), **options)
        assert "form" in str(refusal.value)
        assert "s3cr3t" not in str(refusal.value)


# Body hash


@pytest.mark.parametrize("body", [b"", b'{"text":"hi"}'])
@pytest.mark.parametrize(("method", "hash_name"), [(HMAC_SHA256, "sha256"), (PLAINTEXT, "sha1")])
def test_the_body_hash_is_sent_and_signed(method: SignatureMethod, hash_name: str, body: bytes) -> None:
    signature = signed("POST", body_hash=body, signature_method=method)
    expected = base64.b64encode(hashlib.new(hash_name, body).digest()).decode()
    assert dict(signature.parameters)["oauth_body_hash"] == expected
    assert f"oauth_body_hash%3D{percent_encode(percent_encode(expected))}" in signature.base_string
    assert f'oauth_body_hash="{percent_encode(expected)}"' in signature.header()


@pytest.mark.parametrize("form", [b"a=1", b"", [("a", "1")], []])
@pytest.mark.parametrize("body", [b"", b"a=1"])
def test_a_form_has_no_body_hash(form: bytes | list[tuple[str, str]], body: bytes) -> None:
    with pytest.raises(SigningError, match="body hash"):
        signed("POST", form=form, body_hash=body)


# Rendering


@pytest.mark.parametrize(
    ("realm", "rendered"),
    [
        ("Example", "Example"),
        ("", ""),
        ("a b", "a b"),
        ('say "hi"', 'say \\"hi\\"'),
        ("back\\slash", "back\\\\slash"),
        ('\\"', '\\\\\\"'),
        ('x", oauth_token="EVIL', 'x\\", oauth_token=\\"EVIL'),
        ("%41", "%41"),
        ("https://api.example.com/?a=b,c;d", "https://api.example.com/?a=b,c;d"),
        (" !", " !"),
        ("~", "~"),
    ],
)
def test_a_realm_is_rendered_as_a_quoted_string(realm: str, rendered: str) -> None:
    signature = signed(realm=realm)
    assert signature.header() == f'OAuth realm="{rendered}", ' + signed().header().removeprefix("OAuth ")
    signer = Signer(CONSUMER, TOKEN, realm=realm)
    assert signer.header("GET", "http://h/", nonce="n", timestamp=1).startswith(f'OAuth realm="{rendered}", ')


@pytest.mark.parametrize(
    "character", [*"\0\t\n\r\x1f\x7f\x80", "é", "\u2028", "\ud800"], ids=lambda c: f"U+{ord(c):04X}"
)
def test_control_characters_and_non_ascii_are_refused_in_a_realm(character: str) -> None:
    with pytest.raises(SigningError, match="realm") as refusal:
        signed(realm=f"Photos{character}")
    assert repr(character) in str(refusal.value) or f"U+{ord(character):04X}" in str(refusal.value)
    str(refusal.value).encode()
    with pytest.raises(SigningError, match="realm"):
        Signer(CONSUMER, realm=f"{character}Photos")


def test_every_character_in_every_parameter_comes_back_from_the_header() -> None:
    text = "".join(map(chr, range(256))) + '", oauth_nonce="EVIL'
    signature = sign(
        "GET",
        "http://example.com/",
        consumer=Consumer(text, ""),
        token=AccessToken(text, ""),
        nonce=text,
        timestamp=0,
        callback=text,
        verifier=text,
        extra=[(text, text)],
    )
    encoded = percent_encode(text)
    fields = signature.header().removeprefix("OAuth ").split(", ")
    assert fields == [
        f'{percent_encode(name)}="{percent_encode(value)}"' for name, value in signature.parameters
    ]
    assert [field.partition("=")[2] for field in fields].count(f'"{encoded}"') == 6
    assert signature.header().count('"') == 2 * len(signature.parameters)
    assert signature.header().isascii()
    assert signature.header().isprintable()


@pytest.mark.parametrize(
    ("url", "before"),
    [
        ("http://example.com", "http://example.com?"),
        ("http://example.com/", "http://example.com/?"),
        ("http://example.com/r?", "http://example.com/r?"),
        ("http://example.com/r?a=b", "http://example.com/r?a=b&"),
        ("HTTP://Example.COM:80/r%2f?a=b;c&a=%7E", "HTTP://Example.COM:80/r%2f?a=b;c&a=%7E&"),
        ("http://example.com/r#fragment?x", "http://example.com/r?"),
        ("http://example.com/r?a#fragment", "http://example.com/r?a&"),
    ],
)
def test_the_url_keeps_its_query_byte_for_byte_and_gets_the_parameters(url: str, before: str) -> None:
    signature = signed(url=url)
    assert signature.url() == before + encode_form(signature.parameters)


@pytest.mark.parametrize(
    ("form", "before"),
    [
        (None, b""),
        (b"", b""),
        (b"a=b", b"a=b&"),
        (b"a+b=%c3%a9&c", b"a+b=%c3%a9&c&"),
        ([("a b", "é")], b"a%20b=%C3%A9&"),
    ],
)
def test_the_body_keeps_its_bytes_and_gets_the_parameters(
    form: bytes | list[tuple[str, str]] | None, before: bytes
) -> None:
    signature = signed("POST", form=form)
    assert signature.body() == before + encode_form(signature.parameters).encode()


# What cannot be signed


@pytest.mark.parametrize(
    "timestamp", [-1, 1.5, 1191242096.0, "1191242096", None, True, float("nan")], ids=repr
)
def test_a_timestamp_is_a_whole_number_of_seconds(timestamp: Any) -> None:
    with pytest.raises(SigningError, match="timestamp"):
        signed(timestamp=timestamp)
    assert ("oauth_timestamp", "0") in signed(timestamp=0).parameters


@pytest.mark.parametrize(
    "options",
    [
        *({"consumer": Consumer(*pair)} for pair in [("k\ud800", "s3cr3t"), ("k", "s3cr3t\ud800")]),
        *({"token": AccessToken(*pair)} for pair in [("k\ud800", "s3cr3t"), ("k", "s3cr3t\ud800")]),
        *({name: "text\ud800"} for name in ("nonce", "callback", "verifier", "version")),
        {"extra": [("a\ud800", "")]},
        {"extra": [("a", "\ud800")]},
        {"form": [("a", "\ud800")]},
        {"form": [("\ud800", "a")]},
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_lone_surrogate_is_refused_anywhere(options: dict[str, Any], method: SignatureMethod) -> None:
    with pytest.raises(SigningError, match=r"U\+D800") as refusal:
        signed(signature_method=method, **options)
    assert "s3cr3t" not in "".join(traceback.format_exception_only(refusal.value))


# Signature and Signer as objects


@pytest.mark.parametrize("url", ["http://h/r?q=s3cr3t", "http://h/r#s3cr3t", "http://h/r?#s3cr3t?"])
@pytest.mark.parametrize("method", [HMAC_SHA1, PLAINTEXT], ids=lambda method: method.name)
def test_no_repr_shows_a_secret_or_a_signature(method: SignatureMethod, url: str) -> None:
    consumer, token = Consumer("ck", "c0ns-s3cr3t"), AccessToken("tk", "t0k-s3cr3t")
    signer = Signer(consumer, token, signature_method=method, realm="r")
    prepared = signer.prepare("POST", url, nonce="n", timestamp=1, form=b"f=s3cr3t")
    signature = signer.finish(prepared)
    for shown in (
        repr(signer),
        repr(prepared),
        repr(signature),
        str(signer),
        str(signature),
        f"{[signature]}",
    ):
        assert "s3cr3t" not in shown
        assert signature.value not in shown
        assert signature.base_string not in shown


def test_a_signature_is_frozen_and_a_value() -> None:
    one, other = signed(), signed()
    assert (one, hash(one)) == (other, hash(other))
    assert one != signed(nonce="another")
    with pytest.raises(FrozenInstanceError):
        one.value = "x"  # type: ignore[misc]  # what must fail is tried


PIECES = ("a", "a-", "a.", "a0", "a%20", "a~", "A", "oauth", "z", "")
JOINTS = ("=",) * 9 + ("==", "", "+", "%61", "%2b")


def test_a_signer_signs_any_query_and_form_in_the_order_of_sign() -> None:
    chance = random.Random(5_849)  # noqa: S311  the same requests each time
    signer = Signer(CONSUMER, TOKEN)

    def encoded() -> str:
        pairs = (chance.choice(PIECES) + chance.choice(JOINTS) + chance.choice(PIECES) for _ in range(4))
        return "&".join(pairs)

    for number in range(2_000):
        query, form = encoded(), encoded().encode() if number % 2 else None
        url = f"https://example.com/r?{query}"
        header = signer.header("POST", url, nonce="n", timestamp=1, form=form)
        assert header == signed("POST", url, form=form, nonce="n", timestamp=1).header(), (query, form)


def test_a_signer_takes_everything_that_sign_takes() -> None:
    rules = SigningRules(send_version=False)
    options: dict[str, Any] = {
        "callback": "oob", "verifier": "v", "body_hash": b"x", "version": "1.0", "extra": [("a", "b")]
    }  # fmt: skip
    signer = Signer(CONSUMER, rules=rules)
    signature = signer.finish(signer.prepare("POST", "http://h/", nonce="n", timestamp=1, **options))
    once = signed("POST", "http://h/", token=None, rules=rules, nonce="n", timestamp=1, **options)
    assert signature.header() == once.header()


def test_a_signer_is_not_changed_by_signing() -> None:
    signer = Signer(CONSUMER, TOKEN)
    first = signer.header("GET", PHOTOS, nonce="n", timestamp=1)
    prepared = signer.prepare("POST", "http://h/", nonce="m", timestamp=2, form=b"a=1")
    with pytest.raises(SigningError):
        signer.header("GET", "no url", nonce="p", timestamp=4)
    assert signer.header("GET", PHOTOS, nonce="n", timestamp=1) == first
    assert signer.finish(prepared) == signed("POST", "http://h/", nonce="m", timestamp=2, form=b"a=1")
    with pytest.raises(AttributeError):
        signer.surplus = 1  # type: ignore[attr-defined]  # slotted


def test_threads_share_a_signer() -> None:
    signer = Signer(CONSUMER, TOKEN)

    def header(number: int) -> str:
        return signer.header("GET", f"http://h/{number}?n={number}", nonce=f"n{number}", timestamp=number)

    with ThreadPoolExecutor(8) as threads:
        at_once = list(threads.map(header, range(400)))
    assert at_once == [header(number) for number in range(400)]


# Rules of single providers


@pytest.mark.parametrize(
    ("origin", "signed_uri"),
    [
        ("https://inner.example", "https%3A%2F%2Finner.example%2Fr"),
        ("https://inner.example/", "https%3A%2F%2Finner.example%2Fr"),
        ("https://inner.example/base", "https%3A%2F%2Finner.example%2Fbase%2Fr"),
        ("https://inner.example/base/", "https%3A%2F%2Finner.example%2Fbase%2Fr"),
        ("http://inner.example:8080/a/b", "http%3A%2F%2Finner.example%3A8080%2Fa%2Fb%2Fr"),
    ],
)
def test_a_path_of_the_signed_origin_goes_before_the_path_of_the_request(
    origin: str, signed_uri: str
) -> None:
    signature = signed(url="http://example.com/r?x=1", rules=SigningRules(signed_origin=origin))
    assert signature.base_string.split("&")[1] == signed_uri
    assert signature.url().startswith("http://example.com/r?x=1&")


@pytest.mark.parametrize(
    ("query", "signed_value"),
    [
        ("s=%2541", "A"),  # a literal %41
        ("s=%2525", "%25"),
        ("s=a%2520b", "a%20b"),
        ("s=100%25", "100%25"),  # no two hexadecimal digits follow
        ("s=a%2Bb", "a%2Bb"),
        ("s=%41", "A"),
    ],
)
def test_values_are_signed_as_a_provider_reads_them_that_decodes_twice(query: str, signed_value: str) -> None:
    signature = signed(url=f"http://example.com/r?{query}", rules=SigningRules(decodes_twice=True))
    assert signature.base_string.endswith(percent_encode(f"&s={signed_value}"))


def test_protocol_values_are_decoded_twice_too() -> None:
    rules = SigningRules(decodes_twice=True)
    signature = signed(callback="https://app.example/cb?s=a%20b", rules=rules)
    decoded = percent_encode("oauth_callback=" + percent_encode("https://app.example/cb?s=a b"))
    assert decoded in signature.base_string
    assert f'oauth_callback="{percent_encode("https://app.example/cb?s=a%20b")}"' in signature.header()


@pytest.mark.parametrize(
    "rules",
    [
        SigningRules(natural_order=True),
        SigningRules(decodes_twice=True),
        SigningRules(bare_values=True),
        SigningRules(send_version=False),
    ],
    ids=str,
)
def test_a_signer_follows_the_rules_as_sign_does(rules: SigningRules) -> None:
    url = "http://example.com/r?a10=%2541&a2=1"
    expected = signed(url=url, rules=rules).header()
    signer = Signer(CONSUMER, TOKEN, rules=rules)
    assert signer.header("GET", url, nonce="kllo9940pd9333jh", timestamp=1191242096) == expected


# A form for somebody else's browser


def test_the_pairs_of_a_signed_form_are_those_of_its_body() -> None:
    launch = signed("POST", form=[("title", "Grüße + Küsse"), ("roles", "a"), ("roles", "b")])
    assert launch.form() == (("title", "Grüße + Küsse"), ("roles", "a"), ("roles", "b"), *launch.parameters)


def test_bodies_that_are_not_utf8_forms_have_no_pairs_of_text() -> None:
    with pytest.raises(SigningError, match="not UTF-8"):
        signed("POST", form=b"a=%FF").form()
    hashed = signed("POST", body_hash=b"{}")
    with pytest.raises(SigningError, match="the body is not a form"):
        hashed.form()
    with pytest.raises(SigningError, match="form"):
        hashed.body()


def test_a_second_signature_in_query_or_form_is_refused_when_ours_would_join_it() -> None:
    stale = signed("POST", url="http://example.com/r?oauth_signature=old", form=b"oauth_signature=old")
    with pytest.raises(SigningError, match="the query has an oauth_signature already"):
        stale.url()
    with pytest.raises(SigningError, match="the form has an oauth_signature already"):
        stale.body()


def test_a_method_without_a_key_may_be_given_by_its_name() -> None:
    def signed(method: SignatureMethod | str) -> str:
        options = {"consumer": Consumer("k", "s"), "nonce": "n", "timestamp": 1, "signature_method": method}
        return sign("GET", "https://h/", **cast("Any", options)).value

    assert signed("HMAC-SHA256") == signed(HMAC_SHA256)
    for wrong in ("RSA-SHA1", "hmac-sha1", type(HMAC_SHA1), 5):
        with pytest.raises(TypeError, match=r"^(signature_method must be|no signature method is called)"):
            signed(cast("Any", wrong))
