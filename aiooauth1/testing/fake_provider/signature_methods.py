"""Verifies signatures: one function for each signature method, by the method's name.

To let a FakeProvider verify another method, pass `signature_methods=` with one more entry.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiooauth1.testing.fake_provider.errors import RefusalError
from aiooauth1.testing.fake_provider.request import encode, is_form


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiooauth1.providers.provider import Provider
    from aiooauth1.testing.fake_provider.base_string import SignedRequest
    from aiooauth1.testing.fake_provider.request import ReceivedRequest


__all__ = ["VERIFIERS", "Verifier", "check_body_hash", "verifiers_of"]

Verifier = Callable[[bytes, str, str, str], bool]
"""Takes base string, signature, consumer secret and token secret (`""` without a token), and returns whether
the signature is valid. It compares in constant time."""


def _key(consumer_secret: str, token_secret: str) -> bytes:
    """Build the key of HMAC, which is PLAINTEXT's whole signature (RFC 5849 sections 3.4.2 and 3.4.4)."""
    return f"{encode(consumer_secret.encode())}&{encode(token_secret.encode())}".encode("ascii")


def _hmac(digest: str) -> Verifier:
    """Make the verifier of an HMAC method (RFC 5849 section 3.4.2)."""

    def verify(base_string: bytes, signature: str, consumer_secret: str, token_secret: str) -> bool:
        right = base64.b64encode(hmac.digest(_key(consumer_secret, token_secret), base_string, digest))
        return hmac.compare_digest(right, signature.encode())

    return verify


def _plaintext(_base_string: bytes, signature: str, consumer_secret: str, token_secret: str) -> bool:
    """Verify PLAINTEXT (RFC 5849 section 3.4.4)."""
    return hmac.compare_digest(_key(consumer_secret, token_secret), signature.encode())


VERIFIERS: Mapping[str, Verifier] = MappingProxyType(
    {
        "HMAC-SHA1": _hmac("sha1"),
        "HMAC-SHA256": _hmac("sha256"),
        "HMAC-SHA512": _hmac("sha512"),
        "PLAINTEXT": _plaintext,
    }
)
"""The signature methods that a FakeProvider verifies by default."""


def verifiers_of(like: Provider | None) -> Mapping[str, Verifier]:
    """Return the signature methods that a FakeProvider verifies by default."""
    if like is None:
        return VERIFIERS
    name = like.signature_method.name
    if name not in VERIFIERS:
        raise ValueError(f"FakeProvider cannot verify {name}: pass signature_methods={{{name!r}: …}}")
    return {name: VERIFIERS[name]}


def check_body_hash(received: ReceivedRequest, signed: SignedRequest) -> None:
    """Check `oauth_body_hash`, if there is one (the Request Body Hash extension)."""
    given = signed.parameters.get("oauth_body_hash")
    if given is None:
        return
    if is_form(received):
        raise RefusalError(
            "parameter_rejected",
            "oauth_body_hash must not come with a form body, whose parameters are signed themselves",
            ("oauth_parameters_rejected", "oauth_body_hash"),
        )
    # The extension defines SHA-1 for the SHA-1 methods. Newer methods use their own hash.
    name = "sha" + signed.parameters["oauth_signature_method"].rpartition("-SHA")[2]
    digest = hashlib.new(name if name in {"sha256", "sha512"} else "sha1", received.body)
    if not hmac.compare_digest(base64.b64encode(digest.digest()), given.encode()):
        raise RefusalError(
            "signature_invalid", f"oauth_body_hash is not the {digest.name} of the body that arrived"
        )
