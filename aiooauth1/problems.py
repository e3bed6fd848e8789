"""What a provider's refusal means: pure functions of its status, header fields and the beginning of its body.

The OAuth Problem Reporting extension names problems by `oauth_problem`, in the body as a form or in the
WWW-Authenticate header field. New names are allowed: an unknown one is kept and means nothing by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiooauth1.errors import (
    NonceRejected,
    ProviderError,
    RateLimited,
    SignatureRejected,
    TimestampRefused,
    TokenRejected,
)
from aiooauth1.signing.encoding import parse_form


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


__all__ = ["DENIALS", "Problem", "clean", "read_problem", "redact", "scrub"]

DENIALS = frozenset({"user_refused", "permission_denied", "access_denied"})
"""What a callback calls it when the user said no."""

_ERRORS: Mapping[str, type[ProviderError]] = MappingProxyType(
    {
        "nonce_used": NonceRejected,
        "signature_invalid": SignatureRejected,
        "signature_method_rejected": SignatureRejected,
        "timestamp_refused": TimestampRefused,
        "token_expired": TokenRejected,
        "token_rejected": TokenRejected,
        "token_revoked": TokenRejected,
        "token_used": TokenRejected,
    }
)
_MOST_READ = 8192  # octets of a header field or body that are looked at for a problem
_NAME_LENGTH = 64
_ADVICE_LENGTH = 200
_BODY_LENGTH = 500
_TOO_MANY_REQUESTS = 429
_SHORTEST_SECRET = 3  # a shorter one stands in any text by chance

_FIELD = re.compile(r'(oauth_[A-Za-z_]{1,40})\s*=\s*(?:"([^"]*)"|([^\s,"]+))')
_SECONDS = re.compile(r"[0-9]{1,9}")
_UNPRINTABLE = re.compile(r"[^ -~]+")
# What a server echoes of our parameters, perhaps percent-encoded; its own oauth_problem ones are what a
# reader is after. A signature by PLAINTEXT has an ampersand in it.
_GAP = r"(?:[\"'\s+]|%2[027])*"
_VALUE = r"[^&\s\"',;<>]"
_ECHOED = re.compile(
    rf"(oauth_(?!problem)\w+{_GAP}(?:[=:]|%(?:25)*3[DA]){_GAP}){_VALUE}+(?:&(?!\w+=){_VALUE}*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal, as far as it can be understood.

    Attributes:
        status: The HTTP status code.
        name: The problem's name, for example `token_revoked`; printable ASCII, at most 64 characters; None if
            the provider gives none.
        advice: What it says about it, printable ASCII, at most 200 characters; None if nothing.
        parameters: The other `oauth_` parameters of the report, for example `oauth_acceptable_timestamps`.
        retry_after: How many seconds the provider asks us to wait; None if it does not say.
        body: The beginning of the body, printable ASCII, with the values of `oauth_` parameters taken out.
    """

    status: int
    name: str | None = None
    advice: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)
    retry_after: float | None = None
    body: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def error(self) -> ProviderError:
        """Return the error that stands for it."""
        says = f": {self.name}" if self.name else ", and names no problem"
        advice = f" ({self.advice})" if self.advice else ""
        message = f"the provider refused with status {self.status}{says}{advice}"
        if self.status == _TOO_MANY_REQUESTS:
            return RateLimited(
                message,
                status=self.status,
                problem=self.name,
                advice=self.advice,
                body=self.body,
                retry_after=self.retry_after,
            )
        kind = _ERRORS.get(self.name or "", ProviderError)
        return kind(message, status=self.status, problem=self.name, advice=self.advice, body=self.body)


def read_problem(
    status: int, headers: Iterable[tuple[str, str]], body: bytes, secrets: Iterable[str] = ()
) -> Problem:
    """Read what a refusal says of itself. Never raises, whatever the provider sent.

    Args:
        status: The status code, at least 400.
        headers: The header fields.
        body: The beginning of the body, decompressed.
        secrets: What must not come back out of it, should the provider echo our request.

    >>> read_problem(401, [], b"oauth_problem=token_revoked&oauth_problem_advice=Ask%20again").name
    'token_revoked'
    >>> read_problem(401, [("WWW-Authenticate", 'OAuth oauth_problem="nonce_used"')], b"").error().problem
    'nonce_used'
    """
    body = scrub(body[:_MOST_READ].decode("latin-1"), secrets).encode("latin-1")
    reported = _in_body(body)
    retry_after = None
    for name, field_value in headers:
        value = scrub(field_value[:_MOST_READ], secrets)
        if name.lower() == "www-authenticate":
            reported |= _in_header(value)  # the header wins: a proxy may have changed the body
        elif name.lower() == "retry-after" and _SECONDS.fullmatch(value.strip()):
            retry_after = float(value)
    return Problem(
        status=status,
        name=_without_echo(reported.pop("oauth_problem", ""), _NAME_LENGTH) or None,
        advice=_without_echo(reported.pop("oauth_problem_advice", ""), _ADVICE_LENGTH) or None,
        parameters={name: clean(value, _ADVICE_LENGTH) for name, value in reported.items()},
        retry_after=retry_after,
        body=redact(body),
    )


def _in_body(body: bytes) -> dict[str, str]:
    if b"oauth_problem" not in body:
        return {}
    pairs = parse_form(body.strip())
    reported = [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in pairs]
    return {name: value for name, value in reversed(reported) if name in _REPORTED}


def _in_header(value: str) -> dict[str, str]:
    if "oauth_problem" not in value:
        return {}
    found = {}
    for match in _FIELD.finditer(value):
        pairs = parse_form(b"x=" + (match.group(2) or match.group(3) or "").encode("utf-8", "replace"))
        found[match.group(1)] = pairs[0][1].decode("utf-8", "replace")
    return {name: text for name, text in found.items() if name in _REPORTED}


_REPORTED = frozenset(
    {
        "oauth_acceptable_timestamps",
        "oauth_acceptable_versions",
        "oauth_parameters_absent",
        "oauth_parameters_rejected",
        "oauth_problem",
        "oauth_problem_advice",
    }
)


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Take secrets out of a provider's text: as they are, and percent-encoded by whomever, however often."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = _in_any_form(secret).sub("***", text.replace(secret, "***"))
    return text


def _in_any_form(secret: str) -> re.Pattern[str]:
    return re.compile("".join(map(_octet_in_any_form, secret.encode("utf-8", "replace"))), re.IGNORECASE)


def _octet_in_any_form(octet: int) -> str:
    # Encoders differ in what they leave bare, in the case of the digits, and in what a space becomes.
    forms = rf"{re.escape(chr(octet))}|%(?:25)*{octet:02x}"
    return rf"(?:{forms}|{_octet_in_any_form(ord('+'))})" if octet == ord(" ") else rf"(?:{forms})"


def clean(text: str, length: int) -> str:
    """Cut a provider's text to a length, and to printable ASCII: it goes into messages and logs."""
    return _UNPRINTABLE.sub(" ", text[: 4 * length]).strip()[:length]


def redact(body: bytes) -> str:
    """Return the beginning of a body without the values of `oauth_` parameters that it may echo."""
    return _without_echo(body[:_MOST_READ].decode("utf-8", "replace"), _BODY_LENGTH)


def _without_echo(text: str, length: int) -> str:
    return _ECHOED.sub(r"\1***", clean(text, 4 * length))[:length]
