"""A process that uses a SQLite store as it is told to, a line of input at a time. Run by the tests."""

from __future__ import annotations

import asyncio
import os
import sys

from aiooauth1.credentials import AccessToken
from aiooauth1.stores.sqlite import SQLiteStore


async def open_new_file(path: str) -> str:
    """Open it, put and get."""
    async with SQLiteStore(path) as store:
        me = f"user of process {os.getpid()}"
        await store.put_access_token("x", me, AccessToken(me, "s"))
        held = await store.get_access_token("x", me)
    return "good" if held == AccessToken(me, "s") else "bad"


async def claim(path: str) -> str:
    """Swap fifty records that others want as well, and tell which were won."""
    won: list[str] = []
    async with SQLiteStore(path, timeout=20) as store:
        for number in range(50):
            held = await store.get_pending("x", str(number))
            if held is not None and held.value == b"free":
                claimed = await store.swap_pending("x", str(number), held, f"claim of {os.getpid()}".encode())
                won += [str(number)] if claimed is not None else []
    return ",".join(won)


async def write(path: str) -> str:
    """Write for ever, telling of every token that is stored."""
    async with SQLiteStore(path) as store:
        number = 0
        while True:
            await store.put_access_token("x", f"user {number}", AccessToken(f"key {number}", "s" * 500))
            print(number, flush=True)  # noqa: T201 - the tests read it
            number += 1


async def run_out_of_room(path: str) -> str:
    """Write more than this process may, and tell of the error; then see whether what was stored is there."""
    import resource  # noqa: PLC0415 - POSIX only

    async with SQLiteStore(path) as store:
        await store.put_access_token("x", "ann", AccessToken("k", "s"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        answer = "no error"
        try:
            for number in range(1000):
                await store.put_access_token("x", f"user {number}", AccessToken("k", "s" * 1000))
        except Exception as error:  # noqa: BLE001 - which one is the question
            answer = f"{type(error).__name__}: {error}"
        held = await store.get_access_token("x", "ann")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await store.put_access_token("x", "bob", AccessToken("k", "s"))
    return f"{answer}; then {held}"


async def forget_to_close(path: str) -> str:
    """Leave a store open."""
    store = SQLiteStore(path)
    LEFT_OPEN.append(store)
    await store.put_access_token("x", "ann", AccessToken("k", "s"))
    return "stored"


LEFT_OPEN: list[SQLiteStore] = []
COMMANDS = {
    command.__name__: command for command in (open_new_file, claim, write, run_out_of_room, forget_to_close)
}

if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201 - the tests read it
    for line in sys.stdin:
        name, _, path = line.strip().partition(" ")
        print(asyncio.run(COMMANDS[name](path)), flush=True)  # noqa: T201 - the tests read it
