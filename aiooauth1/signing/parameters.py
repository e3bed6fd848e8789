"""The sources of signed parameters, checked (RFC 5849 section 3.4.1.3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import check_url_characters
from aiooauth1.signing.encoding import encode_form, encoded_pairs, plain_pairs
from aiooauth1.signing.signature import SIGNATURE


if TYPE_CHECKING:
    from collections.abc import Container


__all__ = [
    "PROTOCOL",
    "extra_pairs",
    "form_bytes",
    "nonce_text",
    "plain_parameters",
    "request_parameters",
    "timestamp_text",
]

PROTOCOL = frozenset(
    {
        "oauth_body_hash",
        "oauth_callback",
        "oauth_consumer_key",
        "oauth_nonce",
        "oauth_signature_method",
        "oauth_timestamp",
        "oauth_token",
        "oauth_verifier",
        "oauth_version",
    }
)
_LAST_TIMESTAMP = 2**64


def nonce_text(nonce: str) -> str:
    """Return the nonce.

    Raises:
        SigningError: If it is not a str.
    """
    if not isinstance(nonce, str):
        raise SigningError(f"nonce must be a str, not {type(nonce).__name__}")
    return nonce


def timestamp_text(timestamp: int) -> str:
    """Return the timestamp in decimal digits.

    Raises:
        SigningError: If it is not a whole number of seconds since the epoch.
    """
    if type(timestamp) is not int or not 0 <= timestamp < _LAST_TIMESTAMP:
        raise SigningError("the timestamp must be a whole number of seconds since the epoch, 0 or more")
    return str(timestamp)


def form_bytes(form: bytes | Iterable[tuple[str, str]] | None) -> bytes | None:
    """Return a form as it is sent.

    Args:
        form: Its bytes, pairs to be encoded, or None.

    Raises:
        SigningError: If it is something else, or a string has a lone surrogate.
    """
    if form is None or isinstance(form, bytes):
        return form
    return encode_form(_pairs(form, "form")).encode()


def extra_pairs(extra: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Check the extra parameters, which are signed and sent with the `oauth_` ones.

    Raises:
        SigningError: If they are not pairs of str, or one belongs to the protocol.
    """
    pairs = _pairs(extra, "extra")
    for name, _ in pairs:
        if name in PROTOCOL or name in {SIGNATURE, "realm"}:
            raise SigningError(f"extra has {name!r}, which has its own argument: use that")
    return pairs


def request_parameters(
    position: int, query: str, form: bytes | None, ours: Container[str]
) -> list[tuple[str, str]]:
    """Return the encoded pairs of query and form, except an old `oauth_signature`, which is never signed.

    Args:
        position: The position of the `?` in the URL, or of its end.
        query: The query, without its `?`.
        form: The body if it is a form, else None.
        ours: The names of the parameters that go out with the signature, encoded.

    Raises:
        SigningError: If the query has a character outside RFC 3986, or query or form has one of those names.
    """
    if query:
        check_url_characters(query, position + 1)
    encoded = []
    for where, raw in (("query", query.encode()), ("form", form)):
        if not raw:
            continue
        for pair in encoded_pairs(raw):
            name = pair[0]
            if name in ours and name in PROTOCOL:
                # RFC 5849 section 3.1: a parameter of the protocol is sent once.
                raise SigningError(f"the {where} has {name!r}, which the signature sends too: take it out")
            if name != SIGNATURE:
                encoded.append(pair)
    return encoded


def plain_parameters(query: str, form: bytes | None) -> list[str] | None:
    """Return the pairs of query and form as `name=value`, if they can be signed as they stand; else None.

    Args:
        query: The query without its `?`.
        form: The body if it is a form, else None.
    """
    found: list[str] = []
    for raw in (query.encode(), form):
        if not raw:
            continue
        if b"oauth_" in raw or (pairs := plain_pairs(raw)) is None:
            return None
        found += pairs
    return found


def _pairs(given: Iterable[tuple[str, str]], what: str) -> list[tuple[str, str]]:
    # A mapping cannot repeat a name, and a str would be read letter by letter.
    if isinstance(given, (Mapping, str, bytes)) or not isinstance(given, Iterable):
        raise SigningError(f"{what} must be pairs of str, not a {type(given).__name__}")
    pairs = []
    for item in given:
        if not isinstance(item, (tuple, list)) or not all(isinstance(text, str) for text in item):
            raise SigningError(f"{what} must be pairs of str: one of its items is not")
        if len(item) != 2:  # noqa: PLR2004  a pair
            raise SigningError(f"{what} must be pairs of str: one of its items has {len(item)}")
        pairs.append((item[0], item[1]))
    return pairs
