"""What a token endpoint answers: a form with a token in it, read strictly (RFC 5849 sections 2.1 and 2.3)."""

from __future__ import annotations

import re
from json import dumps, loads
from typing import TYPE_CHECKING

from aiooauth1.credentials import AccessToken, RequestToken
from aiooauth1.errors import TokenResponseError
from aiooauth1.signing.encoding import parse_form


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["parse_access_token", "parse_request_token"]

_TOKEN = "oauth_token"  # noqa: S105  a parameter's name
_SECRET = "oauth_token_secret"  # noqa: S105  likewise
_CONFIRMED = "oauth_callback_confirmed"
_EXPIRES_IN = "oauth_expires_in"  # of the OAuth Session extension, in seconds
_MOST_FIELDS = 64
_LONGEST_NEEDED = 2048  # octets, as they will be stored: a token that no store takes is a lost one
_MOST_PARAMS = 4096  # likewise
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SECONDS = re.compile(r"[0-9]{1,10}")


def parse_request_token(
    body: bytes, *, json: bool = False, insecure_unconfirmed: bool = False
) -> RequestToken:
    """Read a request token and whether the callback was confirmed.

    Args:
        body: The body, decompressed.
        json: Whether it is a JSON object.
        insecure_unconfirmed: Whether to take one that does not confirm the callback.

    Raises:
        TokenResponseError: If there is no usable token in it, or no `oauth_callback_confirmed=true`. The
            message holds nothing of the body.

    >>> parse_request_token(b"oauth_token=ab3cd9j4&oauth_token_secret=x&oauth_callback_confirmed=true")
    RequestToken(key='ab3cd9j4', secret=***)
    """
    key, secret, rest = _token(body, json=json)
    confirmed = [text.lower() for text in rest.pop(_CONFIRMED, [])] == ["true"]
    # Without it the provider speaks OAuth 1.0, where an attacker can have a victim approve his own handshake.
    if not confirmed and not insecure_unconfirmed:
        raise TokenResponseError(
            "the provider did not confirm the callback (oauth_callback_confirmed=true, once): is the callback"
            " URL registered there?"
        )
    return RequestToken(key, secret, callback_confirmed=confirmed, params=_params(rest))


def parse_access_token(body: bytes, now: float, *, json: bool = False) -> AccessToken:
    """Read an access token.

    Args:
        body: The body, decompressed.
        now: Seconds since the epoch, from which `oauth_expires_in` counts.
        json: Whether it is a JSON object.

    Raises:
        TokenResponseError: If there is no usable token in it. The message holds nothing of the body.
    """
    key, secret, rest = _token(body, json=json)
    params = _params(rest)
    seconds = params.get(_EXPIRES_IN, "")
    expires_at = now + int(seconds) if _SECONDS.fullmatch(seconds) else None
    return AccessToken(key, secret, params=params, expires_at=expires_at)


def _token(body: bytes, *, json: bool) -> tuple[str, str, dict[str, list[str]]]:
    fields = _json_fields(body) if json else _fields(body)
    for name in (_TOKEN, _SECRET):
        if (times := len(fields.get(name, ()))) != 1:
            how = "no" if times == 0 else f"{times} times"
            raise TokenResponseError(f"the token response has {how} {name}: it must be there exactly once")
        if _stored(fields[name][0]) > _LONGEST_NEEDED:
            raise TokenResponseError(f"the token response's {name} is longer than {_LONGEST_NEEDED} octets")
        if _CONTROL.search(fields[name][0]):
            raise TokenResponseError(f"the token response's {name} has a control character")
    (key,), (secret,) = fields.pop(_TOKEN), fields.pop(_SECRET)
    if not key:
        raise TokenResponseError(f"the token response's {_TOKEN} is empty")
    return key, secret, fields


def _fields(body: bytes) -> dict[str, list[str]]:
    if body.count(b"&") >= _MOST_FIELDS:
        raise TokenResponseError(f"the token response has more than {_MOST_FIELDS} fields")
    fields: dict[str, list[str]] = {}
    for name, value in parse_form(body):
        fields.setdefault(_utf8(name), []).append(_utf8(value))
    return fields


def _json_fields(body: bytes) -> dict[str, list[str]]:
    try:
        # Pairs, since a name that is there twice must not get lost before it is counted.
        pairs = loads(_utf8(body), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, _Pairs):
        raise TokenResponseError("the token response is no JSON object")
    if len(pairs) > _MOST_FIELDS:
        raise TokenResponseError(f"the token response has more than {_MOST_FIELDS} fields")
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if _SURROGATE.search(name):
            continue  # no text, like the values that are none
        if isinstance(value, str) and not _SURROGATE.search(value):
            fields.setdefault(name, []).append(value)
        elif name in {_TOKEN, _SECRET}:
            raise TokenResponseError(f"the token response's {name} is no text")
        elif isinstance(value, (bool, int, float)):
            fields.setdefault(name, []).append(dumps(value))
    return fields


class _Pairs(list[tuple[str, object]]):
    """A JSON object as the pairs that it was written with."""


def _utf8(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        pass  # raised below, since the codec's error holds the octets
    raise TokenResponseError("the token response is not UTF-8")


def _params(fields: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the first of each, as many as fit: they are stored with the token, which has its bounds."""
    params: dict[str, str] = {}
    room = _MOST_PARAMS
    for name, values in fields.items():
        room -= _stored(name) + _stored(values[0])
        if room >= 0:
            params[name] = values[0]
    return params


def _stored(text: str) -> int:
    """Return how many octets a text takes as JSON, where some characters take several."""
    return len(dumps(text, ensure_ascii=False).encode())
