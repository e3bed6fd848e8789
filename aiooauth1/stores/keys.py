"""Names of providers, users and request tokens, as bytes and as the keys of records. Pure."""

from __future__ import annotations

import base64
import hashlib
import re


__all__ = ["check_key", "check_names", "name_bytes", "name_from_bytes", "record_key", "text_digest"]

# What a key holds unchanged: no separator, no pattern character, no cluster hash tag, no "~".
_HARMLESS = re.compile(r"[A-Za-z0-9._@+-]{1,64}")


def check_names(**names: object) -> None:
    """Refuse a name that is not text: some databases take 7 and "7" for the same, others do not.

    Args:
        names: What the names are of, and the names.

    Raises:
        TypeError: If one of them is not a `str`.

    >>> check_names(provider="x", user="7")
    """
    for what, name in names.items():
        if not isinstance(name, str):
            raise TypeError(
                f"{what} must be a str, not {type(name).__name__}: write str({what}) for your own id"
            )


def check_key(key: object, what: str = "key") -> None:
    """Refuse a key that is not text: it equals no token's key, so the call would silently do nothing.

    Args:
        key: The key.
        what: The name of the argument.

    Raises:
        TypeError: If it is not a `str`.

    >>> check_key("nnch734d00sl2jdk")
    """
    if not isinstance(key, str):
        raise TypeError(f"{what} must be a token's key, a str, not {type(key).__name__}: write token.key")


def name_bytes(name: str) -> bytes:
    r"""Encode a name. Any `str` is accepted, with lone surrogates too.

    Args:
        name: Any text.

    Returns:
        Its UTF-8, in which a lone surrogate is kept.

    >>> name_bytes("Zoë")
    b'Zo\xc3\xab'
    """
    return name.encode("utf-8", "surrogatepass")


def name_from_bytes(encoded: object) -> str | None:
    r"""Read what `name_bytes` wrote.

    Args:
        encoded: The bytes, or anything else that a store holds in their place.

    Returns:
        The name, or None if it is not one.

    >>> name_from_bytes(b"Zo\xc3\xab")
    'Zoë'
    """
    if not isinstance(encoded, bytes):
        return None
    try:
        return encoded.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def record_key(*parts: str) -> str:
    """Join names into one key. Different names give different keys.

    A short part of harmless characters is kept, any other is replaced by its SHA-256. So a key followed by
    `:` is a prefix of all keys that begin with the same parts, and nothing in it is special in a pattern.

    Args:
        parts: One or more names: any text of any length.

    Returns:
        The key: ASCII, at most 64 characters a part and `:` between them.

    Raises:
        ValueError: If there is no part.

    >>> record_key("access", "x", "ann@example.org")
    'access:x:ann@example.org'
    >>> record_key("access", "x:ann", "*")
    'access:~F4149TddtjFTOGhMqzgabbk19XuPZbHDV9EmqXWsq5g:~aEiIwOuxfzdCmLZe4oB1JsBmCUxwG8x-u-HBCV9JT8E'
    """
    if not parts:
        raise ValueError("record_key() needs at least one name")
    return ":".join([part if _HARMLESS.fullmatch(part) else text_digest(part) for part in parts])


def text_digest(text: str) -> str:
    """Return 44 harmless characters that stand for a text of any length in a key.

    Args:
        text: Any text.

    Returns:
        `~` and the URL-safe base64 of its SHA-256.

    >>> text_digest("ann")
    '~SZFeDX1LQC4wF9AQvBwOg8rGx5fWwW5mNA_jJoaTpqE'
    """
    digest = hashlib.sha256(name_bytes(text)).digest()
    return "~" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
