"""The layers of the package: which package may import which, and which may import other libraries.

Imports go down. Inside a package they are free, but never in a circle. Every import counts: at the top of a
module, in a function, and under TYPE_CHECKING.
"""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import grimp
import pytest

import aiooauth1


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


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
# Pure modules and packages: no I/O, no clock, no randomness, no async.
PURE = (
    "credentials",
    "errors",
    "flows.expiry",
    "flows.handshake.callback",
    "flows.handshake.denials",
    "flows.handshake.pending",
    "flows.handshake.refusals",
    "flows.revocation",
    "flows.sites",
    "flows.xauth",
    "providers",
    "responses",
    "session.redirects",
    "session.retry",
    "signing",
    "stores.codec",
    "stores.keys",
    "stores.redis.records",
    "stores.sqlite.records",
)
INPUT_OUTPUT = {"aiohttp", "anyio", "asyncio", "io", "os", "select", "socket", "ssl", "threading"}
IMPURE = INPUT_OUTPUT | {"random", "secrets", "time"}
# Other libraries, and the only modules and packages that may import them.
FROM_TRANSPORT_UP = tuple(package for package, layer in LAYERS.items() if 3 <= layer <= 7)
OUTSIDE = {
    "aiohappyeyeballs": ("transport.public_only",),
    "aiohttp": FROM_TRANSPORT_UP,
    "multidict": FROM_TRANSPORT_UP,
    "yarl": FROM_TRANSPORT_UP,
    "anyio": ("_internal", "stores", *FROM_TRANSPORT_UP),
    "aiosqlite": ("posting", "stores.sqlite"),
    "cryptography": ("signing.rsa", "stores.encryption"),
    "jwt": ("flows.mediawiki",),
    "platformdirs": ("cli",),
    "pytest": ("testing.plugin", "testing.store_contract"),
    "pytest_asyncio": ("testing.plugin",),
    "redis": ("posting", "stores.redis"),
    "rich": ("cli",),
    "starlette": ("web.starlette",),
    "taskiq": ("posting",),
    "taskiq_redis": ("posting",),
    "typer": ("cli",),
}
# Where a package keeps away from one below it.
APART = {
    ("flows.handshake", "session"): "the handshake signs its own requests",
    ("testing.fake_provider", "session"): "the provider reads requests by code of its own",
}


def graph_of(package: str) -> dict[str, dict[str, int]]:
    """Return which module imports which, without the package's own name, and in which line first."""
    graph = grimp.build_graph(package, include_external_packages=True, cache_dir=None)
    own = [module for module in graph.modules if module == package or module.startswith(f"{package}.")]

    def short(module: str) -> str:
        return "__init__" if module == package else module.removeprefix(f"{package}.")

    return {
        short(importer): {
            f".{short(target)}" if target in own else target: min(
                found["line_number"] for found in graph.get_import_details(importer=importer, imported=target)
            )
            for target in graph.find_modules_directly_imported_by(importer)
        }
        for importer in sorted(own)
    }


def violations(package: str) -> list[str]:
    """One sentence for each import of a package that breaks a rule; a dot marks the package's own modules."""
    graph = graph_of(package)
    wrong = [f"{module} has no layer" for module in graph if module.split(".")[0] not in LAYERS]
    for importer, targets in graph.items():
        for target, line in targets.items() if importer.split(".")[0] in LAYERS else ():
            check = _inside if target.startswith(".") else _outside
            if reason := check(importer, target.removeprefix(".")):
                wrong.append(f"{importer}:{line} imports {target}, {reason}")
    own = {
        module: {name[1:] for name in targets if name.startswith(".")} for module, targets in graph.items()
    }
    try:
        graphlib.TopologicalSorter(own).prepare()
    except graphlib.CycleError as error:
        wrong.append(f"modules import each other in a circle: {' <- '.join(error.args[1])}")
    return wrong


def _inside(importer: str, target: str) -> str | None:
    above, below = importer.split(".", maxsplit=1)[0], target.split(".", maxsplit=1)[0]
    if below not in LAYERS:
        return "which has no layer"
    if LAYERS[below] > LAYERS[above]:
        return "which goes up"
    if LAYERS[below] == LAYERS[above] and above != below and {above, below} != {"__init__", "__main__"}:
        return "which goes sideways"
    reasons = (
        f"but {why}" for (place, apart), why in APART.items() if below == apart and _is_in(importer, [place])
    )
    return next(reasons, None)


