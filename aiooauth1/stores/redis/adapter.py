"""Adapt redis-py: wait for a free connection instead of failing, and recover after a failover."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import Enum
from typing import Any, Protocol


__all__ = ["MOST_AT_ONCE", "Client", "ClientAdapter", "Lane"]

MOST_AT_ONCE = 64  # commands, each of which has a connection


_FOR_TOKENS = 8  # of them, which nothing else takes: a flood of callbacks must not starve API calls


class Lane(Enum):
    """What a command is for. Reads of access tokens have their own share of the connections."""

    TOKENS = "tokens"
    OTHERS = "others"


class Client(Protocol):
    """What is asked of a client of redis-py."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and return its reply."""

    def get_encoder(self) -> Any:
        """Return what turns values into octets and back."""

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
        self.trouble: str | None = None  # why the last command had no answer
        self.address = _address(client)

    @property
    def is_cluster(self) -> bool:
        """Whether keys are spread over nodes."""
        return self._cluster is not None

    def permits(self, key: bytes | None, lane: Lane) -> asyncio.Semaphore:
        """Return what bounds the commands under way to the node of the key."""
        # redis-py's pools raise when they are empty; this waits. Each node of a Cluster has its own, so that
        # one that hangs leaves the others to those who need them.
        name = ""
        if key is not None and hasattr(self.client, "get_node_from_key"):
            with suppress(Exception):  # the nodes are not known yet
                name = self.client.get_node_from_key(key).name
        share = min(_FOR_TOKENS, self._most // 2)
        if not share:
            lane = Lane.OTHERS  # of one connection there is no share
        if (name, lane) not in self._permits:
            most = share if lane is Lane.TOKENS else self._most - share
            self._permits[name, lane] = asyncio.Semaphore(most)
        return self._permits[name, lane]

    async def recover(self, code: str | None) -> None:
        """Do what the client does not after a command failed.

        Args:
            code: The word that Redis refused with, None if it did not refuse.
        """
        if code == "READONLY" and self._pool is not None:
            # A primary that became a replica keeps its connections: new ones may find the new primary.
            with suppress(Exception):  # one that does not let itself be closed is no news
                await self._pool.disconnect(inuse_connections=False)
        if self._cluster is not None and not self._cluster.startup_nodes:
            # In redis-py 5 to 7 each failure strikes a node off those that are asked who is in the Cluster,
            # and healthy ones, whose connections are closed along with it. With none left it is lost.
            self._cluster.startup_nodes.update({**self._first_nodes, **self._cluster.nodes_cache})

    async def primaries(self) -> list[dict[str, Any]]:
        """Return where to send what is for all primaries: options of a command for each."""
        client: Any = self.client
        if self._cluster is None:
            return [{}]
        await client.initialize()  # which asks nothing if it knows the Cluster already
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
