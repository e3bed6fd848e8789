"""Tokens in a real Redis: the contract, in every form that the store has, and what is Redis's own."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import ssl
from contextlib import AsyncExitStack
from functools import partial
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


def fresh_prefix() -> str:
    return f"test-{secrets.token_hex(8)}:"


def new_encryption(*, hidden: bool = False) -> Encryption:
    name_key = Encryption.generate_key() if hidden else None
    return Encryption(Encryption.generate_key(), name_key=name_key)


class OnRedis(StoreContract):
    """By a clock that is put forward."""

    encryption: Encryption | None = None

    @pytest.fixture(autouse=True)
    def _place(self, redis_url: str) -> None:
        self.prefix = fresh_prefix()
        self.urls = [redis_url]
        self.url = redis_url

    def make(self) -> RedisStore:
        return RedisStore.from_url(self.url, prefix=self.prefix, encryption=self.encryption, timeout=PATIENCE)

    @pytest.fixture
    async def store(self) -> AsyncIterator[RedisStore]:
        async with self.make() as store:
            yield store

    @pytest.fixture
    async def stores(self) -> AsyncIterator[tuple[RedisStore, RedisStore]]:
        async with self.make() as one, self.make() as other:
            yield one, other

    async def pass_time(self, seconds: float) -> None:
        age(map(redis.Redis.from_url, self.urls), self.prefix, seconds)


class TestInTheClear(OnRedis, SharedContract):
    """By Redis's own clock."""

    ttl = 0.6
    pass_time = StoreContract.pass_time


class TestEncrypted(OnRedis, SharedContract):
    encryption = new_encryption()


class TestUnderHiddenNames(OnRedis, SharedContract):
    encryption = new_encryption(hidden=True)


