"""What every store of tokens must do, as tests that anyone can run on their own.

Derive from `StoreContract` in a test file and say how a store is made. It needs pytest and pytest-asyncio:

```python
class TestMyStore(StoreContract):
    @pytest.fixture
    async def store(self):
        async with MyStore(clock=lambda: self.now) as store:
            yield store

    async def pass_time(self, seconds):
        self.now += seconds
```

A store of access tokens alone takes `AccessTokenContract`, one of pending handshakes alone `PendingContract`.
One that holds so many handshakes and no more takes `BoundedContract` as well, and one whose content outlives
it, or is shared with other processes, `SharedContract`.
"""

# ruff: noqa: S101 - an assertion is what a contract is made of

from __future__ import annotations

import asyncio
import unicodedata
from typing import TYPE_CHECKING

import pytest

from aiooauth1.credentials import AccessToken
from aiooauth1.errors import TooManyHandshakes


if TYPE_CHECKING:
    from collections.abc import Coroutine

    from aiooauth1.stores.protocols import AccessTokenStore, BoundedPendingStore, PendingStore, TokenStore


__all__ = [
    "HOSTILE_NAMES",
    "AccessTokenContract",
    "BoundedContract",
    "PendingContract",
    "SharedContract",
    "StoreContract",
]

_ANN = AccessToken("ann-key", "ann-secret", params={"user_id": "1"})
_BOB = AccessToken("bob-key", "bob-secret")

# fmt: off
HOSTILE_NAMES = (
    "", " ", "a", "A", "b", "a ", " a", "ann", "ann@example.org", "0", "x", "None", "null", "true",
    "a:b", "a:", ":b", ":", "::", "a::b", "a\0b", "\0", "a\nb", "a\r\nb", "\n", "\t", "\x7f", "a,b", "a|b",
    "{x}", "{x", "x}", "{}", "*", "?", "a*", "a?", "[a]", "[a-z]", "\\", "\\*", "^", "~", "~a", "%", "%61",
    "a%", "a/b", "../a", "/", ".", "..", "a.b", "a-b", "a_b", "_", "'", '"', "`", "$", "';--", "' OR '1'='1",
    unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë"), "Å", "\u212b", "ﬁ", "fi",
    "ß", "ss", "\u0131", "I", "i", "\u200d", "\ufeff", "\u202e", "😀", "\U0010ffff", "\ud800", "\udc80",
    "\ud83d\ude00", "x" * 64, "x" * 65, "x" * 1_000_000, "x" * 999_999 + "y",
)
# fmt: on
"""Names that stores have taken for others: separators, patterns, quotes, look-alikes, a megabyte."""


def _pairs() -> list[tuple[str, str]]:
    """Provider and user, each hostile, and such as glued together would be the same."""
    names = list(dict.fromkeys(HOSTILE_NAMES))
    others = [*names[1:], names[0]]
    glued = [("a:b", "c"), ("a", "b:c"), ("a", "bc"), ("ab", "c"), ("a\0b", "c"), ("a", "b\0c"), ("{a}", "b")]
    return list(
        dict.fromkeys([("x", name) for name in names] + list(zip(names, others, strict=True)) + glued)
    )


