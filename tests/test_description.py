"""A provider as text: every preset comes back, and nothing else is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from aiooauth1 import Provider, providers
from aiooauth1.testing.description import describe, provider_from


PRESETS = {name: preset for name, preset in vars(providers).items() if isinstance(preset, Provider)}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_comes_back(name: str) -> None:
    provider = replace(PRESETS[name], sunset=date(2026, 1, 31))
    if provider.signature_method.name.startswith("RSA"):
        with pytest.raises(ValueError, match="verifies no RSA"):
            describe(provider)
    else:
        assert provider_from(describe(provider)) == provider


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "1",
        "null",
        "[]",
        "{}",
        '{"signature_method": "RSA-SHA1", "rules": {}, "sunset": null, "name": "a"}',
        '{"signature_method": "PLAINTEXT", "rules": [], "sunset": null, "name": "a"}',
        '{"signature_method": "PLAINTEXT", "rules": {}, "sunset": 7, "name": "a"}',
        '{"signature_method": "PLAINTEXT", "rules": {}, "sunset": null, "name": "a", "another": 1}',
    ],
)
def test_what_is_no_provider_is_a_value_error(text: str) -> None:
    """So that a command line that holds it is told to be wrong, without a traceback."""
    with pytest.raises(ValueError, match=r"no provider as describe|Expecting value"):
        provider_from(text)
