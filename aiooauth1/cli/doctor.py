"""`aiooauth1 doctor`: checks everything that a signed request needs, and says how to fix what fails."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import aiohttp
from yarl import URL

from aiooauth1.cli.outcome import DONE, FAILED, CommandError
from aiooauth1.cli.settings import find_provider, known_providers, open_store, read_consumer, store_path
from aiooauth1.errors import (
    OAuth1Error,
    ProviderError,
    SignatureRejected,
    TimestampRefused,
    TokenResponseError,
)
from aiooauth1.flows.handshake.handshake import Handshake
from aiooauth1.responses.retry_after import http_date
from aiooauth1.stores.memory import MemoryStore


if TYPE_CHECKING:
    from collections.abc import Callable

    from aiooauth1.credentials import Consumer
    from aiooauth1.providers.provider import Provider


__all__ = ["doctor"]

_TIMEOUT = 10.0
_MAX_SKEW = 60  # seconds; servers take 300 to 600, and two machines may be off in opposite directions
_SOON = 14 * 86400
_BIND = "doctor"
_UNKNOWN_AUTHORITY = "if a proxy reads your TLS, set SSL_CERT_FILE to its authority's certificate"
_CERTIFICATE_REMEDIES = {  # by OpenSSL's X509_V_ERR_ numbers
    9: "set this machine's clock: the certificate is not valid yet",
    10: "check this machine's clock; if it is right, the provider must renew its certificate",
    62: "check the host name: the certificate is for another one",
    64: "check the address: the certificate is for another one",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: its name, verdict and details, and what to do about a failure."""

    check: str
    verdict: Literal["ok", "warn", "FAIL", "skip"]
    found: str
    remedy: str = ""


def doctor(
    name: str,
    *,
    config: str | None,
    consumer_file: str | None,
    store_file: str | None,
    callback: str,
    as_json: bool,
) -> int:
    """Run all checks, print each finding at once, and return 1 if one of them is a failure."""
    findings: list[Finding] = []

    def report(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            print(f"{finding.verdict:<5} {finding.check}: {finding.found}", flush=True)
            if finding.remedy:
                print(f"      -> {finding.remedy}", flush=True)

    provider, remembered = asyncio.run(_look_up(name, config, store_file, report))
    # A prompt cannot be interrupted inside an event loop.
    consumer: Consumer | Finding
    try:
        consumer = read_consumer(provider, consumer_file, remembered)
    except CommandError as error:
        consumer = Finding("consumer key", "skip", str(error))
    asyncio.run(_check(provider, consumer, callback, report))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    return FAILED if any(finding.verdict == "FAIL" for finding in findings) else DONE


async def _look_up(
    name: str, config: str | None, store_file: str | None, report: Callable[[Finding], None]
) -> tuple[Provider, Consumer | None]:
    """Return the provider, and the consumer of the last sign-in there, if any."""
    try:
        async with open_store(store_file) as store:
            known = await known_providers(store, config)
        report(Finding("store", "ok", f"{store_path(store_file)} opens"))
    except (OAuth1Error, CommandError, OSError) as error:
        known = {}
        remedy = "check the path, its permissions and AIOOAUTH1_STORE_KEY"
        report(Finding("store", "FAIL", _one_line(error), remedy))
    if name in known:
        return known[name].provider, known[name].consumer
    provider = find_provider(name, config)
    return provider, known[provider.name].consumer if provider.name in known else None


async def _check(
    provider: Provider, consumer: Consumer | Finding, callback: str, report: Callable[[Finding], None]
) -> None:
    hosts = await _network(provider)
    for finding in [*hosts, _user_agent(provider)]:
        report(finding)
    if any(finding.verdict == "FAIL" for finding in hosts):
        report(Finding("consumer key", "skip", "the provider cannot be reached"))
        return
    for finding in await _endpoints(provider):
        report(finding)
    for finding in await _credentials(provider, consumer, callback):
        report(finding)


async def _credentials(provider: Provider, consumer: Consumer | Finding, callback: str) -> list[Finding]:
    if isinstance(consumer, Finding):
        return [consumer]
    findings = [
        Finding("consumer key", "warn", f"the {what} begins or ends with white space", "copy it again")
        for credential, what in ((consumer.key, "key"), (consumer.secret, "secret"))
        if credential != credential.strip()
    ]
    if not provider.request_token_url:
        return [
            *findings,
            Finding("consumer key", "skip", "this provider issues no request tokens to test it with"),
        ]
    return findings + await _consumer(provider, consumer, callback)


# The network


async def _network(provider: Provider) -> list[Finding]:
    urls = [
        URL(url)
        for url in (
            provider.request_token_url,
            provider.authorize_url,
            provider.access_token_url,
            provider.base_url,
        )
        if url
    ]
    found = await asyncio.gather(*map(_origin, dict.fromkeys(url.origin() for url in urls)))
    return [finding for findings in found for finding in findings]


async def _origin(origin: URL) -> list[Finding]:
    host, port = origin.host or "", origin.port or 443
    try:
        async with asyncio.timeout(_TIMEOUT):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        return [Finding("DNS", "FAIL", f"{host}: {_why(error)}", "check the name and your resolver")]
    addresses = sorted({str(each[4][0]) for each in found})
    findings = [Finding("DNS", "ok", f"{host} is {', '.join(addresses[:3])}")]
    if origin.scheme == "https":
        findings.append(await _tls(host, port))
    if findings[-1].verdict != "FAIL":
        findings.append(await _clock(origin))
    return findings


async def _tls(host: str, port: int) -> Finding:
    try:
        async with asyncio.timeout(_TIMEOUT):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        remedy = _CERTIFICATE_REMEDIES.get(error.verify_code, _UNKNOWN_AUTHORITY)
        return Finding("TLS", "FAIL", f"{host}: {error.verify_message}", remedy)
    except (ssl.SSLError, ConnectionResetError) as error:
        remedy = "the port may not speak TLS, or a proxy answers in its place"
        return Finding("TLS", "FAIL", f"{host}: {getattr(error, 'reason', '') or _why(error)}", remedy)
    except (OSError, TimeoutError) as error:
        return Finding("TLS", "FAIL", f"{host}: {_why(error)}", "check firewall and proxy")
    try:
        connection = writer.get_extra_info("ssl_object")
        version, ends = connection.version(), connection.getpeercert().get("notAfter", "")
        left = ssl.cert_time_to_seconds(ends) - time.time() if ends else _SOON + 1
    finally:
        writer.close()
    text = f"{host}, {version}, certificate good for {left / 86400:.0f} days"
    if left > _SOON:
        return Finding("TLS", "ok", text)
    return Finding("TLS", "warn", text, "calls fail from then on unless the provider renews it")


async def _clock(origin: URL) -> Finding:
    """Compare the clocks by the Date header of any reply."""
    began = time.time()
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT)) as http,
            http.get(origin, allow_redirects=False) as response,
        ):
            date = http_date(response.headers.get("Date", ""))
    except (aiohttp.ClientError, TimeoutError) as error:
        return Finding("clock", "FAIL", f"{origin}: {_why(error)}", "check firewall and proxy")
    if date is None:
        return Finding("clock", "skip", f"{origin} sends no Date header")
    skew = date - (began + time.time()) / 2
    if abs(skew) <= _MAX_SKEW:
        return Finding("clock", "ok", f"{origin.host} and this machine agree within a minute")
    way = "ahead of" if skew > 0 else "behind"
    return Finding(
        "clock",
        "warn",
        f"{origin.host} is {abs(skew):,.0f} s {way} this machine",
        "sessions adjust to it; set this machine's clock by NTP all the same",
    )


