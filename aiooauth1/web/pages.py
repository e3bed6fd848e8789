"""The pages that a browser gets when a sign-in fails: what happened, and what to do next."""

from __future__ import annotations

import base64
import hashlib
import math
from html import escape
from typing import TYPE_CHECKING, Literal, NamedTuple

from aiohttp import ClientError

from aiooauth1.errors import (
    AuthorizationDenied,
    HandshakeError,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RedirectRefused,
    StoreUnavailable,
    TokenResponseError,
    TooManyHandshakes,
    VerifierRejected,
)


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["BROKEN_FORM", "FOREIGN_START", "NO_PERSON", "SAFE_HEADERS", "Failure", "describe", "render"]

SAFE_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the callback's URL contains the verifier
}
"""Header fields of every reply of the two routes, the application's own replies included."""

_MAX_WAIT = 3600  # seconds
_STYLE = """\
:root{color-scheme:light dark;
--ink:#1b1f24;--soft:#57606a;--paper:#fff;--ground:#f3f4f6;--edge:#d0d7de;--do:#0b57d0;--on:#fff}
@media(prefers-color-scheme:dark){:root{
--ink:#e6edf3;--soft:#9aa4af;--paper:#1b2027;--ground:#0f1317;--edge:#3a424c;--do:#8ab4f8;--on:#0f1317}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;
background:var(--ground);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
main{width:100%;max-width:32rem;padding:1.75rem;background:var(--paper);
border:1px solid var(--edge);border-radius:.75rem;overflow-wrap:anywhere}
h1{margin:0 0 .75rem;font-size:1.35rem;line-height:1.3}
p{margin:0 0 1.25rem;color:var(--soft)}
div{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center}
form{margin:0}
button,a{display:inline-block;min-height:2.75rem;padding:.55rem 1.1rem;border-radius:.5rem;
border:1px solid var(--edge);font:inherit;line-height:1.55;color:var(--ink);
text-decoration:none;cursor:pointer}
button,a.do{border-color:var(--do);background:var(--do);color:var(--on)}
button:focus-visible,a:focus-visible{outline:3px solid var(--do);outline-offset:3px}
"""
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
# No form-action: browsers also apply it to the redirect after the form, which leads to the provider.
_PAGE_HEADERS: Mapping[str, str] = {
    **SAFE_HEADERS,
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}


class Failure(NamedTuple):
    """What a page says about a failure.

    Attributes:
        status: The HTTP status code of the page.
        title: What happened.
        text: What it means, and what to do.
        remedy: The button: `again` starts the sign-in again, `reload` loads the same callback again, `back`
            is only a link back.
        retry_after: The value of `Retry-After` in seconds, or None for no such field.
    """

    status: int
    title: str
    text: str
    remedy: Literal["again", "reload", "back"] = "again"
    retry_after: int | None = None


FOREIGN_START = Failure(
    403,
    "This sign-in was not started here",
    "For your safety a sign-in starts with the button on this site, opened under its usual address.",
    "back",
)
"""A start request that was not sent by this site's own pages."""

BROKEN_FORM = Failure(
    400, "This link is broken", "It does not lead to a page of this site. Go back and try again.", "back"
)
"""A start form that cannot be read, or that names a page of another site."""

NO_PERSON = Failure(
    403,
    "Sign in here first",
    "This site does not know who you are. Sign in, then connect your account.",
    "back",
)
"""A request for which `bind` or `person` returned nothing."""

_DENIED = Failure(
    403, "You did not allow the connection", "Nothing was connected. You can try again whenever you like."
)
_NOT_OURS = Failure(
    400,
    "This sign-in cannot be completed",
    "It was started in another browser, is too old, or has been completed already. Start it again here.",
)
_CODE = Failure(
    400, "The code was not accepted", "It may have been used already, or be too old. Start the sign-in again."
)
_BUSY = Failure(
    503,
    "Too many sign-ins at the moment",
    "Nothing was connected. Wait a minute, then try again.",
    "again",
    60,
)
_REFUSED = Failure(
    502,
    "The other service refused",
    "It answered with an error, and nothing was connected. Try again in a few minutes.",
)
_UNUSABLE = Failure(
    502,
    "The other service sent an answer that cannot be used",
    "Nothing was connected. Try again; if it happens again, tell the people who run this site.",
)
_UNKNOWN = Failure(
    502,
    "The other service did not answer",
    "It is not known whether the connection was made. Load this page again; if that does not help, go back.",
    "reload",
)
_UNREACHABLE = Failure(
    504,
    "The other service cannot be reached",
    "Nothing was connected. Wait a moment, then try again.",
    "reload",
)
_STORE = Failure(
    503, "Please try again in a moment", "This site is busy. Nothing is lost: try again.", "reload", 5
)
_OURS = Failure(
    500,
    "Something is wrong on this site",
    "Nothing was connected, and it is not your fault. The people who run this site find it in their logs.",
    "back",
)


# The first matching row counts.
_FAILURES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Failure], ...] = (
    (AuthorizationDenied, _DENIED),
    (VerifierRejected, _CODE),
    ((RateLimited, TooManyHandshakes), _BUSY),
    (ProviderError, _REFUSED),
    ((TokenResponseError, RedirectRefused), _UNUSABLE),
    (HandshakeError, _NOT_OURS),
    (OutcomeUnknown, _UNKNOWN),
    (StoreUnavailable, _STORE),
    ((ClientError, OSError), _UNREACHABLE),  # TimeoutError is an OSError
)


def describe(error: Exception) -> Failure:
    """Return what to tell a user about an error of a handshake, without any of the error's own text."""
    failure = next((shown for kind, shown in _FAILURES if isinstance(error, kind)), _OURS)
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return failure._replace(retry_after=math.ceil(min(max(error.retry_after, 1), _MAX_WAIT)))
    return failure


def render(
    failure: Failure, *, start_path: str, return_to: str, can_reload: bool
) -> tuple[int, dict[str, str], bytes]:
    """Return the status, header fields and body of a page.

    Args:
        failure: What the page is about.
        start_path: Where a sign-in starts.
        return_to: The checked path to go back to.
        can_reload: Whether the page answers a callback. If not, the remedy `reload` becomes `again`.
    """
    back = f'<a href="{escape(return_to)}">Go back</a>'
    again = (
        f'<form method="post" action="{escape(start_path)}">'
        f'<input type="hidden" name="return_to" value="{escape(return_to)}">'
        '<button type="submit">Try again</button></form>'
    )
    reload = '<a class="do" href="">Load again</a>'
    remedy = "again" if failure.remedy == "reload" and not can_reload else failure.remedy
    action = {"again": again, "reload": reload, "back": ""}[remedy]
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(failure.title)}</title>\n<style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{escape(failure.title)}</h1>\n<p>{escape(failure.text)}</p>\n"
        f"<div>{action}{back}</div></main></body></html>\n"
    )
    headers = dict(_PAGE_HEADERS)
    if failure.retry_after is not None:
        headers["Retry-After"] = str(failure.retry_after)
    return failure.status, headers, page.encode("utf-8", "replace")
