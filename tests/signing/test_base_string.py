from __future__ import annotations

import re

import pytest

from aiooauth1.errors import SigningError
from aiooauth1.signing import base_string_uri, normalize_parameters
from aiooauth1.signing.base_string import base_string_prefix


@pytest.mark.parametrize(
    ("pairs", "normalized"),
    [
        ([], ""),
        ([("a", "")], "a="),
        ([("", "v")], "=v"),
        ([("b", "1"), ("a", "2")], "a=2&b=1"),
        ([("a", "2"), ("a", "1"), ("a", "1")], "a=1&a=1&a=2"),
        ([("a", "x!y"), ("a", "x y")], "a=x%20y&a=x%21y"),
        ([("x!y", "a"), ("x", "a")], "x=a&x%21y=a"),
        # Names first, then values: sorting "name=value" as one text would put a-b before a.
        ([("a-b", "1"), ("a", "2"), ("a1", "3"), ("a.b", "4")], "a=2&a-b=1&a.b=4&a1=3"),
        # Sorted after encoding: "{" is above "z", "%7B" is below "0".
        ([("a{b", "1"), ("azb", "2"), ("a0b", "3")], "a%7Bb=1&a0b=3&azb=2"),
        ([("b", ""), ("B", ""), ("a", ""), ("_", ""), ("~", "")], "B=&_=&a=&b=&~="),
        # By bytes: U+FF5E is %EF.. and so stands before U+1F600, which is %F0..
        ([("\U0001f600", ""), ("\uff5e", "")], "%EF%BD%9E=&%F0%9F%98%80="),
    ],
)
def test_parameters_are_encoded_and_then_sorted_by_name_and_value(
    pairs: list[tuple[str, str]], normalized: str
) -> None:
    assert normalize_parameters(pairs) == normalized
    assert normalize_parameters(iter(pairs)) == normalized


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("HTTP://EXAMPLE.COM:80/r%20v/X?id=123", "http://example.com/r%20v/X"),  # section 3.4.1.2
        ("https://www.example.net:8080/?q=1", "https://www.example.net:8080/"),  # section 3.4.1.2
        ("http://example.com", "http://example.com/"),
        ("http://example.com?a=1", "http://example.com/"),
        ("http://example.com#f", "http://example.com/"),
        ("http://example.com/?", "http://example.com/"),
        ("http://example.com/a#?b", "http://example.com/a"),
        ("http://example.com:/a", "http://example.com/a"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("http://example.com:443/a", "http://example.com:443/a"),
        ("https://example.com:80/a", "https://example.com:80/a"),
        ("https://example.com:65535/", "https://example.com:65535/"),
        ("https://API.Example.COM:8443/Path/To", "https://api.example.com:8443/Path/To"),
        ("https://XN--BCHER-KVA.Example/a", "https://xn--bcher-kva.example/a"),
        ("http://example.com./a", "http://example.com./a"),
        ("http://my_host.example.com/a", "http://my_host.example.com/a"),
        ("http://192.0.2.10:80/a", "http://192.0.2.10/a"),
        ("http://[2001:DB8::AB]:8080/a", "http://[2001:db8::ab]:8080/a"),
        ("http://[2001:0db8:0:0:0:0:0:1]/a", "http://[2001:0db8:0:0:0:0:0:1]/a"),
        ("http://[::ffff:192.0.2.1]:80/", "http://[::ffff:192.0.2.1]/"),
        ("https://[::1]:443", "https://[::1]/"),
        # The path stays as it is sent, byte for byte.
        ("http://example.com/a%2fb%c3%a9%7E~", "http://example.com/a%2fb%c3%a9%7E~"),
        ("http://example.com/a/../b/./c//d/", "http://example.com/a/../b/./c//d/"),
        ("http://example.com//a", "http://example.com//a"),
        ("http://example.com/a+b;x=1;", "http://example.com/a+b;x=1;"),
        ("http://example.com/a!$&'()*+,;=:@b", "http://example.com/a!$&'()*+,;=:@b"),
        ("http://example.com/a:443/@b?c", "http://example.com/a:443/@b"),
        ("http://example.com/100%", "http://example.com/100%"),
    ],
)
def test_the_base_string_uri_is_that_of_section_3_4_1_2(url: str, uri: str) -> None:
    assert base_string_uri(url) == uri


