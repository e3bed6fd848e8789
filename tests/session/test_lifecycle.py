"""The life of what has connections: used after its end or elsewhere it says so; cancelled, it leaves none."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from handshakes.endpoint import REQUEST_TOKEN, Endpoint, http
from handshakes.steps import Steps
from wire.listener import Arrival, Listener, ok, reply, silent
from wire.people import signing

from aiooauth1 import MemoryStore, OutcomeUnknown, RequestToken, Retry
from aiooauth1._internal.lifecycle import LoopAffinity
from aiooauth1.stores.cached import CachedStore
from aiooauth1.stores.redis import RedisStore


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiooauth1 import AccessToken, Handshake, OAuth1Session


pytestmark = pytest.mark.socket

ROOT = Path(__file__).parents[2]
ACCESS = b"oauth_token=at&oauth_token_secret=at-secret"
BIND = "browser"


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener() as running:
        yield running


# Use after the close, and elsewhere

CALLS: dict[str, Callable[[OAuth1Session, str], Awaitable[object]]] = {
    "get": lambda session, url: session.get(url),
    "post": lambda session, url: session.post(url, data={"status": "Hello"}),
    "a view": lambda session, url: session.replace(realm="view").get(url),
    "the session below": lambda session, _: asyncio.sleep(0, session.http),
}
LEGS: dict[str, Callable[[Handshake], Awaitable[object]]] = {
    "begin": lambda handshake: handshake.begin("oob", bind=BIND),
    "pending": lambda handshake: handshake.pending("oauth_token=rt&oauth_verifier=v", bind=BIND),
    "complete": lambda handshake: handshake.complete("oauth_token=rt&oauth_verifier=v", bind=BIND),
    "a denial": lambda handshake: handshake.complete("oauth_token=rt&oauth_problem=user_refused", bind=BIND),
    "a PIN": lambda handshake: handshake.complete_with_verifier("rt", "v", bind=BIND),
    "the first leg": lambda handshake: handshake.fetch_request_token("oob"),
    "the third leg": lambda handshake: handshake.fetch_access_token(RequestToken("rt", "s"), "v"),
}


@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("used", [True, False])
async def test_a_closed_session_says_so(
    listener: Listener, ask: Callable[[OAuth1Session, str], Awaitable[object]], *, used: bool
) -> None:
    session = signing()
    if used:
        await session.get(listener.origin)
    await session.close()
    arrived = len(listener.arrivals)
    async with asyncio.timeout(1):
        with pytest.raises(RuntimeError, match="the session is closed"):
            await ask(session, listener.origin)
    assert len(listener.arrivals) == arrived


async def test_a_cancelled_pause_is_a_cancellation_though_the_session_closes_as_well(
    listener: Listener,
) -> None:
    began = asyncio.Event()

    async def sleep(_: float) -> None:
        began.set()
        await asyncio.Event().wait()

    listener.answer = lambda _: reply(429)
    async with asyncio.timeout(1), signing(sleep=sleep, retry=Retry()) as session:
        call = asyncio.ensure_future(session.get(listener.origin))
        await began.wait()
        call.cancel()
        await session.close()
        with pytest.raises(asyncio.CancelledError):
            await call


@pytest.mark.parametrize("is_pausing", [True, False])
async def test_a_call_that_is_under_way_when_its_session_closes_says_so(
    listener: Listener, *, is_pausing: bool
) -> None:
    began = asyncio.Event()

    async def sleep(_: float) -> None:
        began.set()
        await asyncio.Event().wait()  # no pause is longer

    async def waiting(arrival: Arrival) -> AsyncIterator[bytes]:
        began.set()
        async for piece in silent(arrival):
            yield piece

    listener.answer = (lambda _: reply(429)) if is_pausing else waiting
    session = signing(sleep=sleep, retry=Retry())
    call = asyncio.ensure_future(session.get(listener.origin))
    async with asyncio.timeout(1):
        await began.wait()
        await session.close()
        with pytest.raises(RuntimeError, match="the session is closed"):
            await call
    assert len(listener.arrivals) == 1


async def test_a_view_closes_nothing_and_is_closed_with_its_session(listener: Listener) -> None:
    session = signing()
    view = session.replace(realm="view")
    async with view, view.get(listener.origin) as response:
        assert await response.read() == b"ok"
    for one in (session, view, view.replace(realm="of a view")):
        assert (await one.get(listener.origin)).status == 200
    await session.close()
    await session.close()
    for one in (view, view.replace(realm="of a view"), session.replace(realm="too late")):
        with pytest.raises(RuntimeError, match="the session is closed"):
            await one.get(listener.origin)


@pytest.mark.parametrize("ask", LEGS.values(), ids=LEGS)
@pytest.mark.parametrize("theirs", [True, False], ids=["a session of the caller's", "its own"])
async def test_a_closed_handshake_says_so(
    ask: Callable[[Handshake], Awaitable[object]], *, theirs: bool
) -> None:
    async with Endpoint(http(REQUEST_TOKEN)) as endpoint, aiohttp.ClientSession() as given:
        handshake = endpoint.handshake(http=given if theirs else None)
        await handshake.begin("oob", bind=BIND)
        await handshake.aclose()
        async with asyncio.timeout(1):
            with pytest.raises(RuntimeError, match="the handshake is closed"):
                await ask(handshake)
        assert len(endpoint.requests) == 1


@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
def test_a_session_in_another_loop_says_so(ask: Callable[[OAuth1Session, str], Awaitable[object]]) -> None:
    session = signing()

    async def use(ask: Callable[[OAuth1Session, str], Awaitable[object]]) -> None:
        async with Listener() as listener, asyncio.timeout(1):
            await ask(session, listener.origin)

    asyncio.run(use(CALLS["get"]))
    with pytest.raises(RuntimeError, match="another event loop or process"):
        asyncio.run(use(ask))
    asyncio.run(session.close())


@pytest.mark.parametrize("ask", LEGS.values(), ids=LEGS)
def test_a_handshake_in_another_loop_says_so(ask: Callable[[Handshake], Awaitable[object]]) -> None:
    made: list[Handshake] = []

    async def use(ask: Callable[[Handshake], Awaitable[object]]) -> None:
        async with Endpoint(http(REQUEST_TOKEN)) as endpoint, asyncio.timeout(1):
            made.append(endpoint.handshake())
            await ask(made[0])

    asyncio.run(use(LEGS["begin"]))
    with pytest.raises(RuntimeError, match="another event loop or process"):
        asyncio.run(use(ask))
    asyncio.run(made[0].aclose())


async def test_closing_in_another_live_loop_says_where_to_close_and_leaves_the_connections_open() -> None:
    async with Listener() as listener, Endpoint(http(REQUEST_TOKEN)) as endpoint:
        session, handshake = signing(), endpoint.handshake()
        await session.get(listener.origin)
        await LEGS["begin"](handshake)
        for close in (session.close, handshake.aclose):
            with pytest.raises(RuntimeError, match="is open in another event loop: close it there"):
                await asyncio.to_thread(asyncio.run, close())
        await session.get(listener.origin)
        await session.close()
        await handshake.aclose()


@pytest.mark.parametrize("options", [{}, {"connector": None}], ids=["no connector=", "connector=None"])
async def test_a_connector_of_its_own_is_closed_whatever_connector_owner_says(
    options: dict[str, Any],
) -> None:
    session = signing(connector_owner=False, **options)
    connector = session.http.connector
    await session.close()
    assert connector is not None
    assert connector.closed


def test_what_nobody_used_is_at_home_wherever_it_is_used_first() -> None:
    affinity = LoopAffinity("thing")
    with pytest.raises(RuntimeError, match="loop"):
        affinity.check()

    async def enter() -> bool:
        affinity.check()
        return affinity.is_current()

    assert asyncio.run(enter())
    with pytest.raises(RuntimeError, match="make one for each"):
        asyncio.run(enter())
    assert affinity.close()


FORKED = """
import asyncio, os, sys
sys.path[:0] = ["tests/support"]
from handshakes.endpoint import REQUEST_TOKEN, Endpoint, http
from wire.listener import Listener
from wire.people import signing

