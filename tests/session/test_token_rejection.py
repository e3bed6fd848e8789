"""A rejected token is discarded, that token only, and the application is told once."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import TCPConnector
from patience import PATIENCE
from wire.listener import Arrival, Listener, ok, reply
from wire.oracle import oauth_parameters, verified
from wire.people import CONSUMER, SECRETS, TOKEN, provider_at, store_of

from aiooauth1 import (
    AccessToken,
    MemoryStore,
    OAuth1Session,
    Retry,
    StoreCorrupt,
    StoreUnavailable,
    TokenRejected,
    UnknownUser,
    raise_for_problem,
)
from aiooauth1.session.token_rejection import TokenRejection
from aiooauth1.signing import HMAC_SHA1
from aiooauth1.stores.cached import CachedStore
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.sqlite import SQLiteStore


if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiooauth1.stores.protocols import TokenStore


pytestmark = pytest.mark.socket

NEWER = AccessToken("newer-key", "newer-secret")
REVOKED = reply(401, body=b"oauth_problem=token_revoked")
REJECTION = TokenRejection("alice", TOKEN.key, "token_revoked", 401)


class Told:
    """An `on_token_rejected` that keeps account."""

    def __init__(self) -> None:
        self.rejections: list[TokenRejection] = []
        self.heard = asyncio.Event()

    async def __call__(self, rejection: TokenRejection) -> None:
        await asyncio.sleep(0)
        self.rejections.append(rejection)
        self.heard.set()

    @property
    def keys(self) -> list[str]:
        return [rejection.token_key for rejection in self.rejections]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener(lambda _: REVOKED) as running:
        yield running


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(params=["memory", "cached"])
async def store(request: pytest.FixtureRequest) -> Any:
    """A store that has alice's token."""
    made = await store_of(alice=TOKEN)
    return made if request.param == "memory" else CachedStore(made)


def session_at(listener: Listener, store: Any, told: Any, **options: Any) -> OAuth1Session:
    provider = provider_at(listener)
    return OAuth1Session(CONSUMER, provider=provider, store=store, on_token_rejected=told, **options)


async def post(session: OAuth1Session, user: str = "alice", path: str = "posts", **options: Any) -> int:
    """Post as a user; return the status."""
    async with session.post(path, user=user, **options) as response:
        return response.status


async def test_a_rejected_token_is_discarded_and_told_of_once_and_its_user_is_then_unknown(
    listener: Listener, store: Any, told: Told
) -> None:
    async with session_at(listener, store, told) as session:
        async with session.post("posts", user="alice", data={"status": "x"}) as response:
            assert (response.status, await response.read()) == (401, b"oauth_problem=token_revoked")
        assert told.rejections == [REJECTION]
        with pytest.raises(dataclasses.FrozenInstanceError):
            told.rejections[0].user = "bob"  # type: ignore[misc]
        assert await store.get_access_token("home", "alice") is None
        with pytest.raises(UnknownUser, match="alice"):
            await session.get("posts", user="alice")
        with pytest.raises(UnknownUser):
            await session.sign("GET", "posts", user="alice")
        assert (len(listener.arrivals), len(told.rejections)) == (1, 1)
        # Each further token of the user is told of once, too.
        await store.put_access_token("home", "alice", NEWER)
        assert await post(session) == 401
    assert told.keys == [TOKEN.key, NEWER.key]


REPLIES: dict[str, tuple[int, dict[str, str], bytes, bool]] = {
    # name: status, header fields, body, and whether the token is dead
    "revoked": (401, {}, b"oauth_problem=token_revoked", True),
    "expired": (401, {}, b"oauth_problem=token_expired", True),
    "rejected": (401, {}, b"oauth_problem=token_rejected", True),
    "used": (401, {}, b"oauth_problem=token_used", True),
    "with status 403": (403, {}, b"oauth_problem=token_revoked", True),
    "in the header": (401, {"WWW-Authenticate": 'OAuth oauth_problem="token_revoked"'}, b"", True),
    "X's 89": (401, {}, b'{"errors":[{"code":89,"message":"Invalid or expired token."}]}', True),
    "nothing": (401, {}, b"", False),
    "a page": (401, {"Content-Type": "text/html"}, b"<html><h1>401</h1>token_revoked</html>", False),
    "Basic": (401, {"WWW-Authenticate": 'Basic realm="proxy"'}, b"", False),
    "an unknown problem": (401, {}, b"oauth_problem=moon_is_full", False),
    "a wrong signature": (401, {}, b"oauth_problem=signature_invalid", False),
    "a nonce": (401, {}, b"oauth_problem=nonce_used", False),
    "the consumer": (401, {}, b"oauth_problem=consumer_key_refused", False),
    "a permission": (403, {}, b"oauth_problem=permission_denied", False),
    "X's 32": (401, {}, b'{"errors":[{"code":32,"message":"Could not authenticate you."}]}', False),
    "too many": (429, {}, b"oauth_problem=token_revoked", False),
    "a fault of theirs": (500, {}, b"oauth_problem=token_revoked", False),
    "all well": (200, {}, b"oauth_problem=token_revoked", False),
}


