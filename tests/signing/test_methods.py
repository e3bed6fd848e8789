from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

import pytest
from measured import Measured

from aiooauth1 import AccessToken, Consumer
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT, Signer
from aiooauth1.signing.methods import keyed


if TYPE_CHECKING:
    from aiooauth1.signing import SignatureMethod


ALL: tuple[SignatureMethod, ...] = (HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT)
KEYED_HASHES: list[tuple[SignatureMethod, str]] = [
    (HMAC_SHA1, "sha1"), (HMAC_SHA256, "sha256"), (HMAC_SHA512, "sha512")
]  # fmt: skip
BASE = "GET&http%3A%2F%2Fexample.com%2F&a%3D1"
SECRETS = [
    ("kd94hf93k423kf44", "pfkkdhi9sl3r4s00", b"kd94hf93k423kf44&pfkkdhi9sl3r4s00"),
    ("kd94hf93k423kf44", "", b"kd94hf93k423kf44&"),
    ("", "pfkkdhi9sl3r4s00", b"&pfkkdhi9sl3r4s00"),
    ("", "", b"&"),
    ("a&b=c+d/e?f#g%h i", "&=%+ ", b"a%26b%3Dc%2Bd%2Fe%3Ff%23g%25h%20i&%26%3D%25%2B%20"),
    ("é☃", "%7E~", b"%C3%A9%E2%98%83&%257E~"),
    ("k" * 300, "z", b"k" * 300 + b"&z"),  # longer than a block: the hash of it is the key
]


def test_each_method_has_the_name_that_is_sent() -> None:
    assert [method.name for method in ALL] == ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"]


@pytest.mark.parametrize(("method", "hash_name"), KEYED_HASHES)
def test_the_value_is_that_of_hmac_for_every_key_length(method: SignatureMethod, hash_name: str) -> None:
    """Keys shorter than a block, as long, and longer, for which their hash is the key."""
    for length in range(300):
        prepared = keyed(method, "k" * length, "z")
        for base_string in ("", BASE, "x" * length):
            right = hmac.digest(b"k" * length + b"&z", base_string.encode(), hash_name)
            assert prepared(base_string) == base64.b64encode(right).decode()


@pytest.mark.parametrize(("consumer_secret", "token_secret", "key"), SECRETS)
@pytest.mark.parametrize(("method", "hash_name"), KEYED_HASHES)
def test_the_key_is_both_encoded_secrets_around_an_ampersand(
    method: SignatureMethod, hash_name: str, consumer_secret: str, token_secret: str, key: bytes
) -> None:
    expected = base64.b64encode(hmac.digest(key, BASE.encode(), hash_name)).decode()
    assert method.sign(BASE, consumer_secret, token_secret) == expected


@pytest.mark.parametrize(("consumer_secret", "token_secret", "key"), SECRETS)
def test_plaintext_is_the_key_itself_whatever_is_signed(
    consumer_secret: str, token_secret: str, key: bytes
) -> None:
    for base_string in (BASE, ""):
        assert PLAINTEXT.sign(base_string, consumer_secret, token_secret) == key.decode()


@pytest.mark.parametrize("method", ALL, ids=lambda method: method.name)
def test_a_key_prepared_once_signs_any_number_of_base_strings(method: SignatureMethod) -> None:
    value = keyed(method, "cs&", "ts é")
    base_strings = [BASE, "POST&b&", BASE, "", "x" * 10_000]
    assert [value(text) for text in base_strings] == [
        method.sign(text, "cs&", "ts é") for text in base_strings
    ]


def test_a_custom_method_plugs_in() -> None:
    consumer, token = Consumer("ck", "four"), AccessToken("tk", "seven77")
    signer = Signer(consumer, token, signature_method=Measured())
    signature = signer.finish(signer.prepare("GET", "http://h/?z=1", nonce="n", timestamp=1))
    assert signature.value == f"{len(signature.base_string)}: 4+7"
    assert "oauth_signature_method%3DX-MEASURED" in signature.base_string
    assert 'oauth_signature_method="X-MEASURED"' in signature.header()
    assert f'oauth_signature="{len(signature.base_string)}%3A%204%2B7"' in signature.header()
