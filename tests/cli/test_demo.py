"""The demo as a user runs it: a program of its own, on real sockets, judged by exit status and output."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING

import desk
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from terminal import CTRL_C, on_terminal, plain
from typer.testing import CliRunner

from aiooauth1.cli.app import app
from aiooauth1.cli.demo.audit import Audit
from aiooauth1.cli.demo.posts import Post, make_posts, parse_line
from aiooauth1.cli.demo.reposter import Reposting
from aiooauth1.cli.demo.service import Service
from aiooauth1.cli.json_lines import MAX_LINE
from aiooauth1.testing import Arrival, FakeProvider


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


pytestmark = pytest.mark.socket

COMMAND = [*desk.COMMAND, "demo"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(desk.ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
TERMINAL = {name: value for name, value in ENVIRONMENT.items() if name != "COLUMNS"}
TIMEOUT = 50
GOOD = b'{"user": "ann", "text": "Hello"}'
# Whatever the provider and the consumer keep secret, and every token and nonce, has such a run of digits.
SECRET = re.compile(r"[0-9a-f]{24}")
CONTROL = re.compile(r"[^\n -~\u2500-\u257f]")

BAD_LINES = {
    b'{"user": "ann", "text": ': "not JSON: Expecting value at character 25",
    b"hello": "not JSON: Expecting value at character 1",
    b'{"user": "ann", "text": "\xff"}': "not UTF-8: byte 26",
    b'["ann", "Hello"]': 'not an object with "user" and "text"',
    b"null": 'not an object with "user" and "text"',
    b'{"text": "Hello"}': '"user" is missing',
    b'{"user": "ann"}': '"text" is missing',
    b'{"user": "ann", "text": "Hello", "date": "today"}': 'unknown key "date"',
    b'{"user": "ann", "text": "Hello", "\\u001b[2J": 1}': 'unknown key "\\u001b[2J"',
    b'{"user": "ann", "text": "Hello", "text": "Hello"}': '"text" is given twice',
    b'{"user": 7, "text": "Hello"}': '"user" is not a string',
    b'{"user": "ann", "text": null}': '"text" is not a string',
    b'{"user": "", "text": "Hello"}': '"user" is empty',
    b'{"user": "ann", "text": " "}': '"text" is empty',
    b'{"user": "ann ", "text": "Hello"}': '"user" begins or ends with a space',
    b'{"user": "ann", "text": "\\ud83d"}': '"text" has half a surrogate pair',
    b"[" * 100_000: "nested too deep",
    b'{"user": "ann", "text": ' + b"9" * 5000 + b"}": '"text" is not a string',
    b'{"user": "ann", "text": "' + b"x" * MAX_LINE + b'"}': f"longer than {MAX_LINE} bytes",
}


def demo(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """Run the demo to its end. No run shows a secret or, in a pipe, a control character."""
    done = subprocess.run(  # noqa: S603  our own interpreter, our own program
        [*COMMAND, *arguments],
        env=ENVIRONMENT,
        input=stdin,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert not SECRET.search(out + err)
    assert not CONTROL.search(out + err)
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def figures(stdout: str) -> dict[str, str]:
    """The rows of the table."""
    rows = [line.split("│") for line in stdout.splitlines() if line.startswith("│")]
    return {row[1].strip(): row[2].strip() for row in rows}


@pytest.fixture
def running() -> Iterator[subprocess.Popen[bytes]]:
    """The demo, waiting for standard input; it is ended whatever the test does."""
    with subprocess.Popen(  # noqa: S603  our own interpreter, our own program
        [*COMMAND, "--input", "-"],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(stream: IO[bytes] | None) -> str:
    """The next line of a running program's output, waited for no longer than a test may take."""
    assert stream is not None
    assert select.select([stream], [], [], TIMEOUT)[0], "the program says nothing"
    return stream.readline().decode()


def provider_process(first_line: str) -> psutil.Process:
    found = re.search(r"process (\d+)", first_line)
    assert found, first_line
    return psutil.Process(int(found[1]))


def test_posts_for_three_users_and_the_ledger_agrees() -> None:
    found = demo("--posts", "60", "--concurrency", "16")
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    assert "Connected ann, ben, cleo by a handshake each." in found.stdout
    rows = figures(found.stdout)
    nothing = dict.fromkeys(("refused", "failed", "duplicates"), "0")
    assert rows.items() >= {"users": "3", "sent": "60", "accepted": "60", **nothing}.items()
    assert re.fullmatch(r"[1-9][\d,]* a second", rows["rate"])
    share = float(rows["signing's share of the CPU *"].removesuffix("%"))
    assert 0 < share < 100
    assert "The provider's ledger agrees" in found.stdout
    resumed = re.search(r"stopped in the middle and resumed: its journal had (\d+) posts", found.stdout)
    assert resumed is not None
    assert 30 <= int(resumed[1]) < 60
    assert "recognised as TokenRejected (status 401, token_revoked), and the token" in found.stdout


