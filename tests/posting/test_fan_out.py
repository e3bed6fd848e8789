from __future__ import annotations

import asyncio
import re
import socket
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientHttpProxyError, RequestInfo, TCPConnector
from multidict import CIMultiDict, CIMultiDictProxy
from posted import numbered, posts, sent_texts, store_for
from yarl import URL

from aiooauth1 import Consumer, OAuth1Session, OutcomeUnknown, RateLimited, StoreUnavailable, UnknownUser
from aiooauth1.posting import (
    InputChanged,
    Journal,
    JournalReport,
    Post,
    RedisJournal,
    SQLiteJournal,
    post_all,
)


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from aiohttp import web

    from aiooauth1.posting import Outcome
    from aiooauth1.testing import FakeProvider

pytestmark = pytest.mark.socket
MANY = tuple(f"user {number}" for number in range(40))


async def outcomes(run: AsyncIterator[Outcome]) -> list[Outcome]:
    return [outcome async for outcome in run]


@pytest.mark.parametrize(
    ("concurrency", "at_once"),
    [pytest.param(100, 3, id="one for each user"), pytest.param(2, 2, id="concurrency requests")],
)
async def test_each_post_arrives_once_in_its_user_s_order_with_at_once_no_more_than(
    concurrency: int, at_once: int, fake: FakeProvider, session: OAuth1Session
) -> None:
    now, most, gate = 0, 0, asyncio.Event()

    async def before(_: Any) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == at_once:
            gate.set()
        await asyncio.wait_for(gate.wait(), 20)
        await asyncio.sleep(0)
        now -= 1

    fake.before = before
    found = await outcomes(post_all(session, posts(60), concurrency=concurrency, read_ahead=12))
    assert Counter((outcome.status, outcome.http_status, outcome.attempts) for outcome in found) == {
        ("done", 201, 1): 60
    }
    assert all(b'"id"' in outcome.body for outcome in found)
    assert list(sent_texts(fake).values()) == [
        [f"No. {n}" for n in range(first, 60, 3)] for first in range(3)
    ]
    assert most == at_once


async def test_errors_are_values(session: OAuth1Session) -> None:
    given = [
        Post("1", "nobody", "posts"),
        Post("2", "ann", "posts/77", method="DELETE"),
        Post("3", "ann", "https://elsewhere.example/"),
        Post("4", "ann", "posts", data={"status": "well"}),
    ]
    found = sorted(await outcomes(post_all(session, given)), key=lambda outcome: outcome.post.id)
    assert [outcome.status for outcome in found] == ["failed", "refused", "failed", "done"]
    assert isinstance(found[0].error, UnknownUser)
    assert found[1].http_status == 404


async def test_an_iterable_of_either_kind_is_read_whole_and_at_most_read_ahead_posts_ahead(
    tmp_path: Path, session: OAuth1Session
) -> None:
    taken = 0

    def endless() -> Iterator[Post]:
        nonlocal taken
        while True:
            taken += 1
            yield Post(str(taken), f"user {taken}", "posts")

    async def given() -> AsyncIterator[Post]:
        for post in posts(9):
            yield post

    again = SQLiteJournal(tmp_path / "run.db")
    for journal in (None, again, again):  # the second time it is asked about each post
        found = await outcomes(post_all(session, given(), journal=journal))
        assert sorted(outcome.post.id for outcome in found) == list("012345678")
    run = post_all(session, endless(), read_ahead=50)
    for _ in range(5):
        await anext(run)
    await run.aclose()
    assert taken < 50 + 2 * 100 + 200


def breaking() -> Iterator[Post]:
    yield from posts(6)
    raise LookupError("no more")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        pytest.param(breaking, LookupError, "no more", id="that raises"),
        pytest.param(
            lambda: posts(1) * 2, ValueError, "post 2 of the input has the id '0'", id="with an id twice"
        ),
        pytest.param(lambda: ["text"], TypeError, r"posts\[0\] must be a Post, not str", id="without posts"),
    ],
)
async def test_an_iterable_ends_the_run_with_an_error_after_requests_under_way(
    given: Callable[[], Any], error: type[Exception], message: str, fake: FakeProvider, session: OAuth1Session
) -> None:
    run = post_all(session, given())
    with pytest.raises(error, match=message):
        await outcomes(run)
    assert len(fake.posts) == run.counts["done"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"posts": 7}, TypeError, "posts must be an iterable"),
        (
            {"session": OAuth1Session(Consumer("k", "s"))},
            TypeError,
            "pass provider= and store= to the session",
        ),
        ({"concurrency": 0}, ValueError, "concurrency must be 1 or more"),
        ({"stop_after": 0}, ValueError, "stop_after must be 1 or more"),
        ({"read_ahead": 0}, ValueError, "read_ahead must be 1 or more"),
        ({"settle": -1}, ValueError, "settle must be a number of seconds"),
        ({"journal": "run.db"}, TypeError, "journal must be a Journal, such as SQLiteJournal, not str"),
        ({"reconcile": True}, TypeError, "reconcile must be an asynchronous function, not bool"),
        ({"concurrency": 1.5}, TypeError, "concurrency must be an int, not float"),
        ({"stop_after": True}, TypeError, "stop_after must be an int, not bool"),
        ({"settle": "2"}, TypeError, "settle must be a number of seconds, not str"),
    ],
    ids=str,
)
async def test_an_argument_that_cannot_be_used_is_refused_at_once(
    options: dict[str, Any], error: type[Exception], message: str, session: OAuth1Session
) -> None:
    with pytest.raises(error, match=message):
        post_all(**{"session": session, "posts": [], **options})


