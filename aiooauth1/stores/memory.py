"""Tokens in this process's memory: for tests, scripts and services of one process that may forget."""

from __future__ import annotations

import hashlib
import struct
import time
from bisect import insort
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from aiooauth1._internal.secrecy import SecretBytes
from aiooauth1.errors import TooManyHandshakes
from aiooauth1.stores.codec import check_tokens, encode_token
from aiooauth1.stores.keys import check_key, check_names, record_key
from aiooauth1.stores.protocols import Held, check_count, validate_ttl


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from aiooauth1.credentials import AccessToken


__all__ = ["ExpiringDict", "MemoryStore"]

_END = struct.Struct("d")  # when a value expires, by the clock; packed before the value


class MemoryStore:
    """A `TokenStore` in memory.

    A new handshake is refused when `max_pending` of them are pending, or when those that are take
    `max_pending_bytes`: a flood of them never pushes out a user who is logging in, and a provider that sends
    long tokens takes no more memory than that. Of 400 bytes each, 100,000 take 60 MiB in all.

    Args:
        max_pending: How many handshakes may be pending at once.
        max_pending_bytes: How many bytes their records may take, without Python's own 200 bytes for each.
        clock: Seconds from any beginning, never going back.

    Raises:
        TypeError: If a bound is not an int.
        ValueError: If a bound is less than 1.
    """

    def __init__(
        self,
        *,
        max_pending: int = 100_000,
        max_pending_bytes: int = 128 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_count("max_pending", max_pending)
        check_count("max_pending_bytes", max_pending_bytes)
        self._max_pending = max_pending
        self._max_bytes = max_pending_bytes
        self._tokens: dict[str, dict[str, AccessToken]] = {}
        self._pending = ExpiringDict(clock)
        self._slots = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the store, which has nothing to close."""

    async def close(self) -> None:
        """Do what `aclose` does."""
        await self.aclose()

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        """Store the user's token, replacing any other.

        Raises:
            TypeError: If a name is not a `str`, or the token holds what no store keeps.
            ValueError: If the token holds what no store keeps.
        """
        check_names(provider=provider, user=user)
        encode_token(token)  # what the other stores refuse is refused here: tests are run with this one
        self._tokens.setdefault(provider, {})[user] = token

    async def put_access_tokens(self, provider: str, tokens: Mapping[str, AccessToken]) -> None:
        """Store the tokens of many users, all or none."""
        check_names(provider=provider)
        check_tokens(tokens)
        for token in tokens.values():
            encode_token(token)
        self._tokens.setdefault(provider, {}).update(tokens)

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        """Return the user's token, or None."""
        check_names(provider=provider, user=user)
        return self._tokens.get(provider, {}).get(user)

    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        """Replace the user's token if its key is still `old_key`; return whether the new one is stored."""
        check_names(provider=provider, user=user)
        check_key(old_key, "old_key")
        encode_token(token)
        users = self._tokens.get(provider, {})
        held = users.get(user)
        if held is None or held.key != old_key:
            return held == token
        users[user] = token
        return True

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        """Delete the user's token, with `key` only if it has that key; return whether it was deleted."""
        check_names(provider=provider, user=user)
        if key is not None:
            check_key(key)
        users = self._tokens.get(provider, {})
        held = users.get(user)
        if held is None or key not in {None, held.key}:
            return False
        del users[user]
        return True

    async def users(self, provider: str) -> AsyncIterator[str]:
        """Iterate over the users who have a token now."""
        check_names(provider=provider)
        for user in tuple(self._tokens.get(provider, ())):
            yield user

    @asynccontextmanager
    async def pending_slot(self) -> AsyncIterator[None]:
        """Reserve capacity for one pending handshake while its request token is being fetched.

        Raises:
            TooManyHandshakes: If `max_pending` or `max_pending_bytes` is reached.
        """
        self._refuse_beyond(len(self._pending) + self._slots)
        self._slots += 1
        try:
            yield
        finally:
            self._slots -= 1

    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        """Add a record that expires after `ttl` seconds; False if there is another under that token.

        Raises:
            TooManyHandshakes: If `max_pending` or `max_pending_bytes` is reached.
            ValueError: If `ttl` is not a positive number of seconds.
        """
        place = _place(provider, request_token)
        if (held := self._pending.get(place)) is not None:
            return held == value
        self._refuse_beyond(len(self._pending), len(value))
        self._pending.add(place, SecretBytes(value), ttl)
        return True

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        """Return the record; None if there is none or it has expired."""
        held = self._pending.get(_place(provider, request_token))
        return Held(SecretBytes(held), SecretBytes(held)) if held is not None else None

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        """Replace `old` with `value`, keeping the expiry; None if it changed or expired meanwhile."""
        place = _place(provider, request_token)
        held = self._pending.get(place)
        if held is None or held not in {old.version, value}:
            return None
        value = SecretBytes(value)
        self._pending.replace(place, value)
        return Held(value, value)

    def _refuse_beyond(self, pending: int, more: int = 0) -> None:
        if pending >= self._max_pending or self._pending.size + more > self._max_bytes:
            raise TooManyHandshakes(f"{pending} handshakes are pending already: try again in some minutes")


class ExpiringDict:
    """A dict whose entries expire.

    To save memory an entry is two objects only: its key, and its value with its expiry packed before it.

    Args:
        clock: Seconds from any beginning, never going back.

    >>> now = 0.0
    >>> values = ExpiringDict(lambda: now)
    >>> values.add(b"key", b"value", 60)
    >>> values.get(b"key"), len(values)
    (b'value', 1)
    >>> now = 60.0
    >>> values.get(b"key"), len(values)
    (None, 0)
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[bytes, bytes] = {}
        self._size = 0
        self._order: deque[bytes] = deque()  # the keys, the next to expire first

    @property
    def size(self) -> int:
        """How many bytes the values take."""
        self._forget()
        return self._size

    def __len__(self) -> int:
        self._forget()
        return len(self._held)

    def get(self, key: bytes) -> bytes | None:
        """Return the value; None if there is none or it has expired."""
        self._forget()
        held = self._held.get(key)
        return None if held is None else held[_END.size :]

    def add(self, key: bytes, value: bytes, ttl: float) -> None:
        """Add a value under a key that has none.

        Args:
            key: The key.
            value: The value.
            ttl: After how many seconds it expires.

        Raises:
            ValueError: If `ttl` is not a positive number.
        """
        validate_ttl(ttl)
        end = self._clock() + ttl
        self._held[key] = _END.pack(end) + value
        self._size += len(value)
        if not self._order or self._end(self._order[-1]) <= end:  # always so if every ttl is the same
            self._order.append(key)
        else:
            insort(self._order, key, key=self._end)

    def replace(self, key: bytes, value: bytes) -> None:
        """Replace the value of a key that `get` has just found; it keeps its expiry."""
        self._size += len(value) + _END.size - len(self._held[key])
        self._held[key] = self._held[key][: _END.size] + value

    def _end(self, key: bytes) -> float:
        (end,) = _END.unpack_from(self._held[key])
        return float(end)

    def _forget(self) -> None:
        now = self._clock()
        while self._order and self._end(self._order[0]) <= now:
            self._size += _END.size - len(self._held.pop(self._order.popleft()))


def _place(provider: str, request_token: str) -> bytes:
    check_names(provider=provider, request_token=request_token)
    # Names come from outside and may be long; a digest has one size.
    return hashlib.sha256(record_key(provider, request_token).encode("ascii")).digest()
