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
from web_services.services import FRAMEWORKS, Told, serve
from web_services.stage import account_of

from aiooauth1 import Handshake
from aiooauth1.stores.redis import RedisStore
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from web_services.stage import Stage


pytestmark = [pytest.mark.socket, pytest.mark.timeout(120)]

SUPPORT = Path(__file__).parents[1] / "support"
SIGN_INS = int(os.environ.get("AIOOAUTH1_TEST_SIGN_INS", "60"))
AT_ONCE = int(os.environ.get("AIOOAUTH1_TEST_SIGN_INS_AT_ONCE", "30"))


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

            users = [f"user-{number}" for number in range(30)]
            told = await asyncio.gather(*(sign_in(user) for user in users))
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        assert [one["user"] for one in told] == users
        assert {one["posted"] for one in told} == {201}
        assert len({one["worker"] for one in told}) == 2
        assert len(fake.exchanges) == len(users)
        assert {post.user for post in fake.posts} == set(users)


async def test_a_shutdown_waits_for_a_sign_in_that_its_browser_has_given_up(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser)
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


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_many_whole_sign_ins_at_once_on_redis_mix_nobody_up(
    framework: str, redis_url: str, record_property: Any
) -> None:
    free = asyncio.Semaphore(AT_ONCE)
    told = Told()
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        FakeProvider() as fake,
        RedisStore.from_url(redis_url, prefix=f"{uuid4()}:") as store,
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        handshake = Handshake(fake.provider, fake.consumer, store=store)
        options = {
            **told.hooks,
            "save_as": account_of,
            "data": lambda request: {"me": request.headers["X-Me"]},
        }
        async with serve(framework, (handshake, options), handshake=handshake) as url:

            async def sign_in(user: str) -> tuple[str, str]:
                async with free:
                    browser = Browser(url, http)
                    own = {"Sec-Fetch-Site": "same-origin", "X-Me": user}
                    started = await browser.start(f"/home/{user}", headers=own)
                    callback = await fake.approve(started.location, user, http=http)
                    page = await browser.open(callback)
                    assert page.status == 303, page.text
                    return user, page.location

            began = asyncio.get_running_loop().time()
            users = [f"user-{number}" for number in range(SIGN_INS)]
            ended = await asyncio.gather(*(sign_in(user) for user in users))
            record_property("seconds", asyncio.get_running_loop().time() - began)
        assert ended == [(user, f"/home/{user}") for user in users]
        assert {(one.token.params["screen_name"], one.data["me"]) for one in told.connected} == {
            (user, user) for user in users
        }
        assert len(fake.exchanges) == SIGN_INS
        for one in told.connected:
            assert one.user is not None
            assert await store.get_access_token(fake.provider.name, one.user) == one.token
