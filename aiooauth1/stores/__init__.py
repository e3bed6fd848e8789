"""Where tokens are kept: the protocols, and the store in memory. Each other store is a module of its own."""

from aiooauth1.stores.memory import MemoryStore
from aiooauth1.stores.protocols import (
    AccessTokenStore,
    BoundedPendingStore,
    Held,
    PendingStore,
    TokenStore,
    put_access_tokens,
)


__all__ = [
    "AccessTokenStore",
    "BoundedPendingStore",
    "Held",
    "MemoryStore",
    "PendingStore",
    "TokenStore",
    "put_access_tokens",
]
