"""Refuse connections to addresses that are not public: a guard against server-side request forgery (SSRF).

Users may name the site that a service then connects to. The guard checks the address of each socket when the
socket is made, so it does not matter how the host was written (a name, `127.1`, `2130706433`), what DNS
answered a moment earlier, or whether a redirect led there.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

from aiohttp import ClientConnectorError, TCPConnector


if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType


__all__ = ["is_public_address", "private_address_in", "public_connector"]

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address stands in the last 32 bits
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")  # RFC 8215: for use inside one network
_GLOBAL_IPV6 = IPv6Network("2000::/3")


class _PrivateAddressError(OSError):
    """The guard refused to connect; an OSError, since connectors collect those while they try addresses."""

    def __init__(self, address: str) -> None:
        # One text for all: a connector whose every address fails raises the first error if all read alike.
        super().__init__("the host has no public address")
        self.address = address


def is_public_address(address: str) -> bool:
    """Say whether an IP address is one of the public internet.

    Loopback, private, link-local, shared (CGNAT), multicast, reserved and unspecified addresses are not, in
    any of the forms in which IPv6 wraps IPv4 (mapped, compatible, 6to4, Teredo, NAT64). Text that is not an
    IP address is not public either.

    >>> is_public_address("93.184.216.34"), is_public_address("::ffff:10.0.0.1")
    (True, False)
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_is_global(one) for one in _with_embedded(parsed))


def _with_embedded(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """Return the addresses that packets to this one can end at."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(address.packed[-4:])]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    return [address, *(address.teredo or ())]


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_IPV6 or address in _LOCAL_NAT64):
        return False
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified
    # `is_global` alone takes multicast addresses for global. 192.0.0.0/24 is private to old Pythons in part.
    return address.is_global and not is_special and not str(address).startswith("192.0.0.")


def public_connector(**options: Any) -> TCPConnector:
    """Return a connector that connects to public addresses only; to be made inside the running loop.

    A proxy would connect in its place, so requests over this connector must not name one.

    Args:
        options: Those of `aiohttp.TCPConnector`.
    """
    return TCPConnector(socket_factory=_public_socket, **options)


def _public_socket(address_info: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, address = address_info
    host = str(address[0])
    if not is_public_address(host):
        raise _PrivateAddressError(host)
    return socket.socket(family=family, type=kind, proto=protocol)


def private_address_in(error: BaseException) -> str | None:
    """Return the address that the guard refused, if that is why a connection failed; otherwise None."""
    refused = error.os_error if isinstance(error, ClientConnectorError) else None
    return refused.address if isinstance(refused, _PrivateAddressError) else None
