"""A token that the provider takes no longer: that very token goes, once, and the application hears of it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import random
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import TCPConnector, web
from wire.listener import Arrival, Listener, Names, ok, reply
from wire.oracle import oauth_parameters, verified
from wire.people import CONSUMER, SECRETS, TOKEN

from aiooauth1 import (
    AccessToken,
    MemoryStore,
    OAuth1Session,
    Provider,
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
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiooauth1.stores.protocols import TokenStore


pytestmark = pytest.mark.socket

NEWER = AccessToken("newer-key", "newer-secret")
REVOKED = reply(401, body=b"oauth_problem=token_revoked")


class Told:
    """An `on_token_rejected` that keeps account."""

    def __init__(self) -> None:
        self.rejections: list[TokenRejection] = []
        self.heard = asyncio.Event()

    async def __call__(self, rejection: TokenRejection) -> None:
        await asyncio.sleep(0)
        self.rejections.append(rejection)
        self.heard.set()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener(lambda _: REVOKED) as running:
        yield running


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(params=["memory", "cached"])
async def store(request: pytest.FixtureRequest) -> Any:
    made = MemoryStore()
    await made.put_access_token("home", "alice", TOKEN)
    return made if request.param == "memory" else CachedStore(made)


def home(listener: Listener) -> Provider:
    return Provider("home", base_url=f"{listener.origin}/")


def session_at(listener: Listener, store: Any, told: Any, **options: Any) -> OAuth1Session:
    return OAuth1Session(CONSUMER, provider=home(listener), store=store, on_token_rejected=told, **options)


async def test_a_dead_token_is_discarded_and_told_of_and_its_user_is_unknown_from_then_on(
    listener: Listener, store: Any, told: Told
) -> None:
    async with session_at(listener, store, told) as session:
        async with session.post("posts", user="alice", data={"status": "x"}) as response:
            assert (response.status, await response.read()) == (401, b"oauth_problem=token_revoked")
        assert told.rejections == [TokenRejection("alice", TOKEN.key, "token_revoked", 401)]
        with pytest.raises(dataclasses.FrozenInstanceError):
            told.rejections[0].user = "bob"  # type: ignore[misc]
        assert await store.get_access_token("home", "alice") is None
        connections = listener.connections
        for _ in range(3):
            with pytest.raises(UnknownUser, match="alice"):
                await session.get("posts", user="alice")
        with pytest.raises(UnknownUser):
            await session.sign("GET", "posts", user="alice")
    assert (len(listener.arrivals), listener.connections) == (1, connections)
    assert len(told.rejections) == 1


DEAD: dict[str, tuple[int, dict[str, str], bytes]] = {
    "revoked": (401, {}, b"oauth_problem=token_revoked"),
    "expired": (401, {}, b"oauth_problem=token_expired"),
    "rejected": (401, {}, b"oauth_problem=token_rejected"),
    "used": (401, {}, b"oauth_problem=token_used"),
    "with status 403": (403, {}, b"oauth_problem=token_revoked"),
    "in the header": (401, {"WWW-Authenticate": 'OAuth realm="r", oauth_problem="token_revoked"'}, b""),
    "X's 89": (401, {}, b'{"errors":[{"code":89,"message":"Invalid or expired token."}]}'),
}
ALIVE: dict[str, tuple[int, dict[str, str], bytes]] = {
    "nothing": (401, {}, b""),
    "a page": (401, {"Content-Type": "text/html"}, b"<html><h1>401 Unauthorized</h1>token_revoked</html>"),
    "Basic": (401, {"WWW-Authenticate": 'Basic realm="proxy"'}, b""),
    "an unknown problem": (401, {}, b"oauth_problem=moon_is_full"),
    "a wrong signature": (401, {}, b"oauth_problem=signature_invalid"),
    "a nonce": (401, {}, b"oauth_problem=nonce_used"),
    "the consumer": (401, {}, b"oauth_problem=consumer_key_refused"),
    "a permission": (403, {}, b"oauth_problem=permission_denied"),
    "X's 32": (401, {}, b'{"errors":[{"code":32,"message":"Could not authenticate you."}]}'),
    "too many": (429, {}, b"oauth_problem=token_revoked"),
    "a fault of theirs": (500, {}, b"oauth_problem=token_revoked"),
    "all well": (200, {}, b"oauth_problem=token_revoked"),
}


@pytest.mark.parametrize("name", DEAD)
async def test_a_refusal_that_means_a_dead_token(
    listener: Listener, store: Any, told: Told, name: str
) -> None:
    listener.answer = lambda _: reply(*DEAD[name])
    async with session_at(listener, store, told) as session:
        assert (await session.get("posts", user="alice")).status == DEAD[name][0]
    assert await store.get_access_token("home", "alice") is None
    assert [(one.user, one.token_key, one.status) for one in told.rejections] == [
        ("alice", TOKEN.key, DEAD[name][0])
    ]


@pytest.mark.parametrize("name", ALIVE)
async def test_a_refusal_that_does_not_mean_it_kills_no_token(
    listener: Listener, store: Any, told: Told, name: str
) -> None:
    listener.answer = lambda _: reply(*ALIVE[name])
    async with session_at(listener, store, told, retry=None) as session:
        assert (await session.get("posts", user="alice")).status == ALIVE[name][0]
    assert await store.get_access_token("home", "alice") == TOKEN
    assert told.rejections == []


async def test_a_token_that_was_granted_meanwhile_stays(listener: Listener, store: Any, told: Told) -> None:
    async def while_it_is_refused(_: Arrival) -> AsyncIterator[bytes]:
        await store.put_access_token("home", "alice", NEWER)
        yield REVOKED

    listener.answer = while_it_is_refused
    async with session_at(listener, store, told) as session:
        assert (await session.get("posts", user="alice")).status == 401
        assert await store.get_access_token("home", "alice") == NEWER
        listener.answer = ok
        assert (await session.get("posts", user="alice")).status == 200
    verified(listener.arrivals[1], CONSUMER, NEWER)
    # Alice is connected: that her former token is dead is no news for anybody.
    assert told.rejections == []


async def test_who_discarded_it_tells_of_it_and_nobody_else(
    listener: Listener, store: Any, told: Told
) -> None:
    """As with two processes on one store, to both of which the dead token was refused."""
    told_elsewhere = Told()
    async with (
        session_at(listener, store, told) as session,
        session_at(listener, store, told_elsewhere) as elsewhere,
    ):

        async def while_it_is_refused(arrival: Arrival) -> AsyncIterator[bytes]:
            if arrival.path == "/posts":
                assert (await elsewhere.get("elsewhere", user="alice")).status == 401
            yield REVOKED

        listener.answer = while_it_is_refused
        assert (await session.get("posts", user="alice")).status == 401
    assert told_elsewhere.rejections == [TokenRejection("alice", TOKEN.key, "token_revoked", 401)]
    assert told.rejections == []


async def test_what_the_application_itself_discarded_meanwhile_is_no_news(
    listener: Listener, store: Any, told: Told
) -> None:
    async def while_it_is_refused(_: Arrival) -> AsyncIterator[bytes]:
        await store.discard_access_token("home", "alice")
        yield REVOKED

    listener.answer = while_it_is_refused
    async with session_at(listener, store, told) as session:
        assert (await session.get("posts", user="alice")).status == 401
    assert told.rejections == []


@pytest.mark.parametrize("newer", [None, NEWER], ids=["gone", "granted anew"])
async def test_calls_that_waited_use_the_token_that_the_store_holds_then(
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
    async with (
        TCPConnector(limit=2) as connector,
        session_at(listener, store, told, connector=connector, connector_owner=False) as session,
    ):
        calls = [session.get("posts", user="alice") for _ in range(50)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    unknown = sum(isinstance(one, UnknownUser) for one in answers)
    refused = [one for one in listener.arrivals if oauth_parameters(one)["oauth_token"] == TOKEN.key]
    assert len(refused) <= 2
    assert unknown == (50 - len(refused) if newer is None else 0)
    assert len(listener.arrivals) == (len(refused) if newer is None else 50)
    assert told.rejections == []


async def test_what_waited_for_a_connection_meanwhile_is_not_sent_with_a_dead_token(
    listener: Listener, store: Any, told: Told
) -> None:
    async with (
        TCPConnector(limit=2) as connector,
        session_at(listener, store, told, connector=connector) as session,
    ):
        calls = [session.get("posts", user="alice") for _ in range(50)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        sent = len(listener.arrivals)
        assert sent <= 4
        assert sum(isinstance(one, UnknownUser) for one in answers) == 50 - sent
        # Who connects anew is served, with a token of the same key too.
        listener.answer = ok
        await store.put_access_token("home", "alice", TOKEN)
        calls = [session.get("posts", user="alice") for _ in range(10)]
        assert {response.status for response in await asyncio.gather(*calls)} == {200}
    assert len(told.rejections) == 1


async def test_a_refusal_that_comes_late_says_nothing_of_what_was_granted_since(
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
        slow = asyncio.ensure_future(session.get("late", user="alice"))
        while not listener.arrivals:  # noqa: ASYNC110  the listener keeps a list and no event
            await asyncio.sleep(0.001)
        assert (await session.get("posts", user="alice")).status == 401
        await store.put_access_token("home", "alice", TOKEN)
        gate.set()
        assert (await slow).status == 401
        assert await store.get_access_token("home", "alice") == TOKEN
        assert len(told.rejections) == 1
        # Refused again, it is discarded again.
        assert (await session.get("posts", user="alice")).status == 401
        assert await store.get_access_token("home", "alice") is None
    assert [one.token_key for one in told.rejections] == [TOKEN.key, TOKEN.key]


async def test_a_token_that_dies_in_a_pause_is_not_sent_again(
    listener: Listener, store: Any, told: Told
) -> None:
    async def sleep(_: float) -> None:
        listener.answer = lambda _: REVOKED
        assert (await session.get("posts", user="alice")).status == 401

    session = session_at(listener, store, told, sleep=sleep)
    listener.answer = lambda _: reply(429)
    async with session:
        with pytest.raises(UnknownUser, match="connect the user again"):
            await session.post("posts", user="alice", data={"status": "x"})
    assert [arrival.method for arrival in listener.arrivals] == ["POST", "GET"]


async def test_each_of_a_users_tokens_is_told_of_once(listener: Listener, store: Any, told: Told) -> None:
    async with session_at(listener, store, told) as session:
        for token in (TOKEN, NEWER):
            await store.put_access_token("home", "alice", token)
            await asyncio.gather(*(session.get("posts", user="alice") for _ in range(10)))
    assert [one.token_key for one in told.rejections] == [TOKEN.key, NEWER.key]


async def test_a_hundred_calls_at_once_tell_of_it_once(listener: Listener, store: Any, told: Told) -> None:
    gate = asyncio.Event()

    async def when_all_are_there(_: Arrival) -> AsyncIterator[bytes]:
        if len(listener.arrivals) == 100:
            gate.set()
        await gate.wait()
        yield REVOKED

    listener.answer = when_all_are_there
    async with TCPConnector(limit=0) as connector:
        session = session_at(listener, store, told, connector=connector)
        view = session.replace(realm="R")
        async with session:
            calls = [one.get("posts", user="alice") for one in (session, view) for _ in range(50)]
            assert {response.status for response in await asyncio.gather(*calls)} == {401}
    assert told.rejections == [TokenRejection("alice", TOKEN.key, "token_revoked", 401)]


async def test_other_users_keep_theirs(listener: Listener, store: Any, told: Told) -> None:
    bob = AccessToken("bob-key", "bob-secret")
    await store.put_access_token("home", "bob", bob)
    await store.put_access_token("other home", "alice", TOKEN)
    listener.answer = lambda arrival: (
        REVOKED if oauth_parameters(arrival)["oauth_token"] == TOKEN.key else reply()
    )
    async with session_at(listener, store, told) as session:
        users = ("alice", "bob")
        replies = await asyncio.gather(*(session.get("posts", user=user) for user in users))
        assert [response.status for response in replies] == [401, 200]
        assert (await session.get("posts", user="bob")).status == 200
    assert await store.get_access_token("home", "bob") == bob
    assert await store.get_access_token("other home", "alice") == TOKEN


@pytest.mark.parametrize("how", ["call", "session"])
async def test_a_token_of_no_user_is_told_of_once_and_the_store_is_left_alone(
    listener: Listener, store: Any, told: Told, how: str
) -> None:
    options: dict[str, Any] = {"token": TOKEN} if how == "call" else {}
    async with session_at(listener, store, told) as session:
        view = session.replace(token=TOKEN) if how == "session" else session
        replies = await asyncio.gather(*(view.get("posts", **options) for _ in range(10)))
        assert {response.status for response in replies} == {401}
    assert told.rejections == [TokenRejection(None, TOKEN.key, "token_revoked", 401)]
    assert await store.get_access_token("home", "alice") == TOKEN


async def test_without_store_and_provider(listener: Listener, told: Told) -> None:
    async with OAuth1Session(CONSUMER, TOKEN, on_token_rejected=told) as session:
        for _ in range(3):
            assert (await session.get(listener.origin)).status == 401
    assert told.rejections == [TokenRejection(None, TOKEN.key, "token_revoked", 401)]


async def test_two_legged_calls_have_no_token_to_lose(listener: Listener, told: Told) -> None:
    async with OAuth1Session(CONSUMER, on_token_rejected=told) as session:
        assert (await session.get(listener.origin)).status == 401
    assert told.rejections == []


@pytest.mark.parametrize("of", ["call", "session"])
async def test_it_is_noticed_where_statuses_are_raised_too(
    listener: Listener, store: Any, told: Told, of: str
) -> None:
    options: dict[str, Any] = {"raise_for_status": True}
    of_session, of_call = (options, {}) if of == "session" else ({}, options)
    async with session_at(listener, store, told, **of_session) as session:
        with pytest.raises(aiohttp.ClientResponseError):
            await session.get("posts", user="alice", **of_call)
        await store.put_access_token("home", "alice", NEWER)
        with pytest.raises(TokenRejected, match="token_revoked"):
            await session.get("posts", user="alice", raise_for_status=raise_for_problem)
    assert await store.get_access_token("home", "alice") is None
    assert [one.token_key for one in told.rejections] == [TOKEN.key, NEWER.key]


@pytest.mark.parametrize("retry", [None, Retry(), Retry(attempts=1)])
async def test_it_is_noticed_whatever_the_retry_and_never_tried_again(
    listener: Listener, store: Any, told: Told, retry: Retry | None
) -> None:
    async with session_at(listener, store, told, retry=retry) as session:
        assert (await session.post("posts", user="alice", data={"a": "1"})).status == 401
    assert (len(listener.arrivals), len(told.rejections)) == (1, 1)


async def test_a_refusal_from_another_origin_kills_nothing(
    listener: Listener, store: Any, told: Told
) -> None:
    async with Listener(lambda _: REVOKED) as stranger:
        listener.answer = lambda _: reply(302, {"Location": f"{stranger.origin}/"})
        async with session_at(listener, store, told) as session:
            assert (await session.get("posts", user="alice")).status == 401
        assert stranger.arrivals[0].header("Authorization") is None
    assert await store.get_access_token("home", "alice") == TOKEN
    assert told.rejections == []


async def test_a_refusal_after_a_hop_within_the_origin_counts(
    listener: Listener, store: Any, told: Told
) -> None:
    listener.answer = lambda arrival: (
        REVOKED if arrival.path == "/moved" else reply(302, {"Location": "/moved"})
    )
    async with session_at(listener, store, told) as session:
        assert (await session.get("posts", user="alice")).status == 401
    assert await store.get_access_token("home", "alice") is None
    assert len(told.rejections) == 1


# When the store or the application fails


class Failing(MemoryStore):
    """A store whose discarding fails so many times."""

    def __init__(self, error: Exception, times: int) -> None:
        super().__init__()
        self._error = error
        self._times = times

    async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
        if self._times:
            self._times -= 1
            raise self._error
        return await super().discard_access_token(provider, user, key)


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("no answer"), StoreCorrupt("not one of ours"), OSError(5, "disk"), RuntimeError("x")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_store_that_fails_takes_the_reply_from_nobody(
    listener: Listener, told: Told, caplog: pytest.LogCaptureFixture, error: Exception, method: str
) -> None:
    caplog.set_level(logging.DEBUG)
    store = Failing(error, times=2)
    await store.put_access_token("home", "alice", TOKEN)
    async with session_at(listener, store, told) as session:
        for _ in range(3):
            async with session.request(method, "posts", user="alice") as response:
                assert (response.status, await response.read()) == (401, b"oauth_problem=token_revoked")
        with pytest.raises(UnknownUser):
            await session.request(method, "posts", user="alice")
    assert len(listener.arrivals) == 3
    assert [record.getMessage() for record in caplog.records if record.name == "aiooauth1"] == [
        f"rejected token of user 'alice' not discarded: {type(error).__name__}",
        "access token of 'home' for user 'alice' rejected: token_revoked",
        f"rejected token of user 'alice' not discarded: {type(error).__name__}",
    ]
    assert told.rejections == [TokenRejection("alice", TOKEN.key, "token_revoked", 401)]
    assert not any(secret in caplog.text for secret in SECRETS)


async def test_a_store_that_fails_once_another_has_discarded_it_takes_the_reply_from_nobody(
    listener: Listener, told: Told
) -> None:
    class FailsThen(MemoryStore):
        is_down = False

        async def get_access_token(self, provider: str, user: str) -> AccessToken | None:
            if self.is_down:
                raise StoreUnavailable("no answer")
            return await super().get_access_token(provider, user)

    store = FailsThen()
    await store.put_access_token("home", "alice", TOKEN)

    async def while_it_is_refused(_: Arrival) -> AsyncIterator[bytes]:
        await store.discard_access_token("home", "alice", TOKEN.key)
        store.is_down = True
        yield REVOKED

    listener.answer = while_it_is_refused
    async with session_at(listener, store, told) as session:
        assert (await session.get("posts", user="alice")).status == 401
    assert told.rejections == []


async def test_a_store_that_fails_late_tells_nobody_of_what_another_call_has_discarded(
    listener: Listener, told: Told
) -> None:
    """One discard fails and is told of all the same, one works, and one that began before that fails."""
    second_is_done = asyncio.Event()

    class FailsLate(MemoryStore):
        calls = 0

        async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
            self.calls += 1
            if self.calls == 2:
                await second_is_done.wait()
            if self.calls < 3 or second_is_done.is_set():
                raise StoreUnavailable("no answer")
            return await super().discard_access_token(provider, user, key)

    store = FailsLate()
    await store.put_access_token("home", "alice", TOKEN)
    async with session_at(listener, store, told) as session:
        assert (await session.get("posts", user="alice")).status == 401
        late = asyncio.ensure_future(session.get("posts", user="alice"))
        while store.calls < 2:  # noqa: ASYNC110  it is the store that goes on, in the same loop
            await asyncio.sleep(0)
        assert (await session.get("posts", user="alice")).status == 401
        second_is_done.set()
        assert (await late).status == 401
    assert await store.get_access_token("home", "alice") is None
    assert told.rejections == [TokenRejection("alice", TOKEN.key, "token_revoked", 401)]


async def test_an_application_that_fails_is_logged_and_not_raised(
    listener: Listener, store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(_: TokenRejection) -> None:
        raise LookupError("the application's own trouble")

    async with (
        session_at(listener, store, fails) as session,
        session.get("posts", user="alice") as response,
    ):
        assert (response.status, await response.read()) == (401, b"oauth_problem=token_revoked")
    assert await store.get_access_token("home", "alice") is None
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.name == "aiooauth1"
    assert (vars(record)["user"], vars(record)["provider"]) == ("alice", "home")
    assert "the application's own trouble" in caplog.text
    assert not any(secret in caplog.text for secret in SECRETS)


async def test_who_is_told_may_call_the_session(listener: Listener, store: Any) -> None:
    statuses: list[tuple[str | None, int]] = []

    async def calls_back(rejection: TokenRejection) -> None:
        listener.answer = ok
        async with session.get("elsewhere", token=NEWER) as response:
            statuses.append((rejection.user, response.status))

    async with TCPConnector(limit=1) as connector:
        session = session_at(listener, store, calls_back, connector=connector)
        async with asyncio.timeout(5), session, session.get("posts", user="alice") as response:
            assert response.status == 401
    assert statuses == [("alice", 200)]


async def test_a_call_that_is_cancelled_meanwhile_is_told_of_all_the_same(
    listener: Listener, told: Told
) -> None:
    reached, is_open = asyncio.Event(), asyncio.Event()

    class Waiting(MemoryStore):
        async def discard_access_token(self, provider: str, user: str, key: str | None = None) -> bool:
            is_gone = await super().discard_access_token(provider, user, key)
            reached.set()
            await is_open.wait()
            return is_gone

    store = Waiting()
    await store.put_access_token("home", "alice", TOKEN)
    async with session_at(listener, store, told) as session:
        call = asyncio.ensure_future(session.get("posts", user="alice"))
        await reached.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        is_open.set()
        async with asyncio.timeout(1):
            await told.heard.wait()
    assert told.rejections == [TokenRejection("alice", TOKEN.key, "token_revoked", 401)]


# Many users at once, while tokens come and go

USERS = [f"user {number}" for number in range(1_000)]
EACH = 10
REPLACED, REVOKED_FOR = set(USERS[::5]), set(USERS[1::5])


class Crowd:
    """A thousand users' posts over one session, and what became of each."""

    def __init__(self, fake: FakeProvider, store: MemoryStore) -> None:
        self.owners: dict[str, str] = {}
        self.outcomes: dict[str, list[Any]] = defaultdict(list)
        self.gone: list[str] = []
        self._fake = fake
        self._store = store
        self._keys: dict[str, str] = {}
        self._free = asyncio.Semaphore(1_000)

    async def connect(self, user: str) -> None:
        token = self._fake.issue_access_token(user)
        self.owners[token.key] = user
        self._keys[user] = token.key
        await self._store.put_access_token(self._fake.provider.name, user, token)

    async def is_rejected(self, rejection: TokenRejection) -> None:
        await asyncio.sleep(0)
        self.gone.append(self.owners[rejection.token_key])

    async def post(self, session: OAuth1Session, user: str, number: int) -> None:
        async with self._free:
            was_gone = user in self.gone
            try:
                async with session.post("posts", user=user, data={"status": user}) as response:
                    outcome: Any = response.status
            except UnknownUser:
                outcome = UnknownUser
            assert not was_gone or outcome is UnknownUser
            self.outcomes[user].append(outcome)
        if number == 2 and user in REPLACED:
            await self.connect(user)
        if number == 2 and user in REVOKED_FOR:
            self._fake.revoke(self._keys[user])


