"""Attempts over a socket: which request goes out again, signed how, with what pauses, and until when."""

from __future__ import annotations

import asyncio
import io
import os
import time
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from email.utils import formatdate
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import ClientTimeout, FormData, TCPConnector
from wire.listener import DROP, RESET, Arrival, Listener, Names, broken, ok, reply, silent
from wire.oracle import oauth_parameters, verified
from wire.people import CONSUMER, TOKEN, provider_at, signing

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

    from wire.listener import Answer


pytestmark = pytest.mark.socket

HOUR = 3600.0
FORM = {"status": "50 % über +", "id": "7"}
BODY = b"status=50%20%25%20%C3%BCber%20%2B&id=7"
WITH_KEY = "POST with a key"
KINDS = ("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH", WITH_KEY)
READS = {"GET", "HEAD"}
HARMLESS = {*READS, WITH_KEY}
NONCE_USED = reply(401, body=b"oauth_problem=nonce_used")
KEYED = Retry(idempotency_header="Idempotency-Key")


class Pauses:
    """A `sleep` that takes no time and keeps account of what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)


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
async def test_a_request_without_an_answer_is_resent_if_that_does_no_harm(
    listener: Listener, session: OAuth1Session, pauses: Pauses, kind: str, how: str
) -> None:
    listener.answer = at_first(LOST[how])
    method, options = options_of(kind)
    if kind in HARMLESS:
        assert (await session.request(method, listener.origin, **options)).status == 200
    else:
        with pytest.raises(OutcomeUnknown):
            await session.request(method, listener.origin, **options)
    each_signed_afresh(listener.arrivals, kind)
    assert len(listener.arrivals) == 1 + (kind in HARMLESS)
    assert len(pauses.asked) == (kind in HARMLESS)


async def test_a_method_in_resend_of_the_call_is_resent(listener: Listener, pauses: Pauses) -> None:
    async with signing(retry=None, sleep=pauses) as session:
        listener.answer = at_first(RESET, RESET)
        put = Retry(resend=frozenset({"put"}))
        assert (await session.put(listener.origin, data=FORM, retry=put)).status == 200
        for method, retry in (("POST", put), ("PUT", None)):
            listener.answer = at_first(RESET)
            with pytest.raises(OutcomeUnknown):
                await session.request(method, listener.origin, data=FORM, retry=retry)
    each_signed_afresh(listener.arrivals, "PUT")
    assert len(listener.arrivals) == 5


OF_LIMIT, OF_RATE = ({"X-Mashery-Error-Code": f"ERR_403_DEVELOPER_OVER_{what}"} for what in ("QPS", "RATE"))
ENDS = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "30"}  # a spent window
HAS_ROOM = {"x-rate-limit-remaining": "5", "x-rate-limit-reset": "800"}
ALL = set(KINDS)
# name: what refuses the first attempt, and which kinds are then sent again
REPLIES: dict[str, tuple[bytes, set[str]]] = {
    "429": (reply(429), ALL),
    "429 with Retry-After": (reply(429, {"Retry-After": "7"}), ALL),
    "429 with a window that ends": (reply(429, ENDS), ALL),
    "429 that asks for too much": (reply(429, {"Retry-After": "61"}), set()),
    "509 with Retry-After, of OpenStreetMap": (reply(509, {"Retry-After": "7"}), ALL),
    "403 for the rate with Retry-After, of Mashery": (reply(403, {**OF_LIMIT, "Retry-After": "1"}), ALL),
    "403 for the rate, undated": (reply(403, OF_RATE), set()),
    "403 with Retry-After, for no known reason": (reply(403, {"Retry-After": "1"}), set()),
    "503": (reply(503), HARMLESS),
    "503 with Retry-After": (reply(503, {"Retry-After": "0"}), ALL),
    "503 with a window that ends": (reply(503, ENDS), ALL),
    "503 beside a window with room": (reply(503, HAS_ROOM), HARMLESS),
    "503 that asks for too much": (reply(503, {"Retry-After": "3600"}), set()),
    "500": (reply(500), HARMLESS),
    "500 beside a window with room": (reply(500, HAS_ROOM), HARMLESS),
    "401": (reply(401), set()),
    "403": (reply(403), set()),
    "timestamp_refused": (
        reply(401, {"Date": formatdate(usegmt=True)}, b"oauth_problem=timestamp_refused"),
        ALL,
    ),
    "nonce_used": (NONCE_USED, ALL),
    "signature_invalid": (reply(401, body=b"oauth_problem=signature_invalid"), set()),
}


@pytest.mark.parametrize("name", REPLIES)
async def test_a_refused_request_is_resent_by_the_table(
    listener: Listener, session: OAuth1Session, name: str
) -> None:
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


class Late(Names):
    """Resolves no name the first two times."""

    times = 2

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[Any]:
        if self.times:
            self.times -= 1
            raise OSError("not yet")
        return await super().resolve(host, port, family)


# name: makes the connector, which may fail twice and no more; the URL, and how many requests arrive
UNSENT: dict[str, tuple[Callable[[], TCPConnector], str, int]] = {
    "a name is resolved late": (lambda: TCPConnector(resolver=Late()), "http://localhost:{}/", 1),
    "somebody else's connector fails": (lambda: Flaky(TheirError(), 2), "http://localhost:{}/", 1),
    "a closed port": (TCPConnector, "http://127.0.0.1:1/", 0),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", UNSENT)
async def test_any_request_that_was_not_sent_is_tried_three_times(
    listener: Listener, pauses: Pauses, name: str, kind: str
) -> None:
    make, url, arrived = UNSENT[name]
    method, options = options_of(kind)
    async with signing(connector=make(), retry=KEYED, sleep=pauses, allow_http=True) as session:
        with nullcontext() if arrived else pytest.raises(aiohttp.ClientConnectorError):
            response = await session.request(method, url.format(listener.port), **options)
            assert response.status == 200
    if arrived:
        each_signed_afresh(listener.arrivals, kind)
    assert (len(listener.arrivals), len(pauses.asked)) == (arrived, 2)


# aiohttp's own resend on a connection that was kept


@pytest.mark.parametrize("lost", [DROP, RESET], ids=["closed", "reset"])
@pytest.mark.parametrize("kind", [*KINDS, "OPTIONS"])
async def test_a_resend_of_aiohttps_own_on_a_kept_connection_is_vetoed_or_counted(
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


@pytest.mark.parametrize("attempts", [1, 2, 3])
async def test_attempts_bound_the_sum_of_all_reasons(
    listener: Listener, pauses: Pauses, attempts: int
) -> None:
    reasons = (reply(503, {"Retry-After": "1"}), reply(429), reply(500))
    listener.answer = at_first(*reasons[: attempts - 1], NONCE_USED)
    async with signing(retry=Retry(attempts=attempts), sleep=pauses) as session:
        assert (await session.get(listener.origin)).status == 401
    assert len(listener.arrivals) == attempts


@pytest.mark.parametrize("how", ["call", "session", "view"])
async def test_retry_none_never_resends(listener: Listener, pauses: Pauses, how: str) -> None:
    options: dict[str, Any] = {"retry": None} if how == "call" else {}
    async with signing(retry=None if how == "session" else Retry(), sleep=pauses) as session:
        view = session.replace(retry=None) if how == "view" else session
        for answer in (reply(503, {"Retry-After": "0"}), reply(429), reply(500)):
            listener.answer = at_first(answer)
            assert (await view.get(listener.origin, **options)).status == int(answer[9:12])
        listener.answer = at_first(RESET)
        with pytest.raises(OutcomeUnknown):
            await view.post(listener.origin, data=FORM, **options)
    assert (len(listener.arrivals), pauses.asked) == (4, [])


async def test_the_total_bounds_attempts_and_pauses_together(listener: Listener) -> None:
    listener.answer = silent
    async with signing(retry=Retry(attempts=100, base=0.01)) as session:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await session.get(listener.origin, timeout=ClientTimeout(total=0.6, sock_read=0.1))
        took = time.monotonic() - began
        assert took < 2.0
        assert 2 <= len(listener.arrivals) <= 6


async def test_a_pause_longer_than_the_total_timeout_is_not_begun(listener: Listener, pauses: Pauses) -> None:
    listener.answer = lambda _: reply(429, {"Retry-After": "30"})
    async with (
        signing(retry=Retry(), sleep=pauses) as session,
        session.post(listener.origin, data=FORM, timeout=ClientTimeout(total=20)) as response,
    ):
        assert response.status == 429
    assert (len(listener.arrivals), pauses.asked) == (1, [])


async def test_a_pause_ends_with_the_total_timeout(listener: Listener) -> None:
    async def oversleep(_: float) -> None:
        await asyncio.Event().wait()

    listener.answer = lambda _: reply(500)
    async with signing(retry=Retry(base=0.01), sleep=oversleep) as session:
        with pytest.raises(TimeoutError):
            await session.get(listener.origin, timeout=ClientTimeout(total=0.2))


async def test_a_pause_lasts_as_long_as_retry_after_says(listener: Listener, pauses: Pauses) -> None:
    """Each spelling of the field is read in tests/responses, and bounded in test_retry."""
    date = formatdate(time.time() + 10, usegmt=True)
    headers = {"Retry-After": date, "Date": formatdate(usegmt=True)}
    for status in (429, 503):
        listener.answer = at_first(*[reply(status, headers)] * 2)
        async with signing(retry=Retry(max_wait=20), sleep=pauses) as session:
            assert (await session.post(listener.origin, data=FORM)).status == 200
    assert len(pauses.asked) == 4
    assert all(9 <= seconds <= 20 for seconds in pauses.asked)
    assert len(set(pauses.asked)) == 4


# Bodies


async def pieces() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


PICTURE = b"\x89PNG" * 50_000


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


def multipart(*files: Any) -> FormData:
    form = FormData({"status": "x"})
    for file in files:
        form.add_field("media", file, filename="a.png")
    return form


def in_the_middle() -> Any:
    file: Any = TemporaryFile()  # noqa: SIM115  it is closed with the session
    file.write(b"skipped" + PICTURE)
    file.seek(7)
    return file


ONCE: dict[str, Callable[[], Any]] = {"generator": pieces, "multipart": with_a_stream, "pipe": piped}


@pytest.mark.parametrize("name", ONCE)
@pytest.mark.parametrize("answer", [reply(503, {"Retry-After": "0"}), reply(429), RESET])
async def test_a_body_that_can_be_read_once_is_not_resent(
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
        ({"data": multipart(PICTURE)}, PICTURE),
        ({"data": multipart(in_the_middle(), io.BytesIO(PICTURE))}, PICTURE),
    ],
    ids=["bytes", "text", "json", "memory", "form data", "multipart of bytes", "multipart of files"],
)
async def test_any_other_body_is_resent_byte_for_byte_on_a_retry_and_a_redirect(
    listener: Listener, session: OAuth1Session, options: dict[str, Any], body: bytes
) -> None:
    listener.answer = at_first(reply(503, {"Retry-After": "0"}), reply(429), reply(307, {"Location": "/on"}))
    assert (await session.post(listener.origin, **options)).status == 200
    if body == PICTURE:
        body = listener.arrivals[0].body
        assert PICTURE in body
        assert b"skipped" not in body
    assert [arrival.body for arrival in listener.arrivals] == [body] * 4
    for arrival in listener.arrivals:
        verified(arrival, CONSUMER, TOKEN)


class Hasty(Listener):
    """A listener that refuses the first request before its body came, and then neither reads nor closes."""

    async def _read(self, reader: asyncio.StreamReader, connection: int) -> Arrival:
        if connection:
            self.answer = ok
            return await super()._read(reader, connection)
        head = await reader.readuntil(b"\r\n\r\n")
        return Arrival(connection, "http", head, "POST", "/", (), b"", 0)


async def test_a_body_refused_in_mid_request_is_resent_from_its_start(session: OAuth1Session) -> None:
    async def refusal() -> AsyncIterator[bytes]:
        yield reply(503, {"Retry-After": "0"})
        await asyncio.Event().wait()

    body = b"0123456789" * 1_000_000
    async with Hasty(lambda _: refusal()) as listener, asyncio.timeout(10):
        assert (await session.post(listener.origin, data=io.BytesIO(body))).status == 200
        assert [arrival.connection for arrival in listener.arrivals] == [0, 1]
        assert listener.arrivals[1].body == body


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "HEAD"])
@pytest.mark.parametrize("is_resent", [False, True], ids=["at first", "after a resend"])
async def test_a_used_nonce_is_replaced_once_and_not_after_a_write_was_resent(
    listener: Listener, session: OAuth1Session, kind: str, *, is_resent: bool
) -> None:
    """After a resend it can mean that the first copy arrived."""
    first = reply(503, {"Retry-After": "0"}) if is_resent else NONCE_USED
    listener.answer = at_first(first, NONCE_USED)
    method, options = options_of(kind)
    async with session.request(method, listener.origin, **options) as response:
        expected = (200, 3) if is_resent and kind in HARMLESS else (401, 2)
        assert (response.status, len(listener.arrivals)) == expected
        if response.status == 401:
            assert await response.read() == b"oauth_problem=nonce_used"
    each_signed_afresh(listener.arrivals, kind)


# The provider's clock


@dataclass
class Clock:
    """A provider's clock that is off by so much."""

    off: float

    def __call__(self) -> float:
        return time.time() + self.off


