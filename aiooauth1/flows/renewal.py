"""Renews access tokens, one renewal at a time for each user, over any number of processes.

A lease is a record in the store for pending handshakes. Its key is a digest of the user and the token to be
renewed. The process that adds the record renews the token. The others wait until the record has the outcome,
or until the lease expires because that process has died. The stored token is replaced by compare-and-set
only, so a crash loses no token.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiooauth1.errors import (
    OAuth1Error,
    ProviderError,
    StoreCorrupt,
    StoreUnavailable,
    TokenRejected,
    TokenResponseError,
    UnknownUser,
)
from aiooauth1.flows.expiry import with_expiry
from aiooauth1.responses.problem import Problem, read_problem, read_success
from aiooauth1.responses.token import parse_access_token
from aiooauth1.stores.codec import dump_record, load_record


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiooauth1.credentials import AccessToken
    from aiooauth1.providers.provider import Provider
    from aiooauth1.stores.protocols import AccessTokenStore, Held, PendingStore


__all__ = ["SESSION_HANDLE", "Renewals", "parse_renewal", "refused_renewal"]

SESSION_HANDLE = "oauth_session_handle"
"""The parameter of the OAuth Session extension with which a new token is fetched."""

_LEASE_BEYOND_TIMEOUT = 18.0  # seconds for clock skew between processes
_LEASES_KEPT = 3  # a record lives for several leases: a process that takes over finds it
_FIRST_POLL, _LONGEST_POLL = 0.05, 0.5
_ATTEMPTS_TO_STORE = 5
_FRESH = 10.0  # seconds for which a renewed token is not renewed again
_REFUSED = frozenset({400, 401, 403})
_NEVER = 0.0
_OK = 200


@dataclass(frozen=True, slots=True)
class _Lease:
    """Who renews a token, or how that ended."""

    claim: str
    expires_at: float
    is_done: bool = False
    status: int = 0
    name: str | None = None
    meaning: str | None = None

    def dump(self) -> bytes:
        return dump_record({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def load(cls, record: bytes) -> _Lease:
        read = load_record(record)
        match read:
            case {
                "claim": str(claim),
                "expires_at": float() | int() as expires_at,
                "is_done": bool(is_done),
                "status": int(status),
                "name": str() | None as name,
                "meaning": str() | None as meaning,
            }:
                return cls(claim, expires_at, is_done, status, name, meaning)
            case _:
                raise StoreCorrupt("a stored renewal is not one of ours")


class Renewals:
    """Renews the access tokens of one provider's users.

    Args:
        provider: The provider's name.
        store: Where leases are.
        tokens: Where access tokens are.
        fetch: Sends one renewal request to the provider.
        timeout: Seconds that `fetch` may take.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        provider: str,
        store: PendingStore,
        tokens: AccessTokenStore,
        fetch: Callable[[AccessToken], Awaitable[AccessToken]],
        *,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._provider = provider
        self._store = store
        self._tokens = tokens
        self._fetch = fetch
        self._lease = timeout + _LEASE_BEYOND_TIMEOUT
        self._clock = clock
        self._running: dict[str, asyncio.Task[AccessToken]] = {}

    async def renew(self, user: str) -> AccessToken:
        """Renew a user's token. Concurrent calls for one user share one renewal.

        Raises:
            Exception: What `Handshake.renew` raises.
        """
        task = self._running.get(user)
        if task is None:
            task = self._running[user] = asyncio.create_task(self._renew(user))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            task.add_done_callback(lambda _: self._running.pop(user, None))
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait for renewals under way, as long as they may take."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=self._lease)

    async def _renew(self, user: str) -> AccessToken:
        loop = asyncio.get_running_loop()
        patience = loop.time() + 2 * self._lease  # one other process may die meanwhile
        token = await self._current(user)
        key = _lease_key(user, token)
        claim = os.urandom(16).hex()
        delay = _FIRST_POLL
        while True:
            if await self._is_fresh(user, key):
                return token
            held = await self._claim(key, claim)
            if held is not None:
                lease = _Lease.load(held.value)
                if lease.claim == claim:
                    break
                if lease.status:
                    raise Problem(lease.status, lease.name, meaning=lease.meaning).error(user=user)
                current = await self._current(user)
                if lease.is_done or current != token:
                    return current
            if loop.time() > patience:
                raise StoreUnavailable(
                    "another process is renewing this token and does not finish: try again later"
                )
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_POLL)
        return await self._renew_under(user, token, key, held)

    async def _is_fresh(self, user: str, key: str) -> bool:
        """Say whether the token was renewed a few seconds ago and needs no further renewal.

        The caller may have read the old token, and ask for its renewal after that has ended.
        """
        if await self._store.get_pending(self._provider, key) is not None:
            return False  # it is being renewed, or was
        return await self._store.get_pending(self._provider, _marker_key(user)) is not None

    async def _claim(self, key: str, claim: str) -> Held | None:
        """Return the lease record (ours if it has our claim), or None if it changed in the meantime."""
        mine = _Lease(claim, self._clock() + self._lease).dump()
        store, provider = self._store, self._provider
        await store.add_pending(provider, key, mine, ttl=_LEASES_KEPT * self._lease)
        held = await store.get_pending(provider, key)
        if held is None:
            return None
        lease = _Lease.load(held.value)
        if lease.claim == claim or lease.is_done or lease.status or lease.expires_at > self._clock():
            return held
        return await store.swap_pending(provider, key, held, mine)  # its process has died

    async def _renew_under(self, user: str, token: AccessToken, key: str, held: Held) -> AccessToken:
        """Renew while the lease is ours, and record how it ended."""
        lease = _Lease.load(held.value)
        try:
            current = await self._current(user)
            if current != token:  # another process was faster, or the user has reconnected
                return current
            new = await self._fetch(token)
        except TokenRejected as error:
            ended = replace(lease, status=error.status, name=error.problem, meaning="token_rejected")
            await self._end(key, held, ended)
            if is_dead(error):
                await self._tokens.discard_access_token(self._provider, user, token.key)
            raise
        except BaseException:
            await self._end(key, held, replace(lease, expires_at=_NEVER))  # the next call tries again
            raise
        if not await self._replace(user, token, new):
            new = await self._current(user)  # the user has reconnected, or was disconnected
        await self._end(key, held, replace(lease, is_done=True))
        return new

    async def _replace(self, user: str, token: AccessToken, new: AccessToken) -> bool:
        """Store the new token. The provider issues it only once, so a failed write is retried."""
        with suppress(StoreUnavailable):  # written before the token, so a reader of the token finds it
            await self._store.add_pending(self._provider, _marker_key(user), os.urandom(16), ttl=_FRESH)
        for attempt in range(_ATTEMPTS_TO_STORE):
            try:
                return await self._tokens.replace_access_token(self._provider, user, token.key, new)
            except StoreUnavailable:
                if attempt == _ATTEMPTS_TO_STORE - 1:
                    raise
            await asyncio.sleep(_FIRST_POLL * 2**attempt)
        raise AssertionError  # the loop returns or raises

    async def _end(self, key: str, held: Held, lease: _Lease) -> None:
        with suppress(StoreUnavailable):  # then the lease expires
            await self._store.swap_pending(self._provider, key, held, lease.dump())

    async def _current(self, user: str) -> AccessToken:
        token = await self._tokens.get_access_token(self._provider, user)
        if token is None:
            raise UnknownUser(f"no access token of {self._provider!r} for user {user!r}: connect them first")
        return token


