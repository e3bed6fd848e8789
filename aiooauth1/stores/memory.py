"""Tokens in this process's memory: for tests, scripts and services of one process that may forget."""

from __future__ import annotations

import heapq
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from aiooauth1.errors import TooManyHandshakes
from aiooauth1.stores.protocols import Held


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiooauth1.credentials import AccessToken


__all__ = ["MemoryStore"]


class MemoryStore:
    """A `TokenStore` in memory.

    A new handshake is refused when `max_pending` of them are pending: a flood of them never pushes out a user
    who is logging in.

    Args:
        max_pending: How many handshakes may be pending at once.
        clock: Seconds from any beginning, never going back.
    """

    def __init__(self, *, max_pending: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._max_pending = max_pending
        self._tokens: dict[str, dict[str, AccessToken]] = {}
        self._pending: dict[tuple[str, str], tuple[float, bytes]] = {}
        self._deadlines: list[tuple[float, tuple[str, str]]] = []  # a heap: the first to go stands first
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
        self._forget_expired()
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
        """
        self._forget_expired()
        key = (provider, request_token)
        if (held := self._pending.get(key)) is not None:
            return held[1] == value
        self._refuse_beyond(len(self._pending))
        until = self._clock() + ttl
        self._pending[key] = (until, value)
        heapq.heappush(self._deadlines, (until, key))
        return True

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        """Return the record, None if there is none or its time is up."""
        self._forget_expired()
        held = self._pending.get((provider, request_token))
        return Held(held[1], held[1]) if held is not None else None

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        """Put `value` in place of `old`, which keeps its time; None if it changed or went meanwhile."""
        self._forget_expired()
        key = (provider, request_token)
        held = self._pending.get(key)
        if held is None or held[1] not in {old.version, value}:
            return None
        self._pending[key] = (held[0], value)
        return Held(value, value)

    def _forget_expired(self) -> None:
        now = self._clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            del self._pending[heapq.heappop(self._deadlines)[1]]

    def _refuse_beyond(self, pending: int) -> None:
        if pending >= self._max_pending:
            raise TooManyHandshakes(f"{pending} handshakes are pending already: try again in some minutes")
