"""All commands: their names, options and help.

To add a command, write a module with a function that takes plain values and returns an exit status (or a
coroutine of one). Then add a function here that declares the options and passes the first one to
`run_command`. Import the module inside that function, so that `aiooauth1 --help` stays fast. A help text fits
a screen of 24 lines and 80 columns. The root's help alone lists the exit statuses that all commands share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from aiooauth1.cli.outcome import run_command


if TYPE_CHECKING:
    from collections.abc import Coroutine


__all__ = ["app"]


class Root(TyperGroup):
    """The root command. Its help hides `--show-completion`: users need `--install-completion`."""

    def get_params(self, ctx: Any) -> Any:
        """Return the options, with `--show-completion` hidden."""
        params = super().get_params(ctx)
        for param in params:
            if param.name == "show_completion" and hasattr(param, "hidden"):
                param.hidden = True
        return params


# Tracebacks that show local variables would show secrets.
app: typer.Typer = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Debug = Annotated[bool, typer.Option("--debug", hidden=True)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Sign in by OAuth 1.0a, call APIs, see why a signature fails.

    \b
    Try it without an account anywhere:  aiooauth1 demo
    Exit status: 0 done, 1 refused or failed, 2 bad usage or input, 3 outcome
    unknown, 130 interrupted. With --debug a command shows an error's traceback.
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
            min=1, metavar="N", show_default=False, help="How many posts to invent. [default: 1000]"
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="How many posts at a time.")
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
        bool, typer.Option("--json", help="Print one JSON object; progress goes to standard error.")
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
    """Repost blog posts for users of a provider on this machine.

    The provider runs in a process of its own and verifies every request. Three users are connected, or with
    --input each user named there. At the end one user's token is revoked.

    \b
    Examples:
      aiooauth1 demo --posts 200 --concurrency 16
      aiooauth1 demo --serve

    \b
    Exit status: 0 if the provider's ledger has every post exactly once.
    """  # noqa: D301  \b keeps the lines; it is no escape
    if posts is not None and source is not None:
        raise typer.BadParameter("--posts and --input exclude each other: give one of them")
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


Config = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="TOML with a table for each of your providers."),
]
StoreFile = Annotated[
    str | None, typer.Option("--store", metavar="FILE", help="The SQLite file with the tokens.")
]
ConsumerFile = Annotated[
    str | None,
    typer.Option("--consumer-file", metavar="FILE", help="Consumer key and secret, a line each; - is stdin."),
]
User = Annotated[
    str | None, typer.Option("--as", metavar="USER", help="Whose account. [default: the only one]")
]


def _complete_provider(incomplete: str) -> list[str]:
    from aiooauth1.cli.settings import catalog

    return [name for name in sorted(catalog()) if name.startswith(incomplete)]


ProviderName = Annotated[
    str,
    typer.Argument(
        metavar="PROVIDER",
        help="A preset (x, wordpress=SITE), or one of --config.",
        autocompletion=_complete_provider,
    ),
]


@app.command()
def login(
    provider: ProviderName,
    *,
    user: Annotated[
        str | None,
        typer.Option("--as", metavar="USER", help="Your name for the account. [default: the provider's]"),
    ] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Type the PIN that the provider shows.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the page's address.")] = False,
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            show_default=False,
            help="For the callback http://127.0.0.1:PORT/callback. [default: any]",
        ),
    ] = 0,
    consumer_file: ConsumerFile = None,
    config: Config = None,
    store: StoreFile = None,
    debug: Debug = False,
) -> None:
    """Sign in at a provider with your browser, and store the token.

    The consumer key comes from --consumer-file, from AIOOAUTH1_CONSUMER_KEY and AIOOAUTH1_CONSUMER_SECRET, or
    from a prompt. AIOOAUTH1_STORE_KEY, or the file that AIOOAUTH1_STORE_KEY_FILE names, encrypts the store.

    \b
    Example:  aiooauth1 login tumblr --consumer-file tumblr.key
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> int:
        from aiooauth1.cli.login import Login, login

        plan = Login(provider, config, user, pin, not no_browser, port, consumer_file, store)
        return login(plan)

    raise typer.Exit(run_command("login", work, debug=debug))


