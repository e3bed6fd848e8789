"""`aiooauth1 request`: sends a signed request, with options like curl's."""

from __future__ import annotations

import json as json_format
import logging
import os
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import FormData, hdrs
from multidict import CIMultiDict

from aiooauth1.cli.outcome import DONE, USAGE, CommandError
from aiooauth1.cli.settings import Account, known_providers, open_store, pick_provider, pick_user
from aiooauth1.errors import ProviderError
from aiooauth1.session.session import OAuth1Session, raise_for_problem


if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from aiohttp import ClientResponse


__all__ = ["Request", "request"]

_FORM = "application/x-www-form-urlencoded"
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of the command."""

    url: str
    method: str | None = None
    data: Sequence[str] = ()
    encoded: Sequence[str] = ()
    json: str | None = None
    parts: Sequence[str] = ()
    headers: Sequence[str] = ()
    provider: str | None = None
    user: str | None = None
    two_legged: bool = False
    include: bool = False
    verbose: bool = False
    curl: bool = False
    config: str | None = None
    store: str | None = None


def request(plan: Request) -> Coroutine[Any, Any, int]:
    """Read the body; return a coroutine that sends it, prints the reply's body and returns the exit status.

    Standard input is read here, outside the event loop, because Ctrl-C does not interrupt a read inside one.
    """
    body = _Body.of(plan)
    return _send(plan, body, body.payload())


async def _send(plan: Request, body: _Body, payload: bytes | FormData | None) -> int:
    method = (plan.method or ("POST" if body.given else "GET")).upper()
    async with open_store(plan.store) as store:
        known = await known_providers(store, plan.config)
        one = pick_provider(known, plan.provider, url=plan.url, config=plan.config)
        who = Account(one.provider, one.consumer, None)
        if not plan.two_legged:
            who = replace(who, user=await pick_user(store, one.provider.name, plan.user))
        async with OAuth1Session(who.consumer, provider=who.provider, store=store) as session:
            if plan.curl:
                print(await _curl_line(session, who, method, plan, body))
                return DONE
            if plan.verbose:
                _show_signing()
            options: dict[str, Any] = {"headers": _headers(plan, body), "data": payload}
            if who.user is not None:
                options["user"] = who.user
            async with session.request(method, plan.url, **options) as response:
                return await _show(response, plan)


@dataclass(frozen=True, slots=True)
class _Body:
    """A request's body: bytes and their media type, or the parts of a multipart form."""

    content: bytes | None
    media_type: str = ""
    parts: Sequence[str] = ()

    @classmethod
    def of(cls, plan: Request) -> _Body:
        kinds = [bool(plan.data or plan.encoded), plan.json is not None, bool(plan.parts)]
        if sum(kinds) > 1:
            raise CommandError(
                "there are several kinds of body: give -d and --data-urlencode, or --json, or -F", USAGE
            )
        if plan.parts:
            return cls(None, parts=plan.parts)
        if plan.json is not None:
            text = _read(plan.json)
            try:
                json_format.loads(text)
            except ValueError as error:
                raise CommandError(f"--json is not JSON: {error}", USAGE) from None
            return cls(text, "application/json")
        if plan.data or plan.encoded:
            from aiooauth1.signing.encoding import encode_form  # noqa: PLC0415  only for such a body

            pairs = [_pair(each, "--data-urlencode") for each in plan.encoded]
            given = [_read(each) for each in plan.data] + ([encode_form(pairs).encode()] if pairs else [])
            return cls(b"&".join(given), _FORM)
        return cls(None)

    @property
    def given(self) -> bool:
        return self.content is not None or bool(self.parts)

    def payload(self) -> bytes | FormData | None:
        """Return the body for aiohttp."""
        if not self.parts:
            return self.content
        form = FormData(default_to_multipart=True)
        for part in self.parts:
            name, value = _pair(part, "-F")
            if value.startswith("@"):
                path, _, media_type = value[1:].partition(";type=")
                form.add_field(
                    name, _read(f"@{path}"), filename=Path(path).name, content_type=media_type or None
                )
            else:
                form.add_field(name, value)
        return form


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError(f"{option} {text!r}: write name=value", USAGE)
    return name, value


