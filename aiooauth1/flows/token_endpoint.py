"""One signed request to a token endpoint, sent once, and its answer under bounds."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import BytesPayload, ClientError, ClientTimeout, ServerDisconnectedError, hdrs
from yarl import URL

from aiooauth1.credentials import RequestToken
from aiooauth1.errors import OAuth1Error, RedirectRefused, SigningError, TokenResponseError
from aiooauth1.flows.bounded_response import BoundedHeadResponse
from aiooauth1.responses.excerpts import excerpt
from aiooauth1.responses.redaction import SecretMatcher
from aiooauth1.transport.delivery import ObservedRequest, observe, outcome_unknown
from aiooauth1.transport.placement import finish, place
from aiooauth1.transport.public_only import private_address_in
from aiooauth1.transport.request import FORM, sent_url, set_user_agent


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession
    from aiohttp.connector import Connection

    from aiooauth1.credentials import AccessToken, Consumer
    from aiooauth1.providers.provider import Placement
    from aiooauth1.signing.sign import Signer
    from aiooauth1.signing.signature import Prepared


__all__ = ["TokenReply", "TokenRequest", "send_token_request"]

_MOST_READ = 64 * 1024
_LAST_SUCCESS = 299
_FIRST_REFUSAL = 400
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LONGEST_ORIGIN = 200


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class TokenRequest:
    """A request to a token endpoint, of which all but the signature is known.

    Attributes:
        method: POST or GET.
        url: The endpoint, in the characters of RFC 3986.
        form: The body of more parameters, or None if it has none.
        placement: Where its `oauth_` parameters go.
        user_agent: What it says of who asks, or None if it says what the session says.
        needs_user_agent: Whether it must say that.
        signer: Signs it.
        nonce: Makes a nonce.
        now: Tells the time at the provider, in seconds since the epoch.
        callback: Its `oauth_callback`, if it has one.
        verifier: Its `oauth_verifier`, if it has one.
        basic_auth: The Authorization of a gateway in front of the provider, if there is one.
        extra: More signed parameters beside those.
        credentials: Whose secrets must not show in an error, should the provider echo them.
        secrets: What else must not.
    """

    method: str
    url: str
    form: bytes | None
    placement: Placement
    user_agent: str | None
    needs_user_agent: bool
    signer: Signer
    nonce: Callable[[], str]
    now: Callable[[], float]
    callback: str | None = None
    verifier: str | None = None
    extra: tuple[tuple[str, str], ...] = ()
    basic_auth: str | None = None
    credentials: tuple[Consumer | RequestToken | AccessToken, ...]
    secrets: tuple[str, ...] = ()

    @property
    def is_exchange(self) -> bool:
        """Whether it swaps a request token for an access token."""
        return any(isinstance(one, RequestToken) for one in self.credentials)

    def prepare(self, wire_url: str, nonce: str, timestamp: int) -> Prepared:
        """Return what is to be signed, for the URL as it goes over the wire."""
        return self.signer.prepare(
            self.method,
            wire_url,
            nonce=nonce,
            timestamp=timestamp,
            form=self.form,
            callback=self.callback,
            verifier=self.verifier,
            extra=self.extra,
        )


@dataclass(frozen=True, slots=True, repr=False)
class TokenReply:
    """What the endpoint answered: a 2xx, or a refusal.

    Attributes:
        status: The HTTP status code.
        headers: The header fields.
        body: The body, decompressed; that of a refusal is empty if it could not be read whole.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def is_refusal(self) -> bool:
        """Whether the status alone says no."""
        return self.status >= _FIRST_REFUSAL

    @property
    def date(self) -> str:
        """The Date header field, or an empty text."""
        return next((value for name, value in self.headers if name.lower() == "date"), "")


class _SignedRequest(ObservedRequest):
    """Signs itself when aiohttp sends it, with the connection in hand: not before."""

    ours: TokenRequest | None = None

    async def send(self, conn: Connection) -> ClientResponse:
        """Sign the request and write it; the signature is taken out again before anything can show it."""
        ours, url = self.ours, self.url
        if ours is None:
            return await super().send(conn)
        try:
            prepared = ours.prepare(sent_url(self), ours.nonce(), int(ours.now()))
            await place(self, await finish(ours.signer, prepared), ours.placement)
        except BaseException:
            conn.release()  # nothing was written: it is as good as new
            raise
        if ours.basic_auth is not None:
            self.headers[hdrs.AUTHORIZATION] = ours.basic_auth
        self.unsigned_url = url if self.url is not url else None
        try:
            return await super().send(conn)
        finally:
            self.headers.popall(hdrs.AUTHORIZATION, None)
            self.url = url


