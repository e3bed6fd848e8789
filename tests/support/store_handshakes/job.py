"""What a worker is told to do, and with which store: JSON, a line each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.sqlite import SQLiteStore
from aiooauth1.testing.process.provider_json import dump_provider


if TYPE_CHECKING:
    from aiooauth1 import Consumer, Provider


class Where(NamedTuple):
    """A store that several processes open: a URL of Redis, or the path of a SQLite file."""

    address: str
    prefix: str = "aiooauth1:"
    key: str | None = None
    """The key that its records are encrypted with."""
    timeout: float = 2.0

    def open(self) -> RedisStore | SQLiteStore:
        options: dict[str, Any] = {"timeout": self.timeout}
        if self.key is not None:
            options["encryption"] = Encryption(self.key)
        if "://" in self.address:
            return RedisStore.from_url(self.address, prefix=self.prefix, **options)
        return SQLiteStore(self.address, **options)


class Call(NamedTuple):
    """A callback to complete, or `renew`; in which browser; and the user for whom."""

    callback: str
    bind: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Calls to make, all at once, each so many times, and where the store kills the process meanwhile."""

    where: Where
    provider: str
    consumer: tuple[str, str]
    calls: list[Call] = field(default_factory=list)
    times: int = 1
    dies_at: int = 0
    dies_after: bool = False

    @classmethod
    def of(
        cls, where: Where, provider: Provider, consumer: Consumer, calls: list[Call], **options: Any
    ) -> Self:
        credentials = (consumer.key, consumer.secret)
        return cls(
            where=where, provider=dump_provider(provider), consumer=credentials, calls=calls, **options
        )

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        read: dict[str, Any] = json.loads(line)
        read["where"] = Where(*read["where"])
        read["calls"] = [Call(*call) for call in read["calls"]]
        return cls(**read)
