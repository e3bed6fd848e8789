from __future__ import annotations

import base64
import copy
import datetime as dt
import hashlib
import os
import pickle
import random
import re
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from vectors import VECTORS

import aiooauth1
from aiooauth1 import AccessToken, Consumer, OAuth1Session
from aiooauth1.signing import HMAC_SHA1, PLAINTEXT, Signer, sign
from aiooauth1.signing.body_hash import body_hash_value
from aiooauth1.signing.rsa import RSA_PSS, RSA_SHA1, RSA_SHA256, RSA_SHA512, Rsa


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption


ALL = [RSA_SHA1, RSA_SHA256, RSA_SHA512, RSA_PSS]
DETERMINISTIC = [RSA_SHA1, RSA_SHA256, RSA_SHA512]
PASSWORD = "pässword of the key"
BASE = "GET&http%3A%2F%2Fexample.com%2F&a%3D1"

PEM_2048: str = VECTORS["rsa_keys"]["test2048"]["private_pem"]
PEM_1024: str = VECTORS["rsa_keys"]["wiki1024"]["private_pem"]
PUBLIC_PEM: str = VECTORS["rsa_keys"]["test2048"]["public_pem"]
# One bit short of the least.
PEM_1023 = """-----BEGIN RSA PRIVATE KEY-----
MIICWgIBAAKBgGyckbucXs2eB0LklN7NEvMppWpSddIG7wchhfFGyDyILuob1C2h
KlFH9NsN4pgbKPAj8hOHJHGhQJtW7Eet2iDe3xayANTRNg8XvRcKBpBOkUCmdJqF
qdLaDhaf5qaCob0QiUdLTVxotN3d9MokAFcfeBrnOxvROQIeejF21JHBAgMBAAEC
gYBhSMTIdUH9jwUWB8TI5IuKvszptT7Ph2Jm0sI04Z/NiHXtQEwHKwrKj1dlNsS2
Ve2PW8MjdrNQDI3gFjXB5pkwA8qq2tSkUzMEXSlFGKb3sY/lSLe3P+5rQ0e/6+QM
g5uHLcRyxMJUgxZAf2mA4EFFpnykfMmE/tOxx1beUIwqAQJBAPOHPe8q/WYOoasE
Vu3v1gZ6CL+Jtw0Zyb7e/GRaKW2buwVz1/SklZe9ARADrlLUvuO8GRwOpd4amP5P
MOAZh1ECQHIsg04O8r7PTVOuryDXjXTzKGi22mbOWWTI4kYRUrz7tC9VhaBxWfNY
2mqE/3rz1c/VQMTkz2+j2ts1eGEqp3ECQQCnNhpBiQwasjsxWLZzg3U6VzqAgYet
uCI9K5CzOvEtMHu2n7cNZKDOYllDbLOabjdv2SyIhko/eZXJMAjIJt8xAkBGrEUO
8XPTJtDvxsaC5sqaJNXTk7Q3RO3S1AI0aw6zCn8reZ3AhcmvN0Xj/7WA7yRfhNqV
xiidK2kSndOJGfURAkBfLR6RrnTSdj+SpdqdrDl4ZFXHzX9bco/uNMHO+XsVVNDv
ixvNG9VQo6BopHW8eTOsw4cGgLAsbE9sJXfLAMoi
-----END RSA PRIVATE KEY-----
"""


