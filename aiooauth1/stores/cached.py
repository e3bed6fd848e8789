"""Access tokens kept for some seconds in this process, so that a request need not ask the store each time."""

from __future__ import annotations

import asyncio
import copy
import math
import time
from collections import OrderedDict
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Self, cast

from aiooauth1._internal.secrecy import SecretBytes
from aiooauth1.errors import StoreUnavailable
from aiooauth1.stores.batching import FreshReads
from aiooauth1.stores.codec import check_tokens
from aiooauth1.stores.keys import check_key, check_names
from aiooauth1.stores.protocols import check_store, put_access_tokens


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from aiooauth1.credentials import AccessToken
    from aiooauth1.stores.protocols import (
        AccessTokenStore,
        BoundedPendingStore,
        Held,
        PendingStore,
        TokenStore,
    )


__all__ = ["CachedStore"]


class _User(NamedTuple):
    """A provider, and the application's own name for a user of it."""

    provider: str
    name: str


class _Cached(NamedTuple):
    """A token, and until when it may be returned."""

    token: AccessToken
    until: float


class _Read(NamedTuple):
    """A read of the store under way, and when it began: its answer is no older than that."""

    task: asyncio.Task[AccessToken | None]
    began: float


@dataclass(slots=True, eq=False)
class _Write:
    """A write through this cache under way."""

    began: float
    alone: bool
    stored: AccessToken | None = None


