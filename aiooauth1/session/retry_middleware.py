"""The attempts of one call: send a request, act on what comes back, and retry it where that is safe."""

from __future__ import annotations

import logging
import random
from asyncio import CancelledError
from time import monotonic
from typing import TYPE_CHECKING

from aiohttp import (
    ClientError,
    ClientHttpProxyError,
    ClientOSError,
    ClientResponseError,
    InvalidUrlRedirectClientError,
    NonHttpUrlRedirectClientError,
    Payload,
    hdrs,
)
from yarl import URL

from aiooauth1.errors import (
    NonceRejected,
    OAuth1Error,
    RedirectRefused,
    SigningError,
    StoreUnavailable,
    TimestampRefused,
    TokenRejected,
)
from aiooauth1.session.problem_reader import CallContext, has_problem, keep_unread, read_problem_response
from aiooauth1.session.redirects import REDIRECTS, keeps_body
from aiooauth1.session.retry import backoff, is_rate_limit, may_retry_error, may_retry_response
from aiooauth1.session.signing_request import SigningRequest
from aiooauth1.session.user_call import UserCall
from aiooauth1.transport.clock import server_time
from aiooauth1.transport.delivery import (
    SAFE_METHODS,
    fails_again,
    is_network_error,
    outcome_unknown,
    raise_if_not_cancelled,
)
from aiooauth1.transport.public_only import private_address_in
from aiooauth1.transport.request import can_resend


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientTimeout

    from aiooauth1.credentials import AccessToken
    from aiooauth1.responses.problem import Problem
    from aiooauth1.session.pool import ConnectionPool
    from aiooauth1.session.retry import Retry
    from aiooauth1.session.signing_request import SigningOptions
    from aiooauth1.session.user_call import CallUser
    from aiooauth1.transport.origin import Origin, RequestTarget


__all__ = ["UNEXPLAINED", "RetryMiddleware", "provider_time"]

_LAST_SUCCESS = 299
_FIRST_REFUSAL = 400
_FIRST_FAULT = 500
UNEXPLAINED = 60.0  # seconds that a Date must be off before a 401 without a reason counts as clock skew

logger: logging.Logger = logging.getLogger("aiooauth1.retry")


