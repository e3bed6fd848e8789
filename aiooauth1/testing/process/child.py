"""The child process of a FakeProviderProcess: starts it, sends it commands, and ends it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiooauth1.testing.process.protocol import encode_message


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiooauth1.testing.process.protocol import Message


__all__ = ["Child"]

_LINE_LIMIT = 1 << 26  # bytes: an arrival with a body of 1 MiB, each byte escaped
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 10.0
_ERRORS: Mapping[str, type[Exception]] = {"KeyError": KeyError, "ValueError": ValueError}


class Child:
    """A process that runs `python -m aiooauth1.testing`.

    It ends when it is closed, and also when this process dies, since that closes its standard input.

    Args:
        arguments: Its command line, without secrets, since others on the machine can read it.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = tuple(arguments)
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._questions = 0

    @property
    def pid(self) -> int:
        """Its process id. Raises RuntimeError if it does not run."""
        return self._running().pid

    async def start(self) -> Message:
        """Start the process and wait until its port is open."""
        if self._process is not None:
            raise RuntimeError("this FakeProviderProcess is already started")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "aiooauth1.testing",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            limit=_LINE_LIMIT,
            start_new_session=True,  # so that Ctrl-C reaches only this process, which closes the child
        )
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                return await _read(self._process)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the process after it has answered the current command, and wait for its end."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  both are pipes
        process.stdin.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_TIMEOUT), self._lock:
                    await process.stdout.read()  # to the end, so that both pipes are closed
                    await process.wait()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def ask(self, do: str, **arguments: object) -> list[Any]:
        """Send one command and return its values. Other commands wait until it is answered."""
        async with self._lock:
            process = self._running()
            assert process.stdin is not None  # noqa: S101  it is a pipe
            self._questions += 1
            number = self._questions
            process.stdin.write(encode_message({"id": number, "do": do, **arguments}))
            with suppress(ConnectionError):  # the child is gone, which the read below reports
                await process.stdin.drain()
            values: list[Any] = []
            while True:
                message = await _read(process)
                if message["id"] != number:
                    continue  # the answer to a cancelled command
                if "end" in message:
                    return values
                if "error" in message:
                    raise _ERRORS.get(message["error"], RuntimeError)(message["message"])
                values.append(message["value"])

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("this FakeProviderProcess does not run: start it with `async with`")
        return self._process


async def _read(process: asyncio.subprocess.Process) -> Message:
    assert process.stdout is not None  # noqa: S101  it is a pipe
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the FakeProvider's process has ended: standard error says why")
    message: Message = json.loads(line)
    return message


def _environment() -> dict[str, str]:
    """Return the child's environment: ours, with the path of this package if it is not installed."""
    environment = dict(os.environ)
    root = Path(__file__).resolve().parents[3]
    if root.name not in {"site-packages", "dist-packages"}:
        paths = [str(root), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment
