"""What a store of tokens must be able to do: two protocols, and both in one.

Every operation is an atom, and each may be repeated by what lies below (a database driver that repeats a
command when the answer got lost): a repeated one must do no more than one.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aiooauth1.stores.codec import check_tokens


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from aiooauth1.credentials import AccessToken


__all__ = [
    "AccessTokenStore",
    "BoundedPendingStore",
    "Held",
    "PendingStore",
    "TokenStore",
    "check_count",
    "check_seconds",
    "check_store",
    "put_access_tokens",
    "validate_ttl",
]


class AccessTokenStore(Protocol):
    """**Protocol:** access tokens by provider name and the application's own name for the user.

    Names are any text; different pairs never share a record. Access tokens never expire here. Every
    operation raises `StoreUnavailable` when the store does not answer in time, and one that reads raises
    `StoreCorrupt` for a record that it did not write.
    """

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        """Store the user's token, replacing any other.

        Args:
            provider: The provider's name.
            user: The application's own name for the user.
            token: The token.
        """

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        """Return the user's token.

        Args:
            provider: The provider's name.
            user: The application's own name for the user.

        Returns:
            The token, or None.
        """

    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        """Replace the user's token, if the stored one is still the one that the caller knows.

        Args:
            provider: The provider's name.
            user: The application's own name for the user.
            old_key: The key of the token to be replaced.
            token: The new token.

        Returns:
            Whether it is stored: True too if exactly this token was stored already.
        """

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        """Delete the user's token.

        Args:
            provider: The provider's name.
            user: The application's own name for the user.
            key: Delete it only if this is its key; None deletes any.

        Returns:
            Whether a token was deleted.
        """

    def users(self, provider: str) -> AsyncIterator[str]:
        """Iterate over the users who have a token, each once, in no order.

        Args:
            provider: The provider's name.

        Returns:
            Their names, as the application gave them. A user added or deleted meanwhile may
                be among them or not.
        """


class Held(NamedTuple):
    """A pending record as a store holds it."""

    value: bytes
    """The record."""
    version: bytes
    """What identifies it in the back end: opaque."""

    def __repr__(self) -> str:
        return f"<Held: a record of {len(self.value)} bytes>"  # which has the request token's secret in it


class PendingStore(Protocol):
    """**Protocol:** pending handshakes, opaque bytes by provider name and request token.

    All state changes of a handshake go through `swap_pending`, a compare-and-set, in every store. `add`
    and `swap` succeed too if exactly the new bytes are stored already: repeating one is harmless.
    """

    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        """Add a record that expires.

        Args:
            provider: The provider's name.
            request_token: The request token's key.
            value: The record.
            ttl: After how many seconds it expires: a positive number.

        Returns:
            Whether it is stored: True too if exactly this record was stored already, False if another is.

        Raises:
            TooManyHandshakes: If the store is bounded and full.
        """

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        """Return the record.

        Args:
            provider: The provider's name.
            request_token: The request token's key.

        Returns:
            The record; None if there is none or it has expired.
        """

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        """Replace the record that the caller knows. The new one keeps its expiry.

        Args:
            provider: The provider's name.
            request_token: The request token's key.
            old: The record to be replaced, as the store returned it.
            value: The new record.

        Returns:
            The new record, for the next swap; also if exactly this one was stored already. None if another is
            stored, or it has expired.
        """


class BoundedPendingStore(PendingStore, Protocol):
    """**Protocol:** a store with a bound on pending handshakes."""

    def pending_slot(self) -> AbstractAsyncContextManager[None]:
        """Reserve capacity for one record while a provider is asked for its request token.

        Returns:
            A context manager that keeps the reservation while it is entered.

        Raises:
            TooManyHandshakes: If the store is full, so that the provider need not be asked.
        """


class TokenStore(AccessTokenStore, PendingStore, Protocol):
    """**Protocol:** a store for both."""


async def put_access_tokens(
    store: AccessTokenStore, provider: str, tokens: Mapping[str, AccessToken]
) -> None:
    """Store the tokens of many users, each replacing any other, in as few steps as the store knows.

    It asks the store's own `put_access_tokens(provider, tokens)`. A store that has none gets single puts, a
    hundred at a time. If one fails, others may have been stored: call it again, which does no harm.

    Args:
        store: Any store of access tokens.
        provider: The provider's name.
        tokens: The tokens by the application's own name for the user.

    Raises:
        TypeError: If it is not a mapping of `str` to AccessToken. Nothing is stored then.
        StoreUnavailable: If the store did not answer in time; which tokens are stored is not known.
    """
    check_tokens(tokens)
    if (put_all := getattr(store, "put_access_tokens", None)) is not None:
        await put_all(provider, tokens)
        return
    users = list(tokens)
    for start in range(0, len(users), _AT_ONCE):
        puts = [
            store.put_access_token(provider, user, tokens[user]) for user in users[start : start + _AT_ONCE]
        ]
        for outcome in await asyncio.gather(*puts, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome


_AT_ONCE = 100


def validate_ttl(ttl: float) -> None:
    """Refuse a time to live that is not a positive, finite number.

    Args:
        ttl: Seconds.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it is not a positive number.
    """
    check_seconds("ttl", ttl)


def check_seconds(what: str, given: object, *, below: float = math.inf) -> None:
    """Refuse what is not a positive, finite number of seconds.

    Args:
        what: The name of the argument.
        given: Its value.
        below: What it must be less than.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it is not positive or too large.
    """
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise TypeError(f"{what} must be a number of seconds, not {type(given).__name__}")
    if not 0 < given < below:
        raise ValueError(f"{what} must be a positive number of seconds, not {given!r}")


def check_count(what: str, given: object) -> None:
    """Refuse what is not a whole number from 1 on.

    Args:
        what: The name of the argument.
        given: Its value.

    Raises:
        TypeError: If it is not an int.
        ValueError: If it is less than 1.
    """
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"{what} must be an int, not {type(given).__name__}")
    if given < 1:
        raise ValueError(f"{what} must be 1 or more, not {given}")


def check_store(store: object, *, method: str = "put_access_token") -> None:
    """Refuse what is no store, above all a class in place of an object.

    Args:
        store: What was given.
        method: The method that it must have: `add_pending` if it must keep pending handshakes.

    Raises:
        TypeError: If it is no store.
    """
    if isinstance(store, type):
        raise TypeError(f"a token store is an object: write {store.__name__}(…), not {store.__name__}")
    if not callable(getattr(store, method, None)):
        raise TypeError(f"{type(store).__name__} is not a token store: it lacks {method}()")
