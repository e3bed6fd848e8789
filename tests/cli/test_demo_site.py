"""`aiooauth1 demo --serve`, over HTTP; tests/web/test_browser.py looks at it in a browser."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest

from aiooauth1.cli.demo.serve import serving
from aiooauth1.cli.demo.site.people import People, Person
from aiooauth1.cli.demo.site.reposts import lines_of


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1.testing import FakeProvider


pytestmark = [pytest.mark.socket]

OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def site() -> AsyncIterator[tuple[str, FakeProvider, aiohttp.ClientSession]]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with serving() as (origin, fake), aiohttp.ClientSession(origin, cookie_jar=jar) as http:
        async with http.get("/") as page:
            assert page.status == 200
        yield origin, fake, http


async def sign_in(fake: FakeProvider, http: aiohttp.ClientSession, user: str = "ann") -> str:
    async with http.post("/oauth/start", headers=OWN, allow_redirects=False) as started:
        callback = await fake.approve(started.headers["Location"], user)
    async with http.get(callback) as page:
        return await page.text()


async def test_the_live_view_sends_each_event_once_and_goes_on_where_it_ended(
    site: tuple[str, FakeProvider, aiohttp.ClientSession],
) -> None:
    _, fake, http = site
    await sign_in(fake, http)
    seen: list[dict[str, str]] = []
    async with http.get("/events?after=0") as stream:
        form = {"account": "1000", "feed": "one\r\n\r\n two "}
        async with http.post("/posts", data=form, headers=OWN) as page:
            assert page.status == 200
        while len(seen) < 2:
            line = await stream.content.readline()
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:]))
    assert [(event["kind"], event["account"], event["text"]) for event in seen] == [
        ("posted", "ann", "one"),
        ("posted", "ann", "two"),
    ]
    async with http.get("/events", headers={"Last-Event-ID": "1"}) as stream:
        assert await stream.content.readline() == b"id: 2\n"


async def test_a_sign_in_gives_the_browser_a_new_session_id(
    site: tuple[str, FakeProvider, aiohttp.ClientSession],
) -> None:
    _, fake, http = site
    before = {cookie.key: cookie.value for cookie in http.cookie_jar}
    await sign_in(fake, http)
    after = {cookie.key: cookie.value for cookie in http.cookie_jar}
    assert before["tweetexpress"] != after["tweetexpress"]
    async with aiohttp.ClientSession(cookies=before) as planted, planted.get(f"{site[0]}/") as page:
        assert "Connected accounts" not in await page.text()


@pytest.mark.parametrize("path", ["/posts", "/disconnect", "/revoke", "/limit", "/unlimit", "/oauth/start"])
async def test_forms_of_other_sites_change_nothing(
    site: tuple[str, FakeProvider, aiohttp.ClientSession], path: str
) -> None:
    _, fake, http = site
    await sign_in(fake, http)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        async with http.post(path, data={"account": "1000", "feed": "x"}, headers=headers) as page:
            assert page.status == 403
    assert fake.posts == []


async def test_text_of_users_is_escaped(site: tuple[str, FakeProvider, aiohttp.ClientSession]) -> None:
    _, fake, http = site
    text = await sign_in(fake, http, "<script>alert(1)</script>")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


async def test_browsers_are_sent_to_the_sites_one_address(
    site: tuple[str, FakeProvider, aiohttp.ClientSession],
) -> None:
    origin, _, http = site
    async with http.get("/", headers={"Host": "evil.example"}, allow_redirects=False) as page:
        assert (page.status, page.headers["Location"]) == (308, f"{origin}/")


async def test_the_site_ends_at_once_although_a_live_view_is_open() -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        async with serving() as (origin, _):
            await (await http.get(f"{origin}/")).read()
            stream = await http.get(f"{origin}/events")
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 4.0  # it waits for 5 s for what does not end
        assert await stream.read() == b""


def test_a_feed_is_cut_into_posts() -> None:
    assert lines_of("a\r\n\n  b \n" + "c" * 600) == ["a", "b", "c" * 500]
    assert len(lines_of("a\n" * 100)) == 50
    assert lines_of(" \n") == []


def test_old_sessions_make_room_and_an_old_id_is_worth_nothing() -> None:
    people = People()
    first = people.enter(Person())
    renewed = people.renew(first)
    assert people.find(first) is None
    for _ in range(1000):
        people.enter(Person())
    assert people.find(renewed) is None


async def test_the_command_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "aiooauth1", "demo", "--serve", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        first = (await process.stdout.readline()).decode()
        found = re.fullmatch(r"TweetExpress: +(http://127\.0\.0\.1:\d+/)\n", first)
        assert found is not None
        async with aiohttp.ClientSession() as http, http.get(found[1]) as page:
            assert "Sign in with FakeProvider" in await page.text()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--serve", "--port", "TAKEN"], 1, "choose another with --port"),
        (["--port", "1"], 2, "--port needs --serve"),
        (["--serve", "--posts", "1"], 2, "--serve takes no --posts"),
    ],
)
async def test_the_command_says_what_is_wrong(options: list[str], status: int, told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = [str(taken.getsockname()[1]) if option == "TAKEN" else option for option in options]
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "aiooauth1", "demo", *given], stderr=asyncio.subprocess.PIPE
        )
        _, stderr = await process.communicate()
    assert process.returncode == status
    assert told in " ".join(re.sub(r"[│╭╮╰╯─]", " ", stderr.decode()).split())
