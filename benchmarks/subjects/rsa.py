"""Subject `rsa`: what RSA costs with many requests in flight, and how far it delays the event loop."""

from __future__ import annotations

import asyncio
import base64
import random
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from aiooauth1 import AccessToken, Consumer, OAuth1Session
from aiooauth1.signing.rsa import RSA_SHA256
from benchmarks.harness.lag import watched
from benchmarks.harness.measure import FULL, MINIMAL, compared
from benchmarks.harness.report import Mark, Row, Subject
from benchmarks.harness.requests import (
    CONSUMER_KEY,
    CONSUMER_SECRET,
    JSON_POST,
    TOKEN,
    TOKEN_SECRET,
    base_string,
)
from benchmarks.peers.header import read_header


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from benchmarks.harness.measure import Effort

    Sign = Callable[[], Awaitable[str]]


SIZES = (2048, 4096)
IN_FLIGHT = 20
PAIRS = 3  # with 4096 bits a sample of oauthlib takes five seconds
SECONDS = 1.0
ANSWER = (0.02, 0.08)  # seconds that a request waits for its answer, when the lag is measured
TICK = 0.01  # seconds between two measurements
ALLOWED_LAG = 0.015  # seconds
LEAST_LAG = 1e-4  # seconds: less cannot be measured
FASTER = 50.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The result of signing for a while.

    Args:
        each: The seconds for each signature.
        lag: By how many seconds the event loop was late, at the 99th percentile.
    """

    each: float
    lag: float


def measure(effort: Effort) -> Subject:
    """Measure every row of the subject.

    Raises:
        ValueError: If one of the compared libraries signs wrongly.
    """
    missing = [name for name in ("cryptography", "oauthlib", "jwt") if find_spec(name) is None]
    sizes = () if "cryptography" in missing else SIZES[:1] if effort is MINIMAL else SIZES
    measured = [_measured(bits, effort, with_oauthlib=not missing) for bits in sizes]
    return Subject(
        "rsa",
        "a header with RSA-SHA256, from many tasks at once, as the session makes it; by wall clock",
        tuple(row for rows, _ in measured for row in rows),
        ("cryptography", "oauthlib", "PyJWT"),
        (
            f"{min(effort.pairs, PAIRS)} pairs.",
            "late: how late the event loop is at the 99th percentile, more than when idle, if each task",
            "waits 20 to 80 ms between two signatures, as for an answer.",
            *(note for _, note in measured),
            *(f"{name} is not installed: not compared" for name in missing),
        ),
    )


def _measured(bits: int, effort: Effort, *, with_oauthlib: bool) -> tuple[list[Row], str]:
    """Measure with keys of one size, and return the rows and a note."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key  # noqa: PLC0415  an extra

    key = generate_private_key(65537, bits)
    ours = _checked(_ours(key), key, "aiooauth1")
    theirs = _checked(_oauthlib(key), key, "oauthlib") if with_oauthlib else None
    tasks, seconds = (IN_FLIGHT, SECONDS) if effort is FULL else (2, 0.1)
    pairs = min(effort.pairs, PAIRS)
    # Other programs on the machine only add to the lag: the smallest sample is that of the loop itself.
    idle = min(asyncio.run(_run(_nothing, 1, seconds, ANSWER)).lag for _ in range(pairs))
    lags_of_ours = [asyncio.run(_run(ours, tasks, seconds, ANSWER)).lag for _ in range(pairs)]
    added = [max(lag - idle, LEAST_LAG) for lag in lags_of_ours]
    fast, slow = [], []
    for _ in range(pairs):
        fast.append(asyncio.run(_run(ours, tasks, seconds)))
        if theirs is not None:
            slow.append(asyncio.run(_run(theirs, tasks, seconds)))
    case = f"{bits} bits, {tasks} tasks"
    allowed = compared([(lag, ALLOWED_LAG) for lag in added])
    rows = [Row(f"{case}: late", "what is allowed", allowed, Mark("at most", 1.0))]
    if theirs is not None:
        rates = compared([(one.each, other.each) for one, other in zip(fast, slow, strict=True)])
        lags = compared([(one, other.lag - idle) for one, other in zip(added, slow, strict=True)])
        rows.insert(0, Row(case, "oauthlib", rates, Mark("at least", FASTER)))
        rows.append(Row(f"{case}: late", "oauthlib", lags, Mark("at least", 1.0)))
    full = [max(one.lag - idle, LEAST_LAG) for one in fast]
    note = f"{case}: late by {min(full) * 1e3:.2f} ms if no task waits."
    return rows, note


def _ours(key: RSAPrivateKey) -> Sign:
    consumer, token = Consumer(CONSUMER_KEY, CONSUMER_SECRET), AccessToken(TOKEN, TOKEN_SECRET)
    session = OAuth1Session(consumer, token, signature_method=RSA_SHA256(key))  # signing opens no connection

    async def sign() -> str:
        return (await session.sign("POST", JSON_POST.url)).header()

    return sign


def _oauthlib(key: RSAPrivateKey) -> Sign:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  an extra
    from oauthlib import oauth1  # noqa: PLC0415  an extra

    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    client: Any = oauth1.Client(
        CONSUMER_KEY,
        CONSUMER_SECRET,
        TOKEN,
        TOKEN_SECRET,
        signature_method="RSA-SHA256",
        rsa_key=pem.decode(),
    )

    async def sign() -> str:
        header: str = client.sign(JSON_POST.url, "POST", None, {})[1]["Authorization"]
        return header

    return sign


async def _nothing() -> str:
    return ""


def _checked(sign: Sign, key: RSAPrivateKey, who: str) -> Sign:
    """Return the function after a check that it signs rightly."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  an extra
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  likewise
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415  likewise

    async def header() -> str:
        return await sign()

    sent = dict(read_header(asyncio.run(header())))
    signature = base64.b64decode(sent.pop("oauth_signature", ""))
    text = base_string(JSON_POST, sent.items())
    try:
        key.public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise ValueError(f"{who} did not sign rightly with RSA: it is not timed") from None
    return sign


async def _run(sign: Sign, tasks: int, seconds: float, answer: tuple[float, float] = (0.0, 0.0)) -> Sample:
    """Sign in many tasks at once until the time is over, and watch the loop.

    Args:
        sign: Makes one signature.
        tasks: The number of tasks.
        seconds: For how long. Each task signs at least once.
        answer: The bounds of the time in seconds that a task waits after each signature.
    """
    start = time.perf_counter()

    async def work() -> int:
        count = 0
        while not count or time.perf_counter() - start < seconds:
            await sign()
            await asyncio.sleep(random.uniform(*answer))  # noqa: S311  no secret
            count += 1
        return count

    async with watched(TICK) as lags:
        counts = await asyncio.gather(*(work() for _ in range(tasks)))
        taken = time.perf_counter() - start
    return Sample(taken / sum(counts), lags.late)