@pytest.mark.asyncio
class AccessTokenContract:
    """What a store of access tokens promises."""

    @pytest.fixture
    def store(self) -> AccessTokenStore:
        """Make a store that holds nothing: **to be overridden**."""
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
        """An empty store says None and False, and raises nothing."""
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

    async def test_a_replacement_wants_the_old_key(self, store: AccessTokenStore) -> None:
        """A token is replaced only while the stored one is the one that the caller knows."""
        await store.put_access_token("x", "ann", _ANN)
        assert await store.replace_access_token("x", "ann", "another key", _BOB) is False
        assert await store.get_access_token("x", "ann") == _ANN
        assert await store.replace_access_token("x", "ann", _ANN.key, _BOB) is True
        assert await store.get_access_token("x", "ann") == _BOB

    async def test_a_repeated_replacement_does_no_more(self, store: AccessTokenStore) -> None:
        """One whose answer got lost says True again; one that came too late says False, and is."""
        await store.put_access_token("x", "ann", _ANN)
        for _ in range(3):
            assert await store.replace_access_token("x", "ann", _ANN.key, _BOB) is True
        third = AccessToken("third", "s")
        assert await store.replace_access_token("x", "ann", _ANN.key, third) is False
        assert await store.get_access_token("x", "ann") == _BOB

    async def test_a_token_is_replaced_under_its_own_key(self, store: AccessTokenStore) -> None:
        """A provider may renew the secret and leave the key."""
        renewed = AccessToken(_ANN.key, "another secret")
        await store.put_access_token("x", "ann", _ANN)
        assert await store.replace_access_token("x", "ann", _ANN.key, renewed) is True
        assert await store.get_access_token("x", "ann") == renewed

    async def test_a_discarded_token_is_gone(self, store: AccessTokenStore) -> None:
        """It goes once; its user is listed no more, and may come again."""
        await store.put_access_token("x", "ann", _ANN)
        assert await store.discard_access_token("x", "ann") is True
        assert await store.get_access_token("x", "ann") is None
        assert await store.discard_access_token("x", "ann") is False
        assert await store.replace_access_token("x", "ann", _ANN.key, _BOB) is False
        assert [user async for user in store.users("x")] == []
        await store.put_access_token("x", "ann", _BOB)
        assert await store.get_access_token("x", "ann") == _BOB

    async def test_a_discard_by_key_spares_a_newer_token(self, store: AccessTokenStore) -> None:
        """What was connected again meanwhile is not thrown away for the old token's sake."""
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
        """Whoever is there all the time is listed once, whatever becomes of the others."""
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
        """Names are any text: no other's token is read, replaced, discarded or listed."""
        tokens = {pair: AccessToken(f"key {number}", "s") for number, pair in enumerate(_pairs())}
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
        """A hundred workers renew one token: one of them has it, and knows."""
        await store.put_access_token("x", "ann", _ANN)
        tokens = [AccessToken(f"key {number}", "s") for number in range(100)]
        won = await asyncio.gather(
            *(store.replace_access_token("x", "ann", _ANN.key, token) for token in tokens)
        )
        assert won.count(True) == 1, f"{won.count(True)} of 100 replaced the same token"
        assert await store.get_access_token("x", "ann") == tokens[won.index(True)]

    async def test_of_concurrent_discards_one_wins(self, store: AccessTokenStore) -> None:
        """A hundred calls see the token refused: one of them tells the application."""
        await store.put_access_token("x", "ann", _ANN)
        won = await asyncio.gather(*(store.discard_access_token("x", "ann", _ANN.key) for _ in range(100)))
        assert won.count(True) == 1, f"{won.count(True)} of 100 discarded the same token"

    async def test_concurrent_users_do_not_mix(self, store: AccessTokenStore) -> None:
        """Of many at once, everybody gets their own."""
        tokens = {f"user {number}": AccessToken(f"key {number}", "s") for number in range(200)}
        await asyncio.gather(*(store.put_access_token("x", user, token) for user, token in tokens.items()))
        held = await asyncio.gather(*(store.get_access_token("x", user) for user in tokens))
        assert held == list(tokens.values())

    async def test_a_cancelled_caller_harms_nobody(self, store: AccessTokenStore) -> None:
        """Callers give up at any moment: what is stored is one of the tokens, and the store goes on."""
        await store.put_access_token("x", "ann", _ANN)
        for steps in range(20):
            await _cancelled_after(steps, store.get_access_token("x", "ann"))
            await _cancelled_after(steps, store.put_access_token("x", "ann", _BOB))
            await _cancelled_after(steps, store.replace_access_token("x", "ann", _BOB.key, _ANN))
            assert await store.get_access_token("x", "ann") in {_ANN, _BOB}
        await store.put_access_token("x", "bob", _BOB)
        assert await store.get_access_token("x", "bob") == _BOB


