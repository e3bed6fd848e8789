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
from dataclasses import FrozenInstanceError, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import unquote

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
from aiooauth1.signing import PLAINTEXT, Signer, sign
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
PEM_1023 = (Path(__file__).parents[1] / "data" / "rsa_1023.pem").read_text()


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
    raw = base64.b64decode(signature, validate=True)
    key().public_key().verify(raw, base_string.encode(), scheme, algorithm)


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
    assert repr(one) == str(one) == f"<{name} with a key of 2048 bits>"
    assert str(key().private_numbers().d) not in repr([getattr(one, slot) for slot in one.__slots__])


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


def test_pss_signs_the_same_text_differently_each_time() -> None:
    signatures = {method(RSA_PSS).sign(BASE, "", "") for _ in range(5)}
    assert len(signatures) == 5
    for signature in signatures:
        verified(method(RSA_PSS), signature)


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 222])
def test_pss_has_a_salt_of_32_bytes_and_no_other(salt: int) -> None:
    octets = base64.b64decode(method(RSA_PSS).sign(BASE, "", ""))
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)
    with pytest.raises(InvalidSignature):
        key().public_key().verify(octets, BASE.encode(), scheme, hashes.SHA256())


@pytest.mark.parametrize("make", DETERMINISTIC)
def test_a_pkcs1_signature_depends_on_the_text_alone_and_not_on_the_secrets(make: Callable[..., Rsa]) -> None:
    """So a callback's token is compared with the handshake's own, whatever the method: see test_judge_rsa."""
    one = method(make)
    assert (
        one.sign(BASE, "cs", "ts") == one.sign(BASE, "other", "another") == make(PEM_2048).sign(BASE, "", "")
    )


@pytest.mark.parametrize("make", ALL)
def test_sign_and_signer_take_a_method_with_its_key(make: Callable[..., Rsa]) -> None:
    one, consumer, token = method(make), Consumer("ck", "cs"), AccessToken("tk", "ts")
    request: Any = {"nonce": "n", "timestamp": 1}
    signature = sign(
        "POST",
        "https://h/?z=1",
        consumer=consumer,
        token=token,
        signature_method=one,
        body_hash=b"{}",
        **request,
    )
    verified(one, signature.value, signature.base_string)
    assert f"oauth_signature_method%3D{one.name}" in signature.base_string
    hashed = base64.b64encode(hashlib.new(one.hash_name, b"{}").digest()).decode()
    assert dict(signature.parameters)["oauth_body_hash"] == hashed
    signer = Signer(consumer, token, signature_method=one)
    header = signer.header("GET", "https://h/?z=1", **request)
    assert f'oauth_signature_method="{one.name}"' in header
    (value,) = re.findall(r'oauth_signature="([A-Za-z0-9%]+)"', header)
    verified(one, unquote(value), signer.prepare("GET", "https://h/?z=1", **request).base_string)


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


@pytest.mark.parametrize(("bits", "takes_long"), [(1024, False), (2048, False), (2056, True)])
def test_keys_above_2048_bits_take_long_and_1024_are_enough(bits: int, takes_long: bool) -> None:
    one = RSA_SHA512(rsa.generate_private_key(65537, bits))
    assert (one.key_size, one.takes_long) == (bits, takes_long)
    assert len(base64.b64decode(one.sign(BASE))) == bits // 8


async def test_the_key_is_parsed_once_for_all_signers_sessions_and_views() -> None:
    """Counted in cryptography's own loader, which takes as long as a hundred signatures."""
    loader = "cryptography.hazmat.primitives.serialization.load_pem_private_key"
    with mock.patch(loader, wraps=load_pem_private_key) as load:
        one = RSA_SHA256(PEM_2048)
        for user in range(10):
            signer = Signer(Consumer("ck", "cs"), AccessToken(f"tk{user}", ""), signature_method=one)
            signer.header("GET", "https://h/", nonce=f"n{user}", timestamp=1)
        async with OAuth1Session(Consumer("ck", "cs"), signature_method=one) as session:
            view = session.replace(realm="r")
            for number in range(10):
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


@dataclass(frozen=True)
class Wrong:
    """Material that gives no key, and what is said of it."""

    given: Callable[[], Any]
    message: str
    password: Any = None
    kind: type[Exception] = ValueError


def old_encrypted() -> bytes:
    return encrypted(PrivateFormat.TraditionalOpenSSL)


