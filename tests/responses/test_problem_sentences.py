"""What providers say in words, and in a 200: what each sentence means, and what means nothing."""

# ruff: noqa: E501  the providers' own texts, each as it is

from __future__ import annotations

import pytest

from aiooauth1 import errors
from aiooauth1.errors import NonceRejected, ProviderError
from aiooauth1.responses.problem import read_problem, read_success


def rows(table: str) -> list[tuple[str, ...]]:
    """Split a table with lines like `what is expected | whose | body`, where \\n and \\t in a body are escaped."""
    cells = (line.split(" | ", 2) for line in table.strip().splitlines())
    return [
        (*expected.split(), whose, body.replace("\\n", "\n").replace("\\t", "\t"))
        for expected, whose, body in cells
    ]


# Status, error, whose, body. Tumblr's words: python-tumblpy issue 26 and ShareKit issue 993; Instapaper has them too.
# Magento 2: Oauth/Helper/Request.php puts the sentence into oauth_problem, the REST API into message.
WORDS = r"""
401 SignatureRejected | Tumblr | oauth_signature does not match expected value
401 TimestampRefused | Tumblr | oauth_timestamp is too far away; we believe it is now 1390665118, you sent 1390643508, 21610 seconds away
401 NonceRejected | Schoology | Duplicate timestamp/nonce combination, possible replay attack.  Request rejected.
401 SignatureRejected | WooCommerce | {"code":"woocommerce_rest_authentication_error","message":"Invalid signature - provided signature does not match."}
401 SignatureRejected | WooCommerce | {"code":"woocommerce_rest_authentication_error","message":"Invalid signature - failed to sort parameters."}
401 SignatureRejected | WooCommerce | {"code":"woocommerce_rest_authentication_error","message":"Invalid signature - signature method is invalid."}
401 TimestampRefused | WooCommerce | {"code":"woocommerce_rest_authentication_error","message":"Invalid timestamp."}
401 NonceRejected | WooCommerce | {"code":"woocommerce_rest_authentication_error","message":"Invalid nonce - nonce has already been used."}
401 ProviderError | WooCommerce | {"code":"woocommerce_rest_authentication_error","message":"Consumer key is invalid."}
401 ProviderError | WooCommerce | {"code":"woocommerce_rest_authentication_error","message":"The API key provided does not have read permissions."}
401 TokenRejected | MAAS | Authorization Error: 'Invalid access token: tk'
401 TimestampRefused | MAAS | Authorization Error: 'Expired timestamp: given 1700000000 and now 1700009999 has a greater difference than threshold 300'
401 NonceRejected | MAAS | Authorization Error: 'Nonce already used: abc'
401 ProviderError | MAAS | Authorization Error: Invalid API key.
401 TokenRejected | ImmobilienScout24 | {"common.messages":[{"message":{"messageCode":"ERROR_COMMON_ACCESS_DENIED","message":"Invalid access token"}}]}
401 TokenRejected | Rails, a list | {"errors":["Invalid access token"]}
401 TokenRejected | Rails, by field | {"errors":{"base":["Invalid access token"]}}
401 TokenRejected | an API with the status as code | {"errors":[{"code":401,"message":"Invalid access token"}]}
401 TokenRejected | ServiceStack | {"ResponseStatus":{"ErrorCode":"401","Message":"Invalid access token"}}
401 TokenRejected | an API with meta | {"meta":{"code":401,"error_message":"Invalid access token"}}
401 TokenRejected | an API with error_msg | {"error_msg":"Invalid access token"}
401 SignatureRejected | Vimeo with the status as code | <rsp stat="fail"><err code="401" msg="Invalid signature"/></rsp>
401 TokenRejected | an element with text | <error>Invalid access token</error>
401 TokenRejected | Last.fm's shape | <lfm status="failed"><error code="9">Invalid access token</error></lfm>
401 TokenRejected | S3's shape | <Error><Code>401</Code><Message>Invalid access token</Message></Error>
401 TokenRejected | a form with a sentence | error=Invalid+access+token
401 TokenRejected | the status before it | HTTP Status 401 - Invalid access token
403 ProviderError | a title of something else | {"errors":["No such album"]}
401 SignatureRejected | Magento 2 | oauth_problem=The+signature+is+invalid.+Verify+and+try+again.
401 SignatureRejected | Magento 2 | {"message":"The signature is invalid. Verify and try again."}
401 NonceRejected | Magento 2 | oauth_problem=The+nonce+is+already+being+used+by+the+consumer+with+ID+1
400 TimestampRefused | Magento 2 | oauth_problem=Incorrect+timestamp+value+in+the+oauth_timestamp+parameter
401 TokenRejected | Magento 2 | oauth_problem=Access+token+has+been+revoked
401 ProviderError | Magento 2 | oauth_problem=Token+is+not+associated+with+the+specified+consumer
400 TokenRejected | pump.io | {"error":"Invalid / expired Token"}
401 ProviderError | pump.io | {"error":"Invalid / used nonce"}
401 SignatureRejected | pump.io | {"error":"Invalid signature"}
401 TokenRejected | OAuth.php | Invalid access token: 5849f4d
401 ProviderError | OAuth.php | Invalid consumer
400 SignatureRejected | OAuth.php | Signature method 'RSA-SHA1' not supported try one of the following: HMAC-SHA1
401 TokenRejected | Launchpad | Unknown access token (5849f4d).
401 TokenRejected | Launchpad | Expired token (5849f4d).
401 SignatureRejected | Launchpad | Invalid OAuth signature.
401 NonceRejected | Launchpad | This nonce has been used already.
401 TimestampRefused | Launchpad | Timestamp appears to come from bad system clock
400 TokenRejected | Plurk | {"error_text": "40106:invalid access token"}
400 NonceRejected | Plurk | {"error_text": "40004:invalid timestamp or nonce"}
400 ProviderError | Plurk | {"error_text": "40009:missing access token"}
401 SignatureRejected | Fitbit | {"errors":[{"errorType":"oauth","fieldName":"oauth_access_token","message":"Invalid signature or token 'X'"}]}
401 SignatureRejected | Mastercard | {"Errors":{"Error":[{"Source":"Gateway","ReasonCode":"AUTHENTICATION_FAILED","Description":"OAuth signature did not match","Recoverable":false}]}}
401 TimestampRefused | X before its codes | Timestamp out of bounds
401 VerifierRejected | X | Error processing your OAuth request: Invalid oauth_verifier parameter
400 RateLimited | X before its codes | {"error":"Rate limit exceeded. Clients may not make more than 150 requests per hour."}
401 TimestampRefused | X, XML | <hash>\n <request>/1/a.xml</request>\n <error>Timestamp out of bounds</error>\n</hash>
401 ProviderError | X, XML | <?xml version='1.0'?><hash><error>Could not authenticate you</error></hash>
400 ProviderError | WordPress | "OAuth verifier does not match"
400 VerifierRejected | Authlib | {"error":"invalid_request","error_description":"Invalid \"oauth_verifier\" value"}
401 ProviderError | ruby-oauth | Invalid OAuth Request
401 ProviderError | Bitbucket | Could not verify OAuth request.
401 SignatureRejected | others | Signature verification failed
401 SignatureRejected | others | Unable to verify signature
401 TimestampRefused | others | Request timestamp is not within the allowed range
401 TokenRejected | others | {"error":"Access token expired"}
403 ProviderError | others | {"error":"Access token expired"}
401 TokenRejected | others | {"message":"The access token is invalid."}
"""
LOOK_ALIKES = r"""
400 ProviderError | a parameter of the API's own | {"code":"bad","message":"Invalid timestamp"}
401 ProviderError | a missing one | Missing signature and timestamp
400 ProviderError | another service's token | {"error":"The access token has expired"}
401 ProviderError | a page | <html><body><p>Invalid access token</p></body></html>
401 ProviderError | a text of several lines | Invalid access token\nis one of our errors.
401 SignatureRejected | of a token that goes on | Invalid access token or signature
404 ProviderError | status 404 | Invalid access token
"""


