"""Names that stores have taken for others."""

from __future__ import annotations

import unicodedata


__all__ = ["HOSTILE_NAMES", "hostile_pairs"]

# fmt: off
HOSTILE_NAMES = (
    "", " ", "a", "A", "b", "a ", " a", "ann", "ann@example.org", "0", "x", "None", "null", "true",
    "a:b", "a:", ":b", ":", "::", "a::b", "a\0b", "\0", "a\nb", "a\r\nb", "\n", "\t", "\x7f", "a,b", "a|b",
    "{x}", "{x", "x}", "{}", "*", "?", "a*", "a?", "[a]", "[a-z]", "\\", "\\*", "^", "~", "~a", "%", "%61",
    "a%", "a/b", "../a", "/", ".", "..", "a.b", "a-b", "a_b", "_", "'", '"', "`", "$", "';--", "' OR '1'='1",
    unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë"), "Å", "\u212b", "ﬁ", "fi",
    "ß", "ss", "\u0131", "I", "i", "\u200d", "\ufeff", "\u202e", "😀", "\U0010ffff", "\ud800", "\udc80",
    "\ud83d\ude00", "x" * 64, "x" * 65, "x" * 1_000_000, "x" * 999_999 + "y",
)
# fmt: on
"""Names that stores have taken for others: separators, patterns, quotes, look-alikes, a megabyte."""


def hostile_pairs() -> list[tuple[str, str]]:
    """Make pairs of names, each hostile, and such as glued together would be the same.

    Returns:
        Pairs of a provider and a user, or a request token, each another.
    """
    names = list(dict.fromkeys(HOSTILE_NAMES))
    others = [*names[1:], names[0]]
    glued = [("a:b", "c"), ("a", "b:c"), ("a", "bc"), ("ab", "c"), ("a\0b", "c"), ("a", "b\0c"), ("{a}", "b")]
    return list(
        dict.fromkeys([("x", name) for name in names] + list(zip(names, others, strict=True)) + glued)
    )
