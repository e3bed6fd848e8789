"""A verb returns a coroutine that is also an asynchronous context manager."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import ClientResponse
from wire.listener import DROP, Listener

from aiooauth1.session.request_context import RequestContextManager


if TYPE_CHECKING:
    from aiooauth1 import OAuth1Session


pytestmark = pytest.mark.socket


async def test_a_call_can_be_awaited_or_entered_which_releases_the_connection_at_the_end(
    listener: Listener, session: OAuth1Session
) -> None:
    response = await session.get(listener.origin)
    assert type(response) is ClientResponse
    assert await response.text() == "ok"
    async with session.get(listener.origin) as response:
        assert type(response) is ClientResponse
        await response.read()
    with pytest.raises(LookupError):
        async with session.get(listener.origin) as response:
            raise LookupError
    assert response.connection is None
    assert (listener.connections, len(listener.arrivals)) == (1, 3)


async def test_a_call_can_be_made_a_task_in_every_way(listener: Listener, session: OAuth1Session) -> None:
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


async def test_an_error_is_raised_when_the_call_is_awaited_or_entered(
    listener: Listener, session: OAuth1Session
) -> None:
    listener.answer = lambda _: DROP
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await session.get(listener.origin)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        async with session.get(listener.origin):
            pytest.fail("there is no response")


async def test_nothing_is_sent_before_the_call_is_awaited(listener: Listener, session: OAuth1Session) -> None:
    call = session.get(listener.origin)
    await asyncio.sleep(0)
    call.close()
    with pytest.raises(RuntimeError, match="already awaited"):
        await call
    assert listener.connections == 0


async def test_a_call_that_is_not_awaited_warns(listener: Listener, session: OAuth1Session) -> None:
    with pytest.warns(RuntimeWarning, match="never awaited"):
        session.get(listener.origin)
    assert listener.connections == 0


async def test_asyncio_and_inspect_take_a_call_for_a_coroutine() -> None:
    async def answer() -> ClientResponse:
        raise NotImplementedError

    call = RequestContextManager(answer())
    assert asyncio.iscoroutine(call)
    assert inspect.isawaitable(call)
    call.close()
