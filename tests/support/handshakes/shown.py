"""What an error shows to a log or a reader, and which secrets are in it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from wire.leaks import leaks as leaks_in


if TYPE_CHECKING:
    from collections.abc import Iterable


def shown(error: BaseException) -> str:
    """Return the texts of an error, its causes and its contexts."""
    texts, seen, waiting = [], set[int](), [error]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            texts += [
                str(one),
                repr(one),
                repr(one.args),
                repr(vars(one)),
                *traceback.format_exception_only(one),
            ]
            waiting += [linked for linked in (one.__cause__, one.__context__) if linked is not None]
    return "\n".join(texts)


def leaks(error: BaseException, secrets: Iterable[str]) -> list[str]:
    """Return the secrets that an error shows: as they are, percent-encoded or in base64."""
    return leaks_in(shown(error), secrets)
