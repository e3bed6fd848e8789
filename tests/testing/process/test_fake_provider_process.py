"""FakeProvider in a process of its own: what it is told and asked, and that it never outlives its owner."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from oauthlib_caller import Caller, refused

import aiooauth1
from aiooauth1 import Consumer
from aiooauth1.testing import FakeProvider, FakeProviderProcess, Post, Summary
from aiooauth1.testing.process.protocol import answer


pytestmark = pytest.mark.socket

POSIX = os.name == "posix"
ROOT = str(Path(aiooauth1.__file__).resolve().parents[1])
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH")))),
}


async def test_the_child_does_what_the_provider_does() -> None:
    given, other = Consumer("given", "given & secret"), Consumer("other", "s")
    options: dict[str, Any] = {"consumer": given, "consumers": [other], "base_path": "/v1", "name": "kid"}
    async with FakeProviderProcess(**options) as fake, aiohttp.ClientSession() as http:
        caller = Caller(http, fake)
        child = psutil.Process(fake.pid)
        assert given.secret not in repr((child.cmdline(), child.environ(), fake))
        assert (fake.consumer, fake.provider.name, fake.provider.base_url) == (given, "kid", fake.url)
        assert fake.url.endswith("/v1/")
        _, page = await caller.begin("https://c.example/")
        callback = await fake.approve(page, user="zoë")
        assert callback.startswith("https://c.example/?oauth_token=")
        _, page = await caller.begin()
        assert "oauth_problem=user_refused" in await fake.deny(page)
        token = await fake.issue_access_token("zoë")
        assert token.params["screen_name"] == "zoë"
        zoe = caller.holding(token)
        for text in (b"one", b"\xff\x00"):
            assert (await zoe("POST", "posts?a=%7e", text)).status == 201
        assert await fake.posts() == [Post(1, "zoë", "one"), Post(2, "zoë", "\N{REPLACEMENT CHARACTER}\0")]
        ledger = await fake.ledger()
        names = ["request_token", *["authorize"] * 2] * 2 + ["posts"] * 2
        assert [arrival.endpoint for arrival in ledger] == names
        assert ledger[-1].body == b"\xff\x00"
        assert ledger[-1].request_line == b"POST /v1/posts?a=%7e HTTP/1.1"
        assert ledger[-1].header("host") == f"127.0.0.1:{fake.url.split(':')[2].split('/')[0]}".encode()
        assert all(isinstance(text, bytes) for header in ledger[-1].headers for text in header)
        await fake.revoke(token.key)
        refused(await zoe("GET", "posts"), "token_revoked")
        summary = await fake.summary()
        assert (summary.accepted, summary.refused, summary.posts) == (8, 1, 2)
        assert summary.problems == {"token_revoked": 1}
        theirs = await fake.issue_access_token("bob", consumer=other)
        refused(await caller.holding(theirs)("GET", "posts"), "token_rejected")
        await fake.expire(theirs.key)
        await fake.add_consumer(Consumer("third", ""))
        first = await fake.cpu_time()
        assert 0 < first <= await fake.cpu_time()
        for name in ("revoke", "expire"):
            with pytest.raises(KeyError, match="no such token"):
                await getattr(fake, name)("no such token")


async def test_concurrent_and_cancelled_commands_do_not_mix() -> None:
    async with FakeProviderProcess() as fake:
        users = [f"user {number}" for number in range(50)]
        tokens = await asyncio.gather(*(fake.issue_access_token(user) for user in users))
        assert [token.params["screen_name"] for token in tokens] == users
        for turns in range(6):
            question = asyncio.create_task(fake.issue_access_token("cancelled"))
            for _ in range(turns):
                await asyncio.sleep(0)
            question.cancel()
            await asyncio.gather(question, return_exceptions=True)
            assert (await fake.issue_access_token("next")).params["screen_name"] == "next"


async def test_closing_waits_for_the_current_command() -> None:
    for turns in range(4):
        async with FakeProviderProcess() as fake:
            await fake.issue_access_token("ann")
            asked = [asyncio.create_task(fake.summary()) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            child = psutil.Process(fake.pid)
            await fake.aclose()
            assert not child.is_running()
            for answer_ in await asyncio.gather(*asked, return_exceptions=True):
                late = isinstance(answer_, RuntimeError) and "does not run" in str(answer_)
                assert late or (isinstance(answer_, Summary) and answer_.posts == 0), answer_


async def test_the_child_ends_with_its_block() -> None:
    fake = FakeProviderProcess()
    with pytest.raises(RuntimeError, match="not started"):
        _ = fake.url
    with pytest.raises(RuntimeError, match="does not run"):
        await fake.posts()
    async with fake:
        child = psutil.Process(fake.pid)
        assert fake.consumer.secret not in repr((child.cmdline(), child.environ(), fake))
        with pytest.raises(RuntimeError, match="already started"):
            await fake.start()
    assert not child.is_running()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = fake.pid
    await fake.aclose()


async def test_a_child_that_dies_is_noticed() -> None:
    async with FakeProviderProcess() as fake:
        psutil.Process(fake.pid).kill()
        for _ in range(2):
            with pytest.raises(RuntimeError, match="has ended"):
                await fake.summary()


async def test_a_child_that_cannot_start_raises(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="standard error says why"):
        await FakeProviderProcess(denial="shrug").start()
    assert "invalid choice: 'shrug'" in capfd.readouterr().err


OWNER = """
import asyncio, sys
from aiooauth1.testing import FakeProviderProcess