NEITHER = "neither PEM.* nor .*PKCS#12"
WRONG = {
    "a public key": Wrong(lambda: PUBLIC_PEM, "is a public key; pass the private key"),
    "a certificate": Wrong(certificate_pem, "is a certificate; pass the private key"),
    "other PEM": Wrong(
        lambda: "-----BEGIN DH PARAMETERS-----\nAA==\n-----END DH PARAMETERS-----", "is other data"
    ),
    "an OpenSSH key": Wrong(
        lambda: written(PrivateFormat.OpenSSH), "convert a copy with ssh-keygen -p -m PEM"
    ),
    "an EC key": Wrong(
        lambda: pem_of(ec.generate_private_key(ec.SECP256R1())), "an RSA private key is needed"
    ),
    "an Ed25519 key": Wrong(
        lambda: pem_of(ed25519.Ed25519PrivateKey.generate()),
        "of type Ed25519PrivateKey: an RSA private key is needed",
    ),
    "a key of no known kind": Wrong(of_unknown_kind, "damaged, or of an unknown kind"),
    "1023 bits": Wrong(lambda: PEM_1023, "has 1023 bits: 1024 is the least"),
    "1023 bits, loaded": Wrong(
        lambda: load_pem_private_key(PEM_1023.encode(), None), "has 1023 bits: 1024 is the least"
    ),
    "a damaged key": Wrong(damaged, "it is damaged"),
    "half a key": Wrong(lambda: PEM_2048[:800], "it is damaged"),
    "backslashes for line breaks": Wrong(
        lambda: PEM_2048.replace("\n", r"\n"), r"the two characters \\n: put real ones"
    ),
    "a lone surrogate": Wrong(lambda: PEM_2048.replace("m", "\ud800"), "it is damaged"),
    "encrypted, no password": Wrong(encrypted, "is encrypted: give its password="),
    "encrypted, an empty password": Wrong(encrypted, "is encrypted: give its password=", ""),
    "encrypted by PKCS#1, no password": Wrong(old_encrypted, "is encrypted: give its password="),
    "encrypted, a wrong password": Wrong(encrypted, "the password is wrong", "wr0ng"),
    "encrypted by PKCS#1, a wrong password": Wrong(old_encrypted, "the password is wrong", b"wr0ng"),
    "encrypted, a password with a lone surrogate": Wrong(encrypted, "the password is wrong", "wr0ng\ud800"),
    "a password for nothing": Wrong(lambda: PEM_2048, "not encrypted: leave it out", PASSWORD),
    "PKCS#12, no password": Wrong(lambda: p12(PASSWORD), "needs its password="),
    "PKCS#12, a wrong password": Wrong(lambda: p12(PASSWORD), "the password is wrong", "wr0ng"),
    "PKCS#12 without a key": Wrong(lambda: p12(PASSWORD, with_key=False), "no private key", PASSWORD),
    "half a PKCS#12": Wrong(lambda: p12()[:900], "damaged"),
    "DER": Wrong(lambda: written(PrivateFormat.PKCS8, encoding=Encoding.DER), NEITHER),
    "garbage": Wrong(lambda: b"\x00\xff" * 99, NEITHER),
    "nothing": Wrong(lambda: "", NEITHER),
    "the name of a file": Wrong(lambda: "keys/consumer.pem", "Of a file, give what is in it"),
    "a path": Wrong(lambda: Path("keys/consumer.pem"), "not PosixPath|not WindowsPath", kind=TypeError),
    "none": Wrong(lambda: None, "not NoneType", kind=TypeError),
    "a public key, loaded": Wrong(lambda: key().public_key(), "not RSAPublicKey", kind=TypeError),
    "a certificate, loaded": Wrong(certificate, "not Certificate", kind=TypeError),
    "an EC key, loaded": Wrong(
        lambda: ec.generate_private_key(ec.SECP256R1()), "key must be a private key", kind=TypeError
    ),
    "a loaded key with a password": Wrong(key, "a loaded key needs none", PASSWORD, TypeError),
    "a password that is a number": Wrong(
        encrypted, "password must be bytes or str, not int", 1234, TypeError
    ),
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


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_material_without_a_key_is_refused_with_a_reason_and_not_repeated(wrong: Wrong) -> None:
    material = wrong.given()
    with pytest.raises(wrong.kind, match=wrong.message) as refusal:
        RSA_SHA256(material, password=wrong.password)
    assert type(refusal.value) is wrong.kind
    assert refusal.value.__cause__ is refusal.value.__context__ is None
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
def test_every_method_refuses_a_wrong_password_without_repeating_it(make: Callable[..., Rsa]) -> None:
    with pytest.raises(ValueError, match="the password is wrong") as refusal:
        make(encrypted(), password="wr0ng")
    assert "wr0ng" not in "\n".join(told(refusal.value))


@pytest.mark.parametrize("form", ["PEM", "PKCS#12"])
def test_a_mutated_key_raises_value_error_alone(form: str) -> None:
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
def test_a_method_with_its_key_is_a_value(make: Callable[..., Rsa]) -> None:
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
def test_a_method_with_its_key_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(method(RSA_SHA256), protocol)


# Without the extra


def output_of(code: str) -> list[str]:
    """Run code in an interpreter of its own; return the lines that it prints."""
    found = subprocess.run(  # noqa: S603  our own interpreter, our own code
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    return found.stdout.splitlines()


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
    told = "cryptography RSA signatures need the cryptography package: pip install 'aiooauth1[rsa]'"
    assert output_of(code) == [told] * 4


def test_importing_the_module_does_not_load_cryptography() -> None:
    assert output_of("import aiooauth1.signing.rsa, sys; print('cryptography' in sys.modules)") == ["False"]
