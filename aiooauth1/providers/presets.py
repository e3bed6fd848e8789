"""Presets of providers whose URLs are the same for every user. Each names its sources and what is unverified.

"Page" is the provider's own documentation, "client" the code of a client that is in use. No preset was
tried against the live provider. To change a value:
`dataclasses.replace(TUMBLR, user_agent="my-service/1.0")`.
"""

from __future__ import annotations

from aiooauth1.providers.provider import Provider
from aiooauth1.providers.rate_limit_rule import RateLimitRule
from aiooauth1.signing.methods import HMAC_SHA512


__all__ = [
    "BRICKLINK",
    "CLEVER_CLOUD",
    "DISCOGS",
    "ETRADE",
    "ETRADE_SANDBOX",
    "EVERNOTE",
    "FATSECRET",
    "FLICKR",
    "HATENA",
    "IMMOSCOUT24",
    "INSTAPAPER",
    "NOUN_PROJECT",
    "PLURK",
    "RAVELRY",
    "SMUGMUG",
    "TRELLO",
    "TUMBLR",
    "ZAIM",
    "ZOTERO",
    "X",
]

_QUARTER_OF_AN_HOUR, _HOUR, _DAY = 900, 3600, 86_400

X = Provider(
    "x",
    request_token_url="https://api.x.com/oauth/request_token",
    authorize_url="https://api.x.com/oauth/authorize",
    access_token_url="https://api.x.com/oauth/access_token",
    base_url="https://api.x.com/2/",
    origins=("https://api.twitter.com", "https://upload.twitter.com"),
    docs="https://docs.x.com/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens",
    user_id_field="user_id",
    user_name_field="screen_name",
    revoke_url="https://api.x.com/1.1/oauth/invalidate_token",
    rate_limits=(
        RateLimitRule(100, _QUARTER_OF_AN_HOUR, "user", ("POST",), "/2/tweets"),
        RateLimitRule(10_000, _DAY, "app", ("POST",), "/2/tweets"),
    ),
    rate_limit_headers=("x-rate-limit-", "x-user-limit-24hour-", "x-app-limit-24hour-"),
    hints={
        "signature_invalid": "X answers code 32 for any signature that it cannot verify: check that a JSON"
        " body was not signed as a form, and that the callback is on the application's list",
        "timestamp_refused": "X accepts timestamps within about five minutes of its own clock: set the"
        " machine's clock",
        "token_rejected": "the user has revoked access, or the token was regenerated (code 89): sign them in"
        " again",
    },
)
"""X, formerly Twitter.

Endpoints, `user_id` and `screen_name`, revocation: page (docs.x.com, developer.x.com). The hosts of the older
API: client (tweepy). `dataclasses.replace(X, authorize_url="https://api.x.com/oauth/authenticate")` asks only
users who have not approved yet: page. Limits: X's table of limits, as two secondary pages of August 2026 have
it. Unverified: that a denial comes as `?denied=`.
"""

TUMBLR = Provider(
    "tumblr",
    request_token_url="https://www.tumblr.com/oauth/request_token",
    authorize_url="https://www.tumblr.com/oauth/authorize",
    access_token_url="https://www.tumblr.com/oauth/access_token",
    access_token_method="GET",
    base_url="https://api.tumblr.com/v2/",
    needs_user_agent=True,
    denied_without_verifier=True,
    docs="https://github.com/tumblr/docs/blob/master/api.md",
    rate_limits=(
        RateLimitRule(1000, _HOUR, "app"),
        RateLimitRule(5000, _DAY, "app"),
        RateLimitRule(300, 60, "ip"),
        RateLimitRule(250, _DAY, "user", ("POST",), "/v2/blog"),
    ),
    rate_limit_headers=("x-ratelimit-perhour-", "x-ratelimit-perday-"),
    hints={
        "token_rejected": "a token that was exchanged at /v2/oauth2/exchange no longer works: sign the user"
        " in again",
    },
)
"""Tumblr.

Endpoints, limits, the exchange that ends a token, and that a User-Agent of your own keeps you from
suspension: page (tumblr/docs). The exchange by GET: page; pytumblr's recipe uses POST. Posts: 250 a day for
each user: page. A denied callback has no verifier: clients.
"""

