"""Settings that commands share: providers by name, the consumer, the store, and who is signed in."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiooauth1 import providers
from aiooauth1.cli.outcome import USAGE, CommandError
from aiooauth1.credentials import AccessToken, Consumer
from aiooauth1.providers.provider import Provider
from aiooauth1.providers.rate_limit_rule import RateLimitRule
from aiooauth1.signing import methods
from aiooauth1.signing.rules import SigningRules
from aiooauth1.stores.encryption import Encryption
from aiooauth1.stores.protocols import put_access_tokens
from aiooauth1.stores.sqlite import SQLiteStore


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aiooauth1.signing.methods import SignatureMethod


__all__ = [
    "Account",
    "Known",
    "catalog",
    "find_provider",
    "forget_consumer",
    "known_providers",
    "note_imported",
    "open_store",
    "pick_provider",
    "pick_user",
    "read_consumer",
    "remember",
    "signed_in_at",
    "store_path",
]

CONFIG = "AIOOAUTH1_CONFIG"
STORE = "AIOOAUTH1_STORE"
STORE_KEY = "AIOOAUTH1_STORE_KEY"
CONSUMER_KEY = "AIOOAUTH1_CONSUMER_KEY"
CONSUMER_SECRET = "AIOOAUTH1_CONSUMER_SECRET"  # noqa: S105  a variable's name

# In place of a provider's name: the store keeps consumers under it, by the name of their provider.
_CONSUMERS = "aiooauth1 command line: consumers"
# The same for names of providers whose tokens were imported: a store lists users, but not providers.
_IMPORTED = "aiooauth1 command line: imported"
_MAX_LISTED = 10
_STORE_TIMEOUT = 20.0  # seconds: somebody who typed a command waits for a slow disk rather than fail
_METHODS = ("HMAC_SHA1", "HMAC_SHA256", "HMAC_SHA512", "PLAINTEXT")


@dataclass(frozen=True, slots=True)
class Known:
    """A provider with a consumer that has signed in there."""

    provider: Provider
    consumer: Consumer


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs a request. Without a user the consumer signs alone."""

    provider: Provider
    consumer: Consumer
    user: str | None


def catalog() -> Mapping[str, Provider | Callable[..., Provider]]:
    """Return the presets by name."""
    return providers.catalog()


def find_provider(name: str, config: str | None) -> Provider:
    """Return a provider of the configuration, or a preset such as `x` or `wordpress=https://blog.example`."""
    tables = _read_config(config)
    if name in tables:
        return _from_table(name, tables[name])
    return _preset(name, tables)


def _read_config(config: str | None) -> dict[str, Any]:
    """Read the given TOML file, or the user's own if that exists."""
    named = config or os.environ.get(CONFIG)
    path = Path(named) if named else _user_folder("config") / "providers.toml"
    if not named and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}", USAGE) from None


def _from_table(name: str, table: object) -> Provider:
    """Make a provider from a table whose keys are Provider's fields."""
    if not isinstance(table, dict):
        raise CommandError(f"[{name}] in the configuration must be a table", USAGE)
    if "preset" in table:
        return _of_preset(name, table)
    options = dict(table)
    known = {field.name for field in fields(Provider)}
    if unknown := sorted(options.keys() - known - {"private_key_file"}):
        raise CommandError(f"[{name}]: {unknown[0]!r} is not a field of Provider", USAGE)
    try:
        key_file = options.pop("private_key_file", "")
        if "signature_method" in options:
            options["signature_method"] = _method(options["signature_method"], key_file)
        if "rules" in options:
            options["rules"] = SigningRules(**options["rules"])
        if "rate_limits" in options:
            options["rate_limits"] = tuple(RateLimitRule(**rule) for rule in options["rate_limits"])
        if isinstance(options.get("sunset"), str):
            options["sunset"] = date.fromisoformat(options["sunset"])
        return Provider(**{"name": name, **options})
    except (OSError, TypeError, ValueError) as error:
        raise CommandError(f"[{name}]: {error}", USAGE) from None


def _of_preset(name: str, table: dict[str, Any]) -> Provider:
    """Make a provider from a preset's name, its arguments and, for some presets, a signature method."""
    found = catalog().get(table["preset"])
    arguments = table.get("arguments", [])
    if found is None or isinstance(found, Provider) or not isinstance(arguments, list):
        return _preset("=".join([str(table["preset"]), *map(str, arguments)]), {})
    try:
        given: dict[str, Any] = {"allow_http": table["allow_http"]} if "allow_http" in table else {}
        if "signature_method" in table:
            given["signature_method"] = _method(table["signature_method"], table.get("private_key_file", ""))
        return found(*arguments, **given)
    except (OSError, TypeError, ValueError) as error:
        raise CommandError(f"[{name}]: {error}", USAGE) from None


