"""One request on its way through a FakeProvider, and what its replies are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from aiooauth1.testing.authentication import Caller, authenticate
from aiooauth1.testing.refusal import form_encode
from aiooauth1.testing.verification import SignedRequest


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiooauth1.testing.accounts import Accounts
    from aiooauth1.testing.authentication import Wants
    from aiooauth1.testing.received import Received
    from aiooauth1.testing.verifiers import Verifier


__all__ = ["Call", "Rules", "form_reply", "json_reply", "nothing"]

_UNSIGNED = SignedRequest("", {}, b"")


@dataclass(frozen=True, slots=True)
class Rules:
    """By what a provider judges.

    Args:
        accounts: What it knows.
        verifiers: The signature methods that it takes.
        window: How many seconds a timestamp may be off.
        denial: How it tells the consumer that the user said no: a key of `DENIALS`.
        page_key: The key of the values that tie an answer to its page.
    """

    accounts: Accounts
    verifiers: Mapping[str, Verifier]
    window: float
    denial: str
    page_key: bytes


@dataclass(slots=True)
class Call:
    """One request on its way: endpoints enter here what they find out.

    Args:
        received: The request.
        length: The length of its whole body, of which the end may be missing.
        sha256: The SHA-256 of its whole body.
        now: When it came, by the provider's clock.
        rest: What follows the endpoint's own path.
        allow: The methods that the endpoint knows.
        signed: What it says in the name of OAuth.
        user: The user for whom it was found to speak.
        why: Why it was refused; empty if it was not.
    """

    received: Received
    length: int
    sha256: str
    now: float
    rest: bytes = b""
    allow: str = ""
    signed: SignedRequest = _UNSIGNED
    user: str | None = None
    why: str = ""

    def authenticate(self, rules: Rules, wants: Wants) -> Caller:
        """Find out who is speaking.

        Args:
            rules: By what to judge.
            wants: What token the endpoint wants.

        Returns:
            The caller.

        Raises:
            RefusalError: If the request does not hold.
        """
        caller = authenticate(
            self.received,
            self.signed,
            rules.accounts,
            rules.verifiers,
            wants=wants,
            now=self.now,
            window=rules.window,
        )
        self.user = caller.user
        return caller


def form_reply(pairs: Iterable[tuple[str, str]]) -> web.Response:
    """A reply of the token endpoints (RFC 5849 sections 2.1 and 2.3).

    Args:
        pairs: What it says.

    Returns:
        The reply.
    """
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cache-Control": "no-store"}
    return web.Response(body=form_encode(pairs).encode("ascii"), headers=headers)


def json_reply(value: object, status: int = 200) -> web.Response:
    """A reply of the resources.

    Args:
        value: What it says.
        status: Its status.

    Returns:
        The reply.
    """
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(value).encode("ascii"), headers=headers, status=status)


def nothing(allow: str | None = None) -> web.Response:
    """A reply without a body, to `DELETE` and `OPTIONS`.

    Args:
        allow: The methods that the resource knows, which is what `OPTIONS` asks.

    Returns:
        The reply.
    """
    return web.Response(status=204, headers=None if allow is None else {"Allow": allow})
