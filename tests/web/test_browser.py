"""The demo's site in a real browser: Debian's Chromium, headless, driven by Playwright.

They need the extra `browser` and Chromium (`apt-get install chromium`). Otherwise they are skipped.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from aiooauth1.cli.demo.serve import serving


if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.socket,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium"),
]
playwright = pytest.importorskip(
    "playwright.async_api", reason="no Playwright: pip install 'aiooauth1[browser]'"
)


class Stage:
    """The site, its provider, and a browser that opens windows of different people."""

    def __init__(self, origin: str, fake: Any, chromium: Any) -> None:
        self.origin = origin
        self.fake = fake
        self._chromium = chromium
        self.errors: list[str] = []

    async def person(self, **options: Any) -> Any:
        """Open a window of a person who shares cookies with no one."""
        context = await self._chromium.new_context(**options)
        context.set_default_timeout(40_000)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        await page.goto(f"{self.origin}/")
        return page

    async def answer(self, page: Any, button: str, user: str = "ann") -> None:
        """Answer at the provider's page."""
        await page.get_by_label("Your user name").fill(user)
        await page.get_by_role("button", name=button).click()

    async def sign_in(self, page: Any, user: str = "ann") -> None:
        await page.get_by_role("button", name=re.compile("Sign in|Connect a")).click()
        await self.answer(page, "Approve", user)
        await page.get_by_text("TweetExpress can now post").wait_for()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    folders = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}  # Chromium leaves files in them
    async with serving() as (origin, fake), playwright.async_playwright() as driver:
        chromium = await driver.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, env={**os.environ, **folders}
        )
        stage = Stage(origin, fake, chromium)
        yield stage
        await chromium.close()
        assert stage.errors == []


async def test_sign_in_approve_post_and_the_posts_appear_live(stage: Stage) -> None:
    page = await stage.person()
    await stage.sign_in(page)
    await page.get_by_label("Blog posts, one a line").fill("Hello\n\n<b>50 % off</b>\n☕")
    await page.get_by_role("button", name="Post", exact=True).click()
    await page.get_by_text("accepted by the provider as post 3").wait_for()
    assert [(post.user, post.text) for post in stage.fake.posts] == [
        ("ann", "Hello"),
        ("ann", "<b>50 % off</b>"),
        ("ann", "☕"),
    ]
    await page.get_by_role("button", name="Disconnect ann").click()
    await page.get_by_text("No account is connected.").wait_for()


async def test_a_denial_is_explained_and_try_again_works(stage: Stage) -> None:
    page = await stage.person()
    await page.get_by_role("button", name="Sign in").click()
    await stage.answer(page, "Deny")
    await page.get_by_role("heading", name="You did not allow the connection").wait_for()
    # A page with Referrer-Policy no-referrer sends `Origin: null` here.
    await page.get_by_role("button", name="Try again").click()
    await stage.answer(page, "Approve")
    await page.get_by_text("TweetExpress can now post").wait_for()


async def test_the_back_button_and_a_reload_break_nothing(stage: Stage) -> None:
    page = await stage.person()
    callbacks: list[str] = []
    page.on(
        "request", lambda request: callbacks.append(request.url) if "/oauth/callback" in request.url else None
    )
    await stage.sign_in(page)
    await page.reload()
    await page.go_back()
    await page.go_forward()
    await page.get_by_text("TweetExpress can now post").wait_for()
    await page.goto(callbacks[0])  # the same callback once more
    await page.get_by_text("TweetExpress can now post").wait_for()
    assert await page.locator(".accounts .name").all_text_contents() == ["ann"]
    assert len(stage.fake.exchanges) == 1


async def test_everything_except_the_live_view_works_without_javascript(stage: Stage) -> None:
    page = await stage.person(java_script_enabled=False)
    await stage.sign_in(page)
    await page.get_by_role("button", name="Post", exact=True).click()
    for _ in range(100):
        await page.goto(f"{stage.origin}/")
        if await page.get_by_text("accepted by the provider as post 5").count():
            break
    assert len(stage.fake.posts) == 5
    assert await page.locator(".events .posted").count() == 5


async def test_a_rate_limit_and_a_revocation_are_shown(stage: Stage) -> None:
    page = await stage.person()
    await stage.sign_in(page)
    stage.fake.rate_limit(1, 1, style="retry-after")
    await page.get_by_label("Blog posts, one a line").fill("one\ntwo")
    await page.get_by_role("button", name="Post", exact=True).click()
    await page.get_by_text("the provider takes no more posts for now (429)").wait_for()
    await page.get_by_text("accepted by the provider as post 2").wait_for()
    await page.get_by_role("button", name="Revoke ann at the provider").click()
    await page.get_by_role("button", name="Post", exact=True).click()
    await page.get_by_text("ann has revoked TweetExpress's access").wait_for()
    await page.goto(f"{stage.origin}/")
    await page.get_by_text("No account is connected.").wait_for()


async def test_the_keyboard_alone_signs_in(stage: Stage) -> None:
    page = await stage.person()
    for _ in range(3):  # skip link, brand, button
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_label("Your user name").wait_for()
    await page.keyboard.press("Tab")
    await page.keyboard.type("ann")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_text("TweetExpress can now post").wait_for()


@pytest.mark.parametrize("width", [1280, 320])
async def test_no_page_is_wider_than_its_window(stage: Stage, width: int) -> None:
    page = await stage.person(viewport={"width": width, "height": 800})
    too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not await page.evaluate(too_wide)
    await page.get_by_role("button", name="Sign in").click()
    assert not await page.evaluate(too_wide)
    await stage.answer(page, "Approve", "a" * 60)
    await page.get_by_text("TweetExpress can now post").wait_for()
    assert not await page.evaluate(too_wide)
    await page.goto(f"{stage.origin}/oauth/callback?oauth_token=x&oauth_verifier=y")
    assert not await page.evaluate(too_wide)
