"""`aiooauth1 login` as people run it: with a browser, with a PIN on a terminal, and given up."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import psutil
import pytest
from desk import COMMAND
from terminal import PATIENCE, on_terminal

from aiooauth1.cli.settings import known_providers, open_store
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.encryption import Encryption


if TYPE_CHECKING:
    from desk import Desk


pytestmark = pytest.mark.socket


async def users(desk: Desk) -> list[str]:
    async with open_store(desk.store) as store:
        return sorted([user async for user in store.users("photos")])


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


async def page_of(process: asyncio.subprocess.Process) -> str:
    """The address that the command shows."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
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
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_login_by_browser_keeps_an_encrypted_token_that_only_its_owner_can_read(desk: Desk) -> None:
    key = Encryption.generate_key()
    process = await start(desk, AIOOAUTH1_STORE_KEY=key)
    page = await page_of(process)
    # All users of the machine can read the process list.
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


async def test_login_on_a_terminal_asks_for_the_consumer_and_for_a_refused_pin_again(desk: Desk) -> None:
    pins: list[str] = []

    async def wrong_pin(shown: str) -> str:
        page = re.search(r"http\S+", shown)
        assert page is not None
        pins.append(await desk.fake.approve(page.group(), user="ann"))
        return "0"

    async def right_pin(_: str) -> str:
        return pins[0]

    status, shown = await on_terminal(
        [*COMMAND, "login", "photos", "--config", desk.config, "--pin", "--no-browser"],
        dict(os.environ),
        ("Consumer key at photos: ", desk.fake.consumer.key),
        ("not shown): ", desk.fake.consumer.secret),
        ("PIN that the page shows", wrong_pin),
        ("That PIN was refused", right_pin),
    )
    assert (status, shown.endswith("Signed in at photos as ann.\n")) == (0, True)
    assert desk.fake.consumer.secret not in shown