LONG = ("401", "ProviderError", "a long text", "Invalid signature " + "x " * 400)


@pytest.mark.parametrize(("status", "kind", "whose", "body"), [*rows(WORDS), *rows(LOOK_ALIKES), LONG])
def test_words_mean_what_their_provider_means(status: str, kind: str, whose: str, body: str) -> None:
    error = read_problem(int(status), [], body.encode(), now=0.0).error()
    assert type(error) is getattr(errors, kind), whose


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
def test_a_body_that_is_not_one_plain_sentence_gives_no_advice(body: str) -> None:
    assert read_problem(401, [], body.encode()).advice is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Expired timestamp, yours 1700000000, ours 1700003600",
        "oauth_timestamp is too far away; we believe it is now 1700003600, you sent 1700000000",
        "Expired timestamp: given 1700000000 and now 1700003600 has a greater difference",
    ],
)
def test_the_providers_time_is_read_from_its_sentence_before_the_date(sentence: str) -> None:
    date = [("Date", "Thu, 01 Jan 2026 00:00:00 GMT")]
    problem = read_problem(401, date, sentence.encode(), now=1_700_000_000.0)
    assert (problem.server_time, problem.clock_difference) == (1_700_003_600, 3600)
    assert problem.error().clock_difference == 3600
    assert read_problem(401, date, b"", now=1_700_000_000.0).clock_difference == 67_225_600


