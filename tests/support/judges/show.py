"""Show a judge a request of our session, and look at what arrived."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from aiooauth1 import AccessToken, Consumer, OAuth1Session, Provider
from judges.signers import base_string_by_hand, hmac_sha1_by_hand


if TYPE_CHECKING:
    from judges.judge import Arrival, Judge
    from judges.shapes import Shape


__all__ = ["Difference", "consumer_of", "provider_of", "show", "show_difference", "token_for"]

_NONCE = re.compile(r"[0-9a-f]{30}")


def consumer_of(judge: Judge) -> Consumer:
    """Return the consumer that every judge has registered."""
    return Consumer(judge.consumer_key, judge.consumer_secret)


def token_for(judge: Judge, user: str, secret: str | None = None) -> AccessToken:
    """Return an access token got without a handshake."""
    return AccessToken(*judge.book.grant(judge.consumer_key, user, secret))


def provider_of(judge: Judge, **more: Any) -> Provider:
    """Return the judge as a provider."""
    return Provider(
        type(judge).__name__,
        request_token_url=f"{judge.origin}/request_token",
        authorize_url=f"{judge.origin}/authorize",
        access_token_url=f"{judge.origin}/access_token",
        base_url=f"{judge.origin}/api/",
        **more,
    )


async def show(session: OAuth1Session, judge: Judge, shape: Shape, **options: Any) -> Arrival:
    """Make the request; see that the judge lets it pass, and that it arrived as it must."""
    before = len(judge.arrivals)
    call = session.request(shape.method, shape.url(judge.origin), **{**shape.options(), **options})
    async with call as response:
        answer = await response.text()
    assert response.status == 200, answer
    (arrival,) = judge.arrivals[before:]
    assert (arrival.method, arrival.target) == (shape.method, shape.target)
    if shape.body is not None:
        assert arrival.body == shape.body
    assert (arrival.headers.get("Transfer-Encoding") == "chunked") == shape.chunked
    assert _NONCE.fullmatch(arrival.oauth["oauth_nonce"])
    assert "oauth_body_hash" not in arrival.oauth
    if answer:  # none to a HEAD
        saw = json.loads(answer)
        digest = hashlib.sha256(arrival.body).hexdigest()
        assert (saw["target"], saw["length"], saw["sha256"]) == (shape.target, len(arrival.body), digest)
    return arrival


class Difference(NamedTuple):
    """A request that a judge refuses because it errs itself."""

    shape: Shape
    refused: str
    """What the judge says to it."""
    pairs: list[tuple[str, str]]
    """The request's own parameters, encoded as RFC 5849 section 3.4.1.3.2 wants them in the base string."""
    uri: str = ""
    """The base string URI where it is not the judge's origin and the path."""


async def show_difference(judge: Judge, difference: Difference) -> None:
    """Make the request; see that the judge refuses it, and that it was signed rightly nevertheless."""
    shape, token = difference.shape, token_for(judge, "alice")
    async with (
        OAuth1Session(consumer_of(judge), token) as session,
        session.request(shape.method, shape.url(judge.origin), **shape.options()) as response,
    ):
        assert response.status == 401
    (arrival,), (verdict,) = judge.arrivals, judge.verdicts
    assert difference.refused in verdict.refused
    assert arrival.target == shape.target
    uri = difference.uri or f"{judge.origin}{arrival.path}"
    base_string = base_string_by_hand(shape.method, uri, difference.pairs, arrival.oauth)
    assert verdict.base_string != base_string
    signature = hmac_sha1_by_hand(base_string, judge.consumer_secret, token.secret)
    assert arrival.oauth["oauth_signature"] == signature