@cache
def key() -> rsa.RSAPrivateKey:
    loaded = load_pem_private_key(PEM_2048.encode(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


@cache
def method(make: Callable[..., Rsa]) -> Rsa:
    return make(key())


def written(
    form: PrivateFormat, how: KeySerializationEncryption | None = None, encoding: Encoding = Encoding.PEM
) -> bytes:
    return key().private_bytes(encoding, form, how or NoEncryption())


def encrypted(form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return written(form, BestAvailableEncryption(PASSWORD.encode()))


@cache
def certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "consumer")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key().public_key(), 1, start, start.replace(year=2036))
    return builder.sign(key(), hashes.SHA256())


def certificate_pem() -> bytes:
    return certificate().public_bytes(Encoding.PEM)


@cache
def p12(password: str = "", *, with_key: bool = True) -> bytes:
    how = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(
        b"consumer", key() if with_key else None, certificate(), None, how
    )


def verified(one: Rsa, signature: str, base_string: str = BASE) -> None:
    """See with cryptography's own verifier that it is what the method's name says."""
    scheme: Any = padding.PKCS1v15()
    algorithm: Any = {"RSA-SHA1": hashes.SHA1(), "RSA-SHA512": hashes.SHA512()}.get(one.name, hashes.SHA256())  # noqa: S303  the method's own
    if one.name == "RSA-PSS":
        scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    octets = base64.b64decode(signature, validate=True)
    key().public_key().verify(octets, base_string.encode(), scheme, algorithm)


# Signatures


@pytest.mark.parametrize(
    ("make", "name", "hash_name"),
    [
        (RSA_SHA1, "RSA-SHA1", "sha1"),
        (RSA_SHA256, "RSA-SHA256", "sha256"),
        (RSA_SHA512, "RSA-SHA512", "sha512"),
        (RSA_PSS, "RSA-PSS", "sha256"),
    ],
)
def test_each_method_has_its_name_and_hash(make: Callable[..., Rsa], name: str, hash_name: str) -> None:
    one = method(make)
    assert (one.name, one.hash_name, one.key_size) == (name, hash_name, 2048)
    expected = base64.b64encode(hashlib.new(hash_name, b"a body").digest()).decode()
    assert body_hash_value(one, b"a body") == expected


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("base_string", [BASE, "", "x" * 100_000])
def test_cryptographys_verifier_accepts_the_signature_and_no_other(
    make: Callable[..., Rsa], base_string: str
) -> None:
    one = method(make)
    signature = one.sign(base_string, "cs", "ts")
    assert len(base64.b64decode(signature, validate=True)) == 2048 // 8
    verified(one, signature, base_string)
    with pytest.raises(InvalidSignature):
        verified(one, signature, base_string + "y")
    for other in ALL:
        if other is not make:
            with pytest.raises(InvalidSignature):
                verified(method(other), signature, base_string)


# RFC 8017 section 9.2, note 1: what stands before the hash.
DIGEST_INFO = {
    "sha1": "3021300906052b0e03021a05000414",
    "sha256": "3031300d060960864801650304020105000420",
    "sha512": "3051300d060960864801650304020305000440",
}


@pytest.mark.parametrize("make", DETERMINISTIC)
def test_the_public_key_turns_the_signature_back_into_the_padded_hash(make: Callable[..., Rsa]) -> None:
    """RSASSA-PKCS1-v1_5 by plain arithmetic (RFC 8017 sections 8.2 and 9.2)."""
    one, numbers = method(make), key().public_key().public_numbers()
    signature = int.from_bytes(base64.b64decode(one.sign(BASE, "", "")), "big")
    message = pow(signature, numbers.e, numbers.n).to_bytes(256, "big")
    ending = bytes.fromhex(DIGEST_INFO[one.hash_name]) + hashlib.new(one.hash_name, BASE.encode()).digest()
    assert message == b"\x00\x01".ljust(255 - len(ending), b"\xff") + b"\x00" + ending


@pytest.mark.parametrize("make", DETERMINISTIC)
def test_pkcs1_signs_the_same_text_in_the_same_way(make: Callable[..., Rsa]) -> None:
    assert method(make).sign(BASE, "", "") == make(PEM_2048).sign(BASE, "", "")


def test_pss_signs_the_same_text_in_another_way_each_time() -> None:
    one = method(RSA_PSS)
    signatures = {one.sign(BASE, "", "") for _ in range(20)}
    assert len(signatures) == 20
    for signature in signatures:
        verified(one, signature)


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 222])
def test_pss_has_a_salt_of_32_octets_and_no_other(salt: int) -> None:
    octets = base64.b64decode(method(RSA_PSS).sign(BASE, "", ""))
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)
    with pytest.raises(InvalidSignature):
        key().public_key().verify(octets, BASE.encode(), scheme, hashes.SHA256())


@pytest.mark.parametrize("make", DETERMINISTIC)
def test_the_signature_does_not_prove_the_secrets(make: Callable[..., Rsa]) -> None:
    """So a callback's token is compared with the handshake's own, whatever the method: see test_judge_rsa."""
    one = method(make)
    assert one.sign(BASE, "cs", "ts") == one.sign(BASE, "other", "another") == one.sign(BASE, "", "")
    assert HMAC_SHA1.sign(BASE, "cs", "ts") != HMAC_SHA1.sign(BASE, "cs", "another")