async def told(asking):
    try:
        async with asyncio.timeout(1):
            await asking
    except RuntimeError as error:
        return "another event loop or process" in str(error)
    return False

async def in_the_child(session, handshake, origin):
    view = session.replace(realm="view")
    said = [await told(one.get(origin)) for one in (session, view)]
    said.append(await told(handshake.begin("oob", bind="browser")))
    async with asyncio.timeout(1):
        await view.close()
        await session.close()
        await handshake.aclose()
    return all(said)

async def main():
    async with Listener() as listener, Endpoint(http(REQUEST_TOKEN)) as endpoint:
        session, handshake = signing(), endpoint.handshake()
        async with session.get(listener.origin) as response:
            await response.read()
        await handshake.fetch_request_token("oob")
        child = os.fork()
        if child == 0:
            asyncio.events._set_running_loop(None)
            asyncio.set_event_loop_policy(None)
            os._exit(0 if asyncio.run(in_the_child(session, handshake, listener.origin)) else 1)
        status = await asyncio.to_thread(os.waitpid, child, 0)
        assert status[1] == 0, status
        # The child closed its own, and the connections of this process go on.
        async with session.get(listener.origin) as response:
            assert await response.read() == b"ok"
        assert listener.connections == 1
        await handshake.fetch_request_token("oob")
        await session.close()
        await handshake.aclose()

