"""Attempts over a socket: which request goes out again, signed how, with what pauses, and until when."""

from __future__ import annotations

import asyncio
import io
import os
import time
from contextlib import nullcontext
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import ClientTimeout, FormData, TCPConnector
from wire.certificates import server_tls
from wire.listener import DROP, RESET, Arrival, Listener, Names, broken, ok, reply, silent
from wire.oracle import oauth_parameters, verified
from wire.people import CONSUMER, TOKEN, signing

from aiooauth1 import (
    MemoryStore,
    OAuth1Session,
    OutcomeUnknown,
    Provider,
    Retry,
    StoreUnavailable,
    TimestampRefused,
    raise_for_problem,
)
from aiooauth1.testing import FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from wire.listener import Answer


pytestmark = pytest.mark.socket

HOUR = 3600.0
FORM = {"status": "50 % über +", "id": "7"}
BODY = b"status=50%20%25%20%C3%BCber%20%2B&id=7"
WITH_KEY = "POST with a key"
KINDS = ("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH", WITH_KEY)
READS = {"GET", "HEAD"}
HARMLESS = {*READS, WITH_KEY}
KEYED = Retry(idempotency_header="Idempotency-Key")


class Pauses:
    """A `sleep` that takes no time and keeps account of what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener() as running:
        yield running


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def session(pauses: Pauses) -> AsyncIterator[OAuth1Session]:
    async with signing(retry=KEYED, sleep=pauses) as made:
        yield made


def options_of(kind: str) -> tuple[str, dict[str, Any]]:
    """Return the method and the options of a kind of request."""
    if kind == WITH_KEY:
        return "POST", {"data": FORM, "idempotency_key": "key-7"}
    return kind, {} if kind in READS else {"data": FORM}


def at_first(*answers: Any) -> Answer:
    """Answer with each of these once, and then that all is well."""
    left = list(answers)

    def answer(arrival: Arrival) -> bytes | AsyncIterator[bytes]:
        if not left:
            return ok(arrival)
        first = left.pop(0)
        return first(arrival) if callable(first) else first  # type: ignore[no-any-return]

    return answer


def each_signed_afresh(arrivals: list[Arrival], kind: str) -> None:
    """Assert that each arrival verifies, with a nonce of its own and otherwise as the first one was."""
    nonces = [verified(arrival, CONSUMER, TOKEN)["oauth_nonce"] for arrival in arrivals]
    assert len(set(nonces)) == len(arrivals)
    assert {arrival.body for arrival in arrivals} == {b"" if kind in READS else BODY}
    key = "key-7" if kind == WITH_KEY else None
    assert [arrival.header("Idempotency-Key") for arrival in arrivals] == [key] * len(arrivals)


# The table, row by row: what happens to the first attempt, and which kinds are then sent again

LOST: dict[str, Any] = {
    "closed": DROP,
    "reset": RESET,
    "half a head": lambda _: broken(b"HTTP/1.1 200 OK\r\nContent-Le"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", LOST)
async def test_an_answer_that_is_lost(
    listener: Listener, session: OAuth1Session, pauses: Pauses, kind: str, how: str
) -> None:
    listener.answer = at_first(LOST[how])
    method, options = options_of(kind)
    if kind in HARMLESS:
        async with session.request(method, listener.origin, **options) as response:
            assert response.status == 200
    else:
        with pytest.raises(OutcomeUnknown):
            await session.request(method, listener.origin, **options)
    each_signed_afresh(listener.arrivals, kind)
    assert len(listener.arrivals) == 1 + (kind in HARMLESS)
    assert len(pauses.asked) == (kind in HARMLESS)


@pytest.mark.parametrize("kind", ["PUT", "DELETE", "POST", "PATCH"])
async def test_a_method_that_the_application_allows(listener: Listener, pauses: Pauses, kind: str) -> None:
    listener.answer = at_first(RESET, RESET)
    async with signing(retry=Retry(resend=frozenset({kind.lower()})), sleep=pauses) as session:
        async with session.request(kind, listener.origin, data=FORM) as response:
            assert response.status == 200
        listener.answer = at_first(RESET)
        with pytest.raises(OutcomeUnknown):
            await session.request("PATCH" if kind == "POST" else "POST", listener.origin, data=FORM)
    each_signed_afresh(listener.arrivals, kind)
    assert len(listener.arrivals) == 4


REPLIES: dict[str, tuple[bytes, set[str]]] = {
    "429": (reply(429), set(KINDS)),
    "429 with Retry-After": (reply(429, {"Retry-After": "7"}), set(KINDS)),
    "429 with a window that ends": (
        reply(429, {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "30"}),
        set(KINDS),
    ),
    "509 with Retry-After, of OpenStreetMap": (reply(509, {"Retry-After": "7"}), set(KINDS)),
    "403 for the rate of requests with Retry-After, of Mashery": (
        reply(403, {"X-Mashery-Error-Code": "ERR_403_DEVELOPER_OVER_QPS", "Retry-After": "1"}),
        set(KINDS),
    ),
    "403 for the rate of requests without a word of when": (
        reply(403, {"X-Mashery-Error-Code": "ERR_403_DEVELOPER_OVER_RATE"}),
        set(),
    ),
    "403 with Retry-After, for no known reason": (reply(403, {"Retry-After": "1"}), set()),
    "429 that asks for too much": (reply(429, {"Retry-After": "61"}), set()),
    "503 with Retry-After": (reply(503, {"Retry-After": "0"}), set(KINDS)),
    "503 with a window that ends": (
        reply(503, {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "30"}),
        set(KINDS),
    ),
    "503 beside a window with room": (
        reply(503, {"x-rate-limit-remaining": "5", "x-rate-limit-reset": "30"}),
        HARMLESS,
    ),
    "503 that asks for too much": (reply(503, {"Retry-After": "3600"}), set()),
    "503": (reply(503), HARMLESS),
    "500": (reply(500), HARMLESS),
    "500 beside a long window": (
        reply(500, {"x-rate-limit-remaining": "5", "x-rate-limit-reset": "800"}),
        HARMLESS,
    ),
    "502": (reply(502), HARMLESS),
    "504": (reply(504), HARMLESS),
    "501": (reply(501), set()),
    "400": (reply(400), set()),
    "401": (reply(401), set()),
    "403": (reply(403), set()),
    "404": (reply(404), set()),
    "409": (reply(409), set()),
    "422": (reply(422), set()),
    "timestamp_refused": (
        reply(401, {"Date": formatdate(usegmt=True)}, b"oauth_problem=timestamp_refused"),
        set(KINDS),
    ),
    "nonce_used": (reply(401, body=b"oauth_problem=nonce_used"), set(KINDS)),
    "signature_invalid": (reply(401, body=b"oauth_problem=signature_invalid"), set()),
}


@pytest.mark.parametrize("name", REPLIES)
async def test_a_refusal(listener: Listener, session: OAuth1Session, name: str) -> None:
    refusal, again = REPLIES[name]
    head = refusal.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    for kind in KINDS:
        del listener.arrivals[:]
        method, options = options_of(kind)
        listener.answer = at_first(lambda arrival: head if arrival.method == "HEAD" else refusal)
        # A problem that is named in the body alone cannot be seen in the answer to a HEAD.
        is_seen = method != "HEAD" or refusal == head or b"=" not in refusal.rpartition(b"\n")[2]
        is_again = kind in again and is_seen
        async with session.request(method, listener.origin, **options) as response:
            assert response.status == (200 if is_again else int(refusal[9:12])), kind
        assert len(listener.arrivals) == 1 + is_again, kind
        each_signed_afresh(listener.arrivals, kind)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_never_went_out_goes_out_again(session: OAuth1Session, pauses: Pauses, kind: str) -> None:
    method, options = options_of(kind)
    async with Listener() as gone:
        origin = gone.origin
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.request(method, origin, **options)
    assert len(pauses.asked) == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["closed at once", "an unknown authority"])
async def test_a_handshake_that_fails_sent_nothing(
    session: OAuth1Session, pauses: Pauses, kind: str, what: str
) -> None:
    method, options = options_of(kind)
    tls = server_tls() if what == "an unknown authority" else None
    async with Unwilling(tls=tls) if what == "closed at once" else Listener(tls=tls) as listener:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.request(method, f"https://127.0.0.1:{listener.port}/", **options)
    assert (len(listener.arrivals), len(pauses.asked)) == (0, 2)


class Unwilling(Listener):
    """A listener that closes each connection at once."""

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.transport.abort()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_name_that_does_not_resolve_at_first(pauses: Pauses, listener: Listener, kind: str) -> None:
    class Late(Names):
        async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[Any]:
            if len(pauses.asked) < 2:
                raise OSError("not yet")
            return await super().resolve(host, port, family)

    method, options = options_of(kind)
    async with (
        TCPConnector(resolver=Late()) as connector,
        signing(connector=connector, retry=KEYED, sleep=pauses, allow_http=True) as session,
        session.request(method, f"http://api.test:{listener.port}/", **options) as response,
    ):
        assert response.status == 200
    assert len(listener.arrivals) == 1
    each_signed_afresh(listener.arrivals, kind)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wait_for_a_connection_that_is_too_long_sent_nothing(listener: Listener, kind: str) -> None:
    method, options = options_of(kind)
    async with TCPConnector(limit=1) as connector:
        held: list[aiohttp.ClientResponse] = []

        async def let_go(_: float) -> None:
            held.pop().close()

        async with signing(connector=connector, retry=KEYED, sleep=let_go) as session:
            listener.answer = at_first(unfinished)
            held.append(await session.get(f"{listener.origin}/held"))
            patience = ClientTimeout(connect=0.05)
            async with session.request(method, listener.origin, timeout=patience, **options) as response:
                assert response.status == 200
    assert len(listener.arrivals) == 2


async def unfinished(_: Arrival) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    await asyncio.Event().wait()


# aiohttp's own resend on a connection that was kept


@pytest.mark.parametrize("lost", [DROP, RESET], ids=["closed", "reset"])
@pytest.mark.parametrize("kind", [*KINDS, "OPTIONS"])
async def test_aiohttps_own_resend_is_vetoed_or_counted(
    listener: Listener, session: OAuth1Session, kind: str, lost: bytes
) -> None:
    async with session.get(listener.origin) as response:
        await response.read()
    listener.answer = lambda _: lost
    method, options = options_of(kind)
    with pytest.raises((OutcomeUnknown, aiohttp.ClientConnectionError)):
        await session.request(method, listener.origin, **options)
    assert listener.arrivals[1].connection == 0
    assert len(listener.arrivals) == 1 + (3 if kind in HARMLESS else 1)
    each_signed_afresh(listener.arrivals[1:], kind)


# Until when


async def test_no_more_attempts_than_allowed_whatever_the_reasons(listener: Listener, pauses: Pauses) -> None:
    reasons = (reply(503, {"Retry-After": "1"}), reply(429), reply(500))
    for attempts in (1, 2, 3):
        del listener.arrivals[:], pauses.asked[:]
        listener.answer = at_first(*reasons[: attempts - 1], reply(401, body=b"oauth_problem=nonce_used"))
        async with (
            signing(retry=Retry(attempts=attempts), sleep=pauses) as session,
            session.get(listener.origin) as response,
        ):
            assert response.status == 401
        assert len(listener.arrivals) == attempts


@pytest.mark.parametrize("how", ["call", "session", "view"])
async def test_none_is_never(listener: Listener, pauses: Pauses, how: str) -> None:
    options: dict[str, Any] = {"retry": None} if how == "call" else {}
    async with signing(retry=None if how == "session" else Retry(), sleep=pauses) as session:
        view = session.replace(retry=None) if how == "view" else session
        for answer in (reply(503, {"Retry-After": "0"}), reply(429), reply(500)):
            listener.answer = at_first(answer)
            async with view.get(listener.origin, **options) as response:
                assert response.status == int(answer[9:12])
        listener.answer = at_first(RESET)
        with pytest.raises(OutcomeUnknown):
            await view.post(listener.origin, data=FORM, **options)
    assert (len(listener.arrivals), pauses.asked) == (4, [])


async def test_a_call_may_bring_rules_of_its_own(listener: Listener, pauses: Pauses) -> None:
    async with signing(retry=None, sleep=pauses) as session:
        listener.answer = at_first(reply(500), reply(500), reply(500))
        async with session.get(listener.origin, retry=Retry(attempts=4)) as response:
            assert response.status == 200
        listener.answer = at_first(reply(500))
        async with session.get(listener.origin) as response:
            assert response.status == 500


async def test_the_total_bounds_attempts_and_pauses_together(listener: Listener) -> None:
    listener.answer = silent
    async with signing(retry=Retry(attempts=100, base=0.01)) as session:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await session.get(listener.origin, timeout=ClientTimeout(total=0.6, sock_read=0.1))
        took = time.monotonic() - began
        assert took < 2.0
        assert 2 <= len(listener.arrivals) <= 6


async def test_a_pause_that_does_not_fit_is_not_begun_and_the_reply_is_the_callers(
    listener: Listener, pauses: Pauses
) -> None:
    listener.answer = lambda _: reply(429, {"Retry-After": "30"})
    async with (
        signing(retry=Retry(), sleep=pauses) as session,
        session.post(listener.origin, data=FORM, timeout=ClientTimeout(total=20)) as response,
    ):
        assert response.status == 429
    assert (len(listener.arrivals), pauses.asked) == (1, [])


async def test_a_real_pause_ends_with_the_total(listener: Listener) -> None:
    listener.answer = lambda _: reply(500)
    never = asyncio.Event()

    async def oversleep(_: float) -> None:
        await never.wait()

    async with signing(retry=Retry(base=0.01), sleep=oversleep) as session:
        with pytest.raises(TimeoutError):
            await session.get(listener.origin, timeout=ClientTimeout(total=0.2))


async def test_a_cancel_is_no_reason(listener: Listener, session: OAuth1Session, pauses: Pauses) -> None:
    arrived = asyncio.Event()

    def answer(arrival: Arrival) -> AsyncIterator[bytes]:
        arrived.set()
        return silent(arrival)

    listener.answer = answer
    call = asyncio.ensure_future(session.get(listener.origin))
    await arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (len(listener.arrivals), pauses.asked) == (1, [])


HOSTILE = {
    "negative": "-5",
    "nan": "nan",
    "inf": "inf",
    "exponent": "1e9",
    "400 digits": "9" * 400,
    "full-width digits": "１２",  # noqa: RUF001  the attack
    "a date past": "Thu, 01 Jan 1970 00:01:00 GMT",
    "a date soon": "{soon}",
    "a date far": "Fri, 31 Dec 9999 23:59:59 GMT",
    "a date beyond all": "Fri, 31 Dec 99999999 23:59:59 GMT",
    "garbage": "soon; or later",
    "digits and garbage": "120abc",
    "nothing": "",
    "a fraction": "1.5",
    "hexadecimal": "0x10",
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", HOSTILE)
async def test_whatever_retry_after_says_the_pause_is_within_its_bounds(
    listener: Listener, pauses: Pauses, form: str, status: int
) -> None:
    value = HOSTILE[form].replace("{soon}", formatdate(time.time() + 10, usegmt=True))
    octets = (
        f"HTTP/1.1 {status} R\r\nContent-Length: 0\r\nDate: {formatdate(usegmt=True)}\r\n"
        f"Retry-After: {value}\r\n\r\n"
    ).encode()
    listener.answer = lambda _: octets
    retry = Retry(cap=5.0, max_wait=20.0)
    async with signing(retry=retry, sleep=pauses) as session:
        async with session.get(listener.origin) as response:
            assert response.status == status
        async with session.post(listener.origin, data=FORM) as response:
            assert response.status == status
    assert all(0 <= seconds <= 20.0 for seconds in pauses.asked)
    if form == "a date soon":
        assert len(pauses.asked) == 4
        assert all(seconds >= 9.0 for seconds in pauses.asked)
    elif form != "a date past":
        assert all(seconds <= 5.0 for seconds in pauses.asked)
    if form == "a date far":
        assert pauses.asked == []


async def test_a_thousand_that_wait_do_not_wake_together(listener: Listener, pauses: Pauses) -> None:
    refused: set[str] = set()

    def answer(arrival: Arrival) -> bytes:
        if arrival.target in refused:
            return reply()
        refused.add(arrival.target)
        return reply(429, {"Retry-After": "5"})

    listener.answer = answer
    async with signing(retry=Retry(), sleep=pauses) as session:
        # Each origin has a reserve of retries; those that help come back, so that none of them runs out.
        for tens in range(20):
            calls = (session.post(f"{listener.origin}/{tens}/{number}") for number in range(50))
            assert {response.status for response in await asyncio.gather(*calls)} == {200}
    asked = sorted(pauses.asked)
    assert len(set(asked)) == 1000
    assert asked[0] >= 5.0
    assert asked[-1] - asked[0] > 0.4
    busiest = max(sum(low <= one < low + 0.05 for one in asked) for low in asked)
    assert busiest < 200


# Bodies


async def pieces() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False


def with_a_stream() -> FormData:
    form = FormData()
    form.add_field("status", "with a picture")
    form.add_field("media", Unseekable(b"\x89PNG"), filename="p.png")
    return form


def piped() -> Any:
    reading, writing = os.pipe()
    os.write(writing, b"through a pipe")
    os.close(writing)
    return os.fdopen(reading, "rb")


ONCE: dict[str, Callable[[], Any]] = {"generator": pieces, "multipart": with_a_stream, "pipe": piped}


@pytest.mark.parametrize("name", ONCE)
@pytest.mark.parametrize("answer", [reply(503, {"Retry-After": "0"}), reply(429), RESET])
async def test_a_body_that_can_be_read_once_is_sent_once(
    listener: Listener, session: OAuth1Session, pauses: Pauses, name: str, answer: bytes
) -> None:
    listener.answer = lambda _: answer
    body = ONCE[name]()
    call = session.put(listener.origin, data=body, idempotency_key="key-7")
    if answer == RESET:
        with pytest.raises(OutcomeUnknown):
            await call
    else:
        async with call as response:
            assert response.status == int(answer[9:12])
    if name == "pipe":
        body.close()
    assert (len(listener.arrivals), pauses.asked) == (1, [])


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({"data": b"\x00\xff"}, b"\x00\xff"),
        ({"data": "text ü"}, "text ü".encode()),
        ({"json": {"text": "ü"}}, b'{"text": "\\u00fc"}'),
        ({"data": io.BytesIO(b"from memory")}, b"from memory"),
        ({"data": FormData({"a": "x y"})}, b"a=x%20y"),
    ],
    ids=["octets", "text", "json", "memory", "form data"],
)
async def test_other_bodies_go_out_again_octet_for_octet(
    listener: Listener, session: OAuth1Session, options: dict[str, Any], body: bytes
) -> None:
    listener.answer = at_first(reply(503, {"Retry-After": "0"}), reply(429))
    async with session.post(listener.origin, **options) as response:
        assert response.status == 200
    assert [arrival.body for arrival in listener.arrivals] == [body] * 3
    for arrival in listener.arrivals:
        verified(arrival, CONSUMER, TOKEN)


class Hasty(Listener):
    """A listener that refuses the first request before its body came, and then neither reads nor closes."""

    async def _read(self, reader: asyncio.StreamReader, connection: int) -> Arrival:
        if connection:
            return await super()._read(reader, connection)
        octets = await reader.readuntil(b"\r\n\r\n")
        return Arrival(connection, "http", octets, "POST", "/", (), b"", 0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.connections:
            self.answer = hasty
        super()._accept(reader, writer)


async def hasty(arrival: Arrival) -> AsyncIterator[bytes]:
    if arrival.connection:
        yield reply()
        return
    yield reply(503, {"Retry-After": "0"})
    await asyncio.Event().wait()


async def test_a_body_that_is_refused_on_its_way_starts_afresh(session: OAuth1Session) -> None:
    body = b"0123456789" * 1_000_000
    async with Hasty() as listener, asyncio.timeout(10):
        async with session.post(listener.origin, data=io.BytesIO(body)) as response:
            assert response.status == 200
        assert [arrival.connection for arrival in listener.arrivals] == [0, 1]
        assert listener.arrivals[1].body == body


async def test_a_key_needs_the_field_where_the_provider_looks(listener: Listener) -> None:
    for retry in (None, Retry()):
        async with signing(retry=retry) as session:
            with pytest.raises(TypeError, match="idempotency_header"):
                await session.post(listener.origin, data=FORM, idempotency_key="key-7")
    assert listener.connections == 0


# A nonce that is said to be used

NONCE_USED = reply(401, body=b"oauth_problem=nonce_used")


async def test_another_nonce_is_drawn_once(listener: Listener, session: OAuth1Session) -> None:
    listener.answer = lambda _: NONCE_USED
    for kind in KINDS:
        del listener.arrivals[:]
        method, options = options_of(kind)
        if kind == "HEAD":
            continue
        async with session.request(method, listener.origin, **options) as response:
            assert (response.status, await response.read()) == (401, b"oauth_problem=nonce_used")
        assert len(listener.arrivals) == 2
        each_signed_afresh(listener.arrivals, kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "HEAD"])
async def test_after_a_resend_a_used_nonce_can_mean_that_the_first_copy_arrived(
    listener: Listener, session: OAuth1Session, kind: str
) -> None:
    listener.answer = at_first(reply(503, {"Retry-After": "0"}), NONCE_USED)
    method, options = options_of(kind)
    async with session.request(method, listener.origin, **options) as response:
        assert response.status == (200 if kind in HARMLESS else 401)
    assert len(listener.arrivals) == (3 if kind in HARMLESS else 2)


# The provider's clock


class Clock:
    """A provider's clock that is off by so much."""

    def __init__(self, off: float) -> None:
        self.off = off

    def __call__(self) -> float:
        return time.time() + self.off