def _outside(importer: str, target: str) -> str | None:
    if target in IMPURE and _is_in(importer, PURE):
        return "which is not pure"
    allowed = OUTSIDE.get(target, ())
    if target not in sys.stdlib_module_names and not _is_in(importer, allowed):
        return f"which {'only ' * bool(allowed)}{', '.join(allowed) or 'no module'} may"
    return None


def _is_in(module: str, places: Iterable[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


# The package itself

ROOT = Path(aiooauth1.__file__).parent


def test_every_import_goes_down() -> None:
    assert violations("aiooauth1") == []


def test_no_pure_module_has_a_coroutine_and_only_a_face_imports_by_name() -> None:
    for path in ROOT.rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        text = path.read_text(encoding="utf-8")
        by_name = "import_module(" in text or "__import__(" in text
        assert path.name == "__init__.py" or not by_name, path
        for node in ast.walk(ast.parse(text)) if _is_in(module, PURE) else ():
            assert not isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)), path


# The checker, on packages with one fault each

SOUND = {
    "__main__.py": "from planted.cli import main\n",
    "errors.py": "import enum\n",
    "credentials.py": "from dataclasses import dataclass\n",
    "signing/__init__.py": "from planted.signing.signer import sign\n",
    "signing/signer.py": "import hmac\nfrom planted.errors import OAuth1Error\nfrom . import rules\n",
    "signing/rules.py": "from ..errors import OAuth1Error\n",
    "signing/rsa.py": "def load():\n    from cryptography.hazmat import primitives\n",
    "stores/__init__.py": "from planted.stores.memory import MemoryStore\n",
    "stores/memory.py": "import asyncio, time\nfrom planted.credentials import AccessToken\n",
    "transport/request.py": "import aiohttp\nfrom planted.signing import sign\n",
    "session/session.py": "import yarl\nfrom planted.transport import request as r\n",
    "testing/plugin.py": "import pytest\n",
    "cli/__init__.py": "import typer\nfrom planted.testing import plugin\n",
}
FAULTS = [
    ("errors.py", "from planted.signing import sign", "errors:1 imports .signing, which goes up"),
    ("errors.py", "def f():\n    import planted.session", "errors:2 imports .session, which goes up"),
    ("errors.py", "if TYPE_CHECKING:\n    from planted.stores import S", "imports .stores, which goes up"),
    ("errors.py", "from . import credentials", "imports .credentials, which goes sideways"),
    ("signing/rules.py", "from ..session import S", "imports .session, which goes up"),
    ("signing/rules.py", "from .. import session", "imports .session, which goes up"),
    (
        "signing/rules.py",
        "from .signer import sign",
        "circle: signing.signer <- signing.rules <- signing.signer",
    ),
    ("signing/signer.py", "from planted.signing import sign", "in a circle: signing"),
    ("providers/presets.py", "import planted.stores", "imports .stores, which goes sideways"),
    ("flows/handshake/legs.py", "import planted.session", "but the handshake signs its own requests"),
    (
        "testing/fake_provider/a.py",
        "import planted.session",
        "the provider reads requests by code of its own",
    ),
    ("web/aiohttp.py", "import planted.testing.plugin", "imports .testing.plugin, which goes sideways"),
    ("stores/cached.py", "from planted import AccessToken", "imports .__init__, which goes up"),
    ("stores/memory.py", "import aiohttp.web", "imports aiohttp, which only transport, session, flows,"),
    (
        "signing/signer.py",
        "import cryptography",
        "imports cryptography, which only signing.rsa, stores.encryption",
    ),
    (
        "signing/signer.py",
        "async def f():\n    import asyncio",
        "signer:2 imports asyncio, which is not pure",
    ),
    ("credentials.py", "from os import urandom", "imports os, which is not pure"),
    ("signing/signer.py", "import attrs", "imports attrs, which no module may"),
    ("testing/provider.py", "import pytest", "which only testing.plugin, testing.store_contract may"),
    ("helpers.py", "", "helpers has no layer"),
    ("cli/demo.py", "import planted.__main__", "imports .__main__, which goes up"),
]


def build(folder: Path, files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write a package, and check it."""
    package = folder / "planted"
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in (package, *package.rglob("*")):
        if path.is_dir():
            (path / "__init__.py").touch()
    monkeypatch.syspath_prepend(folder)
    return violations("planted")


def test_the_checker_accepts_a_sound_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert build(tmp_path, SOUND, monkeypatch) == []


@pytest.mark.parametrize(
    ("name", "text", "complaint"), FAULTS, ids=[f"{name} {complaint}" for name, _, complaint in FAULTS]
)
def test_the_checker_finds_a_planted_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, complaint: str
) -> None:
    found = build(tmp_path, {**SOUND, name: text}, monkeypatch)
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
