"""Read the refusal that a response is, and leave the response whole for the caller."""

from __future__ import annotations

import asyncio
import time
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import ClientError


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import ClientResponse

    from aiooauth1.credentials import AccessToken, Consumer
    from aiooauth1.responses.problem import Problem


__all__ = [
    "CallContext",
    "has_problem",
    "keep_unread",
    "raise_for_problem",
    "read_problem_response",
    "read_refusal",
]

_FIRST_REFUSAL = 400
_MOST_READ = 64 * 1024
_LONGEST_READ = 5.0  # seconds: a body that drips must not hold the caller who waits for the status
_KEPT = "_aiooauth1_problem"
_REPORTING_TYPES = ("json", "xml", "text/plain", "x-www-form-urlencoded")


class CallContext(NamedTuple):
    """What is known of the call that was refused.

    Attributes:
        consumer: Whose secret must not come back out of the response.
        token: The token that the request was signed with, or None.
        user: The application's name for the user.
        now: Seconds since the epoch, by our own clock.
        base_string: Makes the base string that was signed.
        url: The URL, without a signature in it.
        method: The request method.
        hints: What the provider's preset says to do about a problem.
    """

    consumer: Consumer
    token: AccessToken | None
    user: str | None
    now: float
    base_string: Callable[[str], str]
    url: str
    method: str
    hints: Mapping[str, str] = MappingProxyType({})


async def raise_for_problem(response: ClientResponse) -> None:
    """Raise the error of a refusal; do nothing for any other response.

    It fits aiohttp's `raise_for_status=`, for one call or a whole session. The body can be read after it.

    Args:
        response: A response whose status may be anything.

    Raises:
        TypeError: If it is not a response, such as a call that was not awaited.
        ProviderError: If the provider refused: the class says what it means, if the provider says so.
    """
    if not hasattr(response, "status"):
        given = type(response).__name__
        raise TypeError(f"raise_for_problem() takes a response, not {given}: `await` the call first")
    kept: tuple[Problem, dict[str, Any]] | None = vars(response).get(_KEPT)
    if kept is None and response.status >= _FIRST_REFUSAL:
        problem = await read_refusal(response, [], time.time())
        kept = problem, {"method": response.method, "url": str(response.url)}
    del response  # reports of an error may show the locals along its way, and its fields may echo ours
    if kept is not None:
        problem, details = kept
        raise problem.error(**details)


async def read_problem_response(
    response: ClientResponse, context: CallContext, *, in_success: bool = False, refusal_header: str = ""
) -> Problem | None:
    """Return what a refusal says, having read at most 64 KiB of it, and keep it with the response.

    Args:
        response: The response.
        context: The call. Its secrets are known now; `raise_for_problem` does not know them later.
        in_success: Whether the status is that of a success, so that only text is looked at.
        refusal_header: The header field that names the problem, whatever the status, or an empty text.

    Returns:
        The problem, or None if the response is no refusal.
    """
    kept: tuple[Problem, dict[str, Any]] | None = vars(response).get(_KEPT)
    if kept is not None:
        return kept[0]
    if in_success and not any(kind in response.content_type for kind in _REPORTING_TYPES):
        return None
    secrets = [context.consumer.secret, *([context.token.secret] if context.token is not None else [])]
    from aiooauth1.responses.problem import with_hints  # noqa: PLC0415  when used

    problem: Problem | None
    if response.status < _FIRST_REFUSAL:
        problem = await _read_success(response, secrets, context.now, refusal_header)
    else:
        problem = await read_refusal(response, secrets, context.now)
    if problem is None:
        return None
    problem = with_hints(problem, context.hints, (context.consumer, context.token))
    details: dict[str, Any] = {"method": context.method, "url": context.url, "user": context.user}
    if problem.meaning == "signature_invalid":
        details["base_string"] = context.base_string(context.method)
    vars(response)[_KEPT] = problem, details
    return problem


def has_problem(response: ClientResponse) -> bool:
    """Say whether a response is known to be a refusal."""
    return _KEPT in vars(response)


def keep_unread(response: ClientResponse) -> None:
    """Ignore all of a refusal except its status, because its origin is not signed for."""
    from aiooauth1.responses.problem import Problem  # noqa: PLC0415  when used

    details = {"method": response.method, "url": str(response.url)}
    vars(response)[_KEPT] = Problem(response.status, meaning=""), details


async def read_refusal(response: ClientResponse, secrets: list[str], now: float) -> Problem:
    """Return what a refusal says, having read at most 64 KiB of it, which stays there for the caller.

    Args:
        response: The response, with a status of 400 or more.
        secrets: What must not come back out of it.
        now: Seconds since the epoch, by our own clock.
    """
    # Here, since reading refusals takes a fifth of the package: many a process meets none.
    from aiooauth1.responses.problem import read_problem  # noqa: PLC0415  when used

    start = await _read_start(response)
    return read_problem(response.status, response.headers.items(), start, secrets, now=now)


async def _read_success(
    response: ClientResponse, secrets: list[str], now: float, refusal_header: str
) -> Problem | None:
    # A success may hold anything, such as a post about access tokens: its forms are stricter.
    from aiooauth1.responses.problem import read_success  # noqa: PLC0415  when used

    start, headers = await _read_start(response), response.headers.items()
    return read_success(response.status, headers, start, secrets, refusal_header=refusal_header, now=now)


async def _read_start(response: ClientResponse) -> bytes:
    """Return the beginning of the body, and put it back for the caller to read."""
    content = response.content
    if content.at_eof():
        try:
            return (await response.read())[:_MOST_READ]  # kept by aiohttp, if the caller has read it
        except (ClientError, OSError):
            return b""
    chunks: list[bytes] = []
    missing = _MOST_READ
    try:
        async with asyncio.timeout(_LONGEST_READ) as patience:
            while missing and (chunk := await content.read(missing)):
                chunks.append(chunk)
                missing -= len(chunk)
    except (ClientError, OSError) as error:
        if not patience.expired():
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
