"""Everything at once for a while: calls, handshakes, faults of every kind, cancels, tokens taken back.

It takes 10 s; with AIOOAUTH1_CHAOS_SECONDS=60 in the environment it takes 60.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil
import pytest
from aiohttp import web

from aiooauth1 import (
    Handshake,
    MemoryStore,
    OAuth1Error,
    OAuth1Session,
    OutcomeUnknown,
    Retry,
    raise_for_problem,
)
from aiooauth1.testing import FakeProvider
from aiooauth1.testing.server import drop


if TYPE_CHECKING:
    from collections.abc import Coroutine

    from aiooauth1.credentials import AccessToken


SECONDS = float(os.environ.get("AIOOAUTH1_CHAOS_SECONDS", "10"))
pytestmark = [pytest.mark.socket, pytest.mark.timeout(SECONDS + 90)]

PER_SECOND, HANDSHAKES_PER_SECOND = 500, 50
USERS = 200
FAULT, CANCEL, REVOKED = 0.01, 0.1, 0.01
MIB = 1 << 20


@dataclass
class World:
    """The provider and its faults, the consumer, and the accounts that both keep."""

    fake: FakeProvider
    dice: random.Random
    store: MemoryStore = field(default_factory=MemoryStore)
    confirmed: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    done: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    running: set[asyncio.Task[None]] = field(default_factory=set)

    async def before(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Meet a request with a fault before any work."""
        met = self.dice.random()
        if met < FAULT:
            await drop(request)
            return None
        answers: list[web.StreamResponse] = [
            web.Response(status=503, headers={"Retry-After": "0"}),
            web.Response(status=429, headers={"Retry-After": "0"}),
            web.Response(status=500, text="<html>oops</html>"),
            web.Response(status=401, text="oauth_problem=nonce_used"),
            web.Response(status=401, text="no reason"),
            web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
        ]
        return answers[int(met / FAULT) - 1] if met < FAULT * (len(answers) + 1) else None

    async def after(self, request: web.BaseRequest, _reply: web.StreamResponse) -> web.StreamResponse | None:
        """Lose an answer after the work, or delay it, or spoil it."""
        met = self.dice.random()
        if met < FAULT:
            await drop(request)
        elif met < 2 * FAULT:
            await asyncio.sleep(0.2)
        elif met < 3 * FAULT:
            return web.Response(body=b"\xff", headers={"Content-Encoding": "gzip"})
        return None

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        """Run it, and cancel one in ten of them at any time."""
        task = asyncio.create_task(self.told(job))
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        if self.dice.random() < CANCEL:
            asyncio.get_running_loop().call_later(self.dice.random() * 0.003, task.cancel)

    async def told(self, job: Coroutine[Any, Any, None]) -> None:
        try:
            await job
        except (OAuth1Error, aiohttp.ClientError, TimeoutError, asyncio.CancelledError) as error:
            self.outcomes[type(error).__name__] += 1
        except Exception as error:  # noqa: BLE001  each is a failure of the test, which says so in the end
            self.wrong.append(repr(error))
        else:
            self.outcomes["well"] += 1

    async def post(self, session: OAuth1Session, number: int) -> None:
        user = f"user-{number % USERS}"
        if self.dice.random() < REVOKED:
            await self.connect_anew(user)
        try:
            async with session.post("posts", data={"status": f"{user} {number}"}, user=user) as response:
                await raise_for_problem(response)
                if response.status < 300:
                    self.confirmed.add(number)
        except OutcomeUnknown:
            raise
        except OAuth1Error:
            self.failed.add(number)
            raise

    async def connect_anew(self, user: str) -> None:
        """Take a user's token back, and have another given."""
        held = await self.store.get_access_token(self.fake.provider.name, user)
        if held is not None:
            self.fake.revoke(held.key)
        token = self.fake.issue_access_token(user)
        await self.store.put_access_token(self.fake.provider.name, user, token)

    async def shake_hands(self, handshake: Handshake, number: int) -> None:
        user, bind = f"guest-{number}", f"browser-{number}"
        pending = await handshake.begin("oob", bind=bind)
        key = pending.request_token.key
        issued = self.fake._accounts.answer(key, user, approved=True)  # noqa: SLF001  a browser would take long
        both = [handshake.complete_with_verifier(key, issued.verifier, bind=bind, save_as=user) for _ in "ab"]
        tokens: set[AccessToken] = set()
        for outcome in await asyncio.gather(*both, return_exceptions=True):
            if not isinstance(outcome, BaseException):
                tokens.add(outcome)
            elif not isinstance(
                outcome, (OAuth1Error, aiohttp.ClientError, TimeoutError, asyncio.CancelledError)
            ):
                self.wrong.append(repr(outcome))
        if len(tokens) > 1 or any(token.params["screen_name"] != user for token in tokens):
            self.wrong.append(f"{user} got {tokens}")

    def harvest(self) -> None:
        """Enter what the provider has done, and let it forget that."""
        posts = self.fake._accounts.posts  # noqa: SLF001  it keeps them for ever, which is not to be measured here
        for post in posts.values():
            user, _, number = post.text.partition(" ")
            self.done[int(number)] += 1
            if post.user != user:
                self.wrong.append(f"a post of {user} was made for {post.user}")
        posts.clear()


