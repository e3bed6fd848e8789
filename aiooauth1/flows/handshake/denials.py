"""How providers say that the user said no, as data, each with its source.

A form is listed only if it means nothing else at any provider. What is ambiguous is an option of `Provider`:
`denied_by_empty_verifier` (NetSuite), `denied_without_verifier` (Evernote and Tumblr leave the verifier out)
and `denial_params` (Goodreads sends `authorize=0`).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = [
    "DENIAL_FLAGS",
    "DENIAL_PROBLEMS",
    "DENIED_VERIFIERS",
    "NO_VERIFIERS",
    "PENDING_PROBLEMS",
    "is_denial_flag",
    "is_denial_problem",
    "is_pending_problem",
]

DENIAL_PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "user_refused": "Problem Reporting extension; LinkedIn and Xing (passport-linkedin, passport-xing);"
        " GNU social (apioauthauthorize.php)",
        "permission_denied": "Problem Reporting extension; Yahoo's OAuth guide",
        "access_denied": "OKAPI (opencaching/okapi#331); Authlib's server; OAuth 2's name (RFC 6749 4.1.2.1)",
        "user_denied": "servers written by hand; the same words",
        "access denied": "the same words",
        "denied": "the same word",
        "user_declined": "likewise",
        "user_cancelled": "likewise",
        "user_canceled": "likewise",
        "authorization_denied": "likewise",
        "access not granted by user": "django-oauth-plus (views.py), and ADL_LRS with it, as `error=`",
        "end-user refused to authorize request token": "Launchpad's +access-token (browser/oauth.py)",
    }
)
"""Values of `oauth_problem` and `error`, in lower case and without a full stop at the end."""

DENIAL_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "denied": "X, with the request token as its value (singingwolfboy/flask-dance#125)",
        "rejected": "Magento 1, beside oauth_token (Mage_Oauth_Helper_Data::QUERY_PARAM_REJECTED)",
        "not_approved": "Dropbox's version 1, beside oauth_token",
    }
)
"""Parameters that are there only when the user said no. Their value may be a flag."""

DENIED_VERIFIERS: Mapping[str, str] = MappingProxyType(
    {"denied": "Atlassian's OAuth plugin: Jira, Confluence, Bitbucket Server, and Jenkins' copy of it"}
)
"""Values of `oauth_verifier` that mean a denial."""

NO_VERIFIERS = frozenset({"null"})
"""Values of `oauth_verifier` with which a server says that there is none: sdnu.edu.cn (its clients' code)."""

PENDING_PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "permission_unknown": "the Problem Reporting extension; Jira (AccessTokenServlet)",
        "request token has not yet been reviewed. try again later": "Launchpad's +access-token",
        "request token has not been authorized": "Spring Security OAuth 1 (RandomValueProviderTokenServices)",
        "request token is not authorized": "eXo (OAuthAccessTokenServlet), Jifty (Model::RequestToken)",
    }
)
"""What a token endpoint says while the user has not answered yet: ask again later."""

_OFF = frozenset({"0", "false", "no", "off"})


def is_denial_problem(text: str) -> bool:
    """Say whether a problem's name or sentence is that the user said no.

    >>> is_denial_problem("Access not granted by user."), is_denial_problem("consumer_key_unknown")
    (True, False)
    """
    return _normalized(text) in DENIAL_PROBLEMS


def is_pending_problem(text: str) -> bool:
    """Say whether a problem's name or sentence is that the user has not answered yet."""
    return _normalized(text) in PENDING_PROBLEMS


def is_denial_flag(value: str) -> bool:
    """Say whether the value of a flag in `DENIAL_FLAGS` is not an explicit "off"."""
    return value.strip().lower() not in _OFF


def _normalized(text: str) -> str:
    return text.strip().rstrip(".!").lower()
