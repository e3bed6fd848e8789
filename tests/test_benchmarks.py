from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).parent.parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own interpreter, our own program
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )


def test_sign_runs_and_prints_every_row_as_json() -> None:
    found = run("sign", "--quick", "--json")
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert document["environment"]["versions"].keys() >= {"aiooauth1", "oauthlib", "Authlib"}
    (subject,) = document["subjects"]
    cases = {(row["case"], row["against"]) for row in subject["rows"]}
    for case in ("JSON POST", "form POST"):
        assert {(case, "bare hmac.digest"), (case, "oauthlib"), (case, "Authlib")} <= cases
    for count in ("10", "100", "1,000", "10,000"):
        assert {(f"{count} parameters", "oauthlib"), (f"{count} parameters", "Authlib")} <= cases
    assert ("10,000 parameters", "itself with 1,000: n log n") in cases
    for row in subject["rows"]:
        low, high = row["spread"]
        assert 0 < low <= row["ratio"] <= high
        assert row["ours"] > 0
        assert row["theirs"] > 0
        within = row["ratio"] <= row["mark"]["factor"]
        assert row["met"] is (
            within if row["mark"]["kind"] == "at most" else row["ratio"] >= row["mark"]["factor"]
        )


def test_the_table_names_versions_machine_marks_and_whether_they_are_met() -> None:
    found = run("sign", "--quick")
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert f"{sys.implementation.name[0].upper()}" in lines[0].upper()
    assert "cores" in lines[0]
    assert "oauthlib" in lines[1]
    header = next(line for line in lines if line.startswith("case"))
    assert header.split() == ["case", "against", "ours", "theirs", "ratio", "spread", "mark", "met"]
    rows = lines[lines.index(header) + 2 :]
    assert len([row for row in rows if row.endswith(("yes", "NO"))]) >= 17


def test_an_unknown_subject_is_named() -> None:
    found = run("nothing", "--quick")
    assert found.returncode == 2
    assert "nothing" in found.stderr
    assert "sign" in found.stderr


@pytest.mark.parametrize("fault", ["signature", "nonce", "token"])
def test_what_signs_wrongly_is_not_timed(fault: str) -> None:
    """The check before timing is by code of its own, so it must itself be seen to fail."""
    code = (
        "from benchmarks.peers import aiooauth1 as ours\n"
        "from benchmarks.requests import FORM_POST, check\n"
        "sent = dict(ours.parameters(ours.sign(FORM_POST)()))\n"
        "check(FORM_POST, sent.items(), 'ours')\n"
        f"sent['oauth_{fault}'] += 'x'\n"
        "try:\n"
        "    check(FORM_POST, sent.items(), 'ours')\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    found = subprocess.run(  # noqa: S603  our own interpreter, our own code
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert "did not sign" in found.stdout, found.stderr
