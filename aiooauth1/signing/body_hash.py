"""The hash of a body that is not a form (OAuth Request Body Hash extension)."""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from typing import TYPE_CHECKING

from aiooauth1.errors import SigningError


if TYPE_CHECKING:
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["body_hash_value"]


def body_hash_value(method: SignatureMethod, body: bytes) -> str:
    """Hash a body for `oauth_body_hash` (OAuth Request Body Hash extension, section 3.2).

    The hash is the one of the method, or SHA-1 if the method has none.

    Raises:
        SigningError: If `hashlib` has no such hash.

    >>> from aiooauth1.signing.methods import HMAC_SHA1
    >>> body_hash_value(HMAC_SHA1, b"Hello World!")
    'Lve95gjOVATpfV8EL5X4nxwjKHE='
    """
    name = getattr(method, "hash_name", "sha1")
    if name not in hashlib.algorithms_available:
        raise SigningError(
            f"the signature method {method.name} names the hash {name!r}, which hashlib does not have: set"
            " hash_name to one that it has"
        )
    digest = hashlib.new(name, body).digest()
    return b2a_base64(digest, newline=False).decode()
