"""Certificates are checked and plain http is refused, unless the caller says otherwise."""

from __future__ import annotations

import inspect
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import trustme
from wire.certificates import serving, trusting
from wire.listener import Arrival, Listener, reply
from wire.people import CONSUMER, TOKEN, signing

from aiooauth1 import Handshake, MemoryStore, Provider, RequestToken, SigningError
from aiooauth1.session.options import CallOptions
from aiooauth1.signing import PLAINTEXT


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path


pytestmark = pytest.mark.socket


def no_host_check() -> ssl.SSLContext:
    context = trusting()
    context.check_hostname = False
    return context


def no_check() -> ssl.SSLContext:
    context = no_host_check()
    context.verify_mode = ssl.CERT_NONE
    return context


DAY = timedelta(days=1)
UNFIT: dict[str, Callable[[], ssl.SSLContext]] = {
    "of an unknown authority": lambda: serving("127.0.0.1", by=trustme.CA()),
    "of another host": lambda: serving("other.test"),
    "of another address": lambda: serving("127.0.0.2"),
    "of a name with our address in it": lambda: serving("127.0.0.1.other.test"),
    "expired": lambda: serving("127.0.0.1", not_after=datetime.now(UTC) - DAY),
    "not valid yet": lambda: serving("127.0.0.1", not_before=datetime.now(UTC) + DAY),
}


def provider_at(origin: str, **quirks: Any) -> Provider:
    return Provider(
        "tls",
        request_token_url=f"{origin}/request",
        authorize_url=f"{origin}/authorize",
        access_token_url=f"{origin}/access",
        base_url=f"{origin}/",
        **quirks,
    )


async def call(origin: str, connector: aiohttp.TCPConnector | None) -> object:
    async with signing(connector=connector) as session:
        return await session.post(origin, data={"status": "Hello"})


async def begin(origin: str, connector: aiohttp.TCPConnector | None) -> object:
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        Handshake(provider_at(origin), CONSUMER, store=MemoryStore(), http=http) as handshake,
    ):
        return await handshake.begin("oob", bind="browser")


async def exchange(origin: str, connector: aiohttp.TCPConnector | None) -> object:
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        Handshake(provider_at(origin), CONSUMER, store=MemoryStore(), http=http) as handshake,
    ):
        return await handshake.fetch_access_token(RequestToken("key", "secret"), "verifier")


NOT_TRUSTED = "of an authority that the system does not know"
WAYS = {"a call": call, "begin": begin, "an exchange": exchange}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("certificate", [*UNFIT, NOT_TRUSTED])
async def test_a_server_with_an_unfit_certificate_gets_no_byte_of_a_request(
    certificate: str, way: Callable[..., Awaitable[object]]
) -> None:
    tls = UNFIT.get(certificate, lambda: serving("127.0.0.1"))()
    connector = None if certificate == NOT_TRUSTED else aiohttp.TCPConnector(ssl=trusting())
    async with Listener(tls=tls) as listener:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await way(listener.origin, connector)
        if connector is not None:
            await connector.close()
    # The listener counts the connections that finish the TLS handshake.
    assert (listener.connections, listener.arrivals) == (0, [])


async def test_a_fit_certificate_is_accepted_with_ssl_of_the_session_or_of_the_call() -> None:
    """The control of the test above."""
    async with Listener(tls=serving("127.0.0.1")) as listener:
        async with signing(ssl=trusting()) as session:
            assert (await session.get(listener.origin)).status == 200
        async with signing() as session:
            assert (await session.get(listener.origin, ssl=trusting())).status == 200


# Ways around it

OFF: dict[str, Callable[[], Any]] = {
    "False": lambda: False,
    "a context that checks nothing": no_check,
    "a context that does not check the host": no_host_check,
}


@pytest.mark.parametrize("off", OFF.values(), ids=OFF)
async def test_unchecked_certificates_need_allow_unverified_tls(off: Callable[[], Any]) -> None:
    async with Listener(tls=serving("other.test")) as listener:
        with pytest.raises(SigningError, match="allow_unverified_tls=True"):
            signing(ssl=off())
        async with signing() as session:
            for url in (listener.origin, listener.origin.replace("https", "http")):
                with pytest.raises(SigningError, match="allow_unverified_tls=True"):
                    await session.get(url, ssl=off())
            with pytest.raises(SigningError, match="allow_unverified_tls=True"):
                await session.replace(realm="view").post(listener.origin, ssl=off(), data=b"x")
        assert listener.connections == 0
        async with signing(allow_unverified_tls=True) as session:
            assert (await session.get(listener.origin, ssl=off())).status == 200
        async with signing(ssl=off(), allow_unverified_tls=True) as session:
            assert (await session.get(listener.origin)).status == 200


