"""Where a store is, in words that another process understands."""

from __future__ import annotations

from dataclasses import dataclass

from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.sqlite import SQLiteStore


__all__ = ["Where"]


@dataclass(frozen=True, slots=True)
class Where:
    """A store that several processes open.

    Attributes:
        address: A URL of Redis, or the path of a SQLite file.
        prefix: What its keys in Redis begin with.
        key: The key that its records are encrypted with; None: they are in the clear.
        name_key: The key that users' names are hidden with; None: they are not.
        timeout: How many seconds each operation may take: what the stores take by themselves.
    """

    address: str
    prefix: str = "aiooauth1:"
    key: str | None = None
    name_key: str | None = None
    timeout: float = 2.0

    def open(self) -> RedisStore | SQLiteStore:
        """Make a store there."""
        encryption = Encryption(self.key, name_key=self.name_key) if self.key is not None else None
        if "://" in self.address:
            return RedisStore.from_url(
                self.address, prefix=self.prefix, encryption=encryption, timeout=self.timeout
            )
        return SQLiteStore(self.address, encryption=encryption, timeout=self.timeout)
