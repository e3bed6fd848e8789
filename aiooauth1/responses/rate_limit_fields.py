"""The names of rate-limit fields, and the statuses beside them, as data, each with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["BACKOFF", "FAMILIES", "POLICIES", "SCOPE", "SCOPES", "SHOPIFY", "TOO_MANY", "Family", "Scope"]

TOO_MANY = frozenset({420, 429, 509})
"""The statuses that say "too many requests": 420 of X's older API, 509 of OpenStreetMap."""

Scope = Literal["user", "app", "unknown"]
"""Whom a limit counts: one user's token, the whole application, or the provider does not say."""


class Family(NamedTuple):
    """The fields of one window: each a name, or several in order of preference."""

    limit: tuple[str, ...]
    remaining: tuple[str, ...]
    reset: tuple[str, ...] = ()
    used: tuple[str, ...] = ()  # of providers that count upwards
    scope: Scope = "unknown"
    window: float | None = None
    window_field: str = ""


_SECOND, _MINUTE, _HOUR, _DAY, _MONTH = 1.0, 60.0, 3_600.0, 86_400.0, 2_592_000.0


def _family(prefix: str, scope: Scope = "unknown", window: float | None = None) -> Family:
    return Family(
        (f"{prefix}limit",), (f"{prefix}remaining",), (f"{prefix}reset",), scope=scope, window=window
    )


_TRELLO: tuple[tuple[str, Scope], ...] = (("api-token", "user"), ("api-key", "app"), ("member", "user"))

_MASHERY: tuple[tuple[str, Scope], ...] = (("packagekey", "app"), ("plan", "app"), ("accesstoken", "user"))

FAMILIES = (
    # X: docs.x.com, "Rate limits"; Okta and others use the same names, Zendesk a shorter one for the limit.
    Family(("x-rate-limit-limit", "x-rate-limit"), ("x-rate-limit-remaining",), ("x-rate-limit-reset",)),
    # X, of posts: plhery/node-twitter-api-v2 issues 495 and 553.
    _family("x-user-limit-24hour-", "user", _DAY),
    _family("x-app-limit-24hour-", "app", _DAY),
    _family("x-user-limit-3hour-", "user", 3 * _HOUR),
    # X, uploads and single features of API 1.1.
    _family("x-mediaratelimit-"),
    _family("x-featureratelimit-"),
    # GitHub, SmugMug, Mastodon, Jira, MediaWiki's gateway. Discord: reset-after. Jira Data Center: interval.
    Family(
        ("x-ratelimit-limit",),
        ("x-ratelimit-remaining",),
        ("x-ratelimit-reset-after", "x-ratelimit-reset"),
        window_field="x-ratelimit-interval-seconds",
    ),
    # RateLimit-*: drafts 0 to 6 of the IETF's "RateLimit header fields for HTTP"; Yelp's names beside them.
    Family(("ratelimit-limit",), ("ratelimit-remaining",), ("ratelimit-reset", "ratelimit-resettime")),
    # Discogs: a moving window of 60 seconds, for each application (its developers' page, "Rate Limiting").
    Family(("x-discogs-ratelimit",), ("x-discogs-ratelimit-remaining",), scope="app", window=_MINUTE),
    # Trello: "Rate Limits" of its REST API's guide; a window has no reset, but a length in milliseconds.
    *(
        Family(
            (f"x-rate-limit-{name}-max",),
            (f"x-rate-limit-{name}-remaining",),
            scope=scope,
            window_field=f"x-rate-limit-{name}-interval-ms",
        )
        for name, scope in _TRELLO
    ),
    # Fitbit: per user and hour. Xero: per tenant, and per application.
    _family("fitbit-rate-limit-", "user", _HOUR),
    Family((), ("x-minlimit-remaining",), scope="user", window=_MINUTE),
    Family((), ("x-daylimit-remaining",), scope="user", window=_DAY),
    Family((), ("x-appminlimit-remaining",), scope="app", window=_MINUTE),
    # Etsy, for each application.
    Family(("x-limit-per-second",), ("x-remaining-this-second",), scope="app", window=_SECOND),
    Family(("x-limit-per-day",), ("x-remaining-today",), scope="app", window=_DAY),
    # Imgur: of the user, the application, and of posts ("Rate Limits" of its API's documentation).
    Family(
        ("x-ratelimit-userlimit",), ("x-ratelimit-userremaining",), ("x-ratelimit-userreset",), scope="user"
    ),
    Family(("x-ratelimit-clientlimit",), ("x-ratelimit-clientremaining",), scope="app", window=_DAY),
    _family("x-post-rate-limit-"),
    # Mashery, a gateway: queries a second and a quota, of a key or (Egnyte) of a user's token.
    *(
        Family(
            (f"x-{name}-{kind}-allotted",),
            (),
            used=(f"x-{name}-{kind}-current",),
            scope=scope,
            window=_SECOND if kind == "qps" else None,
        )
        for name, scope in _MASHERY
        for kind in ("qps", "quota")
    ),
    # BigCommerce, in milliseconds.
    Family(
        ("x-rate-limit-requests-quota",),
        ("x-rate-limit-requests-left",),
        ("x-rate-limit-time-reset-ms",),
        window_field="x-rate-limit-time-window-ms",
    ),
    # Tumblr: X-Ratelimit-Perhour-Remaining, tumblr-utils issue 228. Kong: X-RateLimit-Remaining-Minute.
    *(
        Family(
            (f"x-ratelimit-per{name}-limit", f"x-ratelimit-limit-{name}"),
            (f"x-ratelimit-per{name}-remaining", f"x-ratelimit-remaining-{name}"),
            (f"x-ratelimit-per{name}-reset", f"x-ratelimit-reset-{name}"),
            window=seconds,
        )
        for name, seconds in (
            ("second", _SECOND),
            ("minute", _MINUTE),
            ("hour", _HOUR),
            ("day", _DAY),
            ("month", _MONTH),
        )
    ),
)
SHOPIFY = "x-shopify-shop-api-call-limit"  # used/limit
# Zotero and Kinto ask every client for a pause, also in successful responses.
BACKOFF = ("backoff", "x-backoff", "x-weave-backoff")
# Discord says of which kind a 429 is.
SCOPES: Mapping[str, Scope] = {"user": "user", "global": "app"}
SCOPE = "x-ratelimit-scope"
# Words in the name of an IETF policy.
POLICIES: Mapping[str, Scope] = {
    "user": "user",
    "token": "user",
    "app": "app",
    "application": "app",
    "client": "app",
    "consumer": "app",
}
