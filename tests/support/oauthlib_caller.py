"""A consumer whose requests oauthlib signs, without aiooauth1's own signer."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, quote

import aiohttp
from oauthlib import oauth1
from yarl import URL

from aiooauth1 import RequestToken
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1 import AccessToken, Consumer


__all__ = ["CALLBACK", "FORM", "Caller", "Reply", "refused", "running"]

Client: Any = oauth1.Client  # its stubs know fewer methods and placements than it does

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CALLBACK = "https://client.example/cb?s=1"


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        pairs = parse_qsl(self.body, keep_blank_values=True, strict_parsing=True)
        assert len(pairs) == len(dict(pairs))
        return dict(pairs)


@dataclass(frozen=True)
class Caller:
    """A consumer, with or without a token. Calling it sends a signed request."""

    http: aiohttp.ClientSession
    fake: Any  # a FakeProvider, or a FakeProviderProcess
    token: AccessToken | RequestToken | None = None
    consumer: Consumer | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def sign(
        self,
        method: str,
        path: str,
        body: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> tuple[str, dict[str, str], str | None]:
        """Return URL, header fields and body, signed. Of bodies oauthlib gets only forms."""
        consumer = self.consumer or self.fake.consumer
        key, secret = (self.token.key, self.token.secret) if self.token else (None, None)
        client = Client(consumer.key, consumer.secret, key, secret, **{**self.options, **more})
        form = body if headers == FORM else None
        url, signed, form = client.sign(self.fake.url + path, method, form, dict(headers or {}))
        return url, signed, body if form is None else form

    async def send(
        self, method: str, url: str, headers: dict[str, str], body: Any = None, **more: Any
    ) -> Reply:
        """Send a request as it is."""
        data = body.encode() if isinstance(body, str) else body
        target = URL(url, encoded=True)
        async with self.http.request(
            method, target, headers=headers, data=data, allow_redirects=False, **more
        ) as reply:
            return Reply(reply.status, {n.title(): v for n, v in reply.headers.items()}, await reply.text())

    async def __call__(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **more: Any
    ) -> Reply:
        return await self.send(method, *self.sign(method, path, body, headers, **more))

    def holding(self, token: AccessToken | RequestToken | None) -> Caller:
        return replace(self, token=token)

    def of(self, user: str = "ann") -> Caller:
        """Return a caller with an access token of a user."""
        return self.holding(self.fake.issue_access_token(user))

    async def begin(self, callback: str = CALLBACK, **more: Any) -> tuple[Caller, str]:
        """Return a caller with a request token, and the URL of its authorize page."""
        reply = await self("POST", "oauth/request_token", callback_uri=callback, **more)
        assert (reply.status, reply.form["oauth_callback_confirmed"]) == (200, "true"), reply.body
        token = RequestToken(reply.form["oauth_token"], reply.form["oauth_token_secret"])
        return self.holding(token), f"{self.fake.provider.authorize_url}?oauth_token={token.key}"

    async def exchange(self, verifier: str) -> Reply:
        return await self("POST", "oauth/access_token", verifier=verifier)


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Caller]:
    """Start a FakeProvider, and yield a caller with its consumer."""
    jar = aiohttp.DummyCookieJar()
    async with FakeProvider(**options) as fake, aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Caller(http, fake)


def refused(reply: Reply, problem: str, status: int = 401) -> dict[str, str]:
    """Check a refusal, whose two renderings must agree; returns what it says."""
    assert (reply.status, reply.form["oauth_problem"]) == (status, problem), reply.body
    assert reply.form["oauth_problem_advice"]
    challenge = reply.headers["Www-Authenticate"]
    assert challenge.startswith('OAuth realm="http://127.0.0.1:')
    for name, value in reply.form.items():
        assert f'{name}="{quote(value, safe="")}"' in challenge
    return reply.form