FLICKR = Provider(
    "flickr",
    request_token_url="https://www.flickr.com/services/oauth/request_token",
    authorize_url="https://www.flickr.com/services/oauth/authorize",
    access_token_url="https://www.flickr.com/services/oauth/access_token",
    base_url="https://api.flickr.com/services/",
    origins=("https://up.flickr.com",),
    authorize_params={"perms": "read"},
    sign_multipart_text=True,
    errors_in_success=True,
    docs="https://www.flickr.com/services/api/auth.oauth.html",
    user_id_field="user_nsid",
    user_name_field="username",
    hints={
        "signature_invalid": "Flickr sends its base string as debug_sbs: compare it with `aiooauth1 explain"
        " --server`. In uploads, every field except `photo` is signed",
    },
)
"""Flickr. For more than reading: `dataclasses.replace(FLICKR, authorize_params={"perms": "write"})`.

Endpoints, `perms`, the fields of the reply: page. POST at the token endpoints, signed upload fields, errors
in a 200: client (sybrenstuvel/flickrapi). `debug_sbs`: three clients' code.
"""

DISCOGS = Provider(
    "discogs",
    request_token_url="https://api.discogs.com/oauth/request_token",
    request_token_method="GET",
    authorize_url="https://www.discogs.com/oauth/authorize",
    access_token_url="https://api.discogs.com/oauth/access_token",
    base_url="https://api.discogs.com/",
    needs_user_agent=True,
    docs="https://www.discogs.com/developers",
    rate_limits=(RateLimitRule(60, 60, "ip"),),
    rate_limit_headers=("x-discogs-ratelimit",),
    hints={
        "signature_invalid": "Discogs serves requests with a bad signature as anonymous ones: check the"
        " signature also after a 403 or empty data",
    },
)
"""Discogs. It takes PLAINTEXT as well as HMAC-SHA1, which is used here.

Endpoints and their methods, the User-Agent: client (python3-discogs-client, social-core). Limit (by source
address) and header fields: page. That a bad signature counts as anonymous: issue discogs-client#198.
"""

TRELLO = Provider(
    "trello",
    request_token_url="https://trello.com/1/OAuthGetRequestToken",
    authorize_url="https://trello.com/1/OAuthAuthorizeToken",
    access_token_url="https://trello.com/1/OAuthGetAccessToken",
    base_url="https://api.trello.com/1/",
    origins=("https://trello.com",),
    authorize_params={"scope": "read,write", "expiration": "30days"},
    docs="https://developer.atlassian.com/cloud/trello/guides/rest-api/authorization/",
    rate_limits=(RateLimitRule(300, 10, "app"), RateLimitRule(100, 10, "user")),
    rate_limit_headers=("x-rate-limit-api-key-", "x-rate-limit-api-token-"),
    hints={
        "signature_invalid": "Trello answers PLAINTEXT with `Invalid Signature`: sign with HMAC-SHA1",
        "token_rejected": "the token has expired (30 days, unless the authorize URL says otherwise) or was"
        " revoked: sign the user in again",
    },
)
"""Trello. The authorize page shows the application by its name: `begin(…, authorize_params={"name": "…"})`.

Endpoints: client (py-trello). Scope, expiration, limits: page. PLAINTEXT refused: a forum answer of 2015.
"""

SMUGMUG = Provider(
    "smugmug",
    request_token_url="https://api.smugmug.com/services/oauth/1.0a/getRequestToken",
    authorize_url="https://api.smugmug.com/services/oauth/1.0a/authorize",
    access_token_url="https://api.smugmug.com/services/oauth/1.0a/getAccessToken",
    base_url="https://api.smugmug.com/api/v2/",
    origins=("https://upload.smugmug.com",),
    authorize_params={"Access": "Public", "Permissions": "Read"},
    docs="https://api.smugmug.com/api/v2/doc/tutorial/authorization.html",
    hints={
        "token_expired": "a SmugMug request token lives five minutes and works once: start over",
    },
)
"""SmugMug. For more: `authorize_params={"Access": "Full", "Permissions": "Modify"}`. The PIN has six digits.

Endpoints, parameters, life of request tokens: page. The upload host: page.
"""

ZOTERO = Provider(
    "zotero",
    request_token_url="https://www.zotero.org/oauth/request",
    request_token_method="GET",
    authorize_url="https://www.zotero.org/oauth/authorize",
    access_token_url="https://www.zotero.org/oauth/access",
    access_token_method="GET",
    base_url="https://api.zotero.org/",
    signs_calls=False,
    docs="https://www.zotero.org/support/dev/web_api/v3/oauth",
    user_id_field="userID",
    user_name_field="username",
)
"""Zotero. The access token is an API key: calls carry it as `Zotero-API-Key` and are not signed.

Endpoints, `userID`, unsigned calls, `authorize_params` (name, library_access, notes_access, write_access,
all_groups, identity=1): page. GET, `username`: client (social-core).
"""