@pytest.mark.parametrize("make", ALL)
def test_threads_may_share_a_method(make: Callable[..., Rsa]) -> None:
    one = method(make)
    texts = [f"{BASE}{number}" for number in range(100)]
    with ThreadPoolExecutor(4) as pool:
        for text, signature in zip(texts, pool.map(lambda text: one.sign(text, "", ""), texts), strict=True):
            verified(one, signature, text)


@pytest.mark.parametrize("make", ALL)
def test_it_plugs_into_sign_signer_and_header(make: Callable[..., Rsa]) -> None:
    one, consumer, token = method(make), Consumer("ck", "cs"), AccessToken("tk", "ts")
    signature = sign(
        "POST",
        "https://h/?z=1",
        consumer=consumer,
        token=token,
        nonce="n",
        timestamp=1,
        signature_method=one,
        body_hash=b"{}",
    )
    verified(one, signature.value, signature.base_string)
    assert f"oauth_signature_method%3D{one.name}" in signature.base_string
    hashed = base64.b64encode(hashlib.new(one.hash_name, b"{}").digest()).decode()
    assert dict(signature.parameters)["oauth_body_hash"] == hashed
    signer = Signer(consumer, token, signature_method=one)
    header = signer.header("GET", "https://h/?z=1", nonce="n", timestamp=1)
    assert f'oauth_signature_method="{one.name}"' in header
    (value,) = re.findall(r'oauth_signature="([A-Za-z0-9%]+)"', header)
    base_string = signer.prepare("GET", "https://h/?z=1", nonce="n", timestamp=1).base_string
    verified(one, value.replace("%2B", "+").replace("%2F", "/").replace("%3D", "="), base_string)


class Prefixed:
    """A method of a user's own on top of one of these, for a provider that wants a prefix signed too."""

    name = "RSA-SHA256"
    hash_name = "sha256"

    def __init__(self, prefix: str, method: Rsa) -> None:
        self._prefix, self._method = prefix, method

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        return self._method.sign(self._prefix + base_string, consumer_secret, token_secret)


def test_a_method_of_ones_own_can_be_built_upon_one() -> None:
    signature = sign(
        "GET",
        "https://h/",
        consumer=Consumer("ck", ""),
        nonce="n",
        timestamp=1,
        signature_method=Prefixed("5ecret", method(RSA_SHA256)),
    )
    verified(method(RSA_SHA256), signature.value, "5ecret" + signature.base_string)


# Keys in their forms

FORMS: dict[str, tuple[Callable[[], Any], str | bytes | None]] = {
    "PEM text": (lambda: PEM_2048, None),
    "PEM bytes": (PEM_2048.encode, None),
    "PEM by PKCS#1": (lambda: written(PrivateFormat.TraditionalOpenSSL), None),
    "PEM with other line ends": (lambda: PEM_2048.replace("\n", "\r\n"), None),
    "PEM behind a byte order mark": (lambda: b"\xef\xbb\xbf" + PEM_2048.encode(), None),
    "PEM behind notes": (lambda: "Bag Attributes\n    friendlyName: schlüssel\n" + PEM_2048, None),
    "PEM behind a certificate": (lambda: certificate_pem() + PEM_2048.encode(), None),
    "PEM before its public key": (lambda: PEM_2048 + PUBLIC_PEM, None),
    "PEM with an empty password": (lambda: PEM_2048, ""),
    "encrypted PEM": (encrypted, PASSWORD),
    "encrypted PEM text, password in bytes": (lambda: encrypted().decode(), PASSWORD.encode()),
    "encrypted PEM by PKCS#1": (lambda: encrypted(PrivateFormat.TraditionalOpenSSL), PASSWORD),
    "PKCS#12": (lambda: p12(PASSWORD), PASSWORD),
    "PKCS#12, password in bytes": (lambda: p12(PASSWORD), PASSWORD.encode()),
    "PKCS#12 without a password": (p12, None),
    "PKCS#12 with an empty password": (p12, ""),
    "loaded": (key, None),
}