asyncio.run(main())
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
async def test_a_forked_process_is_told_and_does_no_harm() -> None:
    status, told = await run(FORKED)
    assert (status, told.strip().splitlines()[-1:]) == (0, ["done"]), told


FORKED_THINGS = """
import asyncio, os, sys, time
sys.path[:0] = ["tests/support"]
from aiooauth1 import AccessToken, MemoryStore, OAuth1Session
from aiooauth1.stores.cached import CachedStore
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.sqlite import SQLiteStore
from aiooauth1.testing import FakeProvider

ANN, BEN = AccessToken("ann", "s"), AccessToken("ben", "s")

async def in_a_child(work):
    child = os.fork()
    if child == 0:
        asyncio.events._set_running_loop(None)
        asyncio.set_event_loop_policy(None)
        async def in_time():
            async with asyncio.timeout(1):
                await work()
        try:
            asyncio.run(in_time())
        except BaseException as error:
            print("child:", repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    status = await asyncio.to_thread(os.waitpid, child, 0)
    assert status[1] == 0, status

async def is_refused(asking, *words):
    try:
        await asking
    except RuntimeError as error:
        assert any(word in str(error) for word in words), error
    else:
        raise AssertionError("it was not refused")

async def of_a_store(store):
    await store.put_access_token("x", "ann", ANN)
    async def child():
        await is_refused(store.get_access_token("x", "ann"), "process", "forked")
        await is_refused(store.put_access_token("x", "ann", BEN), "process", "forked")
        await store.aclose()
    await in_a_child(child)
    # The child took nothing away from us.
    began = time.monotonic()
    assert await store.get_access_token("x", "ann") == ANN
    await store.put_access_token("x", "ben", BEN)
    assert await store.get_access_token("x", "ben") == BEN
    await store.aclose()
    assert time.monotonic() - began < 1

async def sqlite():
    await of_a_store(SQLiteStore(sys.argv[1]))

async def redis():
    await of_a_store(RedisStore.from_url(sys.argv[1], prefix="forked:"))

class Slow(MemoryStore):
    answers = None
    async def get_access_token(self, provider, user):
        if self.answers is not None:
            await self.answers.wait()
        return await super().get_access_token(provider, user)

async def cached():
    inner = Slow()
    inner.answers = asyncio.Event()
    store = CachedStore(inner)
    read = asyncio.create_task(store.get_access_token("x", "ann"))
    await asyncio.sleep(0.01)
    async def child():
        inner.answers = None
        await store.get_access_token("x", "ann")
        await store.aclose()
    await in_a_child(child)
    await inner.put_access_token("x", "ann", ANN)
    inner.answers.set()
    assert await read == ANN
    await store.aclose()

async def provider():
    async with FakeProvider() as fake:
        await in_a_child(fake.aclose)
        token = fake.issue_access_token("ann")
        for _ in range(2):
            async with OAuth1Session(fake.consumer, token, provider=fake.provider, retry=None) as session:
                async with asyncio.timeout(1), session.get("posts") as response:
                    assert response.status == 200

asyncio.run(globals()[sys.argv[2]]())
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("thing", ["sqlite", "cached", "provider", "redis"])
async def test_what_lives_is_refused_or_left_alone_in_a_forked_process(
    request: pytest.FixtureRequest, tmp_path: Path, thing: str
) -> None:
    where = request.getfixturevalue("redis_url") if thing == "redis" else str(tmp_path / "tokens.db")
    status, told = await run(FORKED_THINGS, arguments=(where, thing))
    assert (status, told.strip().splitlines()[-1:]) == (0, ["done"]), told


class SlowStore(MemoryStore):
    """A store that answers when its time has come."""

    answers: asyncio.Event | None = None

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        if self.answers is not None:
            await self.answers.wait()
        return await super().get_access_token(provider, user)


def test_a_read_of_a_loop_that_runs_no_more_holds_up_no_other() -> None:
    inner = SlowStore()
    store = CachedStore(inner)
    once = asyncio.new_event_loop()

    async def begin() -> None:
        inner.answers = asyncio.Event()
        begun.append(asyncio.create_task(store.get_access_token("x", "ann")))
        for _ in range(3):
            await asyncio.sleep(0)

    async def use() -> None:
        inner.answers = None
        async with asyncio.timeout(1):
            assert await store.get_access_token("x", "ann") is None
            await store.aclose()

    async def end() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        assert tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    begun: list[asyncio.Task[Any]] = []
    once.run_until_complete(begin())
    asyncio.run(use())
    once.run_until_complete(end())
    once.close()


def test_a_redis_store_in_another_loop_says_where_it_is_closed(redis_url: str) -> None:
    store = RedisStore.from_url(redis_url, prefix="elsewhere:")

    async def use() -> None:
        async with asyncio.timeout(1):
            await store.get_access_token("x", "ann")

    with asyncio.Runner() as runner:
        runner.run(use())
        with ThreadPoolExecutor(1) as threads:
            with pytest.raises(RuntimeError, match="another event loop"):
                threads.submit(asyncio.run, use()).result(5)
            with pytest.raises(RuntimeError, match="another event loop: close it there"):
                threads.submit(asyncio.run, store.aclose()).result(5)
        runner.run(store.aclose())
        with pytest.raises(RuntimeError, match="is closed: make another one"):
            runner.run(use())


async def run(script: str, *options: str, arguments: tuple[str, ...] = ()) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *options, "-c", script, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    told, _ = await asyncio.wait_for(process.communicate(), 40)
    return process.returncode, told.decode()


# Cancelled

ANSWERS: dict[str, Callable[[], Callable[[Arrival], Any]]] = {
    "answered": lambda: ok,
    "refused": lambda: lambda _: reply(401, body=b"oauth_problem=token_revoked"),
    "asked to come again": lambda: iter_of(reply(503, {"Retry-After": "0"}), reply()),
    "told another time": lambda: iter_of(reply(401, body=b"oauth_problem=nonce_used"), reply()),
    "redirected": lambda: iter_of(reply(302, {"Location": "/elsewhere"}), reply()),
}


def iter_of(*answers: bytes) -> Callable[[Arrival], bytes]:
    """Answer so, one after the other, and again from the beginning."""
    count = iter(range(10**9))
    return lambda _: answers[next(count) % len(answers)]


async def resumptions(session: OAuth1Session, url: str, cancel_at: int, method: str) -> int:
    """Make a call, cancelled before its n-th resumption, and return how many there were."""

    async def call() -> None:
        data = {"status": "Hello"} if method == "POST" else None
        async with session.request(method, url, data=data) as response:
            await response.read()

    steps = Steps(cancel_at)
    outcome = (await asyncio.gather(steps.start(call()), return_exceptions=True))[0]
    asyncio.get_running_loop().set_task_factory(None)
    assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
    return steps.taken


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_cancelled_at_every_resumption_a_call_leaves_its_connection_to_the_next(
    listener: Listener, answer: Callable[[], Callable[[Arrival], Any]], method: str
) -> None:
    async with aiohttp.TCPConnector(limit=1) as connector:
        session = signing(connector=connector, retry=Retry(base=0))
        listener.answer = answer()
        steps = await resumptions(session, listener.origin, 0, method)
        assert steps > 3
        for number in range(1, steps + 1):
            listener.answer = answer()
            await resumptions(session, listener.origin, number, method)
            listener.answer = ok
            async with asyncio.timeout(1), session.request(method, listener.origin) as response:
                assert await response.read() == b"ok"
        await session.close()


async def test_a_hundred_cancelled_calls_leave_all_slots(listener: Listener) -> None:
    listener.answer = silent
    async with aiohttp.TCPConnector(limit=2) as connector, signing(connector=connector) as session:
        calls = [asyncio.create_task(session.get(f"{listener.origin}/{number}")) for number in range(100)]
        while len(listener.arrivals) < 2:  # noqa: ASYNC110  the listener keeps a list and no event
            await asyncio.sleep(0.001)
        for call in reversed(calls):
            call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        together = asyncio.Event()

        async def both() -> AsyncIterator[bytes]:
            if len(listener.arrivals) == 4:
                together.set()
            await together.wait()
            yield reply()

        listener.answer = lambda _: both()
        async with asyncio.timeout(1):
            await asyncio.gather(*(session.get(listener.origin) for _ in range(2)))
        assert len(listener.arrivals) == 4


# Closing


async def test_closing_waits_for_an_exchange_no_longer_than_it_may_take() -> None:
    async def never(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with Endpoint(http(REQUEST_TOKEN), never) as endpoint:
        handshake = endpoint.handshake(timeout=0.3)
        await handshake.begin("oob", bind=BIND)
        call = asyncio.create_task(handshake.complete_with_verifier("rt", "v", bind=BIND))
        while len(endpoint.requests) < 2:  # noqa: ASYNC110  the endpoint keeps a list and no event
            await asyncio.sleep(0.001)
        began = asyncio.get_running_loop().time()
        await handshake.aclose()
        assert asyncio.get_running_loop().time() - began < 1
        with pytest.raises(OutcomeUnknown):
            await call


QUIET = """
import asyncio, contextlib, random, sys
sys.path[:0] = ["tests/support"]
from handshakes.endpoint import REQUEST_TOKEN, Endpoint, http
from wire.listener import DROP, Listener, reply
from wire.people import signing
from aiooauth1 import Retry

