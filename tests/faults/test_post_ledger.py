"""No post is lost or sent twice: what the provider has done against what the client was told of it."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import pytest
from aiohttp import TCPConnector
from wire.listener import RESET, Listener, broken, reply
from wire.oracle import verified
from wire.people import CONSUMER, TOKEN, signing

from aiooauth1 import OutcomeUnknown, Retry


if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from wire.listener import Arrival

    from aiooauth1 import OAuth1Session


pytestmark = pytest.mark.socket

REQUESTS = 2_000
IN_FLIGHT = 200
FAULTS = {  # how many of the requests meet what, each the first time that it is sent
    "reset after the work": 200,
    "half a head after the work": 100,
    "reset before it was read": 100,
    "refused for good": 50,
    "refused at first": 50,
    "503": 100,
    "429": 100,
}
AMBIGUOUS = {"reset after the work", "half a head after the work", "reset before it was read"}
DONE_AND_LOST = {"reset after the work", "half a head after the work"}


def planned(refused: str = "refused for good") -> dict[str, str]:
    """Return which request meets which fault, the same in each run; `refused` replaces "refused for good"."""
    plan = [name for name, count in FAULTS.items() for _ in range(count)]
    plan = [refused if name == "refused for good" else name for name in plan]
    plan += [""] * (REQUESTS - len(plan))
    random.Random(5849).shuffle(plan)  # noqa: S311  a plan, no secret
    return {f"post-{number}": fault for number, fault in enumerate(plan)}


class Board:
    """A provider that answers requests with the faults of a plan, and records what it has done."""

    def __init__(self, plan: dict[str, str]) -> None:
        self.plan = plan
        self.arrivals: list[Arrival] = []
        self.done: Counter[str] = Counter()
        self._met: set[str] = set()

    def answer(self, arrival: Arrival) -> bytes | AsyncIterator[bytes]:
        name = arrival.path[1:]
        self.arrivals.append(arrival)
        fault = "" if name in self._met else self.plan[name]
        self._met.add(name)
        if fault in {"503", "429"}:
            return reply(int(fault), {"Retry-After": "1"})
        self.done[name] += 1
        if fault == "reset after the work":
            return RESET
        if fault == "half a head after the work":
            return broken(b"HTTP/1.1 201 Created\r\nContent-Len")
        return reply(201, body=name.encode())


class Unread(Listener):
    """A listener whose first connection is reset before anything was read."""

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.connections:
            super()._accept(reader, writer)
            return
        self.connections += 1
        connected = writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


class Closed(Listener):
    """A port that refuses connections until it is opened."""

    _listening = False

    async def __aenter__(self) -> Self:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        self.port = self._socket.getsockname()[1]
        return self

    async def open(self) -> None:
        if not self._listening:
            self._listening = True
            self._server = await asyncio.start_server(self._accept, sock=self._socket)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening:
            await super().__aexit__(kind, error, trace)
        self._socket.close()


class Client:
    """Sends the requests of a plan, and records what it was told."""

    def __init__(self, board: Board) -> None:
        self.told: dict[str, str] = {}
        self.bodies: dict[str, bytes] = {}
        self.pauses: Counter[str] = Counter()
        self._board = board
        self._places: dict[str, Listener] = {}

    async def run(self, method: str, **options: Any) -> None:
        async with AsyncExitStack() as stack:
            main = await stack.enter_async_context(Listener(self._board.answer))
            for name, fault in self._board.plan.items():
                place: Listener = main
                if fault == "reset before it was read":
                    place = await stack.enter_async_context(Unread(self._board.answer))
                elif fault.startswith("refused"):
                    place = await stack.enter_async_context(Closed(self._board.answer))
                self._places[name] = place
            connector = await stack.enter_async_context(TCPConnector(limit=IN_FLIGHT))
            session = signing(connector=connector, sleep=self._sleep, **options)
            await stack.enter_async_context(session)
            free = asyncio.Semaphore(IN_FLIGHT)
            async with asyncio.TaskGroup() as tasks:
                for name in self._board.plan:
                    tasks.create_task(self._send(session, method, name, free), name=name)

    async def _sleep(self, seconds: float) -> None:
        assert 0 <= seconds <= 60
        task = asyncio.current_task()
        assert task is not None
        name = task.get_name()
        self.pauses[name] += 1
        place = self._places[name]
        if isinstance(place, Closed) and self._board.plan[name] == "refused at first":
            await place.open()

    async def _send(self, session: OAuth1Session, method: str, name: str, free: asyncio.Semaphore) -> None:
        data: dict[str, Any] = {} if method == "GET" else {"data": {"id": name, "status": "50 % über +"}}
        async with free:
            try:
                async with session.request(method, f"{self._places[name].origin}/{name}", **data) as response:
                    is_there = response.status == 201 and await response.read() == name.encode()
                    self.told[name] = "confirmed" if is_there else "failed"
            except OutcomeUnknown:
                self.told[name] = "unknown"
            except aiohttp.ClientConnectorError:
                self.told[name] = "failed"

    def names(self, told: str) -> set[str]:
        return {name for name, outcome in self.told.items() if outcome == told}


def verify_all(board: Board) -> None:
    """Assert that each arrival is signed, with a nonce of its own."""
    nonces = [verified(arrival, CONSUMER, TOKEN)["oauth_nonce"] for arrival in board.arrivals]
    assert len(set(nonces)) == len(board.arrivals)


async def test_each_of_two_thousand_posts_is_done_at_most_once_and_reported_truly(
    record_property: Any,
) -> None:
    board = Board(planned())
    client = Client(board)
    await client.run("POST", retry=Retry())

    verify_all(board)
    assert max(board.done.values()) == 1
    confirmed, failed, unknown = map(client.names, ("confirmed", "failed", "unknown"))
    assert len(confirmed) + len(failed) + len(unknown) == REQUESTS
    assert confirmed <= board.done.keys()
    assert not failed & board.done.keys()
    assert unknown == {name for name, fault in board.plan.items() if fault in AMBIGUOUS}
    assert failed == {name for name, fault in board.plan.items() if fault == "refused for good"}
    assert {name for name, fault in board.plan.items() if fault in {"429", "503"}} <= confirmed
    for arrival in board.arrivals:
        assert arrival.body == f"id={arrival.path[1:]}&status=50%20%25%20%C3%BCber%20%2B".encode()
    figures = {
        "confirmed": len(confirmed),
        "failed": len(failed),
        "unknown": len(unknown),
        "done": len(board.done),
        "done twice": sum(count > 1 for count in board.done.values()),
        "arrivals": len(board.arrivals),
    }
    print("posts:", figures)  # noqa: T201  the figures are what a reader of the run wants
    record_property("posts", figures)


async def test_each_read_that_meets_a_fault_succeeds_at_the_second_attempt(record_property: Any) -> None:
    board = Board(planned(refused="refused at first"))
    client = Client(board)
    await client.run("GET", retry=Retry())

    verify_all(board)
    assert client.names("confirmed") == board.plan.keys()
    faults = {name for name, fault in board.plan.items() if fault}
    assert client.pauses == Counter(faults)  # each fault costs one more attempt, and nothing else does
    arrived = Counter(arrival.path[1:] for arrival in board.arrivals)
    seen = {*DONE_AND_LOST, "503", "429"}
    assert arrived == Counter({name: 1 + (fault in seen) for name, fault in board.plan.items()})
    amplification = len(board.arrivals) / REQUESTS
    assert amplification <= 1.3
    print(f"reads: {len(faults)} faults, {amplification:.3f} arrivals a request")  # noqa: T201  as above
    record_property("reads", amplification)
