"""The one `ClientSession` below a session and its views: made late, shared, closed once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import CookieJar, DummyCookieJar, TCPConnector
from wire.listener import Arrival, Listener, reply
from wire.people import signing

from aiooauth1 import SigningError


pytestmark = pytest.mark.socket


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer x"},
        {"authorization": ""},
        [("AUTHORIZATION", "OAuth")],
        iter([("Accept", "*/*"), ("Authorization", "x")]),
    ],
)
def test_nobody_else_writes_authorization(headers: Any) -> None:
    with pytest.raises(SigningError, match="Authorization"):
        signing(headers=headers)


def test_auth_is_refused() -> None:
    options: Any = {"auth": ("user", "password")}
    with pytest.raises(SigningError, match="auth="):
        signing(**options)


@pytest.mark.parametrize("name", ["trust_env", "base_url", "cookies", "loop", "conector"])
def test_an_unknown_option_is_named(name: str) -> None:
    options: Any = {name: None}
    with pytest.raises(TypeError, match=name):
        signing(**options)


async def test_the_session_below_is_made_once_and_closed_once() -> None:
    session = signing()
    http = session.http
    assert session.http is http
    await session.close()
    assert http.closed
    await session.close()
    with pytest.raises(RuntimeError, match="closed"):
        _ = session.http


async def test_what_was_never_used_closes_too() -> None:
    session = signing()
    await session.close()
    with pytest.raises(RuntimeError, match="closed"):
        await session.get("https://api.test/")


def test_a_session_below_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="loop"):
        _ = signing().http


async def test_the_callers_options_are_taken_as_they_were() -> None:
    options: dict[str, Any] = {"headers": iter([("X-Service", "tweets"), ("X-Service", "again")])}
    async with signing(**options) as session:
        options["headers"] = {"Authorization": "Bearer x"}
        assert [*session.http.headers.items()] == [("X-Service", "tweets"), ("X-Service", "again")]


def sets_a_cookie(arrival: Arrival) -> bytes:
    return reply(headers={"Set-Cookie": f"sid={arrival.path[1:]}; Path=/"})


async def test_no_user_gets_anothers_cookie() -> None:
    async with Listener(sets_a_cookie) as listener, signing() as session:
        for user in ("alice", "bob"):
            async with session.get(f"{listener.origin}/{user}") as response:
                assert response.cookies["sid"].value == user
        async with session.get(f"{listener.origin}/carol", cookies={"own": "1"}):
            pass
        assert isinstance(session.http.cookie_jar, DummyCookieJar)
    assert [arrival.header("Cookie") for arrival in listener.arrivals] == [None, None, "own=1"]


async def test_a_jar_that_is_passed_in_is_used_though_it_is_empty() -> None:
    jar = CookieJar(unsafe=True)
    async with Listener(sets_a_cookie) as listener, signing(cookie_jar=jar) as session:
        for user in ("alice", "bob"):
            await session.get(f"{listener.origin}/{user}")
        assert session.http.cookie_jar is jar
    assert [arrival.header("Cookie") for arrival in listener.arrivals] == [None, "sid=alice"]


async def test_a_connector_can_be_shared_among_sessions() -> None:
    async with Listener() as listener, TCPConnector() as connector:
        for _ in range(2):
            async with (
                signing(connector=connector, connector_owner=False) as session,
                session.get(listener.origin) as response,
            ):
                await response.read()
        assert not connector.closed
    assert (listener.connections, len(listener.arrivals)) == (1, 2)


def test_another_loop_is_an_error_and_no_hang() -> None:
    session = signing()

    async def ask() -> None:
        async with Listener() as listener, session.get(listener.origin) as response:
            assert response.status == 200

    asyncio.run(ask())
    with pytest.raises(RuntimeError, match="loop"):
        asyncio.run(ask())
    asyncio.run(session.close())
