"""redis-py: which versions and clients of it a store takes, and a client for a URL."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from aiooauth1.stores.redis.adapter import MOST_AT_ONCE


try:
    import redis
    from redis.asyncio import Redis, RedisCluster
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
except ImportError:
    raise ImportError("RedisStore needs redis-py: pip install 'aiooauth1[redis]'", name="redis") from None


if TYPE_CHECKING:
    from aiooauth1.stores.redis.adapter import Client


__all__ = ["check_client", "check_version", "client_for"]

_OLDEST = (5, 0, 1)
_RETRY_IN_CLUSTER = (6, 0, 0)  # since when the Cluster client takes its repetitions as a Retry
_ANY_NUMBER = 2**31
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
    """Refuse what is not an asyncio client that gives octets.

    Raises:
        TypeError: If it is not an asyncio client of redis-py.
        ValueError: If it decodes responses.
    """
    if not inspect.iscoroutinefunction(getattr(client, "execute_command", None)):
        given = f"{type(client).__module__}.{type(client).__qualname__}"
        raise TypeError(f"RedisStore needs a client of redis.asyncio, Redis or RedisCluster, not {given}")
    if client.get_encoder().decode_responses:
        raise ValueError("RedisStore keeps octets: give it a client without decode_responses=True")


def client_for(url: str, timeout: float) -> Redis | RedisCluster:
    """Make a client that repeats no command by itself: a store must know what happens to its own.

    Args:
        url: As `RedisStore.from_url` takes it.
        timeout: How many seconds connecting may take.

    Raises:
        ValueError: If it is not such a URL.
    """
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
                # A node that hangs is to be noticed in time to ask the others who stands in for it.
                options["socket_timeout"] = timeout / 2
                # The store has the bound: in redis-py 5 to 7 a connection that was not made counts for ever.
                options["max_connections"] = _ANY_NUMBER
                return RedisCluster.from_url(plain + url.removeprefix(scheme), **options)
        client = Redis.from_url(url, retry=once, **options)
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # not connected: an unknown option is to show now
    except (ValueError, TypeError):
        pass  # its message may show the password
    else:
        return client
    raise ValueError(
        "RedisStore.from_url() needs a URL such as redis://localhost:6379/0, rediss://…, unix://… or "
        "redis+cluster://…, with nothing but options of redis-py's client in its query"
    )


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in redis.__version__.split(".")[:3] if part.isdigit())