@pytest.mark.parametrize(("form", "password"), FORMS.values(), ids=FORMS)
def test_a_key_may_come_as(form: Callable[[], Any], password: str | bytes | None) -> None:
    assert RSA_SHA256(form(), password=password) == method(RSA_SHA256)
    verified(method(RSA_SHA256), RSA_SHA256(form(), password=password).sign(BASE, "", ""))


@pytest.mark.parametrize(("bits", "takes_long"), [(1024, False), (2048, False), (2056, True), (3072, True)])
def test_what_is_longer_than_2048_bits_takes_long(bits: int, takes_long: bool) -> None:
    one = RSA_SHA256(rsa.generate_private_key(65537, bits))
    assert (one.key_size, one.takes_long) == (bits, takes_long)


@pytest.mark.parametrize("make", ALL)
def test_1024_bits_are_enough_for_each_method(make: Callable[..., Rsa]) -> None:
    assert len(base64.b64decode(make(PEM_1024).sign(BASE, "", ""))) == 128


def test_the_key_is_parsed_once_however_much_is_signed() -> None:
    """By counting the calls of cryptography's own loader, which takes as long as a hundred signatures."""
    loader = "cryptography.hazmat.primitives.serialization.load_pem_private_key"
    with mock.patch(loader, wraps=load_pem_private_key) as load:
        one = RSA_SHA256(PEM_2048)
        assert load.call_count == 1
        for user in range(50):
            signer = Signer(Consumer("ck", "cs"), AccessToken(f"tk{user}", ""), signature_method=one)
            for number in range(4):
                signer.header("GET", "https://h/", nonce=f"n{number}", timestamp=1)
        assert load.call_count == 1


async def test_sessions_and_their_views_share_the_parsed_key() -> None:
    loader = "cryptography.hazmat.primitives.serialization.load_pem_private_key"
    with mock.patch(loader, wraps=load_pem_private_key) as load:
        one = RSA_SHA256(PEM_2048)
        async with OAuth1Session(Consumer("ck", "cs"), signature_method=one) as session:
            view = session.replace(realm="r")
            for number in range(20):
                signature = await view.sign("GET", "https://h/", token=AccessToken(f"t{number}", ""))
                verified(one, signature.value, signature.base_string)
        assert load.call_count == 1


def test_200_signatures_take_less_than_a_fifth_of_a_second() -> None:
    """With the key parsed each time it were five seconds and more. In CPU time, whatever else is running."""
    one = method(RSA_SHA256)
    signer = Signer(Consumer("ck", "cs"), AccessToken("tk", "ts"), signature_method=one)
    start = time.thread_time()
    for number in range(200):
        signer.header("POST", "https://h/posts", nonce=f"{number:030}", timestamp=1, form=b"a=1&b=2")
    assert time.thread_time() - start <= 0.2


# What is no such key


def pem_of(other: Any) -> bytes:
    text: bytes = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text


def of_unknown_kind() -> bytes:
    der = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    other = base64.b64encode(der.replace(bytes.fromhex("06032b6570"), bytes.fromhex("06032b657f")))
    return b"-----BEGIN PRIVATE KEY-----\n" + other + b"\n-----END PRIVATE KEY-----\n"


def damaged() -> str:
    lines = PEM_2048.splitlines()
    return "\n".join([*lines[:5], lines[5][::-1], *lines[6:]])


