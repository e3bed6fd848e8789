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
    """A FakeProvider in a child process, so that a measurement sees only the consumer's work.

    It has the methods of FakeProvider, without the hooks. Those that ask the provider are awaited, and raise
    RuntimeError if the child does not run. The child ends when this is closed, and also when this process
    dies, since that closes its standard input.

    Args:
        like: As in FakeProvider.
        consumer: The registered consumer. By default the child generates one.
        consumers: More registered consumers.
        window: As in FakeProvider.
        request_token_ttl: As in FakeProvider.
        denial: As in FakeProvider.
        name: As in FakeProvider.
        port: The port; 0 takes a free one.
        base_path: As in FakeProvider.
        ledger_limit: As in FakeProvider.

    Raises:
        ValueError: If the child cannot verify the signature method of `like`.
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
            RuntimeError: If it is already started, or the child does not start; standard error says why.
            TimeoutError: If the child does not start within a minute.
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
        """Its URL, ending in `/`. Raises RuntimeError before the start."""
        return self._told("url")

    @property
    def provider(self) -> Provider:
        """The provider, for consumers. Raises RuntimeError before the start."""
        return provider_at(self.url, self._told("name"), self._like, self._denial)

    @property
    def consumer(self) -> Consumer:
        """The registered consumer. Raises RuntimeError before the start, unless it was passed."""
        return self._given or Consumer(self._told("consumer_key"), self._told("consumer_secret"))

    @property
    def pid(self) -> int:
        """The child's process id. Raises RuntimeError if it does not run."""
        return self._child.pid

    async def posts(self) -> list[Post]:
        """Return the posts of all users, in the order in which they were made."""
        return [Post(**value) for value in await self._child.ask("posts")]

    async def ledger(self) -> list[Arrival]:
        """Return the arrivals, in the order of their verdicts."""
        return [arrival_from(value) for value in await self._child.ask("ledger")]

    async def summary(self) -> Summary:
        """Return the ledger in figures."""
        (figures,) = await self._child.ask("summary")
        return Summary(**figures)

    async def cpu_time(self) -> float:
        """Return the processor time that the child has used, user and system, in seconds."""
        (seconds,) = await self._child.ask("cpu_time")
        return float(seconds)

    async def issue_access_token(self, user: str, *, consumer: Consumer | None = None) -> AccessToken:
        """Issue an access token without a handshake, as `FakeProvider.issue_access_token`."""
        consumer_key = (consumer or self.consumer).key
        (token,) = await self._child.ask("issue_access_token", user=user, consumer_key=consumer_key)
        return token_from(token)

    async def connect(self, user: str, store: AccessTokenStore) -> AccessToken:
        """Connect a user without a handshake, as `FakeProvider.connect`."""
        token = await self.issue_access_token(user)
        await store.put_access_token(self.provider.name, user, token)
        return token

    async def add_consumer(self, consumer: Consumer) -> None:
        """Register another consumer, as `FakeProvider.add_consumer`."""
        await self._child.ask("add_consumer", key=consumer.key, secret=consumer.secret)

    async def revoke(self, token_key: str) -> None:
        """Revoke an access token, as `FakeProvider.revoke`."""
        await self._child.ask("revoke", token_key=token_key)

    async def expire(self, token_key: str) -> None:
        """Let an access token expire, as `FakeProvider.expire`."""
        await self._child.ask("expire", token_key=token_key)

    async def revoke_user(self, user: str) -> int:
        """Revoke every access token of a user, as `FakeProvider.revoke_user`, and return how many."""
        return int(await self._script("revoke_user", user=user))

    async def set_password(self, user: str, password: str) -> None:
        """Give a user a password, as `FakeProvider.set_password`."""
        await self._script("set_password", user=user, password=password)

    async def deny_next(self, times: int = 1) -> None:
        """Let the next user who answers deny, as `FakeProvider.deny_next`."""
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
