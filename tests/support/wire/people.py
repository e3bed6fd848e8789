"""A consumer and a user's token whose every part would be seen if it went where it must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiooauth1 import AccessToken, Consumer, MemoryStore, OAuth1Session, Provider


if TYPE_CHECKING:
    from wire.listener import Arrival, Listener


__all__ = ["CONSUMER", "SECRETS", "TOKEN", "headers_of", "provider_at", "signing", "store_of"]

SECRETS = ("Consumer/canary+1", "Token/canary+2")
CONSUMER = Consumer("consumer-key", SECRETS[0])
TOKEN = AccessToken("token-key", SECRETS[1])


def signing(**options: Any) -> OAuth1Session:
    """Return a session that signs as both, and makes one attempt unless it is told otherwise."""
    return OAuth1Session(CONSUMER, TOKEN, **{"retry": None, **options})


def provider_at(listener: Listener, **quirks: Any) -> Provider:
    """Return the listener as the provider "home"."""
    return Provider("home", **{"base_url": f"{listener.origin}/", **quirks})


async def store_of(**tokens: AccessToken) -> MemoryStore:
    """Return a store that has these users' tokens of "home"."""
    store = MemoryStore()
    for user, token in tokens.items():
        await store.put_access_token("home", user, token)
    return store


def headers_of(arrivals: list[Arrival]) -> list[str]:
    """Return what of the Authorization headers must not show either: nonces and signatures."""
    shown = []
    for arrival in arrivals:
        header = arrival.header("Authorization") or ""
        shown += [
            field.split('"')[1]
            for field in header.split(", ")
            if "_nonce=" in field or "_signature=" in field
        ]
    return shown
