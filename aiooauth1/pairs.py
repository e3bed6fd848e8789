"""What users give as `params=` and `data=`, as pairs in the order given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiooauth1.signing.encoding import encode_form, parse_form


__all__ = ["form_octets", "query_text"]


def query_text(params: Any) -> str:
    """Encode `params=` by RFC 5849 section 3.6: only unreserved characters bare, `%20` for a space.

    Args:
        params: A mapping, whose values may be lists of repeated ones; pairs; or a query as text.

    Raises:
        TypeError: If it is something else, or a value is neither text nor number.

    >>> query_text({"q": "a b", "id": [1, 2]})
    'q=a%20b&id=1&id=2'
    """
    if isinstance(params, str):
        return encode_form(parse_form(params.encode()))
    items = _items(params)
    for name, value in items:
        if not _is_plain(value):
            raise TypeError(f"the parameter {name!r} is a {type(value).__name__}: write it as text or number")
    return encode_form([(name, str(value)) for name, value in items])


def form_octets(data: Any) -> bytes | None:
    """Encode `data=` if it is a form of texts and numbers; None: it is something else, aiohttp's to send.

    Raises:
        TypeError: If it is a list of something else than pairs.

    >>> form_octets({"status": "Hello World", "media": [1, 2]})
    b'status=Hello%20World&media=1&media=2'
    >>> form_octets(b"raw") is None
    True
    """
    if not isinstance(data, (Mapping, list, tuple)):
        return None
    items = _items(data)
    if not all(_is_plain(value) for _, value in items):
        return None  # a file, for example, which aiohttp sends as multipart
    return encode_form([(name, str(value)) for name, value in items]).encode()


def _items(given: Any) -> list[tuple[str, Any]]:
    if isinstance(given, Mapping):
        return [(name, value) for name, values in given.items() for value in _each(values)]
    if not isinstance(given, Iterable) or isinstance(given, (bytes, bytearray, memoryview)):
        raise TypeError(f"parameters must be a mapping, pairs or text, not {type(given).__name__}")
    items = list(given)
    if not all(
        isinstance(item, (tuple, list)) and [str] == [type(name) for name in item[:-1]] for item in items
    ):
        raise TypeError("parameters must be pairs of a name and a value")
    return [(name, value) for name, value in items]


def _each(values: Any) -> Iterable[Any]:
    return values if isinstance(values, (list, tuple)) else (values,)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)