@pytest.mark.parametrize("retry", [None, Retry(attempts=1)], ids=["retry=None", "one attempt"])
@pytest.mark.parametrize("name", REPLIES)
async def test_a_token_is_discarded_only_if_the_refusal_says_that_it_is_dead(
    listener: Listener, store: Any, told: Told, name: str, retry: Retry | None
) -> None:
    status, fields, body, is_dead = REPLIES[name]
    listener.answer = lambda _: reply(status, fields, body)
    async with session_at(listener, store, told, retry=retry) as session:
        assert await post(session) == status
    assert await store.get_access_token("home", "alice") == (None if is_dead else TOKEN)
    assert [(one.user, one.token_key, one.status) for one in told.rejections] == (
        [("alice", TOKEN.key, status)] if is_dead else []
    )


async def test_a_rejected_token_is_never_resent(listener: Listener, store: Any, told: Told) -> None:
    async with session_at(listener, store, told, retry=Retry()) as session:
        assert await post(session, data={"a": "1"}) == 401
    assert (len(listener.arrivals), len(told.rejections)) == (1, 1)


# The store changes while the call is under way


async def _grant(store: Any, _: OAuth1Session) -> None:
    await store.put_access_token("home", "alice", NEWER)


async def _discard(store: Any, _: OAuth1Session) -> None:
    await store.discard_access_token("home", "alice")


async def _be_refused_elsewhere(_: Any, elsewhere: OAuth1Session) -> None:
    assert await post(elsewhere, path="elsewhere") == 401


# What happens, the token that the store has then, and which keys the other session is told of.
MEANWHILE: dict[str, tuple[Any, AccessToken | None, list[str]]] = {
    "a newer token is granted": (_grant, NEWER, []),
    "the application discards it": (_discard, None, []),
    # As with two processes on one store, to both of which the dead token was refused.
    "another session discards it": (_be_refused_elsewhere, None, [TOKEN.key]),
}


@pytest.mark.parametrize("name", MEANWHILE)
async def test_only_the_session_that_discards_a_rejected_token_is_told_of_it(
    listener: Listener, store: Any, told: Told, name: str
) -> None:
    happens, left, told_elsewhere = MEANWHILE[name]
    other = Told()
    async with session_at(listener, store, told) as session, session_at(listener, store, other) as elsewhere:

        async def while_it_is_refused(arrival: Arrival) -> AsyncIterator[bytes]:
            if arrival.path == "/posts":
                await happens(store, elsewhere)
            yield REVOKED

        listener.answer = while_it_is_refused
        assert await post(session) == 401
        assert await store.get_access_token("home", "alice") == left
        listener.answer = ok
        if left is not None:
            assert await post(session) == 200
            verified(listener.arrivals[-1], CONSUMER, left)
    assert (told.keys, other.keys) == ([], told_elsewhere)


