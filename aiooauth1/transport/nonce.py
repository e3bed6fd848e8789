"""Where nonces come from when the application brings no source of its own."""

from __future__ import annotations

import os


__all__ = ["random_nonce"]


def random_nonce(length: int = 30) -> str:
    """Return that many lower-case hexadecimal digits; 30 are 120 random bits (RFC 5849 section 3.3).

    Strict verifiers take 20 to 30 letters and digits and nothing else. The operating system's generator has
    no state in this process that a fork could copy.
    """
    return os.urandom((length + 1) // 2).hex()[:length]
