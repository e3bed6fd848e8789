"""Encryption of records: what was sealed opens in its place with its key, and nothing else opens."""

from __future__ import annotations

import base64
import copy
import json
import os
import pickle
import random
import subprocess
import sys
import traceback
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from aiooauth1.errors import StoreCorrupt
from aiooauth1.stores.encryption import Encryption


OLD = Encryption.generate_key()
NEW = Encryption.generate_key()
NAMES = Encryption.generate_key()
SECRET = b"canary-secret"
PLACE = ("access", "x", "ann")


@given(st.binary(max_size=200), st.lists(st.text(st.characters(), max_size=20), max_size=4))
def test_a_sealed_record_opens_in_its_place(plain: bytes, place: list[str]) -> None:
    encryption = Encryption(NEW, OLD)
    assert encryption.open(encryption.seal(plain, *place), *place) == plain


def test_every_sealing_is_another() -> None:
    encryption = Encryption(NEW)
    sealed = {encryption.seal(SECRET, *PLACE) for _ in range(1000)}
    assert len(sealed) == 1000
    assert len({record[5:17] for record in sealed}) == 1000


def test_a_sealed_record_is_aes_256_gcm_of_the_place() -> None:
    """Made again by hand from its description: the format that other programs would have to write."""
    sealed = Encryption(NEW).seal(SECRET, "access", "é", "")
    place = b"".join(len(name).to_bytes(8, "big") + name for name in (b"access", "é".encode(), b""))
    cipher = AESGCM(base64.urlsafe_b64decode(NEW))
    assert cipher.decrypt(sealed[5:17], sealed[17:], sealed[:5] + place) == SECRET
    assert len(sealed) == len(SECRET) + 33


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    before, after = Encryption(OLD), Encryption(NEW, OLD)
    old, new = before.seal(SECRET, *PLACE), after.seal(SECRET, *PLACE)
    assert after.open(old, *PLACE) == after.open(new, *PLACE) == SECRET
    assert Encryption(OLD, NEW).open(new, *PLACE) == SECRET
    assert (after.is_current(old), after.is_current(new)) == (False, True)
    assert after.key_id(old) == before.key_id(old) != after.key_id(new)
    for encryption, sealed in ((before, new), (Encryption(NEW), old)):
        with pytest.raises(StoreCorrupt, match=f"key {after.key_id(sealed)}, which is not one of ours"):
            encryption.open(sealed, *PLACE)


OTHER_PLACES = [
    *(("pending", "x", "ann"), ("access", "y", "ann"), ("access", "x", "bob"), ("access", "x"), ()),
    *(("access", "x", "ann", ""), ("access", "xann", ""), ("access", "", "xann"), ("accessx", "ann")),
    *(("accessxann",), ("x", "access", "ann"), ("access", "x", "Ann"), ("access", "x", "ann\0")),
    *(("", "access", "x", "ann"), ("access", "x", "bob-canary")),
]


@pytest.mark.parametrize("place", OTHER_PLACES, ids=":".join)
def test_a_moved_record_does_not_open_and_the_message_names_its_key_id_alone(place: tuple[str, ...]) -> None:
    encryption = Encryption(NEW)
    sealed = encryption.seal(SECRET, *PLACE)
    with pytest.raises(StoreCorrupt, match="moved from another place") as refused:
        encryption.open(sealed, *place)
    assert encryption.key_id(sealed) in str(refused.value)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


def test_1000_changed_records_do_not_open() -> None:
    encryption = Encryption(NEW, OLD)
    chance = random.Random(5849)  # noqa: S311 - the same changes in every run
    records = [encryption.seal(SECRET, "access", "x", f"user {number}") for number in range(1000)]
    for number, sealed in enumerate(records):
        place = ("access", "x", f"user {number}")
        at = chance.randrange(len(sealed))
        changed = [
            sealed[:at] + bytes([sealed[at] ^ (1 << chance.randrange(8))]) + sealed[at + 1 :],
            sealed[:at],
            sealed + os.urandom(1),
            records[number - 1],
            sealed[:17] + records[number - 1][17:],
            sealed[:5] + records[number - 1][5:17] + sealed[17:],
            sealed[:1] + bytes.fromhex(Encryption(OLD).key_id(Encryption(OLD).seal(b""))) + sealed[5:],
        ]
        for record in changed:
            with pytest.raises(StoreCorrupt) as refused:
                encryption.open(record, *place)
            assert "canary" not in "".join(traceback.format_exception(refused.value))
        assert encryption.open(sealed, *place) == SECRET


NO_BYTES = [None, "text", "{}", 1, 1.5]
NOT_SEALED = [b"", b"\x01", b"\x01" * 32, b"\x02" + b"\0" * 60, b'{"v":1}' * 10, pickle.dumps({"a": 1}) * 3]


