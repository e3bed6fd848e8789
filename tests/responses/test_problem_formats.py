"""The refusals of real providers and servers, as they are, embedded in other text, and damaged."""

from __future__ import annotations

import itertools
import json
import random
import re
import urllib.parse
from collections.abc import Callable

import pytest
from authlib.common.urls import url_encode  # type: ignore[import-untyped]  # Authlib has no type information
from authlib.oauth1.rfc5849 import errors as authlib_errors  # type: ignore[import-untyped]
from mutations import mutated
from oauthlib.oauth1.rfc5849 import errors as oauthlib_errors
from real_refusals import BASE_STRING, FORMS, SECRETS, Form, assert_fit_to_be_shown

from aiooauth1.errors import (
    NonceRejected,
    ProviderError,
    RateLimited,
    SignatureRejected,
    TimestampRefused,
    TokenRejected,
)
from aiooauth1.responses.problem import Problem, read_problem
from aiooauth1.responses.problem_catalog import CANONICAL_NAMES, ERROR_TYPES
from aiooauth1.testing.fake_provider.errors import BAD_REQUEST_PROBLEMS, RefusalError


Headers = list[tuple[str, str]]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.source} {form.problem} {form.status}")
def test_a_real_refusal_means_what_its_provider_says_it_means(form: Form) -> None:
    problem = form.read()
    error = problem.error()
    assert (type(error), error.problem, error.status) == (form.kind, form.problem, form.status)


def test_a_base_string_is_returned_and_its_parameters_are_not_shown() -> None:
    told = [
        form for form in FORMS if BASE_STRING in urllib.parse.unquote(form.body + form.challenge) + form.body
    ]
    assert len(told) >= 7
    for form in told:
        error = form.read().error()
        assert isinstance(error, SignatureRejected)
        assert (error.server_base_string or "").removesuffix("oauth_error_code") == BASE_STRING
        assert "compare server_base_string" in error.hints[0]
        shown = f"{error} {error.advice} {error.body}"
        assert "api_key" not in shown
        assert "a_good_token" not in shown


@pytest.mark.parametrize(
    ("source", "name", "advice", "parameters"),
    [
        ("X, API 1.1", "89", "Invalid or expired token", {}),
        ("X, API 2", "Forbidden", "You are not allowed to create a Tweet with duplicate content.", {}),
        ("Tumblr", "1016", "Unable to authorize", {}),
        ("NetSuite, no body", None, "token_rejected: Invalid login attempt.", {}),
        ("Xero", "signature_invalid", "Failed to validate signature", {}),
        ("Discogs", None, "You must authenticate to access this resource.", {}),
        (
            "PECL OAuthProvider",
            "parameter_absent",
            None,
            {"oauth_parameters_absent": "oauth_token&oauth_nonce"},
        ),
        ("E*TRADE", "timestamp_refused", None, {"oauth_acceptable_timestamps": "1636665132-1636668732"}),
    ],
)
def test_the_advice_and_the_parameters_are_kept(
    source: str, name: str | None, advice: str | None, parameters: dict[str, str]
) -> None:
    *_, form = (form for form in FORMS if (form.source, form.problem) == (source, name))
    problem = form.read()
    assert (problem.advice, problem.parameters) == (advice, parameters)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([("WWW-Authenticate", 'Bearer realm="x", error="invalid_token", error_description="expired"')], ""),
        ([("WWW-Authenticate", 'OAuth realm="x", Bearer error="invalid_token"')], ""),
        ([], '{"code":401,"status":"401"}'),
        ([], '{"error":{"code":"403"}}'),
        ([], '{"error":null,"errors":[]}'),
        ([], "[[]]"),
    ],
)
def test_a_code_that_repeats_the_status_or_another_scheme_names_nothing(headers: Headers, body: str) -> None:
    problem = read_problem(401, headers, body.encode())
    assert (problem.name, problem.advice, problem.meaning) == (None, None, "")


@pytest.mark.parametrize(
    ("code", "detail", "kind"),
    [
        ("ERR_403_DEVELOPER_OVER_QPS", "Account Over Queries Per Second Limit", RateLimited),
        ("ERR_403_DEVELOPER_OVER_RATE", "Account Over Rate Limit", RateLimited),
        ("ERR_403_DEVELOPER_INACTIVE", "", ProviderError),
        ("ERR_401_INVALID_SIGNATURE", "", SignatureRejected),
        ("ERR_401_TIMESTAMP_IS_INVALID", "", TimestampRefused),
        ("ERR_401_INVALID_NONCE", "", NonceRejected),
        ("ERR_401_INVALID_OR_EXPIRED_TOKEN", "", TokenRejected),
    ],
)
def test_a_gateway_s_header_field_names_the_problem_beside_a_page(
    code: str, detail: str, kind: type[ProviderError]
) -> None:
    headers = [("X-Mashery-Error-Code", code), ("X-Error-Detail-Header", detail), ("Retry-After", "1")]
    problem = read_problem(int(code[4:7]), headers, b"<h1>Developer Over Qps</h1>")
    assert (type(problem.error()), problem.name, problem.advice) == (kind, code, detail or None)
    assert problem.retry_after == 1.0


