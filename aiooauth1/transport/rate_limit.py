"""The rate limits that a live response tells of, by our own clock where it has no Date."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiooauth1.responses import rate_limit as fields


if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from aiooauth1.responses.rate_limit import RateLimit


__all__ = ["rate_limit"]


def rate_limit(response: ClientResponse, *, now: float | None = None) -> RateLimit:
    """Read what a response of any status says of rate limits, under all known names.

    Args:
        response: The response. Only its header fields are read.
        now: Seconds since the epoch, for a response without a Date field. None: the system's clock.

    Returns:
        The limit that counts (`limit`, `remaining`, `reset_in` seconds, `scope`, `window` seconds), the pause
        that the server asks for (`retry_after` seconds) and all `windows`. None where it does not say.

    Raises:
        TypeError: If it is not a response, such as a call that was not awaited.
    """
    if not hasattr(response, "headers"):
        given = type(response).__name__
        raise TypeError(f"rate_limit() takes a response, not {given}: `await` the call first")
    return fields.rate_limit(response, time.time() if now is None else now)