@pytest.mark.parametrize("off", [HOUR, -HOUR, 23 * HOUR, -23 * HOUR])
async def test_a_clock_that_is_off_costs_one_attempt_and_then_none(off: float) -> None:
    async with FakeProvider(clock=Clock(off)) as fake:
        token = fake.issue_access_token("ann")
        async with OAuth1Session(fake.consumer, token, provider=fake.provider) as session:
            async with session.post("posts", data={"status": "first"}) as response:
                assert response.status == 201
            assert len(fake.ledger) == 2
            for number in range(100):
                async with session.post("posts", data={"status": str(number)}) as response:
                    assert response.status == 201
        assert len(fake.ledger) == 102
        assert len(fake.posts) == 101


@pytest.mark.parametrize("off", [25 * HOUR, -25 * HOUR])
async def test_a_clock_that_is_off_by_more_than_a_day_is_not_believed(off: float) -> None:
    async with FakeProvider(clock=Clock(off)) as fake:
        token = fake.issue_access_token("ann")
        async with OAuth1Session(fake.consumer, token, provider=fake.provider) as session:
            for _ in range(2):
                async with session.post("posts", data={"status": "first"}) as response:
                    with pytest.raises(TimestampRefused, match="timestamp_refused") as raised:
                        await raise_for_problem(response)
                    assert raised.value.problem == "timestamp_refused"
                    assert "clock" in (raised.value.advice or "")
        assert len(fake.ledger) == 2
        assert not fake.posts


