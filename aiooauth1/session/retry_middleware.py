"""Send a request again where that is safe, each time with a place in the pool and then a new signature."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import BytesIOPayload, BytesPayload, ClientError, ConnectionTimeoutError, Payload, hdrs

from aiooauth1.errors import NonceRejected, OutcomeUnknown, TimestampRefused
from aiooauth1.responses.rate_limit import rate_limit
from aiooauth1.session.problem_reader import read_refusal
from aiooauth1.session.retry import Sent, after_error, after_reply, pause
from aiooauth1.transport.clock import server_time
from aiooauth1.transport.delivery import NOT_SENT_ERRORS


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientTimeout

    from aiooauth1._internal.lifecycle import Home
    from aiooauth1.credentials import AccessToken, Consumer
    from aiooauth1.responses.problem import Problem
    from aiooauth1.session.connection_limiter import Slot, Slots
    from aiooauth1.session.retry import Budget, Retry
    from aiooauth1.session.signing_middleware import Call
    from aiooauth1.session.token_rejection import InUse
    from aiooauth1.transport.clock import ProviderClocks
    from aiooauth1.transport.origin import Origin


__all__ = ["Again", "Circumstances"]

_UNAUTHORIZED = 401
_FIRST_REFUSAL = 400
_UNEXPLAINED = 60.0  # seconds that a Date must be off before a 401 without a reason is laid to the clock


class Circumstances(NamedTuple):
    """What all calls of a session share when they are sent; `now` is the loop's clock."""

    home: Home
    slots: Slots
    budget: Budget
    clocks: ProviderClocks
    sleep: Callable[[float], Awaitable[object]]
    now: Callable[[], float]


