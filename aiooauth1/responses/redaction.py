"""What a provider echoes of our request: secrets, which must not show, and its base string, which helps.

Pure functions of texts that may be hostile: each takes time in proportion to their length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiooauth1.responses.problem_formats import unescaped
from aiooauth1.signing.encoding import percent_encode


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


__all__ = [
    "LOOKED_AT",
    "Veil",
    "base_string_in",
    "clean",
    "hide",
    "is_clear",
    "presentable",
    "redact",
    "scrub",
    "window",
]

LOOKED_AT = 8192
"""Octets of the header fields and of the body that are looked at."""
_BODY_LENGTH = 500


# Secrets

_SHORTEST_SECRET = 3  # a shorter one stands in any text by chance
# What an encoder makes of a character. Encoders differ in which ones they leave bare, in the case of the
# digits and in how often they are applied; JSON and markup have ways of their own.
_ESCAPE = re.compile(
    rb"%(?:25)*([0-9a-f]{2})|\\u([0-9a-f]{4})|\\([/\"'\\])|&#(\d{1,6});|&#x([0-9a-f]{1,5});|&(amp|apos|gt|lt|quot);",
    re.IGNORECASE,
)
_SIGNS = {b"amp": b"&", b"apos": b"'", b"gt": b">", b"lt": b"<", b"quot": b'"'}


@dataclass(frozen=True, slots=True, repr=False)
class Veil:
    """Secrets, ready to be found in a text.

    Attributes:
        written: Their octets as they are, and once and twice percent-encoded.
        plain: Their octets without escapes.
        reach: How many octets of a text one may take up, as far as we care.
    """

    written: tuple[bytes, ...] = ()
    plain: tuple[bytes, ...] = ()
    reach: int = 0

    @classmethod
    def over(cls, secrets: Iterable[str]) -> Veil:
        """Return the veil over secrets. What is shorter than three characters is none."""
        written: set[bytes] = set()
        plain: set[bytes] = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                octets = secret.encode("utf-8", "surrogatepass")
                once = percent_encode(octets)
                written |= {octets, once.encode(), percent_encode(once).encode()}
                plain.add(_plain(octets)[0])
        found = tuple(octets for octets in plain if len(octets) >= _SHORTEST_SECRET)
        return cls(tuple(written), found, 2 * max(map(len, written), default=0))


def _plain(octets: bytes) -> tuple[bytes, list[int], list[int]]:
    """Return octets without escapes, and where in them and in the given ones each escape is over."""
    pieces: list[bytes] = []
    here, there, behind, at = [0], [0], 0, 0
    for found in _ESCAPE.finditer(octets):
        begin, end = found.span()
        octet = found[1]
        sign = bytes.fromhex(octet.decode()) if octet is not None else _sign(found)
        pieces += (octets[at:begin], sign)
        behind += begin - at + len(sign)
        at = end
        here.append(behind)
        there.append(at)
    pieces.append(octets[at:])
    return b"".join(pieces).replace(b"+", b" "), here, there  # a form's space is a plus


def _sign(found: re.Match[bytes]) -> bytes:
    _, unit, itself, decimal, hexadecimal, name = found.groups()
    if itself is not None:
        return itself
    if name is not None:
        return _SIGNS[name.lower()]
    return chr(int(decimal) if decimal else int(unit or hexadecimal, 16)).encode("utf-8", "surrogatepass")


def _spans(octets: bytes, veil: Veil) -> list[tuple[int, int]]:
    """Return where secrets stand, in order and apart from each other."""
    found = [span for secret in veil.written for span in _occurrences(octets, secret)]
    if veil.plain:
        plain, here, there = _plain(octets)
        for secret in veil.plain:
            for span in _occurrences(plain, secret):
                pieces = [(bisect_right(here, at) - 1, at) for at in span]
                begin, end = (there[piece] + at - here[piece] for piece, at in pieces)
                found.append((begin, end))
    spans: list[tuple[int, int]] = []
    for begin, end in sorted(found):
        if spans and begin <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((begin, end))
    return spans


def _occurrences(octets: bytes, secret: bytes) -> Iterator[tuple[int, int]]:
    at = octets.find(secret)
    while at >= 0:
        yield at, at + len(secret)
        at = octets.find(secret, at + len(secret))


def hide(text: str, veil: Veil) -> str:
    """Return a text without secrets, however they are encoded in it."""
    octets = text.encode("utf-8", "surrogatepass")
    if not (spans := _spans(octets, veil)):
        return text
    kept, at = [], 0
    for begin, end in spans:
        kept += [octets[at:begin], b"***"]
        at = end
    return b"".join([*kept, octets[at:]]).decode("utf-8", "replace")


def window(octets: bytes, length: int, veil: Veil) -> bytes:
    """Return the beginning of octets, at most so many of them, and not half a secret at the end."""
    if len(octets) <= length:
        return octets
    first = max(0, length - veil.reach)
    for begin, end in _spans(octets[first : length + veil.reach], veil):
        if first + begin < length < first + end:
            return octets[: first + begin]
    return octets[:length]


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Take secrets out of a provider's text: as they are, and percent-encoded by whomever, however often."""
    return hide(text, Veil.over(secrets))