def _method(name: str, key_file: str) -> SignatureMethod:
    by_name: dict[str, SignatureMethod] = {
        method.name: method for method in (getattr(methods, each) for each in _METHODS)
    }
    if name in by_name:
        return by_name[name]
    from aiooauth1.signing import rsa  # noqa: PLC0415  it loads cryptography

    make = getattr(rsa, name.replace("-", "_"), None) if name.startswith("RSA-") else None
    if make is None:
        raise ValueError(f"signature_method {name!r} is unknown: use one of {', '.join(by_name)} or RSA-SHA1")
    if not key_file:
        raise ValueError(f"{name} needs private_key_file, the path of the PEM file")
    method: SignatureMethod = make(Path(key_file).expanduser().read_bytes())
    return method


def _preset(name: str, tables: Mapping[str, object]) -> Provider:
    preset, *arguments = re.split("[=:]", name, maxsplit=1)
    found = catalog().get(preset)
    if found is None:
        names = ", ".join(sorted(tables)) or "none"
        raise CommandError(
            f"provider {name!r} is unknown: `aiooauth1 providers` lists the presets; --config FILE"
            f" defines more (now: {names})",
            USAGE,
        )
    if isinstance(found, Provider):
        if arguments:
            raise CommandError(f"{preset} takes no argument: write {preset} alone", USAGE)
        return found
    try:
        return found(*arguments)
    except (TypeError, ValueError) as error:
        raise CommandError(f"{preset} needs a value: write {preset}=VALUE ({error})", USAGE) from None


def _user_folder(kind: str) -> Path:
    import platformdirs  # noqa: PLC0415  only where no path was given

    return Path(getattr(platformdirs, f"user_{kind}_path")("aiooauth1", appauthor=False))


def store_path(given: str | None) -> Path:
    """Return the path of the store: the given one, the environment's, or one in the user's data folder."""
    named = given or os.environ.get(STORE)
    return Path(named).expanduser() if named else _user_folder("data") / "tokens.sqlite"


def open_store(given: str | None) -> SQLiteStore:
    """Open the store, in a folder that only the user can read, encrypted if the environment has a key."""
    path = store_path(given)
    if not path.parent.exists():
        try:
            path.parent.mkdir(parents=True, mode=0o700)
            path.parent.chmod(0o700)
        except OSError as error:
            raise CommandError(
                f"the store's folder {path.parent} cannot be created ({error.strerror}): pass --store FILE",
                USAGE,
            ) from None
    key = os.environ.get(STORE_KEY) or _key_file()
    try:
        encryption = Encryption(*key.split()) if key else None
        return SQLiteStore(str(path), encryption=encryption, timeout=_STORE_TIMEOUT)
    except ValueError as error:
        raise CommandError(
            f"{STORE_KEY} is not a key: make one with `python -c 'from aiooauth1.stores.encryption import"
            f" Encryption; print(Encryption.generate_key())'` ({error})",
            USAGE,
        ) from None


def _key_file() -> str:
    name = os.environ.get(f"{STORE_KEY}_FILE")
    return Path(name).expanduser().read_text(encoding="ascii").strip() if name else ""


def read_consumer(provider: Provider, file: str | None, remembered: Consumer | None) -> Consumer:
    """Return the consumer from a file, the environment, the last sign-in, or a prompt."""
    if file is not None:
        return _consumer_in(file)
    if (consumer := _consumer_in_environment()) is not None:
        return consumer
    if remembered is not None:
        return remembered
    if not sys.stdin.isatty():
        raise CommandError(
            f"no consumer key for {provider.name}: set {CONSUMER_KEY} and {CONSUMER_SECRET}, or give"
            " --consumer-file FILE with the key on its first line and the secret on its second",
            USAGE,
        )
    import getpass  # noqa: PLC0415  only for terminals

    print(f"Consumer key at {provider.name}: ", end="", file=sys.stderr, flush=True)
    key = sys.stdin.readline().strip()
    return Consumer(key, getpass.getpass("Consumer secret (not shown): ", stream=sys.stderr).strip())


def _consumer_in(file: str) -> Consumer:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CommandError(f"--consumer-file: {error}", USAGE) from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != 2:  # noqa: PLR2004  key and secret
        raise CommandError(
            "--consumer-file must have two lines: write the consumer key, then its secret", USAGE
        )
    return Consumer(*lines)


async def remember(store: SQLiteStore, name: str, known: Known) -> None:
    """Store the consumer, and how the provider was found, for later commands."""
    told = {"found_as": name}
    if name not in catalog() and "=" not in name:
        told["table"] = json.dumps(_as_table(known.provider))
    token = AccessToken(known.consumer.key, known.consumer.secret, params=told)
    await store.put_access_token(_CONSUMERS, known.provider.name, token)


