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


@pytest.mark.parametrize("phase", ["pausing", "without an answer", "waiting for a connection", "cancelled"])
async def test_a_call_that_is_under_way_when_its_session_closes_says_so(
    listener: Listener, phase: str
) -> None:
    began = asyncio.Event()

    async def sleep(_: float) -> None:
        began.set()
        await asyncio.Event().wait()  # no pause is longer

    async def waiting(arrival: Arrival) -> AsyncIterator[bytes]:
        began.set()
        async for piece in silent(arrival):
            yield piece

    is_pausing = phase in {"pausing", "cancelled"}
    listener.answer = (lambda _: reply(429)) if is_pausing else waiting
    session = signing(sleep=sleep, retry=Retry(), connector=aiohttp.TCPConnector(limit=1))
    call = asyncio.create_task(_get(session, listener.origin))
    async with asyncio.timeout(1):
        await began.wait()
        others = [asyncio.create_task(_get(session, listener.origin))] if "connection" in phase else []
        await asyncio.sleep(0.01 * len(others))
        if phase == "cancelled":
            call.cancel()
        await session.close()
        for one in (call, *others):
            if phase == "cancelled":
                with pytest.raises(asyncio.CancelledError):
                    await one
            else:
                with pytest.raises(RuntimeError, match="the session is closed"):
                    await one
    assert len(listener.arrivals) == 1


async def _get(session: OAuth1Session, url: str) -> None:
    async with session.get(url):
        pass


async def test_a_body_that_is_being_read_when_its_session_closes_raises(listener: Listener) -> None:
    async def unfinished(_: Arrival) -> AsyncIterator[bytes]:
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


@pytest.mark.parametrize("name", [*CALLS, *LEGS])
def test_a_session_or_handshake_in_another_loop_says_so(name: str) -> None:
    session = signing()
    handshakes: list[Handshake] = []

    async def use(name: str) -> None:
        async with Listener() as listener, Endpoint(http(REQUEST_TOKEN)) as endpoint, asyncio.timeout(1):
            handshakes.append(endpoint.handshake())
            await (CALLS[name](session, listener.origin) if name in CALLS else LEGS[name](handshakes[0]))

    asyncio.run(use("get" if name in CALLS else "begin"))
    with pytest.raises(RuntimeError, match=r"another event loop or process.*: make one for each"):
        asyncio.run(use(name))
    asyncio.run(session.close())
    asyncio.run(handshakes[0].aclose())


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


def test_a_session_that_was_not_used_belongs_to_the_loop_that_uses_it_first() -> None:
    affinity = LoopAffinity("thing")
    with pytest.raises(RuntimeError, match="loop"):
        affinity.check()

    async def enter() -> bool:
        affinity.check()
        return affinity.is_current()

    assert asyncio.run(enter())
    assert affinity.close()


