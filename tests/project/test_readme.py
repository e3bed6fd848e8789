"""The README's code runs as it stands: snippets pasted one after another, whole programs as files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from readme import ROOT, TEXT, blocks, program, snippets

import aiooauth1.errors


if TYPE_CHECKING:
    from pathlib import Path


# From 3.13 on the interpreter takes pasted blocks at a terminal alone, so there they run as one program.
_AS_A_PROGRAM = """
import ast, asyncio, sys
code = compile(sys.stdin.read(), "README", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
asyncio.run(eval(code, {"__name__": "readme"}))
"""
INTERPRETER = ["-m", "asyncio"] if sys.version_info < (3, 13) else ["-c", _AS_A_PROGRAM]


def run(command: list[str], folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own interpreter, the README's code
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        input=text,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )


@pytest.mark.socket
def test_every_snippet_runs_when_pasted_into_the_interpreter(tmp_path: Path) -> None:
    pasted = run(INTERPRETER, tmp_path, "\n".join(snippets()))
    for sign in ("Traceback", "Error:", "Warning"):
        assert sign not in pasted.stderr, pasted.stderr
    assert pasted.returncode == 0
    for printed in (
        "201 {'id': 1, 'user': 'ann', 'text': 'Hello'}",
        "send the browser to http://",
        "not posted for nobody: ",
        "has revoked access (token_revoked): ask them to connect again",
        "posted for 10",
        "ben is not connected\nben is not connected",
    ):
        assert printed in re.sub(r"(>>> |\.\.\. )+", "", pasted.stdout), pasted.stdout


@pytest.mark.socket
def test_the_first_snippet_runs_alone(tmp_path: Path) -> None:
    pasted = run(INTERPRETER, tmp_path, snippets()[0])
    assert "Traceback" not in pasted.stderr, pasted.stderr
    assert "201 {'id': 1" in pasted.stdout


def test_the_readme_s_tree_of_errors_is_the_module_s() -> None:
    (tree,) = (block for block in blocks("") if block.startswith("OAuth1Error\n"))
    assert tree in (aiooauth1.errors.__doc__ or "")


def test_the_two_commands_install_what_they_run() -> None:
    demo, tests = (block.rstrip("\n") for block in blocks("sh")[:2])
    install = r"python3 -m venv \.venv && \.venv/bin/pip install -q "
    assert re.fullmatch(install + r"'\.\[all\]' && \.venv/bin/aiooauth1 demo", demo)
    assert re.fullmatch(install + r"-e '\.\[test\]' && \.venv/bin/pytest", tests)


def test_the_readme_names_every_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["optional-dependencies"].keys() - {"test", "bench", "browser", "types"}
    (sentence,) = re.findall(r"Optional parts are extras.*?\.\n", TEXT, re.DOTALL)
    assert declared == set(re.findall(r"`(\w+)`", sentence))


def test_every_link_inside_the_readme_has_a_heading() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    }
    links = set(re.findall(r"\]\(#([^)]*)\)", TEXT))
    assert len(links) > 5
    assert links <= headings


def test_the_public_modules_that_both_guides_list_are_the_same_and_exist() -> None:
    contributing = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"one of the\s+public\s+modules: (.*?)\. `\.github", TEXT, re.DOTALL)
    (theirs,) = re.findall(r"\*\*Public modules\*\* are (.*?)\. All else", contributing, re.DOTALL)
    folder = ROOT / "aiooauth1"
    named = [name.removeprefix("aiooauth1").strip(".") for name in re.findall(r"`([\w.]+)`", sentence)]
    assert named == [name.removeprefix("aiooauth1").strip(".") for name in re.findall(r"`([\w.]+)`", theirs)]
    for name in named:
        path = folder / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__init__.py").exists(), name


def test_the_readme_s_store_passes_the_contract(tmp_path: Path) -> None:
    source = program("test_dict_store.py")
    store = source[source.index("class DictStore") : source.index("class TestDictStore")]
    assert sum(bool(line) for line in store.splitlines()) <= 40
    (tmp_path / "test_dict_store.py").write_text(source, encoding="utf-8")
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    done = run(["-m", "pytest", *options, "test_dict_store.py"], tmp_path)
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 20
