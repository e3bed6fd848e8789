"""A token endpoint on a bare socket, which answers what a test wants to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wire.listener import DROP, Listener, Writes

from aiooauth1 import Consumer, Handshake, MemoryStore, Provider


if TYPE_CHECKING:
    from wire.listener import Arrival


CONSUMER = Consumer("consumer-key", "consumer-secret-CANARY")
REQUEST_TOKEN = b"oauth_token=rt&oauth_token_secret=rt-secret-CANARY&oauth_callback_confirmed=true"


def http(body: bytes, *, status: str = "200 OK", **headers: str) -> bytes:
    """Write a response with its length."""
    fields = {"Content-Length": str(len(body)), **{n.replace("_", "-"): v for n, v in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body


class Endpoint(Listener):
    """All endpoints of a provider at once.

    Args:
        answers: What to send to each request: bytes, or what writes them. The last one is for all others.
            Without bytes the connection is dropped.
        name: The provider's name.
    """

    def __init__(self, *answers: bytes | Writes, name: str = "endpoint") -> None:
        super().__init__(self._next)
        self._answers = answers
        self._name = name

    def _next(self, _arrival: Arrival) -> bytes | Writes:
        return self._answers[min(len(self.arrivals), len(self._answers)) - 1] or DROP

    @property
    def requests(self) -> list[bytes]:
        """What arrived, byte for byte."""
        return [arrival.octets for arrival in self.arrivals]

    @property
    def url(self) -> str:
        """Its URL, ending in `/`."""
        return f"{self.origin}/"

    @property
    def provider(self) -> Provider:
        """What a consumer knows of it."""
        return Provider(
            name=self._name,
            request_token_url=f"{self.url}request_token",
            authorize_url=f"{self.url}authorize",
            access_token_url=f"{self.url}access_token",
        )

    def handshake(self, **options: Any) -> Handshake:
        """Make a handshake with it."""
        return Handshake(self.provider, CONSUMER, **{"store": MemoryStore(), **options})
