"""A browser as a server sees it: cookies, the header fields that browsers send, redirects one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarl import URL


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import aiohttp
    from multidict import CIMultiDictProxy


__all__ = ["ORIGIN", "Browser", "Page"]

ORIGIN = "https://tweetexpress.example"
"""The origin under which browsers know the services, whatever port they are on."""


@dataclass(frozen=True)
class Page:
    """What a browser got."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


@dataclass
class Browser:
    """One browser, which talks to the service at `url` and believes that it is at `origin`."""

    url: str
    http: aiohttp.ClientSession
    origin: str = ORIGIN
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)

    async def request(
        self,
        method: str,
        target: str,
        data: Mapping[str, str] | bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Send one request to the service; `target` is a path, or a URL whose host is not looked at."""
        parts = urlsplit(target)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        sent = {**{name: value for name, value in sent.items() if value}, **(headers or {})}
        async with self.http.request(
            method, URL(self.url + path, encoded=True), headers=sent, data=data, allow_redirects=False
        ) as reply:
            for cookie in reply.headers.getall("Set-Cookie", []):
                self.set_cookies.append(cookie)
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return Page(reply.status, reply.headers, await reply.text("utf-8", "replace"))

    async def start(
        self,
        return_to: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        path: str = "/oauth/start",
    ) -> Page:
        """Press the button of the site's own page that starts a sign-in."""
        data = {} if return_to is None else {"return_to": return_to}
        own = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        return await self.request("POST", path, data, own if headers is None else headers)

    async def open(self, target: str, **headers: str) -> Page:
        """Load a page, as after a redirect from the provider."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.request("GET", target, headers={"Sec-Fetch-Site": "cross-site", **sent})
