"""Reads the OAuth parameters of a received request, and builds its signature base string.

This is a second implementation of RFC 5849 section 3.4, on the bytes that a server gets. It shares no code
with the signer, so a fault in either shows as a refused signature.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cmp_to_key
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from aiooauth1.providers.provider import RFC_5849
from aiooauth1.testing.fake_provider.errors import RefusalError
from aiooauth1.testing.fake_provider.request import (
    encode,
    is_form,
    parse_authorization,
    parse_form,
    text_fields,
)


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiooauth1.providers.provider import Provider
    from aiooauth1.testing.fake_provider.request import Pairs, ReceivedRequest


__all__ = [
    "PROTOCOL_PARAMETERS",
    "SignedRequest",
    "as_php_arrays",
    "base_string_uri",
    "read_signed_request",
    "received_base_string",
]

PROTOCOL_PARAMETERS = frozenset(
    {
        b"oauth_body_hash",
        b"oauth_callback",
        b"oauth_consumer_key",
        b"oauth_nonce",
        b"oauth_signature",
        b"oauth_signature_method",
        b"oauth_timestamp",
        b"oauth_token",
        b"oauth_verifier",
        b"oauth_version",
    }
)
"""The parameters that must come at most once, and all in one place (RFC 5849 sections 3.1 and 3.5). All
others belong to the application, also if their names begin with `oauth_`."""


_DEFAULT_PORTS = {"http": b"80", "https": b"443"}


@dataclass(frozen=True, slots=True, repr=False)
class SignedRequest:
    """The OAuth parameters of a request.

    Args:
        place: Where its protocol parameters are: `header`, `query`, `form`, or `""` if it has none.
        parameters: The protocol parameters.
        base_string: The signature base string, built from the received bytes.
    """

    place: str
    parameters: Mapping[str, str]
    base_string: bytes


def base_string_uri(scheme: str, host: bytes, target: bytes) -> bytes:
    """Build the base string URI (RFC 5849 section 3.4.1.2).

    >>> base_string_uri("http", b"EXAMPLE.COM:80", b"/r%20v/X?id=123")
    b'http://example.com/r%20v/X'
    """
    path = target.partition(b"?")[0]
    if not path.startswith(b"/"):
        # The absolute form, as sent to a proxy: its authority overrides Host (RFC 9112 section 3.2.2).
        _, authority, rest = path.partition(b"://")
        if authority:
            host, slash, path = rest.partition(b"/")
            path = slash + path
    name, colon, port = host.lower().rpartition(b":")
    if not colon or port.endswith(b"]"):  # no port; the last colon of an IPv6 address is none
        name = host.lower()
    elif port not in (b"", _DEFAULT_PORTS[scheme]):
        name = name + b":" + port
    return scheme.encode("ascii") + b"://" + name + (path or b"/")


def as_php_arrays(pairs: Pairs) -> Pairs:
    """Number the names that end in `[]`, and keep only the last pair of a repeated name.

    >>> as_php_arrays([(b"a[]", b"x"), (b"a[]", b"y"), (b"b", b"1"), (b"b", b"2")])
    [(b'a[0]', b'x'), (b'a[1]', b'y'), (b'b', b'2')]
    """
    numbers: Counter[bytes] = Counter()
    kept = {}
    for given, value in pairs:
        name = given
        if given.endswith(b"[]"):
            name = given[:-1] + b"%d]" % numbers[given]
            numbers[given] += 1
        kept[name] = value
    return list(kept.items())


def _strnatcmp(a: str, b: str) -> int:
    """Compare as PHP 8's `strnatcmp` does, character by character; encoded texts have no white space."""
    i, j = _first_after_zeros(a), _first_after_zeros(b)
    while i < len(a) and j < len(b):
        if a[i].isdigit() and b[j].isdigit():
            is_fraction, bias = "0" in {a[i], b[j]}, 0
            while i < len(a) and a[i].isdigit() and j < len(b) and b[j].isdigit():
                if a[i] != b[j] and not bias:
                    bias = -1 if a[i] < b[j] else 1
                    if is_fraction:
                        return bias
                i, j = i + 1, j + 1
            more, less = i < len(a) and a[i].isdigit(), j < len(b) and b[j].isdigit()
            if more or less or bias:
                return more - less or bias
        elif a[i] != b[j]:
            return -1 if a[i] < b[j] else 1
        else:
            i, j = i + 1, j + 1
    return (i < len(a)) - (j < len(b))


