"""Put a signature into header, query or body (RFC 5849 section 3.5), and take it out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import BytesPayload, ClientResponse, hdrs
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from aiooauth1.errors import SigningError
from aiooauth1.signing.encoding import parse_form
from aiooauth1.signing.parameters import PROTOCOL
from aiooauth1.signing.signature import SIGNATURE
from aiooauth1.transport.request import FORM, has_body, is_form, read_body


if TYPE_CHECKING:
    from aiohttp import ClientRequest
    from anyio import CapacityLimiter

    from aiooauth1.providers.provider import Placement
    from aiooauth1.signing.sign import Signer
    from aiooauth1.signing.signature import Prepared, Signature


__all__ = [
    "SlowSigningLimit",
    "UnechoedResponse",
    "apply_signature",
    "check_placement",
    "compute_signature",
    "remove_signature",
    "without_ours",
]

_OURS = frozenset(name.encode() for name in (*PROTOCOL, SIGNATURE))
_WITH_BODY = frozenset({hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH})
_WITHOUT_BODY = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})  # one there has no meaning: RFC 9110 section 9.3


class UnechoedResponse(ClientResponse):
    """A response to a request that was signed in its query, without our parameters in its Location.

    A provider may copy the query of a request into the Location that it redirects to. aiohttp shows that URL
    in errors, trace hooks and histories, and sends it to the server of that URL.
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

    More threads than processors are no faster, and the event loop would have to wait among them.
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


async def compute_signature(
    signer: Signer, prepared: Prepared, limit: SlowSigningLimit | None = None
) -> Signature:
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
        SigningError: If it is neither a form nor empty, or the method has no body.
    """
    has_form = is_form(request) and request.method not in _WITHOUT_BODY
    if not has_form and (has_body(request) or request.method not in _WITH_BODY):
        raise SigningError(
            f"a {request.method} without a form body cannot hold the signature: place it in the header"
        )


async def apply_signature(request: ClientRequest, signature: Signature, placement: Placement) -> None:
    """Write a signature into the request (RFC 5849 section 3.5).

    Raises:
        SigningError: If it must go into a body that is not a form.
    """
    if placement == "header":
        request.headers[hdrs.AUTHORIZATION] = signature.header()
    elif placement == "query":
        query = signature.url().partition("?")[2]
        request.url = URL(f"{str(request.url).partition('?')[0]}?{query}", encoded=True)
    else:
        check_placement(request)
        await request.update_body(BytesPayload(signature.body(), content_type=FORM))


async def remove_signature(request: ClientRequest, placement: Placement) -> None:
    """Take what an earlier attempt or hop left of ours out of the query or the form.

    A provider may copy the query of a request into the Location that it redirects to.
    """
    if placement == "query":
        url, _, query = str(request.url).partition("?")
        kept = without_ours(query.encode()).decode()
        if kept != query:  # then it stands in what the response calls its URL, too
            request.url = request.original_url = URL(f"{url}?{kept}" if kept else url, encoded=True)
    elif placement == "body" and is_form(request) and has_body(request):
        rest = without_ours(await read_body(request))
        await request.update_body(BytesPayload(rest, content_type=FORM))


def without_ours(raw: bytes) -> bytes:
    """Return a query or form without the protocol parameters in it."""
    return b"&".join(
        segment for segment in raw.split(b"&") if not any(name in _OURS for name, _ in parse_form(segment))
    )
