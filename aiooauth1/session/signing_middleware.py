"""The signer of one call, at the last place before the wire, and the same as a middleware of its own.

aiohttp runs a middleware for each attempt and each redirect hop, with the request as it will be sent. So each
of them gets a nonce and a timestamp of its own, and what is signed is what goes out.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import (
    ClientError,
    ClientResponseError,
    hdrs,
)
from yarl import URL

from aiooauth1.errors import OutcomeUnknown, RedirectRefused, SigningError
from aiooauth1.signing.base_string import parse_url
from aiooauth1.signing.methods import HMAC_SHA1
from aiooauth1.signing.sign import Signer
from aiooauth1.transport.delivery import NOT_SENT_ERRORS
from aiooauth1.transport.nonce import fresh_nonce
from aiooauth1.transport.origin import Origin, Target, refuse_bare_transport
from aiooauth1.transport.request import (
    can_be_sent_again,
    finish,
    has_body,
    hide_query,
    is_form,
    name_consumer,
    place,
    signed_form,
    take_out,
    url_on_the_wire,
    whole_body,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

    from aiooauth1.credentials import AccessToken, Consumer
    from aiooauth1.providers.provider import Placement
    from aiooauth1.signing.methods import SignatureMethod


__all__ = ["Call", "Manner", "OAuth1Middleware"]

_READS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the calls of a session are signed, whoever signs.

    Attributes:
        now: Seconds since the epoch at an origin.
        nonce: A new text at each call.
        placement: Where the parameters go.
        body_hash: Whether a body that is no form is hashed.
        sign_multipart_text: Whether the text fields of multipart bodies are signed as if they were a form's.
        needs_user_agent: Whether a request must name its consumer in User-Agent.
        user_agent: That name, where the request has none.
        threads: Bounds how many signatures that take long are computed at once: more than there are
            processors are no faster, and the event loop would wait for its turn among them.
    """

    now: Callable[[Origin], float]
    nonce: Callable[[], str]
    placement: Placement = "header"
    body_hash: bool = False
    sign_multipart_text: bool = False
    needs_user_agent: bool = False
    user_agent: str | None = None
    threads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(os.cpu_count() or 1))


