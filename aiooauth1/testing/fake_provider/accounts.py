"""A FakeProvider's state: consumers, users, their tokens and posts, and the nonces that it has seen."""

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
    """An issued request token.

    Args:
        token: The token.
        consumer_key: The consumer that it was issued to. No other may use it.
        callback: The callback URL, or `oob`.
        expires_at: When it expires, in seconds by the provider's clock.
        state: The state of its handshake.
        user: The user who answered; empty before that.
        verifier: The verifier; empty before the approval.
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
    """An issued access token.

    Args:
        token: The token.
        consumer_key: The consumer that it was issued to. No other may use it.
        user: The user that it was issued for.
        state: Whether it is still valid.
    """

    token: AccessToken
    consumer_key: str
    user: str
    state: Literal["valid", "revoked", "expired"] = "valid"


class Accounts:
    """The state of a provider. No method awaits anything, so each is atomic.

    Args:
        window: For how many seconds a nonce is remembered.
        request_token_ttl: For how many seconds a request token is valid.
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
        """Record a nonce, and say whether it is new (RFC 5849 section 3.3)."""
        if timestamp not in self._nonces:
            # Timestamps beyond the window are refused, so their nonces can be dropped.
            for old in [stamp for stamp in self._nonces if stamp < now - self._window - 1]:
                del self._nonces[old]
        seen = self._nonces.setdefault(timestamp, set())
        before = len(seen)
        seen.add((consumer_key, token_key, nonce))
        return len(seen) > before

    def is_in_order(self, timestamp: int, consumer_key: str, token_key: str) -> bool:
        """Record a timestamp, and say whether it is not before the last one."""
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
        """Set the callback that the authorize URL names (OAuth 1.0)."""
        self.request_tokens[token_key] = replace(self.request_tokens[token_key], callback=callback)

    def answer(
        self, token_key: str, user: str, *, approved: bool, with_verifier: bool = True
    ) -> IssuedRequestToken:
        """Record the user's answer (RFC 5849 section 2.2)."""
        issued = self.request_tokens[token_key]
        if approved:
            # A verifier to be typed is short: single use and ttl protect it.
            by_hand = issued.callback == "oob"
            verifier = f"{secrets.randbelow(10**7):07d}" if by_hand else secrets.token_hex(12)
            verifier = verifier if with_verifier else ""
            issued = replace(issued, state="approved", user=user, verifier=verifier)
        else:
            issued = replace(issued, state="denied", user=user)
        self.request_tokens[token_key] = issued
        return issued

    def exchange(self, token_key: str) -> AccessToken:
        """Exchange an approved request token for an access token (RFC 5849 section 2.3)."""
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

    def change_state(self, token_key: str, state: Literal["valid", "revoked", "expired"]) -> None:
        """Set whether an access token is valid."""
        self.access_tokens[token_key] = replace(self.access_tokens[token_key], state=state)

    def revoke_user(self, user: str) -> int:
        """Revoke every valid access token of a user, and return their number."""
        keys = [
            key for key, held in self.access_tokens.items() if held.user == user and held.state == "valid"
        ]
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
        """Change the text of a post."""
        post = replace(self.posts[number], text=text)
        self.posts[number] = post
        return post
