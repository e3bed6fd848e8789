"""What a refusal means: pure functions of status, header fields and body, and what of it may be shown."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiooauth1.errors import (
    NonceRejected,
    OAuth1Error,
    ProviderError,
    RateLimited,
    SignatureRejected,
    TimestampRefused,
    TokenRejected,
)
from aiooauth1.problems import Problem, clean, read_problem, redact, scrub


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


@pytest.mark.parametrize("name", [None, "token_revoked", "timestamp_refused"])
@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("17", 17.0),
        (" 0 ", 0.0),
        *((unread, None) for unread in ("-1", "1.5", "nan", "inf", "9" * 400, "\N{FULLWIDTH DIGIT ONE}", "")),
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
    "every octet encoded": "".join(f"%{octet:02X}" for octet in SECRET.encode()),
}


@pytest.mark.parametrize("name", SHOWN)
def test_secrets_are_taken_out_in_whatever_form(name: str) -> None:
    shown = SHOWN[name]
    assert scrub(f"before {shown} after {shown}", ["", "ab", SECRET]) == "before *** after ***"
    body = f"oauth_problem=x&oauth_problem_advice={quote(shown)}&more={shown}"
    problem = read_problem(
        401, [("WWW-Authenticate", f'OAuth oauth_problem="{shown}"')], body.encode(), [SECRET]
    )
    seen = repr(problem) + repr(problem.error().args) + repr(vars(problem.error()))
    assert "r~e" not in seen.lower()
    assert "***" in seen


def test_a_text_without_secrets_stays_as_it_is() -> None:
    text = "nothing % here + at all %41"
    assert scrub(text, [SECRET, "x", "", "here it is"]) == text


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
    assert redact(body) == "Bad: oauth_signature=***&oauth_token=***&status=words, oauth_problem=x, said us"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("  a\r\nb\x00\x1b[31mc é\u2028d ", "a b [31mc  d"), ("x" * 99, "x" * 10), ("", ""), ("\n", "")],
)
def test_a_text_is_cut_and_made_printable(text: str, cleaned: str) -> None:
    assert clean(text, 20 if "x" not in text else 10) == cleaned


# The value


def test_a_problem_is_a_value() -> None:
    given_ = {"oauth_acceptable_timestamps": "1-2"}
    problem = Problem(401, "timestamp_refused", parameters=given_)
    given_["oauth_acceptable_timestamps"] = "3-4"
    assert problem.parameters["oauth_acceptable_timestamps"] == "1-2"
    assert problem == Problem(401, "timestamp_refused", parameters={"oauth_acceptable_timestamps": "1-2"})
    assert len({problem, problem}) == 1
    with pytest.raises(TypeError):
        problem.parameters["x"] = "y"  # type: ignore[index]  # read-only
