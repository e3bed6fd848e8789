from __future__ import annotations

import re
from typing import Any

import pytest

from aiooauth1.signing import SigningRules


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"signed_scheme": "ftp"}, "signed_scheme must be 'http' or 'https'"),
        ({"signed_scheme": "HTTPS"}, "signed_scheme must be 'http' or 'https'"),
        ({"signed_origin": "https://a.example/?a=1"}, "signed_origin must have no query or fragment"),
        ({"signed_origin": "https://a.example/b#x"}, "signed_origin must have no query or fragment"),
        ({"signed_origin": "ftp://blog.example"}, "signed_origin: the URL's scheme"),
        ({"signed_origin": ""}, "signed_origin: the URL is not absolute"),
        (
            {"natural_order": True, "sorted_parameters": True},
            "natural_order does not go with sorted_parameters",
        ),
    ],
    ids=str,
)
def test_malformed_signing_rules_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        SigningRules(**given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"natural_order": 1}, "natural_order must be True or False, not int"),
        ({"body_hash": "yes"}, "body_hash must be True or False, not str"),
        ({"realm_is_url": None}, "realm_is_url must be True or False, not NoneType"),
        ({"signed_origin": b"https://h"}, "signed_origin must be a str or None, not bytes"),
        ({"signed_scheme": True}, "signed_scheme must be a str or None, not bool"),
    ],
    ids=str,
)
def test_rules_of_another_type_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(told)}"):
        SigningRules(**given)
