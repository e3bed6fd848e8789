"""A connection to an address that is not public is refused when its socket is made, however it is named."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import ClientConnectorError, ClientSession, InvalidUrlClientError
from aiohttp.abc import AbstractResolver, ResolveResult
from wire.listener import Listener

from aiooauth1.transport.public_only import is_public_address, private_address_in, public_connector


PRIVATE = """
    127.0.0.1 127.255.255.254 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254
    100.64.0.1 100.127.255.255 192.0.0.1 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.9
    224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
    ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd12:3456::1 fec0::1 ff02::1 2001:db8::1 ::127.0.0.1
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 64:ff9b:1:2::808:808
    2002:7f00:1:: 2002:a00:1::1 2001:0:4136:e378:8000:63bf:f5ff:fffe 100::1
""".split()  # noqa: SIM905  a table
PUBLIC = """
    93.184.216.34 8.8.8.8 1.1.1.1 172.15.0.1 172.32.0.1 100.63.255.255 100.128.0.1 192.0.1.1 169.253.0.1
    2606:4700:4700::1111 2a00:1450:4001:81b::200e ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
""".split()  # noqa: SIM905  a table


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "2130706433", "1.2.3.4.5", "provider.example"])
def test_text_that_is_not_an_address_is_not_public(text: str) -> None:
    assert not is_public_address(text)


class Answers(AbstractResolver):
    """Resolves every name to given addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily | int = 0) -> list[Any]:
        del family
        return [
            ResolveResult(
                hostname=host,
                host=one,
                port=port,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for one in self._addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.socket
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "0x7f.1", "017700000001"])
async def test_a_local_address_is_not_connected_to_in_any_spelling(host: str) -> None:
    async with Listener() as listener, ClientSession(connector=public_connector()) as http:
        with pytest.raises((ClientConnectorError, InvalidUrlClientError)) as caught:
            await http.get(f"http://{host}:{listener.port}/")
        # Newer versions of aiohttp refuse other ways to write an address before they resolve them.
        if isinstance(caught.value, ClientConnectorError):
            assert private_address_in(caught.value) in {"127.0.0.1", "::1", host}
        assert listener.connections == 0


@pytest.mark.socket
@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["127.0.0.1", "::1"], ["10.0.0.1", "127.0.0.1", "169.254.169.254"]]
)
async def test_a_name_that_resolves_to_private_addresses_is_refused(addresses: list[str]) -> None:
    connector = public_connector(resolver=Answers(*addresses))
    async with Listener() as listener, ClientSession(connector=connector) as http, asyncio.timeout(5):
        with pytest.raises(ClientConnectorError) as caught:
            await http.get(f"http://site.example:{listener.port}/")
        assert private_address_in(caught.value) in addresses
        assert listener.connections == 0


def test_an_error_of_another_kind_names_no_address() -> None:
    assert private_address_in(OSError("no route")) is None
