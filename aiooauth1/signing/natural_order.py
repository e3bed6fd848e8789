"""The natural order of PHP: Magento 1 and 2 sort parameters by `strnatcmp` (a departure from RFC 5849).

They inherit it from Zend_Oauth, which calls `uksort($params, 'strnatcmp')` on the encoded names: `a[2]` comes
before `a[10]`.
"""

from __future__ import annotations

import re
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["natural_key"]

_PIECE = re.compile(r"[0-9]+|[^0-9]")
_LEADING_ZEROS = re.compile(r"\A0+(?=[0-9])")


def _compare_pieces(ours: list[str], theirs: list[str]) -> int:
    for a, b in zip(ours, theirs, strict=False):
        if a == b:
            continue
        if not (a.isdigit() and b.isdigit()):
            return -1 if a[0] < b[0] else 1
        # Runs of digits compare as numbers, the longer one being greater; with a zero in front, as fractions.
        is_fraction = a[0] == "0" or b[0] == "0"
        return -1 if (a < b if is_fraction else (len(a), a) < (len(b), b)) else 1
    return len(ours) - len(theirs)


_pieces_key: Callable[[list[str]], Any] = cmp_to_key(_compare_pieces)


def natural_key(pair: tuple[str, str]) -> Any:
    """Return a sort key for an encoded pair: by name, then by value, in the order of `strnatcmp`.

    Pairs that `strnatcmp` considers equal, such as `01` and `1`, are sorted by their bytes.
    """
    name, value = (_pieces_key(_PIECE.findall(_LEADING_ZEROS.sub("", text))) for text in pair)
    return name, value, pair
