"""The refusals of real providers and servers, as they are, embedded in other text, and damaged."""

from __future__ import annotations

import json
import random
import re
import urllib.parse
from collections.abc import Callable

import pytest
from authlib.common.urls import url_encode  # type: ignore[import-untyped]  # Authlib has no type information
from authlib.oauth1.rfc5849 import errors as authlib_errors  # type: ignore[import-untyped]
from oauthlib.oauth1.rfc5849 import errors as oauthlib_errors
from real_refusals import BASE_STRING, FORMS, Form

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


@pytest.mark.parametrize(
    "form",
    [
        form
        for form in FORMS
        if BASE_STRING in urllib.parse.unquote(form.body + form.challenge) or BASE_STRING in form.body
    ],
    ids=lambda form: form.source,
)
def test_a_real_base_string_is_given_back(form: Form) -> None:
    error = form.read().error()
    assert isinstance(error, SignatureRejected)
    assert error.server_base_string is not None
    assert error.server_base_string.removesuffix("oauth_error_code") == BASE_STRING
    assert "compare server_base_string" in error.hints[0]
    shown = f"{error} {error.advice} {error.body}"
    assert "api_key" not in shown
    assert "a_good_token" not in shown


def test_what_is_no_base_string_is_neither_given_back_nor_shown() -> None:
    for form in FORMS:
        if "debug_sbs=tnn" in form.body or "base string: kd94" in form.body:
            problem = form.read()
            assert problem.server_base_string is None
            assert not re.search("tnnArx|kd94|pfkk", repr(problem) + repr(vars(problem.error())))


def test_what_is_said_about_it_is_kept() -> None:
    said = {(form.source, form.problem): form.read() for form in FORMS}
    assert said["X, API 1.1", "89"].advice in {"Invalid or expired token.", "Invalid or expired token"}
    assert (
        said["X, API 2", "Forbidden"].advice
        == "You are not allowed to create a Tweet with duplicate content."
    )
    assert said["Tumblr", "1016"].advice == "Unable to authorize"
    assert said["NetSuite, no body", None].advice == "token_rejected: Invalid login attempt."
    assert said["Xero", "signature_invalid"].advice == "Failed to validate signature"
    assert said["PECL OAuthProvider", "parameter_absent"].parameters == {
        "oauth_parameters_absent": "oauth_token&oauth_nonce"
    }
    assert said["E*TRADE", "timestamp_refused"].parameters == {
        "oauth_acceptable_timestamps": "1636665132-1636668732"
    }
    assert said["Discogs", None].advice == "You must authenticate to access this resource."


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
def test_what_repeats_the_status_or_is_of_another_scheme_names_nothing(headers: Headers, body: str) -> None:
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
def test_a_gateway_names_the_problem_in_a_field_of_its_own_beside_a_page(
    code: str, detail: str, kind: type[ProviderError]
) -> None:
    headers = [("X-Mashery-Error-Code", code), ("X-Error-Detail-Header", detail), ("Retry-After", "1")]
    problem = read_problem(int(code[4:7]), headers, b"<h1>Developer Over Qps</h1>")
    assert (type(problem.error()), problem.name, problem.advice) == (kind, code, detail or None)
    assert problem.retry_after == 1.0


def test_a_detail_in_a_field_is_read_where_the_body_says_nothing() -> None:
    problem = read_problem(403, [("X-Error-Detail", "oauth_problem=token_rejected")], b"")
    assert (problem.name, problem.meaning) == ("token_rejected", "token_rejected")


def test_a_sentence_may_end_in_a_full_stop() -> None:
    for sentence in ("Invalid signature.", " Invalid Signature\n"):
        assert read_problem(401, [], sentence.encode()).meaning == "signature_invalid"


# The servers whose code is at hand, by that code

AUTHLIB = {
    "insecure_transport": ProviderError,
    "invalid_request": ProviderError,
    "unsupported_parameter": ProviderError,
    "unsupported_signature_method": SignatureRejected,
    "missing_required_parameter": ProviderError,
    "duplicated_oauth_protocol_parameter": ProviderError,
    "invalid_client": ProviderError,
    "invalid_token": TokenRejected,
    "invalid_signature": SignatureRejected,
    "invalid_nonce": NonceRejected,
    "access_denied": ProviderError,
    "method_not_allowed": ProviderError,
}


def test_every_error_of_authlib_as_a_form_and_as_json() -> None:
    kinds = {kind.error: kind for kind in authlib_errors.OAuth1Error.__subclasses__()}
    assert kinds.keys() == AUTHLIB.keys()
    for name, kind in kinds.items():
        error = kind("oauth_token") if name == "missing_required_parameter" else kind()
        for body in (url_encode(error.get_body()), json.dumps(dict(error.get_body()))):
            refusal = read_problem(error.status_code, error.get_headers(), body.encode()).error()
            assert (type(refusal), refusal.problem) == (AUTHLIB[name], name)
            assert refusal.advice == (error.description or None)


