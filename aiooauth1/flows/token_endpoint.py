"""Sends one signed request to a token endpoint, once, and reads its answer within bounds."""

from __future__ import annotations

import zlib
from asyncio import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import BytesPayload, ClientError, ClientTimeout, ServerDisconnectedError, hdrs
from yarl import URL

from aiooauth1.credentials import RequestToken
from aiooauth1.errors import OAuth1Error, RedirectRefused, SigningError, TokenResponseError
from aiooauth1.flows.bounded_response import BoundedHeadResponse
from aiooauth1.responses.excerpts import excerpt
from aiooauth1.responses.redaction import SecretMatcher
from aiooauth1.session.redirects import REDIRECTS
from aiooauth1.transport.delivery import ObservedRequest, observe, outcome_unknown, raise_if_not_cancelled
from aiooauth1.transport.placement import apply_signature, compute_signature
from aiooauth1.transport.public_only import private_address_in
from aiooauth1.transport.request import (
    FORM,
    check_fields,
    check_framing,
    check_uncompressed,
    sent_url,
    set_user_agent,
)


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
_LONGEST_ORIGIN = 200


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class TokenRequest:
    """An unsigned request to a token endpoint.

    Attributes:
        method: POST or GET.
        url: The endpoint, in the characters of RFC 3986.
        form: The body of more parameters, or None if it has none.
        placement: Where its `oauth_` parameters go.
        user_agent: Its User-Agent, or None for the session's own.
        needs_user_agent: Whether the provider refuses requests without a User-Agent of the consumer's.
        signer: Signs it.
        nonce: Returns a new nonce.
        now: Returns the time at the provider, in seconds since the epoch.
        callback: Its `oauth_callback`, if it has one.
        verifier: Its `oauth_verifier`, if it has one.
        basic_auth: The Authorization for a gateway in front of the provider, if there is one.
        extra: More signed parameters.
        credentials: The credentials whose secrets are masked in errors, in case the provider echoes them.
        secrets: More secrets to mask.
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
        """Return the base string's parts, for the URL as it is sent."""
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
    """The endpoint's answer: a 2xx, or a refusal.

    Attributes:
        status: The HTTP status code.
        headers: The header fields.
        body: The body, decompressed; empty if a refusal's body could not be read whole.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def is_refusal(self) -> bool:
        """Whether the status is 400 or above."""
        return self.status >= _FIRST_REFUSAL

    @property
    def date(self) -> str:
        """The Date header field, or an empty string."""
        return next((value for name, value in self.headers if name.lower() == "date"), "")


class _SignedRequest(ObservedRequest):
    """Signs itself when aiohttp sends it, after a connection was acquired."""

    ours: TokenRequest | None = None

    async def send(self, conn: Connection) -> ClientResponse:
        """Sign the request and write it, then remove the signature before anything can show it."""
        ours, url = self.ours, self.url
        if ours is None:
            return await super().send(conn)
        try:
            prepared = ours.prepare(sent_url(self), ours.nonce(), int(ours.now()))
            await apply_signature(self, await compute_signature(ours.signer, prepared), ours.placement)
        except BaseException:
            conn.release()  # nothing was written, so it can be reused
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
    """Lets one request be sent. aiohttp repeats a GET on a dropped connection, but a token is issued once."""

    __slots__ = ("_ours", "_request")

    def __init__(self, ours: TokenRequest) -> None:
        self._ours = ours
        self._request: _SignedRequest | None = None

    @property
    def has_begun(self) -> bool:
        """Whether writing the request has begun."""
        return self._request is not None and self._request.has_begun

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if self.has_begun:
            raise ServerDisconnectedError
        ours = self._ours
        request.response_class = BoundedHeadResponse
        # A caller's session may keep cookies, which belong to other users.
        request.headers.popall(hdrs.COOKIE, None)
        request.headers.popall(hdrs.AUTHORIZATION, None)
        # It may set a Content-Type for all its requests. This one has a form, or no body.
        request.headers.popall(hdrs.CONTENT_TYPE, None)
        if ours.form is not None or ours.placement == "body":
            request.headers[hdrs.CONTENT_TYPE] = FORM
        # A caller's session may also set what makes the server read another request than this one.
        check_fields(request.headers)
        check_framing(request)
        check_uncompressed(request)
        set_user_agent(request, ours.user_agent, needed=ours.needs_user_agent)
        ours.prepare(sent_url(request), "0", 0)  # raise what cannot be signed before connecting
        self._request = observe(request, _SignedRequest)
        self._request.ours = ours
        try:
            return await handler(request)
        except CancelledError:
            raise_if_not_cancelled(has_begun=self.has_begun, closed="the session of the handshake was closed")
            raise
        except OAuth1Error:
            raise
        except Exception as error:
            if not self.has_begun:
                raise
            failure = outcome_unknown("the token request", error, method=ours.method, url=ours.url)
        # Outside the handler, and before a trace hook sees aiohttp's error: it quotes the answer, which may
        # echo the request.
        raise failure


async def send_token_request(http: ClientSession, request: TokenRequest, *, seconds: float) -> TokenReply:
    """Send a token request once and return the answer, at most 64 KiB of it decompressed.

    Args:
        http: The session to send it with. Its cookies are not used, and redirects are not followed.
        request: What to send.
        seconds: How long everything together may take.

    Raises:
        RedirectRefused: If it answered with a redirect.
        SigningError: If it cannot be signed rightly, or the host is not public and has to be.
        TokenResponseError: If the answer is too long, or compressed in a way that was not asked for.
        OutcomeUnknown: If the request was sent and no complete answer came, or its head was too long.
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
    # Outside the handler, so that aiohttp's error, which quotes request and answer, is not its context.
    raise answer