PLURK = Provider(
    "plurk",
    request_token_url="https://www.plurk.com/OAuth/request_token",
    authorize_url="https://www.plurk.com/OAuth/authorize",
    access_token_url="https://www.plurk.com/OAuth/access_token",
    base_url="https://www.plurk.com/APP/",
    docs="https://www.plurk.com/API",
    hints={
        "token_rejected": "a sign-in with the same `deviceid` replaces the older token: use one per device",
    },
)
"""Plurk. Phones have a page of their own, `https://www.plurk.com/m/authorize`.

Endpoints, and `deviceid` and `model` as `authorize_params`: page. HMAC-SHA1 and the PIN way:
clients (plurk-oauth and three more).
"""

HATENA = Provider(
    "hatena",
    request_token_url="https://www.hatena.com/oauth/initiate",
    authorize_url="https://www.hatena.ne.jp/oauth/authorize",
    access_token_url="https://www.hatena.com/oauth/token",
    base_url="https://n.hatena.com/",
    origins=("https://b.hatena.ne.jp", "https://bookmark.hatenaapis.com", "https://blog.hatena.ne.jp"),
    request_params={"scope": "read_public"},
    docs="https://developer.hatena.ne.jp/ja/documents/auth/apis/oauth/consumer",
    user_id_field="url_name",
    user_name_field="display_name",
    hints={
        "parameter_absent": "the request for a request token needs a signed `scope`, such as"
        " read_public,write_public"
    },
)
"""Hatena. For more: `dataclasses.replace(HATENA, request_params={"scope": "read_public,write_public"})`.

Endpoints and the signed scope: page, five clients. Unverified: `url_name` and `display_name` in the reply.
"""

ETRADE = Provider(
    "etrade",
    request_token_url="https://api.etrade.com/oauth/request_token",
    request_token_method="GET",
    authorize_url="https://us.etrade.com/e/t/etws/authorize",
    authorize_token_name="token",
    authorize_consumer_name="key",
    access_token_url="https://api.etrade.com/oauth/access_token",
    access_token_method="GET",
    base_url="https://api.etrade.com/v1/",
    docs="https://apisb.etrade.com/docs/api/authorization/request_token.html",
    renew_url="https://api.etrade.com/oauth/renew_access_token",
    renew_method="GET",
    revoke_url="https://api.etrade.com/oauth/revoke_access_token",
    revoke_method="GET",
    token_idle_limit=7200,
    tokens_end_at_midnight_in="America/New_York",
    hints={
        "token_expired": "E*TRADE's tokens become inactive after two hours without a call, and end at"
        " midnight US Eastern time: renew an inactive one, and sign in again after midnight",
        "timestamp_refused": "E*TRADE accepts timestamps within five minutes of its own clock: set the"
        " machine's clock",
    },
)
"""E*TRADE, the live environment. The callback is `"oob"` unless E*TRADE has registered another for you.

Endpoints, GET, parameter names of the authorize page, midnight, two hours, five minutes: page; client
(pyetrade).
"""

ETRADE_SANDBOX = Provider(
    "etrade-sandbox",
    request_token_url="https://apisb.etrade.com/oauth/request_token",
    request_token_method="GET",
    authorize_url="https://us.etrade.com/e/t/etws/authorize",
    authorize_token_name="token",
    authorize_consumer_name="key",
    access_token_url="https://apisb.etrade.com/oauth/access_token",
    access_token_method="GET",
    base_url="https://apisb.etrade.com/v1/",
    docs=ETRADE.docs,
    renew_url="https://apisb.etrade.com/oauth/renew_access_token",
    renew_method="GET",
    revoke_url="https://apisb.etrade.com/oauth/revoke_access_token",
    revoke_method="GET",
    token_idle_limit=7200,
    tokens_end_at_midnight_in="America/New_York",
    hints=ETRADE.hints,
)
"""E*TRADE's sandbox, with keys of its own. Sources as for `ETRADE`; its host: page."""

INSTAPAPER = Provider(
    "instapaper",
    access_token_url="https://www.instapaper.com/api/1/oauth/access_token",
    base_url="https://www.instapaper.com/api/1/",
    docs="https://www.instapaper.com/api",
    hints={
        "permission_denied": "Instapaper gives access tokens by xAuth only: `fetch_access_token_by_password`",
    },
)
"""Instapaper. Tokens by xAuth alone; every call is a POST. Save users by the numeric `user_id` that
`account/verify_credentials` returns: user names change.

All of it: page.
"""

FATSECRET = Provider(
    "fatsecret",
    request_token_url="https://authentication.fatsecret.com/oauth/request_token",
    authorize_url="https://authentication.fatsecret.com/oauth/authorize",
    access_token_url="https://authentication.fatsecret.com/oauth/access_token",
    base_url="https://platform.fatsecret.com/rest/",
    placement="query",
    monotonic_timestamps=True,
    errors_in_success=True,
    docs="https://platform.fatsecret.com/docs/guides/authentication/oauth1",
    hints={
        "timestamp_refused": "FatSecret refuses a timestamp before the last one: do not set the clock back"
    },
)
"""FatSecret. Calls without a user are signed with the consumer alone.

Parameters outside the header, timestamps: page. The host of the three endpoints, and errors with status 200:
clients (fatsecret 6.0 and three more; older ones use www.fatsecret.com).
"""

