"""One attempt to send a post: the reply, and what it means for the post."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiohttp import ClientError, hdrs

from aiooauth1.errors import (
    NonceRejected,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RedirectRefused,
    SignatureRejected,
    SigningError,
    StoreCorrupt,
    StoreUnavailable,
    TimestampRefused,
    TokenRejected,
    UnknownUser,
)
from aiooauth1.posting.pacing import NO_LIMITS
from aiooauth1.posting.post import MAX_BODY
from aiooauth1.responses.rate_limit import rate_limit
from aiooauth1.responses.rate_limit_fields import TOO_MANY
from aiooauth1.session.problem_reader import has_problem, raise_for_problem
from aiooauth1.session.retry import SERVER_ERRORS, Retry
from aiooauth1.transport.delivery import fails_again, is_network_error


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientResponse

    from aiooauth1.posting.post import Post, Status
    from aiooauth1.responses.rate_limit import RateLimit
    from aiooauth1.session.session import OAuth1Session


__all__ = ["STATUSES", "Attempt", "Meaning", "Sender", "backoff"]

_FIRST_REDIRECT, _FIRST_REFUSAL = 300, 400
_UNAVAILABLE = 503
# Sent by a proxy: the server behind it may have done the work. 520, 522 and 524 are Cloudflare's.
_GATEWAY = frozenset({502, 504, 520, 522, 524})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_REJECTIONS = frozenset({401, 503})
# Problem names for a refused consumer. Then no post of any user can be sent.
_CONSUMER_REFUSED = frozenset(
    {
        "consumer_key_refused",
        "consumer_key_rejected",
        "consumer_key_unknown",
        "invalid_client",
        "json_consumer_notfound",
        "mwoauth-invalid-consumer",
        "mwoauthserver-bad-consumer-key",
    }
)
_NAMES_A_LIMIT = re.compile("limit|retry-after|-remaining-|backoff", re.IGNORECASE).search
_REJECTED = (TokenRejected, SignatureRejected, TimestampRefused, NonceRejected)


class Meaning(Enum):
    """What an attempt means for its post."""

    DONE = "the provider accepted it"
    REFUSED = "the provider refused it, and would again"
    LIMITED = "refused for a rate limit, before any work"
    RESIGN = "refused for its nonce or timestamp; a new signature may be accepted"
    NOT_SENT = "nothing was sent; a later attempt may succeed"
    FAILED = "nothing was sent; a later attempt would fail too"
    IN_DOUBT = "it may have been done"
    TRY_AGAIN = "it failed, and is safe to repeat"


STATUSES: Mapping[Meaning, Status] = MappingProxyType(
    {
        Meaning.DONE: "done",
        Meaning.REFUSED: "refused",
        Meaning.LIMITED: "refused",
        Meaning.RESIGN: "refused",
        Meaning.TRY_AGAIN: "refused",
        Meaning.NOT_SENT: "failed",
        Meaning.FAILED: "failed",
        Meaning.IN_DOUBT: "unknown",
    }
)
"""The status of a post by the meaning of its last attempt."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one attempt.

    Args:
        meaning: What it means for the post.
        status: The reply's status, or None without a reply.
        body: The beginning of the reply's body.
        error: Why the post is not done, or None if it is.
        limit: What the reply says about rate limits, or None without a reply.
        wait: How many seconds the provider asks to wait, or None if it does not say.
    """

    meaning: Meaning
    status: int | None = None
    body: bytes = b""
    error: Exception | None = None
    limit: RateLimit | None = None
    wait: float | None = None

    @property
    def consumer_refused(self) -> bool:
        """Whether the provider refused the consumer itself."""
        return isinstance(self.error, ProviderError) and self.error.problem in _CONSUMER_REFUSED

    @property
    def is_rejection(self) -> bool:
        """Whether the user, or every user, was refused, rather than the content of this post."""
        if self.meaning is Meaning.NOT_SENT:
            return True
        return isinstance(self.error, _REJECTED) or self.status in _REJECTIONS


class Sender:
    """Sends posts over a session, without the session's own retries: they would bypass the pacing.

    Args:
        session: The session. The caller closes it.
    """

    def __init__(self, session: OAuth1Session) -> None:
        self._once = session.replace(retry=None)
        # After a refused nonce or timestamp: the session learns the provider's clock and signs again.
        self._resigning = session.replace(retry=Retry(attempts=2, base=0.0, max_wait=0.0))

    async def attempt(self, post: Post, *, resign: bool = False) -> Attempt:
        """Send a post once.

        Args:
            post: The post.
            resign: Whether the attempt before was refused for its nonce or timestamp.
        """
        session = self._resigning if resign else self._once
        try:
            async with session.request(post.method, post.url, user=post.user, **post.options()) as response:
                return await _read(response, post.method.upper())
        except OutcomeUnknown as error:
            return Attempt(Meaning.IN_DOUBT, error=error)
        except RedirectRefused as error:
            return Attempt(Meaning.REFUSED, error=error)
        except (StoreUnavailable, ConnectionError) as error:
            return Attempt(Meaning.NOT_SENT, error=error)
        except (UnknownUser, SigningError, StoreCorrupt, TypeError, ValueError) as error:
            return Attempt(Meaning.FAILED, error=error)
        except Exception as error:
            # If the request may have been done, the session raises OutcomeUnknown instead. A connector from
            # elsewhere raises errors of its own.
            if not is_network_error(error):
                raise
            return Attempt(Meaning.FAILED if fails_again(error) else Meaning.NOT_SENT, error=error)


async def _read(response: ClientResponse, method: str) -> Attempt:
    status = response.status
    # Most replies have no rate-limit field: looking at the names alone is cheap.
    limit = rate_limit(response) if _NAMES_A_LIMIT(" ".join(response.headers)) else NO_LIMITS
    if status < _FIRST_REFUSAL and not has_problem(response):
        meaning = Meaning.DONE if status < _FIRST_REDIRECT or method in _SAFE_METHODS else Meaning.REFUSED
        return Attempt(meaning, status, await _start_of(response), None, limit)
    error: ProviderError | None = None
    try:
        await raise_for_problem(response)
    except ProviderError as refusal:
        error = refusal.with_traceback(None)
    wait = limit.wait_after(status)
    if wait is None and isinstance(error, RateLimited):
        wait = limit.wait  # the status alone does not tell, as with X's 403
    meaning = _meaning(status, method, error, wait)
    return Attempt(meaning, status, await _start_of(response), error, limit, wait)


def _meaning(status: int, method: str, error: ProviderError | None, wait: float | None) -> Meaning:
    """Return what a refusal means for the post."""
    is_limited = status in TOO_MANY or isinstance(error, RateLimited)
    if is_limited or (status == _UNAVAILABLE and wait is not None):
        return Meaning.LIMITED
    if isinstance(error, (NonceRejected, TimestampRefused)):
        return Meaning.RESIGN
    if status in SERVER_ERRORS and method in _SAFE_METHODS:
        return Meaning.TRY_AGAIN
    return Meaning.IN_DOUBT if status in _GATEWAY else Meaning.REFUSED


async def _start_of(response: ClientResponse) -> bytes:
    """Read as much of the body as an outcome keeps. If it breaks off, the status still counts."""
    chunks: list[bytes] = []
    missing = MAX_BODY
    try:
        if (
            response.content_length or missing + 1
        ) <= missing and hdrs.CONTENT_ENCODING not in response.headers:
            return await response.read()
        while missing and (chunk := await response.content.read(missing)):
            chunks.append(chunk)
            missing -= len(chunk)
    except (TimeoutError, ClientError, OSError):
        response.close()
    return b"".join(chunks)


def backoff(attempt: int, spread: float) -> float:
    """Return the seconds before the next attempt: 1 to 2 after the first, doubled each time, at most 128.

    Args:
        attempt: The number of the attempt that failed, from 1.
        spread: The jitter: a random number, 0 <= spread < 1.
    """
    return min(64.0, 2.0 ** (attempt - 1)) * (1.0 + spread)
