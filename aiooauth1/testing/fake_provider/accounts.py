"""What a FakeProvider knows: consumers, users, their tokens and posts, and the nonces that it has seen."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from aiooauth1.credentials import AccessToken, RequestToken
from aiooauth1.testing.fake_provider.ledger import Post


if TYPE_CHECKING:
    from aiooauth1.credentials import Consumer


__all__ = ["Accounts", "IssuedAccessToken", "IssuedRequestToken"]


@dataclass(frozen=True, slots=True)
class IssuedRequestToken:
    """A request token as the provider has it in its books.

    Args:
        token: The token.
        consumer_key: The consumer that asked for it: nobody else may use it.
        callback: Where the user is sent back to, or `oob`.
        expires_at: Until when it is good, in seconds by the provider's clock.
        state: How far its handshake has come.
        user: The user who answered; empty before that.
        verifier: The verifier, once approved; empty before that.
    """

    token: RequestToken
    consumer_key: str
    callback: str
    expires_at: float
    state: Literal["pending", "approved", "denied", "used"] = "pending"
    user: str = ""
    verifier: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class IssuedAccessToken:
    """An access token as the provider has it in its books.

    Args:
        token: The token.
        consumer_key: The consumer to which it was given: nobody else may use it.
        user: For whom it speaks.
        state: Whether it is still good.
    """

    token: AccessToken
    consumer_key: str
    user: str
    state: Literal["good", "revoked", "expired"] = "good"


class Accounts:
    """The books of a provider. No method awaits anything: between check and entry nothing can come.

    Args:
        window: For how many seconds a nonce is remembered.
        request_token_ttl: For how many seconds a request token is good.
    """

    def __init__(self, *, window: float, request_token_ttl: float) -> None:
        self._window = window
        self._request_token_ttl = request_token_ttl
        self.consumers: dict[str, Consumer] = {}
        self.passwords: dict[str, str] = {}
        self.request_tokens: dict[str, IssuedRequestToken] = {}
        self.access_tokens: dict[str, IssuedAccessToken] = {}
        self.posts: dict[int, Post] = {}
        self._last_post = 0
        self._user_ids: dict[str, str] = {}
        self._nonces: dict[int, set[tuple[str, str, str]]] = {}
        self._last_timestamps: dict[tuple[str, str], int] = {}

    def use_nonce(self, timestamp: int, now: float, consumer_key: str, token_key: str, nonce: str) -> bool:
        """Enter a nonce (RFC 5849 section 3.3)."""
        if timestamp not in self._nonces:
            # Beyond the window the timestamp itself is refused, so that the nonces may be forgotten.
            for old in [stamp for stamp in self._nonces if stamp < now - self._window - 1]:
                del self._nonces[old]
        seen = self._nonces.setdefault(timestamp, set())
        before = len(seen)
        seen.add((consumer_key, token_key, nonce))
        return len(seen) > before

    def is_in_order(self, timestamp: int, consumer_key: str, token_key: str) -> bool:
        """Enter a timestamp."""
        last = self._last_timestamps.get((consumer_key, token_key), 0)
        self._last_timestamps[consumer_key, token_key] = max(last, timestamp)
        return timestamp >= last

    def issue_request_token(self, consumer: Consumer, callback: str, now: float) -> RequestToken:
        """Make a request token (RFC 5849 section 2.1)."""
        token = RequestToken("rt-" + secrets.token_hex(12), secrets.token_hex(16))
        self.request_tokens[token.key] = IssuedRequestToken(
            token, consumer.key, callback, now + self._request_token_ttl
        )
        return token

    def set_callback(self, token_key: str, callback: str) -> None:
        """Enter the callback that the authorize URL names, as OAuth 1.0 has it."""
        self.request_tokens[token_key] = replace(self.request_tokens[token_key], callback=callback)

    def answer(
        self, token_key: str, user: str, *, approved: bool, with_verifier: bool = True
    ) -> IssuedRequestToken:
        """Enter the user's answer (RFC 5849 section 2.2)."""
        issued = self.request_tokens[token_key]
        if approved:
            # A verifier that a person has to type is short, which is what single use and ttl are for.
            by_hand = issued.callback == "oob"
            verifier = f"{secrets.randbelow(10**7):07d}" if by_hand else secrets.token_hex(12)
            verifier = verifier if with_verifier else ""
            issued = replace(issued, state="approved", user=user, verifier=verifier)
        else:
            issued = replace(issued, state="denied", user=user)
        self.request_tokens[token_key] = issued
        return issued

    def exchange(self, token_key: str) -> AccessToken:
        """Swap an approved request token for an access token (RFC 5849 section 2.3)."""
        issued = self.request_tokens[token_key]
        self.request_tokens[token_key] = replace(issued, state="used")
        return self.issue_access_token(issued.user, issued.consumer_key)

    def issue_access_token(self, user: str, consumer_key: str) -> AccessToken:
        """Make an access token."""
        user_id = self._user_ids.setdefault(user, str(1000 + len(self._user_ids)))
        token = AccessToken(
            f"{user_id}-{secrets.token_hex(12)}",
            secrets.token_hex(16),
            params={"user_id": user_id, "screen_name": user},
        )
        self.access_tokens[token.key] = IssuedAccessToken(token, consumer_key, user)
        return token

    def change_state(self, token_key: str, state: Literal["good", "revoked", "expired"]) -> None:
        """Let an access token be good, or not any more."""
        self.access_tokens[token_key] = replace(self.access_tokens[token_key], state=state)

    def revoke_user(self, user: str) -> int:
        """Revoke every access token of a user that is still good, and return how many that were."""
        keys = [key for key, held in self.access_tokens.items() if held.user == user and held.state == "good"]
        for key in keys:
            self.change_state(key, "revoked")
        return len(keys)

    def add_post(self, user: str, text: str) -> Post:
        """Make a post."""
        self._last_post += 1
        post = Post(self._last_post, user, text)
        self.posts[post.id] = post
        return post

    def change_post(self, number: int, text: str) -> Post:
        """Let a post say something else."""
        post = replace(self.posts[number], text=text)
        self.posts[number] = post
        return post
