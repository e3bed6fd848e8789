"""The usual mistakes in keys: each makes wrong keys of right ones, the likeliest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import unquote

from aiooauth1.signing.encoding import percent_encode
from aiooauth1.signing.methods import Hmac
from aiooauth1.signing.mistakes import Cause
from aiooauth1.signing.recipe import HASHES, Key


__all__ = ["KEY_MISTAKES", "Known"]


class Known(NamedTuple):
    """What may stand in a key by mistake, besides the two secrets."""

    request_token_secret: str | None
    consumer_key: str
    token_key: str | None

    def __repr__(self) -> str:
        return "<Known>"


KeyVariants = Callable[[Key, Known], Iterator[Key]]


def _no_ampersand(key: Key, _: Known) -> Iterator[Key]:
    yield replace(key, joint="%26")
    if not key.token:
        yield replace(key, joint="")
    else:
        yield replace(key, token="", joint="")
        yield replace(key, joint="")


def _key_not_encoded(key: Key, _: Known) -> Iterator[Key]:
    yield replace(key, is_encoded=False)


def _both(change: Callable[[str], str], key: Key) -> Iterator[Key]:
    consumer, token = change(key.consumer), change(key.token) if key.token else key.token
    yield replace(key, consumer=consumer)
    yield replace(key, token=token)
    yield replace(key, consumer=consumer, token=token)


def _white_space(key: Key, _: Known) -> Iterator[Key]:
    yield from _both(str.strip, key)
    for end in ("\n", "\r\n", " ", "\t", "\r"):
        yield from _both(lambda secret, end=end: secret + end, key)  # type: ignore[misc]
    yield from _both(lambda secret: " " + secret, key)
    yield from _both(lambda secret: f" {secret} ", key)
    yield from _both(lambda secret: "\ufeff" + secret, key)


def _quotes(key: Key, _: Known) -> Iterator[Key]:
    yield from _both(lambda secret: secret.strip("\"'"), key)
    for quote in "\"'":
        yield from _both(lambda secret, quote=quote: f"{quote}{secret}{quote}", key)  # type: ignore[misc]


def _key_encoded_twice(key: Key, _: Known) -> Iterator[Key]:
    yield from _both(percent_encode, key)
    yield from _both(unquote, key)


def _swapped(key: Key, _: Known) -> Iterator[Key]:
    yield replace(key, consumer=key.token, token=key.consumer)


def _request_token_secret(key: Key, known: Known) -> Iterator[Key]:
    if known.request_token_secret is not None:
        yield replace(key, token=known.request_token_secret)


def _key_for_secret(key: Key, known: Known) -> Iterator[Key]:
    yield replace(key, consumer=known.consumer_key)
    if known.token_key is not None:
        yield replace(key, token=known.token_key)
        yield replace(key, consumer=known.consumer_key, token=known.token_key)


def _no_token_secret(key: Key, _: Known) -> Iterator[Key]:
    yield replace(key, token="")


def _no_consumer_secret(key: Key, _: Known) -> Iterator[Key]:
    yield replace(key, consumer="")


def _one_secret_twice(key: Key, _: Known) -> Iterator[Key]:
    yield replace(key, token=key.consumer)
    yield replace(key, consumer=key.token)


def _hash(key: Key, _: Known) -> Iterator[Key]:
    others: list[Hmac | None] = [*HASHES.values(), Hmac("", "md5"), None]
    for other in others:
        if other != key.hash:
            yield replace(key, hash=other)


_KEY: list[tuple[str, KeyVariants, str, str]] = [
    ("request_token_secret", _request_token_secret, "The secret of the request token was used.",
     "Sign with the access token's secret once there is one."),
    ("secrets_swapped", _swapped, "The two secrets were swapped.", "The consumer's secret comes first."),
    ("key_for_secret", _key_for_secret, "A consumer key or token was used in place of its secret.",
     "Build the key from the two secrets; the consumer key and token are only sent."),
    ("token_secret_left_out", _no_token_secret, "The token's secret was left out of the key.",
     "The key is both secrets, with & between them."),
    ("consumer_secret_left_out", _no_consumer_secret, "The consumer's secret was left out of the key.",
     "The key is both secrets, with & between them."),
    ("one_secret_twice", _one_secret_twice, "One secret was used in place of the other.",
     "The key is the consumer's secret, &, the token's secret."),
    ("secret_white_space", _white_space, "A secret has white space at an end, on one side.",
     "Strip secrets when you read them from files and forms."),
    ("secret_quotes", _quotes, "A secret has quotes around it, on one side.",
     "Take the quotes out of the configuration."),
    ("secret_encoded_twice", _key_encoded_twice,
     "A secret was percent-encoded once too often, or not at all.",
     "Use the secret as the provider shows it."),
    ("secret_not_encoded", _key_not_encoded, "The secrets were not percent-encoded in the key.",
     "Percent-encode each secret before joining them."),
    ("no_ampersand", _no_ampersand, "The key has no & after the consumer's secret, or an encoded one.",
     "Join the encoded secrets with a bare &; it stands there even without a token."),
    ("wrong_hash", _hash, "Another signature method was used than oauth_signature_method names.",
     "Use the hash that is named, or name the one used."),
]  # fmt: skip

KEY_MISTAKES = tuple((Cause(name, text, remedy), variants) for name, variants, text, remedy in _KEY)
