"""What a refusal means: pure functions of status, header fields and body, and what of it may be shown."""

from __future__ import annotations

import copy
import html
import json
import pickle
import re
import time
from urllib.parse import quote, quote_plus

import pytest
from real_refusals import assert_fit_to_be_shown

from aiooauth1.errors import (
    NonceRejected,
    ProviderError,
    RateLimited,
    SignatureRejected,
    TimestampRefused,
    TokenRejected,
    VerifierRejected,
)
from aiooauth1.responses.excerpts import excerpt, printable
from aiooauth1.responses.problem import Problem, read_problem, read_success
from aiooauth1.responses.redaction import SecretMatcher, mask_secrets


# The OAuth Problem Reporting extension's values, and one of a provider's own.
OTHERS = """
additional_authorization_required consumer_key_refused consumer_key_rejected consumer_key_unknown
parameter_absent parameter_rejected permission_denied permission_unknown user_refused version_rejected
a_problem_of_our_own
"""
MEANINGS: dict[str, type[ProviderError]] = {
    "nonce_used": NonceRejected,
    "signature_invalid": SignatureRejected,
    "signature_method_rejected": SignatureRejected,
    "timestamp_refused": TimestampRefused,
    "token_expired": TokenRejected,
    "token_rejected": TokenRejected,
    "token_revoked": TokenRejected,
    "token_used": TokenRejected,
    "verifier_invalid": VerifierRejected,
    **dict.fromkeys(OTHERS.split(), ProviderError),
}

Headers = list[tuple[str, str]]


@pytest.mark.parametrize("status", [400, 401, 403, 500])
@pytest.mark.parametrize("name", MEANINGS)
def test_each_problem_is_read_from_the_body_and_from_the_challenge(name: str, status: int) -> None:
    body = f"oauth_problem={name}&oauth_problem_advice=Try%20again".encode()
    challenge = f'OAuth realm="x", oauth_problem="{name}", oauth_problem_advice="Try%20again"'
    header = [("Www-Authenticate", challenge)]
    for problem in (
        read_problem(status, [], body),
        read_problem(status, header, b""),
        read_problem(status, header, body),
    ):
        assert (problem.status, problem.name, problem.advice) == (status, name, "Try again")
        error = problem.error()
        assert type(error) is MEANINGS[name]
        assert (error.status, error.problem, error.advice) == (status, name, "Try again")
        assert str(error) == f"the provider refused with status {status}: {name} (Try again)" + (
            f". Look first: {error.hints[0]}" if error.hints else ""
        )


def test_a_bare_refusal_names_no_problem() -> None:
    problem = read_problem(401, [], b"")
    assert problem == Problem(401)
    error = problem.error()
    assert (type(error), error.problem, error.advice, error.body) == (ProviderError, None, None, "")
    assert "names no problem" in str(error)


def test_an_error_names_the_request_and_keeps_its_problem() -> None:
    headers = [("X-Request-ID", "r-1"), ("Via", "proxy"), ("Set-Cookie", "id=s3cret")]
    problem = read_problem(401, headers, b"oauth_problem=signature_invalid")
    url = "https://api.example/posts?draft=1#top"
    error = problem.error(
        method="POST", url=url, user="ann\n\x1b", base_string="POST&x", clock_difference=2.5
    )
    assert str(error) == (
        "the provider refused POST https://api.example/posts for user 'ann\\n\\x1b' with status 401:"
        " signature_invalid"
    )
    assert isinstance(error, SignatureRejected)
    assert (error.method, error.url, error.user, error.base_string) == ("POST", url, "ann\n\x1b", "POST&x")
    assert (error.request_id, dict(error.headers), error.clock_difference) == (
        "r-1",
        {"X-Request-ID": "r-1", "Via": "proxy"},
        2.5,
    )
    assert error.details is problem
    assert copy.deepcopy(error).details == problem
    assert problem.error_type is SignatureRejected


