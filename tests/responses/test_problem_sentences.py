"""What providers say in words, and in a 200: what each sentence means, and what means nothing."""

# ruff: noqa: E501, ISC004  the providers' own texts, each as it is

from __future__ import annotations

import json
import time

import pytest

from aiooauth1.errors import (
    NonceRejected,
    ProviderError,
    RateLimited,
    SignatureRejected,
    TimestampRefused,
    TokenRejected,
    VerifierRejected,
)
from aiooauth1.responses.problem import read_problem, read_success


def wrapped(code: object, message: str) -> str:
    return json.dumps({"code": code, "message": message, "data": {"status": 401}})


WOO = "woocommerce_rest_authentication_error"
# The status and body of a refusal in words, by whose it is: what it means.
WORDS: list[tuple[str, int, str, type[ProviderError]]] = [
    # tumblr/python-tumblpy issue 26, ShareKit issue 993; Instapaper has the same words
    ("Tumblr", 401, "oauth_signature does not match expected value", SignatureRejected),
    (
        "Tumblr",
        401,
        "oauth_timestamp is too far away; we believe it is now 1390665118, you sent 1390643508, 21610 seconds away",
        TimestampRefused,
    ),
    (
        "Tumblr's API",
        401,
        '{"meta":{"status":401,"msg":"Unauthorized"},"errors":[{"code":1016,"detail":"Unable to authorize"}]}',
        ProviderError,
    ),
    (
        "Schoology",
        401,
        "Duplicate timestamp/nonce combination, possible replay attack.  Request rejected.",
        NonceRejected,
    ),
    (
        "WooCommerce",
        401,
        wrapped(WOO, "Invalid signature - provided signature does not match."),
        SignatureRejected,
    ),
    ("WooCommerce", 401, wrapped(WOO, "Invalid signature - failed to sort parameters."), SignatureRejected),
    ("WooCommerce", 401, wrapped(WOO, "Invalid signature - signature method is invalid."), SignatureRejected),
    ("WooCommerce", 401, wrapped(WOO, "Invalid timestamp."), TimestampRefused),
    ("WooCommerce", 401, wrapped(WOO, "Invalid nonce - nonce has already been used."), NonceRejected),
    ("WooCommerce", 401, wrapped(WOO, "Consumer key is invalid."), ProviderError),
    ("WooCommerce", 401, wrapped(WOO, "The API key provided does not have read permissions."), ProviderError),
    # Magento 2: Oauth/Helper/Request.php puts the sentence into oauth_problem; the REST API into message
    ("Magento 2", 401, "oauth_problem=The+signature+is+invalid.+Verify+and+try+again.", SignatureRejected),
    ("Magento 2", 401, '{"message":"The signature is invalid. Verify and try again."}', SignatureRejected),
    (
        "Magento 2",
        401,
        "oauth_problem=The+nonce+is+already+being+used+by+the+consumer+with+ID+1",
        NonceRejected,
    ),
    (
        "Magento 2",
        400,
        "oauth_problem=Incorrect+timestamp+value+in+the+oauth_timestamp+parameter",
        TimestampRefused,
    ),
    ("Magento 2", 401, "oauth_problem=Access+token+has+been+revoked", TokenRejected),
    ("Magento 2", 401, "oauth_problem=Token+is+not+associated+with+the+specified+consumer", ProviderError),
    ("pump.io", 400, '{"error":"Invalid / expired Token"}', TokenRejected),
    ("pump.io", 401, '{"error":"Invalid / used nonce"}', ProviderError),
    ("pump.io", 401, '{"error":"Invalid signature"}', SignatureRejected),
    ("django-oauth10a", 401, "Invalid access token: 5849f4d", TokenRejected),
    (
        "django-oauth10a",
        401,
        "Expired timestamp: given 1 and now 1700000000 has a greater difference than threshold 300",
        TimestampRefused,
    ),
    ("OAuth.php", 401, "Invalid access token: 5849f4d", TokenRejected),
    ("OAuth.php", 401, "Nonce already used: 5849f4d", NonceRejected),
    ("OAuth.php", 401, "Invalid consumer", ProviderError),
    (
        "OAuth.php",
        400,
        "Signature method 'RSA-SHA1' not supported try one of the following: HMAC-SHA1",
        SignatureRejected,
    ),
    ("Launchpad", 401, "Unknown access token (5849f4d).", TokenRejected),
    ("Launchpad", 401, "Expired token (5849f4d).", TokenRejected),
    ("Launchpad", 401, "Invalid OAuth signature.", SignatureRejected),
    ("Launchpad", 401, "This nonce has been used already.", NonceRejected),
    ("Launchpad", 401, "Timestamp appears to come from bad system clock", TimestampRefused),
    ("Plurk", 400, '{"error_text": "40106:invalid access token"}', TokenRejected),
    ("Plurk", 400, '{"error_text": "40004:invalid timestamp or nonce"}', NonceRejected),
    ("Plurk", 400, '{"error_text": "40009:missing access token"}', ProviderError),
    (
        "Fitbit",
        401,
        '{"errors":[{"errorType":"oauth","fieldName":"oauth_access_token","message":"Invalid signature or token \'X\'"}]}',
        SignatureRejected,
    ),
    (
        "Mastercard",
        401,
        '{"Errors":{"Error":[{"Source":"Gateway","ReasonCode":"AUTHENTICATION_FAILED",'
        '"Description":"OAuth signature did not match","Recoverable":false}]}}',
        SignatureRejected,
    ),
    ("X before its codes", 401, "Timestamp out of bounds", TimestampRefused),
    ("X", 401, "Error processing your OAuth request: Invalid oauth_verifier parameter", VerifierRejected),
    (
        "X before its codes",
        400,
        '{"error":"Rate limit exceeded. Clients may not make more than 150 requests per hour."}',
        RateLimited,
    ),
    (
        "X, XML",
        401,
        "<hash>\n <request>/1/a.xml</request>\n <error>Timestamp out of bounds</error>\n</hash>",
        TimestampRefused,
    ),
    (
        "X, XML",
        401,
        "<?xml version='1.0'?><hash><error>Could not authenticate you</error></hash>",
        ProviderError,
    ),
    ("WordPress", 400, '"OAuth verifier does not match"', ProviderError),
    (
        "Authlib",
        400,
        '{"error":"invalid_request","error_description":"Invalid \\"oauth_verifier\\" value"}',
        VerifierRejected,
    ),
    ("ruby-oauth", 401, "Invalid OAuth Request", ProviderError),
    ("Discogs", 401, "Invalid consumer.", ProviderError),
    ("Bitbucket", 401, "Could not verify OAuth request.", ProviderError),
    ("others", 401, "Signature verification failed", SignatureRejected),
    ("others", 401, "Unable to verify signature", SignatureRejected),
    ("others", 401, "Request timestamp is not within the allowed range", TimestampRefused),
    ("others", 401, '{"error":"Access token expired"}', TokenRejected),
    ("others", 403, '{"error":"Access token expired"}', ProviderError),
    ("others", 401, '{"message":"The access token is invalid."}', TokenRejected),
    # words that only look like it
    ("a parameter of the API's own", 400, '{"code":"bad","message":"Invalid timestamp"}', ProviderError),
    ("a missing one", 401, "Missing signature and timestamp", ProviderError),
    ("another service's token", 400, '{"error":"The access token has expired"}', ProviderError),
    ("a page", 401, "<html><body><p>Invalid access token</p></body></html>", ProviderError),
    ("a long text", 401, "Invalid signature " + "x " * 400, ProviderError),
    ("a text of several lines", 401, "Invalid access token\nis one of our errors.", ProviderError),
    ("of a token that goes on", 401, "Invalid access token or signature", SignatureRejected),
    ("status 404", 404, "Invalid access token", ProviderError),
]


