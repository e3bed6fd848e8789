"""The signature methods that each judge verifies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from vectors import VECTORS

from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT
from aiooauth1.signing.rsa import RSA_SHA1, RSA_SHA256, RSA_SHA512
from judges.authlib_judge import AuthlibJudge
from judges.oauthlib_judge import OauthlibJudge


if TYPE_CHECKING:
    from aiooauth1.signing import SignatureMethod
    from judges.judge import Judge


__all__ = ["PEM", "PUBLIC_PEM", "by_authlib", "by_method", "by_oauthlib", "by_rsa_method"]

PEM: str = VECTORS["rsa_keys"]["test2048"]["private_pem"]
PUBLIC_PEM: str = VECTORS["rsa_keys"]["test2048"]["public_pem"]

# oauthlib verifies RSA through PyJWT; Authlib knows HMAC-SHA1, RSA-SHA1 and PLAINTEXT alone.
_RSA: list[tuple[type[Judge], SignatureMethod]] = [
    *((OauthlibJudge, make(PEM)) for make in (RSA_SHA1, RSA_SHA256, RSA_SHA512)),
    (AuthlibJudge, RSA_SHA1(PEM)),
]
_ALL: list[tuple[type[Judge], SignatureMethod]] = [
    *((OauthlibJudge, method) for method in (HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT)),
    *((AuthlibJudge, method) for method in (HMAC_SHA1, PLAINTEXT)),
    *_RSA,
]


def _each(pairs: list[tuple[type[Judge], SignatureMethod]]) -> pytest.MarkDecorator:
    names = [f"{judge.__name__}-{method.name}" for judge, method in pairs]
    return pytest.mark.parametrize(("judge", "signature_method"), pairs, indirect=["judge"], ids=names)


by_method = _each(_ALL)
by_rsa_method = _each(_RSA)
by_oauthlib = pytest.mark.parametrize("judge", [OauthlibJudge], indirect=True)
by_authlib = pytest.mark.parametrize("judge", [AuthlibJudge], indirect=True)
