"""The header fields that an error shows: pure functions of their names and values."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from aiooauth1.responses.excerpts import MAX_SCANNED, excerpt, is_clear, printable


if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiooauth1.responses.redaction import SecretMatcher


__all__ = ["REQUEST_ID_FIELDS", "request_id", "shown_headers"]

REQUEST_ID_FIELDS = (
    "x-request-id",  # Rails, MediaWiki, Trello, Shopify and many proxies
    "x-transaction-id",  # X
    "x-transaction",  # X's older servers
    "x-amzn-requestid",  # Amazon API Gateway
    "x-amz-request-id",  # Amazon S3
    "x-n-operationid",  # NetSuite
    "x-arequestid",  # Jira and Confluence
    "atl-traceid",  # Atlassian's cloud
    "x-rid",  # Tumblr
    "x-dropbox-request-id",
    "x-github-request-id",
    "x-li-uuid",  # LinkedIn
    "xero-correlation-id",
    "x-correlation-id",  # Mastercard and others
    "correlation-id",
    "request-id",
    "x-trace-id",
    "x-b3-traceid",  # Zipkin's propagation, for example Bitbucket
    "x-amzn-trace-id",  # Amazon load balancers
    "cf-ray",  # Cloudflare, in front of Discogs and others
)
"""The fields in which providers name a request, in order of preference."""

_CREDENTIALS = frozenset({"set-cookie", "set-cookie2", "authentication-info", "proxy-authenticate"})
_MOST_FIELDS = 64
_LONGEST_NAME = 64
_LONGEST_VALUE = 1024
_LONGEST_ID = 128


def request_id(headers: Iterable[tuple[str, str]]) -> str | None:
    """Return the provider's own name for a request; None if no field has one.

    >>> request_id([("CF-RAY", "8f2a-FRA"), ("X-Transaction-Id", "a1b2")])
    'a1b2'
    """
    values = {name.lower(): value for name, value in headers}
    return next(
        (found for name in REQUEST_ID_FIELDS if (found := printable(values.get(name, ""), _LONGEST_ID))), None
    )


def shown_headers(headers: Iterable[tuple[str, str]], matcher: SecretMatcher) -> tuple[tuple[str, str], ...]:
    """Return header fields as an error may show them: without secrets, `oauth_` values, cookies."""
    fields = [
        (name[:_LONGEST_NAME], value[: MAX_SCANNED + matcher.longest])
        for name, value in islice(headers, _MOST_FIELDS)
        if name.lower() not in _CREDENTIALS
    ]
    short = all(len(value) <= _LONGEST_VALUE for _, value in fields)
    if short and is_clear("\n".join(value for _, value in fields), matcher):
        return tuple(fields)
    return tuple((name, excerpt(value, _LONGEST_VALUE, matcher)) for name, value in fields)
