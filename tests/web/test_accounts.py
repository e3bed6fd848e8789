from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from aiooauth1 import AccessToken, MemoryStore, OAuth1Session, TokenRejection
from aiooauth1.stores.cached import CachedStore
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.sqlite import SQLiteStore
from aiooauth1.testing import FakeProvider
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


def test_a_nameless_person_and_a_foreign_name_are_refused() -> None:
    with pytest.raises(ValueError, match="person"):
        account_name("", "1")
    for name in ("ann", "", "/1"):
        with pytest.raises(ValueError, match="account_name"):
            split_account_name(name)


@asynccontextmanager
async def opened(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    encryption = Encryption(Encryption.generate_key(), name_key=Encryption.generate_key())
    folder: Path = request.getfixturevalue("tmp_path")
    if kind == "memory":
        yield MemoryStore()
    elif kind == "cached":
        yield CachedStore(MemoryStore())
    elif kind == "sqlite":
        async with SQLiteStore(folder / "tokens.db", encryption=encryption) as store:
            yield store
    else:
        url = request.getfixturevalue("redis_url")
        async with RedisStore.from_url(url, prefix=f"{uuid4()}:", encryption=encryption) as store:
            yield store


@pytest.mark.parametrize("kind", ["memory", "cached", "sqlite", "redis"])
async def test_one_persons_accounts_are_listed_and_disconnected(
    kind: str, request: pytest.FixtureRequest
) -> None:
    async with opened(kind, request) as store:
        for person, account in (("ann", "2"), ("ann", "1"), ("ann/x", "1"), ("an", "1")):
            name = account_name(person, account)
            await store.put_access_token("p", name, AccessToken("k", "s", params={"n": account}))
        await store.put_access_token("other", account_name("ann", "3"), AccessToken("k", "s"))
        await store.put_access_token("p", "ann", AccessToken("k", "s"))  # saved without a person
        found = await accounts(store, "p", "ann")
        assert found == [
            Account("ann/1", "ann", "1", {"n": "1"}),
            Account("ann/2", "ann", "2", {"n": "2"}),
        ]
        assert await disconnect(store, "p", "ann", "1")
        assert not await disconnect(store, "p", "ann", "1")
        assert [account.id for account in await accounts(store, "p", "ann")] == ["2"]
        assert [account.id for account in await accounts(store, "p", "ann/x")] == ["1"]
        assert await accounts(store, "p", "nobody") == []


async def test_an_account_that_goes_while_it_is_listed_is_not_listed() -> None:
    class Racing(MemoryStore):
        async def users(self, provider: str) -> AsyncIterator[str]:
            async for user in super().users(provider):
                yield user
                await self.discard_access_token(provider, "ann/1")

    store = Racing()
    for account in ("1", "2"):
        await store.put_access_token("p", account_name("ann", account), AccessToken("k", "s"))
    assert [account.id for account in await accounts(store, "p", "ann")] == ["2"]


@pytest.mark.socket
async def test_a_revoked_account_is_off_the_list_and_its_person_is_told() -> None:
    async with FakeProvider() as fake:
        store, provider, told = MemoryStore(), fake.provider, list[TokenRejection]()

        async def on_token_rejected(rejection: TokenRejection) -> None:
            told.append(rejection)

        for user in ("one", "two"):
            await store.put_access_token(
                provider.name, account_name("ann", user), fake.issue_access_token(user)
            )
        session = OAuth1Session(
            fake.consumer, provider=provider, store=store, on_token_rejected=on_token_rejected
        )
        async with session:
            one, two = await accounts(store, provider, "ann")
            held = await store.get_access_token(provider.name, one.user)
            assert held is not None
            fake.revoke(held.key)
            for account, status in ((one, 401), (two, 201)):
                async with session.post("posts", user=account.user, data={"status": "x"}) as response:
                    assert response.status == status
        assert await accounts(store, provider, "ann") == [two]
        assert [split_account_name(rejection.user or "") for rejection in told] == [("ann", "one")]