class Again:
    """Sends one call, and sends it again: the innermost middleware, which hands attempts to the signer."""

    __slots__ = (
        "_began",
        "_call",
        "_credentials",
        "_failure",
        "_has_guessed",
        "_has_key",
        "_in_use",
        "_mended",
        "_retry",
        "_shared",
        "_spent",
        "_timeout",
    )

    def __init__(
        self,
        shared: Circumstances,
        call: Call,
        retry: Retry | None,
        timeout: ClientTimeout,
        in_use: InUse,
        *,
        credentials: Sequence[Consumer | AccessToken],
        has_key: bool,
    ) -> None:
        self._shared = shared
        self._credentials = credentials
        self._call = call
        self._retry = retry
        self._timeout = timeout
        self._began = shared.now()
        self._in_use = in_use
        self._has_key = has_key
        self._has_guessed = False
        self._failure: Exception | None = None
        self._mended: frozenset[type] = frozenset()
        self._spent = 0  # of the budget

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send the request until an answer is one for the caller."""
        if self._failure is not None and self._retry is not None:
            raise self._failure  # aiohttp's own silent resend, which knows nothing of our rules
        origin = self._call.origin_of(request)
        self._shared.budget.earn(origin)
        attempt = 1
        while True:
            slot = self._shared.slots.of(origin)
            try:
                await (slot.take() if self._timeout.connect is None else self._in_time(slot, origin))
                self._in_use.check()
                response = await self._call(request, handler)
            except (ClientError, OSError, OutcomeUnknown) as error:
                slot.give_back()
                seconds = self._after_error(error, request, origin, attempt)
                if seconds is None:
                    self._failure = error
                    raise
            except BaseException:
                slot.give_back()
                raise
            else:
                slot.give_back_after(response)
                if response.status < _FIRST_REFUSAL:
                    self._shared.budget.give_back(origin, self._spent)
                    self._spent = 0
                    return response
                try:
                    seconds = await self._after_refusal(response, request, origin, attempt)
                except BaseException:
                    response.close()
                    raise
                if seconds is None:
                    return response
                response.release()
                del response  # reports of an error may show it, and its fields may echo ours
            await self._pause(request, seconds)
            attempt += 1

    async def _pause(self, request: ClientRequest, seconds: float) -> None:
        await request.close()  # what may still be writing the body of this attempt
        self._shared.home.enter()  # the session may have been closed since the call began
        if seconds:
            await self._shared.sleep(seconds)
            self._shared.home.enter()

    async def _in_time(self, slot: Slot, origin: Origin) -> None:
        try:
            async with asyncio.timeout(self._timeout.connect or None):
                await slot.take()
        except TimeoutError:
            raise ConnectionTimeoutError(f"no connection to {origin} became free in time") from None

    def _after_error(
        self, error: Exception, request: ClientRequest, origin: Origin, attempt: int
    ) -> float | None:
        """Return how long to pause before the next attempt; None: there is none."""
        sent = Sent.NOTHING if isinstance(error, NOT_SENT_ERRORS) else Sent.PERHAPS
        retry = self._retry
        if retry is None or not after_error(sent, request.method, retry, has_key=self._has_key):
            return None
        if not _can_go_out_again(request, sent):
            return None
        return self._next(origin, attempt, retry, None)

    async def _after_refusal(
        self, response: ClientResponse, request: ClientRequest, origin: Origin, attempt: int
    ) -> float | None:
        """Return how long to pause before the next attempt; None: this refusal is the caller's."""
        if self._call.is_leaving:
            return None
        problem = await read_refusal(response, self._credentials)
        if problem is None:
            return None
        if self._has_guessed and problem.status == _UNAUTHORIZED:
            self._shared.clocks.forget(origin)  # no help: a Date that lies must not spoil all other calls
        retry = self._retry
        if retry is not None and attempt < retry.attempts and _can_go_out_again(request, Sent.PERHAPS):
            if self._mends(problem, response, request, origin, attempt):
                return 0.0
            wait = rate_limit(response).wait_after(problem.status)
            if after_reply(problem, request.method, retry, has_key=self._has_key, wait=wait):
                seconds = self._next(origin, attempt, retry, wait)
                if seconds is not None:
                    return seconds
        await self._in_use.notice(problem)
        return None

    def _mends(
        self, problem: Problem, response: ClientResponse, request: ClientRequest, origin: Origin, attempt: int
    ) -> bool:
        """Say whether a new signature mends it: with a corrected clock, or just another nonce. Each once."""
        kind = type(problem.error())
        date = response.headers.get(hdrs.DATE, "")
        if problem.status == _UNAUTHORIZED and not problem.meaning:
            # A provider that gives no reason, and whose clock is far from ours, is likely to mean that.
            theirs = server_time("", date)
            if theirs is not None and abs(theirs - self._shared.clocks.now(origin)) > _UNEXPLAINED:
                kind = TimestampRefused
                self._has_guessed = True
        if kind not in {TimestampRefused, NonceRejected} or kind in self._mended:
            return False
        self._mended |= {kind}
        if kind is TimestampRefused:
            acceptable = problem.parameters.get("oauth_acceptable_timestamps", "")
            return self._shared.clocks.learn(origin, server_time(acceptable, date))
        # After a resend, "used" can mean that the first copy arrived.
        return request.method in {hdrs.METH_GET, hdrs.METH_HEAD} or self._has_key or attempt == 1

    def _next(self, origin: Origin, attempt: int, retry: Retry, wait: float | None) -> float | None:
        if attempt >= retry.attempts:
            return None
        seconds = pause(attempt, retry, wait, random.random)
        total = self._timeout.total
        if total and self._shared.now() + seconds >= self._began + total:
            return None
        if not self._shared.budget.spend(origin):
            return None
        self._spent += 1
        return seconds


def _can_go_out_again(request: ClientRequest, sent: Sent) -> bool:
    """Say whether the body is there to be sent once more, the same octets."""
    body = request.body
    if not isinstance(body, Payload):
        return True
    return not body.consumed and (sent is Sent.NOTHING or isinstance(body, (BytesPayload, BytesIOPayload)))
