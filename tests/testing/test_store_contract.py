"""The contract of stores passes a store of forty lines, and catches each of the mistakes that stores make."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

from aiooauth1.credentials import AccessToken
from aiooauth1.errors import TooManyHandshakes
from aiooauth1.stores import Held, MemoryStore
from aiooauth1.testing.store_contract import BoundedContract, StoreContract


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class DictStore:
    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.tokens: dict[tuple[str, str], AccessToken] = {}
        self.pending: dict[tuple[str, str], tuple[bytes, float]] = {}

    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        self.tokens[provider, user] = token

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        return self.tokens.get((provider, user))

    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        held = self.tokens.get((provider, user))
        if held is None or held.key != old_key:
            return held == token
        self.tokens[provider, user] = token
        return True

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        held = self.tokens.get((provider, user))
        if held is None or key not in {None, held.key}:
            return False
        del self.tokens[provider, user]
        return True

    async def users(self, provider: str) -> AsyncIterator[str]:
        for owner, user in list(self.tokens):
            if owner == provider:
                yield user

    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        held = await self.get_pending(provider, request_token)
        if held is None:
            self.pending[provider, request_token] = (value, self.clock() + ttl)
        return held is None or held.value == value

    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        value, until = self.pending.get((provider, request_token), (b"", 0.0))
        return Held(value, value) if until > self.clock() else None

    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        held = await self.get_pending(provider, request_token)
        if held is None or held.value not in {old.version, value}:
            return None
        _, until = self.pending[provider, request_token]
        self.pending[provider, request_token] = (value, until)
        return Held(value, value)


class TestDictStore(StoreContract):
    now = 1000.0

    @pytest.fixture
    def store(self) -> DictStore:
        return DictStore(lambda: self.now)

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds


class GluesNames(DictStore):
    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        await super().put_access_token("", f"{provider}:{user}", token)

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        return await super().get_access_token("", f"{provider}:{user}")

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        return await super().discard_access_token("", f"{provider}:{user}", key)

    async def users(self, provider: str) -> AsyncIterator[str]:
        for _, glued in list(self.tokens):
            if glued.startswith(f"{provider}:"):
                yield glued.removeprefix(f"{provider}:")


class FoldsCase(DictStore):
    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        await super().put_access_token(provider, user.lower(), token)

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        return await super().get_access_token(provider, user.lower())


class LosesParams(DictStore):
    async def put_access_token(self, provider: str, user: str, token: AccessToken) -> None:
        await super().put_access_token(provider, user, AccessToken(token.key, token.secret))


class ReplacesAnything(DictStore):
    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        self.tokens[provider, user] = token
        return bool(old_key)


class CallsARepeatedReplacementFailed(DictStore):
    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        held = self.tokens.get((provider, user))
        return (
            held is not None
            and held.key == old_key
            and await super().replace_access_token(provider, user, old_key, token)
        )


class ReplacesInTwoSteps(DictStore):
    async def replace_access_token(self, provider: str, user: str, old_key: str, token: AccessToken) -> bool:
        held = self.tokens.get((provider, user))
        await asyncio.sleep(0)
        if held is None or held.key != old_key:
            return held == token
        self.tokens[provider, user] = token
        return True


class DiscardsAnyKey(DictStore):
    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        return await super().discard_access_token(provider, user) or key == ""


class DiscardsInTwoSteps(DictStore):
    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        there = (provider, user) in self.tokens
        await asyncio.sleep(0)
        await super().discard_access_token(provider, user, key)
        return there


class ListsUsersTwice(DictStore):
    async def users(self, provider: str) -> AsyncIterator[str]:
        for _ in range(2):
            async for user in super().users(provider):
                yield user


class OverwritesPending(DictStore):
    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        self.pending[provider, request_token] = (value, self.clock() + ttl)
        return True


class CallsARepeatedAdditionFailed(DictStore):
    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        if await self.get_pending(provider, request_token) is not None:
            return False
        return await super().add_pending(provider, request_token, value, ttl=ttl)


class SwapsAnything(DictStore):
    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        held = await self.get_pending(provider, request_token)
        return await super().swap_pending(provider, request_token, held or old, value)


class SwapsInTwoSteps(DictStore):
    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        held = await self.get_pending(provider, request_token)
        await asyncio.sleep(0)
        if held is None or held.value != old.version:
            return None
        return await super().swap_pending(provider, request_token, held._replace(version=value), value)


class CallsARepeatedSwapFailed(DictStore):
    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        held = await self.get_pending(provider, request_token)
        if held is None or held.value != old.version:
            return None
        return await super().swap_pending(provider, request_token, old, value)


class RevivesWhatIsGone(DictStore):
    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        self.pending.setdefault((provider, request_token), (old.value, self.clock() + 60))
        return await super().swap_pending(provider, request_token, old, value)


class GivesMoreTimeAtASwap(DictStore):
    async def swap_pending(self, provider: str, request_token: str, old: Held, value: bytes) -> Held | None:
        held = await super().swap_pending(provider, request_token, old, value)
        if held is not None:
            self.pending[provider, request_token] = (value, self.clock() + 60)
        return held


class NeverForgets(DictStore):
    async def get_pending(self, provider: str, request_token: str) -> Held | None:
        value, _ = self.pending.get((provider, request_token), (None, 0.0))
        return Held(value, value) if value is not None else None


class ForgetsAtOnce(DictStore):
    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        return await super().add_pending(provider, request_token, value, ttl=ttl / 4)


class TakesTextOnly(DictStore):
    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        text = value.decode("utf-8", "replace").encode()
        return await super().add_pending(provider, request_token, text, ttl=ttl)


class KeepsBothInOnePlace(DictStore):
    async def add_pending(self, provider: str, request_token: str, value: bytes, *, ttl: float) -> bool:
        self.tokens.pop((provider, request_token), None)
        return await super().add_pending(provider, request_token, value, ttl=ttl)


MISTAKES = DictStore.__subclasses__()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds


async def complaints(
    contract: type[StoreContract | BoundedContract], argument: str, make: Callable[[Clock], object]
) -> list[str]:
    """Run each test of a contract on a store of its own, and list those that fail."""
    found = []
    for name, _ in inspect.getmembers(contract, inspect.iscoroutinefunction):
        if not name.startswith("test_"):
            continue
        clock, tests = Clock(), contract()
        tests.pass_time = clock.pass_time  # type: ignore[method-assign]  # in place of a subclass
        try:
            await getattr(tests, name)(**{argument: make(clock)})
        except (AssertionError, pytest.fail.Exception, TooManyHandshakes):
            found.append(name)
    return found


async def test_a_correct_store_passes() -> None:
    assert await complaints(StoreContract, "store", DictStore) == []


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_the_contract_fails_a_faulty_store(mistake: type[DictStore]) -> None:
    found = await complaints(StoreContract, "store", mistake)
    assert found, f"a store that {mistake.__name__} passes"
    assert len(found) < 15, "the mistake is one, and breaks a few promises only"


async def test_a_failure_shows_what_was_compared() -> None:
    with pytest.raises(AssertionError, match="assert True is False"):
        await StoreContract().test_a_discard_by_key_spares_a_newer_token(DiscardsAnyKey(Clock()))


def _bounded(max_pending: int) -> Callable[[Clock], MemoryStore]:
    return lambda clock: MemoryStore(max_pending=max_pending, clock=clock)


@pytest.mark.parametrize(("max_pending", "fails"), [(2, True), (3, False), (4, True), (100_000, True)])
async def test_the_bounded_contract_needs_the_exact_bound(max_pending: int, *, fails: bool) -> None:
    assert bool(await complaints(BoundedContract, "bounded", _bounded(max_pending))) is fails
