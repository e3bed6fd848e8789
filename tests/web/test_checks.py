from __future__ import annotations

import pytest

from aiooauth1.web.checks import (
    check_return_to,
    foreign_origin,
    is_prefetch,
    read_cookie,
    read_form,
    read_return_to,
)


SECRET = "s" * 43
OWN = "https://me.example"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("/", "/"),
        ("/settings?tab=a&next=https://me.example//x#top", "/settings?tab=a&next=https://me.example//x#top"),
        ("/straße/ü?q=ü", "/stra%C3%9Fe/%C3%BC?q=%C3%BC"),
        ("/a%20b/%C3%BC", "/a%20b/%C3%BC"),
        ("/posts/https%3A%2F%2Fblog.example%2F1", "/posts/https%3A%2F%2Fblog.example%2F1"),
        ("/100%", "/100%"),
        ("/a/../b", "/a/../b"),
        ('/"<script>', "/%22%3Cscript%3E"),
    ],
)
def test_a_path_of_this_site_is_kept_and_percent_encoded(given: str, kept: str) -> None:
    assert check_return_to(given) == kept


OPEN_REDIRECTS = r"""
    //evil.example ///evil.example ////evil.example/.. /.//evil.example /..//evil.example /a/..//evil.example
    /\evil.example \\evil.example \/evil.example /\/evil.example http:\\evil.example
    https://evil.example https:evil.example https:/evil.example javascript:alert(1) data:text/html,evil
    evil.example @evil.example .evil.example ?next=//evil.example me.example@evil.example
    https://me.example@evil.example/ /%09/evil.example /%2f/evil.example /%5cevil.example /%252f/evil.example
"""


@pytest.mark.parametrize(
    "given",
    [
        *OPEN_REDIRECTS.split(),
        *("\t//evil.example", " //evil.example", "/\t/evil.example", "/\n/evil.example", "/x\x00//evil.test"),
        *("/\r\nLocation: https://evil.example", "/\uff0fevil.example", "\uff0f\uff0fevil.example"),
        *("/\u200b/evil.example", "/\u2215/evil.example/\\", "/" + "a" * 2048),
    ],
    ids=lambda given: ascii(given)[:40],
)
def test_an_open_redirect_or_a_long_path_is_refused(given: str) -> None:
    assert check_return_to("/" + "a" * 2047)
    with pytest.raises(ValueError, match="return_to"):
        check_return_to(given)


@pytest.mark.parametrize("given", [[], [("return_to", "")]])
def test_without_a_return_path_a_sign_in_ends_at_the_root(given: list[tuple[str, str]]) -> None:
    assert read_return_to([("other", "/x"), *given]) == "/"


@pytest.mark.parametrize(
    ("fetch_site", "origin", "referer", "is_own"),
    [
        (["same-origin"], [OWN], [], True),
        (["same-origin"], ["null"], [], True),  # a page whose referrer policy is no-referrer
        (["none"], [], [], True),
        ([], [OWN], [], True),
        ([], [], [f"{OWN}/x"], True),
        ([], [], [OWN], True),
        ([], [], [], True),  # no browser
        (["same-origin"], ["https://other.example"], [], False),
        (["same-site"], [OWN], [], False),
        (["cross-site"], [OWN], [], False),
        (["same-origin", "cross-site"], [OWN], [], False),
        ([""], [OWN], [], False),
        (["same-site"], ["https://blog.me.example"], [], False),
        ([], ["null"], [f"{OWN}/x"], False),
        ([], ["http://me.example"], [], False),
        ([], ["https://me.example.evil.example"], [], False),
        ([], [], ["https://evil.example/?https://me.example/"], False),
        ([], [OWN, "https://evil.example"], [], False),
        ([], [f"{OWN}:444"], [], False),
        ([], [], ["https://me.example.evil.example/"], False),
    ],
)
def test_a_sign_in_starts_only_from_this_site_or_without_a_browser(
    fetch_site: list[str], origin: list[str], referer: list[str], *, is_own: bool
) -> None:
    reason = foreign_origin(OWN, fetch_site=fetch_site, origin=origin, referer=referer)
    assert (reason is None) == is_own


def test_a_start_under_another_address_of_the_site_names_its_own_address() -> None:
    reason = foreign_origin(OWN, fetch_site=["same-origin"], origin=["https://www.me.example"], referer=[])
    assert reason == f"this site is open under another address: use {OWN}"


@pytest.mark.parametrize(
    ("name", "value", "is_one"),
    [
        ("Sec-Purpose", "prefetch", True),
        ("Sec-Purpose", "prefetch;prerender", True),
        ("Purpose", " Prefetch", True),
        ("X-Purpose", "preview", True),
        ("X-Moz", "prefetch", True),
        ("Sec-Purpose", "", False),
        ("Purpose", "navigate", False),
    ],
)
def test_prefetches_are_distinguished_from_navigations(name: str, value: str, *, is_one: bool) -> None:
    assert is_prefetch(lambda asked: [value] if asked == name else []) == is_one


@pytest.mark.parametrize(
    ("cookies", "found"),
    [
        ([f"n={SECRET}"], SECRET),
        (["a=b", f"c=d;n={SECRET} ;e=f"], SECRET),
        ([f"n={SECRET}", f"n={SECRET}"], SECRET),
        ([f"n={SECRET}; n={'t' * 43}"], None),
        ([f"n={SECRET}; n="], None),
        ([f"N={SECRET}"], None),
        ([f"\u2000n={SECRET}"], None),
        ([f"\xa0n={SECRET}"], None),
        ([f"__Secure-n={SECRET}"], None),
        ([f"$Version=1,n={SECRET}"], None),
        ([f"n ={SECRET}"], None),
        ([f"n={SECRET}x"], None),
        ([f"n={SECRET[1:]}"], None),
        ([f'n="{SECRET}"'], None),
        (["n=" + "ü" * 43], None),
        (["n"], None),
        ([], None),
    ],
)
def test_the_cookie_is_read_byte_by_byte(cookies: list[str], found: str | None) -> None:
    assert read_cookie(cookies, "n") == found


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"\xff=1", ""),
        (b"a=%ff", ""),
    ],
)
def test_a_start_form_of_another_type_or_encoding_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(ValueError, match=r"x-www-form-urlencoded|codec"):
        read_form(body, kind)


def test_a_start_form_with_thousands_of_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="fields"):
        read_form(b"a=1&" * 5000, "application/x-www-form-urlencoded; charset=utf-8")
