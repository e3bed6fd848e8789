"""Where the commands find the store and the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiooauth1.cli.settings import find_provider, store_path


if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a user whose environment names nothing."""
    for name, folder in (("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("AIOOAUTH1_STORE", "AIOOAUTH1_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_store_is_the_given_one_then_the_environments_then_in_the_data_folder(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store_path(None) == user / "data" / "aiooauth1" / "tokens.sqlite"
    monkeypatch.setenv("AIOOAUTH1_STORE", "named.sqlite")
    assert [store_path(None).name, store_path("given.sqlite").name] == ["named.sqlite", "given.sqlite"]


def test_the_configuration_is_the_given_one_then_the_environments_then_in_the_config_folder(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = user / "config" / "aiooauth1"
    folder.mkdir(parents=True)
    paths = {name: folder / f"{name}.toml" for name in ("providers", "named", "given")}
    for name, path in paths.items():
        path.write_text(f'[photos]\nbase_url = "https://{name}.example/"\n', encoding="utf-8")
    assert find_provider("photos", None).base_url == "https://providers.example/"
    monkeypatch.setenv("AIOOAUTH1_CONFIG", str(paths["named"]))
    assert find_provider("photos", None).base_url == "https://named.example/"
    assert find_provider("photos", str(paths["given"])).base_url == "https://given.example/"
