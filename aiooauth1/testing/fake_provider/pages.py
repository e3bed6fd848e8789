"""The pages that a FakeProvider shows to users: plain HTML, nothing in it runs, all of it is escaped."""

from __future__ import annotations

from html import escape


__all__ = ["FORM_FIELDS", "PAGE_HEADERS", "VERIFIER_ID", "authorize_page", "message_page", "verifier_page"]

FORM_FIELDS = frozenset({"oauth_token", "page", "user", "answer"})
"""The fields of the form on the authorize page."""

VERIFIER_ID = "oauth_verifier"
"""The `id` of the element that shows the verifier to a user who has to type it."""

PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    # No form-action here: browsers apply it to the redirect after the form, which goes to the consumer.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""The headers of every page."""


def _page(title: str, content: str) -> str:
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
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
    """Render a page that only tells something."""
    return _page(title, f"<p>{escape(message)}</p>")
