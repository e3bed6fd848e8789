"""`aiooauth1 demo --serve`, over HTTP; tests/web/test_browser.py looks at it in a browser."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
from typing import TYPE_CHECKING, TypeAlias

import aiohttp
import pytest

from aiooauth1.cli.demo.serve import serve, serving
from aiooauth1.cli.demo.site.people import People, Person
from aiooauth1.cli.demo.site.reposts import lines_of
from aiooauth1.cli.outcome import CommandError


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1.testing import FakeProvider


pytestmark = [pytest.mark.socket]

OWN = {"Sec-Fetch-Site": "same-origin"}


Site: TypeAlias = "tuple[str, FakeProvider, aiohttp.ClientSession]"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
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


async def test_the_live_view_sends_each_event_once_and_resumes_after_the_last_one(site: Site) -> None:
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


async def test_a_rate_limit_is_an_event_that_says_when_the_post_is_sent_again(site: Site) -> None:
    _, fake, http = site
    await sign_in(fake, http)
    fake.fail_next(429, headers={"Retry-After": "7"})
    await http.post("/posts", data={"account": "1000", "feed": "one"}, headers=OWN)
    async with http.get("/events?after=0") as stream:
        assert await stream.content.readline() == b"id: 1\n"
        event = json.loads((await stream.content.readline()).removeprefix(b"data: "))
    assert event["note"] == "the provider takes no more posts for now (429): sent again in 7 s"


async def test_a_sign_in_gives_the_browser_a_new_session_id(site: Site) -> None:
    _, fake, http = site
    before = {cookie.key: cookie.value for cookie in http.cookie_jar}
    await sign_in(fake, http)
    after = {cookie.key: cookie.value for cookie in http.cookie_jar}
    assert before["tweetexpress"] != after["tweetexpress"]
    async with aiohttp.ClientSession(site[0], cookies=before) as planted, planted.get("/") as page:
        assert "Connected accounts" not in await page.text()
    async with (
        aiohttp.ClientSession(site[0]) as nameless,
        nameless.get("/events", allow_redirects=False) as page,
    ):
        assert (page.status, page.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("path", ["/posts", "/disconnect", "/revoke", "/limit", "/unlimit", "/oauth/start"])
async def test_forms_of_other_sites_change_nothing(site: Site, path: str) -> None:
    _, fake, http = site
    await sign_in(fake, http)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        async with http.post(path, data={"account": "1000", "feed": "x"}, headers=headers) as page:
            assert page.status == 403
    assert fake.posts == []


async def test_text_of_users_is_escaped(site: Site) -> None:
    _, fake, http = site
    text = await sign_in(fake, http, "<script>alert(1)</script>")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


async def test_browsers_are_sent_to_the_sites_one_address(site: Site) -> None:
    origin, _, http = site
    async with http.get("/", headers={"Host": "evil.example"}, allow_redirects=False) as page:
        assert (page.status, page.headers["Location"]) == (308, f"{origin}/")


async def test_the_site_ends_without_waiting_for_a_live_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiooauth1.cli.demo.serve._SHUTDOWN", 300.0)
    async with asyncio.timeout(60), aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        async with serving() as (origin, _):
            await (await http.get(f"{origin}/")).read()
            stream = await http.get(f"{origin}/events")
        assert await stream.read() == b""


def test_a_feed_is_cut_into_posts() -> None:
    assert lines_of("a\r\n\n  b \n" + "c" * 600) == ["a", "b", "c" * 500]
    assert len(lines_of("a\n" * 100)) == 50
    assert lines_of(" \n") == []


def test_the_oldest_session_is_dropped_and_a_renewed_id_is_invalid() -> None:
    people = People()
    first = people.enter(Person())
    renewed = people.renew(first)
    assert people.find(first) is None
    for _ in range(1000):
        people.enter(Person())
    assert people.find(renewed) is None


async def test_the_command_serves_until_sigint() -> None:
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


async def test_a_taken_port_is_an_error_that_names_the_option() -> None:
    refused = pytest.raises(CommandError, match="pass another --port")
    with socket.create_server(("127.0.0.1", 0)) as taken, refused:
        await serve(taken.getsockname()[1])
