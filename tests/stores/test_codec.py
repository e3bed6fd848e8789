"""Stored records: everything that was written comes back, and nothing else is ever read."""

from __future__ import annotations

import json
import math
import pickle
import random
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutated

from aiooauth1.credentials import AccessToken
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.codec import (
    MAX_RECORD,
    decode_token,
    dump_record,
    encode_token,
    load_record,
    token_fields,
    token_from_fields,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


CANARY = "canary-4f1c9e"
TEXT = st.text(st.characters(), max_size=40)  # with lone surrogates
RECORD = encode_token(AccessToken("key", CANARY, params={"user_id": CANARY}, expires_at=1.5))


@given(TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=5), st.none() | st.floats(allow_nan=False, width=32))
def test_every_token_comes_back(
    key: str, secret: str, params: Mapping[str, str], expires_at: float | None
) -> None:
    if expires_at is not None and math.isinf(expires_at):
        expires_at = None
    token = AccessToken(key, secret, params=params, expires_at=expires_at)
    assert decode_token(encode_token(token)) == token
    assert token_from_fields(token_fields(token)) == token


def test_two_surrogates_do_not_come_back_as_one_character() -> None:
    token = AccessToken("\ud83d\ude00", "\U0001f600")
    back = decode_token(encode_token(token))
    assert [len(back.key), len(back.secret)] == [2, 1]
    assert back == token


def test_equal_tokens_have_equal_records() -> None:
    one = AccessToken("k", "s", params={"a": "1", "b": "2"})
    other = AccessToken("k", "s", params={"b": "2", "a": "1"})
    assert encode_token(one) == encode_token(other)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXT.filter(lambda name: name != "v"), JSON, max_size=4))
def test_a_record_comes_back_or_is_refused(fields: dict[str, Any]) -> None:
    try:
        record = dump_record(fields)
    except ValueError:
        assert "Infinity" in json.dumps(fields) or _depth(fields) > 8
    else:
        assert load_record(record) == fields


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0) if isinstance(value, dict | list) else 0


CYCLE: list[object] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    "fields",
    [
        {"a": CYCLE},
        {"a": math.nan},
        {"a": math.inf},
        {"a": 10**5000},
        {"a": 10**20},
        {"a": (1, 2)},
        {"a": b"bytes"},
        {"a": {1: "a"}},
        {"a": object()},
        {"a": "x" * MAX_RECORD},
        {"a": [[[[[[[[[]]]]]]]]]},
        {"v": 7},
    ],
    ids=lambda fields: str(type(next(iter(fields.values()))).__name__),
)
def test_fields_that_would_not_come_back_are_refused_when_they_are_written(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cannot be stored"):
        dump_record({**fields, "secret": CANARY})


def shown_on_the_way(error: BaseException) -> str:
    """The variables of all frames except the test's."""
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)][1:]
    assert frames
    assert error.__context__ is None
    return repr(frames)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"params": {"user_id": "x" * MAX_RECORD, "session": CANARY}}, ValueError),
        ({"params": {"user_id": 1, "session": CANARY}}, TypeError),
        ({"params": {1: "a", "session": CANARY}}, TypeError),
        *(
            ({"params": {"session": CANARY}, "expires_at": moment}, ValueError)
            for moment in (math.nan, math.inf, -math.inf, 10**400)
        ),
    ],
    ids=["too long", "a number", "a number as name", "NaN", "for ever", "since ever", "a huge number"],
)
def test_a_token_that_cannot_be_stored_is_refused_and_not_shown(
    options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"cannot be stored|expires_at must be finite") as refused:
        encode_token(AccessToken("k", CANARY, **options))
    assert CANARY not in shown_on_the_way(refused.value)


def test_a_token_of_16_kib_is_taken_and_a_larger_one_refused() -> None:
    room = MAX_RECORD - len(encode_token(AccessToken("", "")))
    assert decode_token(encode_token(AccessToken("x" * room, ""))).key == "x" * room
    with pytest.raises(ValueError, match="16384 bytes"):
        encode_token(AccessToken("x" * (room + 1), ""))


def test_other_versions_are_refused() -> None:
    record = dump_record({"a": 1}, version=2)
    assert load_record(record, version=2) == {"a": 1}
    for version in (1, 3):
        with pytest.raises(StoreCorrupt, match=f"not of version {version}"):
            load_record(record, version=version)


