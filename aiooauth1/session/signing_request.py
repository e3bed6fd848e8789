"""The request class of a session: it signs itself when aiohttp sends it, with the connection in hand.

aiohttp calls `send` once for every attempt, redirect hop and silent resend. So each of them gets a nonce of
its own and a timestamp that no queue has aged, and what is signed is what goes out.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import hdrs

from aiooauth1.errors import RedirectRefused, SigningError
from aiooauth1.session.redirects import Hop, next_hop
from aiooauth1.transport.delivery import SAFE_METHODS, ObservedRequest
from aiooauth1.transport.nonce import random_nonce
from aiooauth1.transport.origin import Origin
from aiooauth1.transport.placement import (
    SlowSigningLimit,
    UnechoedResponse,
    apply_signature,
    check_placement,
    compute_signature,
    remove_signature,
)
from aiooauth1.transport.request import (
    check_authority,
    check_framing,
    check_uncompressed,
    has_body,
    is_form,
    read_body,
    sent_url,
    set_user_agent,
    signed_form_bytes,
    sort_form,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import ClientResponse
    from aiohttp.connector import Connection
    from yarl import URL

    from aiooauth1.providers.provider import Placement, Provider
    from aiooauth1.signing.sign import Signer
    from aiooauth1.transport.origin import RequestTarget


__all__ = ["SignedCall", "SigningOptions", "SigningRequest"]

_UNSIGNED = "", "", 0

logger: logging.Logger = logging.getLogger("aiooauth1.signing")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOptions:
    """How the requests of a session are signed, for every user alike.

    Attributes:
        clock: Seconds since the epoch at an origin.
        nonce: A new text at each call.
        placement: Where the parameters go.
        body_hash: Whether a body that is not a form is hashed.
        sign_multipart_text: Whether the text fields of multipart bodies are signed as if they were a form's.
        is_sorted: Whether a form goes out in the order in which it is signed.
        needs_user_agent: Whether a request must name its consumer in User-Agent.
        user_agent: That name, if the request has none.
        basic_auth: The value of an Authorization header for a gateway in front of the provider.
        errors_in_success: Whether the provider reports errors in the body of a success.
        refusal_header: A header field that stands in refusals alone, whatever their status, or an empty text.
        hints: What the provider's preset says to do about a problem, by its meaning.
        slow_signing_limit: Bounds how many slow signatures are computed at once.
        is_plain: Whether a signature only adds a header field.
        is_bare: Whether, besides that, only a form is looked at before signing.
    """

    clock: Callable[[Origin], float]
    nonce: Callable[[], str]
    placement: Placement = "header"
    body_hash: bool = False
    sign_multipart_text: bool = False
    is_sorted: bool = False
    needs_user_agent: bool = False
    user_agent: str | None = None
    basic_auth: str | None = None
    errors_in_success: bool = False
    refusal_header: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)
    slow_signing_limit: SlowSigningLimit = field(
        default_factory=lambda: SlowSigningLimit(os.cpu_count() or 1)
    )

    is_plain: bool = field(init=False)
    is_bare: bool = field(init=False)

    def __post_init__(self) -> None:
        # Asked for at each request.
        object.__setattr__(self, "is_plain", self.placement == "header" and not self.body_hash)
        wants_more = self.needs_user_agent or self.user_agent is not None or self.sign_multipart_text
        object.__setattr__(self, "is_bare", self.is_plain and not wants_more)

    @classmethod
    def of(
        cls,
        provider: Provider | None,
        *,
        clock: Callable[[Origin], float],
        nonce: Callable[[], str] | None,
        placement: Placement | None = None,
        basic_auth: str | None = None,
    ) -> SigningOptions:
        """Return the options of a provider, or those of RFC 5849."""
        if provider is None:
            return cls(clock=clock, nonce=nonce or random_nonce, placement=placement or "header")
        return cls(
            clock=clock,
            nonce=nonce or partial(random_nonce, provider.nonce_length),
            placement=placement or provider.placement,
            body_hash=provider.rules.body_hash,
            sign_multipart_text=provider.sign_multipart_text,
            is_sorted=provider.rules.sorted_parameters,
            needs_user_agent=provider.needs_user_agent,
            user_agent=provider.user_agent,
            basic_auth=basic_auth,
            errors_in_success=provider.errors_in_success,
            refusal_header=provider.refusal_header,
            hints=provider.hints,
        )


class SignedCall:
    """What the requests of one call are signed with, and how far the call has come."""

    __slots__ = ("_attempted", "_form", "_hashed", "_sent", "_url", "has_left", "options", "origin", "signer")

    def __init__(self, options: SigningOptions, signer: Signer | None, target: RequestTarget) -> None:
        self.options: SigningOptions = options
        self.signer: Signer | None = signer  # None: the call is over
        self._url, origin = target
        self.origin: Origin = origin
        self.has_left: bool = False
        self._attempted = False
        self._form: bytes | None = None
        self._hashed: bytes | None = None
        self._sent = _UNSIGNED  # URL, nonce and timestamp of the last signature

    def __deepcopy__(self, memo: object) -> SignedCall:
        """Return the call itself: aioresponses copies all that a request is given, down to the event loop."""
        return self

    def prepare_at_once(self, request: SigningRequest) -> bool:
        """Do what `prepare` does if this is a first attempt with nothing to check; say whether it is one.

        Raises:
            SigningError: If the request cannot be signed rightly.
        """
        headers = request.headers
        if (
            request.url is not self._url
            or self._attempted
            or self.signer is None
            or not self.options.is_bare
            or hdrs.AUTHORIZATION in headers
            or is_form(request)
        ):
            return False
        check_authority(headers[hdrs.HOST])
        check_framing(request)
        if "oauth" in request.url.raw_query_string:
            return False
        self._sent = _UNSIGNED
        request.call = self
        self._attempted = True
        return True

    async def prepare(self, request: SigningRequest) -> None:
        """Check what the caller has given, and where a redirect leads, before there is a connection.

        Raises:
            SigningError: If the request cannot be signed rightly.
            RedirectRefused: If it is a redirect that must not be followed.
        """
        url = request.url
        is_first = url is self._url and not self._attempted
        if hdrs.AUTHORIZATION in request.headers:
            raise SigningError(
                "the request has an Authorization already (headers= or auth=): only we write it; for a"
                " gateway in front of the provider there is basic_auth="
            )
        if not is_first:
            request.unsigned_url = None
            await remove_signature(request, self.options.placement)
        if url is not self._url or self.has_left:
            self._check_hop(request)
        if self.has_left:
            request.call = None
            return
        if self.signer is None:
            raise SigningError("the call is over: a middleware must not send its request again after it")
        await self._collect(request, self.signer, is_first=is_first)
        request.call = self
        self._attempted = True

    def _check_hop(self, request: SigningRequest) -> None:
        origin = self.origin if request.url is self._url else Origin.of(request.url)
        if origin != self.origin or self.has_left:
            body = has_body(request)
            hop = next_hop(self.origin, origin, request.method, has_body=body, has_left=self.has_left)
            self.has_left = hop is Hop.UNSIGNED
            self.origin = origin

    async def _collect(self, request: SigningRequest, signer: Signer, *, is_first: bool) -> None:
        options = self.options
        if options.needs_user_agent or options.user_agent is not None:
            set_user_agent(request, options.user_agent, needed=options.needs_user_agent)
        if options.placement == "body":
            if self._attempted and request.method in SAFE_METHODS:
                raise RedirectRefused(
                    f"the provider redirects to a {request.method}, which has no body to sign in"
                )
            check_placement(request)
        form = None
        if is_first:
            check_framing(request)
        if is_form(request):
            check_uncompressed(request)
            if options.is_sorted:
                await sort_form(request)
            form = await signed_form_bytes(request)
        elif options.sign_multipart_text:
            form = await signed_form_bytes(request, with_multipart=True)
        self._form = form
        self._hashed = await read_body(request) if options.body_hash and form is None else None
        if options.placement == "query":
            request.response_class = UnechoedResponse
        url = sent_url(request)
        self._sent = _UNSIGNED
        if not is_first or "oauth" in url or (form is not None and b"oauth" in form):
            # Parameters that clash with ours, and characters that a redirect brings, are found by signing.
            signer.prepare(request.method, url, nonce="0", timestamp=0, form=form, body_hash=self._hashed)

    def sign_at_once(self, request: SigningRequest) -> bool:
        """Put a signature into the header, and say whether that was possible without waiting for anything.

        Raises:
            SigningError: If the request cannot be signed rightly.
        """
        signer, options = self.signer, self.options
        if signer is None or not options.is_plain or signer.takes_long or logger.isEnabledFor(logging.DEBUG):
            return False
        url, nonce, timestamp = sent_url(request), options.nonce(), int(options.clock(self.origin))
        self._sent = url, nonce, timestamp
        request.headers[hdrs.AUTHORIZATION] = signer.header(
            request.method, url, nonce=nonce, timestamp=timestamp, form=self._form
        )
        return True

    async def sign(self, request: SigningRequest) -> None:
        """Put a signature into the request, wherever it goes and however long it takes.

        Raises:
            SigningError: If the request cannot be signed rightly.
        """
        signer, options = self.signer, self.options
        if signer is None:
            raise SigningError("the call is over: a middleware must not send its request again after it")
        url, nonce, timestamp = sent_url(request), options.nonce(), int(options.clock(self.origin))
        self._sent = url, nonce, timestamp
        prepared = signer.prepare(
            request.method, url, nonce=nonce, timestamp=timestamp, form=self._form, body_hash=self._hashed
        )
        logger.debug("signing, parameters in the %s: %s", options.placement, prepared.base_string)
        signature = await compute_signature(signer, prepared, options.slow_signing_limit)
        await apply_signature(request, signature, options.placement)
        if options.basic_auth is not None:
            request.headers[hdrs.AUTHORIZATION] = options.basic_auth

    def base_string(self, method: str) -> str:
        """Return the base string that the last attempt was signed with."""
        if self.signer is None:
            return ""
        url, nonce, timestamp = self._sent
        return self.signer.prepare(
            method, url, nonce=nonce, timestamp=timestamp, form=self._form, body_hash=self._hashed
        ).base_string

    def forget_signer(self) -> None:
        """Make the call unable to sign when it is over: what keeps a reference to it then keeps no secret."""
        self.signer = None


class SigningRequest(ObservedRequest):
    """A request that is signed by its call, if it has one, each time it is sent."""

    call: SignedCall | None = None
    url: URL
    unsigned_url: URL | None = None

    async def send(self, conn: Connection) -> ClientResponse:
        """Sign the request and write it; the signature is taken out again before anything can show it."""
        call = self.call
        if call is None:
            return await super().send(conn)
        url = self.url
        try:
            if not call.sign_at_once(self):
                await call.sign(self)
        except BaseException:
            conn.release()  # nothing was written: it is as good as new
            raise
        if self.url is not url:
            self.unsigned_url = url
        self.note_begin(conn)
        try:
            return await super(ObservedRequest, self).send(conn)
        finally:
            self.headers.popall(hdrs.AUTHORIZATION, None)
            self.url = url
