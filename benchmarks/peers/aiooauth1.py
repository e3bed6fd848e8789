"""aiooauth1: a prepared signer, called as the session calls it for each attempt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiooauth1 import AccessToken, Consumer
from aiooauth1.signing import Signer
from aiooauth1.transport.nonce import random_nonce
from benchmarks.harness.requests import CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET
from benchmarks.peers.header import read_header


if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness.requests import Request


DISTRIBUTION = "aiooauth1"


def sign(request: Request) -> Callable[[], Any]:
    """Sign with a signer that is prepared once for consumer and token."""
    signer = Signer(Consumer(CONSUMER_KEY, CONSUMER_SECRET), AccessToken(TOKEN, TOKEN_SECRET))
    header, nonce, clock, url = signer.header, random_nonce, time.time, request.url
    form = None if request.body is None else request.body.encode()

    def call() -> str:
        return header("POST", url, nonce=nonce(), timestamp=int(clock()), form=form)

    return call


def parameters(result: Any) -> list[tuple[str, str]]:
    """Read the header."""
    return read_header(result)
