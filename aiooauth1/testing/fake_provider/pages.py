"""The pages that a FakeProvider shows to users: escaped HTML without scripts."""

from __future__ import annotations

import base64
import hashlib
from html import escape


__all__ = ["FORM_FIELDS", "PAGE_HEADERS", "VERIFIER_ID", "authorize_page", "message_page", "verifier_page"]

FORM_FIELDS = frozenset({"oauth_token", "page", "user", "answer"})
"""The fields of the form on the authorize page."""

VERIFIER_ID = "oauth_verifier"
"""The `id` of the element with the verifier that the user has to type."""

_STYLE = """\
:root{color-scheme:light dark;
--ink:#1b1f24;--soft:#57606a;--paper:#fff;--ground:#efe9f7;--edge:#cfc4df;--do:#6b2fb3;--on:#fff;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{
--ink:#ece6f2;--soft:#a89fb5;--paper:#211b29;--ground:#141019;--edge:#463b54;--do:#cdb2f5;--on:#1b1322;--bad:#ffb4ab}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;
background:var(--ground);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
main{width:100%;max-width:28rem;padding:1.75rem;background:var(--paper);
border:1px solid var(--edge);border-radius:.75rem;overflow-wrap:anywhere}
h1{margin:0 0 .75rem;font-size:1.35rem;line-height:1.3}
p{margin:0 0 1.1rem}
form p:last-child{display:flex;flex-wrap:wrap;gap:.75rem;margin:0}
[role=alert]{color:var(--bad)}
label{color:var(--soft)}
input[type=text]{display:block;width:100%;min-height:2.75rem;margin-top:.35rem;padding:.5rem .7rem;
border:1px solid var(--edge);border-radius:.5rem;background:var(--ground);color:var(--ink);font:inherit}
button{min-height:2.75rem;padding:.5rem 1.3rem;border:1px solid var(--edge);border-radius:.5rem;
background:transparent;color:var(--ink);font:inherit;cursor:pointer}
button[value=approve]{border-color:var(--do);background:var(--do);color:var(--on)}
:is(button,input):focus-visible{outline:3px solid var(--do);outline-offset:2px}
code{font-size:1.6rem;letter-spacing:.1em}
"""
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    # No form-action here: browsers apply it to the redirect after the form, which goes to the consumer.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""The headers of every page."""


def _page(title: str, content: str) -> str:
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{escape(title)}</h1>\n{content}\n</main></body></html>\n"
    )


def authorize_page(*, action: str, consumer: str, token_key: str, page: str, error: str = "") -> str:
    """Render the page on which a user logs in and answers (RFC 5849 section 2.2)."""
    alert = f'<p role="alert">{escape(error)}</p>\n' if error else ""
    return _page(
        "Authorize access",
        f"{alert}<p><strong>{escape(consumer)}</strong> asks to read and post in your name.</p>\n"
        f'<form method="post" action="{escape(action)}">\n'
        f'<input type="hidden" name="oauth_token" value="{escape(token_key)}">\n'
        f'<input type="hidden" name="page" value="{escape(page)}">\n'
        '<p><label>Your user name: <input type="text" name="user" autocomplete="username" required>'
        "</label></p>\n"
        '<p><button type="submit" name="answer" value="approve">Approve</button>\n'
        '<button type="submit" name="answer" value="deny">Deny</button></p>\n'
        "</form>",
    )


def verifier_page(*, consumer: str, verifier: str) -> str:
    """Render the page that shows the verifier of a handshake whose callback is `oob`."""
    return _page(
        "Access granted",
        f"<p>Type this number into <strong>{escape(consumer)}</strong>:</p>\n"
        f'<p><code id="{VERIFIER_ID}">{escape(verifier)}</code></p>',
    )


def message_page(title: str, message: str) -> str:
    """Render a page with a message."""
    return _page(title, f"<p>{escape(message)}</p>")
