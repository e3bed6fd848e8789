"""`aiooauth1 post`: sends the posts of a file, each once, in runs that can be interrupted and resumed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import TCPConnector
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from aiooauth1.cli.json_lines import decode, open_input, read_each
from aiooauth1.cli.outcome import DONE, FAILED, UNKNOWN, USAGE, CommandError
from aiooauth1.cli.settings import (
    Known,
    known_providers,
    open_store,
    pick_provider,
    read_consumer,
    store_path,
)
from aiooauth1.posting import InputChanged, Post, RedisJournal, SQLiteJournal, post_all
from aiooauth1.providers.provider import Provider
from aiooauth1.session.session import OAuth1Session
from aiooauth1.stores.cached import CachedStore
from aiooauth1.stores.sqlite import SQLiteStore


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from aiooauth1.posting import Journal, Outcome, Posting
    from aiooauth1.stores.redis import RedisStore


__all__ = ["PostPlan", "post", "session_opener"]

_SHOWN = 20  # errors and names
_UPDATE_INTERVAL = 0.25  # seconds between two updates of the progress
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class PostPlan:
    """The arguments of the command.

    Args:
        source: The input's path, `-` for standard input.
        journal: The journal's path, or a Redis URL.
        url: The URL of posts that have none.
        concurrency: The most requests under way at once.
        stop_after: How many users in a row may be rejected.
        as_json: Whether the report is printed as JSON.
    """

    source: str
    journal: str
    url: str | None
    concurrency: int
    stop_after: int
    as_json: bool


@dataclass(slots=True)
class _Tally:
    """The outcomes so far."""

    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    bad_lines: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.counts[outcome.status] += 1
        if outcome.status == "unknown":
            self.unknown.append(outcome.post.id)
        if outcome.error is not None:
            error = f"{type(outcome.error).__name__}: {outcome.error}"
            if len(self.errors) < _SHOWN or error in self.errors:
                self.errors[error] += 1

    def status(self, stopped: str | None) -> int:
        """Return the exit status."""
        if self.counts["unknown"]:
            return UNKNOWN
        if stopped is not None or self.counts["refused"] or self.counts["failed"]:
            return FAILED
        return USAGE if self.bad_lines else DONE


async def post(
    plan: PostPlan, open_session: Callable[[int], AbstractAsyncContextManager[OAuth1Session]]
) -> int:
    """Send the posts of the input and return the exit status.

    Args:
        plan: The arguments of the command.
        open_session: Makes a session with the given number of connections.
    """
    errors = Console(stderr=True)
    tally = _Tally()

    def reject(number: int, reason: str) -> None:
        tally.bad_lines += 1
        errors.print(f"line {number}: {reason}", markup=False, highlight=False, soft_wrap=True)

    began = time.monotonic()
    with open_input(plan.source) as descriptor:
        total = await asyncio.to_thread(_count_lines, plan.source)
        journal = _journal(plan)
        try:
            async with open_session(plan.concurrency) as session:
                run = post_all(
                    session,
                    read_each(descriptor, partial(_parse, url=plan.url), reject),
                    journal=journal,
                    concurrency=plan.concurrency,
                    stop_after=plan.stop_after,
                )
                await _follow(run, tally, errors, total)
        except InputChanged as error:
            raise CommandError(str(error), USAGE) from None
        except RuntimeError as error:
            raise CommandError(str(error)) from None
        finally:
            await journal.aclose()
    _report(plan, tally, run.stopped, time.monotonic() - began, errors)
    return tally.status(run.stopped)


async def _follow(run: Posting, tally: _Tally, errors: Console, total: int | None) -> None:
    """Iterate over the outcomes and show the progress."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[waiting]}"),
    )
    with Progress(*columns, console=errors, disable=not sys.stderr.isatty(), transient=True) as progress:
        bar = progress.add_task("sent 0", total=total, rate="", waiting="")
        began = time.monotonic()

        def show() -> None:
            counts = tally.counts
            sent = counts.total() - counts["skipped"]
            until = run.waiting_until
            progress.update(
                bar,
                completed=counts.total() + tally.bad_lines,
                description=f"sent {counts['done']:,}, refused {counts['refused']:,}",
                rate=f"{sent / max(1e-3, time.monotonic() - began):,.0f}/s",
                waiting="" if until is None else f"waits until {time.strftime('%T', time.localtime(until))}",
            )

        async def keep_showing() -> None:
            while True:
                show()
                await asyncio.sleep(_UPDATE_INTERVAL)

        showing = asyncio.create_task(keep_showing())
        try:
            async for outcome in run:
                tally.add(outcome)
        finally:
            showing.cancel()
            await asyncio.wait([showing])
            show()


