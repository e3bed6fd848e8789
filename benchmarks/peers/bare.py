"""The least that any signer must do: the keyed hash of a base string that already exists."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from benchmarks.harness.requests import CONSUMER_KEY, KEY, TOKEN, base_string


if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness.requests import Request


def digest(request: Request) -> Callable[[], bytes]:
    """Return a function that hashes a base string as long as ours."""
    protocol = {
        "oauth_consumer_key": CONSUMER_KEY,
        "oauth_token": TOKEN,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "1318622958",
        "oauth_nonce": "0123456789abcdef0123456789abcd",
        "oauth_version": "1.0",
    }
    text = base_string(request, protocol.items())

    def call() -> bytes:
        return hmac.digest(KEY, text, "sha1")

    return call
