from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiooauth1 import AccessToken, MemoryStore
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.sqlite import SQLiteStore
from aiooauth1.web.accounts import Account, account_name, accounts, disconnect, split_account_name


if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


NAMES = ["ann", "a/b", "a%2Fb", "a", "%", "/", "a/", "ü", "\ud800", "a\nb", " "]


def test_names_of_accounts_are_injective_and_read_back() -> None:
    pairs = [(person, account) for person in NAMES for account in [*NAMES, ""]]
    names = {account_name(*pair): pair for pair in pairs}
    assert len(names) == len(pairs)
    assert [split_account_name(name) for name in names] == list(names.values())


def test_an_empty_person_and_another_name_are_refused() -> None:
    with pytest.raises(ValueError, match="person"):
        account_name("", "1")
    for name in ("ann", "", "/1"):
        with pytest.raises(ValueError, match="account_name"):
            split_account_name(name)


@pytest.mark.parametrize("kind", ["memory", "SQLite with encrypted names"])
async def test_one_person_s_accounts_are_listed_and_disconnected(kind: str, tmp_path: Path) -> None:
    encryption = Encryption(Encryption.generate_key(), name_key=Encryption.generate_key())
    async with SQLiteStore(tmp_path / "tokens.db", encryption=encryption) as file:
        store = MemoryStore() if kind == "memory" else file
        for person, account in (("ann", "2"), ("ann", "1"), ("ann/x", "1"), ("an", "1")):
            name = account_name(person, account)
            await store.put_access_token("p", name, AccessToken("k", "s", params={"n": account}))
        await store.put_access_token("other", account_name("ann", "3"), AccessToken("k", "s"))
        await store.put_access_token("p", "ann", AccessToken("k", "s"))  # saved without a person
        found = await accounts(store, "p", "ann")
        assert found == [Account("ann/1", "ann", "1", {"n": "1"}), Account("ann/2", "ann", "2", {"n": "2"})]
        assert await disconnect(store, "p", "ann", "1")
        assert not await disconnect(store, "p", "ann", "1")
        assert [account.id for account in await accounts(store, "p", "ann")] == ["2"]
        assert [account.id for account in await accounts(store, "p", "ann/x")] == ["1"]
        assert await accounts(store, "p", "nobody") == []


async def test_an_account_that_is_removed_during_the_listing_is_left_out() -> None:
    class Racing(MemoryStore):
        async def users(self, provider: str) -> AsyncIterator[str]:
            async for user in super().users(provider):
                yield user
                await self.discard_access_token(provider, "ann/1")

    store = Racing()
    for account in ("1", "2"):
        await store.put_access_token("p", account_name("ann", account), AccessToken("k", "s"))
    assert [account.id for account in await accounts(store, "p", "ann")] == ["2"]
