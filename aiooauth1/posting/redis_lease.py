"""The lease by which one run at a time has a journal in Redis. It is renewed while the run lives."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from aiooauth1.posting.redis_scripts import Runner


__all__ = ["RunLease"]

_LEASE = 15_000  # milliseconds after which a dead run loses the journal


class RunLease:
    """The lease of one run.

    Attributes:
        owner: What stands in Redis while this run holds the lease, or tries to. Empty if it does not.
    """

    def __init__(self, runner: Runner) -> None:
        self.owner: str = ""
        self._runner = runner
        self._key = runner.prefix + b"owner"
        self._renewing: asyncio.Task[None] | None = None

    async def acquire(self) -> bool:
        """Take the lease, which may mean to wait until that of a dead run expires.

        Returns:
            Whether it was taken. If not, another run renews it. Call `release` also then.

        Raises:
            StoreUnavailable: If Redis does not answer.
        """
        self.owner = secrets.token_hex(8)
        for _ in range(_LEASE // 500 + 4):
            if await self._take():
                self._renewing = asyncio.create_task(self._renew())
                return True
            await asyncio.sleep(0.5)
        return False

    async def release(self) -> None:
        """Give the lease back, if it was taken.

        Raises:
            StoreUnavailable: If Redis does not answer.
        """
        owner, self.owner = self.owner, ""
        if self._renewing is None:
            return
        self._renewing.cancel()
        await asyncio.wait([self._renewing])
        self._renewing = None
        client, runner = self._runner.client, self._runner
        if await runner.retry(lambda: client.get(self._key)) == owner.encode():
            await runner.retry(lambda: client.delete(self._key))

    async def _take(self) -> bool:
        client, runner, owner = self._runner.client, self._runner, self.owner
        if await runner.retry(lambda: client.set(self._key, owner, nx=True, px=_LEASE)):
            return True
        # It may have been set by an attempt whose reply was lost.
        return bool(await runner.retry(lambda: client.get(self._key)) == owner.encode())

    async def _renew(self) -> None:
        client, runner, owner = self._runner.client, self._runner, self.owner
        while True:
            await asyncio.sleep(_LEASE / 4000)
            if await runner.retry(lambda: client.get(self._key)) in {None, owner.encode()}:
                await runner.retry(lambda: client.set(self._key, owner, px=_LEASE))
