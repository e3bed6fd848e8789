"""What `params=` and `data=` become: the bytes, or a refusal that names the parameter."""

from __future__ import annotations

import enum
import io
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import FormData
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, MultiDict

from aiooauth1.errors import SigningError
from aiooauth1.transport.params import ParamsEncoder


class Name(str, enum.Enum):  # noqa: UP042  enumerations of texts that show themselves by their names
    HOME = "at home"


class Number(int, enum.Enum):
    SEVEN = 7


WRITTEN: dict[str, tuple[Any, str]] = {
    "a mapping": ({"b": "1", "a": "2"}, "b=1&a=2"),
    "a mapping of lists": ({"a": ["2", "1"], "b": ("3",), "c": []}, "a=2&a=1&b=3"),
    "pairs": ([("b", "1"), ("a", "2"), ("b", "0")], "b=1&a=2&b=0"),
    "pairs of lists": ([("a", ["2", "1"]), ("b", "3")], "a=2&a=1&b=3"),
    "pairs that are lists": ([["a", "1"], ["b", "2"]], "a=1&b=2"),
    "a tuple of pairs": ((("a", "1"),), "a=1"),
    "a multidict": (MultiDict([("a", "1"), ("b", "2"), ("a", "0")]), "a=1&b=2&a=0"),
    "another multidict": (CIMultiDict([("A", "1"), ("a", "0")]), "A=1&a=0"),
    "a read-only mapping": (MappingProxyType({"a": "1"}), "a=1"),
    "nothing": ({}, ""),
    "no pairs": ([], ""),
    "empty names and values": ([("", ""), ("a", "")], "=&a="),
    "numbers": ({"a": 1, "b": -2.5, "c": 10**20, "d": 1e20}, "a=1&b=-2.5&c=100000000000000000000&d=1e%2B20"),
    "enumerations": ({"a": Name.HOME, "b": Number.SEVEN}, "a=at%20home&b=7"),
    "a space is no plus": ({"q": "a b+c"}, "q=a%20b%2Bc"),
    "only unreserved characters stand bare": (
        {"q": "-._~!*'()&=;/?:@[]%#\x00\n"},
        "q=-._~%21%2A%27%28%29%26%3D%3B%2F%3F%3A%40%5B%5D%25%23%00%0A",
    ),
    "unicode": ({"größe": "☃ 雪 𝄞"}, "gr%C3%B6%C3%9Fe=%E2%98%83%20%E9%9B%AA%20%F0%9D%84%9E"),
    "what is encoded already": ({"a": "%41+"}, "a=%2541%2B"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_pairs_are_written_as_query_and_form_alike(name: str) -> None:
    given_, text = WRITTEN[name]
    assert ParamsEncoder().encode_query(given_) == text
    if not isinstance(given_, (str, bytes)):
        assert ParamsEncoder().encode_form(given_) == text.encode()


@given(st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), max_size=6))
def test_whoever_reads_them_gets_the_same_pairs(pairs: list[tuple[str, str]]) -> None:
    written = ParamsEncoder().encode_query(pairs)
    assert parse_qsl(written, keep_blank_values=True, strict_parsing=bool(pairs), errors="strict") == pairs
    assert ParamsEncoder().encode_form(pairs) == written.encode()


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a=1&b=2", "a=1&b=2"),
        ("b=%20+&a", "b=%20%20&a="),
        ("q=ü", "q=%C3%BC"),
        ("a=%FF", "a=%FF"),
        ("&a=1&&", "a=1"),
        ("", ""),
    ],
)
def test_a_text_is_a_query_already(text: str, query: str) -> None:
    assert ParamsEncoder().encode_query(text) == query


def test_parameters_follow_the_query_that_is_there() -> None:
    assert ParamsEncoder().encode_query({"a": "1"}, "z=0&%7E") == "z=0&%7E&a=1"
    assert ParamsEncoder().encode_query(None, "z=0") == "z=0"
    assert ParamsEncoder().encode_query({}, "") == ""


@pytest.mark.parametrize(
    "data", [None, b"a=1", "a=1", bytearray(b"a"), io.BytesIO(b"a"), iter([("a", "b")]), 7]
)
def test_what_is_no_mapping_and_no_list_is_aiohttps(data: Any) -> None:
    assert ParamsEncoder().encode_form(data) is None


