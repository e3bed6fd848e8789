"""`aiooauth1 login` as people run it: with a browser, with a PIN on a terminal, and given up."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import psutil
import pytest

from aiooauth1.cli.settings import known_providers, open_store
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.encryption import Encryption


if TYPE_CHECKING:
    from desk import Desk


pytestmark = pytest.mark.socket

WAIT = 40


async def users(desk: Desk) -> list[str]:
    async with open_store(desk.store) as store:
        return sorted([user async for user in store.users("photos")])


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


async def page_of(process: asyncio.subprocess.Process) -> str:
    """The address that the command shows."""
    assert process.stderr is not None
    async with asyncio.timeout(WAIT):
        while line := (await process.stderr.readline()).decode():
            if found := re.search(r"http\S+", line):
                return found.group()
    raise AssertionError("no address was shown")


async def start(desk: Desk, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await desk.start(
        *("login", "photos", "--no-browser", "--config", desk.config),
        *("--consumer-file", desk.consumer_file, *arguments),
        **environment,
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), WAIT)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_login_by_browser_keeps_an_encrypted_token_that_only_its_owner_can_read(desk: Desk) -> None:
    key = Encryption.generate_key()
    process = await start(desk, AIOOAUTH1_STORE_KEY=key)
    page = await page_of(process)
    # Whoever reads the process list learns no secret.
    assert desk.fake.consumer.secret not in " ".join(psutil.Process(process.pid).cmdline())
    callback = await desk.fake.approve(page, user="ann")
    async with aiohttp.ClientSession() as http:
        wrong = callback.replace("oauth_token=", "oauth_token=x")
        async with http.get(wrong) as reply:  # a stranger's callback ends nothing
            assert reply.status == 400
        async with http.get(callback) as reply:
            assert (reply.status, "Signed in" in await reply.text()) == (200, True)
            assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert (await ended(process))[:2] == (0, "Signed in at photos as ann.\n")
    assert (mode(desk.store), mode(str(desk.folder / "data"))) == (0o600, 0o700)
    assert await users(desk) == ["ann"]
    async with open_store(None) as store:
        with pytest.raises(StoreCorrupt):  # without the key
            await store.get_access_token("photos", "ann")


async def test_login_ends_with_status_1_when_the_user_says_no(desk: Desk) -> None:
    process = await start(desk)
    callback = await desk.fake.deny(await page_of(process), user="ann")
    async with aiohttp.ClientSession() as http, http.get(callback) as reply:
        assert reply.status == 403
    status, out, err = await ended(process)
    assert (status, out) == (1, "")
    assert "AuthorizationDenied" in err
    assert await users(desk) == []


async def test_ctrl_c_while_login_waits_leaves_a_whole_store_and_no_token(desk: Desk) -> None:
    process = await start(desk)
    await page_of(process)
    process.send_signal(signal.SIGINT)
    status, out, err = await ended(process)
    assert (status, out) == (130, "")
    assert "Traceback" not in err
    assert await users(desk) == []
    async with open_store(desk.store) as store:
        assert list(await known_providers(store, desk.config)) == ["photos"]


async def test_login_on_a_terminal_asks_for_the_consumer_and_a_mistyped_pin_again(desk: Desk) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.to_thread(
        subprocess.Popen,
        [
            sys.executable,
            "-m",
            "aiooauth1",
            "login",
            "photos",
            "--config",
            desk.config,
            "--pin",
            "--no-browser",
        ],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(theirs)
    seen = ""

    async def until(text: str) -> None:
        nonlocal seen
        async with asyncio.timeout(WAIT):
            while text not in seen:
                seen += (await asyncio.to_thread(os.read, ours, 4096)).decode()

    def type_in(text: str) -> None:
        os.write(ours, f"{text}\n".encode())

    try:
        await until("Consumer key at photos: ")
        type_in(desk.fake.consumer.key)
        await until("not shown): ")
        type_in(desk.fake.consumer.secret)
        await until("PIN that the page shows")
        page = re.search(r"http\S+", seen)
        assert page is not None
        pin = await desk.fake.approve(page.group(), user="ann")
        type_in("0")
        await until("That is not the PIN")
        type_in(pin)
        await until("Signed in at photos as ann.")
        assert await asyncio.to_thread(process.wait, WAIT) == 0
        assert desk.fake.consumer.secret not in seen
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "provider 'nowhere' is unknown"),
        (["photos", "--config", "{tmp}/missing.toml"], "cannot be read"),
        (
            ["photos", "--config", "{tmp}/providers.toml"],
            "no consumer key for photos: set AIOOAUTH1_CONSUMER",
        ),
    ],
)
async def test_login_says_in_one_line_what_is_missing(
    arguments: list[str], complaint: str, desk: Desk
) -> None:
    process = await desk.start("login", *(each.format(tmp=desk.folder) for each in arguments))
    status, out, err = await ended(process)
    assert (status, out) == (2, "")
    assert err.startswith("aiooauth1 login: ")
    assert complaint in err
    assert err.count("\n") == 1
