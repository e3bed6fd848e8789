"""redis-py: which versions and clients a store takes, a client for a URL, and how commands wait for it."""

from __future__ import annotations

import asyncio
import inspect
import re
from contextlib import suppress
from enum import Enum
from typing import Any, Protocol
from urllib.parse import urlsplit


try:
    import redis
    from redis.asyncio import Redis, RedisCluster
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
except ImportError:
    raise ImportError("RedisStore needs redis-py: pip install 'aiooauth1[redis]'", name="redis") from None


__all__ = ["MOST_AT_ONCE", "Client", "ClientAdapter", "Lane", "check_client", "check_version", "client_for"]

MOST_AT_ONCE = 64  # commands, each on a connection of its own


_FOR_TOKENS = 8  # of them for token reads only: a flood of callbacks must not starve API calls
_OLDEST = (5, 0, 1)
_RETRY_IN_CLUSTER = (6, 0, 0)  # since this version the Cluster client takes a Retry
_ANY_NUMBER = 2**31
_DATABASE = re.compile(r"(?:/[0-9]*)?")
_CLUSTER = {"redis+cluster://": "redis://", "rediss+cluster://": "rediss://"}


def check_version() -> None:
    """Refuse a redis-py that is too old: before 5, one user could get another's reply.

    Raises:
        ImportError: If it is too old.
    """
    if _version() < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise ImportError(
            f"RedisStore needs redis-py {oldest} or later, not {redis.__version__}", name="redis"
        )


def check_client(client: Client) -> None:
    """Refuse anything but an asyncio client that returns bytes.

    Raises:
        TypeError: If it is not an asyncio client of redis-py.
        ValueError: If it decodes responses.
    """
    if isinstance(client, type):
        raise TypeError(
            f"RedisStore needs a client, not the class {client.__name__}: write RedisStore.from_url(…)"
        )
    if not inspect.iscoroutinefunction(getattr(client, "execute_command", None)):
        given = f"{type(client).__module__}.{type(client).__qualname__}"
        raise TypeError(f"RedisStore needs a client of redis.asyncio, Redis or RedisCluster, not {given}")
    if client.get_encoder().decode_responses:
        raise ValueError("RedisStore keeps bytes: give it a client without decode_responses=True")


def client_for(url: str, timeout: float) -> Redis | RedisCluster:
    """Make a client that repeats no command by itself: the store repeats them, and must know how often.

    Args:
        url: As `RedisStore.from_url` takes it.
        timeout: How many seconds connecting may take.

    Raises:
        ValueError: If it is not such a URL.
    """
    if url.startswith("redis") and not _DATABASE.fullmatch(_path(url)):
        # redis-py would use database 0, where others may keep their data.
        raise ValueError(
            "RedisStore.from_url(): the path of the URL must be the number of a database, such as"
            " redis://localhost:6379/0; names are told apart by prefix="
        )
    options: dict[str, Any] = {
        "max_connections": MOST_AT_ONCE,
        "socket_connect_timeout": timeout,
        "socket_timeout": None,
    }
    once = Retry(NoBackoff(), 0)
    try:
        for scheme, plain in _CLUSTER.items():
            if url.startswith(scheme):
                late = _version() >= _RETRY_IN_CLUSTER
                options |= {"retry": once} if late else {"cluster_error_retry_attempts": 0}
                # To notice a hanging node in time to ask the others which replica has taken over.
                options["socket_timeout"] = timeout / 2
                # The store bounds them: in redis-py 5 to 7 a failed connection is counted for ever.
                options["max_connections"] = _ANY_NUMBER
                return RedisCluster.from_url(plain + url.removeprefix(scheme), **options)
        client = Redis.from_url(url, retry=once, **options)
        pool = client.connection_pool
        pool.connection_class(
            **pool.connection_kwargs
        )  # without connecting: an unknown option is refused now
    except (ValueError, TypeError):
        pass  # its message may show the password
    else:
        return client
    raise ValueError(
        "RedisStore.from_url() needs a URL such as redis://localhost:6379/0, rediss://…, unix://… or "
        "redis+cluster://…, with nothing but options of redis-py's client in its query"
    )


