"""Whether an arrival is signed rightly: oauthlib makes its base string, a bare HMAC the value.

Nothing of ours has a part in it.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from oauthlib.oauth1.rfc5849 import signature


if TYPE_CHECKING:
    from aiooauth1 import AccessToken, Consumer
    from wire.listener import Arrival


__all__ = ["oauth_parameters", "verified"]

_rfc5849: Any = signature  # its stubs take pairs for a mapping and know few methods
_HASHES = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256", "HMAC-SHA512": "sha512"}


def oauth_parameters(arrival: Arrival) -> dict[str, str]:
    """Return the parameters of the Authorization header, which must be a well-formed one (RFC 5849 3.5.1)."""
    header = arrival.header("Authorization")
    assert header is not None, "not signed"
    scheme, _, fields = header.partition(" ")
    assert scheme == "OAuth"
    found = {}
    for field in fields.split(", "):
        name, equals, value = field.partition("=")
        assert equals
        assert value[:1] == value[-1:] == '"'
        assert name not in found
        found[name] = unquote(value[1:-1], errors="strict")
    return found


def verified(arrival: Arrival, consumer: Consumer, token: AccessToken | None = None) -> dict[str, str]:
    """Assert that an arrival is signed by this consumer with this token; return its OAuth parameters."""
    oauth = oauth_parameters(arrival)
    assert oauth["oauth_consumer_key"] == consumer.key
    assert oauth.get("oauth_token") == (token.key if token else None)
    assert oauth["oauth_signature"] == _value(arrival, oauth, consumer, token)
    return oauth


def _value(arrival: Arrival, oauth: dict[str, str], consumer: Consumer, token: AccessToken | None) -> str:
    key = f"{quote(consumer.secret, safe='~')}&{quote(token.secret if token else '', safe='~')}"
    method = oauth["oauth_signature_method"]
    if method == "PLAINTEXT":
        return key
    uri = arrival.target if "://" in arrival.target else f"{arrival.scheme}://{arrival.host}{arrival.target}"
    pairs = _rfc5849.collect_parameters(
        uri_query=arrival.target.partition("?")[2],
        body=arrival.body.decode() if arrival.is_form else [],
        headers={"Authorization": arrival.header("Authorization") or ""},
    )
    base_string = _rfc5849.signature_base_string(
        arrival.method,
        _rfc5849.base_string_uri(uri, arrival.host),
        _rfc5849.normalize_parameters(pairs),
    )
    digest = hmac.digest(key.encode(), base_string.encode(), _HASHES[method])
    return base64.b64encode(digest).decode()
