"""What a test scripts, seen by a consumer over real sockets, in this process and in a child."""

from __future__ import annotations

from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from aiooauth1 import (
    AuthorizationDenied,
    Handshake,
    MemoryStore,
    OAuth1Session,
    OutcomeUnknown,
    ProviderError,
    TimestampRefused,
    TokenRejected,
    raise_for_problem,
)
from aiooauth1.testing import FakeProvider, FakeProviderProcess, FrozenClock


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


pytestmark = pytest.mark.socket

CALLBACK = "https://tweetexpress.example/callback"


class Both:
    """A FakeProvider or a FakeProviderProcess, whose methods are awaited either way."""

    def __init__(self, fake: FakeProvider | FakeProviderProcess) -> None:
        self.fake = fake

    async def __call__(self, method: str, *arguments: Any, **named: Any) -> Any:
        result = getattr(self.fake, method)(*arguments, **named)
        return await result if isawaitable(result) else result

    async def posts(self) -> list[str]:
        posts = self.fake.posts if isinstance(self.fake, FakeProvider) else await self.fake.posts()
        return [post.text for post in posts]


@pytest.fixture(params=["here", "in a child"])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[Both]:
    async with FakeProvider() if request.param == "here" else FakeProviderProcess() as fake:
        yield Both(fake)


async def test_every_script_works_here_and_in_a_child(both: Both) -> None:
    store = MemoryStore()
    token = await both("connect", "ann", store)
    assert await store.get_access_token(both.fake.provider.name, "ann") == token
    fake = both.fake
    async with OAuth1Session(fake.consumer, token, provider=fake.provider, retry=None) as session:
        await both("fail_next", 503, times=2, endpoint="posts", headers={"Retry-After": "7"}, body="busy")
        async with session.get("echo") as reply:
            assert reply.status == 200  # another endpoint
        for _ in range(2):
            async with session.post("posts", data={"status": "lost"}) as reply:
                assert (reply.status, reply.headers["Retry-After"], await reply.text()) == (503, "7", "busy")
        await both("drop_next", "before")
        with pytest.raises(OutcomeUnknown):
            await session.post("posts", data={"status": "never arrived"})
        await both("drop_next", "after")
        with pytest.raises(OutcomeUnknown):
            await session.post("posts", data={"status": "arrived"})
        assert await both.posts() == ["arrived"]
        await both("rate_limit", 1, 60)
        statuses = [(await session.get("echo")).status for _ in range(2)]
        assert statuses == [200, 429]
        await both("rate_limit", None)
        await both("skew", 7200.0)
        with pytest.raises(TimestampRefused):
            await raise_for_problem(await session.get("echo"))
        await both("skew", 0.0)
        await both("slow", 0.2)
        with pytest.raises(TimeoutError):
            await session.get("echo", timeout=aiohttp.ClientTimeout(total=0.05))
        await both("slow", 0)
        assert await both("revoke_user", "ann") == 1
        assert await both("revoke_user", "ann") == 0
        with pytest.raises(TokenRejected):
            await raise_for_problem(await session.get("echo"))
    async with Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake:
        await both("deny_next")
        pending = await handshake.begin(CALLBACK, bind="b")
        with pytest.raises(AuthorizationDenied):
            await handshake.complete(await fake.approve(pending.url, user="ann"), bind="b")
        pending = await handshake.begin(CALLBACK, bind="b")
        token = await handshake.complete(await fake.approve(pending.url, user="ann"), bind="b")
        assert token.params["screen_name"] == "ann"
        await both("set_password", "ben", "pw")
        token = await handshake.fetch_access_token_by_password("ben", "pw")
        assert token.params["screen_name"] == "ben"
    with pytest.raises(ValueError, match="endpoint must be one of"):
        await both("fail_next", 500, endpoint="post/1")


async def test_a_scripted_fault_is_in_the_ledger() -> None:
    async with FakeProvider() as fake:
        fake.fail_next(500, endpoint="access_token")
        async with Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake:
            pending = await handshake.begin(CALLBACK, bind="b")
            callback = await fake.approve(pending.url, user="ann")
            with pytest.raises(ProviderError):
                await handshake.complete(callback, bind="b")
        (arrival,) = fake.exchanges
        assert (arrival.verdict, arrival.why, arrival.status) == ("intercepted", "scripted", 500)


@asynccontextmanager
async def limited(
    *limits: dict[str, Any],
) -> AsyncIterator[tuple[FakeProvider, FrozenClock, dict[str, OAuth1Session]]]:
    clock = FrozenClock(1_700_000_000.0)
    async with FakeProvider(clock=clock) as fake:
        for limit in limits:
            fake.rate_limit(**limit)
        async with OAuth1Session(fake.consumer, provider=fake.provider, clock=clock, retry=None) as session:
            users = {user: session.replace(token=fake.issue_access_token(user)) for user in ("ann", "ben")}
            yield fake, clock, users


