"""The rules of a handshake: whose it is, what a callback may do to it, and what it keeps of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from handshakes.endpoint import REQUEST_TOKEN, Endpoint, http
from handshakes.faulty_store import FaultyStore
from handshakes.shown import leaks
from handshakes.stage import BIND, CALLBACK, Gate, Stage, Step, staged

from aiooauth1 import (
    AccessToken,
    AuthorizationDenied,
    CallbackError,
    Consumer,
    Handshake,
    MemoryStore,
    OAuth1Session,
    Provider,
    StoreCorrupt,
    TokenResponseError,
)
from aiooauth1.flows.handshake.pending import DENIED
from aiooauth1.testing import FakeProvider


pytestmark = pytest.mark.socket


async def works(stage: Stage, handshake: Handshake, step: Step) -> None:
    """Assert that the user's own callback still gives the token, with one exchange altogether."""
    token = await handshake.complete(step.callback, bind=BIND)
    assert token.params["screen_name"] == "ann"
    assert len(stage.fake.exchanges) == 1


async def test_a_user_is_connected_and_the_service_posts_for_them(stage: Stage, handshake: Handshake) -> None:
    pending = await handshake.begin(CALLBACK, bind=BIND, data={"next": "/home"}, params={"scope": "a b"})
    assert pending.url == f"{stage.fake.url}oauth/authorize?oauth_token={pending.request_token.key}"
    callback = await stage.fake.approve(pending.url, user="ann")
    looked = await handshake.pending(callback, bind=BIND)
    assert looked == pending
    # Merged into anything, these would replace the stored secret.
    polluted = f"{callback}&oauth_token_secret=EVIL&self=1&request_token=EVIL&save_as=EVIL"
    token = await handshake.complete(polluted, bind=BIND, save_as="ann")
    async with OAuth1Session(stage.fake.consumer, provider=stage.fake.provider, store=stage.store) as session:
        await session.post("posts", json={"text": "Hello"}, user="ann")
    assert [(post.user, post.text) for post in stage.fake.posts] == [("ann", "Hello")]
    assert await stage.stored() == token
    assert stage.fake.refused() == []


async def test_access_tokens_can_have_their_own_store(stage: Stage) -> None:
    tokens = MemoryStore()
    async with stage.handshake(tokens=tokens) as handshake:
        step = await stage.approved(handshake)
        token = await handshake.complete(step.callback, bind=BIND, save_as="ann")
    assert await tokens.get_access_token(stage.fake.provider.name, "ann") == token
    assert await stage.stored() is None


async def test_save_as_without_a_token_store_is_refused(stage: Stage) -> None:
    class OnlyPending:
        add_pending = stage.store.add_pending
        get_pending = stage.store.get_pending
        swap_pending = stage.store.swap_pending

    async with stage.handshake(store=OnlyPending()) as handshake:
        step = await stage.approved(handshake)
        with pytest.raises(TypeError, match="tokens="):
            await handshake.complete(step.callback, bind=BIND, save_as="ann")
        await works(stage, handshake, step)


async def test_every_call_needs_a_bind(stage: Stage, handshake: Handshake) -> None:
    bind: Any = None
    step = await stage.approved(handshake)
    for call in (
        handshake.begin(CALLBACK, bind=bind),
        handshake.complete(step.callback, bind=bind),
        handshake.complete_with_verifier(step.key, step.verifier, bind=bind),
        handshake.pending(step.callback, bind=bind),
    ):
        with pytest.raises(ValueError, match="bind"):
            await call
    assert len(stage.fake.accepted("request_token")) == 1
    await works(stage, handshake, step)