@pytest.mark.parametrize(("whose", "status", "body", "kind"), WORDS)
def test_words_mean_what_their_provider_means(
    whose: str, status: int, body: str, kind: type[ProviderError]
) -> None:
    del whose
    error = read_problem(status, [], body.encode(), now=0.0).error()
    assert type(error) is kind


@pytest.mark.parametrize(
    ("sentence", "meaning"),
    [
        ("Invalid request token", "token_rejected"),  # OAuth.php
        ("Invalid token", "token_rejected"),  # WordPress
        ("Missing or invalid request token.", "token_rejected"),  # Tumblr
        ("Request token has not yet been reviewed. Try again later.", "permission_unknown"),  # Launchpad
        ("End-user refused to authorize request token.", "user_refused"),  # Launchpad
        ("oauth_problem=Token+is+already+being+used", "token_used"),  # Magento 2
    ],
)
def test_some_sentences_mean_the_request_token_at_token_endpoints_only(sentence: str, meaning: str) -> None:
    assert read_problem(401, [], sentence.encode(), at_token_endpoint=True).meaning == meaning
    assert read_problem(401, [], sentence.encode()).meaning == ""


@pytest.mark.parametrize(
    "sentence",
    ["Callback URL is invalid", "OAuth request failed: ask the wiki", "Nicht erlaubt, M\u00fcller"],
)
def test_one_plain_sentence_becomes_the_advice_and_shows(sentence: str) -> None:
    error = read_problem(401, [], f" {sentence}\r\n".encode()).error()
    shown = sentence.encode("ascii", "backslashreplace").decode()
    assert (error.problem, error.advice) == (None, shown)
    assert str(error) == f"the provider refused with status 401: {shown}"


