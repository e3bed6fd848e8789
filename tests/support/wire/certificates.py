"""TLS on loopback: an authority of the tests' own, and what its two sides need."""

from __future__ import annotations

import ssl
from functools import cache
from typing import TYPE_CHECKING

import trustme


if TYPE_CHECKING:
    from typing import Any


__all__ = ["client_tls", "server_tls", "serving", "trusting"]

_NAMES = ("localhost", "other.test", "127.0.0.1")


@cache
def _authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


def serving(*names: str, by: trustme.CA | None = None, **options: Any) -> ssl.SSLContext:
    """Return the context of a listener with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = (by or _authority()).issue_cert(*names, key_type=trustme.KeyType.ECDSA, **options)
    issued.configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    """Return the context of a client that trusts the authority of these tests."""
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return context


@cache
def server_tls() -> ssl.SSLContext:
    """Return the context of a listener that is localhost, 127.0.0.1 and other.test."""
    return serving(*_NAMES)


@cache
def client_tls() -> ssl.SSLContext:
    """Return `trusting()`, made once."""
    return trusting()
