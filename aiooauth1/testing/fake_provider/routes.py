"""Which function answers which request."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from aiooauth1.testing.fake_provider import endpoints, resources
from aiooauth1.testing.fake_provider.errors import NotServedError
from aiooauth1.testing.fake_provider.paths import ECHO, ENDPOINTS, POSTS
from aiooauth1.testing.fake_provider.request_context import Call, Rules, nothing


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["Endpoint", "Route", "find_route"]

Endpoint = Callable[[Call, Rules], web.Response]


class Route(NamedTuple):
    """An endpoint, and what of the path is left for it.

    Args:
        name: The endpoint's name, as the ledger has it.
        methods: What answers each method; empty means that `echo` answers all.
        rest: What follows the endpoint's own path.
    """

    name: str
    methods: Mapping[str, Endpoint]
    rest: bytes = b""

    @property
    def allow(self) -> str:
        """The methods that the endpoint knows."""
        return ", ".join(self.methods) or "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

    @property
    def signed(self) -> bool:
        """Whether consumers ask it, not browsers."""
        return self.name != "authorize"

    def endpoint(self, method: str) -> Endpoint:
        """Find what answers a method.

        Args:
            method: The method.

        Returns:
            The function.

        Raises:
            NotServedError: If there is nothing here, or not for this method.
        """
        if self.name == "unknown":
            raise NotServedError("not_found", "there is nothing here", 404)
        found = self.methods.get(method) if self.methods else resources.echo
        if found is None:
            raise NotServedError("method_not_allowed", f"this takes {self.allow}", 405, allow=self.allow)
        return found


def _options(call: Call, _: Rules) -> web.Response:
    return nothing(call.allow)


_UNKNOWN = Route("unknown", {})
_POST_METHODS = dict.fromkeys(("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"), resources.post)
_METHODS: Mapping[str, Mapping[str, Endpoint]] = MappingProxyType(
    {
        "request_token": {
            "GET": endpoints.request_token,
            "POST": endpoints.request_token,
            "OPTIONS": _options,
        },
        "authorize": {
            "GET": endpoints.show_page,
            "HEAD": endpoints.show_page,
            "POST": endpoints.answer,
            "OPTIONS": _options,
        },
        "access_token": {"GET": endpoints.access_token, "POST": endpoints.access_token, "OPTIONS": _options},
        "revoke": {"POST": endpoints.revoke, "OPTIONS": _options},
        "posts": dict.fromkeys(("GET", "HEAD", "POST", "OPTIONS"), resources.posts),
        "echo": {},
    }
)
_ROUTES: Mapping[bytes, Route] = MappingProxyType(
    {path.encode(): Route(name, _METHODS[name]) for name, path in ENDPOINTS.items()}
)


def find_route(path: bytes) -> Route:
    """Find the endpoint at a path.

    Args:
        path: The path as it came, below the provider's own URL and without a leading `/`. It is compared as
            it is: what is signed is the path octet for octet, so `%70osts` is not `posts`.

    Returns:
        The route; that of the endpoint `unknown` if there is none.
    """
    found = _ROUTES.get(path)
    if found is not None:
        return found
    head, slash, rest = path.partition(b"/")
    if slash and head == POSTS.encode():
        return Route("post", _POST_METHODS, rest)
    if slash and head == ECHO.encode():
        return Route("echo", {}, rest)
    return _UNKNOWN
