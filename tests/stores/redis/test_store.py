"""Tokens in a real Redis: the contract, in every form that the store has, and what is Redis's own."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import ssl
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
import redis
from patience import PATIENCE
from real_redis.aging import age
from real_redis.monitor import Monitor
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis, RedisCluster

from aiooauth1 import AccessToken
from aiooauth1.errors import StoreCorrupt, StoreUnavailable
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.redis.client import Lane
from aiooauth1.stores.redis.errors import classify
from aiooauth1.testing.store_contract import SharedContract, StoreContract


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from real_redis.cluster import ClusterOfThree
    from real_redis.server import RedisServer


pytestmark = pytest.mark.socket

ANN = AccessToken("ann-key", "ann-secret-4f1c", params={"screen_name": "ann"})
BOB = AccessToken("bob-key", "bob-secret-77aa")


def after(error: Exception, cause: BaseException) -> Exception:
    """An error as redis-py raises it while it handles another."""
    error.__context__ = cause
    return error


def fresh_prefix() -> str:
    return f"test-{secrets.token_hex(8)}:"


def new_encryption(*, hidden: bool = False) -> Encryption:
    name_key = Encryption.generate_key() if hidden else None
    return Encryption(Encryption.generate_key(), name_key=name_key)


class TestInTheClear(StoreContract, SharedContract):
    """By Redis's own clock."""

    ttl = 0.6

    @pytest.fixture
    async def store(self, redis_url: str) -> AsyncIterator[RedisStore]:
        async with RedisStore.from_url(redis_url, prefix=fresh_prefix(), timeout=PATIENCE) as store:
            yield store

    @pytest.fixture
    async def stores(self, redis_url: str) -> AsyncIterator[tuple[RedisStore, RedisStore]]:
        prefix = fresh_prefix()
        async with (
            RedisStore.from_url(redis_url, prefix=prefix, timeout=PATIENCE) as one,
            RedisStore.from_url(redis_url, prefix=prefix, timeout=PATIENCE) as other,
        ):
            yield one, other


class OnRedis(StoreContract):
    """By a clock that is put forward."""

    @pytest.fixture(autouse=True)
    def _place(self, redis_url: str) -> None:
        self.prefix = fresh_prefix()
        self.urls = [redis_url]

    async def pass_time(self, seconds: float) -> None:
        age(map(redis.Redis.from_url, self.urls), self.prefix, seconds)


class TestEncrypted(OnRedis, SharedContract):
    @pytest.fixture
    async def store(self, redis_url: str) -> AsyncIterator[RedisStore]:
        async with RedisStore.from_url(
            redis_url, prefix=self.prefix, encryption=new_encryption(), timeout=PATIENCE
        ) as store:
            yield store

    @pytest.fixture
    async def stores(self, redis_url: str) -> AsyncIterator[tuple[RedisStore, RedisStore]]:
        prefix, encryption = fresh_prefix(), new_encryption(hidden=True)
        async with (
            RedisStore.from_url(redis_url, prefix=prefix, encryption=encryption, timeout=PATIENCE) as one,
            RedisStore.from_url(redis_url, prefix=prefix, encryption=encryption, timeout=PATIENCE) as other,
        ):
            yield one, other


class TestUnderHiddenNames(OnRedis):
    @pytest.fixture
    async def store(self, redis_url: str) -> AsyncIterator[RedisStore]:
        encryption = new_encryption(hidden=True)
        async with RedisStore.from_url(
            redis_url, prefix=self.prefix, encryption=encryption, timeout=PATIENCE
        ) as store:
            yield store


class TestOnAClientOfTheUsers(OnRedis):
    """A pool of eight, RESP2, repeating by itself, and a prefix that is a pattern."""

    @pytest.fixture
    async def store(self, redis_url: str) -> AsyncIterator[RedisStore]:
        async with Redis.from_url(redis_url, max_connections=8, protocol=2) as client:
            self.prefix = rf"[*?\]{self.prefix}"
            yield RedisStore(client, prefix=self.prefix, timeout=PATIENCE)


class OnACluster(OnRedis):
    @pytest.fixture(autouse=True)
    def _place(self, redis_cluster: ClusterOfThree) -> None:
        self.prefix = fresh_prefix()
        self.urls = [node.url for node in redis_cluster.nodes]


class TestOnACluster(OnACluster):
    @pytest.fixture
    async def store(self, redis_cluster: ClusterOfThree) -> AsyncIterator[RedisStore]:
        async with RedisStore.from_url(redis_cluster.url, prefix=self.prefix, timeout=PATIENCE) as store:
            yield store


