from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from benchmarks.harness.measure import FULL, MINIMAL, QUICK, compare_async, compared, in_flight
from benchmarks.harness.report import Mark, Row, Subject, as_json, as_text
from benchmarks.harness.requests import FORM_POST, check
from benchmarks.peers import aiooauth1 as ours
from benchmarks.subjects import rsa


ROOT = Path(__file__).parents[2]
SUBJECTS = ["sign", "session", "users", "stores", "handshake", "memory", "posting", "import", "rsa"]
PATIENCE = pytest.mark.timeout(240)  # it runs every subject, which takes a busy machine a minute


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own interpreter, our own program
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=220,
        check=False,
    )


@pytest.fixture(scope="module")
def subjects() -> dict[str, dict[str, Any]]:
    """Every subject, measured once and with the least effort."""
    found = python("-m", "benchmarks", *SUBJECTS, "--minimal", "--json")
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert document["environment"]["versions"].keys() >= {"aiooauth1", "aiohttp", "cryptography", "oauthlib"}
    return {subject["name"]: subject for subject in document["subjects"]}


@PATIENCE
def test_every_subject_runs_and_its_figures_and_marks_agree(subjects: dict[str, dict[str, Any]]) -> None:
    assert list(subjects) == SUBJECTS
    for subject in subjects.values():
        assert subject["rows"], subject
        for row in subject["rows"]:
            low, high = row["spread"]
            assert 0 < low <= row["ratio"] <= high
            assert row["ours"] > 0
            assert row["theirs"] > 0
            mark, ratio = row["mark"], row["ratio"]
            if mark is None:
                assert row["met"] is None
            else:
                within = ratio <= mark["factor"] if mark["kind"] == "at most" else ratio >= mark["factor"]
                assert row["met"] is within


@PATIENCE
def test_sign_and_rsa_have_their_rows(subjects: dict[str, dict[str, Any]]) -> None:
    cases = {(row["case"], row["against"]) for row in subjects["sign"]["rows"]}
    for case in ("JSON POST", "form POST"):
        assert {(case, "bare hmac.digest"), (case, "oauthlib"), (case, "Authlib")} <= cases
    for count in ("10", "100", "1,000"):
        assert {(f"{count} parameters", "oauthlib"), (f"{count} parameters", "Authlib")} <= cases
    assert ("1,000 parameters", "itself with 100: n log n") in cases
    assert [(row["case"], row["against"]) for row in subjects["rsa"]["rows"]] == [
        ("2048 bits, 2 tasks", "oauthlib"),
        ("2048 bits, 2 tasks: late", "what is allowed"),
        ("2048 bits, 2 tasks: late", "oauthlib"),
    ]


@PATIENCE
def test_a_library_that_is_not_installed_is_named_and_the_rest_is_measured(
    subjects: dict[str, dict[str, Any]],
) -> None:
    """On the machine of this test some may be missing too: a note says so in place of a row."""
    session, users = subjects["session"], subjects["users"]
    assert session["rows"][0]["against"] == "aiohttp, unsigned"
    assert len(session["rows"]) + len(session["notes"]) == 9
    assert users["rows"][0]["case"] == "MemoryStore"
    hidden = {"authlib", "httpx", "requests_oauthlib", "aioauth_client", "aiosqlite", "redis"}
    code = (
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name: None if name in {hidden!r} else find(name)\n"
        "from benchmarks.__main__ import main\n"
        "main(['sign', 'session', 'users', '--minimal', '--json'])\n"
    )
    found = python("-c", code)
    assert found.returncode == 0, found.stderr
    sign, session, users = json.loads(found.stdout)["subjects"]
    assert {row["against"] for row in sign["rows"] if row["case"] == "JSON POST"} == {
        "bare hmac.digest",
        "oauthlib",
    }
    assert {row["against"] for row in session["rows"]} == {
        "aiohttp, unsigned",
        "tweepy's shape",
        "oauthlib by hand on aiohttp",
    }
    assert [row["case"] for row in users["rows"]] == ["MemoryStore"]
    notes = " ".join(sign["notes"] + session["notes"] + users["notes"])
    for name in ("authlib", "aioauth_client", "authlib_httpx", "requests_oauthlib", "aiosqlite", "redis"):
        assert f"{name} is not installed" in notes or f"{name}: its peer is not installed" in notes