async def test_a_connector_decides_for_itself_and_takes_no_ssl_beside_it() -> None:
    async with Listener(tls=serving("other.test")) as listener, aiohttp.TCPConnector(ssl=False) as connector:
        async with signing(connector=connector) as session, session.get(listener.origin) as response:
            assert response.status == 200
        options: dict[str, Any] = {"connector": connector, "ssl": trusting()}
        with pytest.raises(TypeError, match="connector"):
            signing(**options)


async def test_a_wrong_fingerprint_is_refused() -> None:
    certificate = serving("other.test")
    async with Listener(tls=certificate) as listener, signing() as session:
        with pytest.raises((aiohttp.ServerFingerprintMismatch, aiohttp.ClientConnectorCertificateError)):
            await session.get(listener.origin, ssl=aiohttp.Fingerprint(b"x" * 32))
    assert listener.arrivals == []


@pytest.mark.parametrize("name", ["verify_ssl", "ssl_context", "fingerprint", "jsn", "allow_unverified_tls"])
@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "head", "options", "request"])
async def test_an_option_that_a_verb_does_not_have_is_named(name: str, verb: str) -> None:
    """aiohttp still has the first three, which switch the check of certificates off."""
    arguments = ("GET", "https://api.test/") if verb == "request" else ("https://api.test/",)
    with pytest.raises(TypeError, match=name):
        getattr(signing(), verb)(*arguments, **{name: False})


def test_every_option_of_aiohttp_is_known_except_those_left_out_on_purpose() -> None:
    theirs = set(inspect.signature(aiohttp.ClientSession._request).parameters)  # noqa: SLF001  nothing else lists them
    left_out = {"self", "method", "str_or_url", "auth", "verify_ssl", "ssl_context", "fingerprint"}
    assert theirs - left_out <= set(CallOptions.__annotations__)


# What the environment says


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Listener]:
    """Run the proxy that the environment names, beside passwords and switches of other libraries."""
    async with Listener() as running:
        for name in ("netrc", ".netrc"):
            (tmp_path / name).write_text("default login ann password secret\n")
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY"):
            monkeypatch.setenv(name, running.origin)
            monkeypatch.setenv(name.lower(), running.origin)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.setenv("HOME", str(tmp_path))
        for library in ("OAUTHLIB", "AUTHLIB", "AIOOAUTH1", "OAUTH", "AIOHTTP"):
            monkeypatch.setenv(f"{library}_INSECURE_TRANSPORT", "1")
            monkeypatch.setenv(f"{library}_ALLOW_HTTP", "1")
        for name in (
            *("PYTHONHTTPSVERIFY", "SSL_VERIFY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
            "NODE_TLS_REJECT_UNAUTHORIZED",
        ):
            monkeypatch.setenv(name, "0")
        yield running


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_no_variable_lets_an_unfit_certificate_pass(
    proxy: Listener, way: Callable[..., Awaitable[object]]
) -> None:
    async with Listener(tls=serving("other.test")) as listener:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await way(listener.origin, None)
    assert (listener.arrivals, proxy.connections) == ([], 0)


async def test_no_variable_lets_a_signature_go_over_plain_http(proxy: Listener) -> None:
    far = provider_at("http://api.example")
    async with signing(provider=far) as session:
        with pytest.raises(SigningError, match="allow_http"):
            await session.get("posts")
    async with signing(signature_method=PLAINTEXT) as session:
        with pytest.raises(SigningError, match="PLAINTEXT"):
            await session.get(proxy.origin)
    for provider in (far, provider_at(proxy.origin, signature_method=PLAINTEXT)):
        async with Handshake(provider, CONSUMER, store=MemoryStore()) as handshake:
            with pytest.raises(SigningError, match="http"):
                await handshake.begin("oob", bind="browser")
            with pytest.raises(SigningError, match="http"):
                await handshake.fetch_access_token(RequestToken("key", "secret"), "verifier")
    assert proxy.connections == 0


async def test_no_variable_names_a_proxy_or_a_password(proxy: Listener) -> None:
    def answer(arrival: Arrival) -> bytes:
        if arrival.path == "/request":
            return reply(body=b"oauth_token=k&oauth_token_secret=s&oauth_callback_confirmed=true")
        return reply(body=b"oauth_token=k&oauth_token_secret=s")

    async with Listener(answer) as listener:
        provider = provider_at(listener.origin)
        async with signing(provider=provider) as session, session.get("posts") as response:
            assert response.status == 200
        async with Handshake(provider, CONSUMER, store=MemoryStore()) as handshake:
            pending = await handshake.begin("oob", bind="browser")
            await handshake.complete_with_verifier(pending.request_token.key, "verifier", bind="browser")
        async with (
            aiohttp.ClientSession(trust_env=False) as http,
            Handshake(replace(provider, name="again"), CONSUMER, store=MemoryStore(), http=http) as handshake,
        ):
            await handshake.begin("oob", bind="browser")
    assert proxy.connections == 0
    assert len(listener.arrivals) == 4
    for arrival in listener.arrivals:
        assert (arrival.header("Authorization") or "").startswith("OAuth ")
        assert TOKEN.secret not in arrival.octets.decode()
