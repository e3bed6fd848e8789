"""What the names of problems mean, as data: providers' names, in those of the Problem Reporting extension.

The sources are the providers' documentation and the code of their servers. A name is here only if it always
means that: above all, `TokenRejected` makes an application forget a token, so that what a provider says of
a wrong signature too, or of a consumer, is none.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from aiooauth1.errors import (
    NonceRejected,
    ProviderError,
    RateLimited,
    SignatureRejected,
    TimestampRefused,
    TokenRejected,
    VerifierRejected,
)


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiooauth1.responses.problem_formats import Report


__all__ = ["HINTS", "KINDS", "MEANINGS", "meaning_of"]

KINDS: Mapping[str, type[ProviderError]] = MappingProxyType(
    {
        "nonce_used": NonceRejected,
        "rate_limited": RateLimited,  # ours: the extension has no name for it
        "signature_invalid": SignatureRejected,
        "signature_method_rejected": SignatureRejected,
        "timestamp_refused": TimestampRefused,
        "token_expired": TokenRejected,
        "token_rejected": TokenRejected,
        "token_revoked": TokenRejected,
        "token_used": TokenRejected,
        "verifier_invalid": VerifierRejected,
    }
)
"""The error that stands for a meaning; for any other it is ProviderError."""

# X: the codes of API 1.1 and of its token endpoints.
_X: Mapping[str, str] = MappingProxyType(
    {
        "32": "signature_invalid",  # "Could not authenticate you": keys that do not belong together as well
        "88": "rate_limited",
        "89": "token_rejected",  # "Invalid or expired token"
        "135": "timestamp_refused",
        "185": "rate_limited",  # the day's allowance of posts
    }
)
_CODES: Mapping[str, str] = MappingProxyType(
    {
        # WordPress, the WP-API OAuth1 plugin. consumer_mismatch is what it says of a revoked token too.
        "json_oauth1_expired_token": "token_expired",
        "json_oauth1_failed_parameter_sort": "signature_invalid",
        "json_oauth1_invalid_signature_method": "signature_method_rejected",
        "json_oauth1_invalid_timestamp": "timestamp_refused",
        "json_oauth1_invalid_token": "token_rejected",
        "json_oauth1_nonce_already_used": "nonce_used",
        "json_oauth1_signature_mismatch": "signature_invalid",
        # MediaWiki. Its E009 was that of a consumer without a secret too.
        "E004": "token_rejected",
        "mwoauth-invalid-access-token": "token_rejected",
        "mwoauthdatastore-access-token-not-found": "token_rejected",
        "mwoauthdatastore-bad-token": "token_rejected",
        "mwoauthdatastore-request-token-already-used": "token_used",
        "mwoauthdatastore-request-token-not-found": "token_rejected",
        "mwoauthserver-invalid-request-token": "token_rejected",
        "ratelimited": "rate_limited",
        # NetSuite. It says so whatever is wrong with a request: signature, realm, role or token.
        "INVALID_LOGIN": "signature_invalid",
        "INVALID_LOGIN_ATTEMPT": "signature_invalid",
        "InvalidSignature": "signature_invalid",
        "InvalidTimestamp": "timestamp_refused",
        "NonceUsed": "nonce_used",
        "SSS_REQUEST_LIMIT_EXCEEDED": "rate_limited",
    }
)
# Authlib's and oauthlib's servers.
_ERRORS: Mapping[str, str] = MappingProxyType(
    {
        "invalid_nonce": "nonce_used",
        "invalid_signature": "signature_invalid",
        "invalid_signature_method": "signature_method_rejected",
        "invalid_token": "token_rejected",
        "unsupported_signature_method": "signature_method_rejected",
    }
)
_PROBLEMS: Mapping[str, str] = MappingProxyType(
    {**{name: name for name in KINDS}, "rate limit exceeded": "rate_limited"}  # the latter is Xero's
)
# In a challenge, NetSuite says `error="token_rejected"` of whatever is wrong.
_CHALLENGES: Mapping[str, str] = MappingProxyType(
    {name: meaning for name, meaning in _PROBLEMS.items() if KINDS[meaning] is not TokenRejected}
)
_FORMS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "challenge": _CHALLENGES,
        "code": _CODES,
        "error": MappingProxyType({**_CODES, **_ERRORS}),
        "errors": _X,
        "mediawiki": _CODES,
        "oauth_problem": _PROBLEMS,
    }
)
MEANINGS: Mapping[str, str] = MappingProxyType({**_X, **_CODES, **_ERRORS, **_PROBLEMS})
"""What a name means, whoever uses it."""

# How a sentence begins that says what the name beside it does not, or that stands alone.
_MEDIAWIKI: Mapping[str, str] = MappingProxyType(
    {
        "Expired timestamp": "timestamp_refused",
        "Invalid access token": "token_rejected",
        "Invalid request token": "token_rejected",
        "Invalid signature": "signature_invalid",
        "No approved grant was found for that authorization token": "token_rejected",
        "Nonce already used": "nonce_used",
        "Signature method '": "signature_method_rejected",
    }
)
_TIMESTAMPS: Mapping[str, str] = MappingProxyType(
    {
        'Invalid "oauth_timestamp" value': "timestamp_refused",  # Authlib
        "Timestamp given is invalid": "timestamp_refused",  # oauthlib
    }
)
_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "Expired timestamp, yours ": "timestamp_refused",  # the servers of the first PHP library
        "Expired timestamp: given ": "timestamp_refused",  # and of the first Python one
        "Failed to validate oauth signature and token": "signature_invalid",  # X, before its codes
        "Invalid signature. Expected signature base string": "signature_invalid",  # Discogs and its like
        "Nonce already used: ": "nonce_used",
    }
)
_WHOLE_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        # What WordPress's token endpoints say instead of a code.
        "Invalid nonce - nonce has already been used": "nonce_used",
        "Invalid timestamp": "timestamp_refused",
        "OAuth request token has expired": "token_expired",
        "OAuth signature does not match": "signature_invalid",
        "Signature method is invalid": "signature_method_rejected",
        # Trello and others.
        "Invalid Signature": "signature_invalid",
        "Invalid signature": "signature_invalid",
    }
)
_BEGINNINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "invalid_request": _TIMESTAMPS,
        "mwoauth-invalid-authorization": _MEDIAWIKI,
        "mwoauth-oauth-exception": _MEDIAWIKI,
    }
)
_INTRODUCTIONS = (
    "An error occurred in the OAuth protocol: ",
    "The authorization headers in your request are not valid: ",
)

# The statuses with which a provider says that a token is dead, unless by `oauth_problem` itself. What stands
# in the midst of other text counts with 401 alone.
_DEAD = frozenset({400, 401, 403})
_UNAUTHORIZED = 401


def meaning_of(report: Report, status: int) -> str:
    """Return what a report means: a name of the Problem Reporting extension that is in KINDS, or nothing.

    Args:
        report: What the provider reports.
        status: The status with which it does.
    """
    meaning = _FORMS.get(report.form, {}).get(report.name) or _said(report)
    if KINDS.get(meaning) is not TokenRejected:
        return meaning
    if report.form == "errors" and report.advice and "token" not in report.advice.lower():
        return ""  # somebody else's number
    if report.loose:
        return meaning if status == _UNAUTHORIZED else ""
    return meaning if report.form == "oauth_problem" or status in _DEAD else ""


def _said(report: Report) -> str:
    """Return what its sentence says."""
    sentence = report.advice.strip()
    for introduction in _INTRODUCTIONS:
        sentence = sentence.removeprefix(introduction)
    if report.name or report.form == "mediawiki":
        known = _BEGINNINGS.get(report.name, _MEDIAWIKI if report.form == "mediawiki" else {})
    else:
        if (meaning := _WHOLE_SENTENCES.get(sentence.rstrip("."))) is not None:
            return meaning
        known = _SENTENCES
    return next((meaning for beginning, meaning in known.items() if sentence.startswith(beginning)), "")


_MIXED_UP = "check that consumer key, consumer secret, token and token secret belong together"
_NETSUITE = (
    "NetSuite says this whatever is wrong: its Login Audit Trail names the reason",
    "the realm is the account ID with its letters in capitals and an underscore, as in 1234567_SB1",
    "the signature method must be HMAC-SHA256",
)

HINTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "32": (_MIXED_UP, "sign no parameters of a JSON or multipart body"),
        "INVALID_LOGIN": _NETSUITE,
        "INVALID_LOGIN_ATTEMPT": _NETSUITE,
        "json_oauth1_signature_mismatch": (
            "WordPress signs the address that is set as its home URL: use that scheme, host and port",
            "it signs a[]= as a[0]=, wants parameters sent in sorted order and multipart text fields signed",
        ),
        "signature_method_rejected": ("the provider does not take this signature method: choose another",),
    }
)
"""What to look at when a signature is rejected, by the provider's name for it or by its meaning."""
