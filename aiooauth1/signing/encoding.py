"""Percent-encoding and form parsing (RFC 5849 sections 3.6 and 3.4.1.3.1). Bytes in, ASCII strings out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from aiooauth1.errors import SigningError


if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = [
    "decoded_again",
    "encode_form",
    "encoded_pairs",
    "parse_form",
    "percent_encode",
    "plain_pairs",
    "utf8",
]

_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_ENCODED = tuple(chr(octet) if octet in _UNRESERVED else f"%{octet:02X}" for octet in range(256))
# A query or form in which each byte is written as section 3.6 has it: escaped only if it has to be. The
# quantifiers are possessive, so the time is linear: no byte is looked at twice, whatever follows.
_BARE = rb"[A-Za-z0-9\-._~=&]*+"
_WELL_WRITTEN = re.compile(
    _BARE + rb"(?:%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|[46]0|5[B-E]|7[BCDF])" + _BARE + rb")*+"
)


def percent_encode(text: str | bytes) -> str:
    """Percent-encode all but unreserved characters, in upper-case hexadecimal (RFC 5849 section 3.6).

    Args:
        text: A string, which is encoded as UTF-8 first, or bytes.

    Returns:
        An ASCII string.

    Raises:
        SigningError: If the string has a lone surrogate, which UTF-8 cannot encode.

    >>> percent_encode("Ladies + Gentlemen")
    'Ladies%20%2B%20Gentlemen'
    """
    if isinstance(text, str):
        if text.isascii():
            return text if text.isalnum() else text.translate(_ENCODED)
        text = utf8(text)
    elif text.isalnum():
        return text.decode("ascii")
    return text.decode("latin-1").translate(_ENCODED)


def utf8(text: str) -> bytes:
    """Encode a string as UTF-8.

    Raises:
        SigningError: If it has a lone surrogate. The message does not repeat the string.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        position = error.start
    # Raised outside the handler, since the codec's error holds the whole string, which may be a secret.
    raise SigningError(
        f"a string to be signed has the lone surrogate U+{ord(text[position]):04X} at position {position}:"
        " UTF-8 cannot encode it"
    )


def parse_form(raw: bytes) -> list[tuple[bytes, bytes]]:
    r"""Split a query or form body into decoded pairs, in order (RFC 5849 section 3.4.1.3.1).

    Only `&` separates pairs. A segment without `=` is a name with an empty value, an empty one is skipped,
    `+` is a space, and a `%` without two hexadecimal digits stands for itself. Names and values stay bytes.

    Args:
        raw: The query without its `?`, or the body, as sent.

    >>> parse_form(b"a=1&a=%FF&flag&c=d+e%2B")
    [(b'a', b'1'), (b'a', b'\xff'), (b'flag', b''), (b'c', b'd e+')]
    """
    pairs = []
    for segment in raw.replace(b"+", b" ").split(b"&"):
        if segment:
            name, _, value = segment.partition(b"=")
            if b"%" in segment:
                name, value = unquote_to_bytes(name), unquote_to_bytes(value)
            pairs.append((name, value))
    return pairs


def encoded_pairs(raw: bytes) -> list[tuple[str, str]]:
    """Parse a query or form body as `parse_form` does, and percent-encode its names and values.

    Args:
        raw: The query without its `?`, or the body, as sent.

    >>> encoded_pairs(b"c=d+e%2b&a")
    [('c', 'd%20e%2B'), ('a', '')]
    """
    if not _WELL_WRITTEN.fullmatch(raw):
        return [(percent_encode(name), percent_encode(value)) for name, value in parse_form(raw)]
    # All is encoded as it should be already, except an equals sign after the first.
    pairs = [segment.partition("=") for segment in raw.decode("ascii").split("&") if segment]
    return [(name, value.replace("=", "%3D")) for name, _, value in pairs]


def plain_pairs(raw: bytes) -> list[str] | None:
    """Return the pairs of a query or form as `name=value`, if each is encoded as it should be; else None.

    Texts instead of tuples: most requests are such, and a session signs thousands a second.

    Args:
        raw: The query without its `?`, or the body, as sent.

    >>> plain_pairs(b"c=d%2B&a="), plain_pairs(b"c=d+e"), plain_pairs(b"flag&a==")
    (['c=d%2B', 'a='], None, None)
    """
    if not _WELL_WRITTEN.fullmatch(raw):
        return None
    pairs = raw.decode("ascii").split("&")
    has_one_each = raw.count(b"=") == len(pairs) and all("=" in pair for pair in pairs)
    return pairs if has_one_each else None


def decoded_again(encoded: str) -> str:
    """Encode what a server gets that decodes once too often: `%2541`, a literal `%41`, becomes `A`."""
    return percent_encode(unquote_to_bytes(unquote_to_bytes(encoded))) if "%25" in encoded else encoded


def encode_form(pairs: Iterable[tuple[str | bytes, str | bytes]]) -> str:
    """Encode pairs as a query or form body that leaves only unreserved characters bare.

    A space becomes `%20`, since some providers decode by RFC 3986 and take `+` for a plus.

    Args:
        pairs: Names and values, in the order in which they are sent.

    Raises:
        SigningError: If a string has a lone surrogate.

    >>> encode_form([("status", "Hello, world + all"), ("media", "")])
    'status=Hello%2C%20world%20%2B%20all&media='
    """
    return "&".join([f"{percent_encode(name)}={percent_encode(value)}" for name, value in pairs])
