"""The layers of the package: which package may import which, and which may import other libraries.

Imports go down. Inside a package they are free, but never in a circle. Every import counts: at the top of a
module, in a function, under TYPE_CHECKING, and one by name through `importlib`.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import aiooauth1


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


PACKAGE = "aiooauth1"

LAYERS = {
    "credentials": 0,
    "errors": 0,
    "_internal": 0,
    "signing": 1,
    "providers": 2,
    "responses": 2,
    "stores": 2,
    "transport": 3,
    "session": 4,
    "flows": 5,
    "posting": 6,
    "testing": 6,
    "web": 6,
    "cli": 7,
    # What users import and run: it names what is below, and nothing inside may import it.
    "__init__": 8,
    "__main__": 8,
}

STANDARD_LIBRARY = frozenset(sys.stdlib_module_names)
# Pure modules: no I/O, no clock, no randomness, no async. A name that ends in "/" is a whole folder.
PURE = (
    "credentials.py",
    "errors.py",
    "flows/expiry.py",
    "flows/handshake/callback.py",
    "flows/handshake/denials.py",
    "flows/handshake/pending.py",
    "flows/handshake/refusals.py",
    "flows/revocation.py",
    "flows/sites.py",
    "flows/xauth.py",
    "providers/",
    "responses/",
    "session/redirects.py",
    "session/retry.py",
    "signing/",
    "stores/codec.py",
    "stores/keys.py",
    "stores/redis/records.py",
    "stores/sqlite/records.py",
)
INPUT_OUTPUT = {"aiohttp", "anyio", "asyncio", "io", "os", "select", "socket", "ssl", "threading"}
IMPURE = INPUT_OUTPUT | {"random", "secrets", "time"}
# What comes from outside, and the only files that may import it; one that ends in "/" is a whole folder.
FROM_TRANSPORT_UP = tuple(
    f"{package}{ending}" for package, layer in LAYERS.items() if 3 <= layer <= 7 for ending in (".py", "/")
)
OUTSIDE = {
    "aiohappyeyeballs": ("transport/public_only.py",),
    "aiohttp": FROM_TRANSPORT_UP,
    "multidict": FROM_TRANSPORT_UP,
    "yarl": FROM_TRANSPORT_UP,
    "anyio": ("_internal/", "stores/", *FROM_TRANSPORT_UP),
    "aiosqlite": ("posting/", "stores/sqlite/"),
    "cryptography": ("signing/rsa.py", "stores/encryption.py"),
    "jwt": ("flows/mediawiki.py",),
    "platformdirs": ("cli/",),
    "pytest": ("testing/plugin.py", "testing/store_contract/"),
    "pytest_asyncio": ("testing/plugin.py",),
    "redis": ("posting/", "stores/redis/"),
    "rich": ("cli/",),
    "starlette": ("web/starlette.py",),
    "taskiq": ("posting/",),
    "taskiq_redis": ("posting/",),
    "typer": ("cli/",),
}
# Where a package keeps away from one below it.
APART = {
    ("flows/handshake/", "session"): "the handshake signs its own requests",
    ("testing/fake_provider/", "session"): "the provider reads requests by code of its own",
}


@dataclass(frozen=True)
class Import:
    """One import: the module that has it, where, and what it names."""

    importer: str
    path: str
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.target}"


def modules(package: Path) -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        inside = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join((PACKAGE, *inside))] = path
    return found


def package_of(module: str) -> str:
    """The first name below the root's own; the root itself is `__init__`."""
    return module.split(".")[1] if "." in module else "__init__"


def imports(package: Path) -> list[Import]:
    """Every import of every module, as absolute names of modules as far as they are the package's."""
    paths = modules(package)
    trees = {module: ast.parse(path.read_text(encoding="utf-8"), str(path)) for module, path in paths.items()}
    found = []
    for module, path in paths.items():
        where = path.relative_to(package).as_posix()
        for node in ast.walk(trees[module]):
            line = getattr(node, "lineno", 0)
            targets = dict.fromkeys(_targets(node, module, where, trees))  # one import may name several
            found += [Import(module, where, line, target) for target in targets]
    return found


