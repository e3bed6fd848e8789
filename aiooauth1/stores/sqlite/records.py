"""What stands in a row of the SQLite file: records bound to their place, in the clear or encrypted. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiooauth1._internal.secrecy import SecretBytes
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.codec import decode_token, encode_token
from aiooauth1.stores.keys import check_names, name_bytes, name_from_bytes, record_key, text_digest


if TYPE_CHECKING:
    from aiooauth1.credentials import AccessToken
    from aiooauth1.stores.encryption import Encryption


__all__ = ["Place", "Row", "SQLiteRecords"]


class Place(NamedTuple):
    """Where a record is in the file. Its encryption is bound to these names."""

    kind: str
    provider: str
    name: str


class Row(NamedTuple):
    """A row of the file, to be re-encrypted."""

    id: int
    provider: str
    name: str
    record: bytes
    user: bytes | None


class SQLiteRecords:
    """How records are written and read.

    Args:
        encryption: How to encrypt; None keeps records in the clear.
    """

    def __init__(self, encryption: Encryption | None) -> None:
        self._encryption = encryption

    @property
    def encrypted(self) -> bool:
        """Whether records are encrypted."""
        return self._encryption is not None

    def access(self, provider: str, user: str) -> Place:
        """Return the place of a user's access token."""
        check_names(provider=provider, user=user)
        return Place("access", record_key(provider), record_key(self._hidden(user)))

    def pending(self, provider: str, request_token: str) -> Place:
        """Return the place of a pending handshake, which does not show its request token."""
        check_names(provider=provider, request_token=request_token)
        return Place("pending", record_key(provider), text_digest(self._hidden(request_token)))

    def seal(self, record: bytes, place: Place) -> bytes:
        """Write a record for its place."""
        return SecretBytes(record if self._encryption is None else self._encryption.seal(record, *place))

    def open(self, stored: bytes, place: Place) -> bytes:
        """Read the record of a place.

        Raises:
            StoreCorrupt: If it is not what `seal` wrote for that place.
        """
        if self._encryption is not None:
            return SecretBytes(self._encryption.open(stored, *place))
        if not isinstance(stored, bytes):  # SQLite returns a value of any type
            raise StoreCorrupt("a stored record is not one of ours: it is not bytes")
        return stored

    def seal_token(self, token: AccessToken, place: Place) -> bytes:
        """Write an access token for its place.

        Raises:
            TypeError: If the token holds what cannot be stored.
            ValueError: Likewise.
        """
        return self.seal(encode_token(token), place)

    def open_token(self, stored: bytes, place: Place) -> AccessToken:
        """Read the access token of a place.

        Raises:
            StoreCorrupt: If it is not what `seal_token` wrote for that place.
        """
        return decode_token(self.open(stored, place))

    def seal_user(self, user: str, place: Place) -> bytes:
        """Write the user's name, which is stored beside the token: encrypted if names are hidden."""
        encoded = name_bytes(user)
        if self._encryption is not None and self._encryption.hides_names:
            return self._encryption.seal(encoded, *_beside(place))
        return encoded

    def open_user(self, stored: bytes, place: Place) -> str:
        """Read the user's name that is stored beside the token.

        Raises:
            StoreCorrupt: If it is not what `seal_user` wrote for that place.
        """
        encoded = stored
        if self._encryption is not None and self._encryption.hides_names:
            encoded = self._encryption.open(stored, *_beside(place))
        user = name_from_bytes(encoded)
        if user is None or record_key(self._hidden(user)) != place.name:
            raise StoreCorrupt("a stored user's name does not belong to the token beside it")
        return user

    def reseal(self, kind: str, row: Row) -> Row | None:
        """Encrypt a row with the current key; None if it is already.

        Raises:
            StoreCorrupt: If it is not one of this package's, or its key is not known.
        """
        encryption = self._encryption
        if encryption is None:
            return None
        named = row.user is None or not encryption.hides_names or encryption.is_current(row.user)
        if named and encryption.is_current(row.record):
            return None
        place, user = Place(kind, row.provider, row.name), row.user
        if user is not None:
            user = self.seal_user(self.open_user(user, place), place)
        return row._replace(record=self.seal(self.open(row.record, place), place), user=user)

    def _hidden(self, name: str) -> str:
        return name if self._encryption is None else self._encryption.hide(name)


def _beside(place: Place) -> Place:
    return place._replace(kind=f"{place.kind} user")