async def test_a_terminal_shows_progress_and_sentences_within_80_columns() -> None:
    status, shown = await on_terminal([*COMMAND, "--posts", "60"], TERMINAL)
    assert status == 0
    assert "60/60" in shown
    assert max(len(line) for line in re.split(r"[\r\n]+", plain(shown))) <= 80


async def test_ctrl_c_leaves_how_many_were_sent_as_the_last_line() -> None:
    status, shown = await on_terminal([*COMMAND, "--posts", "1000000"], TERMINAL, ("/1000000", CTRL_C))
    assert status == 130
    last = plain(shown).splitlines()[-1]
    assert re.fullmatch(r"Stopped: [\d,]+ posts were sent, [\d,]+ of them accepted\.", last)


def test_each_bad_line_is_named_and_the_rest_is_posted(tmp_path: Path) -> None:
    source = tmp_path / "posts.jsonl"
    hostile = b'{"user": "zo\xc3\xab\\u001b[2J", "text": "Hello \\u001b[2J"}'
    source.write_bytes(b"".join(hostile + b"\n" + bad + b"\n" for bad in BAD_LINES))
    found = demo("--input", str(source))
    assert found.returncode == 2, found.stderr
    rows = figures(found.stdout)
    count = str(len(BAD_LINES))
    assert rows.items() >= {"bad lines": count, "sent": count, "accepted": count, "duplicates": "0"}.items()
    complaints = found.stderr.splitlines()
    assert len(complaints) == len(BAD_LINES)
    for number, (complaint, reason) in enumerate(zip(complaints, BAD_LINES.values(), strict=True), 1):
        assert complaint.startswith(f"line {2 * number}: ")
        assert reason in complaint
        assert len(complaint) < 120
    assert "The provider's ledger agrees" in found.stdout


def test_posts_from_standard_input_are_sent_for_each_user_named_there() -> None:
    given_posts = b"\xef\xbb\xbf" + b"\r\n".join(
        [
            GOOD,
            b"",
            GOOD,  # the same once more: a post of its own
            '{"user": "zoë", "text": "50 % & 7 + 7 = \\u2615\\u0000?"}'.encode(),
            b'{"user": "ben", "text": "no line end"}',
        ]
    )
    found = demo("--input", "-", "--json", stdin=given_posts)
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert document["users"] == 3
    assert document["bad_lines"] == 0
    assert document["sent"] == document["accepted"] == 4
    assert document["ledger_agrees"] is document["revocation_recognised"] is True
    assert "TokenRejected" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--input", "{tmp}/nowhere.jsonl"], "No such file"),
        (["--input", "{tmp}"], "directory"),
        (["--input", "-", "--posts", "5"], "exclude each other"),
        (["--port", "1"], "--port needs --serve"),
        (["--serve", "--posts", "1"], "--serve takes no --posts"),
        (["--posts", "0"], "--posts"),
        (["--concurrency", "0"], "--concurrency"),
        (["--frequency", "1"], "--frequency"),
    ],
)
def test_bad_usage_ends_with_status_2_before_anything_is_sent(
    arguments: list[str], reason: str, tmp_path: Path
) -> None:
    found = CliRunner().invoke(app, ["demo", *(argument.format(tmp=tmp_path) for argument in arguments)])
    assert (found.exit_code, found.stdout) == (2, "")
    assert reason in " ".join(re.sub(r"[│╭╮╰╯─]", " ", found.stderr).split())
    assert "Traceback" not in found.stderr


