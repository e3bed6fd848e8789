"""What a refusal means: pure functions of status, header fields and body, and what of it may be shown."""

from __future__ import annotations

import copy
import html
import json
import pickle
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiooauth1.errors import (
    NonceRejected,
    OAuth1Error,
    ProviderError,
    RateLimited,
    SignatureRejected,
    TimestampRefused,
    TokenRejected,
    VerifierRejected,
)
from aiooauth1.responses.excerpts import excerpt, printable
from aiooauth1.responses.problem import Problem, read_problem
from aiooauth1.responses.redaction import SecretMatcher, mask_secrets


if TYPE_CHECKING:
    from collections.abc import Callable


# The OAuth Problem Reporting extension's values, and one of a provider's own.
MEANINGS: dict[str, type[ProviderError]] = {
    "additional_authorization_required": ProviderError,
    "consumer_key_refused": ProviderError,
    "consumer_key_rejected": ProviderError,
    "consumer_key_unknown": ProviderError,
    "nonce_used": NonceRejected,
    "parameter_absent": ProviderError,
    "parameter_rejected": ProviderError,
    "permission_denied": ProviderError,
    "permission_unknown": ProviderError,
    "signature_invalid": SignatureRejected,
    "signature_method_rejected": SignatureRejected,
    "timestamp_refused": TimestampRefused,
    "token_expired": TokenRejected,
    "token_rejected": TokenRejected,
    "token_revoked": TokenRejected,
    "token_used": TokenRejected,
    "user_refused": ProviderError,
    "verifier_invalid": VerifierRejected,
    "version_rejected": ProviderError,
    "a_problem_of_our_own": ProviderError,
}

Headers = list[tuple[str, str]]


def in_body(name: str) -> tuple[Headers, bytes]:
    return [], f"oauth_problem={name}&oauth_problem_advice=Try%20again".encode()


def in_header(name: str) -> tuple[Headers, bytes]:
    field = f'OAuth realm="x", oauth_problem="{name}", oauth_problem_advice="Try%20again"'
    return [("Www-Authenticate", field)], b""


def in_both(name: str) -> tuple[Headers, bytes]:
    return in_header(name)[0], in_body(name)[1]


@pytest.mark.parametrize("report", [in_body, in_header, in_both])
@pytest.mark.parametrize("name", MEANINGS)
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_each_problem_in_each_place(
    name: str, report: Callable[[str], tuple[Headers, bytes]], status: int
) -> None:
    headers, body = report(name)
    problem = read_problem(status, headers, body)
    assert (problem.status, problem.name, problem.advice) == (status, name, "Try again")
    error = problem.error()
    assert type(error) is MEANINGS[name]
    assert (error.status, error.problem, error.advice) == (status, name, "Try again")
    assert str(status) in str(error)
    assert name in str(error)


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


def test_short_header_fields_are_masked_too() -> None:
    echo = ("X-Echo", 'oauth_signature="c0nsum3r%26"')
    error = read_problem(401, [("Via", "proxy"), echo], b"", ["c0nsum3r"]).error()
    assert dict(error.headers) == {"Via": "proxy", "X-Echo": 'oauth_signature="***"'}


@pytest.mark.parametrize("name", [None, "token_revoked", "timestamp_refused"])
@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("17", 17.0),
        (" 0 ", 0.0),
        *(
            (unread, None)
            for unread in ("-1", "1.5s", "nan", "inf", "9" * 400, "\N{FULLWIDTH DIGIT ONE}", "")
        ),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
    ],
)
def test_too_many_requests_is_told_by_the_status(name: str | None, field: str, seconds: float | None) -> None:
    body = f"oauth_problem={name}".encode() if name else b""
    error = read_problem(429, [("retry-after", field)], body).error()
    assert isinstance(error, RateLimited)
    assert (error.problem, error.retry_after) == (name, seconds)


# Which of several reports counts


