"""A signed request as it was sent, read back: what a signature can be diagnosed from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import unquote

from aiooauth1.signing.encoding import parse_form


__all__ = ["Pairs", "SentRequest", "authorization_pairs", "multipart_pairs"]

Pairs = tuple[tuple[bytes, bytes], ...]
"""Decoded names and values, in order."""

_FORM = "application/x-www-form-urlencoded"
# A field of the Authorization header. It starts after a separator, so that no run is scanned twice.
_FIELD = re.compile(r'(?<![^\s,])([^\s=,"]++)[ \t]*+=[ \t]*+(?:"([^"]*+)"|([^\s,"]++))')
_FIELD_NAME = re.compile(rb';[ \t]*+name="([^"]*+)"', re.IGNORECASE)
_LONGEST_JSON = 100_000


@dataclass(frozen=True, slots=True, repr=False)
class SentRequest:
    """A request with its signature, as it went over the wire or arrived.

    Args:
        method: The request method, in the letter case in which it was sent.
        url: The absolute URL with its query, as sent.
        headers: Names and values; `Authorization`, `Content-Type` and `Host` are read.
        body: The body's bytes.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __repr__(self) -> str:
        return f"<SentRequest {self.method} {self.url.partition('?')[0]}>"

    def header(self, name: str) -> str:
        """Return the first value of a header field, or an empty string."""
        return next((value for given, value in self.headers if given.lower() == name.lower()), "")

    @property
    def content_type(self) -> str:
        """The media type in lower case, without its parameters."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    def query(self) -> Pairs:
        """Return the pairs of the query."""
        return tuple(
            parse_form(self.url.partition("#")[0].partition("?")[2].encode("utf-8", "surrogatepass"))
        )

    def form(self) -> Pairs:
        """Return the pairs of the body, or no pairs if it is not a form."""
        return tuple(parse_form(self.body)) if self.content_type == _FORM else ()

    def oauth(self) -> tuple[Pairs, bool]:
        """Return the pairs of the Authorization header except the realm, and whether there is a header."""
        value = self.header("Authorization")
        if not value[:6].lower().startswith("oauth"):
            return (), False
        return tuple(pair for pair in authorization_pairs(value) if pair[0].lower() != b"realm"), True

    def realm(self) -> str | None:
        """Return the realm of the Authorization header, or None."""
        return next(
            (
                value.decode("utf-8", "replace")
                for name, value in authorization_pairs(self.header("Authorization"))
                if name == b"realm"
            ),
            None,
        )

    def protocol(self, name: str) -> str | None:
        """Return a protocol parameter from wherever it was sent, or None."""
        wanted = name.encode()
        for given, value in (*self.oauth()[0], *self.query(), *self.form()):
            if given == wanted:
                return value.decode("utf-8", "replace")
        return None

    def json_pairs(self) -> Pairs:
        """Return the members of a JSON object in the body as pairs, or no pairs if it is not one."""
        if self.body.lstrip()[:1] != b"{" or len(self.body) > _LONGEST_JSON:
            return ()
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return ()
        return tuple(
            (name.encode("utf-8", "replace"), _as_text(value).encode("utf-8", "replace"))
            for name, value in found.items()
        )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def authorization_pairs(value: str) -> Pairs:
    """Read the fields of an Authorization header leniently, the realm included.

    >>> authorization_pairs('OAuth realm="x", oauth_nonce="a%2Bb"')
    ((b'realm', b'x'), (b'oauth_nonce', b'a+b'))
    """
    fields = value[5:] if value[:5].lower() == "oauth" else value
    return tuple(
        (
            _utf8(unquote(name)),
            _utf8(quoted or bare) if name.lower() == "realm" else _bytes(quoted or bare),
        )
        for name, quoted, bare in _FIELD.findall(fields)
    )


def _utf8(text: str) -> bytes:
    # aiohttp and WSGI servers give the bytes of a header that are not UTF-8 as lone surrogates.
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _bytes(encoded: str) -> bytes:
    # A plus stands for itself in a header (RFC 5849 section 3.6).
    return next(
        (value for _, value in parse_form(b"v=" + _utf8(encoded.replace("+", "%2B").replace("&", "%26"))))
    )


def multipart_pairs(request: SentRequest) -> Pairs:
    """Return the text fields of a multipart body, or no pairs if it is not multipart."""
    kind, _, rest = request.header("Content-Type").partition("boundary=")
    if not kind.lower().lstrip().startswith("multipart/form-data") or not rest:
        return ()
    boundary = b"--" + rest.partition(";")[0].strip().strip('"').encode()
    pairs = []
    for part in request.body.split(boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        found = _FIELD_NAME.search(head)
        if found is not None and b"filename" not in head.lower():
            pairs.append((found[1], value.removesuffix(b"\r\n")))
    return tuple(pairs)
