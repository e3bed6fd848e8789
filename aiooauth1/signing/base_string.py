"""What is signed: the base string URI, the normalised parameters, and both in the signature base string.

RFC 5849 section 3.4.1, on the request as it goes over the wire.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from aiooauth1.errors import SigningError
from aiooauth1.signing.encoding import percent_encode
from aiooauth1.signing.natural_order import natural_key


if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = [
    "RequestURL",
    "base_string_prefix",
    "base_string_uri",
    "check_url_characters",
    "encode_normalized",
    "join_normalized",
    "join_pairs",
    "normalize_parameters",
    "parse_url",
]

_URL = re.compile(r"([^:/?#]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-fvV:.%~_-]+\]|[^\[\]:@]+)(?::([0-9]*))?")
_NO_URL_CHARACTER = re.compile(r"[^A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]")  # RFC 3986; brackets only in the host
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 9.1: a token
_DEFAULT_PORT = {"http": 80, "https": 443}
_LAST_PORT = 65535
_STARTS_KEPT = 512


class RequestURL(NamedTuple):
    """The parts of a request's URL that are signed."""

    scheme: str
    """`http` or `https`."""
    host: str
    """The host in lower case, with its port unless that is the scheme's default."""
    path: str
    """The path as sent, `/` if it is empty."""
    query: str
    """The query as sent, without its `?`, or an empty string."""

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.host}"

    @property
    def base(self) -> str:
        """The base string URI, RFC 5849 section 3.4.1.2."""
        return f"{self.scheme}://{self.host}{self.path}"


def parse_url(url: str) -> RequestURL:
    """Split a URL as it goes over the wire, byte for byte.

    Args:
        url: An absolute http or https URL in the characters of RFC 3986. Its fragment is ignored.

    Raises:
        SigningError: If the URL has a character outside RFC 3986, no host, a user name or password, or
            another scheme. The message does not repeat the URL.
    """
    parts = _URL.fullmatch(url)
    if parts is None:
        raise SigningError("the URL is not absolute: it must begin with https:// or http:// and name a host")
    scheme, authority, path, query = parts.groups("")
    scheme = scheme.lower()
    check_url_characters(url, host=parts.span(2))
    if scheme not in _DEFAULT_PORT:
        raise SigningError(f"the URL's scheme is {scheme!r}: only https and http requests can be signed")
    if "@" in authority:
        raise SigningError(
            "the URL holds a user name or password before its host: take it out, it is not signed"
        )
    host = _AUTHORITY.fullmatch(authority)
    if host is None:
        raise SigningError("the URL's host is missing or malformed: write https://host/path")
    digits = (host.group(2) or "").lstrip("0")
    if len(digits) > len(str(_LAST_PORT)) or int(digits or 0) > _LAST_PORT:
        raise SigningError(
            f"the URL's port is above {_LAST_PORT}, the last one: give the port that you connect to"
        )
    # RFC 5849 section 3.4.1.2: the default port of the scheme must be left out, any other must be there.
    is_default = not host.group(2) or int(digits or 0) == _DEFAULT_PORT[scheme]
    port = "" if is_default else f":{digits or 0}"
    return RequestURL(scheme, host.group(1).lower() + port, path or "/", query)


def check_url_characters(text: str, position: int = 0, *, host: tuple[int, int] = (0, 0)) -> None:
    """Check that a URL, or a part of one, has only characters of RFC 3986.

    Args:
        text: The URL or the part.
        position: The position of the part in the URL.
        host: The span of the host in the text, which may be an IPv6 literal in brackets.

    Raises:
        SigningError: If there is another character. The message names it and its position.
    """
    if _NO_URL_CHARACTER.search(text) is None:  # as nearly always
        return
    for found in _NO_URL_CHARACTER.finditer(text):
        character = found.group()
        if character in "[]" and host[0] <= found.start() < host[1]:
            continue
        raise SigningError(
            f"the URL has the character {character!r} (U+{ord(character):04X}) at position"
            f" {position + found.start()}, which cannot stand in a URL: percent-encode it (a host name: write"
            " it in punycode) and send that URL"
        )


def base_string_uri(url: str) -> str:
    """Return the base string URI of a URL: scheme, host, port and path (RFC 5849 section 3.4.1.2).

    Args:
        url: An absolute http or https URL as it goes over the wire.

    Raises:
        SigningError: If it is not such a URL.

    >>> base_string_uri("HTTP://EXAMPLE.COM:80/r%20v/X?id=123")
    'http://example.com/r%20v/X'
    """
    return parse_url(url).base


def normalize_parameters(pairs: Iterable[tuple[str, str]]) -> str:
    """Encode, sort and join parameters (RFC 5849 section 3.4.1.3.2).

    Args:
        pairs: All names and values, decoded. A repeated name comes as often as it is sent.

    Raises:
        SigningError: If a string has a lone surrogate, which UTF-8 cannot encode.

    >>> normalize_parameters([("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a3", "2 q")])
    'a3=2%20q&a3=a&b5=%3D%253D&c%40='
    """
    return join_normalized([(percent_encode(name), percent_encode(value)) for name, value in pairs])


def join_normalized(encoded: list[tuple[str, str]], *, natural: bool = False) -> str:
    """Sort and join encoded pairs by their bytes, or in PHP's natural order; names first."""
    ordered = sorted(encoded, key=natural_key) if natural else sorted(encoded)
    return "&".join([f"{name}={value}" for name, value in ordered])


def join_pairs(pairs: list[str]) -> str:
    """Sort and join encoded pairs, written as `name=value` with one equals sign each; names first."""
    return "&".join(sorted(pairs, key=_name_first))


def _name_first(pair: str) -> str:
    return pair.replace("=", "\0", 1)  # below every character of a name, so a shorter name comes first


def encode_normalized(normalized: str) -> str:
    """Encode normalised parameters once more, for the base string (RFC 5849 section 3.4.1.1).

    Besides unreserved characters they have `%`, `=` and `&` only, so three replacements are enough.
    """
    return normalized.replace("%", "%25").replace("=", "%3D").replace("&", "%26")


@lru_cache(_STARTS_KEPT)
def base_string_prefix(method: str, url: str, scheme: str | None = None, origin: str | None = None) -> str:
    """Return method and URI of the base string, each with its `&` (RFC 5849 section 3.4.1.1).

    Many requests share them, so the latest are cached.

    Args:
        method: The request method, in any case.
        url: The URL without query and fragment.
        scheme: The scheme to sign instead of the URL's.
        origin: The scheme, host and port to sign instead of the URL's; its path goes before the URL's.

    Raises:
        SigningError: If the method is not an HTTP token, or the URL cannot be signed.
    """
    if not _METHOD.fullmatch(method) or method.upper() == "CONNECT":  # which asks for a host, not for a URL
        raise SigningError(f"invalid HTTP method: {method!r}")
    target = parse_url(url)
    if origin is not None:
        signed = parse_url(origin)
        path = signed.path.removesuffix("/") + target.path
        target = target._replace(scheme=signed.scheme, host=signed.host, path=path)
    if scheme is not None:
        target = target._replace(scheme=scheme)
    return f"{percent_encode(method.upper())}&{percent_encode(target.base)}&"
