"""Consumers that are not ours: oauthlib's, Authlib's, and a hand with an HMAC."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import quote

from authlib.oauth1 import ClientAuth  # type: ignore[import-untyped]  # Authlib has no type information
from oauthlib.oauth1 import Client

from judges.judge import FORM


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal


__all__ = [
    "Keys",
    "authorization_by_authlib",
    "authorization_by_oauthlib",
    "base_string_by_hand",
    "header_by_hand",
    "hmac_sha1_by_hand",
]


class Keys(NamedTuple):
    """What a request is signed with; callback and verifier only where the request has them."""

    consumer: str
    consumer_secret: str
    token: str | None = None
    token_secret: str | None = None
    method: str = "HMAC-SHA1"
    callback: str | None = None
    verifier: str | None = None
    rsa_key: str | None = None
    """The private key in PEM, for the methods by RSA."""


def authorization_by_oauthlib(keys: Keys, method: str, url: str, form: bytes | None = None) -> str:
    """Return the Authorization header that oauthlib's client makes for a request as it goes over the wire."""
    client = Client(
        keys.consumer,
        keys.consumer_secret,
        keys.token,
        keys.token_secret,
        signature_method=keys.method,
        rsa_key=keys.rsa_key,
        callback_uri=keys.callback,
        verifier=keys.verifier,
    )
    headers = {} if form is None else {"Content-Type": FORM}
    body = None if form is None else form.decode()
    _, signed, _ = client.sign(url, cast("Literal['POST']", method), body, headers)
    return str(signed["Authorization"])


def authorization_by_authlib(keys: Keys, method: str, url: str, form: bytes | None = None) -> str:
    """Return the Authorization header that Authlib's client makes for a request as it goes over the wire."""
    client = ClientAuth(
        keys.consumer,
        keys.consumer_secret,
        keys.token,
        keys.token_secret,
        keys.callback,
        verifier=keys.verifier,
        signature_method=keys.method,
        rsa_key=keys.rsa_key,
    )
    headers = {} if form is None else {"Content-Type": FORM}
    _, signed, _ = client.sign(method, url, headers, (form or b"").decode())
    return str(signed["Authorization"])


def hmac_sha1_by_hand(base_string: str, consumer_secret: str, token_secret: str) -> str:
    """Sign a base string with secrets that need no percent-encoding (RFC 5849 section 3.4.2)."""
    key = f"{consumer_secret}&{token_secret}".encode()
    return base64.b64encode(hmac.digest(key, base_string.encode(), hashlib.sha1)).decode()


def base_string_by_hand(
    method: str, uri: str, pairs: Iterable[tuple[str, str]], oauth: Mapping[str, str]
) -> str:
    """Write a base string (RFC 5849 section 3.4.1).

    Args:
        method: In capital letters.
        uri: The base string URI.
        pairs: The request's own parameters, encoded as they must stand in the normalised ones.
        oauth: The parameters of the Authorization header, decoded.
    """
    own = [(name, quote(value, safe="-._~")) for name, value in oauth.items() if name != "oauth_signature"]
    normalized = "&".join(f"{name}={value}" for name, value in sorted([*own, *pairs]))
    return "&".join(quote(part, safe="-._~") for part in (method, uri, normalized))


def header_by_hand(oauth: Mapping[str, str]) -> str:
    """Write an Authorization header (RFC 5849 section 3.5.1)."""
    return "OAuth " + ", ".join(f'{name}="{quote(value, safe="-._~")}"' for name, value in oauth.items())
