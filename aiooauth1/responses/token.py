"""Reading a token endpoint's answer strictly: a form with a token in it (RFC 5849 sections 2.1 and 2.3)."""

from __future__ import annotations

import re
from json import dumps, loads
from typing import TYPE_CHECKING

from aiooauth1.credentials import AccessToken, RequestToken
from aiooauth1.errors import TokenResponseError
from aiooauth1.signing.encoding import parse_form


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["has_token", "parse_access_token", "parse_request_token"]

_TOKEN = "oauth_token"  # noqa: S105  a parameter's name
_SECRET = "oauth_token_secret"  # noqa: S105  a parameter's name
_CONFIRMED = "oauth_callback_confirmed"
_EXPIRES_IN = "oauth_expires_in"  # of the OAuth Session extension, in seconds
_MOST_FIELDS = 64
_LONGEST_FLAG = 16
_LONGEST_NEEDED = 2048  # bytes, as stored: a token that no store accepts would be lost
_MOST_PARAMS = 4096  # bytes
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SECONDS = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,9})?")
_EVERNOTE_ENDS = "edam_expires"  # in milliseconds since the epoch
_MILLISECONDS = re.compile(r"[0-9]{12,14}")
_BOM = b"\xef\xbb\xbf"
_COMMENT, _COMMENT_END = b"<!--", b"-->"
_NAMES_TOKEN = re.compile(rb'(?:\A|[&?;,\s])(?:amp;)?oauth(?:_|%5[Ff])token=|"oauth_token"\s{0,64}:')
_ASCII_SPACE = b" \t\r\n\x0b\x0c"


