"""The verbs of a session, each one word for `request`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Unpack

from aiohttp import hdrs


if TYPE_CHECKING:
    from yarl import URL

    from aiooauth1.session.options import CallOptions
    from aiooauth1.session.request_context import InFlight


__all__ = ["Verbs"]


class Verbs(ABC):
    """What has `request` has these."""

    __slots__ = ()

    @abstractmethod
    def request(self, method: str, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a request."""

    def get(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed GET: see `request`."""
        return self.request(hdrs.METH_GET, url, **options)

    def post(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed POST: see `request`."""
        return self.request(hdrs.METH_POST, url, **options)

    def put(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed PUT: see `request`."""
        return self.request(hdrs.METH_PUT, url, **options)

    def patch(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed PATCH: see `request`."""
        return self.request(hdrs.METH_PATCH, url, **options)

    def delete(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed DELETE: see `request`."""
        return self.request(hdrs.METH_DELETE, url, **options)

    def head(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed HEAD, which like aiohttp's follows no redirect unless told to: see `request`."""
        options.setdefault("allow_redirects", False)
        return self.request(hdrs.METH_HEAD, url, **options)

    def options(self, url: str | URL, **options: Unpack[CallOptions]) -> InFlight:
        """Send a signed OPTIONS: see `request`."""
        return self.request(hdrs.METH_OPTIONS, url, **options)
