"""Attacks on a sign-in, named as in the advisories, against both frameworks over sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from web_services.browser import ORIGIN
from web_services.services import CALLBACK, serve

from aiooauth1 import AuthorizationDenied, CallbackError, Handshake, HandshakeError, OAuth1Error
from aiooauth1.testing import FakeProvider
from aiooauth1.web.accounts import account_name


if TYPE_CHECKING:
    from web_services.stage import Stage


pytestmark = [pytest.mark.socket]

OPEN_REDIRECTS = [
    "//evil.example",
    "///evil.example",
    "////evil.example/..",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\\/evil.example",
    "https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "http:\\\\evil.example",
    "javascript:alert(1)",
    "data:text/html,evil",
    "evil.example",
    "@evil.example",
    ".evil.example",
    "tweetexpress.example@evil.example",
    "https://tweetexpress.example@evil.example/",
    "\t//evil.example",
    " //evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nLocation: https://evil.example",
    "/%09/evil.example",
    "/%2f/evil.example",
    "/%5cevil.example",
    "/%252f/evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/a/..//evil.example",
    "/\uff0fevil.example",
    "/\u2215/evil.example/\\",
    "\uff0f\uff0fevil.example",
    "/\u200b/evil.example",
    "?next=//evil.example",
    "/x\x00//evil.example",
]


async def test_h1_fixation_by_a_callback_without_verifier_exchanges_nothing(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    started = await browser.start()
    (request_token,) = parse_qs(urlsplit(started.location).query)["oauth_token"]
    await stage.fake.approve(started.location)
    for verifier in ("", "&oauth_verifier="):
        page = await browser.open(f"{CALLBACK}?oauth_token={request_token}{verifier}")
        assert page.status == 400
    assert stage.fake.exchanges == []
    assert stage.told.connected == []


async def test_h1_a_provider_that_does_not_confirm_the_callback_gets_no_browser(stage: Stage) -> None:
    async def unconfirmed(_request: Any, _reply: Any) -> web.Response:
        return web.Response(text="oauth_token=rt&oauth_token_secret=s&oauth_callback_confirmed=false")

    stage.fake.after = unconfirmed
    await stage.serve()
    page = await stage.browser().start()
    assert page.status == 502
    assert not page.location


async def test_h2_swapped_browsers_the_stranger_is_refused_and_the_owner_still_succeeds(stage: Stage) -> None:
    await stage.serve()
    ann, eve = stage.browser(), stage.browser()
    callback = await stage.approved(ann)
    await eve.start()  # she has a cookie of her own
    for stranger in (eve, stage.browser()):
        page = await stranger.open(callback)
        assert page.status == 400
    assert stage.fake.exchanges == []
    assert (await ann.open(callback)).status == 303
    assert [connected.user for connected in stage.told.connected] == ["1000"]
    assert {type(error) for error, _ in stage.told.failed} == {CallbackError}


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: c + "A", lambda _: "", lambda c: f'"{c}"'])
async def test_h2_a_changed_cookie_completes_nothing(stage: Stage, change: Any) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser)
    ((name, value),) = browser.cookies.items()
    browser.cookies[name] = change(value)
    assert (await browser.open(callback)).status == 400
    browser.cookies[name] = value
    assert (await browser.open(callback)).status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://blog.tweetexpress.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://tweetexpress.example"},
        {"Origin": "https://tweetexpress.example.evil.example"},
        {"Referer": "https://evil.example/?https://tweetexpress.example/"},
    ],
)
async def test_h3_start_of_flow_csrf_asks_the_provider_nothing(stage: Stage, headers: dict[str, str]) -> None:
    await stage.serve()
    page = await stage.browser().start("/settings", headers=headers)
    assert page.status == 403
    assert f'<a href="{ORIGIN}/">Go back</a>' in page.text
    assert len(stage.fake.ledger) == 0
    assert [type(error) for error, _ in stage.told.failed] == [HandshakeError]


async def test_h3_a_link_cannot_start_a_sign_in(stage: Stage) -> None:
    await stage.serve()
    for method in ("GET", "HEAD", "PUT"):
        assert (await stage.browser().request(method, "/oauth/start")).status == 405
    assert len(stage.fake.ledger) == 0


async def test_h3_a_link_on_another_site_cannot_start_one_even_where_get_is_allowed(stage: Stage) -> None:
    await stage.serve(allow_get_start=True)
    browser = stage.browser()
    page = await browser.request("GET", "/oauth/start", headers={"Sec-Fetch-Site": "cross-site"})
    assert page.status == 403
    prefetch = {"Sec-Fetch-Site": "same-origin", "Sec-Purpose": "prefetch;prerender"}
    assert (await browser.request("GET", "/oauth/start", headers=prefetch)).status == 503
    assert (await browser.request("HEAD", "/oauth/start")).status == 405
    assert len(stage.fake.ledger) == 0
    own = {"Sec-Fetch-Site": "same-origin"}
    page = await browser.request("GET", "/oauth/start?return_to=%2Fx", headers=own)
    assert page.status == 303
    await browser.open(await stage.fake.approve(page.location))
    assert [connected.return_to for connected in stage.told.connected] == ["/x"]


async def test_h4_another_flows_token_with_the_victims_cookie_is_refused(stage: Stage) -> None:
    await stage.serve()
    victim, eve = stage.browser(), stage.browser()
    await stage.approved(victim)
    evil = await stage.approved(eve, "eve")
    assert (await victim.open(evil)).status == 400
    assert stage.fake.exchanges == []


async def test_h5_two_providers_with_the_same_token_string_each_get_their_own_verifier(stage: Stage) -> None:
    async def same_token(request: Any, _reply: Any) -> web.Response | None:
        if not request.path.endswith("request_token"):
            return None
        return web.Response(text="oauth_token=same&oauth_token_secret=s&oauth_callback_confirmed=true")

    async def exchanged(request: Any) -> web.Response | None:
        if not request.path.endswith("access_token"):
            return None
        verifiers.append((request.host, request.headers["Authorization"]))
        return web.Response(text=f"oauth_token=at-{request.url.port}&oauth_token_secret=s")

    verifiers: list[tuple[str, str]] = []
    async with FakeProvider() as other:
        for fake in (stage.fake, other):
            fake.after, fake.before = same_token, exchanged
        second = Handshake(other.provider, other.consumer, store=stage.store)
        first = stage.handshake, {**stage.told.hooks, "start_path": "/a", "callback_url": f"{ORIGIN}/cb/a"}
        more = second, {**stage.told.hooks, "start_path": "/b", "callback_url": f"{ORIGIN}/cb/b"}
        stage.url = await stage.enter(serve(stage.framework, first, more, handshake=second))
        browser = stage.browser()
        for path in ("/a", "/b"):
            assert (await browser.start(path=path)).status == 303
        query = "oauth_token=same&oauth_verifier="
        assert (await browser.open(f"/cb/b?{query}for-b")).status == 303
        assert (await browser.open(f"/cb/a?{query}for-a")).status == 303
        keys = [connected.token.key for connected in stage.told.connected]
        assert keys == [f"at-{urlsplit(fake.url).port}" for fake in (other, stage.fake)]
        sent = dict(verifiers)
        assert "for-a" not in sent[urlsplit(other.url).netloc]
        assert "for-b" not in sent[urlsplit(stage.fake.url).netloc]


async def test_h5_a_callback_on_the_route_of_another_provider_is_refused(stage: Stage) -> None:
    async with FakeProvider() as other:
        second = Handshake(other.provider, other.consumer, store=stage.store)
        first = stage.handshake, {**stage.told.hooks, "start_path": "/a", "callback_url": f"{ORIGIN}/cb/a"}
        more = second, {**stage.told.hooks, "start_path": "/b", "callback_url": f"{ORIGIN}/cb/b"}
        stage.url = await stage.enter(serve(stage.framework, first, more, handshake=second))
        browser = stage.browser()
        started = await browser.start(path="/a")
        callback = await stage.fake.approve(started.location)
        assert (await browser.open(callback.replace("/cb/a", "/cb/b"))).status == 400
        assert other.exchanges == []
        assert (await browser.open(callback)).status == 303


async def test_h6_parallel_callbacks_are_one_exchange_and_all_succeed(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser, return_to="/done")
    pages = await asyncio.gather(*(browser.open(callback) for _ in range(20)))
    assert {(page.status, page.location) for page in pages} == {(303, "/done")}
    assert len(stage.fake.exchanges) == 1
    assert len({connected.token.key for connected in stage.told.connected}) == 1


@pytest.mark.parametrize(
    "pollution",
    [
        "&oauth_token=other",
        "&oauth_verifier=other",
        f"&oauth_problem={'x' * 5000}",
        "&oauth_problem=%00",
        "&oauth_problem=a%0d%0ab",
        "&denied=%ed%a0%80",
    ],
)
async def test_h7_parameter_pollution_is_a_400_and_never_a_500(stage: Stage, pollution: str) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser)
    assert (await browser.open(callback + pollution)).status == 400
    assert stage.fake.exchanges == []


@pytest.mark.parametrize(
    "pollution",
    [
        "&self=1&request=2&request_token=x",
        "&oauth_token_secret=EVIL",
        "&save_as=eve&bind=x&user=eve",
        "&%zz=%",
    ],
)
async def test_h7_foreign_parameters_of_the_callback_change_nothing(stage: Stage, pollution: str) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser)
    assert (await browser.open(callback + pollution)).status == 303
    assert [connected.user for connected in stage.told.connected] == ["1000"]
    assert len(stage.fake.accepted("access_token")) == 1


async def test_h8_open_redirects_are_refused_before_the_provider_is_asked(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    pages = [(text, await browser.start(text)) for text in OPEN_REDIRECTS]
    assert len(pages) > 30
    assert [text for text, page in pages if page.status != 400 or page.location] == []
    assert len(stage.fake.ledger) == 0


async def test_h8_two_return_paths_are_refused(stage: Stage) -> None:
    await stage.serve()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    page = await stage.browser().request("POST", "/oauth/start", b"return_to=/a&return_to=/b", headers)
    assert page.status == 400


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


async def test_h9_two_tenants_with_the_same_user_id_keep_their_own_tokens(stage: Stage) -> None:
    async with FakeProvider() as other:
        second = Handshake(other.provider, other.consumer, store=stage.store)
        options = {**stage.told.hooks, "save_as": lambda token: token.params["user_id"]}
        first = stage.handshake, {**options, "start_path": "/a", "callback_url": f"{ORIGIN}/cb/a"}
        more = second, {**options, "start_path": "/b", "callback_url": f"{ORIGIN}/cb/b"}
        stage.url = await stage.enter(serve(stage.framework, first, more, handshake=second))
        browser = stage.browser()
        for path, fake, user in (("/a", stage.fake, "ann"), ("/b", other, "ben")):
            await browser.open(await fake.approve((await browser.start(path=path)).location, user))
        for fake, name in ((stage.fake, "ann"), (other, "ben")):
            token = await stage.store.get_access_token(fake.provider.name, "1000")
            assert token is not None
            assert token.params["screen_name"] == name


async def test_h9_another_person_in_the_same_browser_completes_nothing(stage: Stage) -> None:
    who = ["ann"]
    await stage.serve(person=lambda _: who[0])
    browser = stage.browser()
    callback = await stage.approved(browser)
    who[0] = "eve"  # a forged sign-in form has signed the browser in to her account meanwhile
    assert (await browser.open(callback)).status == 400
    assert stage.fake.exchanges == []
    who[0] = "ann"
    assert (await browser.open(callback)).status == 303
    assert [user async for user in stage.store.users(stage.fake.provider.name)] == [
        account_name("ann", "1000")
    ]


@pytest.mark.parametrize(
    "planted",
    [
        "aiooauth1={}",
        " __Secure-aiooauth1={}",
        "\u2000__Host-aiooauth1={}",
        "\xa0__Host-aiooauth1={}",
        "$Version=1,__Host-aiooauth1={}",
        "__host-aiooauth1={}",
        "__Host-aiooauth1 ={}",
    ],
)
async def test_h9_a_cookie_that_another_subdomain_can_set_binds_nothing(stage: Stage, planted: str) -> None:
    await stage.serve()
    eve, victim = stage.browser(), stage.browser()
    callback = await stage.approved(eve, "eve")
    ((name, value),) = eve.cookies.items()
    assert name == "__Host-aiooauth1"
    page = await victim.open(callback, Cookie=planted.format(value))
    assert page.status == 400
    assert stage.fake.exchanges == []


async def test_h9_a_second_cookie_of_our_name_is_believed_by_nobody(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser)
    ((name, value),) = browser.cookies.items()
    page = await browser.open(callback, Cookie=f"{name}={'x' * 43}; {name}={value}")
    assert page.status == 400


async def test_the_cookie_is_host_only_and_not_for_scripts(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    await browser.start()
    (cookie,) = browser.set_cookies
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-aiooauth1=")
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Lax", "Secure", "Max-Age=86400"}


async def test_a_denial_counts_for_its_own_browser_only(stage: Stage) -> None:
    await stage.serve()
    ann, eve = stage.browser(), stage.browser()
    started = await ann.start("/settings")
    (request_token,) = parse_qs(urlsplit(started.location).query)["oauth_token"]
    forged = f"{CALLBACK}?oauth_token={request_token}&oauth_problem=user_refused"
    assert (await eve.open(forged)).status == 400
    callback = await stage.fake.approve(started.location)
    assert (await ann.open(callback)).status == 303


async def test_the_verifier_leaks_into_no_reply_and_no_referrer(stage: Stage) -> None:
    await stage.serve()
    ann, eve = stage.browser(), stage.browser()
    callback = await stage.approved(ann)
    (verifier,) = parse_qs(urlsplit(callback).query)["oauth_verifier"]
    for page in (await eve.open(callback), await ann.open(callback)):
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert verifier not in page.text + str(page.headers)
    assert all(verifier not in str(error) for error, _ in stage.told.failed)
    assert all(not isinstance(error, AuthorizationDenied) for error, _ in stage.told.failed)
    assert all(isinstance(error, OAuth1Error) for error, _ in stage.told.failed)


async def test_text_of_a_callback_is_not_in_the_page(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    await browser.start()
    for evil in ("oauth_problem", "error", "denied"):
        page = await browser.open(f"{CALLBACK}?{evil}=%3Cscript%3Ealert(1)%3C/script%3E&oauth_token=x")
        assert page.status == 400
        assert "alert(1)" not in page.text
