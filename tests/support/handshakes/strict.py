"""A parser of token responses that shares nothing with ours: written from the rules, slow and plain."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes


if TYPE_CHECKING:
    from collections.abc import Sequence


Pairs = list[tuple[bytes, bytes]]


class Token(NamedTuple):
    """What a token response holds."""

    key: str
    secret: str
    params: dict[str, str]


def token_in(body: bytes, *, confirmed: bool) -> Token | None:
    """Read a token response; `confirmed` says that it must confirm the callback, as for a request token."""
    body = _without_ends(body)
    fields = _texts(body)
    if fields is None or len(body.split(b"&")) > 64:
        return None
    needed: list[str] = []
    for name in ("oauth_token", "oauth_token_secret"):
        values = [value for given, value in fields if given == name]
        if len(values) != 1 or not _clean(values[0]) or _raw_in_json(values[0]) > 2048:
            return None
        needed += values
    flags = [value for name, value in fields if name == "oauth_callback_confirmed"]
    if not needed[0] or (confirmed and (len(flags) != 1 or flags[0] not in _any_case("true"))):
        return None
    return Token(needed[0], needed[1], _params(fields, confirmed=confirmed))


def _without_ends(body: bytes) -> bytes:
    """Take white space and byte order marks off both ends, and comments off the last, one at a time."""
    ends = [b"\xef\xbb\xbf", *(bytes([byte]) for byte in b" \t\r\n\f\v")]
    while any(body.startswith(end) or body.endswith(end) for end in ends):
        for end in ends:
            body = body.removeprefix(end)
            body = body.removesuffix(end)
    before, comment, _ = body.rpartition(b"<!--")
    return _without_ends(before) if before and comment and body.endswith(b"-->") else body


def _escaped(text: str) -> str:
    return "".join(
        f"\\x{ord(character):02x}" if unicodedata.category(character) == "Cc" else character
        for character in text
    )


def _texts(body: bytes) -> list[tuple[str, str]] | None:
    fields: list[tuple[str, str]] = []
    for pair in _form(body):
        name, value = map(_utf8, pair)
        if name is None or value is None:
            return None
        fields.append((name.removeprefix("amp;"), value))
    return fields


def _params(fields: list[tuple[str, str]], *, confirmed: bool) -> dict[str, str]:
    """Return the other parameters, the first of each name, as many as take 4096 bytes together."""
    taken = {"oauth_token", "oauth_token_secret"} | ({"oauth_callback_confirmed"} if confirmed else set())
    params: dict[str, str] = {}
    used = 0
    for name, value in fields:
        if name in taken:
            continue
        taken.add(name)
        shown, text = _escaped(name), _escaped(value)
        used += _raw_in_json(shown) + _raw_in_json(text)
        if used <= 4096 and shown not in params:
            params[shown] = text
    return params


def _any_case(word: str) -> Sequence[str]:
    cases = [""]
    for letter in word:
        cases = [case + one for case in cases for one in (letter, letter.upper())]
    return cases


def _form(raw: bytes) -> Pairs:
    pairs = []
    for segment in raw.split(b"&"):
        if segment:
            name, _, value = segment.partition(b"=")
            pairs.append((_decoded(name), _decoded(value)))
    return pairs


def _decoded(raw: bytes) -> bytes:
    return unquote_to_bytes(raw.replace(b"+", b" "))


def _utf8(raw: bytes) -> str | None:
    try:
        return str(raw, "utf-8", "strict")
    except ValueError:
        return None


def _clean(text: str) -> bool:
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def _raw_in_json(text: str) -> int:
    """Count what a text takes as a JSON string (RFC 8259 section 7), with its two quotes."""
    return len(json.dumps(text, ensure_ascii=False).encode())
