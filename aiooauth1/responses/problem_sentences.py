"""The meaning of plain sentences, for providers that explain a refusal in words instead of a code.

A rule looks for words that go together, since providers word the same refusal in many ways. That a token is
dead is never guessed from words: `TokenRejected` makes an application delete a token, so that only sentences
that are known to be unambiguous count.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["is_plain_sentence", "meaning_of_sentence", "server_time"]

_LONGEST = 400  # characters; a longer text is a page, which may be about anything

# Sentences about a token, in lower case. They end there, or one of `_ENDS` follows.
_DEAD_TOKENS: Mapping[str, str] = MappingProxyType(
    {
        # OAuth.php and python-oauth ("Invalid access token: <key>"), hence django-oauth, django-piston and
        # MediaWiki; Plurk ("40106:invalid access token"); FatSecret, code 9.
        "invalid access token": "token_rejected",
        # pump.io; X before its codes, then X's code 89.
        "invalid / expired token": "token_rejected",
        "invalid/expired token": "token_rejected",
        "invalid or expired token": "token_rejected",
        # Launchpad, lp.services.oauth: "Unknown access token (<key>)." and "Expired token (<key>).".
        "unknown access token": "token_rejected",
        "expired token": "token_expired",
        # Magento 2, Magento_Integration Model/Oauth/Token/Provider.php.
        "access token has been revoked": "token_revoked",
        "specified token does not exist": "token_rejected",
        "oauth request token has expired": "token_expired",  # WordPress
        "the token used in the oauth request is not valid": "token_rejected",  # LinkedIn's API v1
        "no approved grant was found for that authorization token": "token_rejected",  # MediaWiki
    }
)
# The same, by the plain meaning of the words: only with status 401, which says that it is about credentials.
_DEAD_IF_UNAUTHORIZED: Mapping[str, str] = MappingProxyType(
    {
        "access token revoked": "token_revoked",
        "token has been revoked": "token_revoked",
        "the access token has been revoked": "token_revoked",
        "revoked access token": "token_revoked",
        "invalid or revoked token": "token_rejected",
        "expired access token": "token_expired",
        "access token expired": "token_expired",
        "access token not found": "token_rejected",
        "access token invalid": "token_rejected",
        "access token is invalid": "token_rejected",
        "the access token is invalid": "token_rejected",
        "invalid or expired access token": "token_rejected",
        "access token is invalid or has expired": "token_rejected",
        "access token has expired": "token_expired",
        "the access token has expired": "token_expired",
    }
)
# Sentences about the request token, at token endpoints only: elsewhere they could mean anything.
_REQUEST_TOKENS: Mapping[str, str] = MappingProxyType(
    {
        "invalid token": "token_rejected",  # WordPress
        "invalid request token": "token_rejected",  # OAuth.php, python-oauth
        "missing or invalid request token": "token_rejected",  # Tumblr
        "unknown request token": "token_rejected",
        "request token has expired": "token_expired",
        "token is already being used": "token_used",  # Magento 2
        "request token has already been used": "token_used",
        # Launchpad, lp.services.oauth.browser: neither is the end of the handshake's token.
        "end-user refused to authorize request token": "user_refused",
        "request token has not yet been reviewed": "permission_unknown",
    }
)
_UNAUTHORIZED = 401
_ENDS = (":", " (", ".", ",", " '", ' "', ";", " for ")
# Sentences without a meaning, since the provider uses them for other faults too.
_AMBIGUOUS = frozenset(
    {
        "invalid / used nonce",  # pump.io, of an unknown consumer too
        "invalid oauth request",  # ruby-oauth's servers, of everything
        "invalid timestamp size",  # oauthlib, unless it is a number of ten digits
    }
)
_INTRODUCTIONS = (
    "An error occurred in the OAuth protocol: ",  # MediaWiki
    "The authorization headers in your request are not valid: ",  # MediaWiki
    "Error processing your OAuth request: ",  # X
    "[unauthorized]. ",  # LinkedIn
)
# The status repeated, as by Schoology, or the name of an error class. MAAS, maasserver/api/auth.py, has
# "Authorization Error: 'Invalid access token: …'".
_INTRODUCTION = re.compile(
    r"(?:http status )?401(?: - |: | )"
    r"|(?:oauth|authorization|authentication)? ?(?:error|failed): |unauthorized: ",
    re.ASCII | re.IGNORECASE,
)
_QUOTES = "'\""
_NUMBER = re.compile(r"\d{5}:")  # Plurk's
_BLANKS = re.compile(r"\s+")

_WRONG = (
    "bad",
    "did not match",
    "does not match",
    "doesn't match",
    "failed",
    "incorrect",
    "invalid",
    "mismatch",
    "not valid",
    "rejected",
    "unsupported",
    "not supported",
    "could not be verified",
    "could not verify",
    "unable to verify",
    "not verified",
    "verification error",
    "wrong",
)
_OLD = (
    "bad system clock",  # Launchpad
    "difference than threshold",  # python-oauth
    "expired",
    "future",
    "in the past",
    "incorrect",
    "invalid",
    "out of bounds",  # X before its codes
    "out of range",
    "not within",
    "problem with",  # django-declarative-apis
    "skew",
    "stale",
    "refused",
    "seconds old",
    "too early",
    "too far",  # Tumblr and Instapaper: "oauth_timestamp is too far away; …"
    "too late",
    "too old",
)
_SEEN = ("already", "duplicate", "has been used", "replay", "reused", "used before", "/used nonce")


def is_plain_sentence(text: str) -> bool:
    """Say whether a whole body is a plain sentence or two, not a page, form or data.

    >>> is_plain_sentence("Could not verify OAuth request."), is_plain_sentence("<p>No page.</p>")
    (True, False)
    """
    text = text.strip()
    return (
        len(text) <= _LONGEST
        and " " in text
        and text[:1].isalnum()
        and not any(sign in text for sign in "<>{}\r\n\t\0")
    )


def meaning_of_sentence(sentence: str, status: int, *, at_token_endpoint: bool = False) -> str:
    """Return the meaning of a sentence, a name of the Problem Reporting extension; "" if it is not clear.

    Args:
        sentence: The provider's words.
        status: The status code that came with them.
        at_token_endpoint: Whether a token endpoint says it, of a request token.

    >>> meaning_of_sentence("The signature is invalid. Verify and try again.", 401)
    'signature_invalid'
    >>> meaning_of_sentence("oauth_timestamp is too far away; we believe it is now 2, you sent 1", 401)
    'timestamp_refused'
    """
    if len(sentence) > _LONGEST:
        return ""
    for introduction in _INTRODUCTIONS:
        sentence = sentence.removeprefix(introduction)
    sentence = _INTRODUCTION.sub("", sentence.strip(), count=1)
    if sentence[:1] in _QUOTES and sentence[:1] == sentence[-1:]:
        sentence = sentence[1:-1]
    said = _BLANKS.sub(" ", _NUMBER.sub("", sentence.strip(), count=1)).lower().rstrip(" .!")
    if said in _AMBIGUOUS:
        return ""
    tables = [_DEAD_TOKENS]
    tables += [_DEAD_IF_UNAUTHORIZED] if status == _UNAUTHORIZED else []
    tables += [_REQUEST_TOKENS] if at_token_endpoint else []
    for table in tables:
        for words, meaning in table.items():
            if said == words or (said.startswith(words) and said.startswith(_ENDS, len(words))):
                return meaning
    return _by_words(said)


# Each meaning and its words: a sentence must contain one of every group. The first match counts.
_RULES: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    (
        "rate_limited",
        (("rate limit exceeded", "rate-limit exceeded", "too many requests", "too many actions"),),
    ),
    ("nonce_used", (("nonce",), _SEEN)),
    # Plurk's 40004. If it comes again after another nonce, it is about the clock.
    ("nonce_used", (("timestamp or nonce",), ("invalid",))),
    ("timestamp_refused", (("timestamp",), _OLD)),
    ("signature_invalid", (("invalid signature for ",),)),  # Spring, which then names the method
    ("signature_method_rejected", (("signature method", "signature_method"), _WRONG)),
    ("verifier_invalid", (("verifier",), _WRONG)),
    ("signature_invalid", (("signature",), _WRONG)),
)


def _by_words(said: str) -> str:
    for meaning, groups in _RULES:
        if all(any(word in said for word in words) for words in groups):
            return meaning
    return ""


# The provider's time in a sentence: MediaWiki and OAuth.php, Tumblr and Instapaper, python-oauth,
# django-declarative-apis.
_TIMES = (
    re.compile(r"\bours:? (\d{9,11})\b", re.ASCII),
    re.compile(r"\bit is now (\d{9,11})\b", re.ASCII),
    re.compile(r"\band now (\d{9,11})\b", re.ASCII),
    re.compile(r"\b[Ss]erver time is (\d{9,11})\b", re.ASCII),
)


def server_time(sentence: str) -> float | None:
    """Return the provider's time from its sentence about a timestamp, in seconds since the epoch.

    >>> server_time("Expired timestamp, yours 1700000000, ours 1700003600")
    1700003600.0
    """
    for pattern in _TIMES:
        if found := pattern.search(sentence[:_LONGEST]):
            return float(found[1])
    return None
