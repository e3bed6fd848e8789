"""The register of commands: their names, options and help.

To add a command, write a module with a function that takes plain values and returns an exit status (or a
coroutine of one), and add a function here that has the options and hands it to `run_command`. The module is
imported inside that function: `aiooauth1 --help` imports none of them. Help texts fit a screen of 80 columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiooauth1.cli.outcome import run_command


if TYPE_CHECKING:
    from collections.abc import Coroutine


__all__ = ["app"]

# Tracebacks that show local variables would show secrets.
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """OAuth 1.0a from the command line: sign in, call APIs, see why a signature fails.

    \b
    Try it without an account anywhere:  aiooauth1 demo

    \b
    Exit status:
      0  done
      1  refused or failed
      2  bad usage or input
      3  a request went out, and its outcome is unknown
    """  # noqa: D301  \b keeps the lines; it is no escape
    if version:
        from importlib.metadata import version as installed_version

        typer.echo(f"aiooauth1 {installed_version('aiooauth1')}")
        raise typer.Exit


@app.command()
def demo(
    *,
    posts: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", show_default=False, help="How many posts to make up. [default: 1000]"
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="How many posts are under way at a time.")
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
    site: Annotated[
        bool, typer.Option("--serve", help="Run it as a web site to try in a browser, until Ctrl-C.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="N", show_default=False, help="The site's port. [default: 8080]"
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Connect users to a provider on this machine, and repost their blog posts there.

    The provider runs in a process of its own and verifies every request. Three users are connected by the
    three legs; with --input each user named there is. At the end one user's token is revoked.

    \b
    Example:  aiooauth1 demo --posts 200 --concurrency 16

    \b
    Exit status:
      0    the provider's ledger has every post exactly once
      1    it does not, or something else failed
      2    bad usage, or some lines of the input were bad: standard error
           names them; the others were posted
      130  interrupted
    """  # noqa: D301  \b keeps the lines; it is no escape
    if posts is not None and source is not None:
        raise typer.BadParameter("give --posts or --input, not both")
    if port is not None and not site:
        raise typer.BadParameter("--port needs --serve")
    if site and (posts is not None or source is not None or as_json):
        raise typer.BadParameter("--serve takes no --posts, --input or --json: posts are made in the browser")

    def serve_site() -> Coroutine[Any, Any, int]:
        from aiooauth1.cli.demo.serve import serve

        return serve(8080 if port is None else port)

    if site:
        raise typer.Exit(run_command("demo", serve_site, debug=debug))

    def work() -> int:
        from aiooauth1.cli.demo.run import run_demo

        return run_demo(posts=posts, concurrency=concurrency, source=source, as_json=as_json)

    raise typer.Exit(run_command("demo", work, debug=debug))


@app.command()
def post(
    *,
    provider: Annotated[
        str, typer.Option(metavar="NAME", help="A preset, NAME:ARGUMENT for some, or the URL of an API.")
    ],
    source: Annotated[
        str, typer.Option("--input", metavar="FILE", help="The posts, one a line; - reads standard input.")
    ],
    journal: Annotated[
        str, typer.Option(metavar="FILE", help="What makes the run resumable: a file, or a Redis URL.")
    ],
    store: Annotated[
        str | None,
        typer.Option(metavar="FILE", show_default=False, help="The tokens: a SQLite file or a Redis URL."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", show_default=False, help="Where posts go that name no url."),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="How many posts are under way at a time.")
    ] = 100,
    stop_after: Annotated[
        int, typer.Option(min=1, metavar="N", help="End after so many users rejected in a row.")
    ] = 20,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Send the posts of a file, each once, at the pace that the provider allows.

    A line is a JSON object: user, url, and data (form fields) or json; also
    id, method, params, headers. A run that was ended or killed is resumed by
    the same command. The consumer's key and secret come from the variables
    AIOOAUTH1_CONSUMER_KEY and AIOOAUTH1_CONSUMER_SECRET.

    \b
    Example line:  {"user": "ann", "url": "posts", "data": {"status": "Hi"}}

    \b
    Exit status:
      0    every post is done
      1    some were refused or not sent, or the run ended early
      2    bad usage, or bad lines: standard error names them; the others
           were posted
      3    of some posts it is not known whether they are done
      130  interrupted; the same command goes on
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> Coroutine[Any, Any, int]:
        from aiooauth1.cli.post import PostPlan, session_opener
        from aiooauth1.cli.post import post as run_post

        plan = PostPlan(source, journal, url, workers, stop_after, as_json)
        return run_post(plan, session_opener(provider, store))

    raise typer.Exit(run_command("post", work, debug=debug))
