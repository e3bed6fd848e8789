"""`aiooauth1 demo`: connecting, posting and a revocation, checked against the ledger of a local provider.

TweetExpress connects its users, reposts their blog posts, and recognises that one of them has revoked access.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from aiooauth1.cli.demo.audit import Audit
from aiooauth1.cli.demo.posts import Post, make_posts, parse_line
from aiooauth1.cli.demo.report import FOOTNOTE, Report, quotient, signing_seconds
from aiooauth1.cli.demo.reposter import Reposting
from aiooauth1.cli.demo.service import Service
from aiooauth1.cli.json_lines import open_input, read_each
from aiooauth1.cli.outcome import DONE, FAILED, USAGE
from aiooauth1.errors import OAuth1Error, TokenRejected
from aiooauth1.testing import AuthorizePageError, FakeProviderProcess


__all__ = ["Plan", "run", "run_demo"]

_MADE_UP_POSTS = 1000

_USERS = ("ann", "ben", "cleo")
_ROUND = 4000  # requests between two looks at the ledger, which bounds the memory of both processes
_LEDGER_LIMIT = _ROUND + 1000
_SAMPLES = 100  # posts on which the cost of signing is measured
_MAX_NAME = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """The arguments of the command.

    Args:
        posts: How many posts to invent without an input.
        concurrency: The most requests under way at once.
        source: The file descriptor of the input, or None.
        as_json: Whether the figures are printed as JSON.
    """

    posts: int
    concurrency: int
    source: int | None
    as_json: bool


class _Screen:
    """Prints figures to standard output, and the sentences to standard error if the figures are JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self.out = Console()
        self.err = Console(stderr=True)
        self._story = self.err if as_json else self.out
        self.bad_lines = 0

    def tell(self, text: str) -> None:
        _print(self._story, text)

    def complain(self, text: str) -> None:
        _print(self.err, text)

    def reject(self, number: int, reason: str) -> None:
        self.bad_lines += 1
        self.complain(f"line {number}: {reason}")

    def progress(self) -> Progress:
        columns = (TextColumn("posts"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self.err, disable=not sys.stderr.isatty())


def _print(console: Console, text: str) -> None:
    """Print a sentence, wrapped between words on a terminal and as one line elsewhere."""
    console.print(text, markup=False, highlight=False, soft_wrap=not console.file.isatty())


def run_demo(*, posts: int | None, concurrency: int, source: str | None, as_json: bool) -> int:
    """Open the input, run the demo and return the exit status."""
    with nullcontext() if source is None else open_input(source) as descriptor:
        plan = Plan(
            posts=posts or _MADE_UP_POSTS, concurrency=concurrency, source=descriptor, as_json=as_json
        )
        return asyncio.run(run(plan))


async def run(plan: Plan) -> int:
    """Run the demo."""
    screen = _Screen(as_json=plan.as_json)
    try:
        async with FakeProviderProcess(ledger_limit=_LEDGER_LIMIT) as fake:
            report = await _perform(plan, screen, fake)
    except BrokenPipeError:
        raise  # the reader of the output has gone
    except (OAuth1Error, AuthorizePageError, ClientError, OSError, RuntimeError) as error:
        screen.complain(f"aiooauth1 demo: {type(error).__name__}: {error}")
        return FAILED
    if plan.as_json:
        screen.out.print(report.json(), markup=False, highlight=False, soft_wrap=True)
    if not (report.ledger_agrees and report.revocation_recognised):
        return FAILED
    return USAGE if screen.bad_lines else DONE


async def _perform(plan: Plan, screen: _Screen, fake: FakeProviderProcess) -> Report:
    screen.tell(f"A provider that verifies every request runs at {fake.url} (process {fake.pid}).")
    async with Service(fake.provider, fake.consumer, fake.approve, connections=plan.concurrency) as service:
        if plan.source is None:
            for user in _USERS:
                await service.connect(user)
            screen.tell(f"Connected {', '.join(_USERS)} by a handshake each.")
        report = await _repost(plan, screen, fake, service)
        return replace(report, revocation_recognised=await _revoke(screen, fake, service))


async def _repost(plan: Plan, screen: _Screen, fake: FakeProviderProcess, service: Service) -> Report:
    """Send all posts, round by round, and compare each round with the ledger."""
    made_up = plan.source is None
    posts = (
        make_posts(plan.posts, _USERS)
        if plan.source is None
        else read_each(plan.source, parse_line, screen.reject)
    )
    audit = Audit()
    samples: list[tuple[int, Post]] = []
    try:
        with screen.progress() as progress, TemporaryDirectory() as folder:
            bar = progress.add_task("", total=plan.posts if made_up else None)
            reposting = Reposting(
                service,
                concurrency=plan.concurrency,
                done=lambda: progress.advance(bar),
                journal=Path(folder) / "run.db" if made_up else None,
                restart_after=min(plan.posts, _ROUND) // 2 if made_up and plan.posts > 1 else None,
            )
            tally = reposting.tally
            while sent := await reposting.round(posts, _ROUND):
                audit.look(sent, await fake.ledger())
                samples = samples or list(islice(sent.items(), _SAMPLES))
    except asyncio.CancelledError:
        # Printed after the progress bar, which draws itself once more at its end.
        screen.complain(f"Stopped: {tally.sent:,} posts were sent, {tally.accepted:,} of them accepted.")
        raise
    signing = signing_seconds([await service.signing(post, number) for number, post in samples])
    disagreements = audit.disagreements(tally.accepted)
    report = Report(
        users=len(service.users),
        bad_lines=None if made_up else screen.bad_lines,
        sent=tally.sent,
        accepted=audit.accepted,
        refused=tally.refused,
        failed=tally.failed,
        duplicates=audit.duplicates,
        rate=quotient(tally.accepted, tally.seconds),
        signing_share=quotient(signing * tally.sent, tally.cpu_seconds),
        ledger_agrees=not disagreements,
        revocation_recognised=False,  # set later
    )
    if reposting.resumed is not None:
        screen.tell(
            f"The run was stopped in the middle and resumed: its journal had {reposting.resumed:,} posts"
            " as done, and none was sent twice."
        )
    if not plan.as_json:
        screen.out.print(report.table())
        screen.tell(FOOTNOTE)
    for error in sorted(tally.errors):
        screen.complain(error)
    if report.ledger_agrees:
        screen.tell("The provider's ledger agrees: it has each post exactly once.")
    else:
        screen.complain(f"The provider's ledger does not agree: {'; '.join(disagreements)}.")
    return report


async def _revoke(screen: _Screen, fake: FakeProviderProcess, service: Service) -> bool:
    """Revoke a user's token at the provider; return whether the service recognises that."""
    user = next(iter(service.users), _USERS[0])
    await service.connect(user)
    if (token := await service.token_of(user)) is not None:
        await fake.revoke(token.key)
    name = ascii(user[:_MAX_NAME])
    try:
        await service.post(Post(user, "Still connected?"), 0)
    except TokenRejected as refusal:
        if await service.token_of(user) is None:
            screen.tell(
                f"{name} has revoked access: the provider refused the next post, which was recognised as"
                f" TokenRejected (status {refusal.status}, {refusal.problem}), and the token was dropped."
            )
            return True
    screen.complain(f"{name} has revoked access, and that was not recognised.")
    return False
