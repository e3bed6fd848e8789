"""How a provider departs from RFC 5849 in what it wants signed: data, read where the signing is done."""

from __future__ import annotations

from dataclasses import dataclass


__all__ = ["SigningRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRules:
    """The departures of one provider; without arguments: none.

    Args:
        send_version: Whether `oauth_version` is sent at all (RFC 5849 section 3.1 leaves it open).
    """

    send_version: bool = True