@pytest.mark.parametrize(
    ("consumer", "reason"),
    [
        pytest.param(Consumer("nobody", "secret"), "refuses the consumer", id="that refuses the consumer"),
        pytest.param(None, "5 users in a row were rejected, .*503", id="that is out of order"),
    ],
)
async def test_a_provider_stops_the_run_and_the_next_run_sends_what_was_refused(
    consumer: Consumer | None, reason: str, fake: FakeProvider, tmp_path: Path
) -> None:
    journal = SQLiteJournal(tmp_path / "run.db")
    store = await store_for(fake, MANY)
    async with OAuth1Session(fake.consumer, provider=fake.provider, store=store) as session:
        first = session if consumer is None else session.replace(consumer=consumer)
        if consumer is None:
            fake.fail_next(503, times=5)
        run = post_all(first, posts(200, MANY), journal=journal, concurrency=1, stop_after=5)
        found = await outcomes(run)
        assert re.search(reason, run.stopped or "")
        assert found[0].status == "refused"
        assert len(found) <= 10  # some were begun already
        assert (await journal.report()).refused == 0
        await outcomes(post_all(session, posts(200, MANY), journal=journal))
    assert len(fake.posts) == 200


@pytest.mark.parametrize("cause", ["revoked tokens", "a provider that cannot be reached"])
async def test_several_users_rejected_in_a_row_end_the_run_for(cause: str, fake: FakeProvider) -> None:
    ticks = iter(range(10**9))
    store = await store_for(fake, MANY)
    with socket.socket() as closed:  # bound and not listening: it refuses connections
        closed.bind(("127.0.0.1", 0))
        provider = fake.provider
        if cause == "revoked tokens":
            assert [fake.revoke_user(user) for user in MANY] == [1] * len(MANY)
        else:
            provider = replace(provider, base_url=f"http://127.0.0.1:{closed.getsockname()[1]}/")
        async with OAuth1Session(fake.consumer, provider=provider, store=store) as session:
            options: dict[str, Any] = {
                "clock": lambda: float(next(ticks)),
                "sleep": lambda _: asyncio.sleep(0),
            }
            run = post_all(session, posts(400, MANY), concurrency=1, stop_after=5, **options)
            found = await outcomes(run)
    assert {outcome.status for outcome in found} == {"refused" if cause == "revoked tokens" else "failed"}
    assert run.stopped is not None
    assert "5 users in a row were rejected" in run.stopped


async def test_one_rejected_user_among_others_does_not_end_the_run(
    fake: FakeProvider, session: OAuth1Session
) -> None:
    fake.revoke_user("ann")
    run = post_all(session, posts(90), stop_after=2)
    found = await outcomes(run)
    assert run.stopped is None
    assert Counter(outcome.status for outcome in found) == {"done": 60, "refused": 1, "failed": 29}


LIMITED = RateLimited("too many", status=429, retry_after=0.01)


@pytest.mark.parametrize(
    ("answers", "status", "attempts"),
    [
        pytest.param([True], "done", 1, id="that is there"),
        pytest.param([False], "done", 2, id="that is not there, and is sent again"),
        pytest.param([None], "unknown", 1, id="of which nothing can be found out"),
        pytest.param([*[LIMITED] * 5, True], "done", 1, id="again after the reset of a spent window"),
        pytest.param([], "unknown", 1, id="never without reconcile"),
    ],
)
async def test_reconcile_is_asked_about_a_post_whose_reply_is_lost(
    answers: list[bool | Exception | None],
    status: str,
    attempts: int,
    fake: FakeProvider,
    session: OAuth1Session,
) -> None:
    left = list(answers)

    async def reconcile(given: OAuth1Session, post: Post) -> bool | None:
        assert (given, post.id) == (session, "0")
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    fake.drop_next("before" if answers == [False] else "after")
    [outcome] = await outcomes(
        post_all(session, posts(1), reconcile=reconcile if answers else None, settle=0)
    )
    assert (outcome.status, outcome.attempts, left) == (status, attempts, [])
    assert len(fake.ledger.select(endpoint="posts")) == attempts
    assert isinstance(outcome.error, OutcomeUnknown) == (status == "unknown")