@pytest.mark.parametrize(
    "data",
    [{"a": 1}, {"a": None}, {"a": {}}, {1: "a"}, {"a": "x" * 4096}, {"x" * 4096: ""}, {"a": "\0" * 700}],
    ids=["number", "None", "dict", "name", "long", "long name", "long as it is stored"],
)
@pytest.mark.parametrize("name", ["data", "authorize_params"])
async def test_unusable_data_is_refused(stage: Stage, handshake: Handshake, name: str, data: Any) -> None:
    options: dict[str, Any] = {name: data}
    with pytest.raises(ValueError, match=name):
        await handshake.begin(CALLBACK, bind=BIND, **options)
    assert len(stage.fake.ledger) == 0


@pytest.mark.parametrize("data", [{}, {"v": "1"}, {"": ""}, {"\ud800": "é☃\0"}, {"a": "x" * 4000}])
async def test_data_is_returned_unchanged(stage: Stage, handshake: Handshake, data: dict[str, str]) -> None:
    pending = await handshake.begin(CALLBACK, bind=BIND, data=data)
    callback = await stage.fake.approve(pending.url)
    for _ in range(2):
        looked = await handshake.pending(callback, bind=BIND)
        assert looked is not None
        assert looked.data == data
        await handshake.complete(callback, bind=BIND)


async def test_an_unconfirmed_callback_starts_no_handshake() -> None:
    """Session fixation: by OAuth 1.0 a victim could approve the handshake that an attacker began."""
    store = FaultyStore(MemoryStore())
    reply = b"oauth_token=rt&oauth_token_secret=rt-secret-CANARY&oauth_callback_confirmed=false"
    async with Endpoint(http(reply)) as endpoint, endpoint.handshake(store=store) as handshake:
        with pytest.raises(TokenResponseError, match="did not confirm") as raised:
            await handshake.begin(CALLBACK, bind=BIND)
    assert store.done == []
    assert leaks(raised.value, ["rt-secret-CANARY"]) == []


async def test_a_reissued_request_token_is_refused() -> None:
    async with Endpoint(http(REQUEST_TOKEN)) as endpoint, endpoint.handshake() as handshake:
        first = await handshake.begin(CALLBACK, bind=BIND)
        with pytest.raises(TokenResponseError, match="still pending"):
            await handshake.begin(CALLBACK, bind="an attacker's browser")
        assert await handshake.pending("oauth_token=rt", bind=BIND) == first


async def test_a_request_token_too_long_to_keep_is_refused_at_begin() -> None:
    secret = b"%22" * 1020
    reply = b"oauth_token=" + secret + b"&oauth_token_secret=" + secret + b"&oauth_callback_confirmed=true"
    more = b"".join(b"&p%d=" % number + b"v" * 90 for number in range(40))
    async with Endpoint(http(reply + more)) as endpoint, endpoint.handshake() as handshake:
        with pytest.raises(TokenResponseError, match="too long to be stored"):
            await handshake.begin(CALLBACK, bind=BIND, data={"a": "x" * 4000})


@pytest.mark.parametrize(
    "bind", ["another browser", "browser ", "BROWSER", "browse", "é", "\ud800", "x" * 100_000]
)
async def test_a_callback_in_another_browser_is_refused(
    stage: Stage, handshake: Handshake, bind: str
) -> None:
    step = await stage.approved(handshake)
    before = await stage.record(step)
    for _ in range(3):
        with pytest.raises(CallbackError, match="elsewhere"):
            await handshake.complete(step.callback, bind=bind, save_as="mallory")
        with pytest.raises(CallbackError, match="elsewhere"):
            await handshake.complete_with_verifier(step.key, "guess", bind=bind)
    assert await handshake.pending(step.callback, bind=bind) is None
    assert stage.fake.exchanges == []
    assert await stage.record(step) == before
    await works(stage, handshake, step)
    with pytest.raises(
        CallbackError, match="elsewhere"
    ):  # nor does the token go to another browser afterwards
        await handshake.complete(step.callback, bind=bind)


