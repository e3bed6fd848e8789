from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from aiooauth1 import (
    Consumer,
    MemoryStore,
    OAuth1Session,
    OutcomeUnknown,
    RateLimited,
    StoreUnavailable,
    UnknownUser,
)
from aiooauth1.posting import (
    InputChanged,
    Journal,
    JournalReport,
    Outcome,
    Post,
    RedisJournal,
    SQLiteJournal,
    post_all,
)
from aiooauth1.posting.journal import Numbered
from aiooauth1.posting.post import digest
from aiooauth1.testing import FakeProvider, drop


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from aiohttp import web

pytestmark = pytest.mark.socket
USERS = ("ann", "ben", "cleo")


@asynccontextmanager
async def service(
    fake: FakeProvider, *, users: tuple[str, ...] = USERS, consumer: Consumer | None = None
) -> AsyncIterator[OAuth1Session]:
    store = MemoryStore()
    for user in users:
        await store.put_access_token(fake.provider.name, user, fake.issue_access_token(user))
    async with OAuth1Session(consumer or fake.consumer, provider=fake.provider, store=store) as session:
        yield session


def posts(count: int, users: tuple[str, ...] = USERS) -> list[Post]:
    return [
        Post(str(number), users[number % len(users)], "posts", data={"status": f"No. {number}"})
        for number in range(count)
    ]


def dropping_once() -> Callable[[web.BaseRequest], Awaitable[None]]:
    """A hook that drops the connection of the first request."""
    dropped: list[web.BaseRequest] = []

    async def hook(request: web.BaseRequest) -> None:
        if not dropped:
            dropped.append(request)
            await drop(request)

    return hook


async def outcomes(run: AsyncIterator[Outcome]) -> list[Outcome]:
    return [outcome async for outcome in run]


def texts(fake: FakeProvider, user: str) -> list[str]:
    return [post.text for post in fake.posts if post.user == user]


async def test_each_post_arrives_once_and_each_user_s_in_order() -> None:
    async with FakeProvider() as fake, service(fake) as session:
        found = await outcomes(post_all(session, posts(60)))
        assert Counter(outcome.status for outcome in found) == {"done": 60}
        assert {outcome.http_status for outcome in found} == {201}
        assert all(b'"id"' in outcome.body and outcome.attempts == 1 for outcome in found)
        for number, user in enumerate(USERS):
            assert texts(fake, user) == [f"No. {one}" for one in range(number, 60, 3)]


async def test_a_user_s_posts_go_one_at_a_time_and_users_side_by_side() -> None:
    at_once: Counter[str] = Counter()
    most: Counter[str] = Counter()
    gate = asyncio.Event()
    async with FakeProvider() as fake, service(fake) as session:

        async def before(_: Any) -> None:
            most["all"] = max(most["all"], sum(at_once.values()) + 1)
            at_once["now"] += 1
            if most["all"] == 3:
                gate.set()
            await asyncio.wait_for(gate.wait(), 20)
            at_once["now"] -= 1

        fake.before = before
        await outcomes(post_all(session, posts(30)))
    assert most["all"] == 3


async def test_no_more_requests_are_on_their_way_than_concurrency_allows() -> None:
    now, most = 0, 0
    async with FakeProvider() as fake, service(fake) as session:

        async def before(_: Any) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

        fake.before = before
        await outcomes(post_all(session, posts(30), concurrency=2))
    assert most <= 2


async def test_errors_are_values() -> None:
    async with FakeProvider() as fake, service(fake) as session:
        given = [
            Post("1", "nobody", "posts"),
            Post("2", "ann", "posts/77", method="DELETE"),
            Post("3", "ann", "https://elsewhere.example/"),
            Post("4", "ann", "posts", data={"status": "well"}),
        ]
        found = {outcome.post.id: outcome for outcome in await outcomes(post_all(session, given))}
    assert {one: outcome.status for one, outcome in found.items()} == {
        "1": "failed",
        "2": "refused",
        "3": "failed",
        "4": "done",
    }
    assert isinstance(found["1"].error, UnknownUser)
    assert found["2"].http_status == 404


async def test_an_iterable_of_either_kind_is_read_no_further_ahead_than_read_ahead() -> None:
    taken = 0

    def endless() -> Iterator[Post]:
        nonlocal taken
        while True:
            taken += 1
            yield Post(str(taken), f"user {taken}", "posts")

    async def given() -> AsyncIterator[Post]:
        for post in posts(9):
            yield post

    async with FakeProvider() as fake, service(fake) as session:
        assert len(await outcomes(post_all(session, given()))) == 9
        run = post_all(session, endless(), read_ahead=50)
        for _ in range(5):
            await anext(run)
        await run.aclose()
    assert taken < 50 + 2 * 100 + 200