@pytest.mark.parametrize(
    "value",
    [
        'OAuth oauth_signature="c0nsum3r%26"',
        "c0nsum3r",
        "a%63%30nsum3r",
        "l\N{LATIN SMALL LETTER E WITH ACUTE}",
    ],
)
def test_the_headers_of_an_error_hold_no_secret_and_end(value: str) -> None:
    headers = [("X-Echo", value), ("Link", f"</?oauth_token=t0k3n>; {'x' * 9000}"), *[("X-N", "1")] * 500]
    error = read_problem(401, headers, b"", ["c0nsum3r"]).error()
    shown = "".join(error.headers.values())
    assert not re.search("c0n|nsum3r|t0k3n|[^ -~]", shown)
    assert len(shown) <= 64 * 1024
    assert len(error.headers.getall("X-N")) < 64  # type: ignore[attr-defined]  # ours has it
    short = read_problem(401, [("Via", "proxy"), ("X-Echo", 'oauth_signature="c0nsum3r%26"')], b"").error()
    assert dict(short.headers) == {"Via": "proxy", "X-Echo": 'oauth_signature="***"'}


@pytest.mark.parametrize("name", [None, "token_revoked", "timestamp_refused"])
@pytest.mark.parametrize(("field", "seconds"), [("17", 17.0), ("-1", None)])
def test_a_429_is_a_rate_limit_whatever_problem_it_names(
    name: str | None, field: str, seconds: float | None
) -> None:
    body = f"oauth_problem={name}".encode() if name else b""
    error = read_problem(429, [("retry-after", field)], body).error()
    assert isinstance(error, RateLimited)
    assert (error.problem, error.retry_after) == (name, seconds)


# Which of several reports counts


NONCE_USED = 'OAuth oauth_problem="nonce_used"'


@pytest.mark.parametrize(
    ("challenges", "body", "name", "advice"),
    [
        # the header wins, name by name
        ([NONCE_USED], "oauth_problem=token_used", "nonce_used", None),
        ([NONCE_USED], "oauth_problem=token_used&oauth_problem_advice=body", "nonce_used", "body"),
        # other schemes say nothing
        (['Basic realm="x"'], "oauth_problem=token_used", "token_used", None),
        (["Basic", 'OAuth oauth_problem="a"'], "", "a", None),
        # in a body the first of two
        ([], "oauth_problem=first&oauth_problem=second", "first", None),
        # written otherwise
        (["OAuth oauth_problem=token_used"], "", "token_used", None),
        (['OAuth realm="a,b",oauth_problem = "token%5Fused"'], "", "token_used", None),
        ([r'OAuth oauth_problem="token\_used"'], "", "token_used", None),
        ([], "\r\noauth_problem=token_used\r\n", "token_used", None),
        ([], "error=1&oauth_problem=token%5Fused&x", "token_used", None),
        ([], "oauth_problem_advice=Because+of+that&oauth_problem=x", "x", "Because of that"),
    ],
)
def test_of_several_reports_the_challenge_and_the_first_field_count(
    challenges: list[str], body: str, name: str, advice: str | None
) -> None:
    headers = [("X-Problem", 'oauth_problem="user_refused"')]  # another field says nothing
    headers += [("WWW-Authenticate", challenge) for challenge in challenges]
    problem = read_problem(401, headers, body.encode())
    assert (problem.name, problem.advice) == (name, advice)


@pytest.mark.parametrize(
    "body", ["", "oauth_problem", "oauth_problem=", "oauth_problem=%20%0a", "oauth_problem=%00%01"]
)
def test_a_body_without_a_name_names_no_problem(body: str) -> None:
    assert read_problem(401, [], body.encode()).name is None


def test_the_other_oauth_parameters_of_a_report_are_kept() -> None:
    body = b"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=100-200&oauth_token=key&x=1"
    header = 'OAuth oauth_problem="timestamp_refused", oauth_acceptable_versions="1.0-1.0"'
    problem = read_problem(401, [("WWW-Authenticate", header)], body)
    assert problem.parameters == {
        "oauth_acceptable_timestamps": "100-200",
        "oauth_acceptable_versions": "1.0-1.0",
    }


