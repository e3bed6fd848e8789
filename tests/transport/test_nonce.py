"""Nonces: what strict verifiers take, and never the same twice, not even after a fork."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from aiooauth1.transport.nonce import random_nonce


FORKS = 4
EACH = 25_000

_CHILDREN = f"""
import os, sys
from aiooauth1.transport.nonce import random_nonce

random_nonce()  # what a generator keeps, it has now
outputs = []
for _ in range({FORKS}):
    reading, writing = os.pipe()
    if os.fork() == 0:
        with open(writing, "w") as out:
            out.write("".join(random_nonce() + chr(10) for _ in range({EACH})))
        os._exit(0)
    os.close(writing)
    outputs.append(reading)
for reading in outputs:
    with open(reading) as output:
        sys.stdout.write(output.read())
    os.wait()
"""


def test_a_nonce_is_thirty_lower_case_hexadecimal_digits() -> None:
    nonces = {random_nonce() for _ in range(10_000)}
    assert len(nonces) == 10_000
    assert all(re.fullmatch(r"[0-9a-f]{30}", nonce) for nonce in nonces)


def test_each_bit_of_a_nonce_is_random() -> None:
    """Of 120 random bits each is set in about half of the nonces; ten standard deviations are never off."""
    drawn = [int(random_nonce(), 16) for _ in range(10_000)]
    for bit in range(120):
        assert abs(sum(nonce >> bit & 1 for nonce in drawn) - 5_000) < 500


@pytest.mark.parametrize("length", [1, 6, 11, 20, 30, 32, 33])
def test_a_nonce_has_the_length_that_is_asked_for(length: int) -> None:
    assert re.fullmatch(rf"[0-9a-f]{{{length}}}", random_nonce(length))


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_forked_processes_draw_different_nonces() -> None:
    command = [sys.executable, "-c", _CHILDREN]
    ran = subprocess.run(command, capture_output=True, check=True, timeout=30)  # noqa: S603  our own text
    drawn = ran.stdout.decode().split()
    assert len(drawn) == len(set(drawn)) == FORKS * EACH
