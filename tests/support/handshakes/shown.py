"""All that an error shows, to a log or to a reader, and what of it should not be there."""

from __future__ import annotations

import base64
import traceback
from typing import TYPE_CHECKING
from urllib.parse import quote


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def shown(error: BaseException) -> str:
    """Return the texts of an error and of those that it came from."""
    return "\n".join(_texts(error))


def leaks(error: BaseException, secrets: Iterable[str]) -> list[str]:
    """Return the secrets that an error shows: as they are, percent-encoded or in base64."""
    text = shown(error)
    return [
        secret
        for secret in secrets
        if any(
            form in text
            for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
        )
    ]


def _texts(error: BaseException) -> Iterator[str]:
    for one in _chain(error):
        yield str(one)
        yield repr(one)
        yield repr(one.args)
        yield repr(getattr(one, "__dict__", {}))
        yield "".join(traceback.format_exception_only(one))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]
