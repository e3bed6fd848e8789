"""What is measured beside each other: one adapter a file, all with the same functions.

An adapter's `DISTRIBUTION` is what its version is known by. `sign(request)` returns a call that signs the
request anew each time, with a fresh nonce and timestamp, in the fastest public way: what can be prepared
once is. `parameters(result)` reads the protocol parameters out of what such a call returned. An adapter that
sends has `sender(limit)` instead, and a `NAME` for the table.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from types import ModuleType

    from benchmarks.harness.requests import Request


class SigningPeer(Protocol):
    """**Protocol:** an adapter module of something that signs."""

    DISTRIBUTION: str

    def sign(self, request: Request) -> Callable[[], Any]:
        """Return a call that signs the request anew each time."""

    def parameters(self, result: Any) -> list[tuple[str, str]]:
        """Return the protocol parameters, decoded, of what the call returned."""


class SendingPeer(Protocol):
    """**Protocol:** an adapter module of something that sends signed requests."""

    DISTRIBUTION: str
    NAME: str

    def sender(self, limit: int) -> AbstractAsyncContextManager[Callable[[str, object], Awaitable[bytes]]]:
        """Return what posts to a URL a body as JSON, with so many connections at the most."""


def load(name: str, *modules: str) -> ModuleType | None:
    """Load an adapter; None if its peer is not installed.

    Args:
        name: The adapter's module here.
        modules: The modules that the peer is imported as.
    """
    if any(find_spec(module) is None for module in modules):
        return None
    return import_module(f"benchmarks.peers.{name}")