class CachedStore:
    """A store that caches another one's access tokens: give it to session and handshake alike.

    Writes through it show at once, those of other processes within `ttl` seconds. That a user has no token is
    not cached: a user whom another process has just connected is known here at the next request. Concurrent
    reads of one user are one read of the store; if it fails, they all fail with its error, and the next one
    asks again. Pending handshakes go straight to the store.

    The store inside stays yours: closing this one does not close it.

    Args:
        store: The store to keep tokens of. If it keeps pending handshakes, so does this one.
        size: How many tokens to keep; beyond that the one unused for longest is dropped.
        ttl: For how many seconds to keep one. 0 keeps nothing.
        clock: Seconds from any beginning, never going back.

    Raises:
        TypeError: If `store` is not a store of access tokens, or is a class, or `size` or `ttl` not a number.
        ValueError: If `size` is less than 1, or `ttl` negative or not a number.

    >>> from aiooauth1 import AccessToken, MemoryStore
    >>> async def connect_and_read():
    ...     async with CachedStore(MemoryStore()) as store:
    ...         await store.put_access_token("x", "ann", AccessToken("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00"))
    ...         return await store.get_access_token("x", "ann")
    >>> asyncio.run(connect_and_read())
    AccessToken(key='nnch734d00sl2jdk', secret=***)
    """

    def __init__(
        self,
        store: AccessTokenStore | TokenStore,
        *,
        size: int = 10_000,
        ttl: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_store(store)
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"size must be an int, not {type(size).__name__}")
        if size < 1:
            raise ValueError(
                f"size must be 1 or more tokens, not {size}: without a cache use the store itself"
            )
        if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
            raise TypeError(f"ttl must be a number of seconds, not {type(ttl).__name__}")
        if not 0 <= ttl < math.inf:
            raise ValueError(f"ttl must be a number of seconds, 0 or more, not {ttl}")
        self._store = store
        self._size = size
        self._ttl = ttl
        self._clock = clock
        self._cached: OrderedDict[_User, _Cached] = OrderedDict()  # the one unused for longest is first
        self._reads: dict[_User, _Read] = {}  # those that a new caller may join
        self._writes: dict[_User, list[_Write]] = {}
        self._fresh: FreshReads[_User] = FreshReads()
        # Every read: the event loop keeps only weak references to tasks.
        self._tasks: set[asyncio.Task[AccessToken | None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Forget all tokens and end the reads under way. The store inside stays open."""
        self._cached.clear()
        self._reads.clear()
        # After a fork there may be reads of another event loop, which never end in this one.
        tasks = [task for task in self._tasks if _is_here(task)]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Do what `aclose` does."""
        await self.aclose()

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        """Return the user's token, or None.

        Raises:
            StoreUnavailable: If it had to be read from the store, and that did not answer in time.
            StoreCorrupt: If it had to be read from the store, and is not one of ours.
        """
        check_names(provider=provider, user=user)
        return await self._fresh.read(_User(provider, user), self._get)

    async def _get(self, whose: _User) -> AccessToken | None:
        now = self._clock()
        if (cached := self._cached.get(whose)) is not None:
            if now < cached.until:
                self._cached.move_to_end(whose)
                return cached.token
            del self._cached[whose]
        read = self._reads.get(whose)
        # An older answer is not fresh enough, and one due in another loop never arrives in this one.
        if read is None or now >= read.began + self._ttl or not _is_here(read.task):
            read = self._read(whose, now)
        return await _answer(read.task)

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        """Store the user's token, replacing any other.

        Raises:
            StoreUnavailable: If the store did not answer in time; whether the token is stored is not known.
        """
        check_names(provider=provider, user=user)
        with self._writing(_User(provider, user)) as write:
            await self._store.put_access_token(provider, user, token)
            write.stored = token

    async def put_access_tokens(self, provider: str, tokens: Mapping[str, AccessToken]) -> None:
        """Store the tokens of many users, each replacing any other.

        Raises:
            StoreUnavailable: If the store did not answer in time; which tokens are stored is not known.
        """
        check_names(provider=provider)
        check_tokens(tokens)
        with ExitStack() as writing:
            for user in tokens:
                writing.enter_context(self._writing(_User(provider, user)))
            await put_access_tokens(self._store, provider, tokens)

    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        """Replace the user's token if its key is still `old_key`; return whether the new one is stored.

        Raises:
            StoreUnavailable: If the store did not answer in time; whether the token is stored is not known.
            StoreCorrupt: If the stored record is not one of ours.
        """
        check_names(provider=provider, user=user)
        check_key(old_key, "old_key")
        with self._writing(_User(provider, user)) as write:
            replaced = await self._store.replace_access_token(provider, user, old_key, token)
            write.stored = token if replaced else None
        return replaced

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        """Delete the user's token, with `key` only if it has that key; return whether it was deleted.

        Raises:
            StoreUnavailable: If the store did not answer in time; whether the token is stored is not known.
            StoreCorrupt: If the stored record is not one of ours.
        """
        check_names(provider=provider, user=user)
        if key is not None:
            check_key(key)
        with self._writing(_User(provider, user)):
            return await self._store.discard_access_token(provider, user, key)

    def users(self, provider: str) -> AsyncIterator[str]:
        """Iterate over the users who have a token in the store."""
        return self._store.users(provider)

    @asynccontextmanager
    async def pending_slot(self) -> AsyncIterator[None]:
        """Reserve capacity for one pending handshake, if the store is bounded.

        Raises:
            TooManyHandshakes: If there is no place left.
        """
        if hasattr(self._store, "pending_slot"):
            async with cast("BoundedPendingStore", self._store).pending_slot():
                yield
        else:
            yield

    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        """Add a record to the store that expires after `ttl` seconds; False if there is another.

        Raises:
            TooManyHandshakes: If the store is bounded and full.
            StoreUnavailable: If the store did not answer in time.
        """
        value = SecretBytes(value)
        return await self._pending_store().add_pending(provider, request_token, value, ttl=ttl)

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        """Return the record from the store; None if there is none or it has expired.

        Raises:
            StoreUnavailable: If the store did not answer in time.
            StoreCorrupt: If the stored record is not one of ours.
        """
        return await self._pending_store().get_pending(provider, request_token)

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        """Replace `old` with `value`, keeping the expiry; None if it changed or expired meanwhile.

        Raises:
            StoreUnavailable: If the store did not answer in time.
            StoreCorrupt: If the stored record is not one of ours.
        """
        value = SecretBytes(value)
        return await self._pending_store().swap_pending(provider, request_token, old, value)

    def _pending_store(self) -> PendingStore:
        if not hasattr(self._store, "add_pending"):
            raise TypeError(
                f"{type(self._store).__name__} keeps access tokens only: give the handshake a store that "
                "keeps pending handshakes too"
            )
        return cast("PendingStore", self._store)

    def _read(self, whose: _User, now: float) -> _Read:
        # A task of its own: the first caller may be cancelled while others wait.
        task = asyncio.ensure_future(self._store.get_access_token(*whose))
        self._tasks.add(task)
        read = self._reads[whose] = _Read(task, now)
        task.add_done_callback(partial(self._finish, whose, read))
        return read

    def _finish(self, whose: _User, read: _Read, task: asyncio.Task[AccessToken | None]) -> None:
        self._tasks.discard(task)
        # A read may have seen the old token if a write returned meanwhile.
        current = self._reads.get(whose) is read
        if current:
            del self._reads[whose]
        # asyncio would report the error of a read whose callers were all cancelled.
        if task.cancelled() or task.exception() is not None:
            return
        token = task.result()
        if current and token is not None:
            self._keep(whose, token, read.began)

    def _keep(self, whose: _User, token: AccessToken, began: float) -> None:
        # Counted from when the read began: the token may be that old.
        self._cached[whose] = _Cached(token, began + self._ttl)
        self._cached.move_to_end(whose)
        if len(self._cached) > self._size:
            self._cached.popitem(last=False)

    def _forget(self, whose: _User) -> None:
        self._cached.pop(whose, None)
        self._reads.pop(whose, None)  # who waits for it already asks again once the write has returned

    @contextmanager
    def _writing(self, whose: _User) -> Iterator[_Write]:
        others = self._writes.setdefault(whose, [])
        write = _Write(self._clock(), alone=not others)
        for other in others:
            other.alone = False
        others.append(write)
        self._forget(whose)
        try:
            yield write
        finally:
            others.remove(write)
            if not others:
                del self._writes[whose]
            self._forget(whose)  # reads that began meanwhile too
            self._fresh.note_write(whose)
            # Only the store knows which of concurrent writes came last.
            if write.alone and write.stored is not None:
                self._keep(whose, write.stored, write.began)


def _is_here(task: asyncio.Task[AccessToken | None]) -> bool:
    return task.get_loop() is asyncio.get_running_loop()


async def _answer(task: asyncio.Task[AccessToken | None]) -> AccessToken | None:
    await asyncio.wait((task,))  # the cancellation of this wait leaves the task as it is
    if task.cancelled():
        raise StoreUnavailable("the cache was closed while the token was being read")
    if (error := task.exception()) is not None:
        raise _another(error)
    return task.result()


def _another(error: BaseException) -> BaseException:
    """Copy an error: one exception raised in many tasks would mix up their tracebacks."""
    try:
        same = copy.copy(error)
    except Exception:  # noqa: BLE001 - not every class of errors can be made again from what it says
        return error
    same.__cause__ = error.__cause__
    return same.with_traceback(error.__traceback__)