async def main():
    async with FakeProviderProcess() as fake:
        await fake.issue_access_token("ann")
        print(fake.pid, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


async def _python(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT
    )


async def _owner(*options: str) -> tuple[asyncio.subprocess.Process, psutil.Process]:
    """A process that owns a FakeProviderProcess, and the child of that."""
    owner = await _python(*options, "-c", OWNER)
    assert owner.stdout is not None
    return owner, psutil.Process(int(await owner.stdout.readline()))


@pytest.mark.skipif(not POSIX, reason="there are no such signals")
async def test_a_killed_owner_leaves_no_orphan() -> None:
    owner, child = await _owner()
    assert child.is_running()
    owner.kill()
    await owner.communicate(b"")
    await asyncio.to_thread(psutil.wait_procs, [child], 20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


async def test_a_clean_end_warns_of_nothing() -> None:
    owner, child = await _owner("-X", "dev", "-W", "error")
    out, err = await owner.communicate(b"")
    assert (owner.returncode, out, err) == (0, b"", b"")
    assert not child.is_running()


async def _by_hand() -> tuple[Any, Any]:
    """A child whose greeting is read, and its input and output."""
    process = await _python("-X", "dev", "-W", "error", "-m", "aiooauth1.testing")
    assert process.stdout is not None
    return process, json.loads(await process.stdout.readline())


async def test_the_program_greets_answers_and_ends_with_its_input() -> None:
    process, hello = await _by_hand()
    assert hello.keys() == {"url", "name", "consumer_key", "consumer_secret"}
    process.stdin.write(
        b'\n{"id": 7, "do": "posts"}\nnonsense\n{"id": 8, "do": "fly"}\n{"id": 9, "do": "revo'
    )
    told = [json.loads(await process.stdout.readline()) for _ in range(3)]
    assert told[0] == {"id": 7, "end": True}
    assert told[1]["error"] == "JSONDecodeError"
    assert told[2] == {"id": 8, "error": "KeyError", "message": "'fly'"}
    out, err = await process.communicate(b"")
    assert (process.returncode, out, err) == (0, b"", b"")


@pytest.mark.skipif(not POSIX, reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_program_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    process, _ = await _by_hand()
    process.send_signal(number)
    assert (await process.wait(), await process.stderr.read()) == (0, b"")
    await process.communicate(b"")


async def test_the_program_ends_when_its_output_is_closed() -> None:
    process, _ = await _by_hand()
    process.stdout._transport.close()  # noqa: SLF001  a StreamReader has no close of its own
    await asyncio.sleep(0)  # the pipe is closed in the loop's next turn
    process.stdin.write(b'{"id": 1, "do": "summary"}\n')
    assert (await process.wait(), await process.stderr.read()) == (0, b"")
    process.stdin.close()


@pytest.mark.parametrize(
    "line", ["[]", "1", "null", "{}", '{"id": 1}', '{"id": 1, "do": []}', '{"id": 1, "do": "revoke"}']
)
def test_a_malformed_command_gets_an_error(line: str) -> None:
    (message,) = answer(FakeProvider(), line.encode())
    assert message["error"] in {"TypeError", "KeyError", "AttributeError"}
