"""Records in Redis: each is bound to its key, in the clear with a checksum or encrypted. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, NamedTuple

from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.codec import decode_token, dump_record, encode_token, load_record
from aiooauth1.stores.keys import check_names, name_bytes, name_from_bytes, record_key, text_digest


if TYPE_CHECKING:
    from aiooauth1.credentials import AccessToken
    from aiooauth1.stores.encryption import Encryption


__all__ = ["RedisRecords", "StoredToken"]

_ACCESS = "access"
_PENDING = "pending"
_KINDS = (_ACCESS, _PENDING)
# A record in the clear begins with JSON; no encrypted one begins so.
_CLEAR = b"{"
_SUM_BYTES = 32
_SPECIAL = re.compile(rb"[\\*?\[\]]")  # the special characters of Redis's patterns


class StoredToken(NamedTuple):
    """An access token and its user."""

    user: str
    token: AccessToken


class RedisRecords:
    """How records and their keys are written and read.

    A record is a line of JSON, followed by bytes of any length: the user's name, or the pending handshake. It
    is bound to its key, so that a record under another key is refused: an encrypted one by its associated
    data, one in the clear by a checksum over both.

    Args:
        prefix: What every key begins with.
        encryption: How to encrypt, None to keep records in the clear.
    """

    def __init__(self, prefix: str, encryption: Encryption | None) -> None:
        self._prefix = prefix
        self._encryption = encryption

    def access_key(self, provider: str, user: str) -> bytes:
        """Return the key of a user's access token."""
        check_names(provider=provider, user=user)
        hidden = self._encryption.hide(user) if self._encryption is not None else user
        return self._key(_ACCESS, provider, hidden)

    def pending_key(self, provider: str, request_token: str) -> bytes:
        """Return the key of a pending handshake."""
        check_names(provider=provider, request_token=request_token)
        # No key shows the token itself, with which a user approves.
        return self._key(_PENDING, provider, text_digest(request_token))

    def access_pattern(self, provider: str) -> bytes:
        """Return the pattern that the keys of a provider's access tokens match, and no other key."""
        check_names(provider=provider)
        return _literal(self._key(_ACCESS, provider)) + b":*"

    def patterns(self) -> list[bytes]:
        """Return the patterns that all keys match."""
        return [_literal(self._key(kind)) + b":*" for kind in _KINDS]

    def seal_token(self, key: bytes, user: str, token: AccessToken) -> bytes:
        """Write an access token for its key.

        Raises:
            TypeError: If the token holds what cannot be stored.
            ValueError: Likewise.
        """
        return self._seal(key, encode_token(token), name_bytes(user))

    def open_token(self, key: bytes, stored: bytes) -> StoredToken:
        """Read what `seal_token` wrote for that key.

        Raises:
            StoreCorrupt: If it is not that.
        """
        head, name = self._open(key, stored)
        user = name_from_bytes(name)
        if user is None:
            raise StoreCorrupt("a stored record is not one of ours: the user's name is not text")
        return StoredToken(user, decode_token(head))

    def seal_pending(self, key: bytes, value: bytes) -> bytes:
        """Write a pending handshake for its key."""
        return self._seal(key, dump_record({}), value)

    def open_pending(self, key: bytes, stored: bytes) -> bytes:
        """Read what `seal_pending` wrote for that key.

        Raises:
            StoreCorrupt: If it is not that.
        """
        head, value = self._open(key, stored)
        load_record(head)
        return value

    def reseal(self, key: bytes, stored: bytes) -> bytes | None:
        """Encrypt a record with the current key; None if it is already.

        Raises:
            StoreCorrupt: If it is not one of this package's, or its key is not known.
        """
        if self._encryption is not None and self._encryption.is_current(stored):
            return None
        return self._seal(key, *self._open(key, stored))

    def _key(self, *parts: str) -> bytes:
        return (self._prefix + record_key(*parts)).encode()

    def _seal(self, key: bytes, head: bytes, tail: bytes) -> bytes:
        content = head + b"\n" + tail  # compact JSON has no line break
        if self._encryption is not None:
            return self._encryption.seal(content, key.decode())
        return content + _sum(key, content)

    def _open(self, key: bytes, stored: bytes) -> tuple[bytes, bytes]:
        content = stored
        if self._encryption is not None:
            content = self._encryption.open(stored, key.decode())
        if content is stored:  # in the clear
            content = _checked(key, stored)
        head, _, tail = content.partition(b"\n")
        return head, tail


def _checked(key: bytes, stored: bytes) -> bytes:
    content, found = stored[:-_SUM_BYTES], stored[-_SUM_BYTES:]
    if not content.startswith(_CLEAR) or not hmac.compare_digest(found, _sum(key, content)):
        raise StoreCorrupt(
            "a stored record is not one of ours: changed, encrypted, or moved from another place"
        )
    return content


def _sum(key: bytes, content: bytes) -> bytes:
    return hashlib.sha256(key + b"\0" + content).digest()


def _literal(text: bytes) -> bytes:
    """Escape text, so that as a pattern it matches only itself."""
    return _SPECIAL.sub(rb"\\\g<0>", text)
