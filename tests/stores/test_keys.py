"""Names as bytes and keys: each comes back, and no two of them have one key."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiooauth1.stores.keys import name_bytes, name_from_bytes, record_key, text_digest


@given(st.text(st.characters(), max_size=40))  # with lone surrogates
def test_every_name_comes_back(name: str) -> None:
    assert name_from_bytes(name_bytes(name)) == name


@pytest.mark.parametrize("value", [b"\xff", b"\xc0\x80", b"a\xe9", None, 5849, "text"], ids=repr)
def test_a_value_that_is_not_a_name_is_none(value: Any) -> None:
    assert name_from_bytes(value) is None


def hostile_names() -> list[str]:
    """10,000 different names, many made to be confused with one another."""
    pieces = [*":ab*?\n\r\0~\\é\ud800", "{x}", "[a]", "%3A", "e\u0301"]
    names = ["", "x", "x" * 64, "x" * 65, "x" * 1_000_000, "x" * 999_999 + "y", "user@example.org", "0", "-1"]
    names += [first + second + third for first in pieces for second in pieces for third in pieces]
    names += [
        unicodedata.normalize(form, chr(code)) for form in ("NFC", "NFD") for code in range(0xC0, 0x250)
    ]
    names += [text_digest(name) for name in names] + [record_key(name, name) for name in names[:1000]]
    names += [f"{name}:" for name in names]
    return list(dict.fromkeys(names))[:10_000]


def test_10000_hostile_names_have_10000_keys() -> None:
    names = hostile_names()
    assert len(names) == 10_000
    keys = {record_key("access", "x", name): name for name in names}
    keys |= {record_key("access", name, "x"): name for name in names if name != "x"}
    assert len(keys) == 19_999
    assert max(map(len, keys)) <= 3 * 65
    for key in keys:
        assert key.isascii()
        assert key.count(":") == 2
        assert not set(key) & set("*?[]{}\\^ \n\r\0'\"")


def test_names_that_are_split_differently_have_different_keys() -> None:
    pairs = [("a:b", "c"), ("a", "b:c"), ("a", "b", "c"), ("a:b:c",), ("abc",), ("ab", "c"), ("a", "", "b:c")]
    pairs += [("", "a"), ("a", ""), ("a",), ("", ""), ("",), ("a", "", ""), (text_digest("a:b"), "c")]
    assert len({record_key(*pair) for pair in pairs}) == len(pairs)


def test_a_key_begins_with_the_keys_of_its_first_parts() -> None:
    for name in hostile_names()[:500]:
        assert record_key("access", name, "ann").startswith(record_key("access", name) + ":")


def test_a_key_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one name"):
        record_key()
