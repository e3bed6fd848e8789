"""The signer of one call, at the last place before the wire, and the same as a middleware of its own.

aiohttp runs a middleware for each attempt and each redirect hop, with the request as it will be sent. So each
of them gets a nonce and a timestamp of its own, and what is signed is what goes out.
"""

from __future__ import annotations

import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHttpProxyError,
    ConnectionTimeoutError,
    Payload,
    hdrs,
)
from yarl import URL

from aiooauth1.errors import OutcomeUnknown, RedirectRefused, SigningError
from aiooauth1.nonce import fresh_nonce
from aiooauth1.signing.methods import HMAC_SHA1, PLAINTEXT
from aiooauth1.signing.sign import Signer


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

    from aiooauth1.credentials import AccessToken, Consumer
    from aiooauth1.signing.methods import SignatureMethod


__all__ = [
    "FORM",
    "NOTHING_SENT",
    "Call",
    "OAuth1Middleware",
    "Origin",
    "refuse_bare_transport",
    "url_on_the_wire",
]

FORM = "application/x-www-form-urlencoded"
_READS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
NOTHING_SENT = (ClientConnectorError, ConnectionTimeoutError, ClientHttpProxyError)


class Origin(NamedTuple):
    """Where a request goes: another host, port or scheme is another origin (RFC 6454)."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def of(cls, url: URL) -> Origin:
        """Return a URL's origin."""
        return cls(url.scheme, (url.raw_host or "").lower(), url.port)

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, by its name alone."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def refuse_bare_transport(origin: Origin, signature_method: SignatureMethod, *, allow_http: bool) -> None:
    """Refuse what shows a signed request to everybody on the way (RFC 5849 sections 3.4.4 and 4.1 to 4.3).

    Raises:
        SigningError: If the origin is plain http, not loopback or with PLAINTEXT, and http is not allowed.
    """
    if origin.scheme == "https" or allow_http:
        return
    if signature_method.name == PLAINTEXT.name:
        raise SigningError(
            "PLAINTEXT over http sends both secrets for all to read: use https or an HMAC method"
        )
    if not origin.is_loopback:
        raise SigningError(f"{origin.host!r} over plain http: use https, or allow_http=True if you must")


class Call:
    """Signs the attempts and hops of one call, and stops where the call leaves the origin it was made for.

    It is the innermost middleware. A middleware sees no hop number, hence one small object for each call.
    """

    __slots__ = ("_clock", "_nonce", "_origin", "_sent", "_signer", "_signing")

    def __init__(
        self, signer: Signer, origin: Origin, clock: Callable[[], float], nonce: Callable[[], str]
    ) -> None:
        self._signer: Signer | None = signer
        self._origin = origin
        self._signing = True
        self._sent = False
        self._clock = clock
        self._nonce = nonce

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Sign the request if it still goes where it was meant to, and take our header out of it afterwards.

        Raises:
            SigningError: If the request cannot be signed rightly.
            RedirectRefused: If it is a hop on which we must not go along.
            OutcomeUnknown: If it went out, no answer came, and it may have been done.
        """
        self._follow(request)
        if self._signing and self._signer is not None:
            form = await _form_on_the_wire(request)
            request.headers[hdrs.AUTHORIZATION] = self._signer.header(
                request.method,
                url_on_the_wire(request),
                nonce=self._nonce(),
                timestamp=int(self._clock()),
                form=form,
            )
        try:
            return await handler(request)
        except NOTHING_SENT:
            raise
        except (ClientError, OSError) as error:
            if request.method in _READS:
                raise
            what = type(error).__name__
        finally:
            # aiohttp's request_info and its errors show the header fields of the request.
            request.headers.popall(hdrs.AUTHORIZATION, None)
        # Outside the handler above: aiohttp's error, which knows the whole request, is not to be its context.
        raise OutcomeUnknown(f"{request.method} was sent and no answer came ({what}): it may have been done")

    def drop(self) -> None:
        """Forget the signer, when the call is over: what keeps this object then keeps no secret."""
        self._signer = None

    def _follow(self, request: ClientRequest) -> None:
        origin = Origin.of(request.url)
        elsewhere = not self._signing or origin != self._origin
        if hdrs.AUTHORIZATION in request.headers:
            if self._sent:
                raise RedirectRefused("the redirect's Location holds a user name or password")
            raise SigningError(
                "the request has an Authorization already (headers= or auth=): only we write it"
            )
        self._sent = True
        if not elsewhere:
            return
        if self._origin.scheme == "https" and origin.scheme != "https":
            raise RedirectRefused(f"the provider redirects from https to {origin.scheme}")
        if request.method not in _READS or _has_body(request):
            raise RedirectRefused(
                f"the provider redirects a {request.method} with its body to another origin"
            )
        self._signing = False
        self._origin = origin


def _has_body(request: ClientRequest) -> bool:
    return request.body.size != 0 if isinstance(request.body, Payload) else bool(request.body)


def url_on_the_wire(request: ClientRequest) -> str:
    """Return a request's URL as its server sees it: RFC 5849 section 3.4.1.2 takes the Host header field."""
    url = request.url
    return f"{url.scheme}://{request.headers[hdrs.HOST]}{url.raw_path_qs}"


async def _form_on_the_wire(request: ClientRequest) -> bytes | None:
    """Return the body if its content type is exactly a form's (RFC 5849 section 3.4.1.3.1)."""
    if request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower() != FORM:
        return None
    body = request.body
    if not isinstance(body, Payload):
        return body
    octets = bytes(await body.as_bytes())
    if body.consumed:
        raise SigningError(
            "the form's body can be read only once, so it cannot be signed and sent: give its octets or pairs"
        )
    return octets


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

    __slots__ = ("_clock", "_nonce", "_origins", "_signer")

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
        self._origins = frozenset(Origin.of(URL(origin)) for origin in origins)
        for origin in self._origins:
            if not origin.host:
                raise SigningError(
                    "each of origins must be an absolute URL, https://host or https://host:port"
                )
            refuse_bare_transport(origin, signature_method, allow_http=allow_http)
        self._signer = Signer(consumer, token, signature_method=signature_method, realm=realm)
        self._clock = clock
        self._nonce = nonce

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Sign the request if it goes to one of the origins.

        Raises:
            SigningError: If it cannot be signed rightly, or has an Authorization of another's.
            OutcomeUnknown: If it went out, no answer came, and it may have been done.
        """
        origin = Origin.of(request.url)
        if origin not in self._origins:
            return await handler(request)
        return await Call(self._signer, origin, self._clock, self._nonce)(request, handler)