FORKED = """
import asyncio, os, sys, time
sys.path[:0] = ["tests/support"]
from aiooauth1 import AccessToken, MemoryStore, OAuth1Session
from aiooauth1.stores.cached import CachedStore
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.sqlite import SQLiteStore
from aiooauth1.testing import FakeProvider
from handshakes.endpoint import REQUEST_TOKEN, Endpoint, http
from wire.listener import Listener
from wire.people import signing

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

async def session():
    async with Listener() as listener:
        session = signing()
        async with session.get(listener.origin) as response:
            await response.read()
        async def child():
            view = session.replace(realm="view")
            for one in (session, view):
                await is_refused(one.get(listener.origin), "another event loop or process")
            await view.close()
            await session.close()
        await in_a_child(child)
        async with session.get(listener.origin) as response:
            assert await response.read() == b"ok"
        assert listener.connections == 1
        await session.close()

async def handshake():
    async with Endpoint(http(REQUEST_TOKEN)) as endpoint:
        handshake = endpoint.handshake()
        await handshake.fetch_request_token("oob")
        async def child():
            await is_refused(handshake.begin("oob", bind="browser"), "another event loop or process")
            await handshake.aclose()
        await in_a_child(child)
        await handshake.fetch_request_token("oob")
        await handshake.aclose()

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
@pytest.mark.parametrize("thing", ["session", "handshake", "sqlite", "cached", "provider", "redis"])
async def test_a_forked_process_is_refused_and_does_no_harm_to_its_parent(
    request: pytest.FixtureRequest, tmp_path: Path, thing: str
) -> None:
    where = request.getfixturevalue("redis_url") if thing == "redis" else str(tmp_path / "tokens.db")
    status, told = await run(FORKED, arguments=(where, thing))
    assert (status, told.strip().splitlines()[-1:]) == (0, ["done"]), told


class SlowStore(MemoryStore):
    """A store that answers when its time has come."""

    answers: asyncio.Event | None = None

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        if self.answers is not None:
            await self.answers.wait()
        return await super().get_access_token(provider, user)


def test_a_pending_read_of_a_stopped_loop_does_not_block_another_loop() -> None:
    inner = SlowStore()
    store, stopped = CachedStore(inner), asyncio.new_event_loop()

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
        for task in (tasks := asyncio.all_tasks() - {asyncio.current_task()}):
            task.cancel()
        assert tasks
        await asyncio.gather(*tasks, return_exceptions=True)

    begun: list[asyncio.Task[Any]] = []
    stopped.run_until_complete(begin())
    asyncio.run(use())
    stopped.run_until_complete(end())
    stopped.close()


def test_a_redis_store_in_another_loop_says_where_to_close_it(redis_url: str) -> None:
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
        async with session.request(method, url) as response:
            await response.read()

    steps = Steps(cancel_at)
    outcome = (await asyncio.gather(steps.start(call()), return_exceptions=True))[0]
    asyncio.get_running_loop().set_task_factory(None)
    assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
    return steps.taken


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_a_call_cancelled_at_any_resumption_releases_its_connection(
    listener: Listener, answer: Callable[[], Callable[[Arrival], Any]], method: str
) -> None:
    async with signing(connector=aiohttp.TCPConnector(limit=1), retry=Retry(base=0)) as session:
        listener.answer = answer()
        steps = await resumptions(session, listener.origin, 0, method)
        assert steps > 3
        for number in range(1, steps + 1):
            listener.answer = answer()
            await resumptions(session, listener.origin, number, method)
            listener.answer = ok
            async with asyncio.timeout(1), session.request(method, listener.origin) as response:
                assert await response.read() == b"ok"


async def test_calls_cancelled_while_they_wait_release_every_permit(listener: Listener) -> None:
    listener.answer = silent
    async with signing(connector=aiohttp.TCPConnector(limit=2)) as session:
        calls = [asyncio.create_task(session.get(f"{listener.origin}/{number}")) for number in range(100)]
        while len(listener.arrivals) < 2:  # noqa: ASYNC110  the listener keeps a list and no event
            await asyncio.sleep(0.001)
        for call in reversed(calls):
            call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        together = asyncio.Barrier(2)

        async def both() -> AsyncIterator[bytes]:
            await together.wait()
            yield reply()

        listener.answer = lambda _: both()
        async with asyncio.timeout(1):
            await asyncio.gather(*(session.get(listener.origin) for _ in range(2)))


# Closing


async def test_closing_a_handshake_waits_for_an_exchange_until_its_timeout() -> None:
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


async def test_no_connection_coroutine_or_error_is_left_behind() -> None:
    status, told = await run(QUIET, "-X", "dev", "-W", "error")
    assert (status, told.strip().splitlines()[-1:]) == (0, ["done"]), told
    wrong = re.findall(
        r".*(?:Unclosed|never awaited|never retrieved|was destroyed|Warning|Traceback).*", told
    )
    assert wrong == [], told


# Closing while a call waits for a connection


class Holding:
    """Holds each request, and says when there is one."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()

    def __call__(self, arrival: Arrival) -> Any:
        self.arrived.set()
        return silent(arrival)


async def test_a_call_that_waits_for_a_connection_when_its_connector_is_closed_says_so(
    listener: Listener,
) -> None:
    """aiohttp cancels the wait, although the task was not cancelled."""
    listener.answer = holding = Holding()
    connector = aiohttp.TCPConnector(limit=1)
    async with signing(retry=Retry(), connector=connector, connector_owner=False) as session:
        first, second = (asyncio.create_task(session.post(listener.origin)) for _ in range(2))
        await holding.arrived.wait()
        await connector.close()
        with pytest.raises(RuntimeError, match=r"the connector was closed .*: nothing was sent"):
            await asyncio.wait_for(second, 5)
        with pytest.raises(OutcomeUnknown):
            await asyncio.wait_for(first, 5)


async def test_an_exchange_whose_session_is_closed_before_it_connects_frees_the_callback() -> None:
    store, holding = MemoryStore(), Holding()
    async with Endpoint(http(REQUEST_TOKEN), http(ACCESS)) as endpoint, Listener(holding) as other:
        given = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
        blocking = asyncio.create_task(given.get(other.origin))
        async with (
            endpoint.handshake(store=store) as handshake,
            endpoint.handshake(http=given, store=store) as theirs,
        ):
            key = (await handshake.begin("oob", bind=BIND)).request_token.key
            await holding.arrived.wait()
            waiting = asyncio.create_task(theirs.complete_with_verifier(key, "v", bind=BIND))
            await asyncio.sleep(0.05)
            await given.close()
            with pytest.raises(RuntimeError, match=r"was closed .*: nothing was sent"):
                await asyncio.wait_for(waiting, 5)
            with pytest.raises(aiohttp.ClientError):
                await blocking
            async with asyncio.timeout(5):
                assert (await handshake.complete_with_verifier(key, "v", bind=BIND)).key == "at"
