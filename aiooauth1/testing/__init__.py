"""A service provider for tests: `FakeProvider`, a real HTTP server that verifies signatures.

```python
async with FakeProvider() as fake:
    async with Handshake(fake.provider, fake.consumer, store=MemoryStore()) as handshake:
        pending = await handshake.begin("https://example.com/callback", bind="browser")
        callback = await fake.approve(pending.url, user="ann")
        token = await handshake.complete(callback, bind="browser")
    async with OAuth1Session(fake.consumer, token, provider=fake.provider) as session:
        await session.post("posts", json={"text": "Hello"})
    assert [post.text for post in fake.posts] == ["Hello"]
```

`FakeProvider(like=provider)` has that provider's quirks, and refuses what that provider would refuse.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from aiooauth1.testing.clock import FrozenClock
    from aiooauth1.testing.fake_provider.browser import AuthorizePageError, approve, deny
    from aiooauth1.testing.fake_provider.fake_provider import FakeProvider
    from aiooauth1.testing.fake_provider.ledger import Arrival, Ledger, Post, Summary
    from aiooauth1.testing.fake_provider.server import After, Before, drop
    from aiooauth1.testing.fake_provider.signature_methods import VERIFIERS, Verifier
    from aiooauth1.testing.process.fake_provider_process import FakeProviderProcess


__all__ = [
    "VERIFIERS",
    "After",
    "Arrival",
    "AuthorizePageError",
    "Before",
    "FakeProvider",
    "FakeProviderProcess",
    "FrozenClock",
    "Ledger",
    "Post",
    "Summary",
    "Verifier",
    "approve",
    "deny",
    "drop",
]

# Resolved when first used: pytest loads the plugin, and so this package, before any test needs it.
_MODULES = {
    "FrozenClock": "clock",
    "FakeProvider": "fake_provider.fake_provider",
    "FakeProviderProcess": "process.fake_provider_process",
    **dict.fromkeys(("AuthorizePageError", "approve", "deny"), "fake_provider.browser"),
    **dict.fromkeys(("Arrival", "Ledger", "Post", "Summary"), "fake_provider.ledger"),
    **dict.fromkeys(("After", "Before", "drop"), "fake_provider.server"),
    **dict.fromkeys(("VERIFIERS", "Verifier"), "fake_provider.signature_methods"),
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
