"""Note whether a request began to be sent, and tell the caller if no response came.

aiohttp calls `ClientRequest.send` once for every attempt, redirect hop and silent resend, when the connection
is there and before a byte is written. An `ObservedRequest` notes that moment, so no list of exception classes
has to guess it: the fact holds for any connector, proxy and error.
"""

from __future__ import annotations

from asyncio import current_task
from functools import cache
from typing import TYPE_CHECKING, TypeVar, cast

from aiohttp import (
    ClientError,
    ClientHttpProxyError,
    ClientRequest,
    InvalidURL,
    RequestInfo,
    hdrs,
)
from multidict import CIMultiDict, CIMultiDictProxy

from aiooauth1.errors import OAuth1Error, OutcomeUnknown


if TYPE_CHECKING:
    from types import TracebackType

    from aiohttp import ClientResponse
    from aiohttp.connector import Connection
    from yarl import URL


__all__ = [
    "PRIVATE_NAMES",
    "SAFE_METHODS",
    "ObservedRequest",
    "body_error",
    "fails_again",
    "is_network_error",
    "observe",
    "outcome_unknown",
    "raise_if_not_cancelled",
]

SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
"""The methods whose requests change nothing (RFC 9110 section 9.2.1), so that they may be repeated."""

PRIVATE_NAMES = ("_on_chunk_request_sent", "_on_headers_request_sent")
"""The private methods of aiohttp's `ClientRequest` that this module overrides.

They pass URL and header fields to trace hooks, which no documented method lets a subclass change.
"""

_FIRST_FAULT = 500
_PROXY_IS_BUSY = frozenset({408, 429})  # pools of proxies limit the rate of CONNECT (proxy.py#1530)
_WRITES_BODY = "write_bytes"  # of aiohttp's ClientRequest
_READS_STREAMS = "aiohttp.streams"
_LIBRARIES = ("aiohttp", "asyncio", "ssl", "uvloop", "anyio", "aiohappyeyeballs")
_Kind = TypeVar("_Kind", bound="ObservedRequest")


class ObservedRequest(ClientRequest):
    """A request that knows whether it began to be written, and that never shows its signature.

    Attributes:
        has_begun: Whether bytes of this request may have been written; to be reset before it is sent again.
        unsigned_url: What aiohttp shows in place of `url` while that has a signature in its query; else None.
    """

    has_begun: bool = False
    unsigned_url: URL | None = None

    def note_begin(self, conn: Connection) -> None:
        """Note that the request is about to be written."""
        transport = conn.transport
        # aiohttp writes nothing to a transport that is closing: the server may have closed it meanwhile.
        self.has_begun = transport is not None and not transport.is_closing()

    async def send(self, conn: Connection) -> ClientResponse:
        """Write the request; a subclass signs it first."""
        self.note_begin(conn)
        return await super().send(conn)

    @property
    def request_info(self) -> RequestInfo:
        """What responses and errors say of the request."""
        headers = CIMultiDictProxy(self.headers)
        return RequestInfo(self.unsigned_url or self.url, self.method, headers, self.original_url)

    async def _on_chunk_request_sent(self, method: str, url: URL, chunk: bytes) -> None:
        await super()._on_chunk_request_sent(method, self.unsigned_url or url, chunk)

    async def _on_headers_request_sent(self, method: str, url: URL, headers: CIMultiDict[str]) -> None:
        shown = CIMultiDict(headers)
        shown.popall(hdrs.AUTHORIZATION, None)
        await super()._on_headers_request_sent(method, self.unsigned_url or url, shown)


def observe(request: ClientRequest, kind: type[_Kind]) -> _Kind:
    """Make a request of anybody's `ClientSession` one of `kind`, in a middleware, and return it.

    A session of our own has `request_class=kind`; a session that a caller passes in has another one.
    """
    if not isinstance(request, kind):
        request.__class__ = _mixed(kind, type(request))  # type: ignore[arg-type]  # classes are hashable
    return cast("_Kind", request)


@cache
def _mixed(kind: type[ClientRequest], given: type[ClientRequest]) -> type[ClientRequest]:
    return kind if given is ClientRequest else type(given.__name__, (kind, given), {})


def is_network_error(error: BaseException) -> bool:
    """Say whether an error is of the network: aiohttp's, the system's, or that of a connector from elsewhere.

    Python's own errors for mistakes in a program are not, nor are ours. A group is if all of its errors are:
    asyncio raises one for several addresses (`create_connection(all_errors=True)`).
    """
    if isinstance(error, ExceptionGroup):
        return all(is_network_error(one) for one in error.exceptions)
    if isinstance(error, (ClientError, OSError, EOFError)):
        return True
    is_mistake = type(error).__module__ == "builtins" or isinstance(error, OAuth1Error)
    return isinstance(error, Exception) and not is_mistake


def fails_again(error: BaseException) -> bool:
    """Say whether the same request fails in the same way whenever it is sent."""
    if isinstance(error, ClientHttpProxyError):
        return error.status < _FIRST_FAULT and error.status not in _PROXY_IS_BUSY
    return isinstance(error, InvalidURL)


def raise_if_not_cancelled(*, has_begun: bool, closed: str) -> None:
    """Raise RuntimeError for a CancelledError that came because a session or connector was closed.

    aiohttp cancels the wait for a connection then, although the task was not cancelled.

    Args:
        has_begun: Whether writing the request has begun.
        closed: What was closed, as a sentence.
    """
    task = current_task()
    if not has_begun and task is not None and not task.cancelling():
        raise RuntimeError(f"{closed} while the request waited for a connection: nothing was sent") from None


def body_error(error: BaseException) -> BaseException | None:
    """Return the error that the caller's own body raised in mid-request, if that is why it failed.

    Its traceback begins in the caller's code: the frames of aiohttp know the whole request.
    """
    cause = error.__cause__ if isinstance(error, ClientError) else None
    if cause is None and isinstance(error, TimeoutError):
        cause = error  # aiohttp passes on a TimeoutError of the body as it is
    if cause is None:
        return None
    traceback = cause.__traceback__
    while traceback and traceback.tb_frame.f_code.co_name != _WRITES_BODY:
        traceback = traceback.tb_next
    was_writing = traceback is not None
    if traceback is None and cause is not error:
        traceback = cause.__traceback__
    last = traceback
    while traceback and _module(traceback).startswith(_LIBRARIES):
        traceback, last = traceback.tb_next, traceback
    if traceback is not None:
        return cause.with_traceback(traceback)
    # A body that aiohttp reads itself: another response's, or one that yields what cannot be sent.
    is_theirs = was_writing and last is not None and _module(last) == _READS_STREAMS
    is_mistake = type(cause).__module__ == "builtins" and not isinstance(cause, OSError)
    return cause.with_traceback(None) if is_theirs or is_mistake else None


def _module(traceback: TracebackType) -> str:
    return str(traceback.tb_frame.f_globals.get("__name__", ""))


def outcome_unknown(
    what: str,
    error: BaseException,
    *,
    method: str | None = None,
    url: str | None = None,
    user: str | None = None,
) -> OutcomeUnknown:
    """Return the error that says that a request went out and that no answer came.

    It must be raised outside the handler of `error`, which quotes request and answer.

    Args:
        what: What was sent.
        error: How the attempt ended.
        method: The request's method.
        url: Its URL, without a signature in it.
        user: The application's name for the user of the call.
    """
    unknown = OutcomeUnknown(
        f"{what} was sent and no answer came ({type(error).__name__}): it may have been done",
        method=method,
        url=url,
        user=user,
    )
    unknown.__cause__ = body_error(error)
    return unknown
