"""What a verb returns: a coroutine to whoever awaits or schedules it, a context manager to `async with`."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import ClientResponse
from wire.listener import DROP, Listener, ok, silent
from wire.people import signing

from aiooauth1.session.request_context import RequestContextManager


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1 import OAuth1Session


pytestmark = pytest.mark.socket


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[OAuth1Session]:
    async with signing() as made:
        yield made


async def test_it_can_be_awaited(listener: Listener, session: OAuth1Session) -> None:
    response = await session.get(listener.origin)
    assert type(response) is ClientResponse
    assert await response.text() == "ok"


async def test_it_can_be_entered_and_then_gives_the_connection_back(
    listener: Listener, session: OAuth1Session
) -> None:
    for _ in range(2):
        async with session.get(listener.origin) as response:
            assert type(response) is ClientResponse
            await response.read()
        assert response.connection is None
    assert (listener.connections, len(listener.arrivals)) == (1, 2)


async def test_it_can_be_made_a_task_in_every_way(listener: Listener, session: OAuth1Session) -> None:
    async with asyncio.TaskGroup() as group:
        grouped = group.create_task(session.get(f"{listener.origin}/grouped"))
    single = asyncio.create_task(session.get(f"{listener.origin}/single"))
    ensured = asyncio.ensure_future(session.get(f"{listener.origin}/ensured"))
    gathered = await asyncio.gather(*(session.get(f"{listener.origin}/{number}") for number in range(3)))
    waited = await asyncio.wait_for(session.get(f"{listener.origin}/waited"), 10)
    responses = [grouped.result(), await single, await ensured, *gathered, waited]
    assert [response.status for response in responses] == [200] * 7
    assert len(listener.arrivals) == 7
    for response in responses:
        response.release()


async def test_the_error_of_the_call_is_raised_where_it_is_awaited_or_entered(
    listener: Listener, session: OAuth1Session
) -> None:
    listener.answer = lambda _: DROP
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await session.get(listener.origin)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        async with session.get(listener.origin):
            pytest.fail("there is no response")


async def test_an_error_within_the_block_passes_and_closes(
    listener: Listener, session: OAuth1Session
) -> None:
    with pytest.raises(LookupError):
        async with session.get(listener.origin) as response:
            raise LookupError
    assert response.connection is None


async def test_a_cancelled_call_ends_and_gives_its_connection_back(
    listener: Listener, session: OAuth1Session
) -> None:
    arrived = asyncio.Event()

    def hold(arrival: object) -> AsyncIterator[bytes]:
        arrived.set()
        return silent(arrival)  # type: ignore[arg-type]  # it looks at none

    listener.answer = hold
    for method in ("GET", "POST"):
        arrived.clear()
        task = asyncio.create_task(session.request(method, listener.origin))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    listener.answer = ok
    async with session.get(listener.origin) as response:
        assert response.status == 200


async def test_nothing_is_sent_before_it_is_awaited(listener: Listener, session: OAuth1Session) -> None:
    call = session.get(listener.origin)
    await asyncio.sleep(0)
    call.close()
    with pytest.raises(RuntimeError, match="already awaited"):
        await call
    assert listener.connections == 0


async def test_one_that_nobody_awaits_warns(listener: Listener, session: OAuth1Session) -> None:
    with pytest.warns(RuntimeWarning, match="never awaited"):
        session.get(listener.origin)
    assert listener.connections == 0


async def test_it_is_what_asyncio_and_inspect_take_for_a_coroutine() -> None:
    async def answer() -> ClientResponse:
        raise NotImplementedError

    call = RequestContextManager(answer())
    assert asyncio.iscoroutine(call)
    assert inspect.isawaitable(call)
    call.close()