def test_without_the_extra_the_error_says_how_to_install_it() -> None:
    code = "import sys; sys.modules['typer'] = None; from aiooauth1.cli import main; main()"
    found = subprocess.run(  # noqa: S603  our own interpreter, our own code
        [sys.executable, "-c", code],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert found.returncode == 1
    assert found.stderr == "aiooauth1: the command line needs typer: pip install 'aiooauth1[cli]'\n"


def test_input_is_read_as_it_arrives_and_ctrl_c_ends_the_run(running: subprocess.Popen[bytes]) -> None:
    assert running.stdin is not None
    provider = provider_process(line(running.stdout))
    running.stdin.write(b"no JSON\n")
    running.stdin.flush()
    assert line(running.stderr).startswith("line 1: not JSON")
    running.send_signal(signal.SIGINT)
    # Standard input stays open: Ctrl-C does not wait for its end.
    assert running.wait(TIMEOUT) == 130
    assert running.stderr is not None
    assert running.stderr.read().decode() == "Stopped: 0 posts were sent, 0 of them accepted.\n"
    provider.wait(TIMEOUT)


def test_a_provider_that_dies_is_reported_with_status_1(running: subprocess.Popen[bytes]) -> None:
    provider = provider_process(line(running.stdout))
    provider.kill()
    _, complaint = running.communicate(GOOD + b"\n", TIMEOUT)
    assert running.returncode == 1
    assert b"process has ended" in complaint
    assert b"Traceback" not in complaint


def test_a_closed_output_pipe_ends_the_run_without_a_message(running: subprocess.Popen[bytes]) -> None:
    assert running.stdout is not None
    provider = provider_process(line(running.stdout))
    running.stdout.close()
    assert running.stdin is not None
    running.stdin.close()
    assert running.wait(TIMEOUT) == 1
    assert running.stderr is not None
    assert running.stderr.read() == b""
    provider.wait(TIMEOUT)


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.items(), ids=lambda value: str(value)[:40])
def test_a_bad_line_is_a_value_error_that_says_why(line: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as error:
        parse_line(line)
    assert str(error.value).isprintable()


@given(st.binary(max_size=200))
def test_any_line_is_a_post_or_a_value_error(line: bytes) -> None:
    with suppress(ValueError):
        parse_line(line)


@given(st.text(min_size=1).map(str.strip).filter(bool), st.text(min_size=1).filter(str.strip))
def test_a_post_survives_json(user: str, text: str) -> None:
    for ascii_only in (True, False):
        line = json.dumps({"user": user, "text": text}, ensure_ascii=ascii_only).encode()
        assert parse_line(line) == Post(user, text)


async def test_rounds_continue_the_input_and_read_no_faster_than_they_send() -> None:
    taken = done = 0

    async def posts() -> AsyncIterator[Post]:
        nonlocal taken
        async for post in make_posts(100, ("ann", "ben")):
            taken += 1
            assert taken - done <= 3 * 5
            yield post

    def finished() -> None:
        nonlocal done
        done += 1

    async with (
        FakeProvider(ledger_limit=60) as fake,
        Service(fake.provider, fake.consumer, fake.approve, connections=5) as service,
    ):
        reposting = Reposting(service, concurrency=5, done=finished)
        source, audit, rounds = posts(), Audit(), []
        while sent := await reposting.round(source, 40):
            rounds.append(list(sent))
            audit.look(sent, fake.ledger)
    assert [number for numbers in rounds for number in numbers] == list(range(1, 101))
    assert len(rounds) == 3
    assert audit.disagreements(reposting.tally.accepted) == []
    assert audit.accepted == reposting.tally.sent == len(fake.posts) == done == 100


async def test_refused_posts_and_failed_connections_are_counted_and_named() -> None:
    async def approve(url: str, user: str) -> str:
        return await (fake.deny if user == "ben" else fake.approve)(url, user)

    async with (
        FakeProvider() as fake,
        Service(fake.provider, fake.consumer, approve, connections=5) as service,
    ):
        await service.connect("ann")
        token = await service.token_of("ann")
        assert token is not None
        fake.revoke(token.key)
        reposting = Reposting(service, concurrency=1, done=lambda: None)
        audit = Audit()
        audit.look(await reposting.round(make_posts(9, ("ann", "ben", "cleo")), 100), fake.ledger)
    tally = reposting.tally
    # Ann's token is dropped with the first refusal, and then there is none to send with.
    assert (tally.sent, tally.accepted, tally.refused, tally.failed) == (9, 3, 1, 5)
    kinds = {error.partition(":")[0] for error in tally.errors}
    assert kinds == {"TokenRejected", "UnknownUser", "AuthorizationDenied"}
    assert audit.disagreements(tally.accepted) == ["6 not accepted", "1 refused"]


async def test_the_audit_finds_every_kind_of_difference() -> None:
    async with (
        FakeProvider() as fake,
        Service(fake.provider, fake.consumer, fake.approve, connections=1) as service,
    ):
        reposting = Reposting(service, concurrency=1, done=lambda: None)
        sent = await reposting.round(make_posts(4, ("ann",)), 100)
        ledger = list(fake.ledger)
    first = next(number for number, arrival in enumerate(ledger) if arrival.endpoint == "posts")

    def found(ledger: list[Arrival], sent: dict[int, Post] = sent) -> list[str]:
        renumbered = [replace(arrival, number=number) for number, arrival in enumerate(ledger, 1)]
        audit = Audit()
        audit.look(sent, renumbered)
        return audit.disagreements(4)

    assert found(ledger) == []
    assert found([*ledger, ledger[-1]]) == ["1 accepted again", "1 accepted without a reply that says so"]
    assert found(ledger[:-1]) == ["1 not accepted"]
    other_user = replace(ledger[-1], user="ben")
    assert found([*ledger[:-1], other_user]) == ["1 accepted for another user or with another text"]
    other_text = replace(ledger[-1], body=ledger[-1].body.replace(b"blog", b"Blog"))
    assert found([*ledger[:-1], other_text]) == ["1 accepted for another user or with another text"]
    fewer = {number: sent[number] for number in (1, 2, 3)}
    assert found(ledger, fewer) == ["1 accepted that were never sent"]
    refused = replace(ledger[-1], verdict="refused", why="nonce_used")
    assert found([*ledger, refused]) == ["1 refused"]
    assert found([*ledger[:first], refused, *ledger[first:]]) == ["1 refused"]
    audit = Audit()
    audit.look(sent, ledger)
    last = ledger[-1]
    audit.look({}, [*ledger, replace(last, number=last.number + 1)])  # it arrives again in a later round
    audit.look({}, [replace(last, number=last.number + 5)])  # after a gap of three
    audit.look(sent, ledger)  # nothing new
    assert (audit.duplicates, audit.forgotten, audit.missing) == (2, 3, 4)
