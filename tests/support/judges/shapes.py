"""Requests as a user types them, and what must go over the wire: the tables that the judges are shown."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aiohttp import FormData
from yarl import URL

from judges.judge import FORM


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping


__all__ = ["FORMS", "LARGE", "PARAMS", "PATHS", "QUERIES", "UNSIGNED_BODIES", "Shape", "named", "typed"]

LARGE = 3 * 1024 * 1024 + 17  # bytes: more than any buffer on the way


@dataclass(frozen=True, slots=True)
class Shape:
    """One request.

    Attributes:
        typed: What the user types behind the origin.
        wire: The request target that must arrive; empty: the very one that was typed.
        method: The HTTP method.
        encoded: Whether it is typed as `URL(…, encoded=True)`, which goes out as it is.
        options: Makes the call's other arguments, afresh for each call: some can be read only once.
        body: What must arrive; None: the sender chooses it (a multipart boundary).
        chunked: Whether the body must come in chunks, its length not known beforehand.
    """

    typed: str = "/posts"
    wire: str = ""
    method: str = "GET"
    encoded: bool = False
    options: Callable[[], Mapping[str, Any]] = dict
    body: bytes | None = b""
    chunked: bool = False

    @property
    def target(self) -> str:
        return self.wire or self.typed

    def url(self, origin: str) -> str | URL:
        return URL(origin + self.typed, encoded=True) if self.encoded else origin + self.typed

    def by(self, method: str) -> Shape:
        return replace(self, method=method)


def named(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """The keyword arguments of `pytest.mark.parametrize` for one of the tables."""
    return {"argnames": "shape", "argvalues": list(shapes.values()), "ids": list(shapes)}


QUERIES = {
    "repeated names": Shape("/r?a=2&a=1&a=1&b=0"),
    "names that sort unlike their text": Shape("/r?a-b=1&a=2&a1=3&A=4&%C3%A9=5"),
    "empty values": Shape("/r?a=&b="),
    "names without =": Shape("/r?flag&other&a=1"),
    "one name without =": Shape("/r?flag"),
    "= in a value": Shape("/r?a=b=c"),
    "a plus": Shape("/r?a=1+2&b+c=3"),
    "an escaped plus": Shape("/r?a=1%2B2"),
    "an escaped space": Shape("/r?a=1%202"),
    "all three": Shape("/r?a=1+2&a=1%2B2&a=1%202", encoded=True),
    "semicolons": Shape("/r?a=1;b=2&c=%3B"),
    "bare brackets": Shape("/r?a[]=1&a[]=2", "/r?a%5B%5D=1&a%5B%5D=2"),
    "escaped brackets": Shape("/r?a%5B%5D=1&a%5Bx%5D=2", encoded=True),
    "unicode": Shape("/r?näme=wört☃", "/r?n%C3%A4me=w%C3%B6rt%E2%98%83"),
    "escapes in lower case": Shape("/r?a=%c3%a9%2f", encoded=True),
    "escapes that need not be": Shape("/r?%61=%7E%41", encoded=True),
    "escapes that yarl undoes": Shape("/r?a=%3A%2F", "/r?a=:/"),
    "escaped separators": Shape("/r?a=%26%3D%23%3F&b=%25&c=%2541", encoded=True),
    "empty segments": Shape("/r?&a=1&&b=2&", encoded=True),
    "a lone ?": Shape("/r?", "/r"),
    "quotes and a dollar": Shape("/r?q=it's%22$", encoded=True),
    "a second ?": Shape("/r?a=b?c=/d"),
    "a control character": Shape("/r?a=%00%0A%7F", encoded=True),
    "a percent sign alone": Shape("/r?a=100%", "/r?a=100%25"),
    "a parameter named realm": Shape("/r?realm=posts"),
    "a fragment": Shape("/r?a=1#here?b=2", "/r?a=1"),
}

PARAMS = {
    "a mapping": Shape("/r", "/r?a=1&b=2", options=lambda: {"params": {"a": "1", "b": "2"}}),
    "pairs, repeated, in the caller's order": Shape(
        "/r", "/r?b=1&a=2&b=0", options=lambda: {"params": [("b", "1"), ("a", "2"), ("b", "0")]}
    ),
    "behind a query": Shape("/r?a=1", "/r?a=1&a=2", options=lambda: {"params": {"a": "2"}}),
    "behind an encoded query": Shape(
        "/r?a=%7E+", "/r?a=%7E+&b=%20", encoded=True, options=lambda: {"params": {"b": " "}}
    ),
    "only unreserved characters bare": Shape(
        "/r",
        "/r?q=a%20b%2Bc%26d%3D%C3%A9%2F%3F~%2A%27%28%29%21&%5B%5D=-._~",
        options=lambda: {"params": {"q": "a b+c&d=é/?~*'()!", "[]": "-._~"}},
    ),
    "a percent sign is one": Shape("/r", "/r?a=%2541", options=lambda: {"params": {"a": "%41"}}),
    "an empty value": Shape("/r", "/r?a=", options=lambda: {"params": {"a": ""}}),
    "a number": Shape("/r", "/r?count=200", options=lambda: {"params": {"count": 200}}),
    "none": Shape("/r", options=lambda: {"params": {}}),
}

PATHS = {
    "an escaped slash": Shape("/a%2Fb/%2F"),
    "an escaped tilde, undone by yarl": Shape("/%7Euser", "/~user"),
    "an escaped tilde, as it is": Shape("/%7Euser", encoded=True),
    "escaped UTF-8": Shape("/caf%C3%A9"),
    "escapes in lower case": Shape("/caf%c3%a9%2f", encoded=True),
    "unicode": Shape("/café/☃", "/caf%C3%A9/%E2%98%83"),
    "semicolons": Shape("/a;v=1/b;x=1,2"),
    "an escaped semicolon": Shape("/a%3Bb", encoded=True),
    "a plus": Shape("/a+b"),
    "a space": Shape("/a b", "/a%20b"),
    "an escaped percent sign": Shape("/a%25b/%2541"),
    "dot segments": Shape("/x/../y/./z", "/y/z"),
    "an empty segment": Shape("/a//b/"),
    "two slashes first": Shape("//a"),
    "sub-delimiters": Shape("/:@!$'()*,="),
    "bytes that are not UTF-8": Shape("/%FF%00", encoded=True),
    "the root": Shape("/"),
    "none": Shape("", "/"),
    "none, but a query": Shape("?a=1", "/?a=1"),
}


async def _two_pieces() -> AsyncIterator[bytes]:
    yield b"one=%C3"
    yield b"%A9&two"


def _form(value: Any, **more: Any) -> Callable[[], Mapping[str, Any]]:
    return lambda: {"data": value, **more}


def typed(body: bytes | str, content_type: str = FORM) -> Callable[[], Mapping[str, Any]]:
    """The options of a body with the content type that the user gives it."""
    return _form(body, headers={"Content-Type": content_type})


def _form_data() -> Mapping[str, Any]:
    form = FormData()
    form.add_field("a", "x y")
    form.add_field("b", "é+")
    form.add_field("a", "1")
    return {"data": form}


FORMS = {
    "a mapping": Shape(
        options=_form({"status": "Hello Ladies + Gentlemen, a signed OAuth request!"}),
        body=b"status=Hello%20Ladies%20%2B%20Gentlemen%2C%20a%20signed%20OAuth%20request%21",
    ),
    "pairs, repeated, in the caller's order": Shape(
        options=_form([("b", "2"), ("a", "1"), ("b", "1"), ("b", "")]), body=b"b=2&a=1&b=1&b="
    ),
    "unicode": Shape(options=_form({"größe": "☃ 雪"}), body=b"gr%C3%B6%C3%9Fe=%E2%98%83%20%E9%9B%AA"),
    "brackets, quotes and separators": Shape(
        options=_form([("a[]", "1"), ("a[x]", 'it\'s "&=;"')]),
        body=b"a%5B%5D=1&a%5Bx%5D=it%27s%20%22%26%3D%3B%22",
    ),
    "FormData": Shape(options=_form_data, body=b"a=x%20y&b=%C3%A9%2B&a=1"),
    "octets": Shape(
        options=typed(b"flag&a=1%2B2&a=1+2&b=%20&c=1;d=2&=e"), body=b"flag&a=1%2B2&a=1+2&b=%20&c=1;d=2&=e"
    ),
    "text": Shape(options=typed("a=%C3%A9&a=2"), body=b"a=%C3%A9&a=2"),
    "with a charset": Shape(options=typed(b"a=1&b=%2B", f"{FORM}; charset=utf-8"), body=b"a=1&b=%2B"),
    "with a parameter, no space": Shape(options=typed(b"a=1", f"{FORM};charset=UTF-8"), body=b"a=1"),
    "a file in memory": Shape(
        options=lambda: {"data": io.BytesIO(b"a=1&b=2"), "headers": {"Content-Type": FORM}}, body=b"a=1&b=2"
    ),
    "a text file in memory": Shape(
        options=lambda: {"data": io.StringIO("a=1&b=%C3%BC"), "headers": {"Content-Type": FORM}},
        body=b"a=1&b=%C3%BC",
    ),
    "a generator": Shape(
        options=lambda: {"data": _two_pieces(), "headers": {"Content-Type": FORM}},
        body=b"one=%C3%A9&two",
        chunked=True,
    ),
    "no pairs": Shape(options=_form({}), body=b""),
    "no bytes": Shape(options=typed(b""), body=b""),
    "names that are in the query too": Shape("/r?a=2&b", options=_form({"a": "1", "b": ""}), body=b"a=1&b="),
}


async def _pieces() -> AsyncIterator[bytes]:
    for start in range(0, LARGE, 65_536):
        yield b"a=1&" * 16_384 if start + 65_536 <= LARGE else b"x" * (LARGE - start)


def _multipart() -> Mapping[str, Any]:
    form = FormData()
    form.add_field("status", "with a picture & more")
    form.add_field("media", b"\x89PNG\r\n\x1a\n", filename="a b.png", content_type="image/png")
    return {"data": form}


_TEXT = {"Content-Type": "text/plain"}

UNSIGNED_BODIES = {
    "JSON": Shape(options=lambda: {"json": {"text": "häj", "a": 1}}, body=b'{"text": "h\\u00e4j", "a": 1}'),
    "text that would do as a form": Shape(
        options=lambda: {"data": "a=1&b=2", "headers": _TEXT}, body=b"a=1&b=2"
    ),
    "text": Shape(options=lambda: {"data": "größe ☃"}, body="größe ☃".encode()),
    "octets": Shape(options=lambda: {"data": b"\x00\xff\r\n"}, body=b"\x00\xff\r\n"),
    "a file in memory": Shape(options=lambda: {"data": io.BytesIO(b"a=1")}, body=b"a=1"),
    "multipart": Shape(options=_multipart, body=None),
    "a stream": Shape(options=lambda: {"data": _two_pieces()}, body=b"one=%C3%A9&two", chunked=True),
    "a large stream": Shape(
        options=lambda: {"data": _pieces()},
        body=b"a=1&" * (LARGE // 65_536 * 16_384) + b"x" * (LARGE % 65_536),
        chunked=True,
    ),
    "nothing": Shape(),
}