async def main():
    count = iter(range(10**9))
    answers = [reply(), DROP, reply(401, body=b"oauth_problem=token_revoked"), reply(503)]
    access = http(b"oauth_token=at&oauth_token_secret=s")
    dice = random.Random(5)
    async with Listener(lambda _: answers[next(count) % 4]) as listener:
        session = signing(retry=Retry(base=0))
        calls = [asyncio.create_task(session.post(listener.origin, data={"n": str(n)})) for n in range(60)]
        async with Endpoint(http(REQUEST_TOKEN), access) as endpoint:
            handshake = endpoint.handshake()
            await handshake.begin("oob", bind="browser")
            for _ in range(9):
                exchange = handshake.complete_with_verifier("rt", "v", bind="browser")
                calls.append(asyncio.create_task(exchange))
            for call in dice.sample(calls, 20):
                await asyncio.sleep(0)
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await handshake.aclose()
        calls = [asyncio.create_task(session.get(listener.origin)) for _ in range(20)]
        await asyncio.sleep(0)
        await session.close()
        await asyncio.gather(*calls, return_exceptions=True)

asyncio.run(main())
import gc
gc.collect()
print("done")
"""


async def test_nothing_is_left_open_unawaited_or_unretrieved() -> None:
    status, told = await run(QUIET, "-X", "dev", "-W", "error")
    assert (status, told.strip().splitlines()[-1:]) == (0, ["done"]), told
    wrong = re.findall(
        r".*(?:Unclosed|never awaited|never retrieved|was destroyed|Warning|Traceback).*", told
    )
    assert wrong == [], told


# Closing while calls are under way


async def test_closing_ends_the_reader_of_a_body_that_is_on_its_way(listener: Listener) -> None:
    async def unfinished(_: Any) -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"
        await asyncio.Event().wait()

    listener.answer = unfinished
    session = signing()
    response = await session.get(listener.origin)
    reading = asyncio.create_task(response.read())
    await asyncio.sleep(0)
    await session.close()
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(reading, 5)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_call_that_waits_for_a_connection_when_its_session_closes_says_so(
    listener: Listener, method: str
) -> None:
    arrived = asyncio.Event()

    def hold(arrival: Any) -> Any:
        arrived.set()
        return silent(arrival)

    listener.answer = hold
    session = signing(retry=Retry(), connector=aiohttp.TCPConnector(limit=1))
    first = asyncio.create_task(session.get(listener.origin))
    await arrived.wait()
    second = asyncio.create_task(session.request(method, listener.origin))
    await asyncio.sleep(0.01)
    await session.close()
    with pytest.raises(RuntimeError, match="the session is closed"):
        await asyncio.wait_for(second, 5)
    with pytest.raises((aiohttp.ClientError, RuntimeError)):
        await asyncio.wait_for(first, 5)


@pytest.mark.parametrize("is_used", [True, False], ids=["used", "never used"])
@pytest.mark.parametrize("owner", [None, True, False])
async def test_a_connector_is_closed_with_its_session_unless_it_has_another_owner(
    listener: Listener, owner: bool | None, is_used: bool
) -> None:
    connector = aiohttp.TCPConnector()
    options: dict[str, Any] = {} if owner is None else {"connector_owner": owner}
    session = signing(connector=connector, **options)
    if is_used:
        await session.get(listener.origin)
    await session.aclose()
    assert connector.closed is (owner is not False)
    await connector.close()
