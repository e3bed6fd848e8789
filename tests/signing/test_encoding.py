from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiooauth1.errors import SigningError
from aiooauth1.signing import percent_encode
from aiooauth1.signing.encoding import encode_form, encoded_pairs, parse_form


UNRESERVED = set((string.ascii_letters + string.digits + "-._~").encode())  # RFC 3986 section 2.3


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_is_bare_or_two_upper_case_digits(byte: int) -> None:
    expected = chr(byte) if byte in UNRESERVED else "%" + "0123456789ABCDEF"[byte >> 4] + f"{byte & 15:X}"
    assert percent_encode(bytes([byte])) == expected
    assert percent_encode(b"a" + bytes([byte]) + b"z") == f"a{expected}z"


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_comes_back_from_a_form_that_holds_it_encoded(byte: int) -> None:
    raw = bytes([byte])
    for digits in (f"%{byte:02x}", f"%{byte:02X}"):
        assert parse_form(f"n{digits}={digits}v".encode()) == [(b"n" + raw, raw + b"v")]
    assert parse_form(encode_form([(raw, raw)]).encode()) == [(raw, raw)]


@pytest.mark.parametrize("byte", sorted(set(range(256)) - set(b"&=%+")))
def test_every_other_byte_of_a_form_stands_for_itself(byte: int) -> None:
    raw = bytes([byte])
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


def test_bytes_that_are_not_utf8_are_encoded_as_they_are() -> None:
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
    ("data", "pairs"),
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
        (b"&&a=1&&b=2&", [(b"a", b"1"), (b"b", b"2")]),
        (b"&&&", []),
    ],
)
def test_a_form_is_split_into_decoded_pairs(data: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
    assert parse_form(data) == pairs


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


FORMS = st.lists(
    st.one_of(
        st.sampled_from([b"a", b"Z", b"-", b"~", b"=", b"&", b"+", b"%", b"%2", b"%zz", b"\xff"]),
        st.integers(0, 255).map(lambda byte: b"%%%02X" % byte),
        st.integers(0, 255).map(lambda byte: b"%%%02x" % byte),
    )
).map(b"".join)


@given(FORMS)
@example(b"a=b=c&=&d")
def test_encoded_pairs_are_the_pairs_of_parse_form_encoded(data: bytes) -> None:
    two_steps = [(percent_encode(name), percent_encode(value)) for name, value in parse_form(data)]
    assert encoded_pairs(data) == two_steps


def test_each_byte_that_is_escaped_without_need_is_encoded_again() -> None:
    for byte in range(256):
        for escaped in (b"%%%02X" % byte, b"%%%02x" % byte):
            assert encoded_pairs(escaped) == [(percent_encode(bytes([byte])), "")]
