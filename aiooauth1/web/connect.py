"""The start and callback routes of a sign-in, for any framework: binding cookie, return path, outcome."""

from __future__ import annotations

import inspect
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar, cast

from aiohttp import ClientError
from yarl import URL

from aiooauth1._internal.arguments import kind_of
from aiooauth1.errors import AuthorizationDenied, HandshakeError, OAuth1Error
from aiooauth1.transport.origin import Origin
from aiooauth1.web.accounts import account_name
from aiooauth1.web.checks import foreign_origin, is_prefetch, read_cookie, read_form, read_return_to
from aiooauth1.web.context import check_parts
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
"""The most bytes of a start form that are read."""

_RETURN_TO = "aiooauth1.return_to"  # a key in the pending handshake's data, beside the application's own keys
_COOKIE = "aiooauth1"
_NO_PATH = re.compile(r"[?#{}\s\0]")
_COOKIE_SECONDS = 24 * 60 * 60
_PREFETCHED = 503  # browsers discard a prefetched reply that is not 2xx, and load the page when it is opened
_SEE_OTHER = 303

logger: logging.Logger = logging.getLogger("aiooauth1")


@dataclass(frozen=True, slots=True)
class Connected:
    """A sign-in that succeeded.

    Attributes:
        token: The access token.
        user: The user name under which the token was saved, or None if it was not saved.
        return_to: The path of this site at which the sign-in was started, percent-encoded; `/` by default.
        data: What `data` returned when the sign-in was started.
    """

    token: AccessToken
    user: str | None
    return_to: str
    data: Mapping[str, str]


class Incoming(NamedTuple):
    """What the routes read from a framework's request.

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
    """A response, to be turned into the framework's own type."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks(Generic[RequestT, ResponseT]):
    """The hooks that an application passes to `oauth_routes`."""

    on_connected: Callable[[RequestT, Connected], MaybeAwaitable[ResponseT | None]] | None
    on_denied: Callable[[RequestT, str], MaybeAwaitable[ResponseT | None]] | None
    on_failed: Callable[[RequestT, Exception, str], MaybeAwaitable[ResponseT | None]] | None
    save_as: str | Callable[[AccessToken], str] | None
    bind: Callable[[RequestT], MaybeAwaitable[str | None]] | None
    person: Callable[[RequestT], MaybeAwaitable[str | None]] | None
    data: Callable[[RequestT], MaybeAwaitable[Mapping[str, str]]] | None


class _Stopped(Exception):
    """Raised to end a start or a callback with an error, and the page that describes it."""

    def __init__(self, error: Exception, failure: Failure | None = None, return_to: str = "/") -> None:
        super().__init__()
        self.error = error
        self.failure = failure or describe(error)
        self.return_to = return_to


