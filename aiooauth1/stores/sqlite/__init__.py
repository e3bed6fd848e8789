"""SQLiteStore: tokens and pending handshakes in one SQLite file. It needs the extra `sqlite`."""

from aiooauth1.stores.sqlite.store import SQLiteStore


__all__ = ["SQLiteStore"]