@asynccontextmanager
async def off_by(seconds: float, **options: Any) -> AsyncIterator[tuple[FakeProvider, Clock, OAuth1Session]]:
    """Run a provider whose clock is off, and a session for one of its users."""
    clock = Clock(seconds)
    async with FakeProvider(clock=clock, like=options.pop("like", None)) as fake:
        token = fake.issue_access_token("ann")
        async with OAuth1Session(fake.consumer, token, provider=fake.provider, **options) as session:
            yield fake, clock, session


async def count_arrivals(fake: FakeProvider, session: OAuth1Session, calls: int) -> list[int]:
    """Make calls; return how many requests had arrived after each."""
    arrived = []
    for number in range(calls):
        assert (await session.post("posts", data={"status": str(number)})).status == 201
        arrived.append(len(fake.ledger))
    return arrived


@pytest.mark.parametrize("off", [HOUR, -HOUR, 23 * HOUR, -23 * HOUR])
async def test_a_clock_that_is_off_costs_one_attempt_and_each_step_of_it_one_more(off: float) -> None:
    async with off_by(off) as (fake, clock, session):
        assert await count_arrivals(fake, session, 20) == [*range(2, 22)]
        clock.off -= off
        assert await count_arrivals(fake, session, 4) == [23, 24, 25, 26]
        view = session.replace(realm="view")  # knows what its session has learned
        assert await count_arrivals(fake, view, 2) == [27, 28]
        assert len(fake.posts) == 26


