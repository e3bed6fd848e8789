"""The contract of stores that keep access tokens."""

# ruff: noqa: S101 - an assertion is what a contract is made of

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiooauth1.credentials import AccessToken
from aiooauth1.testing.store_contract.helpers import cancelled_after, hostile_pairs


if TYPE_CHECKING:
    from aiooauth1.stores.protocols import AccessTokenStore


__all__ = ["AccessTokenContract"]

_ANN = AccessToken("ann-key", "ann-secret", params={"user_id": "1"})
_BOB = AccessToken("bob-key", "bob-secret")


@pytest.mark.asyncio
class AccessTokenContract:
    """The contract of a store of access tokens."""

    @pytest.fixture
    def store(self) -> AccessTokenStore:
        """Return an empty store: **to be overridden**."""
        raise NotImplementedError("your test class needs a fixture `store` that makes an empty store")

    async def test_a_token_comes_back_whole(self, store: AccessTokenStore) -> None:
        """All four fields come back as they were, in any text."""
        for token in (
            _ANN,
            AccessToken("", ""),
            AccessToken("k", "s", expires_at=1_700_000_000.25),
            AccessToken("k", "s", expires_at=0),
            AccessToken("\0\n\"'\\{}[]", "\u202e😀\U0010ffff", params={"": "", "é": "ﬁ", "a b": "%20+&="}),
            AccessToken("\ud83d\ude00", "\udc80", params={"\ud800": "😀"}),
            AccessToken("k" * 4096, "s" * 4096, params={"p" * 100: "v" * 4096}),
        ):
            await store.put_access_token("x", "ann", token)
            held = await store.get_access_token("x", "ann")
            assert held == token, "another token came back than was put"
            assert held.params == token.params, "other params came back than were put"

    async def test_nothing_is_there_that_was_not_put(self, store: AccessTokenStore) -> None:
        """An empty store returns None and False, and raises nothing."""
        assert await store.get_access_token("x", "ann") is None
        assert await store.discard_access_token("x", "ann") is False
        assert await store.discard_access_token("x", "ann", _ANN.key) is False
        assert await store.replace_access_token("x", "ann", _ANN.key, _BOB) is False
        assert await store.get_access_token("x", "ann") is None, "a replacement of nothing stored something"
        assert [user async for user in store.users("x")] == []

    async def test_a_put_takes_the_place_of_any_other(self, store: AccessTokenStore) -> None:
        """The last token counts, and putting it twice is putting it once."""
        for token in (_ANN, _BOB, _BOB):
            await store.put_access_token("x", "ann", token)
            assert await store.get_access_token("x", "ann") == token
        assert [user async for user in store.users("x")] == ["ann"]

    async def test_a_replacement_needs_the_current_key(self, store: AccessTokenStore) -> None:
        """A token is replaced only while the stored one is the one that the caller knows."""
        await store.put_access_token("x", "ann", _ANN)
        assert await store.replace_access_token("x", "ann", "another key", _BOB) is False
        assert await store.get_access_token("x", "ann") == _ANN
        assert await store.replace_access_token("x", "ann", _ANN.key, _BOB) is True
        assert await store.get_access_token("x", "ann") == _BOB

    async def test_a_repeated_replacement_does_no_more(self, store: AccessTokenStore) -> None:
        """A replacement whose answer was lost returns True again; a late one returns False."""
        await store.put_access_token("x", "ann", _ANN)
        for _ in range(3):
            assert await store.replace_access_token("x", "ann", _ANN.key, _BOB) is True
        third = AccessToken("third", "s")
        assert await store.replace_access_token("x", "ann", _ANN.key, third) is False
        assert await store.get_access_token("x", "ann") == _BOB

    async def test_a_token_is_replaced_under_its_own_key(self, store: AccessTokenStore) -> None:
        """A provider may renew the secret and keep the key."""
        renewed = AccessToken(_ANN.key, "another secret")
        await store.put_access_token("x", "ann", _ANN)
        assert await store.replace_access_token("x", "ann", _ANN.key, renewed) is True
        assert await store.get_access_token("x", "ann") == renewed

    async def test_a_discarded_token_is_gone(self, store: AccessTokenStore) -> None:
        """A token is discarded once. Its user is not listed any more, and may connect again."""
        await store.put_access_token("x", "ann", _ANN)
        assert await store.discard_access_token("x", "ann") is True
        assert await store.get_access_token("x", "ann") is None
        assert await store.discard_access_token("x", "ann") is False
        assert await store.replace_access_token("x", "ann", _ANN.key, _BOB) is False
        assert [user async for user in store.users("x")] == []
        await store.put_access_token("x", "ann", _BOB)
        assert await store.get_access_token("x", "ann") == _BOB

    async def test_a_discard_by_key_spares_a_newer_token(self, store: AccessTokenStore) -> None:
        """A discard by an old key does not remove the token of a user who has reconnected."""
        await store.put_access_token("x", "ann", _BOB)
        assert await store.discard_access_token("x", "ann", _ANN.key) is False
        assert await store.get_access_token("x", "ann") == _BOB
        assert await store.discard_access_token("x", "ann", _BOB.key) is True
        assert await store.get_access_token("x", "ann") is None

    async def test_users_are_those_with_a_token(self, store: AccessTokenStore) -> None:
        """Every user once, of this provider only, by the name that the application gave."""
        users = {f"user {number}" for number in range(1000)}
        await asyncio.gather(*(store.put_access_token("x", user, _ANN) for user in users))
        await store.put_access_token("x:", "somebody else", _BOB)
        await store.put_access_token("x", "user 0", _BOB)
        await store.discard_access_token("x", "user 1")
        listed = [user async for user in store.users("x")]
        assert len(listed) == len(set(listed)), "a user was listed twice"
        assert set(listed) == users - {"user 1"}
        assert [user async for user in store.users("x:")] == ["somebody else"]

    async def test_users_may_change_while_they_are_listed(self, store: AccessTokenStore) -> None:
        """A user who is there all the time is listed once, although others come and go."""
        for number in range(300):
            await store.put_access_token("x", f"user {number}", _ANN)
        listed = []
        async for user in store.users("x"):
            listed.append(user)
            await store.discard_access_token("x", user)
            await store.put_access_token("x", "one more", _ANN)
        assert len(listed) == len(set(listed)), "a user was listed twice"
        assert {f"user {number}" for number in range(300)} <= set(listed)

    async def test_no_name_is_taken_for_another(self, store: AccessTokenStore) -> None:
        """Names are any text: no other token is read, replaced, discarded or listed."""
        tokens = {pair: AccessToken(f"key {number}", "s") for number, pair in enumerate(hostile_pairs())}
        for (provider, user), token in tokens.items():
            await store.put_access_token(provider, user, token)
        for provider in {provider for provider, _ in tokens}:
            expected = {user for other, user in tokens if other == provider}
            listed = [user async for user in store.users(provider)]
            assert len(listed) == len(expected)
            assert set(listed) == expected, "a provider's users are not those that were stored"
        for provider, user in list(tokens):
            held = await store.get_access_token(provider, user)
            assert held == tokens.pop((provider, user)), f"{provider[:20]!r}, {user[:20]!r}: another's token"
            assert await store.discard_access_token(provider, user, held.key) is True
            assert await store.get_access_token(provider, user) is None
        assert not tokens

    async def test_of_concurrent_replacements_one_wins(self, store: AccessTokenStore) -> None:
        """Of a hundred workers that replace one token, one succeeds, and the others are told."""
        await store.put_access_token("x", "ann", _ANN)
        tokens = [AccessToken(f"key {number}", "s") for number in range(100)]
        won = await asyncio.gather(
            *(store.replace_access_token("x", "ann", _ANN.key, token) for token in tokens)
        )
        assert won.count(True) == 1, f"{won.count(True)} of 100 replaced the same token"
        assert await store.get_access_token("x", "ann") == tokens[won.index(True)]

    async def test_of_concurrent_discards_one_wins(self, store: AccessTokenStore) -> None:
        """Of a hundred discards of one token, one returns True."""
        await store.put_access_token("x", "ann", _ANN)
        won = await asyncio.gather(*(store.discard_access_token("x", "ann", _ANN.key) for _ in range(100)))
        assert won.count(True) == 1, f"{won.count(True)} of 100 discarded the same token"

    async def test_concurrent_users_do_not_mix(self, store: AccessTokenStore) -> None:
        """Each of many concurrent users gets their own token."""
        tokens = {f"user {number}": AccessToken(f"key {number}", "s") for number in range(200)}
        await asyncio.gather(*(store.put_access_token("x", user, token) for user, token in tokens.items()))
        held = await asyncio.gather(*(store.get_access_token("x", user) for user in tokens))
        assert held == list(tokens.values())

    async def test_a_cancelled_write_leaves_the_store_usable(self, store: AccessTokenStore) -> None:
        """After a cancellation at any moment one of the tokens is stored."""
        await store.put_access_token("x", "ann", _ANN)
        for steps in range(20):
            await cancelled_after(steps, store.get_access_token("x", "ann"))
            await cancelled_after(steps, store.put_access_token("x", "ann", _BOB))
            await cancelled_after(steps, store.replace_access_token("x", "ann", _BOB.key, _ANN))
            assert await store.get_access_token("x", "ann") in {_ANN, _BOB}
        await store.put_access_token("x", "bob", _BOB)
        assert await store.get_access_token("x", "bob") == _BOB
