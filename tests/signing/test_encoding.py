from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiooauth1.errors import SigningError
from aiooauth1.signing import percent_encode
from aiooauth1.signing.encoding import encode_form, encoded_pairs, parse_form


UNRESERVED = set((string.ascii_letters + string.digits + "-._~").encode())  # RFC 3986 section 2.3


@pytest.mark.parametrize("octet", range(256))
def test_every_octet_is_bare_or_two_upper_case_digits(octet: int) -> None:
    expected = chr(octet) if octet in UNRESERVED else "%" + "0123456789ABCDEF"[octet >> 4] + f"{octet & 15:X}"
    assert percent_encode(bytes([octet])) == expected
    assert percent_encode(b"a" + bytes([octet]) + b"z") == f"a{expected}z"


@pytest.mark.parametrize("octet", range(256))
def test_every_octet_comes_back_from_a_form_that_holds_it_encoded(octet: int) -> None:
    raw = bytes([octet])
    for digits in (f"%{octet:02x}", f"%{octet:02X}"):
        assert parse_form(f"n{digits}={digits}v".encode()) == [(b"n" + raw, raw + b"v")]
    assert parse_form(encode_form([(raw, raw)]).encode()) == [(raw, raw)]


@pytest.mark.parametrize("octet", sorted(set(range(256)) - set(b"&=%+")))
def test_every_other_octet_of_a_form_stands_for_itself(octet: int) -> None:
    raw = bytes([octet])
    assert parse_form(b"n" + raw + b"=" + raw + b"v") == [(b"n" + raw, raw + b"v")]


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("", ""),
        ("Ladies + Gentlemen", "Ladies%20%2B%20Gentlemen"),
        ("An encoded string!", "An%20encoded%20string%21"),
        ("Dogs, Cats & Mice", "Dogs%2C%20Cats%20%26%20Mice"),
        ("%", "%25"),
        ("%25", "%2525"),
        ("!*'()", "%21%2A%27%28%29"),
        ("-._~", "-._~"),
        ("\x00\x7f", "%00%7F"),
        ("\x80", "%C2%80"),
        ("é", "%C3%A9"),
        ("☃", "%E2%98%83"),
        ("😀", "%F0%9F%98%80"),
        ("\U0010ffff", "%F4%8F%BF%BF"),
        ("e\u0301", "e%CC%81"),  # no Unicode normalisation: the bytes that were given
    ],
)
def test_text_is_encoded_as_utf8_first(text: str, encoded: str) -> None:
    assert percent_encode(text) == encoded
    assert percent_encode(text.encode()) == encoded


def test_octets_that_are_no_utf8_are_encoded_as_they_are() -> None:
    assert percent_encode(b"caf\xe9\xff") == "caf%E9%FF"


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "s3cr3t\udc80", "\ud83d\ude00"])
def test_a_lone_surrogate_is_refused_by_its_code_point_alone(text: str) -> None:
    with pytest.raises(SigningError) as refusal:
        percent_encode(text)
    surrogate = next(character for character in text if "\ud800" <= character <= "\udfff")
    assert f"U+{ord(surrogate):04X}" in str(refusal.value)
    assert "s3cr3t" not in str(refusal.value)
    str(refusal.value).encode()  # the message itself can be logged


@pytest.mark.parametrize(
    ("octets", "pairs"),
    [
        (b"", []),
        (b"a=1", [(b"a", b"1")]),
        (b"a", [(b"a", b"")]),
        (b"a=", [(b"a", b"")]),
        (b"=v", [(b"", b"v")]),
        (b"=", [(b"", b"")]),
        (b"a&b=&c=3", [(b"a", b""), (b"b", b""), (b"c", b"3")]),
        (b"a==b=", [(b"a", b"=b=")]),
        (b"a=1&a=2&a=1", [(b"a", b"1"), (b"a", b"2"), (b"a", b"1")]),
        (b"b=2&a=1", [(b"b", b"2"), (b"a", b"1")]),
        (b"a=1;b=2", [(b"a", b"1;b=2")]),
        (b"a=1?b=2", [(b"a", b"1?b=2")]),
        (b"a[]=1&a%5B%5D=2", [(b"a[]", b"1"), (b"a[]", b"2")]),
        (b"a+b=c+d", [(b"a b", b"c d")]),
        (b"a=1+2&a=1%202&a=1%2B2", [(b"a", b"1 2"), (b"a", b"1 2"), (b"a", b"1+2")]),
        (b"a=%2526", [(b"a", b"%26")]),
        (b"a=%26&b=%3D", [(b"a", b"&"), (b"b", b"=")]),
        (b"%C3%a9=%FF%fe", [(b"\xc3\xa9", b"\xff\xfe")]),
        (b"a=\xe9", [(b"a", b"\xe9")]),
        (b"oauth_signature=x", [(b"oauth_signature", b"x")]),
    ],
)
def test_forms_are_split_into_decoded_octets(octets: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
    assert parse_form(octets) == pairs


@pytest.mark.parametrize("octets", [b"&a=1", b"a=1&", b"&&a=1&&", b"&a=1&"])
def test_empty_segments_of_a_form_are_no_pairs(octets: bytes) -> None:
    assert parse_form(octets) == [(b"a", b"1")]
    assert parse_form(b"&&&") == []


@pytest.mark.parametrize(
    ("malformed", "decoded"),
    [
        (b"%", b"%"),
        (b"%4", b"%4"),
        (b"%zz", b"%zz"),
        (b"%4g", b"%4g"),
        (b"%%41", b"%A"),
        (b"%+1", b"% 1"),
        (b"%-1", b"%-1"),
        (b"100%", b"100%"),
        (b"%41%", b"A%"),
        (b"%u0041", b"%u0041"),
    ],
)
def test_a_percent_sign_without_two_digits_is_a_percent_sign(malformed: bytes, decoded: bytes) -> None:
    assert parse_form(b"a=" + malformed) == [(b"a", decoded)]
    assert parse_form(malformed + b"=a") == [(decoded, b"a")]


def test_a_form_is_written_with_percent_20_and_in_order() -> None:
    pairs = [("status", "Hello, world + all"), ("a", ""), ("status", "é&="), ("", "~")]
    assert encode_form(pairs) == "status=Hello%2C%20world%20%2B%20all&a=&status=%C3%A9%26%3D&=~"
    assert encode_form([]) == ""


def test_what_is_written_is_read_back() -> None:
    pairs = [("a b", "c+d"), ("é", "\n%41"), ("", ""), ("a b", "&=;")]
    assert parse_form(encode_form(pairs).encode()) == [
        (name.encode(), value.encode()) for name, value in pairs
    ]


OCTETS = st.lists(
    st.one_of(
        st.sampled_from([b"a", b"Z", b"-", b"~", b"=", b"&", b"+", b"%", b"%2", b"%zz", b"\xff"]),
        st.integers(0, 255).map(lambda octet: b"%%%02X" % octet),
        st.integers(0, 255).map(lambda octet: b"%%%02x" % octet),
    )
).map(b"".join)


@given(OCTETS)
@example(b"a=b=c&=&d")
def test_what_is_parsed_and_encoded_at_once_is_the_same_as_in_two_steps(octets: bytes) -> None:
    two_steps = [(percent_encode(name), percent_encode(value)) for name, value in parse_form(octets)]
    assert encoded_pairs(octets) == two_steps


def test_each_octet_that_is_escaped_without_need_is_written_anew() -> None:
    for octet in range(256):
        for escaped in (b"%%%02X" % octet, b"%%%02x" % octet):
            assert encoded_pairs(escaped) == [(percent_encode(bytes([octet])), "")]
