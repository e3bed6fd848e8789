"""What `params=` and `data=` become: the bytes, or a refusal that names the parameter."""

from __future__ import annotations

import enum
import io
import tempfile
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


@pytest.mark.parametrize(("data", "text"), WRITTEN.values(), ids=WRITTEN)
def test_mappings_and_pairs_are_written_alike_in_query_and_form(data: Any, text: str) -> None:
    assert ParamsEncoder().encode_query(data) == text
    assert ParamsEncoder().encode_form(data) == text.encode()


@given(st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), max_size=6))
def test_a_parser_reads_the_pairs_that_were_written(pairs: list[tuple[str, str]]) -> None:
    written = ParamsEncoder().encode_query(pairs)
    assert parse_qsl(written, keep_blank_values=True, strict_parsing=bool(pairs), errors="strict") == pairs
    assert ParamsEncoder().encode_form(pairs) == written.encode()


@pytest.mark.parametrize(
    ("params", "present", "query"),
    [
        ("a=1&b=2", "", "a=1&b=2"),
        ("b=%20+&a", "", "b=%20%20&a="),
        ("q=ü", "", "q=%C3%BC"),
        ("a=%FF", "", "a=%FF"),
        ("&a=1&&", "", "a=1"),
        ("?a=1", "", "a=1"),  # as URLSearchParams of browsers reads it
        ("??a=1", "", "%3Fa=1"),
        ("", "", ""),
        ({"a": "1"}, "z=0&%7E", "z=0&%7E&a=1"),
        (None, "z=0", "z=0"),
        ({}, "", ""),
    ],
)
def test_a_str_is_a_query_and_parameters_follow_the_query_that_is_present(
    params: Any, present: str, query: str
) -> None:
    assert ParamsEncoder().encode_query(params, present) == query


@pytest.mark.parametrize(
    ("options", "data", "text"),
    [
        ({"php_arrays": True}, {"id": [7, 8]}, "id%5B0%5D=7&id%5B1%5D=8"),
        ({"php_arrays": True}, {"id[]": [7]}, "id%5B0%5D=7"),
        ({"php_arrays": True}, {"id": 7}, "id=7"),
        ({"php_arrays": True}, [("id", 1), ("x", 2), ("id", 3)], "id%5B0%5D=1&x=2&id%5B1%5D=3"),
        ({"php_arrays": True}, [("id[]", 1), ("id", 2)], "id%5B0%5D=1&id%5B1%5D=2"),
        ({"php_arrays": True}, {"a": Name.HOME}, "a=at%20home"),
        (
            {"is_sorted": True},
            [("b", "2"), ("a", "ü"), ("b", "10"), ("A", "1"), ("a", "z")],
            "A=1&a=%C3%BC&a=z&b=10&b=2",
        ),
        ({}, FormData([("a", "x y"), ("a", "é+")]), "a=x%20y&a=%C3%A9%2B"),
    ],
)
def test_php_arrays_are_numbered_and_sorted_parameters_are_in_the_order_of_the_signature(
    options: dict[str, bool], data: Any, text: str
) -> None:
    assert ParamsEncoder(**options).encode_form(data) == text.encode()
    if not isinstance(data, FormData):
        assert ParamsEncoder(**options).encode_query(data) == text


def test_sorted_parameters_are_sorted_among_those_of_the_query() -> None:
    assert ParamsEncoder(is_sorted=True).encode_query({"b": "1"}, "c=2&a=3") == "a=3&b=1&c=2"


def multipart() -> FormData:
    form = FormData()
    form.add_field("media", b"x", filename="a.png")
    return form


FILES = [b"bytes", bytearray(b"o"), memoryview(b"o"), io.BytesIO(b"o"), io.StringIO("o")]
LEFT_TO_AIOHTTP = [
    *(None, b"a=1", "a=1", bytearray(b"a"), io.BytesIO(b"a")),
    *({"status": "words", "media": file} for file in FILES),
    *([("media", file)] for file in FILES),
    *(multipart(), FormData([("a", "é")], charset="latin-1")),
]


@pytest.mark.parametrize("data", LEFT_TO_AIOHTTP)
def test_data_is_left_to_aiohttp_unless_it_is_pairs_without_a_file(data: Any) -> None:
    assert ParamsEncoder().encode_form(data) is None


