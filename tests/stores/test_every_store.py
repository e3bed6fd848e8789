"""What all our stores have in common: names, types, bulk puts, closing, and tracebacks without secrets."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, cast

import pytest
from patience import PATIENCE
from redis.asyncio import Redis
from store_damage import TOKEN, VALUE, assert_without_secrets

from aiooauth1 import AccessToken, MemoryStore, RequestToken
from aiooauth1.errors import StoreUnavailable
from aiooauth1.stores import Held
from aiooauth1.stores.cached import CachedStore
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.protocols import put_access_tokens
from aiooauth1.stores.redis import RedisStore
from aiooauth1.stores.sqlite import SQLiteStore


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path


Store = MemoryStore | CachedStore | SQLiteStore | RedisStore
PENDING = Held(VALUE, VALUE)
# On a store, for a user (of a handshake: its request token).
OPERATIONS: dict[str, Callable[[Any, Any], Awaitable[object]]] = {
    "put": lambda s, user: s.put_access_token("x", user, TOKEN),
    "put many": lambda s, user: s.put_access_tokens("x", {user: TOKEN}),
    "get": lambda s, user: s.get_access_token("x", user),
    "replace": lambda s, user: s.replace_access_token("x", user, "k", TOKEN),
    "discard": lambda s, user: s.discard_access_token("x", user),
    "discard one": lambda s, user: s.discard_access_token("x", user, "k"),
    "add pending": lambda s, user: s.add_pending("x", user, VALUE, ttl=60),
    "get pending": lambda s, user: s.get_pending("x", user),
    "swap pending": lambda s, user: s.swap_pending("x", user, PENDING, VALUE),
    "users": lambda s, user: anext(aiter(s.users("x" if user == "ann" else user))),
}
NAMES = {name: "rt" if "pending" in name else "ann" for name in OPERATIONS}
NO_SECONDS = [0, -1, float("nan"), float("inf")]


def open_store(kind: str, tmp_path: Path, redis_url: str) -> SQLiteStore | RedisStore:
    if kind == "sqlite":
        return SQLiteStore(tmp_path / "tokens.db", timeout=PATIENCE)
    return RedisStore.from_url(redis_url, prefix=f"{secrets.token_hex(8)}:", timeout=PATIENCE)


@pytest.fixture(params=["memory", "cached", "sqlite", "redis", "redis encrypted"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    encryption = Encryption(Encryption.generate_key()) if "encrypted" in request.param else None
    made: Store
    match request.param:
        case "memory":
            made = MemoryStore()
        case "cached":
            made = CachedStore(MemoryStore())
        case "sqlite":
            made = SQLiteStore(tmp_path / "tokens.db", timeout=PATIENCE)
        case _:
            url = request.getfixturevalue("redis_url")
            made = RedisStore.from_url(
                url, prefix=secrets.token_hex(4), encryption=encryption, timeout=PATIENCE
            )
    async with made as store:
        yield store


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("user", [7, None, b"ann"], ids=repr)
async def test_a_user_that_is_not_a_str_is_a_type_error(store: Store, name: str, user: Any) -> None:
    with pytest.raises(TypeError, match=r"must be a str, not (int|NoneType|bytes)"):
        await OPERATIONS[name](store, user)


@pytest.mark.parametrize("ttl", NO_SECONDS)
async def test_a_ttl_that_is_not_a_positive_number_is_refused(store: Store, ttl: float) -> None:
    with pytest.raises(ValueError, match="ttl must be a positive number of seconds"):
        await store.add_pending("x", "token", b"1", ttl=ttl)


@pytest.mark.parametrize("timeout", NO_SECONDS)
def test_a_timeout_that_is_not_a_positive_number_is_refused(timeout: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="timeout must be a positive number of seconds"):
        SQLiteStore(tmp_path / "tokens.db", timeout=timeout)
    with pytest.raises(ValueError, match="timeout must be a positive number of seconds"):
        RedisStore.from_url("redis://localhost", timeout=timeout)


@pytest.mark.parametrize("given", [RequestToken("k", "s"), {"key": "k", "secret": "s"}, None, "k"], ids=repr)
async def test_a_value_that_is_not_an_access_token_is_refused(store: Store, given: Any) -> None:
    with pytest.raises(TypeError, match="a token store keeps AccessToken, not"):
        await store.put_access_token("x", "ann", given)
    with pytest.raises(TypeError, match="a token store keeps AccessToken, not"):
        await store.put_access_tokens("x", {"ann": given})
    assert await store.get_access_token("x", "ann") is None


@pytest.mark.parametrize("key", [7, TOKEN, b"k"], ids=repr)
async def test_a_key_that_is_not_a_str_is_a_type_error(store: Store, key: Any) -> None:
    await store.put_access_token("x", "ann", TOKEN)
    with pytest.raises(TypeError, match=r"key must be a token's key, a str, not .*: write token\.key"):
        await store.discard_access_token("x", "ann", key)
    with pytest.raises(TypeError, match="old_key must be a token's key"):
        await store.replace_access_token("x", "ann", key, TOKEN)


@pytest.mark.parametrize(
    "tokens", [[("ann", TOKEN)], None, "ann", iter(())], ids=["pairs", "None", "a text", "an iterator"]
)
async def test_many_tokens_at_once_must_be_a_mapping(store: Store, tokens: Any) -> None:
    with pytest.raises(TypeError, match="tokens must be a mapping of users to tokens, not"):
        await store.put_access_tokens("x", tokens)
    with pytest.raises(TypeError, match="tokens must be a mapping of users to tokens, not"):
        await put_access_tokens(store, "x", tokens)


@pytest.mark.parametrize(
    ("token", "error"),
    [
        (AccessToken("k", "s", params=cast("Any", {"user_id": 7})), TypeError),
        (AccessToken("k", "s", params=cast("Any", {7: "x"})), TypeError),
        (AccessToken("k", "s", expires_at=float("nan")), ValueError),
        (AccessToken("k", "s", expires_at=float("inf")), ValueError),
        (AccessToken("k", "s" * 20_000), ValueError),
    ],
    ids=["a number in params", "a name in params", "NaN", "for ever", "too long"],
)
async def test_a_token_that_one_store_refuses_every_store_refuses(
    store: Store, token: AccessToken, error: type[Exception]
) -> None:
    """Tests are run with `MemoryStore`, and other stores write records."""
    for put in (
        lambda: store.put_access_token("x", "ann", token),
        lambda: store.put_access_tokens("x", {"ann": token}),
        lambda: store.replace_access_token("x", "ann", "k", token),
    ):
        with pytest.raises(error, match="cannot be stored"):
            await put()
    assert await store.get_access_token("x", "ann") is None


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "a ttl in a text": (lambda: CachedStore(MemoryStore(), ttl=cast("Any", "5")), "ttl must be a number"),
    "no ttl": (lambda: CachedStore(MemoryStore(), ttl=cast("Any", None)), "ttl must be a number"),
    "a size in a text": (lambda: CachedStore(MemoryStore(), size=cast("Any", "5")), "size must be an int"),
    "half a handshake": (lambda: MemoryStore(max_pending=cast("Any", 1.5)), "max_pending must be an int"),
    "a bound of SQLite": (lambda: SQLiteStore("t", max_pending=cast("Any", "9")), "max_pending must be"),
    "a path of bytes": (lambda: SQLiteStore(cast("Any", b"t")), "must be a str or a Path, not bytes"),
    "SQLite's timeout": (lambda: SQLiteStore("t", timeout=cast("Any", "2")), "timeout must be a number"),
    "a key as encryption": (lambda: SQLiteStore("t", encryption=cast("Any", "k" * 44)), "an Encryption"),
    "Redis' timeout": (lambda: _redis(timeout=None), "timeout must be a number"),
    "a prefix of bytes": (lambda: _redis(prefix=b"x"), "prefix must be a str, not bytes"),
    "bytes as encryption": (lambda: _redis(encryption=b"k" * 32), "an Encryption"),
    "no URL": (lambda: RedisStore.from_url(cast("Any", None)), "takes a str, not NoneType"),
    "a class of redis-py": (lambda: RedisStore(cast("Any", Redis)), "not the class Redis: write"),
}


def _redis(**options: Any) -> RedisStore:
    return RedisStore.from_url("redis://localhost", **options)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_store_says_at_once_which_argument_is_of_another_type(name: str) -> None:
    make, says = MISTAKES[name]
    with pytest.raises(TypeError, match=says):
        make()


async def test_many_tokens_at_once_replace_the_old_ones(store: Store) -> None:
    await store.put_access_token("x", "user 3", AccessToken("old", "s"))
    assert await store.get_access_token("x", "user 3") is not None
    tokens = {f"user {number}": AccessToken(f"k{number}", "s") for number in range(450)}
    await store.put_access_tokens("x", tokens)
    held = await asyncio.gather(*(store.get_access_token("x", user) for user in tokens))
    assert held == list(tokens.values())
    await store.put_access_tokens("x", {})


async def test_close_and_aclose_are_one(store: Store) -> None:
    await store.put_access_token("x", "ann", TOKEN)
    await store.close()
    await store.aclose()
    await store.close()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
@pytest.mark.parametrize("is_used", [False, True])
async def test_a_closed_store_refuses_every_operation(
    kind: str, tmp_path: Path, redis_url: str, *, is_used: bool
) -> None:
    store = open_store(kind, tmp_path, redis_url)
    if is_used:
        await store.put_access_token("x", "ann", TOKEN)
    await store.close()
    for operate in OPERATIONS.values():
        with pytest.raises(RuntimeError, match=r"' is closed: make another one$"):
            await operate(store, "ann")
    assert (tmp_path / "tokens.db").exists() == (is_used and kind == "sqlite")


@pytest.mark.parametrize("given", [MemoryStore, {}, None, "redis://a"])
def test_a_cache_of_something_else_than_a_store_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="store"):
        CachedStore(given)


# Tracebacks


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_redis_that_does_not_answer_shows_no_secret(name: str) -> None:
    async with RedisStore.from_url("redis://:r3dis-p4ss@127.0.0.1:9/0", timeout=0.1) as store:
        for one in (store, CachedStore(store)):
            with pytest.raises(StoreUnavailable) as raised:
                await OPERATIONS[name](one, NAMES[name])
            assert "127.0.0.1:9" in str(raised.value)
            assert "r3dis" not in str(raised.value)
            assert_without_secrets(raised.value)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_sqlite_file_that_fails_shows_no_secret(name: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens.db"
    async with SQLiteStore(path, timeout=5) as store:
        await store.put_access_token("x", "ann", TOKEN)
        await store.add_pending("x", "rt", VALUE, ttl=60)
        path.unlink()
        for one in (store, CachedStore(store)):
            with pytest.raises(StoreUnavailable, match="it was deleted") as raised:
                await OPERATIONS[name](one, NAMES[name])
            assert_without_secrets(raised.value)


@pytest.mark.parametrize(
    ("url", "timeout"),
    [("redis://:r3dis-p4ss@host:x/0", 1.0), ("redis://:r3dis-p4ss@host/0", -1.0), ("r3dis-p4ss", 1.0)],
)
def test_a_url_that_is_refused_is_in_no_frame_of_ours(url: str, timeout: float) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  several messages
        RedisStore.from_url(url, timeout=timeout)
    assert_without_secrets(raised.value)
