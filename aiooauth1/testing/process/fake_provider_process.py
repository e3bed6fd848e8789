"""FakeProviderProcess: a FakeProvider in a process of its own, so that it takes no time of the test's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from aiooauth1.credentials import Consumer
from aiooauth1.testing.fake_provider.browser import BrowsedProvider
from aiooauth1.testing.fake_provider.ledger import Arrival, Post, Summary
from aiooauth1.testing.fake_provider.routes import provider_at
from aiooauth1.testing.process.child import Child
from aiooauth1.testing.process.protocol import arrival_from, token_from
from aiooauth1.testing.process.provider_json import dump_provider


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from aiooauth1.credentials import AccessToken
    from aiooauth1.providers.provider import Provider
    from aiooauth1.stores.protocols import AccessTokenStore
    from aiooauth1.testing.fake_provider.script import Drop, LimitStyle
    from aiooauth1.testing.process.protocol import Message


__all__ = ["FakeProviderProcess"]


class FakeProviderProcess(BrowsedProvider):
    """A FakeProvider in a child process: what is measured beside it is the consumer alone.

    It has what FakeProvider has, except that what asks the provider is awaited, and that there are no hooks.
    The child ends when this is closed, and also when this process dies in any way, since that closes its
    standard input.

    Args:
        like: The provider to be like, as in FakeProvider.
        consumer: The consumer that is registered there; None takes one that the child makes up.
        consumers: More consumers.
        window: How many seconds a timestamp may be off; for as long nonces are remembered.
        request_token_ttl: For how many seconds a request token is good.
        denial: How it puts into the callback URL that the user said no, as in FakeProvider.
        name: The name of `provider`, the namespace of its tokens in stores; empty takes that of `like`, or
            makes one from the port.
        port: The port; 0 takes a free one.
        base_path: The path below which it is, such as `/v1`; empty puts it at the root.
        ledger_limit: How many of the newest arrivals the ledger keeps; None keeps all.

    Raises:
        ValueError: If `like` signs in a way that the child cannot verify.
    """

    def __init__(
        self,
        *,
        like: Provider | None = None,
        consumer: Consumer | None = None,
        consumers: Iterable[Consumer] = (),
        window: float = 300,
        request_token_ttl: float = 600,
        denial: str = "oauth_problem",
        name: str = "",
        port: int = 0,
        base_path: str = "",
        ledger_limit: int | None = None,
    ) -> None:
        arguments = [
            f"--window={window}",
            f"--request-token-ttl={request_token_ttl}",
            f"--denial={denial}",
            f"--name={name}",
            f"--port={port}",
            f"--base-path={base_path}",
            *([] if ledger_limit is None else [f"--ledger-limit={ledger_limit}"]),
            *([] if like is None else [f"--like={dump_provider(like)}"]),
        ]
        self._like = like
        self._denial = denial
        self._given = consumer
        self._consumers = tuple(consumers)
        self._child = Child(arguments)
        self._hello: Message = {}

    def __repr__(self) -> str:
        return f"<FakeProviderProcess {self._hello.get('url', 'not started')}>"

    async def start(self) -> Self:
        """Start the process and wait until its port is open.

        Returns:
            Itself.

        Raises:
            RuntimeError: If it is started already, or the child does not come up; standard error says why.
            TimeoutError: If the child says nothing within a minute.
        """
        self._hello = await self._child.start()
        try:
            for registered in (*self._consumers, *([self._given] if self._given else [])):
                await self.add_consumer(registered)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def aclose(self) -> None:
        """End the process and wait for its end. Closing twice is harmless."""
        await self._child.aclose()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """Where it is, ending in `/`. Before the start: RuntimeError."""
        return self._told("url")

    @property
    def provider(self) -> Provider:
        """What a consumer knows of it. Before the start: RuntimeError."""
        return provider_at(self.url, self._told("name"), self._like, self._denial)

    @property
    def consumer(self) -> Consumer:
        """The consumer that is registered there. Before the start: RuntimeError, unless it was given."""
        return self._given or Consumer(self._told("consumer_key"), self._told("consumer_secret"))

    @property
    def pid(self) -> int:
        """The child's process id. Before the start and after the end: RuntimeError."""
        return self._child.pid

    async def posts(self) -> list[Post]:
        """The posts of all users, in the order in which they were made.

        Returns:
            The posts.

        Raises:
            RuntimeError: If the process does not run.
        """
        return [Post(**value) for value in await self._child.ask("posts")]

    async def ledger(self) -> list[Arrival]:
        """What has arrived.

        Returns:
            The arrivals in the order of their verdicts.

        Raises:
            RuntimeError: If the process does not run.
        """
        return [arrival_from(value) for value in await self._child.ask("ledger")]

    async def summary(self) -> Summary:
        """The ledger in figures.

        Returns:
            The figures.

        Raises:
            RuntimeError: If the process does not run.
        """
        (figures,) = await self._child.ask("summary")
        return Summary(**figures)

    async def cpu_time(self) -> float:
        """How much processor time the child has used.

        Returns:
            Seconds since its start, of user and system together.

        Raises:
            RuntimeError: If the process does not run.
        """
        (seconds,) = await self._child.ask("cpu_time")
        return float(seconds)

    async def issue_access_token(self, user: str, *, consumer: Consumer | None = None) -> AccessToken:
        """Give an access token without a handshake.

        Args:
            user: For whom it speaks.
            consumer: To whom it is given; None means `self.consumer`.

        Returns:
            The token, with `user_id` and `screen_name` among its params.

        Raises:
            RuntimeError: If the process does not run.
        """
        consumer_key = (consumer or self.consumer).key
        (token,) = await self._child.ask("issue_access_token", user=user, consumer_key=consumer_key)
        return token_from(token)

    async def connect(self, user: str, store: AccessTokenStore) -> AccessToken:
        """Connect a user without a handshake, as `FakeProvider.connect`."""
        token = await self.issue_access_token(user)
        await store.put_access_token(self.provider.name, user, token)
        return token

    async def add_consumer(self, consumer: Consumer) -> None:
        """Register one more consumer.

        Args:
            consumer: The consumer; one with the same key is replaced.

        Raises:
            RuntimeError: If the process does not run.
        """
        await self._child.ask("add_consumer", key=consumer.key, secret=consumer.secret)

    async def revoke(self, token_key: str) -> None:
        """Take an access token back, as its user would at the provider: `token_revoked` from now on.

        Args:
            token_key: The token's key.

        Raises:
            KeyError: If there is no such access token.
            RuntimeError: If the process does not run.
        """
        await self._child.ask("revoke", token_key=token_key)

    async def expire(self, token_key: str) -> None:
        """Let an access token expire: `token_expired` from now on.

        Args:
            token_key: The token's key.

        Raises:
            KeyError: If there is no such access token.
            RuntimeError: If the process does not run.
        """
        await self._child.ask("expire", token_key=token_key)

    async def revoke_user(self, user: str) -> int:
        """Take back every access token of a user, as `FakeProvider.revoke_user`, and return how many."""
        return int(await self._script("revoke_user", user=user))

    async def set_password(self, user: str, password: str) -> None:
        """Give a user a password, as `FakeProvider.set_password`."""
        await self._script("set_password", user=user, password=password)

    async def deny_next(self, times: int = 1) -> None:
        """Let the next user who answers say no, as `FakeProvider.deny_next`."""
        await self._script("deny_next", times=times)

    async def fail_next(
        self,
        status: int,
        times: int = 1,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        body: str = "",
    ) -> None:
        """Answer the next requests with a status, as `FakeProvider.fail_next`."""
        told = dict(headers or {})
        await self._script(
            "fail_next", status=status, times=times, endpoint=endpoint, headers=told, body=body
        )

    async def drop_next(self, when: Drop, times: int = 1, endpoint: str | None = None) -> None:
        """Drop the connections of the next requests, as `FakeProvider.drop_next`."""
        await self._script("drop_next", when=when, times=times, endpoint=endpoint)

    async def slow(self, seconds: float) -> None:
        """Send every reply that much later, as `FakeProvider.slow`."""
        await self._script("slow", seconds=seconds)

    async def skew(self, seconds: float) -> None:
        """Let the provider's clock be off, as `FakeProvider.skew`."""
        await self._script("skew", seconds=seconds)

    async def rate_limit(
        self,
        limit: int | None,
        window: float = 900,
        *,
        per: Literal["user", "app"] = "user",
        style: LimitStyle = "x",
    ) -> None:
        """Limit the calls of the API in a window, as `FakeProvider.rate_limit`."""
        await self._script("rate_limit", limit=limit, window=window, per=per, style=style)

    async def _script(self, call: str, **arguments: object) -> Any:
        (result,) = await self._child.ask("script", call=call, arguments=arguments)
        return result

    def _told(self, name: str) -> str:
        if not self._hello:
            raise RuntimeError("this FakeProviderProcess is not started: enter it with `async with`")
        return str(self._hello[name])
