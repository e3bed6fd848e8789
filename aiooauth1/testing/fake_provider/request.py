"""A received request, and parsers of its parts: bytes in, bytes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

from aiooauth1.testing.fake_provider.errors import RefusalError


__all__ = [
    "Pairs",
    "ReceivedRequest",
    "encode",
    "is_form",
    "parse_authorization",
    "parse_form",
    "parse_realm",
    "text_fields",
]

Pairs = list[tuple[bytes, bytes]]
"""Names and values of parameters, decoded, as bytes, in order."""

# One parameter of the header with the comma or end that follows it (RFC 5849 section 3.5.1). Names and values
# are encoded as in section 3.6: only unreserved characters stand bare. The realm is a quoted-string. The
# quantifiers are possessive: nothing is ever tried a second time.
_ENCODED = rb"(?:[A-Za-z0-9._~-]++|%[0-9A-Fa-f]{2})"
_HEADER_PARAMETER = re.compile(
    rb"[ \t]*+(?:"
    rb"(?P<name>" + _ENCODED + rb'++)="(?P<value>' + _ENCODED + rb'*+)"'
    rb'|[Rr][Ee][Aa][Ll][Mm]="(?P<realm>(?:[^"\\]++|\\.)*+)"'
    rb")[ \t]*+(?P<end>,|\Z)"
)
_OAUTH_SCHEME = re.compile(rb"OAuth(?:[ \t]+|\Z)", re.IGNORECASE)
_BOUNDARY = re.compile(rb'multipart/form-data[ \t]*+;.*?boundary="?([^";,]++)"?', re.IGNORECASE | re.DOTALL)
_FIELD_NAME = re.compile(rb';[ \t]*+name="([^"]*+)"', re.IGNORECASE)
_FILE_NAME = re.compile(rb";[ \t]*+filename\*?=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as the server received it.

    Args:
        method: The method.
        target: The request target, byte for byte: `/path?query`, or an absolute URL from a proxy's client.
        headers: Names and values, byte for byte.
        body: The body, without transfer and content coding.
        scheme: `http` or `https`.
    """

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    scheme: str = "http"

    def values(self, name: bytes) -> list[bytes]:
        """Return all values of a header."""
        return [value for given, value in self.headers if given.lower() == name]


def encode(text: bytes) -> str:
    """Percent-encode (RFC 5849 section 3.6).

    >>> encode("a b~ü".encode())
    'a%20b~%C3%BC'
    """
    return quote_from_bytes(text, safe="")


def parse_form(text: bytes) -> Pairs:
    """Read a query or a form body (RFC 5849 section 3.4.1.3.1).

    Only `&` separates; an empty segment is skipped; a `+` is a space; a `%` without two hexadecimal
    digits after it is a `%`.

    >>> parse_form(b"a=1+%2B&&b&a=%zz")
    [(b'a', b'1 +'), (b'b', b''), (b'a', b'%zz')]
    """
    pairs = []
    for segment in text.replace(b"+", b" ").split(b"&"):
        if segment:
            name, _, value = segment.partition(b"=")
            pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    return pairs


def parse_authorization(header: bytes) -> Pairs | None:
    """Read an `Authorization` header (RFC 5849 section 3.5.1).

    >>> parse_authorization(b'OAuth realm="x", oauth_nonce="a%2Bb"')
    [(b'oauth_nonce', b'a+b')]
    """
    read = _read_authorization(header)
    return None if read is None else read[0]


def parse_realm(header: bytes) -> bytes | None:
    """Read the realm of an `Authorization` header (RFC 5849 section 3.5.1).

    >>> parse_realm(b'OAuth realm="My photos", oauth_nonce="a"')
    b'My photos'
    """
    read = _read_authorization(header)
    return None if read is None else read[1]


def _read_authorization(header: bytes) -> tuple[Pairs, bytes | None] | None:
    scheme = _OAUTH_SCHEME.match(header)
    if scheme is None:
        return None
    pairs: Pairs = []
    found: bytes | None = None
    position, end = scheme.end(), b","
    while end:
        parameter = _HEADER_PARAMETER.match(header, position)
        if parameter is None:
            if position == scheme.end() == len(header):
                return pairs, found
            raise RefusalError(
                "parameter_rejected",
                f"the Authorization header breaks RFC 5849 section 3.5.1 from byte {position} on: "
                'it is made of name="value", percent-encoded, with commas between',
            )
        name, value, realm, end = parameter.groups()
        if name is None:
            found = re.sub(rb"\\(.)", rb"\1", realm, flags=re.DOTALL)
        elif name.lower() == b"realm":  # one of unreserved characters alone; it is not encoded but quoted
            found = value
        else:
            pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
        position = parameter.end()
    return pairs, found


def is_form(received: ReceivedRequest) -> bool:
    """Say whether the body's parameters are signed (RFC 5849 section 3.4.1.3.1)."""
    types = received.values(b"content-type")
    return (
        len(types) == 1
        and types[0].partition(b";")[0].strip().lower() == b"application/x-www-form-urlencoded"
    )


def text_fields(received: ReceivedRequest) -> Pairs:
    """Read the text fields of a multipart form (RFC 7578)."""
    types = received.values(b"content-type")
    boundary = _BOUNDARY.match(types[0]) if len(types) == 1 else None
    if boundary is None:
        return []
    pairs = []
    for part in (b"\r\n" + received.body).split(b"\r\n--" + boundary[1])[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = _FIELD_NAME.search(head)
        if name is not None and _FILE_NAME.search(head) is None:
            pairs.append((name[1], value))
    return pairs
