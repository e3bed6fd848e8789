"""Start and callback of a sign-in, without a framework: binding cookie, return path, and how it ends."""

from __future__ import annotations

import inspect
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar, cast

from aiohttp import ClientError
from yarl import URL

from aiooauth1.errors import AuthorizationDenied, HandshakeError, OAuth1Error
from aiooauth1.transport.origin import Origin
from aiooauth1.web.accounts import account_name
from aiooauth1.web.checks import foreign_origin, is_prefetch, read_cookie, read_form, read_return_to
from aiooauth1.web.pages import (
    BROKEN_FORM,
    FOREIGN_START,
    NO_PERSON,
    SAFE_HEADERS,
    Failure,
    describe,
    render,
)


if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiooauth1.credentials import AccessToken
    from aiooauth1.flows.handshake.handshake import Handshake


__all__ = ["BODY_LIMIT", "Connect", "Connected", "Hooks", "Incoming", "Reply"]

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
ValueT = TypeVar("ValueT")
MaybeAwaitable: TypeAlias = Awaitable[ValueT] | ValueT

BODY_LIMIT = 16 * 1024
"""Bytes of a start form that are read."""

_RETURN_TO = "aiooauth1.return_to"  # in the pending handshake's data, beside the application's own
_COOKIE = "aiooauth1"
_COOKIE_SECONDS = 24 * 60 * 60
_PREFETCHED = (
    503  # browsers throw a prefetched reply away unless it is a 2xx, and load the page when asked to
)
_SEE_OTHER = 303

logger: logging.Logger = logging.getLogger("aiooauth1")


@dataclass(frozen=True, slots=True)
class Connected:
    """A sign-in that has succeeded.

    Attributes:
        token: The access token.
        user: The name under which the token was saved; None if there is no `save_as` and no `person`.
        return_to: The path of this site that the sign-in was started with, percent-encoded; `/` by default.
        data: What `data` returned when the sign-in was started.
    """

    token: AccessToken
    user: str | None
    return_to: str
    data: Mapping[str, str]


class Incoming(NamedTuple):
    """A request as the framework has it.

    Attributes:
        method: The request method.
        query: The raw query, without the `?`.
        header: Returns all values of a header field.
        body: Reads at most `BODY_LIMIT` bytes of the body; ValueError if there are more.
    """

    method: str
    query: str
    header: Callable[[str], Sequence[str]]
    body: Callable[[], Awaitable[bytes]]


