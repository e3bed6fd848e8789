"""The HTTP server of a FakeProvider: reads requests as bytes, answers them, and adds them to the ledger."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from aiooauth1.testing.fake_provider.base_string import read_signed_request
from aiooauth1.testing.fake_provider.errors import HTTPRefusal, RefusalError
from aiooauth1.testing.fake_provider.ledger import Arrival
from aiooauth1.testing.fake_provider.pages import PAGE_HEADERS, message_page
from aiooauth1.testing.fake_provider.request import ReceivedRequest, is_form
from aiooauth1.testing.fake_provider.request_context import RequestContext
from aiooauth1.testing.fake_provider.routes import find_own_route, find_route


if TYPE_CHECKING:
    import ssl

    from aiooauth1.testing.fake_provider.ledger import Ledger, Verdict
    from aiooauth1.testing.fake_provider.request_context import ProviderState
    from aiooauth1.testing.fake_provider.routes import Route


__all__ = ["After", "Before", "Server", "drop"]

Before = Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]]
"""A hook that is awaited before a request's body is read. It returns the reply, or None to let the endpoint
work (unless it has dropped the connection)."""

After = Callable[[web.BaseRequest, web.StreamResponse], Awaitable[web.StreamResponse | None]]
"""A hook that is awaited after a request's work is done. It returns another reply to send, or None to keep
the endpoint's."""

_HEAD_LIMIT = 1 << 20  # bytes of a request line or a header field: tests send long ones
_NO_BODY = (b"", 0, hashlib.sha256().hexdigest())


async def drop(request: web.BaseRequest, _reply: web.StreamResponse | None = None) -> None:
    """Drop the connection without a reply: a hook for `before` (nothing is done) or `after` (all is done)."""
    if request.transport is not None:
        request.transport.abort()


