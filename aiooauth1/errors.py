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
│   ├── VerifierRejected     the verifier is wrong or used: ask the user for it again
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
`except` for network trouble takes one of these for what it is not. No message and no attribute holds a
secret of yours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypedDict


if TYPE_CHECKING:
    from typing import Unpack


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
    "VerifierRejected",
]


class OAuth1Error(Exception):
    """The base of all errors of this package."""


class SigningError(OAuth1Error):
    """The request cannot be signed correctly as it was given. Nothing was sent."""


class UnknownUser(OAuth1Error):
    """The store holds no access token for that user. Nothing was done."""


class HandshakeError(OAuth1Error):
    """The three-legged handshake cannot go on."""


class AuthorizationDenied(HandshakeError):
    """The user refused access at the provider."""


class CallbackError(HandshakeError):
    """The callback is not one of ours: unknown, used or expired request token, other browser, no verifier."""


class TooManyHandshakes(HandshakeError):
    """The bound on pending handshakes is reached. Nothing was asked of the provider."""


class TokenResponseError(HandshakeError):
    """The token endpoint answered with a 2xx whose body is unusable."""


class _RequestDetails(TypedDict, total=False):
    """The request that an error is about, as far as known."""

    method: str | None
    url: str | None
    user: str | None
    headers: Mapping[str, str] | Iterable[tuple[str, str]]
    request_id: str | None
    clock_difference: float | None
    hints: tuple[str, ...]


