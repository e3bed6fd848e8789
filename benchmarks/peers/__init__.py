"""The libraries that are compared: one adapter a file, all with the same functions.

An adapter's `DISTRIBUTION` names the package whose version is reported. `sign(request)` returns a function
that signs the request again at each call, with a new nonce and timestamp, in the fastest public way: whatever
can be prepared once is. `parameters(result)` reads the protocol parameters from the result of such a call. An
adapter that sends has `sender(limit)` instead, and a `NAME` for the table.
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
        """Return a function that signs the request again at each call."""

    def parameters(self, result: Any) -> list[tuple[str, str]]:
        """Return the protocol parameters, decoded, from the result of a call."""


class SendingPeer(Protocol):
    """**Protocol:** an adapter module of something that sends signed requests."""

    DISTRIBUTION: str
    NAME: str

    def sender(self, limit: int) -> AbstractAsyncContextManager[Callable[[str, object], Awaitable[bytes]]]:
        """Return a function that posts JSON to a URL, over at most `limit` connections."""


def load(name: str, *modules: str) -> ModuleType | None:
    """Load an adapter, or return None if one of the modules that it imports is not installed."""
    if any(find_spec(module) is None for module in modules):
        return None
    return import_module(f"benchmarks.peers.{name}")
