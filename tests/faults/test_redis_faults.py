"""Faults of a Redis and of the way to it: nothing is lost or mixed up, and the caller is told in time."""

from __future__ import annotations

import asyncio
import random
import re
import secrets
import shutil
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import redis.exceptions
from patience import PATIENCE
from real_redis.cluster import ClusterOfThree
from real_redis.fixtures import need
from real_redis.proxy import Fault, ReplyProxy
from redis.asyncio import ConnectionPool, Redis

from aiooauth1 import AccessToken
from aiooauth1.errors import StoreCorrupt, StoreUnavailable
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from real_redis.server import RedisServer


pytestmark = pytest.mark.socket

ANN = AccessToken("ann-key", "ann-secret-4f1c", params={"screen_name": "ann"})
BOB = AccessToken("bob-key", "bob-secret-77aa")
ENCRYPTION = Encryption(Encryption.generate_key())
DEADLINE = 2.0  # seconds, the store's default
HASTY = 0.5  # of a store in tests that are not about how long it waits
SLACK = 10.0  # for a machine that is busy with other things; far shorter than PATIENCE
BACK = 30  # seconds: by then it works again, however busy the machine is


async def refused_after(operation: Awaitable[object]) -> tuple[float, str]:
    """Return how long it took to be told that the store is not available, and the message."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable) as refused:
        await operation
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None, "what went before shows commands"
    return time.monotonic() - began, str(refused.value)


async def refused_or(operation: Awaitable[AccessToken | None]) -> tuple[float, Any]:
    """Return how long it took to be answered, and the answer; None if the store was not available."""
    began = time.monotonic()
    try:
        outcome = await operation
    except StoreUnavailable:
        outcome = None
    return time.monotonic() - began, outcome


async def works_again(operation: Callable[[], Awaitable[object]]) -> None:
    """Repeat an operation until the store is available."""
    began = time.monotonic()
    while True:
        try:
            await operation()
        except StoreUnavailable:
            assert time.monotonic() - began < BACK, "it did not come back"
            await asyncio.sleep(0.01)
        else:
            return


@pytest.fixture
async def store(own_redis: RedisServer) -> AsyncIterator[RedisStore]:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", ANN)
        await store.add_pending("x", "token", b"1", ttl=60)
        yield store


@pytest.fixture
async def hasty(own_redis: RedisServer, store: RedisStore) -> AsyncIterator[RedisStore]:
    """Another store in the same Redis, that gives up sooner."""
    del store  # it has written what is read
    async with RedisStore.from_url(own_redis.url, timeout=HASTY) as hasty:
        yield hasty


# One reply is lost, late, or its connection reset


async def _token(store: RedisStore) -> object:
    return await store.get_access_token("x", "ann")


async def _record(store: RedisStore, name: str = "token") -> object:
    held = await store.get_pending("x", name)
    return held.value if held is not None else None


async def _swap(store: RedisStore) -> object:
    held = await store.get_pending("x", "token")
    assert held is not None
    swapped = await store.swap_pending("x", "token", held, b"2") if held.value == b"1" else held
    return swapped is not None and swapped.value


async def _users(store: RedisStore) -> object:
    return {user async for user in store.users("x")}


DONE = True


class Sweep(NamedTuple):
    """An operation, what it returns when it has worked, and what must be there afterwards."""

    operate: Callable[[RedisStore], Awaitable[object]]
    returns: object
    leaves: object
    look: Callable[[RedisStore], Awaitable[object]] = _token


SWEEPS = {
    "put": Sweep(lambda s: s.put_access_token("x", "ann", BOB), None, BOB),
    "get": Sweep(_token, ANN, ANN),
    "replace": Sweep(lambda s: s.replace_access_token("x", "ann", ANN.key, BOB), DONE, BOB),
    "discard": Sweep(lambda s: s.discard_access_token("x", "ann"), DONE, None),
    "discard by key": Sweep(lambda s: s.discard_access_token("x", "ann", ANN.key), DONE, None),
    "users": Sweep(_users, {"ann"}, {"ann"}, _users),
    "add": Sweep(lambda s: s.add_pending("x", "new", b"n", ttl=60), DONE, b"n", lambda s: _record(s, "new")),
    "get pending": Sweep(_record, b"1", b"1", _record),
    "swap": Sweep(_swap, b"2", b"2", _record),
}


class Outcome(NamedTuple):
    returned: object
    left: object
    took: float
    failed: bool


async def _strike(
    sweep: Sweep, server: RedisServer, fault: Fault, number: int, client: str
) -> Outcome | None:
    """Operate with a fault in the reply of that number, and again if that fails; None if there are fewer."""
    timeout = PATIENCE if fault == "reset" else HASTY
    options: dict[str, Any] = {"prefix": f"{secrets.token_hex(8)}:", "encryption": ENCRYPTION}
    async with (
        ReplyProxy(server.port) as proxy,
        RedisStore.from_url(server.url, **options) as direct,
        Redis.from_url(proxy.url) as theirs,
    ):
        await direct.put_access_token("x", "ann", ANN)
        await direct.add_pending("x", "token", b"1", ttl=60)
        options["timeout"] = timeout
        is_ours = client == "ours"
        async with (
            RedisStore.from_url(proxy.url, **options) if is_ours else RedisStore(theirs, **options)
        ) as store:
            proxy.arm(fault, number, seconds=1.5 * timeout)
            began, failed, returned = time.monotonic(), False, None
            try:
                returned = await sweep.operate(store)
            except StoreUnavailable:
                failed = True
            took = time.monotonic() - began
            if not proxy.struck:
                return None
            while failed:
                try:
                    returned = await sweep.operate(store)
                    break
                except StoreUnavailable:  # a busy machine
                    assert time.monotonic() - began < BACK, "repeating it did not help"
        return Outcome(returned, await sweep.look(direct), took, failed)


@pytest.mark.parametrize("client", ["ours", "theirs"])
@pytest.mark.parametrize("name", SWEEPS)
async def test_a_reset_in_place_of_any_reply_goes_unnoticed(
    own_redis: RedisServer, name: str, client: str
) -> None:
    sweep, number = SWEEPS[name], 0
    while (outcome := await _strike(sweep, own_redis, "reset", number, client)) is not None:
        assert not outcome.failed, f"reply {number}"
        assert outcome.returned == sweep.returns, f"reply {number}"
        assert outcome.left == sweep.leaves, f"reply {number}"
        number += 1
    assert number >= 2, "nothing was swept"


LATE: tuple[Fault, ...] = ("drop", "stall")


@pytest.mark.parametrize("name", SWEEPS)
async def test_a_reply_that_does_not_come_in_time_is_an_error_in_time(
    own_redis: RedisServer, name: str
) -> None:
    sweep = SWEEPS[name]
    each = [_strike(sweep, own_redis, fault, number, "ours") for fault in LATE for number in range(12)]
    outcomes = await asyncio.gather(*each)
    for fault, first in zip(LATE, (0, 12), strict=True):
        swept = [outcome for outcome in outcomes[first : first + 12] if outcome is not None]
        assert 2 <= len(swept) < 12, f"{fault}: the end was not reached"
        for number, outcome in enumerate(swept):
            assert outcome.failed, f"{fault} of reply {number}"
            assert outcome.took < HASTY + SLACK, f"{fault} of reply {number}"
            assert outcome.left == sweep.leaves, f"{fault} of reply {number}: repeating it did not help"
            # A discard that failed may have worked: then the next one finds nothing.
            assert outcome.returned == sweep.returns or (
                name.startswith("discard") and outcome.returned is False
            )


# A write whose reply is lost, while another process writes


@pytest.fixture
async def proxy(own_redis: RedisServer) -> AsyncIterator[ReplyProxy]:
    async with ReplyProxy(own_redis.port) as proxy:
        yield proxy


@pytest.mark.parametrize("write", ["put", "discard"])
async def test_a_repeated_write_does_not_undo_a_newer_one(
    proxy: ReplyProxy, store: RedisStore, write: str
) -> None:
    async with RedisStore.from_url(proxy.url, timeout=PATIENCE) as far:
        assert await far.get_access_token("x", "ann") == ANN
        # Reply 0 is to its look at what is there. Reply 1 is to its write, which has been done.
        if write == "put":
            proxy.arm("reset", 1, meanwhile=lambda: store.replace_access_token("x", "ann", "new-key", BOB))
            _, says = await refused_after(far.put_access_token("x", "ann", AccessToken("new-key", "s")))
            assert "another process has written" in says
        else:
            proxy.arm("reset", 1, meanwhile=lambda: store.put_access_token("x", "ann", BOB))
            await refused_after(far.discard_access_token("x", "ann"))
    assert await store.get_access_token("x", "ann") == BOB


async def test_one_of_two_discards_succeeds_although_its_reply_is_lost(
    proxy: ReplyProxy, store: RedisStore
) -> None:
    async with RedisStore.from_url(proxy.url, timeout=PATIENCE) as far:
        assert await far.get_access_token("x", "ann") == ANN
        second: list[bool] = []

        async def rival() -> None:
            second.append(await store.discard_access_token("x", "ann"))

        proxy.arm("reset", 1, meanwhile=rival)
        assert await far.discard_access_token("x", "ann") is True
        assert second == [False]


async def test_a_repeated_swap_does_not_undo_the_next_one(proxy: ReplyProxy, store: RedisStore) -> None:
    async with RedisStore.from_url(proxy.url, timeout=PATIENCE) as far:
        held = await far.get_pending("x", "token")
        assert held is not None

        async def rival() -> None:
            claimed = await store.get_pending("x", "token")
            assert claimed is not None
            assert await store.swap_pending("x", "token", claimed, b"3") is not None

        proxy.arm("reset", 0, meanwhile=rival)
        assert await far.swap_pending("x", "token", held, b"2") is None
    assert await _record(store) == b"3"


async def test_a_put_that_arrives_late_overwrites_nothing_newer(proxy: ReplyProxy, store: RedisStore) -> None:
    async with RedisStore.from_url(proxy.url, timeout=0.3) as far:
        assert await far.get_access_token("x", "ann") == ANN
        proxy.arm("late", 1, seconds=0.6)
        await refused_after(far.put_access_token("x", "ann", AccessToken("late", "s")))
        await store.put_access_token("x", "ann", BOB)
        seen = proxy.commands
        await asyncio.sleep(0.6)
        assert proxy.struck
        assert proxy.commands == seen
    assert await store.get_access_token("x", "ann") == BOB


# Cancelled


@pytest.mark.parametrize("client", ["ours", "theirs"])
async def test_the_reply_to_a_cancelled_read_reaches_no_other_read(
    own_redis: RedisServer, client: str
) -> None:
    dice = random.Random(20_260_101)  # noqa: S311 - the same delays each time
    users = [f"user {number}" for number in range(50)]
    cancelled = 0
    async with (
        RedisStore.from_url(own_redis.url, timeout=PATIENCE) as direct,
        ReplyProxy(own_redis.port, delay=lambda _: dice.random() * 0.01) as proxy,
        Redis.from_url(proxy.url, max_connections=16) as theirs,
    ):
        for user in users:
            await direct.put_access_token("x", user, AccessToken(f"key of {user}", "s"))
        is_ours = client == "ours"
        store = (
            RedisStore.from_url(proxy.url, timeout=PATIENCE)
            if is_ours
            else RedisStore(theirs, timeout=PATIENCE)
        )

        async def read_and_cancel_some() -> None:
            nonlocal cancelled
            for number in range(50):
                user = dice.choice(users)
                read = asyncio.create_task(store.get_access_token("x", user))
                if number % 2:
                    await asyncio.sleep(dice.random() * 0.01)
                    read.cancel()
                await asyncio.wait([read])
                cancelled += read.cancelled()
                if not read.cancelled():
                    token = read.result()
                    assert token is not None
                    assert token.key == f"key of {user}", "another user's token"

        async with store:
            await asyncio.gather(*(read_and_cancel_some() for _ in range(20)))
    assert 250 < cancelled <= 500, "too few were cancelled under way"


# The whole server


async def test_a_frozen_redis_is_an_error_in_time(own_redis: RedisServer, hasty: RedisStore) -> None:
    assert await hasty.get_access_token("x", "ann") == ANN  # so one connection is there, and others are not
    own_redis.freeze()
    try:
        operations = [
            hasty.get_access_token("x", "ann"),
            hasty.put_access_token("x", "ann", BOB),
            hasty.replace_access_token("x", "ann", ANN.key, BOB),
            hasty.discard_access_token("x", "ann"),
            hasty.add_pending("x", "new", b"1", ttl=60),
            hasty.get_pending("x", "token"),
            anext(aiter(hasty.users("x"))),
            *(hasty.get_access_token("x", f"user {number}") for number in range(200)),
        ]
        told = await asyncio.gather(*(refused_after(operation) for operation in operations))
    finally:
        own_redis.thaw()
    assert max(took for took, _ in told) < HASTY + SLACK
    await works_again(lambda: hasty.get_access_token("x", "ann"))


async def test_a_killed_redis_is_an_error_in_time_and_keeps_what_it_saved(
    own_redis: RedisServer, hasty: RedisStore
) -> None:
    assert await hasty.get_access_token("x", "ann") == ANN  # over a connection that is to break
    with own_redis.client() as client:
        client.save()
    own_redis.kill()
    for took, says in await asyncio.gather(
        refused_after(hasty.get_access_token("x", "ann")),
        refused_after(hasty.put_access_token("x", "ann", BOB)),
    ):
        assert HASTY - 0.1 < took < HASTY + SLACK
        assert "was refused" in says
    own_redis.start()
    await works_again(lambda: hasty.get_access_token("x", "ann"))
    assert await hasty.get_access_token("x", "ann") == ANN
    assert await _record(hasty) == b"1"


async def test_a_quick_restart_goes_unnoticed(own_redis: RedisServer, store: RedisStore) -> None:
    with own_redis.client() as client:
        client.save()
    own_redis.kill()
    reading = asyncio.create_task(store.get_access_token("x", "ann"))
    writing = asyncio.create_task(store.add_pending("x", "new", b"1", ttl=60))
    await asyncio.sleep(0.2)
    own_redis.start()
    assert await reading == ANN
    assert await writing is True


async def test_scripts_that_redis_forgot_are_sent_again(own_redis: RedisServer, store: RedisStore) -> None:
    with own_redis.client() as client:
        for flushed in range(3):
            client.script_flush()
            token = AccessToken(f"key {flushed}", "s")
            await asyncio.gather(*(store.put_access_token("x", f"user {n}", token) for n in range(50)))
            client.script_flush()
            read = await asyncio.gather(*(store.get_access_token("x", f"user {n}") for n in range(50)))
            assert read == [token] * 50


@pytest.mark.parametrize(
    ("fault", "mended", "word"),
    [
        (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"], "READONLY"),
        (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"], "maxmemory"),
    ],
    ids=["a replica", "a full Redis"],
)
async def test_writes_that_redis_refuses_are_an_error_at_once_and_reads_are_answered(
    own_redis: RedisServer, store: RedisStore, fault: list[str], mended: list[str], word: str
) -> None:
    with own_redis.client() as client:
        client.execute_command(*fault)
        for write in (
            store.put_access_token("x", "ann", BOB),
            store.replace_access_token("x", "ann", ANN.key, BOB),
            store.add_pending("x", "new", b"1", ttl=60),
        ):
            took, says = await refused_after(write)
            assert took < SLACK, "repeating it cannot help"
            assert word in says
        own = client.client_id()
        left = [entry for entry in client.client_list("normal") if int(entry["id"]) != own]
        assert word != "READONLY" or left == [], "new connections are needed to find the new primary"
        assert await store.get_access_token("x", "ann") == ANN
        client.execute_command(*mended)
    await works_again(lambda: store.put_access_token("x", "ann", BOB))


class StubbornPool(ConnectionPool):
    """A pool whose connections cannot be closed, as over TLS when the other side is silent."""

    stubborn = True

    async def disconnect(self, inuse_connections: bool = True) -> None:
        if self.stubborn:
            raise redis.exceptions.TimeoutError("Timed out closing connection after 2")
        await super().disconnect(inuse_connections)


async def test_connections_that_do_not_close_leave_the_error_as_it_is(own_redis: RedisServer) -> None:
    pool = StubbornPool.from_url(own_redis.url)
    with own_redis.client() as client:
        client.replicaof("127.0.0.1", 1)
        async with Redis(connection_pool=pool) as theirs:
            _, says = await refused_after(RedisStore(theirs).put_access_token("x", "ann", BOB))
        assert "READONLY" in says
    pool.stubborn = False
    await pool.disconnect()


async def test_a_replica_without_its_primary_is_waited_for(own_redis: RedisServer, hasty: RedisStore) -> None:
    with own_redis.client() as client:
        client.config_set("replica-serve-stale-data", "no")
        client.replicaof("127.0.0.1", 1)
        took, says = await refused_after(hasty.get_access_token("x", "ann"))
        assert HASTY - 0.1 < took < HASTY + SLACK
        assert "MASTERDOWN" in says
        client.replicaof("no", "one")
    await works_again(lambda: hasty.put_access_token("x", "ann", BOB))


async def test_a_redis_that_cannot_write_to_its_disk_is_named(
    own_redis: RedisServer, store: RedisStore, tmp_path: Path
) -> None:
    with own_redis.client() as client:
        client.config_set("save", "3600 1")
        shutil.rmtree(tmp_path / "redis")
        client.bgsave()
        failed = False
        while not failed:
            failed = client.info("persistence")["rdb_last_bgsave_status"] != "ok"
        _, says = await refused_after(store.put_access_token("x", "ann", BOB))
    assert "MISCONF" in says


async def test_a_redis_that_is_loading_is_waited_for(own_redis: RedisServer, hasty: RedisStore) -> None:
    with own_redis.client() as client:
        client.config_set("rdbcompression", "no")
        client.execute_command("DEBUG", "POPULATE", 1000, "filler", 32_768)  # it answers every 2 MiB
        client.save()
    own_redis.kill()
    own_redis.start("--key-load-delay", "1000", wait=False)
    began, said = time.monotonic(), set()
    while True:
        try:
            token = await hasty.get_access_token("x", "ann")
        except StoreUnavailable as refused:
            said.add(str(refused).rpartition("(")[2])
        else:
            break
    assert token == ANN
    assert time.monotonic() - began > HASTY, "it was loaded before anybody asked"
    assert said == {"LOADING)"}


async def test_a_missing_or_wrong_password_is_named_and_not_shown(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.config_set("requirepass", "right-canary")
        for login in ("", "user:wrong-canary@", ":wrong-canary@"):
            url = f"redis://{login}127.0.0.1:{own_redis.port}"
            async with RedisStore.from_url(url, timeout=PATIENCE) as store:
                took, says = await refused_after(store.get_access_token("x", "ann"))
                assert took < SLACK
                assert "password" in says
                assert "canary" not in says
        async with RedisStore.from_url(f"redis://:right-canary@127.0.0.1:{own_redis.port}") as store:
            assert await store.get_access_token("x", "ann") is None


async def test_a_command_that_the_user_of_redis_may_not_run_is_named(
    own_redis: RedisServer, store: RedisStore
) -> None:
    with own_redis.client() as client:
        client.acl_setuser(
            "default", enabled=True, nopass=True, commands=["+@all", "-@scripting"], keys=["*"]
        )
        took, says = await refused_after(store.get_access_token("x", "ann"))
    assert took < SLACK
    assert "EVALSHA" in says


# A Cluster


@pytest.fixture
def own_cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ClusterOfThree]:
    """A Cluster of this test alone; its parameter is the number of replicas of each primary."""
    need("redis-server", "redis-cli")
    cluster = ClusterOfThree(tmp_path / "cluster", replicas=getattr(request, "param", 0))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


async def test_a_node_that_hangs_does_not_stop_the_others(own_cluster: ClusterOfThree) -> None:
    users = [f"user {number}" for number in range(60)]
    async with RedisStore.from_url(own_cluster.nodes[0].url) as store:  # the URL of a plain Redis
        with pytest.raises(StoreUnavailable, match=re.escape("redis+cluster://")):
            await asyncio.gather(*(store.get_access_token("x", user) for user in users))
    async with RedisStore.from_url(own_cluster.url) as store:
        for user in users:
            await works_again(partial(store.put_access_token, "x", user, ANN))
        own_cluster.nodes[1].freeze()
        try:
            began = time.monotonic()
            reads = [store.get_access_token("x", user) for user in users * 10]
            outcomes = await asyncio.gather(*reads, return_exceptions=True)
            took = time.monotonic() - began
        finally:
            own_cluster.nodes[1].thaw()
        told = [outcome for outcome in outcomes if isinstance(outcome, StoreUnavailable)]
        assert took < DEADLINE + SLACK
        assert 0 < len(told) < 0.6 * len(reads)
        assert outcomes.count(ANN) + len(told) == len(reads)
        for user in users:
            await works_again(partial(store.get_access_token, "x", user))


async def test_a_killed_node_s_users_are_told_in_time(own_cluster: ClusterOfThree) -> None:
    async with RedisStore.from_url(own_cluster.url, timeout=HASTY) as store:
        for number in range(30):
            await works_again(partial(store.put_access_token, "x", f"user {number}", ANN))
        own_cluster.nodes[2].kill()
        operations = [refused_or(store.get_access_token("x", f"user {number}")) for number in range(30)]
        told = await asyncio.gather(*operations)
        assert max(took for took, _ in told) < HASTY + SLACK
        assert {outcome for _, outcome in told} == {ANN, None}
        own_cluster.nodes[2].start()  # without what it held, which was nowhere else
        for number in range(30):
            await works_again(partial(store.put_access_token, "x", f"user {number}", BOB))


@pytest.mark.parametrize("own_cluster", [1], indirect=True)
async def test_a_replica_takes_over_from_a_primary_that_hangs(own_cluster: ClusterOfThree) -> None:
    cluster, users = own_cluster, [f"user {number}" for number in range(30)]
    for replica in cluster.nodes[3:]:
        await until_linked(replica)
    async with RedisStore.from_url(cluster.url, timeout=HASTY) as store:
        for user in users:
            await works_again(partial(store.put_access_token, "x", user, ANN))
        cluster.take_for_dead_after(500)
        cluster.nodes[1].freeze()
        try:
            told = await asyncio.gather(*(refused_or(store.get_access_token("x", user)) for user in users))
            assert {outcome for _, outcome in told} == {ANN, None}, "it was no primary of theirs that hangs"
            for user in users:
                await works_again(partial(store.get_access_token, "x", user))
                assert await store.get_access_token("x", user) == ANN, "lost by the failover"
        finally:
            cluster.nodes[1].thaw()


async def until_linked(replica: RedisServer) -> None:
    with replica.client() as client:
        for _ in range(1000):
            if client.info("replication").get("master_link_status") == "up":
                return
            await asyncio.sleep(0.01)
    pytest.fail("the replica found no primary")


# What an error shows


def freeze(server: RedisServer) -> None:
    server.freeze()


def make_replica(server: RedisServer) -> None:
    with server.client() as client:
        client.replicaof("127.0.0.1", 1)


def damage_record(server: RedisServer) -> None:
    with server.client() as client:
        client.append("aiooauth1:access:x:ann", "?")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(freeze, StoreUnavailable), (make_replica, StoreUnavailable), (damage_record, StoreCorrupt)],
    ids=["no answer", "a refusal", "a damaged record"],
)
async def test_no_variable_of_an_error_s_frames_shows_a_secret(
    own_redis: RedisServer, fault: Callable[[RedisServer], None], kind: type[Exception]
) -> None:
    canary = AccessToken("canary-key", "canary-secret")
    async with RedisStore.from_url(own_redis.url, timeout=0.3) as store:
        await store.put_access_token("x", "ann", canary)
        fault(own_redis)
        try:
            with pytest.raises(kind) as error:
                await store.replace_access_token(
                    "x", "ann", "canary-key", AccessToken("other", canary.secret)
                )
        finally:
            own_redis.thaw()
    frames = error.traceback[1:]  # the first is the test's
    shown = [repr(value) for frame in frames for value in frame.frame.f_locals.values()]
    assert shown
    assert error.value.__cause__ is error.value.__context__ is None
    assert not any("canary-secret" in value for value in [*shown, str(error.value)])
