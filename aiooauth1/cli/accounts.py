"""`aiooauth1 accounts` and `logout`: who is signed in, and no longer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiooauth1.cli.outcome import DONE
from aiooauth1.cli.settings import (
    forget_consumer,
    known_providers,
    open_store,
    pick_account,
    pick_provider,
    store_path,
)
from aiooauth1.errors import ProviderError, TokenResponseError
from aiooauth1.flows.handshake.handshake import Handshake
from aiooauth1.stores.memory import MemoryStore


if TYPE_CHECKING:
    from aiooauth1.cli.settings import Account
    from aiooauth1.stores.sqlite import SQLiteStore


__all__ = ["accounts", "logout"]


async def accounts(*, config: str | None, store_file: str | None, as_json: bool) -> int:
    """List who is signed in."""
    async with open_store(store_file) as store:
        known = await known_providers(store, config)
        found = [
            {"provider": name, "user": user, "base_url": known[name].provider.base_url}
            for name in sorted(known)
            for user in sorted([user async for user in store.users(name)])
        ]
    if as_json:
        print(json.dumps(found, indent=2))
    elif found:
        width = max(len(row["provider"]) for row in found)
        for row in found:
            print(f"{row['provider']:<{width}}  {row['user']}")
    else:
        print(f"Nobody is signed in ({store_path(store_file)}). Start with: aiooauth1 login PROVIDER")
    return DONE


async def logout(
    provider: str | None, *, user: str | None, local: bool, config: str | None, store_file: str | None
) -> int:
    """Revoke the token at the provider where it has an endpoint for that, and forget it."""
    async with open_store(store_file) as store:
        one = pick_provider(await known_providers(store, config), provider, config=config)
        account = await pick_account(store, one, user)
        assert account.user is not None  # noqa: S101  pick_account always names one
        revokes = bool(one.provider.revoke_url) and not local
        if revokes:
            await _revoke(store, account)
        else:
            await store.discard_access_token(one.provider.name, account.user)
        await forget_consumer(store, one.provider)
    if revokes:
        print(f"Signed out {account.user} at {one.provider.name}; the token is revoked.")
    else:
        print(f"Forgot the token of {account.user} at {one.provider.name}. It still works there:")
        print("revoke it on the provider's own page for connected applications.")
    return DONE


async def _revoke(store: SQLiteStore, account: Account) -> None:
    async with Handshake(account.provider, account.consumer, store=MemoryStore(), tokens=store) as handshake:
        try:
            await handshake.revoke(account.user or "")
        except (ProviderError, TokenResponseError) as error:
            error.args = (f"{error}: nothing was forgotten; --local forgets the token here alone",)
            raise