NO_URL_CHARACTERS = [
    *map(chr, range(0x21)),
    *'"<>\\^`{|}\x7f',
    *("\x80", "\xa0", "é", "\u200b", "\u2028", "\uff21", "日", "😀"),
    *("\ud800", "\udfff"),
]


@pytest.mark.parametrize("place", ["/s3cr3t{}", "/?s3cr3t{}=1", "/a?b=s3cr3t{}", "/a#{}s3cr3t", "s3cr3t{}/"])
@pytest.mark.parametrize("character", NO_URL_CHARACTERS, ids=lambda c: f"U+{ord(c):04X}")
def test_a_character_that_a_url_cannot_have_is_refused_by_name(character: str, place: str) -> None:
    with pytest.raises(SigningError, match=re.escape(f"U+{ord(character):04X}")) as refusal:
        base_string_uri("https://example.com" + place.format(character))
    assert "s3cr3t" not in str(refusal.value)
    str(refusal.value).encode()


REFUSED = {
    r"\[|\]": [  # named by the message, as any other character that is not in RFC 3986
        "http://example.com/a[0]", "http://example.com/a?ids[]=1", "http://example.com/a?b=]",
        "http://example.com/#[", "http://example.com/[::1]",
    ],
    "absolute|scheme": [
        "", "/path", "//example.com/", "example.com/path", "example.com:80/path", "http:/example.com",
        "http:example.com", "?a=b", "://example.com/",
    ],
    "the URL's scheme is '(ftp|wss|httpx)'": ["ftp://h/", "wss://h/", "HTTPX://h/"],
    "user name or password": [
        "https://bobby@example.com/", "https://bobby:s3cr3t@example.com/", "https://s3cr3t@@example.com/",
        "https://:s3cr3t@example.com:443/a", "https://bobby:s3cr3t@[::1]/", "https://@example.com/",
    ],
    "host": [
        "https:///path", "https://?q", "https://:443/", "https://[::1/", "https://::1]/", "https://::1/",
        "https://[]/", "https://[::1]x/", "https://[example.com]/", "https://a:b:80/",
    ],
    "port|host": [
        f"https://example.com:{port}/"
        for port in ("65536", "99999", "-1", "+80", "8o", "80:80", "0x50", "1e3", "9" * 5000)
    ],
}  # fmt: skip


@pytest.mark.parametrize(("told", "url"), [(told, url) for told, urls in REFUSED.items() for url in urls])
def test_a_url_that_cannot_be_signed_is_refused_and_not_repeated(told: str, url: str) -> None:
    with pytest.raises(SigningError, match=told) as refusal:
        base_string_uri(url)
    assert len(str(refusal.value)) < 300
    assert "s3cr3t" not in str(refusal.value)
    assert "bobby" not in str(refusal.value)


@pytest.mark.parametrize(
    ("method", "shown"),
    [("get", "GET"), ("Post", "POST"), ("M-SEARCH", "M-SEARCH"), ("x!y", "X%21Y"), ("a|b", "A%7CB")],
)
def test_a_method_is_signed_in_upper_case_and_encoded(method: str, shown: str) -> None:
    assert base_string_prefix(method, "http://h/") == f"{shown}&http%3A%2F%2Fh%2F&"


@pytest.mark.parametrize(
    "method", ["", " ", "GET ", "GET\r\n", "GE T", "GET/1", "PÖST", "ß", "a\x00b", "a&b()"]
)
def test_a_method_that_is_not_an_http_token_is_refused(method: str) -> None:
    with pytest.raises(SigningError, match="method"):
        base_string_prefix(method, "http://h/")