@pytest.mark.parametrize("record", [*NOT_SEALED, *NO_BYTES], ids=repr)
def test_a_record_that_was_never_sealed_does_not_open(record: Any) -> None:
    strict, migrating = Encryption(NEW), Encryption(NEW, accept_plain=True)
    for look in (strict.open, strict.key_id, strict.is_current):
        with pytest.raises(StoreCorrupt, match="not an encrypted one of ours"):
            look(record)
    if record in NO_BYTES:  # a database returns whatever type was put there
        for look in (migrating.open, migrating.is_current):
            with pytest.raises(StoreCorrupt, match="not an encrypted one of ours"):
                look(record)


def test_records_in_the_clear_are_read_only_with_accept_plain() -> None:
    plain = json.dumps({"v": 1}).encode()
    with pytest.raises(StoreCorrupt):
        Encryption(NEW).open(plain, *PLACE)
    moving = Encryption(NEW, accept_plain=True)
    assert moving.open(plain, *PLACE) == plain
    assert moving.is_current(plain) is False
    assert moving.open(moving.seal(plain, *PLACE), *PLACE) == plain
    with pytest.raises(StoreCorrupt):
        moving.open(b"\x80\x04N.", *PLACE)
    with pytest.raises(ValueError, match="hidden names"):
        Encryption(NEW, name_key=NAMES, accept_plain=True)


def test_a_name_key_hides_names_and_keeps_them_when_keys_change() -> None:
    names = ["ann", "Ann", "ann ", "", "a:b", "\ud800", "e\u0301", "é", "x" * 1_000_000]
    hiding = Encryption(NEW, name_key=NAMES)
    hidden = {hiding.hide(name) for name in names}
    assert len(hidden) == len(names)
    for text in hidden:
        assert len(text) == 43
        assert text.replace("-", "").replace("_", "").isalnum()
    assert hiding.hide("ann") == Encryption(OLD, name_key=NAMES).hide("ann")
    assert hiding.hide("ann") != Encryption(NEW, name_key=OLD).hide("ann")
    assert [Encryption(NEW).hide(name) for name in names] == names
    assert (hiding.hides_names, Encryption(NEW).hides_names) == (True, False)


def test_keys_are_random_and_of_32_bytes() -> None:
    keys = {Encryption.generate_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert {len(base64.urlsafe_b64decode(key)) for key in keys} == {32}
    assert Encryption(NEW.rstrip("=")).open(Encryption(NEW).seal(SECRET)) == SECRET


NOT_A_KEY = ["", NEW + "\n", " " + NEW, "é" * 43 + "=", "+" * 43 + "=", NEW[:-2]]


@pytest.mark.parametrize(
    ("keys", "options", "error", "words"),
    [
        ((), {}, ValueError, "needs a key"),
        ((NEW, NEW), {}, ValueError, "the same"),
        ((NEW, NEW.rstrip("=")), {}, ValueError, "the same"),
        ((NEW, OLD), {"name_key": OLD}, ValueError, "a key of its own"),
        ((NEW, "canary"), {}, ValueError, "key 2 is not a key"),
        (("canary" * 7 + "a",), {"name_key": "canary"}, ValueError, "name_key is not a key"),
        *(((key,), {}, ValueError, "key 1 is not a key") for key in NOT_A_KEY),
        ((NEW.encode(),), {}, TypeError, "key 1 must be a str, not bytes"),
        ((NEW,), {"name_key": 1}, TypeError, "name_key must be a str, not int"),
    ],
)
def test_a_wrong_key_is_refused_without_being_shown(
    keys: tuple[Any, ...], options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as refused:
        Encryption(*keys, **options)
    assert "canary" not in str(refused.value)


def test_nothing_shows_a_key() -> None:
    encryption = Encryption(NEW, OLD, name_key=NAMES)
    for text in (repr(encryption), str(encryption), f"{encryption}", repr([encryption])):
        for key in (NEW, OLD, NAMES):
            assert key[:10] not in text
        assert encryption.key_id(encryption.seal(b"")) in text
    with pytest.raises(TypeError):
        vars(encryption)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(encryption, protocol)
    assert copy.copy(encryption) is copy.deepcopy(encryption) is encryption
    key_id = bytes.fromhex(encryption.key_id(encryption.seal(b"")))
    assert len(key_id) == 4
    assert key_id not in base64.urlsafe_b64decode(NEW)


def run(program: str) -> str:
    return subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    ).stdout.strip()


def test_without_cryptography_the_error_names_the_extra() -> None:
    said = run(
        "import sys; sys.modules['cryptography'] = None\n"
        "from aiooauth1.stores.encryption import Encryption\n"
        "try: Encryption(Encryption.generate_key())\n"
        "except ImportError as error: print(error, error.name, error.__cause__)\n"
    )
    install = "pip install 'aiooauth1[encryption]'"
    assert said == f"Encryption needs the cryptography package: {install} cryptography None"


def test_cryptography_is_loaded_with_the_first_keys() -> None:
    said = run(
        "import sys\n"
        "from aiooauth1.stores.encryption import Encryption\n"
        "key = Encryption.generate_key()\n"
        "print('cryptography' in sys.modules)\n"
        "Encryption(key)\n"
        "print('cryptography' in sys.modules)\n"
    )
    assert said.split() == ["False", "True"]
