"""RedisStore: tokens and pending handshakes in Redis. It needs the extra `redis`."""

from aiooauth1.stores.redis.store import RedisStore


__all__ = ["RedisStore"]
