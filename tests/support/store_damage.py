"""What a store does with records that were changed in its back end."""

from __future__ import annotations

import itertools
import pickle
import random
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aiooauth1 import AccessToken
from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.codec import encode_token


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiooauth1.stores import TokenStore


__all__ = ["TOKEN", "VALUE", "DamageContract", "assert_without_secrets"]

TOKEN = AccessToken("access-key", "acc3ss-s3cret", params={"user_id": "1"})
VALUE = b'{"secret": "requ3st-s3cret"}'


def assert_without_secrets(error: BaseException) -> None:
    """Check what an error reporter sends that takes along the variables of every frame of ours."""
    found = []
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in seen:
        seen.append(one)
        report = traceback.TracebackException.from_exception(one, capture_locals=True)
        found += [
            f"{frame.filename}:{frame.name} {frame.locals}"
            for frame in report.stack
            if "aiooauth1" in frame.filename and "tests" not in frame.filename
        ]
        found.append(f"{one!r} {vars(one)}")
        one = one.__cause__ or one.__context__
    text = "\n".join(found)
    for secret in ("acc3ss-s3cret", "requ3st-s3cret", "r3dis-p4ss"):
        assert secret not in text, text


class DamageContract:
    """Tests of a store that checks its records: whose are encrypted, or have a checksum."""

    def stored(self) -> dict[Any, bytes]:
        """Return every record in the back end by its key there."""
        raise NotImplementedError

    def overwrite(self, key: Any, value: bytes) -> None:
        """Put something else where a record is."""
        raise NotImplementedError

    async def test_400_changed_records_are_refused_and_neither_shown_nor_run(
        self, store: TokenStore, tmp_path: Path
    ) -> None:
        dice = random.Random(5849)  # noqa: S311  the same changes each time
        operations: dict[Any, list[Callable[[], Awaitable[object]]]] = {}
        for names in itertools.product(("x", "tumblr"), ("ann", "bob")):
            await store.put_access_token(*names, TOKEN)
            (key,) = self.stored().keys() - operations.keys()
            operations[key] = [
                partial(store.get_access_token, *names),
                partial(store.replace_access_token, *names, TOKEN.key, TOKEN),
                partial(store.discard_access_token, *names, TOKEN.key),
            ]
            await store.add_pending(*names, VALUE, ttl=600)
            (key,) = self.stored().keys() - operations.keys()
            operations[key] = [partial(store.get_pending, *names)]
        records = self.stored()
        for (key, operate), _ in itertools.product(operations.items(), range(5)):
            others = [record for other, record in records.items() if other != key]
            for value in changed(records[key], others, dice, tmp_path / "canary"):
                self.overwrite(key, value)
                for one in operate:
                    with pytest.raises(StoreCorrupt) as refused:
                        await one()
                    assert_without_secrets(refused.value)
            self.overwrite(key, records[key])
            assert await operate[0]() is not None
        assert not (tmp_path / "canary").exists(), "a pickle was loaded"

    async def test_a_broken_record_is_replaced_by_a_put_and_removed_by_a_discard(
        self, store: TokenStore
    ) -> None:
        await store.put_access_token("x", "ann", TOKEN)
        (key,) = self.stored()
        for broken in (b"", b"broken"):
            self.overwrite(key, broken)
            await store.put_access_token("x", "ann", TOKEN)
            assert await store.get_access_token("x", "ann") == TOKEN
        self.overwrite(key, b"broken")
        assert await store.discard_access_token("x", "ann") is True
        assert await store.get_access_token("x", "ann") is None


class _Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self._file,)


def changed(record: bytes, others: list[bytes], dice: random.Random, canary: Path) -> list[bytes]:
    """Return the record changed in ten ways, or others in its place."""
    place, bit = dice.randrange(len(record)), 1 << dice.randrange(8)
    return [
        dice.choice(others),
        record[:place] + bytes([record[place] ^ bit]) + record[place + 1 :],
        record[:place],
        record + b"\n",
        record[:place] + record[place + 1 :],
        b"\0" + record[1:],
        pickle.dumps(_Canary(canary)),
        encode_token(TOKEN),
        b'{"v":' + b"[" * 5000 + b"]" * 5000 + b"}\nann",
        dice.randbytes(dice.randrange(1, 200)),
    ]