def _read(value: str) -> bytes:
    """Return a value, or the contents of the file after `@`; `@-` is standard input."""
    if not value.startswith("@"):
        return os.fsencode(value)
    try:
        return sys.stdin.buffer.read() if value == "@-" else Path(value[1:]).expanduser().read_bytes()
    except OSError as error:
        raise CommandError(f"{value[1:]} cannot be read: {error.strerror}", USAGE) from None


def _headers(plan: Request, body: _Body) -> CIMultiDict[str]:
    """Return the given header fields, with the body's media type unless they set one."""
    headers: CIMultiDict[str] = CIMultiDict()
    for line in plan.headers:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise CommandError(f"-H {line!r}: write 'Name: value'", USAGE)
        headers.add(name.strip(), value.strip())
    if body.media_type:
        headers.setdefault(hdrs.CONTENT_TYPE, body.media_type)
    return headers


def _show_signing() -> None:
    """Print the session's log, which has the base string of each attempt, without secrets."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("* %(message)s"))
    logger = logging.getLogger("aiooauth1")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False


async def _curl_line(session: OAuth1Session, who: Account, method: str, plan: Request, body: _Body) -> str:
    if body.parts:
        raise CommandError("--curl cannot print a multipart form: leave out --curl to send it", USAGE)
    headers = _headers(plan, body)
    is_form = headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower() == _FORM
    if who.provider.placement != "header":
        raise CommandError(
            f"{who.provider.name} takes no signature in the header, so --curl cannot print one: leave it out",
            USAGE,
        )
    url = plan.url if "://" in plan.url else who.provider.base_url + plan.url.lstrip("/")
    signature = await session.sign(
        method,
        plan.url,
        form=(body.content or b"") if is_form else None,
        body=None if is_form else body.content,
        user=who.user,
    )
    words = ["curl", "-X", method, "-H", f"Authorization: {signature.header()}"]
    for name, value in headers.items():
        words += ["-H", f"{name}: {value}"]
    if body.content is not None:
        words += ["--data-raw", body.content.decode("utf-8", "surrogateescape")]
    return shlex.join([*words, url])


async def _show(response: ClientResponse, plan: Request) -> int:
    out = sys.stdout.buffer
    if plan.verbose:
        print(f"> {response.method} {response.request_info.url}", file=sys.stderr)
        print(f"< {response.status} {response.reason or ''}".rstrip(), file=sys.stderr)
    if plan.include:
        out.write(f"HTTP/1.1 {response.status} {response.reason or ''}\r\n".encode())
        out.writelines(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
        out.write(b"\r\n")
        out.flush()
    refusal = await _refusal(response)
    if sys.stdout.isatty() and "json" in response.headers.get(hdrs.CONTENT_TYPE, ""):
        _show_json(await response.read())
    else:
        async for chunk in response.content.iter_chunked(_CHUNK):
            out.write(chunk)
        out.flush()
        if sys.stdout.isatty():
            print()
    if refusal is None:
        return DONE
    if plan.verbose:
        for line in refusal.explain().splitlines()[1:]:
            print(f"* {line}", file=sys.stderr)
    raise refusal


async def _refusal(response: ClientResponse) -> ProviderError | None:
    if response.status < 400:  # noqa: PLR2004  below it nothing was refused
        return None
    try:
        await raise_for_problem(response)
    except ProviderError as error:
        return error
    return ProviderError(f"status {response.status}", status=response.status)


def _show_json(body: bytes) -> None:
    """Print JSON indented, in colour unless NO_COLOR is set."""
    from rich.console import Console  # noqa: PLC0415  only for terminals

    try:
        Console(soft_wrap=True).print_json(body.decode())
    except ValueError:  # not JSON
        sys.stdout.buffer.write(body + b"\n")
        sys.stdout.flush()
