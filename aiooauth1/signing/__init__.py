"""The pure core: RFC 5849 sections 3.4 to 3.6 as functions. No I/O, no clock, no randomness, no async."""

from aiooauth1.signing.base_string import base_string_uri, normalize_parameters
from aiooauth1.signing.encoding import percent_encode
from aiooauth1.signing.methods import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT, SignatureMethod
from aiooauth1.signing.rules import SigningRules
from aiooauth1.signing.sign import Signature, Signer, sign


__all__ = [
    "HMAC_SHA1",
    "HMAC_SHA256",
    "HMAC_SHA512",
    "PLAINTEXT",
    "Signature",
    "SignatureMethod",
    "Signer",
    "SigningRules",
    "base_string_uri",
    "normalize_parameters",
    "percent_encode",
    "sign",
]
