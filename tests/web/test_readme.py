"""The services of README's chapters, and their tests, as they stand there."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from readme import ROOT, TEXT, program

import aiooauth1


MOST_LINES = 60
SETTINGS = """\
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


@pytest.mark.socket
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["service.py", "api.py"])
def test_the_service_and_its_tests_are_short_and_pass(tmp_path: Path, name: str) -> None:
    for each in (name, f"test_{name}"):
        source = program(each)
        assert len(source.splitlines()) <= MOST_LINES
        (tmp_path / each).write_text(source, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(SETTINGS, encoding="utf-8")
    plugin = [] if _is_installed() else ["-p", "aiooauth1.testing.plugin"]
    done = subprocess.run(  # noqa: S603  our own interpreter, the README's code
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *plugin],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 5


def test_the_log_events_and_attributes_that_it_lists_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|.*\| ([^|]*) \|$", TEXT, re.MULTILINE)
    listed = {event: set(re.findall(r"`(\w+)`", attributes)) for event, attributes in rows}
    logged: dict[str, set[str]] = {}
    for path in Path(aiooauth1.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Dict(keys=[ast.Constant("event"), *names], values=[ast.Constant(str(event)), *_]):
                    logged[event] = {name.value for name in names if isinstance(name, ast.Constant)}  # type: ignore[misc]
                case ast.Dict(
                    keys=[None, *names], values=[ast.Call(args=[ast.Constant(str(event)), *_]), *_]
                ):
                    logged[event] = {name.value for name in names if isinstance(name, ast.Constant)}  # type: ignore[misc]
                case ast.Call(func=ast.Attribute(attr="_facts"), args=[ast.Constant(str(event)), *_]):
                    logged[event] = logged.get(event, set()) | {
                        "method",
                        "origin",
                        "user",
                        "attempt",
                        "reason",
                    }
    assert listed == logged


def _is_installed() -> bool:
    """Whether pytest finds the plugin by itself."""
    return any(point.value == "aiooauth1.testing.plugin" for point in entry_points(group="pytest11"))