async def test_what_the_caller_s_iterable_raises_is_raised_after_what_is_on_its_way_has_ended() -> None:
    def given() -> Iterator[Post]:
        yield from posts(6)
        raise LookupError("no more")

    async with FakeProvider() as fake, service(fake) as session:
        run = post_all(session, given())
        with pytest.raises(LookupError, match="no more"):
            await outcomes(run)
        assert len(fake.posts) == run.counts["done"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (posts(1) + posts(1), ValueError, "post 2 of the input has the id '0' of another"),
        (["text"], TypeError, r"posts\[0\] must be a Post, not str"),
    ],
)
async def test_a_wrong_input_is_an_error(given: Any, error: type[Exception], message: str) -> None:
    async with FakeProvider() as fake, service(fake) as session:
        with pytest.raises(error, match=message):
            await outcomes(post_all(session, given))


async def test_wrong_arguments_are_errors_at_once() -> None:
    async with FakeProvider() as fake, service(fake) as session:
        with pytest.raises(TypeError, match="posts must be an iterable"):
            post_all(session, 7)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="give the session provider= and store="):
            post_all(OAuth1Session(fake.consumer), [])
        for option in ("concurrency", "stop_after", "read_ahead"):
            with pytest.raises(ValueError, match=option):
                post_all(session, [], **{option: 0})  # type: ignore[arg-type]


async def test_a_refused_consumer_ends_the_run_and_leaves_the_rest_untouched(tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "run.db")
    async with FakeProvider() as fake:
        async with service(fake, consumer=Consumer("nobody", "secret")) as session:
            run = post_all(session, posts(300), journal=journal, concurrency=3)
            found = await outcomes(run)
        assert run.stopped is not None
        assert "refuses the consumer" in run.stopped
        assert 1 <= len(found) <= 20
        assert {outcome.status for outcome in found} == {"refused"}
        report = await journal.report()
        assert (report.refused, report.done) == (0, 0)  # they are sent again when the consumer is mended
        async with service(fake) as session:
            assert len(await outcomes(post_all(session, posts(300), journal=journal))) == 300
        assert len(fake.posts) == 300


async def test_several_users_rejected_in_a_row_end_the_run() -> None:
    users = tuple(f"user {number}" for number in range(40))
    async with FakeProvider() as fake, service(fake, users=users) as session:
        for user in users:
            token = await session._store.get_access_token(fake.provider.name, user)  # type: ignore[union-attr]  # noqa: SLF001
            assert token is not None
            fake.revoke(token.key)
        run = post_all(session, posts(400, users), concurrency=1, stop_after=5)
        found = await outcomes(run)
    assert run.stopped is not None
    assert "5 users in a row were rejected" in run.stopped
    assert len(found) == 5


async def test_one_rejected_user_among_others_does_not_end_the_run() -> None:
    async with FakeProvider() as fake, service(fake) as session:
        token = await session._store.get_access_token(fake.provider.name, "ann")  # type: ignore[union-attr]  # noqa: SLF001
        assert token is not None
        fake.revoke(token.key)
        run = post_all(session, posts(90), stop_after=2)
        found = await outcomes(run)
    assert run.stopped is None
    assert Counter(outcome.status for outcome in found) == {"done": 60, "refused": 1, "failed": 29}


@pytest.mark.parametrize("verdict", [True, False, None])
async def test_a_post_whose_answer_is_lost_is_reconciled(verdict: bool | None) -> None:
    asked = []
    async with FakeProvider() as fake, service(fake) as session:

        async def reconcile(given: OAuth1Session, post: Post) -> bool | None:
            assert given is session
            asked.append(post.id)
            return verdict

        fake.before = dropping_once()
        found = await outcomes(post_all(session, posts(1), reconcile=reconcile, settle=0))
    assert asked == ["0"]
    expected = {True: ("done", 1), False: ("done", 2), None: ("unknown", 1)}[verdict]
    assert [(outcome.status, outcome.attempts) for outcome in found] == [expected]


