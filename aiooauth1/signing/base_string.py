"""What is signed: the base string URI, the normalised parameters, and both in the signature base string.

RFC 5849 section 3.4.1, on the request as it goes over the wire.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from aiooauth1.errors import SigningError
from aiooauth1.signing.encoding import percent_encode


if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = [
    "RequestURL",
    "base_string",
    "base_string_uri",
    "join_normalized",
    "normalize_parameters",
    "parse_url",
]

_URL = re.compile(r"([^:/?#]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-fvV:.%~_-]+\]|[^\[\]:@]+)(?::([0-9]*))?")
_NO_URL_CHARACTER = re.compile(r"[^A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]")  # RFC 3986; brackets only in the host
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 9.1: a token
_DEFAULT_PORT = {"http": 80, "https": 443}
_LAST_PORT = 65535


class RequestURL(NamedTuple):
    """A request's URL, taken apart as signing needs it."""

    origin: str
    """Scheme and authority, in lower case and without a default port."""
    path: str
    """The path as sent, `/` where there is none."""
    query: str
    """The query as sent, without its `?`; empty where there is none."""

    @property
    def base(self) -> str:
        """The base string URI, RFC 5849 section 3.4.1.2."""
        return self.origin + self.path


def parse_url(url: str) -> RequestURL:
    """Take a URL apart, octet for octet as it goes over the wire.

    Args:
        url: An absolute http or https URL in the characters of RFC 3986. A fragment is left out.

    Raises:
        SigningError: If a character in it cannot stand in a URL, or if it has no host, holds a user name or
            password, or is of another scheme. The message does not repeat the URL.
    """
    parts = _URL.fullmatch(url)
    if parts is None:
        raise SigningError("the URL is not absolute: it must begin with https:// or http:// and name a host")
    scheme, authority, path, query = (
        parts.group(1).lower(),
        parts.group(2),
        parts.group(3),
        parts.group(4) or "",
    )
    _refuse_no_url_characters(url, parts)
    if scheme not in _DEFAULT_PORT:
        raise SigningError(f"the URL's scheme is {scheme!r}: only https and http requests can be signed")
    if "@" in authority:
        raise SigningError(
            "the URL holds a user name or password before its host: take it out, it is not signed"
        )
    host = _AUTHORITY.fullmatch(authority)
    if host is None:
        raise SigningError("the URL's host is missing or malformed")
    port = int(host.group(2)) if host.group(2) else None
    if port is not None and port > _LAST_PORT:
        raise SigningError(f"the URL's port is {port}: the last one is {_LAST_PORT}")
    # RFC 5849 section 3.4.1.2: the default port of the scheme must be left out, any other must be there.
    shown = "" if port is None or port == _DEFAULT_PORT[scheme] else f":{port}"
    return RequestURL(f"{scheme}://{host.group(1).lower()}{shown}", path or "/", query)


def _refuse_no_url_characters(url: str, parts: re.Match[str]) -> None:
    start, end = parts.span(2)
    for found in _NO_URL_CHARACTER.finditer(url):
        character, position = found.group(), found.start()
        if character in "[]" and start <= position < end:
            continue  # an IPv6 literal
        raise SigningError(
            f"the URL has the character {character!r} (U+{ord(character):04X}) at position {position}, which"
            " cannot stand in a URL: percent-encode it (a host name: write it in punycode) and send that URL"
        )


def base_string_uri(url: str) -> str:
    """Reduce a URL to the base string URI: scheme, host, port and path (RFC 5849 section 3.4.1.2).

    Args:
        url: An absolute http or https URL as it goes over the wire.

    Raises:
        SigningError: If it is no such URL.

    >>> base_string_uri("HTTP://EXAMPLE.COM:80/r%20v/X?id=123")
    'http://example.com/r%20v/X'
    """
    return parse_url(url).base


def normalize_parameters(pairs: Iterable[tuple[str, str]]) -> str:
    """Encode, sort and join parameters (RFC 5849 section 3.4.1.3.2).

    Args:
        pairs: All names and values, decoded, repeated ones as often as they are sent.

    Raises:
        SigningError: If a text has no UTF-8 form.

    >>> normalize_parameters([("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a3", "2 q")])
    'a3=2%20q&a3=a&b5=%3D%253D&c%40='
    """
    return join_normalized([(percent_encode(name), percent_encode(value)) for name, value in pairs])


def join_normalized(encoded: list[tuple[str, str]]) -> str:
    """Sort and join pairs that are encoded already: the order is that of the encoded octets, names first."""
    return "&".join([f"{name}={value}" for name, value in sorted(encoded)])


def base_string(method: str, uri: str, normalized: str) -> str:
    """Put the three parts together (RFC 5849 section 3.4.1.1).

    Args:
        method: The request method, in any case.
        uri: The base string URI.
        normalized: The normalised parameters.

    Raises:
        SigningError: If the method is not an HTTP token.
    """
    if not _METHOD.fullmatch(method):
        raise SigningError(f"{method!r} is no request method")
    return f"{percent_encode(method.upper())}&{percent_encode(uri)}&{percent_encode(normalized)}"
