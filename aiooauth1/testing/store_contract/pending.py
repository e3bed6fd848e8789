"""The contracts of stores that keep pending handshakes, with and without a bound on their number."""

# ruff: noqa: S101 - an assertion is what a contract is made of

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiooauth1.errors import TooManyHandshakes
from aiooauth1.testing.store_contract.helpers import cancelled_after, hostile_pairs


if TYPE_CHECKING:
    from aiooauth1.stores.protocols import BoundedPendingStore, PendingStore


__all__ = ["BoundedContract", "PendingContract"]


class _Timed:
    """A contract in which time passes."""

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the store: **to be overridden** where its clock can be moved."""
        await asyncio.sleep(seconds)


@pytest.mark.asyncio
class PendingContract(_Timed):
    """The contract of a store of pending handshakes."""

    ttl: float = 2.0
    """The ttl in seconds of records whose expiry is tested: long enough for a slow machine."""

    @pytest.fixture
    def store(self) -> PendingStore:
        """Return an empty store: **to be overridden**."""
        raise NotImplementedError("your test class needs a fixture `store` that makes an empty store")

    async def test_a_record_comes_back_byte_for_byte(self, store: PendingStore) -> None:
        """Records are opaque."""
        for number, value in enumerate((b"", b"{}", bytes(range(256)) * 64, b"\x01" * 100, b"\x80\x04N.")):
            assert await store.add_pending("x", f"token {number}", value, ttl=60) is True
            held = await store.get_pending("x", f"token {number}")
            assert held is not None, "a record is not there"
            assert held.value == value, "another record came back than was added"

    async def test_nothing_is_there_that_was_not_added(self, store: PendingStore) -> None:
        """An empty store returns None, and a swap creates no record."""
        assert await store.get_pending("x", "token") is None
        await store.add_pending("x", "token", b"one", ttl=60)
        held = await store.get_pending("x", "token")
        assert held is not None
        assert await store.swap_pending("x", "another token", held, b"two") is None
        assert await store.get_pending("x", "another token") is None

    async def test_a_record_is_added_once(self, store: PendingStore) -> None:
        """Adding the same bytes again is harmless, other bytes are refused and change nothing."""
        assert await store.add_pending("x", "token", b"one", ttl=60) is True
        assert await store.add_pending("x", "token", b"one", ttl=60) is True
        assert await store.add_pending("x", "token", b"two", ttl=60) is False
        held = await store.get_pending("x", "token")
        assert held is not None
        assert held.value == b"one"

    async def test_a_swap_needs_the_current_version(self, store: PendingStore) -> None:
        """A swap of an older version changes nothing. The result of a swap can be used for the next."""
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
        """A swap whose answer was lost returns the record again, which can be used for the next swap."""
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
        """A record may be replaced by itself."""
        await store.add_pending("x", "token", b"one", ttl=60)
        first = await store.get_pending("x", "token")
        assert first is not None
        again = await store.swap_pending("x", "token", first, b"one")
        assert again is not None
        assert await store.swap_pending("x", "token", again, b"two") is not None

    async def test_of_concurrent_swaps_one_wins(self, store: PendingStore) -> None:
        """Of a hundred callbacks that claim one handshake, one succeeds, and the others are told."""
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
        """Of a hundred records for one token, one is added, and the other callers are told."""
        values = [f"record {number}".encode() for number in range(100)]
        won = await asyncio.gather(*(store.add_pending("x", "token", value, ttl=60) for value in values))
        assert won.count(True) == 1, f"{won.count(True)} of 100 additions under one token succeeded"
        held = await store.get_pending("x", "token")
        assert held is not None
        assert held.value == values[won.index(True)]

    async def test_a_record_expires(self, store: PendingStore) -> None:
        """An expired record is not read or swapped any more, and its token can be added again."""
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

    async def test_a_swap_keeps_the_ttl(self, store: PendingStore) -> None:
        """Neither a swap nor a repeated addition extends the life of a record."""
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
        """Names are any text: no other record is read or swapped."""
        records = {pair: f"record {number}".encode() for number, pair in enumerate(hostile_pairs())}
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

    async def test_a_cancelled_swap_leaves_the_store_usable(self, store: PendingStore) -> None:
        """After a cancellation at any moment the record is the old or the new one."""
        await store.add_pending("x", "token", b"0", ttl=60)
        for steps in range(20):
            held = await store.get_pending("x", "token")
            assert held is not None
            fresh = b"%d" % (steps + 1)
            await cancelled_after(steps, store.swap_pending("x", "token", held, fresh))
            await cancelled_after(steps, store.add_pending("x", f"token {steps}", b"one", ttl=60))
            after = await store.get_pending("x", "token")
            assert after is not None
            assert after.value in {held.value, fresh}
            assert await store.add_pending("x", f"token {steps}", b"one", ttl=60) is True


@pytest.mark.asyncio
class BoundedContract(_Timed):
    """The contract of a store with a bound on the number of pending handshakes."""

    @pytest.fixture
    def bounded(self) -> BoundedPendingStore:
        """Return an empty store of at most three pending handshakes: **to be overridden**."""
        raise NotImplementedError(
            "your test class needs a fixture `bounded`: an empty store of max_pending=3"
        )

    async def test_a_full_store_refuses_more(self, bounded: BoundedPendingStore) -> None:
        """A full store refuses new handshakes, and keeps those that it has."""
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

    async def test_expired_handshakes_free_their_slots(self, bounded: BoundedPendingStore) -> None:
        """Abandoned handshakes no longer count after their ttl."""
        for token in "abc":
            await bounded.add_pending("x", token, b"one", ttl=1)
        await self.pass_time(1.1)
        for token in "def":
            async with bounded.pending_slot():
                assert await bounded.add_pending("x", token, b"one", ttl=60) is True

    async def test_a_slot_reserves_capacity(self, bounded: BoundedPendingStore) -> None:
        """No more slots are given than handshakes fit, so the others ask no provider."""
        await bounded.add_pending("x", "a", b"one", ttl=60)
        async with bounded.pending_slot(), bounded.pending_slot():
            with pytest.raises(TooManyHandshakes):
                async with bounded.pending_slot():
                    pytest.fail("there are more slots than the bound")
            assert await bounded.add_pending("x", "b", b"one", ttl=60) is True
            assert await bounded.add_pending("x", "c", b"one", ttl=60) is True

    async def test_a_slot_is_released(self, bounded: BoundedPendingStore) -> None:
        """A slot is released after success, an error or a cancellation."""
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

    async def test_concurrent_additions_stay_within_the_bound(self, bounded: BoundedPendingStore) -> None:
        """Of a hundred concurrent additions three succeed, and 97 are refused."""
        answers = await asyncio.gather(
            *(bounded.add_pending("x", str(number), b"one", ttl=60) for number in range(100)),
            return_exceptions=True,
        )
        assert answers.count(True) == 3  # noqa: PLR2004 - the bound that the fixture has
        refused = [answer for answer in answers if isinstance(answer, TooManyHandshakes)]
        assert len(refused) == 97  # noqa: PLR2004 - all others


async def _hold(store: BoundedPendingStore) -> None:
    async with store.pending_slot():
        await asyncio.Event().wait()