class Call:
    """Signs the attempts and hops of one call, and stops where the call leaves the origin it was made for.

    It is called as the innermost middleware, which sees no hop number: hence one small object for each call.
    """

    __slots__ = ("_follows", "_manner", "_origin", "_signer", "_was_sent", "_where", "is_leaving")

    def __init__(self, signer: Signer, target: Target, manner: Manner, *, follows: bool) -> None:
        self._signer: Signer | None = signer
        self._where, self._origin = target
        self._manner = manner
        self._follows = follows
        self.is_leaving = False
        self._was_sent = False

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Sign the request if it still goes where it was meant to, and take our header out of it afterwards.

        Raises:
            SigningError: If the request cannot be signed rightly.
            RedirectRefused: If it is a hop on which we must not go along.
            OutcomeUnknown: If it went out, no answer came, and it may have been done.
        """
        self._follow(request)
        if self._was_sent:
            await take_out(request, self._manner.placement)
        if not self.is_leaving:
            if self._signer is None:
                raise SigningError("the call is over: a middleware must not send its request again after it")
            if self._was_sent and self._manner.placement == "body" and request.method in _READS:
                raise RedirectRefused(
                    f"the provider redirects to a {request.method}, which has no body to sign in"
                )
            await self._sign(request, self._signer)
        self._was_sent = True
        try:
            response = await handler(request)
        except NOT_SENT_ERRORS:
            raise
        except (ClientError, OSError) as error:
            if request.method in _READS and not isinstance(error, ClientResponseError):
                raise
            failure = _as_new(error, request)
        else:
            reason = self._look_at(response, request)
            if reason is None:
                return response
            response.release()
            # Reports of an error may show the locals along its way, and its fields may echo ours.
            del response
            raise RedirectRefused(reason)
        finally:
            # aiohttp's request_info and its errors show the header fields of the request.
            request.headers.popall(hdrs.AUTHORIZATION, None)
        # Outside the handler above: aiohttp's error, which knows the whole request, is not to be its context.
        raise failure

    def drop(self) -> None:
        """Forget the signer, when the call is over: what keeps this object then keeps no secret."""
        self._signer = None

    async def _sign(self, request: ClientRequest, signer: Signer) -> None:
        manner = self._manner
        if manner.needs_user_agent or manner.user_agent is not None:
            name_consumer(request, manner.user_agent, needed=manner.needs_user_agent)
        form = None
        if manner.sign_multipart_text or is_form(request):
            form = await signed_form(request, with_multipart=manner.sign_multipart_text)
        url, nonce, timestamp = url_on_the_wire(request), manner.nonce(), int(manner.now(self._origin))
        if manner.placement == "header" and not (manner.body_hash or signer.takes_long):
            header = signer.header(request.method, url, nonce=nonce, timestamp=timestamp, form=form)
            request.headers[hdrs.AUTHORIZATION] = header
            return
        hashed = await whole_body(request) if manner.body_hash and form is None else None
        prepared = signer.prepare(
            request.method, url, nonce=nonce, timestamp=timestamp, form=form, body_hash=hashed
        )
        await place(request, await finish(signer, prepared, manner.threads), manner.placement)

    def _follow(self, request: ClientRequest) -> None:
        """See where the request goes; leave signing for good where that is another origin than before."""
        if hdrs.AUTHORIZATION in request.headers:
            raise SigningError(
                "the request has an Authorization already (headers= or auth=): only we write it"
            )
        origin = self.origin_of(request)
        if origin == self._origin and not self.is_leaving:
            return
        if self._origin.scheme == "https" and origin.scheme != "https":
            raise RedirectRefused(f"the provider redirects from https to {origin.scheme}")
        if request.method not in _READS or has_body(request):
            raise RedirectRefused(
                f"the provider redirects a {request.method} with its body to another origin"
            )
        self.is_leaving = True
        self._origin = origin

    def origin_of(self, request: ClientRequest) -> Origin:
        """Return where a request of this call goes."""
        return self._origin if request.url is self._where else Origin.of(request.url)

    def _look_at(self, response: ClientResponse, request: ClientRequest) -> str | None:
        """Return why to refuse what aiohttp would stumble over before the next hop comes to be signed."""
        if self._manner.placement == "query":
            hide_query(response)
        if not self._follows or response.status not in _REDIRECTS:
            return None
        try:
            location = URL(response.headers.get(hdrs.LOCATION) or response.headers.get(hdrs.URI) or "")
        except ValueError:
            return None  # aiohttp's to refuse
        if location.raw_user is not None or location.raw_password is not None:
            return "the redirect's Location holds a user name or password"
        if _keeps_body(response.status, request.method) and not can_be_sent_again(request):
            return "the redirect wants the body once more, which cannot be read again: give its octets"
        return None


def _as_new(error: ClientError | OSError, request: ClientRequest) -> Exception:
    """Return what an error means that quotes what is no HTTP, and that may echo all that we sent."""
    if isinstance(error, ClientResponseError) and request.method in _READS:
        shown = error.request_info._replace(url=error.request_info.real_url)
        why = "the answer is no HTTP"
        return ClientResponseError(shown, error.history, status=error.status, message=why)
    what = type(error).__name__
    return OutcomeUnknown(f"{request.method} was sent and no answer came ({what}): it may have been done")


def _keeps_body(status: int, method: str) -> bool:
    # As aiohttp rewrites the next hop (RFC 9110 section 15.4).
    return status in {307, 308} or (status in {301, 302} and method != hdrs.METH_POST)


class OAuth1Middleware:
    """Signs what a `ClientSession` of your own sends to some origins, and passes anything else on untouched.

    It is a client middleware for aiohttp's `middlewares=`; put it last: a retry before it signs afresh.
    A middleware cannot tell a redirect from a call. So this one signs whatever goes to `origins`, and goes
    along with redirects anywhere else unsigned, *body and all*: `OAuth1Session` refuses those.

    Args:
        consumer: Whose requests they are.
        token: The user's access token; None: the consumer's own requests (two-legged).
        origins: The origins to sign for, each `https://host` or `https://host:port`.
        signature_method: How to sign.
        realm: The realm of the Authorization header; None: none is sent.
        allow_http: Whether an origin may be plain http other than loopback, or PLAINTEXT go over http.
        clock: Seconds since the epoch.
        nonce: A new text at each call, letters and digits.

    Raises:
        SigningError: If an origin is none, its transport shows the signature, or the realm is malformed.
    """

    __slots__ = ("_manner", "_origins", "_signer")

    def __init__(
        self,
        consumer: Consumer,
        token: AccessToken | None = None,
        *,
        origins: Iterable[str],
        signature_method: SignatureMethod = HMAC_SHA1,
        realm: str | None = None,
        allow_http: bool = False,
        clock: Callable[[], float] = time.time,
        nonce: Callable[[], str] = fresh_nonce,
    ) -> None:
        if isinstance(origins, str):
            raise SigningError("origins must be several: write (origin,) for one")
        self._origins = frozenset(Origin.of(URL(parse_url(origin).origin)) for origin in origins)
        for origin in self._origins:
            refuse_bare_transport(origin, signature_method, allow_http=allow_http)
        self._signer = Signer(consumer, token, signature_method=signature_method, realm=realm)
        self._manner = Manner(now=lambda _: clock(), nonce=nonce)

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Sign the request if it goes to one of the origins.

        Raises:
            SigningError: If it cannot be signed rightly, or has an Authorization of another's.
            OutcomeUnknown: If it went out, no answer came, and it may have been done.
        """
        origin = Origin.of(request.url)
        if origin not in self._origins:
            return await handler(request)
        call = Call(self._signer, Target(request.url, origin), self._manner, follows=False)
        return await call(request, handler)
