"""Where a secret could show: everything that hangs on an exception or a response."""

from __future__ import annotations

import base64
import traceback
from typing import TYPE_CHECKING
from urllib.parse import quote


if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["leaks", "shown_by"]


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """Return which secrets stand in a text: raw, percent-encoded once or twice, or in base64."""
    found = []
    for secret in secrets:
        once = quote(secret, safe="~")
        in_base64 = base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
        if any(form in text for form in (secret, once, quote(once, safe="~"), in_base64)):
            found.append(secret)
    return found


def shown_by(error: BaseException) -> str:
    """Return all that an exception, and what it hangs on, can show to whoever prints or logs it."""
    shown, seen, waiting = [], set(), [error]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        shown += [str(current), repr(current), repr(current.args), repr(vars(current))]
        shown += [repr(getattr(current, name, None)) for name in ("request_info", "history", "headers")]
        shown += traceback.TracebackException.from_exception(current, capture_locals=True).format()
        waiting += [linked for linked in (current.__cause__, current.__context__) if linked is not None]
    return "\n".join(shown)
