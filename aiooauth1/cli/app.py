"""The commands and their options; what they do is in a module each."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiooauth1.cli.demo.run import MADE_UP_POSTS, Plan, run


if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["app"]

_INTERRUPTED = 130  # 128 + SIGINT, as shells count

# Tracebacks that show local variables would show secrets.
app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)


@app.callback()
def root() -> None:
    """The asynchronous OAuth 1.0a consumer SDK, on aiohttp."""


@app.command()
def demo(
    posts: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default=False,
            help=f"How many posts to make up: {MADE_UP_POSTS} if not given.",
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="How many posts are on their way at a time.")
    ] = 64,
    source: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help='Post these instead: one {"user": ..., "text": ...} a line; - reads standard input.',
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; the story goes to standard error.")
    ] = False,
) -> None:
    """Connect users to a provider on this machine, and repost their blog posts there.

    The provider runs in a process of its own and verifies every request. Three users are connected by the
    three legs; with --input each user named there is, when first named. Empty lines are skipped. At the end
    one user's token is revoked.

    \b
    Exit status:
      0    the provider's ledger has every post that was sent exactly once
      1    it has not, or something else went wrong
      2    wrong usage; nothing was sent
      3    as 0, but some lines of the input were bad: standard error names them
      130  interrupted
    """  # noqa: D301  \b is click's mark, not an escape
    if posts is not None and source is not None:
        raise typer.BadParameter("give --posts or --input, not both")
    try:
        with _opened(source) as descriptor:
            plan = Plan(
                posts=posts or MADE_UP_POSTS, concurrency=concurrency, source=descriptor, as_json=as_json
            )
            status = asyncio.run(run(plan))
    except KeyboardInterrupt:
        status = _INTERRUPTED
    raise typer.Exit(status)


@contextmanager
def _opened(source: str | None) -> Iterator[int | None]:
    if source is None:
        yield None
        return
    if source == "-" and sys.stdin is None:
        raise typer.BadParameter("--input -: standard input is closed")
    try:
        # Opened before anything else runs: opening a named pipe waits, and Ctrl-C must end that.
        file = sys.stdin.buffer if source == "-" else Path(source).open("rb", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise typer.BadParameter(f"--input {source}: {error.strerror}") from None
    with file:
        yield file.fileno()
