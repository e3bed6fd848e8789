"""The README's code runs, block after block in one namespace, against a provider that verifies.

In it `https://photos.example` is the provider, and the environment has the credentials.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession, DummyCookieJar
from aiohttp.test_utils import TestServer

import aiooauth1.errors
from aiooauth1 import OAuth1Session
from aiooauth1.testing import FakeProviderProcess, approve, deny


if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.socket

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def blocks(language: str) -> Iterator[tuple[int, str]]:
    """The code blocks of a language, each with the number of its first line."""
    for block in re.finditer(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE):
        yield TEXT.count("\n", 0, block.start(1)) + 1, block[1]


async def run(line: int, source: str, namespace: dict[str, Any]) -> None:
    """Run a block in which `await` may stand at the top, so that a traceback shows the README's lines."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile("\n" * (line - 1) + source, str(README), "exec", flags=flags, dont_inherit=True)
    result = eval(code, namespace)  # noqa: S307  the README is ours
    if inspect.isawaitable(result):
        await result


def in_a_thread(namespace: dict[str, Any]) -> str:
    """The user, who approves at the page that the README's code told them, and reads the PIN there."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: asyncio.run(approve(namespace["pending"].url, "ann"))).result()


async def test_every_block_runs_and_does_what_the_text_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with FakeProviderProcess() as fake:
        token = await fake.issue_access_token("ann")
        for name, value in {
            "PHOTOS_KEY": fake.consumer.key,
            "PHOTOS_SECRET": fake.consumer.secret,
            "PHOTOS_TOKEN": token.key,
            "PHOTOS_TOKEN_SECRET": token.secret,
        }.items():
            monkeypatch.setenv(name, value)
        namespace: dict[str, Any] = {"__name__": "readme"}
        namespace["input"] = lambda _: in_a_thread(namespace)

        for line, source in blocks("python"):
            await run(line, source.replace("https://photos.example", fake.url.rstrip("/")), namespace)

        posts = [(post.user, post.text) for post in await fake.posts()]
        assert posts[0] == ("ann", "Hello")
        assert sorted(posts[1:101]) == sorted(("ann", f"Post {number}") for number in range(100))
        assert posts[101:] == [("ann", "Hello again"), ("ann", "From the cache")]
        printed = capsys.readouterr().out
        assert "posted for ann\n" in printed
        assert "ben is not connected\n" in printed
        assert not (await fake.summary()).refused

        await judge_the_web_application(namespace)
        await judge_what_is_done_when_a_user_leaves(namespace, fake)
        assert "cleo has left (token_revoked): connect them anew\n" in capsys.readouterr().out


async def judge_the_web_application(namespace: dict[str, Any]) -> None:
    async with TestServer(namespace["app"]) as server, ClientSession(cookie_jar=DummyCookieJar()) as browser:

        async def begin() -> tuple[str, dict[str, str]]:
            async with browser.post(server.make_url("/connect"), allow_redirects=False) as response:
                assert response.status == 303
                cookie = response.cookies["__Host-connect"]
                assert cookie["secure"]
                assert cookie["httponly"]
                assert (cookie["path"], cookie["samesite"]) == ("/", "Lax")
                return response.headers["Location"], {"Cookie": f"{cookie.key}={cookie.value}"}

        async def come_back(callback: str, headers: dict[str, str]) -> tuple[int, str]:
            assert callback.startswith("https://tweetexpress.example/callback?")
            url = server.make_url("/callback?" + callback.partition("?")[2])
            async with browser.get(url, headers=headers) as response:
                return response.status, await response.text()

        url, mine = await begin()
        _, others = await begin()
        callback = await approve(url, "cleo")
        assert await come_back(callback, {}) == (400, "Please begin anew, in the same browser.")
        assert await come_back(callback, others) == (400, "That did not work. Please begin anew.")
        assert await come_back(callback, mine) == (200, "Welcome, cleo!")
        assert await come_back(callback, mine) == (200, "Welcome, cleo!")
        assert await namespace["store"].get_access_token("photos", "cleo") is not None

        url, mine = await begin()
        assert await come_back(await deny(url, "dora"), mine) == (
            200,
            "You said no, so nothing was connected.",
        )
        async with browser.get(server.make_url("/connect")) as response:
            assert response.status == 405


async def judge_what_is_done_when_a_user_leaves(namespace: dict[str, Any], fake: FakeProviderProcess) -> None:
    store, try_to_repost = namespace["store"], namespace["try_to_repost"]
    async with OAuth1Session(
        fake.consumer,
        provider=namespace["PHOTOS"],
        store=store,
        on_token_rejected=namespace["say_goodbye"],
    ) as session:
        assert await try_to_repost(session, "cleo", "Hello") == "posted for cleo"
        await fake.revoke((await store.get_access_token("photos", "cleo")).key)
        for _ in range(2):
            assert await try_to_repost(session, "cleo", "Hello?") == "cleo is not connected"
        assert await store.get_access_token("photos", "cleo") is None


def test_the_tree_of_errors_is_that_of_the_module() -> None:
    (tree,) = (block for _, block in blocks("") if block.startswith("OAuth1Error\n"))
    assert tree in (aiooauth1.errors.__doc__ or "")


def test_the_two_commands_are_one_line_each_and_install_what_they_run() -> None:
    (demo,), (tests,) = (block.splitlines() for _, block in blocks("sh"))
    install = r"python3 -m venv \.venv && \.venv/bin/pip install -q "
    assert re.fullmatch(install + r"'\.\[all\]' && \.venv/bin/aiooauth1 demo", demo)
    assert re.fullmatch(install + r"-e '\.\[test\]' && \.venv/bin/pytest", tests)


def test_the_extras_that_it_names_are_those_of_the_package() -> None:
    project = tomllib.loads((README.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["optional-dependencies"].keys() - {"test", "bench", "browser"}
    (sentence,) = re.findall(r"Optional parts are extras.*?\.\n", TEXT, re.DOTALL)
    assert declared == set(re.findall(r"`(\w+)`", sentence))


def test_the_store_of_forty_lines_passes_the_contract(tmp_path: Path) -> None:
    source = next(source for _, source in blocks("python") if "class DictStore" in source)
    store = source[source.index("class DictStore") : source.index("class TestDictStore")]
    assert sum(bool(line) for line in store.splitlines()) <= 40
    test = tmp_path / "test_dict_store.py"
    test.write_text(source, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "asyncio_mode=auto",
        str(test),
    ]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(  # noqa: S603  ours
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 20  # type: ignore[index]