@pytest.mark.parametrize(
    "callback",
    [
        *["oauth_token=never-heard-of&oauth_verifier=v", "oauth_token=%F0%9D%84%9E&oauth_verifier=v"],
        *["oauth_token=a:b/../c*&oauth_verifier=v", "oauth_verifier=v", "oauth_token=&oauth_verifier=v", ""],
        "https://consumer.example/connected",
        # Something twice, or unclean.
        *[
            "{callback}&oauth_token=other",
            "{callback}&oauth%5Ftoken=other",
            "{callback}&oauth_verifier=other",
        ],
        *["{callback}&denied=a&denied=b", "{callback}&oauth_problem=%00"],
        # No verifier, or an unclean one.
        *["oauth_token={key}&oauth_verifier=" + verifier for verifier in ("", " ", "%20", "%00", "\ud800")],
        *["oauth_token={key}&oauth_verifier=" + verifier for verifier in ("%C2%85", "%FF", "%ED%A0%80")],
        *["oauth_token={key}&oauth_verifier=" + verifier for verifier in ("v%0D%0AX-Evil:%201", "v" * 2049)],
    ],
    ids=lambda callback: ascii(callback)[:50],
)
async def test_an_unusable_callback_changes_nothing(
    stage: Stage, handshake: Handshake, callback: str
) -> None:
    step = await stage.approved(handshake)
    callback = callback.format(callback=step.callback, key=step.key)
    with pytest.raises(CallbackError):
        await handshake.complete(callback, bind=BIND)
    if step.key not in callback or step.callback in callback:
        assert await handshake.pending(callback, bind=BIND) is None
    await works(stage, handshake, step)


async def test_equal_request_tokens_of_two_providers_stay_apart() -> None:
    def reply(name: bytes) -> list[bytes]:
        return [http(REQUEST_TOKEN), http(b"oauth_token=at-" + name + b"&oauth_token_secret=s")]

    store = MemoryStore()
    async with (
        Endpoint(*reply(b"good"), name="good") as good,
        Endpoint(*reply(b"evil"), name="evil") as evil,
        good.handshake(store=store) as of_good,
        evil.handshake(store=store) as of_evil,
    ):
        await of_good.begin("https://consumer.example/good", bind="victim")
        callback = "https://consumer.example/good?oauth_token=rt&oauth_verifier=verifier-of-good"
        with pytest.raises(CallbackError):  # there is nothing of evil's under that request token
            await of_evil.complete(callback, bind="victim")
        await of_evil.begin("https://consumer.example/evil", bind="attacker")
        with pytest.raises(CallbackError):  # and now there is, and it is not the victim's
            await of_evil.complete(callback, bind="victim")
        assert (await of_good.complete(callback, bind="victim")).key == "at-good"
        assert (await of_evil.complete("oauth_token=rt&oauth_verifier=w", bind="attacker")).key == "at-evil"
        assert len(evil.requests) == 2
        assert all(b"verifier-of-good" not in request for request in evil.requests)


async def test_a_record_under_another_key_is_refused(stage: Stage, handshake: Handshake) -> None:
    mine = await stage.approved(handshake)
    name = stage.fake.provider.name
    held = await stage.store.get_pending(name, mine.key)
    assert held is not None
    await stage.store.add_pending(name, "copied", held.value, ttl=60)
    await stage.store.add_pending("elsewhere", mine.key, held.value, ttl=60)
    elsewhere = replace(stage.fake.provider, name="elsewhere")
    other = Handshake(elsewhere, stage.fake.consumer, store=stage.store)
    for one, key in ((handshake, "copied"), (other, mine.key)):
        with pytest.raises(CallbackError, match="begun elsewhere"):
            await one.complete_with_verifier(key, mine.verifier, bind=BIND)
    await works(stage, handshake, mine)