def test_a_detail_field_is_read_if_the_body_says_nothing() -> None:
    problem = read_problem(403, [("X-Error-Detail", "oauth_problem=token_rejected")], b"")
    assert (problem.name, problem.meaning) == ("token_rejected", "token_rejected")


@pytest.mark.parametrize("sentence", ["Invalid signature.", " Invalid Signature\n"])
def test_a_sentence_may_end_in_a_full_stop(sentence: str) -> None:
    assert read_problem(401, [], sentence.encode()).meaning == "signature_invalid"


# The servers whose code is at hand, by that code

AUTHLIB = {
    "unsupported_signature_method": SignatureRejected,
    "invalid_token": TokenRejected,
    "invalid_signature": SignatureRejected,
    "invalid_nonce": NonceRejected,
}


def test_every_error_of_authlib_as_a_form_and_as_json() -> None:
    kinds = {kind.error: kind for kind in authlib_errors.OAuth1Error.__subclasses__()}
    assert len(kinds) == 12, "Authlib has a new error"
    for name, kind in kinds.items():
        error = kind("oauth_token") if name == "missing_required_parameter" else kind()
        for body in (url_encode(error.get_body()), json.dumps(dict(error.get_body()))):
            refusal = read_problem(error.status_code, error.get_headers(), body.encode()).error()
            assert (type(refusal), refusal.problem) == (AUTHLIB.get(name, ProviderError), name)
            assert refusal.advice == (error.description or None)
    too_old = url_encode(authlib_errors.InvalidRequestError('Invalid "oauth_timestamp" value').get_body())
    refusal = read_problem(400, [], too_old.encode()).error()
    assert (type(refusal), refusal.problem) == (TimestampRefused, "invalid_request")


@pytest.mark.parametrize(
    ("name", "description", "expected"),
    [
        ("InvalidSignatureMethodError", "HMAC-SHA1 not in ['RSA-SHA1'].", SignatureRejected),
        ("InvalidRequestError", "Missing mandatory OAuth parameters.", ProviderError),
        ("InvalidRequestError", "Invalid timestamp size", ProviderError),
        ("InvalidRequestError", "Timestamp given is invalid, differ from allowed by over", TimestampRefused),
        ("InvalidClientError", "", ProviderError),
        ("InsecureTransportError", "", ProviderError),
    ],
)
def test_errors_of_oauthlib(name: str, description: str, expected: type[ProviderError]) -> None:
    error = getattr(oauthlib_errors, name)(description=description)
    for body in (error.urlencoded, json.dumps(dict(error.twotuples))):
        refusal = read_problem(error.status_code, [], body.encode()).error()
        assert (type(refusal), refusal.problem) == (expected, error.error)


@pytest.mark.parametrize("name", [*ERROR_TYPES, *sorted(BAD_REQUEST_PROBLEMS), "user_refused"])
def test_the_fake_provider_s_body_and_challenge_are_each_understood(name: str) -> None:
    refusal = RefusalError(name, "100 % & more, or less", ("oauth_acceptable_timestamps", "1-2"))
    for headers, body in [
        ([], refusal.body()),
        ([("www-authenticate", refusal.challenge("a, b=c"))], b""),
    ]:
        problem = read_problem(refusal.status, headers, body)
        assert (problem.name, problem.advice) == (name, "100 % & more, or less")
        assert problem.parameters == {"oauth_acceptable_timestamps": "1-2"}
        assert type(problem.error()) is ERROR_TYPES.get(name, ProviderError)


# What makes an application forget a token

DEAD_NAMES = """
89 ERR_401_INVALID_OR_EXPIRED_TOKEN E004 invalid_token json_oauth1_expired_token json_oauth1_invalid_token
mwoauth-invalid-access-token mwoauthdatastore-access-token-not-found mwoauthdatastore-bad-token
mwoauthdatastore-request-token-already-used mwoauthdatastore-request-token-not-found
mwoauthserver-invalid-request-token token_expired token_rejected token_revoked token_used
"""
DEAD = {*DEAD_NAMES.split(), "Token expired", "Token revoked"}  # the last two are Intuit's


