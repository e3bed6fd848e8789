"""Every line of ours in the README's tables for people who come from another library runs."""

from __future__ import annotations

import ast
import asyncio
import re
import time
from dataclasses import replace
from functools import cache
from inspect import CO_COROUTINE
from io import BytesIO
from types import FunctionType
from typing import Any

import pytest
import readme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

import aiooauth1
from aiooauth1 import Handshake, MemoryStore, OAuth1Session, providers, signing
from aiooauth1.signing.rsa import RSA_SHA1, RSA_SHA256
from aiooauth1.testing import FakeProvider


HEADING = "## Moving here from another library"
LIBRARIES = ("Zend_Oauth", "requests-oauthlib", "Authlib", "tweepy", "aioauth-client")
CODE = re.compile(r"`([^`]+)`")


def tables(text: str) -> dict[str, list[tuple[str, str]]]:
    """The rows (theirs, ours) of each library's table."""
    chapter = text.partition(f"\n{HEADING}\n")[2].partition("\n## ")[0]
    found = {}
    for section in chapter.split("\n### ")[1:]:
        library, _, body = section.partition("\n")
        rows = [line.strip("|").split(" | ") for line in body.splitlines() if line.startswith("| ")]
        found[library] = [(theirs.strip(), ours.strip()) for theirs, ours in rows[1:]]
    return found


TABLES = tables(readme.TEXT)
ROWS = [
    pytest.param(ours, id=f"{library}: {theirs}") for library in TABLES for theirs, ours in TABLES[library]
]


@cache
def _pem() -> str:
    key = generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _code(ours: str) -> list[str]:
    """Our code in a cell: calls, attributes, classes. A method's name in a remark is none."""
    return [code for code in CODE.findall(ours) if re.search(r"[(\[]|^\w+\.\w+$|^[A-Z]\w+$", code)]


async def _run(code: str, names: dict[str, Any]) -> object:
    compiled = compile(code, "README.md", "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    value = FunctionType(compiled, names)()
    return await value if compiled.co_flags & CO_COROUTINE else value


def test_each_library_has_its_table() -> None:
    assert tuple(TABLES) == LIBRARIES
    assert all(TABLES.values())


@pytest.mark.parametrize("ours", ROWS)
async def test_each_row_has_code_that_runs_or_a_reason(ours: str) -> None:
    public = {
        name: getattr(module, name) for module in (signing, aiooauth1, providers) for name in module.__all__
    }
    store = MemoryStore()
    async with asyncio.timeout(30), FakeProvider() as fake:
        token = await fake.connect("ann", store)
        async with (
            OAuth1Session(fake.consumer, token, provider=fake.provider, store=store) as session,
            Handshake(fake.provider, fake.consumer, store=store) as handshake,
        ):
            pending = await handshake.begin("https://consumer.example/cb", bind="b")
            callback = await fake.approve(pending.url)
            names = public | {
                "BytesIO": BytesIO,
                "FakeProvider": FakeProvider,
                "RSA_SHA1": RSA_SHA1,
                "RSA_SHA256": RSA_SHA256,
                "aiooauth1": aiooauth1,
                "callback": callback,
                "consumer": fake.consumer,
                "handshake": handshake,
                "pem": _pem(),
                "pending": pending,
                "provider": fake.provider,
                "replace": replace,
                "request_token": pending.request_token,
                "session": session,
                "signature": await session.sign("POST", f"{fake.url}echo", form=b"a=1"),
                "store": store,
                "time": time,
                "token": token,
                "url": f"{fake.url}echo",
                "verifier": callback.rpartition("oauth_verifier=")[2],
            }
            codes = _code(ours)
            assert codes or ours.startswith("none: ") or "which also completes" in ours
            for code in codes if not ours.startswith("none: ") else []:
                value = await _run(code, names)
                assert value is not None, code
                assert getattr(value, "status", 200) in {200, 201}, code