async def test_a_clock_ahead_of_the_providers_is_corrected_though_timestamps_must_not_decrease() -> None:
    async with off_by(-HOUR, like=Provider("strict", monotonic_timestamps=True)) as (fake, _, session):
        assert await count_arrivals(fake, session, 3) == [2, 3, 4]


@pytest.mark.parametrize("off", [25 * HOUR, -25 * HOUR])
async def test_a_clock_that_is_off_by_more_than_a_day_is_not_believed(off: float) -> None:
    async with off_by(off) as (fake, _, session):
        for _ in range(2):
            async with session.post("posts", data={"status": "first"}) as response:
                with pytest.raises(TimestampRefused, match="timestamp_refused") as raised:
                    await raise_for_problem(response)
                assert "clock" in (raised.value.advice or "")
        assert len(fake.ledger) == 2
        assert not fake.posts


async def test_a_hundred_calls_at_once_make_two_attempts_each_at_most() -> None:
    async with off_by(HOUR) as (fake, _, session):
        replies = await asyncio.gather(*(session.get("posts") for _ in range(100)))
        assert {response.status for response in replies} == {200}
        before = len(fake.ledger)
        assert before <= 200
        assert await count_arrivals(fake, session, 1) == [before + 1]


def dated(status: int, off: float, body: bytes = b"") -> bytes:
    return reply(status, {"Date": formatdate(time.time() + off, usegmt=True)}, body)