class SendOnceMiddleware:
    """Lets one request be sent: aiohttp repeats a GET on a dropped connection, and a token is given once."""

    __slots__ = ("_ours", "_request")

    def __init__(self, ours: TokenRequest) -> None:
        self._ours = ours
        self._request: _SignedRequest | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the request began to be written."""
        return self._request is not None and self._request.has_begun

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if self.has_begun:
            raise ServerDisconnectedError
        ours = self._ours
        request.response_class = BoundedHeadResponse
        # A caller's session may keep cookies, and those are not this user's.
        request.headers.popall(hdrs.COOKIE, None)
        request.headers.popall(hdrs.AUTHORIZATION, None)
        # It may name a type for all its requests, too, and what is signed is a form or nothing.
        request.headers.popall(hdrs.CONTENT_TYPE, None)
        if ours.form is not None or ours.placement == "body":
            request.headers[hdrs.CONTENT_TYPE] = FORM
        set_user_agent(request, ours.user_agent, needed=ours.needs_user_agent)
        ours.prepare(sent_url(request), "0", 0)  # what cannot be signed is told before a connection
        self._request = observe(request, _SignedRequest)
        self._request.ours = ours
        try:
            return await handler(request)
        except OAuth1Error:
            raise
        except Exception as error:
            if not self.has_begun:
                raise
            failure = outcome_unknown("the token request", error, method=ours.method, url=ours.url)
        # Outside the handler, and before a trace hook sees aiohttp's error, which quotes the answer: that may
        # echo the request.
        raise failure


async def send_token_request(http: ClientSession, request: TokenRequest, *, seconds: float) -> TokenReply:
    """Send a token request once and return the answer, at most 64 KiB of it decompressed.

    Args:
        http: The session to send it with; its cookies and redirects are not used.
        request: What to send.
        seconds: How long everything together may take.

    Raises:
        RedirectRefused: If it answered with a redirect.
        SigningError: If it cannot be signed rightly, or the host is not public and has to be.
        TokenResponseError: If the answer is too long or compressed in a way that we did not ask for.
        OutcomeUnknown: If the request went out, and no whole answer came, or one whose head does not end.
        Exception: aiohttp's or a connector's own error, if nothing was sent.
    """
    once = SendOnceMiddleware(request)
    try:
        answer = await _answer(http, request, once, seconds)
    except OAuth1Error:
        raise
    except Exception as error:
        if not once.has_begun:
            if (address := private_address_in(error)) is None:
                raise
            answer = SigningError(f"the token endpoint is at {address}, which is not a public address")
        else:
            answer = outcome_unknown("the token request", error, method=request.method, url=request.url)
    if isinstance(answer, TokenReply):
        return answer
    # Outside the handler: aiohttp's error, which quotes request and answer, is not to be its context.
    raise answer


async def _answer(
    http: ClientSession, request: TokenRequest, once: SendOnceMiddleware, seconds: float
) -> TokenReply | OAuth1Error:
    """Return the answer or what is wrong, raised elsewhere: reports may show the locals on its way."""
    async with http.request(
        request.method,
        URL(request.url, encoded=True),
        data=BytesPayload(request.form, content_type=FORM) if request.form is not None else None,
        headers={hdrs.ACCEPT_ENCODING: "identity"},
        skip_auto_headers=(hdrs.CONTENT_TYPE,),  # an empty POST has no type
        allow_redirects=False,
        raise_for_status=False,
        auto_decompress=False,
        timeout=ClientTimeout(total=seconds),
        middlewares=(once,),
    ) as response:
        if response.status >= _FIRST_REFUSAL:
            try:
                body = await _read(response)
            except (TokenResponseError, ClientError, OSError):
                body = b""  # a refusal is one, whatever its body, and though that breaks off
            return TokenReply(response.status, tuple(response.headers.items()), body)
        if not 200 <= response.status <= _LAST_SUCCESS:  # noqa: PLR2004
            return RedirectRefused(_redirect(response, request))
        try:
            return TokenReply(response.status, tuple(response.headers.items()), await _read(response))
        except TokenResponseError as error:
            return error.with_traceback(None)


def _redirect(response: ClientResponse, request: TokenRequest) -> str:
    """Say where a redirect leads: to which origin, and no more, since the rest may echo the request."""
    said = f"the token endpoint answered with status {response.status}, not with a token"
    location = response.headers.get(hdrs.LOCATION)
    if location is None or response.status not in _REDIRECTS:
        return said
    endpoint = URL(request.url, encoded=True)
    try:
        target = endpoint.join(URL(location)).origin()
    except ValueError:
        return f"{said}: it redirects to what is no URL"
    if target == endpoint.origin():
        return f"{said}: it redirects to another path of {target}; use the URL that the provider documents"
    matcher = SecretMatcher.from_secrets(one.secret for one in request.credentials)
    shown = excerpt(str(target), _LONGEST_ORIGIN, matcher)
    return f"{said}: it redirects to {shown}; if that is the provider's, use its URL for this endpoint"


async def _read(response: ClientResponse) -> bytes:
    stream = _decompressor(response.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower())
    body = bytearray()
    received = 0
    async for chunk in response.content.iter_any():
        received += len(chunk)
        body += chunk if stream is None else _inflate(stream, chunk)
        if max(received, len(body)) > _MOST_READ:
            response.close()
            raise TokenResponseError(f"the token endpoint's answer is longer than {_MOST_READ} bytes")
    # Else the end of a secret may be missing, of which a form shows nothing.
    if stream is not None and (not stream.eof or stream.unused_data):
        raise TokenResponseError("the token endpoint's answer does not end where its compression does")
    return bytes(body)


def _decompressor(encoding: str) -> zlib._Decompress | None:
    if encoding in {"", "identity"}:
        return None
    if encoding not in _WINDOW:
        raise TokenResponseError("the token endpoint's answer is compressed in a way that was not asked for")
    return zlib.decompressobj(_WINDOW[encoding])


def _inflate(stream: zlib._Decompress, chunk: bytes) -> bytes:
    """Decompress the next chunk, never to more than just over the bound."""
    try:
        return stream.decompress(chunk, _MOST_READ + 1)
    except zlib.error:
        pass
    raise TokenResponseError("the token endpoint's answer does not decompress")


# We ask for identity; some servers compress all the same (RFC 9110 section 8.4.1).
_WINDOW: Mapping[str, int] = {"gzip": 31, "x-gzip": 31, "deflate": 15}