@pytest.mark.parametrize("newer", [None, NEWER], ids=["gone", "granted again"])
async def test_calls_that_waited_for_a_connection_use_the_token_that_the_store_holds_then(
    listener: Listener, store: Any, told: Told, newer: AccessToken | None
) -> None:
    async def while_it_is_refused(arrival: Arrival) -> AsyncIterator[bytes]:
        if oauth_parameters(arrival)["oauth_token"] != TOKEN.key:
            yield reply()
            return
        await store.discard_access_token("home", "alice", TOKEN.key)
        if newer is not None:
            await store.put_access_token("home", "alice", newer)
        yield REVOKED

    listener.answer = while_it_is_refused
    async with session_at(listener, store, told, connector=TCPConnector(limit=2)) as session:
        calls = [session.get("posts", user="alice") for _ in range(50)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        unknown = sum(isinstance(one, UnknownUser) for one in answers)
        refused = [one for one in listener.arrivals if oauth_parameters(one)["oauth_token"] == TOKEN.key]
        assert len(refused) <= 2
        assert unknown == (50 - len(refused) if newer is None else 0)
        assert len(listener.arrivals) == (len(refused) if newer is None else 50)
        assert told.rejections == []
        # A user who connects again is served, with a token of the same key too.
        listener.answer = ok
        await store.put_access_token("home", "alice", TOKEN)
        assert await post(session) == 200


async def test_a_late_refusal_says_nothing_of_a_token_granted_since(
    listener: Listener, store: Any, told: Told
) -> None:
    """Some providers grant a user the same token key again."""
    gate = asyncio.Event()

    async def late(arrival: Arrival) -> AsyncIterator[bytes]:
        if arrival.path == "/late":
            await gate.wait()
        yield REVOKED

    listener.answer = late
    async with session_at(listener, store, told) as session:
        slow = asyncio.create_task(post(session, path="late"))
        while not listener.arrivals:  # noqa: ASYNC110  the listener keeps a list and no event
            await asyncio.sleep(0.001)
        assert await post(session) == 401
        await store.put_access_token("home", "alice", TOKEN)
        gate.set()
        assert await slow == 401
        assert await store.get_access_token("home", "alice") == TOKEN
        assert len(told.rejections) == 1
        # Refused again, it is discarded again.
        assert await post(session) == 401
        assert await store.get_access_token("home", "alice") is None
    assert told.keys == [TOKEN.key, TOKEN.key]


async def test_a_token_rejected_during_a_pause_is_not_resent(
    listener: Listener, store: Any, told: Told
) -> None:
    async def sleep(_: float) -> None:
        listener.answer = lambda _: REVOKED
        assert await post(session, path="other") == 401

    listener.answer = lambda _: reply(429)
    async with session_at(listener, store, told, sleep=sleep) as session:
        with pytest.raises(UnknownUser, match="connect the user again"):
            await post(session)
    assert [arrival.path for arrival in listener.arrivals] == ["/posts", "/other"]


async def test_a_hundred_calls_at_once_tell_of_a_rejected_token_once_and_other_users_keep_theirs(
    listener: Listener, store: Any, told: Told
) -> None:
    bob, gate = AccessToken("bob-key", "bob-secret"), asyncio.Event()
    await store.put_access_token("home", "bob", bob)
    await store.put_access_token("other home", "alice", TOKEN)

    async def when_all_are_there(arrival: Arrival) -> AsyncIterator[bytes]:
        if len(listener.arrivals) == 101:
            gate.set()
        await gate.wait()
        yield REVOKED if oauth_parameters(arrival)["oauth_token"] == TOKEN.key else reply()

    listener.answer = when_all_are_there
    async with session_at(listener, store, told, connector=TCPConnector(limit=0)) as session:
        view = session.replace(realm="R")
        calls = [post(one) for one in (session, view) for _ in range(50)]
        assert await asyncio.gather(*calls, post(session, "bob")) == [401] * 100 + [200]
        assert await post(session, "bob") == 200
    assert told.rejections == [REJECTION]
    assert await store.get_access_token("home", "bob") == bob
    assert await store.get_access_token("other home", "alice") == TOKEN


@pytest.mark.parametrize("how", ["call", "session", "without a store", "two-legged"])
async def test_a_rejected_token_of_no_user_is_told_of_once_and_the_store_is_left_alone(
    listener: Listener, store: Any, told: Told, how: str
) -> None:
    async with session_at(listener, None if how == "without a store" else store, told) as session:
        view = session if how in {"call", "two-legged"} else session.replace(token=TOKEN)
        options: dict[str, Any] = {"token": TOKEN} if how == "call" else {}
        replies = await asyncio.gather(*(view.get("posts", **options) for _ in range(10)))
        assert {response.status for response in replies} == {401}
    expected = dataclasses.replace(REJECTION, user=None)
    assert told.rejections == ([] if how == "two-legged" else [expected])
    assert await store.get_access_token("home", "alice") == TOKEN


@pytest.mark.parametrize("of", ["call", "session"])
async def test_a_rejected_token_is_noticed_if_statuses_are_raised(
    listener: Listener, store: Any, told: Told, of: str
) -> None:
    options: dict[str, Any] = {"raise_for_status": True}
    of_session, of_call = (options, {}) if of == "session" else ({}, options)
    async with session_at(listener, store, told, **of_session) as session:
        with pytest.raises(aiohttp.ClientResponseError):
            await post(session, **of_call)
        await store.put_access_token("home", "alice", NEWER)
        with pytest.raises(TokenRejected, match="token_revoked"):
            await post(session, raise_for_status=raise_for_problem)
    assert await store.get_access_token("home", "alice") is None
    assert told.keys == [TOKEN.key, NEWER.key]


@pytest.mark.parametrize("is_away", [True, False], ids=["to another origin", "within the origin"])
async def test_a_refusal_after_a_redirect_counts_only_within_the_origin(
    listener: Listener, store: Any, told: Told, *, is_away: bool
) -> None:
    async with Listener(lambda _: REVOKED) as stranger:
        location = f"{stranger.origin}/moved" if is_away else "/moved"
        listener.answer = lambda arrival: (
            REVOKED if arrival.path == "/moved" else reply(303, {"Location": location})
        )
        async with session_at(listener, store, told) as session:
            assert await post(session) == 401
    assert await store.get_access_token("home", "alice") == (TOKEN if is_away else None)
    assert len(told.rejections) == (not is_away)


# When the store or the application fails


class Failing(MemoryStore):
    """A store whose n-th discards fail, or whose reads do while it is down."""

    def __init__(self, error: Exception, *failing: int) -> None:
        super().__init__()
        self._error, self._failing = error, failing
        self.discards, self.is_down = 0, False
        self.held: dict[int, asyncio.Event] = {}

    async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
        if self.is_down:
            raise self._error
        return await super().get_access_token(provider, user)

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        self.discards += 1
        number = self.discards
        if number in self.held:
            await self.held[number].wait()
        if number in self._failing:
            raise self._error
        return await super().discard_access_token(provider, user, key)


async def failing(error: Exception, *numbers: int) -> Failing:
    store = Failing(error, *numbers)
    await store.put_access_token("home", "alice", TOKEN)
    return store


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("no answer"), StoreCorrupt("not one of ours"), OSError(5, "disk"), RuntimeError("x")],
    ids=lambda error: type(error).__name__,
)
async def test_a_reply_is_returned_though_the_store_fails_to_discard_the_token(
    listener: Listener, told: Told, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.set_level(logging.DEBUG)
    async with session_at(listener, await failing(error, 1, 2), told) as session:
        for _ in range(3):
            async with session.post("posts", user="alice") as response:
                assert (response.status, await response.read()) == (401, b"oauth_problem=token_revoked")
        with pytest.raises(UnknownUser):
            await post(session)
    assert len(listener.arrivals) == 3
    assert [record.getMessage() for record in caplog.records if record.name == "aiooauth1"] == [
        f"rejected token of user 'alice' not discarded: {type(error).__name__}",
        "access token of 'home' for user 'alice' rejected: token_revoked",
        f"rejected token of user 'alice' not discarded: {type(error).__name__}",
    ]
    assert told.rejections == [REJECTION]
    assert not any(secret in caplog.text for secret in SECRETS)


async def test_a_reply_is_returned_though_the_store_fails_after_another_discarded_the_token(
    listener: Listener, told: Told
) -> None:
    store = await failing(StoreUnavailable("no answer"))

    async def while_it_is_refused(_: Arrival) -> AsyncIterator[bytes]:
        await store.discard_access_token("home", "alice", TOKEN.key)
        store.is_down = True
        yield REVOKED

    listener.answer = while_it_is_refused
    async with session_at(listener, store, told) as session:
        assert await post(session) == 401
    assert told.rejections == []


async def test_a_discard_that_fails_late_tells_nothing_of_a_token_discarded_meanwhile(
    listener: Listener, told: Told
) -> None:
    """One discard fails and is told of all the same, one works, and one that began before that fails."""
    store = await failing(StoreUnavailable("no answer"), 1, 2)
    store.held[2] = asyncio.Event()
    async with session_at(listener, store, told) as session:
        assert await post(session) == 401
        late = asyncio.create_task(post(session))
        while store.discards < 2:  # noqa: ASYNC110  it is the store that goes on, in the same loop
            await asyncio.sleep(0)
        assert await post(session) == 401
        store.held[2].set()
        assert await late == 401
    assert await store.get_access_token("home", "alice") is None
    assert told.rejections == [REJECTION]


async def test_an_error_of_the_handler_is_logged_and_not_raised(
    listener: Listener, store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(_: TokenRejection) -> None:
        raise LookupError("the application's own trouble")

    async with session_at(listener, store, fails) as session:
        assert await post(session) == 401
    assert await store.get_access_token("home", "alice") is None
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.name == "aiooauth1"
    assert (vars(record)["user"], vars(record)["provider"]) == ("alice", "home")
    assert "the application's own trouble" in caplog.text
    assert not any(secret in caplog.text for secret in SECRETS)


async def test_a_rejected_token_is_told_of_though_the_call_is_cancelled_during_the_discard(
    listener: Listener, told: Told
) -> None:
    store = await failing(StoreUnavailable("no answer"))
    store.held[1] = asyncio.Event()
    async with session_at(listener, store, told) as session:
        call = asyncio.create_task(post(session))
        while not store.discards:  # noqa: ASYNC110  it is the store that goes on, in the same loop
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        store.held[1].set()
        async with asyncio.timeout(1):
            await told.heard.wait()
    assert told.rejections == [REJECTION]


EACH = 10


# No request is signed with a token after its discard returned


class Watching:
    """HMAC-SHA1 that notes each signature made with a token that was discarded or replaced before."""

    name = "HMAC-SHA1"

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.late: list[str] = []

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        key = base_string.partition("oauth_token%3D")[2].partition("%26")[0]
        if key in self.dead:
            self.late.append(key)
        return HMAC_SHA1.sign(base_string, consumer_secret, token_secret)


@asynccontextmanager
async def store_of_kind(kind: str, request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[TokenStore]:
    if kind == "memory":
        yield MemoryStore()
    elif kind == "SQLite":
        async with SQLiteStore(folder / "tokens.db", timeout=PATIENCE) as sqlite:
            yield sqlite
    else:
        url = request.getfixturevalue("redis_url")
        async with RedisStore.from_url(url, prefix=folder.name, timeout=PATIENCE) as redis:
            yield redis


@pytest.mark.parametrize("kind", ["memory", "SQLite", "Redis"])
async def test_no_request_is_signed_with_a_discarded_or_replaced_token(
    kind: str, listener: Listener, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Each user posts ten times, while others discard and replace their tokens."""
    async with store_of_kind(kind, request, tmp_path) as store:
        await _post_while_tokens_change(store, listener, [f"u{number}" for number in range(200)])


async def _post_while_tokens_change(store: TokenStore, listener: Listener, users: list[str]) -> None:
    method = Watching()
    for user in users:
        await store.put_access_token("home", user, AccessToken(f"{user}.0", "secret"))

    async def rotate() -> None:
        for user in users[::2]:
            await asyncio.sleep(0.001)
            if int(user[1:]) % 4:
                await store.put_access_token("home", user, AccessToken(f"{user}.1", "secret"))
            else:
                await store.discard_access_token("home", user)
            method.dead.add(f"{user}.0")

    listener.answer = lambda arrival: (
        reply(503, {"Retry-After": "0"}) if len(listener.arrivals) % 50 == 0 else ok(arrival)
    )
    async with session_at(listener, store, None, signature_method=method) as session:
        calls = [session.post("posts", user=user) for _ in range(EACH) for user in users]
        rotating = asyncio.create_task(rotate())
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        await rotating
    assert method.late == []
    kinds = {type(one).__name__ for one in outcomes}
    assert kinds == {"ClientResponse", "UnknownUser"}
    used = {oauth_parameters(one)["oauth_token"] for one in listener.arrivals}
    assert any(key.endswith(".1") for key in used)


class Threaded:
    """HMAC-SHA1 that is computed in a thread, which waits until it may end."""

    name = "HMAC-SHA1"
    takes_long = True

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def sign(self, base_string: str, consumer_secret: str, token_secret: str) -> str:
        self.began.set()
        assert self.may_end.wait(10)
        return HMAC_SHA1.sign(base_string, consumer_secret, token_secret)


@pytest.mark.parametrize("placement", ["header", "query"])
async def test_a_token_replaced_while_a_thread_signs_with_it_is_not_sent(
    listener: Listener, store: Any, placement: str
) -> None:
    listener.answer, method = ok, Threaded()
    async with session_at(listener, store, None, signature_method=method, placement=placement) as session:
        call = asyncio.create_task(post(session))
        assert await asyncio.to_thread(method.began.wait, 10)
        await store.put_access_token("home", "alice", NEWER)
        method.may_end.set()
        assert await call == 200
    (arrival,) = listener.arrivals
    assert TOKEN.key.encode() not in arrival.octets
    assert arrival.octets.count(b"oauth_signature=") == 1
    if placement == "header":
        verified(arrival, CONSUMER, NEWER)


# When tokens are kept


async def test_discard_rejected_false_keeps_the_token_which_the_rejection_carries(
    listener: Listener, store: Any, told: Told
) -> None:
    async with session_at(listener, store, told, discard_rejected=False) as session:
        assert [await post(session) for _ in range(2)] == [401, 401]
    assert [one.token for one in told.rejections] == [TOKEN]
    assert not any(secret in repr(told.rejections) for secret in SECRETS)
    assert await store.get_access_token("home", "alice") == TOKEN


async def test_tokens_are_kept_once_five_users_in_a_row_are_rejected(
    listener: Listener, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong consumer key looks like that: the fifth user in a row and all after them keep their tokens."""
    users = [f"user {number}" for number in range(20)]
    store = await store_of(**{user: AccessToken(f"key of {user}", "secret") for user in users})
    async with session_at(listener, store, told) as session:
        assert [await post(session, user) for user in users] == [401] * 20
        assert sorted([user async for user in store.users("home")]) == sorted(users[4:])
        assert len(told.rejections) == 4
        (warning,) = [one for one in caplog.messages if "in a row" in one]
        assert "5 users" in warning
        assert "consumer key" in warning
        # One success shows that the consumer key is right: the next rejection is about its token.
        listener.answer = ok
        assert await post(session, users[4]) == 200
        listener.answer = lambda _: REVOKED
        assert await post(session, users[5]) == 401
    assert await store.get_access_token("home", users[5]) is None


@pytest.mark.parametrize("size", [0, 500_000], ids=["a small refusal", "a large refusal"])
async def test_a_handler_may_call_the_session_while_the_refusal_holds_the_only_connection(
    listener: Listener, store: Any, size: int
) -> None:
    done = asyncio.Event()

    async def calls_back(_: TokenRejection) -> None:
        async with session.get("elsewhere", token=NEWER) as response:
            assert response.status == 200
        done.set()

    refusal = reply(401, body=b"oauth_problem=token_revoked&more=" + b"x" * size)
    listener.answer = lambda arrival: ok(arrival) if arrival.path == "/elsewhere" else refusal
    session = session_at(listener, store, calls_back, connector=TCPConnector(limit=1))
    async with asyncio.timeout(10), session:
        async with session.get("posts", user="alice") as response:
            assert len(await response.read()) >= size
        await done.wait()


async def test_a_handler_may_close_the_session_that_calls_it(listener: Listener, store: Any) -> None:
    sessions: list[OAuth1Session] = []

    async def close(_: TokenRejection) -> None:
        await sessions[0].close()

    sessions.append(session_at(listener, store, close))
    async with asyncio.timeout(3):  # it is not waited for by itself, which took five seconds
        response = await sessions[0].get("posts", user="alice")
    assert response.status == 401


async def test_a_handler_that_never_ends_is_cancelled_by_closing_and_its_call_gets_the_refusal(
    listener: Listener, store: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("aiooauth1.session.token_rejection._LONGEST_DRAIN", 0.05)
    began = asyncio.Event()

    async def hang(_: TokenRejection) -> None:
        began.set()
        await asyncio.Event().wait()

    session = session_at(listener, store, hang)
    call = asyncio.ensure_future(session.get("posts", user="alice"))
    await began.wait()
    await session.close()
    assert (await call).status == 401
    assert "on_token_rejected was cancelled" in caplog.text
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_waits_for_a_running_handler(listener: Listener, store: Any) -> None:
    began, finished = asyncio.Event(), asyncio.Event()

    async def slow(_: TokenRejection) -> None:
        began.set()
        await asyncio.sleep(0.05)
        finished.set()

    session = session_at(listener, store, slow)
    call = asyncio.create_task(post(session))
    await began.wait()
    call.cancel()
    await session.close()
    assert finished.is_set()


async def test_disconnect_discards_the_token(listener: Listener, store: Any) -> None:
    async with session_at(listener, store, None) as session:
        assert [await session.disconnect("alice") for _ in range(2)] == [True, False]
        with pytest.raises(UnknownUser):
            await post(session)
    assert listener.arrivals == []