WRONG: dict[str, tuple[Callable[[], Any], Any, type[Exception], str]] = {
    "a public key": (lambda: PUBLIC_PEM, None, ValueError, "is a public key; pass the private key"),
    "a certificate": (certificate_pem, None, ValueError, "is a certificate; pass the private key"),
    "other PEM": (
        lambda: "-----BEGIN DH PARAMETERS-----\nAA==\n-----END DH PARAMETERS-----",
        None,
        ValueError,
        "is other data",
    ),
    "an OpenSSH key": (
        lambda: written(PrivateFormat.OpenSSH),
        None,
        ValueError,
        "convert a copy with ssh-keygen -p -m PEM",
    ),
    "an EC key": (
        lambda: pem_of(ec.generate_private_key(ec.SECP256R1())),
        None,
        ValueError,
        "an RSA private key is needed",
    ),
    "an Ed25519 key": (
        lambda: pem_of(ed25519.Ed25519PrivateKey.generate()),
        None,
        ValueError,
        "of type Ed25519PrivateKey: an RSA private key is needed",
    ),
    "a key of no known kind": (of_unknown_kind, None, ValueError, "damaged, or of an unknown kind"),
    "1023 bits": (lambda: PEM_1023, None, ValueError, "has 1023 bits: 1024 is the least"),
    "1023 bits, loaded": (
        lambda: load_pem_private_key(PEM_1023.encode(), None),
        None,
        ValueError,
        "has 1023 bits: 1024 is the least",
    ),
    "a damaged key": (damaged, None, ValueError, "it is damaged"),
    "half a key": (lambda: PEM_2048[:800], None, ValueError, "it is damaged"),
    "backslashes for line breaks": (
        lambda: PEM_2048.replace("\n", r"\n"),
        None,
        ValueError,
        r"the two characters \\n: put real ones",
    ),
    "a lone surrogate": (
        lambda: PEM_2048.replace("m", "\ud800"),
        None,
        ValueError,
        "it is damaged",
    ),
    "encrypted, no password": (encrypted, None, ValueError, "is encrypted: give its password="),
    "encrypted, an empty password": (encrypted, "", ValueError, "is encrypted: give its password="),
    "encrypted by PKCS#1, no password": (
        lambda: encrypted(PrivateFormat.TraditionalOpenSSL),
        None,
        ValueError,
        "is encrypted: give its password=",
    ),
    "encrypted, a wrong password": (encrypted, "wr0ng", ValueError, "the password is wrong"),
    "encrypted by PKCS#1, a wrong password": (
        lambda: encrypted(PrivateFormat.TraditionalOpenSSL),
        b"wr0ng",
        ValueError,
        "the password is wrong",
    ),
    "encrypted, a password with a lone surrogate": (
        encrypted,
        "wr0ng\ud800",
        ValueError,
        "the password is wrong",
    ),
    "a password for nothing": (lambda: PEM_2048, PASSWORD, ValueError, "not encrypted: leave it out"),
    "PKCS#12, no password": (lambda: p12(PASSWORD), None, ValueError, "needs its password="),
    "PKCS#12, a wrong password": (lambda: p12(PASSWORD), "wr0ng", ValueError, "the password is wrong"),
    "PKCS#12 without a key": (lambda: p12(PASSWORD, with_key=False), PASSWORD, ValueError, "no private key"),
    "half a PKCS#12": (lambda: p12()[:900], None, ValueError, "damaged"),
    "DER": (
        lambda: written(PrivateFormat.PKCS8, encoding=Encoding.DER),
        None,
        ValueError,
        "neither PEM.* nor .*PKCS#12",
    ),
    "garbage": (lambda: b"\x00\xff" * 99, None, ValueError, "neither PEM.* nor .*PKCS#12"),
    "nothing": (lambda: "", None, ValueError, "neither PEM.* nor .*PKCS#12"),
    "the name of a file": (lambda: "keys/consumer.pem", None, ValueError, "Of a file, give what is in it"),
    "a path": (lambda: Path("keys/consumer.pem"), None, TypeError, "not PosixPath|not WindowsPath"),
    "none": (lambda: None, None, TypeError, "not NoneType"),
    "a public key, loaded": (lambda: key().public_key(), None, TypeError, "not RSAPublicKey"),
    "a certificate, loaded": (certificate, None, TypeError, "not Certificate"),
    "an EC key, loaded": (
        lambda: ec.generate_private_key(ec.SECP256R1()),
        None,
        TypeError,
        "key must be a private key",
    ),
    "a loaded key with a password": (key, PASSWORD, TypeError, "a loaded key needs none"),
    "a password that is a number": (encrypted, 1234, TypeError, "password must be bytes or str, not int"),
}


def told(error: BaseException) -> Iterator[str]:
    """All that an error says, also to a reporter that shows the local variables of our functions."""
    house = str(Path(aiooauth1.__file__).parent)
    seen: list[BaseException | None] = [error]
    for one in seen:
        if one is None:
            continue
        yield from (str(one), repr(one), repr(one.args), repr(vars(one)))
        seen += [other for other in (one.__cause__, one.__context__) if other not in seen]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if frame.f_code.co_filename.startswith(house):
                yield repr(frame.f_locals)


