"""Was anything sent? What aiohttp's errors say about it."""

from __future__ import annotations

from aiohttp import (
    ClientConnectorError,
    ClientHttpProxyError,
    ConnectionTimeoutError,
    ServerFingerprintMismatch,
)


__all__ = ["NOT_SENT_ERRORS"]

NOT_SENT_ERRORS = (
    ClientConnectorError,
    ConnectionTimeoutError,
    ClientHttpProxyError,
    ServerFingerprintMismatch,
)
"""The errors of aiohttp after which no byte of the request has gone out."""