# Hostile refusals


def test_a_name_or_advice_that_is_long_is_cut() -> None:
    problem = read_problem(401, [], b"oauth_problem=" + b"n" * 99 + b"&oauth_problem_advice=" + b"a" * 999)
    assert (problem.name, problem.advice) == ("n" * 64, "a" * 200)


MALFORMED_CHALLENGES = [
    "OAuth",
    "OAuth oauth_problem",
    'OAuth oauth_problem="',
    'OAuth oauth_problem=""',
    "OAuth oauth_problem=,",
    'OAuth oauth_problem="{}',
    'OAuth "oauth_problem={}"',
    "OAuth oauth_problem: {}",
    'OAuth realm="a\\", oauth_problem={}"',
    "OAuth x_oauth_problem={}",
    "OAuth oauth_problemx={}",
    "\udcff={}",
]
MALFORMED_BODIES = [
    "oauth_problem:{}",
    "oauth_problem={}%",
    "oauth_problem={}%00x",
    "oauth%5Fproblem%3D{}",
    "oauth%5Fproblem;{}",
    "my_oauth_problem={}",
    "OAUTH_PROBLEM={}",
    "\x1f\x8b\x08oauth_problem\x00ÿ{}",
    "=oauth_problem={}",
    "oauth_problem=={}",
    "oauth_problem[]={}",
    '{{"oauth_problem":null,"name":"{}"}}',
    '{{"oauth_problem":{{"name":"{}"}}}}',
    '{{"errors":{{"code":"{}"}}}}',
    '{{"errors":["{}",null,[[]]],"error":[],"code":{{}}}}',
    "<oauth_problem>{}</oauth_problem>",
]


@pytest.mark.parametrize("name", MEANINGS)
def test_a_malformed_report_is_no_problem_of_a_kind(name: str) -> None:
    refusals: list[tuple[Headers, str]] = [
        *(([("WWW-Authenticate", field.format(name))], "") for field in MALFORMED_CHALLENGES),
        *(([], body.format(name)) for body in MALFORMED_BODIES),
    ]
    for headers, body in refusals:
        problem = read_problem(401, headers, body.encode())
        assert type(problem.error()) is ProviderError, (headers, body)
        assert_fit_to_be_shown(problem)


def test_only_the_first_eight_kibibytes_are_read() -> None:
    late = b"&oauth_problem=token_revoked"
    assert read_problem(401, [], b"a" * (8192 - len(late)) + late).name == "token_revoked"
    assert read_problem(401, [], b"a" * 8192 + late).name is None
    fields = [
        ("WWW-Authenticate", f"Basic {'a' * 8192}"),
        ("WWW-Authenticate", "OAuth oauth_problem=token_used"),
    ]
    assert read_problem(401, fields, b"").name is None
    assert read_problem(401, fields[::-1], b"").name == "token_used"


# What a pattern that looks twice at a character would be slow with.
PIECES = r"""% %25 %41 & &amp; &#38 \ \" \u0026 " { {" {"a": {"a":[ [ < <a oauth_ oauth_a= oauth_problem=
    oauth_problem=" ,oauth_a a a= = + debug_sbs= GET&http%3A%2F%2F GET%26 secret verifier%3D mwoauth- [https://
    {"error": <hash> <request> Invalid jsonFlickrApi( \u00e9 é"""
SPACED = ' |;  |oauth_a |base string:|<rsp |<err code="1" |<?xml |Invalid |nonce timestamp signature |\0'
HOSTILE = [*PIECES.split(), *SPACED.split("|")]
OPENINGS = ["", "Error: ", "error=", '{"message":"', "OAuth ", "<errors>"]
OPENINGS += ["oauth_problem=x&debug_sbs=GET&http%3A%2F%2Fx&"]


