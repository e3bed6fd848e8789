"""What a worker is told to do, and what it tells of it: JSON, a line each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from aiooauth1 import Consumer, Provider

from .where import Where


__all__ = ["Call", "Job", "said_by"]


@dataclass(frozen=True, slots=True)
class Call:
    """A callback to complete, or a handshake to begin.

    Attributes:
        callback: Where the provider sent the browser; without a request token, where it shall send it.
        bind: Which browser it is.
        user: Whom to save the token for.
    """

    callback: str
    bind: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One thing to do.

    Attributes:
        where: The store.
        provider: The provider's name and endpoints.
        consumer: The consumer's key and secret.
        calls: What to do, all at once.
        times: How often each.
        dies_at: The operation of the store at which the process dies, counted from 1; 0: it lives.
        dies_after: Whether that is still done.
    """

    where: Where
    provider: dict[str, str]
    consumer: tuple[str, str]
    calls: list[Call] = field(default_factory=list)
    times: int = 1
    dies_at: int = 0
    dies_after: bool = False

    @property
    def the_provider(self) -> Provider:
        return Provider(**self.provider)  # type: ignore[arg-type]  # all of them are texts

    @property
    def the_consumer(self) -> Consumer:
        return Consumer(*self.consumer)

    def line(self) -> bytes:
        """Write it."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Read it."""
        read: dict[str, Any] = json.loads(line)
        read["where"] = Where(**read["where"])
        read["calls"] = [Call(**call) for call in read["calls"]]
        return cls(**read)


def said_by(provider: Provider) -> dict[str, str]:
    """Take of a provider what a worker needs."""
    names = ("name", "request_token_url", "authorize_url", "access_token_url", "renew_url", "renew_method")
    return {name: getattr(provider, name) for name in names}