@pytest.mark.parametrize("step", [-HOUR, HOUR])
async def test_a_clock_that_steps_during_the_run_costs_one_attempt_more(step: float) -> None:
    clock = Clock(HOUR)
    async with FakeProvider(clock=clock) as fake:
        token = fake.issue_access_token("ann")
        async with OAuth1Session(fake.consumer, token, provider=fake.provider) as session:
            for expected in (2, 3, 4):
                assert (await session.get("posts")).status == 200
                assert len(fake.ledger) == expected
            clock.off += step
            for expected in (6, 7, 8, 9):
                assert (await session.get("posts")).status == 200
                assert len(fake.ledger) == expected


async def test_our_own_clock_that_steps_after_it_was_learned_changes_nothing() -> None:
    ours = Clock(-HOUR)
    async with FakeProvider() as fake:
        token = fake.issue_access_token("ann")
        async with OAuth1Session(fake.consumer, token, provider=fake.provider, clock=ours) as session:
            assert (await session.get("posts")).status == 200
            for off in (-5 * HOUR, 0.0, 5 * HOUR):
                ours.off = off
                assert (await session.get("posts")).status == 200
        assert len(fake.ledger) == 5


async def test_where_timestamps_must_not_go_back_a_clock_that_is_ahead_is_corrected_too() -> None:
    like = Provider("strict", monotonic_timestamps=True)
    async with FakeProvider(like=like, clock=Clock(-HOUR)) as fake:
        token = fake.issue_access_token("ann")
        async with OAuth1Session(fake.consumer, token, provider=fake.provider) as session:
            for expected in (2, 3, 4):
                assert (await session.get("posts")).status == 200
                assert len(fake.ledger) == expected