@app.command()
def accounts(
    *, as_json: AsJson = False, config: Config = None, store: StoreFile = None, debug: Debug = False
) -> None:
    """List who is signed in.

    \b
    Example:  aiooauth1 accounts --json
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> Coroutine[Any, Any, int]:
        from aiooauth1.cli.accounts import accounts

        return accounts(config=config, store_file=store, as_json=as_json)

    raise typer.Exit(run_command("accounts", work, debug=debug))


@app.command()
def logout(
    provider: Annotated[
        str | None, typer.Argument(metavar="PROVIDER", help="Where. [default: the only one]")
    ] = None,
    *,
    user: User = None,
    local: Annotated[
        bool, typer.Option("--local", help="Remove the token without asking the provider.")
    ] = False,
    config: Config = None,
    store: StoreFile = None,
    debug: Debug = False,
) -> None:
    """Revoke a token at the provider, if it can, and remove it.

    \b
    Example:  aiooauth1 logout tumblr --as staff
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> Coroutine[Any, Any, int]:
        from aiooauth1.cli.accounts import logout

        return logout(provider, user=user, local=local, config=config, store_file=store)

    raise typer.Exit(run_command("logout", work, debug=debug))


@app.command()
def request(
    url: Annotated[str, typer.Argument(metavar="URL", hidden=True)],
    *,
    method: Annotated[
        str | None,
        typer.Option("-X", "--request", metavar="METHOD", help="[default: GET, or POST with a body]"),
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option("-d", "--data", metavar="DATA", help="An encoded form; @FILE.")
    ] = None,
    encoded: Annotated[
        list[str] | None,
        typer.Option("--data-urlencode", metavar="NAME=VALUE", help="A form field, to be encoded."),
    ] = None,
    json: Annotated[str | None, typer.Option("--json", metavar="JSON", help="A JSON body; @FILE.")] = None,
    parts: Annotated[
        list[str] | None, typer.Option("-F", "--form", metavar="NAME=VALUE", help="Multipart; name=@FILE.")
    ] = None,
    headers: Annotated[
        list[str] | None, typer.Option("-H", "--header", metavar="LINE", help="'Name: value'.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option("-p", "--provider", metavar="NAME", help="[default: by the URL]")
    ] = None,
    user: User = None,
    two_legged: Annotated[bool, typer.Option("--two-legged", help="Sign without a user's token.")] = False,
    include: Annotated[bool, typer.Option("-i", "--include", help="Print the reply's header too.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show what is signed.")] = False,
    curl: Annotated[bool, typer.Option("--curl", help="Print a signed curl line instead.")] = False,
    config: Config = None,
    store: StoreFile = None,
    debug: Debug = False,
) -> None:
    """Send a signed request, and print the reply's body.

    \b
    Examples:
      aiooauth1 request posts --data-urlencode 'status=50 % off & more'
      aiooauth1 request -X DELETE https://api.example/posts/7 -v
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> Coroutine[Any, Any, int]:
        from aiooauth1.cli.request import Request, request

        plan = Request(
            url,
            method=method,
            data=data or (),
            encoded=encoded or (),
            json=json,
            parts=parts or (),
            headers=headers or (),
            provider=provider,
            user=user,
            two_legged=two_legged,
            include=include,
            verbose=verbose,
            curl=curl,
            config=config,
            store=store,
        )
        return request(plan)

    raise typer.Exit(run_command("request", work, debug=debug))


@app.command()
def explain(
    source: Annotated[
        str | None,
        typer.Argument(metavar="FILE", hidden=True),
    ] = None,
    *,
    method: Annotated[
        str | None,
        typer.Option("-X", "--method", metavar="METHOD", show_default=False, help="The method for --url."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", show_default=False, help="The request's URL, instead of FILE."),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("-H", "--header", metavar="FIELD", help="A field for --url: 'Name: value'."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("-d", "--data", metavar="BODY", show_default=False, help="The body for --url."),
    ] = None,
    scheme: Annotated[str, typer.Option(metavar="SCHEME", help="The scheme of raw HTTP.")] = "https",
    server: Annotated[
        str | None,
        typer.Option(metavar="FILE", show_default=False, help="The server's reply, to compare base strings."),
    ] = None,
    signature: Annotated[
        str | None,
        typer.Option(metavar="VALUE", show_default=False, help="The signature to explain."),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False, help="The provider whose rules apply."),
    ] = None,
    config: Config = None,
    consumer_file: ConsumerFile = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show how a request is signed, and why its signature is refused.

    FILE, or standard input, has a curl line, a HAR entry or raw HTTP. With the
    secrets (--consumer-file FILE, and AIOOAUTH1_TOKEN_SECRET for the token's)
    it names the mistake. The output holds no secret.

    \b
    Example:      aiooauth1 explain request.txt --server reply.txt
    Exit status:  0 nothing wrong was found, 1 something was, 2 bad input
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> int:
        from aiooauth1.cli.explain import Inquiry, explain_request

        return explain_request(
            Inquiry(
                source=source,
                method=method,
                url=url,
                headers=tuple(header or ()),
                data=data,
                scheme=scheme,
                server=server,
                signature=signature,
                provider=provider,
                config=config,
                consumer_file=consumer_file,
                as_json=as_json,
            )
        )

    raise typer.Exit(run_command("explain", work, debug=debug))


@app.command()
def doctor(
    provider: ProviderName,
    *,
    callback: Annotated[
        str, typer.Option("--callback", metavar="URL", help="The callback to test; oob for a PIN.")
    ] = "http://127.0.0.1/callback",
    as_json: AsJson = False,
    consumer_file: ConsumerFile = None,
    config: Config = None,
    store: StoreFile = None,
    debug: Debug = False,
) -> None:
    """Check network, clock, consumer key and callback of a provider.

    Each check prints a line; a failed one says what to do. It asks for a request token and does not use it.

    \b
    Example:  aiooauth1 doctor tumblr --callback https://app.example/callback
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> int:
        from aiooauth1.cli.doctor import doctor

        return doctor(
            provider,
            config=config,
            consumer_file=consumer_file,
            store_file=store,
            callback=callback,
            as_json=as_json,
        )

    raise typer.Exit(run_command("doctor", work, debug=debug))


@app.command()
def providers(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of them.", autocompletion=_complete_provider)
    ] = None,
    *,
    as_json: AsJson = False,
    config: Config = None,
    debug: Debug = False,
) -> None:
    """List the presets, or show one of them.

    \b
    Example:  aiooauth1 providers tumblr
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> int:
        from aiooauth1.cli.providers import show_providers

        return show_providers(name, config=config, as_json=as_json)

    raise typer.Exit(run_command("providers", work, debug=debug))


tokens: typer.Typer = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Import and export access tokens."
)
app.add_typer(tokens, name="tokens")


@tokens.command("import")
def import_tokens(
    source: Annotated[str, typer.Argument(metavar="FILE", help="JSON Lines; - reads standard input.")],
    *,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="For lines without one.")
    ] = None,
    store: StoreFile = None,
    debug: Debug = False,
) -> None:
    """Import access tokens: all of them, or none if a line is bad.

    \b
    A line:   {"provider": "x", "user": "ann", "key": "...", "secret": "..."}
    Example:  aiooauth1 tokens import - < tokens.jsonl
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> Coroutine[Any, Any, int]:
        from aiooauth1.cli.tokens import import_tokens

        return import_tokens(source, provider=provider, store_file=store)

    raise typer.Exit(run_command("tokens import", work, debug=debug))