class TestEncryptedOnAClusterClientOfTheUsers(OnACluster):
    @pytest.fixture
    async def store(self, redis_cluster: ClusterOfThree) -> AsyncIterator[RedisStore]:
        async with RedisCluster(host="127.0.0.1", port=redis_cluster.ports[1]) as client:
            yield RedisStore(
                client, prefix=self.prefix, encryption=new_encryption(hidden=True), timeout=PATIENCE
            )


# What is told and kept


async def _use_everything(store: RedisStore) -> None:
    await store.put_access_token("x", "ann", ANN)
    await store.put_access_token("x", "ann", ANN)
    assert await store.get_access_token("x", "ann") == ANN
    await store.put_access_token("x", "bob-by-name", BOB)
    assert await store.replace_access_token("x", "bob-by-name", BOB.key, ANN)
    assert [user async for user in store.users("x")]
    assert await store.discard_access_token("x", "ann", ANN.key)
    assert await store.add_pending("x", "request-token-31b7", b"pending-secret-90c2", ttl=60)
    held = await store.get_pending("x", "request-token-31b7")
    assert held is not None
    assert await store.swap_pending("x", "request-token-31b7", held, b"done, pending-secret-90c2")


async def test_it_sends_scripts_and_scans_and_nothing_else(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as store:
        with Monitor(own_redis) as monitor:
            await _use_everything(store)
            sent, ran = Monitor.commands(monitor.lines())
    assert sent - {"HELLO", "CLIENT"} == {"EVAL", "EVALSHA", "SCAN"}, (
        "HELLO and CLIENT are redis-py's greeting"
    )
    assert ran == {"GET", "SET"}


async def test_every_operation_touches_one_key(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", ANN)  # now it knows both scripts
        with Monitor(own_redis) as monitor:
            await _use_everything(store)
            lines = monitor.lines()
    evaluated = [line for line in lines if b'"EVALSHA"' in line]
    assert len(evaluated) > 10
    assert all(re.search(rb'"EVALSHA" "[0-9a-f]{40}" "1" "aiooauth1:', line) for line in evaluated)


async def test_nothing_secret_is_told_or_kept(own_redis: RedisServer) -> None:
    encryption = new_encryption(hidden=True)
    async with RedisStore.from_url(own_redis.url, encryption=encryption, timeout=PATIENCE) as store:
        with Monitor(own_redis) as monitor:
            await _use_everything(store)
            told = b"".join(monitor.lines())
    with own_redis.client() as client:
        client.save()
    kept = own_redis.dump.read_bytes()
    assert len(told) > 2000, "the monitor saw nothing"
    assert b"aiooauth1:access:x:" in kept, "the dump has no records"
    for secret in (
        ANN.key,
        ANN.secret,
        BOB.key,
        BOB.secret,
        "bob-by-name",
        "ann",
        "pending-secret",
        "request-token",
    ):
        assert secret.encode() not in told, f"{secret} was told"
        assert secret.encode() not in kept, f"{secret} was kept"


async def test_a_request_token_shows_in_no_key(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as store:
        await store.add_pending("x", "request-token-31b7", b"1", ttl=60)
    with own_redis.client() as client:
        (key,) = client.keys()
    assert b"request-token" not in key


async def test_only_handshakes_have_an_end(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, encryption=new_encryption(), timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", ANN)
        await store.put_access_token("x", "bob", BOB)
        await store.discard_access_token("x", "bob")
        await store.put_access_token("x", "bob", ANN)  # where what stands for a gone record has an end
        await store.replace_access_token("x", "bob", ANN.key, BOB)
        await store.add_pending("x", "token", b"1", ttl=60)
        held = await store.get_pending("x", "token")
        assert held is not None
        await store.swap_pending("x", "token", held, b"2")
    with own_redis.client() as client:
        ends = {key.split(b":")[1]: client.pttl(key) for key in client.scan_iter()}
    assert ends.pop(b"access") == -1
    assert 50_000 < ends.pop(b"pending") <= 60_000
    assert not ends


async def test_what_is_gone_leaves_nothing_behind(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=0.2) as store:
        await store.put_access_token("x", "ann", ANN)
        await store.add_pending("x", "token", b"1", ttl=0.2)
        assert await store.discard_access_token("x", "ann")
        with own_redis.client() as client:
            assert not any(ANN.secret.encode() in client.get(key) for key in client.keys("*access*"))
            await asyncio.sleep(0.6)
            assert client.keys() == []


# Who makes, who closes, and what is refused


def test_a_store_is_made_outside_of_a_loop(redis_url: str) -> None:
    store = RedisStore.from_url(redis_url, prefix=fresh_prefix(), timeout=PATIENCE)

    async def use() -> None:
        async with store:
            await store.put_access_token("x", "ann", ANN)
            assert await store.get_access_token("x", "ann") == ANN

    asyncio.run(use())


async def test_what_we_make_we_close(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", ANN)
        assert len(connections(own_redis)) == 1
    assert await eventually(lambda: connections(own_redis) == [])
    with pytest.raises(RuntimeError, match=r"the token store '127.0.0.1:\d+' is closed: make another one"):
        await store.get_access_token("x", "ann")


async def test_what_you_pass_in_you_close(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        async with RedisStore(client, prefix=fresh_prefix(), timeout=PATIENCE) as store:
            await store.put_access_token("x", "ann", ANN)
        assert await client.ping()


def test_another_event_loop_is_refused(redis_url: str) -> None:
    client = Redis.from_url(redis_url)
    store = RedisStore(client, prefix=fresh_prefix(), timeout=PATIENCE)

    async def use() -> None:
        await store.put_access_token("x", "ann", ANN)
        await client.aclose()

    asyncio.run(use())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(use())


async def test_a_client_that_decodes_is_refused(redis_url: str, redis_cluster: ClusterOfThree) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        with pytest.raises(ValueError, match="decode_responses"):
            RedisStore(client, timeout=PATIENCE)
    with pytest.raises(ValueError, match="decode_responses"):
        RedisStore(
            RedisCluster(host="127.0.0.1", port=redis_cluster.ports[0], decode_responses=True),
            timeout=PATIENCE,
        )
    with pytest.raises(ValueError, match="decode_responses"):
        RedisStore.from_url(f"{redis_url}?decode_responses=True", timeout=PATIENCE)


def test_a_client_that_blocks_is_refused(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client, pytest.raises(TypeError, match=r"redis\.asyncio"):
        RedisStore(client, timeout=PATIENCE)
    with pytest.raises(TypeError, match=r"not builtins\.str"):
        RedisStore(redis_url, timeout=PATIENCE)  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_timeout_is_a_positive_number(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        RedisStore.from_url("redis://localhost", timeout=timeout)


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf")])
async def test_a_handshake_has_an_end(ttl: float) -> None:
    with pytest.raises(ValueError, match="ttl"):
        await RedisStore.from_url("redis://localhost", timeout=PATIENCE).add_pending(
            "x", "token", b"1", ttl=ttl
        )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "http://u:canary@h",
        "redis://u:canary#@h:1",
        "redis://u:canary@h:port",
        "redis://h?a=1",
    ],
)
def test_a_wrong_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="redis://localhost:6379/0") as refused:
        RedisStore.from_url(url, timeout=PATIENCE)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


def test_an_old_driver_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "__version__", "4.6.0")
    with pytest.raises(ImportError, match=r"5\.0\.1 or later, not 4\.6\.0"):
        RedisStore.from_url("redis://localhost", timeout=PATIENCE)


# Connections


def connections(server: RedisServer) -> list[dict[str, Any]]:
    """Those of others than the one who looks."""
    with server.client() as client:
        own = client.client_id()
        return [entry for entry in client.client_list() if int(entry["id"]) != own]


async def eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(200):
        if holds():
            return True
        await asyncio.sleep(0.01)
    return False


async def _read_by_a_thousand(store: RedisStore, server: RedisServer) -> int:
    await asyncio.gather(
        *(store.put_access_token("x", f"u{n}", AccessToken(f"k{n}", "s")) for n in range(20))
    )
    most = 0
    reads = asyncio.gather(*(store.get_access_token("x", f"u{n % 20}") for n in range(1000)))
    while not reads.done():
        await asyncio.sleep(0.005)
        most = max(most, len(connections(server)))
    assert [token and token.key for token in await reads] == [f"k{n % 20}" for n in range(1000)]
    return most


async def test_a_thousand_reads_share_64_connections(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as store:
        assert 1 < await _read_by_a_thousand(store, own_redis) <= 64


async def test_a_client_of_the_users_is_bounded_too(own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url, max_connections=1000) as client:
        assert 1 < await _read_by_a_thousand(RedisStore(client, timeout=PATIENCE), own_redis) <= 64


@pytest.mark.parametrize("pool", [ConnectionPool, BlockingConnectionPool])
async def test_a_small_pool_is_waited_for(own_redis: RedisServer, pool: type[ConnectionPool]) -> None:
    async with Redis(connection_pool=pool.from_url(own_redis.url, max_connections=3)) as client:
        assert await _read_by_a_thousand(RedisStore(client, timeout=PATIENCE), own_redis) <= 3
        await client.connection_pool.aclose()


async def test_the_url_may_bound_the_pool(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(f"{own_redis.url}?max_connections=3", timeout=PATIENCE) as store:
        assert await _read_by_a_thousand(store, own_redis) <= 3


async def test_a_pool_that_others_use_up_is_waited_for(own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url, max_connections=2) as client:
        store = RedisStore(client, timeout=PATIENCE)
        await store.put_access_token("x", "ann", ANN)

        async def use_up() -> None:
            await client.blpop(["nothing"], timeout=1)

        others = [asyncio.create_task(use_up()) for _ in range(2)]
        assert await eventually(lambda: len(connections(own_redis)) == 2)
        assert await store.get_access_token("x", "ann") == ANN
        await asyncio.gather(*others)


async def test_a_thousand_reads_at_once_take_few_commands(own_redis: RedisServer) -> None:
    tokens = {f"user {number}": AccessToken(f"k{number}", "s") for number in range(1000)}
    async with RedisStore.from_url(own_redis.url, timeout=30) as store:
        await store.put_access_tokens("x", tokens)
        await store.get_access_token("x", "user 0")  # from now on Redis knows the script
        for read in (store.get_access_token, store.get_pending):
            before = scripts_run(own_redis)
            held = await asyncio.gather(*(read("x", user) for user in tokens))
            assert held == (list(tokens.values()) if read == store.get_access_token else [None] * 1000)
            assert scripts_run(own_redis) - before <= 40


class CountingCluster(RedisCluster):
    """Counts what is sent: commands and pipelines."""

    sent = 0

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        self.sent += 1
        return await super().execute_command(*args, **options)

    def pipeline(self, *args: Any, **options: Any) -> Any:
        self.sent += 1
        return super().pipeline(*args, **options)


async def test_a_thousand_reads_at_once_on_a_cluster_take_few_pipelines(
    redis_cluster: ClusterOfThree,
) -> None:
    tokens = {f"user {number}": AccessToken(f"k{number}", "s") for number in range(1000)}
    client = CountingCluster(host="127.0.0.1", port=redis_cluster.ports[0], socket_timeout=10)
    async with client:
        store = RedisStore(client, prefix=fresh_prefix(), timeout=30)
        await store.put_access_tokens("x", tokens)
        for read in (store.get_access_token, store.get_pending):
            before = client.sent
            held = await asyncio.gather(*(read("x", user) for user in tokens))
            assert held == (list(tokens.values()) if read == store.get_access_token else [None] * 1000)
            assert client.sent - before <= 40


async def test_a_record_of_another_type_among_many_on_a_cluster_fails_its_own_reader_alone(
    redis_cluster: ClusterOfThree,
) -> None:
    users = [f"user {number}" for number in range(60)]
    prefix = fresh_prefix()
    async with RedisCluster(host="127.0.0.1", port=redis_cluster.ports[0], socket_timeout=10) as client:
        store = RedisStore(client, prefix=prefix, timeout=30)
        await store.put_access_token("x", "user 7", ANN)
        (key,) = [key async for key in client.scan_iter(match=f"{prefix}*")]
        await store.put_access_tokens("x", dict.fromkeys(users, ANN))
        await client.delete(key)
        await client.lpush(key, "no token")
        ends = await asyncio.gather(
            *(store.get_access_token("x", user) for user in users), return_exceptions=True
        )
    assert [user for user, end in zip(users, ends, strict=True) if end != ANN] == ["user 7"]
    assert isinstance(ends[7], StoreCorrupt)


def scripts_run(server: RedisServer) -> int:
    with server.client() as client:
        stats = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))


async def test_token_reads_have_connections_that_nothing_else_takes(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as store, AsyncExitStack() as flood:
        await store.put_access_token("x", "ann", ANN)
        others = store._executor._adapter.permits(None, Lane.OTHERS)  # noqa: SLF001  whatever takes them
        while not others.locked():
            await flood.enter_async_context(others)
        waiting = asyncio.create_task(store.put_access_token("x", "bob", ANN))
        assert await store.get_access_token("x", "ann") == ANN
        assert not waiting.done()
        await flood.aclose()
        await waiting


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://127.0.0.1:9/0", "127.0.0.1:9 did not answer within 0.2 s: the connection was refused"),
        (
            "redis://no-such-host.invalid/0",
            "no-such-host.invalid:6379 did not answer .*(DNS|connection failed)",
        ),
        ("unix:///no/such/socket", "unix socket /no/such/socket did not answer .* there is no such socket"),
    ],
)
async def test_why_there_is_no_connection_is_said(url: str, says: str) -> None:
    async with RedisStore.from_url(url, timeout=0.2) as store:
        with pytest.raises(StoreUnavailable, match=says):
            await store.get_access_token("x", "ann")


async def test_why_redis_refuses_is_said(own_redis: RedisServer) -> None:
    base = own_redis.url.rstrip("/").rpartition("/")[0] if own_redis.url.count("/") > 2 else own_redis.url
    async with RedisStore.from_url(f"{base}/99999", timeout=1) as store:
        with pytest.raises(StoreUnavailable, match="it has no database of that number"):
            await store.get_access_token("x", "ann")
    tls = own_redis.url.replace("redis://", "rediss://")
    async with RedisStore.from_url(tls, timeout=0.5) as store:
        with pytest.raises(StoreUnavailable, match=r"TLS failed|did not answer within"):
            await store.get_access_token("x", "ann")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            redis.ResponseError("unknown command `EVALSHA`, with args beginning with: "),
            "needs Redis 6.2 or later",
        ),
        (redis.ResponseError("syntax error"), "needs Redis 6.2 or later"),
        (redis.ResponseError("DB index is out of range"), "no database of that number"),
        # redis-py has these two as errors of the connection, the second with a unix socket.
        (redis.ConnectionError("max number of clients reached"), "as many clients as it takes"),
        (redis.ConnectionError("DB index is out of range"), "no database of that number"),
        (redis.AuthenticationError("Authentication required."), "it wants a password"),
        (redis.AuthenticationError("HELLO must be called with the client already"), "it wants a password"),
        (redis.AuthenticationError("invalid username-password pair"), "does not take the user name"),
        (redis.ResponseError("DENIED Redis is running in protected mode because"), "protected mode"),
        # Upstash, older and newer: medusajs/admin#654, DIYgod/RSSHub#20937.
        (redis.ResponseError("max daily request limit exceeded. Limit: 10000"), "requests are spent"),
        (redis.ResponseError("max requests limit exceeded. Limit: 500000"), "requests are spent"),
        (redis.InvalidResponse("Protocol Error: b'HTTP/1.1 400'"), "does not speak Redis's protocol"),
        (redis.ResponseError("max number of clients reached"), "as many clients as it takes"),
        (
            after(redis.ConnectionError("x"), ssl.SSLCertVerificationError(1, "self-signed")),
            "certificate is not trusted",
        ),
        (
            after(redis.ConnectionError("x"), ssl.SSLError(1, "wrong version number")),
            "does the port speak TLS",
        ),
        (after(redis.ConnectionError("x"), socket.gaierror(-2, "Name or service not known")), "DNS"),
        (after(redis.ConnectionError("x"), ConnectionRefusedError(111, "refused")), "was refused"),
        (
            redis.ConnectionError("Multiple exceptions: Connect call failed, connection refused"),
            "was refused",
        ),
    ],
)
def test_an_error_of_redis_py_is_named_without_its_text(error: Exception, says: str) -> None:
    message = classify(error).message
    assert re.search(says, message)
    assert "self-signed" not in message


@pytest.mark.parametrize(
    "url", ["redis://h/staging", "rediss://h:1/0/1", "redis+cluster://h/x", "redis://h/-1"]
)
def test_a_path_that_is_no_database_is_refused_where_redis_py_takes_database_0(url: str) -> None:
    with pytest.raises(ValueError, match="must be the number of a database"):
        RedisStore.from_url(url)


# Users


class FindsTwice(Redis):
    """A client whose scan finds each key again, as it may where Redis makes its table smaller meanwhile."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.found: list[bytes] = []

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        reply = await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # as they have it
        if args[0] == "SCAN":
            reply[1][:0] = self.found[-5:]
            self.found += reply[1]
        return reply


async def test_a_scan_that_finds_a_key_twice_lists_its_user_once(own_redis: RedisServer) -> None:
    users = {f"user {number}" for number in range(800)}
    async with FindsTwice(port=own_redis.port) as client, RedisStore(client, timeout=PATIENCE) as store:
        await asyncio.gather(*(store.put_access_token("x", user, ANN) for user in users))
        listed = [user async for user in store.users("x")]
        assert len(client.found) > len(set(client.found)) == len(users)
        assert sorted(listed) == sorted(users)
