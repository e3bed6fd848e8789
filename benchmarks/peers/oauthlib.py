"""The client of oauthlib, which most other Python libraries sign with: one object for all requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oauthlib import oauth1

from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET
from benchmarks.peers.header import read_header


if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness.requests import Request


DISTRIBUTION = "oauthlib"


def sign(request: Request) -> Callable[[], Any]:
    """Sign without a body hash, which it would add to a body that is not a form."""
    client: Any = oauth1.Client(CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET)
    url, body = request.url, request.body
    headers = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}

    def call() -> Any:
        return client.sign(url, "POST", body, headers)

    return call


def parameters(result: Any) -> list[tuple[str, str]]:
    """Read the header that it returns with URL and body."""
    return read_header(result[1]["Authorization"])