@pytest.mark.asyncio
class PendingContract:
    """What a store of pending handshakes promises."""

    ttl = 2.0
    """How long the records live of which the tests see the end: seconds, enough for a slow machine."""

    @pytest.fixture
    def store(self) -> PendingStore:
        """Make a store that holds nothing: **to be overridden**."""
        raise NotImplementedError("your test class needs a fixture `store` that makes an empty store")

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the store: **to be overridden** where its clock can be moved."""
        await asyncio.sleep(seconds)

    async def test_a_record_comes_back_octet_by_octet(self, store: PendingStore) -> None:
        """Records are opaque."""
        for number, value in enumerate((b"", b"{}", bytes(range(256)) * 64, b"\x01" * 100, b"\x80\x04N.")):
            assert await store.add_pending("x", f"token {number}", value, ttl=60) is True
            held = await store.get_pending("x", f"token {number}")
            assert held is not None, "a record is not there"
            assert held.value == value, "another record came back than was added"

    async def test_nothing_is_there_that_was_not_added(self, store: PendingStore) -> None:
        """An empty store says None; a swap brings nothing back."""
        assert await store.get_pending("x", "token") is None
        await store.add_pending("x", "token", b"one", ttl=60)
        held = await store.get_pending("x", "token")
        assert held is not None
        assert await store.swap_pending("x", "another token", held, b"two") is None
        assert await store.get_pending("x", "another token") is None

    async def test_a_record_is_added_once(self, store: PendingStore) -> None:
        """Adding the same octets again is harmless, other octets are refused and change nothing."""
        assert await store.add_pending("x", "token", b"one", ttl=60) is True
        assert await store.add_pending("x", "token", b"one", ttl=60) is True
        assert await store.add_pending("x", "token", b"two", ttl=60) is False
        held = await store.get_pending("x", "token")
        assert held is not None
        assert held.value == b"one"

    async def test_a_swap_wants_what_was_read(self, store: PendingStore) -> None:
        """What changed meanwhile stays; what a swap gives is good for the next."""
        await store.add_pending("x", "token", b"one", ttl=60)
        first = await store.get_pending("x", "token")
        assert first is not None
        second = await store.swap_pending("x", "token", first, b"two")
        assert second is not None
        assert second.value == b"two"
        assert await store.swap_pending("x", "token", first, b"three") is None
        third = await store.swap_pending("x", "token", second, b"three")
        assert third is not None
        held = await store.get_pending("x", "token")
        assert held is not None
        assert held.value == b"three"
        assert await store.swap_pending("x", "token", held, b"four") is not None

    async def test_a_repeated_swap_does_no_more(self, store: PendingStore) -> None:
        """One whose answer got lost gives the record again, good for the next swap."""
        await store.add_pending("x", "token", b"one", ttl=60)
        first = await store.get_pending("x", "token")
        assert first is not None
        second = await store.swap_pending("x", "token", first, b"two")
        again = await store.swap_pending("x", "token", first, b"two")
        assert again is not None, "a swap that was repeated says that it failed"
        assert second is not None
        assert second.value == again.value == b"two"
        assert await store.swap_pending("x", "token", again, b"three") is not None
        assert await store.swap_pending("x", "token", first, b"two") is None

    async def test_a_swap_for_the_same_changes_nothing(self, store: PendingStore) -> None:
        """A record may be put in its own place."""
        await store.add_pending("x", "token", b"one", ttl=60)
        first = await store.get_pending("x", "token")
        assert first is not None
        again = await store.swap_pending("x", "token", first, b"one")
        assert again is not None
        assert await store.swap_pending("x", "token", again, b"two") is not None

    async def test_of_concurrent_swaps_one_wins(self, store: PendingStore) -> None:
        """A hundred callbacks claim one handshake: one of them has it, and knows."""
        await store.add_pending("x", "token", b"free", ttl=60)
        free = await store.get_pending("x", "token")
        assert free is not None
        claims = [f"claim {number}".encode() for number in range(100)]
        won = await asyncio.gather(*(store.swap_pending("x", "token", free, claim) for claim in claims))
        winners = [held for held in won if held is not None]
        assert len(winners) == 1, f"{len(winners)} of 100 swaps of one record succeeded"
        held = await store.get_pending("x", "token")
        assert held is not None
        assert held.value == winners[0].value == claims[won.index(winners[0])]

    async def test_of_concurrent_additions_one_wins(self, store: PendingStore) -> None:
        """A hundred records for one token: one of them is there, and its owner knows."""
        values = [f"record {number}".encode() for number in range(100)]
        won = await asyncio.gather(*(store.add_pending("x", "token", value, ttl=60) for value in values))
        assert won.count(True) == 1, f"{won.count(True)} of 100 additions under one token succeeded"
        held = await store.get_pending("x", "token")
        assert held is not None
        assert held.value == values[won.index(True)]

    async def test_a_record_goes_when_its_time_is_up(self, store: PendingStore) -> None:
        """Then it is not read or swapped any more, and its token is free again."""
        await store.add_pending("x", "token", b"one", ttl=self.ttl)
        await store.add_pending("x", "another", b"one", ttl=self.ttl * 1000)
        held = await store.get_pending("x", "token")
        assert held is not None, "a record was gone before its time"
        await self.pass_time(self.ttl * 1.1)
        assert await store.get_pending("x", "token") is None
        assert await store.swap_pending("x", "token", held, b"two") is None
        assert await store.get_pending("x", "token") is None
        assert await store.get_pending("x", "another") is not None
        assert await store.add_pending("x", "token", b"two", ttl=60) is True
        held = await store.get_pending("x", "token")
        assert held is not None
        assert held.value == b"two"

    async def test_a_swap_keeps_the_time(self, store: PendingStore) -> None:
        """A handshake does not live longer by going on, nor by being added twice."""
        await store.add_pending("x", "token", b"one", ttl=self.ttl)
        held = await store.get_pending("x", "token")
        assert held is not None
        await self.pass_time(self.ttl * 0.6)
        assert await store.get_pending("x", "token") is not None, "a record was gone before its time"
        assert await store.add_pending("x", "token", b"one", ttl=self.ttl) is True
        assert await store.swap_pending("x", "token", held, b"two") is not None, "gone before its time"
        await self.pass_time(self.ttl * 0.6)
        assert await store.get_pending("x", "token") is None, "a swap gave the record more time"

    async def test_no_request_token_is_taken_for_another(self, store: PendingStore) -> None:
        """Names are any text: no other's record is read or swapped."""
        records = {pair: f"record {number}".encode() for number, pair in enumerate(_pairs())}
        for (provider, token), value in records.items():
            assert await store.add_pending(provider, token, value, ttl=60) is True
        for (provider, token), value in records.items():
            held = await store.get_pending(provider, token)
            assert held is not None
            assert held.value == value, f"{provider[:20]!r}, {token[:20]!r}: another's record"
            assert await store.swap_pending(provider, token, held, b"done " + value) is not None
        for (provider, token), value in records.items():
            held = await store.get_pending(provider, token)
            assert held is not None
            assert held.value == b"done " + value

    async def test_a_cancelled_callback_harms_nobody(self, store: PendingStore) -> None:
        """Callers give up at any moment: the record is the old one or the new one, and the store goes on."""
        await store.add_pending("x", "token", b"0", ttl=60)
        for steps in range(20):
            held = await store.get_pending("x", "token")
            assert held is not None
            fresh = b"%d" % (steps + 1)
            await _cancelled_after(steps, store.swap_pending("x", "token", held, fresh))
            await _cancelled_after(steps, store.add_pending("x", f"token {steps}", b"one", ttl=60))
            after = await store.get_pending("x", "token")
            assert after is not None
            assert after.value in {held.value, fresh}
            assert await store.add_pending("x", f"token {steps}", b"one", ttl=60) is True


