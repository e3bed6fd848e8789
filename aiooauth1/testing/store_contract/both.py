"""The contracts of stores that keep both kinds of records, alone or on a shared back end."""

# ruff: noqa: S101 - an assertion is what a contract is made of

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiooauth1.credentials import AccessToken
from aiooauth1.testing.store_contract.access_tokens import AccessTokenContract
from aiooauth1.testing.store_contract.pending import PendingContract


if TYPE_CHECKING:
    from aiooauth1.stores.protocols import TokenStore


__all__ = ["SharedContract", "StoreContract"]

_ANN = AccessToken("ann-key", "ann-secret", params={"user_id": "1"})
_BOB = AccessToken("bob-key", "bob-secret")


class StoreContract(AccessTokenContract, PendingContract):
    """The contract of a store of both."""

    @pytest.fixture
    def store(self) -> TokenStore:
        """Return an empty store: **to be overridden**."""
        raise NotImplementedError("your test class needs a fixture `store` that makes an empty store")

    async def test_tokens_and_handshakes_do_not_meet(self, store: TokenStore) -> None:
        """A user and a request token may have the same name."""
        await store.put_access_token("x", "name", _ANN)
        assert await store.get_pending("x", "name") is None
        assert await store.add_pending("x", "name", b"one", ttl=60) is True
        assert await store.get_access_token("x", "name") == _ANN
        assert await store.discard_access_token("x", "name") is True
        assert await store.get_pending("x", "name") is not None
        assert [user async for user in store.users("x")] == []


@pytest.mark.asyncio
class SharedContract:
    """The contract of stores that share a back end, at the same time or one after the other."""

    @pytest.fixture
    def stores(self) -> tuple[TokenStore, TokenStore]:
        """Return two stores on one empty back end: **to be overridden**."""
        raise NotImplementedError("your test class needs a fixture `stores`: two stores on one back end")

    async def test_one_sees_what_the_other_does(self, stores: tuple[TokenStore, TokenStore]) -> None:
        """What one store writes, the other reads."""
        one, other = stores
        await one.put_access_token("x", "ann", _ANN)
        assert await other.get_access_token("x", "ann") == _ANN
        assert await other.replace_access_token("x", "ann", _ANN.key, _BOB) is True
        assert await one.get_access_token("x", "ann") == _BOB
        assert [user async for user in one.users("x")] == ["ann"]
        assert await one.discard_access_token("x", "ann") is True
        assert await other.get_access_token("x", "ann") is None
        assert [user async for user in other.users("x")] == []

    async def test_a_handshake_goes_on_elsewhere(self, stores: tuple[TokenStore, TokenStore]) -> None:
        """A record that one store has read can be swapped by the other. Of concurrent swaps one wins."""
        one, other = stores
        assert await one.add_pending("x", "token", b"one", ttl=60) is True
        assert await other.add_pending("x", "token", b"two", ttl=60) is False
        held = await one.get_pending("x", "token")
        assert held is not None
        swapped = await other.swap_pending("x", "token", held, b"two")
        assert swapped is not None
        assert await one.swap_pending("x", "token", held, b"three") is None
        won = await asyncio.gather(
            *(
                stores[number % 2].swap_pending("x", "token", swapped, b"claim %d" % number)
                for number in range(100)
            )
        )
        assert sum(held is not None for held in won) == 1
