"""Encryption of stored records: AES-256-GCM, bound to the place where a record stands. Extra: `encryption`.

A sealed record is one byte for the format, four for the key id, twelve for the nonce, and the ciphertext
with its tag. All of it, and the names of its place, are authenticated: a record that was changed, or moved to
another place, does not open.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from typing import TYPE_CHECKING, NoReturn, Self

from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.codec import SEALED
from aiooauth1.stores.keys import name_bytes


if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM


__all__ = ["Encryption", "check_encryption"]

_KEY_BYTES = 32
_ID_END = 1 + 4
_NONCE_END = _ID_END + 12
_TAG_BYTES = 16
_BASE64 = re.compile(r"[A-Za-z0-9_-]{43}=?")


class Encryption:
    """The keys that a store's records are encrypted with.

    The first key encrypts and every key decrypts. To change keys, first give every process the new key behind
    the old one, then the new one first, then run the store's `rotate()`, and then leave the old one out.

    Nonces are random, so one key is good for some thousand million records written; change it long before.

    Args:
        keys: Keys as `generate_key` makes them, the current one first.
        name_key: Another such key. With it users' names are not in the clear either: a store knows a user by
            the HMAC-SHA256 of the name. It stays the same for the life of a store: with another one, or none,
            everything is under other names.
        accept_plain: Whether records that are not encrypted are read as well, for a store that was without
            encryption until now: until its `rotate()` has encrypted them. Meanwhile anybody who can write
            into the store can put records of their own there, so leave it out again.

    Raises:
        ImportError: If cryptography is not installed.
        TypeError: If a key is not a `str`.
        ValueError: If there is no key, a key is not one of `generate_key`, or one is given twice; or if
            `accept_plain` comes with `name_key`, under which nothing could be found that was there before.

    >>> key = Encryption.generate_key()
    >>> encryption = Encryption(key)
    >>> sealed = encryption.seal(b"a secret", "access", "x", "ann")
    >>> encryption.open(sealed, "access", "x", "ann")
    b'a secret'
    """

    __slots__ = ("_accept_plain", "_ciphers", "_current", "_name_key")

    def __init__(self, *keys: str, name_key: str | None = None, accept_plain: bool = False) -> None:
        self._ciphers: dict[bytes, AESGCM] = {}
        self._name_key: bytes | None = None
        given = _attempt(keys, name_key)
        del keys, name_key  # an error report may show the local variables of every frame
        if isinstance(given, Exception):
            raise given
        self._ciphers, self._current, self._name_key = given
        if accept_plain and self._name_key is not None:
            raise ValueError("Encryption(): records that are not encrypted are not under hidden names")
        self._accept_plain = accept_plain

    def __repr__(self) -> str:
        ids = ", ".join(key_id.hex() for key_id in self._ciphers)
        return f"<Encryption keys: {ids}; names {'hidden' if self._name_key else 'in the clear'}>"

    def __copy__(self) -> Self:
        return self  # immutable

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Encryption is not pickled, since it holds keys: give each process the keys themselves"
        )

    @staticmethod
    def generate_key() -> str:
        """Make a key: 32 random bytes, as URL-safe base64 (44 characters).

        Returns:
            The key. It alone opens the store's records: keep it as you keep a password.
        """
        return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode("ascii")

    @property
    def hides_names(self) -> bool:
        """Whether users' names are hidden."""
        return self._name_key is not None

    def hide(self, name: str) -> str:
        """Return the name that a store keeps instead of a user's.

        Args:
            name: The user's name, any text.

        Returns:
            43 letters, digits, `-` and `_`: the HMAC of the name; without `name_key` the name itself.
        """
        if self._name_key is None:
            return name
        encoded = b"aiooauth1 user name\0" + name_bytes(name)
        return _base64(hmac.digest(self._name_key, encoded, "sha256"))

    def seal(self, plain: bytes, *place: str) -> bytes:
        """Encrypt with the first key.

        Args:
            plain: What to keep secret.
            place: What names the record, such as kind, provider and user: any texts.

        Returns:
            The sealed record, 33 bytes longer; a different one at every call.
        """
        head = SEALED + self._current
        nonce = os.urandom(_NONCE_END - _ID_END)
        return head + nonce + self._ciphers[self._current].encrypt(nonce, plain, _bound(head, place))

    def open(self, sealed: bytes, *place: str) -> bytes:
        """Decrypt with the key that encrypted it.

        Args:
            sealed: What `seal` returned.
            place: The same names as were given to `seal`.

        Returns:
            What was sealed.

        Raises:
            StoreCorrupt: If it is not from `seal`, its key is not one of ours, or it was changed or moved
                from another place. The message names no more than the key id.
        """
        if self._accept_plain and _is_plain(sealed):
            return sealed
        head = _head(sealed)
        cipher = self._ciphers.get(head[1:])
        if cipher is None:
            raise StoreCorrupt(
                f"a stored record is encrypted with key {head[1:].hex()}, which is not one of ours"
            )
        nonce, ciphertext = sealed[_ID_END:_NONCE_END], sealed[_NONCE_END:]
        try:
            return cipher.decrypt(nonce, ciphertext, _bound(head, place))
        except _invalid_tag():
            pass
        raise StoreCorrupt(
            f"a stored record of key {head[1:].hex()} does not decrypt: changed, or moved from another place"
        )

    def key_id(self, sealed: bytes) -> str:
        """Tell with which key a record was sealed.

        Args:
            sealed: What `seal` returned.

        Returns:
            The key's id: eight hexadecimal digits of a hash of it.

        Raises:
            StoreCorrupt: If it is not from `seal`.
        """
        return _head(sealed)[1:].hex()

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether a record was sealed with the first key.

        Args:
            sealed: What `seal` returned.

        Returns:
            False too for a record in the clear, where those are read.

        Raises:
            StoreCorrupt: If it is not from `seal`.
        """
        if self._accept_plain and _is_plain(sealed):
            return False
        return _head(sealed)[1:] == self._current


def check_encryption(given: object) -> None:
    """Refuse what is neither an `Encryption` nor None, such as a key.

    Raises:
        TypeError: If it is neither.
    """
    if given is not None and not isinstance(given, Encryption):
        raise TypeError(f"encryption must be an Encryption(key) or None, not {type(given).__name__}")


def _aesgcm() -> type[AESGCM]:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra, when used
    except ImportError:
        raise ImportError(
            "Encryption needs the cryptography package: pip install 'aiooauth1[encryption]'",
            name="cryptography",
        ) from None
    return AESGCM


def _invalid_tag() -> type[Exception]:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra, when used

    return InvalidTag


_Given = tuple[dict[bytes, "AESGCM"], bytes, bytes | None]


def _attempt(keys: tuple[str, ...], name_key: str | None) -> _Given | Exception:
    """Take the keys, or return the error without its traceback, whose frames hold the keys."""
    try:
        return _taken(keys, name_key)
    except (ImportError, TypeError, ValueError) as error:
        return error.with_traceback(None)


def _taken(keys: tuple[str, ...], name_key: str | None) -> _Given:
    if not keys:
        raise ValueError("Encryption() needs a key: make one with Encryption.generate_key() and keep it")
    aesgcm = _aesgcm()
    secrets = [_decoded(key, f"key {number}") for number, key in enumerate(keys, 1)]
    ciphers: dict[bytes, AESGCM] = {_id(secret): aesgcm(secret) for secret in secrets}
    if len(ciphers) != len(keys):
        raise ValueError("Encryption(): two of the keys are the same, or have the same id")
    hides = _decoded(name_key, "name_key") if name_key is not None else None
    if hides in secrets:
        raise ValueError("Encryption(): name_key must be a key of its own, not one that encrypts")
    return ciphers, _id(secrets[0]), hides


def _decoded(key: str, name: str) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"Encryption(): {name} must be a str, not {type(key).__name__}")
    if _BASE64.fullmatch(key) is None:
        raise ValueError(
            f"Encryption(): {name} is not a key: it must be 32 random bytes as URL-safe base64, "
            "44 characters, as Encryption.generate_key() makes them"
        )
    return base64.urlsafe_b64decode(key.rstrip("=") + "=")


def _id(secret: bytes) -> bytes:
    return hashlib.sha256(b"aiooauth1 key id\0" + secret).digest()[: _ID_END - 1]


def _is_plain(record: bytes) -> bool:
    # A database may return another type. Every JSON record begins with {, and no sealed one does.
    return isinstance(record, bytes) and record.startswith(b"{")


def _head(sealed: bytes) -> bytes:
    if not isinstance(sealed, bytes) or len(sealed) < _NONCE_END + _TAG_BYTES or sealed[:1] != SEALED:
        raise StoreCorrupt("a stored record is not an encrypted one of ours")
    return sealed[:_ID_END]


def _bound(head: bytes, place: tuple[str, ...]) -> bytes:
    # Each name follows its length, so different names give different bytes.
    encoded = [name_bytes(name) for name in place]
    return b"".join([head, *[len(name).to_bytes(8, "big") + name for name in encoded]])


def _base64(encoded: bytes) -> str:
    return base64.urlsafe_b64encode(encoded).rstrip(b"=").decode("ascii")
