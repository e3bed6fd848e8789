"""One request on its way through a FakeProvider, and what its replies are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from aiooauth1.testing.fake_provider.authentication import Caller, authenticate, authenticate_by_key
from aiooauth1.testing.fake_provider.base_string import BY_THE_RFC, SignedRequest
from aiooauth1.testing.fake_provider.errors import form_encode
from aiooauth1.testing.fake_provider.requirements import check_demands, check_method


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiooauth1.providers.provider import Provider
    from aiooauth1.testing.fake_provider.accounts import Accounts
    from aiooauth1.testing.fake_provider.authentication import Wants
    from aiooauth1.testing.fake_provider.request import Received
    from aiooauth1.testing.fake_provider.signature_methods import Verifier


__all__ = ["Call", "Rules", "json_reply", "nothing", "token_reply"]

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
        like: The provider that it is like, whose demands are its own; None: it goes by the RFC, and takes
            what that leaves open either way.
    """

    accounts: Accounts
    verifiers: Mapping[str, Verifier]
    window: float
    denial: str
    page_key: bytes
    like: Provider | None = None

    @property
    def quirks(self) -> Provider:
        """How it departs from the RFC."""
        return self.like or BY_THE_RFC


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
            NotServedError: If it does not say who asks, where that is demanded.
        """
        if rules.like is not None:
            check_demands(self.received, self.signed, rules.like, wants)
        if "access" in wants and not rules.quirks.signs_calls:
            caller = authenticate_by_key(self.received, rules.accounts)
            self.user = caller.user
            return caller
        caller = authenticate(
            self.received,
            self.signed,
            rules.accounts,
            rules.verifiers,
            wants=wants,
            now=self.now,
            window=rules.window,
            in_order=rules.quirks.monotonic_timestamps,
        )
        self.user = caller.user
        return caller

    def check_method(self, rules: Rules, method: str) -> None:
        """Check that a token endpoint is asked by the one method of the provider that this is like.

        Args:
            rules: By what to judge.
            method: The method.

        Raises:
            NotServedError: If it is another.
        """
        if rules.like is not None:
            check_method(self.received, method)


def token_reply(pairs: Iterable[tuple[str, str]], *, as_json: bool) -> web.Response:
    """A reply of the token endpoints (RFC 5849 sections 2.1 and 2.3).

    Args:
        pairs: What it says.
        as_json: Whether it is a JSON object, and not a form.

    Returns:
        The reply.
    """
    if as_json:
        return json_reply(dict(pairs))
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
