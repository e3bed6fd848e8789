"""Finds the mistakes that give a signature, by making each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiooauth1.errors import SigningError
from aiooauth1.signing.base_string_mistakes import BASE_STRING_MISTAKES, WIDE
from aiooauth1.signing.key_mistakes import KEY_MISTAKES, Known
from aiooauth1.signing.mistakes import Cause, targets
from aiooauth1.signing.recipe import HASHES, Key, right_recipe
from aiooauth1.signing.rules import SigningRules
from aiooauth1.signing.sent_request import SentRequest
from aiooauth1.signing.signature import Signature


if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiooauth1.credentials import AccessToken, Consumer, RequestToken
    from aiooauth1.signing.recipe import Recipe


__all__ = ["diagnose", "is_right"]

# Bounds of the search, in bytes encoded and hashed: together about a second on a slow core.
_MOST_ENCODED = 8_000_000
_MOST_HASHED = 100_000_000
_OVERHEAD = 600  # the fixed cost of one attempt, in bytes


def is_right(
    request: SentRequest | Signature,
    *,
    consumer: Consumer,
    token: RequestToken | AccessToken | None = None,
    signature: str | None = None,
    rules: SigningRules = SigningRules(),
) -> bool:
    """Return whether the signature is right by RFC 5849 and the provider's rules.

    Takes the arguments of `diagnose` and raises what it raises.
    """
    search = _Search(request, consumer=consumer, token=token, signature=signature, rules=rules)
    return search.right_signature() == search.signature


def diagnose(
    request: SentRequest | Signature,
    *,
    consumer: Consumer,
    token: RequestToken | AccessToken | None = None,
    signature: str | None = None,
    request_token: RequestToken | None = None,
    rules: SigningRules = SigningRules(),
) -> tuple[Cause, ...]:
    """Name the usual mistakes, one or two of them, that reproduce a signature.

    Every mistake known here is tried, then the pairs of them, within bounds that keep it below two
    seconds.

    Args:
        request: The request as it was sent, or as it arrived; or a signature of ours, for its request.
        consumer: The consumer's key and secret, as they should be.
        token: The token whose secret should have been used, or None.
        signature: The signature to explain, decoded. None: the request's own `oauth_signature`. If it is the
            one that the server expects, as Magento 1 sends it, the mistakes are the server's.
        request_token: The token of the handshake before, whose secret may have been used by mistake.
        rules: How the provider departs from RFC 5849.

    Returns:
        The mistakes that together give the signature. Empty if it is right (see `is_right`), and also if
        nothing known gives it: a secret is wrong then, or the request was changed in another way.

    Raises:
        SigningError: If the request has no signature, cannot be signed, or its signature method is none of
            HMAC-SHA1, HMAC-SHA256, HMAC-SHA512 and PLAINTEXT.

    >>> from aiooauth1.credentials import Consumer
    >>> from aiooauth1.signing.sent_request import SentRequest
    >>> header = (
    ...     'OAuth oauth_consumer_key="key", oauth_nonce="n", oauth_timestamp="1",'
    ...     ' oauth_signature_method="PLAINTEXT", oauth_signature="secret"'
    ... )
    >>> sent = SentRequest("GET", "https://api.example/", (("Authorization", header),))
    >>> [cause.name for cause in diagnose(sent, consumer=Consumer("key", "secret"))]
    ['no_ampersand']
    """
    search = _Search(
        request,
        consumer=consumer,
        token=token,
        signature=signature,
        rules=rules,
        request_token=request_token,
    )
    return search.causes()


def _sent(signature: Signature) -> SentRequest:
    """Return the request of a signature as it is sent with the parameters in the header."""
    prepared = signature.request
    headers = [("Authorization", signature.header())]
    if prepared.form is not None:
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    return SentRequest(prepared.method, prepared.url, tuple(headers), prepared.form or b"")


class _Search:
    """One search for the mistakes of one signature."""

    def __init__(
        self,
        request: SentRequest | Signature,
        *,
        consumer: Consumer,
        token: RequestToken | AccessToken | None,
        signature: str | None,
        rules: SigningRules,
        request_token: RequestToken | None = None,
    ) -> None:
        if isinstance(request, Signature):
            request = _sent(request)
        found = signature if signature is not None else request.protocol("oauth_signature")
        if not found:
            raise SigningError("the request has no oauth_signature: give the signature to explain")
        self.signature = found
        name = (request.protocol("oauth_signature_method") or "HMAC-SHA1").upper()
        if name != "PLAINTEXT" and name not in HASHES:
            raise SigningError(
                f"a signature by {name[:40]!r} cannot be diagnosed: give one by HMAC-SHA1, HMAC-SHA256,"
                " HMAC-SHA512 or PLAINTEXT"
            )
        self._wanted = targets(found)
        self._request = request
        self._right = right_recipe(request, rules)
        self._key = Key(consumer.secret, token.secret if token is not None else "", HASHES.get(name))
        self._known = Known(
            request_token.secret if request_token is not None else None,
            consumer.key,
            token.key if token is not None else None,
        )
        self._encoded = self._hashed = 0
        self._seen: set[int] = set()

    def right_signature(self) -> str:
        """Return the signature as it should be."""
        return self._key.signer()(self._right.base_string())

    def causes(self) -> tuple[Cause, ...]:
        """Return the mistakes, or nothing."""
        for mistakes, value in self._attempts():
            if value in self._wanted:
                between = self._wanted[value]
                return (*mistakes, *((between,) if between is not None else ()))
        return ()

    def _attempts(self) -> Iterator[tuple[tuple[Cause, ...], str]]:
        base = self._right.base_string()
        self._seen.add(hash(base))
        sign = self._key.signer()
        yield (), sign(base)
        keys = list(self._keys())
        signers = [(cause, key.signer()) for cause, key in keys]
        yield from (((cause,), signer(base)) for cause, signer in signers)
        if self._key.hash is not None:
            bases = []
            for cause, recipe, changed in self._changed(self._right):
                bases.append((cause, recipe, changed))
                yield (cause,), sign(changed)
            for cause, _, changed in bases:
                for second, signer in signers:
                    if self._may_hash(changed):
                        yield (cause, second), signer(changed)
            for are_wide in (False, True):
                for cause, recipe, _ in bases:
                    for second, _, changed in self._changed(recipe, after=cause, are_wide=are_wide):
                        yield (cause, second), sign(changed)
        yield from self._key_pairs(keys, base)

    def _key_pairs(self, keys: list[tuple[Cause, Key]], base: str) -> Iterator[tuple[tuple[Cause, ...], str]]:
        places = {cause.name: place for place, (cause, _) in enumerate(KEY_MISTAKES)}
        for first, key in keys:
            for second, variants in KEY_MISTAKES[places[first.name] + 1 :]:
                for other in variants(key, self._known):
                    if self._may_hash(base):
                        yield (first, second), other.signer()(base)

    def _keys(self) -> Iterator[tuple[Cause, Key]]:
        known = {self._key}
        for cause, variants in KEY_MISTAKES:
            for key in variants(self._key, self._known):
                if key not in known:
                    known.add(key)
                    yield cause, key

    def _changed(
        self, recipe: Recipe, after: Cause | None = None, *, are_wide: bool = False
    ) -> Iterator[tuple[Cause, Recipe, str]]:
        """Yield the base strings that one more mistake makes, each once, within the bounds.

        After another mistake: those that come later in the list, and either none of both is wide or one is.
        """
        is_later = after is None
        for cause, variants in BASE_STRING_MISTAKES:
            if is_later and (after is None or (not WIDE.isdisjoint((cause.name, after.name))) == are_wide):
                for changed in variants(recipe, self._request):
                    if self._encoded > _MOST_ENCODED:
                        return
                    base = changed.base_string()
                    self._encoded += len(base) + _OVERHEAD
                    if hash(base) not in self._seen:
                        self._seen.add(hash(base))
                        yield cause, changed, base
            is_later = is_later or cause is after

    def _may_hash(self, base: str) -> bool:
        self._hashed += len(base) + _OVERHEAD
        return self._hashed <= _MOST_HASHED