class RetryMiddleware(UserCall):
    """Sends the requests of one call: the innermost middleware, and what signs each attempt."""

    __slots__ = (
        "_began",
        "_failure",
        "_follows",
        "_gate",
        "_guessed_clock_skew",
        "_has_key",
        "_has_renewed",
        "_maybe_done",
        "_resigned_for",
        "_retry",
        "_spent",
        "_timeout",
    )

    def __init__(  # noqa: PLR0917  called in one place
        self,
        options: SigningOptions,
        target: RequestTarget,
        pool: ConnectionPool,
        who: CallUser,
        token: AccessToken | None,
        retry: Retry | None,
        timeout: ClientTimeout,
        *,
        follows: bool,
        has_key: bool,
    ) -> None:
        super().__init__(options, target, pool, who, token)
        self._retry = retry
        self._timeout = timeout
        self._follows = follows
        self._has_key = has_key
        self._began = monotonic()
        self._guessed_clock_skew = False
        self._maybe_done = False  # an attempt began, and no answer came
        self._gate: tuple[Origin, str | None] | None = None
        self._failure: Exception | None = None
        self._resigned_for: frozenset[type] = frozenset()
        self._has_renewed = False
        self._spent = 0  # of the retry budget

    async def __call__(  # noqa: C901, PLR0912, PLR0915  the loop of one call, in one piece
        self, request: ClientRequest, handler: ClientHandlerType
    ) -> ClientResponse:
        """Send the request until a response is one for the caller.

        Raises:
            SigningError: If the request cannot be signed rightly.
            RedirectRefused: If it is a redirect that must not be followed.
            OutcomeUnknown: If it went out, no answer came, and it may have been done.
        """
        if self._failure is not None and self._retry is not None:
            raise self._failure  # aiohttp's own silent resend, which knows nothing of our rules
        assert isinstance(request, SigningRequest)  # noqa: S101  the session's request_class
        if not self.prepare_at_once(request):
            await self.prepare(request)
        if self.has_left and self._has_key and self._retry is not None:
            request.headers.popall(
                self._retry.idempotency_header or "", None
            )  # means nothing to another origin
        pool = self._pool
        pool.budget.deposit(self.origin)
        refused: ClientResponse | None = None
        try:
            attempt = 1
            while True:
                request.has_begun = False
                failure: Exception | None = None
                if pool.gates:
                    await self._pass_gate()
                try:
                    response = await handler(request)
                except CancelledError:
                    self._tell_of_close(request)
                    raise
                except Exception as error:
                    if refused is not None and isinstance(error, StoreUnavailable):
                        return refused  # something was sent, and this is what came of it
                    failure, seconds = self._after_error(error, request, attempt)
                    if failure is error and seconds is None:
                        self._failure = error
                        raise
                else:
                    if response.status < _FIRST_REFUSAL and not self._may_be_refused(response):
                        refusal = None
                        if response.status in REDIRECTS and self._follows:
                            refusal = await self._why_not_follow(response, request)
                        if refusal is None:
                            return self._accept(response)
                        response.release()
                        # Reports of an error may show the locals on its way, and these may echo what we sent.
                        del response
                        raise refusal
                    try:
                        seconds = await self._after_refusal(response, request, attempt)
                    except BaseException:
                        response.close()
                        raise
                    if seconds is None:
                        return response if has_problem(response) else self._accept(response)
                    # If it is whole, it holds no connection, and the caller may still get it.
                    refused = response if response.connection is None else None
                    if refused is None:
                        response.release()
                    del response  # reports of an error may show it, and its fields may echo ours
                if seconds is None:
                    # Raised outside the handler: aiohttp's error holds the whole request and must not become
                    # its context.
                    self._failure = failure
                    assert failure is not None  # noqa: S101  else there is a pause
                    raise failure
                await self._pause(request, seconds)
                attempt += 1
                await self.prepare(request)
        finally:
            refused = None  # reports of an error may show it
            if self._gate is not None:
                self._leave_gate()

    def _tell_of_close(self, request: SigningRequest) -> None:
        """Raise RuntimeError if the wait for a connection ended since session or connector was closed."""
        try:
            raise_if_not_cancelled(has_begun=request.has_begun, closed="the connector was closed")
        except RuntimeError:
            self._pool.check_open()
            raise

    async def _pass_gate(self) -> None:
        """Wait behind the other calls of this token, if its rate limit is spent."""
        key = self.origin, self._key()
        if self._gate is None and self._pool.gates.is_held(key):
            await self._pool.gates.enter(key)
            self._gate = key
            self._pool.check_open()

    async def _hold_gate(self) -> None:
        """Have the other calls of this token wait until this one was accepted."""
        key = self.origin, self._key()
        if self._gate is None and not self._pool.gates.is_held(key):
            await self._pool.gates.enter(key)  # without waiting, since no call holds it
            self._gate = key

    def _leave_gate(self) -> None:
        if self._gate is not None:
            self._pool.gates.leave(self._gate)
            self._gate = None

    def _accept(self, response: ClientResponse) -> ClientResponse:
        if self._spent:
            self._pool.budget.refund(self.origin, self._spent)
            self._spent = 0
        if not self.has_left and self._who.rejections.rejected_in_a_row:
            self._who.rejections.rejected_in_a_row.clear()
        self._pool.note_response(self._key(), response)
        return response

    async def _why_not_follow(  # noqa: PLR0911  a list of reasons
        self, response: ClientResponse, request: SigningRequest
    ) -> Exception | None:
        """Return why a redirect is not followed, as far as that shows before the next hop is signed.

        Some of it aiohttp would refuse as well, with an error that quotes the Location: a provider may have
        copied into it what we sent.
        """
        given = response.headers.get(hdrs.LOCATION) or response.headers.get(hdrs.URI)
        shown = str(request.url)
        try:
            location = URL(given or "")
        except ValueError:
            return InvalidUrlRedirectClientError(shown, "the Location of its redirect is not a URL")
        if location.scheme not in {"", "http", "https"}:
            return NonHttpUrlRedirectClientError(shown, "the Location of its redirect is not http or https")
        if location.raw_user is not None or location.raw_password is not None:
            return RedirectRefused("the redirect's Location holds a user name or password")
        if location.scheme and not location.raw_host and location.scheme != request.url.scheme:
            return InvalidUrlRedirectClientError(shown, "the Location of its redirect names no host")
        if can_resend(request.body):
            return None
        if given and keeps_body(response.status, request.method):
            return RedirectRefused(
                "cannot resend the body on this redirect: it is a consumed stream; pass bytes"
            )
        # No redirect without a Location; yet aiohttp would fail, since the body could not be sent again.
        await request.update_body(b"")
        return None

    async def _pause(self, request: SigningRequest, seconds: float) -> None:
        await request.close()  # what may still be writing the body of this attempt
        self._pool.check_open()  # the session may have been closed since the call began
        if seconds:
            await self._pool.pause(seconds)

    def _after_error(
        self, error: Exception, request: SigningRequest, attempt: int
    ) -> tuple[Exception, float | None]:
        """Return what the caller may be told, and how long to pause before the next attempt."""
        if not is_network_error(error):
            if not request.has_begun:
                self._pool.check_open()
            return self._told(error, request) if self._maybe_done else error, None
        failure, retry = self._told(error, request), self._retry
        self._maybe_done = self._maybe_done or request.has_begun
        is_refused = isinstance(failure, (SigningError, RedirectRefused))  # for the address it would go to
        if retry is None or is_refused or fails_again(error) or not _has_body(request):
            return failure, None
        was_sent, key = request.has_begun, self._has_key
        if not may_retry_error(was_sent=was_sent, method=request.method, retry=retry, has_key=key):
            return failure, None
        wait = None
        if isinstance(error, ClientHttpProxyError) and error.headers is not None:
            from aiooauth1.responses.rate_limit import rate_limit_of  # noqa: PLC0415  only refusals need it

            wait = rate_limit_of(error.headers.items(), self._pool.clock()).retry_after
            if wait is not None and wait > retry.max_wait:
                return failure, None
        return failure, self._next(request, attempt, retry, wait, type(error).__name__, costs=True)

    def _told(self, error: Exception, request: SigningRequest) -> Exception:
        """Return what a caller is told of an error."""
        if not request.has_begun and not self._maybe_done:
            self._pool.check_open()
            address = private_address_in(error)
            if address is None:
                return error
            kind = RedirectRefused if self._attempted and request.url is not self._url else SigningError
            return kind(f"{request.url.host} is at {address}, which is not a public address")
        if request.method not in SAFE_METHODS:
            what = f"{request.method} {request.url.with_query(None)}"
            return outcome_unknown(
                what, error, method=request.method, url=str(request.url), user=self._who.user
            )
        if isinstance(error, ClientResponseError):  # it quotes what is no HTTP, and may echo all that we sent
            why = "the response is not HTTP"
            return ClientResponseError(request.request_info, error.history, status=error.status, message=why)
        if isinstance(error, ClientOSError) and self.options.placement == "query":  # it may quote the URL
            return ClientOSError(error.errno, f"cannot write the request for {request.url}")
        return error

    def _may_be_refused(self, response: ClientResponse) -> bool:
        """Say whether a success may be a refusal: of some providers every refusal has status 200."""
        options = self.options
        if not options.errors_in_success and not options.refusal_header:
            return False
        if self.has_left or response.status > _LAST_SUCCESS:
            return False
        return options.errors_in_success or options.refusal_header in response.headers

    async def _after_refusal(
        self, response: ClientResponse, request: SigningRequest, attempt: int
    ) -> float | None:
        """Return how long to pause before the next attempt, or None to return this refusal to the caller."""
        pool, who = self._pool, self._who
        if self.has_left:
            keep_unread(response)  # another origin cannot say that the provider rejects a token
            return None
        pool.note_response(self._key(), response)
        token = self._token
        context = CallContext(
            who.consumer,
            token,
            who.user,
            pool.clock(),
            self.base_string,
            str(request.url),
            request.method,
            self.options.hints,
        )
        header = self.options.refusal_header
        is_doubtful = response.status < _FIRST_REFUSAL and not (header and header in response.headers)
        problem = await read_problem_response(
            response, context, in_success=is_doubtful, refusal_header=header
        )
        if problem is None:
            return None
        from aiooauth1.responses.rate_limit import rate_limit  # noqa: PLC0415  only refusals need it

        retry, kind = self._retry, problem.error_type
        may_resend = retry is not None and can_resend(request.body)
        is_fixed = self._can_fix_by_resigning(problem, kind, request, attempt)
        if is_fixed and may_resend and retry is not None and attempt < retry.attempts:
            logger.info(
                "%s %s: resending with another nonce and timestamp (%s)",
                request.method,
                self.origin,
                problem.name or problem.status,
                extra=self._facts("request.resigned", request, attempt, problem.name or problem.status),
            )
            return 0.0
        if may_resend and retry is not None:
            wait = rate_limit(response, pool.clock()).wait_after(problem.status)
            if may_retry_response(problem, request.method, retry, has_key=self._has_key, wait=wait):
                costs = not is_rate_limit(problem, wait)
                seconds = self._next(
                    request,
                    attempt,
                    retry,
                    wait,
                    problem.name or str(problem.status),
                    costs=costs,
                    is_rate_limited=problem.meaning == "rate_limited",
                )
                if seconds is not None:
                    if not costs:
                        await self._hold_gate()
                    return seconds
        self._leave_gate()  # a handler may call the session for the same user
        if problem.meaning == "token_expired" and who.renew is not None and token is not None:
            return await self._renew(who.renew, problem, token, request)
        if kind is TokenRejected and token is not None and problem.status < _FIRST_FAULT:
            # While a large body is unread it holds its connection, for which a handler that calls the session
            # would wait. So the call does not wait for the handler then.
            is_free = response.connection is None
            await who.rejections.handle(problem, who.user, token, self._discards_seen, waits=is_free)
        return None

    async def _renew(
        self,
        renew: Callable[[str], Awaitable[AccessToken]],
        problem: Problem,
        token: AccessToken,
        request: SigningRequest,
    ) -> float | None:
        """Renew a token that has expired, once a call; return 0.0 if the request can be sent again."""
        user, rejections = self._who.user, self._who.rejections
        if user is None or self._has_renewed:
            return None
        self._has_renewed = True
        await self._reload_token(user)
        if self._token != token:  # it was renewed since the request was signed
            return 0.0 if can_resend(request.body) else None
        try:
            await renew(user)
        except TokenRejected:
            # The renewal has discarded the token, if the provider says that it is dead.
            await rejections.notify(problem, user, token)
        except (OAuth1Error, ClientError, OSError) as error:
            logger.warning("the token of user %r was not renewed: %s", user, type(error).__name__)
        else:
            await self._reload_token(user)
            return 0.0 if can_resend(request.body) else None
        return None

    def _can_fix_by_resigning(
        self, problem: Problem, kind: type, request: SigningRequest, attempt: int
    ) -> bool:
        """Say whether another signature helps: with a corrected clock, or just another nonce. Each once."""
        clocks, origin = self._pool.clocks, self.origin
        theirs = provider_time(problem)
        is_off = theirs is not None and abs(theirs - clocks.now(origin)) > UNEXPLAINED
        if problem.may_be_clock_skew:
            if is_off:
                # A provider that gives no reason, or says so of every mistake, probably refuses the time.
                kind = TimestampRefused
                self._guessed_clock_skew = True
            elif clocks.is_guessed(origin):
                clocks.reset(origin)  # the guess did not help
        elif kind is NonceRejected and is_off and attempt == 1:
            # Some providers say so of a bad timestamp; a fresh nonce cannot have been used before.
            clocks.correct(origin, theirs, is_guess=True)
        if kind not in {TimestampRefused, NonceRejected} or kind in self._resigned_for:
            return False
        self._resigned_for |= {kind}
        if kind is TimestampRefused:
            if not clocks.correct(origin, theirs, is_guess=self._guessed_clock_skew):
                return False
            difference = self._pool.clocks.difference(origin)
            logger.info(
                "the clock of %s is %+.0f s from ours: timestamps follow it",
                origin,
                difference,
                extra={"event": "clock.corrected", "origin": str(origin), "seconds": difference},
            )
            return True
        # After a resend, "used" can mean that the first copy arrived.
        return request.method in SAFE_METHODS or self._has_key or attempt == 1

    def _next(
        self,
        request: SigningRequest,
        attempt: int,
        retry: Retry,
        wait: float | None,
        reason: str,
        *,
        costs: bool,
        is_rate_limited: bool = False,
    ) -> float | None:
        """Return how long to pause before the next attempt, or None to give up. Both are logged."""
        seconds = backoff(attempt, retry, wait, random.random, is_rate_limited=is_rate_limited)
        total, what = self._timeout.total, (request.method, self.origin)
        gave_up = self._facts("request.gave_up", request, attempt, reason)
        if attempt >= retry.attempts:
            if attempt > 1:
                logger.info("%s %s: gave up after %d attempts (%s)", *what, attempt, reason, extra=gave_up)
            return None
        if total and monotonic() + seconds >= self._began + total:
            too_long = (*what, seconds, reason)
            logger.info(
                "%s %s: gave up, a pause of %.1f s outlasts the timeout (%s)", *too_long, extra=gave_up
            )
            return None
        if costs:
            if not self._pool.budget.withdraw(self.origin, retry.budget):
                logger.warning("%s %s: gave up, the retry budget is spent (%s)", *what, reason, extra=gave_up)
                return None
            self._spent += 1
        logger.info(
            "%s %s: attempt %d of %d failed (%s), the next in %.1f s",
            *what,
            attempt,
            retry.attempts,
            reason,
            seconds,
            extra={**self._facts("request.retried", request, attempt, reason), "seconds": seconds},
        )
        return seconds

    def _facts(
        self, event: str, request: SigningRequest, attempt: int, reason: str | int
    ) -> dict[str, str | int | None]:
        """Return what a log record has beside its message."""
        return {
            "event": event,
            "method": request.method,
            "origin": str(self.origin),
            "user": self._who.user,
            "attempt": attempt,
            "reason": reason,
        }


def provider_time(problem: Problem) -> float | None:
    """Return the provider's time that its refusal tells, in seconds since the epoch, or None."""
    acceptable = problem.parameters.get("oauth_acceptable_timestamps", "")
    return server_time(acceptable, "") or problem.server_time


def _has_body(request: SigningRequest) -> bool:
    """Say whether the body is there to be sent once more, the same bytes."""
    body = request.body
    if request.has_begun or not isinstance(body, Payload):
        return can_resend(body)
    return not body.consumed
