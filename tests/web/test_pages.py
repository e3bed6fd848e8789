from __future__ import annotations

from aiooauth1.errors import CallbackError, OutcomeUnknown
from aiooauth1.web.pages import describe, render


def test_paths_are_escaped_in_the_page() -> None:
    for error in (CallbackError("x"), OutcomeUnknown("x")):
        _, _, body = render(
            describe(error), start_path="/start?a=1&copy=2", return_to="/x?a=1&copy='2'", can_reload=False
        )
        page = body.decode()
        assert 'action="/start?a=1&amp;copy=2"' in page
        assert 'value="/x?a=1&amp;copy=&#x27;2&#x27;"' in page
        assert '<a href="/x?a=1&amp;copy=&#x27;2&#x27;">' in page


def test_the_page_allows_its_own_style_and_nothing_else() -> None:
    _, headers, body = render(describe(CallbackError("x")), start_path="/s", return_to="/", can_reload=True)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert b"<script" not in body
    assert b" style=" not in body
