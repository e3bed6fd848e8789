"""When an access token expires: by its reply, and by the provider's known limits. Pure."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo


if TYPE_CHECKING:
    from aiooauth1.credentials import AccessToken
    from aiooauth1.providers.provider import Provider


__all__ = ["next_midnight", "with_expiry"]


def with_expiry(token: AccessToken, provider: Provider, now: float) -> AccessToken:
    """Return a token that the provider gave or renewed just now, with the time at which it expires.

    Args:
        token: The token. If it has an `expires_at`, that came with the reply.
        provider: The provider. Its token lifetime, idle limit and midnight are compared; the earliest counts.
        now: Seconds since the epoch.
    """
    ends = [now + seconds for seconds in (provider.token_lifetime, provider.token_idle_limit) if seconds]
    if token.expires_at is not None:
        ends.append(token.expires_at)
    if provider.tokens_end_at_midnight_in:
        with suppress(LookupError):  # a machine without the time zone's data
            ends.append(next_midnight(now, provider.tokens_end_at_midnight_in))
    return replace(token, expires_at=min(ends)) if ends else token


def next_midnight(now: float, zone: str) -> float:
    """Return the next midnight of a time zone, in seconds since the epoch.

    Args:
        now: Seconds since the epoch.
        zone: The IANA name of the time zone.

    >>> next_midnight(1_700_000_000, "America/New_York") - 1_700_000_000
    24400.0
    """
    here = datetime.fromtimestamp(now, ZoneInfo(zone))
    tomorrow = here.date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=here.tzinfo).timestamp()
