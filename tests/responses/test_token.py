"""What a token endpoint answers: a token, or nothing that could be taken for one."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote

import pytest
from handshakes.shown import leaks
from handshakes.strict import token_in

from aiooauth1 import AccessToken, RequestToken
from aiooauth1.errors import TokenResponseError
from aiooauth1.flows.handshake.pending import PendingRecord
from aiooauth1.responses.token import parse_access_token, parse_request_token
from aiooauth1.stores.codec import MAX_RECORD, dump_record, encode_token


NOW = 1_000_000.0
TOKEN = b"oauth_token=key&oauth_token_secret=secret"
CONFIRMED = TOKEN + b"&oauth_callback_confirmed=true"


# What is taken


@pytest.mark.parametrize(
    ("body", "key", "secret", "params"),
    [
        (TOKEN, "key", "secret", {}),
        (b"oauth_token_secret=secret&oauth_token=key", "key", "secret", {}),
        (b"oauth_token=k%2Be%26y+1&oauth_token_secret=%C3%A9", "k+e&y 1", "é", {}),
        (b"oauth%5Ftoken=k&oauth_token_secret=s", "k", "s", {}),
        ("oauth_token=é☃&oauth_token_secret=s".encode(), "é☃", "s", {}),
        (b"oauth_token=k&oauth_token_secret=", "k", "", {}),
        (b"oauth_token=k&oauth_token_secret", "k", "", {}),
        (b"oauth_token=a%zz%&oauth_token_secret=a=b", "a%zz%", "a=b", {}),
        (
            TOKEN + b"&user_id=7&screen_name=%C3%A9+b&flag",
            "key",
            "secret",
            {"user_id": "7", "screen_name": "é b", "flag": ""},
        ),
        (TOKEN + b"&user_id=7&user_id=8", "key", "secret", {"user_id": "7"}),
        (TOKEN + b"&note=a%0D%0Ab%00%7F%C2%85", "key", "secret", {"note": "a\\x0d\\x0ab\\x00\\x7f\\x85"}),
        (TOKEN + b"&n%0Aote=a", "key", "secret", {"n\\x0aote": "a"}),
        (b"&&" + TOKEN + b"&&", "key", "secret", {}),
        (b"oauth_token=k;x=y&oauth_token_secret=s", "k;x=y", "s", {}),
        (b"oauth_token=" + b"k" * 2046 + b"&oauth_token_secret=s", "k" * 2046, "s", {}),
        (TOKEN + b"&oauth_callback_confirmed=false", "key", "secret", {"oauth_callback_confirmed": "false"}),
    ],
)
def test_an_access_token_is_read(body: bytes, key: str, secret: str, params: dict[str, str]) -> None:
    token = parse_access_token(body, NOW)
    assert (token.key, token.secret, dict(token.params), token.expires_at) == (key, secret, params, None)


@pytest.mark.parametrize("confirmed", [b"true", b"True", b"TRUE", b"%74rue"])
def test_a_request_token_whose_callback_is_confirmed_is_read(confirmed: bytes) -> None:
    token = parse_request_token(TOKEN + b"&a=1&oauth_callback_confirmed=" + confirmed)
    assert (token.key, token.secret, token.callback_confirmed, dict(token.params)) == (
        "key",
        "secret",
        True,
        {"a": "1"},
    )


@pytest.mark.parametrize(
    ("seconds", "expires_at"),
    [
        (b"3600", NOW + 3600),
        (b"0", NOW),
        (b"9999999999", NOW + 9_999_999_999),
        (b"", None),
        (b"-1", None),
        (b"1e9", None),
        (b"12345678901", None),
        (b"nan", None),
        ("१".encode(), None),
        (b"3600%0A", None),
    ],
)
def test_the_time_that_a_token_lasts_is_a_number_of_seconds_or_nothing(
    seconds: bytes, expires_at: float | None
) -> None:
    assert parse_access_token(TOKEN + b"&oauth_expires_in=" + seconds, NOW).expires_at == expires_at


def test_params_are_kept_while_there_is_room() -> None:
    body = TOKEN + b"".join(b"&p%d=" % number + b"v" * 1000 for number in range(10)) + b"&z=1"
    assert list(parse_access_token(body, NOW).params) == ["p0", "p1", "p2", "p3"]


# What is refused


NO_TOKENS = {
    "nothing": b"",
    "only ampersands": b"&&&",
    "no key": b"oauth_token_secret=secret",
    "no secret": b"oauth_token=key",
    "an empty key": b"oauth_token=&oauth_token_secret=secret",
    "a bare key": b"oauth_token&oauth_token_secret=secret",
    "two keys": TOKEN + b"&oauth_token=key",
    "two secrets": TOKEN + b"&oauth_token_secret=other",
    "two keys, one encoded": TOKEN + b"&oauth%5ftoken=other",
    "a line feed in the key": b"oauth_token=ke%0Ay&oauth_token_secret=secret",
    "a return in the secret": b"oauth_token=key&oauth_token_secret=sec%0Dret",
    "a null in the key": b"oauth_token=key%00&oauth_token_secret=secret",
    "a C1 control in the key": b"oauth_token=key%C2%85&oauth_token_secret=secret",
    "an encoded line feed at the end": TOKEN + b"%0A",
    "a raw line feed in the key": b"oauth_token=k\ney&oauth_token_secret=secret",
    "nothing but white space and marks": b" \r\n\xef\xbb\xbf\t" * 10_000,
    "bytes that are not UTF-8": TOKEN + b"&name=%FF",
    "raw bytes that are not UTF-8": TOKEN + b"&name=\xff",
    "a surrogate": b"oauth_token=%ED%A0%80&oauth_token_secret=secret",
    "an overlong dot": b"oauth_token=%C0%AE&oauth_token_secret=secret",
    "UTF-16": TOKEN.decode().encode("utf-16"),
    "a byte order mark within": b"oauth_token=key&\xef\xbb\xbfoauth_token_secret=secret",
    "JSON": b'{"oauth_token": "key", "oauth_token_secret": "secret"}',
    "HTML": b"<html><a href='?oauth_token=key&amp;oauth_token_secret=secret'></a></html>",
    "lines": b"oauth_token=key\r\noauth_token_secret=secret",
    "semicolons": b"oauth_token=key;oauth_token_secret=secret",
    "capital names": b"OAUTH_TOKEN=key&OAUTH_TOKEN_SECRET=secret",
    "65 fields": TOKEN + b"&a=1" * 63,
    "200,000 fields": TOKEN + b"&a=1" * 200_000,
    "a key too long": b"oauth_token=" + b"k" * 2047 + b"&oauth_token_secret=secret",
    "a secret too long": b"oauth_token=key&oauth_token_secret=" + b"%C3%A9" * 1024,
}


@pytest.mark.parametrize("body", NO_TOKENS.values(), ids=NO_TOKENS)
def test_what_has_no_usable_token_is_refused_and_not_shown(body: bytes) -> None:
    for parse in (
        lambda: parse_access_token(body, NOW),
        lambda: parse_request_token(body + b"&" + CONFIRMED[42:]),
    ):
        with pytest.raises(TokenResponseError) as raised:
            parse()
        assert leaks(raised.value, ["secret=", "=key", "other", "<html"]) == []


ENDS = {
    "a line feed (NetSuite)": (b"", b"\n"),
    "CRLF": (b"", b"\r\n"),
    "a blank line before (WordPress)": (b"\r\n", b""),
    "blanks, tabs, feeds": (b" \t\f\v\n\r", b" \t\f\v\n\r"),
    "a UTF-8 byte order mark (WordPress)": (b"\xef\xbb\xbf", b""),
    "several marks and lines, as several PHP files bring them": (
        b"\n\xef\xbb\xbf\xef\xbb\xbf\r\n\xef\xbb\xbf",
        b"\xef\xbb\xbf\n",
    ),
    "100,000 marks": (b"\xef\xbb\xbf" * 100_000, b" " * 100_000),
}


@pytest.mark.parametrize(("before", "after"), ENDS.values(), ids=ENDS)
def test_white_space_and_byte_order_marks_at_the_ends_of_a_reply_are_ignored(
    before: bytes, after: bytes
) -> None:
    for body, as_json in (
        (CONFIRMED, False),
        (b'{"oauth_token": "key", "oauth_token_secret": "secret", "oauth_callback_confirmed": true}', True),
    ):
        asked = parse_request_token(before + body + after, json=as_json)
        assert (asked.key, asked.secret, asked.callback_confirmed) == ("key", "secret", True)
        given = parse_access_token(before + body + after, NOW, json=as_json)
        assert (given.key, given.secret) == ("key", "secret")


@pytest.mark.parametrize(
    ("body", "json", "says"),
    [
        (b"", False, "the body is empty"),
        (b"\xef\xbb\xbf\n", False, "the body is empty"),
        (b"", True, "the body is empty"),
        (b"\n<!DOCTYPE html><title>Log in</title>", False, "a web page or XML came"),
        (b"<html>", True, "a web page or XML came"),
        (b'{"oauth_token": "key", "oauth_token_secret": "s"}', False, "json_token_replies=True"),
        (b'["oauth_token"]', False, "json_token_replies=True"),
        (TOKEN, True, "json_token_replies=False"),
    ],
)
def test_a_reply_without_a_token_is_told_as_what_it_is(body: bytes, json: bool, says: str) -> None:
    with pytest.raises(TokenResponseError, match=says):
        parse_request_token(body, json=json)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ("", "there is no oauth_callback_confirmed"),
        ("&oauth_callback_confirmed=1", "oauth_callback_confirmed is '1', not true"),
        ("&oauth_callback_confirmed=false", "is 'false', not true"),
        ("&oauth_callback_confirmed=%1B%5B31m", "is another text, not true"),
        ("&oauth_callback_confirmed=true" * 2, "came 2 times"),
    ],
)
def test_a_callback_that_is_not_confirmed_is_told_with_the_value_and_the_option(
    flags: str, says: str
) -> None:
    with pytest.raises(TokenResponseError, match=says) as raised:
        parse_request_token(TOKEN + flags.encode())
    assert "insecure_unconfirmed_callback=True" in str(raised.value)


def test_64_fields_are_taken() -> None:
    assert parse_access_token(TOKEN + b"&a=1" * 62, NOW).key == "key"


@pytest.mark.parametrize(
    "flag",
    [
        b"",
        b"&oauth_callback_confirmed=",
        b"&oauth_callback_confirmed",
        b"&oauth_callback_confirmed=false",
        b"&oauth_callback_confirmed=1",
        b"&oauth_callback_confirmed=yes",
        b"&oauth_callback_confirmed=true+",
        b"&oauth_callback_confirmed=%20true",
        b"&oauth_callback_confirmed=true&oauth_callback_confirmed=true",
        b"&oauth_callback_confirmed=true&oauth_callback_confirmed=false",
        b"&oauth_callback_confirmed=true%00",
        b"&oauth_callback_Confirmed=true",
        b"&callback_confirmed=true",
    ],
)
def test_a_callback_that_is_not_confirmed_exactly_once_is_refused(flag: bytes) -> None:
    with pytest.raises(TokenResponseError, match="did not confirm the callback"):
        parse_request_token(TOKEN + flag)


# A token that was given out can be stored


@pytest.mark.parametrize("text", ["k", "é", "𝄞", '"', "\\"])
def test_the_largest_token_that_is_taken_fits_in_its_records(text: str) -> None:
    encoded = quote(text, safe="").encode()
    size = len(json.dumps(text, ensure_ascii=False).encode()) - 2
    longest = encoded * (2046 // size)
    more = b"&".join(b"%d=" % number + b"%01" * 99 for number in range(50))
    body = b"oauth_token=" + longest + b"&oauth_token_secret=" + longest + b"&" + more
    token = parse_access_token(body, NOW)
    assert token.params
    assert len(encode_token(token)) <= MAX_RECORD
    data = {"a": "x" * 4070}
    assert len(dump_record({"data": data})) < 4097
    record = PendingRecord(
        "provider", token.key, "", {}, data, "", "0" * 64, "1" * 32, outcome=token, claim="0" * 32
    )
    assert PendingRecord.load(record.dump()).outcome == token


# JSON, from a provider that is known for it


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"null",
        b"7",
        TOKEN,
        b"{",
        b'{"oauth_token": "key"}',
        b'{"oauth_token": "key", "oauth_token_secret": null}',
        b'{"oauth_token": ["key"], "oauth_token_secret": "secret"}',
        b'{"oauth_token": 7, "oauth_token_secret": "secret"}',
        b'{"oauth_token": {"oauth_token": "key"}, "oauth_token_secret": "secret"}',
        b'{"oauth_token": "key", "oauth_token": "other", "oauth_token_secret": "secret"}',
        b'{"oauth_token": null, "oauth_token": "key", "oauth_token_secret": "secret"}',
        b'{"oauth_token": "", "oauth_token_secret": "secret"}',
        b'{"oauth_token": "k\\ud800", "oauth_token_secret": "secret"}',
        b'{"oauth_token": "k\\u0000", "oauth_token_secret": "secret"}',
        b'{"oauth_token": "k", "oauth_token_secret": "s", "a": "\xff"}',
        b'[{"oauth_token": "key", "oauth_token_secret": "secret"}]',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"a": ' + b"9" * 60_000 + b"}",
        b"{" + b",".join(b'"%d": 1' % number for number in range(65)) + b"}",
    ],
    ids=lambda body: repr(body[:40]),
)
def test_json_without_a_usable_token_is_refused_and_not_shown(body: bytes) -> None:
    with pytest.raises(TokenResponseError) as raised:
        parse_access_token(body, NOW, json=True)
    assert leaks(raised.value, ['secret"', '"key', "other"]) == []


def test_json_with_a_token_is_read() -> None:
    body = {"oauth_token": "é", "oauth_token_secret": "", "user_id": 7, "ok": True, "none": None, "list": [1]}
    token = parse_access_token(json.dumps({**body, "\ud800": "x", "y": "\udfff"}).encode(), NOW, json=True)
    assert (token.key, token.secret, dict(token.params)) == ("é", "", {"user_id": "7", "ok": "true"})
    confirmed = json.dumps({**body, "oauth_callback_confirmed": True}).encode()
    assert parse_request_token(confirmed, json=True).callback_confirmed


# A hundred thousand responses

CANARIES = ["CANARY+key/!", "CANARY&secret=é", "CANARY more"]
_KEY, _SECRET, _MORE = (quote(canary, safe="").encode() for canary in CANARIES)
_BODIES = [
    b"oauth_token=" + _KEY + b"&oauth_token_secret=" + _SECRET + b"&oauth_callback_confirmed=true",
    b"oauth_callback_confirmed=True&x=" + _MORE + b"&oauth_token_secret=" + _SECRET + b"&oauth_token=" + _KEY,
    b"oauth_token="
    + _KEY
    + b"&oauth_token_secret="
    + _SECRET
    + b"&user_id=7&screen_name="
    + _MORE
    + b"&a=1&a=2",
]
_PIECES = [
    *[
        b"%",
        b"&",
        b"=",
        b"+",
        b";",
        b"\0",
        b"\n",
        b"\r\n",
        b"\x7f",
        b" ",
        b'"',
        b"\\",
        b"<",
        b"{",
        b"\xff",
        b"\xc3",
    ],
    *[
        b"%00",
        b"%0d%0a",
        b"%ff",
        b"%c3",
        b"%C3%A9",
        b"%C2%85",
        b"%ED%A0%80",
        b"%C0%AE",
        b"%26",
        b"%3d",
        b"%2",
        b"%zz",
    ],
    *[
        b"oauth_token=",
        b"&oauth_token=x",
        b"&oauth_token_secret=",
        b"&oauth_callback_confirmed=true",
        b"oauth%5Ftoken",
    ],
    *[b"&a=1" * 70, b"v" * 2000, b"%22" * 1000, b"&big=" + b"%01" * 800, b"&big=" + b"v" * 4200],
]


def mutated(chance: random.Random, body: bytes) -> bytes:
    for _ in range(chance.choice((0, 1, 1, 1, 2))):
        at = chance.randrange(len(body) + 1)
        match chance.randrange(4):
            case 0:
                body = body[:at] + chance.choice(_PIECES) + body[at:]
            case 1:
                body = body[:at] + body[at + chance.randint(1, 6) :]
            case 2:
                body = body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
            case _:
                start = chance.randrange(len(body) + 1)
                body = body[:at] + body[start : start + chance.randint(1, 40)] + body[at:]
    return body


def judged(body: bytes, *, confirmed: bool) -> str | None:
    """Say whether ours accepts, if it does as the judge does, with the same values; None if it does not."""
    expected = token_in(body, confirmed=confirmed)
    try:
        token: Any = parse_request_token(body) if confirmed else parse_access_token(body, NOW)
    except TokenResponseError as error:
        assert leaks(error, CANARIES) == []  # noqa: PT017  both ways are right, and each has its question
        return "refused" if expected is None else None
    assert type(token) is (RequestToken if confirmed else AccessToken)
    same = expected is not None and (token.key, token.secret, dict(token.params)) == expected
    return "accepted" if same else None


def test_a_hundred_thousand_mutated_responses_are_taken_as_an_independent_parser_takes_them() -> None:
    chance = random.Random(5849)  # noqa: S311  the same responses each time
    counts = {"accepted": 0, "refused": 0}
    for number in range(100_000):
        body = mutated(chance, chance.choice(_BODIES))
        verdict = judged(body, confirmed=number % 2 == 0)
        assert verdict is not None, body
        counts[verdict] += 1
    assert min(counts.values()) > 15_000, counts
