"""A provider as JSON, for the child of a FakeProviderProcess. It holds no secret."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiooauth1.providers.provider import Provider
from aiooauth1.providers.rate_limit_rule import RateLimitRule
from aiooauth1.signing.methods import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT
from aiooauth1.signing.rules import SigningRules


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["dump_provider", "load_provider"]

_METHODS: Mapping[str, SignatureMethod] = MappingProxyType(
    {method.name: method for method in (HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, PLAINTEXT)}
)


def dump_provider(provider: Provider) -> str:
    """Return a provider as JSON."""
    if provider.signature_method.name not in _METHODS:
        raise ValueError(
            f"a FakeProviderProcess cannot verify {provider.signature_method.name}: use FakeProvider"
        )
    fields = {field.name: getattr(provider, field.name) for field in dataclasses.fields(provider)}
    fields |= {
        "signature_method": provider.signature_method.name,
        "rules": dataclasses.asdict(provider.rules),
        "request_params": dict(provider.request_params),
        "authorize_params": dict(provider.authorize_params),
        "hints": dict(provider.hints),
        "rate_limits": [dataclasses.asdict(limit) for limit in provider.rate_limits],
        "sunset": provider.sunset and provider.sunset.isoformat(),
    }
    return json.dumps(fields)


def load_provider(text: str) -> Provider:
    """Read a provider from JSON.

    >>> provider = Provider("photos", realm="photos", request_params={"scope": "read"})
    >>> load_provider(dump_provider(provider)) == provider
    True
    """
    try:
        fields = json.loads(text)
        fields |= {
            "signature_method": _METHODS[fields["signature_method"]],
            "rules": SigningRules(**fields["rules"]),
            "rate_limits": [RateLimitRule(**limit) for limit in fields["rate_limits"]],
            "sunset": fields["sunset"] and date.fromisoformat(fields["sunset"]),
        }
        return Provider(**fields)
    except (KeyError, TypeError) as error:
        raise ValueError("this is not a provider as written by dump_provider()") from error
