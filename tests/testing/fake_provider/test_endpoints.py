"""The endpoints beyond the three legs, asked by the flows that they are for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aiooauth1 import Handshake, MemoryStore, OAuth1Session, Provider, ProviderError, TokenRejected
from aiooauth1.providers import ETRADE, mediawiki
from aiooauth1.signing import SigningRules
from aiooauth1.testing import FakeProvider
from aiooauth1.testing.fake_provider.routes import find_own_route


pytestmark = pytest.mark.socket

QUIRKS = Provider(
    "quirks",
    placement="query",
    access_token_placement="header",
    renew_url="https://quirks.example/renew",
    renew_method="GET",
    revoke_method="GET",
    rules=SigningRules(body_hash=True, empty_token=True),
    request_params={"scope": "read"},
)


@pytest.fixture(params=[None, QUIRKS], ids=["by the RFC", "with quirks"])
def fake(request: pytest.FixtureRequest) -> FakeProvider:
    return FakeProvider(like=request.param)


async def test_tokens_are_renewed_and_revoked(fake: FakeProvider) -> None:
    store = MemoryStore()
    async with fake:
        fake.expire((await fake.connect("ann", store)).key)
        fake.revoke((await fake.connect("bob", store)).key)
        options: Any = {"provider": fake.provider, "store": store}
        async with (
            Handshake(consumer=fake.consumer, **options) as handshake,
            OAuth1Session(fake.consumer, renew=handshake.renew, **options) as session,
        ):
            assert (await session.post("posts", user="ann", data={"status": "Hello"})).status == 201
            with pytest.raises(TokenRejected, match="token_revoked"):
                await handshake.renew("bob")
            token = await store.get_access_token(fake.provider.name, "ann")
            assert await handshake.revoke("ann") is True
            assert (await session.get("echo", token=token)).status == 401
    assert [(one.endpoint, one.why) for one in fake.ledger] == [
        ("posts", "token_expired"),
        ("renew", ""),
        ("posts", ""),
        ("renew", "token_revoked"),
        ("revoke", ""),
        ("echo", "token_revoked"),
    ]


async def test_only_the_right_password_gets_a_token(fake: FakeProvider) -> None:
    store = MemoryStore()
    async with fake:
        fake.set_password("ann", "pässword & more")
        async with Handshake(fake.provider, fake.consumer, store=store) as handshake:
            token = await handshake.fetch_access_token_by_password("ann", "pässword & more", save_as="ann")
            for user, password in (("ann", "wrong"), ("bob", "pässword & more"), ("bob", "")):
                with pytest.raises(ProviderError, match="no user here has this name and password"):
                    await handshake.fetch_access_token_by_password(user, password)
        async with OAuth1Session(fake.consumer, provider=fake.provider, store=store) as session:
            await session.post("posts", user="ann", data={"status": "Hello"})
    assert token.params["screen_name"] == "ann"
    assert [post.user for post in fake.posts] == ["ann"]
    assert [(one.user, one.why) for one in fake.exchanges] == [
        ("ann", ""),
        *[(None, "permission_denied")] * 3,
    ]


async def test_xauth_needs_its_mode_and_no_token(fake: FakeProvider) -> None:
    async with fake:
        fake.set_password("ann", "pw")
        form = {"x_auth_username": "ann", "x_auth_password": "pw"}
        token = fake.issue_access_token("ann")
        provider = replace(fake.provider, placement="header")
        for mode, given in (("other", None), ("client_auth", token)):
            async with OAuth1Session(fake.consumer, given, provider=provider) as session:
                response = await session.post("oauth/access_token", data={"x_auth_mode": mode, **form})
                assert response.status == 400
    assert [one.why for one in fake.exchanges] == ["parameter_rejected"] * 2


@pytest.mark.parametrize(
    ("like", "target", "name"),
    [
        (ETRADE, "/oauth/renew_access_token?x=1", "renew"),
        (ETRADE, "/oauth/revoke_access_token", "revoke"),
        (mediawiki("https://wiki.example"), "/w/index.php?title=Special:OAuth/identify", "identify"),
        (mediawiki("https://wiki.example"), "/w/index.php?title=Special:OAuth/other", "echo"),
    ],
)
def test_the_paths_of_the_like_provider_have_its_endpoints(like: Any, target: str, name: str) -> None:
    assert find_own_route(like, target.encode(), has_token=True).name == name