def age(arrival: Arrival) -> float:
    return time.time() - int(oauth_parameters(arrival)["oauth_timestamp"])


@pytest.mark.parametrize("status", [200, 204, 301, 400, 403, 404, 429, 500, 503])
async def test_a_wrong_date_beside_any_other_status_changes_nothing(
    listener: Listener, session: OAuth1Session, status: int
) -> None:
    listener.answer = lambda _: dated(status, HOUR)
    for _ in range(3):
        assert (await session.get(listener.origin, allow_redirects=False)).status == status
    assert all(abs(age(arrival)) < 5 for arrival in listener.arrivals)


def refusing(off: float, body: bytes = b"") -> Answer:
    """Refuse what is signed with another time than that of a clock which is off."""

    def answer(arrival: Arrival) -> bytes:
        return dated(200, off) if abs(age(arrival) + off) < 300 else dated(401, off, body)

    return answer


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="without a reason"),
        pytest.param(b"oauth_problem=nonce_used", id="passport-http-oauth"),
        pytest.param(b'{"errors": [{"code": 32, "message": "Could not authenticate you."}]}', id="X"),
        pytest.param(b'{"error": {"code": "INVALID_LOGIN_ATTEMPT", "message": "No."}}', id="NetSuite"),
    ],
)
async def test_a_refusal_that_is_said_of_bad_timestamps_too_is_clock_skew_beside_a_date_far_off(
    listener: Listener, session: OAuth1Session, body: bytes
) -> None:
    listener.answer = refusing(HOUR, body)
    for expected in (2, 3, 4):
        assert (await session.post(listener.origin, data=FORM)).status == 200
        assert len(listener.arrivals) == expected