def test_exactly_these_names_say_that_a_token_is_dead() -> None:
    assert {name for name in CANONICAL_NAMES if isinstance(Problem(401, name).error(), TokenRejected)} == DEAD


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (401, [], ""),
        (403, [], ""),
        (401, [], "Unauthorized"),
        # other providers' numbers
        (401, [], '{"errors":[{"code":89,"message":"Bad colour"}]}'),
        (401, [], '{"errors":[{"code":89,"title":"Token","detail":"token"}]}'),
        (401, [], '{"error":{"code":89,"message":"Invalid or expired token."}}'),
        (401, [], '{"code":89,"message":"Invalid or expired token."}'),
        # no refusal of a token has these statuses
        (500, [], '{"errors":[{"code":89,"message":"Invalid or expired token."}]}'),
        (404, [], '{"code":"json_oauth1_invalid_token"}'),
        (502, [], "error=invalid_token"),
        # other schemes, other places
        (401, [("WWW-Authenticate", 'Bearer error="invalid_token"')], ""),
        (401, [("WWW-Authenticate", 'OAuth error="token_rejected"')], ""),
        (401, [("WWW-Authenticate", 'OAuth realm="oauth_problem=token_revoked"')], ""),
        (401, [("X-Problem", 'OAuth oauth_problem="token_revoked"')], ""),
        # what a page echoes: of the address, of a text, with other statuses than 401
        (401, [], "<p>GET /search?q=oauth_problem=token_revoked</p>"),
        (401, [], "<p>GET /search?oauth_problem=token_revoked</p>"),
        (404, [], "<p>Not found: oauth_problem=token_revoked</p>"),
        (400, [], "<p>Bad text: oauth_problem=token_revoked</p>"),
        (403, [], '{"errors":[{"code":187,"message":"Duplicate: oauth_problem=token_revoked"}]}'),
        (400, [], '{"code":"rest_invalid","params":{"text":"I like oauth_problem=token_revoked"}}'),
        (400, [], '{"title":"oauth_problem=token_revoked","detail":"bad title","status":400}'),
        (403, [], 'Your text {"errors":[{"code":89,"message":"Invalid or expired token."}]} is a duplicate'),
        # close, and not the same
        (404, [], "oauth_problem=token_revoked\n<p>Not found</p>"),
        (403, [], "Bad text: me&oauth_problem=token_revoked"),
        (401, [], "oauth_problem=token_revoked_not"),
        (401, [], '{"code":"json_oauth1_invalid_token_type"}'),
        (401, [], "code=json_oauth1_invalid_token"),
        (401, [], "x=1&error=invalid_token"),
        (401, [], "token expired"),
    ],
)
def test_no_other_refusal_says_that_a_token_is_dead(status: int, headers: Headers, body: str) -> None:
    problem = read_problem(status, headers, body.encode())
    assert not isinstance(problem.error(), TokenRejected)


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    "body",
    [
        '{"errors":[{"code":89}]}',
        '{"errors":[{"code":"89","message":"INVALID TOKEN"}]}',
        '{"code":"json_oauth1_invalid_token"}',
        "error=invalid_token",
        '{"error":"invalid_token"}',
    ],
)
def test_a_name_without_a_sentence_says_that_a_token_is_dead(status: int, body: str) -> None:
    assert isinstance(read_problem(status, [], body.encode()).error(), TokenRejected)


# In the midst of other text, and damaged

Embed = Callable[[str, random.Random], str]


def among_blanks(body: str, chance: random.Random) -> str:
    return (
        chance.choice(["", " ", "\r\n", "\ufeff", "\n\n"]) + body + chance.choice(["", " \n", "\r\n", "\0"])
    )


def before_parameters(body: str, chance: random.Random) -> str:
    return f"{body}&{chance.choice(['a', 'code', 'oauth_nonce'])}={chance.randrange(999)}"


def after_parameters(body: str, chance: random.Random) -> str:
    return f"{chance.choice(['a', 'stat', 'x.y'])}={chance.randrange(999)}&{body}"


def reformatted(body: str, chance: random.Random) -> str:
    return json.dumps(json.loads(body), indent=chance.choice([None, 1, 4]), sort_keys=chance.random() < 0.5)


def escaped(body: str, _: random.Random) -> str:
    return re.sub("[&=<>'/]", lambda found: rf"\u{ord(found[0]):04X}", body)


def with_more_members(body: str, chance: random.Random) -> str:
    return json.dumps(json.loads(body) | {"request_id": str(chance.random()), "servedby": ["mw1", {"a": 1}]})


def in_page(body: str, _: random.Random) -> str:
    return f"<!doctype html><html><body><h1>401</h1><p>{body.replace('&', '&amp;')}</p></body></html>"


