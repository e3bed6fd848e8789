"""What users give as `params=` and `data=`, as pairs in the order given or as the provider wants them."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from os import PathLike
from typing import Any, NamedTuple

from aiohttp import BytesPayload, FormData, Payload

from aiooauth1.signing.base_string import join_normalized
from aiooauth1.signing.encoding import encode_form, encoded_pairs, parse_form, utf8


__all__ = ["ParamsEncoder"]

_NOT_A_FILE = "{} is a {}: give an open file or bytes (perhaps its .file)"
_NO_DATA = (
    "data= is a {}: give a mapping or a list of pairs, text, bytes, an open file, a FormData or an async"
    " generator"
)
_NOT_SENT = (
    int,
    float,
    Decimal,
    AbstractSet,
    ItemsView,
    Iterator,
    range,
    type,
)  # which aiohttp cannot send either
_PARTS = (bytes, bytearray, memoryview, io.IOBase)  # of which aiohttp makes parts of a multipart body


class ParamsEncoder(NamedTuple):
    """How parameters are written: by RFC 5849 section 3.6, with `%20` for a space.

    Args:
        php_arrays: Whether repeated parameters are numbered as PHP has it.
        is_sorted: Whether they go out in the order in which they are signed.

    >>> ParamsEncoder().encode_query({"q": "a b", "id": [1, 2]})
    'q=a%20b&id=1&id=2'
    >>> ParamsEncoder(php_arrays=True).encode_query({"id[]": [1, 2]})
    'id%5B0%5D=1&id%5B1%5D=2'
    """

    php_arrays: bool = False
    is_sorted: bool = False

    def encode_query(self, params: Any, before: str = "") -> str:
        """Write `params=` as a query.

        Args:
            params: A mapping, whose values may be lists of repeated ones; pairs; a query as text; or None.
            before: The query that stands in the URL already, which they follow.

        Raises:
            TypeError: If it is something else, or a value is neither text nor number.
            ValueError: If a number is not finite.
            SigningError: If a text has no UTF-8 form.
        """
        if isinstance(params, str):
            # Without the `?` that `URLSearchParams` of browsers leaves out as well.
            query = encode_form(parse_form(utf8(params.removeprefix("?"))))
        else:
            query = encode_form(self._texts(_items(params if params is not None else ())))
        query = "&".join(filter(None, (before, query)))
        return _sorted(query) if self.is_sorted else query

    def encode_form(self, data: Any) -> bytes | None:
        """Write `data=` if it is a form; return None if it is something else, which aiohttp sends.

        Raises:
            TypeError: If it is nothing that can be sent, a list of something else than pairs, or a value is
                neither text nor number, and none is a file either.
            ValueError: If a number is not finite.
            SigningError: If a text has no UTF-8 form.

        >>> ParamsEncoder().encode_form({"status": "Hello World", "media": [1, 2]})
        b'status=Hello%20World&media=1&media=2'
        >>> ParamsEncoder().encode_form(b"raw") is None
        True
        """
        if isinstance(data, PathLike) or _is_upload(data):
            raise TypeError(_NOT_A_FILE.format("data=", type(data).__name__))
        if isinstance(data, FormData) and not data.is_multipart:
            return self._text_form(data)
        if not isinstance(data, (Mapping, list, tuple)):
            if isinstance(data, _NOT_SENT) and not isinstance(data, io.IOBase):
                raise TypeError(_NO_DATA.format(type(data).__name__))
            return None
        items = _items(data)
        if any(isinstance(value, _PARTS) for _, value in items):
            return None  # aiohttp sends all of it as multipart
        form = encode_form(self._texts(items))
        return (_sorted(form) if self.is_sorted else form).encode()

    @staticmethod
    def parts(data: Any) -> Any:
        """Return `data=` as aiohttp takes it for a multipart body: numbers as text, lists as repeated fields.

        Args:
            data: What `encode_form` has returned None for.

        Raises:
            TypeError: If a value is neither text nor number nor a file.
            ValueError: If a number is not finite.
        """
        if not isinstance(data, (Mapping, list, tuple)):
            return data
        return [
            (name, value if isinstance(value, (*_PARTS, Payload)) else _text(name, value))
            for name, value in _items(data)
        ]

    def _text_form(self, data: FormData) -> bytes | None:
        payload = data()
        if not isinstance(payload, BytesPayload) or "charset" in (payload.content_type or ""):
            return None  # in a charset that the caller has chosen: aiohttp sends it
        form = encode_form(parse_form(payload.decode("ascii").encode()))
        return (_sorted(form) if self.is_sorted else form).encode()

    def _texts(self, items: list[tuple[str, Any]]) -> list[tuple[str, str]]:
        given = [(name, value if type(value) is str else _text(name, value)) for name, value in items]
        if not self.php_arrays:
            return given
        times = Counter(name.removesuffix("[]") for name, _ in items)
        numbers: Counter[str] = Counter()
        texts = []
        for name, value in given:
            array = name.removesuffix("[]")
            if array == name and times[array] == 1:
                texts.append((name, value))
                continue
            texts.append((f"{array}[{numbers[array]}]", value))
            numbers[array] += 1
        return texts


def _is_upload(value: Any) -> bool:
    """Say whether it is an uploaded file of a web framework, which wraps the open file."""
    if isinstance(value, (io.IOBase, Payload)):
        return False
    has_file = hasattr(value, "file")  # temporary files, and uploads of aiohttp.web and Starlette
    return has_file or (hasattr(value, "read") and hasattr(value, "filename"))


def _sorted(raw: str) -> str:
    return join_normalized(encoded_pairs(raw.encode()))


def _items(given: Any) -> list[tuple[str, Any]]:
    if not isinstance(given, Iterable) or isinstance(given, (bytes, bytearray, memoryview)):
        raise TypeError(f"parameters must be a mapping, pairs or a str, not {type(given).__name__}")
    items: list[tuple[str, Any]] = []
    for item in given.items() if isinstance(given, Mapping) else given:
        if not isinstance(item, (tuple, list)) or len(item) != 2 or not isinstance(item[0], str):  # noqa: PLR2004  a pair
            raise TypeError("parameters must be pairs of a name, which is a str, and a value")
        name, value = item
        if isinstance(value, (list, tuple)):
            files = sum(isinstance(each, _PARTS) for each in value)
            if files not in {0, len(value)}:
                raise TypeError(
                    f"the parameter {name!r} is a {type(value).__name__} with a file in it: to name the file"
                    " write form = aiohttp.FormData(), form.add_field(name, file, filename=…), and data=form"
                )
            items += [(name, each) for each in value]
        else:
            items.append((name, value))
    return items


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, PathLike) or _is_upload(value):
        raise TypeError(_NOT_A_FILE.format(f"the parameter {name!r}", type(value).__name__))
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"the parameter {name!r} is a {type(value).__name__}: give a str or a number")
    if not math.isfinite(value):
        raise ValueError(f"the parameter {name!r} is {value}: give a finite number")
    # Of the number, not of a subclass that shows itself otherwise, as enumerations do.
    return str(int(value) if isinstance(value, int) else float(value))
