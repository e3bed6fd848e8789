"""One whole handshake over a Redis, of whose replies or commands one comes to grief."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from handshakes.stage import BIND, CALLBACK
from real_redis.proxy import ReplyProxy
from redis.asyncio import Redis

from aiooauth1 import AccessToken, CallbackError, Handshake, OAuth1Session, StoreUnavailable
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore

from .where import Where


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from real_redis.proxy import Fault
    from real_redis.server import RedisServer

    from aiooauth1.testing import FakeProvider


__all__ = ["Case", "Told", "handshake_with"]

T = TypeVar("T")

_DEADLINE = 0.8  # seconds, of each operation of the store: dozens of handshakes share one event loop
_SECONDS = 1.5 * _DEADLINE  # that a reply stalls, or a command is late: whoever waited for it has given up
_SETTLED = 0.3  # seconds after which what was late has been done


@dataclass(frozen=True, slots=True)
class Case:
    """What befalls which reply of whom.

    Attributes:
        fault: What befalls it; None: nothing does.
        number: Which it is, counted from 0: the reply, or the command where that is late.
        client: Whose client of redis-py it is: that of `from_url`, or one that repeats commands by itself.
        reload: Where the browser's reload arrives: at the same process, or at another one.
    """

    fault: Fault | None = None
    number: int = 0
    client: Literal["ours", "theirs"] = "ours"
    reload: Literal["here", "elsewhere"] = "here"


@dataclass(slots=True)
class Told:
    """How it went.

    Attributes:
        case: What befell it.
        failed: The steps that failed once, with what.
        exchanged: What arrived at the provider in exchange for the request token.
        tokens: What completing the callback gave: first, again here, and again elsewhere.
        stored: What is stored for the user at last.
        replies: How many replies came through.
        commands: How many commands went through.
        struck: Whether it came to that.
        again: How many seconds a step took when it was done again.
    """

    case: Case
    failed: list[tuple[str, Exception]] = field(default_factory=list)
    exchanged: list[str] = field(default_factory=list)
    tokens: list[AccessToken] = field(default_factory=list)
    stored: AccessToken | None = None
    replies: int = 0
    commands: int = 0
    struck: bool = False
    again: float = 0.0

    async def step(
        self, name: str, here: Callable[[], Awaitable[T]], again: Callable[[], Awaitable[T]] | None = None
    ) -> T:
        """Do one step, and if the store is not available do it again."""
        try:
            return await here()
        except (StoreUnavailable, CallbackError) as error:
            self.failed.append((name, error))
        began = time.monotonic()
        try:
            return await (again or here)()
        finally:
            self.again = time.monotonic() - began


async def handshake_with(case: Case, server: RedisServer, fake: FakeProvider) -> Told:
    """Begin, look, complete, and send a request for the user, over a way on which one thing goes wrong."""
    told = Told(case)
    encryption = Encryption.generate_key() if case.client == "ours" else None
    where = Where(server.url, f"{secrets.token_hex(8)}:", encryption, timeout=_DEADLINE)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        proxy = await enter(ReplyProxy(server.port))
        if case.client == "ours":
            store = replace(where, address=proxy.url).open()
        else:
            theirs = await enter(Redis.from_url(proxy.url))
            store = RedisStore(theirs, prefix=where.prefix, timeout=where.timeout)
        await enter(store)
        direct = where.open()
        await enter(direct)
        here = await enter(Handshake(fake.provider, fake.consumer, store=store))
        elsewhere = await enter(Handshake(fake.provider, fake.consumer, store=direct))
        session = await enter(OAuth1Session(fake.consumer, provider=fake.provider, store=store))

        struck_at: list[float] = []

        async def note() -> None:
            struck_at.append(time.monotonic())

        if case.fault is not None:
            proxy.arm(case.fault, case.number, seconds=_SECONDS, meanwhile=note)
        pending = await told.step("begin", lambda: here.begin(CALLBACK, bind=BIND))
        callback = await fake.approve(pending.url, user="ann")
        looked = await told.step("pending", lambda: here.pending(callback, bind=BIND))
        assert looked == pending

        def complete(handshake: Handshake) -> Callable[[], Awaitable[AccessToken]]:
            return lambda: handshake.complete(callback, bind=BIND, save_as="ann")

        reload = here if case.reload == "here" else elsewhere
        told.tokens.append(await told.step("complete", complete(here), complete(reload)))
        await told.step("get", lambda: _get(session))
        told.struck = proxy.struck
        if case.fault in {"late", "stall"}:
            assert struck_at, case
            await asyncio.sleep(max(0.0, struck_at[0] + _SECONDS + _SETTLED - time.monotonic()))
        told.replies, told.commands = proxy.replies, proxy.commands
        for handshake in (here, elsewhere):
            told.tokens.append(await handshake.complete(callback, bind=BIND, save_as="ann"))
        told.stored = await direct.get_access_token(fake.provider.name, "ann")
        key = pending.request_token.key
        told.exchanged = [one.verdict for one in fake.exchanges if one.token_key == key]
    return told


async def _get(session: OAuth1Session) -> int:
    async with session.get("echo", user="ann") as response:
        return response.status
