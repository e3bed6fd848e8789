"""`aiooauth1 explain`: shows the steps of a signature, compares base strings, names the mistake."""

from __future__ import annotations

import json
import os
import shlex
import sys
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiooauth1.cli.outcome import DONE, FAILED, USAGE, CommandError
from aiooauth1.credentials import AccessToken, Consumer
from aiooauth1.signing.explain import (
    Difference,
    SentRequest,
    compare,
    diagnose,
    explain_sent,
    is_right,
)
from aiooauth1.signing.recipe import right_recipe
from aiooauth1.signing.rules import SigningRules


if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiooauth1.signing.mistakes import Cause


__all__ = ["Inquiry", "explain_request", "read_request"]

TOKEN_SECRET = "AIOOAUTH1_TOKEN_SECRET"  # noqa: S105  a variable's name
_WIDTH = 78
_FORM = "application/x-www-form-urlencoded"
# Options of curl that take a value and do not change what is signed.
_CURL_IGNORED = frozenset(
    {
        *(
            "-A",
            "--user-agent",
            "-b",
            "--cookie",
            "-c",
            "--cookie-jar",
            "-e",
            "--referer",
            "-m",
            "--max-time",
        ),
        *(
            "-o",
            "--output",
            "-x",
            "--proxy",
            "-w",
            "--write-out",
            "--connect-timeout",
            "--retry",
            "--resolve",
        ),
        *("--cacert", "--cert", "--key", "-u", "--user", "--noproxy", "--interface", "--max-redirs", "-D"),
        *("--dump-header", "--limit-rate", "-r", "--range"),
    }
)
_CURL_VALUES = frozenset(
    {
        *("-X", "--request", "--url", "-H", "--header", "-d", "--data", "--data-ascii", "--data-binary"),
        *("--json", "--data-raw", "--data-urlencode", "-F", "--form", "--form-string"),
    }
)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The arguments of the command.

    Attributes:
        source: The file with the request. None or `-` is standard input.
        method: The HTTP method of a request that is given by options.
        url: Its URL.
        headers: Its header fields, as `Name: value`.
        data: Its body.
        scheme: The scheme of a raw request whose target is a path.
        server: The file with the server's reply.
        signature: The signature to explain.
        provider: The provider by whose rules the request is signed.
        config: The configuration file that may define it.
        consumer_file: The file with the consumer's key and secret.
        as_json: Whether to print JSON.
    """

    source: str | None = None
    method: str | None = None
    url: str | None = None
    headers: tuple[str, ...] = ()
    data: str | None = None
    scheme: str = "https"
    server: str | None = None
    signature: str | None = None
    provider: str | None = None
    config: str | None = None
    consumer_file: str | None = None
    as_json: bool = False


def explain_request(inquiry: Inquiry) -> int:
    """Print the explanation; return 0 if nothing wrong was found, 1 otherwise."""
    request = _request(inquiry)
    rules = SigningRules()
    if inquiry.provider is not None:
        from aiooauth1.cli.settings import find_provider  # noqa: PLC0415  it loads the presets

        rules = find_provider(inquiry.provider, inquiry.config).rules
    consumer, token = _credentials(inquiry, request)
    explanation = explain_sent(request, consumer=consumer, token=token, rules=rules)
    report: dict[str, Any] = {"explanation": asdict(explanation)}
    sections = [str(explanation)]
    status = DONE
    if inquiry.server is not None:
        ours = right_recipe(request, rules).base_string()  # the one that is shown has its secrets removed
        differences = _differences(ours, _read(inquiry.server))
        report["differences"] = [asdict(one) for one in differences]
        sections.append(_differences_text(differences))
        status = FAILED if differences else status
    if consumer is not None and (inquiry.signature or request.protocol("oauth_signature")):
        right = is_right(request, consumer=consumer, token=token, signature=inquiry.signature, rules=rules)
        causes = diagnose(request, consumer=consumer, token=token, signature=inquiry.signature, rules=rules)
        report["diagnosis"] = {"right": right, "causes": [asdict(cause) for cause in causes]}
        sections.append(_diagnosis_text(causes, is_correct=right))
        status = status if right else FAILED
    elif inquiry.signature is not None:
        raise CommandError(
            "--signature needs the secrets: --consumer-file FILE, or AIOOAUTH1_CONSUMER_SECRET, and"
            f" {TOKEN_SECRET} if there is a token",
            USAGE,
        )
    print(json.dumps(report, indent=2) if inquiry.as_json else "\n\n".join(sections))
    return status


def _differences(ours: str, reply: str) -> Sequence[Difference]:
    try:
        return compare(ours, reply)
    except ValueError as error:
        raise CommandError(str(error), USAGE) from None


def _differences_text(differences: Sequence[Difference]) -> str:
    if not differences:
        return _wrapped(
            "The server's base string is the same as ours: a secret is wrong, or one side does not"
            " percent-encode the secrets in the key."
        )
    lines = ["The server's base string differs:"]
    for one in differences:
        lines.append(f"- {one.part} {one.name}".rstrip())
        lines += [
            _wrapped(f"{side}: {'(nothing)' if text is None else text}", "    ")
            for side, text in (("ours", one.ours), ("server", one.theirs))
        ]
        lines.append(_wrapped(one.meaning, "    "))
    return "\n".join(lines)


def _diagnosis_text(causes: Sequence[Cause], *, is_correct: bool) -> str:
    if is_correct:
        return _wrapped("The signature is right for these secrets and this request.")
    if not causes:
        return _wrapped(
            "The signature is wrong, and none of the usual mistakes gives it, nor two of them: a secret is"
            " wrong, or the request shown is not the one that was signed."
        )
    lines = ["The signature is wrong. This gives exactly it:"]
    for cause in causes:
        lines += [_wrapped(f"- {cause.text}", "  ")[2:], _wrapped(cause.remedy, "    ")]
    return "\n".join(lines)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


# Reading the input


def _credentials(inquiry: Inquiry, request: SentRequest) -> tuple[Consumer | None, AccessToken | None]:
    key = request.protocol("oauth_consumer_key") or ""
    secret = os.environ.get("AIOOAUTH1_CONSUMER_SECRET")
    if inquiry.consumer_file is not None:
        lines = _read(inquiry.consumer_file).split("\n")
        if len(lines) < 2:  # noqa: PLR2004  key and secret
            raise CommandError(
                f"{inquiry.consumer_file} must have the consumer's key and secret, a line each", USAGE
            )
        secret = lines[1].removesuffix("\r")
    if secret is None:
        return None, None
    token_key = request.protocol("oauth_token")
    token_secret = os.environ.get(TOKEN_SECRET, "")
    return Consumer(key, secret), AccessToken(token_key, token_secret) if token_key else None


def _request(inquiry: Inquiry) -> SentRequest:
    if inquiry.url is None:
        return read_request(_read(inquiry.source or "-"), scheme=inquiry.scheme)
    if inquiry.source is not None:
        raise CommandError("FILE and --url exclude each other: give one of them", USAGE)
    headers = tuple(_field(text) for text in inquiry.headers)
    body = (inquiry.data or "").encode()
    if inquiry.data is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", _FORM))
    method = inquiry.method or ("GET" if inquiry.data is None else "POST")
    return SentRequest(method, inquiry.url, headers, body)


def _read(path: str) -> str:
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", USAGE) from None
    return content.decode("utf-8", "replace")


def read_request(text: str, *, scheme: str = "https") -> SentRequest:
    """Read a copied request: a curl command line, an entry of a HAR file, or raw HTTP.

    Args:
        text: The text.
        scheme: The scheme of a raw request whose target is a path.

    Raises:
        CommandError: If it is not one of these; the message says what is missing.
    """
    start = text.lstrip("\ufeff \t\r\n")
    first = start.partition("\n")[0]
    if start[:1] in {"{", "["}:
        return _from_har(start)
    if first.removeprefix("$ ").split(" ", 1)[0].rsplit("/", 1)[-1] in {"curl", "curl.exe"}:
        return _from_curl(start.removeprefix("$ "))
    return _from_raw(start, scheme)


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise CommandError("a header must be written as Name: value", USAGE)
    return name.strip(), value.strip()


def _from_raw(text: str, scheme: str) -> SentRequest:
    head, blank, body = text.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    words = first.split()
    if len(words) != 3 or not words[2].upper().startswith("HTTP/"):  # noqa: PLR2004  method, target, version
        raise CommandError(
            "the input is not a request: pass a curl line, an entry of a HAR file, or raw HTTP that begins"
            " with a line like GET /path HTTP/1.1",
            USAGE,
        )
    headers = tuple(_field(line) for line in lines if line.strip())
    method, target, _ = words
    if "://" not in target:
        host = next((value for name, value in headers if name.lower() == "host"), "")
        if not host:
            raise CommandError(
                "the request has no Host header, which is part of the signature: add it", USAGE
            )
        target = f"{scheme}://{host}{target}"
    media_type = next((value for name, value in headers if name.lower() == "content-type"), "")
    # Editors end a file with a line break, which is not part of a form.
    body = body.rstrip("\n") if media_type.lower().startswith(_FORM) else body
    if media_type.lower().startswith("multipart/"):
        body = body.replace("\n", "\r\n")
    return SentRequest(method, target, headers, body.encode() if blank else b"")


def _from_har(text: str) -> SentRequest:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"the input begins like a HAR entry but is not JSON: {error}", USAGE) from None
    try:
        if isinstance(given, dict) and "log" in given:
            given = given["log"]["entries"]
        entries = given if isinstance(given, list) else [given]
        requests = [entry.get("request", entry) for entry in entries]
        found = [_from_entry(request) for request in requests]
    except (AttributeError, KeyError, TypeError):
        raise CommandError(
            "the JSON is not a HAR entry: it must have request.method, request.url and request.headers", USAGE
        ) from None
    signed = [request for request in found if request.protocol("oauth_signature")]
    if not found:
        raise CommandError("the HAR file has no entries", USAGE)
    return (signed or found)[-1]


def _from_entry(request: dict[str, Any]) -> SentRequest:
    headers = tuple((field["name"], field["value"]) for field in request.get("headers", []))
    posted = request.get("postData") or {}
    body = posted.get("text") or "&".join(
        f"{quote(pair['name'], safe='~')}={quote(pair.get('value', ''), safe='~')}"
        for pair in posted.get("params", [])
    )
    if posted.get("mimeType") and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", posted["mimeType"]))
    return SentRequest(request["method"], request["url"], headers, body.encode())


class _Curl:
    """Collects the options of a curl command line."""

    def __init__(self) -> None:
        self.method = ""
        self.url = ""
        self.headers: list[tuple[str, str]] = []
        self.data: list[str] = []
        self.in_query = self.is_json = False

    def take(self, option: str, value: str) -> None:
        match option:
            case "-X" | "--request":
                self.method = value
            case "--url":
                self.url = value
            case "-H" | "--header":
                self.headers.append(_field(value))
            case "-d" | "--data" | "--data-ascii" | "--data-binary" | "--json":
                self.is_json = self.is_json or option == "--json"
                self.data.append(_no_file(value))
            case "--data-raw":
                self.data.append(value)
            case "--data-urlencode":
                name, equals, text = value.partition("=")
                if "@" in name or (not equals and "@" in value):
                    _no_file("@")
                encoded = quote(text if equals else name, safe="~")
                self.data.append(f"{name}={encoded}" if equals and name else encoded)
            case "-F" | "--form" | "--form-string":
                raise CommandError(
                    "a curl line with -F does not show the body: pass the raw request instead", USAGE
                )

    def request(self) -> SentRequest:
        if not self.url:
            raise CommandError("the curl line has no URL", USAGE)
        url = self.url if "://" in self.url else f"http://{self.url}"
        data = "&".join(self.data)
        if self.in_query and data:
            url += ("&" if "?" in url else "?") + data
        body = b"" if self.in_query else data.encode()
        headers = self.headers
        if self.data and not self.in_query and not any(name.lower() == "content-type" for name, _ in headers):
            headers = [*headers, ("Content-Type", "application/json" if self.is_json else _FORM)]
        method = self.method or ("POST" if self.data and not self.in_query else "GET")
        return SentRequest(method, url, tuple(headers), body)


def _from_curl(text: str) -> SentRequest:
    # Browsers quote a string with escapes as $'…', which shlex does not know.
    line = text.replace("\\\r\n", " ").replace("\\\n", " ").replace("^\n", " ").replace(" $'", " '")
    try:
        words = shlex.split(line)[1:]
    except ValueError as error:
        raise CommandError(f"the curl line has an unclosed quotation mark: {error}", USAGE) from None
    found = _Curl()
    words.reverse()
    while words:
        option = words.pop()
        if option.startswith("--") and "=" in option:
            option, _, value = option.partition("=")
            words.append(value)
        elif option[:2] in _CURL_VALUES and not option.startswith("--") and option[2:]:  # -XPOST
            words.append(option[2:])
            option = option[:2]
        if option in _CURL_VALUES or option in _CURL_IGNORED:
            if not words:
                raise CommandError(f"the curl line ends after {option}, which needs a value", USAGE)
            found.take(option, words.pop())
        elif option in {"-G", "--get"}:
            found.in_query = True
        elif option in {"-I", "--head"}:
            found.method = found.method or "HEAD"
        elif not option.startswith("-"):
            found.url = found.url or option
    return found.request()


def _no_file(value: str) -> str:
    if value.startswith("@"):
        raise CommandError(
            "the curl line reads its data from a file: put the data into the line, or pass raw HTTP",
            USAGE,
        )
    return value
