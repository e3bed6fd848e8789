"""How a sign-in goes and ends, through both frameworks over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from starlette.exceptions import HTTPException
from web_services.services import CALLBACK, FRAMEWORKS, Told, reply, serve

import aiooauth1.web.aiohttp as on_aiohttp
import aiooauth1.web.starlette as on_starlette
from aiooauth1 import (
    CallbackError,
    Consumer,
    Handshake,
    MemoryStore,
    OutcomeUnknown,
    Provider,
    ProviderError,
    RateLimited,
    StoreCorrupt,
    StoreUnavailable,
    TokenResponseError,
    TooManyHandshakes,
    VerifierRejected,
)
from aiooauth1.testing import FakeProvider, drop
from aiooauth1.web.accounts import account_name


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from web_services.stage import Stage


pytestmark = [pytest.mark.socket]


async def test_a_sign_in_ends_where_it_began(stage: Stage) -> None:
    await stage.serve(data=lambda _: {"plan": "gold"})
    browser = stage.browser()
    page = await browser.open(await stage.approved(browser, return_to="/straße?x=1"))
    assert (page.status, page.location) == (303, "/stra%C3%9Fe?x=1")
    (connected,) = stage.told.connected
    assert (connected.user, connected.return_to, connected.data) == ("1000", page.location, {"plan": "gold"})
    assert await stage.store.get_access_token(stage.fake.provider.name, "1000") == connected.token


async def test_without_a_return_path_a_sign_in_ends_at_the_root(stage: Stage) -> None:
    await stage.serve()
    for return_to in (None, ""):
        browser = stage.browser()
        page = await browser.open(await stage.approved(browser, return_to=return_to))
        assert page.location == "/"


async def test_two_tabs_both_finish(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    callbacks = [await stage.approved(browser, user, f"/{user}") for user in ("ann", "ben")]
    assert [(await browser.open(callback)).location for callback in callbacks] == ["/ann", "/ben"]
    assert len(browser.cookies) == 1


async def test_a_reload_gives_the_same(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser, return_to="/x")
    pages = [await browser.open(callback) for _ in range(3)]
    assert [(page.status, page.location) for page in pages] == [(303, "/x")] * 3
    assert len({connected.token for connected in stage.told.connected}) == 1
    assert len(stage.fake.exchanges) == 1


async def test_head_and_prefetches_of_the_callback_consume_nothing(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser)
    assert (await browser.request("HEAD", callback)).status == 200
    for purpose in ({"Sec_Purpose": "prefetch"}, {"Purpose": "prefetch"}, {"X_Moz": "prefetch"}):
        page = await browser.open(callback, **purpose)
        assert page.status == 503
        assert page.headers["Cache-Control"] == "no-store"
    assert stage.fake.exchanges == []
    assert stage.told == Told()
    assert (await browser.open(callback)).status == 303


async def test_a_denial_gets_a_page_that_leads_back_and_again(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    started = await browser.start('/settings?"')
    denied = await stage.fake.deny(started.location)
    for _ in range(2):  # a reload too
        page = await browser.open(denied)
        assert page.status == 403
        assert "You did not allow the connection" in page.text
        assert '<a href="/settings?%22">Go back</a>' in page.text
        assert 'name="return_to" value="/settings?%22"' in page.text
    assert stage.told.denied == ["/settings?%22"] * 2
    assert stage.told.failed == []
    assert stage.fake.exchanges == []


async def test_a_denial_that_names_no_request_token_is_one(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser)
    assert (await browser.open(f"{CALLBACK}?error=access_denied")).status == 403
    assert (await browser.open(callback)).status == 303


async def test_the_applications_own_handlers_answer_and_their_replies_are_hardened(stage: Stage) -> None:
    own = {
        name: lambda *given, name=name: reply(stage.framework, f"{name} {given[-1]}", 418)
        for name in ("on_denied", "on_failed")
    }

    async def on_connected(_request: Any, connected: Any) -> Any:
        return reply(stage.framework, f"hello {connected.user}", 201)

    await stage.serve(**own, on_connected=on_connected)
    browser = stage.browser()
    callback = await stage.approved(browser)
    denied = await stage.fake.deny((await browser.start("/x")).location)
    pages = [
        await browser.open(callback),
        await browser.open(denied),
        await browser.open(f"{CALLBACK}?oauth_token=x"),
        await browser.start("//evil"),
    ]
    assert [page.status for page in pages] == [201, 418, 418, 418]
    assert [page.text.split()[:2] for page in pages[:2]] == [["hello", "1000"], ["on_denied", "/x"]]
    for page in pages:
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"


async def test_responses_that_a_handler_raises_are_hardened(stage: Stage) -> None:
    def on_connected(*_: Any) -> None:
        if stage.framework == "aiohttp":
            raise web.HTTPFound("/there")
        raise HTTPException(302, headers={"Location": "/there"})

    await stage.serve(on_connected=on_connected)
    browser = stage.browser()
    page = await browser.open(await stage.approved(browser))
    assert (page.status, page.location) == (302, "/there")
    assert page.headers["Referrer-Policy"] == "no-referrer"


async def test_routes_below_a_prefix_work_where_the_prefix_is_taken_off(stage: Stage) -> None:
    # The provider and the browser know the prefix; a proxy has taken it off before the routes see a request.
    await stage.serve(prefix="/auth", callback_url="https://tweetexpress.example/auth/cb")
    browser = stage.browser()
    callback = await stage.approved(browser)
    assert callback.startswith("https://tweetexpress.example/auth/cb?")
    page = await browser.open("/cb?oauth_token=x&oauth_verifier=y")
    assert 'action="/auth/oauth/start"' in page.text
    assert (await browser.open(callback.replace("/auth/cb", "/cb"))).status == 303


FAILURES = [
    (StoreUnavailable("x"), 503, "Load again", "5"),
    (StoreCorrupt("x"), 500, "Go back", None),
    (OutcomeUnknown("x"), 502, "Load again", None),
    (TokenResponseError("x"), 502, "Try again", None),
    (ProviderError("<script>", status=500), 502, "Try again", None),
    (VerifierRejected("x", status=401), 400, "Try again", None),
    (RateLimited("x", status=429, retry_after=7.2), 503, "Try again", "8"),
    (RateLimited("x", status=429), 503, "Try again", "60"),
    (TooManyHandshakes("x"), 503, "Try again", "60"),
    (CallbackError("<script>"), 400, "Try again", None),
    (aiohttp.ServerDisconnectedError("<script>"), 504, "Load again", None),
    (TimeoutError("x"), 504, "Load again", None),
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_each_failure_has_its_status_and_says_what_to_do(framework: str) -> None:
    raised: list[Exception] = []

    class Broken(Handshake):
        async def complete(self, *_: Any, **__: Any) -> Any:
            raise raised[-1]

    async with FakeProvider() as fake, aiohttp.ClientSession() as http:
        handshake, told = Broken(fake.provider, fake.consumer, store=MemoryStore()), Told()
        async with serve(framework, (handshake, told.hooks), handshake=handshake) as url:
            for error, status, action, retry_after in FAILURES:
                raised.append(error)
                async with http.get(f"{url}/oauth/callback?oauth_token=x&oauth_verifier=y") as page:
                    text = await page.text()
                    assert (page.status, error) == (status, error)
                    assert f">{action}</" in text
                    assert "<script>" not in text
                    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
                    assert page.headers["Cache-Control"] == "no-store"
                    assert page.headers.get("Retry-After") == retry_after
    assert [error for error, _ in told.failed] == raised


async def test_a_store_that_fails_while_looking_is_a_503_and_a_reload_succeeds(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser)
    get_pending = stage.store.get_pending
    fails = [True]

    async def failing(*given: Any) -> Any:
        if fails:
            fails.pop()
            raise StoreUnavailable("the store did not answer")
        return await get_pending(*given)

    monkeypatch.setattr(stage.store, "get_pending", failing)
    page = await browser.open(callback)
    assert (page.status, page.headers["Retry-After"]) == (503, "5")
    assert (await browser.open(callback)).status == 303


async def test_a_lost_answer_is_said_and_one_reload_may_finish(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser, return_to="/x")
    stage.fake.before = drop
    page = await browser.open(callback)
    assert page.status == 502
    assert '<a class="do" href="">Load again</a>' in page.text
    assert '<a href="/x">Go back</a>' in page.text
    stage.fake.before = None
    assert (await browser.open(callback)).location == "/x"


async def test_a_provider_that_is_down_is_said_at_the_start(stage: Stage) -> None:
    await stage.serve()
    await stage.fake.aclose()
    page = await stage.browser().start("/x")
    assert page.status == 504
    assert "cannot be reached" in page.text
    assert ">Try again</button>" in page.text


async def test_the_start_reads_no_form_without_end(stage: Stage) -> None:
    await stage.serve()

    async def in_chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"&a=" + b"x" * 1000

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"a=" + b"x" * 20_000, in_chunks()):
        page = await stage.browser().request("POST", "/oauth/start", body, headers)
        assert page.status == 400
    assert len(stage.fake.ledger) == 0


async def test_a_session_id_of_the_application_binds_in_place_of_our_cookie(stage: Stage) -> None:
    session_id: list[str | None] = ["s1"]
    await stage.serve(bind=lambda _: session_id[0])
    browser = stage.browser()
    callback = await stage.approved(browser)
    assert browser.cookies == {}
    for other in ("s2", "", None):
        session_id[0] = other
        assert (await browser.open(callback)).status == (400 if other else 403)
    session_id[0] = None
    assert (await browser.start()).status == 403
    session_id[0] = "s1"
    assert (await browser.open(callback)).status == 303


async def test_a_person_connects_accounts_under_a_name_of_their_own(stage: Stage) -> None:
    async def person(request: Any) -> str | None:
        name: str | None = request.headers.get("X-Person")
        return name

    await stage.serve(person=person)
    browser = stage.browser()
    own = {"X-Person": "a/b", "Sec-Fetch-Site": "same-origin"}
    callback = await stage.fake.approve((await browser.start(headers=own)).location)
    assert (await browser.open(callback)).status == 403
    assert (await browser.start()).status == 403
    assert (await browser.open(callback, X_Person="a/b")).status == 303
    assert [connected.user for connected in stage.told.connected] == [account_name("a/b", "1000")]


async def test_on_loopback_http_the_cookie_is_a_plain_one(stage: Stage) -> None:
    await stage.serve(callback_url="http://127.0.0.1:8080/oauth/callback")
    browser = stage.browser("http://127.0.0.1:8080")
    callback = await stage.approved(browser)
    ((name, _),) = browser.cookies.items()
    assert name == "aiooauth1"
    assert "Secure" not in browser.set_cookies[0]
    assert (await browser.open(callback)).status == 303


async def test_a_client_that_gives_up_loses_no_sign_in(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: Any) -> None:
        reached.set()
        await go_on.wait()

    stage.fake.before = slow
    request = asyncio.create_task(browser.open(callback))
    await reached.wait()
    request.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await request
    go_on.set()
    assert (await browser.open(callback)).status == 303
    assert len(stage.fake.exchanges) == 1


async def test_log_records_name_the_event_and_no_secret(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await stage.serve()
    browser = stage.browser()
    callback = await stage.approved(browser)
    await browser.open(callback)
    await browser.open(await stage.fake.deny((await browser.start()).location))
    await browser.open(f"{CALLBACK}?oauth_token=x&oauth_verifier=y")
    ours = [record for record in caplog.records if record.name == "aiooauth1" and hasattr(record, "event")]
    events = [record.__dict__["event"] for record in ours]
    started = "signin.started"
    assert events == [started, "signin.connected", started, "signin.denied", "signin.failed"]
    assert {record.__dict__["provider"] for record in ours} == {stage.fake.provider.name}
    (token,) = {connected.token for connected in stage.told.connected}
    secrets = [token.secret, token.key, stage.fake.consumer.secret, callback.partition("oauth_verifier=")[2]]
    secrets += browser.cookies.values()
    shown = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in ours)
    assert [secret for secret in secrets if secret in shown] == []


@pytest.mark.parametrize(
    "callback_url",
    [
        "/oauth/callback",
        "http://tweetexpress.example/cb",
        "https://tweetexpress.example",
        "https://tweetexpress.example/",
        "https://ann:pw@tweetexpress.example/cb",
        "https://tweetexpress.example/cb#x",
        "https://tweetexpress.example/{cb}",
        "ftp://tweetexpress.example/cb",
        "oob",
        "",
    ],
)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_unusable_callback_url_is_refused_at_once(framework: str, callback_url: str) -> None:
    with pytest.raises(ValueError, match="callback_url"):
        routes_of(framework, callback_url=callback_url)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_misused_options_are_refused_at_once(framework: str) -> None:
    for path in ("start", "//start", "/oauth/callback"):
        with pytest.raises(ValueError, match="start_path"):
            routes_of(framework, start_path=path)
    for prefix in ("oauth", "/other", "/oau"):
        with pytest.raises(ValueError, match="prefix"):
            routes_of(framework, prefix=prefix)
    with pytest.raises(TypeError, match="save_as"):
        routes_of(framework, person=lambda _: "ann")


def test_plain_http_elsewhere_needs_a_handshake_that_allows_it() -> None:
    handshake = Handshake(PROVIDER, Consumer("k", "s"), store=MemoryStore(), allow_http=True)
    assert on_aiohttp.oauth_routes(handshake, callback_url="http://intranet.example/cb", on_connected=None)


PROVIDER = Provider("p", "https://p.example/r", "https://p.example/a", "https://p.example/x")


def routes_of(framework: str, **options: Any) -> Any:
    handshake = Handshake(PROVIDER, Consumer("k", "s"), store=MemoryStore())
    module: Any = on_aiohttp if framework == "aiohttp" else on_starlette
    return module.oauth_routes(handshake, **{"callback_url": CALLBACK, "on_connected": None, **options})
