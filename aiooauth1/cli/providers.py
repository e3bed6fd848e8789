"""`aiooauth1 providers`: lists the presets, or shows one of them."""

from __future__ import annotations

import inspect
import json
import textwrap
from dataclasses import fields
from typing import Any

from aiooauth1.cli.outcome import DONE
from aiooauth1.cli.settings import catalog, find_provider
from aiooauth1.providers.provider import Provider
from aiooauth1.providers.rate_limit_rule import RateLimitRule
from aiooauth1.signing.rules import SigningRules


__all__ = ["show_providers"]

_WIDTH = 80
_NAMES = 30
_FIRST = ("request_token_url", "authorize_url", "access_token_url", "base_url", "docs", "sunset")


def show_providers(name: str | None, *, config: str | None, as_json: bool) -> int:
    """Print all presets, a line each, or the fields that one of them sets."""
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
            print(f"{_call(each):<{_NAMES}}{_docs(preset)}{ends}")
    return DONE


def _call(name: str) -> str:
    """Return a preset's name on the command line: `x`, or `wordpress=SITE`."""
    preset = catalog()[name]
    return name if isinstance(preset, Provider) else f"{name}={_parameter(preset)}"


def _parameter(preset: object) -> str:
    if not callable(preset):
        return ""
    return next(iter(inspect.signature(preset).parameters), "").upper()


def _docs(preset: object) -> str:
    if isinstance(preset, Provider):
        return preset.docs
    sentence = (inspect.getdoc(preset) or "").partition("\n")[0].removeprefix("Return ")
    sentence = sentence[:1].upper() + sentence[1:]
    return textwrap.shorten(sentence, _WIDTH - _NAMES, placeholder=" …")


def _show_function(name: str, preset: object, *, as_json: bool) -> None:
    text = (inspect.getdoc(preset) or "").partition("\n>>>")[0].strip()
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
        for line in _lines(field.replace("_", " "), value):
            print(line)


def _lines(field: str, value: object) -> list[str]:
    """Return a field as one line, or with an indented line for each of its values."""
    if isinstance(value, dict):
        values = [f"{key.replace('_', ' ')}: {each}" for key, each in value.items()]
    elif isinstance(value, (list, tuple)):
        values = [_rule(each) if isinstance(each, RateLimitRule) else str(each) for each in value]
    else:
        return [f"  {field}: {'yes' if value is True else 'no' if value is False else value}"]
    wrapped = [
        textwrap.fill(each, _WIDTH, initial_indent="    ", subsequent_indent="      ", break_long_words=False)
        for each in values
    ]
    return [f"  {field}:", *wrapped]


def _rule(rule: RateLimitRule) -> str:
    what = " ".join([*rule.methods, rule.route]).strip()
    return f"{rule.limit:,} in {rule.window:,} s per {rule.per}{f', {what}' if what else ''}"


def _facts(provider: Provider) -> dict[str, Any]:
    """Return each field in which the provider differs from the default, which follows the RFC."""
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
