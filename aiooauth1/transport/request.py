"""What of a request goes over the wire and is signed: URL, form and body."""

from __future__ import annotations

import re
import string
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from aiohttp import BasicAuth, BytesPayload, IOBasePayload, MultipartWriter, Payload, hdrs
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.multipart import content_disposition_filename, parse_content_disposition
from multidict import CIMultiDict
from yarl import URL

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string import join_normalized
from aiooauth1.signing.encoding import encode_form, encoded_pairs


if TYPE_CHECKING:
    from aiohttp import ClientRequest
    from aiohttp.typedefs import LooseHeaders
    from multidict import MultiMapping


__all__ = [
    "FORM",
    "basic_authorization",
    "can_resend",
    "check_authority",
    "check_fields",
    "check_framing",
    "check_uncompressed",
    "has_body",
    "header_fields",
    "is_field_name",
    "is_form",
    "read_body",
    "sent_url",
    "set_user_agent",
    "signed_form_bytes",
    "sort_form",
    "sort_query",
]

FORM = "application/x-www-form-urlencoded"
_TOKEN = frozenset("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters)  # RFC 9110 section 5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BASIC = re.compile(r"Basic [A-Za-z0-9+/=]+")
_CONNECTION = frozenset({"", "close", "keep-alive"})
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
        raise SigningError("the Host header is not an authority: give a host name, optionally with a port")


def has_body(request: ClientRequest) -> bool:
    """Say whether a request has a body with anything in it."""
    return request.body.size != 0 if isinstance(request.body, Payload) else bool(request.body)


def can_resend(body: Payload | bytes) -> bool:
    """Say whether a body can be sent once more, the same bytes: one rule for redirects and retries."""
    if isinstance(body, MultipartWriter):
        return not body.consumed and all(_can_rewind(part) for part, _, _ in body)
    if not isinstance(body, Payload) or isinstance(body, BytesPayload):
        return True
    return not body.consumed


def _can_rewind(part: Payload) -> bool:
    """Say whether a part of a multipart body can be written again: bytes, or an open file that can seek."""
    if isinstance(part, MultipartWriter):
        return can_resend(part)
    if isinstance(part, IOBasePayload):
        file = part._value  # noqa: SLF001  aiohttp has no other way to it
        return not file.closed and file.seekable()
    return isinstance(part, BytesPayload)


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
            "this provider requires a User-Agent: give Provider.user_agent, or User-Agent in headers="
        )


def check_framing(request: ClientRequest) -> None:
    """Refuse header fields by which a server would find another end of the body than is sent.

    What a server takes for the next request of the connection, which may be another user's, begins there
    (RFC 9112 section 6.3 and 11.2).

    Raises:
        SigningError: If a Content-Length or Transfer-Encoding of the caller's differs from the body.
    """
    headers = request.headers
    if hdrs.TRANSFER_ENCODING in headers and not request.chunked:
        raise SigningError(
            "the headers have a Transfer-Encoding, which changes how the body is read: leave it out, or give"
            " chunked=True"
        )
    length = headers.get(hdrs.CONTENT_LENGTH)
    if length is None:
        return
    body = request.body
    size = body.size if isinstance(body, Payload) else len(body)
    if size is not None and length != str(size):
        raise SigningError(f"Content-Length is {length!r}, and the body has {size} bytes: leave it out")


def check_uncompressed(request: ClientRequest) -> None:
    """Refuse a form that is compressed: servers sign what they read.

    Raises:
        SigningError: If it is.
    """
    if hdrs.CONTENT_ENCODING in request.headers:
        raise SigningError("a compressed form cannot be signed: leave compress= and Content-Encoding out")


def header_fields(given: LooseHeaders) -> CIMultiDict[str]:
    """Return header fields of the caller's, checked.

    Args:
        given: A mapping or pairs.

    Raises:
        TypeError: If it is something else, or a value is not a `str`.
        SigningError: As `check_fields` has it.
    """
    fields = None
    with suppress(TypeError, ValueError):
        fields = CIMultiDict[str](given)
    if fields is None:
        raise TypeError(f"headers must be a mapping or pairs of str, not {type(given).__name__}")
    check_fields(fields)
    return fields


def is_field_name(name: str) -> bool:
    """Say whether a text may be the name of a header field (RFC 9110 section 5.1)."""
    return bool(name) and _TOKEN.issuperset(name)


def check_fields(fields: MultiMapping[str]) -> None:
    """Check header fields of the caller's, of which a server, or a proxy before it, reads another request.

    Args:
        fields: The header fields.

    Raises:
        TypeError: If a value is not a `str`.
        SigningError: If a name or value cannot stand in a header, Connection names a field that proxies then
            remove, another protocol is asked for, or Content-Type, Content-Length or Host stands there twice.
    """
    for name, value in fields.items():
        if not isinstance(value, str):
            raise TypeError(f"the header {name!r} must be a str, not {type(value).__name__}")
        if not is_field_name(name):
            raise SigningError(
                f"{name!r} is not the name of a header field: letters, digits and hyphens may stand in one"
            )
        if _CONTROL.search(value):
            raise SigningError(f"the header {name!r} has a control character: leave it out")
    if hdrs.CONNECTION in fields:
        named = {one.strip().lower() for one in ",".join(fields.getall(hdrs.CONNECTION)).split(",")}
        if others := sorted(named - _CONNECTION):
            raise SigningError(
                f"the header Connection names {others[0]!r}, which proxies remove or act on: only close and"
                " keep-alive may stand there"
            )
    if hdrs.UPGRADE in fields:
        raise SigningError("the header Upgrade asks for another protocol: use session.http.ws_connect")
    for once in (hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH, hdrs.HOST):
        if len(fields.getall(once, ())) > 1:
            raise SigningError(f"the headers have {once} twice, and servers may read either: give it once")


def basic_authorization(given: BasicAuth | str | None) -> str | None:
    """Return the Authorization for a gateway in front of the provider, if there is one.

    Raises:
        TypeError: If it is not what `aiohttp.encode_basic_auth` returns, an `aiohttp.BasicAuth` or None.
        ValueError: If name or password has a character that its encoding lacks.
    """
    if given is None:
        return None
    if isinstance(given, str) and _BASIC.fullmatch(given) is not None:
        return given
    if not isinstance(given, BasicAuth):
        kind = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        raise TypeError(
            "basic_auth must be what aiohttp.encode_basic_auth() returns, an aiohttp.BasicAuth or None,"
            f" not {kind}"
        )
    with suppress(UnicodeEncodeError):
        return given.encode()
    # Raised outside the handler, since the codec's error holds the password.
    raise ValueError(
        f"basic_auth has a character that {given.encoding} lacks: give BasicAuth(name, password, 'utf-8')"
    )


def sort_query(url: URL) -> URL:
    """Return a URL whose query is in the order in which it is signed: itself, if it is so already."""
    query = url.raw_query_string
    ordered = join_normalized(encoded_pairs(query.encode()))
    return url if ordered == query else URL(f"{str(url).partition('?')[0]}?{ordered}", encoded=True)


async def sort_form(request: ClientRequest) -> None:
    """Send a form in the order in which it is signed.

    Raises:
        SigningError: If it can be read only once.
    """
    raw = await read_body(request)
    ordered = join_normalized(encoded_pairs(raw)).encode()
    if ordered != raw:
        await request.update_body(BytesPayload(ordered, content_type=FORM))


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