def cost_of_reading(text: str) -> float:
    secrets = ("aaaaaaaaaaaaaaaaaaaaaaab", "%25%41\\+&ü", "oauth_oauth_problem")
    body, headers = text.encode(), [("WWW-Authenticate", text), ("Retry-After", text)]
    started = time.process_time()
    assert_fit_to_be_shown(read_problem(401, headers, body, secrets))
    read_success(200, headers, body, secrets, refusal_header="Retry-After")
    return time.process_time() - started


@pytest.mark.parametrize("opening", OPENINGS)
def test_reading_costs_no_more_than_the_length_of_what_is_read(opening: str) -> None:
    for piece in HOSTILE:
        text = (opening + piece * 8192)[:8192]
        # It takes a tenth of that; what looks twice takes a second.
        assert any(cost_of_reading(text) < 0.05 for _ in range(3)), piece


@pytest.mark.parametrize(
    "text", ["oauth_problem=token_used&more=", "oauth_", "oauth_problem ", "oauth_signature=", "%"]
)
def test_ten_megabytes_cost_what_eight_kibibytes_do(text: str) -> None:
    huge = text + text[-1] * 10_000_000
    assert any(cost_of_reading(huge) < 0.2 for _ in range(3))
    name = "token_used" if text.startswith("oauth_problem=token") else None
    assert read_problem(401, [], huge.encode()).name == name


# What must not be shown


