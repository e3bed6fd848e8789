"""Only over a transport that nobody else reads: certificates are checked, unless the caller says not to."""

from __future__ import annotations

import inspect
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import trustme
from wire.listener import Arrival, Listener, reply
from wire.people import CONSUMER, TOKEN, signing

from aiooauth1 import Handshake, MemoryStore, Provider, RequestToken, SigningError
from aiooauth1.session.options import CallOptions
from aiooauth1.signing import PLAINTEXT


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path


pytestmark = pytest.mark.socket


@cache
def authority() -> trustme.CA:
    """Return one that the clients of these tests trust."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@cache
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def no_check() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def no_host_check() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    context.check_hostname = False
    return context


def serving(*names: str, by: trustme.CA | None = None, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = (by or authority()).issue_cert(*names, key_type=trustme.KeyType.ECDSA, **options)
    issued.configure_cert(context)
    return context


DAY = timedelta(days=1)
UNFIT: dict[str, Callable[[], ssl.SSLContext]] = {
    "of an authority that nobody knows": lambda: serving("127.0.0.1", by=trustme.CA()),
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


async def call(origin: str, connector: aiohttp.TCPConnector | None, tls: Any = True) -> object:
    options: dict[str, Any] = {"ssl": tls} if connector is None else {"connector": connector}
    async with signing(**options) as session:
        return await session.post(origin, data={"status": "Hello"})


async def begin(origin: str, connector: aiohttp.TCPConnector | None, _tls: Any = True) -> object:
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        Handshake(provider_at(origin), CONSUMER, store=MemoryStore(), http=http) as handshake,
    ):
        return await handshake.begin("oob", bind="browser")


async def exchange(origin: str, connector: aiohttp.TCPConnector | None, _tls: Any = True) -> object:
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        Handshake(provider_at(origin), CONSUMER, store=MemoryStore(), http=http) as handshake,
    ):
        return await handshake.fetch_access_token(RequestToken("key", "secret"), "verifier")


WAYS = {"a call": call, "begin": begin, "an exchange": exchange}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("certificate", UNFIT.values(), ids=UNFIT)
async def test_who_shows_an_unfit_certificate_gets_no_octet_of_a_request(
    certificate: Callable[[], ssl.SSLContext], way: Callable[..., Awaitable[object]]
) -> None:
    async with Listener(tls=certificate()) as listener:
        connector = aiohttp.TCPConnector(ssl=trusting())
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await way(listener.origin, connector)
        await connector.close()
    assert (listener.connections, listener.arrivals) == (
        0,
        [],
    )  # it counts those that finish the TLS handshake


async def test_a_fit_certificate_is_taken_as_a_session_option_and_of_a_call() -> None:
    """The control of the test above."""
    async with Listener(tls=serving("127.0.0.1")) as listener:
        async with signing(ssl=trusting()) as session, session.get(listener.origin) as response:
            assert response.status == 200
        async with signing() as session, session.get(listener.origin, ssl=trusting()) as response:
            assert response.status == 200
    assert len(listener.arrivals) == 2


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_by_itself_it_trusts_whom_the_system_trusts(way: Callable[..., Awaitable[object]]) -> None:
    async with Listener(tls=serving("127.0.0.1")) as listener:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await way(listener.origin, None)
    assert (listener.connections, listener.arrivals) == (0, [])


# Ways around it

OFF: dict[str, Callable[[], Any]] = {
    "False": lambda: False,
    "a context that checks nothing": no_check,
    "a context that does not check the host": no_host_check,
}


@pytest.mark.parametrize("off", OFF.values(), ids=OFF)
async def test_certificates_are_checked_unless_somebody_says_not_to(off: Callable[[], Any]) -> None:
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


async def test_a_connector_of_the_callers_is_the_callers_word() -> None:
    async with Listener(tls=serving("other.test")) as listener, aiohttp.TCPConnector(ssl=False) as connector:
        async with signing(connector=connector) as session, session.get(listener.origin) as response:
            assert response.status == 200
        options: dict[str, Any] = {"connector": connector, "ssl": trusting()}
        with pytest.raises(TypeError, match="connector"):
            signing(**options)


async def test_a_fingerprint_is_checked() -> None:
    certificate = serving("other.test")
    async with Listener(tls=certificate) as listener, signing() as session:
        with pytest.raises((aiohttp.ServerFingerprintMismatch, aiohttp.ClientConnectorCertificateError)):
            await session.get(listener.origin, ssl=aiohttp.Fingerprint(b"x" * 32))
    assert listener.arrivals == []


UNKNOWN = ["verify_ssl", "ssl_context", "fingerprint", "jsn", "trust_env", "allow_unverified_tls", "realm"]


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "head", "options", "request"])
async def test_an_option_that_a_verb_does_not_have_is_named(name: str, verb: str) -> None:
    """aiohttp has the first three still, which switch certificates off."""
    async with Listener(tls=serving("127.0.0.1")) as listener, signing() as session:
        ask = getattr(session, verb)
        arguments = ("GET", listener.origin) if verb == "request" else (listener.origin,)
        with pytest.raises(TypeError, match=name):
            ask(*arguments, **{name: False})
    assert listener.connections == 0


def test_every_option_of_aiohttps_is_known_but_those_left_out_on_purpose() -> None:
    theirs = set(inspect.signature(aiohttp.ClientSession._request).parameters)  # noqa: SLF001  nothing else lists them
    left_out = {"self", "method", "str_or_url", "auth", "verify_ssl", "ssl_context", "fingerprint"}
    assert theirs - left_out <= set(CallOptions.__annotations__)


# What the environment says


@pytest.fixture
async def proxy() -> AsyncIterator[Listener]:
    async with Listener() as running:
        yield running


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: Listener) -> None:
    (tmp_path / "netrc").write_text("default login ann password secret\n")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY"):
        monkeypatch.setenv(name, proxy.origin)
        monkeypatch.setenv(name.lower(), proxy.origin)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text("default login ann password secret\n")
    for library in ("OAUTHLIB", "AUTHLIB", "AIOOAUTH1", "OAUTH", "AIOHTTP"):
        monkeypatch.setenv(f"{library}_INSECURE_TRANSPORT", "1")
        monkeypatch.setenv(f"{library}_ALLOW_HTTP", "1")
    for name in ("PYTHONHTTPSVERIFY", "SSL_VERIFY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("NODE_TLS_REJECT_UNAUTHORIZED", "0")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_no_variable_lets_an_unfit_certificate_pass(
    proxy: Listener, way: Callable[..., Awaitable[object]]
) -> None:
    async with Listener(tls=serving("other.test")) as listener:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await way(listener.origin, None)
    assert (listener.arrivals, proxy.connections) == ([], 0)


@pytest.mark.usefixtures("environment")
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


@pytest.mark.usefixtures("environment")
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
