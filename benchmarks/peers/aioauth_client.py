"""The OAuth 1.0 client of aioauth-client up to where it would send.

It knows no form and no query in a URL: all parameters go into one dict, which it signs and sends as a query.
`escape` is its switch for the encoding that RFC 5849 wants; without it a space is signed as a plus.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET


if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness.requests import Request


DISTRIBUTION = "aioauth-client"

_library: Any = import_module("aioauth_client")  # not everywhere where the types are checked


def sign(request: Request) -> Callable[[], Any]:
    """Sign through its public `request`, whose last step is replaced by returning what it would send."""
    client = _library.OAuth1Client(
        CONSUMER_KEY, CONSUMER_SECRET, oauth_token=TOKEN, oauth_token_secret=TOKEN_SECRET
    )
    client.escape = True
    client._request = lambda method, url, *, params, headers: params  # noqa: ARG005, SLF001  no other way in
    url, sent = request.bare_url, dict([*request.query, *(request.form or ())])

    def call() -> Any:
        return client.request("POST", url, sent)

    return call


def parameters(result: Any) -> list[tuple[str, str]]:
    """Pick the protocol parameters out of the rest; it renders no header."""
    return [(name, value) for name, value in result.items() if name.startswith("oauth_")]
