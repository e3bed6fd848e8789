"""One attempt to send a post: what came back, and what that means for the post."""

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
from aiooauth1.posting.pacing import SAYS_NOTHING
from aiooauth1.posting.post import MAX_BODY
from aiooauth1.responses.rate_limit import rate_limit
from aiooauth1.session.problem_reader import has_problem, raise_for_problem
from aiooauth1.session.retry import Retry


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientResponse

    from aiooauth1.posting.post import Post, Status
    from aiooauth1.responses.rate_limit import RateLimit
    from aiooauth1.session.session import OAuth1Session


__all__ = ["STATUSES", "Attempt", "Meaning", "Sender", "backoff"]

_FIRST_REDIRECT, _FIRST_REFUSAL = 300, 400
_TOO_MANY_REQUESTS = frozenset({420, 429, 509})  # 420 of X's older API, 509 of OpenStreetMap
_UNAVAILABLE = 503
_GATEWAY = frozenset({502, 504})  # a proxy speaks: the server behind it may have done the work
_SERVER_ERRORS = frozenset({500, 502, 503, 504})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_REJECTIONS = frozenset({401, 503})
# What providers call it when they do not take the consumer: then no post of any user can be sent.
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
_TELLS = re.compile("limit|retry-after|-remaining-|backoff", re.IGNORECASE).search
_REJECTED = (TokenRejected, SignatureRejected, TimestampRefused, NonceRejected)


class Meaning(Enum):
    """What an attempt means for its post."""

    DONE = "the provider accepted it"
    REFUSED = "the provider refused it, and will again"
    LIMITED = "refused before any work: come again later"
    RESIGN = "refused for its nonce or timestamp: a new signature may do"
    NOT_SENT = "nothing was sent, and it may go better later"
    FAILED = "nothing was sent, and it will not go better"
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
"""What a post is whose last attempt meant this."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt.

    Args:
        meaning: What it means for the post.
        status: The status of the reply; None: there was none.
        body: The beginning of its body.
        error: Why it is not done.
        limit: What the reply says of rate limits; None: there was no reply.
        wait: Seconds that the provider asks to wait; None: it does not say.
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
        """Whether it was refused for who sends it or for an outage, not for what it says."""
        if self.meaning is Meaning.NOT_SENT:
            return True
        return isinstance(self.error, _REJECTED) or self.status in _REJECTIONS


class Sender:
    """Sends posts over a session, whose own retries it keeps out of the pacing.

    Args:
        session: The session; closing it is its owner's business.
    """

    def __init__(self, session: OAuth1Session) -> None:
        self._once = session.replace(retry=None)
        # For a refusal that a new signature mends: the session learns the provider's clock on the way.
        self._resigning = session.replace(retry=Retry(attempts=2, base=0.0, max_wait=0.0))

    async def attempt(self, post: Post, *, resign: bool = False) -> Attempt:
        """Send a post once.

        Args:
            post: The post.
            resign: Whether it was just refused for its nonce or timestamp.
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
        except (TimeoutError, ClientError, OSError) as error:
            # Of a request that may have been done, the session says OutcomeUnknown.
            return Attempt(Meaning.NOT_SENT, error=error)


async def _read(response: ClientResponse, method: str) -> Attempt:
    status = response.status
    # Most replies say nothing of limits, which shows at their fields' names.
    limit = rate_limit(response) if _TELLS(" ".join(response.headers)) else SAYS_NOTHING
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
        wait = limit.wait  # of a status that does not say so itself, such as X's 403
    meaning = _meaning(status, method, error, wait)
    return Attempt(meaning, status, await _start_of(response), error, limit, wait)


def _meaning(status: int, method: str, error: ProviderError | None, wait: float | None) -> Meaning:
    """Say what a refusal means."""
    is_limited = status in _TOO_MANY_REQUESTS or isinstance(error, RateLimited)
    if is_limited or (status == _UNAVAILABLE and wait is not None):
        return Meaning.LIMITED
    if isinstance(error, (NonceRejected, TimestampRefused)):
        return Meaning.RESIGN
    if status in _SERVER_ERRORS and method in _SAFE_METHODS:
        return Meaning.TRY_AGAIN
    return Meaning.IN_DOUBT if status in _GATEWAY else Meaning.REFUSED


async def _start_of(response: ClientResponse) -> bytes:
    """Read the body as far as an outcome keeps it. If it breaks off, the status still counts."""
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
    """Return how many seconds to wait where nobody says: 1 to 2, then twice as long each time, up to 64.

    Args:
        attempt: The number of the attempt that failed, from 1.
        spread: A random number from 0 up to 1.
    """
    return min(64.0, 2.0 ** (attempt - 1)) * (1.0 + spread)