async def test_without_reconcile_a_post_whose_answer_is_lost_is_unknown_and_sent_once() -> None:
    async with FakeProvider() as fake, service(fake) as session:
        fake.before = dropping_once()
        found = await outcomes(post_all(session, posts(1)))
        assert [outcome.status for outcome in found] == ["unknown"]
        assert isinstance(found[0].error, OutcomeUnknown)
        assert len(fake.ledger.select(endpoint="posts")) == 1


async def test_a_spent_window_is_waited_for_without_a_connection_and_nothing_is_lost() -> None:
    waits: list[float] = []
    used: Counter[str] = Counter()
    async with FakeProvider() as fake, service(fake) as session:

        async def after(_: web.BaseRequest, reply: web.StreamResponse) -> web.StreamResponse:
            user = fake.posts[-1].user
            used[user] += 1
            reply.headers["x-rate-limit-limit"] = "3"
            reply.headers["x-rate-limit-remaining"] = str(2 - (used[user] - 1) % 3)
            reply.headers["x-rate-limit-reset"] = "60"
            return reply

        now = 1000.0

        async def sleep(seconds: float) -> None:
            nonlocal now
            waits.append(seconds)
            now += seconds

        fake.after = after
        found = await outcomes(post_all(session, posts(18), clock=lambda: now, sleep=sleep))
    assert Counter((outcome.status, outcome.attempts) for outcome in found) == {("done", 1): 18}
    assert 60 <= sum(waits) <= 180  # once for all, or for each user after the other


async def test_leaving_the_loop_ends_the_run_and_the_journal_knows_what_was_sent(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    async with FakeProvider() as fake, service(fake) as session:
        async for _ in post_all(session, posts(90), journal=SQLiteJournal(path)):
            break
        async with asyncio.timeout(20):
            report = await _report_when_free(path)
        assert report.done == len(fake.posts) < 90
        assert report.in_doubt == ()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
async def test_a_cancelled_run_leaves_the_journal_true_and_can_be_resumed(
    tmp_path: Path, redis_url: str, kind: str
) -> None:
    journal: Journal = SQLiteJournal(tmp_path / "run.db")
    if kind == "redis":
        journal = RedisJournal(redis_url, "cancelled")
    arrived, go = asyncio.Event(), asyncio.Event()
    async with FakeProvider() as fake, service(fake) as session:

        async def hold(_: Any) -> None:
            arrived.set()
            await go.wait()

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

        async def reconcile(_: OAuth1Session, post: Post) -> bool:
            return any(post.data == {"status": one.text} for one in fake.posts)

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


async def _report_when_free(path: Path) -> JournalReport:
    while True:
        with suppress(StoreUnavailable):
            return await SQLiteJournal(path).report()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (502, {}, "unknown"),
        (500, {}, "refused"),
        (503, {"Retry-After": "0"}, "done"),
        (429, {"Retry-After": "0"}, "done"),
        (420, {"Retry-After": "0"}, "done"),
        (403, {}, "refused"),
    ],
)
async def test_a_refusal_is_sent_again_only_where_nothing_was_done(
    status: int, headers: dict[str, str], expected: str
) -> None:
    async with FakeProvider() as fake, service(fake) as session:
        fake.fail_next(status, headers=headers)
        (found,) = await outcomes(post_all(session, posts(1)))
        assert found.status == expected
        assert len(fake.posts) == (expected == "done")


async def test_a_provider_whose_clock_is_far_off_is_posted_to(tmp_path: Path) -> None:
    async with FakeProvider() as fake, service(fake) as session:
        fake.skew(7200)
        found = await outcomes(post_all(session, posts(9), journal=SQLiteJournal(tmp_path / "run.db")))
        assert {outcome.status for outcome in found} == {"done"}


async def test_a_provider_that_cannot_be_reached_fails_the_posts_and_ends_the_run() -> None:
    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    async with FakeProvider() as fake, service(fake) as session:
        await fake.aclose()
        now = iter(range(10**9))
        run = post_all(session, posts(6), stop_after=3, clock=lambda: float(next(now)), sleep=sleep)
        found = await outcomes(run)
    assert {outcome.status for outcome in found} == {"failed"}
    assert run.stopped is not None
    assert "3 users in a row were rejected" in run.stopped


async def test_a_run_is_iterated_over_once_and_may_be_closed_before_that() -> None:
    async with FakeProvider() as fake, service(fake) as session:
        run = post_all(session, posts(3))
        assert len(await outcomes(run)) == 3
        with pytest.raises(RuntimeError, match="iterated over once"):
            await outcomes(run)
        await run.aclose()
        await post_all(session, posts(3)).aclose()
        post_all(session, posts(3))
        assert len(fake.posts) == 3