@pytest.mark.parametrize(
    ("headers", "body", "name", "advice"),
    [
        # the header wins, name by name
        (
            [("WWW-Authenticate", 'OAuth oauth_problem="nonce_used"')],
            b"oauth_problem=token_used",
            "nonce_used",
            None,
        ),
        (
            [("WWW-Authenticate", 'OAuth oauth_problem="nonce_used"')],
            b"oauth_problem=token_used&oauth_problem_advice=body",
            "nonce_used",
            "body",
        ),
        # other fields, and other schemes, say nothing
        ([("X-Problem", 'oauth_problem="nonce_used"')], b"oauth_problem=token_used", "token_used", None),
        ([("WWW-Authenticate", 'Basic realm="x"')], b"oauth_problem=token_used", "token_used", None),
        ([("WWW-Authenticate", "Basic"), ("WWW-Authenticate", 'OAuth oauth_problem="a"')], b"", "a", None),
        # in a body the first of two
        (b"", b"oauth_problem=first&oauth_problem=second", "first", None),
        # written otherwise
        ([("WWW-Authenticate", "OAuth oauth_problem=token_used")], b"", "token_used", None),
        ([("WWW-Authenticate", 'OAuth realm="a,b",oauth_problem = "token%5Fused"')], b"", "token_used", None),
        ([("WWW-Authenticate", r'OAuth oauth_problem="token\_used"')], b"", "token_used", None),
        ([], b"\r\noauth_problem=token_used\r\n", "token_used", None),
        ([], b"error=1&oauth_problem=token%5Fused&x", "token_used", None),
        ([], b"oauth_problem_advice=Because+of+that&oauth_problem=x", "x", "Because of that"),
    ],
)
def test_which_report_counts(headers: Headers, body: bytes, name: str, advice: str | None) -> None:
    problem = read_problem(401, headers, body)
    assert (problem.name, problem.advice) == (name, advice)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"oauth_problem",
        b"oauth_problem=",
        b"oauth_problem=%20%0a",
        b"oauth_problem=\xff\xfe".replace(b"\xff\xfe", b"%00%01"),
        b"my_oauth_problem=token_revoked",
        b"OAUTH_PROBLEM=token_revoked",
        b"oauth%5Fproblem;token_revoked",
        b"\x1f\x8b\x08oauth\x00\xff",
    ],
)
def test_what_is_no_report_names_no_problem(body: bytes) -> None:
    assert read_problem(401, [], body).name is None


def test_what_else_a_report_says_is_kept() -> None:
    body = b"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=100-200&oauth_token=key&x=1"
    header = 'OAuth oauth_problem="timestamp_refused", oauth_acceptable_versions="1.0-1.0"'
    problem = read_problem(401, [("WWW-Authenticate", header)], body)
    assert problem.parameters == {
        "oauth_acceptable_timestamps": "100-200",
        "oauth_acceptable_versions": "1.0-1.0",
    }


# Hostile refusals


def fit_to_be_shown(problem: Problem) -> None:
    error = problem.error()
    assert isinstance(error, OAuth1Error)
    for text, longest in [(problem.name, 64), (problem.advice, 200), (problem.body, 500), (str(error), 400)]:
        assert text is None or (len(text) <= longest and re.fullmatch(r"[ -~]*", text))
    for value in problem.parameters.values():
        assert len(value) <= 200
        assert re.fullmatch(r"[ -~]*", value)


TOKENS = ["oauth_problem", "oauth_problem_advice", "oauth_acceptable_timestamps", "=", "&", "%", "%41", "%ff"]
TOKENS += [
    '"',
    ",",
    ";",
    "+",
    "\r\n",
    "\x00",
    "\x1b[31m",
    "\u2028",
    "\udc80",
    "é",
    "oauth_signature",
    "token_revoked",
]
NOISE = st.lists(st.one_of(st.sampled_from(TOKENS), st.text(max_size=5)), max_size=12).map("".join)


# How fast inputs are made, and read, is the machine's business.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    status=st.sampled_from([400, 401, 429, 500]), header=NOISE, body=st.one_of(NOISE, st.binary(max_size=99))
)
def test_no_refusal_makes_it_fail_or_shows_what_is_not_printable(
    status: int, header: str, body: str | bytes
) -> None:
    octets = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    headers = [("WWW-Authenticate", header), ("Retry-After", header)]
    fit_to_be_shown(read_problem(status, headers, octets, secrets=["secret"]))


@pytest.mark.parametrize(
    "text",
    [
        "oauth_problem=" + "x" * 2_000_000,
        "oauth_" * 300_000,
        "oauth_problem" + " " * 1_000_000 + '"',
        'oauth_problem="' * 100_000,
        "oauth_problem=a&" * 100_000,
        "oauth_signature" + "=" * 1_000_000,
        "oauth_signature%3D" * 100_000,
        "%" * 1_000_000,
    ],
    ids=lambda text: f"{text[:20]} {len(text)}",
)
def test_a_huge_refusal_costs_little(text: str) -> None:
    octets = text.encode()
    started = time.process_time()
    problem = read_problem(401, [("WWW-Authenticate", text), ("Retry-After", text)], octets, ["Secret/1"])
    assert time.process_time() - started < 0.2
    fit_to_be_shown(problem)


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
def test_what_is_malformed_is_no_problem_of_a_kind(name: str) -> None:
    refusals: list[tuple[Headers, str]] = [
        *(([("WWW-Authenticate", field.format(name))], "") for field in MALFORMED_CHALLENGES),
        *(([], body.format(name)) for body in MALFORMED_BODIES),
    ]
    for headers, body in refusals:
        problem = read_problem(401, headers, body.encode())
        assert type(problem.error()) is ProviderError, (headers, body)
        fit_to_be_shown(problem)


