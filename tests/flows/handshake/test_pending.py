"""The record of a pending handshake: what it keeps, what it hides, and what it takes for one."""

from __future__ import annotations

import ast
import inspect
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from handshakes.shown import leaks

from aiooauth1 import AccessToken, Problem, StoreCorrupt
from aiooauth1.flows.handshake import pending
from aiooauth1.flows.handshake.pending import DENIED, PendingRecord, Refusal


BIND, VERIFIER = "bind-CANARY-1", "verifier-CANARY-2"
OPEN = PendingRecord(
    provider="fake",
    request_token="rt",
    secret="rt-secret-CANARY-3",
    params={"hint": "ü☃\ud800"},
    data={"next": "/home?a=1&b=2", "": ""},
    url="https://provider.example/authorize?oauth_token=rt",
    bind_digest="",
    salt="5" * 32,
)
OPEN = replace(OPEN, bind_digest=OPEN.digest(BIND))
REFUSAL = Refusal(OPEN.digest(VERIFIER), Problem(401, "verifier_invalid", "Type it again"))
TOKEN = AccessToken("at", "at-secret", params={"user_id": "7"}, expires_at=1e9)
STATES = {
    "open": OPEN,
    "claimed": replace(OPEN, claim="c1", claim_expires_at=1234.5, attempts=1),
    "refused": replace(OPEN, refusal=REFUSAL, attempts=1),
    "refused without words": replace(OPEN, refusal=replace(REFUSAL, problem=Problem(401))),
    "denied": replace(OPEN, outcome=DENIED, secret="", params={}),
    "done": replace(OPEN, outcome=TOKEN, secret="", params={}, url="", is_saved=True),
    "done, claimed to save": replace(OPEN, outcome=TOKEN, secret="", claim="c2", claim_expires_at=5.0),
}


@pytest.mark.parametrize("record", STATES.values(), ids=STATES)
def test_every_state_survives_dump_and_load(record: PendingRecord) -> None:
    assert PendingRecord.load(record.dump()) == record
    assert PendingRecord.load(record.dump()).dump() == record.dump()


@pytest.mark.parametrize("record", STATES.values(), ids=STATES)
def test_binding_and_verifier_are_not_stored(record: PendingRecord) -> None:
    written = record.dump().decode("utf-8", "surrogatepass")
    assert BIND not in written
    assert VERIFIER not in written


@pytest.mark.parametrize("record", STATES.values(), ids=STATES)
def test_no_secret_shows_in_repr(record: PendingRecord) -> None:
    shown = f"{record!r} {record} {record.refusal!r}"
    for secret in ("CANARY", "at-secret", record.bind_digest, record.salt):
        assert secret not in shown.replace(REFUSAL.verifier, "")


def test_digests_are_salted() -> None:
    other = PendingRecord("fake", "rt", "", {}, {}, "", "", salt="6" * 32)
    assert other.digest(BIND) != OPEN.digest(BIND)


@pytest.mark.parametrize("bind", ["", "bind-CANARY-", "bind-CANARY-11", "é", "\ud800", "\0", "x" * 10**6])
def test_another_binding_or_verifier_does_not_match(bind: str) -> None:
    assert OPEN.is_bound_to(BIND)
    assert not OPEN.is_bound_to(bind)
    assert not replace(OPEN, refusal=REFUSAL).is_refused(bind)
    assert replace(OPEN, refusal=REFUSAL).is_refused(VERIFIER)
    assert not OPEN.is_refused(VERIFIER)


