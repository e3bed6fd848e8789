"""The signer of Authlib's clients for httpx and requests, one object for all requests."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET
from benchmarks.peers.header import read_header


if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness.requests import Request


DISTRIBUTION = "Authlib"

_rfc5849: Any = import_module("authlib.oauth1.rfc5849.client_auth")  # it has no types


def sign(request: Request) -> Callable[[], Any]:
    """Sign without a body hash, which it would add to a body that is not a form."""
    client = _rfc5849.ClientAuth(CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET)
    url, body = request.url, request.body
    headers = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}

    def call() -> Any:
        return client.sign("POST", url, headers, body)

    return call


def parameters(result: Any) -> list[tuple[str, str]]:
    """Read the header that it returns with URL and body."""
    return read_header(result[1]["Authorization"])
