"""Handshakes up to their callback, with a provider that verifies signatures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarl import URL

from aiooauth1 import Handshake, MemoryStore
from aiooauth1.flows.handshake.pending import PendingRecord


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from aiooauth1.credentials import AccessToken
    from aiooauth1.flows.handshake.handshake import PendingHandshake
    from aiooauth1.stores import TokenStore
    from aiooauth1.testing import FakeProvider


Hook = Callable[..., Awaitable[Any]]

CALLBACK = "https://consumer.example/connected?flow=7"
BIND = "browser"
LEASE = 30.0  # seconds of a claim with the default timeout of a handshake


class Gate:
    """Holds the provider's answers back until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, *_: object) -> None:
        self.reached.set()
        await self.open.wait()


def at_exchange(hook: Hook) -> Hook:
    """Call a hook for exchanges only, not for the user's browser."""

    async def only(request: web.BaseRequest, *reply: web.StreamResponse) -> web.StreamResponse | None:
        instead: web.StreamResponse | None = None
        if request.path.endswith("access_token"):
            instead = await hook(request, *reply)
        return instead

    return only


class Clock:
    """The machine's time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass(frozen=True, slots=True)
class Step:
    """A handshake whose user has approved, with the verifier in its callback, or the PIN."""

    pending: PendingHandshake
    callback: str
    verifier: str

    @property
    def key(self) -> str:
        """The request token's key."""
        return self.pending.request_token.key


@dataclass(frozen=True, slots=True)
class Stage:
    """A provider, a store and the clock of every handshake with them."""

    fake: FakeProvider
    store: TokenStore
    clock: Clock

    def handshake(self, **options: Any) -> Handshake:
        """Make a handshake with this store, as in another process."""
        given = {"store": self.store, "clock": self.clock, **options}
        return Handshake(self.fake.provider, self.fake.consumer, **given)

    async def approved(self, handshake: Handshake, callback: str = CALLBACK, *, bind: str = BIND) -> Step:
        """Begin, and have ann approve."""
        pending = await handshake.begin(callback, bind=bind)
        back = await self.fake.approve(pending.url, user="ann")
        return Step(pending, back, back if callback == "oob" else URL(back).query["oauth_verifier"])

    async def record(self, step: Step) -> PendingRecord:
        """Return the record of a handshake."""
        held = await self.store.get_pending(self.fake.provider.name, step.key)
        assert held is not None
        return PendingRecord.load(held.value)

    async def claim_elsewhere(self, step: Step) -> None:
        """Claim the exchange as another process would, for a lease from now on."""
        held = await self.store.get_pending(self.fake.provider.name, step.key)
        assert held is not None
        claimed = PendingRecord.load(held.value).claimed("another process", self.clock() + LEASE)
        await self.store.swap_pending(self.fake.provider.name, step.key, held, claimed.dump())

    async def stored(self, user: str = "ann") -> AccessToken | None:
        """Return what is stored for a user."""
        return await self.store.get_access_token(self.fake.provider.name, user)


@asynccontextmanager
async def staged(fake: FakeProvider, store: TokenStore | None = None) -> AsyncIterator[Stage]:
    """Start the provider."""
    async with fake:
        yield Stage(fake, store or MemoryStore(), Clock())
