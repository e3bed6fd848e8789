"""The provider with its faults, the consumer, and the records of what both have seen."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import IntFlag
from functools import partial
from typing import TYPE_CHECKING

import aiohttp

from aiooauth1 import OAuth1Error, OutcomeUnknown, StoreUnavailable, UnknownUser, raise_for_problem

from .faults import AFTER, BEFORE, faults


if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from aiooauth1 import AccessToken, Handshake, OAuth1Session, TokenRejection
    from aiooauth1.testing import FakeProvider

    from .place import Place


__all__ = ["PER_SECOND", "Seen", "World"]

PER_SECOND = {"post": 500, "handshake": 50}
AT_ONCE = {"post": 150, "handshake": 50}  # at most: a busy machine then is slow, but meets no timeout
WITHOUT_STORE = 8  # times as many while the store is away, since all wait
USERS = 200
_TICK = 0.05  # seconds
REVOKED, CANCELLED = 0.01, 0.1
NUMBER = "X-Number"
TYPED = (OAuth1Error, aiohttp.ClientError, TimeoutError, asyncio.CancelledError)


class Seen(IntFlag):
    """What was seen of a post: its end by the consumer, its arrival and effect by the provider."""

    CONFIRMED = 1
    FAILED = 2
    NOT_SENT = 4
    ARRIVED = 8
    DONE = 16


@dataclass
class World:
    """The whole run.

    Attributes:
        seconds: How long it lasts.
        begun: The number of posts and handshakes.
        met: The number of requests that met each fault.
        outcomes: The number of jobs that ended in each way.
        wrong: Whatever must never happen.
        unavailable: Begin and end of the jobs that found no store.
        rejected: How often the application was told of each dead token.
        connected: The keys of the guests' tokens, by guest.
        waited: The longest time in seconds until a post was told that there is no store.
        longest: The longest time of a job in seconds.
        running: The tasks of posts and handshakes.
        first_good: When the first post was confirmed that began after Redis was killed.
    """

    fake: FakeProvider
    place: Place
    dice: random.Random
    seconds: float
    begun: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    unavailable: list[tuple[float, float]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    connected: dict[str, str] = field(default_factory=dict)
    waited: float = 0.0
    longest: float = 0.0
    first_good: float = math.inf
    late: float = 0.0
    running: dict[str, set[asyncio.Task[None]]] = field(
        default_factory=lambda: {kind: set() for kind in AT_ONCE}
    )

    def __post_init__(self) -> None:
        # One byte a post, and accounts that are emptied: then memory that grows is not the test's.
        self.seen = bytearray(int((self.seconds + 1) * PER_SECOND["post"]))
        self.books = self.fake._accounts  # noqa: SLF001  see above

    def posts(self, mark: Seen) -> set[int]:
        return {number for number, flags in enumerate(self.seen) if flags & mark}

    async def begin(self) -> None:
        """Connect users, and let faults begin."""
        for number in range(USERS):
            await self.connect(f"user-{number}")
        before = faults(BEFORE, self.dice, self.met)

        async def arrive(request: web.BaseRequest) -> web.StreamResponse | None:
            if (number := request.headers.get(NUMBER)) is not None:
                self.seen[int(number)] |= Seen.ARRIVED
            return await before(request)

        self.fake.before, self.fake.after = arrive, faults(AFTER, self.dice, self.met)
        self.began = time.monotonic()

    async def measure_lateness(self) -> None:
        """Add up by how much a timer is late, until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(_TICK)
            self.late += time.monotonic() - began - _TICK

    async def go_on(self, session: OAuth1Session, handshake: Handshake, until: float) -> None:
        """Start posts and handshakes at their rates until the run is `until` seconds old."""
        jobs = {"post": partial(self.post, session), "handshake": partial(self.shake_hands, handshake)}
        while (now := time.monotonic() - self.began) < until:
            for kind, job in jobs.items():
                most = AT_ONCE[kind] * (WITHOUT_STORE if self.place.is_away else 1)
                while self.begun[kind] < now * PER_SECOND[kind] and len(self.running[kind]) < most:
                    self.start(kind, partial(job, self.begun[kind]))
                    self.begun[kind] += 1
            self.harvest()
            await asyncio.sleep(0.01)

    async def end(self) -> None:
        """End the faults, and wait for all jobs."""
        self.fake.before = self.fake.after = None
        await asyncio.wait_for(asyncio.gather(*self.running["post"], *self.running["handshake"]), 30)
        self.harvest()

    def harvest(self) -> None:
        """Record the provider's posts, and remove them and expired request tokens from its accounts."""
        for post in self.books.posts.values():
            user, _, text = post.text.partition(" ")
            if self.seen[int(text)] & Seen.DONE:
                self.wrong.append(f"post {text} was made twice")
            if post.user != user:
                self.wrong.append(f"post {text} of {user} was made for {post.user}")
            self.seen[int(text)] |= Seen.DONE
        self.books.posts.clear()
        now, tokens = time.time(), self.books.request_tokens
        for old in [key for key, issued in tokens.items() if issued.expires_at < now]:
            del tokens[old]

    def start(self, kind: str, job: Callable[[], Awaitable[None]]) -> None:
        """Start a job; one in ten is cancelled at a random time."""
        task = asyncio.create_task(self.watch(job))
        self.running[kind].add(task)
        task.add_done_callback(self.running[kind].discard)
        if self.dice.random() < CANCELLED:
            takes = 3 if self.place.is_away else 0.003
            asyncio.get_running_loop().call_later(self.dice.random() * takes, task.cancel)

    async def watch(self, job: Callable[[], Awaitable[None]]) -> None:
        began = time.monotonic()
        try:
            await job()
        except TYPED as error:
            self.outcomes[type(error).__name__] += 1
            if isinstance(error, StoreUnavailable):
                self.unavailable.append((began, time.monotonic()))
        except Exception as error:  # noqa: BLE001  the test reports it at its end
            self.wrong.append(repr(error))
        else:
            self.outcomes["well"] += 1
        self.longest = max(self.longest, time.monotonic() - began)

    async def connect(self, user: str) -> None:
        token = self.fake.issue_access_token(user)
        await self.place.store.put_access_token(self.fake.provider.name, user, token)

    async def take_back(self, user: str) -> None:
        """Revoke a user's token at the provider, without telling the consumer."""
        held = await self.place.store.get_access_token(self.fake.provider.name, user)
        if held is not None:
            self.fake.revoke(held.key)

    async def on_token_rejected(self, rejection: TokenRejection) -> None:
        self.rejected[rejection.token_key] += 1
        if self.books.access_tokens[rejection.token_key].state == "valid":
            self.wrong.append(f"a good token of {rejection.user} was reported as dead")

    async def post(self, session: OAuth1Session, number: int) -> None:
        user = f"user-{number % USERS}"
        if self.dice.random() < REVOKED:
            await self.take_back(user)
        began = time.monotonic()
        text, headers = {"status": f"{user} {number}"}, {NUMBER: str(number)}
        try:
            async with session.post("posts", data=text, user=user, headers=headers) as response:
                await raise_for_problem(response)
                if response.status < 300:
                    self.seen[number] |= Seen.CONFIRMED
                    if began > self.place.killed:
                        self.first_good = min(self.first_good, time.monotonic())
                await response.read()
        except OutcomeUnknown:
            raise
        except OAuth1Error as error:
            self.seen[number] |= Seen.FAILED
            if isinstance(error, StoreUnavailable):
                self.seen[number] |= Seen.NOT_SENT
                self.waited = max(self.waited, time.monotonic() - began)
            if isinstance(error, UnknownUser):
                await self.connect(user)
            raise

    async def shake_hands(self, handshake: Handshake, number: int) -> None:
        """Connect a guest whose browser loads the callback twice at once, and again without a store."""
        user, bind = f"guest-{number}", f"browser-{number}"
        pending = await handshake.begin("oob", bind=bind)
        key = pending.request_token.key
        verifier = self.books.answer(key, user, approved=True).verifier  # a browser would be slow
        tokens: set[AccessToken] = set()

        async def complete() -> None:
            while True:
                began = time.monotonic()
                try:
                    tokens.add(await handshake.complete_with_verifier(key, verifier, bind=bind, save_as=user))
                except StoreUnavailable:
                    self.unavailable.append((began, time.monotonic()))  # the guest reloads the page
                else:
                    return

        await asyncio.gather(self.watch(complete), self.watch(complete))
        for token in tokens:
            self.connected[user] = token.key
            if len(tokens) > 1 or token.params["screen_name"] != user:
                self.wrong.append(f"{user} got {token}")
            self.books.access_tokens.pop(token.key, None)
        self.books.request_tokens.pop(key, None)

    async def look_after_guests(self) -> None:
        """Check that each guest's token is still stored."""
        for user, key in self.connected.items():
            held = await self.place.store.get_access_token(self.fake.provider.name, user)
            if held is None or held.key != key:
                self.wrong.append(f"the token of {user} is lost")