@pytest.mark.parametrize("off", [0.0, 50.0, -50.0, 25 * HOUR])
async def test_a_refusal_without_a_reason_beside_a_date_like_ours_is_not_resent(
    listener: Listener, session: OAuth1Session, off: float
) -> None:
    listener.answer = lambda _: dated(401, off)
    assert (await session.get(listener.origin)).status == 401
    assert len(listener.arrivals) == 1


@pytest.mark.parametrize("attempts", [2, 3])
async def test_a_wrong_date_beside_a_refusal_is_forgotten_after_the_second_refusal(
    listener: Listener, attempts: int
) -> None:
    async with signing(retry=Retry(attempts=attempts)) as session:
        listener.answer = lambda _: dated(401, HOUR)
        assert (await session.get(listener.origin)).status == 401
        assert len(listener.arrivals) == 2
        listener.answer = ok
        assert (await session.get(listener.origin)).status == 200
        assert abs(age(listener.arrivals[-1])) < 5


# What was not sent


async def test_a_mistake_in_a_connector_is_raised_and_not_retried(listener: Listener, pauses: Pauses) -> None:
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
async def test_a_proxy_that_opens_no_tunnel_is_tried_again_unless_it_refuses(
    listener: Listener, session: OAuth1Session, pauses: Pauses, name: str
) -> None:
    answer, attempts = PROXIES[name]
    listener.answer = answer if callable(answer) else lambda _: answer
    with pytest.raises(aiohttp.ClientError):
        await session.post("https://api.test/posts", data=FORM, proxy=listener.origin)
    assert [arrival.method for arrival in listener.arrivals] == ["CONNECT"] * attempts
    assert len(pauses.asked) == attempts - 1


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


NAMED = {  # rate limits without a word of when to come again
    "X": reply(429, body=b'{"errors": [{"code": 88, "message": "Rate limit exceeded"}]}'),
    "Trello": reply(429, body=b'{"error": "API_TOKEN_LIMIT_EXCEEDED", "message": "x"}'),
    "Tumblr": reply(429, body=b'{"errors": [{"title": "Limit Exceeded", "code": 1040}]}'),
    "Xero": reply(503, body=b"oauth_problem=rate%20limit%20exceeded"),
}


