"""FakeProvider in a process of its own: what it is told and asked, and that it never outlives its owner."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import psutil
import pytest
from oauthlib import oauth1
from yarl import URL

import aiooauth1
from aiooauth1 import AccessToken, Consumer
from aiooauth1.testing import FakeProvider, FakeProviderProcess, Post, Summary
from aiooauth1.testing.process.protocol import answer


pytestmark = pytest.mark.socket

Client: Any = oauth1.Client

POSIX = os.name == "posix"
ROOT = str(Path(aiooauth1.__file__).resolve().parents[1])
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH")))),
}


async def _send(
    fake: FakeProviderProcess, method: str, path: str, token: AccessToken | None, **more: Any
) -> tuple[int, str]:
    key, secret = (token.key, token.secret) if token else (None, None)
    consumer = fake.consumer
    data = more.pop("data", None)
    url, headers, _ = Client(consumer.key, consumer.secret, key, secret, **more).sign(fake.url + path, method)
    target = URL(url, encoded=True)
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, target, headers=headers, data=data) as reply,
    ):
        return reply.status, await reply.text()


async def test_the_child_does_what_the_provider_does() -> None:
    given, other = Consumer("given", "given & secret"), Consumer("other", "s")
    async with FakeProviderProcess(consumer=given, consumers=[other], base_path="/v1", name="kid") as fake:
        assert fake.consumer is given
        assert fake.provider.name == "kid"
        assert fake.provider.base_url == fake.url
        assert fake.url.endswith("/v1/")
        status, body = await _send(
            fake, "POST", "oauth/request_token", None, callback_uri="https://c.example/"
        )
        assert status == 200
        key = dict(parse_qsl(body))["oauth_token"]
        callback = await fake.approve(f"{fake.provider.authorize_url}?oauth_token={key}", user="zoë")
        assert callback.startswith(f"https://c.example/?oauth_token={key}&oauth_verifier=")
        token = await fake.issue_access_token("zoë")
        assert token.params["screen_name"] == "zoë"
        for text in (b"one", b"\xff\x00"):
            assert (await _send(fake, "POST", "posts?a=%7e", token, data=text))[0] == 201
        assert await fake.posts() == [Post(1, "zoë", "one"), Post(2, "zoë", "\N{REPLACEMENT CHARACTER}\0")]
        ledger = await fake.ledger()
        assert [arrival.endpoint for arrival in ledger] == [
            "request_token",
            *["authorize"] * 2,
            *["posts"] * 2,
        ]
        assert ledger[-1].body == b"\xff\x00"
        assert ledger[-1].request_line == b"POST /v1/posts?a=%7e HTTP/1.1"
        assert ledger[-1].header("host") == f"127.0.0.1:{fake.url.split(':')[2].split('/')[0]}".encode()
        assert all(isinstance(octets, bytes) for header in ledger[-1].headers for octets in header)
        await fake.revoke(token.key)
        status, body = await _send(fake, "GET", "posts", token)
        assert (status, "oauth_problem=token_revoked" in body) == (401, True)
        summary = await fake.summary()
        assert (summary.accepted, summary.refused, summary.posts) == (5, 1, 2)
        assert summary.problems == {"token_revoked": 1}
        theirs = await fake.issue_access_token("bob", consumer=other)
        assert b"token_rejected" in (await _send(fake, "GET", "posts", theirs))[1].encode()
        await fake.expire(theirs.key)
        await fake.add_consumer(Consumer("third", ""))
        first = await fake.cpu_time()
        assert 0 < first <= await fake.cpu_time()
        for name in ("revoke", "expire"):
            with pytest.raises(KeyError, match="no such token"):
                await getattr(fake, name)("no such token")


async def test_many_questions_at_once_and_a_cancelled_one_do_not_mix() -> None:
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


async def test_closing_lets_the_question_that_is_under_way_have_its_answer() -> None:
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


async def test_no_secret_is_in_arguments_or_environment() -> None:
    async with FakeProviderProcess(consumer=Consumer("key", "canary-secret")) as fake:
        child = psutil.Process(fake.pid)
        assert "canary" not in repr((child.cmdline(), child.environ(), fake))
        assert fake.consumer.secret not in repr(fake)


async def test_it_ends_with_its_owner_s_block_and_after_that_says_so() -> None:
    fake = FakeProviderProcess()
    with pytest.raises(RuntimeError, match="not started"):
        _ = fake.url
    with pytest.raises(RuntimeError, match="does not run"):
        await fake.posts()
    async with fake:
        child = psutil.Process(fake.pid)
        with pytest.raises(RuntimeError, match="started already"):
            await fake.start()
    assert not child.is_running()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = fake.pid
    await fake.aclose()


async def test_a_child_that_dies_is_noticed() -> None:
    async with FakeProviderProcess() as fake:
        psutil.Process(fake.pid).kill()
        with pytest.raises(RuntimeError, match="has ended"):
            await fake.summary()
        with pytest.raises(RuntimeError, match="has ended"):
            await fake.summary()


async def test_a_child_that_cannot_start_is_an_error_and_leaves_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
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


async def _owner(*options: str) -> tuple[asyncio.subprocess.Process, psutil.Process]:
    """A process that owns a FakeProviderProcess, and the child of that."""
    owner = await asyncio.create_subprocess_exec(
        sys.executable,
        *options,
        "-c",
        OWNER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=ENVIRONMENT,
    )
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


async def test_a_clean_end_says_nothing_though_warnings_are_errors() -> None:
    owner, child = await _owner("-X", "dev", "-W", "error")
    out, err = await owner.communicate(b"")
    assert (owner.returncode, out, err) == (0, b"", b"")
    assert not child.is_running()


async def _by_hand() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-X", "dev", "-W", "error", "-m", "aiooauth1.testing"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=ENVIRONMENT,
    )


async def test_by_hand_it_says_where_it_is_takes_questions_and_ends_with_its_input() -> None:
    process = await _by_hand()
    assert process.stdin is not None
    assert process.stdout is not None
    hello = json.loads(await process.stdout.readline())
    assert hello.keys() == {"url", "name", "consumer_key", "consumer_secret"}
    process.stdin.write(
        b'\n{"id": 7, "do": "posts"}\nnonsense\n{"id": 8, "do": "fly"}\n{"id": 9, "do": "revo'
    )
    await process.stdin.drain()
    assert json.loads(await process.stdout.readline()) == {"id": 7, "end": True}
    assert json.loads(await process.stdout.readline())["error"] == "JSONDecodeError"
    assert json.loads(await process.stdout.readline()) == {"id": 8, "error": "KeyError", "message": "'fly'"}
    out, err = await process.communicate(b"")
    assert (process.returncode, out, err) == (0, b"", b"")


@pytest.mark.skipif(not POSIX, reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_by_hand_it_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    process = await _by_hand()
    assert process.stdout is not None
    await process.stdout.readline()
    process.send_signal(number)
    await process.wait()
    assert process.stderr is not None
    assert (process.returncode, await process.stderr.read()) == (0, b"")
    await process.communicate(b"")


async def test_a_child_whose_output_nobody_reads_any_more_ends() -> None:
    process = await _by_hand()
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdout.readline()
    transport: Any = process.stdout
    transport._transport.close()  # noqa: SLF001  a StreamReader has no close of its own
    await asyncio.sleep(0)  # the pipe is closed in the loop's next turn
    process.stdin.write(b'{"id": 1, "do": "summary"}\n')
    assert await process.wait() == 0
    assert process.stderr is not None
    assert await process.stderr.read() == b""
    process.stdin.close()


def test_questions_of_any_shape_get_an_answer() -> None:
    fake = FakeProvider()
    for line in (
        b"[]",
        b"1",
        b"null",
        b"{}",
        b'{"id": 1}',
        b'{"id": 1, "do": []}',
        b'{"id": 1, "do": "revoke"}',
    ):
        (message,) = answer(fake, line)
        assert message["error"] in {"TypeError", "KeyError", "AttributeError"}