async def test_an_unreadable_record_is_store_corrupt(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    name = stage.fake.provider.name
    held = await stage.store.get_pending(name, step.key)
    assert held is not None
    await stage.store.swap_pending(name, step.key, held, b"{}")
    for call in (handshake.complete(step.callback, bind=BIND), handshake.pending(step.callback, bind=BIND)):
        with pytest.raises(StoreCorrupt):
            await call
    assert stage.fake.exchanges == []


async def test_a_handshake_expires_after_its_ttl() -> None:
    now = 0.0
    async with (
        staged(FakeProvider(), MemoryStore(clock=lambda: now)) as stage,
        stage.handshake(ttl=600) as handshake,
    ):
        step = await stage.approved(handshake)
        now = 599.0
        assert await handshake.pending(step.callback, bind=BIND) is not None
        now = 600.0
        with pytest.raises(CallbackError, match="unknown, used or expired"):
            await handshake.complete(step.callback, bind=BIND)
        assert stage.fake.exchanges == []


@pytest.mark.parametrize("query", ["denied={}&oauth_verifier=v", "error=access_denied&oauth_token={}"])
async def test_a_denial_counts_in_its_own_browser(stage: Stage, handshake: Handshake, query: str) -> None:
    step = await stage.approved(handshake)
    denial = "https://consumer.example/connected?" + query.format(step.key)
    with pytest.raises(CallbackError, match="elsewhere"):
        await handshake.complete(denial, bind="another browser")
    with pytest.raises(CallbackError, match="unknown"):
        await handshake.complete(denial.replace(step.key, "unknown"), bind=BIND)
    assert await handshake.pending(denial, bind=BIND) == step.pending
    for _ in range(2):
        with pytest.raises(AuthorizationDenied):
            await handshake.complete(denial, bind=BIND)
    with pytest.raises(CallbackError, match="said no"):
        await handshake.complete(step.callback, bind=BIND)
    record = await stage.record(step)
    assert (record.outcome, record.secret, dict(record.params)) == (DENIED, "", {})
    assert stage.fake.exchanges == []


@pytest.mark.parametrize("query", ["denied", "oauth_problem=user_refused"])
async def test_a_denial_without_token_changes_nothing(stage: Stage, handshake: Handshake, query: str) -> None:
    step = await stage.approved(handshake)
    with pytest.raises(AuthorizationDenied):
        await handshake.complete(f"https://consumer.example/connected?{query}", bind=BIND)
    await works(stage, handshake, step)


async def test_a_denial_after_the_exchange_is_refused(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    await works(stage, handshake, step)
    with pytest.raises(CallbackError, match="complete"):
        await handshake.complete(f"denied={step.key}", bind=BIND)
    await works(stage, handshake, step)


async def test_a_denial_does_not_stop_a_running_exchange(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    stage.fake.before = gate = Gate()
    completing = asyncio.create_task(handshake.complete(step.callback, bind=BIND))
    await gate.reached.wait()
    async with stage.handshake() as elsewhere:
        for one in (handshake, elsewhere):
            with pytest.raises(CallbackError, match="another request"):
                await one.complete(f"denied={step.key}", bind=BIND)
    gate.open.set()
    assert (await completing).params["screen_name"] == "ann"


async def test_another_problem_in_the_callback_is_reported(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    with pytest.raises(CallbackError, match="the provider reports in the callback: server_error"):
        await handshake.complete(f"error=server_error&oauth_token={step.key}", bind=BIND)
    await works(stage, handshake, step)


@pytest.mark.parametrize(
    "verifier",
    ["", " \n", "v" * 1_000_000, "v" * 2049, "a\0b", "a\r\nX-Evil: 1", "a\x85b", "a\ud800"],
    ids=ascii,
)
async def test_an_unusable_pin_is_not_sent(stage: Stage, handshake: Handshake, verifier: str) -> None:
    step = await stage.approved(handshake, "oob")
    with pytest.raises(CallbackError, match="verifier"):
        await handshake.complete_with_verifier(step.key, verifier, bind=BIND)
    assert stage.fake.exchanges == []
    token = await handshake.complete_with_verifier(step.key, step.verifier, bind=BIND)
    assert token.params["screen_name"] == "ann"


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("https://me.example/cb?oauth_token={key}&oauth_verifier={pin}", id="the whole URL"),
        pytest.param(" oauth_verifier={pin}&oauth_token={key}\n", id="its query"),
        pytest.param("oauth_verifier={pin}", id="the parameter"),
        pytest.param("\u200b{pin}\ufeff", id="characters that do not show"),
        pytest.param("{wide}", id="full-width digits"),
    ],
)
async def test_a_pin_is_taken_as_people_type_and_copy_it(
    stage: Stage, handshake: Handshake, typed: str
) -> None:
    """requests-oauthlib's examples have people paste the URL to which the browser was sent."""
    step = await stage.approved(handshake, "oob")
    wide = "".join(chr(ord(one) + 0xFEE0) for one in step.verifier)
    text = typed.format(key=step.key, pin=step.verifier, wide=wide)
    token = await handshake.complete_with_verifier(step.key, text, bind=BIND)
    assert token.params["screen_name"] == "ann"


async def test_a_pasted_url_of_another_handshake_or_a_denial_is_not_sent(
    stage: Stage, handshake: Handshake
) -> None:
    """The second one is Jira's."""
    step = await stage.approved(handshake, "oob")
    for typed, error in (
        (f"?oauth_token=other&oauth_verifier={step.verifier}", CallbackError),
        (f"?oauth_token={step.key}&oauth_verifier=denied", AuthorizationDenied),
    ):
        with pytest.raises(error):
            await handshake.complete_with_verifier(step.key, typed, bind=BIND)
    assert stage.fake.exchanges == []


async def test_pending_consumes_nothing(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    for _ in range(3):
        assert await handshake.pending(step.callback, bind=BIND) == step.pending
    await works(stage, handshake, step)
    looked = await handshake.pending(step.callback, bind=BIND)
    assert looked is not None
    assert (looked.request_token.key, looked.request_token.secret) == (step.key, "")


async def test_the_request_token_secret_is_erased_in_the_end(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    secret = step.pending.request_token.secret
    held = await stage.store.get_pending(stage.fake.provider.name, step.key)
    assert held is not None
    assert secret.encode() in held.value
    assert secret not in f"{held!r} {held} {step.pending!r}"
    await works(stage, handshake, step)
    held = await stage.store.get_pending(stage.fake.provider.name, step.key)
    assert held is not None
    assert secret.encode() not in held.value
    assert step.verifier.encode() not in held.value


async def test_concurrent_users_get_their_own_tokens(stage: Stage, handshake: Handshake) -> None:
    async def connect(number: int) -> AccessToken:
        browser = f"browser {number // 2}"  # of which two tabs are open
        pending = await handshake.begin(CALLBACK, bind=browser)
        callback = await stage.fake.approve(pending.url, user=f"user {number}")
        return await handshake.complete(callback, bind=browser, save_as=f"user {number}")

    tokens = await asyncio.gather(*map(connect, range(40)))
    for number, token in enumerate(tokens):
        assert token.params["screen_name"] == f"user {number}"
        assert await stage.stored(f"user {number}") == token


async def test_begin_without_callback_still_needs_a_verifier() -> None:
    async with (
        Endpoint(http(REQUEST_TOKEN), http(b"oauth_token=at&oauth_token_secret=s")) as endpoint,
        endpoint.handshake() as handshake,
    ):
        pending = await handshake.begin(None, bind=BIND)
        assert b"oauth_callback" not in endpoint.requests[0]
        assert "oauth_callback" not in pending.url
        with pytest.raises(CallbackError, match="no verifier"):
            await handshake.complete("?oauth_token=rt", bind=BIND)
        assert (await handshake.complete("?oauth_token=rt&oauth_verifier=v", bind=BIND)).key == "at"
    assert len(endpoint.requests) == 2


async def test_an_unknown_handshake_hints_at_another_process(stage: Stage) -> None:
    async with stage.handshake() as here, stage.handshake(store=MemoryStore()) as elsewhere:
        step = await stage.approved(here)
        with pytest.raises(CallbackError, match="kept by another process"):
            await elsewhere.complete(step.callback, bind=BIND)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"provider": "x"}, "provider must be a Provider, not str"),
        ({"provider": Provider}, "not the class Provider"),
        ({"consumer": ("key", "secret")}, "consumer must be a Consumer"),
        ({"consumer": Consumer}, "not the class Consumer"),
        ({"store": {}}, "store must be a store such as MemoryStore"),
        ({"store": MemoryStore}, "write MemoryStore"),
        ({"tokens": {}}, "tokens must be a store"),
        ({"tokens": MemoryStore}, "write MemoryStore"),
        ({"http": "https://x"}, "http must be an aiohttp.ClientSession"),
        ({"timeout": "12"}, "timeout must be a number"),
        ({"timeout": True}, "timeout must be a number"),
        ({"ttl": None}, "ttl must be a number"),
        ({"clock": 7}, "clock must be a function"),
        ({"nonce": "x"}, "nonce must be a function"),
        ({"basic_auth": ("a", "b")}, "basic_auth must be what aiohttp.encode_basic_auth"),
    ],
)
def test_a_wrong_type_is_refused_at_construction(given: dict[str, Any], says: str) -> None:
    options: dict[str, Any] = {"provider": Provider("p"), "consumer": Consumer("k", "s")}
    options |= {"store": MemoryStore(), **given}
    with pytest.raises(TypeError, match=says):
        Handshake(options.pop("provider"), options.pop("consumer"), **options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("ttl", ttl) for ttl in (0, -1, float("nan"), float("inf"))],
        ("timeout", 0),
        ("timeout", float("nan")),
        ("timeout", float("inf")),
    ],
)
def test_an_unusable_ttl_or_timeout_is_refused(name: str, value: float) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=name):
        Handshake(Provider("p"), Consumer("k", "s"), store=MemoryStore(), **options)


