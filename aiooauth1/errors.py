"""Every exception that aiooauth1 raises of its own.

```
OAuth1Error
├── SigningError             this request cannot be signed: your input
├── UnknownUser              the store holds no access token for that user
├── HandshakeError
│   ├── AuthorizationDenied  the user said no
│   ├── CallbackError        the callback is not one of ours
│   ├── TooManyHandshakes    the bound on pending handshakes is reached; nothing was asked of the provider
│   └── TokenResponseError   the token endpoint said 2xx, and what it sent is unusable
├── ProviderError            the provider refused
│   ├── SignatureRejected    it found the signature wrong
│   ├── TokenRejected        the token is revoked, expired or unknown to it
│   ├── TimestampRefused     it found the timestamp too far from its clock
│   ├── NonceRejected        it has seen the nonce before
│   └── RateLimited          too many requests
├── RedirectRefused          the provider sent us where we must not follow
├── StoreUnavailable         the store did not answer in time; nothing was sent
├── StoreCorrupt             a stored record is not one of ours, or does not decrypt
└── OutcomeUnknown           the request went out, no answer came back, and it is not safe to repeat
```

None of them derives from `OSError` or from aiohttp's `ClientError`: neither a retry of aiohttp's nor an
`except` for network trouble takes one of these for what it is not. No message holds a secret.
"""

from __future__ import annotations


__all__ = [
    "AuthorizationDenied",
    "CallbackError",
    "HandshakeError",
    "NonceRejected",
    "OAuth1Error",
    "OutcomeUnknown",
    "ProviderError",
    "RateLimited",
    "RedirectRefused",
    "SignatureRejected",
    "SigningError",
    "StoreCorrupt",
    "StoreUnavailable",
    "TimestampRefused",
    "TokenRejected",
    "TokenResponseError",
    "TooManyHandshakes",
    "UnknownUser",
]


class OAuth1Error(Exception):
    """The root of all of them."""


class SigningError(OAuth1Error):
    """This request cannot be signed rightly: something in what you gave. Nothing was sent."""


class UnknownUser(OAuth1Error):
    """The store holds no access token for that user. Nothing was done."""


class HandshakeError(OAuth1Error):
    """The three-legged handshake cannot go on."""


class AuthorizationDenied(HandshakeError):
    """The user said no at the provider."""


class CallbackError(HandshakeError):
    """The callback is not one of ours: unknown, used or expired request token, other browser, no verifier."""


class TooManyHandshakes(HandshakeError):
    """The bound on pending handshakes is reached. Nothing was asked of the provider."""


class TokenResponseError(HandshakeError):
    """The token endpoint said 2xx, and what it sent is unusable."""


class ProviderError(OAuth1Error):
    """The provider refused.

    Attributes:
        status: The HTTP status code of the refusal.
        problem: What the provider calls it (`oauth_problem` or the like), cleaned and cut; None if no name.
        advice: What the provider says to the user or developer about it, cleaned and cut; None if nothing.
        body: The beginning of the body, cut, with our secrets and `oauth_` values taken out.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        problem: str | None = None,
        advice: str | None = None,
        body: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem
        self.advice = advice
        self.body = body

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is made anew from its args alone, and these attributes are not among them.
        return _made_anew, (type(self), self.args, vars(self))


def _made_anew(
    kind: type[ProviderError], args: tuple[object, ...], attributes: dict[str, object]
) -> ProviderError:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class SignatureRejected(ProviderError):
    """The provider found the signature wrong: a wrong secret, or it signed other bytes than we did.

    Attributes:
        server_base_string: The signature base string that the provider made of the request, with secrets
            taken out; None if it does not tell (RFC 5849 section 3.4.1).
        hints: What to look at, the likeliest first.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        problem: str | None = None,
        advice: str | None = None,
        body: str = "",
        server_base_string: str | None = None,
        hints: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, status=status, problem=problem, advice=advice, body=body)
        self.server_base_string = server_base_string
        self.hints = hints


class TokenRejected(ProviderError):
    """The token is revoked, expired, used or unknown to the provider: connect the user anew."""


class TimestampRefused(ProviderError):
    """The provider found our timestamp too far from its clock."""


class NonceRejected(ProviderError):
    """The provider has seen this nonce before."""


class RateLimited(ProviderError):
    """Too many requests.

    Attributes:
        retry_after: How many seconds the provider asks us to wait, None if it does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        problem: str | None = None,
        advice: str | None = None,
        body: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, problem=problem, advice=advice, body=body)
        self.retry_after = retry_after


class RedirectRefused(OAuth1Error):
    """The provider sent us where we must not follow. Not one byte went there."""


class StoreUnavailable(OAuth1Error):
    """The token store did not answer in time, or refused. Nothing was sent to the provider."""


class StoreCorrupt(OAuth1Error):
    """A stored record is not one of ours, or does not decrypt."""


class OutcomeUnknown(OAuth1Error):
    """The request went out, no answer came back, and it is not safe to send it again."""
