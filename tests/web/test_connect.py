"""How a sign-in goes and ends, through both frameworks over sockets."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from starlette.exceptions import HTTPException
from web_services.services import CALLBACK, FRAMEWORKS, Told, reply

import aiooauth1.web.aiohttp as on_aiohttp
import aiooauth1.web.starlette as on_starlette
from aiooauth1 import Consumer, Handshake, MemoryStore, OAuth1Session, Provider, StoreUnavailable
from aiooauth1.testing import drop
from aiooauth1.web.accounts import account_name


if TYPE_CHECKING:
    from web_services.stage import Stage


pytestmark = [pytest.mark.socket]


async def test_two_tabs_both_finish(stage: Stage) -> None:
    await stage.serve()
    browser = stage.browser()
    callbacks = [await stage.approved(browser, user, f"/{user}") for user in ("ann", "ben")]
    assert [(await browser.open(callback)).location for callback in callbacks] == ["/ann", "/ben"]
    assert len(browser.cookies) == 1


async def test_head_and_prefetches_of_the_callback_consume_nothing(stage: Stage) -> None:
    browser, callback = await stage.browser_with_callback()
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


async def test_replies_that_handlers_return_or_raise_are_sent_with_safe_headers(stage: Stage) -> None:
    own: dict[str, Any] = {
        name: lambda *given, name=name: reply(stage.framework, f"{name} {given[-1]}", 418)
        for name in ("on_denied", "on_failed")
    }

    async def on_connected(_request: Any, connected: Any) -> Any:
        if len(stage.fake.exchanges) == 1:
            return reply(stage.framework, f"hello {connected.user}", 201)
        if stage.framework == "aiohttp":
            raise web.HTTPFound("/there")
        raise HTTPException(302, headers={"Location": "/there"})

    browser, callback = await stage.browser_with_callback(**own, on_connected=on_connected)
    denied = await stage.fake.deny((await browser.start("/x")).location)
    pages = [
        await browser.open(callback),
        await browser.open(denied),
        await browser.open(f"{CALLBACK}?oauth_token=x"),
        await browser.start("//evil"),
        await browser.open(await stage.approved(browser)),
    ]
    assert [(page.status, page.location) for page in pages] == [(201, ""), *[(418, "")] * 3, (302, "/there")]
    assert [page.text.split()[:2] for page in pages[:2]] == [["hello", "1000"], ["on_denied", "/x"]]
    for page in pages:
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"


async def test_without_save_as_the_token_is_handed_over_and_not_saved(stage: Stage) -> None:
    browser, callback = await stage.browser_with_callback(save_as=None)
    assert (await browser.open(callback)).status == 303
    assert [connected.user for connected in stage.told.connected] == [None]
    assert [user async for user in stage.store.users(stage.fake.provider.name)] == []


async def test_routes_below_a_prefix_work_if_the_server_removes_the_prefix(stage: Stage) -> None:
    # The provider and the browser know the prefix; a proxy has taken it off before the routes see a request.
    browser, callback = await stage.browser_with_callback(
        prefix="/auth", callback_url="https://tweetexpress.example/auth/cb"
    )
    assert callback.startswith("https://tweetexpress.example/auth/cb?")
    page = await browser.open("/cb?oauth_token=x&oauth_verifier=y")
    assert 'action="/auth/oauth/start"' in page.text
    assert (await browser.open(callback.replace("/auth/cb", "/cb"))).status == 303


@pytest.mark.parametrize("cause", ["the store does not answer", "the provider's answer is lost"])
async def test_a_callback_can_be_loaded_again_after(
    stage: Stage, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any) -> Any:
        raise StoreUnavailable("the store did not answer")

    browser, callback = await stage.browser_with_callback("/x")
    is_store = cause == "the store does not answer"
    if is_store:
        monkeypatch.setattr(stage.store, "get_pending", failing)
    else:
        monkeypatch.setattr(stage.fake, "before", drop)
    page = await browser.open(callback)
    assert (page.status, page.headers.get("Retry-After")) == ((503, "5") if is_store else (502, None))
    assert '<a class="do" href="">Load again</a>' in page.text
    assert f'<a href="{"/" if is_store else "/x"}">Go back</a>' in page.text
    monkeypatch.undo()
    assert (await browser.open(callback)).location == "/x"


async def test_a_start_at_a_provider_that_is_down_gets_a_page_that_says_so(stage: Stage) -> None:
    await stage.serve()
    await stage.fake.aclose()
    with socket.socket() as closed:  # bound and not listening, so that no other test listens there
        closed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        closed.bind(("127.0.0.1", urlsplit(stage.fake.url).port))
        page = await stage.browser().start("/x")
    assert page.status == 504
    assert "cannot be reached" in page.text
    assert ">Try again</button>" in page.text


async def test_a_session_id_of_the_application_binds_in_place_of_our_cookie(stage: Stage) -> None:
    session_id: list[str | None] = ["s1"]
    browser, callback = await stage.browser_with_callback(bind=lambda _: session_id[0])
    assert browser.cookies == {}
    for other in ("s2", "", None):
        session_id[0] = other
        assert (await browser.open(callback)).status == (400 if other else 403)
    session_id[0] = None
    assert (await browser.start()).status == 403
    session_id[0] = "s1"
    assert (await browser.open(callback)).status == 303


async def test_h9_only_the_person_who_started_completes_and_owns_the_account(stage: Stage) -> None:
    async def person(request: Any) -> str | None:
        name: str | None = request.headers.get("X-Person")
        return name

    await stage.serve(person=person)
    browser = stage.browser()
    own = {"X-Person": "a/b", "Sec-Fetch-Site": "same-origin"}
    callback = await stage.fake.approve((await browser.start(headers=own)).location)
    assert (await browser.open(callback)).status == 403
    assert (await browser.start()).status == 403
    assert (await browser.open(callback, X_Person="eve")).status == 400  # in the same browser
    assert stage.fake.exchanges == []
    assert (await browser.open(callback, X_Person="a/b")).status == 303
    assert [connected.user for connected in stage.told.connected] == [account_name("a/b", "1000")]


@pytest.mark.parametrize(
    ("origin", "cookie", "attributes"),
    [
        ("https://tweetexpress.example", "__Host-aiooauth1", {"Secure"}),
        ("http://127.0.0.1:8080", "aiooauth1", set()),
    ],
)
async def test_the_cookie_is_host_only_not_for_scripts_and_plain_over_http_on_loopback(
    stage: Stage, origin: str, cookie: str, attributes: set[str]
) -> None:
    url = f"{origin}/oauth/callback"
    browser, callback = await stage.browser_with_callback(origin=origin, callback_url=url)
    name, *found = browser.set_cookies[0].split("; ")
    assert name.partition("=")[0] == cookie
    assert set(found) == {"Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=86400", *attributes}
    assert (await browser.open(callback)).status == 303


async def test_log_records_name_the_event_and_no_secret(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    browser, callback = await stage.browser_with_callback()
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
    ("option", "values", "message"),
    [
        ("callback_url", ["/oauth/callback", "ftp://t.example/cb", "oob", ""], "must be an absolute http"),
        ("callback_url", ["http://t.example/cb"], "must be https"),
        (
            "callback_url",
            ["https://t.example", "https://t.example/", f"{CALLBACK}/{{cb}}"],
            "must have a path",
        ),
        ("callback_url", ["https://ann:pw@t.example/cb", f"{CALLBACK}#x"], "no user and no fragment"),
        ("start_path", ["start", "//start", "/oauth/callback"], "start_path must begin with one '/'"),
        ("start_path", [5, None], "start_path must be a str"),
        ("start_path", ["/start?x=1", "/start#x", "/a b", "/{name}"], "start_path must be a fixed path"),
        ("on_connected", [5, {}], "on_connected must be a function, not"),
        ("on_denied", ["/denied"], "on_denied must be a function, not str"),
        ("on_failed", ["/failed"], "on_failed must be a function, not str"),
        ("save_as", [5], "save_as must be a function"),
        ("bind", ["session-id"], "bind must be a function, not str"),
        ("data", [{}, {"a": "b"}], "data must be a function, not dict"),
        # In these, the text of an environment variable would have links of other sites start sign-ins.
        ("allow_get_start", ["false", "no", 1], "allow_get_start must be True or False"),
        ("prefix", ["oauth", "/other", "/oau"], "must begin with prefix"),
        ("person", [lambda _: "ann"], "person= needs save_as="),
    ],
)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_option_that_cannot_be_used_is_refused_at_once(
    framework: str, option: str, values: list[Any], message: str
) -> None:
    for value in values:
        with pytest.raises((TypeError, ValueError), match=message):
            routes_of(framework, **{option: value})


@pytest.mark.parametrize("module", [on_aiohttp, on_starlette])
@pytest.mark.parametrize(
    ("name", "given"),
    [("session", OAuth1Session), ("handshake", Handshake), ("store", MemoryStore)],
)
def test_a_class_or_another_object_is_no_part_of_an_application(module: Any, name: str, given: Any) -> None:
    with pytest.raises(TypeError, match=f"{name} must be one that you have made, not the class"):
        module.oauth_context(**{name: given})
    if name == "handshake":
        with pytest.raises(TypeError, match="not the class Handshake"):
            module.oauth_routes(given, callback_url=CALLBACK, on_connected=None)


def test_http_beyond_loopback_needs_a_handshake_with_allow_http() -> None:
    handshake = Handshake(PROVIDER, Consumer("k", "s"), store=MemoryStore(), allow_http=True)
    assert on_aiohttp.oauth_routes(handshake, callback_url="http://intranet.example/cb", on_connected=None)


PROVIDER = Provider("p", "https://p.example/r", "https://p.example/a", "https://p.example/x")


def routes_of(framework: str, **options: Any) -> Any:
    handshake = Handshake(PROVIDER, Consumer("k", "s"), store=MemoryStore())
    module: Any = on_aiohttp if framework == "aiohttp" else on_starlette
    return module.oauth_routes(handshake, **{"callback_url": CALLBACK, "on_connected": None, **options})
