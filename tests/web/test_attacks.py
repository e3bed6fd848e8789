"""Attacks on a sign-in, named as in the advisories, against both frameworks over sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from web_services.browser import ORIGIN
from web_services.services import CALLBACK

from aiooauth1 import AuthorizationDenied, CallbackError, HandshakeError, OAuth1Error
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from web_services.stage import Stage


pytestmark = [pytest.mark.socket]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_h1_fixation_by_a_callback_without_verifier_exchanges_nothing(stage: Stage) -> None:
    browser, callback = await stage.browser_with_callback()
    for query in (callback.partition("&oauth_verifier=")[0], callback.partition("oauth_verifier=")[0]):
        assert (await browser.open(query)).status == 400
    assert stage.fake.exchanges == []
    assert stage.told.connected == []


async def test_h2_h4_a_callback_in_another_browser_is_refused_and_its_own_still_succeeds(
    stage: Stage,
) -> None:
    ann, callback = await stage.browser_with_callback()
    eve = stage.browser()
    await eve.start()  # she has a cookie of her own
    for stranger in (eve, stage.browser()):
        assert (await stranger.open(callback)).status == 400
    assert stage.fake.exchanges == []
    assert (await ann.open(callback)).status == 303
    assert [connected.user for connected in stage.told.connected] == ["1000"]
    assert {type(error) for error, _ in stage.told.failed} == {CallbackError}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Referer": "https://evil.example/"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_h3_a_start_from_another_site_is_refused_by(stage: Stage, headers: dict[str, str]) -> None:
    await stage.serve()
    page = await stage.browser().start("/settings", headers=headers)
    assert page.status == 403
    assert f'<a href="{ORIGIN}/">Go back</a>' in page.text
    assert len(stage.fake.ledger) == 0
    assert [type(error) for error, _ in stage.told.failed] == [HandshakeError]


@pytest.mark.parametrize("allow_get_start", [False, True])
async def test_h3_a_link_starts_a_sign_in_only_if_allowed_and_never_from_another_site(
    stage: Stage, *, allow_get_start: bool
) -> None:
    await stage.serve(allow_get_start=allow_get_start)
    browser, own = stage.browser(), {"Sec-Fetch-Site": "same-origin"}
    for method in ("HEAD", "PUT"):
        assert (await browser.request(method, "/oauth/start")).status == 405
    for headers, status in (
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({**own, "Sec-Purpose": "prefetch;prerender"}, 503),
    ):
        page = await browser.request("GET", "/oauth/start", headers=headers)
        assert page.status == (status if allow_get_start else 405)
    assert len(stage.fake.ledger) == 0
    page = await browser.request("GET", "/oauth/start?return_to=%2Fx", headers=own)
    assert page.status == (303 if allow_get_start else 405)
    if allow_get_start:
        await browser.open(await stage.fake.approve(page.location))
        assert [connected.return_to for connected in stage.told.connected] == ["/x"]


async def test_h5_a_callback_on_the_route_of_another_provider_is_refused(stage: Stage) -> None:
    async with FakeProvider() as other:
        await stage.serve_two(other)
        browser = stage.browser()
        callback = await stage.fake.approve((await browser.start(path="/a")).location)
        assert (await browser.open(callback.replace("/cb/a", "/cb/b"))).status == 400
        assert other.exchanges == []
        assert (await browser.open(callback)).status == 303


async def test_h6_parallel_callbacks_and_a_reload_are_one_exchange_and_all_succeed(stage: Stage) -> None:
    browser, callback = await stage.browser_with_callback("/done")
    pages = await asyncio.gather(*(browser.open(callback) for _ in range(20)))
    pages.append(await browser.open(callback))
    assert {(page.status, page.location) for page in pages} == {(303, "/done")}
    assert len(stage.fake.exchanges) == 1
    assert len({connected.token for connected in stage.told.connected}) == 1


@pytest.mark.parametrize(
    ("pollution", "status"),
    [
        ("&oauth_token=other", 400),
        ("&oauth_verifier=other", 400),
        (f"&oauth_problem={'x' * 5000}", 400),
        ("&oauth_problem=%00", 400),
        ("&oauth_problem=a%0d%0ab", 400),
        ("&denied=%ed%a0%80", 400),
        ("&self=1&request=2&request_token=x", 303),
        ("&oauth_token_secret=EVIL", 303),
        ("&save_as=eve&bind=x&user=eve", 303),
        ("&%zz=%", 303),
    ],
)
async def test_h7_parameter_pollution_is_refused_or_changes_nothing(
    stage: Stage, pollution: str, status: int
) -> None:
    browser, callback = await stage.browser_with_callback()
    assert (await browser.open(callback + pollution)).status == status
    assert len(stage.fake.exchanges) == len(stage.fake.accepted("access_token")) == (status == 303)
    assert [connected.user for connected in stage.told.connected] == ["1000"] * (status == 303)


async def test_h8_a_hostile_start_form_is_refused_before_the_provider_is_asked(stage: Stage) -> None:
    async def in_chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"&a=" + b"x" * 1000

    await stage.serve()
    two_paths, too_long = b"return_to=/a&return_to=/b", b"a=" + b"x" * 20_000
    for body in (b"return_to=//evil.example", two_paths, too_long, in_chunks()):
        page = await stage.browser().request("POST", "/oauth/start", body, FORM)
        assert (page.status, page.location) == (400, "")
    assert len(stage.fake.ledger) == 0


async def test_h8_a_form_announced_as_too_long_is_refused_before_it_arrives(stage: Stage) -> None:
    await stage.serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(stage.url).port)
    writer.write(b"POST /oauth/start HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n")
    async with asyncio.timeout(30):
        assert b" 400 " in await reader.readline()
    writer.close()


async def test_h8_a_forged_host_does_not_change_the_callback(stage: Stage) -> None:
    await stage.serve()
    forged = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=evil.example;proto=http",
        "Sec-Fetch-Site": "same-origin",
    }
    browser = stage.browser()
    started = await browser.start("/done", headers=forged)
    callback = await stage.fake.approve(started.location)
    assert callback.startswith(f"{CALLBACK}?")
    page = await browser.request("GET", callback, headers={**forged, "Sec-Fetch-Site": "cross-site"})
    assert page.location == "/done"


@pytest.mark.parametrize(
    "planted", ["\xa0{cookie}", f"__Host-aiooauth1={'x' * 43}; {{cookie}}"], ids=["hidden", "doubled"]
)
async def test_h9_a_cookie_planted_by_another_subdomain_binds_nothing(stage: Stage, planted: str) -> None:
    eve, callback = await stage.browser_with_callback()
    ((name, value),) = eve.cookies.items()
    page = await stage.browser().open(callback, Cookie=planted.format(cookie=f"{name}={value}"))
    assert page.status == 400
    assert stage.fake.exchanges == []


async def test_the_verifier_leaks_into_no_reply_and_no_referrer(stage: Stage) -> None:
    ann, callback = await stage.browser_with_callback()
    (verifier,) = parse_qs(urlsplit(callback).query)["oauth_verifier"]
    for page in (await stage.browser().open(callback), await ann.open(callback)):
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert verifier not in page.text + str(page.headers)
    (error,) = [error for error, _ in stage.told.failed]
    assert verifier not in str(error)
    assert isinstance(error, OAuth1Error)
    assert not isinstance(error, AuthorizationDenied)