TAMPERED: dict[str, Any] = {
    "provider": [None, 1, [], {}],
    "request_token": [None, 1, True],
    "secret": [None, 1],
    "params": [None, [], "", {"a": 1}, {"a": None}, {"a": {}}],
    "data": [None, [], "", {"a": 1}],
    "url": [None, 1],
    "bind_digest": [None, 1, "", "é" * 64, "\ud800", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n"],
    "salt": [None, 1, "", "é", "\ud800", "0" * 31],
    "claim": [1, True, [], {}],
    "claim_expires_at": [None, "1", True, []],
    "attempts": [None, "1", 1.0, True, []],
    "outcome": [1, True, [], "approved", "", {}, {"key": "k"}, {"key": 1, "secret": "s", "params": {}}],
    "is_saved": [None, 0, "true"],
    "refusal": [
        1,
        "",
        [],
        {},
        {"verifier": "x", "status": 401, "name": None, "advice": None, "meaning": ""},
        {"verifier": "é" * 64, "status": 401, "name": None, "advice": None, "meaning": ""},
        {"verifier": REFUSAL.verifier, "status": "401", "name": None, "advice": None, "meaning": ""},
        {"verifier": REFUSAL.verifier, "status": True, "name": None, "advice": None, "meaning": ""},
        {"verifier": REFUSAL.verifier, "status": 401, "name": 1, "advice": None, "meaning": ""},
        {"verifier": REFUSAL.verifier, "status": 401, "name": None, "advice": None, "meaning": "", "more": 1},
    ],
}


def test_the_table_of_tampered_fields_names_them_all() -> None:
    assert TAMPERED.keys() | {"v"} == json.loads(OPEN.dump()).keys()


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in TAMPERED.items() for value in values]
)
def test_a_wrong_field_makes_the_record_corrupt(name: str, value: object) -> None:
    fields = json.loads(STATES["refused"].dump().decode("utf-8", "surrogatepass"))
    written = json.dumps({**fields, name: value}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    with pytest.raises(StoreCorrupt):
        PendingRecord.load(written)


@pytest.mark.parametrize("name", [*TAMPERED, "v"])
def test_a_missing_field_makes_the_record_corrupt(name: str) -> None:
    fields = json.loads(OPEN.dump().decode("utf-8", "surrogatepass"))
    del fields[name]
    with pytest.raises(StoreCorrupt):
        PendingRecord.load(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\x80\x04\x95cos\nsystem\n",
        b"[" * 100_000,
        OPEN.dump() + b" " * 20_000,
        OPEN.dump()[:-1] + b',"more":1}',
        OPEN.dump()[:-1] + b',"bind_digest":"' + b"0" * 64 + b'"}',
        OPEN.dump().replace(b'"v":1', b'"v":2'),
        OPEN.dump().replace(b'"attempts":0', b'"attempts":' + b"9" * 5000),
        OPEN.dump().replace(b'"claim_expires_at":0.0', b'"claim_expires_at":NaN'),
    ],
    ids=[
        *["empty", "null", "list", "object", "pickle", "deep", "long", "more", "twice", "newer", "digits"],
        "NaN",
    ],
)
def test_other_bytes_are_corrupt(written: bytes) -> None:
    with pytest.raises(StoreCorrupt):
        PendingRecord.load(written)


def test_10000_damaged_records_are_whole_or_corrupt() -> None:
    chance = random.Random(5849)  # noqa: S311  the same damage each time
    originals = [record.dump() for record in STATES.values()]
    corrupt, shown = 0, list[str]()
    for _ in range(10_000):
        written = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(written))
            if chance.random() < 0.5:
                written[at] = chance.randrange(256)
            else:
                del written[at : at + chance.randint(1, 9)]
        try:
            record = PendingRecord.load(bytes(written))
        except StoreCorrupt as error:
            shown += leaks(error, ["CANARY"])
            corrupt += 1
        else:
            # What is read can be used.
            assert not record.is_bound_to("somebody else")
            assert not record.is_refused("something else")
            assert PendingRecord.load(record.dump()) == record
    assert shown == []
    assert 5000 < corrupt < 10_000


@pytest.mark.parametrize("bind", ["", None, 7, b"browser"])
def test_an_empty_or_wrong_bind_is_refused(bind: Any) -> None:
    with pytest.raises(ValueError, match="bind must be a non-empty str"):
        pending.validate_bind(bind)


def test_digests_are_compared_in_constant_time() -> None:
    """No `==`, `!=` or `in` has a digest, binding, verifier or salt on a side, in any module that has one."""
    folder = Path(inspect.getfile(pending)).parent
    sources = [(folder / f"{module}.py").read_text(encoding="utf-8") for module in _MODULES]
    assert [found for source in sources for found in _comparisons(source)] == []
    for question in (PendingRecord.is_bound_to, PendingRecord.is_refused):
        assert "compare_digest(" in inspect.getsource(question)
    compared = [
        "record.bind_digest == x",
        "x != self.digest(y)",
        "verifier in (a, b)",
        "a.verifier.encode() == x",
    ]
    harmless = ["verifier is None", "compare_digest(bind, x)", "f(verifier) == 1"]
    assert _comparisons("\n".join(compared + harmless)) == compared


_MODULES = ("pending", "handshake", "exchange")
_DIGESTS = {"bind_digest", "bind", "verifier", "salt", "digest"}


def _comparisons(source: str) -> list[str]:
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and not all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
        and any(_is_a_digest(side) for side in (node.left, *node.comparators))
    ]


def _is_a_digest(side: ast.AST) -> bool:
    while isinstance(side, (ast.Call, ast.Attribute)):  # x.bind.encode()
        if isinstance(side, ast.Attribute) and side.attr in _DIGESTS:
            return True
        side = side.func if isinstance(side, ast.Call) else side.value
    return isinstance(side, ast.Name) and side.id in _DIGESTS