async def ask(session: OAuth1Session) -> tuple[int, dict[str, str]]:
    """The status, and what the reply's header says of limits."""
    async with session.get("posts") as reply:
        told = {name.lower(): value for name, value in reply.headers.items()}
        return reply.status, {
            name: value for name, value in told.items() if "limit" in name or name == "retry-after"
        }


async def test_style_x_reports_both_windows() -> None:
    per_user, per_app = {"limit": 2, "window": 60}, {"limit": 3, "window": 100, "per": "app"}
    async with limited(per_user, per_app) as (fake, clock, users):
        ann, ben = users["ann"], users["ben"]

        async def statuses(*sessions: OAuth1Session) -> list[int]:
            return [(await ask(session))[0] for session in sessions]

        assert await ask(ann) == (
            200,
            {
                "x-rate-limit-limit": "2",
                "x-rate-limit-remaining": "1",
                "x-rate-limit-reset": "1700000060",
                "x-app-limit-24hour-limit": "3",
                "x-app-limit-24hour-remaining": "2",
                "x-app-limit-24hour-reset": "1700000100",
            },
        )
        clock.advance(30)
        assert await statuses(ann, ann, ben, ben) == [200, 429, 200, 429]
        _, told = await ask(ben)  # who has one left, but the application has none
        assert (told["x-rate-limit-remaining"], told["x-app-limit-24hour-remaining"]) == ("1", "0")
        clock.advance(30)
        assert await statuses(ann, ben) == [429, 429]  # still the application's limit
        clock.advance(40)
        assert await statuses(ann, ann, ann, ben) == [200, 200, 429, 200]
        assert fake.summary().problems == {"rate_limited": 6}


async def test_an_application_limit_counts_every_call() -> None:
    async with limited({"limit": 1, "window": 60, "per": "app"}) as (_, _clock, users):
        assert (await ask(users["ann"]))[0] == 200
        status, told = await ask(users["ben"])
        assert status == 429
        assert told["x-rate-limit-remaining"] == told["x-app-limit-24hour-remaining"] == "0"
        async with users["ann"].replace(token=None).get("echo") as reply:
            assert reply.status == 429  # the application's own calls count too


async def test_style_retry_after_reports_only_with_a_refusal() -> None:
    async with limited({"limit": 1, "window": 60, "style": "retry-after"}) as (_, clock, users):
        assert await ask(users["ann"]) == (200, {})
        clock.advance(12.5)
        assert await ask(users["ann"]) == (429, {"retry-after": "48"})


async def test_style_ietf_reports_every_policy() -> None:
    per_user, per_app = {"limit": 2, "window": 60}, {"limit": 9, "window": 100, "per": "app"}
    async with limited({**per_user, "style": "ietf"}, {**per_app, "style": "ietf"}) as (_, clock, users):
        await ask(users["ann"])
        clock.advance(10)
        assert await ask(users["ann"]) == (
            200,
            {
                "ratelimit-policy": '"user";q=2;w=60, "app";q=9;w=100',
                "ratelimit": '"user";r=0;t=50, "app";r=7;t=90',
            },
        )
        assert (await ask(users["ann"]))[0] == 429


async def test_unsigned_and_refused_requests_do_not_count_towards_a_limit() -> None:
    async with limited({"limit": 1, "window": 60}) as (fake, _, users):
        async with aiohttp.ClientSession() as http, http.get(f"{fake.url}posts") as reply:
            assert reply.status in {400, 401}
        assert (await ask(users["ann"]))[0] == 200


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("deny_next", {"times": 0}),
        ("fail_next", {"status": 503, "times": 0}),
        ("fail_next", {"status": 100}),
        ("fail_next", {"status": 600}),
        ("drop_next", {"when": "between"}),
        ("slow", {"seconds": -1}),
        ("slow", {"seconds": float("nan")}),
        ("rate_limit", {"limit": -1, "window": 60}),
        ("rate_limit", {"limit": 1, "window": 0}),
        ("rate_limit", {"limit": 1, "window": 60, "per": "route"}),
        ("rate_limit", {"limit": 1, "window": 60, "style": "y"}),
    ],
)
def test_invalid_scripting_is_refused(method: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|takes"):
        getattr(FakeProvider(), method)(**arguments)


async def test_a_frozen_clock_moves_by_advance_and_sleep() -> None:
    clock = FrozenClock(100.0)
    clock.advance(20)
    await clock.sleep(5)
    await clock.sleep(-5)
    assert clock() == 125.0
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)
