"""Tokens in this process's memory: for tests, scripts and services of one process that may forget."""

from __future__ import annotations

import hashlib
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from aiooauth1.errors import TooManyHandshakes
from aiooauth1.stores.expiring import Expiring
from aiooauth1.stores.keys import record_key
from aiooauth1.stores.protocols import Held


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiooauth1.credentials import AccessToken


__all__ = ["MemoryStore"]


class MemoryStore:
    """A `TokenStore` in memory.

    A new handshake is refused when `max_pending` of them are pending: a flood of them never pushes out a user
    who is logging in. Of 400 octets each, 100,000 take 60 MiB.

    Args:
        max_pending: How many handshakes may be pending at once.
        clock: Seconds from any beginning, never going back.
    """

    def __init__(self, *, max_pending: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_pending = max_pending
        self._tokens: dict[str, dict[str, AccessToken]] = {}
        self._pending = Expiring(clock)
        self._slots = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the store, which has nothing to close."""

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        """Store the user's token in place of any other."""
        self._tokens.setdefault(provider, {})[user] = token

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        """Return the user's token, None if there is none."""
        return self._tokens.get(provider, {}).get(user)

    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        """Store the token only while the stored one's key is `old_key`; say whether it is stored."""
        users = self._tokens.get(provider, {})
        held = users.get(user)
        if held is None or held.key != old_key:
            return held == token
        users[user] = token
        return True

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        """Forget the user's token, if a key is given only the one of that key; say whether it went."""
        users = self._tokens.get(provider, {})
        held = users.get(user)
        if held is None or key not in {None, held.key}:
            return False
        del users[user]
        return True

    async def users(self, provider: str) -> AsyncIterator[str]:
        """Iterate over the users who have a token there, as they are now."""
        for user in tuple(self._tokens.get(provider, ())):
            yield user

    @asynccontextmanager
    async def pending_slot(self) -> AsyncIterator[None]:
        """Keep room for one pending handshake while its request token is being asked for.

        Raises:
            TooManyHandshakes: If there is no room.
        """
        self._refuse_beyond(len(self._pending) + self._slots)
        self._slots += 1
        try:
            yield
        finally:
            self._slots -= 1

    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        """Add a record that is gone after `ttl` seconds; False if there is another under that token.

        Raises:
            TooManyHandshakes: If there is no room.
            ValueError: If `ttl` is not a positive number of seconds.
        """
        place = _place(provider, request_token)
        if (held := self._pending.get(place)) is not None:
            return held == value
        self._refuse_beyond(len(self._pending))
        self._pending.add(place, value, ttl)
        return True

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        """Return the record, None if there is none or its time is up."""
        held = self._pending.get(_place(provider, request_token))
        return Held(held, held) if held is not None else None

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        """Put `value` in place of `old`, which keeps its time; None if it changed or went meanwhile."""
        place = _place(provider, request_token)
        held = self._pending.get(place)
        if held is None or held not in {old.version, value}:
            return None
        self._pending.replace(place, value)
        return Held(value, value)

    def _refuse_beyond(self, pending: int) -> None:
        if pending >= self._max_pending:
            raise TooManyHandshakes(f"{pending} handshakes are pending already: try again in some minutes")


def _place(provider: str, request_token: str) -> bytes:
    # A digest takes the same room whatever the names are, which come from outside.
    return hashlib.sha256(record_key(provider, request_token).encode("ascii")).digest()