class _Headers(Mapping[str, str]):
    """The header fields of a response, read-only; names are looked up in any letter case."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        self._fields = tuple((name, value) for name, value in pairs)

    def __getitem__(self, name: str) -> str:
        for value in self.getall(name):
            return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({name.lower(): name for name, _ in reversed(self._fields)}.values())

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._fields})

    def __repr__(self) -> str:
        return f"<headers: {', '.join(self)}>"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._fields,)

    def __hash__(self) -> int:
        return hash(self._fields)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Headers):
            return self._fields == other._fields
        return NotImplemented if not isinstance(other, Mapping) else dict(self) == dict(other)

    def getall(self, name: str) -> list[str]:
        """Return every value of a field in the order of arrival; an empty list if it is not there."""
        name = name.lower()
        return [value for field, value in self._fields if field.lower() == name]


def _tell(error: ProviderError | OutcomeUnknown, details: _RequestDetails) -> None:
    error.method = details.get("method")
    error.url = details.get("url")
    error.user = details.get("user")
    error.headers = _Headers(details.get("headers", ()))
    error.request_id = details.get("request_id")
    error.clock_difference = details.get("clock_difference")


_NOTABLE_SECONDS = 30


class ProviderError(OAuth1Error):
    """The provider refused.

    Attributes:
        status: The HTTP status code of the refusal.
        problem: What the provider calls it (`oauth_problem` or the like), printable and cut; None if it gives
            no name.
        advice: What the provider says to the user or developer about it, printable and cut; None if nothing.
        body: The beginning of the body, cut, with our secrets and `oauth_` values taken out.
        details: The whole `aiooauth1.Problem` of which this error was made; None if it was made by hand.
        method: The request's method; None if not known, as with every attribute that follows.
        url: The request's URL, without a signature in it.
        user: Your name for the user of the call.
        headers: The response's header fields, a read-only mapping that takes names in any letter case, with
            our secrets, `oauth_` values and cookies taken out.
        request_id: The provider's own name for the request (`x-request-id`, `x-transaction-id` …): what its
            support asks for.
        clock_difference: The provider's clock minus ours, in seconds.
        hints: What to look at, the likeliest first.
    """

    method: str | None
    url: str | None
    user: str | None
    headers: Mapping[str, str]
    request_id: str | None
    clock_difference: float | None
    _meaning = "The provider did not do what was asked."

    def __init__(
        self,
        message: str,
        *,
        status: int,
        problem: str | None = None,
        advice: str | None = None,
        body: str = "",
        details: object = None,
        **request: Unpack[_RequestDetails],
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem
        self.advice = advice
        self.body = body
        self.details = details
        self.hints: tuple[str, ...] = request.get("hints", ())
        _tell(self, request)

    def explain(self) -> str:
        """Return a few lines on what the refusal means and what to look at first. They hold no secret."""
        lines = [str(self), self._meaning]
        if self.clock_difference is not None and abs(self.clock_difference) >= _NOTABLE_SECONDS:
            side = "ahead of" if self.clock_difference > 0 else "behind"
            lines.append(f"The provider's clock is {abs(self.clock_difference):.0f} s {side} ours.")
        return "\n".join([*lines, *(f"- {hint}" for hint in self.hints)])

    def __reduce__(self) -> tuple[object, ...]:
        # Pickle calls a class with the exception's args alone, and these attributes are not among them.
        return _rebuilt, (type(self), self.args, vars(self))


def _rebuilt(
    kind: type[ProviderError | OutcomeUnknown], args: tuple[object, ...], attributes: dict[str, object]
) -> ProviderError | OutcomeUnknown:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class SignatureRejected(ProviderError):
    """The provider found the signature wrong: a wrong secret, or it signed other bytes than we did.

    Attributes:
        base_string: The signature base string that we signed (RFC 5849 section 3.4.1); None if not known.
        server_base_string: The one that the provider made of the request, with secrets taken out; None if it
            does not tell.
    """

    _meaning = (
        "The signature is wrong: a secret is wrong, or the provider signs other bytes than we did. `aiooauth1"
        " explain` compares both base strings."
    )

    def __init__(
        self,
        message: str,
        *,
        status: int,
        problem: str | None = None,
        advice: str | None = None,
        body: str = "",
        details: object = None,
        base_string: str | None = None,
        server_base_string: str | None = None,
        **request: Unpack[_RequestDetails],
    ) -> None:
        super().__init__(
            message, status=status, problem=problem, advice=advice, body=body, details=details, **request
        )
        self.base_string = base_string
        self.server_base_string = server_base_string


class VerifierRejected(ProviderError):
    """The verifier is wrong, used or expired, as after a mistyped PIN: ask the user for it again."""


class TokenRejected(ProviderError):
    """The token is revoked, expired, used or unknown to the provider: connect the user again."""

    _meaning = "The token works no more: it is revoked, expired, used or unknown. Connect the user again."


class TimestampRefused(ProviderError):
    """The provider found our timestamp too far from its clock: see `clock_difference`."""

    _meaning = (
        "The timestamp is too far from the provider's clock, or before an earlier one: set this clock by NTP."
    )


class NonceRejected(ProviderError):
    """The provider has seen this nonce before."""

    _meaning = (
        "The provider has seen this nonce: something sent one signed request twice, a proxy or a retry."
    )


class RateLimited(ProviderError):
    """Too many requests.

    Attributes:
        retry_after: How many seconds to wait, as the provider's header fields say, in any known form; None if
            it does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        problem: str | None = None,
        advice: str | None = None,
        body: str = "",
        details: object = None,
        retry_after: float | None = None,
        **request: Unpack[_RequestDetails],
    ) -> None:
        super().__init__(
            message, status=status, problem=problem, advice=advice, body=body, details=details, **request
        )
        self.retry_after = retry_after


class RedirectRefused(OAuth1Error):
    """The provider redirected to a place that must not be followed. Nothing was sent there."""


class StoreUnavailable(OAuth1Error):
    """The token store did not answer in time, or refused. Nothing was sent to the provider."""


class StoreCorrupt(OAuth1Error):
    """A stored record is not one of ours, or does not decrypt."""


class OutcomeUnknown(OAuth1Error):
    """The request went out, no answer came back, and it is not safe to send it again.

    Attributes:
        method: The request's method; None if not known, as with every attribute that follows.
        url: The request's URL, without a signature in it.
        user: Your name for the user of the call.
        headers: The response's header fields, if its head arrived; else empty.
        request_id: The provider's own name for the request, if its head arrived.
        clock_difference: The provider's clock minus ours, in seconds.
    """

    method: str | None
    url: str | None
    user: str | None
    headers: Mapping[str, str]
    request_id: str | None
    clock_difference: float | None

    def __init__(self, message: str = "", **request: Unpack[_RequestDetails]) -> None:
        super().__init__(*((message,) if message else ()))
        _tell(self, request)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (type(self), self.args, vars(self))
