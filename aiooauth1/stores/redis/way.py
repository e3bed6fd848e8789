"""A client of redis-py, and what it leaves to its users: to wait for a connection, and to find back."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Protocol


__all__ = ["MOST_AT_ONCE", "Client", "Way"]

MOST_AT_ONCE = 64  # commands, each of which has a connection


class Client(Protocol):
    """What is asked of a client of redis-py."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and return its reply."""

    def get_encoder(self) -> Any:
        """Return what turns values into octets and back."""

    async def aclose(self) -> None:
        """Close its connections."""


class Way:
    """The way to a Redis, or to each node of a Cluster.

    Args:
        client: The asyncio client, standalone or Cluster.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._pool = getattr(client, "connection_pool", None)
        self._cluster = getattr(client, "nodes_manager", None)
        self._first_nodes = dict(self._cluster.startup_nodes) if self._cluster is not None else {}
        self._most = min(MOST_AT_ONCE, getattr(self._pool, "max_connections", None) or MOST_AT_ONCE)
        self._limits: dict[str, asyncio.Semaphore] = {}  # by node

    def limit(self, key: bytes | None) -> asyncio.Semaphore:
        """Return what bounds the commands under way to where the key is."""
        # redis-py's pools raise when they are empty; this waits. Each node of a Cluster has its own, so that
        # one that hangs leaves the others to those who need them.
        name = ""
        if key is not None and hasattr(self.client, "get_node_from_key"):
            with suppress(Exception):  # the nodes are not known yet
                name = self.client.get_node_from_key(key).name
        if name not in self._limits:
            self._limits[name] = asyncio.Semaphore(self._most)
        return self._limits[name]

    async def mend(self, code: str | None) -> None:
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
