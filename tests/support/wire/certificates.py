"""TLS on loopback: an authority of the tests' own, and what its two sides need."""

from __future__ import annotations

import ssl
from functools import cache

import trustme


__all__ = ["client_tls", "server_tls"]

_NAMES = ("localhost", "other.test", "127.0.0.1")


@cache
def _authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@cache
def server_tls() -> ssl.SSLContext:
    """Return the context of a listener that is localhost, 127.0.0.1 and other.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert(*_NAMES, key_type=trustme.KeyType.ECDSA).configure_cert(context)
    return context


@cache
def client_tls() -> ssl.SSLContext:
    """Return the context of a client that trusts it."""
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return context
