"""A provider as text: every field comes back, and nothing else is read."""

from __future__ import annotations

from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from aiooauth1 import Provider
from aiooauth1.signing import HMAC_SHA256, SigningRules
from aiooauth1.signing.rsa import RSA_SHA1
from aiooauth1.testing.process.provider_json import dump_provider, load_provider


PROVIDERS = {
    "plain": Provider("plain"),
    "of its own kind": Provider(
        "photos",
        base_url="https://photos.example/v1/",
        origins=("https://up.photos.example",),
        signature_method=HMAC_SHA256,
        realm="photos",
        rules=SigningRules(send_version=False, signed_origin="https://behind.photos.example"),
        request_params={"scope": "read write"},
        authorize_params={"perms": "write"},
        request_token_method="GET",
        placement="query",
        sunset=date(2026, 1, 31),
    ),
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_survives_dump_and_load(name: str) -> None:
    assert load_provider(dump_provider(PROVIDERS[name])) == PROVIDERS[name]


def test_a_method_with_a_key_is_refused() -> None:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(ValueError, match="cannot verify RSA-SHA1"):
        dump_provider(Provider("keyed", signature_method=RSA_SHA1(key)))


PLAIN = '{"signature_method": "PLAINTEXT", "name": "a", "rate_limits": [], "rules": '


@pytest.mark.parametrize(
    "text",
    [
        *["", "nonsense", "1", "null", "[]", "{}", PLAIN.replace("PLAINTEXT", "RSA-SHA1") + "{}}"],
        *[
            PLAIN + end
            for end in ('[], "sunset": null}', '{}, "sunset": 7}', '{}, "sunset": null, "more": 1}')
        ],
    ],
)
def test_other_json_is_a_value_error(text: str) -> None:
    """So that a command line that holds it is told to be wrong, without a traceback."""
    assert load_provider(PLAIN + '{}, "sunset": null}').name == "a"
    with pytest.raises(ValueError, match=r"not a provider as written|Expecting value"):
        load_provider(text)
