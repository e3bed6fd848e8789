"""What the callback says: the provider sent the user's browser there, and anybody can have written it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiooauth1.errors import CallbackError
from aiooauth1.responses.excerpts import printable
from aiooauth1.responses.problem import DENIALS
from aiooauth1.signing.encoding import parse_form


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


__all__ = ["Callback", "check_value", "parse_callback"]

_READ = frozenset({"oauth_verifier", "oauth_problem", "denied", "error"})
_LONGEST_VALUE = 2048
_LONGEST_QUERY = 65_536
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|/|\?")  # how a URL or its path begins, and a bare query does not


@dataclass(frozen=True, slots=True, repr=False)
class Callback:
    """The parameters of a callback that mean something (RFC 5849 section 2.2).

    Attributes:
        request_token: The key of the request token; None: it names none.
        verifier: The verifier; None: there is none.
        denied: Whether the user said no.
        problem: What else the provider reports instead of a verifier, cleaned and cut.
    """

    request_token: str | None
    verifier: str | None
    denied: bool
    problem: str | None

    def __repr__(self) -> str:
        return f"<Callback of request token {self.request_token!r}>"


def parse_callback(
    callback: str | Mapping[str, str] | Iterable[tuple[str, str]],
    *,
    token_name: str = "oauth_token",  # noqa: S107  a parameter's name
    denied_by_empty_verifier: bool = False,
) -> Callback:
    """Read a callback. Only the parameters of OAuth are read, and nothing of it is merged into anything.

    Args:
        callback: The URL that the browser asked for, its query alone, or the query's decoded pairs.
        token_name: What the provider calls the request token there.
        denied_by_empty_verifier: Whether an empty verifier means that the user said no.

    Raises:
        CallbackError: If one of those parameters is there twice, too long, or no printable text.

    >>> parse_callback("https://me.example/cb?oauth_token=hh5s93j4hdidpola&oauth_verifier=hfdp7dh39dks9884")
    <Callback of request token 'hh5s93j4hdidpola'>
    >>> parse_callback({"denied": "hh5s93j4hdidpola"}).denied
    True
    """
    given: dict[str, str] = {}
    read = _READ | {token_name}
    for name, value in _pairs(callback, read):
        if name not in read:
            continue
        if name in given:
            raise CallbackError(f"the callback has {name} twice")
        check_value(name, value)
        given[name] = value
    problem = given.get("oauth_problem") or given.get("error")
    denied = "denied" in given or problem in DENIALS
    denied = denied or (denied_by_empty_verifier and given.get("oauth_verifier") == "")
    named = given.get(token_name) or given.get("denied")
    return Callback(
        request_token=named or None,
        verifier=given.get("oauth_verifier") or None,
        denied=denied,
        problem=printable(problem, 64) if problem and not denied else None,
    )


def check_value(name: str, value: str) -> None:
    """Check what came from outside: a parameter of a callback, or what a user typed.

    Raises:
        CallbackError: If it is too long or no printable text.
    """
    if len(value) > _LONGEST_VALUE:
        raise CallbackError(f"{name} is longer than {_LONGEST_VALUE} characters")
    if _CONTROL.search(value):
        raise CallbackError(f"{name} has a control character or is no text")


def _pairs(
    callback: str | Mapping[str, str] | Iterable[tuple[str, str]], read: frozenset[str]
) -> Iterable[tuple[str, str]]:
    if isinstance(callback, str):
        return _query_pairs(callback, read)
    # Starlette's mapping gives repeated names by a method of its own.
    items = getattr(callback, "multi_items", getattr(callback, "items", None))
    pairs = list(items() if items is not None else callback)
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or [type(text) for text in pair] != [str, str]:
            raise CallbackError("the callback must be a URL, a query or pairs of texts")
    return pairs


def _query_pairs(callback: str, read: frozenset[str]) -> Iterable[tuple[str, str]]:
    if len(callback) > _LONGEST_QUERY:
        raise CallbackError(f"the callback is longer than {_LONGEST_QUERY} characters")
    if _URL.match(callback):
        callback = callback.partition("#")[0].partition("?")[2]
    for name, value in parse_form(callback.encode("utf-8", "surrogatepass")):
        known = name.decode("latin-1")
        if known in read:
            yield known, _utf8(value, known)


def _utf8(value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        pass
    raise CallbackError(f"the callback's {name} is not UTF-8")
