"""The refusals of real providers and servers: what their documentation, their code and their users show."""

# ruff: noqa: E501  the providers' own texts, each as it is

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass

from aiooauth1 import errors
from aiooauth1.errors import ProviderError
from aiooauth1.responses.problem import Problem, read_problem
from aiooauth1.responses.problem_catalog import ERROR_TYPES


__all__ = ["BASE_STRING", "FORMS", "SECRETS", "Form", "assert_fit_to_be_shown"]

SECRETS = ("kd94hf93k423kf44", "pfkk/dhi9+sl3r=4s00&~ü")


@dataclass(frozen=True)
class Form:
    """A refusal of a real provider."""

    source: str
    status: int
    body: str
    kind: type[ProviderError]
    problem: str | None
    challenge: str = ""
    embeds: str = ""
    """What kind of text the body is, and so into what else it can be put: form, json or text."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [("WWW-Authenticate", self.challenge)] if self.challenge else []

    def read(self, *secrets: str) -> Problem:
        return read_problem(self.status, self.headers, self.body.encode(), secrets)


def assert_fit_to_be_shown(problem: Problem) -> None:
    """Check that a problem and its error are short and printable, and that no form of SECRETS is in them."""
    error = problem.error()
    assert type(error) in {*ERROR_TYPES.values(), ProviderError}
    parameters = ((value, 200) for value in problem.parameters.values())
    for text, longest in (
        (problem.name, 64),
        (problem.advice, 200),
        (problem.body, 500),
        (problem.server_base_string, 8192),
        (str(error), 800),
        *parameters,
    ):
        assert text is None or (len(text) <= longest and re.fullmatch(r"[ -~]*", text))
    shown = f"{problem!r} {error!r} {error.args} {vars(error)}"
    for _ in range(4):
        assert not any(secret in shown for secret in SECRETS)
        shown = urllib.parse.unquote_plus(shown)


BASE_STRING = (
    "GET&http%3A%2F%2Flocalhost%2Frequest_token.php&oauth_consumer_key%3Dapi_key%26oauth_nonce%3DraNdOM"
    "%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D12345%26oauth_token%3Da_good_token"
)

QUOTED_BASE_STRING = urllib.parse.quote(BASE_STRING)

# Status and error, problem, source (and as what its body may stand in other text), body, challenge. "-" is nothing.
TABLE = r"""
401 SignatureRejected | 32 | X, API 1.1 (json) | {"errors":[{"code":32,"message":"Could not authenticate you."}]}
403 ProviderError | 64 | X, API 1.1 (json) | {"errors":[{"code":64,"message":"Your account is suspended and is not permitted to access this feature."}]}
429 RateLimited | 88 | X, API 1.1 (json) | {"errors":[{"code":88,"message":"Rate limit exceeded"}]}
401 TokenRejected | 89 | X, API 1.1 (json) | {"errors":[{"code":89,"message":"Invalid or expired token."}]}
403 TokenRejected | 89 | X, API 1.1 (json) | {"errors":[{"code":89,"message":"Invalid or expired token."}]}
401 TimestampRefused | 135 | X, API 1.1 (json) | {"errors":[{"code":135,"message":"Timestamp out of bounds."}]}
403 RateLimited | 185 | X, API 1.1 (json) | {"errors":[{"code":185,"message":"User is over daily status update limit."}]}
403 ProviderError | 187 | X, API 1.1 (json) | {"errors":[{"code":187,"message":"Status is a duplicate."}]}
400 ProviderError | 215 | X, API 1.1 (json) | {"errors":[{"code":215,"message":"Bad Authentication data."}]}
403 ProviderError | 326 | X, API 1.1 (json) | {"errors":[{"code":326,"message":"To protect our users from spam, this account is temporarily locked."}]}
401 TokenRejected | 89 | X, API 1.1 | {"errors":[{"message":"Invalid or expired token","code":89}]}
401 ProviderError | Unauthorized | X, API 2 (json) | {"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}
403 ProviderError | Forbidden | X, API 2 (json) | {"detail":"You are not allowed to create a Tweet with duplicate content.","type":"about:blank","title":"Forbidden","status":403}
429 RateLimited | Too Many Requests | X, API 2 (json) | {"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}
400 ProviderError | Invalid Request | X, API 2 (json) | {"errors":[{"parameters":{"ids":["0"]},"message":"The ids query parameter value is not valid"}],"title":"Invalid Request","detail":"One or more parameters to your request was invalid.","type":"https://api.twitter.com/2/problems/invalid-request"}
403 ProviderError | 415 | X, token endpoints | <?xml version="1.0" encoding="UTF-8"?>\n<errors><error code="415">Callback URL not approved for this client application.</error></errors>
401 SignatureRejected | 32 | X, token endpoints | <?xml version="1.0" encoding="UTF-8"?><errors><error code="32">Could not authenticate you.</error></errors>
401 SignatureRejected | signature_invalid | X, before its codes | Failed to validate oauth signature and token
401 ProviderError | - | X, before its codes | {"error":"Could not authenticate with OAuth.","request":"\/1\/statuses\/update.json"}
# Tumblr: its numbers are not X's.
401 ProviderError | 1016 | Tumblr (json) | {"meta":{"status":401,"msg":"Unauthorized"},"response":[],"errors":[{"title":"Unauthorized","code":1016,"detail":"Unable to authorize"}]}
401 ProviderError | - | Tumblr | {"meta":{"status":401,"msg":"Not Authorized"},"response":[]}
429 RateLimited | - | Tumblr | {"meta":{"status":429,"msg":"Limit Exceeded"},"response":[]}
# Flickr, and the PHP extension that it runs.
401 SignatureRejected | signature_invalid | Flickr (form) | oauth_problem=signature_invalid&debug_sbs={BASE_STRING}
401 TokenRejected | token_rejected | Flickr (form) | oauth_problem=token_rejected
401 ProviderError | consumer_key_refused | PECL OAuthProvider (form) | oauth_problem=consumer_key_refused
401 ProviderError | consumer_key_unknown | PECL OAuthProvider (form) | oauth_problem=consumer_key_unknown
401 NonceRejected | nonce_used | PECL OAuthProvider (form) | oauth_problem=nonce_used
400 ProviderError | parameter_absent | PECL OAuthProvider (form) | oauth_problem=parameter_absent&oauth_parameters_absent=oauth_token%26oauth_nonce
401 SignatureRejected | signature_invalid | PECL OAuthProvider (form) | oauth_problem=signature_invalid&debug_sbs={BASE_STRING}
400 SignatureRejected | signature_method_rejected | PECL OAuthProvider (form) | oauth_problem=signature_method_rejected
401 TimestampRefused | timestamp_refused | PECL OAuthProvider (form) | oauth_problem=timestamp_refused
401 TokenRejected | token_expired | PECL OAuthProvider (form) | oauth_problem=token_expired
401 TokenRejected | token_rejected | PECL OAuthProvider (form) | oauth_problem=token_rejected
401 TokenRejected | token_revoked | PECL OAuthProvider (form) | oauth_problem=token_revoked
401 TokenRejected | token_used | PECL OAuthProvider (form) | oauth_problem=token_used
401 ProviderError | unknown_problem | PECL OAuthProvider (form) | oauth_problem=unknown_problem&code=503
401 VerifierRejected | verifier_invalid | PECL OAuthProvider (form) | oauth_problem=verifier_invalid
400 SignatureRejected | signature_invalid | Copy.com, PECL with a tail | oauth_problem=signature_invalid&debug_sbs={BASE_STRING}oauth_error_code=2000'
# Discogs, and the servers of the python-oauth line.
401 SignatureRejected | signature_invalid | Discogs (text) | Invalid signature. Expected signature base string: {BASE_STRING}
401 SignatureRejected | signature_invalid | python-oauth2 on Python 3 (text) | Invalid signature. Expected signature base string: b'{BASE_STRING}'
401 SignatureRejected | signature_invalid | Discogs, of PLAINTEXT (text) | Invalid signature. Expected signature base string: kd94hf93k423kf44&pfkkdhi9sl3r4s00
401 ProviderError | - | Discogs | Invalid consumer.
401 ProviderError | - | Discogs | {"message": "You must authenticate to access this resource."}
403 ProviderError | - | Discogs, a wrong signature taken for no one's | {"message": "You don't have permission to access this resource."}
401 TimestampRefused | timestamp_refused | python-oauth2 | Expired timestamp: given 1 and now 1000 has a greater difference than threshold 300
401 NonceRejected | nonce_used | OAuth.php | Nonce already used: 6a1b
# Trello: its "invalid token" may be any site's, and is not believed.
401 SignatureRejected | signature_invalid | Trello (text) | Invalid Signature
401 ProviderError | - | Trello | invalid token
# NetSuite: whatever is wrong is a rejected token.
401 SignatureRejected | INVALID_LOGIN_ATTEMPT | NetSuite, RESTlets (json) | {"error" : {"code" : "INVALID_LOGIN_ATTEMPT", "message" : "Invalid login attempt."}}
403 SignatureRejected | INVALID_LOGIN_ATTEMPT | NetSuite, RESTlets | {"error" : {"code" : "INVALID_LOGIN_ATTEMPT", "message" : "Invalid login attempt."}} | OAuth realm="1234567_SB1", error="token_rejected", error_description="Invalid login attempt."
401 SignatureRejected | INVALID_LOGIN | NetSuite, REST services | {"type":"https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#sec10.4.2","title":"Unauthorized","status":401,"o:errorDetails":[{"detail":"Invalid login attempt. For more details, see the Login Audit Trail.","o:errorCode":"INVALID_LOGIN"}]} | OAuth realm="1234567_SB1", error="token_rejected", error_description="Invalid login attempt."
401 ProviderError | - | NetSuite, no body | - | OAuth realm="1234567_SB1", error="token_rejected", error_description="Invalid login attempt."
400 RateLimited | SSS_REQUEST_LIMIT_EXCEEDED | NetSuite, RESTlets | {"error" : {"code" : "SSS_REQUEST_LIMIT_EXCEEDED", "message" : "{\"type\":\"error\"}"}}
401 TokenRejected | token_expired | NetSuite, SuiteSignOn | - | OAuth realm="https%3A%2F%2Fsystem.netsuite.com", oauth_problem="token_expired"
401 TokenRejected | token_rejected | Magento 1 (json) | {"messages":{"error":[{"code":401,"message":"oauth_problem=token_rejected"}]}}
401 SignatureRejected | signature_invalid | Magento 1, a signature for a base string (form) | oauth_problem=signature_invalid&debug_sbs=tnnArxj06cWHq44gCs1OSKk%2FjLY%3D
400 TimestampRefused | timestamp_refused | Magento 1 (form) | oauth_problem=timestamp_refused
500 ProviderError | internal_error | Magento 1 | oauth_problem=internal_error&message=empty_message
401 SignatureRejected | signature_invalid | Magento 2 | {"message":"oauth_problem=signature_invalid"}
401 SignatureRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"error": {"code": "mwoauth-invalid-authorization", "info": "The authorization headers in your request are not valid: Invalid signature", "docref": "See api.php"}}
401 SignatureRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errors": [{"code": "mwoauth-invalid-authorization", "text": "The authorization headers in your request are not valid: Invalid signature", "module": "main"}]}
401 SignatureRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errorKey": "mwoauth-invalid-authorization", "messageTranslations": {"en": "The authorization headers in your request are not valid: Invalid signature"}, "httpCode": 401}
401 SignatureRejected | mwoauth-oauth-exception | MediaWiki, api.php and rest.php (json) | {"error": "mwoauth-oauth-exception", "message": "An error occurred in the OAuth protocol: Invalid signature"}
401 SignatureRejected | signature_invalid | MediaWiki, Special:OAuth (text) | Error: An error occurred in the OAuth protocol: Invalid signature
401 NonceRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"error": {"code": "mwoauth-invalid-authorization", "info": "The authorization headers in your request are not valid: Nonce already used: 6a1b8f", "docref": "See api.php"}}
401 NonceRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errors": [{"code": "mwoauth-invalid-authorization", "text": "The authorization headers in your request are not valid: Nonce already used: 6a1b8f", "module": "main"}]}
401 NonceRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errorKey": "mwoauth-invalid-authorization", "messageTranslations": {"en": "The authorization headers in your request are not valid: Nonce already used: 6a1b8f"}, "httpCode": 401}
401 NonceRejected | mwoauth-oauth-exception | MediaWiki, api.php and rest.php (json) | {"error": "mwoauth-oauth-exception", "message": "An error occurred in the OAuth protocol: Nonce already used: 6a1b8f"}
401 NonceRejected | nonce_used | MediaWiki, Special:OAuth (text) | Error: An error occurred in the OAuth protocol: Nonce already used: 6a1b8f
401 TimestampRefused | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"error": {"code": "mwoauth-invalid-authorization", "info": "The authorization headers in your request are not valid: Expired timestamp, yours 1, ours 1000", "docref": "See api.php"}}
401 TimestampRefused | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errors": [{"code": "mwoauth-invalid-authorization", "text": "The authorization headers in your request are not valid: Expired timestamp, yours 1, ours 1000", "module": "main"}]}
401 TimestampRefused | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errorKey": "mwoauth-invalid-authorization", "messageTranslations": {"en": "The authorization headers in your request are not valid: Expired timestamp, yours 1, ours 1000"}, "httpCode": 401}
401 TimestampRefused | mwoauth-oauth-exception | MediaWiki, api.php and rest.php (json) | {"error": "mwoauth-oauth-exception", "message": "An error occurred in the OAuth protocol: Expired timestamp, yours 1, ours 1000"}
401 TimestampRefused | timestamp_refused | MediaWiki, Special:OAuth (text) | Error: An error occurred in the OAuth protocol: Expired timestamp, yours 1, ours 1000
401 TokenRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"error": {"code": "mwoauth-invalid-authorization", "info": "The authorization headers in your request are not valid: Invalid access token: 5849", "docref": "See api.php"}}
401 TokenRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errors": [{"code": "mwoauth-invalid-authorization", "text": "The authorization headers in your request are not valid: Invalid access token: 5849", "module": "main"}]}
401 TokenRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errorKey": "mwoauth-invalid-authorization", "messageTranslations": {"en": "The authorization headers in your request are not valid: Invalid access token: 5849"}, "httpCode": 401}
401 TokenRejected | mwoauth-oauth-exception | MediaWiki, api.php and rest.php (json) | {"error": "mwoauth-oauth-exception", "message": "An error occurred in the OAuth protocol: Invalid access token: 5849"}
401 TokenRejected | token_rejected | MediaWiki, Special:OAuth (text) | Error: An error occurred in the OAuth protocol: Invalid access token: 5849
401 TokenRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"error": {"code": "mwoauth-invalid-authorization", "info": "The authorization headers in your request are not valid: No approved grant was found for that authorization token.", "docref": "See api.php"}}
401 TokenRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errors": [{"code": "mwoauth-invalid-authorization", "text": "The authorization headers in your request are not valid: No approved grant was found for that authorization token.", "module": "main"}]}
401 TokenRejected | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errorKey": "mwoauth-invalid-authorization", "messageTranslations": {"en": "The authorization headers in your request are not valid: No approved grant was found for that authorization token."}, "httpCode": 401}
401 TokenRejected | mwoauth-oauth-exception | MediaWiki, api.php and rest.php (json) | {"error": "mwoauth-oauth-exception", "message": "An error occurred in the OAuth protocol: No approved grant was found for that authorization token."}
401 TokenRejected | token_rejected | MediaWiki, Special:OAuth (text) | Error: An error occurred in the OAuth protocol: No approved grant was found for that authorization token.
401 ProviderError | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"error": {"code": "mwoauth-invalid-authorization", "info": "The authorization headers in your request are not valid: Invalid consumer", "docref": "See api.php"}}
401 ProviderError | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errors": [{"code": "mwoauth-invalid-authorization", "text": "The authorization headers in your request are not valid: Invalid consumer", "module": "main"}]}
401 ProviderError | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errorKey": "mwoauth-invalid-authorization", "messageTranslations": {"en": "The authorization headers in your request are not valid: Invalid consumer"}, "httpCode": 401}
401 ProviderError | mwoauth-oauth-exception | MediaWiki, api.php and rest.php (json) | {"error": "mwoauth-oauth-exception", "message": "An error occurred in the OAuth protocol: Invalid consumer"}
401 ProviderError | - | MediaWiki, Special:OAuth (text) | Error: An error occurred in the OAuth protocol: Invalid consumer
401 ProviderError | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"error": {"code": "mwoauth-invalid-authorization", "info": "The authorization headers in your request are not valid: OAuth version '2.0' not supported", "docref": "See api.php"}}
401 ProviderError | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errors": [{"code": "mwoauth-invalid-authorization", "text": "The authorization headers in your request are not valid: OAuth version '2.0' not supported", "module": "main"}]}
401 ProviderError | mwoauth-invalid-authorization | MediaWiki, api.php and rest.php (json) | {"errorKey": "mwoauth-invalid-authorization", "messageTranslations": {"en": "The authorization headers in your request are not valid: OAuth version '2.0' not supported"}, "httpCode": 401}
401 ProviderError | mwoauth-oauth-exception | MediaWiki, api.php and rest.php (json) | {"error": "mwoauth-oauth-exception", "message": "An error occurred in the OAuth protocol: OAuth version '2.0' not supported"}
401 ProviderError | - | MediaWiki, Special:OAuth (text) | Error: An error occurred in the OAuth protocol: OAuth version '2.0' not supported
401 ProviderError | mwoauth-invalid-authorization-blocked-user | MediaWiki, api.php (json) | {"error":{"code":"mwoauth-invalid-authorization-blocked-user","info":"The authorization headers in your request are for a user who is blocked"}}
400 TokenRejected | E004 | MediaWiki, Special:OAuth (text) | Error: Sorry, something went wrong connecting this application.\n\n&lt;span class=&quot;plainlinks mw-mwoautherror-details&quot;&gt;OAuth token not found, [https://www.mediawiki.org/wiki/Help:OAuth/Errors#E004 E004]&lt;/span&gt;
400 ProviderError | E009 | MediaWiki, an id that was that of a consumer without a secret too (text) | Error: Sorry. Consumer has no secret key, [https://www.mediawiki.org/wiki/Help:OAuth/Errors#E009 E009]
400 TokenRejected | mwoauthdatastore-request-token-already-used | MediaWiki, a message without a translation | Error: ⧼mwoauthdatastore-request-token-already-used⧽
400 RateLimited | ratelimited | MediaWiki | {"error":{"code":"ratelimited","info":"You've exceeded your rate limit."}}
401 TokenRejected | token_rejected | E*TRADE | <html><head><title> - Error report</title><style>H1 {font-size:22px;}</style></head><body><h1>HTTP Status 401 - oauth_problem=token_rejected</h1><HR size="1" noshade="noshade"><p><b>message</b> <u>oauth_problem=token_rejected</u></p><p><b>description</b> <u>This request requires HTTP authentication (oauth_problem=token_rejected).</u></p></body></html>
401 SignatureRejected | signature_invalid | E*TRADE | <html><head><title> - Error report</title><style>H1 {font-size:22px;}</style></head><body><h1>HTTP Status 401 - oauth_problem=signature_invalid</h1><HR size="1" noshade="noshade"><p><b>message</b> <u>oauth_problem=signature_invalid</u></p><p><b>description</b> <u>This request requires HTTP authentication (oauth_problem=signature_invalid).</u></p></body></html>
401 ProviderError | consumer_key_rejected | E*TRADE | <html><head><title> - Error report</title><style>H1 {font-size:22px;}</style></head><body><h1>HTTP Status 401 - oauth_problem=consumer_key_rejected</h1><HR size="1" noshade="noshade"><p><b>message</b> <u>oauth_problem=consumer_key_rejected</u></p><p><b>description</b> <u>This request requires HTTP authentication (oauth_problem=consumer_key_rejected).</u></p></body></html>
401 TimestampRefused | timestamp_refused | E*TRADE (form) | oauth_problem=timestamp_refused,oauth_acceptable_timestamps=1636665132-1636668732
401 TokenRejected | token_expired | E*TRADE | {"Error":{"message":"oauth_problem=token_expired"}}
401 NonceRejected | nonce_used | SmugMug (json) | {"Code":401,"Message":"oauth_problem=nonce_used"}
400 ProviderError | parameter_absent | SmugMug (form) | oauth_problem=parameter_absent&oauth_parameters_absent=oauth_callback
401 TokenRejected | token_rejected | Zaim | {"error":true,"message":"oauth_problem=token_rejected"}
401 TokenRejected | token_expired | Yahoo (json) | {"error":{"lang":"en-US","description":"Please provide valid credentials. OAuth oauth_problem=\"token_expired\", realm=\"yahooapis.com\""}}
401 TokenRejected | token_expired | Yahoo | - | OAuth oauth_problem="token_expired", realm="yahooapis.com"
401 ProviderError | json_oauth1_consumer_mismatch | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_oauth1_consumer_mismatch", "message": "Token is not registered for the given consumer", "data": {"status": 401}}
401 TokenRejected | json_oauth1_expired_token | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_oauth1_expired_token", "message": "OAuth request token has expired", "data": {"status": 401}}
401 SignatureRejected | json_oauth1_invalid_signature_method | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_oauth1_invalid_signature_method", "message": "Signature method is invalid", "data": {"status": 401}}
401 TimestampRefused | json_oauth1_invalid_timestamp | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_oauth1_invalid_timestamp", "message": "Invalid timestamp", "data": {"status": 401}}
401 TokenRejected | json_oauth1_invalid_token | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_oauth1_invalid_token", "message": "Access token does not exist", "data": {"status": 401}}
400 VerifierRejected | json_oauth1_invalid_verifier | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_oauth1_invalid_verifier", "message": "OAuth verifier does not match", "data": {"status": 400}}
401 ProviderError | json_oauth1_missing_parameter | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_oauth1_missing_parameter", "message": "Missing OAuth parameter oauth_token", "data": {"status": 401}}
401 NonceRejected | json_oauth1_nonce_already_used | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_oauth1_nonce_already_used", "message": "Invalid nonce - nonce has already been used", "data": {"status": 401}}
401 SignatureRejected | json_oauth1_signature_mismatch | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_oauth1_signature_mismatch", "message": "OAuth signature does not match", "data": {"status": 401}}
401 ProviderError | json_oauth1_unauthorized_token | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_oauth1_unauthorized_token", "message": "OAuth token has not been authorized", "data": {"status": 401}}
401 ProviderError | json_consumer_notfound | WordPress, WP-API OAuth1 0.4 (json) | {"code": "json_consumer_notfound", "message": "Consumer Key is invalid", "data": {"status": 401}}
403 ProviderError | rest_cannot_edit | WordPress, WP-API OAuth1 0.4 (json) | {"code": "rest_cannot_edit", "message": "Sorry, you are not allowed to edit this post.", "data": {"status": 403}}
401 SignatureRejected | signature_invalid | WordPress, token endpoints (text) | OAuth signature does not match
401 TimestampRefused | timestamp_refused | WordPress, token endpoints (text) | Invalid timestamp
401 NonceRejected | nonce_used | WordPress, token endpoints (text) | Invalid nonce - nonce has already been used
401 TokenRejected | token_expired | WordPress, token endpoints (text) | OAuth request token has expired
400 ProviderError | - | WordPress, token endpoints (text) | Invalid token
400 VerifierRejected | verifier_invalid | WordPress, token endpoints (text) | OAuth verifier does not match
500 ProviderError | - | WordPress, token endpoints (text) | Callback URL is invalid
401 TokenRejected | token_rejected | Jira (form) | oauth_problem=token_rejected
401 SignatureRejected | signature_invalid | Jira (form) | oauth_problem=signature_invalid&oauth_signature=ivO30f%2BLc7%3D&oauth_signature_base_string={QUOTED_BASE_STRING}&oauth_signature_method=RSA-SHA1
401 SignatureRejected | signature_invalid | Java's OAuthServlet | - | OAuth realm="http%3A%2F%2Flocalhost", oauth_signature="waNR3c%3D", oauth_signature_base_string="{QUOTED_BASE_STRING}", oauth_problem="signature_invalid"
401 TokenRejected | token_rejected | Apigee | {"fault":{"faultstring":"Invalid access token","detail":{"errorcode":"x"}}}
401 TokenRejected | token_expired | Apigee, XML | <?xml version="1.0"?><fault><faultstring>Access Token expired</faultstring></fault>
401 TokenRejected | token_rejected | LinkedIn, API v1, XML | <error>\n<status>401</status>\n<timestamp>1494961358990</timestamp>\n<error-code>0</error-code>\n<message>[unauthorized]. The token used in the OAuth request is not valid.</message>\n</error>
401 TokenRejected | token_rejected | LinkedIn, API v1 | {"errorCode":0,"message":"[unauthorized]. The token used in the OAuth request is not valid."}
401 NonceRejected | nonce_used | the extension's names as elements | <fault><oauth><oauth_problem>nonce_used</oauth_problem></oauth></fault>
401 TimestampRefused | timestamp_refused | the extension's names as `error` | {"error":"timestamp_refused"}
401 ProviderError | - | Intuit | <?xml version="1.0" encoding="UTF-8" standalone="yes"?><IntuitResponse time="2018-08-20T02:23:36-07:00"><Fault type="AuthenticationFault"><Error code="100"><Message>General Authentication Error</Message><Detail>AuthenticationErrorGeneral: SRV-110</Detail></Error></Fault></IntuitResponse>
401 TokenRejected | Token expired | Intuit | <?xml version="1.0" encoding="UTF-8" standalone="yes"?><IntuitResponse time="2018-08-20T02:23:36-07:00"><Fault type="AUTHENTICATION"><Error code="3200"><Message>message=AuthenticationFailed; errorCode=003200; statusCode=401</Message><Detail>Token expired: AB016</Detail></Error></Fault></IntuitResponse>
401 TokenRejected | Token revoked | Intuit | <?xml version="1.0" encoding="UTF-8" standalone="yes"?><IntuitResponse time="2018-08-20T02:23:36-07:00"><Fault type="AUTHENTICATION"><Error code="3200"><Message>message=AuthenticationFailed; errorCode=003200; statusCode=401</Message><Detail>Token revoked: AB016</Detail></Error></Fault></IntuitResponse>
401 ProviderError | - | Intuit | <?xml version="1.0" encoding="UTF-8" standalone="yes"?><IntuitResponse time="2018-08-20T02:23:36-07:00"><Fault type="AUTHENTICATION"><Error code="3200"><Message>message=AuthenticationFailed; errorCode=003200; statusCode=401</Message><Detail>Malformed bearer token</Detail></Error></Fault></IntuitResponse>
401 TokenRejected | Token expired | Intuit | {"warnings":null,"fault":{"error":[{"message":"message=AuthenticationFailed; errorCode=003200; statusCode=401","detail":"Token expired: AB016","code":"3200","element":null}],"type":"AUTHENTICATION"}}
401 TokenRejected | Token revoked | Intuit | {"warnings":null,"fault":{"error":[{"message":"message=AuthenticationFailed; errorCode=003200; statusCode=401","detail":"Token revoked: AB016","code":"3200","element":null}],"type":"AUTHENTICATION"}}
401 ProviderError | - | Intuit | {"warnings":null,"fault":{"error":[{"message":"message=AuthenticationFailed; errorCode=003200; statusCode=401","detail":"Malformed bearer token","code":"3200","element":null}],"type":"AUTHENTICATION"}}
400 NonceRejected | nonce_already_used | OKAPI | {"error": {"developer_message": "x", "reason_stack": ["bad_request", "nonce_already_used"]}}
400 TimestampRefused | invalid_timestamp | OKAPI | {"error": {"developer_message": "x", "reason_stack": ["bad_request", "invalid_timestamp"]}}
400 SignatureRejected | unsupported_signature_method | OKAPI | {"error": {"developer_message": "x", "reason_stack": ["bad_request", "unsupported_signature_method"]}}
401 SignatureRejected | invalid_signature | OKAPI | {"error": {"developer_message": "x", "reason_stack": ["bad_request", "invalid_signature"]}}
401 TokenRejected | invalid_token | OKAPI | {"error": {"developer_message": "x", "reason_stack": ["bad_request", "invalid_token"]}}
401 ProviderError | invalid_consumer | OKAPI | {"error": {"developer_message": "x", "reason_stack": ["bad_request", "invalid_consumer"]}}
401 SignatureRejected | INVALID_OAUTH_SIGNATURE | XING | {"message": "x", "error_name": "INVALID_OAUTH_SIGNATURE"}
401 TimestampRefused | TIMESTAMP_EXPIRED | XING | {"message": "x", "error_name": "TIMESTAMP_EXPIRED"}
401 NonceRejected | NONCE_ALREADY_USED | XING | {"message": "x", "error_name": "NONCE_ALREADY_USED"}
401 ProviderError | CONSUMER_MISMATCH | XING | {"message": "x", "error_name": "CONSUMER_MISMATCH"}
403 RateLimited | RATE_LIMIT_EXCEEDED | XING | {"message": "x", "error_name": "RATE_LIMIT_EXCEEDED"}
401 NonceRejected | INVALID_OAUTH_NONCE | payments | {"code":"INVALID_OAUTH_NONCE","message":"x"}
401 TokenRejected | 302 | Vimeo | <rsp stat="fail"><err code="302" expl="x" msg="Invalid / Expired token" /></rsp>
401 ProviderError | 302 | Vimeo | <rsp stat="fail"><err code="302" expl="x" msg="another list" /></rsp>
401 SignatureRejected | 303 | Vimeo | <rsp stat="fail"><err code="303" expl="x" msg="Invalid signature" /></rsp>
401 NonceRejected | 304 | Vimeo | <rsp stat="fail"><err code="304" expl="x" msg="Invalid nonce" /></rsp>
401 ProviderError | - | Garmin | {"errorMessage":"OAuth token not found"}
429 RateLimited | - | Tumblr | {"errors":[{"title":"Limit Exceeded","code":0,"detail":"x"}]}
401 ProviderError | expired_token | mixi | - | OAuth error='expired_token'
401 TokenRejected | token_rejected | Schoology | Unauthorized: Invalid access token: k
401 SignatureRejected | signature_invalid | Spring on Tomcat | <html><head><title>Error</title></head><body><h1>HTTP Status 401 - Invalid signature for signature method HMAC-SHA1</h1></body></html>
401 NonceRejected | nonce_used | Spring on Jetty | <html><body><h2>HTTP ERROR 401 Nonce already used: n</h2></body></html>
401 SignatureRejected | signature_invalid | Spring on an older Jetty | <html><body><h2>HTTP ERROR 401</h2><p>Problem accessing /api. Reason:\n<pre>    Invalid signature for signature method HMAC-SHA1</pre></p></body></html>
401 TimestampRefused | timestamp_refused | a server by hand | Timestamp is more than 600 seconds old
401 ProviderError | - | a page | <html><message>Invalid access token</message></html>
401 SignatureRejected | signature_invalid | Xero (form) | oauth_problem=signature_invalid&oauth_problem_advice=Failed%20to%20validate%20signature
503 RateLimited | rate limit exceeded | Xero | oauth_problem=rate%20limit%20exceeded&oauth_problem_advice=please%20wait
401 TokenRejected | token_rejected | Passport | Unauthorized | OAuth realm="Clients", oauth_problem="token_rejected", oauth_problem_advice="something%20wrong"
401 ProviderError | - | oauthlib, a resource | -
401 ProviderError | - | an OAuth 2 gateway | - | Bearer realm="x", error="invalid_token"
"""


def _form(line: str) -> Form:
    outcome, problem, source, body, challenge, *_ = (*line.split(" | "), "", "")
    for written, meant in (
        ("\\n", "\n"),
        ("{QUOTED_BASE_STRING}", QUOTED_BASE_STRING),
        ("{BASE_STRING}", BASE_STRING),
    ):
        body, challenge = body.replace(written, meant), challenge.replace(written, meant)
    status, kind = outcome.split()
    embeds = next((kind for kind in ("form", "json", "text") if source.endswith(f" ({kind})")), "")
    return Form(
        source.removesuffix(f" ({embeds})"),
        int(status),
        "" if body == "-" else body,
        getattr(errors, kind),
        None if problem == "-" else problem,
        challenge,
        embeds,
    )


FORMS = [_form(line) for line in TABLE.strip().splitlines() if not line.startswith("#")]