@pytest.mark.parametrize(
    ("field", "least"),
    [
        pytest.param("x-rate-limit", 60, id="of each user"),
        pytest.param("x-app-limit-24hour", 300, id="of the application"),
    ],
)
async def test_a_reset_is_waited_for_and_no_post_is_refused_at_a_spent_window(
    field: str, least: int, fake: FakeProvider, session: OAuth1Session
) -> None:
    waits: list[float] = []
    used: Counter[str] = Counter()
    now = 1000.0

    async def after(_: web.BaseRequest, reply: web.StreamResponse) -> web.StreamResponse:
        whose = "all" if "app" in field else fake.posts[-1].user
        used[whose] += 1
        reply.headers[f"{field}-limit"] = "3"
        reply.headers[f"{field}-remaining"] = str(2 - (used[whose] - 1) % 3)
        reply.headers[f"{field}-reset"] = "60"
        return reply

    async def sleep(seconds: float) -> None:
        nonlocal now
        waits.append(seconds)
        now += seconds

    fake.after = after
    found = await outcomes(post_all(session, posts(18), clock=lambda: now, sleep=sleep))
    assert Counter((outcome.status, outcome.attempts) for outcome in found) == {("done", 1): 18}
    assert sum(waits) >= least


async def report_when_free(path: Path) -> JournalReport:
    async with asyncio.timeout(20):
        while True:
            with suppress(StoreUnavailable):
                return await SQLiteJournal(path).report()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("raises", [False, True], ids=["by break", "by an error in its body"])
async def test_leaving_the_loop_ends_the_run_and_the_journal_knows_what_was_sent(
    raises: bool, tmp_path: Path, fake: FakeProvider, session: OAuth1Session
) -> None:
    async def leave() -> None:
        async for _ in post_all(session, posts(90), journal=SQLiteJournal(tmp_path / "run.db")):
            if raises:
                raise LookupError("mine")
            break

    with suppress(LookupError):
        await leave()
    report = await report_when_free(tmp_path / "run.db")
    assert report.done == len(fake.posts) < 90
    assert report.in_doubt == ()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
async def test_a_cancelled_run_leaves_the_journal_true_and_can_be_resumed(
    tmp_path: Path, redis_url: str, kind: str, fake: FakeProvider, session: OAuth1Session
) -> None:
    journal: Journal = SQLiteJournal(tmp_path / "run.db")
    if kind == "redis":
        journal = RedisJournal(redis_url, "cancelled")
    arrived, go = asyncio.Event(), asyncio.Event()

    async def hold(_: Any) -> None:
        arrived.set()
        await go.wait()

    async def reconcile(_: OAuth1Session, post: Post) -> bool:
        return any(post.data == {"status": one.text} for one in fake.posts)

    fake.before = hold
    task = asyncio.create_task(outcomes(post_all(session, posts(9), journal=journal, drain=0)))
    await asyncio.wait_for(arrived.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    report = await journal.report()
    assert report.begun == len(report.in_doubt) > 0
    assert report.done == 0
    go.set()
    fake.before = None
    run = post_all(session, posts(9), journal=journal, reconcile=reconcile, settle=0.2)
    assert {outcome.status for outcome in await outcomes(run)} == {"done"}
    assert sorted(post.text for post in fake.posts) == sorted(f"No. {number}" for number in range(9))
    assert (await journal.report()).done == 9
    run = post_all(session, posts(9), journal=journal)
    assert Counter(outcome.status for outcome in await outcomes(run)) == {"skipped": 9}
    changed = [*posts(4), Post("4", "ben", "posts"), *posts(9)[5:]]
    with pytest.raises(InputChanged, match="post 5 of the input"):
        await outcomes(post_all(session, changed, journal=journal))
    with pytest.raises(InputChanged, match="the input ends after 8 posts"):
        await outcomes(post_all(session, posts(8), journal=journal))
    await journal.aclose()


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (502, {}, "unknown"),
        (524, {}, "unknown"),  # Cloudflare's: the server behind it took too long
        (521, {}, "refused"),  # Cloudflare's: the server behind it refused the connection
        (500, {}, "refused"),
        (503, {"Retry-After": "0"}, "done"),
        (429, {"Retry-After": "0"}, "done"),
        (420, {"Retry-After": "0"}, "done"),
        (403, {}, "refused"),
    ],
)
async def test_a_refusal_is_sent_again_only_if_nothing_was_done(
    status: int, headers: dict[str, str], expected: str, fake: FakeProvider, session: OAuth1Session
) -> None:
    fake.fail_next(status, headers=headers)
    (found,) = await outcomes(post_all(session, posts(1)))
    assert found.status == expected
    assert len(fake.posts) == (expected == "done")


