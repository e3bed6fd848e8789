"""Where a secret could show: everything that an exception refers to, and every form of a secret."""

from __future__ import annotations

import base64
import traceback
from typing import TYPE_CHECKING
from urllib.parse import quote


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


__all__ = ["chain", "forms", "leaks", "shown_by"]


def forms(secret: str) -> set[str]:
    """Return a secret as it is, percent-encoded once or twice, and in base64, alone or in a longer text."""
    once = quote(secret, safe="~")
    lower = once.replace("%2F", "%2f").replace("%2B", "%2b")
    whole = base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
    shifted = [base64.b64encode(b"x" * by + secret.encode()).decode()[4:-4] for by in (1, 2)]
    long_enough = {form for form in shifted if len(form) >= 8}  # of a short secret nearly nothing is left
    return {secret, once, quote(once, safe="~"), lower, repr(secret)[1:-1], whole} | long_enough


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """Return which secrets a text shows in any form."""
    return [secret for secret in secrets if any(form in text for form in forms(secret))]


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and the errors that it is linked to or made of."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [linked for linked in (current.__cause__, current.__context__) if linked is not None]
        waiting += getattr(current, "exceptions", ())


def shown_by(error: BaseException, *, with_locals: bool = True) -> str:
    """Return all that an error can show in a log or a report, with the variables of its frames or without."""
    shown = []
    for one in chain(error):
        shown += [str(one), repr(one), repr(one.args), repr(vars(one))]
        shown += [repr(getattr(one, name, None)) for name in ("request_info", "history", "headers")]
        if with_locals:
            shown += traceback.TracebackException.from_exception(one, capture_locals=True).format()
        else:
            shown += traceback.format_exception_only(one)
    return "\n".join(shown)