@pytest.mark.parametrize(
    "part", [b"bytes", bytearray(b"o"), memoryview(b"o"), io.BytesIO(b"o"), io.StringIO("o")]
)
def test_with_a_file_among_them_all_is_multipart_and_aiohttps(part: Any) -> None:
    assert ParamsEncoder().encode_form({"status": "words", "media": part}) is None
    assert ParamsEncoder().encode_form([("media", part)]) is None


UNFIT: dict[str, Any] = {
    "a flag": {"a": True},
    "none": {"a": None},
    "a mapping within": {"a": {"b": "1"}},
    "a list within a list": {"a": ["1", ["2"]]},
    "an object": [("a", object())],
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_value_that_is_neither_text_nor_number_is_named_and_refused(name: str) -> None:
    for write in (ParamsEncoder().encode_query, ParamsEncoder().encode_form):
        with pytest.raises(TypeError, match=r"the parameter .a. is a \w+: give a str or a number"):
            write(UNFIT[name])


@pytest.mark.parametrize(
    "given_", [{1: "a"}, {None: "a"}, [("a",)], [("a", "b", "c")], ["ab"], [1, 2], [(b"a", "b")]]
)
def test_what_is_no_pairs_is_refused(given_: Any) -> None:
    for write in (ParamsEncoder().encode_query, ParamsEncoder().encode_form):
        with pytest.raises(TypeError, match="pairs"):
            write(given_)


@pytest.mark.parametrize("params", [b"a=1", bytearray(b"a=1"), memoryview(b"a"), 7, True])
def test_a_query_of_another_type_is_refused(params: Any) -> None:
    with pytest.raises(TypeError, match="mapping, pairs or a str"):
        ParamsEncoder().encode_query(params)


@pytest.mark.parametrize("params", ["a=\ud800", {"a": "\ud800"}, [("\udfff", "a")]])
def test_a_text_without_utf_8_is_a_signing_error_that_does_not_repeat_it(params: Any) -> None:
    with pytest.raises(SigningError, match="surrogate") as raised:
        ParamsEncoder().encode_query(params)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        ({"id": [7, 8]}, "id%5B0%5D=7&id%5B1%5D=8"),
        ({"id[]": [7]}, "id%5B0%5D=7"),
        ({"id": 7}, "id=7"),
        ([("id", 1), ("x", 2), ("id", 3)], "id%5B0%5D=1&x=2&id%5B1%5D=3"),
        ([("id[]", 1), ("id", 2)], "id%5B0%5D=1&id%5B1%5D=2"),
        ({"a": Name.HOME}, "a=at%20home"),
    ],
)
def test_php_arrays_are_numbered(given_: Any, text: str) -> None:
    assert ParamsEncoder(php_arrays=True).encode_query(given_) == text
    assert ParamsEncoder(php_arrays=True).encode_form(given_) == text.encode()


def test_sorted_pairs_are_in_the_order_in_which_they_are_signed() -> None:
    pairs = [("b", "2"), ("a", "ü"), ("b", "10"), ("A", "1"), ("a", "z")]
    wanted = "A=1&a=%C3%BC&a=z&b=10&b=2"
    assert ParamsEncoder(is_sorted=True).encode_query(pairs) == wanted
    assert ParamsEncoder(is_sorted=True).encode_form(pairs) == wanted.encode()
    assert ParamsEncoder(is_sorted=True).encode_query({"b": "1"}, "c=2&a=3") == "a=3&b=1&c=2"


class Upload:
    """What a web framework hands in for an uploaded file: it wraps the open file."""

    filename = "a.png"

    async def read(self) -> bytes:
        return b""


@pytest.mark.parametrize("handed", [Path("a.png"), Upload()], ids=["a path", "an upload"])
def test_a_path_and_an_upload_are_told_apart_from_a_file(handed: Any) -> None:
    for data in (handed, {"media": handed}):
        with pytest.raises(TypeError, match="give an open file or bytes"):
            ParamsEncoder().encode_form(data)


def test_form_data_of_texts_is_written_by_the_rfc_and_any_other_is_left_to_aiohttp() -> None:
    assert ParamsEncoder().encode_form(FormData([("a", "x y"), ("a", "é+")])) == b"a=x%20y&a=%C3%A9%2B"
    assert ParamsEncoder().encode_form(FormData([("a", "é")], charset="latin-1")) is None
    multipart = FormData()
    multipart.add_field("media", b"x", filename="a.png")
    assert ParamsEncoder().encode_form(multipart) is None
