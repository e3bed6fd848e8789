"""A Cluster of three primaries, made as its manual says: with `redis-cli --cluster create`."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from .server import RedisServer, program


if TYPE_CHECKING:
    from pathlib import Path

    import redis


__all__ = ["ClusterOfThree"]

_STARTS_WITHIN = 20.0  # seconds
_WHILE_THEY_MEET = 200  # milliseconds: they speak to each other the more often the less this is


class ClusterOfThree:
    """Three redis-servers that share the slots between them, and perhaps a replica of each.

    Args:
        folder: Where they keep their files.
        replicas: How many replicas each has.
        node_timeout: After how many milliseconds without a word a node is taken for dead.
    """

    def __init__(self, folder: Path, *, replicas: int = 0, node_timeout: int = 2000) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout))
        self._replicas = replicas
        self._node_timeout = node_timeout
        self.nodes = [RedisServer(folder / str(number), options) for number in range(3 + 3 * replicas)]

    @property
    def ports(self) -> list[int]:
        return [node.port for node in self.nodes]

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.ports[0]}"

    def start(self) -> None:
        for node in self.nodes:
            node.start("--cluster-node-timeout", str(_WHILE_THEY_MEET))
        command = program("redis-cli")
        if command is None:
            raise RuntimeError("there is no redis-cli")
        addresses = [f"127.0.0.1:{port}" for port in self.ports]
        replicas = ["--cluster-replicas", str(self._replicas)]
        subprocess.run(  # noqa: S603  (our own program and options)
            [command, "--cluster", "create", *addresses, *replicas, "--cluster-yes"],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=30,
        )
        for node in self.nodes:
            with node.client() as client:
                client.config_set("cluster-node-timeout", self._node_timeout)
                self._wait(client)

    def _wait(self, client: redis.Redis) -> None:
        until = time.monotonic() + _STARTS_WITHIN
        while client.cluster("INFO")["cluster_state"] != "ok":
            if time.monotonic() > until:
                raise RuntimeError("the Cluster did not come up")
            time.sleep(0.01)

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()
