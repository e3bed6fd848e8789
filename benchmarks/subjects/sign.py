"""Subject `sign`: what signing one request costs."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.harness.measure import MINIMAL, compare
from benchmarks.harness.report import Mark, Row, Subject
from benchmarks.harness.requests import FORM_POST, JSON_POST, check, form_of
from benchmarks.peers import aiooauth1 as ours
from benchmarks.peers import load
from benchmarks.peers.bare import digest


if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness.measure import Effort
    from benchmarks.harness.requests import Request
    from benchmarks.peers import SigningPeer


PEERS = {"oauthlib": "oauthlib", "authlib": "authlib", "aioauth_client": "aioauth_client"}
JSON_MARKS = {"oauthlib": 25.0, "authlib": 25.0}
FORM_MARKS = {"oauthlib": 12.0, "authlib": 12.0, "aioauth_client": 2.5}
COUNTS = (10, 100, 1_000, 10_000)


def measure(effort: Effort) -> Subject:
    """Measure every row of the subject.

    Raises:
        ValueError: If one of the compared libraries signs wrongly.
    """
    found = {name: load(name, module) for name, module in PEERS.items()}
    peers: dict[str, SigningPeer] = {name: peer for name, peer in found.items() if peer is not None}

    rows = [_over_bare("JSON POST", JSON_POST, ours, 2.0, effort)]
    rows += _over_peers("JSON POST", JSON_POST, ours, _marked(peers, JSON_MARKS), effort)
    rows.append(_over_bare("form POST", FORM_POST, ours, 5.0, effort))
    rows += _over_peers("form POST", FORM_POST, ours, _marked(peers, FORM_MARKS), effort)
    counts = COUNTS[:3] if effort is MINIMAL else COUNTS
    for count in counts:
        never_slower = [(peer, 1.0) for peer in peers.values()]
        rows += _over_peers(f"{count:,} parameters", form_of(count), ours, never_slower, effort)
    rows += [_growth(few, many, ours, effort) for few, many in pairwise(counts)]
    return Subject(
        "sign",
        "a header with HMAC-SHA1, a new nonce and timestamp, as the session makes it; in CPU time",
        tuple(rows),
        tuple(peer.DISTRIBUTION for peer in peers.values()),
        tuple(f"{name} is not installed: not compared" for name, peer in found.items() if peer is None),
    )


def _marked(peers: dict[str, SigningPeer], marks: dict[str, float]) -> list[tuple[SigningPeer, float]]:
    return [(peer, marks[name]) for name, peer in peers.items() if name in marks]


def _checked(peer: SigningPeer, request: Request) -> Callable[[], object]:
    """Return the peer's function after a check that it signs rightly, with a new nonce each time."""
    call = peer.sign(request)
    nonces = set()
    for _ in range(2):
        sent = peer.parameters(call())
        check(request, sent, peer.DISTRIBUTION)
        nonces.add(dict(sent)["oauth_nonce"])
    if len(nonces) == 1:
        raise ValueError(f"{peer.DISTRIBUTION} signed twice with one nonce: it is not timed")
    return call


def _over_bare(case: str, request: Request, ours: SigningPeer, factor: float, effort: Effort) -> Row:
    comparison = compare(_checked(ours, request), digest(request), effort)
    return Row(case, "bare hmac.digest", comparison, Mark("at most", factor))


def _over_peers(
    case: str, request: Request, ours: SigningPeer, peers: list[tuple[SigningPeer, float]], effort: Effort
) -> list[Row]:
    call = _checked(ours, request)
    return [
        Row(case, peer.DISTRIBUTION, compare(call, _checked(peer, request), effort), Mark("at least", factor))
        for peer, factor in peers
    ]


def _growth(few: int, many: int, ours: SigningPeer, effort: Effort) -> Row:
    """Compare two sizes: the time may grow no faster than sorting."""
    bound = many * math.log(many) / (few * math.log(few))
    comparison = compare(_checked(ours, form_of(many)), _checked(ours, form_of(few)), effort)
    return Row(f"{many:,} parameters", f"itself with {few:,}: n log n", comparison, Mark("at most", bound))