def parse_renewal(body: bytes, token: AccessToken, provider: Provider, now: float) -> AccessToken:
    """Read the answer to a renewal: a new token, or a sentence that the old one stays valid (E*TRADE).

    Args:
        body: The body, decompressed.
        token: The token that was renewed.
        provider: The provider, for the time at which the renewed token expires.
        now: Seconds since the epoch.

    Raises:
        TokenResponseError: If it is neither.
    """
    if b"oauth_token" in body:
        new = parse_access_token(body, now, json=provider.json_token_replies)
        params = {**token.params, **new.params}
        return with_expiry(replace(new, params=params), provider, now)
    # Any sentence renews, so one that refuses must not, whatever its status: MediaWiki's have 200.
    is_refusal = read_success(_OK, (), body) or read_problem(_OK, (), body, at_token_endpoint=True).name
    if is_refusal or body.lstrip()[:1] in {b"<", b"{", b"["}:
        raise TokenResponseError("the answer to the renewal is neither a token nor a plain sentence")
    return with_expiry(replace(token, expires_at=None), provider, now)


def refused_renewal(error: ProviderError) -> OAuth1Error:
    """Return the error of a refused renewal: a TokenRejected for a refusal without a known reason."""
    problem = error.details
    if type(error) is not ProviderError or error.status not in _REFUSED or not isinstance(problem, Problem):
        return error
    refused = replace(problem, meaning="token_rejected").error(method=error.method, url=error.url)
    refused.details = problem  # the provider's own words, which do not say that the token is dead
    return refused


def is_dead(error: TokenRejected) -> bool:
    """Say whether the provider itself says that the token is dead."""
    return isinstance(error.details, Problem) and issubclass(error.details.error_type, TokenRejected)


def _lease_key(user: str, token: AccessToken) -> str:
    """Return the key of this token's lease. A renewed token has another lease."""
    parts = [user, token.key, token.secret, repr(token.expires_at)]
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"renewal:{digest}"


def _marker_key(user: str) -> str:
    """Return the key of the record that a token of this user was renewed a few seconds ago."""
    return f"renewed:{hashlib.sha256(user.encode('utf-8', 'surrogatepass')).hexdigest()}"