async def test_a_hundred_at_once_learn_it_and_each_tries_once_more_at_most() -> None:
    async with FakeProvider(clock=Clock(HOUR)) as fake:
        token = fake.issue_access_token("ann")
        async with OAuth1Session(fake.consumer, token, provider=fake.provider) as session:
            replies = await asyncio.gather(*(session.get("posts") for _ in range(100)))
            assert {response.status for response in replies} == {200}
            assert len(fake.ledger) <= 200
            before = len(fake.ledger)
            assert (await session.get("posts")).status == 200
            assert len(fake.ledger) == before + 1


def dated(status: int, off: float, body: bytes = b"") -> bytes:
    return reply(status, {"Date": formatdate(time.time() + off, usegmt=True)}, body)


def age(arrival: Arrival) -> float:
    return time.time() - int(oauth_parameters(arrival)["oauth_timestamp"])


@pytest.mark.parametrize("status", [200, 204, 301, 400, 403, 404, 429, 500, 503])
async def test_a_date_that_lies_beside_any_other_status_changes_nothing(
    listener: Listener, session: OAuth1Session, status: int
) -> None:
    listener.answer = lambda _: dated(status, HOUR)
    for _ in range(3):
        async with session.get(listener.origin, allow_redirects=False) as response:
            assert response.status == status
    assert all(abs(age(arrival)) < 5 for arrival in listener.arrivals)