# The error and the problem's name of refusals with status 200, whose, and the body.
SUCCESSES = r"""
SignatureRejected mwoauth-invalid-authorization | MediaWiki | {"error": {"code": "mwoauth-invalid-authorization", "info": "The authorization headers in your request are not valid: Invalid signature"}}
TokenRejected mwoauth-invalid-authorization | MediaWiki | {"error": {"code": "mwoauth-invalid-authorization", "info": "The authorization headers in your request are not valid: No approved grant was found for that authorization token."}}
SignatureRejected signature_invalid | MediaWiki's token endpoint | Error: An error occurred in the OAuth protocol: Invalid signature
TokenRejected mwoauth-invalid-access-token | MediaWiki's identify | {"error":"mwoauth-invalid-access-token","message":"x"}
TokenRejected 98 | Flickr | {"stat":"fail","code":98,"message":"Invalid auth token"}
SignatureRejected 96 | Flickr, JSONP | jsonFlickrApi({"stat":"fail","code":96,"message":"Invalid signature"})
TokenRejected 98 | Flickr, XML | <?xml version="1.0" encoding="utf-8" ?>\n<rsp stat="fail">\n\t<err code="98" msg="Invalid auth token" />\n</rsp>
ProviderError 1 | Flickr | {"stat":"fail","code":1,"message":"Photo not found"}
TokenRejected 98 | Vimeo | {"generated_in":"0.0","stat":"fail","err":{"code":"98","expl":"x","msg":"Login failed"}}
SignatureRejected 96 | Vimeo, XML | <rsp generated_in="0.0" stat="fail"><err code="96" expl="y" msg="Invalid signature" /></rsp>
TokenRejected 98 | Remember The Milk | {"rsp":{"stat":"fail","err":{"code":"98","msg":"Login failed / Invalid auth token"}}}
SignatureRejected SIGNATURE_INVALID | BrickLink | {"meta":{"description":"SIGNATURE_INVALID: Invalid Signature","message":"BAD_OAUTH_REQUEST","code":401},"data":{}}
ProviderError TOKEN_IP_MISMATCHED | BrickLink | {"meta":{"description":"TOKEN_IP_MISMATCHED: consumer: A IP: B","message":"BAD_OAUTH_REQUEST","code":401}}
TokenRejected 9 | FatSecret | {"error":{"code":9,"message":"Invalid access token: 'abc'"}}
SignatureRejected 8 | FatSecret | {"error":{"code":8,"message":"Invalid signature: oauth_signature 'abc'"}}
NonceRejected 7 | FatSecret | {"error":{"code":7,"message":"Invalid/used nonce: oauth_nonce 'abc'"}}
TimestampRefused 6 | FatSecret, XML | <?xml version="1.0" encoding="utf-8"?>\n<error xmlns="http://platform.fatsecret.com/api/1.0/"><code>6</code><message>Invalid/expired timestamp</message></error>
TokenRejected token_rejected | Plurk | {"error_text":"40106:invalid access token"}
RateLimited rate_limited | Instapaper | [{"type":"error","error_code":1040,"message":"Rate-limit exceeded"}]
ProviderError consumer_key_unknown | a token endpoint | oauth_problem=consumer_key_unknown
"""


@pytest.mark.parametrize(("kind", "name", "whose", "body"), rows(SUCCESSES))
def test_a_refusal_in_a_200_is_read(kind: str, name: str, whose: str, body: str) -> None:
    problem = read_success(200, [], body.encode())
    assert problem is not None, whose
    assert (type(problem.error()), problem.name, problem.status) == (getattr(errors, kind), name, 200)


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
        (
            '{"error":{"info":"The authorization headers in your request are not valid: Nonce already used: abc"}}',
            NonceRejected,
        ),
        ("<b>not JSON</b>", ProviderError),
    ):
        problem = read_success(200, headers, body.encode(), refusal_header="mediawiki-api-error")
        assert problem is not None
        assert (type(problem.error()), problem.name) == (kind, "mwoauth-invalid-authorization")
    assert read_success(200, headers, b"<b>not JSON</b>") is None
    assert read_success(200, [], b"{}", refusal_header="MediaWiki-API-Error") is None
