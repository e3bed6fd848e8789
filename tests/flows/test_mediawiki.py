"""MediaWiki's identity: only the wiki's own, fresh and signed answer to this request is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest
from aiohttp import web
from handshakes.endpoint import Endpoint, http

from aiooauth1 import AccessToken, Consumer, OAuth1Session, Provider, errors
from aiooauth1.flows.mediawiki import identify
from aiooauth1.providers import mediawiki
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


pytestmark = pytest.mark.socket

CONSUMER = Consumer("c" * 32, "consumer-secret-CANARY-" + "0123456789abcdef" * 4)
TOKEN = AccessToken("at", "s")
OPTIONS: dict[str, Any] = {"audience": CONSUMER.key, "options": {"verify_sub": False}}  # it is a number


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    wiki = mediawiki("https://wiki.example")
    async with FakeProvider(like=wiki, consumer=CONSUMER, base_path="/farm") as running:
        yield running


async def test_a_signed_identity_says_who_the_user_is(fake: FakeProvider) -> None:
    token = fake.issue_access_token("ann")
    async with OAuth1Session(CONSUMER, token, provider=fake.provider) as session:
        await session.post("posts", data={"status": "an edit"})
        identity = await identify(session)
    assert (identity.user_id, identity.username, identity.edit_count) == ("1000", "ann", 1)
    assert (identity.groups, identity.rights) == (("*", "user"), ("read", "edit"))
    assert (identity.grants, identity.has_confirmed_email, identity.is_blocked) == (("basic",), True, False)
    assert identity.claims["editcount"] == 1
    assert [arrival.endpoint for arrival in fake.accepted()] == ["posts", "identify"]


@pytest.mark.parametrize(
    "changes",
    [
        *[{"iss": "https://evil.example"}, {"iss": ...}, {"aud": "another consumer"}, {"aud": ...}],
        *[{"exp": 1}, {"exp": ...}, {"exp": "soon"}, {"iat": 2**40}, {"iat": ...}],
        *[{"nonce": "another request's"}, {"nonce": ...}, {"nonce": 7}, {"sub": ...}, {"username": ...}],
        *[{"secret": "another-secret-0123456789abcdefghijklmnop"}, {"algorithm": "HS512"}],
        *[{"algorithm": "none", "secret": ""}],
    ],
    ids=str,
)
async def test_an_identity_with_a_wrong_claim_is_refused(fake: FakeProvider, changes: dict[str, Any]) -> None:
    async def change(_: web.BaseRequest, reply: web.StreamResponse) -> web.Response:
        assert isinstance(reply, web.Response)
        claims = jwt.decode(reply.text or "", CONSUMER.secret, algorithms=["HS256"], **OPTIONS)
        claims |= {"secret": CONSUMER.secret, "algorithm": "HS256", **changes}
        options = {"key": claims.pop("secret"), "algorithm": claims.pop("algorithm")}
        kept = {name: value for name, value in claims.items() if value is not ...}
        return web.Response(text=jwt.encode(kept, **options))

    fake.after = change
    async with OAuth1Session(CONSUMER, fake.issue_access_token("ann"), provider=fake.provider) as session:
        with pytest.raises(errors.TokenResponseError, match="the wiki's identity is refused") as raised:
            await identify(session)
    assert "CANARY" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(b'{"error": "mwoauth-invalid", "message": "Invalid signature"}'), errors.ProviderError),
        (http(b"Error: in the OAuth protocol: Invalid signature"), errors.SignatureRejected),
        (http(b"no", status="401 No"), errors.ProviderError),
        (http(b"", status="302 Found", Location="https://evil.example/"), errors.RedirectRefused),
        *[(http(body), errors.TokenResponseError) for body in (b"not a JWT", b"x" * 70_000, b"")],
    ],
)
@pytest.mark.parametrize("path", ["w/index.php?title=Special:OAuth/", "wiki/Special%3AOAuth%2F"])
async def test_a_refusal_is_not_an_identity(answer: bytes, error: type[Exception], path: str) -> None:
    async with Endpoint(answer) as wiki:
        provider = Provider("wiki", base_url=wiki.url, access_token_url=f"{wiki.url}{path}token")
        async with OAuth1Session(CONSUMER, TOKEN, provider=provider) as session:
            with pytest.raises(error):
                await identify(session)
    assert wiki.requests[0].startswith(f"GET /{path}identify ".encode())


async def test_a_provider_that_is_not_a_wiki_is_refused() -> None:
    async with OAuth1Session(CONSUMER, TOKEN) as session:
        with pytest.raises(TypeError, match="whose provider is the wiki"):
            await identify(session)
    provider = Provider("x", access_token_url="https://x.example/oauth/access_token")
    async with OAuth1Session(CONSUMER, TOKEN, provider=provider) as session:
        with pytest.raises(ValueError, match="Special:OAuth/token"):
            await identify(session)
