"""Several processes, shutdowns, and many sign-ins at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import pytest
from web_services.browser import Browser

from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from web_services.stage import Stage


pytestmark = [pytest.mark.socket, pytest.mark.timeout(120)]

SUPPORT = Path(__file__).parents[1] / "support"


@contextlib.asynccontextmanager
async def two_workers(fake: FakeProvider, redis_url: str) -> AsyncIterator[tuple[str, Any]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(SUPPORT), str(SUPPORT.parents[1])]),
        "PROVIDER_URL": fake.url,
        "CONSUMER_KEY": fake.consumer.key,
        "CONSUMER_SECRET": fake.consumer.secret,
        "REDIS_URL": redis_url,
        "PREFIX": f"{uuid4()}:",
        "SITE": site,
    }
    options = ["--factory", "--workers", "2", "--port", str(port), "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", "web_services.workers_app:app", *options]
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        yield site, process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def both_answer(http: aiohttp.ClientSession, site: str) -> None:
    """Wait until both workers answer."""
    workers: set[int] = set()
    async with asyncio.timeout(90):
        while len(workers) < 2:
            with contextlib.suppress(aiohttp.ClientConnectorError):
                async with http.get(f"{site}/worker") as reply:
                    workers.add(await reply.json())
            await asyncio.sleep(0.02)


async def test_two_worker_processes_on_redis_finish_each_others_sign_ins(redis_url: str) -> None:
    # A connection each, so that start and callback reach different workers.
    connector = aiohttp.TCPConnector(force_close=True)
    async with FakeProvider() as fake, aiohttp.ClientSession(connector=connector) as http:
        async with two_workers(fake, redis_url) as (site, process):
            await both_answer(http, site)

            async def sign_in(user: str) -> dict[str, Any]:
                browser = Browser(site, http, site)
                callback = await fake.approve((await browser.start()).location, user)
                page = await browser.open(callback)
                again = await browser.open(callback)
                told: dict[str, Any] = json.loads(page.text)
                assert (page.status, json.loads(again.text)["user"]) == (200, told["user"])
                return told

            users: list[str] = []
            told: list[dict[str, Any]] = []
            while len({one["worker"] for one in told}) < 2:  # the system chooses who takes a connection
                more = [f"user-{len(users) + number}" for number in range(30)]
                told += await asyncio.gather(*(sign_in(user) for user in more))
                users += more
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        assert [one["user"] for one in told] == users
        assert {one["posted"] for one in told} == {201}
        assert len(fake.exchanges) == len(users)
        assert {post.user for post in fake.posts} == set(users)


async def test_a_shutdown_waits_for_a_sign_in_that_its_browser_has_given_up(stage: Stage) -> None:
    browser, callback = await stage.browser_with_callback()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: Any) -> None:
        reached.set()
        await go_on.wait()

    stage.fake.before = slow
    request = asyncio.create_task(browser.open(callback))
    await reached.wait()
    request.cancel()
    closing = asyncio.create_task(stage.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.set()
    await closing
    with contextlib.suppress(asyncio.CancelledError):
        await request
    token = await stage.store.get_access_token(stage.fake.provider.name, "1000")
    assert token is not None
    assert len(stage.fake.accepted("access_token")) == 1


async def test_many_sign_ins_at_once_mix_no_users_up(stage: Stage) -> None:
    await stage.serve(data=lambda request: {"me": request.headers["X-Me"]})

    async def sign_in(user: str) -> tuple[str, str]:
        browser = stage.browser()
        started = await browser.start(
            f"/straße/{user}?x=1", headers={"Sec-Fetch-Site": "same-origin", "X-Me": user}
        )
        page = await browser.open(await stage.fake.approve(started.location, user))
        return user, page.location

    users = [f"user-{number}" for number in range(60)]
    assert await asyncio.gather(*map(sign_in, users)) == [
        (user, f"/stra%C3%9Fe/{user}?x=1") for user in users
    ]
    told = stage.told.connected
    assert {(one.token.params["screen_name"], one.data["me"]) for one in told} == {
        (user, user) for user in users
    }
    for one in told:
        assert await stage.store.get_access_token(stage.fake.provider.name, one.user or "") == one.token
    assert len(stage.fake.exchanges) == len(users)
