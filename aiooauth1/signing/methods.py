"""Signature methods: they make a signature of a base string and two secrets (RFC 5849 section 3.4)."""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from aiooauth1.signing.encoding import percent_encode


if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = [
    "HMAC_SHA1",
    "HMAC_SHA256",
    "HMAC_SHA512",
    "PLAINTEXT",
    "Hmac",
    "Plaintext",
    "SignatureMethod",
    "keyed",
    "method_of",
]


_INNER_PAD, _OUTER_PAD = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


class SignatureMethod(Protocol):
    """**Protocol:** a way to sign. Write your own by giving a class these two members; `sign` must be pure.

    A method may have three more: `hash_name`, `hashlib`'s name for the hash of the body hash; `takes_long`,
    whether signing takes so long that it belongs in a thread; and `keyed(consumer_secret, token_secret)`,
    which returns a function from base strings to signatures, so that the key is prepared once.
    """

    @property
    def name(self) -> str:
        """What goes over the wire as `oauth_signature_method`, for example `HMAC-SHA1`."""

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        """Return the signature, not percent-encoded.

        Args:
            base_string: The signature base string, ASCII.
            consumer_secret: The consumer's secret, not encoded.
            token_secret: The token's secret, not encoded; empty if the request has no token.
        """


def _key(consumer_secret: str, token_secret: str) -> str:
    # Section 3.4.2: the ampersand is there even if a secret is empty.
    return f"{percent_encode(consumer_secret)}&{percent_encode(token_secret)}"


@dataclass(frozen=True, slots=True)
class Hmac:
    """A keyed hash of the base string, in base64 (RFC 5849 section 3.4.2).

    Args:
        name: The method's name on the wire.
        hash_name: What `hashlib` calls its hash.

    >>> HMAC_SHA1.sign("GET&http%3A%2F%2Fexample.com%2F&a%3D1", "secret", "")
    'FzD+oDbrR8vsvGBG7/aBAID1Ocg='
    """

    name: str
    hash_name: str

    def keyed(self, consumer_secret: str, token_secret: str) -> Callable[[str], str]:
        """Return a function from base strings to signatures. The key is prepared once, here."""
        return self.keyed_with(_key(consumer_secret, token_secret).encode())

    def keyed_with(self, key: bytes) -> Callable[[str], str]:
        """Return the same function for the bytes of a key."""
        # RFC 2104 section 2, with the two key blocks hashed once: copying both costs less than an hmac.
        hashed = partial(hashlib.new, self.hash_name)
        size = hashed().block_size
        block = (hashed(key).digest() if len(key) > size else key).ljust(size, b"\0")
        inner, outer = (hashed(block.translate(pad)) for pad in (_INNER_PAD, _OUTER_PAD))

        def value(base_string: str) -> str:
            first, second = inner.copy(), outer.copy()
            first.update(base_string.encode())
            second.update(first.digest())
            return b2a_base64(second.digest(), newline=False).decode()

        return value

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        """Sign one base string."""
        return self.keyed(consumer_secret, token_secret)(base_string)


@dataclass(frozen=True, slots=True)
class Plaintext:
    """Both secrets themselves (RFC 5849 section 3.4.4). Only TLS protects them."""

    name: str = "PLAINTEXT"

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:  # noqa: ARG002  by protocol
        """Return both secrets, encoded and joined."""
        return _key(consumer_secret, token_secret)


HMAC_SHA1 = Hmac("HMAC-SHA1", "sha1")
HMAC_SHA256 = Hmac("HMAC-SHA256", "sha256")
HMAC_SHA512 = Hmac("HMAC-SHA512", "sha512")
PLAINTEXT = Plaintext()


_BY_NAME = MappingProxyType({one.name: one for one in (HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT)})


def method_of(given: SignatureMethod | str) -> SignatureMethod:
    """Return a signature method, which may be given by its name if it needs no key.

    Raises:
        TypeError: If it is not a method and not such a name.

    >>> method_of("HMAC-SHA256").name
    'HMAC-SHA256'
    """
    if isinstance(given, str):
        if given not in _BY_NAME:
            raise TypeError(
                f"no signature method is called {given!r}: give one of {', '.join(_BY_NAME)}, or"
                " aiooauth1.signing.rsa.RSA_SHA1(key) and the like"
            )
        return _BY_NAME[given]
    if isinstance(given, type) or not hasattr(given, "name") or not hasattr(given, "sign"):
        raise TypeError(f"signature_method must be a SignatureMethod or its name, not {given!r}")
    return given


def keyed(method: SignatureMethod, consumer_secret: str, token_secret: str) -> Callable[[str], str]:
    """Bind a method to its secrets, and let it prepare its key if it can."""
    prepare: Callable[[str, str], Callable[[str], str]] | None = getattr(method, "keyed", None)
    if prepare is not None:
        return prepare(consumer_secret, token_secret)
    return lambda base_string: method.sign(base_string, consumer_secret, token_secret)
