"""Callbacks: what they say, and what of them is refused, since anybody can have written them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlparse, urlsplit

import httpx
import pytest
from handshakes.shown import leaks
from handshakes.strict import said_by_pairs, said_by_text
from multidict import MultiDict
from starlette import datastructures
from yarl import URL

from aiooauth1.errors import CallbackError
from aiooauth1.flows.handshake.callback import Callback, check_callback_url, check_value, parse_callback


if TYPE_CHECKING:
    from collections.abc import Callable


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
def test_an_approval_in_every_form(callback: Any) -> None:
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
def test_a_denial_in_every_form(query: str, named: str | None) -> None:
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
def test_an_approval_stays_one_whatever_else_is_there(more: str) -> None:
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
def test_a_url_object_is_taken_as_callback_and_to_begin_with(url: object) -> None:
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
def test_a_callback_of_another_type_is_a_mistake_in_the_program(callback: object) -> None:
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
def test_to_begin_with_a_callback_is_an_absolute_url(callback: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="callback"):
        check_callback_url(callback)


@pytest.mark.parametrize(
    "callback",
    ["https://me.example/cb?x=1", "http://localhost:8080/cb", "myapp://cb", "x-app.1+y://h", "oob", None],
)
def test_to_begin_with_a_callback_may_have_a_scheme_of_ones_own_or_be_none(callback: str | None) -> None:
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
def test_another_problem_is_told_cleaned_and_cut(query: str, problem: str) -> None:
    read = parse_callback(query)
    assert (read.denied, read.problem) == (False, problem)


def test_a_callback_does_not_show_its_verifier() -> None:
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
def test_a_typed_value_that_is_clean_text_passes(value: str) -> None:
    check_value("oauth_verifier", value)


# A hundred thousand callbacks

CANARIES = ["CANARY-token-!%", "CANARY-verifier-~é", "CANARY-more"]
_TOKEN, _VERIFIER, _MORE = (quote(canary, safe="") for canary in CANARIES)
_QUERIES = [
    f"oauth_token={_TOKEN}&oauth_verifier={_VERIFIER}",
    *[f"state={_MORE}&oauth_token={_TOKEN}&oauth_verifier={_VERIFIER}&x=1", f"denied={_TOKEN}"],
    *[f"oauth_problem=user_refused&oauth_token={_TOKEN}", f"error=access_denied&error_description={_MORE}"],
    f"oauth_problem=token_expired&oauth_token={_TOKEN}",
]
_STARTS = ["", "?", "/cb?", "https://me.example/cb?", "app:/cb?", "//me.example?", "https://[::1]:8/cb?"]
_PIECES = [
    *"%&=+;#?/:[\\\0\n\x7f\x85 é☃𝄞\ud800\udfff",
    *[
        *["%00", "%0d%0a", "%ff", "%c3", "%C3%A9", "%ED%A0%80", "%26", "%3d", "%25", "%2", "%zz"],
        *["oauth%5Ftoken", "oauth_token=", "denied", "&amp;"],
    ],
    *[
        *["&oauth_token=x", "&oauth_verifier=", "&denied=", "&error=", "&self=1", "&rejected=1"],
        "&oauth_token_secret=EVIL",
    ],
    *["?oauth_token=x", "?oauth_verifier=", "&oauth_problem=permission_denied"],
    *("\r\n", "v" * 2000, "v" * 2100),
]


def mutated(chance: random.Random, text: str) -> str:
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        at = chance.randrange(len(text) + 1)
        before, after = text[:at], text[at:]
        match chance.randrange(4):
            case 0:
                text = before + chance.choice(_PIECES) + after
            case 1:
                text = before + after[chance.randint(1, 6) :]
            case 2:
                text = before + chr(chance.randrange(chance.choice((256, 0x110000)))) + after
            case _:
                start = chance.randrange(len(text) + 1)
                text = before + text[start : start + chance.randint(1, 40)] + after
    return text


def mutated_pairs(chance: random.Random) -> list[tuple[Any, Any]]:
    names = ["oauth_token", "oauth_verifier", "oauth_problem", "denied", "error", "self", "state"]
    values = [*CANARIES, "", "user_refused", "x\0", "\ud800", "v" * 2049, "é"]
    odd = [None, 7, b"x", ["x"]]
    return [
        (
            chance.choice(names) if chance.random() < 0.98 else chance.choice(odd),
            chance.choice(values) if chance.random() < 0.98 else chance.choice(odd),
        )
        for _ in range(chance.randint(0, 4))
    ]


def judged(given: Any, judge: Callable[[Any], Any]) -> str | None:
    """Say whether ours accepts, if it does as the judge does; None if it does not."""
    expected = judge(given)
    try:
        read = parse_callback(given)
    except TypeError:
        return "refused" if expected is None else None
    except CallbackError as error:
        assert leaks(error, CANARIES) == []  # noqa: PT017  both ways are right, and each has its question
        return "refused" if expected is None else None
    if expected is None or (read.request_token, read.verifier, read.denied) != expected[:3]:
        return None
    same = (read.problem is None) == (expected.problem is None)
    if expected.problem is not None and expected.problem[:64].replace("_", "").isalnum():
        same = same and unquote(read.problem or "")[:4] == expected.problem[:4]
    shown = read.problem or "x"
    harmless = shown.isascii() and shown.isprintable() and len(shown) <= 64
    return "accepted" if same and harmless else None


def test_100000_mutated_callbacks_agree_with_an_independent_parser() -> None:
    chance = random.Random(20_071_024)  # noqa: S311  the same callbacks each time
    counts = {"accepted": 0, "refused": 0}
    for number in range(100_000):
        if number % 5 == 4:
            given: Any = mutated_pairs(chance)
            verdict = judged(given, said_by_pairs)
        else:
            given = mutated(chance, chance.choice(_STARTS) + chance.choice(_QUERIES))
            verdict = judged(given, said_by_text)
        assert verdict is not None, given
        counts[verdict] += 1
    assert min(counts.values()) > 15_000, counts
