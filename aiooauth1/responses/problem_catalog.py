"""The names of problems as data: each provider's name, and its meaning in the Problem Reporting extension.

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
from aiooauth1.responses.problem_sentences import is_plain_sentence, meaning_of_sentence


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiooauth1.responses.problem_formats import ProblemReport


__all__ = ["CANONICAL_NAMES", "ERROR_TYPES", "HINTS", "SAID_OF_SKEW", "canonical_name"]

ERROR_TYPES: Mapping[str, type[ProviderError]] = MappingProxyType(
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
"""The error of a meaning; any other is a ProviderError."""

# X: the codes of API 1.1 and of its token endpoints.
_X: Mapping[str, str] = MappingProxyType(
    {
        "32": "signature_invalid",  # "Could not authenticate you", also for keys that do not belong together
        "88": "rate_limited",
        "89": "token_rejected",  # "Invalid or expired token"
        "135": "timestamp_refused",
        "185": "rate_limited",  # the day's allowance of posts
    }
)
_CODES: Mapping[str, str] = MappingProxyType(
    {
        # WordPress, the WP-API OAuth1 plugin. It says consumer_mismatch of a revoked token too.
        "json_oauth1_expired_token": "token_expired",
        "json_oauth1_failed_parameter_sort": "signature_invalid",
        "json_oauth1_invalid_signature_method": "signature_method_rejected",
        "json_oauth1_invalid_timestamp": "timestamp_refused",
        "json_oauth1_invalid_token": "token_rejected",
        "json_oauth1_invalid_verifier": "verifier_invalid",
        "json_oauth1_nonce_already_used": "nonce_used",
        "json_oauth1_signature_mismatch": "signature_invalid",
        # MediaWiki. E009 also meant a consumer without a secret.
        "E004": "token_rejected",
        "mwoauth-invalid-access-token": "token_rejected",
        "mwoauthdatastore-access-token-not-found": "token_rejected",
        "mwoauthdatastore-bad-token": "token_rejected",
        "mwoauthdatastore-request-token-already-used": "token_used",
        "mwoauthdatastore-request-token-not-found": "token_rejected",
        "mwoauthserver-invalid-request-token": "token_rejected",
        "maxlag": "rate_limited",  # MediaWiki's replicas lag; it sends Retry-After
        "ratelimited": "rate_limited",
        # Intuit, intuit/QuickBooks-V3-Java-SDK#159.
        "Token expired": "token_expired",
        "Token revoked": "token_revoked",
        # NetSuite says this of every mistake in a request: signature, realm, role or token.
        "INVALID_LOGIN": "signature_invalid",
        "INVALID_LOGIN_ATTEMPT": "signature_invalid",
        "InvalidSignature": "signature_invalid",
        "InvalidTimestamp": "timestamp_refused",
        "NonceUsed": "nonce_used",
        "SSS_REQUEST_LIMIT_EXCEEDED": "rate_limited",
        # Mashery, the gateway of many providers: its list of error messages, in mashery-v3-go-client.
        "ERR_400_UNSUPPORTED_SIGNATURE_METHOD": "signature_method_rejected",
        "ERR_401_INVALID_CONSUMER_KEY": "consumer_key_unknown",
        "ERR_401_INVALID_NONCE": "nonce_used",
        "ERR_401_INVALID_OR_EXPIRED_TOKEN": "token_rejected",
        "ERR_401_INVALID_SIGNATURE": "signature_invalid",
        "ERR_401_TIMESTAMP_IS_INVALID": "timestamp_refused",
        "ERR_403_DEVELOPER_INACTIVE": "consumer_key_refused",
        "ERR_403_DEVELOPER_OVER_QPS": "rate_limited",
        "ERR_403_DEVELOPER_OVER_RATE": "rate_limited",
        "ERR_403_SERVICE_OVER_QPS": "rate_limited",
        # XING's `error_name`: the tests of its client xing_api. The last four: servers of payments.
        "INVALID_OAUTH_CONSUMER": "consumer_key_unknown",
        "INVALID_OAUTH_SIGNATURE": "signature_invalid",
        "INVALID_OAUTH_SIGNATURE_METHOD": "signature_method_rejected",
        "INVALID_OAUTH_VERSION": "version_rejected",
        "INVALID_TIMESTAMP": "timestamp_refused",
        "NONCE_ALREADY_USED": "nonce_used",
        "RATE_LIMIT_EXCEEDED": "rate_limited",
        "REQUIRED_PARAMETER_MISSING": "parameter_absent",
        "TIMESTAMP_EXPIRED": "timestamp_refused",
        "INVALID_OAUTH_CONSUMER_KEY": "consumer_key_unknown",
        "INVALID_OAUTH_NONCE": "nonce_used",
        "INVALID_OAUTH_TIMESTAMP": "timestamp_refused",
        "SIGNATURE_VERIFICATION_FAILED": "signature_invalid",
    }
)
# Authlib's and oauthlib's servers, and the last reasons of OKAPI (its okapi/core/Exception).
_ERRORS: Mapping[str, str] = MappingProxyType(
    {
        "invalid_consumer": "consumer_key_unknown",
        "invalid_nonce": "nonce_used",
        "invalid_signature": "signature_invalid",
        "invalid_signature_method": "signature_method_rejected",
        "invalid_timestamp": "timestamp_refused",
        "invalid_token": "token_rejected",
        "missing_parameter": "parameter_absent",
        "nonce_already_used": "nonce_used",
        "unsupported_oauth_version": "version_rejected",
        "unsupported_signature_method": "signature_method_rejected",
    }
)
# The extension's other names. Each is a ProviderError.
_OTHER_PROBLEMS = (
    "additional_authorization_required",
    "consumer_key_refused",
    "consumer_key_rejected",
    "consumer_key_unknown",
    "parameter_absent",
    "parameter_rejected",
    "permission_denied",
    "permission_unknown",
    "user_refused",
    "version_rejected",
)
_PROBLEMS: Mapping[str, str] = MappingProxyType(
    {name: name for name in (*ERROR_TYPES, *_OTHER_PROBLEMS)}
    | {"rate limit exceeded": "rate_limited"}  # Xero
)
# In a challenge, NetSuite says `error="token_rejected"` of every mistake.
_CHALLENGES: Mapping[str, str] = MappingProxyType(
    {name: meaning for name, meaning in _PROBLEMS.items() if ERROR_TYPES.get(meaning) is not TokenRejected}
)
# Flickr, and APIs of the same form: Vimeo's Advanced API, Remember The Milk.
_STAT: Mapping[str, str] = MappingProxyType(
    {
        "96": "signature_invalid",  # "Invalid signature"
        "98": "token_rejected",  # "Invalid auth token" or "Login failed / Invalid auth token"
        "100": "consumer_key_unknown",  # "Invalid API Key"
        # Vimeo's Advanced API: the codes of its client for Android.
        "301": "consumer_key_unknown",
        "302": "token_rejected",  # "Invalid / expired token"
        "303": "signature_invalid",
        "304": "nonce_used",
        "305": "signature_invalid",
        "306": "signature_method_rejected",
        "999": "rate_limited",
    }
)
_FORMS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "challenge": _CHALLENGES,
        "code": _CODES,
        "error": MappingProxyType({**_PROBLEMS, **_CODES, **_ERRORS}),
        "errors": _X,
        "mediawiki": _CODES,
        "stat": _STAT,
        "oauth_problem": _PROBLEMS,
    }
)
CANONICAL_NAMES: Mapping[str, str] = MappingProxyType({**_X, **_CODES, **_ERRORS, **_PROBLEMS})
"""The meaning of a name, at every provider."""

SAID_OF_SKEW = frozenset({"32", "INVALID_LOGIN", "INVALID_LOGIN_ATTEMPT"})
"""Names that X (twitter-ruby#403, tmhOAuth's auto_fix_time) and NetSuite say of a bad timestamp too."""

# Names of several faults: the sentence beside the name tells which.
_SENTENCE_NAMES = frozenset(
    {
        *("4", "6", "7", "8", "9"),  # FatSecret
        "AUTHENTICATION_FAILED",  # Mastercard
        "BAD_OAUTH_REQUEST",  # BrickLink
        "invalid_request",  # Authlib and oauthlib
        "mwoauth-invalid-authorization",  # MediaWiki
        "mwoauth-oauth-exception",
        "woocommerce_api_authentication_error",  # WooCommerce's older API
        "woocommerce_rest_authentication_error",
    }
)
# The beginnings of pages that continue with a base string: Discogs and other servers on python-oauth2.
_EXPECTED = "Invalid signature. Expected signature base string"

# Only with these statuses a report other than `oauth_problem` says that a token is dead; one within other
# text only with 401.
_DEAD = frozenset({400, 401, 403})
_UNAUTHORIZED = 401


def canonical_name(report: ProblemReport, status: int, *, at_token_endpoint: bool = False) -> str:
    """Return the meaning of a report, a name of the Problem Reporting extension; "" if it is not clear.

    Args:
        report: What the provider reports.
        status: The status with which it does; 401 for an error in a 200.
        at_token_endpoint: Whether a token endpoint says it, of a request token.
    """
    meaning = _FORMS.get(report.form, {}).get(report.name)
    if meaning is None and report.form == "meta":
        meaning = _PROBLEMS.get(report.name.lower())  # BrickLink has the extension's names in capitals
    meaning = meaning or _from_sentence(report, status, at_token_endpoint=at_token_endpoint)
    if ERROR_TYPES.get(meaning) is not TokenRejected:
        return meaning
    is_number = report.form == "errors" or (report.form == "stat" and report.name == "302")
    if is_number and report.advice and "token" not in report.advice.lower():
        return ""  # another provider's number
    if report.embedded:
        return meaning if status == _UNAUTHORIZED else ""
    return meaning if report.form == "oauth_problem" or status in _DEAD else ""


def _from_sentence(report: ProblemReport, status: int, *, at_token_endpoint: bool) -> str:
    """Return the meaning of the sentence, if the name has none."""
    sentence = report.advice.strip()
    is_named = bool(report.name) and report.form != "mediawiki" and report.name not in _SENTENCE_NAMES
    if report.form == "oauth_problem" and " " in report.name:
        sentence, is_named = report.name, False  # Magento 2
    if is_named and status != _UNAUTHORIZED:
        return ""
    if sentence.startswith(_EXPECTED):
        return "signature_invalid"
    if report.form == "text" and not is_plain_sentence(sentence):
        return ""
    at_token_endpoint = at_token_endpoint or report.form == "mediawiki"
    meaning = meaning_of_sentence(sentence, status, at_token_endpoint=at_token_endpoint)
    # Beside an unknown name, the sentence may be about another token.
    return "" if is_named and ERROR_TYPES.get(meaning) is TokenRejected else meaning


_MIXED_UP = "check that consumer key, consumer secret, token and token secret belong together"
_NETSUITE = (
    "NetSuite says this of every mistake: its Login Audit Trail names the reason",
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
