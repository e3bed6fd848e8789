"""What of a request goes over the wire and is signed, and where the signature goes in it."""

from __future__ import annotations

import asyncio
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import BytesPayload, MultipartWriter, Payload, hdrs
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.multipart import content_disposition_filename, parse_content_disposition
from yarl import URL

from aiooauth1.errors import SigningError
from aiooauth1.signing.encoding import encode_form, parse_form
from aiooauth1.signing.parameters import PROTOCOL
from aiooauth1.signing.signature import SIGNATURE


if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from aiohttp import ClientRequest, ClientResponse

    from aiooauth1.providers.provider import Placement
    from aiooauth1.signing.sign import Signer
    from aiooauth1.signing.signature import Prepared, Signature


__all__ = [
    "FORM",
    "finish",
    "has_body",
    "hide_query",
    "is_form",
    "name_consumer",
    "place",
    "signed_form",
    "take_out",
    "url_on_the_wire",
    "whole_body",
]

FORM = "application/x-www-form-urlencoded"
_REWINDS_BODIES = [int(digits) for digits in re.findall(r"[0-9]+", aiohttp.__version__)[:3]] >= [3, 12, 14]
_OURS = frozenset(name.encode() for name in (*PROTOCOL, SIGNATURE))
_WITH_BODY = frozenset({hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH})
_WITHOUT_BODY = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})  # one there has no meaning: RFC 9110 section 9.3


def url_on_the_wire(request: ClientRequest) -> str:
    """Return a request's URL as its server sees it: RFC 5849 section 3.4.1.2 takes the Host header field."""
    url = request.url
    return f"{url.scheme}://{request.headers[hdrs.HOST]}{url.raw_path_qs}"


def has_body(request: ClientRequest) -> bool:
    """Say whether a request has a body with anything in it."""
    return request.body.size != 0 if isinstance(request.body, Payload) else bool(request.body)


def can_be_sent_again(request: ClientRequest) -> bool:
    """Say whether aiohttp sends the same body once more on a redirect, and not an empty one in silence."""
    body = request.body
    if not isinstance(body, Payload) or isinstance(body, BytesPayload):
        return True
    return _REWINDS_BODIES and not body.consumed


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


async def finish(
    signer: Signer, prepared: Prepared, threads: AbstractAsyncContextManager[object] | None = None
) -> Signature:
    """Compute the signature, in a thread where that would hold up the event loop.

    Args:
        signer: What computes it.
        prepared: What is signed.
        threads: Held meanwhile, where there is a thread: it bounds how many there are at once.
    """
    if not signer.takes_long:
        return signer.finish(prepared)
    async with threads or nullcontext():
        return await asyncio.to_thread(signer.finish, prepared)


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
        has_form = is_form(request) and request.method not in _WITHOUT_BODY
        if not has_form and (has_body(request) or request.method not in _WITH_BODY):
            raise SigningError(
                f"a {request.method} without a form body holds no signature there: place it in the header"
            )
        await request.update_body(BytesPayload(signature.body(), content_type=FORM))


async def take_out(request: ClientRequest, placement: Placement) -> None:
    """Take what an earlier attempt or hop left of ours out of the query or the form.

    A provider may copy the query of a request into the Location that it redirects to.
    """
    if placement == "query":
        url, _, query = str(request.url).partition("?")
        kept = _without_ours(query.encode()).decode()
        if kept != query:  # then it stands in what the response calls its URL, too
            request.url = request.original_url = URL(f"{url}?{kept}" if kept else url, encoded=True)
    elif placement == "body" and is_form(request) and has_body(request):
        rest = _without_ours(await whole_body(request))
        await request.update_body(BytesPayload(rest, content_type=FORM))


def hide_query(response: ClientResponse) -> None:
    """Take our parameters out of what aiohttp's exceptions show of a request that was signed in its query.

    The header is cleaned in the request itself; of the URL the response has a copy.
    """
    shown = response._request_info  # noqa: SLF001  aiohttp has it read-only, and no other place for it
    response._request_info = shown._replace(url=shown.real_url)  # noqa: SLF001  likewise


def is_form(request: ClientRequest) -> bool:
    """Say whether the content type is exactly a form's, with any parameters (RFC 5849 section 3.4.1.3.1)."""
    return request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower() == FORM


def _without_ours(octets: bytes) -> bytes:
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
