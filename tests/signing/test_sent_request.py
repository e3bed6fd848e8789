from __future__ import annotations

import pytest

from aiooauth1.signing.sent_request import Pairs, authorization_pairs


@pytest.mark.parametrize(
    ("header", "pairs"),
    [
        (
            'OAuth realm="a%20b", oauth_nonce="a%20b+c&d"',
            ((b"realm", b"a%20b"), (b"oauth_nonce", b"a b+c&d")),
        ),
        ("oauth a=1,\tb = 2", ((b"a", b"1"), (b"b", b"2"))),
        ('OAuth a="caf\udce9"', ((b"a", b"caf\xe9"),)),  # a byte that is not UTF-8, as servers give it
        ('OAuth a="\ud800"', ((b"a", b"\xed\xa0\x80"),)),
        ("OAuth", ()),
    ],
)
def test_an_authorization_header_is_read_as_bytes(header: str, pairs: Pairs) -> None:
    assert authorization_pairs(header) == pairs
