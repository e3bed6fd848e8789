"""The accounts that one person has connected, read from the token store itself.

A token is stored under one text: whose it is. Where a person of your application may connect several
accounts, that text is `person/account`, written by `account_name`. The store is then the only record of who
has connected
what: a token that a session discards, because its user revoked it, is off this list at once.
"""

from __future__ import annotations

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
        user: The name that the store has for it: what a session takes as `user=`.
        person: The person of your application.
        id: The account's id at the provider, as `save_as` gave it.
        params: What else the provider sent with the token (`screen_name` …).
    """

    user: str
    person: str
    id: str
    params: Mapping[str, str]


def account_name(person: str, account: str) -> str:
    """Return the store's name for an account of a person; another one for any other pair.

    Args:
        person: Your own id for the person: any text, not empty.
        account: The account's id at the provider: any text.

    Raises:
        ValueError: If `person` is empty.

    >>> account_name("42", "ann@provider.example")
    '42/ann@provider.example'
    >>> account_name("a/b", "c")
    'a%2Fb/c'
    """
    if not person:
        raise ValueError("person must not be empty: give your own id for them")
    return f"{_escaped(person)}/{account}"


def split_account_name(user: str) -> tuple[str, str]:
    """Return the person and the account of a store's name, as in `TokenRejection.user`.

    Raises:
        ValueError: If it was not made by `account_name`.

    >>> split_account_name("42/ann@provider.example")
    ('42', 'ann@provider.example')
    """
    person, slash, account = user.partition("/")
    if not person or not slash:
        raise ValueError(f"{user!r} is not the name of an account: account_name() makes those")
    return person.replace("%2F", "/").replace("%25", "%"), account


async def accounts(store: AccessTokenStore, provider: Provider | str, person: str) -> list[Account]:
    """List the accounts that a person has connected, sorted by their ids.

    It works with every store, also where the users' names are encrypted. It reads the names of all users of
    the provider: for 10,000 of them it takes some 0.05 s of CPU time on SQLite and 0.7 s on Redis. For more,
    keep a list of your own beside the store.

    Args:
        store: Where the tokens are.
        provider: The provider, or its name.
        person: Your own id for the person.

    Raises:
        StoreUnavailable: If the store did not answer.
        StoreCorrupt: If a stored record cannot be read.
        ValueError: If `person` is empty.
    """
    name = provider if isinstance(provider, str) else provider.name
    prefix = account_name(person, "")
    users = [user async for user in store.users(name) if user.startswith(prefix)]
    found = []
    for user in sorted(users):
        token = await store.get_access_token(name, user)
        if token is not None:  # else it was discarded since it was listed
            found.append(Account(user, person, user.removeprefix(prefix), token.params))
    return found


async def disconnect(store: AccessTokenStore, provider: Provider | str, person: str, account: str) -> bool:
    """Forget one account of a person; say whether it was connected.

    The access token is removed from the store. It stays valid at the provider, unless you revoke it there as
    well, with `await handshake.revoke(account_name(person, account))` where the provider has an endpoint
    for it.

    Args:
        store: Where the tokens are.
        provider: The provider, or its name.
        person: Your own id for the person: an account of another person is never touched.
        account: The account's id, `Account.id`.

    Raises:
        StoreUnavailable: If the store did not answer.
        ValueError: If `person` is empty.
    """
    name = provider if isinstance(provider, str) else provider.name
    return await store.discard_access_token(name, account_name(person, account))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F")