@pytest.mark.parametrize(
    ("name", "description", "expected"),
    [
        (
            "InvalidSignatureMethodError",
            "Invalid signature, HMAC-SHA1 not in ['RSA-SHA1'].",
            SignatureRejected,
        ),
        ("InvalidRequestError", "Missing mandatory OAuth parameters.", ProviderError),
        ("InvalidRequestError", "Invalid timestamp size", ProviderError),
        (
            "InvalidRequestError",
            "Timestamp given is invalid, differ from allowed by over 600 seconds.",
            TimestampRefused,
        ),
        ("InvalidClientError", "", ProviderError),
        ("InsecureTransportError", "", ProviderError),
    ],
)
def test_errors_of_oauthlib(name: str, description: str, expected: type[ProviderError]) -> None:
    error = getattr(oauthlib_errors, name)(description=description)
    for body in (error.urlencoded, json.dumps(dict(error.twotuples))):
        refusal = read_problem(error.status_code, [], body.encode()).error()
        assert (type(refusal), refusal.problem) == (expected, error.error)


def test_a_timestamp_that_authlib_finds_too_old() -> None:
    error = authlib_errors.InvalidRequestError('Invalid "oauth_timestamp" value')
    refusal = read_problem(400, [], url_encode(error.get_body()).encode()).error()
    assert (type(refusal), refusal.problem) == (TimestampRefused, "invalid_request")


@pytest.mark.parametrize("name", [*ERROR_TYPES, *sorted(BAD_REQUEST_PROBLEMS), "user_refused"])
def test_the_fake_provider_is_understood_by_each_of_its_two_reports(name: str) -> None:
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

DEAD = {
    "89",
    "ERR_401_INVALID_OR_EXPIRED_TOKEN",
    "E004",
    "invalid_token",
    "json_oauth1_expired_token",
    "json_oauth1_invalid_token",
    "mwoauth-invalid-access-token",
    "mwoauthdatastore-access-token-not-found",
    "mwoauthdatastore-bad-token",
    "mwoauthdatastore-request-token-already-used",
    "mwoauthdatastore-request-token-not-found",
    "mwoauthserver-invalid-request-token",
    "token_expired",
    "token_rejected",
    "token_revoked",
    "token_used",
}


def test_exactly_these_names_say_that_a_token_is_dead() -> None:
    assert {
        name for name, meaning in CANONICAL_NAMES.items() if ERROR_TYPES.get(meaning) is TokenRejected
    } == DEAD
    assert {name for name in CANONICAL_NAMES if isinstance(Problem(401, name).error(), TokenRejected)} == DEAD


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (401, [], ""),
        (403, [], ""),
        (401, [], "Unauthorized"),
        # somebody else's numbers
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
        (401, [], "oauth_problem=TOKEN_REVOKED"),
        (401, [], "my_oauth_problem=token_revoked"),
        (401, [], '{"code":"json_oauth1_invalid_token_type"}'),
        (401, [], "code=json_oauth1_invalid_token"),
        (401, [], "x=1&error=invalid_token"),
        (401, [], "token expired"),
        # who else is at fault
        (401, [], "oauth_problem=consumer_key_rejected"),
        (401, [], "oauth_problem=permission_denied"),
        (401, [], '{"code":"json_oauth1_consumer_mismatch"}'),
        (401, [], '{"error":{"code":"mwoauth-invalid-authorization"}}'),
        (401, [], '{"error":"invalid_client"}'),
    ],
)
def test_nothing_else_does(status: int, headers: Headers, body: str) -> None:
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
def test_a_name_says_it_without_a_sentence_too(status: int, body: str) -> None:
    assert isinstance(read_problem(status, [], body.encode()).error(), TokenRejected)


# In the midst of other text, and damaged


def in_page(body: str, _: random.Random) -> str:
    return f"<!doctype html><html><body><h1>401</h1><p>{body.replace('&', '&amp;')}</p></body></html>"


def in_comment(body: str, _: random.Random) -> str:
    return f"{body}\n<!-- web07 -->"


def among_blanks(body: str, chance: random.Random) -> str:
    return (
        chance.choice(["", " ", "\r\n", "\ufeff", "\n\n"]) + body + chance.choice(["", " \n", "\r\n", "\0"])
    )


def before_parameters(body: str, chance: random.Random) -> str:
    return f"{body}&{chance.choice(['a', 'code', 'oauth_nonce'])}={chance.randrange(999)}"


def after_parameters(body: str, chance: random.Random) -> str:
    return f"{chance.choice(['a', 'stat', 'x.y'])}={chance.randrange(999)}&{body}"


def in_a_call(body: str, _: random.Random) -> str:
    return f"callback({body});"


def behind_words(body: str, chance: random.Random) -> str:
    return chance.choice(["HTTP 401: ", "<p>Sorry {n} </p>", "{} ", "error "]) + body


def laid_out(body: str, chance: random.Random) -> str:
    return json.dumps(json.loads(body), indent=chance.choice([None, 1, 4]), sort_keys=chance.random() < 0.5)


