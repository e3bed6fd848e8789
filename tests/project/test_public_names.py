from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import aiooauth1
from aiooauth1 import errors


if TYPE_CHECKING:
    from types import ModuleType


# What users import, by module. Adding is free, renaming is not.
CONTRACT = {
    "aiooauth1": [
        "AccessToken",
        "AccessTokenStore",
        "Consumer",
        "Handshake",
        "Held",
        "MemoryStore",
        "OAuth1Middleware",
        "OAuth1Session",
        "PendingHandshake",
        "PendingStore",
        "Problem",
        "Provider",
        "RateLimit",
        "RateLimitWindow",
        "RequestToken",
        "Retry",
        "Signature",
        "SigningRules",
        "TokenRejection",
        "TokenStore",
        "raise_for_problem",
        "rate_limit",
        *errors.__all__,
    ],
    "aiooauth1.errors": errors.__all__,  # the tree of errors has a test of its own
    "aiooauth1.posting": [
        "Journal",
        "Outcome",
        "Post",
        "PostingWorker",
        "RedisJournal",
        "SQLiteJournal",
        "post_all",
    ],
    "aiooauth1.posting.taskiq": ["enqueue", "posting_task"],
    "aiooauth1.flows": ["Handshake", "PendingHandshake"],
    "aiooauth1.flows.discovery": ["discover"],
    "aiooauth1.flows.magento": ["MagentoIntegration", "complete_integration"],
    "aiooauth1.flows.mediawiki": ["Identity", "identify"],
    "aiooauth1.providers": ["Provider", "RateLimitRule", "catalog"],
    "aiooauth1.signing": [
        "HMAC_SHA1",
        "HMAC_SHA256",
        "HMAC_SHA512",
        "PLAINTEXT",
        "Signature",
        "SignatureMethod",
        "SigningRules",
        "base_string_uri",
        "normalize_parameters",
        "percent_encode",
        "sign",
    ],
    "aiooauth1.signing.explain": ["Cause", "Difference", "Explanation", "compare", "diagnose", "explain"],
    "aiooauth1.signing.rsa": ["RSA_PSS", "RSA_SHA1", "RSA_SHA256", "RSA_SHA512"],
    "aiooauth1.stores": [
        "AccessTokenStore",
        "Held",
        "MemoryStore",
        "PendingStore",
        "TokenStore",
        "put_access_tokens",
    ],
    "aiooauth1.stores.cached": ["CachedStore"],
    "aiooauth1.stores.encryption": ["Encryption"],
    "aiooauth1.stores.redis": ["RedisStore"],
    "aiooauth1.stores.sqlite": ["SQLiteStore"],
    "aiooauth1.testing": ["FakeProvider"],
    "aiooauth1.testing.store_contract": ["StoreContract"],
    "aiooauth1.web.aiohttp": ["HANDSHAKE", "SESSION", "STORE", "Connected", "oauth_context", "oauth_routes"],
    "aiooauth1.web.starlette": ["Connected", "oauth_context", "oauth_routes"],
}


# Packages whose face is a docstring alone: what is inside is imported from its own module.
INTERNAL_FACES = {
    "aiooauth1.cli.demo",
    "aiooauth1.cli.demo.site",
    "aiooauth1.flows.handshake",
    "aiooauth1.responses",
    "aiooauth1.session",
    "aiooauth1.testing.fake_provider",
    "aiooauth1.testing.process",
    "aiooauth1.transport",
    "aiooauth1.web",
}


def public_modules() -> list[str]:
    """Every module whose dotted name has no private part; `__main__` is a program, not a module for users."""
    inside = pkgutil.walk_packages(aiooauth1.__path__, "aiooauth1.")
    names = [module.name for module in inside if not re.search(r"\._", module.name)]
    return ["aiooauth1", *sorted(set(names) - INTERNAL_FACES)]


def order(name: str) -> tuple[int, list[str | int]]:
    """Constants, then classes, then functions, numbers by their size: how the linter sorts `__all__`."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return kind, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


@pytest.fixture(params=public_modules())
def module(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


def test_every_public_module_has_and_describes_its_public_names(module: ModuleType) -> None:
    assert isinstance(module.__all__, list)
    assert module.__all__ == sorted(module.__all__, key=order)
    assert len(module.__all__) == len(set(module.__all__))
    assert module.__doc__
    for name in module.__all__:
        assert not name.startswith("_")
        assert name in dir(module)
        value = getattr(module, name)
        if callable(value) and getattr(value, "__module__", "").startswith("aiooauth1"):
            assert value.__doc__, f"{module.__name__}.{name}"


@pytest.mark.parametrize("name", CONTRACT)
def test_the_names_of_the_contract_are_there(name: str) -> None:
    assert set(CONTRACT[name]) <= set(importlib.import_module(name).__all__)


@pytest.mark.parametrize("name", sorted(INTERNAL_FACES))
def test_the_face_of_an_internal_package_imports_nothing(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    (statement,) = ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
    assert isinstance(statement, ast.Expr)


def test_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from aiooauth1 import *", names)  # noqa: S102  a star import stands at the top of a module only
    assert set(aiooauth1.__all__) <= names.keys()


def test_a_name_is_the_same_object_wherever_it_is_public() -> None:
    for name in aiooauth1.__all__:
        value = getattr(aiooauth1, name)
        home = importlib.import_module(value.__module__)
        assert getattr(home, name) is value
        assert name in home.__all__
