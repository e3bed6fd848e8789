"""Magento's reversed handshake: what the shop posts, and what we ask it for."""

from __future__ import annotations

from typing import Any

import pytest
from handshakes.endpoint import Endpoint, http
from handshakes.shown import leaks
from multidict import MultiDict

from aiooauth1 import CallbackError, OAuth1Session, ProviderError, SigningError
from aiooauth1.flows.magento import complete_integration
from aiooauth1.providers import magento


pytestmark = pytest.mark.socket

REQUEST = b"oauth_token=rt&oauth_token_secret=rt-secret"
ACCESS = b"oauth_token=at&oauth_token_secret=at-secret"


def form(base: str, **changes: str) -> dict[str, str]:
    fields = {
        "oauth_consumer_key": "ck",
        "oauth_consumer_secret": "consumer-secret-CANARY",
        "oauth_verifier": "verifier-1",
        "store_base_url": base,
    }
    return {**fields, **changes}


@pytest.mark.parametrize("kind", [dict, MultiDict, lambda fields: list(fields.items())])
async def test_activating_an_integration_returns_a_token(kind: Any) -> None:
    async with Endpoint(http(REQUEST), http(ACCESS), http(b"[]")) as shop:
        done = await complete_integration(kind(form(shop.url)), public_only=False)
        assert (done.token.key, done.token.secret, done.consumer.key) == ("at", "at-secret", "ck")
        assert done.store_base_url == shop.url
        assert done.provider == magento(shop.url)
        async with (
            OAuth1Session(done.consumer, done.token, provider=done.provider) as session,
            session.get("store/storeConfigs") as response,
        ):
            assert response.status == 200
    paths = [request.split(b" ")[1] for request in shop.requests]
    assert paths == [b"/oauth/token/request", b"/oauth/token/access", b"/rest/V1/store/storeConfigs"]
    assert b"oauth_callback" not in shop.requests[0]
    assert b'oauth_verifier="verifier-1"' in shop.requests[1]
    assert all(b'oauth_signature_method="HMAC-SHA256"' in request for request in shop.requests)
    assert "CANARY" not in repr(done)


@pytest.mark.parametrize(
    "changes",
    [
        *[{name: ""} for name in form("")],
        {"oauth_verifier": "a\r\nb"},
        {"oauth_consumer_key": "x" * 2049},
        {"store_base_url": "http://shop.example/"},
        {"store_base_url": "shop.example"},
        {"store_base_url": "https://user:pw@shop.example/"},
        {"store_base_url": "https://shop.example/?x=1"},
    ],
)
async def test_a_malformed_post_is_refused_before_anything_is_sent(changes: dict[str, str]) -> None:
    with pytest.raises(CallbackError) as raised:
        await complete_integration(form("https://shop.example/", **changes))
    assert leaks(raised.value, ["consumer-secret-CANARY"]) == []


async def test_a_post_with_a_field_missing_or_twice_is_refused() -> None:
    fields = form("https://shop.example/")
    for name in fields:
        with pytest.raises(CallbackError, match=f"no {name}"):
            await complete_integration({key: value for key, value in fields.items() if key != name})
        with pytest.raises(CallbackError, match=f"{name} twice"):
            await complete_integration([*fields.items(), (name, "again")])
    for wrong in (b"a=b", "a=b", None, 7):
        given: Any = wrong
        with pytest.raises(TypeError, match="the form must be a mapping or pairs"):
            await complete_integration(given)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_a_shop_at_a_private_address_is_not_connected_to(host: str) -> None:
    async with Endpoint(http(REQUEST)) as inside:
        port = inside.url.rstrip("/").rpartition(":")[2]
        with pytest.raises(SigningError, match="not a public address"):
            await complete_integration(form(f"https://{host}:{port}/"))
        assert inside.requests == []


async def test_a_shop_s_refusal_is_raised() -> None:
    async with Endpoint(http(b"oauth_problem=consumer_key_rejected", status="401 No")) as shop:
        with pytest.raises(ProviderError, match="consumer_key_rejected") as raised:
            await complete_integration(form(shop.url), public_only=False)
    assert leaks(raised.value, ["consumer-secret-CANARY"]) == []
