"""RSA signatures (RFC 5849 section 3.4.3): RSA-SHA1, RSA-SHA256, RSA-SHA512 and RSA-PSS. Extra: `rsa`.

The consumer signs with its private key; the provider holds the public key and verifies. Neither secret goes
in: section 4.1 has it that such a request "relies completely on the secrecy of the private key". So, unlike
HMAC's, the signature does not prove that its sender knows the token's secret, and one with a token that was
slipped in from elsewhere verifies as well. Whoever takes a callback must therefore compare its token with the
one that this browser's handshake began with, under every method; `Handshake` does.
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


__all__ = ["RSA_PSS", "RSA_SHA1", "RSA_SHA256", "RSA_SHA512", "Rsa"]

_LEAST_BITS = 1024
_INLINE_BITS = 2048
_PSS_SALT_OCTETS = 32
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_DER_SEQUENCE = b"\x30"  # what all PKCS#12 begins with, and no text


@dataclass(frozen=True, slots=True, repr=False)
class Rsa:
    """An RSA key made ready to sign in one way: what the four functions of this module return.

    Two are equal when method and public key are. It shows no key, and is not pickled.

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
        raise TypeError("an RSA signature method is not pickled: give each process the private key itself")

    @property
    def takes_long(self) -> bool:
        """Whether signing holds up an event loop so long, above 2048 bits, that it belongs in a thread."""
        return self.key_size > _INLINE_BITS

    def sign(self, base_string: str, consumer_secret: str = "", token_secret: str = "") -> str:  # noqa: ARG002  by protocol
        """Sign one base string, from any thread.

        Args:
            base_string: The signature base string.
            consumer_secret: Plays no part.
            token_secret: Plays no part.

        Returns:
            The signature in base64, as long as the key.
        """
        return b2a_base64(self._signature(base_string.encode()), newline=False).decode()


def RSA_SHA1(  # noqa: N802  the public name
    key: bytes | str | RSAPrivateKey, *, password: bytes | str | None = None
) -> Rsa:
    """Sign with RSA-SHA1: RSASSA-PKCS1-v1_5 with SHA-1 (RFC 5849 section 3.4.3).

    The key is parsed and checked here, once, which takes as long as a hundred signatures: do it when the
    program starts, or in a thread.

    Args:
        key: The consumer's private key, of at least 1024 bits: PEM, which may be encrypted; the octets of a
            PKCS#12 file (`.p12`, `.pfx`); or an `RSAPrivateKey` of the cryptography package.
        password: What PEM or PKCS#12 is encrypted with; a text stands for its UTF-8.

    Returns:
        The signature method, for `OAuth1Session(signature_method=…)`, `Provider` and `sign`.

    Raises:
        ImportError: If the cryptography package is not installed.
        TypeError: If key or password is of another type, or a password comes with a loaded key.
        ValueError: If there is no RSA private key in what was given, it does not open with the password or
            its lack, or it is too short. No message holds anything of key or password.

    >>> from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    >>> RSA_SHA1(generate_private_key(65537, 2048))
    <RSA-SHA1 with a key of 2048 bits>
    """
    found = _attempt(key, password)
    del key, password  # reports of an error may show the local variables along its way
    return _method("RSA-SHA1", "sha1", found)


def RSA_SHA256(  # noqa: N802  the public name
    key: bytes | str | RSAPrivateKey, *, password: bytes | str | None = None
) -> Rsa:
    """Sign with RSA-SHA256: RSASSA-PKCS1-v1_5 with SHA-256, otherwise as RFC 5849 section 3.4.3.

    Args:
        key: As `RSA_SHA1` takes it.
        password: Likewise.

    Returns:
        The signature method.

    Raises:
        ImportError: As `RSA_SHA1`.
        TypeError: Likewise.
        ValueError: Likewise.
    """
    found = _attempt(key, password)
    del key, password
    return _method("RSA-SHA256", "sha256", found)