def _path(url: str) -> str:
    with suppress(ValueError):  # it is not a URL, which redis-py finds as well
        return urlsplit(url).path
    return ""


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in redis.__version__.split(".")[:3] if part.isdigit())


class Lane(Enum):
    """The purpose of a command. Reads of access tokens have their own share of the connections."""

    TOKENS = "tokens"
    OTHERS = "others"


class Client(Protocol):
    """What is used of a client of redis-py."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and return its reply."""

    def pipeline(self) -> Any:
        """Return a pipeline, which sends several commands in one round trip."""

    def get_encoder(self) -> Any:
        """Return the encoder, which turns values into bytes and back."""

    async def aclose(self) -> None:
        """Close its connections."""


class ClientAdapter:
    """A client of redis-py, standalone or for a Cluster.

    Args:
        client: The asyncio client, standalone or Cluster.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._pool = getattr(client, "connection_pool", None)
        self._cluster = getattr(client, "nodes_manager", None)
        self._first_nodes = dict(self._cluster.startup_nodes) if self._cluster is not None else {}
        self._most = min(MOST_AT_ONCE, getattr(self._pool, "max_connections", None) or MOST_AT_ONCE)
        self._permits: dict[tuple[str, Lane], asyncio.Semaphore] = {}  # by node
        self.last_problem: str | None = None  # why the last command had no answer
        self.address: str = _address(client)

    @property
    def is_cluster(self) -> bool:
        """Whether keys are spread over nodes."""
        return self._cluster is not None

    def node(self, key: bytes) -> str:
        """Return the name of the node that holds a key; an empty text without a Cluster, or if unknown."""
        if self._cluster is not None and hasattr(self.client, "get_node_from_key"):
            with suppress(Exception):  # the nodes are not known yet
                return str(self.client.get_node_from_key(key).name)
        return ""

    def permits(self, key: bytes | None, lane: Lane) -> asyncio.Semaphore:
        """Return the permits of commands to the key's node."""
        # redis-py's pools raise when they are empty; this waits. Each node of a Cluster has its own permits,
        # so that a hanging node holds up no other.
        name = "" if key is None else self.node(key)
        share = min(_FOR_TOKENS, self._most // 2)
        if not share:
            lane = Lane.OTHERS  # one connection cannot be shared out
        if (name, lane) not in self._permits:
            most = share if lane is Lane.TOKENS else self._most - share
            self._permits[name, lane] = asyncio.Semaphore(most)
        return self._permits[name, lane]

    async def recover(self, code: str | None) -> None:
        """Repair what the client leaves broken after a failed command.

        Args:
            code: The word that Redis refused with, None if it did not refuse.
        """
        if code == "READONLY" and self._pool is not None:
            # A primary that became a replica keeps its connections: new ones may find the new primary.
            with suppress(Exception):  # a connection that cannot be closed changes nothing
                await self._pool.disconnect(inuse_connections=False)
        if self._cluster is not None and not self._cluster.startup_nodes:
            # In redis-py 5 to 7 each failure removes nodes, healthy ones too, from those that are asked for
            # the list of nodes. With none left the client would never recover.
            self._cluster.startup_nodes.update({**self._first_nodes, **self._cluster.nodes_cache})

    async def primaries(self) -> list[dict[str, Any]]:
        """Return where to send what is for all primaries: options of a command for each."""
        client: Any = self.client
        if self._cluster is None:
            return [{}]
        await client.initialize()  # sends nothing if the nodes are known already
        return [{"target_nodes": node} for node in client.get_primaries()]


def _address(client: Any) -> str:
    """Name the server in messages, without credentials."""
    options = getattr(getattr(client, "connection_pool", None), "connection_kwargs", {})
    if "path" in options:
        return f"unix socket {options['path']}"
    if "host" in options:
        return f"{options['host']}:{options.get('port', 6379)}"
    service = getattr(getattr(client, "connection_pool", None), "service_name", None)
    if service is not None:
        return f"Sentinel service {service}"
    nodes = getattr(getattr(client, "nodes_manager", None), "startup_nodes", {})
    return ", ".join(sorted(nodes)) or "unknown address"