class ProxyError(Exception):
    """An error of another connector's own, as python-socks has it."""


@pytest.mark.parametrize(("status", "attempts"), [(407, 1), (403, 1), (502, 3), (429, 3)])
async def test_a_post_that_a_proxy_refuses_is_sent_again_only_if_that_may_pass(
    monkeypatch: pytest.MonkeyPatch, session: OAuth1Session, status: int, attempts: int
) -> None:
    async def refuse(*_: Any, **__: Any) -> Any:
        raise ClientHttpProxyError(info, (), status=status)

    info = RequestInfo(URL("http://proxy.example"), "CONNECT", CIMultiDictProxy(CIMultiDict()))
    monkeypatch.setattr(TCPConnector, "connect", refuse)
    monkeypatch.setattr("aiooauth1.posting.run.backoff", lambda *_: 0.0)
    (found,) = await outcomes(post_all(session, posts(1)))
    assert (found.status, found.attempts) == ("failed", attempts)


async def test_a_connector_that_fails_in_its_own_way_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, fake: FakeProvider, session: OAuth1Session
) -> None:
    connect = TCPConnector.connect
    failed: list[int] = []

    async def connect_later(*given: Any, **options: Any) -> Any:
        if not failed:
            failed.append(1)
            raise ProxyError
        return await connect(*given, **options)

    monkeypatch.setattr(TCPConnector, "connect", connect_later)
    found = await outcomes(post_all(session, posts(3)))
    assert {outcome.status for outcome in found} == {"done"}
    assert len(fake.posts) == 3


async def test_a_provider_whose_clock_is_far_off_is_posted_to(
    tmp_path: Path, fake: FakeProvider, session: OAuth1Session
) -> None:
    fake.skew(7200)
    found = await outcomes(post_all(session, posts(9), journal=SQLiteJournal(tmp_path / "run.db")))
    assert {outcome.status for outcome in found} == {"done"}


async def test_a_run_is_iterated_over_once_and_may_be_closed_before_that(
    fake: FakeProvider, session: OAuth1Session
) -> None:
    run = post_all(session, posts(3))
    assert len(await outcomes(run)) == 3
    with pytest.raises(RuntimeError, match="iterated over already"):
        await outcomes(run)
    await run.aclose()
    await post_all(session, posts(3)).aclose()
    post_all(session, posts(3))
    assert len(fake.posts) == 3


@pytest.mark.parametrize("kind", ["SQLite", "Redis"])
async def test_a_run_that_is_started_again_knows_whose_windows_are_spent(
    kind: str, tmp_path: Path, redis_url: str, fake: FakeProvider, session: OAuth1Session
) -> None:
    fake.rate_limit(1, 600)
    is_waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        is_waiting.set()
        await asyncio.Event().wait()

    journal = SQLiteJournal(tmp_path / "run.db") if kind == "SQLite" else RedisJournal(redis_url, "pace")
    async with asyncio.timeout(20), journal:
        first = post_all(session, posts(6), journal=journal)
        for _ in range(3):
            await anext(first)
        await first.aclose()
        second = post_all(session, posts(6), journal=journal, sleep=sleep)
        assert [(await anext(second)).status for _ in range(3)] == ["skipped"] * 3
        await is_waiting.wait()
        await second.aclose()
    assert [arrival.verdict for arrival in fake.ledger] == ["accepted"] * 3


async def test_a_clock_that_is_put_back_during_a_run_moves_no_window(
    monkeypatch: pytest.MonkeyPatch, fake: FakeProvider, session: OAuth1Session
) -> None:
    fake.rate_limit(1, 1)
    run = post_all(session, posts(2, ("ann",)))
    async with asyncio.timeout(20):
        assert (await anext(run)).status == "done"
        real = time.time
        monkeypatch.setattr("time.time", lambda: real() - 3600)
        second = await anext(run)
        monkeypatch.undo()
        await run.aclose()
    assert second.status == "done"


async def test_a_post_begun_in_the_future_is_reconciled_after_settle_seconds(
    tmp_path: Path, session: OAuth1Session
) -> None:
    ahead = SQLiteJournal(tmp_path / "run.db", clock=lambda: time.time() + 3600)
    await ahead.open()
    await ahead.begin(numbered(0))
    await ahead.release()

    async def reconcile(*_: object) -> bool:
        return True

    async with asyncio.timeout(20):
        run = post_all(session, [numbered(0).post], journal=ahead, reconcile=reconcile, settle=0.01)
        assert [outcome.status for outcome in await outcomes(run)] == ["done"]