NOUN_PROJECT = Provider(
    "noun-project",
    base_url="https://api.thenounproject.com/v2/",
    docs="https://api.thenounproject.com/getting_started.html",
)
"""The Noun Project: calls are signed with the consumer alone; there are no access tokens, and no handshake.

All of it: page. Its nonces have eight characters or more: page.
"""

BRICKLINK = Provider(
    "bricklink",
    base_url="https://api.bricklink.com/api/store/v1/",
    errors_in_success=True,
    docs="https://www.bricklink.com/v2/api/welcome.page",
    rate_limits=(RateLimitRule(5000, _DAY, "app"),),
    hints={"token_rejected": "BrickLink ties a token to an IP address: register the one that you call from"},
)
"""BrickLink: its site gives you all four credentials, so there is no handshake.

HMAC-SHA1 in the header, the IP address, 5,000 calls a day: page (apidev.bricklink.com). Unverified: errors
as `meta.code` with status 200.
"""

EVERNOTE = Provider(
    "evernote",
    request_token_url="https://www.evernote.com/oauth",
    request_token_method="GET",
    authorize_url="https://www.evernote.com/OAuth.action",
    access_token_url="https://www.evernote.com/oauth",
    access_token_method="GET",
    base_url="https://www.evernote.com/",
    signs_calls=False,
    denied_without_verifier=True,
    docs="https://dev.evernote.com/doc/articles/authentication.php",
    user_id_field="edam_userId",
)
"""Evernote. The access token authenticates unsigned Thrift calls to `edam_noteStoreUrl`; `edam_expires`
in the token's params says when it ends. The sandbox is `sandbox.evernote.com`.

Endpoints, fields of the reply: page. GET, and no verifier in a denied callback: client (social-core).
"""

RAVELRY = Provider(
    "ravelry",
    request_token_url="https://www.ravelry.com/oauth/request_token",
    authorize_url="https://www.ravelry.com/oauth/authorize",
    access_token_url="https://www.ravelry.com/oauth/access_token",
    base_url="https://api.ravelry.com/",
    docs="https://www.ravelry.com/api",
)
"""Ravelry. More rights: `authorize_params={"scope": "…"}`. The callback also carries `username`.

Endpoints, HMAC-SHA1: clients (grant, npm ravelry, an OmniAuth strategy and three more). Scope and `username`:
two clients.
"""

ZAIM = Provider(
    "zaim",
    request_token_url="https://api.zaim.net/v2/auth/request",
    authorize_url="https://auth.zaim.net/users/auth",
    access_token_url="https://api.zaim.net/v2/auth/access",
    base_url="https://api.zaim.net/v2/",
    docs="https://dev.zaim.net/",
    hints={"token_expired": "a token ends after a day unless the application was given permanent access"},
)
"""Zaim.

Endpoints: eight clients' code, in four languages. That a token ends after a day: secondary pages.
"""

IMMOSCOUT24 = Provider(
    "immoscout24",
    request_token_url="https://rest.immobilienscout24.de/restapi/security/oauth/request_token",
    authorize_url="https://rest.immobilienscout24.de/restapi/security/oauth/confirm_access",
    access_token_url="https://rest.immobilienscout24.de/restapi/security/oauth/access_token",
    base_url="https://rest.immobilienscout24.de/restapi/api/",
    docs="https://api.immobilienscout24.de/api-docs/authentication/three-legged/",
)
"""ImmoScout24. A search is signed with the consumer alone. A request token lives 30 minutes.

Endpoints, life of request tokens: page (api.immobilienscout24.de); client (bnerd/is24).
"""

CLEVER_CLOUD = Provider(
    "clever-cloud",
    request_token_url="https://api.clever-cloud.com/v2/oauth/request_token",
    authorize_url="https://api.clever-cloud.com/v2/oauth/authorize",
    access_token_url="https://api.clever-cloud.com/v2/oauth/access_token",
    base_url="https://api.clever-cloud.com/v2/",
    signature_method=HMAC_SHA512,
    docs="https://www.clever-cloud.com/developers/api/",
)
"""Clever Cloud. It takes PLAINTEXT and HMAC-SHA1 as well.

Signature methods, POST at the token endpoints, base URL: page (CleverCloud/doc.clever-cloud.com). Paths of
the endpoints: page (its API description).
"""