class StoreContract(AccessTokenContract, PendingContract):
    """What a store of both promises."""

    @pytest.fixture
    def store(self) -> TokenStore:
        """Make a store that holds nothing: **to be overridden**."""
        raise NotImplementedError("your test class needs a fixture `store` that makes an empty store")

    async def test_tokens_and_handshakes_do_not_meet(self, store: TokenStore) -> None:
        """One name may stand for both."""
        await store.put_access_token("x", "name", _ANN)
        assert await store.get_pending("x", "name") is None
        assert await store.add_pending("x", "name", b"one", ttl=60) is True
        assert await store.get_access_token("x", "name") == _ANN
        assert await store.discard_access_token("x", "name") is True
        assert await store.get_pending("x", "name") is not None
        assert [user async for user in store.users("x")] == []


@pytest.mark.asyncio
class BoundedContract:
    """What a store promises that holds so many pending handshakes and no more."""

    @pytest.fixture
    def bounded(self) -> BoundedPendingStore:
        """Make an empty store with room for three pending handshakes: **to be overridden**."""
        raise NotImplementedError(
            "your test class needs a fixture `bounded`: an empty store of max_pending=3"
        )

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the store: **to be overridden** where its clock can be moved."""
        await asyncio.sleep(seconds)

    async def test_a_full_store_takes_no_more(self, bounded: BoundedPendingStore) -> None:
        """Nobody who is logging in is pushed out by those who come; what is there may still go on."""
        for token in "abc":
            assert await bounded.add_pending("x", token, b"one", ttl=60) is True
        with pytest.raises(TooManyHandshakes):
            await bounded.add_pending("x", "d", b"one", ttl=60)
        with pytest.raises(TooManyHandshakes):
            async with bounded.pending_slot():
                pytest.fail("a full store keeps a slot")
        assert await bounded.add_pending("x", "a", b"one", ttl=60) is True
        assert await bounded.add_pending("x", "a", b"two", ttl=60) is False
        for token in "abc":
            held = await bounded.get_pending("x", token)
            assert held is not None, "one was pushed out"
            assert await bounded.swap_pending("x", token, held, b"two") is not None

    async def test_room_comes_with_time(self, bounded: BoundedPendingStore) -> None:
        """Those that were abandoned make room when their time is up."""
        for token in "abc":
            await bounded.add_pending("x", token, b"one", ttl=1)
        await self.pass_time(1.1)
        for token in "def":
            async with bounded.pending_slot():
                assert await bounded.add_pending("x", token, b"one", ttl=60) is True

    async def test_a_slot_keeps_room(self, bounded: BoundedPendingStore) -> None:
        """As many ask their provider as there is room for; the others are told before anything is asked."""
        await bounded.add_pending("x", "a", b"one", ttl=60)
        async with bounded.pending_slot(), bounded.pending_slot():
            with pytest.raises(TooManyHandshakes):
                async with bounded.pending_slot():
                    pytest.fail("more slots than room")
            assert await bounded.add_pending("x", "b", b"one", ttl=60) is True
            assert await bounded.add_pending("x", "c", b"one", ttl=60) is True

    async def test_a_slot_is_given_back(self, bounded: BoundedPendingStore) -> None:
        """However it ends: well, by an error, or by cancellation."""
        for _ in range(5):
            async with bounded.pending_slot():
                pass
            with pytest.raises(ZeroDivisionError):
                async with bounded.pending_slot():
                    raise ZeroDivisionError
            task = asyncio.create_task(_hold(bounded))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        async with bounded.pending_slot(), bounded.pending_slot(), bounded.pending_slot():
            pass

    async def test_a_crowd_gets_the_room_that_is_there(self, bounded: BoundedPendingStore) -> None:
        """Of a hundred that begin at once three do, and 97 are told so."""
        answers = await asyncio.gather(
            *(bounded.add_pending("x", str(number), b"one", ttl=60) for number in range(100)),
            return_exceptions=True,
        )
        assert answers.count(True) == 3  # noqa: PLR2004 - the bound that the fixture has
        refused = [answer for answer in answers if isinstance(answer, TooManyHandshakes)]
        assert len(refused) == 97  # noqa: PLR2004 - all others


@pytest.mark.asyncio
class SharedContract:
    """What stores promise that are made on one back end: by several processes, or one after the other."""

    @pytest.fixture
    def stores(self) -> tuple[TokenStore, TokenStore]:
        """Make two stores on one back end that holds nothing: **to be overridden**."""
        raise NotImplementedError("your test class needs a fixture `stores`: two stores on one back end")

    async def test_one_sees_what_the_other_does(self, stores: tuple[TokenStore, TokenStore]) -> None:
        """Whatever one has done, the other knows."""
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
        """What one has read, the other may swap; of both at once, one wins."""
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


async def _cancelled_after(steps: int, operation: Coroutine[object, object, object]) -> None:
    """Begin it, and cancel it after so many turns of the loop."""
    task = asyncio.ensure_future(operation)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


async def _hold(store: BoundedPendingStore) -> None:
    async with store.pending_slot():
        await asyncio.Event().wait()