def _parse(line: bytes, number: int, url: str | None) -> Post:
    found = decode(line)
    if not isinstance(found, dict):
        raise ValueError('not an object with "user" and "url"')  # noqa: TRY004  callers catch one error
    found.setdefault("id", f"line {number}")
    if url is not None:
        found.setdefault("url", url)
    return Post.from_json(found)


def session_opener(
    provider: str, store: str | None, config: str | None
) -> Callable[[int], AbstractAsyncContextManager[OAuth1Session]]:
    """Return a function that opens a session with these settings.

    Args:
        provider: A provider's name, as in the other commands, or the base URL of an API.
        store: A Redis URL, or the path of a SQLite file. None means the store of the other commands.
        config: The configuration file. None means the user's own.
    """

    @asynccontextmanager
    async def make(connections: int) -> AsyncIterator[OAuth1Session]:
        async with _open_store(store) as tokens, TCPConnector(limit=connections) as connector:
            known = await known_providers(tokens, config) if isinstance(tokens, SQLiteStore) else {}
            one = _at_url(provider) if "://" in provider else pick_provider(known, provider, config=config)
            async with OAuth1Session(
                one.consumer,
                provider=one.provider,
                store=CachedStore(tokens),
                connector=connector,
                connector_owner=False,
            ) as session:
                yield session

    return make


def _at_url(url: str) -> Known:
    base_url = url if url.endswith("/") else f"{url}/"
    try:
        provider = Provider(urlsplit(base_url).netloc, base_url=base_url)
    except ValueError as error:
        raise CommandError(f"--provider: {error}", USAGE) from None
    return Known(provider, read_consumer(provider, None, None))


def _open_store(name: str | None) -> RedisStore | SQLiteStore:
    if name is not None and "://" in name:
        from aiooauth1.stores.redis import RedisStore  # noqa: PLC0415  an extra

        return RedisStore.from_url(name)
    if not (path := store_path(name)).exists():
        raise CommandError(
            f"--store {path}: no such file: run `aiooauth1 login` or `tokens import` first", USAGE
        )
    return open_store(name)


def _count_lines(source: str) -> int | None:
    """Return the number of lines of a regular file, for the progress; None for other inputs."""
    path = Path(source)
    if source == "-" or not path.is_file():
        return None
    lines, last = 0, b"\n"
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return lines + (last != b"\n")


def _journal(plan: PostPlan) -> Journal:
    if "://" in plan.journal:
        return RedisJournal(plan.journal, os.path.basename(plan.source))  # noqa: PTH119  a name, no path
    return SQLiteJournal(plan.journal)


def _report(plan: PostPlan, tally: _Tally, stopped: str | None, seconds: float, errors: Console) -> None:
    counts = {name: tally.counts[name] for name in ("done", "refused", "failed", "unknown", "skipped")}
    sent = sum(counts.values()) - counts["skipped"]
    rate = sent / seconds if seconds else 0.0
    if plan.as_json:
        report: dict[str, Any] = {
            **counts,
            "bad_lines": tally.bad_lines,
            "seconds": round(seconds, 3),
            "posts_per_second": round(rate, 1),
            "unknown_ids": tally.unknown,
            "errors": dict(tally.errors),
            "stopped": stopped,
        }
        print(json.dumps(report))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    about = {
        "done": "accepted by the provider",
        "refused": "refused by the provider",
        "failed": "not sent; the next run tries them again",
        "unknown": "sent, and not known to be done",
        "skipped": "finished by an earlier run",
    }
    for name, count in counts.items():
        table.add_row(about[name], f"{count:,}")
    table.add_row("bad lines", f"{tally.bad_lines:,}")
    table.add_row("seconds", f"{seconds:,.1f}")
    table.add_row("posts a second", f"{rate:,.0f}")
    Console().print(table)
    lines = [f"{count:,} x {error}" for error, count in tally.errors.most_common(_SHOWN)]
    if tally.unknown:
        names = ", ".join(tally.unknown[:_SHOWN])
        more = f" and {len(tally.unknown) - _SHOWN:,} more" if len(tally.unknown) > _SHOWN else ""
        lines.append(f"Look for these at the provider; they are not sent again: {names}{more}")
    if stopped is not None:
        lines.append(f"Stopped: {stopped}. Run the same command again when that is fixed.")
    for line in lines:
        errors.print(line, markup=False, highlight=False, soft_wrap=True)
