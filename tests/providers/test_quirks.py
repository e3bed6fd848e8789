"""Each quirk at the socket: with its setting a provider that has it is content, without it refuses.

The provider is FakeProvider, told by the same data what to demand; it verifies the bytes that arrive.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import aiohttp
import pytest
from aiohttp import FormData, TCPConnector
from wire.listener import Names

from aiooauth1 import (
    AuthorizationDenied,
    CallbackError,
    Consumer,
    Handshake,
    MemoryStore,
    OAuth1Session,
    Provider,
    ProviderError,
    SigningError,
    TokenResponseError,
    raise_for_problem,
)
from aiooauth1.providers import ProviderSunsetWarning
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, SigningRules
from aiooauth1.testing import Arrival, AuthorizePageError, FakeProvider, FakeProviderProcess


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1.credentials import AccessToken
    from aiooauth1.signing import SignatureMethod


pytestmark = pytest.mark.socket

CALLBACK = "https://consumer.example/connected?flow=7"
CONSUMER = Consumer("ab!c=/+d", "s&cret")  # of characters that are encoded


# What a consumer does

Act = Callable[[FakeProvider, Provider], Awaitable[None]]


async def _shake_hands(fake: FakeProvider | FakeProviderProcess, provider: Provider) -> AccessToken:
    async with Handshake(provider, fake.consumer, store=MemoryStore()) as handshake:
        pending = await handshake.begin(CALLBACK, bind="browser")
        return await handshake.complete(await fake.approve(pending.url), bind="browser")


async def _connect(fake: FakeProvider | FakeProviderProcess, provider: Provider) -> None:
    await _shake_hands(fake, provider)


async def _call(fake: FakeProvider, provider: Provider, method: str, path: str, **options: Any) -> None:
    token = fake.issue_access_token("ann")
    async with (
        OAuth1Session(fake.consumer, token, provider=provider, retry=None) as session,
        session.request(method, path, **options) as response,
    ):
        await raise_for_problem(response)


def _calling(method: str, path: str, **options: Any) -> Act:
    return lambda fake, provider: _call(fake, provider, method, path, **options)


_get = _calling("GET", "echo?b=2&a=1")
_get_array = _calling("GET", "echo", params={f"a[{index}]": index for index in (10, 2, 1)})
_get_literal_escape = _calling("GET", "echo", params={"s": "%41"})
_get_params = _calling("GET", "echo?c=%20&b=2", params={"é": "1", "a": "+", "b": [10, 9]})
_post_json = _calling("POST", "echo", json={"a": 1})
_post_form = _calling("POST", "echo", data=[("b", "1"), ("a", "2"), ("a", "10")])
_post_array = _calling("POST", "echo", params={"ids[]": [7, 8]}, data={"tags": ["x", "y"], "one": 1})


async def _upload(fake: FakeProvider, provider: Provider) -> None:
    form = FormData()
    form.add_field("title", "a picture & më")
    form.add_field("tags", "two\r\nlines")
    form.add_field("photo", b"\x89PNG\r\n\x1a\n--", filename="a b.png", content_type="image/png")
    await _call(fake, provider, "POST", "echo?a=1", data=form)


async def _call_without_a_token(fake: FakeProvider, provider: Provider) -> None:
    async with (
        OAuth1Session(fake.consumer, provider=provider, retry=None) as session,
        session.get("echo") as response,
    ):
        await raise_for_problem(response)


async def _call_while_the_clock_goes_back(fake: FakeProvider, provider: Provider) -> None:
    token, now = fake.issue_access_token("ann"), int(time.time())
    readings = [now]
    async with OAuth1Session(
        fake.consumer, token, provider=provider, retry=None, clock=lambda: readings[-1]
    ) as session:
        for moment in (now, now - 5, now + 1, now - 1):
            readings.append(moment)
            await raise_for_problem(await session.get("echo"))


# The table


def _header(seen: Arrival) -> str:
    return (seen.header("Authorization") or b"").decode()


def _parameters(seen: Arrival) -> dict[str, str]:
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', _header(seen))}


def _query(seen: Arrival) -> bytes:
    return seen.target.partition(b"?")[2]


def _text(seen: Arrival) -> str:
    """Return what arrived as lines: method and target, Authorization, body, and the base string."""
    request = f"{seen.method} {seen.target.decode()}"
    return f"{request}\n{_header(seen)}\n{seen.body.decode('latin-1')}\n{seen.base_string}\n"


@dataclass(frozen=True)
class Quirk:
    """One quirk.

    Attributes:
        setting: What the provider is described with.
        act: What a consumer does there.
        at: At which endpoint.
        why: Why that is refused without the setting; the ledger's word.
        wire: A pattern for what arrives there with the setting (see `_text`).
    """

    setting: dict[str, Any]
    act: Act
    at: str
    why: str
    wire: str


def _sha(name: str, body: bytes) -> str:
    return base64.b64encode(hashlib.new(name, body).digest()).decode()


def _hash_field(body: bytes) -> str:
    return f'oauth_body_hash="{quote(_sha("sha1", body), safe="")}"'


def _rules(**rules: Any) -> dict[str, Any]:
    return {"rules": SigningRules(**rules)}


ABSENT, REJECTED, INVALID = "parameter_absent", "parameter_rejected", "signature_invalid"
JSON = b'{"a": 1}'  # what `_post_json` sends
BARE_KEY = "oauth_consumer_key%3Dab%21c%3D%2F%2Bd%26"
QUIRKS = {
    "request token by GET": Quirk(
        {"request_token_method": "GET"}, _connect, "request_token", "method_not_allowed", "^GET "
    ),
    "access token by GET": Quirk(
        {"access_token_method": "GET"}, _connect, "access_token", "method_not_allowed", "^GET "
    ),
    "more request-token parameters, in the form": Quirk(
        {"request_params": {"scope": "read_public,write_public", "x_auth_access_type": "re ad"}},
        _connect, "request_token", ABSENT, "^scope=read_public%2Cwrite_public&x_auth_access_type=re%20ad$",
    ),
    "fixed authorize parameters": Quirk(
        {"authorize_params": {"perms": "write", "name": "My service"}},
        _connect, "authorize", ABSENT, "&perms=write&name=My%20service$",
    ),
    "other names on the authorize URL": Quirk(
        {"authorize_token_name": "token", "authorize_consumer_name": "key"},
        _connect, "authorize", "token_rejected", r"\?key=ab%21c%3D%2F%2Bd&token=rt-[0-9a-f]+$",
    ),
    "a signed authorize URL": Quirk(
        {"sign_authorize_url": True}, _connect, "authorize", INVALID,
        r"\?oauth_consumer_key=\S+&oauth_token=\S+&oauth_nonce=\S+&oauth_signature=",
    ),
    "a fixed realm": Quirk(
        {"realm": 'Schoology "API"'}, _get, "echo", REJECTED,
        r'^OAuth realm="Schoology \\"API\\"", oauth_consumer_key=',
    ),
    "a realm at the token endpoints": Quirk(
        {"realm": "123_SB1"}, _connect, "request_token", REJECTED, '^OAuth realm="123_SB1", '
    ),
    "the URL as realm": Quirk(
        _rules(realm_is_url=True), _get, "echo", REJECTED, r'realm="http://127.0.0.1:\d+/echo", '
    ),
    "an empty token": Quirk(
        _rules(empty_token=True), _call_without_a_token, "echo", ABSENT,
        '(?s)oauth_token="".*%26oauth_token%3D%26',
    ),
    "no version": Quirk(_rules(send_version=False), _get, "echo", REJECTED, "(?s)^(?!.*oauth_version)"),
    "no version at the token endpoints": Quirk(
        _rules(send_version=False), _connect, "request_token", REJECTED, "(?s)^(?!.*oauth_version)"
    ),
    "a body hash": Quirk(
        _rules(body_hash=True), _post_json, "echo", ABSENT, _hash_field(JSON)
    ),
    "a body hash of no body": Quirk(
        _rules(body_hash=True), _get, "echo", ABSENT,
        _hash_field(b""),
    ),
    "Mastercard's bare values": Quirk(
        _rules(body_hash=True, bare_values=True) | {"signature_method": HMAC_SHA256},
        _post_json, "echo", ABSENT,
        f"oauth_body_hash%3D{quote(_sha('sha256', JSON), safe='')}%26{BARE_KEY}",
    ),
    "bare values alone": Quirk(_rules(bare_values=True), _post_json, "echo", INVALID, BARE_KEY),
    "tokens as JSON": Quirk({"json_token_replies": True}, _connect, "request_token", "", ""),
    "a callback that is never confirmed": Quirk(
        {"insecure_unconfirmed_callback": True}, _connect, "request_token", "", ""
    ),
    "multipart text fields, signed": Quirk(
        {"sign_multipart_text": True}, _upload, "echo", INVALID,
        "^POST&[^&]*&a%3D1%26(?!.*PNG).*tags%3Dtwo%250D%250Alines"
        "%26title%3Da%2520picture%2520%2526%2520m%25C3%25AB$",
    ),
    "PHP's array names": Quirk(
        {"php_arrays": True}, _post_array, "echo", INVALID,
        r"(?s)\?ids%5B0%5D=7&ids%5B1%5D=8\n.*\ntags%5B0%5D=x&tags%5B1%5D=y&one=1\n",
    ),
    "a sorted query": Quirk(
        _rules(sorted_parameters=True), _get_params, "echo", REJECTED,
        r"\?%C3%A9=1&a=%2B&b=10&b=2&b=9&c=%20\n",
    ),
    "a sorted form": Quirk(
        _rules(sorted_parameters=True), _post_form, "echo", REJECTED, r"\na=10&a=2&b=1\n"
    ),
    "sorted, with the signature in the query": Quirk(
        _rules(sorted_parameters=True) | {"placement": "query"}, _get_params, "echo", REJECTED,
        r"\?%C3%A9=1&a=%2B&b=10&b=2&b=9&c=%20&oauth_consumer_key=\S+&oauth_token=\S+&oauth_version=1.0\n",
    ),
    "sorted token requests": Quirk(
        _rules(sorted_parameters=True) | {"request_params": {"scope": "a", "name": "b"}},
        _connect, "request_token", ABSENT, r"\nname=b&scope=a\n",
    ),
    "timestamps that never go back": Quirk(
        {"monotonic_timestamps": True},
        _call_while_the_clock_goes_back, "echo", "timestamp_refused", "oauth_timestamp=",
    ),
    "nonces of 12 characters": Quirk(
        {"nonce_length": 12}, _get, "echo", REJECTED, 'oauth_nonce="[0-9a-f]{12}"'
    ),
    "nonces of 51 characters, at a token endpoint": Quirk(
        {"nonce_length": 51}, _connect, "request_token", REJECTED, 'oauth_nonce="[0-9a-f]{51}"'
    ),
    "https signed over http": Quirk(
        _rules(signed_scheme="https"), _get, "echo", INVALID, "^GET&https%3A%2F%2F127.0.0.1%3A"
    ),
    "another host signed than the one connected to": Quirk(
        _rules(signed_origin="https://blog.example"), _connect, "request_token", INVALID,
        "^POST&https%3A%2F%2Fblog.example%2Foauth%2Frequest_token&",
    ),
    "another host and port signed, for a call": Quirk(
        _rules(signed_origin="http://blog.example:8080/"), _get, "echo", INVALID,
        "^GET&http%3A%2F%2Fblog.example%3A8080%2Fecho&",
    ),
    "a prefix before the signed path": Quirk(
        _rules(signed_origin="https://inner.example/base"), _get, "echo", INVALID,
        "^GET&https%3A%2F%2Finner.example%2Fbase%2Fecho&",
    ),
    "names in PHP's natural order": Quirk(
        _rules(natural_order=True), _get_array, "echo", INVALID, "a%255B2%255D%3D2%26a%255B10%255D%3D10"
    ),
    "values decoded twice": Quirk(
        _rules(decodes_twice=True), _get_literal_escape, "echo", INVALID, r"(?s)\?s=%2541\n.*%26s%3DA"
    ),
    "HMAC-SHA256 alone": Quirk(
        {"signature_method": HMAC_SHA256}, _get, "echo", "signature_method_rejected",
        'oauth_signature_method="HMAC-SHA256"',
    ),
    "calls signed in the query": Quirk(
        {"placement": "query"}, _get, "echo", REJECTED, r"\?b=2&a=1&oauth_consumer_key="
    ),
    "calls signed in the body": Quirk(
        {"placement": "body"}, _post_form, "echo", REJECTED, "^b=1&a=2&a=10&oauth_consumer_key="
    ),
    "request token in the query": Quirk(
        {"request_token_placement": "query"}, _connect, "request_token", REJECTED,
        r"\?.*oauth_callback=https%3A%2F%2Fconsumer.example%2F",
    ),
    "access token in the body": Quirk(
        {"access_token_placement": "body"}, _connect, "access_token", REJECTED, "^oauth.*&oauth_verifier="
    ),
}  # fmt: skip


@pytest.mark.parametrize("quirk", QUIRKS.values(), ids=QUIRKS)
async def test_a_quirky_provider_accepts_with_its_setting_and_refuses_without(quirk: Quirk) -> None:
    async with FakeProvider(like=Provider("quirky", **quirk.setting), consumer=CONSUMER) as fake:
        assert {name: getattr(fake.provider, name) for name in quirk.setting} == quirk.setting
        await quirk.act(fake, fake.provider)
        assert fake.refused() == []
        assert re.search(quirk.wire, _text(fake.accepted(quirk.at)[0]), re.MULTILINE)

        by_the_rfc = Provider("RFC 5849")
        plain = replace(fake.provider, **{name: getattr(by_the_rfc, name) for name in quirk.setting})
        with pytest.raises((ProviderError, AuthorizePageError, TokenResponseError)):
            await quirk.act(fake, plain)
        refused = [(seen.endpoint, seen.why) for seen in fake.refused()]
        assert refused == ([(quirk.at, quirk.why)] if quirk.why else [])


# The handshake


@pytest.mark.parametrize("name", ["insecure_without_verifier", "insecure_oauth_10"])
@asynccontextmanager
async def _handshaking(**setting: Any) -> AsyncIterator[tuple[FakeProvider, Handshake]]:
    async with (
        FakeProvider(like=Provider("quirky", **setting)) as fake,
        Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake,
    ):
        yield fake, handshake


@pytest.mark.parametrize("name", ["insecure_without_verifier", "insecure_oauth_10"])
async def test_an_insecure_setting_accepts_a_provider_without_verifiers(name: str) -> None:
    async with _handshaking(**{name: True}) as (fake, handshake):
        token = await _shake_hands(fake, fake.provider)
        (seen,) = fake.exchanges
        assert "oauth_verifier" not in _header(seen) + seen.base_string
        assert (seen.verdict, token.params["screen_name"]) == ("accepted", "ann")

        by_hand = await handshake.begin("oob", bind="browser")
        assert await fake.approve(by_hand.url) == ""
        token = await handshake.complete_with_verifier(by_hand.request_token.key, "", bind="browser")
        assert token.params["screen_name"] == "ann"


async def test_oauth_1_0_has_the_callback_on_the_authorize_url() -> None:
    async with _handshaking(insecure_oauth_10=True) as (fake, handshake):
        pending = await handshake.begin(CALLBACK, bind="browser")
        encoded = quote(CALLBACK, safe="")
        assert pending.url.endswith(f"?oauth_token={pending.request_token.key}&oauth_callback={encoded}")
        assert not pending.request_token.callback_confirmed
        back = await fake.approve(pending.url)
        assert back == f"{CALLBACK}&oauth_token={pending.request_token.key}"
        await handshake.complete(back, bind="browser")
        by_hand = await handshake.begin("oob", bind="browser")
        assert "oauth_callback" not in by_hand.url
        assert not any("oauth_callback" in _header(seen) for seen in fake.accepted("request_token"))

        with pytest.raises(ProviderError, match=r"OAuth 1\.0"):
            await _shake_hands(fake, replace(fake.provider, insecure_oauth_10=False))


async def test_a_signed_authorize_url_of_oauth_1_0_holds_the_callback() -> None:
    async with _handshaking(insecure_oauth_10=True, sign_authorize_url=True) as (fake, _):
        await _shake_hands(fake, fake.provider)
        assert fake.refused() == []


async def test_a_callback_may_call_the_request_token_by_another_name() -> None:
    async with _handshaking(callback_token_name="request_token") as (fake, handshake):
        pending = await handshake.begin(CALLBACK, bind="browser")
        back = await fake.approve(pending.url)
        assert f"&request_token={pending.request_token.key}&oauth_verifier=" in back
        assert await handshake.pending(back, bind="browser") is not None
        await handshake.complete(back, bind="browser")
        with pytest.raises(CallbackError, match="names no request token"):
            await _shake_hands(fake, replace(fake.provider, callback_token_name="oauth_token"))


async def test_an_empty_verifier_is_a_denial_by_the_setting_and_not_from_a_stranger() -> None:
    async with _handshaking(denied_by_empty_verifier=True) as (fake, handshake):
        pending = await handshake.begin(CALLBACK, bind="browser")
        denial = f"{CALLBACK}&oauth_token={pending.request_token.key}&oauth_verifier="
        with pytest.raises(CallbackError, match="elsewhere"):
            await handshake.complete(denial, bind="stranger")
        assert await fake.deny(pending.url) == denial
        with pytest.raises(AuthorizationDenied):
            await handshake.complete(denial, bind="browser")


async def test_parameters_of_one_handshake_join_those_of_the_provider() -> None:
    fixed = {"request_params": {"scope": "read", "lang": "en"}, "authorize_params": {"perms": "read"}}
    more = {"params": {"scope": "wri te", "x": "write"}, "authorize_params": {"perms": "delete"}}
    async with _handshaking(request_token_method="GET", **fixed) as (fake, handshake):
        pending = await handshake.begin(CALLBACK, bind="browser", **more)
        await handshake.complete(await fake.approve(pending.url), bind="browser")
        assert _query(fake.accepted("request_token")[0]) == b"scope=wri%20te&lang=en&x=write"
        assert _query(fake.accepted("authorize")[0]).endswith(b"&perms=delete")


# What is signed


@pytest.mark.parametrize("method", [HMAC_SHA1, HMAC_SHA256, HMAC_SHA512], ids=lambda method: method.name)
async def test_the_body_hash_is_of_the_method_s_hash_and_a_form_has_none(method: SignatureMethod) -> None:
    like = Provider("hashes", rules=SigningRules(body_hash=True), signature_method=method)
    name = method.name.rpartition("-")[2].lower()
    bodies: list[tuple[dict[str, Any], bytes | None]] = [
        ({"json": {"a": 1}}, b'{"a": 1}'),
        ({"data": b"\x00\xff"}, b"\x00\xff"),
        ({"data": "a=1"}, b"a=1"),
        ({"data": _pieces()}, b"onetwo"),
        ({}, b""),
        ({"data": {"a": "1"}}, None),
        ({"data": {}}, None),
    ]
    async with FakeProvider(like=like) as fake:
        for options, hashed in bodies:
            await _call(fake, fake.provider, "POST", "echo", **options)
            seen = fake.accepted("echo")[-1]
            given = _parameters(seen).get("oauth_body_hash")
            assert given == (None if hashed is None else _sha(name, hashed))
        # The extension forbids it at the token endpoints.
        await _shake_hands(fake, fake.provider)
        assert all("oauth_body_hash" not in _header(seen) for seen in fake.ledger if "token" in seen.endpoint)


async def _pieces() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


async def test_an_upload_too_long_to_verify_is_answered_with_413() -> None:
    async with FakeProvider(like=Provider("uploads", sign_multipart_text=True), body_limit=100) as fake:
        with pytest.raises(ProviderError) as refused:
            await _upload(fake, fake.provider)
        assert refused.value.status == 413


async def test_token_endpoints_on_another_machine_take_plain_http_with_allow_http_alone() -> None:
    async with (
        FakeProvider() as fake,
        aiohttp.ClientSession(connector=TCPConnector(resolver=Names())) as http,
    ):
        elsewhere = replace(
            fake.provider,
            request_token_url=fake.provider.request_token_url.replace("127.0.0.1", "shop.example"),
        )
        async with Handshake(elsewhere, fake.consumer, store=MemoryStore(), http=http) as handshake:
            with pytest.raises(SigningError, match="plain http"):
                await handshake.fetch_request_token(CALLBACK)
        assert len(fake.ledger) == 0
        allowing = replace(elsewhere, allow_http=True)
        async with Handshake(allowing, fake.consumer, store=MemoryStore(), http=http) as handshake:
            await handshake.fetch_request_token(CALLBACK)
        assert len(fake.accepted("request_token")) == 1


# User-Agent


async def test_a_required_user_agent_is_sent_or_the_request_is_not() -> None:
    like = Provider("polite", needs_user_agent=True, user_agent="my-service/1.0 (+https://me.example)")
    async with FakeProvider(like=like) as fake:
        await _shake_hands(fake, fake.provider)
        await _get(fake, fake.provider)
        await _call(fake, fake.provider, "GET", "echo", headers={"User-Agent": "this-call/2"})
        await _call(fake, fake.provider, "GET", "echo", skip_auto_headers=["User-Agent"])
        signed = [seen for seen in fake.ledger if seen.endpoint != "authorize"]
        assert [seen.header("User-Agent") for seen in signed] == [
            *[b"my-service/1.0 (+https://me.example)"] * 3,
            b"this-call/2",
            b"my-service/1.0 (+https://me.example)",
        ]
        nameless = replace(fake.provider, user_agent=None)
        async with (
            aiohttp.ClientSession(headers={"User-Agent": "mine/3"}) as http,
            Handshake(nameless, fake.consumer, store=MemoryStore(), http=http) as own,
        ):
            await own.begin(CALLBACK, bind="browser")
        assert fake.ledger[-1].header("User-Agent") == b"mine/3"
        asked = len(fake.ledger)
        for act in (_get, _connect):
            with pytest.raises(SigningError, match="requires a User-Agent"):
                await act(fake, nameless)
        assert len(fake.ledger) == asked

        unaware = replace(nameless, needs_user_agent=False)
        for act in (_get, _connect):
            with pytest.raises(ProviderError):
                await act(fake, unaware)
        assert [seen.why for seen in fake.refused()] == ["user_agent_absent"] * 2


# Later calls, and the end


async def test_a_session_refuses_to_sign_for_a_provider_of_unsigned_calls() -> None:
    async with FakeProvider(like=Provider("keys", signs_calls=False)) as fake:
        token = await _shake_hands(fake, fake.provider)
        async with OAuth1Session(fake.consumer, token, provider=fake.provider) as session:
            with pytest.raises(SigningError, match=r"session\.http"):
                await session.get("posts")
            with pytest.raises(SigningError, match=r"session\.http"):
                await session.sign("GET", "posts")
            assert len(fake.accepted("posts")) == 0
            url, key = f"{fake.url}posts", {"Authorization": f"Bearer {token.key}"}
            async with session.http.post(url, headers=key, json={"text": "Hello"}) as response:
                assert response.status == 201
            for wrong in ("Bearer wrong", f"Basic {token.key}", token.key):
                async with session.http.get(url, headers={"Authorization": wrong}) as response:
                    assert response.status == 401
            fake.revoke(token.key)
            async with session.http.get(url, headers=key) as response:
                assert response.status == 401
        assert [(post.user, post.text) for post in fake.posts] == [("ann", "Hello")]
        with pytest.raises(ProviderError, match="not signed here"):
            await _get(fake, replace(fake.provider, signs_calls=True))


async def test_sessions_and_handshakes_warn_their_caller_of_a_sunset() -> None:
    async with FakeProvider(like=Provider("late", sunset=date(2026, 12, 31))) as fake:
        assert fake.provider.sunset == date(2026, 12, 31)
        with pytest.warns(
            ProviderSunsetWarning, match="'late' takes OAuth 1.0a until 2026-12-31 only"
        ) as told:
            await _connect(fake, fake.provider)
        assert [Path(warning.filename).name for warning in told] == [Path(__file__).name]
        with pytest.warns(ProviderSunsetWarning) as told:
            await _get(fake, fake.provider)
        assert [Path(warning.filename).name for warning in told] == [Path(__file__).name]
        await _get(fake, replace(fake.provider, sunset=None))  # warnings are errors here


async def test_monotonic_timestamps_hold_across_the_users_of_a_session() -> None:
    async with FakeProvider(like=Provider("strict", monotonic_timestamps=True)) as fake:
        now = int(time.time())
        readings = iter([now, now - 9, now - 3, now + 2])
        async with OAuth1Session(
            fake.consumer, provider=fake.provider, clock=lambda: next(readings), retry=None
        ) as session:
            for user in ("ann", "bob", "ann", "bob"):
                token = fake.issue_access_token(user)
                async with session.get("echo", token=token) as response:
                    assert response.status == 200
        stamps = [int(seen.timestamp or 0) for seen in fake.accepted("echo")]
        assert stamps == [now, now, now, now + 2]


async def test_monotonic_timestamps_hold_in_a_handshake() -> None:
    async with FakeProvider(like=Provider("strict", monotonic_timestamps=True)) as fake:
        now = int(time.time())
        readings = iter([now])
        async with Handshake(
            fake.provider, fake.consumer, store=MemoryStore(), clock=lambda: next(readings, now - 7)
        ) as handshake:
            for _ in range(2):
                await handshake.fetch_request_token(CALLBACK)
        assert [int(seen.timestamp or 0) for seen in fake.accepted("request_token")] == [now, now]
        assert next(readings, None) is None


async def test_a_nonce_function_is_not_cut_to_the_nonce_length() -> None:
    async with FakeProvider(like=Provider("short", nonce_length=8)) as fake:
        async with (
            OAuth1Session(fake.consumer, provider=fake.provider, nonce=lambda: "mine0001") as session,
            session.get("echo") as response,
        ):
            assert response.status == 200
        assert fake.accepted("echo")[0].nonce == "mine0001"


# FakeProvider itself


async def test_a_fake_provider_in_its_own_process_has_the_quirks_too() -> None:
    quirks: dict[str, Any] = {
        "realm": "photos",
        "request_params": {"scope": "read"},
        "rules": SigningRules(signed_scheme="https"),
        "sunset": date(2027, 1, 31),
        "signature_method": HMAC_SHA512,
        "denied_by_empty_verifier": True,
    }
    async with FakeProviderProcess(like=Provider("child", **quirks)) as fake:
        assert {name: getattr(fake.provider, name) for name in quirks} == quirks
        provider = replace(fake.provider, sunset=None)
        async with Handshake(provider, fake.consumer, store=MemoryStore()) as handshake:
            denied = await handshake.begin(CALLBACK, bind="browser")
            with pytest.raises(AuthorizationDenied):
                await handshake.complete(await fake.deny(denied.url), bind="browser")
        with pytest.raises(ProviderError, match="signature_invalid"):
            await _connect(fake, replace(provider, rules=SigningRules()))


class _Own:
    name = "OWN-SHA1"

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        return base64.b64encode(f"{len(base_string)}{consumer_secret}{token_secret}".encode()).decode()


async def test_a_custom_signature_method_needs_a_custom_verifier() -> None:
    like = Provider("own", signature_method=_Own())
    with pytest.raises(ValueError, match="OWN-SHA1"):
        FakeProvider(like=like)
    with pytest.raises(ValueError, match="OWN-SHA1"):
        FakeProviderProcess(like=like)

    def verify(base_string: bytes, signature: str, consumer_secret: str, token_secret: str) -> bool:
        return signature == _Own().sign(base_string.decode(), consumer_secret, token_secret)

    async with FakeProvider(like=like, signature_methods={"OWN-SHA1": verify}) as fake:
        await _get(fake, fake.provider)
        with pytest.raises(ProviderError, match="signature_method_rejected"):
            await _get(fake, replace(fake.provider, signature_method=HMAC_SHA1))
