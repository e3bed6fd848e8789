"""Worker processes, seen from the test."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .job import Job


_SCRIPT = Path(__file__).with_name("worker.py")


class Worker:
    """A process that has started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def do(self, job: Job) -> list[tuple[str, str, int]] | int:
        """Have a job done; return what the worker tells of it, or the status with which it died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(job.line())
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            return await self._process.wait()
        told: list[tuple[str, str, int]] = json.loads(line)
        return told


@asynccontextmanager
async def workers(number: int) -> AsyncIterator[list[Worker]]:
    """Start worker processes, and end them."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    processes: list[asyncio.subprocess.Process] = []
    try:
        for _ in range(number):
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(_SCRIPT), stdin=pipe, stdout=pipe, env=environment, limit=1 << 24
            )
            processes.append(process)
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        yield [Worker(process) for process in processes]
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
            if process.stdin is not None:
                process.stdin.close()
