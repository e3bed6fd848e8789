"""`aiooauth1 tokens`: imports and exports access tokens as JSON Lines."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiooauth1.cli.outcome import DONE, USAGE, CommandError
from aiooauth1.cli.settings import note_imported, open_store, signed_in_at
from aiooauth1.credentials import AccessToken
from aiooauth1.stores.codec import encode_token
from aiooauth1.stores.protocols import put_access_tokens


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from aiooauth1.stores.sqlite import SQLiteStore


__all__ = ["export_tokens", "import_tokens"]

# With the names that other libraries use.
_NAMES = {"key": ("key", "oauth_token"), "secret": ("secret", "oauth_token_secret")}
_KNOWN = {"provider", "user", "params", "expires_at", *_NAMES["key"], *_NAMES["secret"]}
_MAX_COMPLAINTS = 20


def import_tokens(source: str, *, provider: str | None, store_file: str | None) -> Coroutine[Any, Any, int]:
    """Read all lines; return a coroutine that stores the tokens. If one line is bad, nothing is stored.

    Standard input is read here, outside the event loop, because Ctrl-C does not interrupt a read inside one.
    """
    return _store(_read(source, provider), store_file)


async def _store(found: dict[str, dict[str, AccessToken]], store_file: str | None) -> int:
    async with open_store(store_file) as store:
        for name, tokens in found.items():
            await put_access_tokens(store, name, tokens)
        await note_imported(store, found)
    count = sum(map(len, found.values()))
    print(f"Imported {_count(count, 'token')} for {_count(len(found), 'provider')}.", file=sys.stderr)
    return DONE


def _read(source: str, provider: str | None) -> dict[str, dict[str, AccessToken]]:
    """Return the tokens by provider and user; report each bad line on standard error."""
    try:
        text = sys.stdin.buffer.read() if source == "-" else Path(source).expanduser().read_bytes()
    except OSError as error:
        raise CommandError(f"{source} cannot be read: {error.strerror}", USAGE) from None
    found: dict[str, dict[str, AccessToken]] = {}
    complaints = []
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            name, user, token = _parsed(line, provider)
        except ValueError as error:
            complaints.append(f"line {number}: {error}")
            continue
        if user in found.setdefault(name, {}):
            complaints.append(f"line {number}: this user of this provider was on an earlier line")
        found[name][user] = token
    for complaint in complaints[:_MAX_COMPLAINTS]:
        print(complaint, file=sys.stderr)
    if complaints:
        raise CommandError(
            f"{_count(len(complaints), 'bad line')}: nothing was imported; correct the file and try again",
            USAGE,
        )
    return found


def _parsed(line: bytes, provider: str | None) -> tuple[str, str, AccessToken]:
    """Read a line. The message of a ValueError shows none of its values."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(given, dict):
        raise ValueError("not an object")  # noqa: TRY004  callers catch one error
    if unknown := sorted(given.keys() - _KNOWN):
        raise ValueError(f"unknown key {unknown[0][:40]!a}: {', '.join(sorted(_KNOWN))} are known")
    name = given.get("provider", provider)
    if name is None:
        raise ValueError('"provider" is missing: give --provider for lines without one')
    values = {what: _first(given, names) for what, names in _NAMES.items()}
    user = given.get("user")
    for what, value in {"provider": name, "user": user, **values}.items():
        if not isinstance(value, str) or not (value or what == "secret"):
            raise ValueError(f'"{what}" must be a string')
    params, expires_at = given.get("params", {}), given.get("expires_at")
    if not isinstance(params, dict) or not all(isinstance(each, str) for each in params.values()):
        raise ValueError('"params" must be an object of strings')
    if expires_at is not None and (isinstance(expires_at, bool) or not isinstance(expires_at, (int, float))):
        raise ValueError('"expires_at" must be a number of seconds since the epoch')
    token = AccessToken(values["key"], values["secret"], params=params, expires_at=expires_at)
    encode_token(token)  # raises ValueError for what a store cannot keep
    return name, str(user), token


def _first(given: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((given[name] for name in names if name in given), None)


async def export_tokens(output: str, *, providers: list[str], store_file: str | None) -> int:
    """Write the tokens of these providers, or of all providers in the store, one JSON object a line."""
    if output == "-" and sys.stdout.isatty():
        raise CommandError("secrets are not printed on a terminal: pass -o FILE, or pipe the output", USAGE)
    async with open_store(store_file) as store:
        names = providers or list(await signed_in_at(store))
        lines = [line for name in names async for line in _lines(store, name)]
    text = "".join(lines)
    if output == "-":
        sys.stdout.write(text)
    else:
        _write_private(output, text)
    print(f"Exported {_count(len(lines), 'token')} of {_count(len(names), 'provider')}.", file=sys.stderr)
    return DONE


async def _lines(store: SQLiteStore, provider: str) -> AsyncIterator[str]:
    async for user in store.users(provider):
        token = await store.get_access_token(provider, user)
        if token is not None:
            line: dict[str, object] = {
                "provider": provider,
                "user": user,
                "key": token.key,
                "secret": token.secret,
            }
            if token.params:
                line["params"] = dict(token.params)
            if token.expires_at is not None:
                line["expires_at"] = token.expires_at
            yield json.dumps(line) + "\n"


def _write_private(output: str, text: str) -> None:
    """Write a file that only its owner can read. It replaces an earlier one when it is complete."""
    path = Path(output).expanduser()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # before the earlier file goes
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