def parse_request_token(
    body: bytes, *, json: bool = False, insecure_unconfirmed: bool = False
) -> RequestToken:
    """Read a request token and whether the callback was confirmed.

    White space and a byte order mark at the ends of the body are ignored, as are HTML comments at its end:
    NetSuite and WordPress send them. `&amp;` counts as `&`, as PHP writes it with an `arg_separator.output`
    for pages.

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
    flags = rest.pop(_CONFIRMED, [])
    confirmed = [text.lower() for text in flags] == ["true"]
    # Without it the provider speaks OAuth 1.0, where a victim can be made to approve an attacker's handshake.
    if not confirmed and not insecure_unconfirmed:
        raise TokenResponseError(_unconfirmed(flags))
    return RequestToken(key, secret, callback_confirmed=confirmed, params=_params(rest))


def parse_access_token(body: bytes, now: float, *, json: bool = False) -> AccessToken:
    """Read an access token.

    Args:
        body: The body, decompressed.
        now: Seconds since the epoch, from which `oauth_expires_in` counts. Evernote says when the token ends
            by `edam_expires`.
        json: Whether it is a JSON object.

    Raises:
        TokenResponseError: If there is no usable token in it. The message holds nothing of the body.
    """
    key, secret, rest = _token(body, json=json)
    params = _params(rest)
    seconds = params.get(_EXPIRES_IN, "")
    expires_at = now + float(seconds) if _SECONDS.fullmatch(seconds) else None
    ends = params.get(_EVERNOTE_ENDS, "")
    if expires_at is None and _MILLISECONDS.fullmatch(ends):
        expires_at = int(ends) / 1000
    return AccessToken(key, secret, params=params, expires_at=expires_at)


def has_token(body: bytes) -> bool:
    """Say whether a body has a field `oauth_token`, and does not just mention it.

    >>> has_token(b"oauth_token=a"), has_token(b"Missing required parameter: oauth_token")
    (True, False)
    """
    return _NAMES_TOKEN.search(body) is not None


def _unconfirmed(flags: list[str]) -> str:
    """Say what came instead of the confirmation, and what to do."""
    if not flags:
        came = f"there is no {_CONFIRMED}"
    elif len(flags) > 1:
        came = f"{_CONFIRMED} came {len(flags)} times"
    else:
        came = f"{_CONFIRMED} is {_shown(flags[0])}, not true"
    return (
        f"the provider did not confirm the callback: {came}. Is the callback URL registered there? A provider"
        " that never confirms it needs Provider(insecure_unconfirmed_callback=True)"
    )


def _shown(flag: str) -> str:
    """Return a flag as it may be shown: only a short word, since it came from outside."""
    return repr(flag) if len(flag) <= _LONGEST_FLAG and flag.isascii() and flag.isalnum() else "another text"


def _token(body: bytes, *, json: bool) -> tuple[str, str, dict[str, list[str]]]:
    body = _trimmed(body)
    fields = _json_fields(body) if json else _fields(body)
    for name in (_TOKEN, _SECRET):
        if (times := len(fields.get(name, ()))) != 1:
            how = "no" if times == 0 else f"{times} times"
            came = _came(body, json=json) if times == 0 else ""
            raise TokenResponseError(
                f"the token response has {how} {name}: {came or 'it must be there exactly once'}"
            )
        if _stored(fields[name][0]) > _LONGEST_NEEDED:
            raise TokenResponseError(f"the token response's {name} is longer than {_LONGEST_NEEDED} bytes")
        if _CONTROL.search(fields[name][0]):
            raise TokenResponseError(f"the token response's {name} has a control character")
    (key,), (secret,) = fields.pop(_TOKEN), fields.pop(_SECRET)
    if not key:
        raise TokenResponseError(f"the token response's {_TOKEN} is empty")
    return key, secret, fields


def _trimmed(body: bytes) -> bytes:
    """Return the body without white space and byte order marks at its ends: PHP files bring any number.

    Caches of WordPress add comments (Automattic/wp-super-cache#261). No value of a form has a bare `<`.
    """
    body = _stripped(body)
    while body.endswith(_COMMENT_END) and (start := body.rfind(_COMMENT)) > 0:
        body = _stripped(body[:start])
    return body


def _stripped(body: bytes) -> bytes:
    start, end = 0, len(body)
    while start < end and (body[start] in _ASCII_SPACE or body.startswith(_BOM, start, end)):
        start += 1 if body[start] in _ASCII_SPACE else len(_BOM)
    while start < end and (body[end - 1] in _ASCII_SPACE or body.endswith(_BOM, start, end)):
        end -= 1 if body[end - 1] in _ASCII_SPACE else len(_BOM)
    return body[start:end]


def _came(body: bytes, *, json: bool) -> str:
    """Say what the body is instead of a token, if that can be seen at its beginning."""
    if not body:
        return "the body is empty"
    if body.startswith(b"<"):
        return "a web page or XML came; is that the URL of the token endpoint?"
    if not json and body.startswith((b"{", b"[", b'"')):
        return "JSON came; if this provider answers with JSON, use Provider(json_token_replies=True)"
    if json and body.startswith((b"oauth_token=", b"oauth_token_secret=", b"oauth_callback_confirmed=")):
        return "a form came; use Provider(json_token_replies=False)"
    return ""


def _fields(body: bytes) -> dict[str, list[str]]:
    if body.count(b"&") >= _MOST_FIELDS:
        raise TokenResponseError(f"the token response has more than {_MOST_FIELDS} fields")
    fields: dict[str, list[str]] = {}
    for name, value in parse_form(body):
        name = name.removeprefix(b"amp;")  # noqa: PLW2901  every field is read without it
        fields.setdefault(_utf8(name), []).append(_utf8(value))
    return fields


def _json_fields(body: bytes) -> dict[str, list[str]]:
    try:
        # Pairs, since a duplicate name must not be lost before it is counted.
        pairs = loads(_utf8(body), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, _Pairs):
        came = _came(body, json=True)
        raise TokenResponseError(f"the token response is not a JSON object{came and ': '}{came}")
    if len(pairs) > _MOST_FIELDS:
        raise TokenResponseError(f"the token response has more than {_MOST_FIELDS} fields")
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if _SURROGATE.search(name):
            continue  # left out, like every value that is not text
        if isinstance(value, str) and not _SURROGATE.search(value):
            fields.setdefault(name, []).append(value)
        elif name in {_TOKEN, _SECRET}:
            raise TokenResponseError(f"the token response's {name} is not text")
        elif isinstance(value, (bool, int, float)):
            fields.setdefault(name, []).append(dumps(value))
    return fields


class _Pairs(list[tuple[str, object]]):
    """A JSON object as its pairs, duplicates included."""


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass  # raised below, since the codec's error would hold the bytes
    raise TokenResponseError("the token response is not UTF-8")


def _params(fields: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the first value of each, as many as fit into a stored token."""
    params: dict[str, str] = {}
    left = _MOST_PARAMS
    for name, values in fields.items():
        shown, value = _printable(name), _printable(values[0])
        left -= _stored(shown) + _stored(value)
        if left >= 0:
            params.setdefault(shown, value)
    return params


def _printable(text: str) -> str:
    r"""Return a text with its control characters escaped: a user's name ends up in logs and header fields.

    >>> _printable("ann\r\n")
    'ann\\x0d\\x0a'
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _stored(text: str) -> int:
    """Return how many bytes a text takes as JSON, where some characters take several."""
    return len(dumps(text, ensure_ascii=False).encode())
