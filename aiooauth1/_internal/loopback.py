"""Which hosts are this machine itself."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address


__all__ = ["is_loopback"]


@lru_cache(64)  # asked at each request
def is_loopback(host: str) -> bool:
    """Say whether a host is `localhost` or a loopback address, such as 127.0.0.1 or ::1 (without brackets).

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost.example")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