async def test_a_refusal_without_a_reason_is_laid_to_a_clock_that_is_far_off(
    listener: Listener, session: OAuth1Session
) -> None:
    """A provider whose clock is an hour ahead, and that says nothing but no."""

    def answer(arrival: Arrival) -> bytes:
        is_right = abs(age(arrival) + HOUR) < 300
        return dated(200 if is_right else 401, HOUR)

    listener.answer = answer
    for expected in (2, 3, 4):
        async with session.post(listener.origin, data=FORM) as response:
            assert response.status == 200
        assert len(listener.arrivals) == expected


@pytest.mark.parametrize("off", [0.0, 50.0, -50.0, 25 * HOUR])
async def test_a_refusal_without_a_reason_from_a_clock_like_ours_is_the_callers(
    listener: Listener, session: OAuth1Session, off: float
) -> None:
    listener.answer = lambda _: dated(401, off)
    async with session.get(listener.origin) as response:
        assert response.status == 401
    assert len(listener.arrivals) == 1


@pytest.mark.parametrize("attempts", [2, 3])
async def test_a_date_that_lies_beside_a_refusal_does_not_spoil_the_calls_after_it(
    listener: Listener, attempts: int
) -> None:
    async with signing(retry=Retry(attempts=attempts)) as session:
        listener.answer = lambda _: dated(401, HOUR)
        async with session.get(listener.origin) as response:
            assert response.status == 401
        assert len(listener.arrivals) == 2
        listener.answer = ok
        assert (await session.get(listener.origin)).status == 200
        assert abs(age(listener.arrivals[-1])) < 5


