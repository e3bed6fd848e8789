"""Callbacks: what they say, and what of them is refused, since anybody can have written them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from handshakes.shown import leaks
from handshakes.strict import said_by_pairs, said_by_text
from multidict import MultiDict

from aiooauth1.errors import CallbackError
from aiooauth1.flows.handshake.callback import Callback, check_value, parse_callback


if TYPE_CHECKING:
    from collections.abc import Callable


APPROVED = "oauth_token=rt&oauth_verifier=v"


def said(callback: Any) -> tuple[str | None, str | None, bool, str | None]:
    read = parse_callback(callback)
    return read.request_token, read.verifier, read.denied, read.problem


# What a callback says


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
        ("denied=1&oauth_token=rt", "rt"),
        ("oauth_problem=user_refused", None),
        ("oauth_problem=user_refused&oauth_token=rt", "rt"),
        ("oauth_problem=permission_denied&oauth_token=rt", "rt"),
        ("error=access_denied&error_description=The+user+said+no", None),
        ("error=access_denied&oauth_token=rt", "rt"),
        ("oauth_problem=user_refused&oauth_token=rt&oauth_verifier=v", "rt"),
    ],
)
def test_a_denial_in_every_form(query: str, named: str | None) -> None:
    read = parse_callback(query)
    assert (read.denied, read.request_token, read.problem) == (True, named, None)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("oauth_problem=token_expired&oauth_token=rt", "token_expired"),
        ("error=server_error&oauth_token=rt", "server_error"),
        ("oauth_problem=&error=server_error", "server_error"),
        ("error=caf%C3%A9%C3%A9+x", "caf\\xe9\\xe9 x"),
        ("error=" + "x" * 500, "x" * 64),
        ("error=Access_Denied", "Access_Denied"),
    ],
)
def test_another_problem_is_told_cleaned_and_cut(query: str, problem: str) -> None:
    read = parse_callback(query)
    assert (read.denied, read.problem) == (False, problem)


def test_a_callback_does_not_show_its_verifier() -> None:
    assert "CANARY" not in repr(parse_callback("oauth_token=rt&oauth_verifier=CANARY"))
    assert "CANARY" not in str(Callback("rt", "CANARY", denied=False, problem=None))


# Parameter pollution


@pytest.mark.parametrize(
    "callback",
    [
        "oauth_token=rt&oauth_token=rt&oauth_verifier=v",
        "oauth_token=rt&oauth%5ftoken=other",
        "oauth_token=rt&oauth_verifier=v&oauth_verifier=w",
        "denied=rt&denied=other",
        "error=a&error=b",
        "oauth_problem=a&oauth_problem=",
        "oauth_token=rt&oauth_verifier=" + "v" * 2049,
        "oauth_token=rt&oauth_verifier=" + "v" * 1_000_000,
        "oauth_token=rt%00",
        "oauth_token=rt%0d%0aSet-Cookie:%20a=b",
        "oauth_token=rt\r\n",
        "oauth_token=rt%7F",
        "oauth_token=rt%C2%85",
        "oauth_token=rt&oauth_verifier=%FF",
        "oauth_token=rt&oauth_verifier=%C0%AE",
        "oauth_token=rt&oauth_verifier=%ED%A0%80",
        "oauth_token=rt\ud800",
        [("oauth_token", "rt"), ("oauth_token", "rt")],
        [("oauth_token", "rt\ud800")],
        [("oauth_token", "rt\0")],
        {"oauth_token": "rt\n"},
        {"oauth_verifier": "v" * 2049},
        {"oauth_token": ["rt"]},
        {"oauth_token": None},
        {"oauth_token": 7},
        {"oauth_token": b"rt"},
        {7: "rt"},
        [("oauth_token", "rt", "more")],
        [("oauth_token",)],
        ["oauth_token"],
        b"oauth_token=rt",
        MultiDict([("oauth_token", "rt"), ("oauth_token", "other")]),
        "x=" + "y" * 70_000,
    ],
    ids=lambda callback: repr(callback)[:60],
)
def test_what_is_doubled_endless_or_no_clean_text_is_refused(callback: Any) -> None:
    with pytest.raises(CallbackError):
        parse_callback(callback)


def test_pairs_as_starlette_gives_them_are_all_looked_at() -> None:
    class QueryParams(dict[str, str]):
        def multi_items(self) -> list[tuple[str, str]]:
            return [("oauth_token", "rt"), ("oauth_token", "other")]

    with pytest.raises(CallbackError, match="oauth_token twice"):
        parse_callback(QueryParams(oauth_token="other"))


@pytest.mark.parametrize(
    "more",
    [
        "self=1",
        "oauth_token_secret=EVIL",
        "callback=x",
        "__class__=x",
        "oauth_token_=x",
        "%FF=%FF",
        "a=%00",
        "a&a=1",
    ],
)
def test_what_means_nothing_to_us_changes_nothing(more: str) -> None:
    assert said(f"{more}&{APPROVED}&{more}") == ("rt", "v", False, None)


@pytest.mark.parametrize("value", ["1234567", "é", "x" * 2048])
def test_a_typed_value_that_is_clean_text_passes(value: str) -> None:
    check_value("oauth_verifier", value)


# A hundred thousand callbacks

CANARIES = ["CANARY-token-!%", "CANARY-verifier-~é", "CANARY-more"]
_TOKEN, _VERIFIER, _MORE = (quote(canary, safe="") for canary in CANARIES)
_QUERIES = [
    f"oauth_token={_TOKEN}&oauth_verifier={_VERIFIER}",
    f"state={_MORE}&oauth_token={_TOKEN}&oauth_verifier={_VERIFIER}&x=1",
    f"denied={_TOKEN}",
    f"oauth_problem=user_refused&oauth_token={_TOKEN}",
    f"error=access_denied&error_description={_MORE}",
    f"oauth_problem=token_expired&oauth_token={_TOKEN}",
]
_STARTS = ["", "?", "/cb?", "https://me.example/cb?", "app:/cb?", "//me.example?", "https://[::1]:8/cb?"]
_PIECES = [
    *[
        "%",
        "&",
        "=",
        "+",
        ";",
        "#",
        "?",
        "/",
        ":",
        "[",
        "\\",
        "\0",
        "\n",
        "\r\n",
        "\x7f",
        "\x85",
        " ",
        "é",
        "☃",
        "𝄞",
    ],
    *[
        "%00",
        "%0d%0a",
        "%ff",
        "%c3",
        "%C3%A9",
        "%ED%A0%80",
        "%26",
        "%3d",
        "%25",
        "%2",
        "%zz",
        "\ud800",
        "\udfff",
    ],
    *[
        "oauth_token=",
        "&oauth_token=x",
        "&oauth_verifier=",
        "&denied=",
        "&error=",
        "oauth%5Ftoken",
        "&self=1",
    ],
    *["&oauth_problem=permission_denied", "&oauth_token_secret=EVIL", "v" * 2000, "v" * 2100],
]


def mutated(chance: random.Random, text: str) -> str:
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                text = text[:at] + chance.choice(_PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randint(1, 6) :]
            case 2:
                text = (
                    text[:at]
                    + chr(chance.choice((chance.randrange(256), chance.randrange(0x110000))))
                    + text[at:]
                )
            case _:
                start = chance.randrange(len(text) + 1)
                text = text[:at] + text[start : start + chance.randint(1, 40)] + text[at:]
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
    except CallbackError as error:
        assert leaks(error, CANARIES) == []  # noqa: PT017  both ways are right, and each has its question
        return "refused" if expected is None else None
    if expected is None or (read.request_token, read.verifier, read.denied) != expected[:3]:
        return None
    if expected.problem is None or not expected.problem.isascii():
        same = (read.problem is None) == (expected.problem is None)
    else:
        same = read.problem == expected.problem[:256].strip()[:64]
    harmless = (
        (read.problem or "").isascii()
        and (read.problem or "x").isprintable()
        and len(read.problem or "") <= 64
    )
    return "accepted" if same and harmless else None


def test_a_hundred_thousand_mutated_callbacks_are_taken_as_an_independent_parser_takes_them() -> None:
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
