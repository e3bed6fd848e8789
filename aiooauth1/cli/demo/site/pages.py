"""The site's one page as HTML. All text from outside is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aiooauth1.cli.demo.site.people import Event
    from aiooauth1.web.accounts import Account


__all__ = ["NOTICES", "front_page"]

NOTICES = {
    "connected": "Connected. TweetExpress can now post for this account.",
    "disconnected": "Disconnected. TweetExpress has forgotten the account's token.",
    "posting": "Posting. The posts appear below as the provider accepts them.",
    "empty": "There is nothing to post: write at least one line.",
    "revoked": "The provider no longer accepts this account's token. TweetExpress does not know yet: post"
    " something.",
    "limited": "From now on the provider takes 3 posts in 5 seconds for each account. Post a feed to see it.",
    "unlimited": "The rate limit is off again.",
}
"""Notices at the top of the page, by the value of `said` in the query."""

_SAMPLE = """\
Hello from TweetExpress!
100 % crème & café = 50/50 + ☕
Ten signs of a good blog
Why we moved to Wednesday
Thank you for reading"""


def front_page(
    *,
    accounts: Sequence[Account],
    events: Sequence[Event],
    notice: str | None,
    is_limited: bool,
) -> str:
    """Render the page.

    Args:
        accounts: The accounts that the person has connected.
        events: The person's events, the oldest first.
        notice: The notice at the top, or None.
        is_limited: Whether the provider's rate limit is on.
    """
    body = _connected(accounts, events, is_limited=is_limited) if accounts or events else _welcome()
    said = f'<p class="notice" role="status">{escape(notice)}</p>\n' if notice else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>TweetExpress</title>'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/site.css">'
        '<script src="/site.js" defer></script></head>\n'
        '<body>\n<a class="skip" href="#main">Skip to the content</a>\n'
        '<header><a class="brand" href="/">TweetExpress</a>'
        "<span>a demonstration of aiooauth1</span></header>\n"
        f'<main id="main">\n{said}{body}</main>\n'
        "<footer>Everything here runs on your machine, and is gone when you stop it.</footer>\n"
        "</body></html>\n"
    )


def _welcome() -> str:
    return (
        '<section class="hero"><h1>Your blog posts, everywhere</h1>\n'
        "<p>TweetExpress reposts what you blog. Sign in at the provider, allow TweetExpress to post in your"
        " name, and paste a feed.</p>\n"
        f"{_start('Sign in with FakeProvider')}\n"
        '<p class="hint">FakeProvider is a whole OAuth 1.0a provider, which runs beside this site. Any user'
        " name will do. To see what a denial looks like, press Deny there.</p></section>\n"
    )


def _start(label: str, kind: str = "primary") -> str:
    return (
        '<form method="post" action="/oauth/start"><input type="hidden" name="return_to" value="/">'
        f'<button class="{kind}" type="submit">{escape(label)}</button></form>'
    )


def _connected(accounts: Sequence[Account], events: Sequence[Event], *, is_limited: bool) -> str:
    parts = [_accounts(accounts)]
    if accounts:
        parts += [_feed(accounts), _arrivals(events), _trouble(accounts, is_limited=is_limited)]
    else:
        parts.append(_arrivals(events))
    return '<div class="columns">\n' + "".join(parts) + "</div>\n"


def _accounts(accounts: Iterable[Account]) -> str:
    items = "".join(
        f'<li><span class="name">{escape(_name(account))}</span>'
        f'<form method="post" action="/disconnect">{_hidden(account)}'
        f'<button type="submit" aria-label="Disconnect {escape(_name(account))}">Disconnect</button>'
        "</form></li>\n"
        for account in accounts
    )
    listed = f'<ul class="accounts">\n{items}</ul>' if items else "<p>No account is connected.</p>"
    label = "Connect another account" if items else "Connect an account"
    kind = "plain" if items else "primary"
    return f"<section><h2>Connected accounts</h2>\n{listed}\n{_start(label, kind)}</section>\n"


def _feed(accounts: Iterable[Account]) -> str:
    options = "".join(
        f'<option value="{escape(account.id)}">{escape(_name(account))}</option>' for account in accounts
    )
    return (
        '<section><h2>Post a feed</h2>\n<form class="stack" method="post" action="/posts">\n'
        f'<label for="account">As</label><select id="account" name="account">{options}</select>\n'
        '<label for="feed">Blog posts, one a line</label>\n'
        f'<textarea id="feed" name="feed" rows="6" required>\n{escape(_SAMPLE)}</textarea>\n'
        '<button class="primary" type="submit">Post</button></form></section>\n'
    )


def _arrivals(events: Sequence[Event]) -> str:
    last = events[-1].number if events else 0
    items = "".join(_event(event) for event in reversed(events))
    return (
        '<section class="wide" id="arrivals"><h2>What has happened</h2>\n'
        '<noscript><p class="hint">Without JavaScript, <a href="/">load the page again</a> to see more.</p>'
        "</noscript>\n"
        f'<ol id="events" class="events" reversed aria-live="polite" data-last="{last}">\n{items}</ol>\n'
        f'<p id="nothing" class="hint"{" hidden" if events else ""}>Nothing yet.</p></section>\n'
    )


def _event(event: Event) -> str:
    text = f'<p class="post">{escape(event.text)}</p>' if event.text else ""
    return (
        f'<li class="{event.kind}"><p class="who">{escape(event.account)}</p>{text}'
        f'<p class="note">{escape(event.note)}</p></li>\n'
    )


def _trouble(accounts: Iterable[Account], *, is_limited: bool) -> str:
    revoke = "".join(
        f'<form method="post" action="/revoke">{_hidden(account)}'
        f'<button type="submit">Revoke {escape(_name(account))} at the provider</button></form>\n'
        for account in accounts
    )
    path, label = (
        ("unlimit", "Switch the rate limit off") if is_limited else ("limit", "Switch a rate limit on")
    )
    switch = f'<form method="post" action="/{path}"><button type="submit">{label}</button></form>'
    return (
        '<section class="wide"><h2>See it go wrong</h2>\n'
        "<p>At a real provider, users do this in their settings, or the provider does it.</p>\n"
        f'<div class="row">{revoke}{switch}</div>\n'
        '<p class="hint">For a denial, connect another account and press Deny at the provider.</p>'
        "</section>\n"
    )


def _hidden(account: Account) -> str:
    return f'<input type="hidden" name="account" value="{escape(account.id)}">'


def _name(account: Account) -> str:
    return account.params.get("screen_name", account.id)
