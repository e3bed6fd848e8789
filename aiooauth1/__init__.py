"""aiooauth1: the asynchronous OAuth 1.0a consumer SDK, on aiohttp.

Names resolve when they are first used, so that `import aiooauth1.signing` loads neither aiohttp nor asyncio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from aiooauth1.credentials import AccessToken, Consumer, RequestToken
    from aiooauth1.errors import (
        AuthorizationDenied,
        CallbackError,
        HandshakeError,
        NonceRejected,
        OAuth1Error,
        OutcomeUnknown,
        ProviderError,
        RateLimited,
        RedirectRefused,
        SignatureRejected,
        SigningError,
        StoreCorrupt,
        StoreUnavailable,
        TimestampRefused,
        TokenRejected,
        TokenResponseError,
        TooManyHandshakes,
        UnknownUser,
        VerifierRejected,
    )
    from aiooauth1.flows.handshake.handshake import Handshake, PendingHandshake
    from aiooauth1.providers.provider import Provider, ProviderSunsetWarning
    from aiooauth1.responses.problem import Problem
    from aiooauth1.responses.rate_limit import RateLimit, RateLimitWindow
    from aiooauth1.session.middleware import OAuth1Middleware
    from aiooauth1.session.retry import Retry
    from aiooauth1.session.session import OAuth1Session, raise_for_problem
    from aiooauth1.session.token_rejection import TokenRejection
    from aiooauth1.signing.rules import SigningRules
    from aiooauth1.signing.signature import Signature
    from aiooauth1.stores import (
        AccessTokenStore,
        Held,
        MemoryStore,
        PendingStore,
        TokenStore,
        put_access_tokens,
    )
    from aiooauth1.transport.rate_limit import rate_limit


__version__: str


__all__ = [
    "AccessToken",
    "AccessTokenStore",
    "AuthorizationDenied",
    "CallbackError",
    "Consumer",
    "Handshake",
    "HandshakeError",
    "Held",
    "MemoryStore",
    "NonceRejected",
    "OAuth1Error",
    "OAuth1Middleware",
    "OAuth1Session",
    "OutcomeUnknown",
    "PendingHandshake",
    "PendingStore",
    "Problem",
    "Provider",
    "ProviderError",
    "ProviderSunsetWarning",
    "RateLimit",
    "RateLimitWindow",
    "RateLimited",
    "RedirectRefused",
    "RequestToken",
    "Retry",
    "Signature",
    "SignatureRejected",
    "SigningError",
    "SigningRules",
    "StoreCorrupt",
    "StoreUnavailable",
    "TimestampRefused",
    "TokenRejected",
    "TokenRejection",
    "TokenResponseError",
    "TokenStore",
    "TooManyHandshakes",
    "UnknownUser",
    "VerifierRejected",
    "put_access_tokens",
    "raise_for_problem",
    "rate_limit",
]

_MODULES = {
    "AccessToken": "credentials",
    "AccessTokenStore": "stores",
    "Consumer": "credentials",
    "Handshake": "flows",
    "Held": "stores",
    "MemoryStore": "stores",
    "OAuth1Middleware": "session.middleware",
    "OAuth1Session": "session.session",
    "PendingHandshake": "flows",
    "PendingStore": "stores",
    "Problem": "responses.problem",
    "Provider": "providers",
    "ProviderSunsetWarning": "providers",
    "RateLimit": "responses.rate_limit",
    "RateLimitWindow": "responses.rate_limit",
    "RequestToken": "credentials",
    "Retry": "session.retry",
    "Signature": "signing.signature",
    "SigningRules": "signing.rules",
    "TokenRejection": "session.token_rejection",
    "TokenStore": "stores",
    "put_access_tokens": "stores",
    "raise_for_problem": "session.session",
    "rate_limit": "transport.rate_limit",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        metadata = import_module("importlib.metadata")
        try:
            value: Any = metadata.version(__name__)
        except metadata.PackageNotFoundError:
            raise AttributeError(f"{__name__} is not installed, so it has no version") from None
    elif name in __all__:
        value = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
