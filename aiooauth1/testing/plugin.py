"""Fixtures for pytest: a provider, a session, a handshake and a store that share a clock.

pytest finds this module if aiooauth1 is installed. Until a test uses a fixture, it imports nothing else of
aiooauth1, and neither aiohttp nor asyncio. The fixtures work with pytest-asyncio (both modes, any loop scope)
and with anyio's plugin on asyncio.

```python
async def test_a_post_arrives(oauth1_provider, oauth1_session, oauth1_store):
    await oauth1_provider.connect("ann", oauth1_store)
    await oauth1_session.post("posts", user="ann", data={"status": "Hello"})
    assert [post.text for post in oauth1_provider.posts] == ["Hello"]
```
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiooauth1.flows.handshake.handshake import Handshake
    from aiooauth1.session.session import OAuth1Session
    from aiooauth1.stores.memory import MemoryStore
    from aiooauth1.testing.clock import FrozenClock
    from aiooauth1.testing.fake_provider.fake_provider import FakeProvider


__all__ = ["oauth1_clock", "oauth1_handshake", "oauth1_provider", "oauth1_session", "oauth1_store"]


@pytest.fixture
def oauth1_clock() -> FrozenClock:
    """Return the clock of all the other fixtures. It stands still from its creation on.

    `oauth1_clock.advance(seconds)` advances sessions, handshakes, the store and the provider together.
    """
    import time

    from aiooauth1.testing.clock import FrozenClock

    return FrozenClock(float(int(time.time())))


@pytest.fixture
def oauth1_store(oauth1_clock: FrozenClock) -> MemoryStore:
    """Return an empty MemoryStore, whose pending handshakes expire by `oauth1_clock`."""
    from aiooauth1.stores.memory import MemoryStore

    return MemoryStore(clock=oauth1_clock)


@pytest.fixture
def oauth1_provider(request: pytest.FixtureRequest) -> FakeProvider:
    """Return a started FakeProvider that uses `oauth1_clock`."""
    provider: FakeProvider = _opened(request, "provider")
    return provider


@pytest.fixture
def oauth1_handshake(request: pytest.FixtureRequest) -> Handshake:
    """Return a Handshake with `oauth1_provider` that uses `oauth1_store` and `oauth1_clock`."""
    handshake: Handshake = _opened(request, "handshake")
    return handshake


@pytest.fixture
def oauth1_session(request: pytest.FixtureRequest) -> OAuth1Session:
    """Return an OAuth1Session for `oauth1_provider` that uses `oauth1_store` and `oauth1_clock`.

    Its backoff between attempts advances the clock instead of taking time.
    """
    session: OAuth1Session = _opened(request, "session")
    return session


def _opened(request: pytest.FixtureRequest, name: str) -> Any:
    """Return an object that the plugin which runs the test opens and closes in the test's event loop."""
    runner = _runner(request)
    plugin = f"aiooauth1 under {runner}"
    if not request.config.pluginmanager.has_plugin(plugin):
        request.config.pluginmanager.register(_fixtures(runner), plugin)
    return request.getfixturevalue(_fixture_name(name, runner))


def _runner(request: pytest.FixtureRequest) -> str:
    """Return `anyio` if its plugin runs the test, otherwise pytest-asyncio's loop scope."""
    if (mark := request.node.get_closest_marker("asyncio")) is not None:
        default = request.config.getini("asyncio_default_test_loop_scope")
        return str(mark.kwargs.get("loop_scope") or default or "function")
    if "anyio_backend" in request.fixturenames:
        backend = request.getfixturevalue("anyio_backend")
        if (backend if isinstance(backend, str) else backend[0]) != "asyncio":
            pytest.fail(
                f"{request.fixturename} is built on aiohttp, which needs asyncio: define a fixture"
                ' anyio_backend that returns "asyncio"',
                pytrace=False,
            )
        return "anyio"
    pytest.fail(
        f"{request.fixturename} needs an async test: install pytest-asyncio and mark the test with"
        " pytest.mark.asyncio, or mark it with pytest.mark.anyio",
        pytrace=False,
    )


def _fixtures(runner: str) -> ModuleType:
    """Return the async fixtures for one runner, as a pytest plugin of their own."""

    async def provider(oauth1_clock: FrozenClock) -> AsyncIterator[FakeProvider]:
        from aiooauth1.testing.fake_provider.fake_provider import FakeProvider

        async with FakeProvider(clock=oauth1_clock) as fake:
            yield fake

    async def handshake(
        oauth1_clock: FrozenClock, oauth1_provider: FakeProvider, oauth1_store: MemoryStore
    ) -> AsyncIterator[Handshake]:
        from aiooauth1.flows.handshake.handshake import Handshake

        fake = oauth1_provider
        async with Handshake(
            fake.provider, fake.consumer, store=oauth1_store, clock=oauth1_clock
        ) as handshake:
            yield handshake

    async def session(
        oauth1_clock: FrozenClock, oauth1_provider: FakeProvider, oauth1_store: MemoryStore
    ) -> AsyncIterator[OAuth1Session]:
        from aiooauth1.session.session import OAuth1Session

        fake, clock = oauth1_provider, oauth1_clock
        async with OAuth1Session(
            fake.consumer, provider=fake.provider, store=oauth1_store, clock=clock, sleep=clock.sleep
        ) as session:
            yield session

    module = ModuleType(f"aiooauth1_fixtures_{runner}")
    for function in (provider, handshake, session):
        setattr(module, function.__name__, _decorated(function, runner))
    return module


def _decorated(function: Callable[..., Any], runner: str) -> Any:
    name = _fixture_name(function.__name__, runner)
    if runner == "anyio":
        return pytest.fixture(name=name)(function)
    import pytest_asyncio

    decorate: Any = pytest_asyncio.fixture
    return decorate(name=name, loop_scope=runner)(function)


def _fixture_name(name: str, runner: str) -> str:
    return f"_oauth1_{name}_{runner}"
