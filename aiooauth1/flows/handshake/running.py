"""An exchange under way in this process, as the other calls see it that wait for its result."""

from __future__ import annotations

import asyncio
from hmac import compare_digest
from typing import TYPE_CHECKING, NamedTuple


if TYPE_CHECKING:
    from aiooauth1.credentials import AccessToken


__all__ = ["Running"]

_TO_RECORD = 0.05  # seconds that a failed exchange gets to write that down, before its waiters go on


class Running(NamedTuple):
    """An exchange under way.

    Attributes:
        task: What exchanges, saves and records.
        answer: What it says to whoever asked, as soon as that is known.
        verifier: The digest of the verifier that it exchanges.
        saves: Whether it stores the token for a user, too.
    """

    task: asyncio.Task[None]
    answer: asyncio.Future[AccessToken | None]
    verifier: str
    saves: bool

    async def wait(self, verifier: str, seconds: float) -> BaseException | None:
        """Wait for its result.

        Args:
            verifier: The digest of the verifier of who waits.
            seconds: How long to wait at the most.

        Returns:
            How it failed, if it did and for the same verifier.

        Raises:
            BaseException: That failure, while the store is in trouble: to ask it would take as long again.
        """
        if self.answer.done():  # before we came: it only has to see to the record
            await asyncio.wait({self.task}, timeout=seconds)
            return None
        await asyncio.wait({self.answer}, timeout=seconds)
        failure = self._failure(verifier)
        if failure is not None:
            await asyncio.wait({self.task}, timeout=_TO_RECORD)
            if not self.task.done():
                raise failure
        return failure

    def token(self, *, saves: bool) -> AccessToken | None:
        """Return the token if there is one, and stored if it is to be."""
        if not self.answer.done() or self.answer.cancelled() or self.answer.exception() is not None:
            return None
        return self.answer.result() if self.saves or not saves else None

    def _failure(self, verifier: str) -> BaseException | None:
        if not self.answer.done() or self.answer.cancelled() or not compare_digest(self.verifier, verifier):
            return None
        return self.answer.exception()
