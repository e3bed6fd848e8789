"""FakeProvider: a service provider for tests, a real HTTP server that really verifies."""

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
    """Make a consumer up.

    Returns:
        The consumer, different each time.
    """
    return Consumer("consumer-" + secrets.token_hex(6), secrets.token_hex(16))


class FakeProvider(BrowsedProvider):
    """A service provider on a loopback port, for tests of what talks to one.

    It speaks the three legs, shows a page on which users log in and answer, keeps posts, verifies every
    signed request by the bytes that arrived (RFC 5849 section 3.2), and keeps a ledger of what arrived.
    Refusals follow the OAuth Problem Reporting extension.

    Below `url` are `oauth/request_token`, `oauth/authorize`, `oauth/access_token` (xAuth too, with
    `set_password`), `oauth/renew` (makes the token that signs it good again if it has expired),
    `oauth/revoke` (revokes that token), `wiki/Special:OAuth/identify` (with `like=mediawiki(…)`), `posts`
    (GET, POST), `posts/ID` (GET, PUT, PATCH, DELETE), and `echo` with whatever follows it (any method, with
    an access token or without). The OAuth parameters may come in the header, the query or a form.

    A test scripts what goes wrong: `deny_next`, `fail_next`, `drop_next`, `slow`, `skew`, `rate_limit`,
    `revoke`, `expire`, `revoke_user`; the hooks `before` and `after` are for anything else.

    By itself it follows the RFC, and takes what that leaves open either way: any placement, GET and POST at
    the token endpoints. With `like=` it behaves as a provider that is described so, and demands all of it.

    Args:
        like: The provider to be like: a preset, or one of yours, such as `Provider("mine", realm="photos",
            access_token_method="GET")`. Its quirks are those of `provider`,
            whose URLs are on this machine. The paths of its own URLs are served too, for tests in which its
            host names resolve to this machine.
        consumer: The consumer that is registered there; None makes one up.
        consumers: More consumers.
        clock: The provider's clock, in seconds since the epoch; its `Date` headers follow it too.
        window: How many seconds a timestamp may be off; for as long nonces are remembered.
        request_token_ttl: For how many seconds a request token is good.
        denial: How it puts into the callback URL that the user said no: `oauth_problem`
            (`oauth_problem=user_refused`), `denied` (as X does), `error` (`error=access_denied`), or
            `empty_verifier` (as NetSuite does, and what is like it).
        signature_methods: What verifies each signature method that it takes, by the method's name; None takes
            the HMAC methods and PLAINTEXT, and with `like=` that provider's method alone.
        name: The name of `provider`, the namespace of its tokens in stores; empty takes that of `like`, or
            makes one from the port.
        port: The port; 0 takes a free one, and the same again when it is started again.
        base_path: The path below which it is, such as `/v1`; empty puts it at the root.
        ssl_context: With it the provider speaks https.
        body_limit: How many bytes of a body are kept; a longer form is refused, since it cannot be verified.
        ledger_limit: How many of the newest arrivals the ledger keeps; None keeps all.

    Attributes:
        ledger: The arrivals.

    Raises:
        ValueError: If `denial` is none of these, or `base_path` does not begin with `/` or ends in one, or
            the signature method of `like` needs a verifier of yours.

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
            RuntimeError: If it is open already.
            OSError: If the port cannot be had.
        """
        await self._server.start()
        return self

    async def aclose(self) -> None:
        """Close the port and every connection. What the provider knows stays; closing twice is harmless."""
        await self._server.aclose()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """Where it is, ending in `/`. Before the start: RuntimeError."""
        if not self._server.url:
            raise RuntimeError(
                "this FakeProvider has no port yet: enter it with `async with`, or await start()"
            )
        return self._server.url

    @property
    def provider(self) -> Provider:
        """What a consumer knows of it. Before the start: RuntimeError."""
        name = self._name or (self._like.name if self._like else f"fake-{self._server.port}")
        return provider_at(self.url, name, self._like, self._denial)

    @property
    def consumer(self) -> Consumer:
        """The consumer that is registered there: the first one, if there are more."""
        return self._consumer

    @property
    def before(self) -> Before | None:
        """The hook that is awaited before a request's body is read; None: there is none."""
        return self._server.before

    @before.setter
    def before(self, hook: Before | None) -> None:
        self._server.before = hook

    @property
    def after(self) -> After | None:
        """The hook that is awaited when a request's work is done; None: there is none."""
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
        """What arrived at the access token endpoint, accepted or not."""
        return self.ledger.select(endpoint="access_token")

    def accepted(self, endpoint: str | None = None) -> list[Arrival]:
        """What was accepted.

        Args:
            endpoint: Only at this endpoint; None means any.

        Returns:
            The arrivals in order.
        """
        return self.ledger.select(endpoint=endpoint, verdict="accepted")

    def refused(self, endpoint: str | None = None) -> list[Arrival]:
        """What was refused.

        Args:
            endpoint: Only at this endpoint; None means any.

        Returns:
            The arrivals in order.
        """
        return self.ledger.select(endpoint=endpoint, verdict="refused")

    def summary(self) -> Summary:
        """The ledger in figures.

        Returns:
            The figures.
        """
        return self.ledger.summary(len(self._accounts.posts))

    def add_consumer(self, consumer: Consumer) -> None:
        """Register one more consumer.

        Args:
            consumer: The consumer; one with the same key is replaced.
        """
        self._accounts.consumers[consumer.key] = consumer

    def issue_access_token(self, user: str, *, consumer: Consumer | None = None) -> AccessToken:
        """Give an access token without a handshake.

        Args:
            user: For whom it speaks.
            consumer: To whom it is given; None means `self.consumer`.

        Returns:
            The token, with `user_id` and `screen_name` among its params.
        """
        return self._accounts.issue_access_token(user, (consumer or self._consumer).key)

    async def connect(self, user: str, store: AccessTokenStore) -> AccessToken:
        """Connect a user without a handshake: give an access token and put it into a store.

        Args:
            user: The user's name, here and in the store.
            store: The store of the session that is to post for the user.

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
        """Take an access token back, as its user would at the provider: `token_revoked` from now on.

        Args:
            token_key: The token's key.

        Raises:
            KeyError: If there is no such access token.
        """
        self._accounts.change_state(token_key, "revoked")

    def expire(self, token_key: str) -> None:
        """Let an access token expire: `token_expired` from now on, until it is renewed.

        Args:
            token_key: The token's key.

        Raises:
            KeyError: If there is no such access token.
        """
        self._accounts.change_state(token_key, "expired")

    def revoke_user(self, user: str) -> int:
        """Take back every access token of a user, as one who removes the application at the provider.

        Args:
            user: The user.

        Returns:
            How many tokens that were.
        """
        return self._accounts.revoke_user(user)

    def deny_next(self, times: int = 1) -> None:
        """Let the next user who answers say no, whatever `approve` or the browser clicks.

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
        """Answer the next requests with a status, and do nothing of what they ask.

        The ledger has them as `intercepted`.

        Args:
            status: The status, from 101 to 599.
            times: How many requests.
            endpoint: Only at this endpoint (`request_token`, `authorize`, `access_token`, `renew`, `revoke`,
                `identify`, `posts`, `post`, `echo`); None means any.
            headers: What the reply's header says, such as `{"Retry-After": "7"}`.
            body: What it says beside that, such as `oauth_problem=token_expired`.

        Raises:
            ValueError: If one of these is out of its range.
        """
        self._script.add(Fault(endpoint, status, dict(headers or {}), body), times)

    def drop_next(self, when: Drop, times: int = 1, endpoint: str | None = None) -> None:
        """Drop the connections of the next requests without a reply.

        Args:
            when: `before` anything is done, or `after` all is done, so that only the reply is lost.
            times: How many requests.
            endpoint: Only at this endpoint, as in `fail_next`; None means any.

        Raises:
            ValueError: If one of these is out of its range.
        """
        self._script.add(Fault(endpoint, drop=when), times)

    def slow(self, seconds: float) -> None:
        """Send every reply that much later from now on; the work is done at once.

        Args:
            seconds: The delay in seconds of real time; 0 ends it.

        Raises:
            ValueError: If it is negative or not a number.
        """
        if not seconds >= 0:
            raise ValueError(f"seconds must be at least 0, not {seconds}")
        self._script.delay = seconds

    def skew(self, seconds: float) -> None:
        """Let the provider's clock be off from now on: what it judges timestamps by, and its `Date` headers.

        Args:
            seconds: How far it is ahead, in seconds; negative: behind; 0 sets it right.
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
        """Take at most so many calls of the API in a window, and answer 429 to more.

        Verified requests at `posts`, `post` and `echo` count; refused ones do not. A window begins with its
        first request, by the provider's clock. A limit per user and one per app may hold at once.

        Args:
            limit: How many requests; None takes the limit away.
            window: The length of the window in seconds.
            per: `user`: each user of each consumer has a window; `app`: each consumer has one.
            style: How replies tell of it. `x`: `x-rate-limit-*` for the user's window and
                `x-app-limit-24hour-*` for the application's (with only that one, in both). `retry-after`:
                `Retry-After` with the 429 and nothing before. `ietf`: `RateLimit` and `RateLimit-Policy`.

        Raises:
            ValueError: If one of these is out of its range.
        """
        self._script.limits.set(per, limit, window, style)