@tokens.command("export")
def export_tokens(
    providers: Annotated[
        list[str] | None, typer.Argument(metavar="PROVIDER", help="[default: all in the store]")
    ] = None,
    *,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Created so that only you can read it.")
    ] = "-",
    store: StoreFile = None,
    debug: Debug = False,
) -> None:
    """Export access tokens as JSON Lines. They contain secrets.

    \b
    Example:  aiooauth1 tokens export tumblr -o tokens.jsonl
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> Coroutine[Any, Any, int]:
        from aiooauth1.cli.tokens import export_tokens

        return export_tokens(output, providers=providers or [], store_file=store)

    raise typer.Exit(run_command("tokens export", work, debug=debug))


@app.command()
def post(
    *,
    provider: Annotated[str, typer.Option(metavar="NAME", help="A provider's name, or the URL of an API.")],
    source: Annotated[
        str, typer.Option("--input", metavar="FILE", help="The posts, one a line; - reads standard input.")
    ],
    journal: Annotated[
        str, typer.Option(metavar="FILE", help="Records what is done: a file or a Redis URL.")
    ],
    store: Annotated[
        str | None,
        typer.Option(metavar="FILE", show_default=False, help="The tokens: a SQLite file or a Redis URL."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", show_default=False, help="The URL of posts that have none."),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="How many posts at a time.")
    ] = 100,
    stop_after: Annotated[
        int, typer.Option(min=1, metavar="N", help="Stop after N rejected users in a row.")
    ] = 20,
    as_json: AsJson = False,
    config: Config = None,
    debug: Debug = False,
) -> None:
    """Send the posts of a file, each once, at the provider's pace.

    A line is a JSON object: user, url, and data (form fields) or json; also id, method, params, headers. The
    same command resumes an interrupted run. The consumer is that of the sign-ins, or of
    AIOOAUTH1_CONSUMER_KEY and AIOOAUTH1_CONSUMER_SECRET.

    \b
    Example line:  {"user": "ann", "url": "posts", "data": {"status": "Hi"}}
    Exit status:   0 every post is done, 1 some are not, 2 bad lines (the others
                   were posted), 3 some may or may not be done
    """  # noqa: D301  \b keeps the lines; it is no escape

    def work() -> Coroutine[Any, Any, int]:
        from aiooauth1.cli.post import PostPlan, session_opener
        from aiooauth1.cli.post import post as run_post

        plan = PostPlan(source, journal, url, workers, stop_after, as_json)
        return run_post(plan, session_opener(provider, store, config))

    raise typer.Exit(run_command("post", work, debug=debug))
