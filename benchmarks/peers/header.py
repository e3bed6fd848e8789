"""Reads an Authorization header, for the adapters whose peers return one."""

from __future__ import annotations

from urllib.parse import unquote


def read_header(header: str) -> list[tuple[str, str]]:
    """Return the parameters of an OAuth Authorization header, decoded."""
    fields = header.removeprefix("OAuth ").split(", ")
    pairs = [field.split("=", 1) for field in fields]
    return [(unquote(name), unquote(value.strip('"'))) for name, value in pairs]
