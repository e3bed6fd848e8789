"""One signed request to a token endpoint, sent once, and its answer under bounds."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import BytesPayload, ClientError, ClientTimeout, hdrs
from yarl import URL

from aiooauth1.errors import OutcomeUnknown, RedirectRefused, TokenResponseError
from aiooauth1.flows.bounded_response import WithBoundedHead
from aiooauth1.responses.excerpts import excerpt
from aiooauth1.responses.redaction import SecretMatcher
from aiooauth1.transport.delivery import NOT_SENT_ERRORS
from aiooauth1.transport.request import FORM, finish, hide_query, name_consumer, place, url_on_the_wire


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession

    from aiooauth1.credentials import Consumer, RequestToken
    from aiooauth1.errors import OAuth1Error
    from aiooauth1.providers.provider import Placement
    from aiooauth1.signing.sign import Signer
    from aiooauth1.signing.signature import Prepared


__all__ = ["TokenReply", "TokenRequest", "send_token_request"]

_MOST_READ = 64 * 1024
_LAST_SUCCESS = 299
_FIRST_REFUSAL = 400
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LONGEST_ORIGIN = 200


@dataclass(frozen=True, slots=True, repr=False)
class TokenRequest:
    """A request to a token endpoint, of which all but the signature is known.

    Attributes:
        method: POST or GET.
        url: The endpoint, in the characters of RFC 3986.
        form: The body of more parameters; None: it has none.
        placement: Where its `oauth_` parameters go.
        user_agent: What it says of who asks; None: what the session says.
        needs_user_agent: Whether it must say that.
        prepare: Makes the base string for the URL as it goes over the wire.
        is_exchange: Whether it swaps a request token for an access token.
        signer: Signs it.
        credentials: Whose secrets must not show in an error, should the provider echo them.
    """

    method: str
    url: str
    form: bytes | None
    placement: Placement
    user_agent: str | None
    needs_user_agent: bool
    prepare: Callable[[str], Prepared]
    is_exchange: bool
    signer: Signer
    credentials: tuple[Consumer | RequestToken, ...]


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


class _Once:
    """Signs one request: aiohttp repeats a GET on a dropped connection, and a token is given once."""

    __slots__ = ("_request", "entered", "perhaps_sent")

    def __init__(self, request: TokenRequest) -> None:
        self._request = request
        self.entered = False
        self.perhaps_sent = False

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if self.entered:
            raise OutcomeUnknown("the token request was sent once, and no answer came")
        self.entered = True
        request.response_class = WithBoundedHead
        # A caller's session may keep cookies, and those are not this user's.
        request.headers.popall(hdrs.COOKIE, None)
        ours = self._request
        # A caller's session may name a type for all its requests, and what is signed is a form or nothing.
        request.headers.popall(hdrs.CONTENT_TYPE, None)
        if ours.form is not None or ours.placement == "body":
            request.headers[hdrs.CONTENT_TYPE] = FORM
        name_consumer(request, ours.user_agent, needed=ours.needs_user_agent)
        prepared = ours.prepare(url_on_the_wire(request))
        await place(request, await finish(ours.signer, prepared), ours.placement)
        try:
            response = await handler(request)
        except NOT_SENT_ERRORS:
            raise
        except (ClientError, OSError) as error:
            # A timeout while waiting for a connection comes as a cancel; as itself it comes after sending.
            failure = _unknown(error)
        else:
            if ours.placement == "query":
                hide_query(response)
            return response
        finally:
            request.headers.popall(hdrs.AUTHORIZATION, None)
        # Outside the handler: aiohttp's error, which quotes request and answer, is not to be its context.
        raise failure


async def send_token_request(http: ClientSession, request: TokenRequest, *, seconds: float) -> TokenReply:
    """Send a token request once and return the answer, at most 64 KiB of it decompressed.

    Args:
        http: The session to send it with; its cookies and redirects are not used.
        request: What to send.
        seconds: How long everything together may take.

    Raises:
        RedirectRefused: If it answered with a redirect.
        TokenResponseError: If the answer is too long or compressed in a way that we did not ask for.
        OutcomeUnknown: If the request went out, and no whole answer came, or one whose head does not end.
        aiohttp.ClientError: If nothing was sent.
        TimeoutError: Likewise.
    """
    once = _Once(request)
    try:
        answer = await _answer(http, request, once, seconds)
    except (ClientError, OSError) as error:
        if not once.perhaps_sent:
            raise
        answer = _unknown(error)
    if isinstance(answer, TokenReply):
        return answer
    # Outside the handler above, likewise.
    raise answer


def _unknown(error: Exception) -> OutcomeUnknown:
    what = type(error).__name__
    return OutcomeUnknown(
        f"the token request was sent and no whole answer came ({what}): it may have been done"
    )


async def _answer(
    http: ClientSession, request: TokenRequest, once: _Once, seconds: float
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
        once.perhaps_sent = True  # and from here on done, most likely
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
            raise TokenResponseError(f"the token endpoint's answer is longer than {_MOST_READ} octets")
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
