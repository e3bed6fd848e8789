"""What both judges share: the listener, the arrivals, the book of credentials and the pages."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import string
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, unquote

from aiohttp import web
from multidict import CIMultiDict


if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from multidict import CIMultiDictProxy


__all__ = ["FORM", "Arrival", "Book", "Grant", "Judge", "Pending", "Reply", "Verdict", "credential"]

FORM = "application/x-www-form-urlencoded"
_LARGEST_BODY = 64 * 1024 * 1024
_REDIRECT = re.compile(r"/redirect/(\d+)")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


def credential() -> str:
    """Draw 24 letters and digits: oauthlib wants 20 to 30 of them in every key, token and verifier."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(24))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came over the wire; the body is what is left after a Content-Encoding is undone."""

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def url(self) -> str:
        return f"http://{self.headers['Host']}{self.target}"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """For the judges' own pages: what the last of each name says."""
        found = parse_qs(self.target.partition("?")[2], keep_blank_values=True)
        return {name: values[-1] for name, values in found.items()}

    @property
    def oauth(self) -> dict[str, str]:
        """The parameters of the Authorization header, decoded."""
        header = self.headers.get("Authorization", "")
        return {name: unquote(value) for name, value in _PARAMETER.findall(header)}

    @property
    def is_form(self) -> bool:
        """By the media type alone, in any letter case (RFC 5849 3.4.1.3.1, RFC 9110 8.3.1)."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() == FORM


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the library made of a request: the user that it is for, or why it is refused."""

    user: str = ""
    refused: str = ""
    base_string: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Pending:
    """A request token, and what became of it so far."""

    consumer: str
    secret: str
    callback: str
    verifier: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token."""

    consumer: str
    secret: str
    user: str


@dataclass(slots=True)
class Book:
    """All that a provider must remember; `rsa_keys` are consumers' public keys, in PEM."""

    consumers: dict[str, str] = field(default_factory=dict)
    rsa_keys: dict[str, str] = field(default_factory=dict)
    request_tokens: dict[str, Pending] = field(default_factory=dict)
    access_tokens: dict[str, Grant] = field(default_factory=dict)
    nonces: set[tuple[str, ...]] = field(default_factory=set)

    def first_sight(self, consumer: str, timestamp: str, nonce: str, token: str) -> bool:
        """Whether this combination is new (RFC 5849 section 3.3); from now on it is not."""
        seen = (consumer, timestamp, nonce, token)
        if seen in self.nonces:
            return False
        self.nonces.add(seen)
        return True

    def add_consumer(self) -> tuple[str, str]:
        """Register a consumer: its key and secret."""
        key, secret = credential(), credential()
        self.consumers[key] = secret
        return key, secret

    def grant(self, consumer: str, user: str, secret: str | None = None) -> tuple[str, str]:
        """Give out an access token without a handshake: its key and secret."""
        key, secret = credential(), credential() if secret is None else secret
        self.access_tokens[key] = Grant(consumer, secret, user)
        return key, secret


class Judge(ABC):
    """A provider on a free loopback port.

    Its pages are /request_token, /authorize (`?user=` approves at once as that user, `?deny=1` refuses),
    /access_token, and /redirect/<status>?to=<location>; every other path is a resource of any method that
    echoes what arrived. Redirects and resources demand a valid signature and answer 401 with the reason else.
    """

    def __init__(self) -> None:
        self.book = Book()
        self.consumer_key, self.consumer_secret = self.book.add_consumer()
        self.arrivals: list[Arrival] = []
        self.verdicts: list[Verdict] = []
        self.origin = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{anything:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.origin = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        arrival = Arrival(request.method, request.raw_path, request.headers, await request.read())
        self.arrivals.append(arrival)
        reply = self._answer(arrival)
        headers = CIMultiDict({"Content-Type": "application/json", **reply.headers})
        return web.Response(status=reply.status, body=reply.body.encode(), headers=headers)

    def _answer(self, arrival: Arrival) -> Reply:
        match arrival.path:
            case "/request_token":
                return self.request_token(arrival)
            case "/authorize":
                return self.authorize(arrival)
            case "/access_token":
                return self.access_token(arrival)
        verdict = self.verify(arrival)
        self.verdicts.append(verdict)
        if verdict.refused:
            refusal = json.dumps({"refused": verdict.refused, "base_string": verdict.base_string})
            return Reply(401, refusal, {"WWW-Authenticate": 'OAuth realm="judge"'})
        if (redirect := _REDIRECT.fullmatch(arrival.path)) is not None:
            return Reply(int(redirect[1]), headers={"Location": arrival.query["to"]})
        return Reply(200, self._echo(arrival, verdict))

    @staticmethod
    def _echo(arrival: Arrival, verdict: Verdict) -> str:
        saw = {
            "user": verdict.user,
            "method": arrival.method,
            "target": arrival.target,
            "headers": [*arrival.headers.items()],
            "length": len(arrival.body),
            "sha256": hashlib.sha256(arrival.body).hexdigest(),
        }
        return json.dumps(saw)

    @abstractmethod
    def verify(self, arrival: Arrival) -> Verdict:
        """Have the library judge a request for a protected resource."""

    @abstractmethod
    def request_token(self, arrival: Arrival) -> Reply:
        """Have the library answer a request for a request token (RFC 5849 section 2.1)."""

    @abstractmethod
    def authorize(self, arrival: Arrival) -> Reply:
        """Have the library send the user back with a verifier or a denial (RFC 5849 section 2.2)."""

    @abstractmethod
    def access_token(self, arrival: Arrival) -> Reply:
        """Have the library answer a request for an access token (RFC 5849 section 2.3)."""