@pytest.mark.parametrize("name", MEANINGS)
def test_ten_megabytes_behind_a_report_change_nothing(name: str) -> None:
    octets = f"oauth_problem={name}&more=".encode() + MUCH
    field = f'OAuth oauth_problem="{name}", more="{MUCH.decode()}"'
    for headers, body in [([], octets), ([("WWW-Authenticate", field)], b""), ([("X", field)], octets)]:
        started = time.process_time()
        problem = read_problem(401, headers, body, ["Secret/1"])
        assert time.process_time() - started < 0.2
        assert (problem.name, type(problem.error())) == (name, MEANINGS[name])


MUCH = b"x" * 10_000_000


def test_what_stands_behind_the_first_eight_kibibytes_is_not_looked_at() -> None:
    late = b"&oauth_problem=token_revoked"
    assert read_problem(401, [], b"a" * (8192 - len(late)) + late).name == "token_revoked"
    assert read_problem(401, [], b"a" * 8192 + late).name is None
    fields = [
        ("WWW-Authenticate", "Basic " + "a" * 8192),
        ("WWW-Authenticate", "OAuth oauth_problem=token_used"),
    ]
    assert read_problem(401, fields, b"").name is None
    assert read_problem(401, fields[::-1], b"").name == "token_used"


# Eight kibibytes of each, with which a pattern that looks twice at a character would be slow.
HOSTILE = [
    "%",
    "%25",
    "%41",
    "&",
    "&amp;",
    "&#38",
    "\\",
    '\\"',
    "\\u0026",
    '"',
    "{",
    '{"',
    '{"a":',
    '{"a":[',
    "[",
    "<",
    "<a",
]
HOSTILE += [
    "oauth_",
    "oauth_a ",
    "oauth_a=",
    "oauth_problem=",
    'oauth_problem="',
    ",oauth_a",
    ";  ",
    " ",
    "a",
    "a=",
    "=",
    "+",
]
HOSTILE += [
    "debug_sbs=",
    "base string:",
    "GET&http%3A%2F%2F",
    "GET%26",
    "secret",
    "verifier%3D",
    "mwoauth-",
    "[https://",
]
OPENINGS = [
    "",
    "Error: ",
    "error=",
    '{"message":"',
    "OAuth ",
    "oauth_problem=x&debug_sbs=GET&http%3A%2F%2Fx&",
    "<errors>",
]


@pytest.mark.parametrize("opening", OPENINGS)
def test_no_refusal_costs_more_than_its_length(opening: str) -> None:
    secrets = ("aaaaaaaaaaaaaaaaaaaaaaab", "%25%41\\+&ü", "oauth_oauth_problem")
    for piece in HOSTILE:
        text = (opening + piece * 8192)[:8192]
        costs = []
        for _ in range(3):
            started = time.process_time()
            fit_to_be_shown(read_problem(401, [("WWW-Authenticate", text)], text.encode(), secrets))
            costs.append(time.process_time() - started)
        assert min(costs) < 0.05, piece  # it is a tenth of that; what looks twice takes a second


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
    "every byte encoded": "".join(f"%{octet:02X}" for octet in SECRET.encode()),
}


@pytest.mark.parametrize("name", SHOWN)
def test_secrets_are_taken_out_in_whatever_form(name: str) -> None:
    shown = SHOWN[name]
    assert (
        mask_secrets(f"before {shown} after {shown}", SecretMatcher.from_secrets(["", "ab", SECRET]))
        == "before *** after ***"
    )
    body = f"oauth_problem=x&oauth_problem_advice={quote(shown)}&more={shown}"
    problem = read_problem(
        401, [("WWW-Authenticate", f'OAuth oauth_problem="{shown}"')], body.encode(), [SECRET]
    )
    seen = repr(problem) + repr(problem.error().args) + repr(vars(problem.error()))
    assert "r~e" not in seen.lower()
    assert "***" in seen