class Server:
    """The HTTP server of a FakeProvider.

    Args:
        state: The provider's state, for the endpoints.
        ledger: The ledger to add arrivals to.
        port: The port; 0 takes a free one at the first start.
        base_path: The path under which the provider is served; empty for the root.
        ssl_context: The TLS context, for https.
        body_limit: How many bytes of a body are kept.

    Attributes:
        before: The hook before the work, if there is one.
        after: The hook after the work, if there is one.
        port: The port; 0 before the first start.
    """

    def __init__(
        self,
        state: ProviderState,
        ledger: Ledger,
        *,
        port: int,
        base_path: str,
        ssl_context: ssl.SSLContext | None,
        body_limit: int,
    ) -> None:
        self.before: Before | None = None
        self.after: After | None = None
        self.port: int = port
        self._state = state
        self._ledger = ledger
        self._script = state.script
        self._prefix = base_path.encode("ascii") + b"/"
        self._ssl_context = ssl_context
        self._scheme = "http" if ssl_context is None else "https"
        self._body_limit = body_limit
        self._count = 0
        self._date = (0, "")
        self._runner: web.ServerRunner | None = None
        self._process = 0  # in which the port is open

    @property
    def url(self) -> str:
        """The provider's URL, ending in `/`; empty before the first start."""
        return f"{self._scheme}://127.0.0.1:{self.port}{self._prefix.decode('ascii')}" if self.port else ""

    async def start(self) -> None:
        """Open the port."""
        if self._runner is not None:
            raise RuntimeError("this FakeProvider is already started")
        self._process = os.getpid()
        server = web.Server(
            self._handle, access_log=None, max_line_size=_HEAD_LIMIT, max_field_size=_HEAD_LIMIT
        )
        self._runner = runner = web.ServerRunner(server, shutdown_timeout=1.0)
        try:
            await runner.setup()
            await web.TCPSite(
                runner, "127.0.0.1", self.port, backlog=1024, ssl_context=self._ssl_context
            ).start()
        except BaseException:
            await self.aclose()
            raise
        self.port = int(runner.addresses[0][1])

    async def aclose(self) -> None:
        """Close the port and every connection. A forked process closes nothing: they are its parent's."""
        runner, self._runner = self._runner, None
        if runner is not None and self._process == os.getpid():
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, and add it to the ledger."""
        now = self._script.now()
        # aiohttp decodes the target without loss. Encoded again, these are the request line's bytes.
        target = request.raw_path.encode("utf-8", "surrogateescape")
        route = self._find(target, request.headers.get(hdrs.AUTHORIZATION, ""))
        received = ReceivedRequest(request.method, target, request.raw_headers, b"", self._scheme)
        call = RequestContext(received, 0, _NO_BODY[2], now, route.rest, route.allow)
        fault = self._script.take(route.name)
        if fault is not None and fault.drop != "after":
            call.why = "scripted"
            self._enter(request, route, call, "intercepted", fault.status)
            if fault.drop:
                await drop(request)
            reply = web.Response(status=fault.status or 200, text=fault.body, headers=fault.headers)
            return await self._sent(reply, now)
        if self.before is not None:
            instead = await self.before(request)
            if request.transport is None or request.transport.is_closing():
                self._enter(request, route, call, "intercepted", 0)
                return web.Response()  # it is not sent
            if instead is not None:
                self._enter(request, route, call, "intercepted", instead.status)
                return await self._sent(instead, now)
        try:
            await self._complete(request, call)
        except Exception:  # the connection was lost, or the body cannot be decoded
            call.why = "body_incomplete"
            self._enter(request, route, call, "refused", 0)
            raise
        reply = self._answer(route, call)
        reply.headers.update(call.headers)
        self._enter(request, route, call, "refused" if call.why else "accepted", reply.status)
        instead = None if self.after is None else await self.after(request, reply)
        if fault is not None:
            await drop(request)
        return await self._sent(reply if instead is None else instead, now)

    async def _sent(self, reply: web.StreamResponse, now: float) -> web.StreamResponse:
        """Return the reply, after the scripted delay."""
        if self._script.delay:
            await asyncio.sleep(self._script.delay)
        return self._dated(reply, now)

    def _find(self, target: bytes, authorization: str) -> Route:
        path = target.partition(b"?")[0]
        if not path.startswith(b"/"):  # the absolute form, as sent to a proxy
            path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
        below = path.removeprefix(self._prefix)
        found = find_route(below if len(below) < len(path) else b"/")  # unknown: routes have no leading slash
        if found.name != "unknown" or self._state.like is None:
            return found
        has_token = "oauth_token=" in authorization or b"oauth_token=" in target
        return find_own_route(self._state.like, target, has_token=has_token)

    async def _complete(self, request: web.BaseRequest, call: RequestContext) -> None:
        """Read the body: measure all of it, and keep its beginning."""
        if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the reply's head is not sent yet
        if not request.body_exists:
            return
        digest = hashlib.sha256()
        kept = bytearray()
        async for chunk in request.content.iter_any():
            call.length += len(chunk)
            digest.update(chunk)
            kept += chunk[: self._body_limit - len(kept)]
        call.sha256 = digest.hexdigest()
        call.received = replace(call.received, body=bytes(kept))

    def _answer(self, route: Route, call: RequestContext) -> web.Response:
        try:
            endpoint = route.endpoint(call.received.method)
            if route.signed:
                call.signed = read_signed_request(call.received, self._state.quirks)
            self._check_whole(call)
            return endpoint(call, self._state)
        except RefusalError as refusal:
            call.why = refusal.problem
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "WWW-Authenticate": refusal.challenge(self.url),
            }
            return web.Response(status=refusal.status, body=refusal.body(), headers=headers)
        except HTTPRefusal as refusal:
            call.why = refusal.why
            headers = {} if refusal.allow is None else {"Allow": refusal.allow}
            if route.signed:
                return web.Response(status=refusal.status, text=f"{refusal.message}\n", headers=headers)
            page = message_page("Not possible", refusal.message).encode()
            return web.Response(status=refusal.status, body=page, headers={**PAGE_HEADERS, **headers})

    def _check_whole(self, call: RequestContext) -> None:
        """Refuse a request whose body must be verified but was not kept whole."""
        needed = is_form(call.received) or "oauth_body_hash" in call.signed.parameters
        needed = needed or self._state.quirks.sign_multipart_text
        if needed and len(call.received.body) < call.length:
            message = f"a body that has to be verified may have at most {self._body_limit} bytes here"
            raise HTTPRefusal("body_too_large", message, 413)

    def _enter(
        self, request: web.BaseRequest, route: Route, call: RequestContext, verdict: Verdict, status: int
    ) -> None:
        self._count += 1
        parameters = call.signed.parameters
        version = f"HTTP/{request.version.major}.{request.version.minor}".encode("ascii")
        peer = request.get_extra_info("peername") if request.transport else None
        self._ledger.add(
            Arrival(
                number=self._count,
                time=call.now,
                peer_port=peer[1] if peer else 0,
                request_line=b" ".join((call.received.method.encode(), call.received.target, version)),
                headers=call.received.headers,
                body=call.received.body,
                body_length=call.length,
                body_sha256=call.sha256,
                endpoint=route.name,
                verdict=verdict,
                why=call.why,
                status=status,
                consumer_key=parameters.get("oauth_consumer_key"),
                token_key=parameters.get("oauth_token"),
                user=call.user,
                signature_method=parameters.get("oauth_signature_method"),
                nonce=parameters.get("oauth_nonce"),
                timestamp=parameters.get("oauth_timestamp"),
                base_string=call.signed.base_string.decode("ascii"),
            )
        )

    def _dated(self, reply: web.StreamResponse, now: float) -> web.StreamResponse:
        """Set the reply's Date by the provider's own clock."""
        if self._date[0] != int(now):
            self._date = (int(now), formatdate(int(now), usegmt=True))
        reply.headers.setdefault(hdrs.DATE, self._date[1])
        return reply