def _compare_naturally(a: tuple[str, str], b: tuple[str, str]) -> int:
    return _strnatcmp(a[0], b[0]) or _strnatcmp(a[1], b[1])


def _first_after_zeros(text: str) -> int:
    at = 0
    while text[at : at + 1] == "0" and text[at + 1 : at + 2].isdigit():
        at += 1
    return at


def received_base_string(received: ReceivedRequest, *sources: Pairs, like: Provider = RFC_5849) -> bytes:
    """Build the signature base string (RFC 5849 section 3.4.1.1)."""
    hosts = received.values(b"host")
    if len(hosts) != 1:
        raise RefusalError("parameter_rejected", f"a request has one Host header, this one has {len(hosts)}")
    bare = PROTOCOL_PARAMETERS if like.rules.bare_values else frozenset()
    again = unquote_to_bytes if like.rules.decodes_twice else bytes
    pairs: list[tuple[str, str]] = sorted(
        (encode(again(name)), again(value).decode("latin-1") if name in bare else encode(again(value)))
        for source in sources
        for name, value in source
        if name != b"oauth_signature"
    )
    if like.rules.natural_order:
        pairs.sort(key=cmp_to_key(_compare_naturally))
    parameters = encode("&".join([f"{name}={value}" for name, value in pairs]).encode("latin-1"))
    scheme, host, target = received.scheme, hosts[0], received.target
    if like.rules.signed_origin is not None:
        scheme, _, inner = like.rules.signed_origin.partition("://")
        host, slash, prefix = inner.rstrip("/").encode("ascii").partition(b"/")
        # A target in absolute form has an authority of its own, which this provider does not look at.
        target = (
            received.target if received.target.startswith(b"/") else b"/" + received.target.split(b"/", 3)[3]
        )
        target = slash + prefix + target
    uri = base_string_uri(like.rules.signed_scheme or scheme, host, target)
    return f"{encode(received.method.upper().encode())}&{encode(uri)}&{parameters}".encode("ascii")


def read_signed_request(received: ReceivedRequest, like: Provider = RFC_5849) -> SignedRequest:
    """Find the OAuth parameters of a request and build its signature base string."""
    headers = [
        pairs
        for value in received.values(b"authorization")
        if (pairs := parse_authorization(value)) is not None
    ]
    if len(headers) > 1:
        raise RefusalError(
            "parameter_rejected", "there is more than one Authorization header with the scheme OAuth"
        )
    sources = {
        "header": headers[0] if headers else [],
        "query": parse_form(received.target.partition(b"?")[2]),
        "form": parse_form(received.body) if is_form(received) else [],
    }
    found = {
        place: own
        for place, pairs in sources.items()
        if (own := [pair for pair in pairs if pair[0] in PROTOCOL_PARAMETERS])
    }
    if len(found) > 1:
        names = sorted({name.decode() for own in found.values() for name, _ in own})
        raise RefusalError(
            "parameter_rejected",
            f"the OAuth parameters are in {' and '.join(found)}: one place is right (RFC 5849 section 3.5)",
            ("oauth_parameters_rejected", "&".join(names)),
        )
    place, own = next(iter(found.items()), ("", []))
    parameters: dict[str, str] = {}
    for raw_name, value in own:
        name = raw_name.decode("ascii")
        if name in parameters:
            raise RefusalError(
                "parameter_rejected",
                f"{name} comes more than once (RFC 5849 section 3.1)",
                ("oauth_parameters_rejected", name),
            )
        try:
            parameters[name] = value.decode("utf-8")
        except UnicodeDecodeError:
            raise RefusalError(
                "parameter_rejected", f"{name} is not UTF-8", ("oauth_parameters_rejected", name)
            ) from None
    if like.sign_multipart_text:
        sources["form"] += text_fields(received)
    if like.php_arrays:
        sources |= {name: as_php_arrays(sources[name]) for name in ("query", "form")}
    base_string = received_base_string(received, *sources.values(), like=like) if place else b""
    return SignedRequest(place, MappingProxyType(parameters), base_string)
