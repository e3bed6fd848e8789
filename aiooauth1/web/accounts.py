"""The accounts that one person has connected, read from the token store itself.

A store keeps each token under one user name. If a person of your application may connect several accounts,
that name is `person/account`, made by `account_name`. The store is then the only record of who has connected
what: when a session discards a revoked token, the account leaves the list at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiooauth1.providers.provider import Provider
    from aiooauth1.stores.protocols import AccessTokenStore


__all__ = ["Account", "account_name", "accounts", "disconnect", "split_account_name"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a provider that a person has connected.

    Attributes:
        user: The user name in the store: what a session takes as `user=`.
        person: Your own id for the person.
        id: The account's id at the provider, as `save_as` returned it.
        params: What else the provider sent with the token, such as `screen_name`.
    """

    user: str
    person: str
    id: str
    params: Mapping[str, str]


def account_name(person: str, account: str) -> str:
    """Return the user name under which a store keeps a person's account, another one for each pair.

    Args:
        person: Your own id for the person: any string, not empty.
        account: The account's id at the provider: any string.

    Raises:
        ValueError: If `person` is empty.

    >>> account_name("42", "ann@provider.example")
    '42/ann@provider.example'
    >>> account_name("a/b", "c")
    'a%2Fb/c'
    """
    if not person:
        raise ValueError("person must not be empty: pass your own id for the person")
    return f"{_escaped(person)}/{account}"


def split_account_name(user: str) -> tuple[str, str]:
    """Split a user name made by `account_name` into person and account, for example `TokenRejection.user`.

    Raises:
        ValueError: If it was not made by `account_name`.

    >>> split_account_name("42/ann@provider.example")
    ('42', 'ann@provider.example')
    """
    person, slash, account = user.partition("/")
    if not person or not slash:
        raise ValueError(f"{user!r} names no person and account: pass what account_name() returned")
    return person.replace("%2F", "/").replace("%25", "%"), account


async def accounts(store: AccessTokenStore, provider: Provider | str, person: str) -> list[Account]:
    """List the accounts that a person has connected, sorted by their ids.

    It works with every store, also if user names are encrypted. A store lists users by provider only, so this
    reads the names of all users of the provider, then the tokens of this person. For 10,000 users that takes
    about 0.05 s of CPU time on SQLite and 0.7 s on Redis. With more users keep a list of your own.

    Args:
        store: The store with the tokens.
        provider: The provider, or its name.
        person: Your own id for the person.

    Raises:
        StoreUnavailable: If the store did not answer.
        StoreCorrupt: If a stored record cannot be read.
        ValueError: If `person` is empty.
    """
    name = provider if isinstance(provider, str) else provider.name
    prefix = account_name(person, "")
    users = sorted([user async for user in store.users(name) if user.startswith(prefix)])
    # At once: Redis and SQLite answer reads that wait together in one round trip.
    tokens = await asyncio.gather(*(store.get_access_token(name, user) for user in users))
    return [
        Account(user, person, user.removeprefix(prefix), token.params)
        for user, token in zip(users, tokens, strict=True)
        if token is not None  # discarded since it was listed
    ]


async def disconnect(store: AccessTokenStore, provider: Provider | str, person: str, account: str) -> bool:
    """Remove the token of one account from the store; return whether it was there.

    The token stays valid at the provider. To revoke it there as well, call
    `await handshake.revoke(account_name(person, account))` instead, if the provider has a `revoke_url`.

    Args:
        store: The store with the tokens.
        provider: The provider, or its name.
        person: Your own id for the person. Accounts of other persons are never touched.
        account: The account's id, `Account.id`.

    Raises:
        StoreUnavailable: If the store did not answer.
        ValueError: If `person` is empty.
    """
    name = provider if isinstance(provider, str) else provider.name
    return await store.discard_access_token(name, account_name(person, account))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F")