def RSA_SHA512(  # noqa: N802  the public name
    key: bytes | str | RSAPrivateKey, *, password: bytes | str | None = None
) -> Rsa:
    """Sign with RSA-SHA512: RSASSA-PKCS1-v1_5 with SHA-512, otherwise as RFC 5849 section 3.4.3.

    Args:
        key: As `RSA_SHA1` takes it.
        password: Likewise.

    Returns:
        The signature method.

    Raises:
        ImportError: As `RSA_SHA1`.
        TypeError: Likewise.
        ValueError: Likewise.
    """
    found = _attempt(key, password)
    del key, password
    return _method("RSA-SHA512", "sha512", found)


def RSA_PSS(  # noqa: N802  the public name
    key: bytes | str | RSAPrivateKey, *, password: bytes | str | None = None
) -> Rsa:
    """Sign with RSA-PSS: RSASSA-PSS with SHA-256, MGF1 with SHA-256, and a salt of 32 octets.

    The salt is random, so the same base string has another signature each time.

    Args:
        key: As `RSA_SHA1` takes it.
        password: Likewise.

    Returns:
        The signature method.

    Raises:
        ImportError: As `RSA_SHA1`.
        TypeError: Likewise.
        ValueError: Likewise.
    """
    found = _attempt(key, password)
    del key, password
    return _method("RSA-PSS", "sha256", found)


def _method(name: str, hash_name: str, found: RSAPrivateKey | Exception) -> Rsa:
    if isinstance(found, Exception):
        raise found
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  an extra, when used
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415  likewise

    algorithm = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha512": hashes.SHA512}[hash_name]()
    scheme = (
        padding.PSS(padding.MGF1(algorithm), _PSS_SALT_OCTETS) if name == "RSA-PSS" else padding.PKCS1v15()
    )
    signature = partial(found.sign, padding=scheme, algorithm=algorithm)
    return Rsa(name, hash_name, found.key_size, found.public_key().public_numbers(), signature)


def _attempt(key: object, password: object) -> RSAPrivateKey | Exception:
    """Load the key, or return the error as if new: its traceback and context know key and password."""
    try:
        return _load(key, password)
    except (ImportError, TypeError, ValueError) as error:
        error.__context__ = None
        return error.with_traceback(None)


def _load(key: object, password: object) -> RSAPrivateKey:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  an extra, when used
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  likewise
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415  likewise
        from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415  likewise
    except ImportError:
        raise ImportError(
            "RSA signatures need the cryptography package: pip install 'aiooauth1[rsa]'", name="cryptography"
        ) from None
    if password is not None and not isinstance(password, (bytes, str)):
        raise TypeError(f"password must be bytes or str, not {type(password).__name__}")
    loaded = key
    if isinstance(key, (bytes, str)):
        # What has no UTF-8 form is no PEM and no password either: it is let through to be refused as such.
        octets = key.encode(errors="surrogatepass") if isinstance(key, str) else key
        secret = password.encode(errors="surrogatepass") if isinstance(password, str) else password
        labels = _LABEL.findall(octets)
        try:
            if labels:
                _check_pem(octets, labels, secret)
                loaded = serialization.load_pem_private_key(octets, secret)
            else:
                _check_pkcs12(octets)
                loaded = pkcs12.load_key_and_certificates(octets, secret)[0]
        except UnsupportedAlgorithm:
            raise ValueError(
                "the key is encrypted or made in a way that the installed cryptography package does not"
                " support: convert it, for example with openssl pkcs8 -topk8 -v2 aes-256-cbc"
            ) from None
        except _Unfit:
            raise
        except (TypeError, ValueError):
            raise ValueError(_unopened(octets, labels, secret)) from None
        if loaded is None:
            raise ValueError("the PKCS#12 data holds certificates only: export it with its private key")
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise ValueError(f"the key is an {type(loaded).__name__}: these methods need an RSA private key")
    elif not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(
            "key must be a private key as PEM (bytes or str), as PKCS#12 (bytes) or as a loaded"
            f" RSAPrivateKey, not {type(key).__name__}; of a file give what is in it"
        )
    elif password is not None:
        raise TypeError("password= goes with an encrypted PEM or PKCS#12: a loaded key has none")
    return loaded
