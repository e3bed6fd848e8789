"""The pytest plugin, in runs of pytest of its own: under pytest-asyncio in both modes, anyio, and neither."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import readme
from aioresponses import aioresponses, core

from aiooauth1 import (
    AccessToken,
    Consumer,
    MemoryStore,
    OAuth1Session,
    Provider,
    TokenRejected,
    raise_for_problem,
)


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


TESTS = """
import asyncio
import time

import pytest

from aiooauth1 import CallbackError, TokenRejected, raise_for_problem

{mark}


async def post(session, text):
    async with session.post("posts", user="ann", data={{"status": text}}) as response:
        await raise_for_problem(response)


async def test_session_and_provider(oauth1_provider, oauth1_session, oauth1_store):
    await oauth1_provider.connect("ann", oauth1_store)
    await post(oauth1_session, "Hello")
    assert [made.text for made in oauth1_provider.posts] == ["Hello"]
    oauth1_provider.revoke_user("ann")
    with pytest.raises(TokenRejected):
        await post(oauth1_session, "Anybody there?")


async def test_handshake_expires_by_the_clock(oauth1_provider, oauth1_handshake, oauth1_clock):
    pending = await oauth1_handshake.begin("https://app.example/callback", bind="browser")
    callback = await oauth1_provider.approve(pending.url, user="ann")
    oauth1_clock.advance(601)
    with pytest.raises(CallbackError):
        await oauth1_handshake.complete(callback, bind="browser")


async def test_the_clock_moves_the_session_and_the_limit(oauth1_provider, oauth1_session, oauth1_store):
    began = time.monotonic()
    await oauth1_provider.connect("ann", oauth1_store)
    oauth1_provider.rate_limit(1, 30, style="retry-after")
    await post(oauth1_session, "one")
    await post(oauth1_session, "two")
    assert [made.text for made in oauth1_provider.posts] == ["one", "two"]
    assert time.monotonic() - began < 25


{decorator}
async def own(oauth1_session):
    yield oauth1_session
    await oauth1_session.get("echo")


async def test_an_own_fixture_may_use_them_until_its_end(own, oauth1_provider):
    assert (await own.get("echo")).status == 200
"""
ASYNCIO = ["-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"]
ANYIO = ["-p", "anyio.pytest_plugin"]
BACKEND = '\n\n@pytest.fixture\ndef anyio_backend():\n    return "asyncio"'


def run(folder: Path, code: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run pytest on one file, with our plugin and those that are named."""
    (folder / "test_app.py").write_text(code, encoding="utf-8")
    return subprocess.run(  # noqa: S603  our own interpreter, our own tests
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "aiooauth1.testing.plugin", *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(readme.ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.socket
def test_the_application_of_the_readme_passes_its_tests(tmp_path: Path) -> None:
    program = readme.program("test_reposter.py")
    assert 40 < program.count("\n") <= 60
    found = run(tmp_path, program, ASYNCIO)
    assert "4 passed" in found.stdout, found.stdout


async def test_aioresponses_bypasses_signing_but_not_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    # aioresponses makes aiohttp's responses without the writer that they need: its issue 289.
    writer: Any = SimpleNamespace(output_size=0)
    monkeypatch.setattr(core, "ClientResponse", partial(aiohttp.ClientResponse, stream_writer=writer))
    url, form = "https://provider.example/posts", "application/x-www-form-urlencoded"
    with aioresponses() as mocked:
        mocked.post(url, status=401, body="oauth_problem=token_revoked", content_type=form)
        store, provider = MemoryStore(), Provider("p", base_url="https://provider.example/")
        await store.put_access_token("p", "ann", AccessToken("t", "s"))
        async with OAuth1Session(Consumer("k", "s"), provider=provider, store=store) as session:
            response = await session.post("posts", user="ann")
            with pytest.raises(TokenRejected):
                await raise_for_problem(response)
        ((call,),) = mocked.requests.values()
    assert "Authorization" not in (call.kwargs.get("headers") or {})  # it was not signed
    assert await store.get_access_token("p", "ann") is not None  # and the session did not see the refusal


@pytest.mark.socket
@pytest.mark.parametrize(
    ("mark", "decorator", "arguments"),
    [
        ("", "@pytest.fixture", [*ASYNCIO, "-o", "asyncio_mode=auto"]),
        (
            'import pytest_asyncio\npytestmark = pytest.mark.asyncio(loop_scope="module")',
            '@pytest_asyncio.fixture(loop_scope="module")',
            ASYNCIO,
        ),
        ("pytestmark = pytest.mark.anyio" + BACKEND, "@pytest.fixture", [*ANYIO, *ASYNCIO]),
    ],
    ids=["asyncio auto", "asyncio strict, one loop a module", "anyio beside asyncio strict"],
)
def test_the_fixtures_work_under_every_async_plugin(
    mark: str, decorator: str, arguments: list[str], tmp_path: Path
) -> None:
    found = run(tmp_path, TESTS.format(mark=mark, decorator=decorator), arguments)
    assert "4 passed" in found.stdout, found.stdout


def test_a_fixture_without_asyncio_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "import pytest\n"
        "def test_plain(oauth1_provider): ...\n"
        "@pytest.mark.anyio\n"
        "@pytest.mark.parametrize('anyio_backend', ['trio'])\n"
        "async def test_trio(oauth1_session): ...\n"
    )
    found = run(tmp_path, code, [*ANYIO, "-p", "no:asyncio"])
    assert "2 errors" in found.stdout
    assert "oauth1_provider needs an async test: install pytest-asyncio" in found.stdout
    assert 'define a fixture anyio_backend that returns "asyncio"' in found.stdout


def test_nothing_loads_before_a_fixture_is_used(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "def test_nothing_is_loaded():\n"
        "    loaded = sorted(name for name in sys.modules if name.split('.')[0] in\n"
        "                    {'aiooauth1', 'aiohttp', 'asyncio', 'anyio', 'pytest_asyncio'})\n"
        "    assert loaded == ['aiooauth1', 'aiooauth1.testing', 'aiooauth1.testing.plugin']\n"
        "def test_the_clock_needs_no_loop(oauth1_clock):\n"
        "    before = oauth1_clock()\n"
        "    oauth1_clock.advance(5)\n"
        "    assert oauth1_clock() == before + 5\n"
    )
    found = run(tmp_path, code, [])
    assert "2 passed" in found.stdout, found.stdout


def test_the_package_registers_the_plugin() -> None:
    project = tomllib.loads((readme.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"aiooauth1": "aiooauth1.testing.plugin"}