async def sets_a_cookie(_: web.BaseRequest, answer: web.StreamResponse) -> None:
    if answer.status == 201 and isinstance(answer, web.Response):
        made = json.loads(answer.text or "{}")
        answer.headers["Set-Cookie"] = f"sid={made['user'].replace(' ', '-')}; Path=/"


async def test_a_thousand_users_at_once_while_tokens_are_replaced_and_revoked(record_property: Any) -> None:
    store = MemoryStore()
    async with FakeProvider() as fake, TCPConnector(limit=1_000, resolver=Names()) as connector:
        crowd = Crowd(fake, store)
        for user in USERS:
            await crowd.connect(user)
        fake.after = sets_a_cookie
        async with OAuth1Session(
            fake.consumer,
            # By a name, since a jar that keeps cookies takes none from an address.
            provider=Provider(fake.provider.name, base_url=fake.url.replace("127.0.0.1", "localhost")),
            store=store,
            connector=connector,
            on_token_rejected=crowd.is_rejected,
        ) as session:
            dice = random.Random(5849)  # noqa: S311  a plan, no secret
            for numbers in (range(5), range(5, 9)):
                plan = [(user, number) for user in USERS for number in numbers]
                dice.shuffle(plan)
                await asyncio.gather(*(crowd.post(session, user, number) for user, number in plan))
            before = len(fake.ledger)
            await asyncio.gather(*(crowd.post(session, user, EACH - 1) for user in USERS))

        # By now each dead token was noticed: nothing more arrives for those users.
        assert len(fake.ledger) == before + len(USERS) - len(REVOKED_FOR)
        assert sorted(crowd.gone) == sorted(REVOKED_FOR)
        for arrival in fake.ledger:
            named = f"status={crowd.owners[arrival.token_key or ''].replace(' ', '%20')}"
            assert (arrival.body, arrival.header("Cookie")) == (named.encode(), None)
        assert {arrival.why for arrival in fake.refused()} == {"token_revoked"}
        assert {crowd.owners[arrival.token_key or ""] for arrival in fake.refused()} == REVOKED_FOR
        assert len({arrival.nonce for arrival in fake.ledger}) == len(fake.ledger)
        assert all(made.user == made.text for made in fake.posts)
        for user in USERS:
            outcomes = crowd.outcomes[user]
            assert len(outcomes) == EACH
            assert set(outcomes) == ({201, 401, UnknownUser} if user in REVOKED_FOR else {201})
        figures = {"arrivals": len(fake.ledger), "posts": len(fake.posts), "refused": len(fake.refused())}
        print("users:", figures)  # noqa: T201  the figures are what a reader of the run wants
        record_property("users", figures)


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
        async with SQLiteStore(folder / "tokens.db") as sqlite:
            yield sqlite
    else:
        async with RedisStore.from_url(request.getfixturevalue("redis_url"), prefix=folder.name) as redis:
            yield redis