class Upload:
    """What a web framework hands in for an uploaded file: it wraps the open file."""

    filename = "a.png"

    async def read(self) -> bytes:
        return b""


VALUE = r"the parameter .a. is a \w+: give a str or a number"
REFUSED: dict[str, tuple[Any, str]] = {
    "a flag": ({"a": True}, VALUE),
    "None": ({"a": None}, VALUE),
    "a mapping in a mapping": ({"a": {"b": "1"}}, VALUE),
    "a list in a list": ({"a": ["1", ["2"]]}, VALUE),
    "an object": ([("a", object())], VALUE),
    "a number as a name": ({1: "a"}, "pairs"),
    "None as a name": ({None: "a"}, "pairs"),
    "bytes as a name": ([(b"a", "b")], "pairs"),
    "a pair of one": ([("a",)], "pairs"),
    "a pair of three": ([("a", "b", "c")], "pairs"),
    "a list of texts": (["ab"], "pairs"),
    "a list of numbers": ([1, 2], "pairs"),
}


@pytest.mark.parametrize(("data", "told"), REFUSED.values(), ids=REFUSED)
def test_pairs_of_wrong_types_are_refused_in_query_and_form(data: Any, told: str) -> None:
    for write in (ParamsEncoder().encode_query, ParamsEncoder().encode_form):
        with pytest.raises(TypeError, match=told):
            write(data)


@pytest.mark.parametrize("params", [b"a=1", bytearray(b"a=1"), memoryview(b"a"), 7, True])
def test_params_of_another_type_are_refused(params: Any) -> None:
    with pytest.raises(TypeError, match="mapping, pairs or a str"):
        ParamsEncoder().encode_query(params)


PAIRS = [("a", "b")]
NOT_DATA = [7, 7.5, True, {"a"}, iter(PAIRS), zip("a", "b", strict=True), {"a": "b"}.items(), range(3), str]


@pytest.mark.parametrize("data", NOT_DATA, ids=lambda data: type(data).__name__)
def test_data_that_cannot_be_sent_is_refused_without_repeating_it(data: Any) -> None:
    with pytest.raises(TypeError, match=r"^data= is a \w+: give a mapping or a list of pairs"):
        ParamsEncoder().encode_form(data)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_refused(number: float) -> None:
    for write in (ParamsEncoder().encode_query, ParamsEncoder().encode_form, ParamsEncoder.parts):
        with pytest.raises(ValueError, match="give a finite number"):
            write({"a": number})


@pytest.mark.parametrize(
    "named", [("a.png", b"x"), ("a.png", io.BytesIO(b"x")), ["a.png", io.BytesIO(b"x"), "image/png"]]
)
def test_a_file_with_its_name_as_requests_and_httpx_have_it_is_told_how_to_be_written(named: Any) -> None:
    with pytest.raises(TypeError, match=r"with a file in it: .*form\.add_field\(name, file, filename="):
        ParamsEncoder().encode_form({"media": named, "status": "x"})


def test_beside_a_file_numbers_are_text_and_lists_are_repeated_fields() -> None:
    one, two = io.BytesIO(b"1"), b"2"
    data = {"media": [one, two], "part": 7, "lat": 1.5, "tags": ["x", "y"]}
    expected = [("media", one), ("media", two), ("part", "7"), ("lat", "1.5"), ("tags", "x"), ("tags", "y")]
    assert ParamsEncoder().encode_form(data) is None
    assert ParamsEncoder.parts(data) == expected
    for value in (True, None, object()):
        with pytest.raises(TypeError, match="the parameter 'a' is a"):
            ParamsEncoder.parts({"media": one, "a": value})


@pytest.mark.parametrize(
    "handed",
    [Path("a.png"), Upload(), tempfile.NamedTemporaryFile()],  # noqa: SIM115  never written
    ids=["a path", "an upload", "a temporary file"],
)
def test_a_path_and_an_upload_are_refused_with_what_to_give(handed: Any) -> None:
    for data in (handed, {"media": handed}):
        with pytest.raises(TypeError, match="give an open file or bytes"):
            ParamsEncoder().encode_form(data)


@pytest.mark.parametrize("params", ["a=\ud800", {"a": "\ud800"}, [("\udfff", "a")]])
def test_a_surrogate_is_a_signing_error_that_does_not_repeat_it(params: Any) -> None:
    with pytest.raises(SigningError, match="surrogate") as raised:
        ParamsEncoder().encode_query(params)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
