"""A provider, its configuration file, and a place for the store: what the commands work with."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aiooauth1.cli.settings import Known, open_store, remember
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator


ROOT = Path(__file__).parents[2]
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
        self, *arguments: str, stdout: Any = asyncio.subprocess.PIPE, **environment: str
    ) -> asyncio.subprocess.Process:
        """Start a command as a program."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aiooauth1", *arguments),
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
        )


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A desk at which nobody is signed in."""
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
