"""Subject `import`: what importing the session costs, compared with importing aiohttp alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.harness.measure import compared
from benchmarks.harness.report import Mark, Row, Subject


if TYPE_CHECKING:
    from benchmarks.harness.measure import Effort


MARK = Mark("at most", 1.08)
OURS, THEIRS = "from aiooauth1 import OAuth1Session", "import aiohttp"
_MEASURED = """
import json, os, time

def resident():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None

before, start = resident(), time.perf_counter()
{}
taken, after = time.perf_counter() - start, resident()
print(json.dumps([taken, after and after - before]))
"""


def measure(effort: Effort) -> Subject:
    """Measure every row of the subject."""
    with TemporaryDirectory() as cache:
        _import(OURS, cache), _import(THEIRS, cache)  # compiles them, as installing a package does
        pairs = []
        for number in range(effort.pairs):
            if number % 2:
                theirs = _import(THEIRS, cache)
                pairs.append((_import(OURS, cache), theirs))
            else:
                pairs.append((_import(OURS, cache), _import(THEIRS, cache)))
    rows = [Row(f"{OURS}: time", THEIRS, compared((ours[0], theirs[0]) for ours, theirs in pairs), MARK)]
    sizes = [(ours[1], theirs[1]) for ours, theirs in pairs if ours[1] and theirs[1]]
    if sizes:
        rows.append(Row(f"{OURS}: memory", THEIRS, compared(sizes), MARK, unit="B"))
    return Subject(
        "import",
        "each in a process of its own: only what the import adds to it; by wall clock",
        tuple(rows),
        ("aiohttp",),
        ()
        if sizes
        else ("this system does not tell how much memory a process has: only the time is measured",),
    )


def _import(statement: str, cache: str) -> tuple[float, float | None]:
    """Return the seconds that an import takes in a fresh process, and the memory in bytes that it adds.

    `cache` is a folder for the compiled modules.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    found = subprocess.run(  # noqa: S603  our own interpreter, our own code
        [sys.executable, "-c", _MEASURED.format(statement)],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    taken, size = json.loads(found.stdout)
    return taken, size
