"""FakeProviderProcess: a FakeProvider in a process of its own, so that it takes no time of the test's."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiooauth1.credentials import Consumer
from aiooauth1.testing import browser
from aiooauth1.testing.control import arrival_from, encode_message, token_from
from aiooauth1.testing.description import describe
from aiooauth1.testing.ledger import Arrival, Post, Summary
from aiooauth1.testing.paths import provider_at


if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from aiooauth1.credentials import AccessToken
    from aiooauth1.providers import Provider


__all__ = ["FakeProviderProcess"]

_LINE_LIMIT = 1 << 26  # an arrival with a body of a MiB, each octet of it escaped
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 10.0


class FakeProviderProcess:
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
        name: The name of `provider`, the namespace of its tokens in stores; empty makes one from the port.
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
        self._arguments = [
            f"--window={window}",
            f"--request-token-ttl={request_token_ttl}",
            f"--denial={denial}",
            f"--name={name}",
            f"--port={port}",
            f"--base-path={base_path}",
            *([] if ledger_limit is None else [f"--ledger-limit={ledger_limit}"]),
            *([] if like is None else [f"--like={describe(like)}"]),
        ]
        self._like = like
        self._denial = denial
        self._given = consumer
        self._consumers = tuple(consumers)
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._questions = 0
        self._hello: dict[str, str] = {}

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
        if self._process is not None:
            raise RuntimeError("this FakeProviderProcess is started already")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "aiooauth1.testing",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            limit=_LINE_LIMIT,
            start_new_session=True,  # Ctrl-C is for us: the child ends when we close it
        )
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                self._hello = await self._read(self._process)
            for registered in (*self._consumers, *([self._given] if self._given else [])):
                await self._ask("add_consumer", key=registered.key, secret=registered.secret)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def aclose(self) -> None:
        """End the process and wait for its end. Closing twice is harmless."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  both are pipes
        process.stdin.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_TIMEOUT):
                    await (
                        process.stdout.read()
                    )  # to the end, so that both pipes are closed when the process is
                    await process.wait()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

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
        return self._running().pid

    approve = staticmethod(browser.approve)
    deny = staticmethod(browser.deny)

    async def posts(self) -> list[Post]:
        """The posts of all users, in the order in which they were made.

        Returns:
            The posts.

        Raises:
            RuntimeError: If the process does not run.
        """
        return [Post(**value) for value in await self._ask("posts")]

    async def ledger(self) -> list[Arrival]:
        """What has arrived.

        Returns:
            The arrivals in the order of their verdicts.

        Raises:
            RuntimeError: If the process does not run.
        """
        return [arrival_from(value) for value in await self._ask("ledger")]

    async def summary(self) -> Summary:
        """The ledger in figures.

        Returns:
            The figures.

        Raises:
            RuntimeError: If the process does not run.
        """
        return Summary(**(await self._ask("summary"))[0])

    async def cpu_time(self) -> float:
        """How much processor time the child has used.

        Returns:
            Seconds since its start, of user and system together.

        Raises:
            RuntimeError: If the process does not run.
        """
        return float((await self._ask("cpu_time"))[0])

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
        return token_from((await self._ask("issue_access_token", user=user, consumer_key=consumer_key))[0])

    async def add_consumer(self, consumer: Consumer) -> None:
        """Register one more consumer.

        Args:
            consumer: The consumer; one with the same key is replaced.

        Raises:
            RuntimeError: If the process does not run.
        """
        await self._ask("add_consumer", key=consumer.key, secret=consumer.secret)

    async def revoke(self, token_key: str) -> None:
        """Take an access token back, as its user would at the provider: `token_revoked` from now on.

        Args:
            token_key: The token's key.

        Raises:
            KeyError: If there is no such access token.
            RuntimeError: If the process does not run.
        """
        await self._ask("revoke", token_key=token_key)

    async def expire(self, token_key: str) -> None:
        """Let an access token expire: `token_expired` from now on.

        Args:
            token_key: The token's key.

        Raises:
            KeyError: If there is no such access token.
            RuntimeError: If the process does not run.
        """
        await self._ask("expire", token_key=token_key)

    def _told(self, name: str) -> str:
        if not self._hello:
            raise RuntimeError("this FakeProviderProcess is not started: enter it with `async with`")
        return self._hello[name]

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("this FakeProviderProcess does not run: enter it with `async with`")
        return self._process

    async def _ask(self, do: str, **arguments: str) -> list[Any]:
        async with self._lock:
            process = self._running()
            assert process.stdin is not None  # noqa: S101  it is a pipe
            self._questions += 1
            number = self._questions
            process.stdin.write(encode_message({"id": number, "do": do, **arguments}))
            with suppress(ConnectionError):  # the child is gone, as reading from it will tell
                await process.stdin.drain()
            values: list[Any] = []
            while True:
                message = await self._read(process)
                if message["id"] != number:
                    continue  # an answer whose asker was cancelled
                if "end" in message:
                    return values
                if "error" in message:
                    kind = KeyError if message["error"] == "KeyError" else RuntimeError
                    raise kind(message["message"])
                values.append(message["value"])

    async def _read(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        assert process.stdout is not None  # noqa: S101  it is a pipe
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError("the FakeProvider's process has ended: standard error says why")
        message: dict[str, Any] = json.loads(line)
        return message


def _environment() -> dict[str, str]:
    """The child's environment: as ours, and it finds this very package, also where that is not installed."""
    environment = dict(os.environ)
    root = Path(__file__).resolve().parents[2]
    if root.name not in {"site-packages", "dist-packages"}:
        paths = [str(root), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment
