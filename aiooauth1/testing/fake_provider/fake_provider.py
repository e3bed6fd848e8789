"""FakeProvider: a service provider for tests, a real HTTP server that verifies signatures."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Literal, Self

from aiooauth1.credentials import Consumer
from aiooauth1.testing.fake_provider.accounts import Accounts
from aiooauth1.testing.fake_provider.browser import BrowsedProvider
from aiooauth1.testing.fake_provider.endpoints import DENIALS
from aiooauth1.testing.fake_provider.ledger import Ledger
from aiooauth1.testing.fake_provider.request_context import ProviderState
from aiooauth1.testing.fake_provider.routes import provider_at
from aiooauth1.testing.fake_provider.script import Fault, Script
from aiooauth1.testing.fake_provider.server import Server
from aiooauth1.testing.fake_provider.signature_methods import verifiers_of


if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from aiooauth1.credentials import AccessToken
    from aiooauth1.providers.provider import Provider
    from aiooauth1.stores.protocols import AccessTokenStore
    from aiooauth1.testing.fake_provider.ledger import Arrival, Post, Summary
    from aiooauth1.testing.fake_provider.script import Drop, LimitStyle
    from aiooauth1.testing.fake_provider.server import After, Before
    from aiooauth1.testing.fake_provider.signature_methods import Verifier


__all__ = ["FakeProvider", "make_consumer"]


def make_consumer() -> Consumer:
    """Generate a consumer, a different one each time."""
    return Consumer("consumer-" + secrets.token_hex(6), secrets.token_hex(16))


class FakeProvider(BrowsedProvider):
    """A service provider on a loopback port, for tests of its consumers.

    It serves the three legs and an authorize page, keeps posts, verifies every signed request by the bytes
    that arrived (RFC 5849 section 3.2), and keeps a ledger of what arrived. Refusals follow the OAuth Problem
    Reporting extension.

    Below `url` are `oauth/request_token`, `oauth/authorize`, `oauth/access_token` (xAuth too, with
    `set_password`), `oauth/renew` (renews the token that signs it, also an expired one), `oauth/revoke`
    (revokes that token), `wiki/Special:OAuth/identify` (with `like=mediawiki(…)`), `posts`
    (GET, POST), `posts/ID` (GET, PUT, PATCH, DELETE), and `echo` with whatever follows it (any method, with
    an access token or without). The OAuth parameters may come in the header, the query or a form.

    A test scripts faults with `deny_next`, `fail_next`, `drop_next`, `slow`, `skew`, `rate_limit`, `revoke`,
    `expire` and `revoke_user`. The hooks `before` and `after` are for anything else.

    By default it follows the RFC, and accepts either way what that leaves open: any placement, GET and POST
    at the token endpoints. With `like=` it has that provider's quirks, and requires all of them.

    Args:
        like: The provider whose quirks it has: a preset, or one of yours, such as `Provider("mine",
            realm="photos", access_token_method="GET")`. The URLs of `provider` are on this machine. The paths
            of the provider's own URLs are served too, for tests in which its host names resolve to this
            machine.
        consumer: The registered consumer. By default one is generated.
        consumers: More registered consumers.
        clock: The provider's clock, in seconds since the epoch, also for its `Date` header fields.
        window: By how many seconds a timestamp may differ. Nonces are remembered for as long.
        request_token_ttl: For how many seconds a request token is valid.
        denial: How the callback URL reports a denial: `oauth_problem` (`oauth_problem=user_refused`),
            `denied` (as X does), `error` (`error=access_denied`), or `empty_verifier` (as NetSuite does).
        signature_methods: A function that verifies, for the name of each signature method to accept. By
            default the HMAC methods and PLAINTEXT, and with `like=` that provider's method only.
        name: The name of `provider`, the namespace of its tokens in stores. By default that of `like`, or one
            made from the port.
        port: The port; 0 takes a free one. A second start takes the same port again.
        base_path: The path under which it is served, such as `/v1`. By default the root.
        ssl_context: The TLS context, for https.
        body_limit: How many bytes of a body are kept. A longer form is refused, since it cannot be verified.
        ledger_limit: How many of the newest arrivals the ledger keeps. By default all.

    Attributes:
        ledger: The arrivals.

    Raises:
        ValueError: If `denial` is another value, if `base_path` does not begin with `/` or ends in one, or if
            the signature method of `like` needs an entry in `signature_methods`.

    >>> import asyncio
    >>> async def example() -> None:
    ...     async with FakeProvider() as fake:
    ...         token = fake.issue_access_token("ann")
    ...         print(token.params["screen_name"], len(fake.posts), len(fake.ledger))
    >>> asyncio.run(example())
    ann 0 0
    """

    def __init__(
        self,
        *,
        like: Provider | None = None,
        consumer: Consumer | None = None,
        consumers: Iterable[Consumer] = (),
        clock: Callable[[], float] = time.time,
        window: float = 300,
        request_token_ttl: float = 600,
        denial: str = "oauth_problem",
        signature_methods: Mapping[str, Verifier] | None = None,
        name: str = "",
        port: int = 0,
        base_path: str = "",
        ssl_context: ssl.SSLContext | None = None,
        body_limit: int = 1 << 20,
        ledger_limit: int | None = None,
    ) -> None:
        if denial not in DENIALS:
            raise ValueError(f"denial must be one of {', '.join(DENIALS)}, not {denial!r}")
        if base_path and (not base_path.startswith("/") or base_path.endswith("/")):
            raise ValueError(f"base_path must begin with '/' and not end in one, unlike {base_path!r}")
        if like is not None and like.denied_by_empty_verifier:
            denial = "empty_verifier"
        self.ledger: Ledger = Ledger(ledger_limit)
        self._like = like
        self._denial = denial
        self._consumer = consumer or make_consumer()
        self._accounts = Accounts(window=window, request_token_ttl=request_token_ttl)
        for registered in (self._consumer, *consumers):
            self.add_consumer(registered)
        self._script = Script(clock)
        verifiers = verifiers_of(like) if signature_methods is None else signature_methods
        state = ProviderState(
            self._accounts, verifiers, window, denial, secrets.token_bytes(32), self._script, like
        )
        self._name = name
        self._server = Server(
            state,
            self.ledger,
            port=port,
            base_path=base_path,
            ssl_context=ssl_context,
            body_limit=body_limit,
        )

    def __repr__(self) -> str:
        return f"<FakeProvider {self._server.url or 'not started'}, {len(self.ledger)} arrivals>"

    async def start(self) -> Self:
        """Open the port.

        Returns:
            Itself.

        Raises:
            RuntimeError: If it is already open.
            OSError: If the port is taken.
        """
        await self._server.start()
        return self

    async def aclose(self) -> None:
        """Close the port and every connection. Its state is kept. Closing twice is harmless."""
        await self._server.aclose()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """Its URL, ending in `/`. Raises RuntimeError before the start."""
        if not self._server.url:
            raise RuntimeError(
                "this FakeProvider has no port yet: start it with `async with` or `await start()`"
            )
        return self._server.url

    @property
    def provider(self) -> Provider:
        """The provider, for consumers. Raises RuntimeError before the start."""
        name = self._name or (self._like.name if self._like else f"fake-{self._server.port}")
        return provider_at(self.url, name, self._like, self._denial)

    @property
    def consumer(self) -> Consumer:
        """The registered consumer: the first one, if there are more."""
        return self._consumer

    @property
    def before(self) -> Before | None:
        """The hook that is awaited before a request's body is read, if there is one."""
        return self._server.before

    @before.setter
    def before(self, hook: Before | None) -> None:
        self._server.before = hook

    @property
    def after(self) -> After | None:
        """The hook that is awaited after a request's work is done, if there is one."""
        return self._server.after

    @after.setter
    def after(self, hook: After | None) -> None:
        self._server.after = hook

    @property
    def posts(self) -> list[Post]:
        """The posts of all users, in the order in which they were made."""
        return list(self._accounts.posts.values())

    @property
    def exchanges(self) -> list[Arrival]:
        """The arrivals at the access token endpoint, accepted or not."""
        return self.ledger.select(endpoint="access_token")

    def accepted(self, endpoint: str | None = None) -> list[Arrival]:
        """Return the accepted arrivals, in order.

        Args:
            endpoint: Only those at this endpoint. By default at any.
        """
        return self.ledger.select(endpoint=endpoint, verdict="accepted")

    def refused(self, endpoint: str | None = None) -> list[Arrival]:
        """Return the refused arrivals, in order.

        Args:
            endpoint: Only those at this endpoint. By default at any.
        """
        return self.ledger.select(endpoint=endpoint, verdict="refused")

    def summary(self) -> Summary:
        """Return the ledger in figures."""
        return self.ledger.summary(len(self._accounts.posts))

    def add_consumer(self, consumer: Consumer) -> None:
        """Register another consumer.

        Args:
            consumer: The consumer. It replaces one with the same key.
        """
        self._accounts.consumers[consumer.key] = consumer

    def issue_access_token(self, user: str, *, consumer: Consumer | None = None) -> AccessToken:
        """Issue an access token without a handshake.

        Args:
            user: The user of the token.
            consumer: The consumer of the token. By default `self.consumer`.

        Returns:
            The token, with `user_id` and `screen_name` among its params.
        """
        return self._accounts.issue_access_token(user, (consumer or self._consumer).key)

    async def connect(self, user: str, store: AccessTokenStore) -> AccessToken:
        """Connect a user without a handshake: issue an access token and put it into a store.

        Args:
            user: The user's name, at the provider and in the store.
            store: The store of the session that will post for the user.

        Returns:
            The token.

        Raises:
            StoreUnavailable: If the store does not answer.
        """
        token = self.issue_access_token(user)
        await store.put_access_token(self.provider.name, user, token)
        return token

    def set_password(self, user: str, password: str) -> None:
        """Give a user a password, for `Handshake.fetch_access_token_by_password` (xAuth).

        Args:
            user: The user's name.
            password: Their password from now on.
        """
        self._accounts.passwords[user] = password

    def revoke(self, token_key: str) -> None:
        """Revoke an access token, as its user can. It is refused as `token_revoked` afterwards.

        Args:
            token_key: The token's key.

        Raises:
            KeyError: If there is no such access token.
        """
        self._accounts.change_state(token_key, "revoked")

    def expire(self, token_key: str) -> None:
        """Let an access token expire. It is refused as `token_expired` until it is renewed.

        Args:
            token_key: The token's key.

        Raises:
            KeyError: If there is no such access token.
        """
        self._accounts.change_state(token_key, "expired")

    def revoke_user(self, user: str) -> int:
        """Revoke every access token of a user, as if the user had removed the application.

        Args:
            user: The user.

        Returns:
            The number of revoked tokens.
        """
        return self._accounts.revoke_user(user)

    def deny_next(self, times: int = 1) -> None:
        """Let the next user who answers deny, also if `approve` or the browser clicks Approve.

        Args:
            times: How many users in a row.

        Raises:
            ValueError: If `times` is below 1.
        """
        if times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        self._script.denials += times

    def fail_next(
        self,
        status: int,
        times: int = 1,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        body: str = "",
    ) -> None:
        """Answer the next requests with a status, and do not carry them out.

        In the ledger they are `intercepted`.

        Args:
            status: The status, from 101 to 599.
            times: How many requests.
            endpoint: Only at this endpoint (`request_token`, `authorize`, `access_token`, `renew`, `revoke`,
                `identify`, `posts`, `post`, `echo`, or `unknown` for any other path). By default at any.
            headers: The reply's header fields, such as `{"Retry-After": "7"}`.
            body: The reply's body, such as `oauth_problem=token_expired`.

        Raises:
            ValueError: If one of these is out of its range.
        """
        self._script.add(Fault(endpoint, status, dict(headers or {}), body), times)

    def drop_next(self, when: Drop, times: int = 1, endpoint: str | None = None) -> None:
        """Drop the connections of the next requests without a reply.

        Args:
            when: `before` the request is carried out, or `after` it, so that only the reply is lost.
            times: How many requests.
            endpoint: Only at this endpoint, as in `fail_next`. By default at any.

        Raises:
            ValueError: If one of these is out of its range.
        """
        self._script.add(Fault(endpoint, drop=when), times)

    def slow(self, seconds: float) -> None:
        """Delay every reply from now on. The request is carried out at once.

        Args:
            seconds: The delay in seconds of real time; 0 ends it.

        Raises:
            ValueError: If it is negative or not a number.
        """
        if not seconds >= 0:
            raise ValueError(f"seconds must be at least 0, not {seconds}")
        self._script.delay = seconds

    def skew(self, seconds: float) -> None:
        """Set the clock skew of the provider: for its checks of timestamps, and its `Date` header fields.

        Args:
            seconds: By how many seconds its clock is ahead; negative if it is behind; 0 ends the skew.
        """
        self._script.skew = seconds

    def rate_limit(
        self,
        limit: int | None,
        window: float = 900,
        *,
        per: Literal["user", "app"] = "user",
        style: LimitStyle = "x",
    ) -> None:
        """Accept at most `limit` calls of the API in a window, and answer 429 to more.

        Verified requests at `posts`, `post` and `echo` count; refused ones do not. A window begins with its
        first request, by the provider's clock. A limit per user and one per app may apply at the same time.

        Args:
            limit: How many requests. None removes the limit.
            window: The length of the window in seconds.
            per: `user`: each user of each consumer has a window; `app`: each consumer has one.
            style: How replies report it. `x`: `x-rate-limit-*` for the user's window and
                `x-app-limit-24hour-*` for the application's (with only that one, in both). `retry-after`:
                `Retry-After` with the 429 and nothing before. `ietf`: `RateLimit` and `RateLimit-Policy`.

        Raises:
            ValueError: If one of these is out of its range.
        """
        self._script.limits.set(per, limit, window, style)