@pytest.mark.parametrize(
    "body", ["Unauthorized", "<b>No page is advice</b>", "a b\nc", "{ broken", "x " * 300]
)
def test_what_is_no_plain_sentence_is_no_advice(body: str) -> None:
    assert read_problem(401, [], body.encode()).advice is None


@pytest.mark.parametrize(
    ("sentence", "theirs"),
    [
        ("Expired timestamp, yours 1700000000, ours 1700003600", 1_700_003_600),
        (
            "oauth_timestamp is too far away; we believe it is now 1700003600, you sent 1700000000",
            1_700_003_600,
        ),
        ("Expired timestamp: given 1700000000 and now 1700003600 has a greater difference", 1_700_003_600),
    ],
)
def test_the_providers_time_is_read_from_its_sentence_before_the_date(sentence: str, theirs: float) -> None:
    date = [("Date", "Thu, 01 Jan 2026 00:00:00 GMT")]
    problem = read_problem(401, date, sentence.encode(), now=1_700_000_000.0)
    assert (problem.server_time, problem.clock_difference) == (theirs, theirs - 1_700_000_000)
    assert problem.error().clock_difference == theirs - 1_700_000_000
    assert read_problem(401, date, b"", now=1_700_000_000.0).clock_difference == 67_225_600


MEDIAWIKI = "The authorization headers in your request are not valid: {}"


def mediawiki(said: str) -> str:
    return json.dumps({"error": {"code": "mwoauth-invalid-authorization", "info": MEDIAWIKI.format(said)}})


# Refusals with status 200, by whose they are: what they mean.
SUCCESSES: list[tuple[str, str, type[ProviderError], str]] = [
    ("MediaWiki", mediawiki("Invalid signature"), SignatureRejected, "mwoauth-invalid-authorization"),
    (
        "MediaWiki",
        mediawiki("Expired timestamp, yours 1, ours 1700003600"),
        TimestampRefused,
        "mwoauth-invalid-authorization",
    ),
    ("MediaWiki", mediawiki("Nonce already used: abc"), NonceRejected, "mwoauth-invalid-authorization"),
    ("MediaWiki", mediawiki("Invalid consumer"), ProviderError, "mwoauth-invalid-authorization"),
    (
        "MediaWiki",
        mediawiki("No approved grant was found for that authorization token."),
        TokenRejected,
        "mwoauth-invalid-authorization",
    ),
    (
        "MediaWiki's token endpoint",
        "Error: An error occurred in the OAuth protocol: Invalid signature",
        SignatureRejected,
        "signature_invalid",
    ),
    (
        "MediaWiki's identify",
        '{"error":"mwoauth-invalid-access-token","message":"x"}',
        TokenRejected,
        "mwoauth-invalid-access-token",
    ),
    ("Flickr", '{"stat":"fail","code":98,"message":"Invalid auth token"}', TokenRejected, "98"),
    (
        "Flickr, JSONP",
        'jsonFlickrApi({"stat":"fail","code":96,"message":"Invalid signature"})',
        SignatureRejected,
        "96",
    ),
    (
        "Flickr, XML",
        '<?xml version="1.0" encoding="utf-8" ?>\n<rsp stat="fail">\n\t<err code="98" msg="Invalid auth token" />\n</rsp>',
        TokenRejected,
        "98",
    ),
    ("Flickr", '{"stat":"fail","code":1,"message":"Photo not found"}', ProviderError, "1"),
    (
        "Vimeo",
        '{"generated_in":"0.0","stat":"fail","err":{"code":"98","expl":"x","msg":"Login failed"}}',
        TokenRejected,
        "98",
    ),
    (
        "Vimeo, XML",
        '<rsp generated_in="0.0" stat="fail"><err code="96" expl="y" msg="Invalid signature" /></rsp>',
        SignatureRejected,
        "96",
    ),
    (
        "Remember The Milk",
        '{"rsp":{"stat":"fail","err":{"code":"98","msg":"Login failed / Invalid auth token"}}}',
        TokenRejected,
        "98",
    ),
    (
        "BrickLink",
        '{"meta":{"description":"SIGNATURE_INVALID: Invalid Signature","message":"BAD_OAUTH_REQUEST","code":401},"data":{}}',
        SignatureRejected,
        "SIGNATURE_INVALID",
    ),
    (
        "BrickLink",
        '{"meta":{"description":"TOKEN_IP_MISMATCHED: consumer: A IP: B","message":"BAD_OAUTH_REQUEST","code":401}}',
        ProviderError,
        "TOKEN_IP_MISMATCHED",
    ),
    ("FatSecret", '{"error":{"code":9,"message":"Invalid access token: \'abc\'"}}', TokenRejected, "9"),
    (
        "FatSecret",
        '{"error":{"code":8,"message":"Invalid signature: oauth_signature \'abc\'"}}',
        SignatureRejected,
        "8",
    ),
    (
        "FatSecret",
        '{"error":{"code":7,"message":"Invalid/used nonce: oauth_nonce \'abc\'"}}',
        NonceRejected,
        "7",
    ),
    (
        "FatSecret, XML",
        '<?xml version="1.0" encoding="utf-8"?>\n<error xmlns="http://platform.fatsecret.com/api/1.0/"><code>6</code><message>Invalid/expired timestamp</message></error>',
        TimestampRefused,
        "6",
    ),
    ("Plurk", '{"error_text":"40106:invalid access token"}', TokenRejected, "token_rejected"),
    (
        "Instapaper",
        '[{"type":"error","error_code":1040,"message":"Rate-limit exceeded"}]',
        RateLimited,
        "rate_limited",
    ),
    ("a token endpoint", "oauth_problem=consumer_key_unknown", ProviderError, "consumer_key_unknown"),
]


