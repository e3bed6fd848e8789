"""The OAuth 1.0 client of aioauth-client, up to the point where it would send.

It signs neither a form nor a query in a URL: all parameters go into one dict, which it signs and sends as a
query. Its switch `escape` turns on the encoding of RFC 5849. Without it a space is signed as a plus.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET


if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness.requests import Request


DISTRIBUTION = "aioauth-client"

_library: Any = import_module("aioauth_client")  # not installed everywhere that types are checked


def sign(request: Request) -> Callable[[], Any]:
    """Sign through its public `request`, whose last step is replaced: it returns what it would send."""
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
    """Select the protocol parameters, since it makes no header."""
    return [(name, value) for name, value in result.items() if name.startswith("oauth_")]
