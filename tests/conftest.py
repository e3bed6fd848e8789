"""Fixtures that several rooms' tests use."""

from __future__ import annotations

from real_redis.fixtures import own_redis, redis_cluster, redis_url


__all__ = ["own_redis", "redis_cluster", "redis_url"]
