"""The store contract passes the README's store, and fails one with any of the mistakes that stores make."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
import readme

from aiooauth1.errors import TooManyHandshakes
from aiooauth1.stores import MemoryStore
from aiooauth1.testing.store_contract import BoundedContract, StoreContract


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


SOURCE = readme.program("test_dict_store.py")
WRITE = "self.tokens[provider, user] = token\n"
ADD = "self.pending[provider, request_token] = (value, self.clock() + ttl)"
SWAP = "self.pending[provider, request_token] = (value, until)"
SWAP_BEGINS = "held = await self.get_pending(provider, request_token)\n        if held is None or"
IN_TWO_STEPS = "import asyncio; await asyncio.sleep(0)"

# Each mistake: what is replaced in the store's source, the first time it stands there, and by what.
MISTAKES = {
    "glues the names of provider and user": ("self.tokens = {}", "self.tokens = Glued()"),
    "glues the names of provider and request token": ("self.pending = {}", "self.pending = Glued()"),
    "folds the case of names": (WRITE, "self.tokens[provider, user.lower()] = token\n"),
    "loses the params": (WRITE, "self.tokens[provider, user] = type(token)(token.key, token.secret)\n"),
    "replaces any token": ("if held is None or held.key != old_key:", "if not old_key:"),
    "calls a repeated replacement failed": ("return held == token", "return False"),
    "replaces in two steps": (
        "        if held is None or held.key != old_key",
        f"        {IN_TWO_STEPS}\n        if held is None or held.key != old_key",
    ),
    "discards by any key": ("held is None or key not in (None, held.key)", "held is None"),
    "discards in two steps": (
        "del self.tokens[provider, user]",
        f"{IN_TWO_STEPS}; self.tokens.pop((provider, user), None)",
    ),
    "lists users twice": ("list(self.tokens)", "2 * list(self.tokens)"),
    "overwrites a pending record": ("if held is None:\n            self.p", "if True:\n            self.p"),
    "calls a repeated addition failed": ("or held.value == value", ""),
    "swaps any version": ("if held is None or held.value not in (old.version, value)", "if held is None"),
    "swaps in two steps": (
        "            return None\n        _, until",
        f"            return None\n        {IN_TWO_STEPS}\n        _, until",
    ),
    "calls a repeated swap failed": ("not in (old.version, value)", "!= old.version"),
    "revives an expired record": (
        SWAP_BEGINS,
        f"self.pending.setdefault((provider, request_token), (old.value, 9e9))\n        {SWAP_BEGINS}",
    ),
    "refuses a swap for the same value": (
        "held.value not in (old.version, value)",
        "held.value not in (old.version, value) or value == old.value",
    ),
    "gives more time at a swap": (SWAP, SWAP.replace("until", "self.clock() + 60")),
    "never lets a record expire": ("if until > self.clock()", "if until"),
    "lets a record expire early": (ADD, ADD.replace("ttl)", "ttl / 4)")),
    "takes text only": (ADD, ADD.replace("(value,", "(value.decode('utf-8', 'replace').encode(),")),
    "keeps tokens and pending records together": (
        ADD,
        f"self.tokens.pop((provider, request_token), None); {ADD}",
    ),
}


class Glued(dict[Any, Any]):
    """A dict that joins the two names of a key, as if neither could hold the separator."""

    def __setitem__(self, key: tuple[str, str], value: object) -> None:
        super().__setitem__(":".join(key), value)

    def __getitem__(self, key: tuple[str, str]) -> Any:
        return super().__getitem__(":".join(key))

    def __delitem__(self, key: tuple[str, str]) -> None:
        super().__delitem__(":".join(key))

    def get(self, key: tuple[str, str], default: object = None) -> Any:
        return super().get(":".join(key), default)

    def __iter__(self) -> Iterator[Any]:
        return (key.split(":", 1) for key in super().__iter__())


def dict_store(*mistake: str) -> Any:
    """Return the README's class `DictStore`, with a mistake if one is given."""
    assert not mistake or mistake[0] in SOURCE, "README's store has changed: say where the mistake goes now"
    names: dict[str, Any] = {"__name__": "readme", "Glued": Glued}
    old, new = mistake or ("", "")
    exec(SOURCE.replace(old, new, 1), names)  # noqa: S102  the README's code
    return names["DictStore"]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds


async def complaints(contract: type[Any], argument: str, make: Callable[[Clock], object]) -> list[str]:
    """Run each test of a contract on a store of its own, and list those that fail."""
    found = []
    for name, _ in inspect.getmembers(contract, inspect.iscoroutinefunction):
        if not name.startswith("test_"):
            continue
        clock, tests = Clock(), contract()
        tests.pass_time = clock.pass_time  # in place of a subclass
        try:
            await getattr(tests, name)(**{argument: make(clock)})
        except (AssertionError, pytest.fail.Exception, TooManyHandshakes):
            found.append(name)
    return found


async def test_a_correct_store_passes() -> None:
    assert await complaints(StoreContract, "store", dict_store()) == []


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_the_contract_fails_a_store_with_a_mistake(mistake: str) -> None:
    found = await complaints(StoreContract, "store", dict_store(*MISTAKES[mistake]))
    assert 0 < len(found) < 15, "one mistake breaks some promises and not all"


async def test_a_failure_shows_what_was_compared() -> None:
    faulty = dict_store(*MISTAKES["discards by any key"])
    with pytest.raises(AssertionError, match="assert True is False"):
        await StoreContract().test_a_discard_by_key_spares_a_newer_token(faulty(Clock()))


@pytest.mark.parametrize(("max_pending", "fails"), [(2, True), (3, False), (4, True), (100_000, True)])
async def test_the_bounded_contract_needs_the_exact_bound(max_pending: int, *, fails: bool) -> None:
    found = await complaints(
        BoundedContract, "bounded", lambda clock: MemoryStore(max_pending=max_pending, clock=clock)
    )
    assert bool(found) is fails
