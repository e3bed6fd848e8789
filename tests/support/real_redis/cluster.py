"""A Cluster of three primaries, made as its manual says: with `redis-cli --cluster create`."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from .server import RedisServer, program


if TYPE_CHECKING:
    from pathlib import Path

    import redis


__all__ = ["ClusterOfThree"]

_STARTS_WITHIN = 20.0  # seconds
_NODE_TIMEOUT = 2000  # milliseconds without a word after which a node is taken for dead
_WHILE_THEY_MEET = 200  # milliseconds: they speak to each other the more often the less this is


class ClusterOfThree:
    """Three redis-servers that share the slots between them, and perhaps a replica of each.

    Args:
        folder: Where they keep their files.
        replicas: How many replicas each has.
    """

    def __init__(self, folder: Path, *, replicas: int = 0) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(_NODE_TIMEOUT))
        self._replicas = replicas
        self._joining: Future[None] | None = None
        self.nodes = [RedisServer(folder / str(number), options) for number in range(3 + 3 * replicas)]

    @property
    def ports(self) -> list[int]:
        return [node.port for node in self.nodes]

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.ports[0]}"

    def start(self) -> None:
        """Start it, and wait until it is up."""
        self.launch()
        self.ready()

    def launch(self) -> None:
        """Start its servers, and let them become a Cluster in the background: it takes them seconds."""
        for node in self.nodes:
            node.start("--cluster-node-timeout", str(_WHILE_THEY_MEET))
        background = ThreadPoolExecutor(max_workers=1)
        self._joining = background.submit(self._join)
        background.shutdown(wait=False)

    def ready(self) -> None:
        """Wait until what was launched is up."""
        if self._joining is None:
            raise RuntimeError("the Cluster was not launched")
        self._joining.result()

    def take_for_dead_after(self, milliseconds: int) -> None:
        """Set after how long without a word a node is taken for dead, from now on."""
        for node in self.nodes:
            with node.client() as client:
                client.config_set("cluster-node-timeout", milliseconds)

    def _join(self) -> None:
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
        self.take_for_dead_after(_NODE_TIMEOUT)
        for node in self.nodes:
            with node.client() as client:
                self._wait(client)

    def _wait(self, client: redis.Redis) -> None:
        until = time.monotonic() + _STARTS_WITHIN
        while client.cluster("INFO")["cluster_state"] != "ok":
            if time.monotonic() > until:
                raise RuntimeError("the Cluster did not come up")
            time.sleep(0.01)

    def kill(self) -> None:
        if self._joining is not None:
            wait([self._joining])  # so that nobody speaks to those who are gone
        for node in self.nodes:
            node.kill()
