"""A provider, a store and a handshake, and what a test serves with them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from aiooauth1 import Handshake, MemoryStore
from web_services.browser import ORIGIN, Browser
from web_services.services import Told, serve


if TYPE_CHECKING:
    import aiohttp

    from aiooauth1.testing import FakeProvider


__all__ = ["Stage", "account_of"]


class Stage:
    """A FakeProvider, a store and a handshake, and what a test serves with them."""

    def __init__(self, framework: str, fake: FakeProvider, http: aiohttp.ClientSession) -> None:
        self.framework = framework
        self.fake = fake
        self.store = MemoryStore()
        self.told = Told()
        self.handshake = Handshake(fake.provider, fake.consumer, store=self.store)
        self.url = ""
        self._http = http
        self._open = AsyncExitStack()

    async def serve(self, **options: Any) -> None:
        """Serve the sign-in routes of the handshake with these options."""
        sign_in = self.handshake, {**self.told.hooks, "save_as": account_of, **options}
        self.url = await self._open.enter_async_context(
            serve(self.framework, sign_in, handshake=self.handshake)
        )

    async def serve_two(self, other: FakeProvider) -> None:
        """Serve routes for two providers: `/a` and `/cb/a` for ours, `/b` and `/cb/b` for the other one."""
        second = Handshake(other.provider, other.consumer, store=self.store)
        sign_ins = [
            (
                handshake,
                {
                    **self.told.hooks,
                    "save_as": account_of,
                    "start_path": f"/{name}",
                    "callback_url": f"{ORIGIN}/cb/{name}",
                },
            )
            for name, handshake in (("a", self.handshake), ("b", second))
        ]
        self.url = await self._open.enter_async_context(serve(self.framework, *sign_ins, handshake=second))

    def browser(self, origin: str = ORIGIN) -> Browser:
        return Browser(self.url, self._http, origin)

    async def approved(self, browser: Browser, user: str = "ann", return_to: str | None = None) -> str:
        """Start a sign-in in a browser, approve it at the provider; return the callback URL."""
        started = await browser.start(return_to)
        assert started.status == 303, started.text
        return await self.fake.approve(started.location, user)

    async def browser_with_callback(
        self, return_to: str | None = None, *, origin: str = ORIGIN, **options: Any
    ) -> tuple[Browser, str]:
        """Serve the routes; return a browser whose user has approved, and the callback URL to open in it."""
        await self.serve(**options)
        browser = self.browser(origin)
        return browser, await self.approved(browser, return_to=return_to)

    async def aclose(self) -> None:
        await self._open.aclose()
        await self.handshake.aclose()


def account_of(token: Any) -> str:
    return str(token.params.get("user_id", "1"))
