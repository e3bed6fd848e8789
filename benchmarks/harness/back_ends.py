"""The measured stores, each empty and with a back end of its own."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from aiooauth1 import AccessToken, MemoryStore
from benchmarks.harness import redis_server
from benchmarks.harness.requests import TOKEN, TOKEN_SECRET


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiooauth1.stores.protocols import TokenStore


PROVIDER = "benchmark"
ENCRYPTED = "RedisStore + encryption"
TIMEOUT = 60.0  # seconds: a slow machine is to have slow figures, and not an error
PACKAGES = ("aiosqlite", "redis", "cryptography")


class BackEnds:
    """The stores by name, and their back ends."""

    def __init__(self) -> None:
        self.stores: dict[str, TokenStore] = {"MemoryStore": MemoryStore()}
        self.notes: list[str] = []
        self.file: Path | None = None
        self.urls: dict[str, str] = {}  # of each RedisStore's Redis, by the store's name


@asynccontextmanager
async def running() -> AsyncIterator[BackEnds]:
    """Open every store whose packages and server are installed, and note the others."""
    back_ends = BackEnds()
    missing = [package for package in PACKAGES if find_spec(package) is None]
    back_ends.notes += [f"{package} is not installed: its stores are not measured" for package in missing]
    server = redis_server.program()
    if server is None:
        back_ends.notes.append("there is no redis-server: RedisStore is not measured")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        if "aiosqlite" not in missing:
            from aiooauth1.stores.sqlite import SQLiteStore  # noqa: PLC0415  an extra

            back_ends.file = folder / "tokens.db"
            store = await stack.enter_async_context(SQLiteStore(back_ends.file, timeout=TIMEOUT))
            back_ends.stores["SQLiteStore"] = store
        if "redis" not in missing and server is not None:
            await _open_redis(back_ends, server, stack, encrypts="cryptography" not in missing)
        yield back_ends


async def _open_redis(back_ends: BackEnds, server: str, stack: AsyncExitStack, *, encrypts: bool) -> None:
    from aiooauth1.stores.encryption import Encryption  # noqa: PLC0415  an extra
    from aiooauth1.stores.redis import RedisStore  # noqa: PLC0415  likewise

    ways: dict[str, Encryption | None] = {"RedisStore": None}
    if encrypts:
        ways[ENCRYPTED] = Encryption(Encryption.generate_key())
    for name, encryption in ways.items():
        url = stack.enter_context(redis_server.running(server))
        store = RedisStore.from_url(url, encryption=encryption, timeout=TIMEOUT)
        back_ends.stores[name] = await stack.enter_async_context(store)
        back_ends.urls[name] = url


def user(number: int) -> str:
    """Return the name of a user, a new string each time, as from a request."""
    return f"user-{number:06d}"


def token(number: int) -> AccessToken:
    """Return that user's token, which shares no string with another token."""
    return AccessToken(f"{number:09d}-{TOKEN[10:]}", f"{number:09d}{TOKEN_SECRET[9:]}")
