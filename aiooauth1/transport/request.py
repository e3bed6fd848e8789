"""What of a request goes over the wire and is signed, and where the signature goes in it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import BytesIOPayload, BytesPayload, ClientResponse, MultipartWriter, Payload, hdrs
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.multipart import content_disposition_filename, parse_content_disposition
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from aiooauth1.errors import SigningError
from aiooauth1.signing.encoding import encode_form, parse_form
from aiooauth1.signing.parameters import PROTOCOL
from aiooauth1.signing.signature import SIGNATURE


if TYPE_CHECKING:
    from aiohttp import ClientRequest
    from anyio import CapacityLimiter

    from aiooauth1.providers.provider import Placement
    from aiooauth1.signing.sign import Signer
    from aiooauth1.signing.signature import Prepared, Signature


__all__ = [
    "FORM",
    "SlowSigningLimit",
    "UnechoedResponse",
    "can_resend",
    "check_framing",
    "check_placement",
    "finish",
    "has_body",
    "is_form",
    "name_consumer",
    "place",
    "signed_form",
    "take_out",
    "url_on_the_wire",
    "whole_body",
    "without_ours",
]

FORM = "application/x-www-form-urlencoded"
_REWINDS_BODIES = [int(digits) for digits in re.findall(r"[0-9]+", aiohttp.__version__)[:3]] >= [3, 12, 14]
_AUTHORITY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%:[]!$&'()*+,;=")
_OURS = frozenset(name.encode() for name in (*PROTOCOL, SIGNATURE))
_WITH_BODY = frozenset({hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH})
_WITHOUT_BODY = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})  # one there has no meaning: RFC 9110 section 9.3


def url_on_the_wire(request: ClientRequest) -> str:
    """Return a request's URL as its server sees it: RFC 5849 section 3.4.1.2 takes the Host header field.

    Raises:
        SigningError: If that field of the caller's is not an authority.
    """
    url = request.url
    host = request.headers[hdrs.HOST]
    _check_authority(host)
    return f"{url.scheme}://{host}{url.raw_path_qs}"


@lru_cache(1024)
def _check_authority(host: str) -> None:
    if not host or not _AUTHORITY.issuperset(host):
        raise SigningError("the Host header is not an authority: give a host name and perhaps a port")


def has_body(request: ClientRequest) -> bool:
    """Say whether a request has a body with anything in it."""
    return request.body.size != 0 if isinstance(request.body, Payload) else bool(request.body)


def can_resend(body: Payload | bytes, *, by_aiohttp: bool = False) -> bool:
    """Say whether a body can be sent once more, the same bytes: one rule for redirects and retries.

    Args:
        body: The body.
        by_aiohttp: Whether aiohttp does it, which before 3.12.14 sends a file again as an empty body.
    """
    if isinstance(body, MultipartWriter):
        return not body.consumed and all(isinstance(part, BytesPayload) for part, _, _ in body)
    if not isinstance(body, Payload) or isinstance(body, BytesPayload):
        return True
    return not body.consumed and (_REWINDS_BODIES or (not by_aiohttp and isinstance(body, BytesIOPayload)))


async def signed_form(request: ClientRequest, *, with_multipart: bool = False) -> bytes | None:
    """Return what of the body is signed: all of it if its content type is exactly a form's, else nothing.

    RFC 5849 section 3.4.1.3.1. A body of another type is not touched.

    Args:
        request: The request.
        with_multipart: Whether to return the text fields of a multipart body as if they were a form's.

    Raises:
        SigningError: If the form can be read only once.
    """
    if is_form(request):
        return await whole_body(request)
    if with_multipart and isinstance(request.body, MultipartWriter):
        return await _text_fields(request.body)
    return None


async def whole_body(request: ClientRequest) -> bytes:
    """Return the body, and leave it to be sent.

    Raises:
        SigningError: If it can be read only once.
    """
    body = request.body
    if not isinstance(body, Payload):
        return body
    octets = bytes(await body.as_bytes())
    if body.consumed:
        raise SigningError(
            "the body can be read only once, so it cannot be signed and sent: give its octets or pairs"
        )
    return octets


def name_consumer(request: ClientRequest, user_agent: str | None, *, needed: bool) -> None:
    """Say in User-Agent who asks, where the caller has not said so.

    Args:
        request: The request.
        user_agent: What to say; None: nothing.
        needed: Whether the provider refuses requests that do not say it.

    Raises:
        SigningError: If it is needed and nobody says it.
    """
    if request.headers.get(hdrs.USER_AGENT, SERVER_SOFTWARE) != SERVER_SOFTWARE:
        return
    if user_agent is not None:
        request.headers[hdrs.USER_AGENT] = user_agent
    elif needed:
        raise SigningError(
            "this provider wants to know who asks: give Provider.user_agent, or User-Agent in headers="
        )


class UnechoedResponse(ClientResponse):
    """A response to a request that was signed in its query, without our parameters in its Location.

    A provider may copy the query of a request into the Location that it redirects to. aiohttp shows that URL
    in errors, trace hooks and histories, and sends it to whatever is there.
    """

    _unechoed: CIMultiDictProxy[str] | None = None

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields."""
        if self._unechoed is None:
            if self.status is None:  # the head is not there yet
                return CIMultiDictProxy(CIMultiDict())
            self._unechoed = self._without_echo(super().headers)
        return self._unechoed

    @staticmethod
    def _without_echo(given: CIMultiDictProxy[str]) -> CIMultiDictProxy[str]:
        headers = CIMultiDict(given)
        for name in (hdrs.LOCATION, hdrs.URI):
            if "?" in (value := headers.get(name, "")):
                headers[name] = _without_ours_in_url(value)
        return CIMultiDictProxy(headers)