def _targets(node: ast.AST, module: str, where: str, trees: Mapping[str, ast.Module]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _base(node, module, is_package=where.endswith("__init__.py"))
        for alias in node.names:
            # What a package binds itself hides its submodule of that name.
            submodule = f"{base}.{alias.name}"
            yield submodule if submodule in trees and alias.name not in _bound(trees.get(base)) else base
    elif isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in {"import_module", "__import__"}:
            name = node.args[0] if node.args else None
            yield name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else "?"


def _base(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    here = module.split(".") if is_package else module.split(".")[:-1]
    above = here[: len(here) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _bound(tree: ast.Module | None) -> set[str]:
    return {
        alias.asname or alias.name
        for node in (tree.body if tree is not None else [])
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def violations(package: Path) -> list[str]:
    """One sentence for each import of a package that breaks a rule."""
    known = modules(package)
    wrong = [f"{module} is a package without a layer" for module in known if package_of(module) not in LAYERS]
    inside: dict[str, set[str]] = {module: set() for module in known}
    for one in imports(package):
        if package_of(one.importer) not in LAYERS:
            continue
        if one.target == "?":
            if not one.path.endswith("__init__.py"):  # a face may resolve its names when they are first used
                wrong.append(f"{one.path}:{one.line} imports a module by a computed name")
        elif one.target.split(".")[0] == PACKAGE:
            inside[one.importer].update({one.target} & known.keys())
            wrong += _inside(one, known)
        else:
            wrong += _outside(one)
    return wrong + [
        f"modules import each other in a circle: {' -> '.join(circle)}" for circle in _circles(inside)
    ]


def _inside(one: Import, known: Mapping[str, Path]) -> list[str]:
    if one.target not in known:
        return [f"{one}, which does not exist"]
    importer, target = package_of(one.importer), package_of(one.target)
    if importer == target:
        return []
    if target not in LAYERS:
        return [f"{one}, a package without a layer"]
    if LAYERS[target] > LAYERS[importer]:
        return [f"{one}, which goes up"]
    if LAYERS[target] == LAYERS[importer] and not {importer, target} <= {"__init__", "__main__"}:
        return [f"{one}, which goes sideways"]
    return [
        f"{one}, but {reason}"
        for (place, kept_from), reason in APART.items()
        if one.path.startswith(place) and target == kept_from
    ]


def _outside(one: Import) -> list[str]:
    top = one.target.split(".")[0]
    if top in IMPURE and _is_in(one.path, PURE):
        return [f"{one}, which is not pure"]
    allowed = OUTSIDE.get(top, ())
    if top not in STANDARD_LIBRARY and not _is_in(one.path, allowed):
        return [f"{one}, which {'only ' * bool(allowed)}{', '.join(allowed) or 'no module'} may"]
    return []


def _is_in(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or (place.endswith("/") and path.startswith(place)) for place in places)


def _circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Each circle once, found by walking down from every module; a finished module is not walked again."""
    circles: list[list[str]] = []
    finished: set[str] = set()

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            circles.append([*trail[trail.index(module) :], module])
        elif module not in finished:
            for target in sorted(graph[module]):
                walk(target, [*trail, module])
            finished.add(module)

    for module in sorted(graph):
        walk(module, [])
    return circles


# The package itself

ROOT = Path(aiooauth1.__file__).parent


def test_every_import_goes_down() -> None:
    assert violations(ROOT) == []


def test_no_pure_module_has_a_coroutine() -> None:
    pure = [path for path in ROOT.rglob("*.py") if _is_in(path.relative_to(ROOT).as_posix(), PURE)]
    assert len(pure) > 20
    for path in pure:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)), path


# The checker, on packages with one fault each

SOUND = {
    "__init__.py": "from importlib import import_module\ndef __getattr__(n): return import_module(N[n])\n",
    "__main__.py": "from aiooauth1.cli import main\n",
    "errors.py": "import enum\n",
    "credentials.py": "from dataclasses import dataclass\n",
    "signing/__init__.py": "from aiooauth1.signing.sign import sign\n",
    "signing/sign.py": "import hmac\nfrom aiooauth1.errors import OAuth1Error\nfrom . import rules\n",
    "signing/rules.py": "from ..errors import OAuth1Error\n",
    "signing/rsa.py": "def load():\n    from cryptography.hazmat import primitives\n",
    "stores/__init__.py": "from aiooauth1.stores.memory import MemoryStore\n",
    "stores/memory.py": "import asyncio, time\nfrom aiooauth1.credentials import AccessToken\n",
    "transport/request.py": "import aiohttp\nfrom aiooauth1.signing import sign\n",
    "session/session.py": "import yarl\nfrom aiooauth1.transport import request as r\n",
    "testing/plugin.py": "import pytest\n",
    "cli/__init__.py": "import typer\nfrom aiooauth1.testing import plugin\n",
}
FAULTS = [
    ("errors.py", "from aiooauth1.signing import sign", ":1 imports aiooauth1.signing, which goes up"),
    ("errors.py", "def f():\n    import aiooauth1.session", ":2 imports aiooauth1.session, which goes up"),
    ("errors.py", "if TYPE_CHECKING:\n    from aiooauth1.stores import S", "stores, which goes up"),
    ("errors.py", "from . import credentials", "imports aiooauth1.credentials, which goes sideways"),
    ("signing/rules.py", "from ..session import S", "imports aiooauth1.session, which goes up"),
    ("signing/rules.py", "from .. import session", "imports aiooauth1.session, which goes up"),
    (
        "signing/rules.py",
        "from .sign import sign",
        "circle: aiooauth1.signing.sign -> aiooauth1.signing.rules",
    ),
    ("signing/sign.py", "from aiooauth1.signing import sign", "circle: aiooauth1.signing -> aiooauth1.sig"),
    ("providers/presets.py", "import aiooauth1.stores", "imports aiooauth1.stores, which goes sideways"),
    ("flows/handshake/legs.py", "import aiooauth1.session", "but the handshake signs its own requests"),
    ("testing/fake_provider/a.py", "import aiooauth1.session", "but the provider reads requests by code of"),
    ("web/aiohttp.py", "import aiooauth1.testing.plugin", "which goes sideways"),
    ("stores/cached.py", "from aiooauth1 import AccessToken", "imports aiooauth1, which goes up"),
    ("stores/cached.py", "importlib.import_module('aiooauth1.session')", "session, which goes up"),
    ("stores/cached.py", "n = ''\n__import__(n)", "cached.py:2 imports a module by a computed name"),
    ("stores/memory.py", "import aiohttp.web", "imports aiohttp.web, which only transport.py"),
    ("providers/provider.py", "from yarl import URL", "imports yarl, which only transport.py"),
    ("signing/sign.py", "import cryptography", "imports cryptography, which only signing/rsa.py"),
    ("signing/sign.py", "async def f():\n    import asyncio", "imports asyncio, which is not pure"),
    ("signing/sign.py", "from os import urandom", "imports os, which is not pure"),
    ("credentials.py", "import time", "imports time, which is not pure"),
    ("signing/sign.py", "import attrs", "imports attrs, which no module may"),
    ("testing/provider.py", "import pytest", "which only testing/plugin.py, testing/store_contract/ may"),
    (
        "session/urls.py",
        "def f():\n    import rich.table",
        "urls.py:2 imports rich.table, which only cli/ may",
    ),
    ("helpers.py", "", "aiooauth1.helpers is a package without a layer"),
    ("session/urls.py", "import aiooauth1.nowhere", "imports aiooauth1.nowhere, which does not exist"),
    ("cli/demo.py", "import aiooauth1.__main__", "imports aiooauth1.__main__, which goes up"),
]


def build(folder: Path, files: Mapping[str, str]) -> Path:
    package = folder / PACKAGE
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in {file.parent for file in package.rglob("*.py")}:
        (path / "__init__.py").touch()
    return package


def test_the_checker_accepts_a_sound_package(tmp_path: Path) -> None:
    assert violations(build(tmp_path, SOUND)) == []


@pytest.mark.parametrize(
    ("name", "text", "complaint"), FAULTS, ids=[f"{name} {complaint}" for name, _, complaint in FAULTS]
)
def test_the_checker_finds_a_planted_fault(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    found = violations(build(tmp_path, {**SOUND, name: text}))
    assert any(complaint in sentence for sentence in found), found


# What an import loads, in processes of their own

EXTRAS = ["typer", "rich", "redis", "cryptography", "aiosqlite", "starlette", "anyio", "taskiq", "pytest"]


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after one import of this package."""
    found = subprocess.run(  # noqa: S603  our own interpreter, our own code
        [sys.executable, "-c", f"{statement}\nimport sys; print(*sys.modules)"],
        env={**os.environ, "PYTHONPATH": str(ROOT.parent)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return set(found.stdout.split())


@pytest.mark.parametrize(
    ("statement", "needed", "unneeded"),
    [
        (
            "import aiooauth1.signing",
            "aiooauth1.signing.sign",
            {"aiohttp", "yarl", "multidict", "asyncio", "socket", "ssl", *EXTRAS},
        ),
        ("import aiooauth1", "aiooauth1", {"aiohttp", "asyncio", *EXTRAS}),
        (
            "from aiooauth1 import OAuth1Session",
            "aiooauth1.session.session",
            {
                f"aiooauth1.{name}"
                for name in ("providers", "flows", "stores", "signing.rsa", "testing", "responses.problem")
            },
        ),
    ],
    ids=["the pure core", "the package", "the session"],
)
def test_an_import_loads_no_module_before_it_is_needed(
    statement: str, needed: str, unneeded: set[str]
) -> None:
    loaded = loaded_by(statement)
    assert needed in loaded
    assert unneeded.isdisjoint(loaded)


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_that"):
        _ = aiooauth1.nothing_like_that
