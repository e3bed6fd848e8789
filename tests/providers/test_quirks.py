"""Each quirk at the socket: with its setting a provider that has it is content, without it refuses.

The provider is FakeProvider, told by the same data what to demand; it verifies the bytes that arrive.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import aiohttp
import pytest
from aiohttp import BytesPayload, FormData, TCPConnector
from wire.certificates import client_tls, server_tls
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
from aiooauth1.signing import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, SigningRules, sign
from aiooauth1.testing import Arrival, AuthorizePageError, FakeProvider, FakeProviderProcess


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiooauth1.credentials import AccessToken
    from aiooauth1.signing import SignatureMethod


pytestmark = pytest.mark.socket

CALLBACK = "https://consumer.example/connected?flow=7"
CONSUMER = Consumer("ab!c=/+d", "s&cret")  # of characters that are encoded


# What a consumer does


async def _shake_hands(fake: FakeProvider, provider: Provider) -> AccessToken:
    async with Handshake(provider, fake.consumer, store=MemoryStore()) as handshake:
        pending = await handshake.begin(CALLBACK, bind="browser")
        return await handshake.complete(await fake.approve(pending.url), bind="browser")


async def _connect(fake: FakeProvider, provider: Provider) -> None:
    await _shake_hands(fake, provider)


async def _call(fake: FakeProvider, provider: Provider, method: str, path: str, **options: Any) -> None:
    token = fake.issue_access_token("ann")
    async with (
        OAuth1Session(fake.consumer, token, provider=provider, retry=None) as session,
        session.request(method, path, **options) as response,
    ):
        await raise_for_problem(response)


async def _get(fake: FakeProvider, provider: Provider) -> None:
    await _call(fake, provider, "GET", "echo?b=2&a=1")


async def _get_array(fake: FakeProvider, provider: Provider) -> None:
    await _call(fake, provider, "GET", "echo", params={f"a[{index}]": index for index in (10, 2, 1)})


async def _get_literal_escape(fake: FakeProvider, provider: Provider) -> None:
    await _call(fake, provider, "GET", "echo", params={"s": "%41"})


async def _get_params(fake: FakeProvider, provider: Provider) -> None:
    await _call(fake, provider, "GET", "echo?c=%20&b=2", params={"é": "1", "a": "+", "b": [10, 9]})


async def _post_json(fake: FakeProvider, provider: Provider) -> None:
    await _call(fake, provider, "POST", "echo", json={"a": 1})


async def _post_form(fake: FakeProvider, provider: Provider) -> None:
    await _call(fake, provider, "POST", "echo", data=[("b", "1"), ("a", "2"), ("a", "10")])


async def _post_form_bytes(fake: FakeProvider, provider: Provider) -> None:
    # PHP makes nested arrays of these, and their items keep the order in which they came.
    form = BytesPayload(b"filter[z]=1&filter[a]=x+y", content_type="application/x-www-form-urlencoded")
    await _call(fake, provider, "POST", "echo", data=form)


async def _post_array(fake: FakeProvider, provider: Provider) -> None:
    await _call(fake, provider, "POST", "echo", params={"ids[]": [7, 8]}, data={"tags": ["x", "y"], "one": 1})


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


@dataclass(frozen=True)
class Quirk:
    """One quirk.

    Attributes:
        setting: What the provider is described with.
        act: What a consumer does there.
        why: Why that is refused without the setting; the ledger's word.
        at: At which endpoint.
        wire: Whether what arrives there with the setting is, byte for byte, as the provider wants it.
    """

    setting: dict[str, Any]
    act: Callable[[FakeProvider, Provider], Awaitable[None]]
    why: str
    at: str
    wire: Callable[[Arrival], bool]


def _sha(name: str, body: bytes) -> str:
    return base64.b64encode(hashlib.new(name, body).digest()).decode()


def _hashed(name: str, body: bytes) -> Callable[[Arrival], bool]:
    return lambda seen: _parameters(seen)["oauth_body_hash"] == _sha(name, body)


QUIRKS = {
    "request token by GET": Quirk(
        {"request_token_method": "GET"},
        _connect,
        "method_not_allowed",
        "request_token",
        lambda seen: seen.method == "GET",
    ),
    "access token by GET": Quirk(
        {"access_token_method": "GET"},
        _connect,
        "method_not_allowed",
        "access_token",
        lambda seen: seen.method == "GET",
    ),
    "more request-token parameters, in the form": Quirk(
        {"request_params": {"scope": "read_public,write_public", "x_auth_access_type": "re ad"}},
        _connect,
        "parameter_absent",
        "request_token",
        lambda seen: seen.body == b"scope=read_public%2Cwrite_public&x_auth_access_type=re%20ad",
    ),
    "fixed authorize parameters": Quirk(
        {"authorize_params": {"perms": "write", "name": "My service"}},
        _connect,
        "parameter_absent",
        "authorize",
        lambda seen: _query(seen).endswith(b"&perms=write&name=My%20service"),
    ),
    "other names on the authorize URL": Quirk(
        {"authorize_token_name": "token", "authorize_consumer_name": "key"},
        _connect,
        "token_rejected",
        "authorize",
        lambda seen: re.fullmatch(rb"key=ab%21c%3D%2F%2Bd&token=rt-[0-9a-f]+", _query(seen)) is not None,
    ),
    "a signed authorize URL": Quirk(
        {"sign_authorize_url": True},
        _connect,
        "signature_invalid",
        "authorize",
        lambda seen: (
            {b"oauth_signature", b"oauth_nonce", b"oauth_consumer_key", b"oauth_token"}
            <= {pair.partition(b"=")[0] for pair in _query(seen).split(b"&")}
        ),
    ),
    "a fixed realm": Quirk(
        {"realm": 'Schoology "API"'},
        _get,
        "parameter_rejected",
        "echo",
        lambda seen: _header(seen).startswith('OAuth realm="Schoology \\"API\\"", oauth_consumer_key='),
    ),
    "a realm at the token endpoints": Quirk(
        {"realm": "123_SB1"},
        _connect,
        "parameter_rejected",
        "request_token",
        lambda seen: _header(seen).startswith('OAuth realm="123_SB1", '),
    ),
    "the URL as realm": Quirk(
        {"rules": SigningRules(realm_is_url=True)},
        _get,
        "parameter_rejected",
        "echo",
        lambda seen: f'realm="http://{(seen.header("Host") or b"").decode()}/echo", ' in _header(seen),
    ),
    "an empty token": Quirk(
        {"rules": SigningRules(empty_token=True)},
        _call_without_a_token,
        "parameter_absent",
        "echo",
        lambda seen: 'oauth_token=""' in _header(seen) and "%26oauth_token%3D%26" in seen.base_string,
    ),
    "no version": Quirk(
        {"rules": SigningRules(send_version=False)},
        _get,
        "parameter_rejected",
        "echo",
        lambda seen: "oauth_version" not in _header(seen),
    ),
    "no version at the token endpoints": Quirk(
        {"rules": SigningRules(send_version=False)},
        _connect,
        "parameter_rejected",
        "request_token",
        lambda seen: "oauth_version" not in _header(seen) + seen.base_string,
    ),
    "a body hash": Quirk(
        {"rules": SigningRules(body_hash=True)},
        _post_json,
        "parameter_absent",
        "echo",
        _hashed("sha1", b'{"a": 1}'),
    ),
    "a body hash of no body": Quirk(
        {"rules": SigningRules(body_hash=True)}, _get, "parameter_absent", "echo", _hashed("sha1", b"")
    ),
    "Mastercard's bare values": Quirk(
        {"rules": SigningRules(body_hash=True, bare_values=True), "signature_method": HMAC_SHA256},
        _post_json,
        "parameter_absent",
        "echo",
        lambda seen: (
            f"oauth_body_hash%3D{quote(_sha('sha256', seen.body), safe='')}%26" in seen.base_string
            and "oauth_consumer_key%3Dab%21c%3D%2F%2Bd%26" in seen.base_string
        ),
    ),
    "bare values alone": Quirk(
        {"rules": SigningRules(bare_values=True)},
        _post_json,
        "signature_invalid",
        "echo",
        lambda seen: "oauth_consumer_key%3Dab%21c%3D%2F%2Bd%26" in seen.base_string,
    ),
    "tokens as JSON": Quirk(
        {"json_token_replies": True}, _connect, "", "request_token", lambda seen: seen.status == 200
    ),
    "a callback that is never confirmed": Quirk(
        {"insecure_unconfirmed_callback": True},
        _connect,
        "",
        "request_token",
        lambda seen: seen.status == 200,
    ),
    "multipart text fields, signed": Quirk(
        {"sign_multipart_text": True},
        _upload,
        "signature_invalid",
        "echo",
        lambda seen: (
            "a%3D1%26" in seen.base_string
            and "tags%3Dtwo%250D%250Alines%26title%3Da%2520picture%2520%2526%2520m%25C3%25AB"
            in seen.base_string
            and "PNG" not in seen.base_string
        ),
    ),
    "PHP's array names": Quirk(
        {"php_arrays": True},
        _post_array,
        "signature_invalid",
        "echo",
        lambda seen: (
            (_query(seen), seen.body) == (b"ids%5B0%5D=7&ids%5B1%5D=8", b"tags%5B0%5D=x&tags%5B1%5D=y&one=1")
        ),
    ),
    "a sorted query": Quirk(
        {"rules": SigningRules(sorted_parameters=True)},
        _get_params,
        "parameter_rejected",
        "echo",
        lambda seen: _query(seen) == b"%C3%A9=1&a=%2B&b=10&b=2&b=9&c=%20",
    ),
    "a sorted form": Quirk(
        {"rules": SigningRules(sorted_parameters=True)},
        _post_form,
        "parameter_rejected",
        "echo",
        lambda seen: seen.body == b"a=10&a=2&b=1",
    ),
    "a sorted form that was given as bytes": Quirk(
        {"rules": SigningRules(sorted_parameters=True)},
        _post_form_bytes,
        "parameter_rejected",
        "echo",
        lambda seen: seen.body == b"filter%5Ba%5D=x%20y&filter%5Bz%5D=1",
    ),
    "sorted, with the signature in the query": Quirk(
        {"rules": SigningRules(sorted_parameters=True), "placement": "query"},
        _get_params,
        "parameter_rejected",
        "echo",
        lambda seen: (
            [pair.partition(b"=")[0] for pair in _query(seen).split(b"&")]
            == sorted(pair.partition(b"=")[0] for pair in _query(seen).split(b"&"))
        ),
    ),
    "sorted token requests": Quirk(
        {"rules": SigningRules(sorted_parameters=True), "request_params": {"scope": "a", "name": "b"}},
        _connect,
        "parameter_absent",
        "request_token",
        lambda seen: seen.body == b"name=b&scope=a",
    ),
    "timestamps that never go back": Quirk(
        {"monotonic_timestamps": True},
        _call_while_the_clock_goes_back,
        "timestamp_refused",
        "echo",
        lambda seen: seen.timestamp is not None,
    ),
    "nonces of 12 characters": Quirk(
        {"nonce_length": 12},
        _get,
        "parameter_rejected",
        "echo",
        lambda seen: re.fullmatch("[0-9a-f]{12}", seen.nonce or "") is not None,
    ),
    "nonces of 51 characters, at a token endpoint": Quirk(
        {"nonce_length": 51},
        _connect,
        "parameter_rejected",
        "request_token",
        lambda seen: re.fullmatch("[0-9a-f]{51}", seen.nonce or "") is not None,
    ),
    "http signed, whatever was connected with": Quirk(
        {"rules": SigningRules(signed_scheme="https")},
        _get,
        "signature_invalid",
        "echo",
        lambda seen: seen.base_string.startswith("GET&https%3A%2F%2F127.0.0.1%3A"),
    ),
    "another host signed than the one connected to": Quirk(
        {"rules": SigningRules(signed_origin="https://blog.example")},
        _connect,
        "signature_invalid",
        "request_token",
        lambda seen: seen.base_string.startswith("POST&https%3A%2F%2Fblog.example%2Foauth%2Frequest_token&"),
    ),
    "another host and port signed, for a call": Quirk(
        {"rules": SigningRules(signed_origin="http://blog.example:8080/")},
        _get,
        "signature_invalid",
        "echo",
        lambda seen: seen.base_string.startswith("GET&http%3A%2F%2Fblog.example%3A8080%2Fecho&"),
    ),
    "a prefix before the signed path": Quirk(
        {"rules": SigningRules(signed_origin="https://inner.example/base")},
        _get,
        "signature_invalid",
        "echo",
        lambda seen: seen.base_string.startswith("GET&https%3A%2F%2Finner.example%2Fbase%2Fecho&"),
    ),
    "names in PHP's natural order": Quirk(
        {"rules": SigningRules(natural_order=True)},
        _get_array,
        "signature_invalid",
        "echo",
        lambda seen: "a%255B2%255D%3D2%26a%255B10%255D%3D10" in seen.base_string,
    ),
    "values decoded twice": Quirk(
        {"rules": SigningRules(decodes_twice=True)},
        _get_literal_escape,
        "signature_invalid",
        "echo",
        lambda seen: _query(seen) == b"s=%2541" and "%26s%3DA" in seen.base_string,
    ),
    "HMAC-SHA256 alone": Quirk(
        {"signature_method": HMAC_SHA256},
        _get,
        "signature_method_rejected",
        "echo",
        lambda seen: seen.signature_method == "HMAC-SHA256",
    ),
    "calls signed in the query": Quirk(
        {"placement": "query"},
        _get,
        "parameter_rejected",
        "echo",
        lambda seen: _query(seen).startswith(b"b=2&a=1&oauth_consumer_key="),
    ),
    "calls signed in the body": Quirk(
        {"placement": "body"},
        _post_form,
        "parameter_rejected",
        "echo",
        lambda seen: seen.body.startswith(b"b=1&a=2&a=10&oauth_consumer_key="),
    ),
    "request token in the query": Quirk(
        {"request_token_placement": "query"},
        _connect,
        "parameter_rejected",
        "request_token",
        lambda seen: b"oauth_callback=https%3A%2F%2Fconsumer.example%2F" in _query(seen),
    ),
    "access token in the body": Quirk(
        {"access_token_placement": "body"},
        _connect,
        "parameter_rejected",
        "access_token",
        lambda seen: b"&oauth_verifier=" in seen.body,
    ),
}


@pytest.mark.parametrize("quirk", QUIRKS.values(), ids=QUIRKS)
async def test_with_its_setting_it_is_taken_and_without_refused(quirk: Quirk) -> None:
    async with FakeProvider(like=Provider("quirky", **quirk.setting), consumer=CONSUMER) as fake:
        assert {name: getattr(fake.provider, name) for name in quirk.setting} == quirk.setting
        await quirk.act(fake, fake.provider)
        assert fake.refused() == []
        assert quirk.wire(fake.accepted(quirk.at)[0])

        by_the_rfc = Provider("RFC 5849")
        plain = replace(fake.provider, **{name: getattr(by_the_rfc, name) for name in quirk.setting})
        with pytest.raises((ProviderError, AuthorizePageError, TokenResponseError)):
            await quirk.act(fake, plain)
        refused = [(seen.endpoint, seen.why) for seen in fake.refused()]
        assert refused == ([(quirk.at, quirk.why)] if quirk.why else [])


# The handshake


@pytest.mark.parametrize("name", ["insecure_without_verifier", "insecure_oauth_10"])
async def test_a_provider_without_verifiers_is_taken_by_a_setting_that_is_called_insecure(name: str) -> None:
    setting: Any = {name: True}
    async with FakeProvider(like=Provider("early", **setting)) as fake:
        token = await _shake_hands(fake, fake.provider)
        (seen,) = fake.exchanges
        assert "oauth_verifier" not in _header(seen) + seen.base_string
        assert (seen.verdict, token.params["screen_name"]) == ("accepted", "ann")

        async with Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake:
            by_hand = await handshake.begin("oob", bind="browser")
            assert await fake.approve(by_hand.url) == ""
            token = await handshake.complete_with_verifier(by_hand.request_token.key, "", bind="browser")
            assert token.params["screen_name"] == "ann"


async def test_without_verifiers_an_empty_one_is_one_too_many() -> None:
    async with FakeProvider(like=Provider("early", insecure_without_verifier=True)) as fake:
        async with Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake:
            pending = await handshake.begin(CALLBACK, bind="browser")
        await fake.approve(pending.url)
        signature = sign(
            "POST",
            fake.provider.access_token_url,
            consumer=fake.consumer,
            token=pending.request_token,
            nonce="0123456789abcdef",
            timestamp=int(time.time()),
            verifier="",
        )
        header = {"Authorization": signature.header()}
        async with (
            aiohttp.ClientSession() as http,
            http.post(fake.provider.access_token_url, headers=header) as response,
        ):
            assert "oauth_parameters_rejected=oauth_verifier" in await response.text()


async def test_elsewhere_a_callback_without_a_verifier_is_refused_and_nothing_sent() -> None:
    async with FakeProvider(like=Provider("early", insecure_without_verifier=True)) as fake:
        with pytest.raises(CallbackError, match="no verifier"):
            await _shake_hands(fake, replace(fake.provider, insecure_without_verifier=False))
        assert fake.exchanges == []


async def test_oauth_1_0_has_the_callback_on_the_authorize_url() -> None:
    async with FakeProvider(like=Provider("early", insecure_oauth_10=True)) as fake:
        async with Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake:
            pending = await handshake.begin(CALLBACK, bind="browser")
            encoded = quote(CALLBACK, safe="")
            assert pending.url.endswith(f"?oauth_token={pending.request_token.key}&oauth_callback={encoded}")
            assert not pending.request_token.callback_confirmed
            back = await fake.approve(pending.url)
            assert back == f"{CALLBACK}&oauth_token={pending.request_token.key}"
            await handshake.complete(back, bind="browser")
            by_hand = await handshake.begin("oob", bind="browser")
            assert "oauth_callback" not in by_hand.url
        (seen, _) = fake.accepted("request_token")
        assert "oauth_callback" not in _header(seen)

        with pytest.raises(ProviderError, match=r"OAuth 1\.0"):
            await _shake_hands(fake, replace(fake.provider, insecure_oauth_10=False))


async def test_a_signed_authorize_url_holds_the_callback_of_oauth_1_0_too() -> None:
    early = Provider("early", insecure_oauth_10=True, sign_authorize_url=True)
    async with FakeProvider(like=early) as fake:
        await _shake_hands(fake, fake.provider)
        assert fake.refused() == []


async def test_what_the_callback_calls_the_request_token() -> None:
    async with FakeProvider(like=Provider("renamed", callback_token_name="request_token")) as fake:
        async with Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake:
            pending = await handshake.begin(CALLBACK, bind="browser")
            back = await fake.approve(pending.url)
            assert f"&request_token={pending.request_token.key}&oauth_verifier=" in back
            assert await handshake.pending(back, bind="browser") is not None
            await handshake.complete(back, bind="browser")
        with pytest.raises(CallbackError, match="names no request token"):
            await _shake_hands(fake, replace(fake.provider, callback_token_name="oauth_token"))


DENIALS = {
    "oauth_problem": "&oauth_problem=user_refused&oauth_token={key}",
    "denied": "&denied={key}",
    "error": "&error=access_denied&error_description=The%20user%20said%20no",
    "empty_verifier": "&oauth_token={key}&oauth_verifier=",
}


@pytest.mark.parametrize(("denial", "query"), DENIALS.items(), ids=DENIALS)
async def test_every_way_to_say_that_the_user_said_no(denial: str, query: str) -> None:
    async with FakeProvider(denial=denial) as fake:
        async with Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake:
            pending = await handshake.begin(CALLBACK, bind="browser")
            back = await fake.deny(pending.url)
            assert back == CALLBACK + query.format(key=pending.request_token.key)
            with pytest.raises(AuthorizationDenied):
                await handshake.complete(back, bind="browser")
            approved = f"?oauth_token={pending.request_token.key}&oauth_verifier=made-up"
            # A denial that names no request token ends nothing, and the provider is asked.
            with pytest.raises(AuthorizationDenied if denial == "error" else CallbackError):
                await handshake.complete(approved, bind="browser")
        assert [seen.endpoint for seen in fake.refused()] == ["access_token"] * (denial == "error")


async def test_who_is_like_a_provider_says_no_as_that_does() -> None:
    async with (
        FakeProvider(like=Provider("suite", denied_by_empty_verifier=True)) as fake,
        Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake,
    ):
        pending = await handshake.begin(CALLBACK, bind="browser")
        back = await fake.deny(pending.url)
        assert back == f"{CALLBACK}&oauth_token={pending.request_token.key}&oauth_verifier="
        with pytest.raises(AuthorizationDenied):
            await handshake.complete(back, bind="browser")


async def test_a_stranger_s_empty_verifier_denies_nothing() -> None:
    async with (
        FakeProvider(like=Provider("suite", denied_by_empty_verifier=True)) as fake,
        Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake,
    ):
        pending = await handshake.begin(CALLBACK, bind="browser")
        forged = f"?oauth_token={pending.request_token.key}&oauth_verifier="
        with pytest.raises(CallbackError, match="elsewhere"):
            await handshake.complete(forged, bind="stranger")
        token = await handshake.complete(await fake.approve(pending.url), bind="browser")
        assert token.params["screen_name"] == "ann"


async def test_an_empty_verifier_says_nothing_where_it_does_not_mean_no() -> None:
    async with FakeProvider(denial="empty_verifier") as fake:
        plain = replace(fake.provider, denied_by_empty_verifier=False)
        async with Handshake(plain, fake.consumer, store=MemoryStore()) as handshake:
            pending = await handshake.begin(CALLBACK, bind="browser")
            with pytest.raises(CallbackError, match="no verifier"):
                await handshake.complete(await fake.deny(pending.url), bind="browser")


async def test_parameters_of_one_handshake_join_those_of_the_provider() -> None:
    like = Provider(
        "both",
        request_token_method="GET",
        request_params={"scope": "read", "lang": "en"},
        authorize_params={"perms": "read"},
    )
    async with FakeProvider(like=like) as fake:
        async with Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake:
            pending = await handshake.begin(
                CALLBACK,
                bind="browser",
                params={"scope": "wri te", "x_auth_access_type": "write"},
                authorize_params={"perms": "delete"},
            )
            await handshake.complete(await fake.approve(pending.url), bind="browser")
        assert _query(fake.accepted("request_token")[0]) == b"scope=wri%20te&lang=en&x_auth_access_type=write"
        assert _query(fake.accepted("authorize")[0]).endswith(b"&perms=delete")


async def test_the_authorize_page_s_own_names_can_be_renamed_one_by_one() -> None:
    async with FakeProvider(like=Provider("renamed", authorize_consumer_name="key")) as fake:
        await _shake_hands(fake, fake.provider)
        with pytest.raises(AuthorizePageError, match="its application"):
            await _shake_hands(fake, replace(fake.provider, authorize_consumer_name=""))


# What is signed


@pytest.mark.parametrize("method", [HMAC_SHA1, HMAC_SHA256, HMAC_SHA512], ids=lambda method: method.name)
async def test_the_body_hash_is_the_method_s_own_and_never_a_form_s(method: SignatureMethod) -> None:
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


async def test_without_the_setting_there_is_no_body_hash_and_no_realm() -> None:
    async with FakeProvider() as fake:
        await _post_json(fake, fake.provider)
        (seen,) = fake.accepted("echo")
    assert "oauth_body_hash" not in _header(seen)
    assert _header(seen).startswith("OAuth oauth_consumer_key=")


async def test_multipart_text_fields_that_are_signed_are_refused_by_the_rfc() -> None:
    async with FakeProvider() as fake:
        await _upload(fake, fake.provider)
        with pytest.raises(ProviderError, match="signature_invalid"):
            await _upload(fake, replace(fake.provider, sign_multipart_text=True))
        (seen,) = fake.accepted("echo")
        assert "title" not in seen.base_string


async def test_an_upload_too_long_to_be_verified_is_told_so() -> None:
    async with FakeProvider(like=Provider("uploads", sign_multipart_text=True), body_limit=100) as fake:
        with pytest.raises(ProviderError) as refused:
            await _upload(fake, fake.provider)
        assert refused.value.status == 413


async def test_http_is_signed_though_https_is_spoken() -> None:
    like = Provider("behind a proxy", rules=SigningRules(signed_scheme="http"))
    async with FakeProvider(like=like, ssl_context=server_tls()) as fake:
        for provider, status in [(fake.provider, 200), (replace(fake.provider, rules=SigningRules()), 401)]:
            async with (
                TCPConnector(ssl=client_tls()) as connector,
                OAuth1Session(fake.consumer, provider=provider, connector=connector) as session,
                session.get("echo") as response,
            ):
                assert response.status == status
        seen = fake.accepted("echo")[0]
        assert seen.base_string.startswith("GET&http%3A%2F%2F127.0.0.1%3A")


async def test_plain_http_to_another_machine_needs_its_setting() -> None:
    async with FakeProvider() as fake:
        url = fake.url.replace("127.0.0.1", "shop.example")
        shop = Provider("shop", base_url=url, placement="query", signature_method=HMAC_SHA256)
        for provider in (shop, replace(shop, allow_http=True)):
            async with (
                TCPConnector(resolver=Names()) as connector,
                OAuth1Session(fake.consumer, provider=provider, connector=connector) as session,
            ):
                if not provider.allow_http:
                    with pytest.raises(SigningError, match="plain http"):
                        await session.get("echo")
                    assert len(fake.ledger) == 0
                    continue
                async with session.get("echo?per_page=2") as response:
                    assert response.status == 200
        (seen,) = fake.accepted("echo")
        assert (seen.header("Host") or b"").startswith(b"shop.example:")
        assert seen.base_string.startswith("GET&http%3A%2F%2Fshop.example%3A")


async def test_plain_http_token_endpoints_need_it_too() -> None:
    async with FakeProvider() as fake:
        elsewhere = {
            name: getattr(fake.provider, name).replace("127.0.0.1", "shop.example")
            for name in ("request_token_url", "authorize_url", "access_token_url")
        }
        connector = TCPConnector(resolver=Names())
        async with aiohttp.ClientSession(connector=connector) as http:
            for allowed in (False, True):
                provider = replace(fake.provider, allow_http=allowed, **elsewhere)
                async with Handshake(provider, fake.consumer, store=MemoryStore(), http=http) as handshake:
                    if not allowed:
                        with pytest.raises(SigningError, match="plain http"):
                            await handshake.begin(CALLBACK, bind="browser")
                        assert len(fake.ledger) == 0
                    else:
                        await handshake.begin(CALLBACK, bind="browser")
        assert len(fake.accepted("request_token")) == 1


# Who asks


async def test_a_provider_that_wants_to_know_who_asks_is_told_or_nothing_is_sent() -> None:
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
        asked = len(fake.ledger)
        nameless = replace(fake.provider, user_agent=None)
        for act in (_get, _connect):
            with pytest.raises(SigningError, match="who asks"):
                await act(fake, nameless)
        assert len(fake.ledger) == asked

        unaware = replace(nameless, needs_user_agent=False)
        for act in (_get, _connect):
            with pytest.raises(ProviderError):
                await act(fake, unaware)
        assert [seen.why for seen in fake.refused()] == ["user_agent_absent"] * 2


async def test_a_name_is_sent_though_nobody_demands_it() -> None:
    async with FakeProvider() as fake:
        provider = replace(fake.provider, user_agent="my-service/1.0")
        await _shake_hands(fake, provider)
        await _get(fake, provider)
        told = [seen.header("User-Agent") for seen in fake.ledger if seen.endpoint != "authorize"]
        assert told == [b"my-service/1.0"] * 3


async def test_a_session_of_the_user_s_own_may_say_who_asks() -> None:
    async with FakeProvider(like=Provider("polite", needs_user_agent=True)) as fake:
        async with (
            aiohttp.ClientSession(headers={"User-Agent": "mine/3"}) as http,
            Handshake(fake.provider, fake.consumer, store=MemoryStore(), http=http) as handshake,
        ):
            await handshake.begin(CALLBACK, bind="browser")
        assert fake.accepted("request_token")[0].header("User-Agent") == b"mine/3"


# Later calls, and the end


async def test_where_calls_are_not_signed_the_session_signs_none() -> None:
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


async def test_a_sunset_warns_whoever_is_made_to_use_the_provider() -> None:
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


async def test_timestamps_never_go_back_over_all_of_a_session_s_users() -> None:
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


async def test_a_handshake_s_timestamps_never_go_back_either() -> None:
    async with FakeProvider(like=Provider("strict", monotonic_timestamps=True)) as fake:
        now = int(time.time())
        readings = iter([now])
        latest = [now]

        def clock() -> float:
            latest[0] = next(readings, now - 7)
            return latest[0]

        async with Handshake(fake.provider, fake.consumer, store=MemoryStore(), clock=clock) as handshake:
            for _ in range(2):
                await handshake.fetch_request_token(CALLBACK)
        assert latest == [now - 7]
        assert [int(seen.timestamp or 0) for seen in fake.accepted("request_token")] == [now, now]
        assert fake.refused() == []


async def test_a_nonce_of_the_user_s_own_stays_as_it_is() -> None:
    async with FakeProvider(like=Provider("short", nonce_length=8)) as fake:
        async with (
            OAuth1Session(fake.consumer, provider=fake.provider, nonce=lambda: "mine0001") as session,
            session.get("echo") as response,
        ):
            assert response.status == 200
        assert fake.accepted("echo")[0].nonce == "mine0001"


# FakeProvider itself


async def test_one_provider_may_have_many_quirks() -> None:
    suite = Provider(
        "suite",
        realm="123_SB1",
        signature_method=HMAC_SHA256,
        nonce_length=20,
        monotonic_timestamps=True,
        denied_by_empty_verifier=True,
        json_token_replies=True,
        request_token_placement="body",
        access_token_method="GET",
        access_token_placement="query",
        rules=SigningRules(sorted_parameters=True, empty_token=True),
    )
    async with FakeProvider(like=suite, name="mine") as fake:
        assert (fake.provider.name, fake.provider.realm) == ("mine", "123_SB1")
        await _shake_hands(fake, fake.provider)
        await _get(fake, fake.provider)
        await _post_form(fake, fake.provider)
        await _call_without_a_token(fake, fake.provider)
        assert fake.refused() == []


async def test_a_preset_s_urls_do_not_count() -> None:
    preset = Provider("preset", base_url="https://api.example/2/", origins=("https://upload.example",))
    async with FakeProvider(like=preset) as fake:
        assert fake.provider.signed_origins() == {fake.url.rstrip("/")}
        assert fake.provider.name == "preset"


async def test_in_a_process_of_its_own_it_is_like_a_provider_too() -> None:
    like = Provider(
        "child",
        realm="photos",
        request_params={"scope": "read"},
        rules=SigningRules(signed_scheme="https"),
        sunset=date(2027, 1, 31),
        signature_method=HMAC_SHA512,
        denied_by_empty_verifier=True,
    )
    async with FakeProviderProcess(like=like) as fake:
        assert fake.provider == replace(
            like,
            name="child",
            request_token_url=f"{fake.url}oauth/request_token",
            authorize_url=f"{fake.url}oauth/authorize",
            access_token_url=f"{fake.url}oauth/access_token",
            revoke_url=f"{fake.url}oauth/revoke",
            base_url=fake.url,
        )
        provider = replace(fake.provider, sunset=None)
        async with Handshake(provider, fake.consumer, store=MemoryStore()) as handshake:
            denied = await handshake.begin(CALLBACK, bind="browser")
            with pytest.raises(AuthorizationDenied):
                await handshake.complete(await fake.deny(denied.url), bind="browser")
        async with Handshake(
            replace(provider, rules=SigningRules()), fake.consumer, store=MemoryStore()
        ) as handshake:
            with pytest.raises(ProviderError, match="signature_invalid"):
                await handshake.begin(CALLBACK, bind="browser")


class _Own:
    name = "OWN-SHA1"

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        return base64.b64encode(f"{len(base_string)}{consumer_secret}{token_secret}".encode()).decode()


async def test_a_method_of_one_s_own_needs_a_verifier_of_one_s_own() -> None:
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