@pytest.mark.parametrize("refusal", NAMED.values(), ids=NAMED)
async def test_an_undated_rate_limit_that_has_a_name_is_waited_for_in_seconds(
    listener: Listener, session: OAuth1Session, pauses: Pauses, refusal: bytes
) -> None:
    listener.answer = at_first(refusal, refusal)
    assert (await session.get(listener.origin)).status == 200
    first, second = pauses.asked
    assert 1 <= first <= 2 <= second <= 4


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


TOLD = {  # how servers tell their time in a refusal
    "OAuth.php": "Expired timestamp, yours {sent}, ours {now}",
    "Tumblr": "oauth_timestamp is too far away; we believe it is now {now}, you sent {sent}",
    "python-oauth2": "Expired timestamp: given {sent} and now {now} has a greater difference than 300",
    "django-declarative-apis": "There was a problem with your timestamp. Server time is {now}.25.",
    "django-declarative-apis, in its challenge": "",
}


@pytest.mark.parametrize("has_date", [True, False], ids=["beside a proxy's Date", "without a Date"])
@pytest.mark.parametrize("says", TOLD.values(), ids=TOLD)
async def test_the_time_in_a_refusal_is_the_servers_whatever_the_date_says(
    listener: Listener, session: OAuth1Session, says: str, has_date: bool
) -> None:
    """nginx replaces the Date of the server behind it by its own."""

    def answer(arrival: Arrival) -> bytes:
        if abs(age(arrival) + HOUR) < 300:
            return ok(arrival)
        now = int(time.time() + HOUR)
        headers = {"Date": formatdate(usegmt=True)} if has_date else {}
        if not says:
            told = f"oauth_problem=timestamp_refused&oauth_acceptable_timestamps={now - 300}-{now}"
            headers["WWW-Authenticate"] = f'OAuth realm="API",{told}'
        return reply(401, headers, says.format(now=now, sent=int(time.time())).encode())

    listener.answer = answer
    for expected in (2, 3):
        assert (await session.get(listener.origin)).status == 200
        assert len(listener.arrivals) == expected


@pytest.mark.parametrize("body", [b"", b"oauth_problem=timestamp_refused"])
async def test_the_clock_is_corrected_though_nothing_is_resent(listener: Listener, body: bytes) -> None:
    """A bot that never retries, and one that uploads streams, get one 401 and no more."""
    listener.answer = refusing(HOUR, body)
    for retry, data in ((None, lambda: FORM), (Retry(), pieces)):
        async with signing(retry=retry) as session:
            statuses = [(await session.put(listener.origin, data=data())).status for _ in range(3)]
        assert statuses == [401, 200, 200]


# What is logged


async def test_a_pause_is_logged_with_what_failed_and_the_base_string_at_debug(
    listener: Listener, session: OAuth1Session, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "aiooauth1")
    listener.answer = at_first(reply(429, {"Retry-After": "30"}))
    await session.post(listener.origin, data=FORM)
    (record,) = [one for one in caplog.records if one.name == "aiooauth1.retry"]
    assert record.levelname == "INFO"
    assert f"POST {listener.origin}: attempt 1 of 3 failed (429), the next in 30." in record.getMessage()
    expected = {
        "event": "request.retried",
        "method": "POST",
        "origin": str(listener.origin),
        "user": None,
        "attempt": 1,
        "reason": "429",
    }
    assert expected.items() <= record.__dict__.items()
    assert record.__dict__["seconds"] >= 30
    signed = [one for one in caplog.messages if "signing" in one]
    assert len(signed) == 2
    assert signed[0].startswith("signing, parameters in the header: POST&http%3A%2F%2F127.0.0.1")


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
    async with OAuth1Session(CONSUMER, provider=provider_at(listener), store=store, sleep=pauses) as session:
        async with session.get("warm", user="ann", retry=None):
            store.reads = 1
        async with session.post("posts", user="ann", data=FORM) as response:
            assert (response.status, await response.read()) == (429, b"too many")
    assert [arrival.path for arrival in listener.arrivals] == ["/warm", "/posts"]
