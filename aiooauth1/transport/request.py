"""What of a request goes over the wire and is signed: URL, form and body."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from aiohttp import BytesPayload, MultipartWriter, Payload, hdrs
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.multipart import content_disposition_filename, parse_content_disposition

from aiooauth1.errors import SigningError
from aiooauth1.signing.encoding import encode_form


if TYPE_CHECKING:
    from aiohttp import ClientRequest


__all__ = [
    "FORM",
    "can_resend",
    "check_authority",
    "check_framing",
    "has_body",
    "is_form",
    "read_body",
    "sent_url",
    "set_user_agent",
    "signed_form_bytes",
]

FORM = "application/x-www-form-urlencoded"
_AUTHORITY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%:[]!$&'()*+,;=")


def sent_url(request: ClientRequest) -> str:
    """Return a request's URL as its server sees it: RFC 5849 section 3.4.1.2 takes the Host header field.

    Raises:
        SigningError: If that field of the caller's is not an authority.
    """
    url = request.url
    host = request.headers[hdrs.HOST]
    check_authority(host)
    return f"{url.scheme}://{host}{url.raw_path_qs}"


@lru_cache(1024)
def check_authority(host: str) -> None:
    """Check a Host header field, from which the signed URL is taken.

    Raises:
        SigningError: If it is not an authority.
    """
    if not host or not _AUTHORITY.issuperset(host):
        raise SigningError("the Host header is not an authority: give a host name and perhaps a port")


def has_body(request: ClientRequest) -> bool:
    """Say whether a request has a body with anything in it."""
    return request.body.size != 0 if isinstance(request.body, Payload) else bool(request.body)


def can_resend(body: Payload | bytes) -> bool:
    """Say whether a body can be sent once more, the same bytes: one rule for redirects and retries."""
    if isinstance(body, MultipartWriter):
        return not body.consumed and all(isinstance(part, BytesPayload) for part, _, _ in body)
    if not isinstance(body, Payload) or isinstance(body, BytesPayload):
        return True
    return not body.consumed


async def signed_form_bytes(request: ClientRequest, *, with_multipart: bool = False) -> bytes | None:
    """Return what of the body is signed: all of it if its content type is exactly a form's, else nothing.

    RFC 5849 section 3.4.1.3.1. A body of another type is not touched.

    Args:
        request: The request.
        with_multipart: Whether to return the text fields of a multipart body as if they were a form's.

    Raises:
        SigningError: If the form can be read only once.
    """
    if is_form(request):
        return await read_body(request)
    if with_multipart and isinstance(request.body, MultipartWriter):
        return await _text_fields(request.body)
    return None


async def read_body(request: ClientRequest) -> bytes:
    """Return the body, and leave it to be sent.

    Raises:
        SigningError: If it can be read only once.
    """
    body = request.body
    if not isinstance(body, Payload):
        return body
    raw = bytes(await body.as_bytes())
    if body.consumed:
        raise SigningError(
            "the body can be read only once, so it cannot be signed and sent: give its bytes or pairs"
        )
    return raw


def set_user_agent(request: ClientRequest, user_agent: str | None, *, needed: bool) -> None:
    """Say in User-Agent who asks, where the caller has not said so.

    Args:
        request: The request.
        user_agent: What to say, or None.
        needed: Whether the provider refuses requests that do not say it.

    Raises:
        SigningError: If it is needed and given nowhere.
    """
    if request.headers.get(hdrs.USER_AGENT, SERVER_SOFTWARE) != SERVER_SOFTWARE:
        return
    if user_agent is not None:
        request.headers[hdrs.USER_AGENT] = user_agent
    elif needed:
        raise SigningError(
            "this provider wants to know who asks: give Provider.user_agent, or User-Agent in headers="
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


def is_form(request: ClientRequest) -> bool:
    """Say whether the content type is exactly a form's, with any parameters (RFC 5849 section 3.4.1.3.1)."""
    return request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower() == FORM


async def _text_fields(body: MultipartWriter) -> bytes:
    fields = []
    for part, _, _ in body:
        kind, parameters = parse_content_disposition(part.headers.get(hdrs.CONTENT_DISPOSITION))
        name = content_disposition_filename(parameters, "name")
        if kind == "form-data" and name and content_disposition_filename(parameters) is None:
            fields.append((name, bytes(await part.as_bytes())))
    return encode_form(fields).encode()
