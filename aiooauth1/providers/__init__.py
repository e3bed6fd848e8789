"""Service providers: `Provider` describes one."""

from aiooauth1.providers.provider import Placement, Provider, ProviderSunsetWarning


__all__ = ["Placement", "Provider", "ProviderSunsetWarning"]
