"""A store that kills its process at the n-th operation."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any

from handshakes.faulty_store import FaultyStore


__all__ = ["DeadlyStore"]


@dataclass(slots=True, kw_only=True)
class DeadlyStore(FaultyStore):
    """A store in front of another.

    Attributes:
        dies_at: The operation at which the process dies, counted from 1; 0: it lives.
        dies_after: Whether that operation is still done.
    """

    dies_at: int = 0
    dies_after: bool = False

    async def _do(self, name: str, *args: Any, **options: Any) -> Any:
        is_last = len(self.done) + 1 == self.dies_at
        if is_last and not self.dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await FaultyStore._do(self, name, *args, **options)  # noqa: SLF001  slots: no super()
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