@pytest.mark.parametrize(("kind", "count"), [("memory", 1_000), ("SQLite", 200), ("Redis", 200)])
async def test_no_request_is_signed_with_a_token_after_it_was_discarded_or_replaced(
    kind: str, count: int, listener: Listener, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Each user posts ten times, while others discard and replace their tokens."""
    async with store_of_kind(kind, request, tmp_path) as store:
        await _post_while_tokens_change(store, listener, [f"u{number}" for number in range(count)])


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


# When tokens are kept


async def test_a_rejection_carries_the_token_and_an_option_keeps_it_in_the_store(
    listener: Listener, store: Any, told: Told
) -> None:
    async with session_at(listener, store, told, discard_rejected=False) as session:
        for _ in range(2):
            assert (await session.get("posts", user="alice")).status == 401
    assert [one.token for one in told.rejections] == [TOKEN]
    assert not any(secret in repr(told.rejections) for secret in SECRETS)
    assert await store.get_access_token("home", "alice") == TOKEN


async def test_tokens_are_kept_once_many_users_in_a_row_are_rejected(
    listener: Listener, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong consumer key looks like that: the fifth user in a row and all after them keep their tokens."""
    store, users = MemoryStore(), [f"user {number}" for number in range(20)]
    for user in users:
        await store.put_access_token("home", user, AccessToken(f"key of {user}", "secret"))
    async with session_at(listener, store, told) as session:
        for user in users:
            assert (await session.get("posts", user=user)).status == 401
        kept = [user async for user in store.users("home")]
        assert sorted(kept) == sorted(users[4:])
        assert len(told.rejections) == 4
        (warning,) = [one for one in caplog.messages if "in a row" in one]
        assert "5 users" in warning
        assert "consumer key" in warning
        # One success shows that the consumer key is right: the next rejection is about its token.
        listener.answer = ok
        assert (await session.get("posts", user=users[4])).status == 200
        listener.answer = lambda _: REVOKED
        assert (await session.get("posts", user=users[5])).status == 401
    assert await store.get_access_token("home", users[5]) is None


async def test_a_handler_that_calls_the_session_does_not_wait_for_the_connection_of_a_large_refusal(
    listener: Listener, store: Any
) -> None:
    done = asyncio.Event()

    async def calls_back(_: TokenRejection) -> None:
        async with session.get("elsewhere", token=NEWER) as response:
            assert response.status == 200
        done.set()

    large = reply(401, body=b"oauth_problem=token_revoked&more=" + b"x" * 500_000)
    listener.answer = lambda arrival: ok(arrival) if arrival.path == "/elsewhere" else large
    session = session_at(listener, store, calls_back, connector=TCPConnector(limit=1))
    async with asyncio.timeout(10), session:
        async with session.get("posts", user="alice") as response:
            assert len(await response.read()) > 500_000
        await done.wait()


async def test_closing_waits_for_a_handler_that_runs(listener: Listener, store: Any) -> None:
    began, finished = asyncio.Event(), asyncio.Event()

    async def slow(_: TokenRejection) -> None:
        began.set()
        await asyncio.sleep(0.05)
        finished.set()

    session = session_at(listener, store, slow)
    call = asyncio.ensure_future(session.get("posts", user="alice"))
    await began.wait()
    call.cancel()
    await session.close()
    assert finished.is_set()


async def test_disconnect_discards_the_token_and_no_later_call_is_signed_with_it(
    listener: Listener, store: Any
) -> None:
    listener.answer = ok
    async with session_at(listener, store, None) as session:
        assert await session.disconnect("alice")
        assert not await session.disconnect("alice")
        with pytest.raises(UnknownUser):
            await session.get("posts", user="alice")
    assert listener.arrivals == []


@pytest.mark.parametrize(
    "given",
    [lambda _: None, MemoryStore, "name"],
    ids=["a lambda", "a class", "a text"],
)
def test_a_handler_must_be_a_coroutine_function(listener: Listener, given: Any) -> None:
    options: dict[str, Any] = {"store": given}
    if given is MemoryStore:
        with pytest.raises(TypeError, match="MemoryStore"):
            OAuth1Session(CONSUMER, **options)
    else:
        with pytest.raises(TypeError, match="async def"):
            OAuth1Session(CONSUMER, on_token_rejected=given)
    assert listener.connections == 0
