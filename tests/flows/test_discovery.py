"""Discovery: a WordPress site's endpoints, and everything that is refused before a secret goes anywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from handshakes.endpoint import CONSUMER, Endpoint, http

from aiooauth1 import Handshake, MemoryStore, ProviderError, RedirectRefused, SigningError, TokenResponseError
from aiooauth1.flows.discovery import discover
from aiooauth1.flows.sites import Site, origin_of
from aiooauth1.providers import wordpress


pytestmark = pytest.mark.socket


def index(base: str, **changes: Any) -> bytes:
    endpoints = {name: f"{base}oauth1/{name}" for name in ("request", "authorize", "access")}
    authentication = {"oauth1": {**endpoints, "version": "0.1", **changes}}
    return json.dumps({"name": "A blog", "authentication": authentication}).encode()


async def found(*answers: bytes, path: str = "") -> tuple[Any, Endpoint]:
    async with Endpoint(*answers) as endpoint:
        return await discover(f"{endpoint.url}{path}", public_only=False), endpoint


async def test_the_index_names_the_endpoints_and_a_handshake_begins_with_them() -> None:
    async def answer(writer: Any) -> None:
        if b"wp-json" in endpoint.requests[-1]:
            writer.write(http(index(endpoint.url)))
        else:
            writer.write(http(b"oauth_token=rt&oauth_token_secret=s&oauth_callback_confirmed=true\n"))

    endpoint = Endpoint(answer)
    async with endpoint:
        provider = await discover(endpoint.url.rstrip("/"), public_only=False)
        assert provider == replace(wordpress(endpoint.url), origins=(endpoint.url.rstrip("/"),))
        async with Handshake(provider, CONSUMER, store=MemoryStore()) as handshake:
            pending = await handshake.begin("https://me.example/cb", bind="browser")
        assert pending.url.startswith(f"{endpoint.url}oauth1/authorize?oauth_token=rt")
    assert endpoint.requests[0].startswith(b"GET /wp-json/ ")


async def test_a_site_in_a_folder_without_pretty_permalinks_is_found() -> None:
    async with Endpoint() as endpoint:
        endpoint._answers = (http(b"<html>", status="404 No"), http(index(endpoint.url)))  # noqa: SLF001
        provider = await discover(f"{endpoint.url}blog/", public_only=False)
    assert provider.base_url == ""
    assert [request.split(b" ")[1] for request in endpoint.requests] == [
        b"/blog/wp-json/",
        b"/blog/?rest_route=/",
    ]


async def test_a_redirect_within_the_site_is_followed() -> None:
    async with Endpoint() as endpoint:
        moved = http(b"", status="301 Moved", Location="/wp-json")
        endpoint._answers = (moved, http(index(endpoint.url)))  # noqa: SLF001
        assert (await discover(endpoint.url, public_only=False)).request_token_url


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (http(b"<!DOCTYPE html>"), TokenResponseError, "is not a WordPress index"),
        (http(b"[]"), TokenResponseError, "is not a WordPress index"),
        (http(b"[" * 100_000), TokenResponseError, "is not a WordPress index"),
        (http(b'{"a": "' + b"x" * (1 << 20) + b'"}'), TokenResponseError, "longer than 1048576 bytes"),
        (http(b'{"authentication": {}}'), TokenResponseError, "activate the WP-API OAuth1 plugin"),
        (http(b'{"authentication": []}'), TokenResponseError, "activate the WP-API OAuth1 plugin"),
        (http(b'{"authentication": {"oauth1": {}}}'), TokenResponseError, "has no request endpoint"),
        (http(index("https://evil.example/")), TokenResponseError, "on the site's own origin"),
        (http(b"", status="301 Moved", Location="https://evil.example/"), RedirectRefused, "evil.example"),
        (http(b"", status="302 Found", Location="http://10.0.0.1/"), RedirectRefused, "10.0.0.1"),
        (http(b"", status="302 Found", Location="//169.254.169.254/"), RedirectRefused, "169.254"),
        (
            http(b"", status="302 Found", Location="file:///etc/passwd"),
            RedirectRefused,
            "other than an http URL",
        ),
        (http(b"", status="302 Found", Location="/wp-json/"), RedirectRefused, "more than 3 times"),
        (http(b"", status="404 No"), ProviderError, "404"),
        (http(b"", status="500 Oh"), ProviderError, "500"),
    ],
)
async def test_an_unusable_index_is_refused(answer: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        await found(answer)


@pytest.mark.parametrize("name", ["request", "authorize", "access"])
@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "//evil.example/", "/relative", None, 7, "javascript:alert(1)", ""]
)
async def test_an_endpoint_on_another_origin_is_refused(name: str, url: object) -> None:
    async with Endpoint() as endpoint:
        endpoint._answers = (http(index(endpoint.url, **{name: url})),)  # noqa: SLF001
        with pytest.raises(TokenResponseError, match=f"has no {name} endpoint on the site's own origin"):
            await discover(endpoint.url, public_only=False)


@pytest.mark.parametrize(
    "site",
    [
        *["example.org", "http://example.org", "ftp://example.org", "https://", "", "https://a b/"],
        *["https://user:pw@example.org", "https://example.org/?x=1", "https://example.org/#top"],
        *["https://example.org\\@evil.example", "https://example.org:port/", "https://é.example/\n"],
    ],
)
async def test_an_address_that_is_not_an_https_site_is_refused(site: str) -> None:
    with pytest.raises(ValueError, match=r"https://example\.org/blog"):
        await discover(site)


async def test_public_only_refuses_a_caller_s_session() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ValueError, match="leave http= out"):
            await discover("https://example.org", http=session)
    number: Any = 7
    with pytest.raises(TypeError, match="the site must be a str"):
        await discover(number)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001"])
async def test_nothing_connects_to_a_private_address(host: str) -> None:
    """Which addresses are private, and names that resolve to them: tests/transport/test_public_only.py."""
    async with Endpoint(http(b"{}")) as endpoint:
        port = endpoint.url.rstrip("/").rpartition(":")[2]
        with pytest.raises((SigningError, aiohttp.ClientError)):
            await discover(f"https://{host}:{port}")
        assert endpoint.requests == []


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("https://Example.org", "https://example.org"),
        ("https://example.org:443/blog//", "https://example.org/blog"),
        ("https://example.org:8443/", "https://example.org:8443"),
        ("http://127.0.0.1:80/x", "http://127.0.0.1/x"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_site_is_read_as_its_origin_and_path(address: str, base: str) -> None:
    assert Site.of(address).base == base


def test_other_urls_have_no_origin() -> None:
    for url in ("", "x", "javascript:alert(1)", "//a", "https://[", "https://a:b", "https://a\n.b/"):
        assert origin_of(url) == ""