def before_comment(body: str, _: random.Random) -> str:
    return f"{body}\n<!-- web07 -->"


def in_callback(body: str, _: random.Random) -> str:
    return f"callback({body});"


def after_words(body: str, chance: random.Random) -> str:
    return chance.choice(["HTTP 401: ", "<p>Sorry {n} </p>", "{} ", "error "]) + body


WITH_MORE: dict[str, list[Embed]] = {
    "form": [before_parameters, after_parameters],
    "json": [reformatted, escaped, with_more_members],
    "text": [among_blanks],
}
# Where it is not the whole body, only 401 is believed to speak of a token.
AMIDST: dict[str, list[Embed]] = {
    "form": [in_page, before_comment],
    "json": [in_callback, after_words],
    "text": [],
}
CHALLENGES = [
    "",
    'Basic realm="a, b"',
    'OAuth realm="x"',
    'Digest nonce="oauth_problem=token_used", qop=auth',
]


def spelled(secret: str) -> list[str]:
    once = urllib.parse.quote(secret, safe="~")
    return [secret, once, urllib.parse.quote(once, safe="~"), urllib.parse.quote_plus(secret)]


SPELLED = [text for secret in SECRETS for text in spelled(secret)]


def test_a_report_is_recognised_wherever_it_stands() -> None:
    chance = random.Random(1_010)  # noqa: S311  the same texts each time
    whole = [form for form in FORMS if form.embeds]
    for _ in range(4_000):
        form = chance.choice(whole)
        body = form.body
        if chance.random() < 0.6:
            body = chance.choice(WITH_MORE[form.embeds])(body, chance)
        if AMIDST[form.embeds] and (form.status == 401 or form.kind is not TokenRejected):
            body = chance.choice([*AMIDST[form.embeds], among_blanks])(body, chance)
        else:
            body = among_blanks(body, chance)
        headers = [("Www-Authenticate", field) for field in chance.sample(CHALLENGES, 2)]
        problem = read_problem(form.status, headers, body.encode(), SECRETS)
        assert (type(problem.error()), problem.name) == (form.kind, form.problem), body
        assert_fit_to_be_shown(problem)


def test_a_challenge_is_recognised_among_others() -> None:
    for form, other in itertools.product(filter(lambda form: form.challenge, FORMS), CHALLENGES[:3]):
        for order in ([other, form.challenge], [form.challenge, other]):
            fields = [("WWW-AUTHENTICATE", field) for field in order]
            for headers in (fields, [("www-authenticate", ", ".join(filter(None, order)))]):
                problem = read_problem(form.status, headers, form.body.encode())
                assert (type(problem.error()), problem.name) == (form.kind, form.problem)


# Whatever says that a token is dead says it by one of these.
SENTENCES = [
    "Invalid (access|request) token",
    "No approved grant",
    "(OAuth request token has|Access Token) expired",
]
SENTENCES += ["The token used in the OAuth request is not valid", 'code="302"']
SAYS_DEAD = re.compile("|".join([*DEAD, *SENTENCES]))
PIECES = (
    b'& = % " { } [ ] \\ < > , : + \0 \xff \xc3 \xe2\x80\xa8 %25 %41 %ff &amp; \\u0026 \x1b[31m \r\n'.split(
        b" "
    )
)
PIECES += (
    b"oauth_problem oauth_problem_advice oauth_acceptable_timestamps oauth_signature debug_sbs= code".split()
)
PIECES += [b"base string: ", b'"message":"']


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Damage a refusal in one to four ways, and put a secret in it, or none."""
    for _ in range(chance.randrange(1, 5)):
        data = mutated(data, chance, [*PIECES, chance.choice(FORMS).body.encode()])
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(["", *SPELLED]).encode() + data[at:]


def test_damaged_refusals_are_read_and_say_that_a_token_is_dead_only_if_they_did() -> None:
    chance = random.Random(5_849)  # noqa: S311  the same damage each time
    for _ in range(6_000):
        form = chance.choice(FORMS)
        body = damaged(form.body.encode(), chance)
        field = damaged(form.challenge.encode(), chance).decode("utf-8", "surrogateescape")
        headers = [("WWW-Authenticate", field), ("Retry-After", field)]
        problem = read_problem(form.status, headers, body, SECRETS)
        assert_fit_to_be_shown(problem)
        if isinstance(problem.error(), TokenRejected):
            given = (body.decode("latin-1") + field).replace("\\", "")
            assert SAYS_DEAD.search(given) or SAYS_DEAD.search(urllib.parse.unquote(given)), (headers, body)
