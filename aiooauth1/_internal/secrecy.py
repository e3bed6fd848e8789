"""Secrets out of tracebacks: bytes and text that show nowhere."""

from __future__ import annotations


__all__ = ["SecretBytes", "SecretText"]


class SecretBytes(bytes):
    """Bytes of a record, which show in no log and among no traceback's local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    __str__ = __repr__


class SecretText(str):
    """Text that may be part of a record, likewise. As `str()` it is what it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} characters>"