def _without_ours_in_url(url: str) -> str:
    where, _, rest = url.partition("?")
    query, hash_, fragment = rest.partition("#")
    kept = without_ours(query.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
    return f"{where}{'?' if kept else ''}{kept}{hash_}{fragment}"


class SlowSigningLimit:
    """Bounds how many slow signatures are computed at once.

    More than there are processors are no faster, and the event loop would wait for its turn among them.
    """

    __slots__ = ("_limiter", "_total")

    def __init__(self, total: int) -> None:
        self._total = total
        self._limiter: CapacityLimiter | None = None

    def limiter(self) -> CapacityLimiter:
        """Return the limiter, which is made inside the running loop."""
        if self._limiter is None:
            from anyio import CapacityLimiter  # noqa: PLC0415  when used

            self._limiter = CapacityLimiter(self._total)
        return self._limiter


async def finish(signer: Signer, prepared: Prepared, limit: SlowSigningLimit | None = None) -> Signature:
    """Compute the signature, in a thread where that would hold up the event loop."""
    if not signer.takes_long:
        return signer.finish(prepared)
    from anyio import to_thread  # noqa: PLC0415  loaded by slow methods alone

    return await to_thread.run_sync(
        signer.finish, prepared, limiter=None if limit is None else limit.limiter()
    )


def check_placement(request: ClientRequest) -> None:
    """Refuse a request whose body cannot hold the parameters.

    Raises:
        SigningError: If it is no form and not empty, or the method has no body.
    """
    has_form = is_form(request) and request.method not in _WITHOUT_BODY
    if not has_form and (has_body(request) or request.method not in _WITH_BODY):
        raise SigningError(
            f"a {request.method} without a form body holds no signature there: place it in the header"
        )


def check_framing(request: ClientRequest) -> None:
    """Refuse a form whose header fields make the server read other bytes than are signed.

    Raises:
        SigningError: If it is compressed, or a Content-Length or Transfer-Encoding of the caller's differs.
    """
    headers = request.headers
    if hdrs.CONTENT_ENCODING in headers:
        raise SigningError("a compressed form cannot be signed: leave compress= and Content-Encoding out")
    if hdrs.TRANSFER_ENCODING in headers and not request.chunked:
        raise SigningError("Transfer-Encoding changes how a signed form is read: leave it out")
    length = headers.get(hdrs.CONTENT_LENGTH)
    body = request.body
    size = body.size if isinstance(body, Payload) else len(body)
    if length is not None and size is not None and length != str(size):
        raise SigningError(f"Content-Length is {length}, the signed form has {size} bytes: leave it out")


async def place(request: ClientRequest, signature: Signature, placement: Placement) -> None:
    """Write a signature into the request (RFC 5849 section 3.5).

    Raises:
        SigningError: If it must go into a body that is no form.
    """
    if placement == "header":
        request.headers[hdrs.AUTHORIZATION] = signature.header()
    elif placement == "query":
        query = signature.url().partition("?")[2]
        request.url = URL(f"{str(request.url).partition('?')[0]}?{query}", encoded=True)
    else:
        check_placement(request)
        await request.update_body(BytesPayload(signature.body(), content_type=FORM))


async def take_out(request: ClientRequest, placement: Placement) -> None:
    """Take what an earlier attempt or hop left of ours out of the query or the form.

    A provider may copy the query of a request into the Location that it redirects to.
    """
    if placement == "query":
        url, _, query = str(request.url).partition("?")
        kept = without_ours(query.encode()).decode()
        if kept != query:  # then it stands in what the response calls its URL, too
            request.url = request.original_url = URL(f"{url}?{kept}" if kept else url, encoded=True)
    elif placement == "body" and is_form(request) and has_body(request):
        rest = without_ours(await whole_body(request))
        await request.update_body(BytesPayload(rest, content_type=FORM))


def is_form(request: ClientRequest) -> bool:
    """Say whether the content type is exactly a form's, with any parameters (RFC 5849 section 3.4.1.3.1)."""
    return request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower() == FORM


def without_ours(octets: bytes) -> bytes:
    """Return a query or form without the protocol parameters in it."""
    return b"&".join(
        segment for segment in octets.split(b"&") if not any(name in _OURS for name, _ in parse_form(segment))
    )


async def _text_fields(body: MultipartWriter) -> bytes:
    fields = []
    for part, _, _ in body:
        kind, parameters = parse_content_disposition(part.headers.get(hdrs.CONTENT_DISPOSITION))
        name = content_disposition_filename(parameters, "name")
        if kind == "form-data" and name and content_disposition_filename(parameters) is None:
            fields.append((name, bytes(await part.as_bytes())))
    return encode_form(fields).encode()