class TestOnAClientOfTheUsers(OnRedis):
    """A pool of eight, RESP2, repeating by itself, and a prefix that is a pattern."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[RedisStore]:
        async with Redis.from_url(self.url, max_connections=8, protocol=2) as client:
            self.prefix = rf"[*?\]{self.prefix}"
            yield RedisStore(client, prefix=self.prefix, timeout=PATIENCE)


class OnACluster(OnRedis):
    @pytest.fixture(autouse=True)
    def _place(self, redis_cluster: ClusterOfThree) -> None:
        self.prefix = fresh_prefix()
        self.urls = [node.url for node in redis_cluster.nodes]
        self.url = redis_cluster.url


class TestOnACluster(OnACluster):
    pass


class TestEncryptedOnAClusterClientOfTheUsers(OnACluster):
    encryption = new_encryption(hidden=True)

    @pytest.fixture
    async def store(self, redis_cluster: ClusterOfThree) -> AsyncIterator[RedisStore]:
        async with RedisCluster(host="127.0.0.1", port=redis_cluster.ports[1]) as client:
            yield RedisStore(client, prefix=self.prefix, encryption=self.encryption, timeout=PATIENCE)


# What is sent and stored


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


async def test_operations_send_only_scripts_of_one_key_and_scans(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as store:
        with Monitor(own_redis) as monitor:
            await _use_everything(store)
            lines = monitor.lines()
    sent, ran = Monitor.commands(lines)
    # HELLO and CLIENT are redis-py's greeting.
    assert sent - {"HELLO", "CLIENT"} == {"EVAL", "EVALSHA", "SCAN"}
    assert ran == {"GET", "SET"}
    evaluated = [line for line in lines if b'"EVALSHA"' in line]
    assert len(evaluated) > 10
    assert all(re.search(rb'"EVALSHA" "[0-9a-f]{40}" "1" "aiooauth1:', line) for line in evaluated)


async def test_an_encrypted_store_sends_and_stores_no_secret_or_name(own_redis: RedisServer) -> None:
    encryption = new_encryption(hidden=True)
    async with RedisStore.from_url(own_redis.url, encryption=encryption, timeout=PATIENCE) as store:
        with Monitor(own_redis) as monitor:
            await _use_everything(store)
            sent = b"".join(monitor.lines())
    with own_redis.client() as client:
        client.save()
    stored = own_redis.dump.read_bytes()
    assert len(sent) > 2000, "the monitor saw nothing"
    assert b"aiooauth1:access:x:" in stored, "the dump has no records"
    # "ann" is not among them: three letters come up by chance in what is encrypted.
    keys = (ANN.key, ANN.secret, BOB.key, BOB.secret, "bob-by-name", "pending-secret", "request-token")
    for secret in map(str.encode, keys):
        assert secret not in sent, f"{secret!r} was sent"
        assert secret not in stored, f"{secret!r} was stored"


async def test_handshakes_expire_and_tokens_do_not(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", ANN)
        await store.put_access_token("x", "bob", BOB)
        await store.discard_access_token("x", "bob")
        await store.put_access_token("x", "bob", ANN)  # in place of a tombstone, which expires
        await store.replace_access_token("x", "bob", ANN.key, BOB)
        await store.add_pending("x", "request-token", b"1", ttl=60)
        held = await store.get_pending("x", "request-token")
        assert held is not None
        await store.swap_pending("x", "request-token", held, b"2")
    with own_redis.client() as client:
        keys = [*client.scan_iter()]
        ends = sorted((key.split(b":")[1], client.pttl(key)) for key in keys)
    assert not any(b"request-token" in key for key in keys)
    (*access, (pending, end)) = ends
    assert access == [(b"access", -1)] * 2
    assert pending == b"pending"
    assert 50_000 < end <= 60_000


async def test_discarded_tokens_and_expired_handshakes_leave_nothing_behind(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=0.2) as store:
        await store.put_access_token("x", "ann", ANN)
        await store.add_pending("x", "token", b"1", ttl=0.2)
        assert await store.discard_access_token("x", "ann")
        with own_redis.client() as client:
            assert not any(ANN.secret.encode() in client.get(key) for key in client.keys("*access*"))
            await asyncio.sleep(0.6)
            assert client.keys() == []


# Ownership, loops, and what is refused


def test_a_store_made_outside_a_loop_works_in_one_and_refuses_another(redis_url: str) -> None:
    client = Redis.from_url(redis_url)
    store = RedisStore(client, prefix=fresh_prefix(), timeout=PATIENCE)

    async def use() -> None:
        await store.put_access_token("x", "ann", ANN)
        assert await store.get_access_token("x", "ann") == ANN
        await client.aclose()

    asyncio.run(use())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(use())


async def test_a_client_is_closed_with_the_store_if_the_store_made_it(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=PATIENCE) as store:
        await store.put_access_token("x", "ann", ANN)
        assert len(connections(own_redis)) == 1
    assert await eventually(lambda: connections(own_redis) == [])
    with pytest.raises(RuntimeError, match=r"the token store '127.0.0.1:\d+' is closed: make another one"):
        await store.get_access_token("x", "ann")
    async with Redis.from_url(own_redis.url) as client:
        async with RedisStore(client, timeout=PATIENCE) as store:
            assert await store.get_access_token("x", "ann") == ANN
        assert await client.ping()


async def test_a_client_that_decodes_is_refused(redis_url: str, redis_cluster: ClusterOfThree) -> None:
    cluster = RedisCluster(host="127.0.0.1", port=redis_cluster.ports[0], decode_responses=True)
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        for made in (
            partial(RedisStore, client),
            partial(RedisStore, cluster),
            partial(RedisStore.from_url, f"{redis_url}?decode_responses=True"),
        ):
            with pytest.raises(ValueError, match="decode_responses"):
                made()


def test_a_client_that_blocks_is_refused(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client, pytest.raises(TypeError, match=r"redis\.asyncio"):
        RedisStore(client, timeout=PATIENCE)
    with pytest.raises(TypeError, match=r"not builtins\.str"):
        RedisStore(redis_url, timeout=PATIENCE)  # type: ignore[arg-type]


WRONG_URLS = ["", "localhost", "http://u:canary@h", "redis://u:canary#@h:1", "redis://u:canary@h:port"]


@pytest.mark.parametrize("url", [*WRONG_URLS, "redis://h?a=1"])
def test_a_wrong_url_is_refused_without_showing_its_password(url: str) -> None:
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
    """The connections without the one that asks."""
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


@pytest.mark.parametrize(
    ("pool", "options", "most"),
    [
        (ConnectionPool, {"max_connections": 1000}, 64),
        (ConnectionPool, {"max_connections": 3}, 3),
        (BlockingConnectionPool, {"max_connections": 3}, 3),
    ],
)
async def test_a_thousand_reads_on_a_user_s_client_share_few_connections(
    own_redis: RedisServer, pool: type[ConnectionPool], options: dict[str, Any], most: int
) -> None:
    async with Redis(connection_pool=pool.from_url(own_redis.url, **options)) as client:
        assert 1 < await _read_by_a_thousand(RedisStore(client, timeout=PATIENCE), own_redis) <= most
        await client.connection_pool.aclose()


@pytest.mark.parametrize(("query", "most"), [("", 64), ("?max_connections=3", 3)])
async def test_a_thousand_reads_share_64_connections_or_as_many_as_the_url_says(
    own_redis: RedisServer, query: str, most: int
) -> None:
    async with RedisStore.from_url(f"{own_redis.url}{query}", timeout=PATIENCE) as store:
        assert 1 < await _read_by_a_thousand(store, own_redis) <= most


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


async def _read_a_thousand_at_once(store: RedisStore, sent: Callable[[], int]) -> None:
    """Put a thousand tokens, and read tokens and handshakes: each thousand in forty commands at most."""
    tokens = {f"user {number}": AccessToken(f"k{number}", "s") for number in range(1000)}
    await store.put_access_tokens("x", tokens)
    await store.get_access_token("x", "user 0")  # from now on Redis knows the script
    before = sent()
    assert await asyncio.gather(*(store.get_access_token("x", user) for user in tokens)) == [*tokens.values()]
    assert sent() - before <= 40
    before = sent()
    assert await asyncio.gather(*(store.get_pending("x", user) for user in tokens)) == [None] * 1000
    assert sent() - before <= 40


async def test_a_thousand_reads_at_once_take_few_commands(own_redis: RedisServer) -> None:
    async with RedisStore.from_url(own_redis.url, timeout=30) as store:
        await _read_a_thousand_at_once(store, lambda: scripts_run(own_redis))


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
    client = CountingCluster(host="127.0.0.1", port=redis_cluster.ports[0], socket_timeout=10)
    async with client:
        store = RedisStore(client, prefix=fresh_prefix(), timeout=30)
        await _read_a_thousand_at_once(store, lambda: client.sent)


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
            "redis://no-such-host.invalid",
            "no-such-host.invalid:6379 did not answer .*(DNS|connection failed)",
        ),
        ("unix:///no/such/socket", "unix socket /no/such/socket did not answer .* there is no such socket"),
    ],
)
async def test_the_error_says_why_there_is_no_connection(url: str, says: str) -> None:
    async with RedisStore.from_url(url, timeout=0.2) as store:
        with pytest.raises(StoreUnavailable, match=says):
            await store.get_access_token("x", "ann")


async def test_the_error_says_that_the_database_or_tls_is_missing(own_redis: RedisServer) -> None:
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
        (redis.ResponseError("max number of clients reached"), "as many clients as it takes"),
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
    ],
)
def test_a_refusal_of_redis_is_named_by_its_class_or_text(error: Exception, says: str) -> None:
    assert says in classify(error).message


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (ssl.SSLCertVerificationError(1, "self-signed"), "certificate is not trusted"),
        (ssl.SSLError(1, "wrong version number"), "does the port speak TLS"),
        (socket.gaierror(-2, "Name or service not known"), "DNS"),
        (ConnectionRefusedError(111, "refused"), "was refused"),
        (OSError("Multiple exceptions: Connect call failed, connection refused"), "was refused"),
    ],
)
def test_a_failed_connection_is_named_by_its_cause_without_its_text(cause: Exception, says: str) -> None:
    error = redis.ConnectionError("x")
    error.__context__ = cause  # as redis-py raises it while it handles another
    message = classify(error).message
    assert says in message
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
