from __future__ import annotations

import base64
import hashlib

import pytest
from measured import Measured

from aiooauth1.errors import SigningError
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT
from aiooauth1.signing.body_hash import body_hash_value
from aiooauth1.signing.methods import Hmac


METHODS = ((HMAC_SHA1, "sha1"), (HMAC_SHA256, "sha256"), (HMAC_SHA512, "sha512"), (PLAINTEXT, "sha1"))


@pytest.mark.parametrize("body", [b"", b"Hello World!", b'{"k":[1,2,3]}', bytes(range(256)), b"a=1&b=2"])
def test_the_body_hash_is_the_methods_own_and_sha1_for_plaintext(body: bytes) -> None:
    for method, hash_name in METHODS:
        expected = base64.b64encode(hashlib.new(hash_name, body).digest()).decode()
        assert body_hash_value(method, body) == expected


def test_a_hash_that_hashlib_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(SigningError, match="HMAC-X names the hash 'sha-x'"):
        body_hash_value(Hmac("HMAC-X", "sha-x"), b"")


def test_the_body_hash_example_of_its_draft_holds() -> None:
    assert body_hash_value(HMAC_SHA1, b"Hello World!") == "Lve95gjOVATpfV8EL5X4nxwjKHE="


def test_a_custom_method_without_a_hash_hashes_bodies_with_sha1() -> None:
    assert body_hash_value(Measured(), b"body") == body_hash_value(HMAC_SHA1, b"body")