class Connect(Generic[RequestT, ResponseT]):
    """The two routes of one handshake.

    Args:
        handshake: The handshake.
        callback_url: The URL to which the provider sends browsers back: https, or http on loopback.
        start_path: The path of the start route.
        prefix: The path that is removed before the routes see a request, or an empty string.
        hooks: The application's functions.
        read: Converts the framework's request.
        respond: Converts a reply to the framework's response.
        harden: Sets header fields that the application's own response lacks.

    Raises:
        ValueError: If `callback_url`, `start_path` or `prefix` cannot be used.
        TypeError: If an argument is of another type, or `person` is given and nothing says which account a
            token is for.
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
        check_parts(handshake=handshake)
        if handshake is None:
            raise TypeError("oauth_routes() needs a Handshake")
        for name in (one.name for one in fields(hooks)):
            hook = getattr(hooks, name)
            if not callable(hook) and not (name == "save_as" and isinstance(hook, str)) and hook is not None:
                raise TypeError(f"{name} must be a function, not {kind_of(hook)}")
        if not isinstance(start_path, str):
            raise TypeError(f"start_path must be a str, not {kind_of(start_path)}")
        if _NO_PATH.search(start_path):
            raise ValueError(
                f"start_path must be a fixed path without a query, a space or braces, not {start_path!r}"
            )
        url = _checked_callback(callback_url, allow_http=handshake.allow_http)
        if (prefix and not prefix.startswith("/")) or not url.path.startswith(f"{prefix.rstrip('/')}/"):
            raise ValueError(
                f"callback_url's path must begin with prefix, which is a path like '/auth', not {prefix!r}"
            )
        self.callback_path: str = url.path.removeprefix(prefix.rstrip("/"))
        if not start_path.startswith("/") or start_path.startswith("//") or start_path == self.callback_path:
            raise ValueError(
                f"start_path must begin with one '/' and differ from the callback's path, not {start_path!r}"
            )
        self._handshake = handshake
        self._provider = handshake.provider
        self._callback_url = callback_url
        self._start_path = prefix.rstrip("/") + start_path  # as browsers see it
        self._origin = str(url.origin())
        self._is_secure = url.scheme == "https"
        self._cookie = f"__Host-{_COOKIE}" if self._is_secure else _COOKIE
        self._hooks = hooks
        self._account_of = hooks.save_as
        if hooks.person is not None and hooks.save_as is None:
            field = self._provider.user_id_field
            if not field:
                raise TypeError(
                    "person= needs save_as=: pass a function that returns the account's id at the provider"
                )
            self._account_of = lambda token: token.params[field]
        self._read = read
        self._respond = respond
        self._harden = harden

    async def start(self, request: RequestT) -> ResponseT:
        """Answer the start route: begin a handshake and redirect the browser to the provider."""
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
            self._origin,
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
            bind = await self._session_id(request, return_to)
        else:
            bind = read_cookie(header("Cookie"), self._cookie) or secrets.token_urlsafe(32)
            headers["Set-Cookie"] = (
                f"{self._cookie}={bind}; Path=/; HttpOnly; SameSite=Lax; Max-Age={_COOKIE_SECONDS}"
                + ("; Secure" if self._is_secure else "")
            )
        try:
            pending = await self._handshake.begin(
                self._callback_url, bind=_binding(bind, person), data={**data, _RETURN_TO: return_to}
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
        """Answer the callback route: complete the handshake and call the application's hook."""
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
            bind = await self._session_id(request, "/")
        else:
            # A browser without our cookie is refused like one with another browser's cookie.
            bind = read_cookie(asked.header("Cookie"), self._cookie) or secrets.token_urlsafe(32)
        bound = _binding(bind, person)
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
        """Return `complete`'s `save_as`, and the function that names the user of a token."""
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
                HandshakeError("person() returned nothing for this request: log the person in first"),
                NO_PERSON,
                return_to,
            )
        return person

    async def _session_id(self, request: RequestT, return_to: str) -> str:
        bind = await _result(self._hooks.bind(request)) if self._hooks.bind else None
        if not bind:
            raise _Stopped(
                HandshakeError("bind() returned no session id for this request: create the session first"),
                NO_PERSON,
                return_to,
            )
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
            # No sign-in can start under another address of this site, so this link leads to the right one.
            return_to=f"{self._origin}/" if stopped.failure is FOREIGN_START else stopped.return_to,
            can_reload=can_reload,
        )
        return self._respond(Reply(*page))

    def _hardened(self, response: ResponseT) -> ResponseT:
        self._harden(response, SAFE_HEADERS)
        return response


async def _result(value: MaybeAwaitable[ValueT]) -> ValueT:
    """Return a hook's result, awaited if it is awaitable."""
    return cast("ValueT", await value if inspect.isawaitable(value) else value)


def _binding(bind: str, person: str | None) -> str:
    # JSON, so that different pairs give different strings. Another person in the same browser is refused.
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
            "callback_url must be https: over plain http anyone on the network can take over the sign-in"
            " (http is accepted on loopback, or with Handshake(allow_http=True))"
        )
    if url.path == "/" or set("{}") & set(url.path) or url.user is not None or url.fragment:
        raise ValueError(
            "callback_url must have a path other than / and without braces, no user and no fragment, not"
            f" {callback_url!r}"
        )
    return url
