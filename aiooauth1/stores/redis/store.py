"""Tokens in Redis: for services of many processes and machines. Extra: `redis`."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Self, TypeVar

from aiooauth1._internal.secrecy import SecretBytes
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.batching import ReadBatcher
from aiooauth1.stores.codec import check_tokens
from aiooauth1.stores.encryption import check_encryption
from aiooauth1.stores.keys import check_key
from aiooauth1.stores.protocols import Held, check_seconds, validate_ttl
from aiooauth1.stores.redis.client import Lane, check_client, check_version, client_for
from aiooauth1.stores.redis.commands import ABSENT, Commands
from aiooauth1.stores.redis.executor import Executor
from aiooauth1.stores.redis.records import RedisRecords
from aiooauth1.stores.redis.rotation import rotate


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from redis.asyncio import Redis, RedisCluster

    from aiooauth1.credentials import AccessToken
    from aiooauth1.stores.encryption import Encryption


__all__ = ["RedisStore"]

_T = TypeVar("_T")
_AT_ONCE = 100


class RedisStore:
    """A `TokenStore` in Redis 6.2 or later, standalone, with Sentinel or as a Cluster.

    Every operation touches one key, and repeating one is harmless: it overwrites nothing that was written
    meanwhile. It waits for a free connection, repeats commands whose reply was lost, and gives up after
    `timeout` seconds.

    Concurrent reads go to Redis in one command, on a Cluster in one pipeline to each node. Each reader has
    its own deadline.

    With `encryption`, a record is bound to its user. But anyone who can write to Redis can put an older
    record of the same user back, and it is accepted: encryption hides tokens, and does not date them.

    Redis replicates asynchronously. A failover to a replica can lose the last writes: a login that was under
    way must then start over, and a user whose token was just stored must connect again. Pending handshakes
    are bounded by their ttl alone, and by the server's `maxmemory`: keep its policy at `noeviction`, with
    which a full Redis refuses instead of forgetting users.

    One store belongs to one event loop in one process.

    Args:
        redis: A client of redis-py 5.0.1 or later, `redis.asyncio.Redis` or `redis.asyncio.RedisCluster`,
            without `decode_responses`. It stays yours: `aclose()` leaves it open. A client that repeats
            commands by itself, as those of redis-py 6 and later do, hides that from the store; `from_url`
            makes one that does not. One for a Cluster needs a `socket_timeout` below `timeout`: only by that
            does it notice a hanging node, and ask which replica has taken over.
        prefix: What every key in Redis begins with. Any text.
        encryption: How to encrypt the records; None keeps them in the clear.
        timeout: How many seconds an operation may take, waiting for a connection and repetitions included.

    Raises:
        ImportError: If redis-py is not installed or too old.
        TypeError: If `redis` is not an asyncio client of redis-py.
        ValueError: If the client decodes responses, or `timeout` is not a positive number.
    """

    def __init__(
        self,
        redis: Redis | RedisCluster,
        *,
        prefix: str = "aiooauth1:",
        encryption: Encryption | None = None,
        timeout: float = 2.0,
    ) -> None:
        check_version()
        check_client(redis)
        check_seconds("timeout", timeout)
        check_encryption(encryption)
        if not isinstance(prefix, str):
            raise TypeError(f"prefix must be a str, not {type(prefix).__name__}")
        self._executor = Executor(redis, timeout)
        # Reads of handshakes are batched apart from reads of tokens, which they must not delay.
        self._tokens, self._handshakes = (self._batcher(lane, timeout) for lane in Lane)
        self._records = RedisRecords(prefix, encryption)
        self._encrypts = encryption is not None
        self._owned = False

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        prefix: str = "aiooauth1:",
        encryption: Encryption | None = None,
        timeout: float = 2.0,
    ) -> Self:
        """Make a store with a client of its own, which `aclose()` closes. Nothing is sent before first use.

        Args:
            url: `redis://`, `rediss://` (TLS) or `unix://` as redis-py takes them; `redis+cluster://` or
                `rediss+cluster://` with any node of a Cluster. Its query may hold options of the client.
            prefix: What every key in Redis begins with. Any text.
            encryption: How to encrypt the records; None keeps them in the clear.
            timeout: How many seconds an operation may take.

        Raises:
            ImportError: If redis-py is not installed or too old.
            TypeError: If an argument is of another type.
            ValueError: If it is not such a URL, its path is not the number of a database, or `timeout` is
                not a positive number.

        >>> store = RedisStore.from_url("redis://localhost:6379/0", prefix="tweetexpress:")
        """
        check_version()
        if not isinstance(url, str):
            raise TypeError(f"RedisStore.from_url() takes a str, not {type(url).__name__}")
        try:
            check_seconds("timeout", timeout)
            client = client_for(url, timeout)
        except ValueError as error:
            reason = str(error)
        else:
            del url  # it may hold a password, which no traceback may show
            store = cls(client, prefix=prefix, encryption=encryption, timeout=timeout)
            store._owned = True
            return store
        del url
        raise ValueError(reason)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Refuse further operations, and close the client of `from_url`; one that you passed in stays open.

        In a forked process nothing is closed: the connections are the parent's, which goes on using them.

        Raises:
            RuntimeError: If the connections belong to another event loop, which alone can close them.
        """
        if self._executor.is_current():
            await self._tokens.aclose()
            await self._handshakes.aclose()
        await self._executor.aclose(client=self._owned)

    async def close(self) -> None:
        """Do what `aclose` does."""
        await self.aclose()

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        """Store the user's token, replacing any other.

        Raises:
            StoreUnavailable: If it did not work in time; whether the token is stored is not known.
            StoreCorrupt: If the stored record is not one of this package's.
            TypeError: If the token holds what cannot be stored.
            ValueError: Likewise.
        """
        key = self._records.access_key(provider, user)

        async def put(commands: Commands) -> None:
            new = SecretBytes(self._records.seal_token(key, user, token))
            # Not by SET: if it is carried out late it must not overwrite what was stored since.
            while not await commands.swap_or_unknown(key, await commands.read_with_tombstone(key), new):
                pass

        await self._write_token(key, put)

    async def put_access_tokens(self, provider: str, tokens: Mapping[str, AccessToken]) -> None:
        """Store the tokens of many users, each replacing any other, a hundred at a time.

        Raises:
            StoreUnavailable: If it did not work in time; which tokens are stored is not known.
            StoreCorrupt: If the stored record is not one of this package's.
            TypeError: If a name is not a `str`, or a token holds what cannot be stored.
            ValueError: If a token holds what cannot be stored.
        """
        check_tokens(tokens)
        users = list(tokens)
        for start in range(0, len(users), _AT_ONCE):
            puts = [
                self.put_access_token(provider, user, tokens[user])
                for user in users[start : start + _AT_ONCE]
            ]
            for outcome in await asyncio.gather(*puts, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        """Return the user's token, or None.

        Raises:
            StoreUnavailable: If there is no answer in time.
            StoreCorrupt: If the stored record is not one of this package's, or does not decrypt.
        """
        self._executor.check()
        key = self._records.access_key(provider, user)
        stored = await self._tokens.read(key)
        if stored is None:
            return None
        return self._opened(lambda: self._records.open_token(key, stored).token)

    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        """Replace the user's token if its key is still `old_key`; return whether the new one is stored.

        Raises:
            StoreUnavailable: If it did not work in time; whether the token is stored is not known.
            StoreCorrupt: If the stored record is not one of this package's, or does not decrypt.
            TypeError: If the token holds what cannot be stored.
            ValueError: Likewise.
        """
        check_key(old_key, "old_key")
        key = self._records.access_key(provider, user)

        async def replace(commands: Commands) -> bool:
            new = SecretBytes(self._records.seal_token(key, user, token))
            while (stored := await commands.read(key)) is not None:
                held = self._records.open_token(key, stored).token
                if held.key != old_key:
                    return held == token
                if await commands.swap_or_unknown(key, stored, new):
                    return True
            return False

        return await self._write_token(key, replace)

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        """Delete the user's token, with `key` only if it has that key; return whether it was deleted.

        Raises:
            StoreUnavailable: If it did not work in time; whether the token is stored is not known.
            StoreCorrupt: If a key is given, and what is there is not one of ours or does not decrypt.
        """
        if key is not None:
            check_key(key)
        place = self._records.access_key(provider, user)

        async def discard(commands: Commands) -> bool:
            while (stored := await commands.read(place)) is not None:
                if key is not None and self._records.open_token(place, stored).token.key != key:
                    return False
                if await commands.remove(place, stored):
                    return True
            return False

        return await self._write_token(place, discard)

    async def users(self, provider: str) -> AsyncIterator[str]:
        """Iterate over the users who have a token, each once, in no order.

        Who comes or goes meanwhile may be among them or not. The names stand in the records, so each is read.

        Raises:
            StoreUnavailable: If there is no answer in time to one of the questions that this takes.
            StoreCorrupt: If the stored record is not one of this package's, or does not decrypt.
        """
        async for keys in self._executor.scan(self._records.access_pattern(provider)):
            for user in await self._executor.run_for_keys(keys, self._user):
                if user is not None:
                    yield user

    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        """Add a record that expires after `ttl` seconds; False if there is another.

        Raises:
            StoreUnavailable: If it did not work in time; whether the record is there is not known.
            StoreCorrupt: If the stored record is not one of this package's, or does not decrypt.
            ValueError: If `ttl` is not a positive number of seconds.
        """
        validate_ttl(ttl)
        value = SecretBytes(value)
        key = self._records.pending_key(provider, request_token)

        async def add(commands: Commands) -> bool:
            new = SecretBytes(self._records.seal_pending(key, value))
            while not (await commands.swap(key, ABSENT, new, "PX", math.ceil(ttl * 1000))).done:
                stored = await commands.read(key)
                if stored is not None:  # else it has just expired
                    return self._records.open_pending(key, stored) == value
            return True

        return await self._executor.run(add)

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        """Return the record; None if there is none or it has expired.

        Raises:
            StoreUnavailable: If there is no answer in time.
            StoreCorrupt: If the stored record is not one of this package's, or does not decrypt.
        """
        key = self._records.pending_key(provider, request_token)

        self._executor.check()
        stored = await self._handshakes.read(key)
        if stored is None:
            return None
        return Held(SecretBytes(self._opened(lambda: self._records.open_pending(key, stored))), stored)

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        """Replace `old` with `value`, keeping the expiry; None if it changed or expired meanwhile.

        Raises:
            StoreUnavailable: If it did not work in time; whether `value` is there is not known.
            StoreCorrupt: If the stored record is not one of this package's, or does not decrypt.
        """
        value = SecretBytes(value)
        key = self._records.pending_key(provider, request_token)

        async def swap(commands: Commands) -> Held | None:
            new, version = SecretBytes(self._records.seal_pending(key, value)), old.version
            while not (await commands.swap(key, version, new, "KEEPTTL")).done:
                stored = await commands.read(key)
                held = self._records.open_pending(key, stored) if stored is not None else None
                if stored is None or held not in {old.value, value}:
                    return None
                if held == value:
                    return Held(value, stored)
                version = stored  # the same record, re-encrypted meanwhile
            return Held(value, new)

        return await self._executor.run(swap)

    async def rotate(self, progress: Callable[[int, int], object] | None = None) -> int:
        """Re-encrypt every record that is not encrypted with the first key, while others use the store.

        A record that is written meanwhile stays as it was written. Other processes must know the first key by
        now, and encrypt with it, or they go on writing records that need the old one. What it did stays done
        if it fails: call it again.

        Args:
            progress: Called with the number of records looked at and of all, after every hundred or so.

        Returns:
            How many records were re-encrypted.

        Raises:
            StoreUnavailable: If there is no answer in time to one of the questions that this takes.
            StoreCorrupt: If records do not decrypt. All others have been seen to.
            ValueError: If the store has no encryption.
        """
        if not self._encrypts:
            raise ValueError("rotate() is for a store with encryption: give it one")
        return await rotate(self._executor, self._records, progress)

    async def _write_token(self, key: bytes, work: Callable[[Commands], Awaitable[_T]]) -> _T:
        """Run a write of a user's token; concurrent reads of it are repeated."""
        try:
            return await self._executor.run(work)
        finally:
            self._tokens.note_write(key)

    def _batcher(self, lane: Lane, timeout: float) -> ReadBatcher[bytes, SecretBytes | None]:
        async def ask(keys: Sequence[bytes]) -> Sequence[SecretBytes | Exception | None]:
            return await self._executor.run(lambda commands: commands.read_many(keys, lane))

        return ReadBatcher(ask, timeout=timeout, late=self._executor.late, node=self._executor.node)

    @staticmethod
    def _opened(open_record: Callable[[], _T]) -> _T:
        """Open a record; an error's traceback holds nothing of it."""
        try:
            return open_record()
        except StoreCorrupt as error:
            reason = str(error)
        raise StoreCorrupt(reason)

    async def _user(self, commands: Commands, key: bytes) -> str | None:
        stored = await commands.read(key)
        return self._records.open_token(key, stored).user if stored is not None else None
