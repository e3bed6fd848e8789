"""Where one reply of Redis ends and the next begins (RESP2 and RESP3)."""

from __future__ import annotations


__all__ = ["is_push", "reply_end"]

_LINES = b"+-:_,#("
_BULKS = b"$=!"
_AGGREGATES = {ord("*"): 1, ord("~"): 1, ord(">"): 1, ord("%"): 2, ord("|"): 2}


def is_push(data: bytes | bytearray) -> bool:
    """Whether what comes next is not a reply to anything: an out-of-band message."""
    return data[:1] == b">"


def reply_end(data: bytes | bytearray, start: int = 0) -> int | None:
    """The offset after the reply that begins at `start`; None while it is incomplete.

    >>> reply_end(b"+OK\\r\\n:1\\r\\n")
    5
    >>> reply_end(b"*2\\r\\n$1\\r\\na\\r\\n_\\r\\n")
    14
    >>> reply_end(b"$3\\r\\nab") is None
    True
    """
    line_end = data.find(b"\r\n", start)
    if line_end < 0:
        return None
    kind, after = data[start], line_end + 2
    if kind in _LINES:
        return after
    size = int(data[start + 1 : line_end])
    if kind in _BULKS:
        end = after if size < 0 else after + size + 2
        return end if end <= len(data) else None
    position: int | None = after
    # An attribute ("|") is not the reply: that follows it.
    for _ in range(max(size, 0) * _AGGREGATES[kind] + (kind == ord("|"))):
        if position is None or position >= len(data):
            return None
        position = reply_end(data, position)
    return position
