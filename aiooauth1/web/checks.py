"""Rules for requests from browsers: where they come from, and where they may be redirected. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


__all__ = [
    "check_return_to",
    "foreign_origin",
    "is_prefetch",
    "read_cookie",
    "read_form",
    "read_return_to",
]

_MAX_PATH = 2048
_DECODINGS = 3  # a proxy, or a server behind this one, may decode once too often
_FORBIDDEN_CATEGORIES = frozenset(
    {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
)  # control, format, surrogate, line separator, space
_UNQUOTED = "!#$%&'()*+,/:;=?@[]~"  # what `quote` leaves as it is, besides the unreserved characters
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 64


def check_return_to(text: str) -> str:
    r"""Return a path of this site, percent-encoded, to which a browser may be redirected.

    It must begin with exactly one `/`. No browser may read it, or what it decodes to, as the address of
    another site: it has no backslash, no `//`, no control character or white space, and no character that
    looks like a slash.

    Raises:
        ValueError: If it is not such a path; the message says why.

    >>> check_return_to("/settings?tab=accounts")
    '/settings?tab=accounts'
    >>> check_return_to("//evil.example")
    Traceback (most recent call last):
        ...
    ValueError: return_to must begin with exactly one '/'
    """
    if len(text) > _MAX_PATH:
        raise ValueError(f"return_to is longer than {_MAX_PATH} characters")
    if any(unicodedata.category(char) in _FORBIDDEN_CATEGORIES for char in text):
        raise ValueError("return_to has white space or a control character: percent-encode it")
    path = text.partition("?")[0].partition("#")[0]
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError("return_to must begin with exactly one '/'")
    if "//" in path or "\\" in path:
        raise ValueError("return_to has '//' or a backslash in its path")
    for _ in range(_DECODINGS):
        path = unicodedata.normalize("NFKC", unquote(path))
        if path.startswith(("//", "/\\")) or any(unicodedata.category(char) == "Cc" for char in path):
            raise ValueError("return_to decodes to the address of another site")
    return quote(text, safe=_UNQUOTED)


def read_return_to(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the checked `return_to` of a form, `/` if it has none.

    Raises:
        ValueError: If the form has it twice, or it is not a path of this site.
    """
    given = [value for name, value in pairs if name == "return_to"]
    if len(given) > 1:
        raise ValueError("the form has return_to twice: send it once")
    return check_return_to(given[0]) if given and given[0] else "/"


def read_form(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Read the fields of a form.

    Raises:
        ValueError: If the body is not a form, not UTF-8, or has too many fields.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if body and kind not in {"", _FORM}:
        raise ValueError(f"the start form must be sent as {_FORM}")
    return parse_qsl(
        body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
    )


def foreign_origin(
    own: str, *, fetch_site: Sequence[str], origin: Sequence[str], referer: Sequence[str]
) -> str | None:
    """Return why a start request was not sent by this site's own pages, or None if it was.

    Browsers name a request's source in `Sec-Fetch-Site`, older ones in `Origin` alone. A page whose referrer
    policy is `no-referrer` sends `Origin: null`, so `null` is refused only without `Sec-Fetch-Site`. A
    request with none of these fields does not come from a browser, and so cannot abuse a user's cookies.

    Args:
        own: The site's own origin, as browsers write it.
        fetch_site: The values of `Sec-Fetch-Site`.
        origin: The values of `Origin`.
        referer: The values of `Referer`.

    >>> foreign_origin("https://me.example", fetch_site=["cross-site"], origin=[], referer=[])
    'the request comes from another site'
    """
    elsewhere = "the request comes from another site"
    if any(site not in {"same-origin", "none"} for site in fetch_site):
        return elsewhere
    if any(one not in {own, "null"} for one in origin):
        return f"this site is open under another address: use {own}" if fetch_site else elsewhere
    if fetch_site:
        return None
    if "null" in origin:
        return elsewhere
    if not origin and any(one != own and not one.startswith(f"{own}/") for one in referer):
        return elsewhere
    return None


def is_prefetch(header: Callable[[str], Sequence[str]]) -> bool:
    """Return whether a browser loads a page before its user asks for it.

    Args:
        header: Returns all values of a header field.
    """
    purposes = (
        value.strip(" \t").lower()
        for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
        for value in header(name)
    )
    return any(purpose.startswith(("prefetch", "prerender", "preview")) for purpose in purposes)


def read_cookie(cookies: Iterable[str], name: str) -> str | None:
    """Return the value of our cookie, or None if the `Cookie` fields hold none or different ones.

    The name must match byte by byte. Parsers that strip Unicode white space or understand `$Version` can be
    tricked into taking another subdomain's cookie for a `__Host-` one.

    >>> read_cookie(["a=b; aiooauth1=" + "x" * 43], "aiooauth1") == "x" * 43
    True
    """
    pairs = (part.strip(" \t").partition("=") for cookie in cookies for part in cookie.split(";"))
    values = {value for found, _, value in pairs if found == name}
    if len(values) != 1:
        return None
    (value,) = values
    return value if _COOKIE_VALUE.fullmatch(value) else None