async def test_nothing_is_lost_doubled_mixed_up_or_leaked() -> None:
    process = psutil.Process()
    fake = FakeProvider(ledger_limit=100, window=10, request_token_ttl=10)
    async with fake:
        world = World(fake, random.Random(5849))  # noqa: S311  faults, no secrets
        for number in range(USERS):
            await world.connect_anew(f"user-{number}")
        gc.collect()
        descriptors, tasks = process.num_fds(), len(asyncio.all_tasks())
        fake.before, fake.after = world.before, world.after
        session = OAuth1Session(
            fake.consumer,
            provider=fake.provider,
            store=world.store,
            retry=Retry(base=0.01),
            timeout=aiohttp.ClientTimeout(total=10),
        )
        handshake = Handshake(fake.provider, fake.consumer, store=world.store, timeout=5)
        posts, in_the_middle = await rage(world, session, handshake, process)
        fake.before = fake.after = None
        await asyncio.wait_for(asyncio.gather(*world.running), 30)
        await handshake.aclose()
        await session.close()
        world.harvest()
        async with asyncio.timeout(5):
            # Nobody tells when the provider has closed its side of the last connections.
            while len(asyncio.all_tasks()) > tasks + 2 or process.num_fds() > descriptors + 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        gc.collect()
        grew = process.memory_info().rss - in_the_middle
    assert world.wrong == []
    assert [number for number, times in world.done.items() if times > 1] == []
    assert world.confirmed - world.done.keys() == set()
    assert world.failed & world.done.keys() == set()
    print(f"{posts} posts, {grew / MIB:.1f} MiB more, {world.outcomes}")  # noqa: T201  shown by pytest -s
    assert grew <= 10 * MIB
    assert posts >= PER_SECOND * SECONDS / 3, "this machine is too busy for the test to mean anything"
    assert world.outcomes["well"] > posts / 2


async def rage(
    world: World, session: OAuth1Session, handshake: Handshake, process: psutil.Process
) -> tuple[int, int]:
    """Start calls and handshakes at their rates, and return how many calls, and the memory in the middle."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    posts = handshakes = in_the_middle = 0
    while (now := loop.time() - began) < SECONDS:
        while posts < now * PER_SECOND and len(world.running) < 1000:
            world.start(world.post(session, posts))
            posts += 1
        while handshakes < now * HANDSHAKES_PER_SECOND and len(world.running) < 1000:
            world.start(world.shake_hands(handshake, handshakes))
            handshakes += 1
        world.harvest()
        if not in_the_middle and now > SECONDS / 2:
            gc.collect()
            in_the_middle = process.memory_info().rss
        await asyncio.sleep(0.01)
    return posts, in_the_middle
