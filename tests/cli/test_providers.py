"""`aiooauth1 providers`, and how providers are found by name."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest

from aiooauth1.cli import settings
from aiooauth1.cli.outcome import CommandError
from aiooauth1.cli.providers import show_providers
from aiooauth1.cli.settings import find_provider
from aiooauth1.providers import Provider
from aiooauth1.signing import HMAC_SHA256, SigningRules


if TYPE_CHECKING:
    from pathlib import Path


X = Provider("x", base_url="https://x.example/2/", docs="https://x.example/docs", sunset=date(2031, 5, 1))


def blog(site: str, *, allow_http: bool = False) -> Provider:
    """A blog at its own site."""
    if not (site.startswith("https://") or allow_http):
        raise ValueError("site must begin with https://")
    return Provider(f"blog:{site}", base_url=f"{site}/", signature_method=HMAC_SHA256, allow_http=allow_http)


@pytest.fixture(autouse=True)
def presets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("aiooauth1.cli.providers.catalog", lambda: {"x": X, "blog": blog})
    monkeypatch.setattr(settings, "catalog", lambda: {"x": X, "blog": blog})
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def shown(capsys: pytest.CaptureFixture[str], name: str | None, *, as_json: bool = False) -> str:
    assert show_providers(name, config=None, as_json=as_json) == 0
    return capsys.readouterr().out


def test_the_catalog_says_how_to_name_each_preset_and_when_one_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    blog_line, x_line = shown(capsys, None).splitlines()
    assert blog_line.split(maxsplit=1) == ["blog=SITE", "A blog at its own site."]
    assert x_line.split(maxsplit=1) == ["x", "https://x.example/docs  ends 2031-05-01"]
    assert json.loads(shown(capsys, None, as_json=True))[0] == {"name": "blog", "call": "blog=SITE"}


def test_one_provider_is_shown_with_the_fields_that_it_sets(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(shown(capsys, "blog=https://b.example", as_json=True))
    assert told == {
        "name": "blog:https://b.example",
        "base_url": "https://b.example/",
        "signature_method": "HMAC-SHA256",
    }
    assert "  sunset: 2031-05-01" in shown(capsys, "x").replace('"', "")
    assert "See one: aiooauth1 providers blog=VALUE" in shown(capsys, "blog")


def test_a_table_of_the_configuration_is_a_provider(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[mine]\nbase_url = "https://m.example/"\nsignature_method = "HMAC-SHA256"\n'
        'rules = { send_version = false }\nsunset = "2031-05-01"\n'
        '[theirs]\npreset = "blog"\narguments = ["https://t.example"]\n'
        '[plain]\npreset = "blog"\narguments = ["http://t.example"]\nallow_http = true\n'
    )
    config = str(tmp_path / "mine.toml")
    assert find_provider("mine", config) == Provider(
        "mine",
        base_url="https://m.example/",
        signature_method=HMAC_SHA256,
        rules=SigningRules(send_version=False),
        sunset=date(2031, 5, 1),
    )
    assert find_provider("theirs", config) == find_provider("blog:https://t.example", None)
    assert find_provider("plain", config) == blog("http://t.example", allow_http=True)


@pytest.mark.parametrize(
    ("name", "table", "complaint"),
    [
        ("nowhere", "", "provider 'nowhere' is unknown"),
        ("x=1", "", "x takes no argument"),
        ("blog", "", "blog needs a value: write blog=VALUE"),
        ("blog=http://b.example", "", "site must begin with https://"),
        ("a", "[a]\nurl = 'x'", "'url' is not a field of Provider"),
        ("a", "[a]\nsignature_method = 'MD5'", "signature_method 'MD5' is unknown"),
        ("a", "[a]\nsignature_method = 'RSA-SHA1'", "RSA-SHA1 needs private_key_file"),
        ("a", "[a]\npreset = 'blog'\nsignature_method = 'RSA-SHA1'", "RSA-SHA1 needs private_key_file"),
        ("a", "a = 1", "must be a table"),
        ("a", "[a", "cannot be read"),
    ],
)
def test_a_wrong_name_or_table_is_an_error_that_says_what_to_do(
    name: str, table: str, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(table)
    with pytest.raises(CommandError) as caught:
        find_provider(name, str(tmp_path / "mine.toml"))
    assert complaint in str(caught.value)
    assert caught.value.status == 2
