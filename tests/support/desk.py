"""A provider, its configuration file, and a place for the store: what the commands work with."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from terminal import PATIENCE, on_terminal

from aiooauth1.cli.settings import Known, open_store, remember
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "aiooauth1"]
FIELDS = ("request_token_url", "authorize_url", "access_token_url", "base_url", "revoke_url")


@dataclass
class Desk:
    """A user's desk: a provider to talk to, a folder with all files, and the commands as programs."""

    fake: FakeProvider
    folder: Path

    @property
    def config(self) -> str:
        return str(self.folder / "providers.toml")

    @property
    def store(self) -> str:
        return str(self.folder / "data" / "tokens.sqlite")

    @property
    def consumer_file(self) -> str:
        return str(self.folder / "consumer")

    async def sign_in(self, *users: str) -> None:
        """Let users be signed in without a handshake."""
        async with open_store(None) as store:
            await remember(store, "photos", Known(self.fake.provider, self.fake.consumer))
            for user in users:
                await self.fake.connect(user, store)

    async def start(
        self,
        *arguments: str,
        stdout: Any = asyncio.subprocess.PIPE,
        stderr: Any = asyncio.subprocess.PIPE,
        **environment: str,
    ) -> asyncio.subprocess.Process:
        """Start a command as a program."""
        return await asyncio.create_subprocess_exec(
            *(*COMMAND, *arguments),
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
        )

    async def secrets(self) -> list[str]:
        """Return what nothing may show: the consumer's secret and those of the tokens."""
        async with open_store(None) as store:
            tokens = [await store.get_access_token("photos", user) async for user in store.users("photos")]
        return [self.fake.consumer.secret, *(token.secret for token in tokens if token is not None)]

    async def run(
        self, *arguments: str, given: str = "", terminal: bool = False, **environment: str
    ) -> tuple[int, str, str]:
        """Run a command to its end: in pipes, or on a terminal, whose output is one text.

        Its command line, which all users of the machine can read, shows no secret.
        """
        if terminal:
            names = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
            status, shown = await on_terminal(
                [*COMMAND, *arguments], names, meanwhile=self.check_process_list
            )
            return status, shown, ""
        process = await self.start(*arguments, **environment)
        self.check_process_list(process.pid)
        out, err = await asyncio.wait_for(process.communicate(given.encode()), PATIENCE)
        return await process.wait(), out.decode(), err.decode()

    def check_process_list(self, pid: int) -> None:
        """Assert that the command line of a process and of its children show no secret."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for each in (process, *process.children(recursive=True)):
                assert self.fake.consumer.secret not in " ".join(each.cmdline())


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A desk without a signed-in user."""
    for name in [name for name in os.environ if name.startswith("AIOOAUTH1_")]:
        monkeypatch.delenv(name)
    async with FakeProvider(name="photos") as fake:
        lines = [f'{field} = "{getattr(fake.provider, field)}"' for field in FIELDS]
        (tmp_path / "providers.toml").write_text("\n".join(["[photos]", *lines]))
        (tmp_path / "consumer").write_text(f"{fake.consumer.key}\n{fake.consumer.secret}\n")
        desk = Desk(fake, tmp_path)
        monkeypatch.setenv("AIOOAUTH1_STORE", desk.store)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield desk
