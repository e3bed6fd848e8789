"""Excerpts of a provider's text that may be shown: printable, cut, masked; and the base string it echoes.

Pure functions of texts that may be hostile: each takes time in proportion to their length.
"""

from __future__ import annotations

import re
from itertools import islice
from urllib.parse import unquote

from aiooauth1.responses.problem_formats import unescaped
from aiooauth1.responses.redaction import SecretMatcher, mask_secrets, safe_prefix


__all__ = ["MAX_SCANNED", "excerpt", "find_base_string", "is_clear", "printable"]

_NO_SECRETS = SecretMatcher()
MAX_SCANNED = 8192
"""Bytes of the header fields and of the body that are scanned."""

# Our parameters, as a server echoes them, perhaps percent-encoded. Its own oauth_problem parameters are
# not masked. A PLAINTEXT signature contains an ampersand.
_GAP = r"(?:[\\\"'\s+]|%2[027])*+"  # with a backslash, which escapes a quote in JSON
_VALUE = r"[^&\s\"',;<>]"
_ECHOED = re.compile(
    rf"((?:oauth_(?!problem)\w{{1,64}}+|x_auth_\w{{1,64}}+|secret|password){_GAP}(?:[=:]|%(?:25)*3[DA]){_GAP})"
    rf"{_VALUE}+(?:&(?!\w{{1,64}}+=){_VALUE}*)?",
    re.IGNORECASE,
)
_UNPRINTABLE = re.compile(r"[^ -~]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_MOST_BYTES = 4  # times as many as may be shown are read, since secrets are removed


def printable(text: str, length: int) -> str:
    r"""Return the beginning of a provider's text as printable ASCII, fit for messages and logs.

    Control characters become a blank, other characters a backslash escape.

    >>> printable("Ung\u00fcltige\r\nSignatur", 40)
    'Ung\\xfcltige Signatur'
    """
    text = _CONTROL.sub(" ", text[: _MOST_BYTES * length]).strip()
    if not text.isascii():
        text = text.encode("ascii", "backslashreplace").decode()
    return text[:length]


def excerpt(text: str, length: int, matcher: SecretMatcher = _NO_SECRETS) -> str:
    """Return a text that may be shown: without secrets, `oauth_` values and base strings, printable and cut.

    Args:
        text: The text.
        length: The most characters of it to return.
        matcher: The secrets.
    """
    raw = safe_prefix(text.encode("utf-8", "surrogatepass"), _MOST_BYTES * length, matcher)
    text = printable(
        _before_base_string(mask_secrets(raw.decode("utf-8", "ignore"), matcher)), _MOST_BYTES * length
    )
    return mask_secrets(_ECHOED.sub(r"\1***", text), matcher)[:length].strip()


def is_clear(text: str, matcher: SecretMatcher) -> bool:
    """Say whether a text can be shown once it is cut to length and its line breaks are replaced."""
    line = text.replace("\n", "")
    return not (
        _UNPRINTABLE.search(line)
        or _ECHOED.search(line)
        or _MARK.search(line)
        or mask_secrets(text, matcher) != text
    )


# Base strings

_MARK = re.compile(
    r"""(?:debug_sbs|oauth_signature_base_string|signature base string|base_?string)"""
    r"""(?=[\\"']{0,2}\s{0,3}[:="'`<])""",
    re.IGNORECASE | re.ASCII,
)
_LEAD = re.compile(r"""(?:[\s:="'`\\]|<[^<>]{0,40}+>|[bu](?=["'])){1,16}+""", re.ASCII)
# METHOD&URI&parameters, the last two encoded (RFC 5849 section 3.4.1.1). Magento 1 sends a signature instead,
# and servers on python-oauth2, such as Discogs, send both secrets if the method is PLAINTEXT.
_SHAPE = re.compile(r"[A-Z]{2,20}&(?i:https?%3A%2F%2F)[\w.~%+*-]++&[\w.~%+*-]*+", re.ASCII)
_ENCODED_SHAPE = re.compile(r"[A-Z]{2,20}%26[\w.~%+*-]++", re.ASCII)
# Values of a signature or a user that would be of use to a reader of logs.
_NAMED = re.compile(
    r"((?:password|secret|session_handle|verifier|oauth_signature)%3D)(?:(?!%26)[\w.~%+*-])++",
    re.ASCII | re.IGNORECASE,
)
_MOST_MARKS = 4


def find_base_string(text: str, matcher: SecretMatcher = _NO_SECRETS, *, cut: bool = False) -> str | None:
    """Return the base string that the provider says it signed, or None.

    Args:
        text: Header fields or the beginning of a body.
        matcher: The secrets, which are taken out.
        cut: Whether more followed: half a base string is of no use.

    >>> find_base_string("oauth_problem=signature_invalid&debug_sbs=GET&http%3A%2F%2Fa.example%2F&b%3D1")
    'GET&http%3A%2F%2Fa.example%2F&b%3D1'
    >>> find_base_string("oauth_problem=signature_invalid&debug_sbs=tnnArxj06cWHq44gCs1OSKk%2FjLY%3D")
    """
    text = unescaped(text)
    for mark in islice(_MARK.finditer(text), _MOST_MARKS):
        start = _start(text, mark)
        found = _SHAPE.match(text, start)
        shown = found[0] if found else ""
        if not found and (found := _ENCODED_SHAPE.match(text, start)):
            shown = unquote(found[0])
        if found and _SHAPE.fullmatch(shown) and not (cut and found.end() == len(text)):
            return _NAMED.sub(r"\1***", mask_secrets(shown, matcher))
    return None


def _before_base_string(text: str) -> str:
    """Return a text up to a base string, or what the provider sends in its place."""
    mark = _MARK.search(text)
    return text if mark is None else text[: _start(text, mark)] + "***"


def _start(text: str, mark: re.Match[str]) -> int:
    lead = _LEAD.match(text, mark.end())
    return lead.end() if lead else mark.end()
