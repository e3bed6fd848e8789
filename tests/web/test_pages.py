from __future__ import annotations

import aiohttp
import pytest

from aiooauth1.errors import (
    CallbackError,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    StoreCorrupt,
    StoreUnavailable,
    TokenResponseError,
    TooManyHandshakes,
    VerifierRejected,
)
from aiooauth1.web.pages import describe, render


@pytest.mark.parametrize(
    ("error", "status", "action", "retry_after"),
    [
        (StoreUnavailable("x"), 503, "Load again", "5"),
        (StoreCorrupt("x"), 500, "Go back", None),
        (OutcomeUnknown("x"), 502, "Load again", None),
        (TokenResponseError("x"), 502, "Try again", None),
        (ProviderError("<script>", status=500), 502, "Try again", None),
        (VerifierRejected("x", status=401), 400, "Try again", None),
        (RateLimited("x", status=429, retry_after=7.2), 503, "Try again", "8"),
        (RateLimited("x", status=429), 503, "Try again", "60"),
        (TooManyHandshakes("x"), 503, "Try again", "60"),
        (CallbackError("<script>"), 400, "Try again", None),
        (aiohttp.ServerDisconnectedError("<script>"), 504, "Load again", None),
        (TimeoutError("x"), 504, "Load again", None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_failure_has_its_status_and_says_what_to_do_without_the_error_s_text(
    error: Exception, status: int, action: str, retry_after: str | None
) -> None:
    shown, headers, body = render(describe(error), start_path="/s", return_to="/", can_reload=True)
    page = body.decode()
    assert (shown, headers.get("Retry-After")) == (status, retry_after)
    assert f">{action}</" in page
    assert "<script" not in page
    assert " style=" not in page
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["Cache-Control"] == "no-store"


def test_paths_are_escaped_in_the_page() -> None:
    for error in (CallbackError("x"), OutcomeUnknown("x")):
        _, _, body = render(
            describe(error), start_path="/start?a=1&copy=2", return_to="/x?a=1&copy='2'", can_reload=False
        )
        page = body.decode()
        assert 'action="/start?a=1&amp;copy=2"' in page
        assert 'value="/x?a=1&amp;copy=&#x27;2&#x27;"' in page
        assert '<a href="/x?a=1&amp;copy=&#x27;2&#x27;">' in page
