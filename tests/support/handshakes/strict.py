"""Parsers of callbacks and token responses that owe nothing to ours: written from the rules, byte by byte.

They are slow and plain on purpose. None means: to be refused.
"""

from __future__ import annotations

import json
import string
import unicodedata
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


__all__ = ["Said", "Token", "said_by_pairs", "said_by_text", "token_in"]

Pairs = list[tuple[bytes, bytes]]


class Said(NamedTuple):
    """What a callback says."""

    request_token: str | None
    verifier: str | None
    denied: bool
    problem: str | None


class Token(NamedTuple):
    """What a token response holds."""

    key: str
    secret: str
    params: dict[str, str]


def said_by_text(text: str) -> Said | None:
    """Read a callback given as a URL or a query."""
    if len(text) > 65536:
        return None
    scheme, colon, _ = text.partition(":")
    letters = string.ascii_letters + string.digits + "+.-"
    is_url = bool(
        colon and scheme and scheme[0] in string.ascii_letters and all(c in letters for c in scheme)
    )
    if is_url or text[:1] in {"/", "?"}:
        text = text.split("#", 1)[0]
        text = text.split("?", 1)[1] if "?" in text else ""
    first = said_by_pairs(_read(text))
    if first is not None and not _is_whole(_known(_read(text))):
        other = text
        for name in _READ:
            other = ("?" + other).replace(f"?{name}=", f"&{name}=").replace(f"&amp;{name}=", f"&{name}=")[1:]
        # More of it is known, or it is as it was.
        if _known(_read(text)).keys() < _known(_read(other)).keys():
            return said_by_pairs(_read(other)) or first
    return first


def said_by_pairs(pairs: Iterable[tuple[str, str]] | None) -> Said | None:
    """Read a callback given as decoded pairs."""
    if pairs is None or any(type(text) is not str for pair in pairs for text in pair):
        return None
    known: dict[str, str] = {}
    for name, value in pairs:
        if name not in _READ:
            continue
        if name in known or len(value) > 2048 or not _clean(value):
            return None
        known[name] = value
    says = known.get("oauth_problem") or known.get("error") or None
    denied = (
        any(known[name].strip().lower() not in _OFF for name in _FLAGS if name in known)
        or (says or "").strip().rstrip(".!").lower() in _REFUSED
        or known.get("oauth_verifier", "").lower() == "denied"
    )
    flag = known.get("denied", "")
    return Said(
        known.get("oauth_token") or ("" if flag.lower() in {"1", "true", "yes"} else flag) or None,
        known.get("oauth_verifier") or None,
        denied,
        None if denied else says,
    )


_FLAGS = ("denied", "rejected", "not_approved")
_READ = ("oauth_token", "oauth_verifier", "oauth_problem", "error", *_FLAGS)
_OFF = {"0", "false", "no", "off"}
_REFUSED = {"user_refused", "permission_denied", "access_denied", "denied", "user_denied", "access denied"}


def _read(text: str) -> list[tuple[str, str]] | None:
    pairs = []
    for name, value in _form(text.encode("utf-8", "surrogatepass")):
        if name.decode("latin-1") in _READ:
            decoded = _utf8(value)
            if decoded is None:
                return None
            pairs.append((name.decode("ascii"), decoded))
    return pairs


def _known(pairs: list[tuple[str, str]] | None) -> dict[str, str]:
    return {name: value for name, value in pairs or () if name in _READ}


def _is_whole(known: dict[str, str]) -> bool:
    return bool(known.get("oauth_token")) and len(known) > 1


def token_in(body: bytes, *, confirmed: bool) -> Token | None:
    """Read a token response; `confirmed`: it must confirm the callback, and so is one of a request token."""
    body = _without_ends(body)
    fields = _texts(body)
    if fields is None or len(body.split(b"&")) > 64:
        return None
    needed: list[str] = []
    for name in ("oauth_token", "oauth_token_secret"):
        values = [value for given, value in fields if given == name]
        if len(values) != 1 or not _clean(values[0]) or _octets_in_json(values[0]) > 2048:
            return None
        needed += values
    flags = [value for name, value in fields if name == "oauth_callback_confirmed"]
    if not needed[0] or (confirmed and (len(flags) != 1 or flags[0] not in _any_case("true"))):
        return None
    return Token(needed[0], needed[1], _params(fields, confirmed=confirmed))


def _without_ends(body: bytes) -> bytes:
    """Take white space and byte order marks off both ends, one at a time."""
    ends = [b"\xef\xbb\xbf", *(bytes([octet]) for octet in b" \t\r\n\f\v")]
    while any(body.startswith(end) or body.endswith(end) for end in ends):
        for end in ends:
            body = body.removeprefix(end)
            body = body.removesuffix(end)
    return body


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
        fields.append((name, value))
    return fields


def _params(fields: list[tuple[str, str]], *, confirmed: bool) -> dict[str, str]:
    """Return what else is there: of a repeated one the first, as many as take 4096 bytes together."""
    taken = {"oauth_token", "oauth_token_secret"} | ({"oauth_callback_confirmed"} if confirmed else set())
    params: dict[str, str] = {}
    used = 0
    for name, value in fields:
        if name in taken:
            continue
        taken.add(name)
        shown, text = _escaped(name), _escaped(value)
        used += _octets_in_json(shown) + _octets_in_json(text)
        if used <= 4096 and shown not in params:
            params[shown] = text
    return params


def _any_case(word: str) -> Sequence[str]:
    cases = [""]
    for letter in word:
        cases = [case + one for case in cases for one in (letter, letter.upper())]
    return cases


def _form(octets: bytes) -> Pairs:
    pairs = []
    for segment in octets.split(b"&"):
        if segment:
            name, _, value = segment.partition(b"=")
            pairs.append((_decoded(name), _decoded(value)))
    return pairs


def _decoded(octets: bytes) -> bytes:
    return unquote_to_bytes(octets.replace(b"+", b" "))


def _utf8(octets: bytes) -> str | None:
    try:
        return str(octets, "utf-8", "strict")
    except ValueError:
        return None


def _clean(text: str) -> bool:
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def _octets_in_json(text: str) -> int:
    """Count what a text takes as a JSON string (RFC 8259 section 7), with its two quotes."""
    return len(json.dumps(text, ensure_ascii=False).encode())