def _as_table(provider: Provider) -> dict[str, Any]:
    """Return the fields that differ from the default. Private keys stay in the configuration."""
    plain: dict[str, Any] = {}
    blank = Provider(provider.name)
    for field in fields(Provider):
        value = getattr(provider, field.name)
        if value == getattr(blank, field.name):
            continue
        if field.name == "signature_method":
            plain[field.name] = value.name
        elif field.name == "rules":
            plain[field.name] = {each.name: getattr(value, each.name) for each in fields(SigningRules)}
        elif field.name == "rate_limits":
            plain[field.name] = [
                {each.name: getattr(rule, each.name) for each in fields(rule)} for rule in value
            ]
        elif field.name == "sunset":
            plain[field.name] = value.isoformat()
        else:
            plain[field.name] = dict(value) if hasattr(value, "items") else value
    return plain


async def forget_consumer(store: SQLiteStore, provider: str) -> None:
    """Remove the consumer if no user is signed in there."""
    async for _ in store.users(provider):
        return
    await store.discard_access_token(_CONSUMERS, provider)
    await store.discard_access_token(_IMPORTED, provider)


async def note_imported(store: SQLiteStore, names: Iterable[str]) -> None:
    """Store the names of providers whose tokens were imported, for commands that list tokens."""
    await put_access_tokens(store, _IMPORTED, {name: AccessToken("imported", "") for name in names})


async def signed_in_at(store: SQLiteStore) -> dict[str, list[str]]:
    """Return the users who have tokens, by provider, both sorted by name."""
    names = {name for namespace in (_CONSUMERS, _IMPORTED) async for name in store.users(namespace)}
    found = {name: sorted([user async for user in store.users(name)]) for name in sorted(names)}
    return {name: users for name, users in found.items() if users}


async def known_providers(store: SQLiteStore, config: str | None) -> dict[str, Known]:
    """Return the providers with a stored consumer, by name."""
    found = {}
    async for name in store.users(_CONSUMERS):
        held = await store.get_access_token(_CONSUMERS, name)
        if held is None:
            continue
        try:
            provider = _remembered(name, held.params, config)
        except CommandError:  # its configuration, which has the private key, is gone
            continue
        found[provider.name] = Known(provider, Consumer(held.key, held.secret))
    return found


def _remembered(name: str, params: Mapping[str, str], config: str | None) -> Provider:
    """Return a provider as it is defined now, or else as it was at the last sign-in."""
    try:
        return find_provider(params.get("found_as", name), config)
    except CommandError:
        if "table" not in params:
            raise
    return _from_table(name, json.loads(params["table"]))


def pick_provider(
    known: Mapping[str, Known], name: str | None, *, url: str | None = None, config: str | None = None
) -> Known:
    """Return the provider with that name or of that URL, or the only one.

    A provider without a sign-in is accepted if the environment has its consumer, as for imported tokens.
    """
    if name is not None and name in known:
        return known[name]
    if name is not None and (consumer := _consumer_in_environment()) is not None:
        return Known(find_provider(name, config), consumer)
    if not known or name is not None:
        wanted = name or "PROVIDER"
        raise CommandError(
            f"not signed in at {name or 'any provider'}: run `aiooauth1 login {wanted}`, or for imported"
            f" tokens set {CONSUMER_KEY} and {CONSUMER_SECRET} and give -p",
            USAGE,
        )
    if url is not None and "://" in url:
        matching = [one for one in known.values() if _is_at(one.provider, url)]
        if len(matching) == 1:
            return matching[0]
    if len(known) == 1:
        return next(iter(known.values()))
    raise CommandError(f"there are several providers: name one of {', '.join(sorted(known))}", USAGE)


def _consumer_in_environment() -> Consumer | None:
    key, secret = os.environ.get(CONSUMER_KEY), os.environ.get(CONSUMER_SECRET)
    return Consumer(key, secret) if key and secret is not None else None


def _is_at(provider: Provider, url: str) -> bool:
    return any(origin and url.startswith(origin) for origin in (provider.base_url, *provider.origins))


async def pick_user(store: SQLiteStore, provider: str, user: str | None) -> str:
    """Return that user, or the only one signed in at the provider."""
    users = sorted([each async for each in store.users(provider)])
    if user is None and len(users) == 1:
        user = users[0]
    if user is None and users:
        listed = ", ".join(users[:_MAX_LISTED]) + (", …" if len(users) > _MAX_LISTED else "")
        raise CommandError(f"several users are signed in: pass --as with one of: {listed}", USAGE)
    if user is None or user not in users:
        who = "no user is signed in" if user is None else f"{user} is not signed in"
        raise CommandError(f"{who} at {provider}: run `aiooauth1 login {provider}`", USAGE)
    return user
