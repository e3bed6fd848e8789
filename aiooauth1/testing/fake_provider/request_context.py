"""One request that a FakeProvider handles, and helpers for its replies."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from aiooauth1.providers.provider import RFC_5849
from aiooauth1.testing.fake_provider.authentication import Caller, authenticate, authenticate_by_key
from aiooauth1.testing.fake_provider.base_string import SignedRequest
from aiooauth1.testing.fake_provider.errors import form_encode
from aiooauth1.testing.fake_provider.requirements import check_method, check_requirements


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiooauth1.providers.provider import Provider
    from aiooauth1.testing.fake_provider.accounts import Accounts
    from aiooauth1.testing.fake_provider.authentication import RequiredToken
    from aiooauth1.testing.fake_provider.request import ReceivedRequest
    from aiooauth1.testing.fake_provider.script import Script
    from aiooauth1.testing.fake_provider.signature_methods import Verifier


__all__ = ["ProviderState", "RequestContext", "json_reply", "nothing", "token_reply"]

_UNSIGNED = SignedRequest("", {}, b"")


@dataclass(frozen=True, slots=True)
class ProviderState:
    """The provider's state and settings.

    Args:
        accounts: Consumers, users and tokens.
        verifiers: The signature methods that it accepts.
        window: By how many seconds a timestamp may differ.
        denial: How it reports to the consumer that the user has denied: a key of `DENIALS`.
        page_key: The key of the values that tie an answer to its page.
        script: The faults and limits that a test has scripted.
        like: The provider whose quirks it has. If None it follows the RFC, and accepts either way what that
            leaves open.
    """

    accounts: Accounts
    verifiers: Mapping[str, Verifier]
    window: float
    denial: str
    page_key: bytes
    script: Script
    like: Provider | None = None

    @property
    def quirks(self) -> Provider:
        """The provider whose quirks it has, or one without quirks."""
        return self.like or RFC_5849


@dataclass(slots=True)
class RequestContext:
    """One request. Endpoints record here what they find out.

    Args:
        received: The request.
        length: The length of its whole body, also if only its beginning was kept.
        sha256: The SHA-256 of its whole body.
        now: When it arrived, by the provider's clock.
        rest: The rest of the path after the endpoint's own.
        allow: The methods of the endpoint.
        signed: Its OAuth parameters.
        user: The user of its access token, once authenticated.
        why: Why it was refused; empty if it was not.
        headers: More header fields of the reply.
    """

    received: ReceivedRequest
    length: int
    sha256: str
    now: float
    rest: bytes = b""
    allow: str = ""
    signed: SignedRequest = _UNSIGNED
    user: str | None = None
    why: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def authenticate(self, state: ProviderState, wants: RequiredToken) -> Caller:
        """Authenticate the request."""
        if state.like is not None:
            check_requirements(self.received, self.signed, state.like, wants)
        if "access" in wants and not state.quirks.signs_calls:
            caller = authenticate_by_key(self.received, state.accounts)
            self.user = caller.user
            return caller
        caller = authenticate(
            self.received,
            self.signed,
            state.accounts,
            state.verifiers,
            wants=wants,
            now=self.now,
            window=state.window,
            in_order=state.quirks.monotonic_timestamps,
        )
        self.user = caller.user
        return caller

    def authenticate_counted(self, state: ProviderState, wants: RequiredToken) -> Caller:
        """Authenticate the request, and count it towards the rate limits that a test has scripted."""
        caller = self.authenticate(state, wants)
        state.script.limits.spend(caller.consumer.key, caller.user, self.now, self.headers)
        return caller

    def check_method(self, state: ProviderState, method: str) -> None:
        """Check the request's method against that of the `like` provider, if there is one."""
        if state.like is not None:
            check_method(self.received, method)


def token_reply(pairs: Iterable[tuple[str, str]], *, as_json: bool) -> web.Response:
    """Return a token reply (RFC 5849 sections 2.1 and 2.3)."""
    if as_json:
        return json_reply(dict(pairs))
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cache-Control": "no-store"}
    return web.Response(body=form_encode(pairs).encode("ascii"), headers=headers)


def json_reply(value: object, status: int = 200) -> web.Response:
    """Return a JSON reply."""
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(value).encode("ascii"), headers=headers, status=status)


def nothing(allow: str | None = None) -> web.Response:
    """Return a reply without a body, to `DELETE` and `OPTIONS`."""
    return web.Response(status=204, headers=None if allow is None else {"Allow": allow})