# What may be shown

# What a server echoes of our parameters, perhaps percent-encoded; its own oauth_problem ones are what a
# reader is after. A signature by PLAINTEXT has an ampersand in it.
_GAP = r"(?:[\\\"'\s+]|%2[027])*+"  # with a backslash: within JSON, a quote has one
_VALUE = r"[^&\s\"',;<>]"
_ECHOED = re.compile(
    rf"((?:oauth_(?!problem)\w{{1,64}}+|x_auth_\w{{1,64}}+|secret|password){_GAP}(?:[=:]|%(?:25)*3[DA]){_GAP})"
    rf"{_VALUE}+(?:&(?!\w{{1,64}}+=){_VALUE}*)?",
    re.IGNORECASE,
)
_UNPRINTABLE = re.compile(r"[^ -~]+")
_ROOM = 4  # times as much is looked at as may be shown: what is taken out makes room


def clean(text: str, length: int) -> str:
    """Cut a provider's text to a length, and to printable ASCII: it goes into messages and logs."""
    return _UNPRINTABLE.sub(" ", text[: _ROOM * length]).strip()[:length]


def presentable(text: str, length: int, veil: Veil = Veil()) -> str:
    """Return a text as it can be shown: without secrets, `oauth_` values and base strings, clean and cut.

    Args:
        text: The text.
        length: The most characters of it to return.
        veil: The secrets.
    """
    octets = window(text.encode("utf-8", "surrogatepass"), _ROOM * length, veil)
    text = clean(_before_base_string(hide(octets.decode("utf-8", "replace"), veil)), _ROOM * length)
    return hide(_ECHOED.sub(r"\1***", text), veil)[:length].strip()


def is_clear(text: str, veil: Veil) -> bool:
    """Say whether a text can be shown as it is, but for its length and line breaks."""
    printable = text.replace("\n", "")
    return not (
        _UNPRINTABLE.search(printable)
        or _ECHOED.search(printable)
        or _MARK.search(printable)
        or _spans(text.encode(), veil)
    )


def redact(body: bytes) -> str:
    """Return the beginning of a body without the values of `oauth_` parameters that it may echo."""
    return presentable(body[:LOOKED_AT].decode("utf-8", "replace"), _BODY_LENGTH)


# Base strings

_MARK = re.compile(
    r"""(?:debug_sbs|oauth_signature_base_string|signature base string|base_?string)"""
    r"""(?=[\\"']{0,2}\s{0,3}[:="'`<])""",
    re.IGNORECASE | re.ASCII,
)
_LEAD = re.compile(r"""(?:[\s:="'`\\]|<[^<>]{0,40}+>|[bu](?=["'])){1,16}+""", re.ASCII)
# METHOD&URI&parameters, the last two encoded (RFC 5849 section 3.4.1.1). Magento 1 sends a signature instead,
# and the servers of the python-oauth2 line, Discogs among them, both secrets where PLAINTEXT is the method.
_SHAPE = re.compile(r"[A-Z]{2,20}&(?i:https?%3A%2F%2F)[\w.~%+*-]++&[\w.~%+*-]*+", re.ASCII)
_ENCODED_SHAPE = re.compile(r"[A-Z]{2,20}%26[\w.~%+*-]++", re.ASCII)
# What of another's signature, or of a user, would be of use to who reads a log.
_NAMED = re.compile(
    r"((?:password|secret|session_handle|verifier|oauth_signature)%3D)(?:(?!%26)[\w.~%+*-])++",
    re.ASCII | re.IGNORECASE,
)
_MOST_MARKS = 4


def base_string_in(text: str, veil: Veil = Veil(), *, cut: bool = False) -> str | None:
    """Return the base string that the provider says that it has signed; None: there is none.

    Args:
        text: Header fields or the beginning of a body.
        veil: The secrets, which are taken out.
        cut: Whether more followed: half a base string is none.

    >>> base_string_in("oauth_problem=signature_invalid&debug_sbs=GET&http%3A%2F%2Fa.example%2F&b%3D1")
    'GET&http%3A%2F%2Fa.example%2F&b%3D1'
    >>> base_string_in("oauth_problem=signature_invalid&debug_sbs=tnnArxj06cWHq44gCs1OSKk%2FjLY%3D")
    """
    text = unescaped(text)
    for mark in islice(_MARK.finditer(text), _MOST_MARKS):
        start = _start(text, mark)
        found = _SHAPE.match(text, start)
        shown = found[0] if found else ""
        if not found and (found := _ENCODED_SHAPE.match(text, start)):
            shown = unquote(found[0])
        if found and _SHAPE.fullmatch(shown) and not (cut and found.end() == len(text)):
            return _NAMED.sub(r"\1***", hide(shown, veil))
    return None


def _before_base_string(text: str) -> str:
    """Return a text up to where it shows a base string, or what the provider sends for one."""
    mark = _MARK.search(text)
    return text if mark is None else text[: _start(text, mark)] + "***"


def _start(text: str, mark: re.Match[str]) -> int:
    lead = _LEAD.match(text, mark.end())
    return lead.end() if lead else mark.end()