class _Bomb:
    """What a pickle would run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (open, (str(self.path), "w"))


def forged_records(canary: Path) -> list[Any]:
    good = json.loads(RECORD)
    others: list[object] = [None, 1, [], {}, True]
    bad_params: list[object] = [None, [], "a", 1, {"a": 1}, {"a": None}, {"a": ["b"]}]
    no_numbers: list[object] = ["1", True, [], {}, "Infinity"]
    versions: list[object] = [0, 2, -1, 1.0, "1", None, True, [1], 10**19]

    def but(**fields: object) -> bytes:
        return json.dumps({**good, **fields}).encode()

    def without(name: str) -> bytes:
        return json.dumps({field: value for field, value in good.items() if field != name}).encode()

    text = RECORD.decode()
    return [
        *(b"", b"{", b"{}", b"[]", b"null", b"1", b'"text"', b"\0", b" " * 100, b"\xff" * 100, b"{" * 16_000),
        *(b"[" * 16_384, b'{"a":' * 3000, b'"' * 16_384, b'{"a":"' + b'\\"' * 8000, b"[{" * 8000),
        *(b"x" * (MAX_RECORD + 1), RECORD + b" " * MAX_RECORD, RECORD + b"{}", RECORD + RECORD, RECORD[1:]),
        *(pickle.dumps(_Bomb(canary), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        *(pickle.dumps(good), b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR."),
        f"__import__('pathlib').Path({str(canary)!r}).touch()".encode(),
        *(without(name) for name in good),
        *(but(v=version) for version in versions),
        *(but(**{name: value}) for name in ("key", "secret") for value in others),
        *(but(params=value) for value in bad_params),
        *(but(expires_at=value) for value in no_numbers),
        *(but(more="field"), but(__class__="AccessToken"), but(user="ann")),
        *(
            text.replace("1.5", f"{sign}{number}").encode()
            for sign in ("", "-")
            for number in ("Infinity", "1e999")
        ),
        text.replace("1.5", "NaN").encode(),
        text.replace("1.5", "9" * 5000).encode(),
        text.replace('"v":1', '"v":' + "1" * 5000).encode(),
        *(text.replace("{", f'{{"{name}":1,', 1).encode() for name in ("v", "key", "secret")),
        text.replace('"params":{', '"params":{"user_id":"x",').encode(),
        *(
            text.replace("key", "k\xe9y").encode(coding)
            for coding in ("utf-16", "utf-32", "latin-1", "utf-8-sig")
        ),
        *(RECORD.replace(b"canary", raw) for raw in (b"\xff", b"\xc0\xaf", b"\xf5\x80\x80\x80", b"\xe2\x82")),
        *(RECORD.replace(b"canary", raw) for raw in (b"\n", b"\0", b'"', b"\\", b"\\x41", b"\\u12")),
        *(None, "text", 1, 1.5, bytearray(RECORD)),
        *(text.replace('"', "'").encode(), text.upper().encode(), text.replace(":", "=").encode()),
    ]


def test_forged_records_are_refused_and_neither_shown_nor_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for record in forged_records(canary):
        with pytest.raises(StoreCorrupt) as refused:
            decode_token(record)
        assert str(refused.value).startswith("a stored record is not one of ours: ")
        assert CANARY not in "".join(traceback.format_exception(refused.value))
        assert CANARY not in shown_on_the_way(refused.value)
    assert not canary.exists()


@pytest.mark.parametrize("fields", [None, [], "text", {}, {"key": "k"}, {**json.loads(RECORD)}])
def test_fields_that_are_not_a_token_s_are_refused(fields: object) -> None:
    with pytest.raises(StoreCorrupt):
        token_from_fields(fields)


def test_deep_nesting_is_refused_whatever_the_recursion_limit() -> None:
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(100_000)
        with pytest.raises(StoreCorrupt, match="nested"):
            load_record(b"[" * MAX_RECORD)
    finally:
        sys.setrecursionlimit(limit)


def test_brackets_in_texts_do_not_count_as_nesting() -> None:
    fields = {"a": "[{" * 100 + '"\\' + "[" * 100, "b": ["]"] * 20}
    assert load_record(dump_record(fields)) == fields


def test_1000_changed_records_are_refused_or_tokens_of_texts() -> None:
    chance = random.Random(5849)  # noqa: S311  the same changes in every run
    refused = 0
    for _ in range(1000):
        record = RECORD
        for _ in range(chance.randrange(1, 4)):
            record = mutated(record, chance, [chance.randbytes(3)])
        try:
            token = decode_token(record)
        except StoreCorrupt:
            refused += 1
        else:  # without encryption, a text that was changed is another text
            assert isinstance(token, AccessToken)
            assert isinstance(token.key, str)
            assert all(isinstance(part, str) for pair in token.params.items() for part in pair)
    assert 500 < refused < 1000