def test_the_table_names_machine_versions_marks_and_whether_they_are_met() -> None:
    twice, half = compared([(2.0, 1.0)] * 3), compared([(0.5, 1.0)] * 3)
    rows = (
        Row("slow", "other", twice, Mark("at most", 1.05)),
        Row("fast", "other", half, Mark("at least", 2.0)),
        Row("large", "other", compared([(512.0, 256.0)] * 2), unit="B"),
    )
    subject = Subject("subject", "what it is", rows, ("aiohttp", "no-such-distribution"), ("A note.",))
    lines = as_text([subject], FULL).splitlines()
    assert lines[0].upper().startswith(sys.implementation.name.upper())
    assert "cores" in lines[0]
    assert "aiohttp 3." in lines[1]
    assert "no-such-distribution not installed" in lines[1]
    assert "21 pairs" in lines[2]
    header = lines.index(next(line for line in lines if line.startswith("case")))
    assert lines[header].split() == ["case", "against", "ours", "theirs", "ratio", "spread", "mark", "met"]
    assert [" ".join(line.split()) for line in lines[header + 2 :]] == [
        "slow other 2.00 s 1.00 s 2.00 2.00-2.00 at most 1.05 NO",
        "fast other 500.00 ms 1.00 s 2.00 2.00-2.00 at least 2 yes",
        "large other 512 B 256 B 2.00 2.00-2.00 - -",
        "A note.",
    ]
    written = json.loads(as_json([subject], QUICK))["subjects"][0]["rows"]
    assert [(row["ratio"], row["met"], row["unit"]) for row in written] == [
        (2.0, False, "s"),
        (2.0, True, "s"),
        (2.0, None, "B"),
    ]


def test_an_unknown_subject_is_named() -> None:
    found = python("-m", "benchmarks", "nothing", "--quick")
    assert found.returncode == 2
    assert "nothing" in found.stderr
    assert "sign" in found.stderr


async def test_pairs_are_measured_alternately() -> None:
    order = []

    async def first() -> float:
        order.append("first")
        return 4.0 * len(order)

    async def second() -> float:
        order.append("second")
        return 1.0 * len(order)

    found = await compare_async(first, second, 3)
    assert order == ["first", "second", "second", "first", "first", "second"]
    assert found.ratios == (4 / 2, 16 / 3, 20 / 6)


async def test_in_flight_runs_no_more_calls_at_once_than_asked() -> None:
    now, most, seen = 0, 0, []

    async def call(number: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        seen.append(number)
        for _ in range(3):
            await asyncio.sleep(0)
        now -= 1

    await in_flight(call, 20, 7)
    assert seen == list(range(20))
    assert most == 7


def test_less_effort_is_less_work_but_some() -> None:
    assert FULL.of(1_000) == 1_000 > QUICK.of(1_000) > MINIMAL.of(1_000) >= 1
    assert MINIMAL.of(10, 64) == 64


@pytest.mark.parametrize("fault", ["signature", "nonce", "token"])
def test_a_peer_that_signs_wrongly_is_not_timed(fault: str) -> None:
    """The check before timing is by code of its own, so it must itself be seen to fail."""
    sent = dict(ours.parameters(ours.sign(FORM_POST)()))
    check(FORM_POST, sent.items(), "ours")
    sent[f"oauth_{fault}"] += "x"
    with pytest.raises(ValueError, match="did not sign"):
        check(FORM_POST, sent.items(), "ours")


def test_a_wrong_rsa_signature_is_not_timed() -> None:
    key, other = generate_private_key(65537, 2048), generate_private_key(65537, 2048)
    rsa._checked(rsa._ours(key), key, "aiooauth1")  # noqa: SLF001  the benchmark has no other way in
    with pytest.raises(ValueError, match="aiooauth1 did not sign rightly"):
        rsa._checked(rsa._ours(other), key, "aiooauth1")  # noqa: SLF001  likewise


async def test_the_watch_sees_a_blocked_loop() -> None:
    async def block() -> str:
        deadline = time.perf_counter() + 0.05
        while time.perf_counter() < deadline:
            pass
        return ""

    sample = await rsa._run(block, 4, 0.1)  # noqa: SLF001  likewise
    assert sample.lag > 0.1
    assert sample.each >= 0.05