def test_a_text_without_secrets_stays_as_it_is() -> None:
    text = "nothing % here + at all %41"
    assert mask_secrets(text, SecretMatcher.from_secrets([SECRET, "x", "", "here it is"])) == text


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
def test_what_is_echoed_of_our_parameters_is_taken_out(echo: str) -> None:
    bodies = [
        echo,
        f"<p>{echo}</p>",
        f"oauth_problem={quote(echo)}",
        f"oauth_problem=x&oauth_problem_advice={quote(echo)}",
    ]
    headers = [("WWW-Authenticate", f"OAuth oauth_problem={quote(echo)}, oauth_problem_advice={quote(echo)}")]
    for problem in [
        *(read_problem(401, [], body.encode()) for body in bodies),
        read_problem(401, headers, b""),
    ]:
        error = problem.error()
        seen = f"{problem!r} {error!r} {error.args} {vars(error)}"
        assert "consumer" not in seen
        assert "token" not in seen.replace("TokenRejected", "")


def test_what_a_provider_says_beside_an_echo_stays() -> None:
    body = b"Bad: oauth_signature=abc%3D&oauth_token=key&status=words, oauth_problem=x, said us"
    assert (
        excerpt(body.decode(), 500)
        == "Bad: oauth_signature=***&oauth_token=***&status=words, oauth_problem=x, said us"
    )


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  a\r\nb\x00\x1b[31mc é\u2028d ", "a b [31mc \\xe9\\u2028"),
        ("x" * 99, "x" * 10),
        ("", ""),
        ("\n", ""),
    ],
)
def test_a_text_is_cut_and_made_printable(text: str, cleaned: str) -> None:
    assert printable(text, 20 if "x" not in text else 10) == cleaned


BASE = "POST&https%3A%2F%2Fapi.example%2F1&oauth_nonce%3Dabc%26oauth_token%3Dkey%26status%3Da%2520b"


@pytest.mark.parametrize(
    "echo",
    [
        f"debug_sbs={BASE}",
        f"debug_sbs={quote(BASE)}",
        f"oauth_signature_base_string={quote(BASE, safe='')}&oauth_signature_method=HMAC-SHA1",
        f"Expected signature base string: {BASE}",
        f"Expected signature base string was '{BASE}' to be",
        f"Signature base string:\n{BASE}\n",
        f"<p>Signature Base String: <code>{BASE.replace('&', '&amp;')}</code></p>",
        f'{{"message": "Expected signature base string: {BASE}", "a": 1}}'.replace("&", "\\u0026"),
        f'{{"base_string": "{BASE}"}}',
        f'{{"oauth_problem": "signature_invalid", "debug_sbs": "{BASE}"}}',
    ],
)
def test_the_base_string_that_a_provider_tells_is_given_back(echo: str) -> None:
    if " was " in echo:
        echo = echo.replace(" was ", " ")
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
def test_what_has_not_the_shape_of_a_base_string_is_none(mark: str, shown: str) -> None:
    problem = read_problem(401, [], f"{mark}{shown}".encode())
    assert problem.server_base_string is None
    assert problem.body == f"{mark.strip()}***" if not mark.endswith(" ") else f"{mark}***"
    assert "secret" not in repr(problem) + repr(vars(problem.error()))


def test_secrets_are_taken_out_of_a_base_string() -> None:
    once, twice = quote(SECRET, safe="~"), quote(quote(SECRET, safe="~"), safe="~")
    base = f"{BASE}%26x%3D{twice}%26x_auth_password%3Dhunter2%26oauth_verifier%3D123456%26y%3D{once}"
    problem = read_problem(401, [], f"debug_sbs={base}".encode(), [SECRET])
    assert problem.server_base_string == (
        f"{BASE}%26x%3D***%26x_auth_password%3D***%26oauth_verifier%3D***%26y%3D***"
    )


def test_half_a_base_string_is_none() -> None:
    whole = BASE + "%26z%3D" + "1" * (8192 - len("debug_sbs=") - len(BASE) - len("%26z%3D"))
    assert read_problem(401, [], f"debug_sbs={whole}".encode()).server_base_string == whole
    assert read_problem(401, [], f"debug_sbs={whole}1".encode()).server_base_string is None
    field = f"OAuth debug_sbs={whole[:-6]}"
    assert read_problem(401, [("WWW-Authenticate", field)], b"").server_base_string == whole[:-6]
    assert read_problem(401, [("WWW-Authenticate", field + "1")], b"").server_base_string is None