@pytest.mark.parametrize("given", ["rt", AccessToken("k", "s"), None, ("k", "s")], ids=repr)
async def test_what_is_no_request_token_is_neither_shown_to_the_browser_nor_exchanged(given: Any) -> None:
    async with Endpoint() as endpoint, endpoint.handshake() as handshake:
        with pytest.raises(TypeError, match=r"request_token must be a RequestToken\(key, secret\), not"):
            handshake.authorization_url(given)
        with pytest.raises(TypeError, match="request_token must be a RequestToken"):
            await handshake.fetch_access_token(given, "v")
        for name in ("data", "authorize_params"):
            options: Any = {name: [("a", "b")]}
            with pytest.raises(TypeError, match=f"{name} must be a mapping of str to str, not list"):
                await handshake.begin(CALLBACK, bind=BIND, **options)
    assert not endpoint.requests


async def test_a_wrong_type_is_refused_at_completion(stage: Stage, handshake: Handshake) -> None:
    step = await stage.approved(handshake)
    wrong: Any = step.pending.request_token
    with pytest.raises(TypeError, match="request_token_key must be a str, not RequestToken"):
        await handshake.complete_with_verifier(wrong, step.verifier, bind=BIND)
    for user in (7, b"ann", ["ann"]):
        save_as: Any = user
        with pytest.raises(TypeError, match="save_as must be"):
            await handshake.complete(step.callback, bind=BIND, save_as=save_as)
    assert stage.fake.exchanges == []


async def test_a_handshake_has_read_only_properties_and_two_closes() -> None:
    store = MemoryStore()
    provider, consumer = Provider("p"), Consumer("k", "s")
    handshake = Handshake(provider, consumer, store=store)
    assert (handshake.provider, handshake.consumer, handshake.store) == (provider, consumer, store)
    for name in ("provider", "consumer", "store"):
        with pytest.raises(AttributeError):
            setattr(handshake, name, None)
    await handshake.close()
    await handshake.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await handshake.begin("oob", bind=BIND)
