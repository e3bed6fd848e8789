"""Reads a callback: the provider sent the user's browser there, but anybody can have written it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiooauth1.errors import CallbackError
from aiooauth1.flows.handshake.denials import (
    DENIAL_FLAGS,
    DENIED_VERIFIERS,
    NO_VERIFIERS,
    is_denial_flag,
    is_denial_problem,
)
from aiooauth1.signing.encoding import parse_form


if TYPE_CHECKING:
    from collections.abc import Container


__all__ = [
    "Callback",
    "callback_text",
    "check_callback_url",
    "check_value",
    "parse_callback",
    "typed_verifier",
]

_PROTOCOL = frozenset({"oauth_verifier", "oauth_problem", "error", *DENIAL_FLAGS})
_LONGEST_VALUE = 2048
_LONGEST_QUERY = 65_536
_LONGEST_PROBLEM = 64
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|/|\?")  # how a URL or its path begins, and a bare query does not
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_NO_URL = re.compile(r"[\x00-\x20\x7f-\xa0\ud800-\udfff]")
_ACCEPTED = "a str, a URL object, or the query's decoded parameters as a mapping or pairs of str"


@dataclass(frozen=True, slots=True, repr=False)
class Callback:
    """The parameters of a callback that have a meaning (RFC 5849 section 2.2).

    Attributes:
        request_token: The key of the request token, or None if the callback names none.
        verifier: The verifier, or None if there is none.
        denied: Whether the user said no.
        problem: Another problem that the provider reports instead of a verifier, escaped and cut.
    """

    request_token: str | None
    verifier: str | None
    denied: bool
    problem: str | None

    def __repr__(self) -> str:
        return f"<Callback of request token {self.request_token!r}>"


def parse_callback(
    callback: object,
    *,
    token_name: str = "oauth_token",  # noqa: S107  a parameter's name
    denied_by_empty_verifier: bool = False,
    denied_without_verifier: bool = False,
    denial_params: Iterable[tuple[str, str | None]] = (),
) -> Callback:
    """Read the OAuth parameters of a callback, and ignore the others.

    Args:
        callback: The URL that the browser asked for (a str or any URL object), its query alone, or the
            query's decoded parameters, as a mapping or as pairs.
        token_name: What the provider calls the request token there.
        denied_by_empty_verifier: Whether an empty verifier means that the user said no.
        denied_without_verifier: Whether a callback without a verifier means that the user said no.
        denial_params: More parameters that mean it, as (name, value). The value None stands for any value.

    Raises:
        CallbackError: If one of those parameters is repeated, too long, or has control characters.
        TypeError: If the callback is of another type.

    >>> parse_callback("https://me.example/cb?oauth_token=hh5s93j4hdidpola&oauth_verifier=hfdp7dh39dks9884")
    <Callback of request token 'hh5s93j4hdidpola'>
    >>> parse_callback({"denied": "hh5s93j4hdidpola"}).denied
    True
    """
    extra = tuple(denial_params)
    known = _PROTOCOL | {token_name} | {name for name, _ in extra}
    text = callback_text(callback)
    parts = _items(callback) if text is None else _query(text)
    given = _given(_known_pairs(parts, known))
    if not (given.get(token_name) and given.keys() & _PROTOCOL):
        # Some providers append `?oauth_token=…` to a callback that has a query already.
        with suppress(CallbackError):
            split = _given(_known_pairs(_split_again(parts, known), known))
            given = split if split.keys() > given.keys() else given
    problem = given.get("oauth_problem") or given.get("error")
    verifier = given.get("oauth_verifier")
    if (verifier or "").lower() in NO_VERIFIERS:
        verifier = ""
    denied = (
        any(is_denial_flag(given[name]) for name in DENIAL_FLAGS if name in given)
        or is_denial_problem(problem or "")
        or (verifier or "").lower() in DENIED_VERIFIERS
        or any(name in given and value in {None, given[name]} for name, value in extra)
        or (denied_by_empty_verifier and verifier == "")
        or (denied_without_verifier and not verifier and not problem)
    )
    return Callback(
        request_token=given.get(token_name) or _named_by(given.get("denied", "")) or None,
        verifier=verifier or None,
        denied=denied,
        problem=_shown(problem) if problem and not denied else None,
    )


def is_pasted(typed: str) -> bool:
    """Say whether somebody has pasted a callback, or its query, where a PIN is asked for."""
    return "oauth_verifier=" in typed


def typed_verifier(verifier: str) -> str:
    r"""Return a typed or copied PIN without what typing and copying add to it.

    That is white space at its ends, an input method's full-width digits, and characters that do not show.

    >>> typed_verifier(" \uff11\uff12\u200b3\n")
    '123'
    """
    if not verifier.isascii():
        verifier = unicodedata.normalize("NFKC", verifier)
        verifier = "".join(one for one in verifier if unicodedata.category(one) != "Cf")
    return verifier.strip()


def check_value(name: str, value: str) -> None:
    """Check a value from outside: a parameter of a callback, or a typed PIN.

    Raises:
        CallbackError: If it is too long or has control characters.
    """
    if len(value) > _LONGEST_VALUE:
        raise CallbackError(f"{name} is longer than {_LONGEST_VALUE} characters")
    if _CONTROL.search(value):
        raise CallbackError(f"{name} has a control character or a lone surrogate")


def check_callback_url(callback: object) -> str | None:
    """Return the callback to send with a request for a request token, or None if none is to be sent.

    Raises:
        TypeError: If it is neither a str, a URL object nor None.
        ValueError: If it is not `oob`, not absolute, or has characters that no URL may have.
    """
    if callback is None:
        return None
    text = callback_text(callback)
    if text is None:
        raise TypeError(f"callback must be a str, a URL object, 'oob' or None, not {type(callback).__name__}")
    scheme, has_authority, rest = text.partition("://")
    is_web = scheme.lower() in {"http", "https"}
    if text != "oob" and not (has_authority and _SCHEME.fullmatch(scheme) and rest):
        raise ValueError(
            "callback must be an absolute URL (https://…, or your own scheme with ://), 'oob' for a PIN,"
            " or None to send no callback"
        )
    if (is_web and rest[:1] in "/?#") or _NO_URL.search(text):
        raise ValueError(
            "callback is not a valid URL: give it a host, and no white space or control characters"
        )
    return text


def callback_text(callback: object) -> str | None:
    """Return the text of a URL, or None if this is neither a str nor a URL object.

    URL objects are those of yarl, Starlette, FastAPI, httpx and pydantic, and `urllib.parse.urlsplit`'s.
    """
    if isinstance(callback, str):
        return callback
    geturl = getattr(callback, "geturl", None)
    if callable(geturl):
        return str(geturl())
    if isinstance(callback, (bytes, bytearray, memoryview, Mapping, Iterable)) or callback is None:
        return None
    text = str(callback)
    # A request or an object of another kind describes itself as `<…>` or by a word.
    return text if "://" in text or text.startswith(("/", "?")) else None


def _given(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise CallbackError(f"the callback has {name} twice: start a new handshake")
        check_value(name, value)
        given[name] = value
    return given


def _items(callback: object) -> list[tuple[str, str]]:
    """Return the decoded pairs that a framework has made of a query."""
    # Starlette's mapping gives repeated names by a method of its own; werkzeug's by an argument.
    found: Iterable[object] | None = None
    for name, options in (("multi_items", {}), ("items", {"multi": True}), ("items", {})):
        items = getattr(callback, name, None)
        if callable(items):
            try:
                found = list(items(**options))
            except TypeError:
                continue
            break
    if found is None:
        if isinstance(callback, (bytes, bytearray, memoryview)) or not isinstance(callback, Iterable):
            raise TypeError(f"the callback must be {_ACCEPTED}, not {type(callback).__name__}")
        found = list(callback)
    pairs: list[tuple[str, str]] = []
    for pair in found:
        if not isinstance(pair, (tuple, list)) or [type(text) for text in pair] != [str, str]:
            raise TypeError(f"the callback must be {_ACCEPTED}: one of its pairs is of another type")
        pairs.append((pair[0], pair[1]))
    return pairs


def _query(callback: str) -> str:
    if len(callback) > _LONGEST_QUERY:
        raise CallbackError(f"the callback is longer than {_LONGEST_QUERY} characters")
    return callback.partition("#")[0].partition("?")[2] if _URL.match(callback) else callback


def _known_pairs(query: str | list[tuple[str, str]], known: Container[str]) -> list[tuple[str, str]]:
    if not isinstance(query, str):
        return [(name, value) for name, value in query if name in known]
    return [
        (name, _utf8(value, name))
        for given, value in parse_form(query.encode("utf-8", "surrogatepass"))
        if (name := given.decode("latin-1")) in known
    ]


def _split_again(query: str | list[tuple[str, str]], known: Iterable[str]) -> str | list[tuple[str, str]]:
    """Read `state=1?oauth_token=a` as if the `?` were `&`, and `&amp;` as `&`, before the names we know."""
    if isinstance(query, str):
        for name in known:
            query = f"?{query}".replace(f"?{name}=", f"&{name}=").replace(f"&amp;{name}=", f"&{name}=")[1:]
        return query
    pairs = []
    for name, value in query:
        first, _, rest = value.partition("?")
        inner, _, text = rest.partition("=")
        pairs += (
            [(name, first), (inner, text)] if inner in set(known) else [(name.removeprefix("amp;"), value)]
        )
    return pairs


def _named_by(denied: str) -> str:
    """Return the request token that `denied` names, unless it is a flag."""
    return "" if denied.lower() in {"1", "true", "yes"} else denied


def _shown(problem: str) -> str:
    """Escape text that a stranger may have written: errors end up in pages and logs."""
    return quote(problem[:_LONGEST_PROBLEM], safe=" ,.:;!()-_/")[:_LONGEST_PROBLEM]


def _utf8(value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        pass
    raise CallbackError(f"the callback's {name} is not UTF-8")
