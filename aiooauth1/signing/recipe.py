"""The steps of a signature as data, so that each step can be made wrongly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiooauth1.signing.base_string import base_string_prefix, parse_url
from aiooauth1.signing.encoding import decoded_again, percent_encode
from aiooauth1.signing.methods import HMAC_SHA1, HMAC_SHA256, HMAC_SHA512, Hmac
from aiooauth1.signing.natural_order import natural_key


if TYPE_CHECKING:
    from aiooauth1.signing.rules import SigningRules
    from aiooauth1.signing.sent_request import Pairs, SentRequest


__all__ = ["HASHES", "Key", "Recipe", "right_recipe"]

HASHES = {method.name: method for method in (HMAC_SHA1, HMAC_SHA256, HMAC_SHA512)}
EncodedPairs = list[tuple[str, str]]
Step = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parts of a base string and how they are joined; each default is RFC 5849's."""

    method: str
    scheme: str
    host: str
    path: str
    oauth: Pairs
    query: Pairs
    form: Pairs
    value_steps: tuple[Step, ...] = ()  # after the encoding of each name and value
    protocol_steps: tuple[Step, ...] = ()  # after that of each protocol value
    uri_steps: tuple[Step, ...] = ()  # after the encoding of the base string URI
    whole_steps: tuple[Step, ...] = ()  # after the encoding of the joined parameters
    order: Callable[[EncodedPairs], EncodedPairs] = sorted
    oauth_last: bool = False

    def base_string(self) -> str:
        """Build the base string (RFC 5849 section 3.4.1.1)."""
        own = [self._encoded(name, value, self.protocol_steps) for name, value in self.oauth]
        others = [self._encoded(name, value, ()) for name, value in (*self.query, *self.form)]
        pairs = self.order(others + own if self.oauth_last else own + others)
        joined = _through(
            self.whole_steps, percent_encode("&".join([f"{name}={value}" for name, value in pairs]))
        )
        uri = _through(self.uri_steps, percent_encode(f"{self.scheme}://{self.host}{self.path}"))
        return f"{self.method}&{uri}&{joined}"

    def _encoded(self, name: bytes, value: bytes, more: tuple[Step, ...]) -> tuple[str, str]:
        text = _through(more, _through(self.value_steps, percent_encode(value)))
        return _through(self.value_steps, percent_encode(name)), text


def _through(steps: tuple[Step, ...], text: str) -> str:
    for step in steps:
        text = step(text)
    return text


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """Two secrets, how they are joined to the key, and the hash."""

    consumer: str
    token: str
    hash: Hmac | None
    """The HMAC, or None for PLAINTEXT, whose signature is the key."""
    is_encoded: bool = True
    joint: str = "&"

    def __repr__(self) -> str:
        return "<Key>"

    def signer(self) -> Step:
        """Return a function from base strings to signatures."""
        secrets = [self.consumer, self.token]
        if self.is_encoded:
            secrets = [percent_encode(secret) for secret in secrets]
        key = self.joint.join(secrets)
        if self.hash is None:
            return lambda _: key
        return self.hash.keyed_with(key.encode("utf-8", "surrogatepass"))


def right_recipe(request: SentRequest, rules: SigningRules) -> Recipe:
    """Return what makes the right base string of a request.

    Raises:
        SigningError: If the method or the URL cannot be signed.
    """
    url = request.url.partition("#")[0].partition("?")[0]
    base_string_prefix(request.method, url)  # it checks the method
    target = parse_url(url)
    path = target.path
    scheme, host = target.scheme, target.host
    if rules.signed_origin is not None:
        signed = parse_url(rules.signed_origin)
        scheme, host, path = signed.scheme, signed.host, signed.path.removesuffix("/") + path
    oauth, is_header = request.oauth()
    query, form = _unsigned(request.query()), _unsigned(request.form())
    if not is_header:  # the protocol's parameters are in query or form: the mistakes look for them in `oauth`
        oauth = tuple(pair for pair in (*query, *form) if pair[0].startswith(b"oauth_"))
        query = tuple(pair for pair in query if not pair[0].startswith(b"oauth_"))
        form = tuple(pair for pair in form if not pair[0].startswith(b"oauth_"))
    recipe = Recipe(
        request.method.upper(), rules.signed_scheme or scheme, host, path, _unsigned(oauth), query, form
    )
    if rules.decodes_twice:
        recipe = replace(recipe, value_steps=(decoded_again,))
    if rules.bare_values:
        recipe = replace(recipe, protocol_steps=(unquote,))
    if rules.natural_order:
        recipe = replace(recipe, order=naturally_sorted)
    return recipe


def naturally_sorted(pairs: EncodedPairs) -> EncodedPairs:
    """Sort as PHP's `strnatcmp` does."""
    return sorted(pairs, key=natural_key)


def _unsigned(pairs: Pairs) -> Pairs:
    return tuple(pair for pair in pairs if pair[0] != b"oauth_signature")
