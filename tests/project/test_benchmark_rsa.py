from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from benchmarks.subjects import rsa


ROOT = Path(__file__).parents[2]


def test_rsa_runs_and_prints_every_row_as_json() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks", "rsa", "--minimal", "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        capture_output=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert document["environment"]["versions"].keys() >= {"aiooauth1", "cryptography", "oauthlib", "PyJWT"}
    (subject,) = document["subjects"]
    assert [(row["case"], row["against"]) for row in subject["rows"]] == [
        (f"2048 bits, 2 tasks{what}", against)
        for what, against in [("", "oauthlib"), (": late", "what is allowed"), (": late", "oauthlib")]
    ]
    for row in subject["rows"]:
        low, high = row["spread"]
        assert 0 < low <= row["ratio"] <= high
    for row in subject["rows"][::3]:
        assert row["mark"] == {"kind": "at least", "factor": 50}
        assert row["ratio"] > 10, "to parse no key again shows even in a few short samples"


def test_who_signs_wrongly_is_not_timed() -> None:
    """The check before timing is by code of its own, so it must itself be seen to fail."""
    key, other = generate_private_key(65537, 2048), generate_private_key(65537, 2048)
    rsa._checked(rsa._ours(key), key, "aiooauth1")  # noqa: SLF001  the benchmark has no other way in
    with pytest.raises(ValueError, match="aiooauth1 did not sign rightly"):
        rsa._checked(rsa._ours(other), key, "aiooauth1")  # noqa: SLF001  likewise


async def test_the_watch_sees_a_blocked_loop() -> None:
    """A loop that is held up shows, and in every tick that fell into the delay."""

    async def block() -> str:
        deadline = time.perf_counter() + 0.05
        while time.perf_counter() < deadline:
            pass
        return ""

    sample = await rsa._run(block, 4, 0.1)  # noqa: SLF001  likewise
    assert sample.lag > 0.1
    assert sample.each >= 0.05