async def test_an_error_in_the_loop_s_body_ends_the_run() -> None:
    async with FakeProvider() as fake, service(fake) as session:
        run = post_all(session, posts(600))

        async def fail() -> None:
            async for _ in run:
                raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            await fail()
        await run.aclose()
        assert len(fake.posts) < 600


@pytest.mark.parametrize("kind", ["SQLite", "Redis"])
async def test_a_run_that_is_started_again_knows_whose_windows_are_spent(
    kind: str, tmp_path: Path, redis_url: str
) -> None:
    async with FakeProvider() as fake, service(fake) as session:
        fake.rate_limit(1, 600)

        journal = SQLiteJournal(tmp_path / "run.db") if kind == "SQLite" else RedisJournal(redis_url, "pace")
        async with asyncio.timeout(20), journal:
            first = post_all(session, posts(6), journal=journal)
            for _ in range(3):
                await anext(first)
            await first.aclose()
            is_waiting = asyncio.Event()

            async def sleep(_: float) -> None:
                is_waiting.set()
                await asyncio.Event().wait()

            second = post_all(session, posts(6), journal=journal, sleep=sleep)
            assert [(await anext(second)).status for _ in range(3)] == ["skipped"] * 3
            await is_waiting.wait()
            await second.aclose()
        assert [arrival.verdict for arrival in fake.ledger] == ["accepted"] * 3


async def test_a_reconcile_that_meets_a_spent_window_is_asked_again_after_the_reset() -> None:
    asked = 0

    async def reconcile(_: OAuth1Session, __: Post) -> bool:
        nonlocal asked
        asked += 1
        if asked < 6:
            raise RateLimited("too many", status=429, retry_after=0.01)
        return True

    async with FakeProvider() as fake, service(fake) as session:
        fake.drop_next("after")
        [outcome] = await outcomes(post_all(session, posts(1), reconcile=reconcile, settle=0))
    assert (outcome.status, asked) == ("done", 6)


async def test_an_outage_stops_the_run_and_the_next_one_sends_what_it_refused(tmp_path: Path) -> None:
    users = tuple(f"user {number}" for number in range(40))
    async with FakeProvider() as fake, service(fake, users=users) as session:
        journal = SQLiteJournal(tmp_path / "run.db")
        fake.fail_next(503, times=5)
        run = post_all(session, posts(40, users), journal=journal, stop_after=5, concurrency=1)
        await outcomes(run)
        assert run.stopped is not None
        assert "503" in run.stopped
        assert (await journal.report()).refused == 0
        await outcomes(post_all(session, posts(40, users), journal=journal))
        assert len(fake.posts) == (await journal.report()).done == 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"journal": "run.db"}, "journal must be a Journal, such as SQLiteJournal, not str"),
        ({"reconcile": True}, "reconcile must be an asynchronous function, not bool"),
        ({"concurrency": 1.5}, "concurrency must be an int, not float"),
        ({"stop_after": True}, "stop_after must be an int, not bool"),
        ({"settle": "2"}, "settle must be a number of seconds, not str"),
    ],
)
async def test_an_argument_of_another_type_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    async with FakeProvider() as fake, service(fake) as session:
        with pytest.raises(TypeError, match=message):
            post_all(session, [], **options)


async def test_a_clock_that_is_put_back_during_a_run_moves_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeProvider() as fake, service(fake) as session, asyncio.timeout(20):
        fake.rate_limit(1, 1)
        run = post_all(session, posts(2, ("ann",)))
        assert (await anext(run)).status == "done"
        real = time.time
        monkeypatch.setattr("time.time", lambda: real() - 3600)
        second = await anext(run)
        monkeypatch.undo()
        await run.aclose()
        assert second.status == "done"


async def test_a_post_begun_in_the_future_is_reconciled_after_settle_seconds(tmp_path: Path) -> None:
    async with FakeProvider() as fake, service(fake) as session, asyncio.timeout(20):
        ahead = SQLiteJournal(tmp_path / "run.db", clock=lambda: time.time() + 3600)
        [post] = posts(1)
        await ahead.open()
        await ahead.begin(Numbered(0, post, digest(post)))
        await ahead.release()

        async def reconcile(*_: object) -> bool:
            return True

        run = post_all(session, [post], journal=ahead, reconcile=reconcile, settle=0.01)
        assert [outcome.status for outcome in await outcomes(run)] == ["done"]
