"""RSA signatures (RFC 5849 section 3.4.3): RSA-SHA1, RSA-SHA256, RSA-SHA512 and RSA-PSS. Extra: `rsa`.

The consumer signs with its private key; the provider holds the public key and verifies. Neither secret goes
in: by section 4.1 such a request "relies completely on the secrecy of the private key". Unlike HMAC's, the
signature does not prove that its sender knows the token's secret: a request with another user's token
verifies as well. An application that takes a callback must therefore compare its token with the one of this
browser's handshake, under every method. `Handshake` does.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NoReturn, Self


if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicNumbers


__all__ = ["RSA_PSS", "RSA_SHA1", "RSA_SHA256", "RSA_SHA512", "Rsa", "RsaFactory"]

_LEAST_BITS = 1024
_INLINE_BITS = 2048
_PSS_SALT_BYTES = 32
_PEM = b"-----BEGIN "
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_DER_SEQUENCE = b"\x30"
_PKCS12_VERSION = b"\x02\x01\x03"  # RFC 7292 section 4: the number 3, first in the sequence


@dataclass(frozen=True, slots=True, repr=False)
class Rsa:
    """An RSA key with one way to sign: what the four constants of this module make.

    Two are equal if method and public key are equal. Its `repr` shows no key, and it cannot be pickled.

    Attributes:
        name: The method's name on the wire.
        hash_name: What `hashlib` calls its hash, which is the body hash's too.
        key_size: The length of the key's modulus, in bits.
        public_numbers: The key's modulus and exponent, which are public.
    """

    name: str
    hash_name: str = field(compare=False)
    key_size: int = field(compare=False)
    public_numbers: RSAPublicNumbers
    _signature: Callable[[bytes], bytes] = field(compare=False)

    def __repr__(self) -> str:
        return f"<{self.name} with a key of {self.key_size} bits>"

    def __copy__(self) -> Self:
        return self  # immutable

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an RSA signature method is not pickled: load the private key in each process")

    @property
    def takes_long(self) -> bool:
        """Whether signing blocks an event loop so long that it belongs in a thread: above 2048 bits."""
        return self.key_size > _INLINE_BITS

    def sign(self, base_string: str, consumer_secret: str = "", token_secret: str = "") -> str:  # noqa: ARG002  by protocol
        """Sign one base string, from any thread.

        Args:
            base_string: The signature base string.
            consumer_secret: Not used.
            token_secret: Not used.

        Returns:
            The signature in base64; its bytes are as long as the key.
        """
        return b2a_base64(self._signature(base_string.encode()), newline=False).decode()


@dataclass(frozen=True, slots=True)
class RsaFactory:
    """Makes a signature method of a private key: what `RSA_SHA1` and the other three constants are.

    Attributes:
        name: The method's name on the wire.
        hash_name: What `hashlib` calls its hash.
        is_pss: Whether it is RSASSA-PSS, with MGF1 and a random salt of 32 bytes, not RSASSA-PKCS1-v1_5.

    >>> from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    >>> RSA_SHA1(generate_private_key(65537, 2048))
    <RSA-SHA1 with a key of 2048 bits>
    """

    name: str
    hash_name: str
    is_pss: bool = False

    def __call__(self, key: bytes | str | RSAPrivateKey, *, password: bytes | str | None = None) -> Rsa:
        """Parse and check the key, once, and return the signature method.

        That takes as long as a hundred signatures: do it when the program starts, or in a thread.

        Args:
            key: The consumer's private key, of at least 1024 bits: PEM, which may be encrypted; the bytes of
                a PKCS#12 file (`.p12`, `.pfx`); or an `RSAPrivateKey` of the cryptography package.
            password: What PEM or PKCS#12 is encrypted with; a string stands for its UTF-8.

        Returns:
            The signature method, for `OAuth1Session(signature_method=…)`, `Provider` and `sign`.

        Raises:
            ImportError: If the cryptography package is not installed.
            TypeError: If key or password is of another type, or a password comes with a loaded key.
            ValueError: If what was given holds no RSA private key, if the password is wrong, missing or not
                needed, or if the key is too short. No message holds a part of key or password.
        """
        found = _attempt(key, password)
        del key, password  # reports of an error may show the local variables along its way
        if isinstance(found, Exception):
            raise found
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  an extra, when used
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415  likewise

        known: list[hashes.HashAlgorithm] = [hashes.SHA1(), hashes.SHA256(), hashes.SHA512()]  # noqa: S303  the method's own
        algorithm = next(one for one in known if one.name == self.hash_name)
        scheme = padding.PSS(padding.MGF1(algorithm), _PSS_SALT_BYTES) if self.is_pss else padding.PKCS1v15()
        signature = partial(found.sign, padding=scheme, algorithm=algorithm)
        return Rsa(self.name, self.hash_name, found.key_size, found.public_key().public_numbers(), signature)


RSA_SHA1 = RsaFactory("RSA-SHA1", "sha1")
"""RSASSA-PKCS1-v1_5 with SHA-1 (RFC 5849 section 3.4.3)."""
RSA_SHA256 = RsaFactory("RSA-SHA256", "sha256")
"""RSASSA-PKCS1-v1_5 with SHA-256, otherwise as RFC 5849 section 3.4.3."""
RSA_SHA512 = RsaFactory("RSA-SHA512", "sha512")
"""RSASSA-PKCS1-v1_5 with SHA-512, otherwise as RFC 5849 section 3.4.3."""
RSA_PSS = RsaFactory("RSA-PSS", "sha256", is_pss=True)
"""RSASSA-PSS with SHA-256 and MGF1 with SHA-256. The salt is random: each signature of a text differs."""


def _attempt(key: object, password: object) -> RSAPrivateKey | Exception:
    """Load the key, or return the error without its traceback, whose frames hold key and password."""
    try:
        return _load(key, password)
    except (ImportError, TypeError, ValueError) as error:
        return error.with_traceback(None)


def _load(key: object, password: object) -> RSAPrivateKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415  when used
    except ImportError:
        raise ImportError(
            "RSA signatures need the cryptography package: pip install 'aiooauth1[rsa]'", name="cryptography"
        ) from None
    if password is not None and not isinstance(password, (bytes, str)):
        raise TypeError(f"password must be bytes or str, not {type(password).__name__}")
    if isinstance(key, RSAPrivateKey):
        if password is not None:
            raise TypeError("password= goes with an encrypted PEM or PKCS#12: a loaded key needs none")
        loaded: object = key
    elif isinstance(key, (bytes, str)):
        raw = _as_bytes(key)
        loaded = (_from_pem if _PEM in raw else _from_pkcs12)(raw, _as_bytes(password or b""))
    else:
        raise TypeError(
            "key must be a private key as PEM (bytes or str), as PKCS#12 (bytes) or as a loaded"
            f" RSAPrivateKey, not {type(key).__name__}; of a file, give what is in it"
        )
    if not isinstance(loaded, RSAPrivateKey):
        raise ValueError(f"the key is of type {type(loaded).__name__}: an RSA private key is needed")  # noqa: TRY004  what was given is of the right type
    if loaded.key_size < _LEAST_BITS:
        raise ValueError(f"the RSA key has {loaded.key_size} bits: {_LEAST_BITS} is the least, 2048 is usual")
    return loaded


def _as_bytes(text: bytes | str) -> bytes:
    # A lone surrogate passes here; the loader then refuses the key or the password.
    return text.encode(errors="surrogatepass") if isinstance(text, str) else text


def _from_pem(raw: bytes, password: bytes) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  an extra, when used
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  likewise

    labels = _LABEL.findall(raw)
    if b"OPENSSH PRIVATE KEY" in labels:
        raise ValueError("the key is in OpenSSH's own format: convert a copy with ssh-keygen -p -m PEM -f")
    if not any(label.endswith(b"PRIVATE KEY") for label in labels):
        kinds = [(b"CERTIFICATE", "a certificate"), (b"PUBLIC KEY", "a public key")]
        what = next(
            (kind for end, kind in kinds if any(label.endswith(end) for label in labels)), "other data"
        )
        raise ValueError(f"the PEM is {what}; pass the private key")
    encrypted = b"ENCRYPTED PRIVATE KEY" in labels or b"Proc-Type: 4,ENCRYPTED" in raw
    if encrypted and not password:
        raise ValueError("the PEM is encrypted: give its password=")
    if password and not encrypted:
        raise ValueError("a password= was given, but the PEM is not encrypted: leave it out")
    try:
        return load_pem_private_key(raw, password or None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        why = f"{'the password is wrong, or ' if encrypted else ''}it is damaged, or of an unknown kind"
        if rb"\n" in raw:
            why = r"its line breaks have become the two characters \n: put real ones in their place"
    raise ValueError(f"the PEM gives no key: {why}")


def _from_pkcs12(raw: bytes, password: bytes) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  an extra, when used
    from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415  likewise

    if raw[:1] != _DER_SEQUENCE or _PKCS12_VERSION not in raw[:16]:
        raise ValueError(
            "the key is neither PEM, which has a line -----BEGIN … PRIVATE KEY-----, nor the bytes of a"
            " PKCS#12 file. Of a file, give what is in it; convert other formats with openssl pkey"
        )
    try:
        found = pkcs12.load_key_and_certificates(raw, password or None)[0]
    except (TypeError, ValueError, UnsupportedAlgorithm):
        wrong = "the password is wrong" if password else "it is encrypted and needs its password="
        why = f"{wrong}, or it is damaged, or of an unknown kind"
    else:
        if found is not None:
            return found
        why = "it holds no private key, only certificates: export it again with the key"
    raise ValueError(f"the PKCS#12 data gives no key: {why}")