SECRET = "S/e+c r~e&t=ü%1"
SHOWN = {
    "as it is": SECRET,
    "encoded": quote(SECRET, safe="~"),
    "encoded twice": quote(quote(SECRET, safe="~"), safe="~"),
    "encoded in lower case": re.sub("%..", lambda code: code.group().lower(), quote(SECRET, safe="~")),
    "encoded with slashes bare": quote(SECRET),
    "encoded as a form": quote_plus(SECRET),
    "encoded as a form, twice": quote(quote_plus(SECRET), safe=""),
    "every byte encoded": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_secret_is_masked_however_it_is_encoded(name: str) -> None:
    shown, matcher = SHOWN[name], SecretMatcher.from_secrets(["", "ab", SECRET])
    assert mask_secrets(f"before {shown} after {shown}", matcher) == "before *** after ***"
    body = f"oauth_problem=x&oauth_problem_advice={quote(shown)}&more={shown}"
    header = [("WWW-Authenticate", f'OAuth oauth_problem="{shown}"')]
    problem = read_problem(401, header, body.encode(), [SECRET])
    seen = repr(problem) + repr(problem.error().args) + repr(vars(problem.error()))
    assert "r~e" not in seen.lower()
    assert "***" in seen


# What a provider may echo of a request signed by PLAINTEXT, whose signature is both secrets.
ECHOES = [
    "oauth_signature=consumer%26token",
    "oauth_signature=consumer&token",
    "oauth_signature=consumer%2526token&next=1",
    'oauth_signature="consumer%26token"',
    "oauth_signature = 'consumer%26token'",
    "oauth_signature%3Dconsumer%2526token",
    '{"oauth_signature": "consumer&token"}',
    "{'oauth_signature':'consumer\\u0026token'}",
    "OAuth_Signature: consumer&token",
    'Authorization: OAuth oauth_nonce="1", oauth_signature="consumer%26token", oauth_version="1.0"',
]


@pytest.mark.parametrize("echo", ECHOES)
def test_echoed_oauth_parameters_are_masked(echo: str) -> None:
    report = f"oauth_problem=x&oauth_problem_advice={quote(echo)}"
    bodies = [echo, f"<p>{echo}</p>", f"oauth_problem={quote(echo)}", report]
    challenge = f"OAuth oauth_problem={quote(echo)}, oauth_problem_advice={quote(echo)}"
    problems = [read_problem(401, [], body.encode()) for body in bodies]
    for problem in [*problems, read_problem(401, [("WWW-Authenticate", challenge)], b"")]:
        error = problem.error()
        seen = f"{problem!r} {error!r} {error.args} {vars(error)}"
        assert "consumer" not in seen
        assert "token" not in seen.replace("TokenRejected", "")


def test_the_words_beside_an_echo_and_a_text_without_secrets_stay() -> None:
    body = "Bad: oauth_signature=abc%3D&oauth_token=key&status=words, oauth_problem=x, said us"
    assert excerpt(body, 500) == body.replace("abc%3D", "***").replace("key", "***")
    text = "nothing % here + at all %41"
    assert mask_secrets(text, SecretMatcher.from_secrets([SECRET, "x", "", "here it is"])) == text


@pytest.mark.parametrize(
    ("text", "length", "cleaned"),
    [
        ("  a\r\nb\x00\x1b[31mc é\u2028d ", 20, "a b [31mc \\xe9\\u2028"),
        ("x" * 99, 10, "x" * 10),
        ("\n", 20, ""),
    ],
)
def test_a_text_is_cut_and_made_printable(text: str, length: int, cleaned: str) -> None:
    assert printable(text, length) == cleaned


BASE = "POST&https%3A%2F%2Fapi.example%2F1&oauth_nonce%3Dabc%26oauth_token%3Dkey%26status%3Da%2520b"


@pytest.mark.parametrize(
    "echo",
    [
        f"debug_sbs={BASE}",
        f"debug_sbs={quote(BASE)}",
        f"oauth_signature_base_string={quote(BASE, safe='')}&oauth_signature_method=HMAC-SHA1",
        f"Expected signature base string: {BASE}",
        f"Expected signature base string '{BASE}' to be",
        f"Signature base string:\n{BASE}\n",
        f"<p>Signature Base String: <code>{BASE.replace('&', '&amp;')}</code></p>",
        f'{{"message": "Expected signature base string: {BASE}", "a": 1}}'.replace("&", "\\u0026"),
        f'{{"base_string": "{BASE}"}}',
        f'{{"oauth_problem": "signature_invalid", "debug_sbs": "{BASE}"}}',
    ],
)
def test_the_provider_s_base_string_is_returned(echo: str) -> None:
    for body in (echo, f"oauth_problem=signature_invalid&{echo}"):
        error = read_problem(401, [], body.encode()).error()
        assert isinstance(error, SignatureRejected)
        assert error.server_base_string == BASE
        assert error.hints
        assert "oauth_nonce%3D" not in error.body


@pytest.mark.parametrize(
    "shown",
    [
        "tnnArxj06cWHq44gCs1OSKk%2FjLY%3D",  # Magento 1: the signature that it expects
        "consumer-secret&token-secret",
        "consumer-secret%26token-secret",
        "GET&consumer-secret&token-secret",
        "GET%26consumer-secret%26token-secret",
        "get&http%3A%2F%2Fa.example%2F&a%3D1",
        "GET&http://a.example/&a=1",
        "GET&http%3A%2F%2Fa.example%2F",
        "",
    ],
)
@pytest.mark.parametrize(
    "mark", ["oauth_problem=signature_invalid&debug_sbs=", "Expected signature base string: "]
)
def test_a_value_without_the_shape_of_a_base_string_is_masked(mark: str, shown: str) -> None:
    problem = read_problem(401, [], f"{mark}{shown}".encode())
    assert problem.server_base_string is None
    assert problem.body == f"{mark}***"
    assert "secret" not in repr(problem) + repr(vars(problem.error()))


def test_secrets_in_a_base_string_are_masked() -> None:
    once, twice = quote(SECRET, safe="~"), quote(quote(SECRET, safe="~"), safe="~")
    base = f"{BASE}%26x%3D{twice}%26x_auth_password%3Dhunter2%26oauth_verifier%3D123456%26y%3D{once}"
    problem = read_problem(401, [], f"debug_sbs={base}".encode(), [SECRET])
    assert problem.server_base_string == (
        f"{BASE}%26x%3D***%26x_auth_password%3D***%26oauth_verifier%3D***%26y%3D***"
    )


def test_a_base_string_that_is_cut_off_is_none() -> None:
    whole = BASE + "%26z%3D" + "1" * (8192 - len("debug_sbs=") - len(BASE) - len("%26z%3D"))
    assert read_problem(401, [], f"debug_sbs={whole}".encode()).server_base_string == whole
    assert read_problem(401, [], f"debug_sbs={whole}1".encode()).server_base_string is None
    field = f"OAuth debug_sbs={whole[:-6]}"
    assert read_problem(401, [("WWW-Authenticate", field)], b"").server_base_string == whole[:-6]
    assert read_problem(401, [("WWW-Authenticate", field + "1")], b"").server_base_string is None


@pytest.mark.parametrize("name", SHOWN)
def test_no_part_of_a_secret_is_shown_where_reading_ends(name: str) -> None:
    shown = SHOWN[name].encode()
    report = b"oauth_problem=x&a=%s&oauth_problem_advice="
    for kept in range(1, len(shown)):
        start = report % (b"b" * (8192 - kept - len(report) + 2))
        problem = read_problem(401, [], start + shown + b"&more", [SECRET])
        assert (problem.name, problem.advice) == ("x", None)
        body = b"\0" * (2000 - kept) + shown + b"-" * 9000  # what is not printable is shown as one blank
        assert read_problem(401, [], body, [SECRET]).body == ""
        start_of_field = f'OAuth x="{"b" * (8192 - kept - 46)}", oauth_problem=x'
        field = f"{start_of_field}, oauth_problem_advice={shown.decode()}"
        assert not read_problem(401, [("WWW-Authenticate", field)], b"", [SECRET]).advice


@pytest.mark.parametrize(
    "shown",
    [
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET).replace("/", r"\/")[1:-1],
        "".join(rf"\u{ord(character):04X}" for character in SECRET),
        html.escape(SECRET),
        "".join(f"&#{ord(character)};" for character in SECRET),
        "".join(f"&#x{ord(character):x};" for character in SECRET),
    ],
)
def test_secrets_in_json_and_markup_are_masked(shown: str) -> None:
    assert mask_secrets(f"before {shown} after", SecretMatcher.from_secrets([SECRET])) == "before *** after"
    for body in (f"<p>{shown}</p>", f'{{"message":"{shown}"}}'):
        problem = read_problem(401, [], body.encode(), [SECRET])
        assert problem.body == body.replace(shown, "***")
        assert problem.advice in {None, "***"} or problem.advice == html.escape(SECRET)


