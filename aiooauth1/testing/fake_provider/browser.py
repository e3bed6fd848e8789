"""Drives a provider's authorize page over HTTP, as a user with a browser does."""

from __future__ import annotations

from contextlib import nullcontext
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from aiooauth1.testing.fake_provider.errors import form_encode
from aiooauth1.testing.fake_provider.pages import VERIFIER_ID


if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


__all__ = ["AuthorizePageError", "BrowsedProvider", "approve", "deny"]

_TIMEOUT = aiohttp.ClientTimeout(total=30)


class AuthorizePageError(Exception):
    """The page cannot be answered: its request token is unknown, used or expired, or it is another page."""


class _Page(HTMLParser):
    """Parses a page: its form, and the verifier if it shows one."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.action = ""
        self.fields: list[tuple[str, str]] = []
        self.buttons: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.verifier = ""
        self._in_verifier = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_verifier = given.get("id") == VERIFIER_ID
        if tag == "form":
            self.action = given.get("action", "")
        elif tag == "input" and "name" in given:
            self.fields.append((given["name"], given.get("value", "")))
        elif tag == "button" and "name" in given:
            self.buttons.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  the name is HTMLParser's
        self._in_verifier = False

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # not inside <style>
            self.texts.append(data)
        if self._in_verifier:
            self.verifier += data

    @property
    def text(self) -> str:
        """The page's text, cut."""
        return " ".join(" ".join(self.texts).split())[:300]


def _session(http: aiohttp.ClientSession | None) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
    return nullcontext(http) if http else aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())


async def _read(reply: aiohttp.ClientResponse) -> _Page:
    return _Page(await reply.text("utf-8", "replace"))


async def _answer(authorize_url: str, user: str, answer: str, http: aiohttp.ClientSession | None) -> str:
    url = URL(authorize_url, encoded=True)  # a browser follows the link unchanged
    async with _session(http) as session:
        async with session.get(url, timeout=_TIMEOUT) as reply:
            page = await _read(reply)
            here = str(reply.url)
        if ("answer", answer) not in page.buttons:
            raise AuthorizePageError(f"there is no authorize page: status {reply.status}, text {page.text!r}")
        fields = [(name, user if name == "user" else value) for name, value in page.fields]
        body = form_encode([*fields, ("answer", answer)]).encode("ascii")
        async with session.post(
            URL(urljoin(here, page.action), encoded=True),
            data=body,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            allow_redirects=False,
            timeout=_TIMEOUT,
        ) as reply:
            if location := reply.headers.get("Location"):
                return location
            page = await _read(reply)
            if not reply.ok:
                raise AuthorizePageError(f"the answer was refused: status {reply.status}, text {page.text!r}")
            return page.verifier.strip()


async def approve(authorize_url: str, user: str = "ann", *, http: aiohttp.ClientSession | None = None) -> str:
    """Log in on the authorize page of a FakeProvider and press Approve.

    Args:
        authorize_url: The URL where the user is sent.
        user: The user name to log in with.
        http: The session to use; it stays open. By default one is opened for this call.

    Returns:
        The callback URL with `oauth_token` and `oauth_verifier`, which is not fetched. If the callback is
        `oob`, the verifier that the page shows.

    Raises:
        AuthorizePageError: If the page cannot be answered.
        aiohttp.ClientError: If the provider cannot be reached.
        TimeoutError: If it does not answer within 30 seconds.
    """
    return await _answer(authorize_url, user, "approve", http)


async def deny(authorize_url: str, user: str = "ann", *, http: aiohttp.ClientSession | None = None) -> str:
    """Log in on the authorize page of a FakeProvider and press Deny.

    Args:
        authorize_url: The URL where the user is sent.
        user: The user name to log in with.
        http: The session to use; it stays open. By default one is opened for this call.

    Returns:
        The callback URL with the denial, which is not fetched. If the callback is `oob`, an empty text.

    Raises:
        AuthorizePageError: If the page cannot be answered.
        aiohttp.ClientError: If the provider cannot be reached.
        TimeoutError: If it does not answer within 30 seconds.
    """
    return await _answer(authorize_url, user, "deny", http)


class BrowsedProvider:
    """The users of a FakeProvider in any process: they answer on its authorize page."""

    @staticmethod
    async def approve(
        authorize_url: str, user: str = "ann", *, http: aiohttp.ClientSession | None = None
    ) -> str:
        """Log in and press Approve, as `aiooauth1.testing.approve` does."""
        return await approve(authorize_url, user, http=http)

    @staticmethod
    async def deny(
        authorize_url: str, user: str = "ann", *, http: aiohttp.ClientSession | None = None
    ) -> str:
        """Log in and press Deny, as `aiooauth1.testing.deny` does."""
        return await deny(authorize_url, user, http=http)
