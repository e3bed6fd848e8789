"""Stored records: versioned JSON of a strict schema. Pure.

A store is a place where others may have written. So what comes back is checked as if a stranger had sent
it: it is one of our records, to the letter, or `StoreCorrupt`; and nothing of it is ever evaluated.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import NoReturn

from aiooauth1.credentials import AccessToken
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.keys import check_names


__all__ = [
    "MAX_RECORD",
    "SEALED",
    "check_token",
    "check_tokens",
    "decode_token",
    "dump_record",
    "encode_token",
    "load_record",
    "token_fields",
    "token_from_fields",
]

MAX_RECORD = 16_384  # bytes
SEALED = b"\x01"  # what an encrypted record begins with, and no JSON
_MAX_DEPTH = 8
_MAX_DIGITS = 20  # reading an integer of thousands of digits takes long
_TOKEN_FIELDS = frozenset({"expires_at", "key", "params", "secret"})

_JSON_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # possessive: linear, whatever comes
_BRACKETS = {"[": 1, "{": 1, "]": -1, "}": -1}


class _NotOursError(ValueError):
    """What is wrong with a record; the message shows nothing of it."""


def dump_record(fields: Mapping[str, object], *, version: int = 1) -> bytes:
    """Write a record: compact JSON, the same bytes for the same fields.

    Args:
        fields: What to write: text, numbers, booleans, None, and dicts and lists of them.
        version: The version of the schema, which stands beside them as `v`.

    Returns:
        The record, at most 16,384 bytes.

    Raises:
        ValueError: If `load_record` would not give the same fields back: too long, too deep, a number that is
            not finite or an integer of more than 20 digits, a dict key that is not text, a tuple …

    >>> dump_record({"secret": "s", "key": "k"})
    b'{"key":"k","secret":"s","v":1}'
    """
    try:
        return _dump(fields, version)
    except _NotOursError as problem:
        reason = str(problem)
    del fields  # so that no traceback's locals show them
    raise ValueError(f"this cannot be stored: {reason}")


def load_record(record: bytes, *, version: int = 1) -> dict[str, object]:
    """Read what `dump_record` wrote.

    Args:
        record: What was stored, at most 16,384 bytes.
        version: The version of the schema that it must be of.

    Returns:
        The fields, without the version. Of what types they are is for the caller to look at.

    Raises:
        StoreCorrupt: If it is not such a record. The message tells what is wrong and shows nothing of it.
    """
    try:
        return _load(record, version)
    except _NotOursError as problem:
        reason = str(problem)
    del record
    raise _corrupt(reason)


def check_token(token: object) -> None:
    """Refuse anything that is not an access token, such as a request token or a mapping.

    Raises:
        TypeError: If it is not an AccessToken.
    """
    if not isinstance(token, AccessToken):
        given = type(token).__name__
        raise TypeError(f"a token store keeps AccessToken, not {given}: AccessToken.from_params() makes one")


def check_tokens(tokens: object) -> None:
    """Refuse what is not a mapping of users to access tokens, before any of them is stored.

    Raises:
        TypeError: If it is not.
    """
    if not isinstance(tokens, Mapping):
        raise TypeError(f"tokens must be a mapping of users to tokens, not {type(tokens).__name__}")
    for user, token in tokens.items():
        check_names(user=user)
        check_token(token)


def encode_token(token: AccessToken) -> bytes:
    """Write an access token as a record.

    Args:
        token: The token.

    Returns:
        The record.

    Raises:
        TypeError: If a parameter is not a pair of texts, or `expires_at` is not a number.
        ValueError: If `expires_at` is not finite, or the record is longer than 16,384 bytes.

    >>> encode_token(AccessToken("k", "s", params={"user_id": "1"}))
    b'{"expires_at":null,"key":"k","params":{"user_id":"1"},"secret":"s","v":1}'
    """
    check_token(token)
    return dump_record(token_fields(token))


def decode_token(record: bytes) -> AccessToken:
    """Read what `encode_token` wrote.

    Args:
        record: What was stored.

    Returns:
        The token.

    Raises:
        StoreCorrupt: If it is not such a record. The message shows nothing of it.
    """
    try:
        return _token(_load(record, 1))
    except _NotOursError as problem:
        reason = str(problem)
    del record
    raise _corrupt(reason)


def token_fields(token: AccessToken) -> dict[str, object]:
    """Take an access token apart, for a record that holds one among other things.

    Args:
        token: The token.

    Returns:
        Its fields by their names.

    Raises:
        TypeError: If a parameter is not a pair of texts, or `expires_at` is not a number.
        ValueError: If `expires_at` is not finite.
    """
    if not _is_texts(dict(token.params)):
        raise TypeError("this token cannot be stored: its params must be a mapping of str to str")
    if token.expires_at is not None:
        if not _is_number(token.expires_at):
            raise TypeError("this token cannot be stored: its expires_at must be a number of seconds or None")
        if not _is_finite(token.expires_at):
            raise ValueError("this token cannot be stored: its expires_at must be finite")
    return {
        "key": token.key,
        "secret": token.secret,
        "params": dict(token.params),
        "expires_at": token.expires_at,
    }


def token_from_fields(fields: object) -> AccessToken:
    """Put an access token together again from what `token_fields` gave.

    Args:
        fields: The fields, or anything else that was stored there.

    Returns:
        The token.

    Raises:
        StoreCorrupt: If it is not that, to the letter. The message shows nothing of it.
    """
    try:
        return _token(fields)
    except _NotOursError as problem:
        reason = str(problem)
    del fields
    raise _corrupt(reason)


def _corrupt(reason: str) -> StoreCorrupt:
    return StoreCorrupt(f"a stored record is not one of ours: {reason}")


def _token(fields: object) -> AccessToken:
    if not isinstance(fields, dict) or fields.keys() != _TOKEN_FIELDS:
        raise _NotOursError("it does not have the fields of an access token")
    key, secret, params, expires_at = (fields[name] for name in ("key", "secret", "params", "expires_at"))
    if not isinstance(key, str) or not isinstance(secret, str) or not _is_texts(params):
        raise _NotOursError("a field that should be text is not")
    if expires_at is not None and not _is_number(expires_at):
        raise _NotOursError("its expires_at is not a number")
    return AccessToken(key, secret, params=params, expires_at=expires_at)


def _dump(fields: Mapping[str, object], version: int) -> bytes:
    try:
        text = _ENCODER.encode({**fields, "v": version})
    except (TypeError, ValueError, RecursionError):
        raise _NotOursError(
            "something in it is neither text, a finite number, a boolean, None, a dict nor a list"
        ) from None
    # A lone surrogate is text in Python, so it may be in a name. Encoded as bytes it is kept, whereas two of
    # them as JSON escapes would come back as one character.
    record = text.encode("utf-8", "surrogatepass")
    if _load(record, version) != fields:
        raise _NotOursError(
            "something in it does not come back the same from JSON, as a tuple or a key that is not text"
        )
    return record


def _load(record: bytes, version: int) -> dict[str, object]:
    if not isinstance(record, bytes):  # a database may return another type
        raise _NotOursError("it is not bytes")
    if record[:1] == SEALED:
        raise _NotOursError("it is encrypted, as it seems: give the store its encryption")
    if len(record) > MAX_RECORD:
        raise _NotOursError(f"it is longer than {MAX_RECORD} bytes")
    try:
        text = record.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = None
    if text is None:
        raise _NotOursError("it is not UTF-8")
    _check_depth(text)
    try:
        fields = _DECODER.decode(text)
    except _NotOursError:
        raise
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise _NotOursError("it is not a JSON object")
    found = fields.pop("v", None)
    if type(found) is not int or found != version:
        raise _NotOursError(f"it is not of version {version}")
    return fields


def _check_depth(text: str) -> None:
    # The parser recurses, and its limit depends on the caller's stack and settings: count the depth first.
    if text.count("[") + text.count("{") <= _MAX_DEPTH:
        return
    depth = 0
    for character in _JSON_STRING.sub("", text):
        depth += _BRACKETS.get(character, 0)
        if depth > _MAX_DEPTH:
            raise _NotOursError(f"it is nested more than {_MAX_DEPTH} deep")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _NotOursError("a name appears twice in one object")
    return fields


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise _NotOursError(f"a number has more than {_MAX_DIGITS} digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _NotOursError("a number is not finite")
    return number


def _constant(_name: str) -> NoReturn:
    raise _NotOursError("a number is not finite")


def _is_texts(params: object) -> bool:
    return isinstance(params, dict) and all(
        isinstance(name, str) and isinstance(value, str) for name, value in params.items()
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)
