"""Service providers: `Provider` describes one."""

from aiooauth1.providers.provider import (
    RFC_5849,
    Endpoint,
    Placement,
    Provider,
    ProviderSunsetWarning,
)
from aiooauth1.providers.rate_limit_rule import RateLimitRule


__all__ = ["RFC_5849", "Endpoint", "Placement", "Provider", "ProviderSunsetWarning", "RateLimitRule"]
