"""What other clients of a provider send: their own code runs, and its requests are kept instead of sent."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter


if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["Sent", "kept_requests"]

_TOKEN = b"oauth_token=rt&oauth_token_secret=rs&oauth_callback_confirmed=true"


class Sent:
    """A request in parts that can be compared.

    Args:
        method: Its method.
        url: Its URL.
        header: Its Authorization header, or nothing.
        body: Its form, or nothing.
    """

    def __init__(self, method: str, url: str, header: str = "", body: str = "") -> None:
        parts = urlsplit(url)
        self.method = method
        self.where = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self.query = sorted(parse_qsl(parts.query, keep_blank_values=True))
        self.form = sorted(parse_qsl(body, keep_blank_values=True))
        self.oauth = {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', header)}

    def fields(self) -> dict[str, Any]:
        return vars(self)


@contextmanager
def kept_requests(nonce: str, timestamp: int) -> Iterator[list[Sent]]:
    """Keep what `requests` would send, with this nonce and timestamp in what oauthlib signs."""
    kept: list[Sent] = []

    def keep(_: HTTPAdapter, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        header = request.headers.get("Authorization", "")
        text = header.decode() if isinstance(header, bytes) else header
        form = request.headers.get("Content-Type", "")
        is_form = "x-www-form-urlencoded" in (form.decode() if isinstance(form, bytes) else form)
        body = request.body or b""
        body = body.decode() if isinstance(body, bytes) else str(body)
        kept.append(Sent(str(request.method), str(request.url), text, body if is_form else ""))
        reply = requests.Response()
        reply.status_code, reply.request, reply.url = 200, request, str(request.url)
        reply.encoding = "utf-8"
        reply._content = b"{}" if "oauth" not in str(request.url).lower() else _TOKEN  # noqa: SLF001
        return reply

    with (
        patch.object(HTTPAdapter, "send", keep),
        patch("oauthlib.oauth1.rfc5849.generate_nonce", lambda: nonce),
        patch("oauthlib.oauth1.rfc5849.generate_timestamp", lambda: str(timestamp)),
    ):
        yield kept
