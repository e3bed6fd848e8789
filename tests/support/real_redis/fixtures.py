"""The fixtures of the tests that need a real Redis. With none to be had, those tests are skipped by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .cluster import ClusterOfThree
from .server import RedisServer, program


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


__all__ = ["missing", "need", "own_redis", "redis_cluster", "redis_url"]

RUNNING = "AIOOAUTH1_TEST_REDIS_URL"


def missing(*programs: str) -> list[str]:
    """Which of the programs are not to be had."""
    return [name for name in programs if program(name) is None]


def need(*programs: str) -> None:
    """Skip the test if one of the programs is not to be had."""
    if lacking := missing(*programs):
        pytest.skip(f"no {' and no '.join(lacking)} beside the interpreter or on PATH")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for all tests, each of which keeps to a prefix of its own: one that runs already, or ours."""
    if running := os.environ.get(RUNNING):
        yield running
        return
    need("redis-server")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.kill()


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterOfThree]:
    """A Cluster for all tests, each of which keeps to a prefix of its own."""
    need("redis-server", "redis-cli")
    cluster = ClusterOfThree(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test alone, which may do to it what it likes."""
    need("redis-server")
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.kill()
