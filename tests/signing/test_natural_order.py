from __future__ import annotations

import random

import pytest

from aiooauth1 import Consumer
from aiooauth1.signing import SigningRules, sign
from aiooauth1.signing.base_string import join_normalized


# PHP 8.2.36: usort($names, 'strnatcmp') of the names after rawurlencode, sorted by bytes before.
BY_PHP = """
    %259 %2510 %2541 %C3%A9 %C3%A92 %C3%A910 1 1.2 1.10 01x 2 007 10 A a
    a%5B0%5D a%5B0.05%5D a%5B0.5%5D a%5B001%5D a%5B002%5D a%5B01%5D a%5B010%5D a%5B1%5D a%5B2%5D a%5B10%5D
    a%20%20b a%20b a%20b2 a01 a1 a1b a1b9 a1b10 a2 a10 a_ a~ b v001 v01 v1 v1.0 v1.00 v1.01
    x%5B9%5D%5B9%5D x%5B9%5D%5B10%5D x%5B10%5D%5B2%5D
"""


def test_names_are_sorted_as_php_sorts_them() -> None:
    shuffled = [(name, "") for name in BY_PHP.split()]
    random.Random(5849).shuffle(shuffled)  # noqa: S311  any order will do
    assert join_normalized(shuffled, natural=True) == "&".join(f"{name}=" for name in BY_PHP.split())


def test_values_of_one_name_are_sorted_likewise() -> None:
    pairs = [("a", "10"), ("a", "2"), ("a", ""), ("a", "1")]
    assert join_normalized(pairs, natural=True) == "a=&a=1&a=2&a=10"


def test_names_that_php_takes_for_equal_are_sorted_by_their_bytes() -> None:
    assert join_normalized([("1", ""), ("01", "")], natural=True) == "01=&1="


@pytest.mark.parametrize(
    ("rules", "order"), [(SigningRules(), "0 1 10 2"), (SigningRules(natural_order=True), "0 1 2 10")]
)
def test_array_items_are_signed_in_the_order_of_the_rules(rules: SigningRules, order: str) -> None:
    query = "&".join(f"a%5B{index}%5D=x" for index in (10, 0, 2, 1))
    signature = sign(
        "GET",
        f"https://shop.example/?{query}",
        consumer=Consumer("k", "s"),
        nonce="n",
        timestamp=1,
        rules=rules,
    )
    signed = [index for index in ("0", "1", "2", "10") if f"a%255B{index}%255D" in signature.base_string]
    signed.sort(key=lambda index: signature.base_string.index(f"a%255B{index}%255D"))
    assert " ".join(signed) == order
