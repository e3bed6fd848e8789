"""A Cluster of three primaries, made as its manual says: with `redis-cli --cluster create`."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from .server import RedisServer, program


if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["ClusterOfThree"]


class ClusterOfThree:
    """Three redis-servers that share the slots between them.

    Args:
        folder: Where they keep their files.
    """

    def __init__(self, folder: Path) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        self.nodes = [RedisServer(folder / str(number), options) for number in range(3)]

    @property
    def ports(self) -> list[int]:
        return [node.port for node in self.nodes]

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        command = program("redis-cli")
        if command is None:
            raise RuntimeError("there is no redis-cli")
        addresses = [f"127.0.0.1:{port}" for port in self.ports]
        subprocess.run(  # noqa: S603  (our own program and options)
            [command, "--cluster", "create", *addresses, "--cluster-yes"],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=30,
        )

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()
