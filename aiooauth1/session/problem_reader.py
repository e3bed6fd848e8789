"""Read the refusal that a response is, and leave the response whole for the caller."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING

from aiohttp import ClientError


if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import ClientResponse

    from aiooauth1.credentials import AccessToken, Consumer
    from aiooauth1.responses.problem import Problem


__all__ = ["raise_for_problem", "read_refusal"]

_FIRST_REFUSAL = 400
_MOST_READ = 64 * 1024
_KEPT = "_aiooauth1_problem"


async def raise_for_problem(response: ClientResponse) -> None:
    """Raise the error of a refusal; do nothing if the response is none.

    It fits aiohttp's `raise_for_status=`, for one call or a whole session. The body can be read after it.

    Args:
        response: A response whose status may be anything.

    Raises:
        ProviderError: If the status is 400 or more: the class says what the provider means where it says so.
    """
    problem = await read_refusal(response)
    del response  # reports of an error may show the locals along its way, and its fields may echo ours
    if problem is not None:
        raise problem.error()


async def read_refusal(
    response: ClientResponse, credentials: Iterable[Consumer | AccessToken] = ()
) -> Problem | None:
    """Return what a refusal says, having read at most 64 KiB of it; None if the response is none.

    Args:
        response: The response.
        credentials: Whose secrets must not come back out of it. They are known when the response comes in,
            and not to who reads it again: for them, what it says is kept with it.
    """
    if response.status < _FIRST_REFUSAL:
        return None
    kept: Problem | None = vars(response).get(_KEPT)
    if kept is None:
        # Here, since reading refusals takes a fifth of the package: many a process meets none.
        from aiooauth1.responses.problem import read_problem  # noqa: PLC0415  when used

        start = await _peek(response)
        secrets = [one.secret for one in credentials]
        kept = read_problem(response.status, response.headers.items(), start, secrets, now=time.time())
        if secrets:
            vars(response)[_KEPT] = kept
    return kept


async def _peek(response: ClientResponse) -> bytes:
    """Return the beginning of the body, and put it back for the caller to read."""
    content = response.content
    try:
        if content.at_eof():
            return (await response.read())[:_MOST_READ]  # kept by aiohttp, if the caller has read it
        chunks: list[bytes] = []
        missing = _MOST_READ
        while missing and (chunk := await content.read(missing)):
            chunks.append(chunk)
            missing -= len(chunk)
    except (ClientError, OSError) as error:
        # A body that breaks off or does not decompress says nothing, and who reads it sees the error. Its
        # connection is of no more use, and a caller who looks at the status alone would not give it back.
        response.close()
        content.set_exception(error)
        return b""
    start = b"".join(chunks)
    with warnings.catch_warnings():
        # Deprecated in aiohttp 3 for its servers' sake; nothing else there puts back what was read.
        warnings.simplefilter("ignore", DeprecationWarning)
        content.unread_data(start)
    return start