def test_a_secret_of_common_letters_does_not_hide_what_a_report_says() -> None:
    problem = read_problem(401, [], b"oauth_problem=token_revoked&x=token", ["token", "oauth", "revoked"])
    assert problem.name == "token_revoked"
    assert isinstance(problem.error(), TokenRejected)


# The value


@pytest.mark.parametrize("name", [*MEANINGS, "89", "32", "json_oauth1_nonce_already_used", "invalid_token"])
def test_a_problem_rebuilt_from_its_name_means_what_it_meant(name: str) -> None:
    kinds = {"89": TokenRejected, "32": SignatureRejected, "invalid_token": TokenRejected}
    kinds["json_oauth1_nonce_already_used"] = NonceRejected
    assert type(Problem(401, name, "Try again").error()) is (MEANINGS | kinds)[name]
    assert type(Problem(429, name).error()) is RateLimited
    assert Problem(401, name, meaning="").error().problem == name
    assert type(Problem(401, name, meaning="").error()) is ProviderError


def test_a_problem_is_a_value_of_its_own_and_survives_copies_and_pickles() -> None:
    given = {"oauth_acceptable_timestamps": "1-2"}
    problem = Problem(401, "timestamp_refused", parameters=given)
    given["oauth_acceptable_timestamps"] = "3-4"
    assert problem.parameters == {"oauth_acceptable_timestamps": "1-2"}
    with pytest.raises(TypeError):
        problem.parameters["x"] = "y"  # type: ignore[index]  # read-only
    for again in (pickle.loads(pickle.dumps(problem)), copy.copy(problem), copy.deepcopy(problem)):  # noqa: S301  our own bytes
        assert (again, hash(again)) == (problem, hash(problem))
        assert type(again.parameters) is type(problem.parameters)
        assert isinstance(again.error(), TimestampRefused)