async def _answer(
    http: ClientSession, request: TokenRequest, once: SendOnceMiddleware, seconds: float
) -> TokenReply | OAuth1Error:
    """Return the answer or an error. The caller raises it: a traceback from here would show these locals."""
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
                body = b""  # it is a refusal even if its body cannot be read
            return TokenReply(response.status, tuple(response.headers.items()), body)
        if not 200 <= response.status <= _LAST_SUCCESS:  # noqa: PLR2004
            return RedirectRefused(_redirect(response, request))
        try:
            return TokenReply(response.status, tuple(response.headers.items()), await _read(response))
        except TokenResponseError as error:
            return error.with_traceback(None)


def _redirect(response: ClientResponse, request: TokenRequest) -> str:
    """Describe a redirect by the origin it leads to. The rest of its URL may echo the request."""
    said = f"the token endpoint answered with status {response.status} instead of a token"
    location = response.headers.get(hdrs.LOCATION)
    if location is None or response.status not in REDIRECTS:
        return said
    endpoint = URL(request.url, encoded=True)
    try:
        target = endpoint.join(URL(location)).origin()
    except ValueError:
        return f"{said}: it redirects to an invalid URL"
    if target == endpoint.origin():
        return f"{said}: it redirects to another path of {target}; use the URL that the provider documents"
    matcher = SecretMatcher.from_secrets(one.secret for one in request.credentials)
    shown = excerpt(str(target), _LONGEST_ORIGIN, matcher)
    return f"{said}: it redirects to {shown}; if that is the provider's, use its URL for this endpoint"


async def _read(response: ClientResponse) -> bytes:
    stream = _decompressor(response.headers.get(hdrs.CONTENT_ENCODING, ""))
    body = bytearray()
    received = 0
    async for chunk in response.content.iter_any():
        if stream is not None and not received and chunk[:1] and _is_raw_deflate(response, chunk):
            stream = zlib.decompressobj(-zlib.MAX_WBITS)
        received += len(chunk)
        body += chunk if stream is None else _inflate(stream, chunk)
        if max(received, len(body)) > _MOST_READ:
            response.close()
            raise TokenResponseError(f"the token endpoint's answer is longer than {_MOST_READ} bytes")
    # Otherwise the end of a secret could be missing, which a form does not reveal.
    if stream is not None and (not stream.eof or stream.unused_data):
        raise TokenResponseError(
            "the token endpoint's answer is compressed incompletely, or has more data behind it"
        )
    return bytes(body)


def _decompressor(encodings: str) -> zlib._Decompress | None:
    named = [name for one in encodings.lower().split(",") if (name := one.strip()) not in _NOT_COMPRESSED]
    if not named:
        return None
    encoding = ",".join(named)
    if encoding not in _WINDOW:
        raise TokenResponseError("the token endpoint's answer is compressed in a way that was not asked for")
    return zlib.decompressobj(_WINDOW[encoding])


def _inflate(stream: zlib._Decompress, chunk: bytes) -> bytes:
    """Decompress the next chunk, to at most one byte more than the bound."""
    try:
        return stream.decompress(chunk, _MOST_READ + 1)
    except zlib.error:
        pass
    raise TokenResponseError("the token endpoint's answer does not decompress")


def _is_raw_deflate(response: ClientResponse, start: bytes) -> bool:
    """Say whether "deflate" has no zlib header: IIS sends it so (RFC 9110 section 8.4.1.2)."""
    is_deflate = response.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower() == "deflate"
    return is_deflate and start[0] & 0x0F != _DEFLATE


_DEFLATE = 8  # the method in the first byte of a zlib header

# Names of character sets and of no encoding at all, which servers put there by mistake
# (apache/httpcomponents-client#698, sparklemotion/mechanize#138).
_NOT_COMPRESSED = frozenset(
    {"", "identity", "utf-8", "utf8", "us-ascii", "iso-8859-1", "none", "binary", "7bit", "8bit"}
)
# We ask for identity, but some servers compress anyway (RFC 9110 section 8.4.1).
_WINDOW: Mapping[str, int] = {"gzip": 31, "x-gzip": 31, "deflate": 15}
