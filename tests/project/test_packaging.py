"""The wheel and the sdist, built as a release would be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiooauth1


if TYPE_CHECKING:
    from collections.abc import Sequence


ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ["typer", "rich", "redis", "cryptography", "aiosqlite", "starlette", "taskiq", "jwt", "pytest"]


def run(command: Sequence[str], folder: Path, **environment: str) -> str:
    found = subprocess.run(  # noqa: S603  our own interpreter, our own files
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_the_version_is_the_installed_one() -> None:
    assert aiooauth1.__version__ == PROJECT["version"]


def test_sdist_and_wheel_build_install_and_import_without_extras(tmp_path: Path) -> None:
    run(["-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)], ROOT)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert {"README.md", "LICENSE", "pyproject.toml", "tests", "benchmarks"} <= {
        path.name for path in source.iterdir()
    }
    run(["-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], source)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
        archive.extractall(tmp_path / "installed")  # noqa: S202  we have just built it
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "aiooauth1").rglob("*") if path.is_file()}
    assert {name for name in ours if "__pycache__" not in name} == {
        name for name in files if name.startswith("aiooauth1/")
    }
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({EXTRAS!r}))\n"  # None there: an import fails as if not installed
        "import aiooauth1\n"
        "for name in aiooauth1.__all__: getattr(aiooauth1, name)\n"
        "print(aiooauth1.__file__, aiooauth1.__version__)\n"
    )
    where, version = run(["-c", code], tmp_path, PYTHONPATH=str(tmp_path / "installed")).split()
    assert Path(where).is_relative_to(tmp_path)
    assert version == PROJECT["version"]


def test_there_is_a_classifier_for_every_python_that_is_supported() -> None:
    named = {
        classifier.rpartition(" ")[2]
        for classifier in PROJECT["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", classifier)
    }
    assert named == {"3.11", "3.12", "3.13"}
    assert PROJECT["requires-python"] == ">=3.11"