def _user_agent(provider: Provider) -> Finding:
    if provider.user_agent:
        return Finding("User-Agent", "ok", provider.user_agent)
    if provider.needs_user_agent:
        return Finding(
            "User-Agent", "FAIL", "this provider requires one", "set user_agent in the configuration"
        )
    return Finding("User-Agent", "ok", "aiohttp's, which this provider accepts")


# The provider


async def _endpoints(provider: Provider) -> list[Finding]:
    """Request each endpoint without a signature: any answer will do, except that it does not exist."""
    endpoints = (
        ("request token endpoint", provider.request_token_method, provider.request_token_url),
        ("authorize page", "GET", provider.authorize_url),
        ("access token endpoint", provider.access_token_method, provider.access_token_url),
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT)) as http:
        return await asyncio.gather(*(_endpoint(http, *each) for each in endpoints if each[2]))


async def _endpoint(http: aiohttp.ClientSession, name: str, method: str, url: str) -> Finding:
    try:
        async with http.request(method, url, allow_redirects=False) as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        return Finding(name, "FAIL", f"{url}: {_why(error)}", "check the URL")
    gone = status in {404, 405, 410, 501} or status >= 500  # noqa: PLR2004  server errors
    remedy = "check the URL and the method; the provider's page may name others" if gone else ""
    return Finding(name, "FAIL" if gone else "ok", f"{method} {url} answers {status}", remedy)


async def _consumer(provider: Provider, consumer: Consumer, callback: str) -> list[Finding]:
    """Ask for a request token, which proves consumer key, secret, signature, clock and callback at once."""
    async with Handshake(provider, consumer, store=MemoryStore()) as handshake:
        try:
            await handshake.begin(callback, bind=_BIND)
        except ValueError as error:  # about the callback
            return [Finding("callback", "FAIL", _one_line(error), "pass another URL as --callback")]
        except TimestampRefused as error:
            return [Finding("clock", "FAIL", str(error), "set this machine's clock by NTP")]
        except SignatureRejected as error:
            remedy = "check that the secret is whole and of this key; see `aiooauth1 explain`"
            return [Finding("consumer key", "FAIL", _one_line(error), remedy)]
        except ProviderError as error:
            return await _refused(provider, handshake, error, callback)
        except (OAuth1Error, aiohttp.ClientError) as error:
            remedy = "check the URLs of the configuration" if isinstance(error, TokenResponseError) else ""
            return [Finding("consumer key", "FAIL", _one_line(error), remedy)]
    return [_accepted(provider), Finding("callback", "ok", f"{callback} is accepted")]


async def _refused(
    provider: Provider, handshake: Handshake, error: ProviderError, callback: str
) -> list[Finding]:
    """Find out whether the consumer or the callback was refused: ask again without a callback URL."""
    if callback != "oob" and "consumer" not in (error.problem or ""):
        try:
            await handshake.begin("oob", bind=_BIND)
        except OAuth1Error:
            pass
        else:
            text = f"{callback} is refused: {_one_line(error)}"
            remedy = "register it at the provider, or use `aiooauth1 login --pin`"
            return [_accepted(provider), Finding("callback", "FAIL", text, remedy)]
    remedy = "check key and secret on the provider's page for developers"
    return [Finding("consumer key", "FAIL", _one_line(error), remedy)]


def _accepted(provider: Provider) -> Finding:
    return Finding("consumer key", "ok", f"{provider.name} accepts it and its signature")


def _why(error: Exception) -> str:
    return _one_line(error) or "no answer"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
