"""MediaWiki's identity: only the wiki's own, fresh and signed answer to this very request is taken."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from handshakes.endpoint import Endpoint, http

from aiooauth1 import (
    AccessToken,
    Consumer,
    OAuth1Session,
    Provider,
    ProviderError,
    RedirectRefused,
    SignatureRejected,
    TokenResponseError,
)
from aiooauth1.flows.mediawiki import identify


if TYPE_CHECKING:
    import asyncio


pytestmark = pytest.mark.socket

CONSUMER = Consumer("c" * 32, "consumer-secret-CANARY-" + "0123456789abcdef" * 4)
TOKEN = AccessToken("at", "s")
TITLE = "w/index.php?title=Special:OAuth/"


class Wiki(Endpoint):
    """A wiki that signs what a test changes of the right claims."""

    def __init__(self, *, secret: str = CONSUMER.secret, algorithm: str = "HS256", **changes: Any) -> None:
        super().__init__(self._answer)
        self._signed_with = secret, algorithm
        self._changes = changes

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        found = re.search(rb'oauth_nonce="(\w+)"', self.requests[-1])
        assert found is not None
        now = int(time.time())
        claims = {
            "iss": self.url.rstrip("/"),
            "sub": 7,
            "aud": CONSUMER.key,
            "iat": now,
            "exp": now + 100,
            "nonce": found[1].decode(),
            "username": "Ann",
            "editcount": 12,
            "confirmed_email": True,
            "blocked": False,
            "groups": ["*", "user"],
            "rights": ["read"],
            "grants": ["basic"],
        }
        claims |= self._changes
        claims = {name: value for name, value in claims.items() if value is not ...}
        secret, algorithm = self._signed_with
        token = jwt.encode(claims, secret if algorithm != "none" else "", algorithm=algorithm)
        writer.write(http(token.encode()))

    @property
    def wiki(self) -> Provider:
        return Provider("wiki", base_url=self.url, access_token_url=f"{self.url}{TITLE}token")

    def session(self) -> OAuth1Session:
        return OAuth1Session(CONSUMER, TOKEN, provider=self.wiki)


async def test_a_signed_identity_says_who_the_user_is() -> None:
    async with Wiki() as wiki, wiki.session() as session:
        identity = await identify(session)
    assert (identity.user_id, identity.username, identity.edit_count) == ("7", "Ann", 12)
    assert (identity.groups, identity.rights, identity.grants) == (("*", "user"), ("read",), ("basic",))
    assert (identity.has_confirmed_email, identity.is_blocked) == (True, False)
    assert identity.claims["editcount"] == 12
    (request,) = wiki.requests
    assert request.startswith(b"GET /w/index.php?title=Special:OAuth/identify ")
    assert b'oauth_token="at"' in request


@pytest.mark.parametrize(
    "changes",
    [
        *[{"iss": "https://evil.example"}, {"iss": ...}, {"aud": "another consumer"}, {"aud": ...}],
        *[{"exp": 1}, {"exp": ...}, {"exp": "soon"}, {"iat": 2**40}, {"iat": ...}],
        *[{"nonce": "another request's"}, {"nonce": ...}, {"nonce": 7}, {"sub": ...}, {"username": ...}],
        *[{"secret": "another-secret-0123456789abcdefghijklmnop"}, {"algorithm": "HS512"}],
        {"algorithm": "none"},
    ],
    ids=str,
)
async def test_an_identity_with_a_wrong_claim_is_refused(changes: dict[str, Any]) -> None:
    async with Wiki(**changes) as wiki, wiki.session() as session:
        with pytest.raises(TokenResponseError, match="the wiki's identity is refused") as raised:
            await identify(session)
    assert "CANARY" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(b'{"error": "mwoauth-invalid-authorization", "message": "Invalid signature"}'), ProviderError),
        (http(b"Error: An error occurred in the OAuth protocol: Invalid signature"), SignatureRejected),
        (http(b"no", status="401 No"), ProviderError),
        (http(b"", status="302 Found", Location="https://evil.example/"), RedirectRefused),
        (http(b"not a JWT"), TokenResponseError),
        (http(b"x" * 70_000), TokenResponseError),
        (http(b""), TokenResponseError),
    ],
)
async def test_a_refusal_is_not_an_identity(answer: bytes, error: type[Exception]) -> None:
    async with Endpoint(answer) as wiki:
        provider = Provider("wiki", base_url=wiki.url, access_token_url=f"{wiki.url}{TITLE}token")
        async with OAuth1Session(CONSUMER, TOKEN, provider=provider) as session:
            with pytest.raises(error):
                await identify(session)


async def test_a_provider_that_is_no_wiki_is_told() -> None:
    async with OAuth1Session(CONSUMER, TOKEN) as session:
        with pytest.raises(TypeError, match="whose provider is the wiki"):
            await identify(session)
    provider = Provider("x", access_token_url="https://x.example/oauth/access_token")
    async with OAuth1Session(CONSUMER, TOKEN, provider=provider) as session:
        with pytest.raises(ValueError, match="Special:OAuth/token"):
            await identify(session)
    encoded = replace(provider, access_token_url="https://x.example/w/Special%3AOAuth%2Ftoken")
    assert encoded.access_token_url
