"""Callbacks: what they say, and what of them is refused, since anybody can have written them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlencode, urlparse, urlsplit

import httpx
import pytest
from handshakes.shown import leaks
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import MultiDict
from starlette import datastructures
from yarl import URL

from aiooauth1.errors import CallbackError
from aiooauth1.flows.handshake.callback import Callback, check_callback_url, check_value, parse_callback


APPROVED = "oauth_token=rt&oauth_verifier=v"


def said(callback: Any) -> tuple[str | None, str | None, bool, str | None]:
    read = parse_callback(callback)
    return read.request_token, read.verifier, read.denied, read.problem


@pytest.mark.parametrize(
    "callback",
    [
        f"https://me.example/cb?{APPROVED}",
        f"https://me.example/cb?flow=7&{APPROVED}&flow=8#oauth_token=fragment",
        f"/cb?{APPROVED}",
        f"/cb?next=https://x.example/?a&{APPROVED}",
        f"?{APPROVED}",
        APPROVED,
        f"com.example.app:/cb?{APPROVED}",
        "oauth%5Ftoken=r%74&oauth_verifier=%76",
        f"&&{APPROVED}&&",
        {"oauth_token": "rt", "oauth_verifier": "v", "flow": "7"},
        MultiDict([("flow", "7"), ("flow", "8"), ("oauth_token", "rt"), ("oauth_verifier", "v")]),
        [("oauth_verifier", "v"), ("oauth_token", "rt")],
        (["oauth_verifier", "v"], ["oauth_token", "rt"]),
        iter([("oauth_verifier", "v"), ("oauth_token", "rt")]),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_an_approval_is_read_in_every_form(callback: Any) -> None:
    assert said(callback) == ("rt", "v", False, None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("oauth_token=a+b%2Bc%20d", ("a b+c d", None, False, None)),
        ("oauth_token=%C3%A9%E2%98%83", ("é☃", None, False, None)),
        ("oauth_token=é☃", ("é☃", None, False, None)),
        ("oauth_token=a%zz%", ("a%zz%", None, False, None)),
        ("oauth_token=a;oauth_verifier=v", ("a;oauth_verifier=v", None, False, None)),
        ("oauth_token=a=b", ("a=b", None, False, None)),
        ("oauth_token", (None, None, False, None)),
        ("oauth_token=rt&oauth_verifier=", ("rt", None, False, None)),
        ("", (None, None, False, None)),
        ("https://me.example/cb", (None, None, False, None)),
        ("OAUTH_TOKEN=rt", (None, None, False, None)),
        ("oauth_token[]=rt", (None, None, False, None)),
    ],
)
def test_values_are_decoded_as_a_form_is(query: str, expected: tuple[Any, ...]) -> None:
    assert said(query) == expected


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("denied=rt", "rt"),
        ("denied=", None),
        ("denied", None),
        ("denied=1", None),
        ("denied=1&oauth_token=rt", "rt"),
        ("denied=true&oauth_token=rt", "rt"),
        ("flow=7&oauth_problem=user_refused", None),  # LinkedIn, Xing and GNU social
        ("oauth_problem=User_Refused&oauth_token=rt", "rt"),
        ("oauth_problem=user_refused&oauth_token=rt&oauth_verifier=v", "rt"),
        ("oauth_problem=permission_denied&oauth_token=rt", "rt"),
        ("error=access_denied&error_description=The+user+said+no", None),  # servers that follow OAuth 2
        ("error=access_denied&oauth_token=rt&state=7", "rt"),
        ("error=user_denied", None),
        ("error=Access+Denied", None),
        ("oauth_token=rt&oauth_verifier=denied", "rt"),  # Jira, Confluence, Bitbucket Server and Jenkins
        ("oauth_token=rt&rejected=1", "rt"),  # Magento 1 and OpenMage
        ("oauth_token=rt&not_approved=true", "rt"),  # Dropbox's version 1
        ("error=Access%20not%20granted%20by%20user.&oauth_token=rt", "rt"),  # django-oauth-plus
        # Behind a callback that has a query already.
        ("https://me.example/cb?state=1?denied=rt", "rt"),
        ("https://me.example/cb?state=1?oauth_problem=user_refused&oauth_token=rt", "rt"),
    ],
)
def test_a_denial_is_read_in_every_form(query: str, named: str | None) -> None:
    read = parse_callback(query)
    assert (read.denied, read.request_token, read.problem) == (True, named, None)


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("oauth_token=rt&oauth_verifier=", {"denied_by_empty_verifier": True}),  # NetSuite
        ("oauth_token=rt", {"denied_without_verifier": True}),  # Evernote
        ("oauth_token=rt&oauth_verifier=", {"denied_without_verifier": True}),
        ("", {"denied_without_verifier": True}),  # Tumblr
        ("oauth_token=rt&authorize=0", {"denial_params": (("authorize", "0"),)}),  # Goodreads
        ("oauth_token=rt&oauth_verifier=NULL", {"denial_params": (("oauth_verifier", "NULL"),)}),
        ("oauth_token=rt&cancel", {"denial_params": (("cancel", None),)}),
    ],
)
def test_an_ambiguous_denial_needs_its_provider_s_setting(query: str, options: dict[str, Any]) -> None:
    assert parse_callback(query, **options).denied
    assert not parse_callback(query).denied
    assert not parse_callback(APPROVED, **options).denied


@pytest.mark.parametrize("verifier", ["null", "NULL"])
def test_a_verifier_that_is_written_as_null_is_none(verifier: str) -> None:
    """sdnu.edu.cn writes so."""
    read = parse_callback(f"oauth_token=rt&oauth_verifier={verifier}")
    assert (read.verifier, read.denied) == (None, False)


@pytest.mark.parametrize(
    "more",
    [
        # What only looks like a denial.
        *["denied=0", "denied=false", "rejected=0", "error=&oauth_problem=", "denial=1", "x=denied"],
        # What means nothing to us.
        *["self=1", "oauth_token_secret=EVIL", "callback=x", "__class__=x", "oauth_token_=x"],
        *["%FF=%FF", "a=%00", "a&a=1", "next=/a?oauth_token=other"],
    ],
)
def test_other_parameters_do_not_change_an_approval(more: str) -> None:
    assert said(f"{more}&{APPROVED}") == said(f"{APPROVED}&{more}") == ("rt", "v", False, None)


@pytest.mark.parametrize(
    "callback",
    [
        f"https://me.example/cb?state=1?{APPROVED}",
        f"https://me.example/cb??{APPROVED}",
        f"/cb?a=1&b=2?{APPROVED}",
        f"state=1?{APPROVED}",
        "https://me.example/cb?state=1?oauth_verifier=v&oauth_token=rt",
        "https://me.example/cb?state=1&amp;oauth_token=rt&amp;oauth_verifier=v",
        {"state": "1?oauth_token=rt", "oauth_verifier": "v"},
        [("state", "1?oauth_verifier=v"), ("oauth_token", "rt")],
        {"state": "1", "amp;oauth_token": "rt", "amp;oauth_verifier": "v"},
    ],
)
def test_a_second_question_mark_is_read_as_an_ampersand(callback: Any) -> None:
    assert said(callback) == ("rt", "v", False, None)


URL_TEXT = f"https://me.example/cb?flow=7&{APPROVED}#top"
URLS = {
    "yarl": URL(URL_TEXT),
    "Starlette": datastructures.URL(URL_TEXT),
    "httpx": httpx.URL(URL_TEXT),
    "urlsplit": urlsplit(URL_TEXT),
    "urlparse": urlparse(URL_TEXT),
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_a_url_object_is_accepted_as_callback(url: object) -> None:
    assert said(url) == ("rt", "v", False, None)
    assert check_callback_url(url) == URL_TEXT


@pytest.mark.parametrize(
    "callback",
    [
        *[b"oauth_token=rt", bytearray(b"oauth_token=rt"), None, 7, object(), parse_qs(APPROVED)],
        *[{"oauth_token": None}, {"oauth_token": 7}, {"oauth_token": b"rt"}, {7: "rt"}],
        *[[("oauth_token", "rt", "more")], [("oauth_token",)], ["oauth_token"]],
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_a_callback_of_another_type_is_a_type_error(callback: object) -> None:
    with pytest.raises(TypeError, match="a str, a URL object"):
        parse_callback(callback)


@pytest.mark.parametrize(
    ("callback", "error"),
    [
        (callback, TypeError)
        for callback in (b"https://me.example/cb", 7, object(), {"a": "b"}, ["https://x/"])
    ]
    + [
        (callback, ValueError)
        for callback in (
            *(
                *["localhost:8080/cb", "/cb", "cb", "", "OOB", "//me.example/cb", "https:/me.example"],
                "https://",
            ),
            *("http:///cb", "https://?x", "javascript:alert(1)", "data:text/html,x", "com.example.app:/cb"),
            *("://me.example", "1a://x", "https://me.example/a b", "https://me.example/\n", "me.ex:443://x"),
            *("https://me.ex/\x00", "é://x"),
        )
    ],
)
def test_begin_refuses_a_callback_that_is_not_an_absolute_url(
    callback: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match="callback"):
        check_callback_url(callback)


@pytest.mark.parametrize(
    "callback",
    ["https://me.example/cb?x=1", "http://localhost:8080/cb", "myapp://cb", "x-app.1+y://h", "oob", None],
)
def test_begin_accepts_a_custom_scheme_oob_or_none(callback: str | None) -> None:
    assert check_callback_url(callback) == callback


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("oauth_problem=token_expired&oauth_token=rt", "token_expired"),
        ("error=server_error&oauth_token=rt", "server_error"),
        ("oauth_problem=&error=server_error", "server_error"),
        ("error=caf%C3%A9+x", "caf%C3%A9 x"),
        ("error=%3Cscript%3Ealert(1)%3C/script%3E", "%3Cscript%3Ealert(1)%3C/script%3E"),
        ("error=" + "x" * 500, "x" * 64),
    ],
)
def test_another_problem_is_reported_escaped_and_cut(query: str, problem: str) -> None:
    read = parse_callback(query)
    assert (read.denied, read.problem) == (False, problem)


def test_the_repr_of_a_callback_hides_its_verifier() -> None:
    assert "CANARY" not in repr(parse_callback("oauth_token=rt&oauth_verifier=CANARY"))
    assert "CANARY" not in str(Callback("rt", "CANARY", denied=False, problem=None))


@pytest.mark.parametrize(
    "callback",
    [
        *["oauth_token=rt&oauth_token=rt", "oauth_token=rt&oauth%5ftoken=other", "denied=rt&denied=other"],
        *["oauth_token=rt&oauth_verifier=v&oauth_verifier=w", "error=a&error=b"],
        *["oauth_problem=a&oauth_problem=", "oauth_token=rt&oauth_verifier=" + "v" * 2049],
        *["oauth_token=rt&oauth_verifier=" + "v" * 1_000_000, "oauth_token=rt%00"],
        *["oauth_token=rt%0d%0aSet-Cookie:%20a=b", "oauth_token=rt\r\n", "oauth_token=rt%7F"],
        *["oauth_token=rt%C2%85", "oauth_token=rt\ud800", "oauth_token=rt&oauth_verifier=%FF"],
        *["oauth_token=rt&oauth_verifier=%C0%AE", "oauth_token=rt&oauth_verifier=%ED%A0%80"],
        *[[("oauth_token", "rt"), ("oauth_token", "rt")], [("oauth_token", "rt\ud800")]],
        *[[("oauth_token", "rt\0")], {"oauth_token": "rt\n"}, {"oauth_verifier": "v" * 2049}],
        MultiDict([("oauth_token", "rt"), ("oauth_token", "other")]),
        *[datastructures.QueryParams("oauth_token=rt&oauth_token=other"), "x=" + "y" * 70_000],
    ],
    ids=lambda callback: repr(callback)[:60],
)
def test_doubled_long_or_unclean_parameters_are_refused(callback: Any) -> None:
    with pytest.raises(CallbackError):
        parse_callback(callback)


@pytest.mark.parametrize("value", ["1234567", "é", "x" * 2048])
def test_a_clean_typed_value_is_accepted(value: str) -> None:
    check_value("oauth_verifier", value)


CANARIES = ["CANARY-token-!%", "CANARY-verifier-~é"]
STARTS = ["", "?", "/cb?", "https://me.example/cb?", "app:/cb?", "//me.example?", "https://[::1]:8/cb?"]
PIECES = [
    *"%&=+;#?/:[\\\0\n\x7f\x85 é☃𝄞",
    *["%00", "%0d%0a", "%ff", "%c3", "%ED%A0%80", "%26", "%2", "%zz", "oauth%5Ftoken", "&amp;", "\ud800"],
    *["oauth_token=", "&oauth_verifier=", "&oauth_token=x", "?oauth_token=x", "&denied=", "&error="],
    *["&oauth_problem=permission_denied", "&oauth_token_secret=EVIL", "&rejected=1", "v" * 2100],
    *(quote(canary, safe="") for canary in CANARIES),
]
thorough = settings(derandomize=True, deadline=None, max_examples=1000)
clean = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)


@thorough
@given(st.sampled_from(STARTS), clean, clean, st.dictionaries(clean, clean), st.booleans())
def test_any_token_and_verifier_are_read_as_urllib_encodes_them(
    start: str, token: str, verifier: str, more: dict[str, str], plus: bool
) -> None:
    verifier = f"v-{verifier}"  # some words mean a denial
    given = {f"x-{name}": value for name, value in more.items()}
    given |= {"oauth_token": token, "oauth_verifier": verifier}
    query = urlencode(given, quote_via=quote_plus if plus else quote)
    assert said(start + query) == said(given) == (token, verifier, False, None)


@thorough
@given(st.sampled_from(STARTS), st.lists(st.sampled_from(PIECES) | st.text(max_size=9), max_size=9))
def test_any_text_is_a_harmless_callback_or_a_callback_error(start: str, pieces: list[str]) -> None:
    try:
        read = parse_callback(start + "oauth_token=" + "".join(pieces))
    except CallbackError as error:
        assert leaks(error, CANARIES) == []  # noqa: PT017  both ways are right, and each has its question
        return
    problem = read.problem or "x"
    assert problem.isascii()
    assert problem.isprintable()
    assert len(problem) <= 64
    for value in (read.request_token or "x", read.verifier or "x"):
        check_value("value", value)
