"""`aiooauth1 providers`: the catalog, and what is peculiar to one provider."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from typing import Any

from aiooauth1.cli.outcome import DONE
from aiooauth1.cli.settings import catalog, find_provider
from aiooauth1.providers.provider import Provider
from aiooauth1.signing.rules import SigningRules


__all__ = ["show_providers"]

_FIRST = ("request_token_url", "authorize_url", "access_token_url", "base_url", "docs", "sunset")


def show_providers(name: str | None, *, config: str | None, as_json: bool) -> int:
    """Show all presets, a line each, or one with everything that is peculiar to it."""
    if name is not None and (preset := catalog().get(name)) is not None and not isinstance(preset, Provider):
        _show_function(name, preset, as_json=as_json)
    elif name is not None:
        _show_one(find_provider(name, config), as_json=as_json)
    elif as_json:
        print(json.dumps([{"name": each, "call": _call(each)} for each in sorted(catalog())], indent=2))
    else:
        for each in sorted(catalog()):
            preset = catalog()[each]
            ends = f"  ends {preset.sunset}" if isinstance(preset, Provider) and preset.sunset else ""
            print(f"{_call(each):<32}{_docs(preset)}{ends}")
    return DONE


def _call(name: str) -> str:
    """Return how the command line names a preset: `x`, or `wordpress=SITE`."""
    preset = catalog()[name]
    return name if isinstance(preset, Provider) else f"{name}={_parameter(preset)}"


def _parameter(preset: object) -> str:
    if not callable(preset):
        return ""
    return next(iter(inspect.signature(preset).parameters), "").upper()


def _docs(preset: object) -> str:
    if isinstance(preset, Provider):
        return preset.docs
    return (inspect.getdoc(preset) or "").partition("\n")[0]


def _show_function(name: str, preset: object, *, as_json: bool) -> None:
    text = inspect.getdoc(preset) or ""
    if as_json:
        print(json.dumps({"name": name, "call": _call(name), "description": text}, indent=2))
    else:
        print(f"{_call(name)}\n\n{text}\n\nSee one: aiooauth1 providers {name}=VALUE")


def _show_one(provider: Provider, *, as_json: bool) -> None:
    facts = _facts(provider)
    if as_json:
        print(json.dumps({"name": provider.name, **facts}, indent=2, default=str))
        return
    print(provider.name)
    for field, value in facts.items():
        shown = value if isinstance(value, str) else json.dumps(value, default=str)
        print(f"  {field.replace('_', ' ')}: {shown}")


def _facts(provider: Provider) -> dict[str, Any]:
    """Return each field in which the provider differs from one that follows the RFC."""
    blank = Provider(provider.name)
    facts: dict[str, Any] = {}
    names = [
        field.name for field in fields(Provider) if field.name not in {"name", "signature_method", "rules"}
    ]
    for name in sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST)):
        value = getattr(provider, name)
        if value != getattr(blank, name):
            facts[name] = dict(value) if hasattr(value, "items") else value
    facts["signature_method"] = provider.signature_method.name
    standard = SigningRules()
    rules = {field.name: getattr(provider.rules, field.name) for field in fields(SigningRules)}
    facts |= {f"rule {name}": value for name, value in rules.items() if value != getattr(standard, name)}
    return facts