async def test_each_origin_has_a_clock_of_its_own(session: OAuth1Session) -> None:
    def refusing(off: float) -> Answer:
        def answer(arrival: Arrival) -> bytes:
            is_right = abs(age(arrival) + off) < 300
            return reply() if is_right else dated(401, off, b"oauth_problem=timestamp_refused")

        return answer

    async with Listener(refusing(HOUR)) as ahead, Listener(refusing(-HOUR)) as behind, Listener() as right:
        for _ in range(3):
            for listener in (ahead, behind, right):
                assert (await session.get(listener.origin)).status == 200
        assert [len(listener.arrivals) for listener in (ahead, behind, right)] == [4, 4, 3]


async def test_what_a_view_learns_its_session_knows(listener: Listener) -> None:
    async with FakeProvider(clock=Clock(HOUR)) as fake:
        token = fake.issue_access_token("ann")
        async with OAuth1Session(fake.consumer, provider=fake.provider) as session:
            assert (await session.replace(token=token).get("posts")).status == 200
            assert (await session.get("posts", token=token)).status == 200
        assert len(fake.ledger) == 3
    assert listener.arrivals == []


# Was anything sent? A fact, whatever error says so


class TheirError(Exception):
    """What a connector or proxy of somebody else's raises."""


class Flaky(TCPConnector):
    """Fails so many times, with an error of its own, and then connects."""

    def __init__(self, error: Exception, times: int) -> None:
        super().__init__()
        self.error, self.times = error, times

    async def connect(self, *args: Any, **options: Any) -> Any:
        if self.times:
            self.times -= 1
            raise self.error
        return await super().connect(*args, **options)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_of_another_connectors_own_sent_nothing(
    listener: Listener, pauses: Pauses, kind: str
) -> None:
    method, options = options_of(kind)
    async with (
        signing(retry=KEYED, sleep=pauses, connector=Flaky(TheirError(), 2)) as session,
        session.request(method, listener.origin, **options) as response,
    ):
        assert response.status == 200
    each_signed_afresh(listener.arrivals, kind)
    assert (len(listener.arrivals), len(pauses.asked)) == (1, 2)


async def test_a_mistake_in_a_connector_is_raised_as_it_is(listener: Listener, pauses: Pauses) -> None:
    async with signing(retry=KEYED, sleep=pauses, connector=Flaky(KeyError("mistake"), 9)) as session:
        with pytest.raises(KeyError, match="mistake"):
            await session.post(listener.origin, data=FORM)
    assert (listener.connections, pauses.asked) == (0, [])


PROXIES: dict[str, tuple[Any, int]] = {  # what answers CONNECT, and how many attempts that makes
    "hangs up": (DROP, 3),
    "resets": (RESET, 3),
    "no HTTP": (lambda _: broken(b"220 mail.example ESMTP\r\n\r\n"), 3),
    "502": (reply(502), 3),
    "503": (reply(503), 3),
    "429, as a pool of proxies says": (reply(429), 3),
    "408": (reply(408), 3),
    "429 for longer than max_wait": (reply(429, {"Retry-After": "3600"}), 1),
    "407": (reply(407), 1),
    "403": (reply(403), 1),
}


@pytest.mark.parametrize("name", PROXIES)
async def test_a_proxy_that_fails_before_there_is_a_tunnel_sent_nothing(
    listener: Listener, session: OAuth1Session, pauses: Pauses, name: str
) -> None:
    answer, attempts = PROXIES[name]
    listener.answer = answer if callable(answer) else lambda _: answer
    with pytest.raises(aiohttp.ClientError):
        await session.post("https://api.test/posts", data=FORM, proxy=listener.origin)
    assert [arrival.method for arrival in listener.arrivals] == ["CONNECT"] * attempts
    assert len(pauses.asked) == attempts - 1


MINE = [
    KeyError("mine"),
    OSError(5, "my disk"),
    TheirError("mine"),
    # Of a body that passes on what another request downloads.
    aiohttp.ClientPayloadError("mine"),
    aiohttp.ServerDisconnectedError(),
    TimeoutError("mine"),
]


