"""Bytes and text whose `repr` hides them from logs and tracebacks."""

from __future__ import annotations


__all__ = ["SecretBytes", "SecretText"]


class SecretBytes(bytes):
    """Bytes of a record. Their `repr` and `str` show only how many they are."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    __str__ = __repr__


class SecretText(str):
    """Text that may be part of a record. Its `repr` shows only how long it is; `str()` returns it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} characters>"
