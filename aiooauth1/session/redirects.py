"""The redirect policy: which hop of a call is signed, which goes out unsigned, which is refused (pure)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from aiooauth1.errors import RedirectRefused


if TYPE_CHECKING:
    from aiooauth1.transport.origin import Origin


__all__ = ["REDIRECTS", "Hop", "keeps_body", "next_hop"]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Hop(Enum):
    """How a hop goes out."""

    SIGNED = "the same origin: signed afresh"
    UNSIGNED = "another origin, and there is nothing in the request: unsigned, as is every later hop"


def next_hop(previous: Origin, origin: Origin, method: str, *, has_body: bool, has_left: bool) -> Hop:
    """Decide about a request of a call, the way aiohttp has rewritten it.

    Args:
        previous: The origin of the hop before, or the one that the call was made for.
        origin: Where this request goes.
        method: Its method.
        has_body: Whether there is anything in its body.
        has_left: Whether a hop before went to another origin.

    Raises:
        RedirectRefused: If the request must not go there.
    """
    if origin == previous and not has_left:
        return Hop.SIGNED
    if previous.scheme == "https" and origin.scheme != "https":
        raise RedirectRefused(f"the provider redirects from https to {origin}")
    if method not in _SAFE_METHODS or has_body:
        raise RedirectRefused(f"the provider redirects a {method} with its body to another origin, {origin}")
    return Hop.UNSIGNED


def keeps_body(status: int, method: str) -> bool:
    """Say whether aiohttp sends the body again when it follows a redirect (RFC 9110 section 15.4)."""
    return status in {307, 308} or (status in {301, 302} and method != "POST")