@pytest.mark.parametrize("mine", MINE, ids=repr)
async def test_an_error_of_the_callers_own_body_is_the_cause_of_the_unknown_outcome(
    listener: Listener, session: OAuth1Session, mine: Exception
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one "
        raise mine

    with pytest.raises(OutcomeUnknown) as raised:
        await session.put(listener.origin, data=body())
    assert raised.value.__cause__ is mine


async def test_the_download_that_breaks_off_is_the_cause_of_the_unknown_upload(
    listener: Listener, session: OAuth1Session
) -> None:
    async with (
        Listener(lambda _: broken(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")) as elsewhere,
        aiohttp.ClientSession() as http,
        http.get(elsewhere.origin) as download,
    ):
        with pytest.raises(OutcomeUnknown) as raised:
            await session.put(listener.origin, data=download.content)
    assert isinstance(raised.value.__cause__, aiohttp.ClientPayloadError)
    assert raised.value.__cause__.__traceback__ is None


@pytest.mark.parametrize("of_network", [True, False])
async def test_a_group_of_errors_of_several_addresses_sent_nothing(
    listener: Listener, pauses: Pauses, of_network: bool
) -> None:
    """asyncio raises one with `create_connection(all_errors=True)`."""
    other = OSError(111, "b") if of_network else ValueError("b")
    group = ExceptionGroup("", [OSError(113, "a"), other])
    async with signing(retry=KEYED, sleep=pauses, connector=Flaky(group, 2)) as session:
        with nullcontext() if of_network else pytest.raises(ExceptionGroup):
            await session.post(listener.origin, data=FORM)
    assert len(pauses.asked) == (2 if of_network else 0)


async def test_multipart_of_open_files_goes_out_again_from_where_the_files_stood(
    listener: Listener, session: OAuth1Session, tmp_path: Path
) -> None:
    """Twython and Tweepy upload pictures so."""
    path = tmp_path / "a.png"
    path.write_bytes(b"skipped" + b"\x89PNG" * 100_000)
    listener.answer = at_first(reply(429, {"Retry-After": "1"}), reply(307, {"Location": "/on"}))
    with path.open("rb") as file, io.BytesIO(b"second") as memory:
        file.seek(7)
        async with session.post(listener.origin, data={"media": file, "more": memory}) as response:
            assert response.status == 200
    first, second, third = listener.arrivals
    assert first.body == second.body == third.body
    assert b"skipped" not in first.body
    assert b"second" in first.body
    assert len(first.body) > 400_000


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(429, b'{"errors": [{"code": 88, "message": "Rate limit exceeded"}]}', id="X"),
        pytest.param(429, b'{"error": "API_TOKEN_LIMIT_EXCEEDED", "message": "x"}', id="Trello"),
        pytest.param(429, b'{"errors": [{"title": "Limit Exceeded", "code": 1040}]}', id="Tumblr"),
        pytest.param(503, b"oauth_problem=rate%20limit%20exceeded", id="Xero"),
    ],
)
async def test_an_undated_rate_limit_that_has_a_name_is_waited_for_in_seconds_too(
    listener: Listener, session: OAuth1Session, pauses: Pauses, status: int, body: bytes
) -> None:
    listener.answer = at_first(reply(status, body=body), reply(status, body=body))
    assert (await session.get(listener.origin)).status == 200
    first, second = pauses.asked
    assert 1 <= first <= 2 <= second <= 4


@pytest.mark.parametrize("status", [520, 521, 522, 523, 524])
async def test_cloudflares_server_errors_are_retried_like_others(
    listener: Listener, session: OAuth1Session, status: int
) -> None:
    for method, expected in (("GET", 200), ("POST", status)):
        listener.answer = at_first(reply(status))
        async with session.request(method, listener.origin) as response:
            assert response.status == expected


async def test_multipart_of_bytes_goes_out_again_like_any_bytes(
    listener: Listener, session: OAuth1Session
) -> None:
    listener.answer = at_first(reply(429, {"Retry-After": "1"}), reply(307, {"Location": "/on"}))
    form = FormData({"status": "x"})
    form.add_field("media", b"\x89PNG", filename="a.png")
    async with session.post(listener.origin, data=form) as response:
        assert response.status == 200
    first, second, third = listener.arrivals
    assert first.body == second.body == third.body
    assert b"\x89PNG" in first.body


# A wait that outlasts the total timeout


def test_a_wait_that_outlasts_the_total_timeout_is_refused_at_construction() -> None:
    with pytest.raises(ValueError, match="max_wait=1000 s is longer than the total timeout of 300 s"):
        signing(retry=Retry(max_wait=1000))
    session = signing(retry=Retry(max_wait=1000), timeout=ClientTimeout(total=2000))
    with pytest.raises(ValueError, match="max_wait=3000"):
        session.replace(retry=Retry(max_wait=3000))
    signing(retry=Retry(max_wait=1000), timeout=ClientTimeout(total=None))
    signing(retry=Retry(), timeout=ClientTimeout(total=5))


# Learning is not resending


X_32 = b'{"errors": [{"code": 32, "message": "Could not authenticate you."}]}'
NETSUITE = b'{"error": {"code": "INVALID_LOGIN_ATTEMPT", "message": "Invalid login attempt."}}'


@pytest.mark.parametrize("body", [X_32, NETSUITE])
async def test_a_name_that_is_said_of_bad_timestamps_too_beside_a_date_far_off_is_clock_skew(
    listener: Listener, session: OAuth1Session, body: bytes
) -> None:
    def answer(arrival: Arrival) -> bytes:
        is_right = abs(age(arrival) + HOUR) < 300
        return dated(200 if is_right else 401, HOUR, body)

    listener.answer = answer
    for expected in (2, 3):
        assert (await session.post(listener.origin, data=FORM)).status == 200
        assert len(listener.arrivals) == expected


@pytest.mark.parametrize("has_date", [True, False], ids=["beside a proxy's Date", "without a Date"])
@pytest.mark.parametrize(
    "says",
    [
        pytest.param("Expired timestamp, yours {sent}, ours {now}", id="OAuth.php"),
        pytest.param(
            "oauth_timestamp is too far away; we believe it is now {now}, you sent {sent}", id="Tumblr"
        ),
        pytest.param(
            "Expired timestamp: given {sent} and now {now} has a greater difference than threshold 300",
            id="python-oauth2",
        ),
        pytest.param(
            "There was a problem with your timestamp. Please check your current system time."
            "Server time is {now}.25.",
            id="django-declarative-apis",
        ),
        pytest.param("", id="django-declarative-apis, in its challenge"),
    ],
)
async def test_the_time_in_a_refusal_is_the_servers_whatever_the_date_says(
    listener: Listener, session: OAuth1Session, says: str, has_date: bool
) -> None:
    """nginx replaces the Date of the server behind it by its own."""

    def answer(arrival: Arrival) -> bytes:
        now = int(time.time() + HOUR)
        if abs(age(arrival) + HOUR) < 300:
            return ok(arrival)
        headers = {"Date": formatdate(usegmt=True)} if has_date else {}
        if not says:
            headers["WWW-Authenticate"] = (
                'OAuth realm="API",oauth_problem=timestamp_refused'
                f"&oauth_acceptable_timestamps={now - 300}-{now}"
            )
        return reply(401, headers, says.format(now=now, sent=int(time.time())).encode())

    listener.answer = answer
    for expected in (2, 3):
        assert (await session.get(listener.origin)).status == 200
        assert len(listener.arrivals) == expected


@pytest.mark.parametrize("problem", ["timestamp_refused", ""])
async def test_the_clock_is_learned_where_nothing_is_resent(listener: Listener, problem: str) -> None:
    """A bot that never retries, and one that uploads streams, get one 401 and no more."""

    def answer(arrival: Arrival) -> bytes:
        is_right = abs(age(arrival) + HOUR) < 300
        return dated(200 if is_right else 401, HOUR, f"oauth_problem={problem}".encode() if problem else b"")

    listener.answer = answer
    async with signing(retry=None) as session:
        statuses = [(await session.post(listener.origin, data=FORM)).status for _ in range(3)]
    assert statuses == [401, 200, 200]
    async with signing(retry=Retry()) as session:
        statuses = [(await session.put(listener.origin, data=pieces())).status for _ in range(3)]
    assert statuses == [401, 200, 200]


async def test_a_fresh_nonce_that_was_used_beside_a_date_far_off_is_clock_skew(
    listener: Listener, session: OAuth1Session
) -> None:
    """passport-http-oauth says `nonce_used` of a bad timestamp."""

    def answer(arrival: Arrival) -> bytes:
        is_right = abs(age(arrival) + HOUR) < 300
        return dated(200 if is_right else 401, HOUR, b"oauth_problem=nonce_used")

    listener.answer = answer
    for expected in (2, 3):
        assert (await session.post(listener.origin, data=FORM)).status == 200
        assert len(listener.arrivals) == expected


# What is logged


async def test_each_pause_says_what_failed_and_how_long_it_takes(
    listener: Listener, session: OAuth1Session, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "aiooauth1")
    listener.answer = at_first(reply(429, {"Retry-After": "30"}))
    await session.post(listener.origin, data=FORM)
    (record,) = [one for one in caplog.records if one.name == "aiooauth1.retry"]
    assert record.levelname == "INFO"
    assert f"POST {listener.origin}: attempt 1 of 3 failed (429), the next in 30." in record.getMessage()
    told = {
        name: record.__dict__[name] for name in ("event", "method", "origin", "user", "attempt", "reason")
    }
    assert told == {
        "event": "request.retried",
        "method": "POST",
        "origin": str(listener.origin),
        "user": None,
        "attempt": 1,
        "reason": "429",
    }
    assert record.__dict__["seconds"] >= 30


async def test_at_debug_the_base_string_is_logged_and_where_the_parameters_go(
    listener: Listener, session: OAuth1Session, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "aiooauth1")
    await session.post(listener.origin, data=FORM)
    (message,) = [one for one in caplog.messages if "signing" in one]
    assert message.startswith("signing, parameters in the header: POST&http%3A%2F%2F127.0.0.1")
    verified(listener.arrivals[0], CONSUMER, TOKEN)


# What a later attempt's failure says of an earlier one


async def test_an_outcome_stays_unknown_though_a_later_attempt_was_not_sent(
    listener: Listener, pauses: Pauses
) -> None:
    """The first attempt may have been done, whatever became of the second."""
    connector = Flaky(TheirError(), 0)

    def lose(_: Arrival) -> bytes:
        connector.times = 9
        return DROP

    listener.answer = lose
    async with signing(retry=KEYED, sleep=pauses, connector=connector) as session:
        with pytest.raises(OutcomeUnknown):
            await session.post(listener.origin, data=FORM, idempotency_key="key-7")
    assert len(listener.arrivals) == 1


async def test_a_store_that_fails_between_attempts_leaves_the_refusal_to_the_caller(
    listener: Listener, pauses: Pauses
) -> None:
    class Fails(MemoryStore):
        reads = 0

        async def get_access_token(self, provider: str, user: str) -> Any:
            self.reads += 1
            if self.reads > 2:
                raise StoreUnavailable("no answer")
            return await super().get_access_token(provider, user)

    store = Fails()
    await store.put_access_token("home", "ann", TOKEN)
    listener.answer = lambda _: reply(429, {"Retry-After": "1"}, b"too many")
    provider = Provider("home", base_url=f"{listener.origin}/")
    async with OAuth1Session(CONSUMER, provider=provider, store=store, sleep=pauses) as session:
        async with session.get("warm", user="ann", retry=None):
            store.reads = 1
        async with session.post("posts", user="ann", data=FORM) as response:
            assert (response.status, await response.read()) == (429, b"too many")
    assert [arrival.path for arrival in listener.arrivals] == ["/warm", "/posts"]
