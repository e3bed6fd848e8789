"""The refusals of real providers and servers: what their documentation, their code and their users show."""

from __future__ import annotations

import json
import re
import urllib.parse
from dataclasses import dataclass

from aiooauth1.errors import (
    NonceRejected,
    ProviderError,
    RateLimited,
    SignatureRejected,
    TimestampRefused,
    TokenRejected,
    VerifierRejected,
)
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


INTUIT = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><IntuitResponse time="2018-08-20T02:23:36-07:00">'
    '<Fault type="AuthenticationFault"><Error code="100"><Message>General Authentication Error</Message>'
    "<Detail>AuthenticationErrorGeneral: SRV-110</Detail></Error></Fault></IntuitResponse>"
)

# intuit/QuickBooks-V3-Java-SDK#159
INTUIT_XML = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><IntuitResponse time="2018-08-20T02:23:36-07:00">'
    '<Fault type="AUTHENTICATION"><Error code="3200"><Message>message=AuthenticationFailed; errorCode=003200;'
    " statusCode=401</Message><Detail>DETAIL</Detail></Error></Fault></IntuitResponse>"
)
INTUIT_JSON = (
    '{"warnings":null,"fault":{"error":[{"message":"message=AuthenticationFailed; errorCode=003200;'
    ' statusCode=401","detail":"DETAIL","code":"3200","element":null}],"type":"AUTHENTICATION"}}'
)


def x_v1(status: int, code: int, message: str, kind: type[ProviderError]) -> Form:
    body = f'{{"errors":[{{"code":{code},"message":"{message}"}}]}}'
    return Form("X, API 1.1", status, body, kind, str(code), embeds="json")


def wordpress(status: int, code: str, message: str, kind: type[ProviderError]) -> Form:
    body = json.dumps({"code": code, "message": message, "data": {"status": status}})
    return Form("WordPress, WP-API OAuth1 0.4", status, body, kind, code, embeds="json")


def wordpress_text(status: int, message: str, kind: type[ProviderError], problem: str | None) -> Form:
    return Form("WordPress, token endpoints", status, message, kind, problem, embeds="text")


def mediawiki(reason: str, kind: type[ProviderError], problem: str | None) -> list[Form]:
    code = "mwoauth-invalid-authorization"
    info = f"The authorization headers in your request are not valid: {reason}"
    exception = f"An error occurred in the OAuth protocol: {reason}"
    bodies = [
        (json.dumps({"error": {"code": code, "info": info, "docref": "See api.php"}}), code),
        (json.dumps({"errors": [{"code": code, "text": info, "module": "main"}]}), code),
        (json.dumps({"errorKey": code, "messageTranslations": {"en": info}, "httpCode": 401}), code),
        (json.dumps({"error": "mwoauth-oauth-exception", "message": exception}), "mwoauth-oauth-exception"),
    ]
    forms = [
        Form("MediaWiki, api.php and rest.php", 401, body, kind, name, embeds="json") for body, name in bodies
    ]
    return [
        *forms,
        Form("MediaWiki, Special:OAuth", 401, f"Error: {exception}", kind, problem, embeds="text"),
    ]


def pecl(problem: str, kind: type[ProviderError], more: str = "") -> Form:
    status = 400 if problem in {"parameter_absent", "signature_method_rejected"} else 401
    return Form("PECL OAuthProvider", status, f"oauth_problem={problem}{more}", kind, problem, embeds="form")


NETSUITE_CHALLENGE = (
    'OAuth realm="1234567_SB1", error="token_rejected", error_description="Invalid login attempt."'
)
ETRADE_PAGE = (
    "<html><head><title> - Error report</title><style>H1 {{font-size:22px;}}</style></head><body>"
    '<h1>HTTP Status 401 - oauth_problem={0}</h1><HR size="1" noshade="noshade"><p><b>message</b> '
    "<u>oauth_problem={0}</u></p><p><b>description</b> <u>This request requires HTTP authentication "
    "(oauth_problem={0}).</u></p></body></html>"
)

