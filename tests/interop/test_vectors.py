"""What independent implementations in eight languages agreed on, asserted one case at a time.

A case of `vectors.json` is a request, its credentials, and the base string and signature that come of them.
Those with `"consensus": true` are asserted; of the others only that what is no URL is refused.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlencode

import pytest
from vectors import VECTORS

from aiooauth1 import AccessToken, Consumer
from aiooauth1.errors import SigningError
from aiooauth1.signing import (
    HMAC_SHA1,
    HMAC_SHA256,
    HMAC_SHA512,
    PLAINTEXT,
    Signature,
    SignatureMethod,
    Signer,
    sign,
)
from aiooauth1.signing.rsa import RSA_SHA1, RSA_SHA256, RSA_SHA512


if TYPE_CHECKING:
    from collections.abc import Callable


Case = dict[str, Any]

# Each takes the private key of the case in PEM, which is "" where the method has none.
METHODS: dict[str, Callable[[str], SignatureMethod]] = {
    "HMAC-SHA1": lambda _: HMAC_SHA1,
    "HMAC-SHA256": lambda _: HMAC_SHA256,
    "HMAC-SHA512": lambda _: HMAC_SHA512,
    "PLAINTEXT": lambda _: PLAINTEXT,
    "RSA-SHA1": cache(RSA_SHA1),
    "RSA-SHA256": cache(RSA_SHA256),
    "RSA-SHA512": cache(RSA_SHA512),
}

CASES: list[Case] = [case for case in VECTORS["cases"] if case["signature_method"] in METHODS]
AGREED = [case for case in CASES if case["consensus"]]
NO_URLS = [case for case in CASES if case["basis"] == "not-a-uri"]


def _ids(case: Case) -> str:
    return str(case["id"])


def _method(case: Case) -> SignatureMethod:
    pem = VECTORS["rsa_keys"][case["rsa_key"]]["private_pem"] if case["rsa_key"] else ""
    return METHODS[case["signature_method"]](pem)


def _request(case: Case) -> dict[str, Any]:
    """What both `sign` and `Signer.prepare` take."""
    pairs, hashed = case["body_params"], case["body_hash"]
    return {
        "nonce": case["nonce"],
        "timestamp": int(case["timestamp"]),
        "form": None if pairs is None else [(name, value) for name, value in pairs],
        "callback": case["callback"],
        "verifier": case["verifier"],
        "body_hash": None if hashed is None else base64.b64decode(hashed["body_b64"]),
        "version": case["version"],
    }


def _credentials(case: Case) -> tuple[Consumer, AccessToken | None]:
    token = None if case["token"] is None else AccessToken(case["token"], case["token_secret"])
    return Consumer(case["client_key"], case["client_secret"]), token


def _sign(case: Case) -> Signature:
    consumer, token = _credentials(case)
    return sign(
        case["method"],
        case["url"],
        consumer=consumer,
        token=token,
        signature_method=_method(case),
        realm=case["realm"],
        **_request(case),
    )


def test_the_selection_is_as_large_as_the_file_makes_it() -> None:
    counted = dict.fromkeys(METHODS, 0)
    for case in AGREED:
        counted[case["signature_method"]] += 1
    hmac = {"HMAC-SHA1": 247, "HMAC-SHA256": 10, "HMAC-SHA512": 5}
    rsa = {"RSA-SHA1": 7, "RSA-SHA256": 8, "RSA-SHA512": 6}
    assert counted == {**hmac, **rsa, "PLAINTEXT": 16}
    assert len(AGREED) == sum(case["consensus"] for case in VECTORS["cases"])


@pytest.mark.parametrize("case", AGREED, ids=_ids)
def test_sign_and_a_signer_give_the_agreed_base_string_and_signature(case: Case) -> None:
    whole, expected = _sign(case), case["expected"]
    assert whole.base_string == (expected["base_string"] or whole.base_string)
    assert whole.value == expected["signature"]
    assert whole.parameters[-1] == ("oauth_signature", expected["signature"])
    realm, parameters = read_header(whole.header())
    assert realm == case["realm"]
    assert parameters == [(name.encode(), value.encode()) for name, value in whole.parameters]

    signer = Signer(*_credentials(case), signature_method=_method(case), realm=case["realm"])
    request = _request(case)
    signature = signer.finish(signer.prepare(case["method"], case["url"], **request))
    assert (signature.value, signature.base_string) == (whole.value, whole.base_string)
    assert signature.header() == whole.header()
    if not (case["callback"] or case["verifier"] or case["body_hash"] or case["version"] is None):
        # The short form, which a session calls with the bytes of a form, here with "+" for a space.
        octets = None if request["form"] is None else urlencode(request["form"]).encode()
        short = {"nonce": request["nonce"], "timestamp": request["timestamp"], "form": octets}
        assert signer.header(case["method"], case["url"], **short) == whole.header()


@pytest.mark.parametrize("case", NO_URLS, ids=_ids)
def test_a_text_that_is_not_a_url_is_refused_not_signed(case: Case) -> None:
    with pytest.raises(SigningError, match="character"):
        _sign(case)


# An auth-param list by RFC 9110 section 11.2, strictly: a token, "=", a quoted-string, and ", " between them.
_FIELD = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=\"((?:[\t !#-\[\]-~]|\\[\t -~])*)\"(, |$)")


def read_header(header: str) -> tuple[str | None, list[tuple[bytes, bytes]]]:
    """Read an OAuth Authorization header by code of its own; anything out of the grammar fails the test."""
    scheme, _, rest = header.partition(" ")
    assert scheme == "OAuth"
    realm: str | None = None
    parameters: list[tuple[bytes, bytes]] = []
    position = 0
    while True:
        field = _FIELD.match(rest, position)
        assert field is not None, f"no auth-param at {position}: {rest[position : position + 40]!r}"
        name, quoted, separator = field.groups()
        text = re.sub(r"\\(.)", r"\1", quoted)
        if name == "realm":
            assert realm is None
            assert not parameters, "RFC 5849 writes the realm first"
            realm = text
        else:
            assert re.fullmatch(r"(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})*", text), "section 3.5.1: encoded by 3.6"
            parameters.append((unquote_to_bytes(name), unquote_to_bytes(text)))
        position = field.end()
        if not separator:
            break
    assert position == len(rest)
    return realm, parameters


def test_the_reader_of_headers_takes_nothing_else() -> None:
    assert read_header('OAuth realm="a\\"b\\\\", oauth_nonce="%20x"') == ('a"b\\', [(b"oauth_nonce", b" x")])
    for wrong in (
        'OAuth a="b"c="d"',
        'OAuth a="b",',
        "OAuth a=b",
        'OAuth a="b"c"',
        'OAuth a="b", realm="r"',
        'X a="b"',
    ):
        with pytest.raises(AssertionError):
            read_header(wrong)
