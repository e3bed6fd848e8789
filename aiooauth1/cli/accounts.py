"""`aiooauth1 accounts` lists who is signed in; `aiooauth1 logout` signs a user out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiooauth1.cli.outcome import DONE, USAGE, CommandError
from aiooauth1.cli.settings import (
    forget_consumer,
    known_providers,
    open_store,
    pick_provider,
    pick_user,
    signed_in_at,
    store_path,
)
from aiooauth1.errors import ProviderError, TokenResponseError
from aiooauth1.flows.handshake.handshake import Handshake
from aiooauth1.stores.memory import MemoryStore


if TYPE_CHECKING:
    from aiooauth1.cli.settings import Known
    from aiooauth1.stores.sqlite import SQLiteStore


__all__ = ["accounts", "logout"]


async def accounts(*, config: str | None, store_file: str | None, as_json: bool) -> int:
    """List who is signed in."""
    async with open_store(store_file) as store:
        known = await known_providers(store, config)
        found = [
            {
                "provider": name,
                "user": user,
                "base_url": known[name].provider.base_url if name in known else "",
            }
            for name, users in (await signed_in_at(store)).items()
            for user in users
        ]
    if as_json:
        print(json.dumps(found, indent=2))
    elif found:
        width = max(len(row["provider"]) for row in found)
        for row in found:
            print(f"{row['provider']:<{width}}  {row['user']}")
    else:
        print(f"No user is signed in ({store_path(store_file)}). Start with: aiooauth1 login PROVIDER")
    return DONE


async def logout(
    provider: str | None, *, user: str | None, local: bool, config: str | None, store_file: str | None
) -> int:
    """Revoke a token at the provider if that has an endpoint for it, then remove it from the store."""
    async with open_store(store_file) as store:
        if local:  # works without a consumer, which imported tokens lack
            name = provider or await _only_provider(store)
            who = await pick_user(store, name, user)
            is_revoked = False
        else:
            one = pick_provider(await known_providers(store, config), provider, config=config)
            name = one.provider.name
            who = await pick_user(store, name, user)
            is_revoked = bool(one.provider.revoke_url)
            if is_revoked:
                await _revoke(store, one, who)
        if not is_revoked:
            await store.discard_access_token(name, who)
        await forget_consumer(store, name)
    if is_revoked:
        print(f"Signed out {who} at {name}; the token is revoked.")
    else:
        print(f"Forgot the token of {who} at {name}. It still works there:")
        print("revoke it on the provider's own page for connected applications.")
    return DONE


async def _only_provider(store: SQLiteStore) -> str:
    names = list(await signed_in_at(store))
    if len(names) == 1:
        return names[0]
    if not names:
        raise CommandError("no user is signed in: there is no token to remove", USAGE)
    raise CommandError(f"several providers have tokens: name one of {', '.join(names)}", USAGE)


async def _revoke(store: SQLiteStore, one: Known, user: str) -> None:
    async with Handshake(one.provider, one.consumer, store=MemoryStore(), tokens=store) as handshake:
        try:
            await handshake.revoke(user)
        except (ProviderError, TokenResponseError) as error:
            error.args = (f"{error}: nothing was forgotten; --local forgets the token here alone",)
            raise