class Reply(NamedTuple):
    """A response of ours, before the framework makes its own of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks(Generic[RequestT, ResponseT]):
    """What an application gives to `oauth_routes`."""

    on_connected: Callable[[RequestT, Connected], MaybeAwaitable[ResponseT | None]] | None
    on_denied: Callable[[RequestT, str], MaybeAwaitable[ResponseT | None]] | None
    on_failed: Callable[[RequestT, Exception, str], MaybeAwaitable[ResponseT | None]] | None
    save_as: str | Callable[[AccessToken], str] | None
    bind: Callable[[RequestT], MaybeAwaitable[str | None]] | None
    person: Callable[[RequestT], MaybeAwaitable[str | None]] | None
    data: Callable[[RequestT], MaybeAwaitable[Mapping[str, str]]] | None


class _Stopped(Exception):
    """Ends a start or a callback: what went wrong, and the page for it."""

    def __init__(self, error: Exception, failure: Failure | None = None, return_to: str = "/") -> None:
        super().__init__()
        self.error = error
        self.failure = failure or describe(error)
        self.return_to = return_to


class Connect(Generic[RequestT, ResponseT]):
    """The two routes of one handshake.

    Args:
        handshake: The handshake.
        callback_url: Where the provider sends browsers back to: https, or http on loopback.
        start_path: The path of the start route.
        prefix: The path that is taken off before the routes see a request; empty if none is.
        hooks: What the application does.
        read: Makes an `Incoming` of the framework's request.
        respond: Makes the framework's response of a `Reply`.
        harden: Sets header fields that the application's own response lacks.

    Raises:
        ValueError: If `callback_url`, `start_path` or `prefix` is unusable.
        TypeError: If `person` is given and nothing says which account a token is for.
    """

    def __init__(
        self,
        handshake: Handshake,
        *,
        callback_url: str,
        start_path: str,
        prefix: str,
        hooks: Hooks[RequestT, ResponseT],
        read: Callable[[RequestT], Incoming],
        respond: Callable[[Reply], ResponseT],
        harden: Callable[[ResponseT, Mapping[str, str]], None],
    ) -> None:
        url = _checked_callback(callback_url, allow_http=handshake.allow_http)
        if (prefix and not prefix.startswith("/")) or not url.path.startswith(f"{prefix.rstrip('/')}/"):
            raise ValueError(f"callback_url must lie below prefix, a path like '/auth', unlike {prefix!r}")
        self.callback_path: str = url.path.removeprefix(prefix.rstrip("/"))
        if not start_path.startswith("/") or start_path.startswith("//") or start_path == self.callback_path:
            raise ValueError(
                f"start_path must be a path of its own that begins with one '/', not {start_path!r}"
            )
        self._handshake = handshake
        self._provider = handshake.provider
        self._callback_url = callback_url
        self._start_path = prefix.rstrip("/") + start_path  # as browsers know it
        self._own = str(url.origin())
        self._is_secure = url.scheme == "https"
        self._cookie = f"__Host-{_COOKIE}" if self._is_secure else _COOKIE
        self._hooks = hooks
        self._account_of = hooks.save_as
        if hooks.person is not None and hooks.save_as is None:
            field = getattr(self._provider, "user_id_field", None)
            if not field:
                raise TypeError(
                    "person= needs save_as=, which says whose account at the provider a token is for"
                )
            self._account_of = lambda token: token.params[field]
        self._read = read
        self._respond = respond
        self._harden = harden

    async def start(self, request: RequestT) -> ResponseT:
        """Answer the start route: begin a handshake and send the browser to the provider."""
        asked = self._read(request)
        if is_prefetch(asked.header):
            return self._respond(Reply(_PREFETCHED, SAFE_HEADERS))
        try:
            return await self._start(request, asked)
        except _Stopped as stopped:
            return await self._failed(request, stopped, can_reload=False)

    async def _start(self, request: RequestT, asked: Incoming) -> ResponseT:
        header = asked.header
        foreign = foreign_origin(
            self._own,
            fetch_site=header("Sec-Fetch-Site"),
            origin=header("Origin"),
            referer=header("Referer"),
        )
        if foreign is not None:
            raise _Stopped(HandshakeError(foreign), FOREIGN_START)
        try:
            if asked.method == "POST":
                fields = read_form(await asked.body(), "".join(header("Content-Type")[:1]))
            else:
                fields = read_form(asked.query.encode("utf-8", "surrogateescape"), "")
            return_to = read_return_to(fields)
        except ValueError as error:
            raise _Stopped(HandshakeError(f"the start form was refused: {error}"), BROKEN_FORM) from None
        person = await self._person(request, return_to)
        data: Mapping[str, str] = await _result(self._hooks.data(request)) if self._hooks.data else {}
        headers = dict(SAFE_HEADERS)
        if self._hooks.bind is not None:
            bind = await self._own_bind(request, return_to)
        else:
            bind = read_cookie(header("Cookie"), self._cookie) or secrets.token_urlsafe(32)
            headers["Set-Cookie"] = (
                f"{self._cookie}={bind}; Path=/; HttpOnly; SameSite=Lax; Max-Age={_COOKIE_SECONDS}"
                + ("; Secure" if self._is_secure else "")
            )
        try:
            pending = await self._handshake.begin(
                self._callback_url, bind=_bound(bind, person), data={**data, _RETURN_TO: return_to}
            )
        except (OAuth1Error, ClientError, OSError) as error:
            raise _Stopped(error, return_to=return_to) from None
        logger.info(
            "sign-in started at %s",
            self._provider.name,
            extra={"event": "signin.started", "provider": self._provider.name},
        )
        return self._respond(Reply(_SEE_OTHER, {**headers, "Location": pending.url}))

    async def callback(self, request: RequestT) -> ResponseT:
        """Answer the callback route: complete the handshake and hand over to the application."""
        asked = self._read(request)
        if asked.method == "HEAD":
            return self._respond(Reply(200, SAFE_HEADERS))
        if is_prefetch(asked.header):
            return self._respond(Reply(_PREFETCHED, SAFE_HEADERS))
        try:
            connected = await self._complete(request, asked)
        except _Stopped as stopped:
            if isinstance(stopped.error, AuthorizationDenied):
                return await self._denied(request, stopped)
            return await self._failed(request, stopped, can_reload=True)
        logger.info(
            "%r connected at %s",
            connected.user,
            self._provider.name,
            extra={"event": "signin.connected", "provider": self._provider.name, "user": connected.user},
        )
        if self._hooks.on_connected is not None:
            response = await _result(self._hooks.on_connected(request, connected))
            if response is not None:
                return self._hardened(response)
        return self._respond(Reply(_SEE_OTHER, {**SAFE_HEADERS, "Location": connected.return_to}))

    async def _complete(self, request: RequestT, asked: Incoming) -> Connected:
        person = await self._person(request, "/")
        if self._hooks.bind is not None:
            bind = await self._own_bind(request, "/")
        else:
            # A browser without our cookie gets the same answer as one with another's: none of it is ours.
            bind = read_cookie(asked.header("Cookie"), self._cookie) or secrets.token_urlsafe(32)
        bound = _bound(bind, person)
        return_to = "/"
        query = f"?{asked.query}"
        try:
            if (pending := await self._handshake.pending(query, bind=bound)) is not None:
                return_to = pending.data.get(_RETURN_TO, "/")
            save_as, name_of = self._save_as(person)
            token = await self._handshake.complete(query, bind=bound, save_as=save_as)
        except (OAuth1Error, ClientError, OSError) as error:
            raise _Stopped(error, return_to=return_to) from None
        kept = {} if pending is None else pending.data
        data = {name: value for name, value in kept.items() if name != _RETURN_TO}
        return Connected(token, name_of(token), return_to, MappingProxyType(data))

    def _save_as(
        self, person: str | None
    ) -> tuple[str | Callable[[AccessToken], str] | None, Callable[[AccessToken], str | None]]:
        """Return what to save a token as, and what tells that name of it."""
        account_of = self._account_of
        if account_of is None:
            return None, lambda _: None

        def name_of(token: AccessToken) -> str:
            account = account_of(token) if callable(account_of) else account_of
            return account if person is None else account_name(person, account)

        return name_of, name_of

    async def _person(self, request: RequestT, return_to: str) -> str | None:
        if self._hooks.person is None:
            return None
        if not (person := await _result(self._hooks.person(request))):
            raise _Stopped(
                HandshakeError("person() returned nothing for this request: sign the user in first"),
                NO_PERSON,
                return_to,
            )
        return person

    async def _own_bind(self, request: RequestT, return_to: str) -> str:
        bind = await _result(self._hooks.bind(request)) if self._hooks.bind else None
        if not bind:
            raise _Stopped(HandshakeError("bind() knows no session for this request"), NO_PERSON, return_to)
        return bind

    async def _denied(self, request: RequestT, stopped: _Stopped) -> ResponseT:
        logger.info(
            "sign-in denied by the user at %s",
            self._provider.name,
            extra={"event": "signin.denied", "provider": self._provider.name},
        )
        if self._hooks.on_denied is not None:
            response = await _result(self._hooks.on_denied(request, stopped.return_to))
            if response is not None:
                return self._hardened(response)
        return self._page(stopped, can_reload=True)

    async def _failed(self, request: RequestT, stopped: _Stopped, *, can_reload: bool) -> ResponseT:
        name = type(stopped.error).__name__
        logger.warning(
            "sign-in failed at %s: %s",
            self._provider.name,
            name,
            extra={
                "event": "signin.failed",
                "provider": self._provider.name,
                "error": name,
                "problem": getattr(stopped.error, "problem", None),
                "status": stopped.failure.status,
            },
        )
        if self._hooks.on_failed is not None:
            response = await _result(self._hooks.on_failed(request, stopped.error, stopped.return_to))
            if response is not None:
                return self._hardened(response)
        return self._page(stopped, can_reload=can_reload)

    def _page(self, stopped: _Stopped, *, can_reload: bool) -> ResponseT:
        page = render(
            stopped.failure,
            start_path=self._start_path,
            # Under another address of this site no sign-in can start, so the way back leads to the right one.
            return_to=f"{self._own}/" if stopped.failure is FOREIGN_START else stopped.return_to,
            can_reload=can_reload,
        )
        return self._respond(Reply(*page))

    def _hardened(self, response: ResponseT) -> ResponseT:
        self._harden(response, SAFE_HEADERS)
        return response


async def _result(value: MaybeAwaitable[ValueT]) -> ValueT:
    """Return what a hook returned, awaited if it is a coroutine."""
    return cast("ValueT", await value if inspect.isawaitable(value) else value)


def _bound(bind: str, person: str | None) -> str:
    # JSON, so that no two pairs are the same text. Another person in the same browser completes nothing.
    return bind if person is None else json.dumps([bind, person])


def _checked_callback(callback_url: str, *, allow_http: bool) -> URL:
    try:
        url = URL(callback_url)
    except (TypeError, ValueError):
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"callback_url must be an absolute http(s) URL, not {callback_url!r}")
    if url.scheme == "http" and not (allow_http or Origin.of(url).is_loopback):
        raise ValueError(
            "callback_url must be https: over plain http others on the way can take the sign-in over"
            " (http is accepted on loopback, or with Handshake(allow_http=True))"
        )
    if url.path == "/" or set("{}") & set(url.path) or url.user is not None or url.fragment:
        raise ValueError(
            f"callback_url needs a path of its own without braces, no user and no fragment: {callback_url!r}"
        )
    return url
