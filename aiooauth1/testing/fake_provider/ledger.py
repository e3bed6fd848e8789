"""The ledger: what arrived at a FakeProvider, byte for byte, with each verdict, for a test to examine."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, overload


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


__all__ = ["Arrival", "Ledger", "Post", "Summary", "Verdict"]

Verdict = Literal["accepted", "refused", "intercepted"]
"""Accepted: the work was done. Refused: it was not, for the reason in `why`. Intercepted: a `before` hook or
a scripted fault answered or dropped the request instead of the endpoint."""


@dataclass(frozen=True, slots=True)
class Post:
    """One post.

    Args:
        id: Its number, counted from 1 over all users.
        user: The user for whom it was made.
        text: Its text.
    """

    id: int
    user: str
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class Arrival:
    """One received request, and its verdict.

    `repr` shows neither headers, query nor body: with PLAINTEXT each of them may hold both secrets.

    Args:
        number: Its number, counted from 1 in the order of the verdicts.
        time: When the request's head had been read, in seconds by the provider's clock.
        peer_port: The client's port. Equal ports mean the same connection.
        request_line: The request line, its target byte for byte.
        headers: Names and values, byte for byte, in the order of arrival.
        body: The body, without transfer and content coding, cut at the provider's `body_limit`.
        body_length: The length of the whole body in bytes.
        body_sha256: The SHA-256 of the whole body, in hexadecimal digits.
        endpoint: The name of the endpoint: `request_token`, `authorize`, `access_token`, `renew`, `revoke`,
            `identify`, `posts`, `post`, `echo` or `unknown`.
        verdict: Whether it was accepted, refused or intercepted.
        why: Why it was not accepted: the `oauth_problem`, or a word like `not_found`; empty if it was.
        status: The status of the reply; 0 if a hook dropped the connection.
        consumer_key: The received `oauth_consumer_key`, verified or not, if there was one.
        token_key: The received `oauth_token`, verified or not, if there was one.
        user: The user of the access token, if it was authenticated.
        signature_method: The received `oauth_signature_method`, if there was one.
        nonce: The received `oauth_nonce`, if there was one.
        timestamp: The received `oauth_timestamp`, as text, if there was one.
        base_string: The signature base string that the provider built (RFC 5849 section 3.4.1); empty if the
            request had no OAuth parameters.
    """

    number: int
    time: float
    peer_port: int
    request_line: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    body_length: int
    body_sha256: str
    endpoint: str
    verdict: Verdict
    why: str = ""
    status: int = 0
    consumer_key: str | None = None
    token_key: str | None = None
    user: str | None = None
    signature_method: str | None = None
    nonce: str | None = None
    timestamp: str | None = None
    base_string: str = ""

    def __repr__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        user = "" if self.user is None else f", user={self.user!r}"
        return (
            f"<Arrival {self.number}: {self.method} {self.path!r} on {self.endpoint}, "
            f"{self.verdict}{why}, status {self.status}{user}>"
        )

    @property
    def method(self) -> str:
        """The request's method."""
        return self.request_line.split(b" ", 1)[0].decode("latin-1")

    @property
    def target(self) -> bytes:
        """The request target, byte for byte: path and query."""
        return self.request_line.split(b" ", 1)[1].rpartition(b" ")[0]

    @property
    def path(self) -> str:
        """The path of the target as it came, its percent-encoding kept."""
        return self.target.partition(b"?")[0].decode("latin-1")

    def header(self, name: str) -> bytes | None:
        """Return the value of a header field as it was received.

        Args:
            name: The header's name, in any letter case.

        Returns:
            The first value under that name, None if there is none.
        """
        wanted = name.lower().encode("latin-1")
        return next((value for given, value in self.headers if given.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Summary:
    """A ledger in figures.

    Args:
        accepted: How many requests were accepted, at any endpoint.
        refused: How many were refused.
        intercepted: How many a `before` hook or a scripted fault answered.
        posts: How many posts there are now.
        endpoints: How many requests each endpoint accepted, by the endpoint's name.
        problems: How many requests were refused for each reason, by the reason.
    """

    accepted: int
    refused: int
    intercepted: int
    posts: int
    endpoints: Mapping[str, int] = field(default_factory=dict, hash=False)
    problems: Mapping[str, int] = field(default_factory=dict, hash=False)


class Ledger(Sequence[Arrival]):
    """The arrivals, in the order of their verdicts.

    Args:
        limit: How many of the newest to keep. By default all.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._arrivals: deque[Arrival] = deque(maxlen=limit)

    def __len__(self) -> int:
        return len(self._arrivals)

    def __iter__(self) -> Iterator[Arrival]:
        return iter(tuple(self._arrivals))  # a copy: requests may arrive while the caller looks

    @overload
    def __getitem__(self, index: int) -> Arrival: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Arrival, ...]: ...

    def __getitem__(self, index: int | slice) -> Arrival | tuple[Arrival, ...]:
        return self._arrivals[index] if isinstance(index, int) else tuple(self._arrivals)[index]

    def __repr__(self) -> str:
        return f"<Ledger of {len(self)} arrivals>"

    def select(self, *, endpoint: str | None = None, verdict: Verdict | None = None) -> list[Arrival]:
        """Return the arrivals that match.

        Args:
            endpoint: Only those at this endpoint; None means any.
            verdict: Only those with this verdict; None means any.

        Returns:
            The arrivals in order.
        """
        return [
            arrival
            for arrival in self
            if (endpoint is None or arrival.endpoint == endpoint)
            and (verdict is None or arrival.verdict == verdict)
        ]

    def add(self, arrival: Arrival) -> None:
        """Add an arrival. The provider calls this.

        Args:
            arrival: The arrival.
        """
        self._arrivals.append(arrival)

    def summary(self, posts: int) -> Summary:
        """Return the ledger in figures.

        Args:
            posts: How many posts there are now.

        Returns:
            The figures, over the arrivals that are kept.
        """
        verdicts = Counter(arrival.verdict for arrival in self)
        return Summary(
            accepted=verdicts["accepted"],
            refused=verdicts["refused"],
            intercepted=verdicts["intercepted"],
            posts=posts,
            endpoints=dict(Counter(arrival.endpoint for arrival in self.select(verdict="accepted"))),
            problems=dict(Counter(arrival.why for arrival in self.select(verdict="refused"))),
        )
