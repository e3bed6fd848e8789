"""The requests that are signed, and a plain calculation of their right signature."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit


if TYPE_CHECKING:
    from collections.abc import Iterable


CONSUMER_KEY = "xvz1evFS4wEEPTGEFPHBog"
CONSUMER_SECRET = "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"
TOKEN = "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"
TOKEN_SECRET = "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"
KEY = f"{CONSUMER_SECRET}&{TOKEN_SECRET}".encode()  # nothing in them needs encoding


@dataclass(frozen=True, slots=True)
class Request:
    """A request to be signed with HMAC-SHA1 and the credentials above.

    Args:
        url: Without a port, as it goes over the wire.
        form: The form's pairs, or None if the body is not a form and so is not signed.
    """

    url: str
    form: tuple[tuple[str, str], ...] | None = None

    @property
    def bare_url(self) -> str:
        """The URL without its query."""
        return self.url.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query's pairs."""
        return parse_qsl(urlsplit(self.url).query, keep_blank_values=True)

    @property
    def body(self) -> str | None:
        """The form as it goes over the wire."""
        return None if self.form is None else urlencode(self.form, quote_via=quote)


JSON_POST = Request("https://api.x.com/2/tweets")
FORM_POST = Request(  # X's documented example
    "https://api.x.com/1.1/statuses/update.json?include_entities=true",
    (("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),),
)


def form_of(count: int) -> Request:
    """Make a form POST of that many parameters, which are not in sorted order."""
    pairs = tuple((f"p{number * 7919 % count:05d}", f"value {number} & more") for number in range(count))
    return Request("https://api.x.com/1.1/lists/members/create_all.json", pairs)


def base_string(request: Request, parameters: Iterable[tuple[str, str]]) -> bytes:
    """Make the signature base string of RFC 5849 section 3.4.1 in the plainest way, with urllib alone."""
    pairs = [*request.query, *(request.form or ()), *parameters]
    encoded = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in pairs)
    normalized = "&".join(f"{name}={value}" for name, value in encoded)
    return "&".join(quote(part, safe="~") for part in ("POST", request.bare_url, normalized)).encode()


def check(request: Request, parameters: Iterable[tuple[str, str]], who: str) -> None:
    """Check that protocol parameters sign the request rightly.

    Raises:
        ValueError: If they do not.
    """
    sent = dict(parameters)
    signature = sent.pop("oauth_signature", "")
    expected = base64.b64encode(hmac.digest(KEY, base_string(request, sent.items()), "sha1")).decode()
    if signature != expected or sent.get("oauth_token") != TOKEN or len(sent.get("oauth_nonce", "")) < 8:  # noqa: PLR2004
        raise ValueError(f"{who} did not sign {request.bare_url} rightly: it is not timed")