FORMS: list[Form] = [
    # X
    x_v1(401, 32, "Could not authenticate you.", SignatureRejected),
    x_v1(403, 64, "Your account is suspended and is not permitted to access this feature.", ProviderError),
    x_v1(429, 88, "Rate limit exceeded", RateLimited),
    x_v1(401, 89, "Invalid or expired token.", TokenRejected),
    x_v1(403, 89, "Invalid or expired token.", TokenRejected),
    x_v1(401, 135, "Timestamp out of bounds.", TimestampRefused),
    x_v1(403, 185, "User is over daily status update limit.", RateLimited),
    x_v1(403, 187, "Status is a duplicate.", ProviderError),
    x_v1(400, 215, "Bad Authentication data.", ProviderError),
    x_v1(403, 326, "To protect our users from spam, this account is temporarily locked.", ProviderError),
    Form(
        "X, API 1.1",
        401,
        '{"errors":[{"message":"Invalid or expired token","code":89}]}',
        TokenRejected,
        "89",
    ),
    Form(
        "X, API 2",
        401,
        '{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}',
        ProviderError,
        "Unauthorized",
        embeds="json",
    ),
    Form(
        "X, API 2",
        403,
        '{"detail":"You are not allowed to create a Tweet with duplicate content.","type":"about:blank",'
        '"title":"Forbidden","status":403}',
        ProviderError,
        "Forbidden",
        embeds="json",
    ),
    Form(
        "X, API 2",
        429,
        '{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}',
        RateLimited,
        "Too Many Requests",
        embeds="json",
    ),
    Form(
        "X, API 2",
        400,
        '{"errors":[{"parameters":{"ids":["0"]},"message":"The ids query parameter value is not valid"}],'
        '"title":"Invalid Request","detail":"One or more parameters to your request was invalid.",'
        '"type":"https://api.twitter.com/2/problems/invalid-request"}',
        ProviderError,
        "Invalid Request",
        embeds="json",
    ),
    Form(
        "X, token endpoints",
        403,
        '<?xml version="1.0" encoding="UTF-8"?>\n<errors><error code="415">Callback URL not approved for '
        "this client application.</error></errors>",
        ProviderError,
        "415",
    ),
    Form(
        "X, token endpoints",
        401,
        '<?xml version="1.0" encoding="UTF-8"?><errors><error code="32">Could not authenticate you.'
        "</error></errors>",
        SignatureRejected,
        "32",
    ),
    Form(
        "X, before its codes",
        401,
        "Failed to validate oauth signature and token",
        SignatureRejected,
        "signature_invalid",
    ),
    Form(
        "X, before its codes",
        401,
        '{"error":"Could not authenticate with OAuth.","request":"\\/1\\/statuses\\/update.json"}',
        ProviderError,
        None,
    ),
    # Tumblr: its numbers are not X's
    Form(
        "Tumblr",
        401,
        '{"meta":{"status":401,"msg":"Unauthorized"},"response":[],"errors":[{"title":"Unauthorized","code":1016,'
        '"detail":"Unable to authorize"}]}',
        ProviderError,
        "1016",
        embeds="json",
    ),
    Form("Tumblr", 401, '{"meta":{"status":401,"msg":"Not Authorized"},"response":[]}', ProviderError, None),
    Form("Tumblr", 429, '{"meta":{"status":429,"msg":"Limit Exceeded"},"response":[]}', RateLimited, None),
    # Flickr, and the extension that it runs
    Form(
        "Flickr",
        401,
        f"oauth_problem=signature_invalid&debug_sbs={BASE_STRING}",
        SignatureRejected,
        "signature_invalid",
        embeds="form",
    ),
    Form("Flickr", 401, "oauth_problem=token_rejected", TokenRejected, "token_rejected", embeds="form"),
    pecl("consumer_key_refused", ProviderError),
    pecl("consumer_key_unknown", ProviderError),
    pecl("nonce_used", NonceRejected),
    pecl("parameter_absent", ProviderError, "&oauth_parameters_absent=oauth_token%26oauth_nonce"),
    pecl("signature_invalid", SignatureRejected, f"&debug_sbs={BASE_STRING}"),
    pecl("signature_method_rejected", SignatureRejected),
    pecl("timestamp_refused", TimestampRefused),
    pecl("token_expired", TokenRejected),
    pecl("token_rejected", TokenRejected),
    pecl("token_revoked", TokenRejected),
    pecl("token_used", TokenRejected),
    pecl("unknown_problem", ProviderError, "&code=503"),
    pecl("verifier_invalid", VerifierRejected),
    Form(
        "Copy.com, PECL with a tail",
        400,
        f"oauth_problem=signature_invalid&debug_sbs={BASE_STRING}oauth_error_code=2000'",
        SignatureRejected,
        "signature_invalid",
    ),
    # Discogs, and the servers of the python-oauth line
    Form(
        "Discogs",
        401,
        f"Invalid signature. Expected signature base string: {BASE_STRING}",
        SignatureRejected,
        "signature_invalid",
        embeds="text",
    ),
    Form(
        "python-oauth2 on Python 3",
        401,
        f"Invalid signature. Expected signature base string: b'{BASE_STRING}'",
        SignatureRejected,
        "signature_invalid",
        embeds="text",
    ),
    Form(
        "Discogs, of PLAINTEXT",
        401,
        "Invalid signature. Expected signature base string: kd94hf93k423kf44&pfkkdhi9sl3r4s00",
        SignatureRejected,
        "signature_invalid",
        embeds="text",
    ),
    Form("Discogs", 401, "Invalid consumer.", ProviderError, None),
    Form(
        "Discogs", 401, '{"message": "You must authenticate to access this resource."}', ProviderError, None
    ),
    Form(
        "Discogs, a wrong signature taken for no one's",
        403,
        '{"message": "You don\'t have permission to access this resource."}',
        ProviderError,
        None,
    ),
    Form(
        "python-oauth2",
        401,
        "Expired timestamp: given 1 and now 1000 has a greater difference than threshold 300",
        TimestampRefused,
        "timestamp_refused",
    ),
    Form("OAuth.php", 401, "Nonce already used: 6a1b", NonceRejected, "nonce_used"),
    # Trello: its "invalid token" may be any site's, and is not believed
    Form("Trello", 401, "Invalid Signature", SignatureRejected, "signature_invalid", embeds="text"),
    Form("Trello", 401, "invalid token", ProviderError, None),
    # NetSuite: whatever is wrong is a rejected token
    Form(
        "NetSuite, RESTlets",
        401,
        '{"error" : {"code" : "INVALID_LOGIN_ATTEMPT", "message" : "Invalid login attempt."}}',
        SignatureRejected,
        "INVALID_LOGIN_ATTEMPT",
        embeds="json",
    ),
    Form(
        "NetSuite, RESTlets",
        403,
        '{"error" : {"code" : "INVALID_LOGIN_ATTEMPT", "message" : "Invalid login attempt."}}',
        SignatureRejected,
        "INVALID_LOGIN_ATTEMPT",
        NETSUITE_CHALLENGE,
    ),
    Form(
        "NetSuite, REST services",
        401,
        '{"type":"https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#sec10.4.2","title":"Unauthorized",'
        '"status":401,"o:errorDetails":[{"detail":"Invalid login attempt. For more details, see the Login '
        'Audit Trail.","o:errorCode":"INVALID_LOGIN"}]}',
        SignatureRejected,
        "INVALID_LOGIN",
        NETSUITE_CHALLENGE,
    ),
    Form("NetSuite, no body", 401, "", ProviderError, None, NETSUITE_CHALLENGE),
    Form(
        "NetSuite, RESTlets",
        400,
        '{"error" : {"code" : "SSS_REQUEST_LIMIT_EXCEEDED", "message" : "{\\"type\\":\\"error\\"}"}}',
        RateLimited,
        "SSS_REQUEST_LIMIT_EXCEEDED",
    ),
    Form(
        "NetSuite, SuiteSignOn",
        401,
        "",
        TokenRejected,
        "token_expired",
        'OAuth realm="https%3A%2F%2Fsystem.netsuite.com", oauth_problem="token_expired"',
    ),
    # Magento
    Form(
        "Magento 1",
        401,
        '{"messages":{"error":[{"code":401,"message":"oauth_problem=token_rejected"}]}}',
        TokenRejected,
        "token_rejected",
        embeds="json",
    ),
    Form(
        "Magento 1, a signature for a base string",
        401,
        "oauth_problem=signature_invalid&debug_sbs=tnnArxj06cWHq44gCs1OSKk%2FjLY%3D",
        SignatureRejected,
        "signature_invalid",
        embeds="form",
    ),
    Form(
        "Magento 1",
        400,
        "oauth_problem=timestamp_refused",
        TimestampRefused,
        "timestamp_refused",
        embeds="form",
    ),
    Form(
        "Magento 1",
        500,
        "oauth_problem=internal_error&message=empty_message",
        ProviderError,
        "internal_error",
    ),
    Form(
        "Magento 2",
        401,
        '{"message":"oauth_problem=signature_invalid"}',
        SignatureRejected,
        "signature_invalid",
    ),
    # MediaWiki
    *mediawiki("Invalid signature", SignatureRejected, "signature_invalid"),
    *mediawiki("Nonce already used: 6a1b8f", NonceRejected, "nonce_used"),
    *mediawiki("Expired timestamp, yours 1, ours 1000", TimestampRefused, "timestamp_refused"),
    *mediawiki("Invalid access token: 5849", TokenRejected, "token_rejected"),
    *mediawiki("No approved grant was found for that authorization token.", TokenRejected, "token_rejected"),
    *mediawiki("Invalid consumer", ProviderError, None),
    *mediawiki("OAuth version '2.0' not supported", ProviderError, None),
    Form(
        "MediaWiki, api.php",
        401,
        '{"error":{"code":"mwoauth-invalid-authorization-blocked-user","info":"The authorization headers in '
        'your request are for a user who is blocked"}}',
        ProviderError,
        "mwoauth-invalid-authorization-blocked-user",
        embeds="json",
    ),
    Form(
        "MediaWiki, Special:OAuth",
        400,
        "Error: Sorry, something went wrong connecting this application.\n\n&lt;span class=&quot;plainlinks "
        "mw-mwoautherror-details&quot;&gt;OAuth token not found, [https://www.mediawiki.org/wiki/Help:OAuth/"
        "Errors#E004 E004]&lt;/span&gt;",
        TokenRejected,
        "E004",
        embeds="text",
    ),
    Form(
        "MediaWiki, an id that was that of a consumer without a secret too",
        400,
        "Error: Sorry. Consumer has no secret key, "
        "[https://www.mediawiki.org/wiki/Help:OAuth/Errors#E009 E009]",
        ProviderError,
        "E009",
        embeds="text",
    ),
    Form(
        "MediaWiki, a message without a translation",
        400,
        "Error: \u29fcmwoauthdatastore-request-token-already-used\u29fd",
        TokenRejected,
        "mwoauthdatastore-request-token-already-used",
    ),
    Form(
        "MediaWiki",
        400,
        '{"error":{"code":"ratelimited","info":"You\'ve exceeded your rate limit."}}',
        RateLimited,
        "ratelimited",
    ),
    # E*TRADE and SmugMug, Zaim, Yahoo
    Form("E*TRADE", 401, ETRADE_PAGE.format("token_rejected"), TokenRejected, "token_rejected"),
    Form("E*TRADE", 401, ETRADE_PAGE.format("signature_invalid"), SignatureRejected, "signature_invalid"),
    Form("E*TRADE", 401, ETRADE_PAGE.format("consumer_key_rejected"), ProviderError, "consumer_key_rejected"),
    Form(
        "E*TRADE",
        401,
        "oauth_problem=timestamp_refused,oauth_acceptable_timestamps=1636665132-1636668732",
        TimestampRefused,
        "timestamp_refused",
        embeds="form",
    ),
    Form(
        "E*TRADE", 401, '{"Error":{"message":"oauth_problem=token_expired"}}', TokenRejected, "token_expired"
    ),
    Form(
        "SmugMug",
        401,
        '{"Code":401,"Message":"oauth_problem=nonce_used"}',
        NonceRejected,
        "nonce_used",
        embeds="json",
    ),
    Form(
        "SmugMug",
        400,
        "oauth_problem=parameter_absent&oauth_parameters_absent=oauth_callback",
        ProviderError,
        "parameter_absent",
        embeds="form",
    ),
    Form(
        "Zaim",
        401,
        '{"error":true,"message":"oauth_problem=token_rejected"}',
        TokenRejected,
        "token_rejected",
    ),
    Form(
        "Yahoo",
        401,
        '{"error":{"lang":"en-US","description":"Please provide valid credentials. OAuth '
        'oauth_problem=\\"token_expired\\", realm=\\"yahooapis.com\\""}}',
        TokenRejected,
        "token_expired",
        embeds="json",
    ),
    Form(
        "Yahoo",
        401,
        "",
        TokenRejected,
        "token_expired",
        'OAuth oauth_problem="token_expired", realm="yahooapis.com"',
    ),
    # WordPress
    wordpress(
        401, "json_oauth1_consumer_mismatch", "Token is not registered for the given consumer", ProviderError
    ),
    wordpress(401, "json_oauth1_expired_token", "OAuth request token has expired", TokenRejected),
    wordpress(401, "json_oauth1_invalid_signature_method", "Signature method is invalid", SignatureRejected),
    wordpress(401, "json_oauth1_invalid_timestamp", "Invalid timestamp", TimestampRefused),
    wordpress(401, "json_oauth1_invalid_token", "Access token does not exist", TokenRejected),
    wordpress(400, "json_oauth1_invalid_verifier", "OAuth verifier does not match", VerifierRejected),
    wordpress(401, "json_oauth1_missing_parameter", "Missing OAuth parameter oauth_token", ProviderError),
    wordpress(
        401, "json_oauth1_nonce_already_used", "Invalid nonce - nonce has already been used", NonceRejected
    ),
    wordpress(401, "json_oauth1_signature_mismatch", "OAuth signature does not match", SignatureRejected),
    wordpress(401, "json_oauth1_unauthorized_token", "OAuth token has not been authorized", ProviderError),
    wordpress(401, "json_consumer_notfound", "Consumer Key is invalid", ProviderError),
    wordpress(403, "rest_cannot_edit", "Sorry, you are not allowed to edit this post.", ProviderError),
    wordpress_text(401, "OAuth signature does not match", SignatureRejected, "signature_invalid"),
    wordpress_text(401, "Invalid timestamp", TimestampRefused, "timestamp_refused"),
    wordpress_text(401, "Invalid nonce - nonce has already been used", NonceRejected, "nonce_used"),
    wordpress_text(401, "OAuth request token has expired", TokenRejected, "token_expired"),
    wordpress_text(400, "Invalid token", ProviderError, None),
    wordpress_text(400, "OAuth verifier does not match", VerifierRejected, "verifier_invalid"),
    wordpress_text(500, "Callback URL is invalid", ProviderError, None),
    # Jira, and the Java library of its servers
    Form("Jira", 401, "oauth_problem=token_rejected", TokenRejected, "token_rejected", embeds="form"),
    Form(
        "Jira",
        401,
        "oauth_problem=signature_invalid&oauth_signature=ivO30f%2BLc7%3D&oauth_signature_base_string="
        f"{urllib.parse.quote(BASE_STRING)}&oauth_signature_method=RSA-SHA1",
        SignatureRejected,
        "signature_invalid",
        embeds="form",
    ),
    Form(
        "Java's OAuthServlet",
        401,
        "",
        SignatureRejected,
        "signature_invalid",
        'OAuth realm="http%3A%2F%2Flocalhost", oauth_signature="waNR3c%3D", oauth_signature_base_string="'
        f'{urllib.parse.quote(BASE_STRING)}", oauth_problem="signature_invalid"',
    ),
    # Gateways, and what several servers share
    Form(
        "Apigee",
        401,
        '{"fault":{"faultstring":"Invalid access token","detail":{"errorcode":"x"}}}',
        TokenRejected,
        "token_rejected",
    ),
    Form(
        "Apigee, XML",
        401,
        '<?xml version="1.0"?><fault><faultstring>Access Token expired</faultstring></fault>',
        TokenRejected,
        "token_expired",
    ),
    Form(
        "LinkedIn, API v1, XML",
        401,
        "<error>\n<status>401</status>\n<timestamp>1494961358990</timestamp>\n<error-code>0</error-code>\n"
        "<message>[unauthorized]. The token used in the OAuth request is not valid.</message>\n</error>",
        TokenRejected,
        "token_rejected",
    ),
    Form(
        "LinkedIn, API v1",
        401,
        '{"errorCode":0,"message":"[unauthorized]. The token used in the OAuth request is not valid."}',
        TokenRejected,
        "token_rejected",
    ),
    Form(
        "the extension's names as elements",
        401,
        "<fault><oauth><oauth_problem>nonce_used</oauth_problem></oauth></fault>",
        NonceRejected,
        "nonce_used",
    ),
    Form(
        "the extension's names as `error`",
        401,
        '{"error":"timestamp_refused"}',
        TimestampRefused,
        "timestamp_refused",
    ),
    Form("Intuit", 401, INTUIT, ProviderError, None),
    *(
        Form("Intuit", 401, body.replace("DETAIL", detail), kind, name)
        for body in (INTUIT_XML, INTUIT_JSON)
        for detail, kind, name in (
            ("Token expired: AB016", TokenRejected, "Token expired"),
            ("Token revoked: AB016", TokenRejected, "Token revoked"),
            ("Malformed bearer token", ProviderError, None),
        )
    ),
    *(
        Form(
            "OKAPI",
            status,
            json.dumps({"error": {"developer_message": "x", "reason_stack": ["bad_request", reason]}}),
            kind,
            reason,
        )
        for status, reason, kind in (
            (400, "nonce_already_used", NonceRejected),
            (400, "invalid_timestamp", TimestampRefused),
            (400, "unsupported_signature_method", SignatureRejected),
            (401, "invalid_signature", SignatureRejected),
            (401, "invalid_token", TokenRejected),
            (401, "invalid_consumer", ProviderError),
        )
    ),
    *(
        Form("XING", status, json.dumps({"message": "x", "error_name": name}), kind, name)
        for status, name, kind in (
            (401, "INVALID_OAUTH_SIGNATURE", SignatureRejected),
            (401, "TIMESTAMP_EXPIRED", TimestampRefused),
            (401, "NONCE_ALREADY_USED", NonceRejected),
            (401, "CONSUMER_MISMATCH", ProviderError),
            (403, "RATE_LIMIT_EXCEEDED", RateLimited),
        )
    ),
    Form(
        "payments", 401, '{"code":"INVALID_OAUTH_NONCE","message":"x"}', NonceRejected, "INVALID_OAUTH_NONCE"
    ),
    *(
        Form("Vimeo", 401, f'<rsp stat="fail"><err code="{code}" expl="x" msg="{text}" /></rsp>', kind, code)
        for code, text, kind in (
            ("302", "Invalid / Expired token", TokenRejected),
            ("302", "another list", ProviderError),
            ("303", "Invalid signature", SignatureRejected),
            ("304", "Invalid nonce", NonceRejected),
        )
    ),
    Form("Garmin", 401, '{"errorMessage":"OAuth token not found"}', ProviderError, None),
    Form("Tumblr", 429, '{"errors":[{"title":"Limit Exceeded","code":0,"detail":"x"}]}', RateLimited, None),
    Form("mixi", 401, "", ProviderError, "expired_token", "OAuth error='expired_token'"),
    Form("Schoology", 401, "Unauthorized: Invalid access token: k", TokenRejected, "token_rejected"),
    Form(
        "Spring on Tomcat",
        401,
        "<html><head><title>Error</title></head><body><h1>HTTP Status 401 - Invalid signature for signature"
        " method HMAC-SHA1</h1></body></html>",
        SignatureRejected,
        "signature_invalid",
    ),
    Form(
        "Spring on Jetty",
        401,
        "<html><body><h2>HTTP ERROR 401 Nonce already used: n</h2></body></html>",
        NonceRejected,
        "nonce_used",
    ),
    Form(
        "Spring on an older Jetty",
        401,
        "<html><body><h2>HTTP ERROR 401</h2><p>Problem accessing /api. Reason:\n"
        "<pre>    Invalid signature for signature method HMAC-SHA1</pre></p></body></html>",
        SignatureRejected,
        "signature_invalid",
    ),
    Form(
        "a server by hand",
        401,
        "Timestamp is more than 600 seconds old",
        TimestampRefused,
        "timestamp_refused",
    ),
    Form("a page", 401, "<html><message>Invalid access token</message></html>", ProviderError, None),
    # Others
    Form(
        "Xero",
        401,
        "oauth_problem=signature_invalid&oauth_problem_advice=Failed%20to%20validate%20signature",
        SignatureRejected,
        "signature_invalid",
        embeds="form",
    ),
    Form(
        "Xero",
        503,
        "oauth_problem=rate%20limit%20exceeded&oauth_problem_advice=please%20wait",
        RateLimited,
        "rate limit exceeded",
    ),
    Form(
        "Passport",
        401,
        "Unauthorized",
        TokenRejected,
        "token_rejected",
        'OAuth realm="Clients", oauth_problem="token_rejected", oauth_problem_advice="something%20wrong"',
    ),
    Form("oauthlib, a resource", 401, "", ProviderError, None),
    Form("an OAuth 2 gateway", 401, "", ProviderError, None, 'Bearer realm="x", error="invalid_token"'),
]