@pytest.mark.parametrize(("given", "password", "kind", "message"), WRONG.values(), ids=WRONG)
def test_what_gives_no_key_is_refused_with_a_reason_and_not_repeated(
    given: Callable[[], Any], password: Any, kind: type[Exception], message: str
) -> None:
    material = given()
    with pytest.raises(kind, match=message) as refusal:
        RSA_SHA256(material, password=password)
    assert type(refusal.value) is kind
    said = "\n".join(told(refusal.value))
    assert "RSA_SHA256" in "".join(traceback.format_tb(refusal.value.__traceback__))
    for secret in (PASSWORD, PASSWORD.encode().hex(), "pässword", "wr0ng", "1234", "consumer.pem"):
        assert secret not in said
    text = material.decode("latin-1") if isinstance(material, bytes) else material
    if isinstance(text, str):
        for line in text.splitlines():
            assert len(line) < 40 or line not in said
    if material:
        assert repr(material) not in said


@pytest.mark.parametrize("make", ALL)
def test_every_method_refuses_in_that_way(make: Callable[..., Rsa]) -> None:
    with pytest.raises(ValueError, match="the password is wrong") as refusal:
        make(encrypted(), password="wr0ng")
    assert "wr0ng" not in "\n".join(told(refusal.value))


def test_an_error_that_was_on_its_way_does_not_come_along() -> None:
    with pytest.raises(ValueError, match="pass the private key") as refusal:
        RSA_SHA1(PUBLIC_PEM)
    assert refusal.value.__cause__ is refusal.value.__context__ is None


@pytest.mark.parametrize("form", ["PEM", "PKCS#12"])
def test_no_mutation_of_a_key_raises_anything_else(form: str) -> None:
    chance = random.Random(59)  # noqa: S311  repeatable, not secret
    small = load_pem_private_key(PEM_1024.encode(), None)
    assert isinstance(small, rsa.RSAPrivateKey)
    whole = (
        PEM_1024.encode()
        if form == "PEM"
        else pkcs12.serialize_key_and_certificates(None, small, None, None, NoEncryption())
    )
    refused = 0
    for _ in range(300):
        octets = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        del octets[chance.randrange(len(octets), 3 * len(octets)) :]
        try:
            RSA_SHA1(bytes(octets))
        except ValueError:
            refused += 1
    assert refused > 100


# Values


@pytest.mark.parametrize("make", ALL)
def test_it_shows_name_and_size_and_no_key(make: Callable[..., Rsa]) -> None:
    one = method(make)
    assert repr(one) == str(one) == f"<{one.name} with a key of 2048 bits>"
    numbers = key().private_numbers()
    assert str(numbers.d) not in repr([getattr(one, name) for name in one.__slots__])


@pytest.mark.parametrize("make", ALL)
def test_it_is_a_value(make: Callable[..., Rsa]) -> None:
    one, other = method(make), make(PEM_2048)
    assert one == other
    assert hash(one) == hash(other)
    assert one != make(PEM_1024)
    assert {one, PLAINTEXT} == {PLAINTEXT, other}
    assert len({method(each) for each in ALL}) == len(ALL)
    assert copy.copy(one) is one
    assert copy.deepcopy(one) is one
    for name in ("name", "hash_name", "key_size", "takes_long", "anything"):
        with pytest.raises((AttributeError, FrozenInstanceError, TypeError)):
            setattr(one, name, "other")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(method(RSA_SHA256), protocol)


# Without the extra


def test_without_cryptography_the_error_names_the_extra() -> None:
    code = (
        "import sys\n"
        "sys.modules['cryptography'] = None\n"  # an import fails as if it were not installed
        "from aiooauth1.signing import rsa\n"
        "for make in (rsa.RSA_SHA1, rsa.RSA_SHA256, rsa.RSA_SHA512, rsa.RSA_PSS):\n"
        "    try:\n"
        "        make('key')\n"
        "    except ImportError as error:\n"
        "        print(error.name, error)\n"
    )
    found = subprocess.run(  # noqa: S603  our own interpreter, our own code
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (
        found.stdout.splitlines()
        == ["cryptography RSA signatures need the cryptography package: pip install 'aiooauth1[rsa]'"] * 4
    ), found.stderr


def test_importing_the_room_loads_cryptography_only_when_a_key_is_given() -> None:
    code = "import aiooauth1.signing.rsa, sys; print('cryptography' in sys.modules)"
    found = subprocess.run(  # noqa: S603  our own interpreter, our own code
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert found.stdout == "False\n", found.stderr