@pytest.mark.parametrize("name", SHOWN)
def test_no_half_of_a_secret_is_shown_where_the_looking_ends(name: str) -> None:
    shown = SHOWN[name].encode()
    report = b"oauth_problem=x&a=%s&oauth_problem_advice="
    for kept in range(1, len(shown)):
        start = report % (b"b" * (8192 - kept - len(report) + 2))
        problem = read_problem(401, [], start + shown + b"&more", [SECRET])
        assert (problem.name, problem.advice) == ("x", None)
        body = b"\0" * (2000 - kept) + shown + b"-" * 9000  # what is not printable is shown as one blank
        assert read_problem(401, [], body, [SECRET]).body == ""
        header = (
            f'OAuth x="{"b" * (8192 - kept - 46)}", oauth_problem=x, oauth_problem_advice={shown.decode()}'
        )
        assert not read_problem(401, [("WWW-Authenticate", header)], b"", [SECRET]).advice


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
def test_secrets_are_taken_out_of_json_and_markup(shown: str) -> None:
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


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"errors":[{"code":32,"message":"Could not authenticate you."}]}', "JSON"),
        ('{"error":{"code":"INVALID_LOGIN_ATTEMPT"}}', "HMAC-SHA256"),
        ('{"code":"json_oauth1_signature_mismatch"}', "home URL"),
        ("oauth_problem=signature_method_rejected", "choose another"),
        ("error=unsupported_signature_method", "choose another"),
        (f"oauth_problem=signature_invalid&debug_sbs={BASE}", "compare server_base_string"),
    ],
)
def test_there_are_hints_to_a_wrong_signature(body: str, words: str) -> None:
    error = read_problem(401, [], body.encode()).error()
    assert isinstance(error, SignatureRejected)
    assert any(words in hint for hint in error.hints)
    assert all(hint.isascii() for hint in error.hints)


def test_there_are_none_to_other_problems() -> None:
    assert read_problem(429, [], f"oauth_problem=signature_invalid&debug_sbs={BASE}".encode()).hints == ()
    assert read_problem(401, [], f"oauth_problem=token_revoked&debug_sbs={BASE}".encode()).hints == ()


def test_an_error_about_a_signature_survives_a_process_boundary() -> None:
    error = read_problem(401, [], f"oauth_problem=signature_invalid&debug_sbs={BASE}".encode()).error()
    assert isinstance(error, SignatureRejected)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301  ours
        assert type(again) is SignatureRejected
        assert (again.server_base_string, again.hints) == (BASE, error.hints)
        assert vars(again) == vars(error)
        assert str(again) == str(error)
    bare = SignatureRejected("no", status=401)
    assert (bare.server_base_string, bare.hints) == (None, ())


@pytest.mark.parametrize("name", [*MEANINGS, "89", "32", "json_oauth1_nonce_already_used", "invalid_token"])
def test_a_problem_kept_by_its_name_means_what_it_meant(name: str) -> None:
    problem = Problem(401, name, "Try again")
    kinds = {
        "89": TokenRejected,
        "32": SignatureRejected,
        "json_oauth1_nonce_already_used": NonceRejected,
        "invalid_token": TokenRejected,
    }
    assert type(problem.error()) is (MEANINGS | kinds)[name]
    assert type(Problem(429, name).error()) is RateLimited
    assert Problem(401, name, meaning="").error().problem == name
    assert type(Problem(401, name, meaning="").error()) is ProviderError


def test_a_problem_is_a_value() -> None:
    given_ = {"oauth_acceptable_timestamps": "1-2"}
    problem = Problem(401, "timestamp_refused", parameters=given_)
    given_["oauth_acceptable_timestamps"] = "3-4"
    assert problem.parameters["oauth_acceptable_timestamps"] == "1-2"
    assert problem == Problem(401, "timestamp_refused", parameters={"oauth_acceptable_timestamps": "1-2"})
    assert len({problem, problem}) == 1
    with pytest.raises(TypeError):
        problem.parameters["x"] = "y"  # type: ignore[index]  # read-only


def test_a_problem_goes_to_other_processes_and_is_copied() -> None:
    report = b"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=1-2"
    problem = read_problem(401, [("Retry-After", "7")], report)
    assert problem.parameters
    for there in (pickle.loads(pickle.dumps(problem)), copy.copy(problem), copy.deepcopy(problem)):  # noqa: S301  our own bytes
        assert (there, hash(there)) == (problem, hash(problem))
        assert type(there.parameters) is type(problem.parameters)
        assert isinstance(there.error(), TimestampRefused)
