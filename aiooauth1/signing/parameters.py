"""What is signed beside method and URL: the parameter sources (RFC 5849 section 3.4.1.3.1), checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import refuse_no_url_character
from aiooauth1.signing.encoding import encode_form, encoded_pairs
from aiooauth1.signing.signature import SIGNATURE


if TYPE_CHECKING:
    from collections.abc import Container, Iterable


__all__ = ["PROTOCOL", "extra_pairs", "form_octets", "nonce_text", "sent_elsewhere", "timestamp_text"]

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
        SigningError: If it is no text.
    """
    if not isinstance(nonce, str):
        raise SigningError(f"the nonce must be a text, not {type(nonce).__name__}")
    return nonce


def timestamp_text(timestamp: int) -> str:
    """Return the timestamp in decimal digits.

    Raises:
        SigningError: If it is no whole number of seconds since the epoch.
    """
    if type(timestamp) is not int or not 0 <= timestamp < _LAST_TIMESTAMP:
        raise SigningError("the timestamp must be a whole number of seconds, not negative")
    return str(timestamp)


def form_octets(form: bytes | Iterable[tuple[str, str]] | None) -> bytes | None:
    """Return a form as it goes over the wire.

    Args:
        form: Its octets; or pairs, to be written; or None.

    Raises:
        SigningError: If it is something else, or a text has no UTF-8 form.
    """
    if form is None or isinstance(form, bytes):
        return form
    return encode_form(_pairs(form, "form")).encode()


def extra_pairs(extra: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return more parameters that are signed and sent beside the `oauth_` ones.

    Raises:
        SigningError: If they are no pairs of texts, or one of them is the protocol's own.
    """
    pairs = _pairs(extra, "extra")
    for name, _ in pairs:
        if name in PROTOCOL or name in {SIGNATURE, "realm"}:
            raise SigningError(f"extra has {name!r}, which has a parameter of its own")
    return pairs


def sent_elsewhere(
    position: int, query: str, form: bytes | None, ours: Container[str]
) -> list[tuple[str, str]]:
    """Return the pairs of query and form, encoded; a stale signature in them is sent but never signed.

    Args:
        position: Where in the URL the `?` is, or would be.
        query: The query without it.
        form: The body, if it is a form.
        ours: The names of the protocol parameters that go out with the signature, encoded.

    Raises:
        SigningError: If a character cannot stand in a URL, or one of those names is sent here too.
    """
    if query:
        refuse_no_url_character(query, position + 1)
    encoded = []
    for where, octets in (("query", query.encode()), ("form", form)):
        if not octets:
            continue
        for pair in encoded_pairs(octets):
            name = pair[0]
            if name in ours and name in PROTOCOL:
                # RFC 5849 section 3.1: a parameter of the protocol is sent once.
                raise SigningError(f"the {where} has {name!r}, which goes out with the signature as well")
            if name != SIGNATURE:
                encoded.append(pair)
    return encoded


def _pairs(given: Iterable[tuple[str, str]], what: str) -> list[tuple[str, str]]:
    # A mapping could not repeat a name, and a text would be taken letter by letter.
    if isinstance(given, (Mapping, str, bytes)):
        raise SigningError(f"{what} must be pairs of texts, not a {type(given).__name__}")
    pairs = []
    for item in given:
        if not isinstance(item, (tuple, list)) or not all(isinstance(text, str) for text in item):
            raise SigningError(f"{what} must be pairs of texts: one of its items is not")
        if len(item) != 2:  # noqa: PLR2004  a pair
            raise SigningError(f"{what} must be pairs of texts: one of its items has {len(item)}")
        pairs.append((item[0], item[1]))
    return pairs
