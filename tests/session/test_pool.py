"""The one `ClientSession` of a session and its views is made late, shared and closed once."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import CookieJar, DummyCookieJar, TCPConnector
from wire.listener import Arrival, Listener, reply
from wire.people import signing

from aiooauth1 import SigningError


pytestmark = pytest.mark.socket


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "Authorization": ({"headers": {"Authorization": "Bearer x"}}, SigningError, "Authorization"),
    "authorization": ({"headers": {"authorization": ""}}, SigningError, "Authorization"),
    "AUTHORIZATION in pairs": ({"headers": [("AUTHORIZATION", "OAuth")]}, SigningError, "Authorization"),
    "Authorization in an iterator": (
        {"headers": iter([("Accept", "*/*"), ("Authorization", "x")])},
        SigningError,
        "Authorization",
    ),
    "auth=": ({"auth": ("user", "password")}, SigningError, "auth="),
    **{
        f"{name}=": ({name: None}, TypeError, name)
        for name in ("trust_env", "base_url", "cookies", "loop", "conector")
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_option_that_a_session_does_not_take_is_named(name: str) -> None:
    options, error, told = REFUSED[name]
    with pytest.raises(error, match=told):
        signing(**options)


async def test_the_client_session_is_made_once_and_closed_once() -> None:
    session = signing()
    http = session.http
    assert session.http is http
    await session.close()
    assert http.closed
    await session.close()
    with pytest.raises(RuntimeError, match="closed"):
        _ = session.http


def test_the_client_session_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="loop"):
        _ = signing().http


async def test_options_are_copied_when_the_session_is_made() -> None:
    options: dict[str, Any] = {"headers": iter([("X-Service", "tweets"), ("X-Service", "again")])}
    async with signing(**options) as session:
        options["headers"] = {"Authorization": "Bearer x"}
        assert [*session.http.headers.items()] == [("X-Service", "tweets"), ("X-Service", "again")]


def sets_a_cookie(arrival: Arrival) -> bytes:
    return reply(headers={"Set-Cookie": f"sid={arrival.path[1:]}; Path=/"})


async def test_cookies_are_not_kept_by_default() -> None:
    async with Listener(sets_a_cookie) as listener, signing() as session:
        for user in ("alice", "bob"):
            async with session.get(f"{listener.origin}/{user}") as response:
                assert response.cookies["sid"].value == user
        async with session.get(f"{listener.origin}/carol", cookies={"own": "1"}):
            pass
        assert isinstance(session.http.cookie_jar, DummyCookieJar)
    assert [arrival.header("Cookie") for arrival in listener.arrivals] == [None, None, "own=1"]


async def test_a_given_cookie_jar_is_used_though_it_is_empty() -> None:
    jar = CookieJar(unsafe=True)
    async with Listener(sets_a_cookie) as listener, signing(cookie_jar=jar) as session:
        for user in ("alice", "bob"):
            await session.get(f"{listener.origin}/{user}")
        assert session.http.cookie_jar is jar
    assert [arrival.header("Cookie") for arrival in listener.arrivals] == [None, "sid=alice"]


@pytest.mark.parametrize("owner", [None, True, False])
async def test_a_connector_is_closed_with_its_session_unless_it_has_another_owner(
    listener: Listener, owner: bool | None
) -> None:
    connector = TCPConnector()
    options: dict[str, Any] = {} if owner is None else {"connector_owner": owner}
    async with signing(connector=connector, **options) as session, session.get(listener.origin) as response:
        await response.read()
    assert connector.closed is (owner is not False)
    if not connector.closed:
        async with signing(connector=connector, connector_owner=False) as another:
            await another.get(listener.origin)
        assert (listener.connections, len(listener.arrivals)) == (1, 2)
        await connector.close()