@pytest.mark.parametrize(("whose", "body", "kind", "name"), SUCCESSES)
def test_a_refusal_in_a_200_is_read(whose: str, body: str, kind: type[ProviderError], name: str) -> None:
    del whose
    problem = read_success(200, [], body.encode())
    assert problem is not None
    assert (type(problem.error()), problem.name, problem.status) == (kind, name, 200)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "Invalid access token",
        "Error",
        '{"error": null, "errors": [], "meta": {"code": 200, "status": 200}}',
        '{"error": false}',
        '{"data": [{"id": 1}], "errors": [{"code": 37, "message": "Invalid or expired token"}]}',
        '{"text": "oauth_problem=token_revoked", "stat": "ok"}',
        '{"post": {"error": "Invalid access token"}}',
        'see {"error": {"code": 89}}',
        "<html><error><code>9</code></error></html>",
        "<p>Error: oauth_problem=token_revoked</p>",
        '<rsp stat="ok"><photo/></rsp>',
        "oauth_token=a&oauth_token_secret=b&oauth_callback_confirmed=true",
        '{"stat": "fail"',
    ],
)
def test_anything_else_in_a_200_is_no_refusal(body: str) -> None:
    assert read_success(200, [], body.encode()) is None


def test_a_header_field_tells_of_a_refusal_whatever_the_body() -> None:
    headers = [("MediaWiki-API-Error", "mwoauth-invalid-authorization")]
    for body, kind in (
        (mediawiki("Nonce already used: abc"), NonceRejected),
        ("<b>not JSON</b>", ProviderError),
    ):
        problem = read_success(200, headers, body.encode(), refusal_header="mediawiki-api-error")
        assert problem is not None
        assert (type(problem.error()), problem.name) == (kind, "mwoauth-invalid-authorization")
    assert read_success(200, headers, b"<b>not JSON</b>") is None
    assert read_success(200, [], b"{}", refusal_header="MediaWiki-API-Error") is None


@pytest.mark.parametrize(
    "alphabet",
    [
        '{"error":',
        "<rsp ",
        '<err code="1" ',
        "<hash>",
        "<request>",
        "Invalid ",
        "jsonFlickrApi(",
        "<?xml ",
        "\u00e9",
        "[",
        "nonce timestamp signature ",
    ],
)
def test_hostile_text_takes_no_time(alphabet: str) -> None:
    body = (alphabet * (100_000 // len(alphabet))).encode()
    began = time.process_time()
    read_success(200, [("X-Error", alphabet * 8000)], body, ["s3cret"], refusal_header="X-Error")
    read_problem(401, [("WWW-Authenticate", alphabet * 8000)], body, ["s3cret"])
    assert time.process_time() - began < 0.2