def escaped(body: str, _: random.Random) -> str:
    return re.sub("[&=<>'/]", lambda found: rf"\u{ord(found[0]):04X}", body)


def with_more_members(body: str, chance: random.Random) -> str:
    return json.dumps(json.loads(body) | {"request_id": str(chance.random()), "servedby": ["mw1", {"a": 1}]})


Embed = Callable[[str, random.Random], str]
WITH_MORE: dict[str, list[Embed]] = {
    "form": [before_parameters, after_parameters],
    "json": [laid_out, escaped, with_more_members],
    "text": [among_blanks],
}
# Where it is not the whole body, only 401 is believed to speak of a token.
AMIDST: dict[str, list[Embed]] = {
    "form": [in_page, in_comment],
    "json": [in_a_call, behind_words],
    "text": [],
}
CHALLENGES = [
    "",
    'Basic realm="a, b"',
    'OAuth realm="x"',
    'Digest nonce="oauth_problem=token_used", qop=auth',
]
SECRETS = ("kd94hf93k423kf44", "pfkk/dhi9+sl3r=4s00&~ü")


def spelled(secret: str) -> list[str]:
    once = urllib.parse.quote(secret, safe="~")
    return [secret, once, urllib.parse.quote(once, safe="~"), urllib.parse.quote_plus(secret)]


SPELLED = [text for secret in SECRETS for text in spelled(secret)]


def fit_to_be_shown(problem: Problem) -> None:
    error = problem.error()
    assert type(error) in {*ERROR_TYPES.values(), ProviderError}
    texts = [problem.name, problem.advice, problem.body, problem.server_base_string, str(error)]
    for text in [*texts, *problem.parameters.values()]:
        assert text is None or re.fullmatch(r"[ -~]*", text)
    assert len(problem.name or "") <= 64
    assert len(problem.advice or "") <= 200
    assert len(problem.body) <= 500
    shown = f"{problem!r} {error!r} {error.args} {vars(error)}"
    for _ in range(4):
        assert not any(secret in shown for secret in SECRETS)
        shown = urllib.parse.unquote_plus(shown)


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
        fit_to_be_shown(problem)


def test_a_challenge_is_recognised_among_others() -> None:
    for form in FORMS:
        if form.challenge:
            for other in CHALLENGES[:3]:
                for order in ([other, form.challenge], [form.challenge, other]):
                    for headers in (
                        [("WWW-AUTHENTICATE", field) for field in order],
                        [("www-authenticate", ", ".join(filter(None, order)))],
                    ):
                        problem = read_problem(form.status, headers, form.body.encode())
                        assert (type(problem.error()), problem.name) == (form.kind, form.problem)


# Whatever says that a token is dead says it by one of these.
SAYS_DEAD = re.compile(
    "|".join(
        [
            *DEAD,
            "Invalid access token",
            "Invalid request token",
            "No approved grant",
            "OAuth request token has expired",
            "Access Token expired",
            "The token used in the OAuth request is not valid",
            'code="302"',
        ]
    )
)
PIECES = [
    b"&",
    b"=",
    b"%",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\",
    b"\0",
    b"\xff",
    b"\r\n",
    b"<",
    b">",
    b",",
    b":",
]
PIECES += [
    b"oauth_problem",
    b"debug_sbs=",
    b"base string: ",
    b"code",
    b'"message":"',
    b"&amp;",
    b"\\u0026",
    b"%25",
    b"\xc3",
]


def damaged(octets: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randrange(1, 5)):
        at, other = sorted((chance.randrange(len(octets) + 1), chance.randrange(len(octets) + 1)))
        what = chance.randrange(6)
        if what == 0:
            octets = octets[:at] + bytes([chance.randrange(256)]) + octets[at + 1 :]
        elif what == 1:
            octets = octets[:at] + octets[other:]
        elif what == 2:
            octets = octets[:other]
        elif what == 3:
            octets = octets[:at] + chance.choice(PIECES) + octets[at:]
        elif what == 4:
            octets = octets[:at] + octets[at:other] * chance.randrange(2, 40) + octets[other:]
        else:
            octets += chance.choice(FORMS).body.encode()
    at = chance.randrange(len(octets) + 1)
    return octets[:at] + chance.choice(["", *SPELLED]).encode() + octets[at:]


def test_no_damage_makes_it_fail_or_see_a_dead_token_that_nobody_spoke_of() -> None:
    chance = random.Random(5_849)  # noqa: S311  the same damage each time
    for _ in range(6_000):
        form = chance.choice(FORMS)
        body = damaged(form.body.encode(), chance)
        field = damaged(form.challenge.encode(), chance).decode("utf-8", "surrogateescape")
        headers = [(chance.choice(["WWW-Authenticate", "Retry-After"]), field)]
        problem = read_problem(form.status, headers, body, SECRETS)
        fit_to_be_shown(problem)
        if isinstance(problem.error(), TokenRejected):
            given = (body.decode("latin-1") + field).replace("\\", "")
            assert SAYS_DEAD.search(given) or SAYS_DEAD.search(urllib.parse.unquote(given)), (headers, body)
