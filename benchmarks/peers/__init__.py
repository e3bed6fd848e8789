"""What is measured beside each other: one adapter a file, all with the same functions.

An adapter's `DISTRIBUTION` is what its version is known by. `sign(request)` returns a call that signs the
request anew each time, with a fresh nonce and timestamp, in the fastest public way: what can be prepared
once is. `parameters(result)` reads the protocol parameters out of what such a call returned.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, cast


if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.requests import Request


class SigningPeer(Protocol):
    """**Protocol:** an adapter module of something that signs."""

    DISTRIBUTION: str

    def sign(self, request: Request) -> Callable[[], Any]:
        """Return a call that signs the request anew each time."""

    def parameters(self, result: Any) -> list[tuple[str, str]]:
        """Return the protocol parameters, decoded, of what the call returned."""


def load(name: str, module: str) -> SigningPeer | None:
    """Load an adapter; None if its peer is not installed.

    Args:
        name: The adapter's module here.
        module: The module that the peer is imported as.
    """
    if find_spec(module) is None:
        return None
    return cast("SigningPeer", import_module(f"benchmarks.peers.{name}"))
