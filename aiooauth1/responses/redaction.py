"""Find and mask our secrets in what a provider sends back, however it encodes them.

Pure functions of texts that may be hostile: each takes time in proportion to their length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiooauth1.signing.encoding import percent_encode


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


__all__ = ["SecretMatcher", "mask_secrets", "safe_prefix"]

_SHORTEST_SECRET = 3  # a shorter one is in any text by chance
# A character as an encoder writes it. Encoders differ in the characters that they keep, in the case of
# digits and in how often they are applied; JSON and markup have escapes of their own.
_ESCAPE = re.compile(
    rb"%(?:25)*([0-9a-f]{2})|\\u([0-9a-f]{4})|\\([/\"'\\])|&#(\d{1,6});|&#x([0-9a-f]{1,5});|&(amp|apos|gt|lt|quot);",
    re.IGNORECASE,
)
_SIGNS = {b"amp": b"&", b"apos": b"'", b"gt": b">", b"lt": b"<", b"quot": b'"'}


@dataclass(frozen=True, slots=True, repr=False)
class SecretMatcher:
    """Secrets, prepared for the search in a text.

    Attributes:
        written: Their bytes as they are, and once and twice percent-encoded.
        plain: Their bytes without escapes.
        longest: How many bytes of a text one may take up, as far as we care.
    """

    written: tuple[bytes, ...] = ()
    plain: tuple[bytes, ...] = ()
    longest: int = 0

    @classmethod
    def from_secrets(cls, secrets: Iterable[str]) -> SecretMatcher:
        """Build a matcher. Secrets shorter than three characters are ignored: they would match by chance."""
        written: set[bytes] = set()
        plain: set[bytes] = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                raw = secret.encode("utf-8", "surrogatepass")
                once = percent_encode(raw)
                written |= {raw, once.encode(), percent_encode(once).encode()}
                plain.add(_unescaped(raw)[0])
        found = tuple(raw for raw in plain if len(raw) >= _SHORTEST_SECRET)
        return cls(tuple(written), found, 2 * max(map(len, written), default=0))


def _unescaped(raw: bytes) -> tuple[bytes, list[int], list[int]]:
    """Return bytes without escapes, and where in them and in the given ones each escape is over."""
    pieces: list[bytes] = []
    here, there, behind, at = [0], [0], 0, 0
    for found in _ESCAPE.finditer(raw):
        begin, end = found.span()
        byte = found[1]
        sign = bytes.fromhex(byte.decode()) if byte is not None else _sign(found)
        pieces += (raw[at:begin], sign)
        behind += begin - at + len(sign)
        at = end
        here.append(behind)
        there.append(at)
    pieces.append(raw[at:])
    return b"".join(pieces).replace(b"+", b" "), here, there  # in a form a plus is a space


def _sign(found: re.Match[bytes]) -> bytes:
    _, unit, itself, decimal, hexadecimal, name = found.groups()
    if itself is not None:
        return itself
    if name is not None:
        return _SIGNS[name.lower()]
    return chr(int(decimal) if decimal else int(unit or hexadecimal, 16)).encode("utf-8", "surrogatepass")


def _find_secrets(raw: bytes, matcher: SecretMatcher) -> list[tuple[int, int]]:
    """Return where secrets stand, in order and apart from each other."""
    found = [span for secret in matcher.written for span in _occurrences(raw, secret)]
    if matcher.plain:
        plain, here, there = _unescaped(raw)
        for secret in matcher.plain:
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


def _occurrences(raw: bytes, secret: bytes) -> Iterator[tuple[int, int]]:
    at = raw.find(secret)
    while at >= 0:
        yield at, at + len(secret)
        at = raw.find(secret, at + len(secret))


def mask_secrets(text: str, matcher: SecretMatcher) -> str:
    """Return a text without secrets, however they are encoded in it."""
    raw = text.encode("utf-8", "surrogatepass")
    if not (spans := _find_secrets(raw, matcher)):
        return text
    kept, at = [], 0
    for begin, end in spans:
        kept += [raw[at:begin], b"***"]
        at = end
    return b"".join([*kept, raw[at:]]).decode("utf-8", "replace")


def safe_prefix(raw: bytes, length: int, matcher: SecretMatcher) -> bytes:
    """Return the beginning of bytes, at most so many of them, and not half a secret at the end."""
    if len(raw) <= length:
        return raw
    first = max(0, length - matcher.longest)
    for begin, end in _find_secrets(raw[first : length + matcher.longest], matcher):
        if first + begin < length < first + end:
            return raw[: first + begin]
    return raw[:length]
